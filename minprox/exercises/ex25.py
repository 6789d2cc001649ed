"""Exercise 25, how much a step grows on ẋ = κ x, and on a rotation."""

from __future__ import annotations

import numpy as np

from minprox.exercises.tasks import Exercise, Identity, Mistake, Task, relative
from minprox.exercises.variants import normal, varied


def growth(re, im):
    z = re + 1j * im
    return abs(1 + z), abs(1 / (1 - z)), abs((2 + z) / (2 - z))


def explicit_rotation(x, y, tau):
    return x + tau * y, y - tau * x


def implicit_rotation(x, y, tau):
    return (x + tau * y) / (1 + tau**2), (y - tau * x) / (1 + tau**2)


def places():
    rng = np.random.default_rng(39)
    return [
        {"re": scale * rng.standard_normal(n), "im": scale * rng.standard_normal(n)}
        for n, scale in ((7, 1.0), (5, 10.0), (1, 0.1))
    ]


def states():
    return normal(40, [{"x": (n,), "y": (n,)} for n in (4, 6, 1)], tau=(0.3, 2.0, 5.0))


def squared(re, im):
    """``|1 + z|²`` and ``|1 − z|²``, and both with z/2."""
    return [(1 + sign * part * re) ** 2 + (part * im) ** 2 for part in (1, 0.5) for sign in (1, -1)]


GROWTH = Task(
    "growth",
    growth,
    places,
    (
        Identity(
            "|1 + z|² = (1 + re)² + im²",
            "E2",
            lambda e, i, c, re, im: relative(e**2, squared(re, im)[0]),
            "an explicit step takes the slope at the old x",
        ),
        Identity(
            "|R|² ((1 − re)² + im²) = 1",
            "E4",
            lambda e, i, c, re, im: relative(i**2 * squared(re, im)[1], np.ones_like(re)),
            "an implicit step takes the slope at the new x: x⁺ = x + z x⁺",
        ),
        Identity(
            "|R|² |1 − z/2|² = |1 + z/2|²",
            "",
            lambda e, i, c, re, im: relative(c**2 * squared(re, im)[3], squared(re, im)[2]),
            "half a step explicit, half a step implicit",
        ),
    ),
    (
        Mistake("the sign: x⁺ = x + z x", lambda re, im: abs(1 - re - 1j * im)),
        Mistake("the imaginary part is missing", lambda re, im: abs(1 + re)),
        Mistake("this is the square", lambda re, im: squared(re, im)[0]),
        Mistake(
            "the sign: x⁺ = x + z x⁺, so that it is 1/(1 − z)", lambda re, im: 1 / abs(1 + re + 1j * im), 1
        ),
        Mistake("not divided: it is 1/(1 − z)", lambda re, im: abs(1 - re - 1j * im), 1),
        Mistake("this is |eᶻ|, the flow itself", lambda re, im: np.exp(re), 1),
        Mistake(
            "the halves are missing: z/2 in both places",
            lambda re, im: abs((1 + re + 1j * im) / (1 - re - 1j * im)),
            2,
        ),
        Mistake("upside down: the explicit half stands above", lambda re, im: 1 / growth(re, im)[2], 2),
        Mistake("this is |eᶻ|, the flow itself", lambda re, im: np.exp(re), 2),
    ),
    parts=("explicit", "implicit", "crank_nicolson"),
)


def known(step, other, words):
    """What can go wrong in either rotation, for both coordinates."""
    return tuple(
        mistake
        for part in (0, 1)
        for mistake in (
            Mistake("the sign: this turns the other way round", varied(step, part, tau=np.negative), part),
            Mistake(words, varied(other, part), part),
            Mistake("the step size τ is missing", varied(step, part, tau=1.0), part),
        )
    )


def half_new(x, y, tau):
    """A step in which y already sees the new x."""
    return x + tau * y, y - tau * (x + tau * y)


EXPLICIT = Task(
    "explicit_rotation",
    explicit_rotation,
    states,
    (
        Identity(
            "x⁺² + y⁺² = (1 + τ²)(x² + y²)",
            "E2",
            lambda u, v, x, y, tau: relative(u**2 + v**2, (1 + tau**2) * (x**2 + y**2)),
            "every explicit step leads outwards",
        ),
        Identity(
            "x⁺ x + y⁺ y = x² + y²",
            "E2",
            lambda u, v, x, y, tau: (
                relative(u * x + v * y, x**2 + y**2) + relative(u * y - v * x, tau * (x**2 + y**2))
            ),
            "the step is at right angles to where it begins",
        ),
    ),
    (
        Mistake(
            "y⁺ sees the new x⁺; expected the old x (this is the symplectic step)",
            lambda x, y, tau: half_new(x, y, tau)[1],
            1,
        ),
        *known(explicit_rotation, implicit_rotation, "this is the implicit step"),
    ),
    parts=("x_next", "y_next"),
)

IMPLICIT = Task(
    "implicit_rotation",
    implicit_rotation,
    states,
    (
        Identity(
            "x⁺ − τ y⁺ = x",
            "E4",
            lambda u, v, x, y, tau: relative(u - tau * v, x),
            "the slope of x is y, at the new point",
        ),
        Identity(
            "y⁺ + τ x⁺ = y",
            "E4",
            lambda u, v, x, y, tau: relative(v + tau * u, y),
            "the slope of y is −x, at the new point",
        ),
    ),
    (
        Mistake(
            "y⁺ sees the new x⁺ and x⁺ the old y (this is the symplectic step); expected both new",
            lambda x, y, tau: half_new(x, y, tau)[1],
            1,
        ),
        *known(implicit_rotation, explicit_rotation, "this is the explicit step"),
        Mistake("1 + τ² stands without its square: 1/(1 + τ²)", lambda x, y, tau: (x + tau * y) / (1 + tau)),
        Mistake(
            "the root: this keeps the radius; an implicit step shrinks it by √(1 + τ²)",
            lambda x, y, tau: (x + tau * y) / np.sqrt(1 + tau**2),
        ),
    ),
    parts=("x_next", "y_next"),
)

EXERCISE = Exercise("25", "stability regions, and a rotation", (GROWTH, EXPLICIT, IMPLICIT))
