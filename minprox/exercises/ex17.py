"""Exercise 17, interlocking back-propagation: which loss a module learns from, and how long a step takes."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative, slope
from minprox.exercises.variants import chosen, normal, times, varied


def interlocked_gradients(gains, heads, x, y, horizon):
    return gradients(gains, heads, x, y, lambda i, K: within(i, K, horizon))


def head_gradients(gains, heads, x, y):
    h = outputs(gains, x)[1:-1]
    return np.array([(h_i * (a * h_i - y)).sum(axis=0) / len(x) for a, h_i in zip(heads, h, strict=True)])


def step_times(K, forward, error, direction):
    return forward + direction, K * forward + (K - 1) * error + direction


def outputs(gains, x):
    """``h_0 = x`` and every ``h_i = g_i ∘ h_{i−1}``; the gains may be complex."""
    h = [x]
    for gain in gains:
        h.append(gain * h[-1])
    return h


def predictions(gains, heads, x):
    """``a_i ∘ h_i`` behind each module, and ``h_K`` itself behind the last one."""
    *inner, last = outputs(gains, x)[1:]
    return [*(a * h for a, h in zip(heads, inner, strict=True)), last]


def losses(gains, heads, x, y):
    """``L_i = ‖prediction − y‖²/2N`` behind each module."""
    return [((p - y) ** 2).sum() / (2 * len(x)) for p in predictions(gains, heads, x)]


def gradients(gains, heads, x, y, seen, at=0, head=True, between=True):
    """Row i is the gradient of the losses ``seen(i, K)``, from 0; the other arguments are where it errs."""
    K, h = len(gains), outputs(gains, x)
    errors = [(p - y) / len(x) for p in predictions(gains, heads, x)]
    factors = [*(heads if head else np.ones_like(heads)), np.ones_like(gains[0])]
    through = [
        [np.prod(gains[i + 1 : j + 1], axis=0) if between else np.ones_like(gains[0]) for j in range(K)]
        for i in range(K)
    ]
    return np.array(
        [
            sum((h[i + at] * through[i][j] * factors[j] * errors[j]).sum(axis=0) for j in seen(i, K))
            for i in range(K)
        ]
    )


def within(i, K, horizon):
    """The loss that module i learns from (I1)."""
    return [min(i + horizon - 1, K - 1)]


def losing(seen=None, **options):
    """The gradients of (I1) with other losses, or with another slip."""

    def wrong(gains, heads, x, y, horizon):
        return gradients(gains, heads, x, y, lambda i, K: (seen or within)(i, K, horizon), **options)

    return wrong


def nets():
    shapes = ((6, 4, 3), (4, 4, 4), (1, 5, 2), (3, 3, 1))  # rows, modules, channels
    return normal(
        41,
        [{"gains": (K, c), "heads": (K - 1, c), "x": (n, c), "y": (n, c)} for n, K, c in shapes],
        horizon=(2, 1, 3, 2),
    )


def devices():
    return [
        {"K": K, "forward": forward, "error": error, "direction": direction}
        for K, forward, error, direction in ((5, 1.0, 1.5, 0.7), (3, 2.0, 0.4, 1.1), (8, 0.3, 0.2, 0.9))
    ]


def loss_behind(j, heads, x, y):
    """The loss behind module j as a function of the gains."""
    return lambda gains: losses(gains, heads, x, y)[j]


def off_slopes(found, gains, heads, x, y, horizon):
    """How far each row is from the derivative of its loss, along a random direction."""
    b, K = np.random.default_rng(95).standard_normal(gains.shape), len(gains)
    rows = []
    for i in range(K):
        along = b * (np.arange(K) == i)[:, None]
        rows.append(slope(loss_behind(within(i, K, horizon)[0], heads, x, y), gains, along))
    return relative((found * b).sum(axis=1), np.array(rows))


def probe(heads):
    """A fixed random change of the heads."""
    return np.random.default_rng(94).standard_normal(heads.shape)


def simulated(K, forward, error, direction, together):
    """The time between two mini-batches on K devices that wait for each other as they must.

    A device takes the next mini-batch once its module has stepped. Where modules learn ``together``, each
    hands an error down as soon as it has one, and takes its own step after that.
    """
    free, ends = [0.0] * K, []
    for _ in range(3):
        ready = 0.0
        for i in range(K):
            ready = free[i] = max(free[i], ready) + forward
            if not together:
                free[i] += direction
        for i in range(K - 1, -1, -1) if together else ():
            ready = free[i] = max(free[i], ready) + (error if i else 0.0)
            free[i] += direction
        ends.append(free[0])
    return ends[-1] - ends[-2]


GRADIENTS = Task(
    "interlocked_gradients",
    interlocked_gradients,
    nets,
    (
        Identity(
            "⟨row i, b⟩ = dL_{min(i+N−1, K)} for every change b of g_i",
            "I1",
            off_slopes,
            "one loss for each module, N − 1 modules further on, or the last one",
        ),
    ),
    (
        Mistake("every module learns from its own loss: this is N = 1", losing(lambda i, K, N: [i])),
        Mistake("every module learns from the last loss: this is N = K", losing(lambda i, K, N: [K - 1])),
        Mistake(
            "the losses up to the horizon are summed; expected the furthest one alone",
            losing(lambda i, K, N: range(i, min(i + N, K))),
        ),
        Mistake("one module too far: it is module i + N − 1", losing(lambda i, K, N: [min(i + N, K - 1)])),
        Mistake("the input of module i is h_{i−1}, found its output h_i", losing(at=1)),
        Mistake("the head's gain is missing: the error comes back through it, too", losing(head=False)),
        Mistake("the gains of the modules in between are missing", losing(between=False)),
        Mistake("the mean over the batch is missing", times(interlocked_gradients, lambda x, **_: len(x))),
    ),
)

HEADS = Task(
    "head_gradients",
    head_gradients,
    chosen(nets, "gains", "heads", "x", "y"),
    (
        Identity(
            "⟨answer, b⟩ = d(L₁ + … + L_{K−1}) for every change b of the heads",
            "I1",
            lambda g, gains, heads, x, y: relative(
                np.vdot(g, probe(heads)),
                slope(lambda a: sum(losses(gains, a, x, y)[:-1]), heads, probe(heads)),
            ),
            "no loss but its own knows a head",
        ),
    ),
    (
        Mistake("the mean over the batch is missing", times(head_gradients, lambda x, **_: len(x))),
        Mistake(
            "the input of head i is h_i, found h_{i−1}",
            lambda gains, heads, x, y: np.array(
                [
                    (h * (p - y)).sum(axis=0) / len(x)
                    for h, p in zip(outputs(gains, x), predictions(gains, heads, x)[:-1], strict=False)
                ]
            ),
        ),
        Mistake("y is missing: the error is a_i h_i − y", varied(head_gradients, y=lambda y: 0 * y)),
        Mistake(
            "the head's own gain stands before: that is the error at h_i",
            lambda gains, heads, x, y: np.array(
                [
                    (a * (p - y)).sum(axis=0) / len(x)
                    for a, p in zip(heads, predictions(gains, heads, x)[:-1], strict=True)
                ]
            ),
        ),
        Mistake("heads do learn, each from its own loss", lambda gains, heads, x, y: 0 * heads),
        Mistake(
            "the error is that behind the last module",
            lambda gains, heads, x, y: np.array(
                [(h * (outputs(gains, x)[-1] - y)).sum(axis=0) / len(x) for h in outputs(gains, x)[1:-1]]
            ),
        ),
    ),
)


TIMES = Task(
    "step_times",
    step_times,
    devices,
    (
        Identity(
            "it is the time between two mini-batches on simulated devices, N = 1",
            "I3",
            lambda local, all_, **p: relative(local, simulated(**p, together=False)),
            "who learns from its own loss waits for nobody above",
        ),
        Identity(
            "it is the time between two mini-batches on simulated devices, N = K",
            "I3",
            lambda local, all_, **p: relative(all_, simulated(**p, together=True)),
            "the first module waits for all above, up and down",
        ),
    ),
    (
        Mistake(
            "all modules are counted: on devices of their own they work side by side",
            lambda K, forward, error, direction: K * (forward + direction),
        ),
        Mistake(
            "an error is handed down: in local learning none is",
            lambda K, forward, error, direction: forward + error + direction,
        ),
        Mistake(
            "K errors are counted: the first module hands none down",
            lambda K, forward, error, direction: K * (forward + error) + direction,
            1,
        ),
        Mistake(
            "K directions are counted: those above are taken at the same time",
            lambda K, forward, error, direction: K * (forward + direction) + (K - 1) * error,
            1,
        ),
        Mistake(
            "the way up is missing: the errors begin at the last output",
            lambda K, forward, error, direction: forward + (K - 1) * error + direction,
            1,
        ),
    ),
    parts=("local", "end_to_end"),
)

EXERCISE = Exercise("17", "interlocking back-propagation", (GRADIENTS, HEADS, TIMES))
