"""Exercise 4, Algorithm 1 on the penalty energy of a net with two transfers and tanh."""

from __future__ import annotations

import numpy as np

from minprox.exercises.penalty import (
    energy,
    half_steps,
    halves,
    lifted,
    loss,
    moves,
    nets,
    objective,
    parameter_step,
    phi,
    sigma_prime,
    square,
    sweep,
    swept,
)
from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, descends, relative

ENERGY = Task(
    "energy",
    energy,
    lifted,
    (
        Identity(
            "E = L_y(φ(θ₂, a₁)) + γ/2 ‖σ(z₁) − a₁‖² + ρ/2 ‖φ(θ₁, x) − z₁‖²",
            "E3",
            lambda E, **p: relative(E, energy(**p)),
            "the loss has a mean over the batch, 1/(2N) ‖·‖²; the couplings have none",
        ),
    ),
    (
        Mistake(
            "the ½ is missing before the couplings",
            lambda **p: energy(**(p | {"gamma": 2 * p["gamma"], "rho": 2 * p["rho"]})),
        ),
        Mistake("γ and ρ are exchanged", lambda **p: energy(**(p | {"gamma": p["rho"], "rho": p["gamma"]}))),
        Mistake(
            "σ is missing: a₁ is tied to tanh(z₁)",
            lambda **p: (
                energy(**(p | {"z1": p["z1"], "gamma": 0})) + p["gamma"] / 2 * square(p["z1"] - p["a1"])
            ),
        ),
        Mistake(
            "the mean over the batch is missing in the loss",
            lambda **p: energy(**p) + (len(p["y"]) - 1) * loss(phi(p["theta2"], p["a1"]), p["y"]),
        ),
        Mistake(
            "the ½ is missing in the loss, 1/(2N) ‖·‖²",
            lambda **p: energy(**p) + loss(phi(p["theta2"], p["a1"]), p["y"]),
        ),
        Mistake(
            "a mean over the batch in the couplings, which have none",
            lambda **p: energy(**(p | {"gamma": p["gamma"] / len(p["y"]), "rho": p["rho"] / len(p["y"])})),
        ),
        Mistake("the loss is missing", lambda **p: energy(**p) - loss(phi(p["theta2"], p["a1"]), p["y"])),
        Mistake(
            "the loss is taken at σ(z₁), expected at the free variable a₁",
            lambda **p: (
                energy(**p)
                - loss(phi(p["theta2"], p["a1"]), p["y"])
                + loss(phi(p["theta2"], np.tanh(p["z1"])), p["y"])
            ),
        ),
        Mistake(
            "the couplings are missing: this is the loss", lambda **p: energy(**(p | {"gamma": 0, "rho": 0}))
        ),
    ),
)


def moved(step, slope=sigma_prime, weights=None, sign=-1):
    """``half_steps`` with another σ′, other weights or the other sign, for mistakes."""

    def wrong(theta, a_below, z, a_half, tau, gamma, rho):
        factor = {None: tau * gamma, "τ": gamma, "γ": tau, "ρ": tau * rho}[weights]
        return z + sign * factor * slope(z) * (np.tanh(z) - a_half)

    return Mistake(step, wrong)


def below(words, factor=lambda tau, gamma, rho: tau * rho, weight=lambda theta: theta[:-1].T):
    """The step in ``a_below`` with another factor or another adjoint, for mistakes."""

    def wrong(theta, a_below, z, a_half, tau, gamma, rho):
        residual = phi(theta, a_below) - half_steps(theta, a_below, z, a_half, tau, gamma, rho)[0]
        error = residual @ weight(theta)
        return a_below - factor(tau, gamma, rho) * error

    return Mistake(words, wrong, part=1)


HALVES = Task(
    "half_steps",
    half_steps,
    halves,
    (
        Identity(
            "z − z_half = τ ∇_z γ/2 ‖σ(z) − a_half‖²",
            "A1 b",
            lambda z_half, below, theta, a_below, z, a_half, tau, gamma, rho: descends(
                z - z_half, lambda v: gamma / 2 * square(np.tanh(v) - a_half), z, tau
            ),
            "z_half = z − τγ σ′(z)(σ(z) − a_half)",
        ),
        Identity(
            "a_below − a_below_half = τ ∇_a ρ/2 ‖φ(θ, a) − z_half‖² at the old a_below",
            "A1 b",
            lambda z_half, below, theta, a_below, z, a_half, tau, gamma, rho: descends(
                a_below - below, lambda v: rho / 2 * square(phi(theta, v) - z_half), a_below, tau
            ),
            "a_below_half = a_below − τρ (φ(θ, a_below) − z_half) Wᵀ, with θ without its bias row for W",
        ),
    ),
    (
        moved("the sign: z moves against the gradient", sign=1),
        moved("σ′ is missing", slope=np.ones_like),
        moved("σ′ is taken at a = σ(z), expected at z", slope=lambda z: sigma_prime(np.tanh(z))),
        moved("the step size τ is missing", weights="τ"),
        moved("the weight γ is missing", weights="γ"),
        moved("the weight ρ stands where γ belongs", weights="ρ"),
        Mistake(
            "σ is missing: the coupling is σ(z) − a_half",
            lambda theta, a_below, z, a_half, tau, gamma, rho: (
                z - tau * gamma * sigma_prime(z) * (z - a_half)
            ),
        ),
        below("the sign: a_below moves against the gradient", lambda tau, gamma, rho: -tau * rho),
        below("the step size τ is missing", lambda tau, gamma, rho: rho),
        below("the weight ρ is missing", lambda tau, gamma, rho: tau),
        below("the weight γ stands where ρ belongs", lambda tau, gamma, rho: tau * gamma),
        below("the weights are not transposed", weight=lambda theta: theta[:-1]),
    ),
    parts=("z_half", "a_below_half"),
)


def residual(p):
    return phi(p["theta"], p["a_below"]) - p["z_half"]


PARAMETERS = Task(
    "parameter_step",
    parameter_step,
    moves,
    (
        Identity(
            "θ − θ⁺ = τ ∇_θ ρ/2 ‖φ(θ, a_below) − z_half‖²",
            "A1 c",
            lambda new, theta, a_below, z_half, tau, rho: descends(
                theta - new, lambda v: rho / 2 * square(phi(v, a_below) - z_half), theta, tau
            ),
            "θ⁺ = θ − τρ Aᵀ(φ(θ, a_below) − z_half) with A = [a_below, 1]",
        ),
    ),
    (
        Mistake("the sign: θ moves against the gradient", lambda **p: 2 * p["theta"] - parameter_step(**p)),
        Mistake("the step size τ is missing", lambda **p: parameter_step(**(p | {"tau": 1}))),
        Mistake("the weight ρ is missing", lambda **p: parameter_step(**(p | {"rho": 1}))),
        Mistake(
            "the bias row does not move: A = [a_below, 1] has a column of ones",
            lambda **p: np.vstack([parameter_step(**p)[:-1], p["theta"][-1:]]),
        ),
        Mistake(
            "the bias row is missing: A = [a_below, 1] has a column of ones",
            lambda **p: parameter_step(**p)[:-1],
        ),
        Mistake(
            "divided by the batch size: the couplings have no mean",
            lambda **p: parameter_step(**(p | {"rho": p["rho"] / len(p["a_below"])})),
        ),
        Mistake(
            "this is the step alone: θ⁺ is θ minus it",
            lambda **p: p["theta"] - parameter_step(**p),
        ),
    ),
)


def from_sweep(words, part, **changes):
    """A sweep that goes wrong in one place."""

    def wrong(theta1, theta2, x, y, tau):
        slope = changes.get("slope", sigma_prime)(phi(theta1, x))
        share = len(y) if changes.get("sums") else 1.0
        return swept(theta1, theta2, x, y, tau, slope, share, changes.get("fresh", False))[part]

    return Mistake(words, wrong, part)


MEAN = "the mean over the batch is missing in the gradient of the loss, (φ(θ₂, a₁) − y)/N"
SWEEP = Task(
    "sweep",
    sweep,
    nets,
    (
        Identity(
            "θ₁ − θ₁⁺ = τ ∇_{θ₁} J, for γ = ρ = 1/τ",
            "P1",
            lambda new1, new2, theta1, theta2, x, y, tau: descends(
                theta1 - new1, lambda v: objective(v, theta2, x, y), theta1, tau
            ),
            "half_steps and parameter_step with γ = ρ = 1/τ, from the forward pass z₁ = φ(θ₁, x), a₁ = σ(z₁)",
        ),
        Identity(
            "θ₂ − θ₂⁺ = τ ∇_{θ₂} J",
            "P1",
            lambda new1, new2, theta1, theta2, x, y, tau: descends(
                theta2 - new2, lambda v: objective(theta1, v, x, y), theta2, tau
            ),
            "θ₂⁺ = θ₂ − τ Aᵀ(φ(θ₂, a₁) − y)/N with A = [a₁, 1], at the old a₁",
        ),
    ),
    (
        from_sweep(MEAN, 0, sums=True),
        from_sweep(MEAN, 1, sums=True),
        from_sweep("σ′ is missing on the way from a₁ to z₁", 0, slope=np.ones_like),
        from_sweep("σ′ is taken at a₁, expected at z₁", 0, slope=lambda z: sigma_prime(np.tanh(z))),
        from_sweep("the step in θ₂ is taken at the new a₁, expected at the old one", 1, fresh=True),
        *(
            Mistake(
                "the sign: θ moves against the gradient",
                lambda theta1, theta2, i=i, **p: 2 * (theta1, theta2)[i] - sweep(theta1, theta2, **p)[i],
                part=i,
            )
            for i in (0, 1)
        ),
    ),
    parts=("theta1_next", "theta2_next"),
)

EXERCISE = Exercise("04", "Algorithm 1 on the penalty energy", (ENERGY, HALVES, PARAMETERS, SWEEP))
