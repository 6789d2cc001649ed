"""Exercise 21, learning to learn: the cell set by hand, messages, and evolution strategies."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, descends, relative
from minprox.exercises.variants import normal, times, varied


def forward_tick(w, b, x):
    return np.tanh(x) @ w + b.sum(axis=0)


def backward_tick(w, b, x, error, eta):
    a, down = np.tanh(x)[:, None], (w @ error) * (1 - np.tanh(x) ** 2)
    return w - eta * error * a, b - eta * error, down


def messages(h, W, bias):
    return (h @ W + bias).mean(axis=0)


def es_gradient(eps, plus, minus, sigma):
    return eps.T @ (plus - minus) / (2 * sigma**2 * len(eps))


def edges():
    shapes = ((5, 5), (7, 3), (2, 4), (1, 3))
    return normal(48, [{"w": (I, O), "b": (I, O), "x": (I,)} for I, O in shapes])


def ticks():
    rng = np.random.default_rng(49)
    return [
        p | {"error": rng.standard_normal(p["w"].shape[1]), "eta": eta}
        for p, eta in zip(edges(), (0.1, 2.0, 0.7, 0.3), strict=True)
    ]


def states():
    shapes = ((3, 4, 5, 2), (6, 2, 2, 2), (1, 5, 3, 4))
    return normal(50, [{"h": (I, O, H), "W": (H, M), "bias": (M,)} for I, O, H, M in shapes])


def searches():
    """Disturbances at right angles, as long as normal ones on the mean, and losses that are quadratics."""
    rng, problems = np.random.default_rng(51), []
    for n, sigma in ((4, 0.05), (6, 0.5), (2, 2.0)):
        eps = sigma * np.sqrt(n) * np.linalg.qr(rng.standard_normal((n, n)))[0]
        slope, B = rng.standard_normal(n), rng.standard_normal((n, n))
        bend = ((eps @ B) ** 2).sum(axis=1)
        problems.append({"eps": eps, "plus": eps @ slope + bend, "minus": bend - eps @ slope, "sigma": sigma})
    return problems


def below(w, error):
    """``⟨z, error⟩`` as a function of x, without the biases."""
    return lambda x: (np.tanh(x) @ w * error).sum()


FORWARD = Task(
    "forward_tick",
    forward_tick,
    edges,
    (
        Identity(
            "the answer is z of a dense layer with the weights w and the bias Σ_a b_ab, behind tanh",
            "V4",
            lambda z, w, b, x: relative(z, np.concatenate([np.tanh(x), np.ones(len(x))]) @ np.vstack([w, b])),
            "every edge says tanh(x_a) w_ab + b_ab, and an output hears the sum",
        ),
    ),
    (
        Mistake(
            "tanh is missing: an edge hears x, and passes on tanh(x)", lambda w, b, x: x @ w + b.sum(axis=0)
        ),
        Mistake("the biases are missing", lambda w, b, x: np.tanh(x) @ w),
        Mistake(
            "messages of this cell are summed, found the mean", lambda w, b, x: forward_tick(w, b, x) / len(x)
        ),
        Mistake(
            "the biases are averaged; expected their sum", lambda w, b, x: np.tanh(x) @ w + b.mean(axis=0)
        ),
        Mistake(
            "tanh comes last; expected before the weight", lambda w, b, x: np.tanh(x @ w + b.sum(axis=0))
        ),
        Mistake(
            "the sum runs over the outputs; expected over the inputs",
            lambda w, b, x: (np.tanh(x)[:, None] * w + b).sum(axis=1),
        ),
        Mistake(
            "one message for each edge; an output hears their sum",
            lambda w, b, x: np.tanh(x)[:, None] * w + b,
        ),
    ),
)

BACKWARD = Task(
    "backward_tick",
    backward_tick,
    ticks,
    (
        Identity(
            "w − w⁺ = η ∂⟨z, e⟩/∂w",
            "V4",
            lambda new, bias, down, w, b, x, error, eta: descends(
                w - new, lambda u: (np.tanh(x) @ u * error).sum(), w, eta
            ),
            "what came in, times the error of the output",
        ),
        Identity(
            "b − b⁺ = η ∂⟨z, e⟩/∂b",
            "V4",
            lambda new, bias, down, w, b, x, error, eta: descends(
                b - bias, lambda u: (u.sum(axis=0) * error).sum(), b, eta
            ),
            "every edge has a bias of its own, and each of them is in the sum",
        ),
        Identity(
            "⟨down, dx⟩ = d⟨z, e⟩ for every change of x, with the old w",
            "V4",
            lambda new, bias, down, w, b, x, error, eta: descends(down, below(w, error), x, 1.0),
            "the error goes back through the old weight and through tanh",
        ),
    ),
    (
        Mistake(
            "the sign: w grows with the error",
            lambda w, b, x, error, eta: w + eta * np.tanh(x)[:, None] * error,
        ),
        Mistake("η is missing", varied(backward_tick, 0, eta=1.0)),
        Mistake(
            "tanh is missing: the input of the weight is tanh(x)",
            lambda w, b, x, error, eta: w - eta * x[:, None] * error,
        ),
        Mistake(
            "1 − tanh² belongs to the message, not to the weight",
            lambda w, b, x, error, eta: w - eta * (1 - np.tanh(x) ** 2)[:, None] * error,
        ),
        Mistake("the sign: b grows with the error", varied(backward_tick, 1, eta=lambda eta: -eta), 1),
        Mistake("η is missing", varied(backward_tick, 1, eta=1.0), 1),
        Mistake(
            "the bias moves as the weight does; its input is 1",
            lambda w, b, x, error, eta: b - eta * np.tanh(x)[:, None] * error,
            1,
        ),
        Mistake(
            "the message goes down through the new weight; expected the old one",
            lambda w, b, x, error, eta: backward_tick(
                backward_tick(w, b, x, error, eta)[0], b, x, error, eta
            )[2],
            2,
        ),
        Mistake("1 − tanh² is missing", lambda w, b, x, error, eta: w @ error, 2),
        Mistake(
            "1 − tanh² is taken at tanh(x); expected at x",
            lambda w, b, x, error, eta: (w @ error) * (1 - np.tanh(np.tanh(x)) ** 2),
            2,
        ),
        Mistake(
            "this is the mean over the outputs; expected the sum",
            times(backward_tick, lambda error, **_: 1 / len(error), 2),
            2,
        ),
        Mistake("the weight is missing on the way down", varied(backward_tick, 2, w=np.ones_like), 2),
    ),
    parts=("w_next", "b_next", "down"),
)

MESSAGES = Task(
    "messages",
    messages,
    states,
    (
        Identity(
            "I · answer = Σ_a (h_ab W + bias), for every output b",
            "V2",
            lambda up, h, W, bias: relative(len(h) * up, np.einsum("abk,km->bm", h, W) + len(h) * bias),
            "one matrix for all edges, and the mean over the inputs",
        ),
    ),
    (
        Mistake(
            "this is the sum over the inputs; a mean fits layers of any width",
            times(messages, lambda h, **_: len(h)),
        ),
        Mistake("the bias is missing", varied(messages, bias=lambda bias: 0 * bias)),
        Mistake(
            "the bias is divided by the number of inputs: it stands within the mean",
            lambda h, W, bias: h.mean(axis=0) @ W + bias / len(h),
        ),
        Mistake(
            "the mean runs over the outputs; that is the message downwards",
            lambda h, W, bias: (h @ W + bias).mean(axis=1),
        ),
        Mistake("one message for each edge; an output hears their mean", lambda h, W, bias: h @ W + bias),
    ),
)

SEARCH = Task(
    "es_gradient",
    es_gradient,
    searches,
    (
        Identity(
            "ε_kᵀ answer = (L⁺_k − L⁻_k)/2 for ε_k at right angles and losses that are quadratics",
            "V7",
            lambda g, eps, plus, minus, sigma: relative(eps @ g, (plus - minus) / 2),
            "the difference of a pair tells the slope along ε_k; their mean has σ² I in it",
        ),
    ),
    (
        Mistake("σ² is missing below", times(es_gradient, lambda sigma, **_: sigma**2)),
        Mistake(
            "σ stands below without its square: ε itself has a factor σ",
            times(es_gradient, lambda sigma, **_: sigma),
        ),
        Mistake("½ is missing: L⁺ and L⁻ are 2ε apart", times(es_gradient, 2.0)),
        Mistake("the sum over the pairs; expected the mean", times(es_gradient, lambda eps, **_: len(eps))),
        Mistake(
            "one side alone: without L⁻ the bend of the loss stays in the estimate",
            lambda eps, plus, minus, sigma: eps.T @ plus / (sigma**2 * len(eps)),
        ),
        Mistake(
            "the losses are added; expected their difference", varied(es_gradient, minus=lambda minus: -minus)
        ),
        Mistake(
            "the sign of the difference alone is used",
            lambda eps, plus, minus, sigma: eps.T @ np.sign(plus - minus) / (2 * sigma**2 * len(eps)),
        ),
        Mistake(
            "ε and the difference are multiplied pair by pair; expected their mean over the pairs",
            lambda eps, plus, minus, sigma: eps * (plus - minus)[:, None] / (2 * sigma**2),
        ),
    ),
)

EXERCISE = Exercise("21", "learning to learn", (FORWARD, BACKWARD, MESSAGES, SEARCH))
