r"""
Stability regions
=================

For gradient descent on a quadratic all that counts are real, positive curvatures, and
explicit steps are stable up to :math:`2/\lambda`. Training is more than that: momentum
oscillates, two players turn around each other, and stiff directions ring. What all of
these ask of a step is drawn in one picture, which numerical analysis has had since
Dahlquist (1963): the *stability region* in the complex plane. We draw it for the
explicit Euler step, the implicit one, and the mean of both (Crank and Nicolson), lay
the eigenvalues of a real training step over it, and end with a game that no explicit
Euler step can play, however short.

You need: explicit and implicit Euler steps (tutorial 1); for the net, its Hessian
(tutorial 9).

**Exercise**: ``minprox exercise 25`` gives it out.
"""

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

# sphinx_gallery_thumbnail_number = 3

EXPLICIT = mp.figures.look_of("backprop")["color"]
IMPLICIT = mp.figures.look_of("proxprop")["color"]
BLACK, TEAL, OLIVE, INDIGO, GREY = (mp.figures.COLOURS[k] for k in (6, 8, 9, 10, 11))
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.axisbelow": True})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})

# %%
# One number
# ----------
# Near a point of rest every flow is linear, and along an eigenvector it is :math:`\dot
# e = \lambda e` with a number :math:`\lambda`, real or complex. A step of length
# :math:`\tau` multiplies :math:`e` by a function :math:`R` of the product :math:`z =
# \tau\lambda` alone:
#
# .. math:: R(z) = \underbrace{1 + z}_{\text{explicit}}, \qquad
#           R(z) = \underbrace{\frac{1}{1 - z}}_{\text{implicit}}, \qquad
#           R(z) = \underbrace{\frac{1 + z/2}{1 - z/2}}_{\text{Crank–Nicolson}}.
#
# The step is stable where :math:`|R(z)| \le 1`. For a quadratic :math:`\lambda` is
# minus a curvature, and these are the factors of (P5):

methods = {
    "explicit Euler": (lambda z: 1 + z, EXPLICIT),
    "implicit Euler": (lambda z: 1 / (1 - z), IMPLICIT),
    "Crank–Nicolson": (lambda z: (1 + z / 2) / (1 - z / 2), TEAL),
}
R = {name: function for name, (function, _) in methods.items()}
curvatures = np.array([0.1, 1.0, 30.0])
for tau in (0.05, 1.0):
    assert np.allclose(
        R["explicit Euler"](-tau * curvatures),
        mp.theory.explicit_factor(curvatures, tau),
    )
    assert np.allclose(
        R["implicit Euler"](-tau * curvatures),
        mp.theory.implicit_factor(curvatures, tau),
    )

# %%
# Two words that one meets. A step is **A-stable** if its region holds the whole left
# half plane, so that whatever decays in the flow decays in the steps, at any length. It
# is **L-stable** if moreover :math:`R(z) \to 0` for :math:`z \to -\infty`: what decays
# at once in the flow is gone after one step.

rng = np.random.default_rng(0)
left_half = -np.abs(rng.standard_cauchy(5000)) + 1j * rng.standard_cauchy(5000)
for name, function in R.items():
    a_stable = bool((np.abs(function(left_half)) <= 1).all())
    at_infinity = abs(function(-1e12))
    print(f"{name:15} A-stable: {a_stable!s:5}  |R(-∞)| = {at_infinity:.3g}")
    assert a_stable == (name != "explicit Euler")
    assert (at_infinity < 1e-9) == (name == "implicit Euler")

# %%
# The eigenvalues of a training step
# ----------------------------------
# Which numbers does training put in? Train a small net for a while, and take its
# Hessian there. For gradient flow :math:`\dot\theta = -\nabla J` the eigenvalues are
# those of :math:`-H`: real, most of them close to zero, few far to the left, and some
# positive, where the net leaves a ridge. With momentum, which is the flow
# :math:`\ddot\theta = -\gamma\dot\theta - \nabla J` with friction :math:`\gamma`, each
# curvature :math:`h` gives the two roots of :math:`\lambda^2 + \gamma\lambda + h = 0`:
# stiff directions oscillate.

data, loss = mp.datasets.digits(dtype="float64"), mp.CrossEntropy()
x, y = data.train.x[:200, 18:46:3], data.train.y[:200] % 3
net = mp.Sequential(
    mp.Linear(10, 8), mp.Tanh(), mp.Linear(8, 3), seed=0, dtype="float64"
)
for _ in range(300):
    steps = mp.backprop(net, mp.forward(net, x), loss, y)
    net.parameters = [
        theta - 0.5 * d for theta, d in zip(net.parameters, steps, strict=True)
    ]
n = mp.pack(net.parameters).size
H = mp.hessian_product(net, mp.forward(net, x), loss, y) @ np.eye(n)
h, vectors = np.linalg.eigh((H + H.T) / 2)
print(
    f"{n} curvatures from {h[0]:.3f} to {h[-1]:.2f}; {np.sum(h < -1e-6)} of them "
    "negative"
)
gamma = 0.5
roots = np.concatenate([np.roots([1, gamma, curvature]) for curvature in h])
assert np.sum(np.abs(roots.imag) > 0.1) > 10

# %%
# At which :math:`\tau`? Laid over the regions, the question is whether all eigenvalues
# that decay lie in the shaded area. (Those to the right of the axis grow in the flow
# itself, and are no fault of a step.)

tau = 2.6 / h[-1]
spectra = {
    r"gradient flow, $-\tau h$": (-tau * h + 0j, BLACK, "o"),
    r"momentum, $\gamma = 0.5$": (1.2 * roots, INDIGO, "^"),
}
real, imaginary = np.meshgrid(np.linspace(-4.2, 3.2, 300), np.linspace(-3, 3, 240))
plane = real + 1j * imaginary
figure, panels = plt.subplots(1, 3, figsize=(12, 4.1), sharey=True)
for panel, (name, (function, colour)) in zip(panels, methods.items(), strict=True):
    with np.errstate(divide="ignore"):
        size = np.abs(function(plane))
    panel.contourf(real, imaginary, size, levels=[0, 1], colors=[colour], alpha=0.22)
    panel.contour(real, imaginary, size, levels=[1], colors=[colour], linewidths=1.5)
    panel.axhline(0, color="0.75", lw=0.8)
    panel.axvline(0, color="0.75", lw=0.8)
    for label, (z, ink, marker) in spectra.items():
        panel.plot(z.real, z.imag, marker, color=ink, ms=5, mfc="none", label=label)
    panel.set(
        xlabel=r"Re $\tau\lambda$",
        title=name,
        aspect="equal",
        xlim=(-4.2, 3.2),
        ylim=(-3, 3),
    )
panels[0].set_ylabel(r"Im $\tau\lambda$")
panels[0].legend(frameon=False, loc="upper left", fontsize=8.5)
plt.show()

outside = {}
for name, function in R.items():
    for label, (z, *_) in spectra.items():
        decaying = z[z.real < -1e-9]
        outside[name, label] = int(np.sum(np.abs(function(decaying)) > 1 + 1e-12))
    print(
        f"{name:15} unstable: {[outside[name, label] for label in spectra]} eigenvalues"
    )
assert all(outside["explicit Euler", label] > 0 for label in spectra)
assert all(outside[name, label] == 0 for name in list(R)[1:] for label in spectra)

# %%
# *Shaded: where a step is stable. For this step size both spectra leave the disc of the
# explicit step. The two others take everything that decays.*
#
# Do these numbers hold in a real net? Two copies, a small distance apart along the
# stiffest eigenvector, take one step each. The implicit and the Crank–Nicolson step of
# the *whole* net are nonlinear equations for all layers at once (ProxProp solves one
# linear equation for each layer instead); Newton's method solves them.

start = mp.pack(net.parameters)


def gradient_at(theta):
    net.parameters = mp.unpack(theta, net)
    return mp.pack(mp.backprop(net, mp.forward(net, x), loss, y))


def hessian_at(theta):
    net.parameters = mp.unpack(theta, net)
    return mp.hessian_product(net, mp.forward(net, x), loss, y) @ np.eye(n)


def step(theta, tau, share):
    """θ' = θ − τ ((1 − share) ∇J(θ) + share ∇J(θ')), share = 0, 1, 1/2."""
    fixed = theta - tau * (1 - share) * gradient_at(theta)
    new = fixed - tau * share * gradient_at(theta)
    for _ in range(20 if share else 0):
        left = new - fixed + tau * share * gradient_at(new)
        if np.linalg.norm(left) < 1e-13:
            break
        new = new - np.linalg.solve(np.eye(n) + tau * share * hessian_at(new), left)
    return new


v, apart = vectors[:, -1], 1e-6
shares = {"explicit Euler": 0.0, "implicit Euler": 1.0, "Crank–Nicolson": 0.5}
for name, share in shares.items():
    # so short that the net, too, is nearly linear; then the length of above
    small = 0.02 / h[-1]
    for length, tolerance in ((small, 1e-3), (tau, 0.02)):
        ends = [step(start + side * apart * v, length, share) for side in (1, -1)]
        gap = v @ (ends[0] - ends[1]) / (2 * apart)
        predicted = R[name](-length * h[-1])
        print(
            f"{name:15} τh = {length * h[-1]:4.2f}: gap {gap:7.4f}, predicted "
            f"{predicted:7.4f}"
        )
        assert abs(gap - predicted) < tolerance

# %%
# Ringing
# -------
# Crank–Nicolson is exact to second order and A-stable; why then does nobody train with
# it? It is not L-stable: :math:`R \to -1`. The stiffest directions, which should be
# gone at once, turn their sign at every step and hardly get smaller.

lam, tau_long, k = 200.0, 1.0, np.arange(13)
courses = {
    name: function(-tau_long * lam + 0j).real ** k for name, function in R.items()
}
figure, panel = plt.subplots(figsize=(7, 3.6))
for name in ("implicit Euler", "Crank–Nicolson"):
    panel.plot(k, courses[name], "o-", color=methods[name][1], ms=4.5, label=name)
panel.axhline(0, color="0.75", lw=0.8)
panel.set(xlabel="step", ylabel=r"error along a stiff direction, $\tau\lambda = -200$")
panel.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
plt.show()
assert abs(courses["implicit Euler"][2]) < 1e-4
assert abs(courses["Crank–Nicolson"][12]) > 0.7

# %%
# A game
# ------
# Two players hold a number each. One wants :math:`xy` small and moves :math:`x`, the
# other wants it large and moves :math:`y`. Each follows its gradient:
#
# .. math:: \dot x = -y, \qquad \dot y = x,
#
# a rotation, with the eigenvalues :math:`\pm i`. In the flow they circle around the
# equilibrium at 0. The imaginary axis touches the disc of the explicit step in one
# point only: the explicit step grows by :math:`\sqrt{1 + \tau^2}` for *every*
# :math:`\tau`; the implicit one shrinks by it; Crank–Nicolson keeps the radius exactly.
# Both implicit steps are linear solves of size two here.

game = np.array([[0.0, -1.0], [1.0, 0.0]])
one = np.eye(2)


def matrix(name, tau):
    """The matrix of one step of the game."""
    return {
        "explicit Euler": one + tau * game,
        "implicit Euler": np.linalg.inv(one - tau * game),
        "Crank–Nicolson": np.linalg.inv(one - tau / 2 * game) @ (one + tau / 2 * game),
    }[name]


for tau_game in (1e-3, 0.1, 1.0, 10.0):
    growth = {name: np.linalg.norm(matrix(name, tau_game), 2) for name in methods}
    assert np.isclose(growth["explicit Euler"], np.sqrt(1 + tau_game**2))
    assert np.isclose(growth["implicit Euler"], 1 / np.sqrt(1 + tau_game**2))
    assert np.isclose(growth["Crank–Nicolson"], 1)

figure, panel = plt.subplots(figsize=(5.6, 5.2))
for name, (_, colour) in methods.items():
    path = [np.array([1.0, 0.0])]
    for _ in range(26):
        path.append(matrix(name, 0.25) @ path[-1])
    panel.plot(*np.array(path).T, "o-", color=colour, ms=3.5, label=name)
panel.plot(0, 0, "+", color=BLACK, ms=12)
panel.set(xlabel="x", ylabel="y", aspect="equal", xlim=(-1.8, 2.6), ylim=(-2, 2.4))
panel.legend(
    frameon=False, loc="upper right", fontsize=9, title=r"two players, $\tau = 0.25$"
)
plt.show()

# %%
# Does a shorter step help? Does momentum? Both help gradient descent on a quadratic.
# The claim must fail:

try:
    for tau_game in (1e-1, 1e-2, 1e-3):
        assert np.linalg.norm(matrix("explicit Euler", tau_game), 2) <= 1, (
            f"grows at τ = {tau_game:g}"
        )
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict)
else:
    raise RuntimeError("an explicit step has played the game")

for mu in (0.0, 0.5, 0.9):  # v ← μ v + F(x); x ← x + τ v
    for tau_game in (1e-3, 1e-2, 0.1, 1.0):
        whole = np.block(
            [[one + tau_game * game, tau_game * mu * one], [game, mu * one]]
        )
        assert np.abs(np.linalg.eigvals(whole)).max() > 1

# %%
# What does help while nothing is solved is to *look ahead*: evaluate the gradient where
# an explicit step would lead, and take that one (the extragradient method, Korpelevich
# 1976). With :math:`R = 1 + z + z^2` it is one round of a fixed-point iteration for the
# implicit step, and stable for :math:`\tau < 1`:

for tau_game, stable in ((0.1, True), (0.9, True), (1.1, False)):
    assert (abs(1 + 1j * tau_game + (1j * tau_game) ** 2) < 1) == stable

# %%
# What to take along
# ------------------
# - One function :math:`R(\tau\lambda)` for each kind of step; stable where :math:`|R|
#   \le 1`.
# - Explicit Euler: a disc. Implicit Euler: all but a disc, and :math:`R(-\infty) = 0`.
#   Crank–Nicolson: the half plane, but stiff directions ring.
# - Training has complex eigenvalues as soon as there is momentum or an opponent.
# - In a rotation every explicit Euler step spirals out. Training a generator against a
#   critic is such a game.
#
# Exercises
# ---------
# 1. Draw the region of the classical Runge–Kutta step. Can an explicit step have a
#    region that holds the left half plane?
# 2. ProxProp solves layer by layer and not the whole net. Put the eigenvalues of
#    :math:`-M^{-1}H` (``mp.theory.root``) into the first figure.
# 3. Add friction to the game, :math:`\dot x = -y - \varepsilon x`, and likewise for
#    :math:`y`. Up to which
#    :math:`\tau` is the explicit step stable now?
# 4. The implicit step *damps* the rotation, which the flow does not. When is that a
#    virtue, and when not?
