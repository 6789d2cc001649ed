"""Exercise 10, a step of Adam, and the matrix of a convolution."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative, with_ones
from minprox.exercises.variants import varied


def adam_step(theta, m, v, g, k, tau, beta1, beta2, eps):
    return adam(theta, m, v, g, k, tau, beta1, beta2, eps)


def adam(theta, m, v, g, k, tau, beta1, beta2, eps, correct=True, root=False, sign=-1):
    """A step of Adam; the last three arguments are where it may go wrong."""
    m_next, v_next = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    m_hat = m_next / (1 - beta1**k) if correct else m_next
    v_hat = v_next / (1 - beta2**k) if correct else v_next
    scale = np.sqrt(v_hat + eps) if root else np.sqrt(v_hat) + eps
    return theta + sign * tau * m_hat / scale, m_next, v_next


def patch_matrix(a, width):
    places = a.shape[1] - width + 1
    return with_ones(np.stack([a[n, p : p + width] for n in range(len(a)) for p in range(places)]))


def moments():
    rng = np.random.default_rng(24)
    return [
        {name: rng.standard_normal((4, 2)) for name in ("theta", "m")}
        | {"v": rng.random((4, 2)), "g": rng.standard_normal((4, 2))}
        | {"k": k, "tau": tau, "beta1": beta1, "beta2": beta2, "eps": eps}
        for k, tau, beta1, beta2, eps in (
            (1, 0.1, 0.9, 0.99, 0.3),
            (2, 0.5, 0.5, 0.75, 0.1),
            (7, 2.0, 0.8, 0.9, 0.01),
        )
    ]


def signals():
    rng = np.random.default_rng(25)
    return [
        {"a": rng.standard_normal(shape), "width": width}
        for shape, width in (((3, 7), 3), ((1, 5), 5), ((2, 4), 1))
    ]


def adam_balance(new, m_next, v_next, theta, m, v, g, k, tau, beta1, beta2, eps):
    """How far ``(θ − θ⁺) (√v̂ + ε)`` is from ``τ m̂``."""
    _, m_right, v_right = adam_step(theta, m, v, g, k, tau, beta1, beta2, eps)
    scale = np.sqrt(v_right / (1 - beta2**k)) + eps
    return relative((theta - new) * scale, tau * m_right / (1 - beta1**k))


def correlation(A, a, width):
    """How far ``A θ`` is from sliding the kernel along every signal."""
    theta = np.random.default_rng(96).standard_normal(width + 1)
    slid = np.concatenate([np.correlate(row, theta[:-1], "valid") for row in a]) + theta[-1]
    return relative(A @ theta, slid)


ADAM = Task(
    "adam_step",
    adam_step,
    moments,
    (
        Identity(
            "(θ − θ⁺)(√v̂ + ε) = τ m̂, entry by entry",
            "",
            adam_balance,
            "both means are divided by 1 − βᵏ before the step",
        ),
        Identity(
            "m⁺ − g = β₁ (m − g)",
            "",
            lambda new, m_next, v_next, m, g, beta1, **_: relative(m_next - g, beta1 * (m - g)),
            "β₁ is the share of what was",
        ),
        Identity(
            "v⁺ − g² = β₂ (v − g²)",
            "",
            lambda new, m_next, v_next, v, g, beta2, **_: relative(v_next - g**2, beta2 * (v - g**2)),
            "β₂ is the share of what was",
        ),
    ),
    (
        Mistake(
            "the corrections 1/(1 − βᵏ) are missing: the first steps are too short or too long",
            varied(adam, 0, correct=False),
        ),
        Mistake("ε stands in the root: √(v̂ + ε); expected √v̂ + ε", varied(adam, 0, root=True)),
        Mistake("the sign: the step goes against the direction", varied(adam, 0, sign=1)),
        Mistake(
            "βᵏ: the first step is k = 1, here the next power is taken",
            lambda k, **p: adam_step(k=k + 1, **p)[0],
        ),
        Mistake(
            "the running mean v is missing: this is momentum alone",
            lambda theta, m, g, k, tau, beta1, **_: (
                theta - tau * (beta1 * m + (1 - beta1) * g) / (1 - beta1**k)
            ),
        ),
        Mistake(
            "the shares are exchanged: β₁ is that of what was",
            lambda m, g, beta1, **_: (1 - beta1) * m + beta1 * g,
            1,
        ),
        Mistake("g has the factor 1; expected 1 − β₁", lambda m, g, beta1, **_: beta1 * m + g, 1),
        Mistake(
            "this is m̂: the correction is for the step, the mean stays as it is",
            lambda k, beta1, **p: adam_step(k=k, beta1=beta1, **p)[1] / (1 - beta1**k),
            1,
        ),
        Mistake(
            "the square is missing: v is the mean of g²",
            lambda v, g, beta2, **_: beta2 * v + (1 - beta2) * g,
            2,
        ),
        Mistake(
            "the shares are exchanged: β₂ is that of what was",
            lambda v, g, beta2, **_: (1 - beta2) * v + beta2 * g**2,
            2,
        ),
        Mistake(
            "this is v̂: the correction is for the step, the mean stays as it is",
            lambda k, beta2, **p: adam_step(k=k, beta2=beta2, **p)[2] / (1 - beta2**k),
            2,
        ),
    ),
    parts=("theta_next", "m_next", "v_next"),
)

PATCHES = Task(
    "patch_matrix",
    patch_matrix,
    signals,
    (
        Identity(
            "A θ = the kernel slid along every signal, plus the bias",
            "E6",
            correlation,
            "a row for each signal and position: the patch there, and a one",
        ),
    ),
    (
        Mistake("the bias: the column of ones is missing", lambda a, width: patch_matrix(a, width)[:, :-1]),
        Mistake(
            "the bias: the column of ones stands first; expected last",
            lambda a, width: np.roll(patch_matrix(a, width), 1, axis=1),
        ),
        Mistake(
            "the patches are turned round: the first entry of a patch comes first",
            lambda a, width: with_ones(patch_matrix(a, width)[:, -2::-1]),
        ),
        Mistake(
            "the order of the rows: all positions of a signal, then the next signal",
            lambda a, width: np.concatenate(
                list(patch_matrix(a, width).reshape(len(a), -1, width + 1).swapaxes(0, 1))
            ),
        ),
        Mistake(
            "the last position is missing: there are length − width + 1",
            lambda a, width: patch_matrix(a[:, :-1], width),
        ),
    ),
)

EXERCISE = Exercise("10", "Adam, and convolutions as matrices", (ADAM, PATCHES))
