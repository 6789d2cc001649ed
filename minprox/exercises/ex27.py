"""Exercise 27, nonlinear implicit steps: Newton's method on a last layer, and a fixed point's adjoint."""

from __future__ import annotations

import numpy as np

from minprox.exercises.by_hand import log_likelihood, one_hot, softmax
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, along, descends, relative
from minprox.exercises.variants import chosen, inverse, varied


def condition(theta, theta_old, A, y, tau_theta):
    return gradient(theta, A, y) + (theta - theta_old) / tau_theta


def newton_product(theta, A, v, tau_theta):
    return curved(theta, A, v, tau_theta)


def proximal_step(theta_old, A, y, tau_theta):
    theta = theta_old
    for _ in range(12):
        theta = theta - newton_direction(theta, A, condition(theta, theta_old, A, y, tau_theta), tau_theta)
    return theta


def filtered_error(W, slope, delta):
    return np.stack([solved(W, s, d) for s, d in zip(slope, delta, strict=True)])


def solved(W, s, d):
    return s * np.linalg.solve(np.eye(len(W)) - W * s, d)


def gradient(theta, A, y):
    z = A @ theta
    return A.T @ (softmax(z) - one_hot(z, y)) / len(y)


def curved(theta, A, v, tau_theta, mixed=1.0, mean=True):
    """``Aᵀ∇²L(Av) + v/τ_θ``; the last two arguments are where it may go wrong."""
    p, u = softmax(A @ theta), A @ v
    bent = p * u - mixed * p * (p * u).sum(axis=1, keepdims=True)
    return A.T @ bent / (len(A) if mean else 1) + v / tau_theta


def newton_direction(theta, A, left, tau_theta):
    """Solve with the matrix of ``newton_product``, column by column of the identity."""
    basis = np.eye(theta.size).reshape(-1, *theta.shape)
    M = np.stack([curved(theta, A, e, tau_theta).ravel() for e in basis], axis=1)
    return np.linalg.solve(M, left.ravel()).reshape(theta.shape)


def first_newton_step(theta_old, A, y, tau_theta):
    return theta_old - newton_direction(theta_old, A, gradient(theta_old, A, y), tau_theta)


def regressions():
    rng, problems = np.random.default_rng(60), []
    for rows, n, classes, tau_theta in ((8, 3, 3, 2.0), (4, 4, 4, 0.7), (1, 4, 2, 0.5), (12, 2, 3, 5.0)):
        theta, old, v = rng.standard_normal((3, n, classes)) / 2
        problems.append(
            {"theta": theta, "theta_old": old, "A": rng.standard_normal((rows, n))}
            | {"y": rng.integers(0, classes, rows), "v": v, "tau_theta": tau_theta}
        )
    return problems


def equilibria():
    rng, problems = np.random.default_rng(61), []
    for rows, n in ((5, 4), (3, 3), (1, 6)):
        W = rng.standard_normal((n, n))
        slope = 1 - np.tanh(rng.standard_normal((rows, n))) ** 2
        problems.append(
            {"W": 0.8 * W / np.linalg.norm(W, 2), "slope": slope, "delta": rng.standard_normal((rows, n))}
        )
    return problems


def objective(theta, A, y):
    return -log_likelihood(A @ theta, y).mean()


def derived(theta, A, v):
    """The derivative of ``∇L(Aθ)`` along v."""
    return A.T @ along(softmax, (A @ theta, A @ v)) / len(A)


CONDITION = Task(
    "condition",
    condition,
    chosen(regressions, "theta", "theta_old", "A", "y", "tau_theta"),
    (
        Identity(
            "⟨answer − (θ − θ_old)/τ_θ, dθ⟩ = dL(Aθ) for every change of θ",
            "E4",
            lambda g, theta, theta_old, A, y, tau_theta: descends(
                g - (theta - theta_old) / tau_theta, lambda t: objective(t, A, y), theta, 1.0
            ),
            "the gradient of the cross-entropy at θ, and that of the proximal term",
        ),
    ),
    (
        Mistake("the proximal term is missing", lambda theta, A, y, **_: gradient(theta, A, y)),
        Mistake(
            "1/τ_θ: the proximal term is (θ − θ_old)/τ_θ, found τ_θ", varied(condition, tau_theta=inverse)
        ),
        Mistake(
            "the sign of the proximal term: it pulls back to θ_old",
            lambda theta, theta_old, A, y, tau_theta: gradient(theta, A, y) - (theta - theta_old) / tau_theta,
        ),
        Mistake(
            "the proximal term pulls to zero; expected to θ_old",
            varied(condition, theta_old=np.zeros_like),
        ),
        Mistake(
            "the mean over the batch is missing",
            lambda theta, theta_old, A, y, tau_theta: (
                len(y) * gradient(theta, A, y) + (theta - theta_old) / tau_theta
            ),
        ),
        Mistake(
            "the gradient is taken at θ_old (that is an explicit step); expected at θ",
            lambda theta, theta_old, A, y, tau_theta: (
                gradient(theta_old, A, y) + (theta - theta_old) / tau_theta
            ),
        ),
        Mistake(
            "½ is left in the proximal term: the derivative of a square has none",
            varied(condition, tau_theta=lambda tau: 2 * tau),
        ),
        Mistake(
            "the one-hot target is missing: p − t",
            lambda theta, theta_old, A, y, tau_theta: (
                A.T @ softmax(A @ theta) / len(y) + (theta - theta_old) / tau_theta
            ),
        ),
    ),
)

PRODUCT = Task(
    "newton_product",
    newton_product,
    chosen(regressions, "theta", "A", "v", "tau_theta"),
    (
        Identity(
            "the answer is the derivative of the condition along v",
            "E4",
            lambda d, theta, A, v, tau_theta: relative(d - v / tau_theta, derived(theta, A, v)),
            "of the softmax: dp = p (dz − Σ p dz), row by row",
        ),
    ),
    (
        Mistake("p (p·u) is missing: the rows of dp sum to zero", varied(curved, mixed=0.0)),
        Mistake("the mean over the batch is missing", varied(curved, mean=False)),
        Mistake("1/τ_θ: the shift is v/τ_θ, found τ_θ v", varied(newton_product, tau_theta=inverse)),
        Mistake("the shift v/τ_θ is missing", varied(newton_product, tau_theta=np.inf)),
        Mistake("the sign of p (p·u)", varied(curved, mixed=-1.0)),
        Mistake(
            "this is AᵀA v, the matrix of a squared error: ∇²L is missing",
            lambda theta, A, v, tau_theta: A.T @ (A @ v) / len(A) + v / tau_theta,
        ),
        Mistake(
            "the sum p·u runs over the samples; expected over the classes",
            lambda theta, A, v, tau_theta: over_samples(softmax(A @ theta), A, v) + v / tau_theta,
        ),
    ),
)


def over_samples(p, A, v):
    """The product with sums along the wrong axis."""
    u = A @ v
    return A.T @ (p * u - p * (p * u).sum(axis=0)) / len(A)


STEP = Task(
    "proximal_step",
    proximal_step,
    chosen(regressions, "theta_old", "A", "y", "tau_theta"),
    (
        Identity(
            "the condition vanishes: ∇L(Aθ⁺) = (θ_old − θ⁺)/τ_θ",
            "E4",
            lambda new, theta_old, A, y, tau_theta: relative(
                gradient(new, A, y), (theta_old - new) / tau_theta
            ),
            "repeat Newton's step until the condition is rounding",
        ),
    ),
    (
        Mistake("this is one step of Newton's method: repeat it", first_newton_step),
        Mistake(
            "this is the explicit step",
            lambda theta_old, A, y, tau_theta: theta_old - tau_theta * gradient(theta_old, A, y),
        ),
        Mistake("1/τ_θ: the proximal term is ‖θ − θ_old‖²/(2τ_θ)", varied(proximal_step, tau_theta=inverse)),
        Mistake(
            "the proximal term pulls to zero; expected to θ_old",
            varied(proximal_step, theta_old=np.zeros_like),
        ),
        Mistake("this is the step; expected the new θ", lambda **p: p["theta_old"] - proximal_step(**p)),
        Mistake("the sign: this goes uphill", lambda **p: 2 * p["theta_old"] - proximal_step(**p)),
    ),
)

FILTERED = Task(
    "filtered_error",
    filtered_error,
    equilibria,
    (
        Identity(
            "answer = (δ + answer · Wᵀ) ∘ σ′",
            "A1",
            lambda e, W, slope, delta: relative(e, (delta + e @ W.T) * slope),
            "u = δ + (u ∘ σ′) Wᵀ is a system for each row, and the answer is u ∘ σ′",
        ),
    ),
    (
        Mistake(
            "the solve is missing: this takes z on the right as a constant",
            lambda W, slope, delta: delta * slope,
        ),
        Mistake(
            "one round of the iteration; expected its limit, that is a linear solve",
            lambda W, slope, delta: (delta + (delta * slope) @ W.T) * slope,
        ),
        Mistake("W is not transposed: an error goes back", varied(filtered_error, W=np.transpose)),
        Mistake(
            "this is u; the error at s is u ∘ σ′",
            lambda W, slope, delta: filtered_error(W, slope, delta) / slope,
        ),
        Mistake("the sign of W in the system: u − (u ∘ σ′) Wᵀ = δ", varied(filtered_error, W=np.negative)),
        Mistake(
            "σ′ is missing in the system: u = δ + (u ∘ σ′) Wᵀ",
            lambda W, slope, delta: np.linalg.solve(np.eye(len(W)) - W, delta.T).T * slope,
        ),
        Mistake(
            "the slopes of the first row are used for all",
            lambda W, slope, delta: filtered_error(W, np.tile(slope[:1], (len(slope), 1)), delta),
        ),
    ),
)

EXERCISE = Exercise("27", "nonlinear implicit steps", (CONDITION, PRODUCT, STEP, FILTERED))
