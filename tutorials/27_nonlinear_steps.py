r"""
Nonlinear implicit steps
========================

ProxProp steps implicitly wherever the step is a *linear* solve, and leaves the last
layer, which faces the loss, explicit. Two things lie beyond: a proximal map that has no
closed form, and a layer that is itself the solution of an equation. For the first the
tool is Newton's method, for the second the implicit function theorem; in both the
linear systems inside are solved by the conjugate gradients that we have, and in both
there is a certificate: a number that tells whether the answer is one.

You need: proximal maps (E4), the implicit step (E6), and conjugate gradients (tutorial
7).

**Exercise**: ``minprox exercise 27`` gives it out.
"""

import functools

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp
from minprox.engine.solvers import NewtonCG

# sphinx_gallery_thumbnail_number = 2

IMPLICIT = mp.figures.look_of("proxprop")["color"]
EXPLICIT = mp.figures.look_of("backprop")["color"]
TEAL, BLACK, GREY = (mp.figures.COLOURS[k] for k in (8, 6, 11))
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True})
plt.rcParams.update({"grid.color": "0.9", "axes.axisbelow": True})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})

# %%
# The last layer under cross-entropy: Newton–CG
# ---------------------------------------------
# With everything before it fixed, the last layer solves a problem of its own, and its
# implicit step is
#
# .. math:: \theta^{k+1} = \operatorname*{argmin}_\theta \;
#           L_y(A\theta) + \frac{1}{2\tau_\theta}\|\theta - \theta^k\|^2,
#           \qquad\text{(E4)}
#
# logistic regression with a penalty. For the squared error this is a linear solve; for
# the cross-entropy it is not. But the problem is smooth and strongly convex. *Newton's
# method* linearises the optimality condition
#
# .. math:: A^T\nabla L_y(A\theta) + (\theta - \theta^k)/\tau_\theta = 0,
#
# solves :math:`(A^T\nabla^2 L_y A + I/\tau_\theta)\,p = -(\text{its left side})` by CG,
# which needs products with :math:`A`, :math:`A^T` and the tangent of the loss only, and
# repeats. The norm of the left side is the certificate: where it vanishes, the solution
# is found, and there is no other one.

data, loss = mp.datasets.digits(dtype="float64"), mp.CrossEntropy()
x, y = data.train.x[:200], data.train.y[:200]
net = mp.Sequential(
    mp.Linear(64, 40), mp.ReLU(), mp.Linear(40, 10), seed=0, dtype="float64"
)
tape = mp.forward(net, x)
theta = net.parameters[1].copy()


def block(d):
    """The loss after a step of the last layer."""
    net.parameters[1][...] = theta - d
    value = float(loss(mp.forward(net, x).output, y))
    net.parameters[1][...] = theta
    return value


taus = np.logspace(-2, 5, 15)
gradient = mp.backprop(net, tape, loss, y)[1]
after, iterations = {"explicit": [], "implicit": []}, []
for tau in taus:
    steps, reports = mp.proxprop(
        net, tape, loss, y, tau, last_layer="proximal", report=True
    )
    assert reports[1].residual < 1e-9  # the certificate
    net.parameters[1][...] = theta - steps[1]
    condition = mp.backprop(net, mp.forward(net, x), loss, y)[1] - steps[1] / tau
    net.parameters[1][...] = theta
    # the same, by hand
    assert np.linalg.norm(condition) < 1e-9 * np.linalg.norm(gradient)
    iterations.append(reports[1].iterations)
    after["explicit"].append(block(tau * gradient))
    after["implicit"].append(block(steps[1]))
assert (np.diff(after["implicit"]) < 0).all()  # longer steps go deeper,
assert max(after["implicit"]) < block(0)  # and all of them go down,
assert max(after["explicit"]) > 10 * block(0)  # which explicit ones do not
print(f"Newton's iterations: {iterations}")
assert max(iterations) < 20

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.1))
left.loglog(
    taus, after["explicit"], "s--", color=EXPLICIT, ms=5, label=r"explicit, $\tau$"
)
left.loglog(
    taus,
    after["implicit"],
    "o-",
    color=IMPLICIT,
    ms=5,
    label=r"implicit, $\tau_\theta$",
)
left.axhline(block(0), color=GREY, lw=1, label="no step")
left.set(xlabel="step size", ylabel="loss after one step of the last layer")
left.legend(frameon=False)
right.semilogx(taus, iterations, "o-", color=IMPLICIT, ms=5)
right.set(xlabel=r"$\tau_\theta$", ylabel="Newton's iterations", ylim=(0, None))
right.set_title("to a certificate of $10^{-10}$")
plt.show()

# %%
# *Left: one step on 200 digits, whole decades too long for the explicit one. Right: the
# cost, a handful of linear solves of the kind that (E6) is.*
#
# A certificate must see what is wrong. A step that is one per cent too long, or the
# solution for another :math:`\tau_\theta`, has a norm that is far from zero:

_, A, delta = next(iter(mp.errors(net, tape, loss, y)))
solver = NewtonCG(loss, y, tape.output, net.transfers[1])
d = solver(A, delta, 10.0)
for name, wrong in (
    ("too long", 1.01 * d),
    ("another step size", solver(A, delta, 11.0)),
):
    print(f"certificate: {solver.residual(A, delta, 10.0, d):.0e}, {name}: "
          f"{solver.residual(A, delta, 10.0, wrong):.0e}")  # fmt: skip
    assert (
        solver.residual(A, delta, 10.0, d)
        < 1e-10
        < 1e-3
        < solver.residual(A, delta, 10.0, wrong)
    )

# %%
# In training
# -----------
# ProxProp on the digits, batches of 100, :math:`\tau = 1` and no momentum. The hidden
# layer always steps implicitly, with :math:`\tau_\theta = 1`; what varies is the step
# size of the last layer, as an explicit step or as the proximal one.


def direction(net, tape, loss, y, last_layer, size):
    if last_layer == "proximal":
        return mp.proxprop(
            net, tape, loss, y, tau_theta=[1.0, size], last_layer="proximal"
        )
    *hidden, gradient = mp.proxprop(net, tape, loss, y, tau_theta=1.0)
    return [*hidden, size * gradient]


def trained(last_layer, size):
    net = mp.Sequential(mp.Linear(64, 40), mp.ReLU(), mp.Linear(40, 10), seed=0)
    chosen = functools.partial(direction, last_layer=last_layer, size=size)
    options = {"epochs": 3, "batch_size": 100, "progress": False}
    history = mp.train(
        net, mp.datasets.digits(), loss, mp.SGD(net, lr=1.0), chosen, **options
    )
    return history.train_loss[-1] if history.diverged_at is None else np.inf


sizes = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
ends = {
    last: np.array([trained(last, size) for size in sizes])
    for last in ("explicit", "proximal")
}
for last, found in ends.items():
    told = ", ".join(
        f"{size:g}: {value:.3g}" for size, value in zip(sizes, found, strict=True)
    )
    print(f"last layer {last:8}: {told}")
assert ends["explicit"][-2:].min() > 10  # thrown out
assert ends["proximal"][2:].max() < 0.3  # four decades of step sizes

figure, panel = plt.subplots(figsize=(6.5, 4))
for (last, found), colour, style in zip(
    ends.items(), (EXPLICIT, IMPLICIT), ("s--", "o-"), strict=True
):
    panel.loglog(
        sizes,
        np.where(found < 1e3, found, np.nan),
        style,
        color=colour,
        ms=6,
        label=last,
    )
outside = np.array(sizes)[~(ends["explicit"] < 1e3)]
panel.plot(
    outside, [600] * len(outside), "X", color=EXPLICIT, ms=9, mec="white", clip_on=False
)
panel.set(
    xlabel="step size of the last layer",
    ylabel="training loss after three epochs",
    ylim=(2e-3, 1e3),
)
panel.legend(frameon=False, title="last layer")
plt.show()

# %%
# *At a cross the loss is above the figure, or NaN.* With an infinite step the last
# layer would solve every batch for itself and forget the others; that costs a little at
# the right end, and is no divergence.
#
# %%
# A layer that is an equation
# ---------------------------
# A *deep equilibrium* layer (Bai, Kolter and Koltun, NeurIPS 2019) has no depth. Its
# output is the fixed point
#
# .. math:: z = \tanh(zW + xU + b),
#
# the limit of infinitely many layers with the same parameters, or an implicit Euler
# step of infinite length for :math:`\dot z = \tanh(zW + xU + b) - z`. If :math:`\|W\| <
# 1` iterating finds it.

rng = np.random.default_rng(0)
UNITS = 12


def fixed_point(theta, x, rounds=200):
    """Return z, and s = zW + xU + b; the rows of θ are those of W, of U, and b."""
    z = np.zeros((len(x), UNITS))
    for _ in range(rounds):
        s = mp.DenseMap(np.hstack([z, x]), bias=True) @ theta
        z, before = np.tanh(s), z
        if np.abs(z - before).max() < 1e-13:
            break
    return z, s


theta = rng.standard_normal((UNITS + 2 + 1, UNITS)) * 0.4
theta[:UNITS] *= 0.8 / np.linalg.norm(theta[:UNITS], 2)
points = mp.datasets.two_spirals(dtype="float64").train
x, y = points.x[:60], points.y[:60]
z, s = fixed_point(theta, x)
assert (
    np.abs(z - np.tanh(mp.DenseMap(np.hstack([z, x]), bias=True) @ theta)).max() < 1e-12
)

# %%
# How does an error pass such a layer? Going back through all the iterations would need
# to keep them. The implicit function theorem needs the fixed point only. An error
# :math:`\delta` at :math:`z` comes once directly, and again by way of :math:`z` itself:
#
# .. math:: u = \delta + (u \circ \sigma'(s))\,W^T, \qquad \tilde\delta = u \circ
#           \sigma'(s),
#
# a linear system, of the size of :math:`z`. So the equilibrium layer is an ordinary
# layer with the input :math:`[z, x, 1]` and a *filtered error* :math:`\tilde\delta`:
# its gradient is :math:`A^T\tilde\delta` as ever. As a linear map :math:`B: u \mapsto u
# - (u\circ\sigma')W^T` the system goes to our own CG, which for a large
# :math:`\tau_\theta` solves :math:`B^TB u = B^T\delta`.


class Around(mp.LinearMap):
    """B: u ↦ u − (u ∘ σ') Wᵀ, on vectors."""

    def __init__(self, W, slope):
        self.W, self.slope, self.dtype = W, slope, W.dtype
        self.shape = (slope.size, slope.size)

    def __matmul__(self, u):
        u = u.reshape(self.slope.shape)
        return (u - (u * self.slope) @ self.W.T).reshape(-1, 1)

    def adjoint(self, v):
        v = v.reshape(self.slope.shape)
        return (v - (v @ self.W) * self.slope).reshape(-1, 1)


def filtered(theta, s, delta, iterations=60):
    """Return the error at s, and the certificate of the linear solve."""
    slope = 1 - np.tanh(s) ** 2
    B = Around(theta[:UNITS], slope)
    u = mp.CG(iterations)(B, delta.reshape(-1, 1), tau_theta=1e14)
    left = np.linalg.norm(B @ u - delta.reshape(-1, 1)) / np.linalg.norm(delta)
    return u.reshape(delta.shape) * slope, left


head = mp.Sequential(mp.Linear(UNITS, 2), seed=1, dtype="float64")


def J(theta):
    return float(loss(mp.forward(head, fixed_point(theta, x)[0]).output, y))


def passes(theta, solve=filtered):
    """Return A, the error at s, the direction of the head, and the certificate."""
    z, s = fixed_point(theta, x)
    tape = mp.forward(head, z)
    (_, A, error), (_, _, delta) = mp.sweep(
        head, tape, loss.gradient(tape.output, y), to_input=True
    )
    inner, left = solve(theta, s, delta)
    return mp.DenseMap(np.hstack([z, x]), bias=True), inner, A.T @ error, left


A, error, _, left = passes(theta)
found = A.T @ error
print(f"certificate of the linear solve: {left:.0e}")
assert left < 1e-9


def slope_along(v, h=1e-5):
    return (J(theta + h * v) - J(theta - h * v)) / (2 * h)


for _ in range(5):  # against central differences of the whole fixed-point iteration
    v = rng.standard_normal(theta.shape)
    assert np.isclose(slope_along(v), np.sum(found * v), rtol=1e-6, atol=1e-9)

# %%
# A popular shortcut leaves out the solve and takes :math:`u = \delta`, as if :math:`z`
# on the right were a constant. It is a descent direction more often than not, and it is
# no gradient. The check must fail:


def without_solving(theta, s, delta):
    return delta * (1 - np.tanh(s) ** 2), np.nan


try:
    A, error, *_ = passes(theta, without_solving)
    shortcut = A.T @ error
    gap = abs(np.sum(shortcut * v) / slope_along(v) - 1)
    assert gap < 1e-6, f"{gap:.0%} off the slope along a direction"  # must fail
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict)
else:
    raise RuntimeError("the shortcut has passed the check of a gradient")

# %%
# And since it is an ordinary layer with :math:`A` and an error, it has an implicit
# step, too: (E6), with :math:`\tilde\delta`. It is a descent direction for every
# :math:`\tau_\theta` (P3). It is implicit in the coupling at the fixed point, and
# explicit in how the fixed point moves.

A, error, *_ = passes(theta)
for tau_theta in (1e-3, 1.0, 1e3):
    d = mp.Exact()(A, error, tau_theta)
    cosine = np.sum(d * found) / np.linalg.norm(d) / np.linalg.norm(found)
    print(
        f"tau_theta = {tau_theta:g}: {np.degrees(np.arccos(cosine)):.0f} degrees from "
        "the gradient"
    )
    assert cosine > 0


def train(step, tau, rounds=150):
    global head
    head = mp.Sequential(mp.Linear(UNITS, 2), seed=1, dtype="float64")
    now, losses, worst = theta.copy(), [], 0.0
    for _ in range(rounds):
        losses.append(J(now))
        A, error, gradient, left = passes(now)
        now = now - tau * step(A, error)
        # so that there is a fixed point
        now[:UNITS] *= min(1, 0.9 / np.linalg.norm(now[:UNITS], 2))
        head.parameters = [head.parameters[0] - gradient]
        worst = max(worst, left)
    assert worst < 1e-6  # the certificates of all steps
    return losses


runs = {
    "explicit, τ = 0.25": (train(lambda A, error: A.T @ error, 0.25), EXPLICIT, "--"),
    "implicit, τ = 3, τ_θ = 0.02": (
        train(lambda A, error: mp.Exact()(A, error, 0.02), 3.0),
        IMPLICIT,
        "-",
    ),
}
figure, panel = plt.subplots(figsize=(7, 4))
for name, (losses, colour, style) in runs.items():
    panel.semilogy(losses, style, color=colour, lw=2, label=name)
    print(f"{name}: {losses[0]:.3f} -> {losses[-1]:.3f}")
    assert min(losses[-10:]) < 0.6 * losses[0]
panel.set(
    xlabel="step", ylabel="training loss", title="an equilibrium layer on two spirals"
)
panel.legend(frameon=False)
plt.show()

# %%
# *Both train, the implicit step more calmly and not faster. What is stiff about an
# equilibrium layer is how the fixed point moves, and that it leaves explicit.*
#
# What to take along
# ------------------
# - An implicit step is an equation. Linear ones are (E6); for the others there is
#   Newton's method, whose every iteration is one like (E6).
# - Ask for a certificate: the norm of the optimality condition costs one product, and
#   cannot be fooled.
# - ``last_layer="proximal"`` works for every loss with a tangent, and removes the limit
#   that the explicit last layer sets.
# - The adjoint of a fixed point is a linear solve. Leaving it out is no gradient.
#
# Exercises
# ---------
# 1. Write the last layer's step by gradient descent on its block. How many steps does
#    it need where Newton needs five?
# 2. Why is the objective of the proximal step strongly convex although the
#    cross-entropy is not? What is the smallest eigenvalue of Newton's matrix?
# 3. Measure the number of CG iterations that :math:`B` needs as :math:`\|W\|` comes
#    near to 1.
# 4. Find the fixed point itself by Newton's method, with ``mp.CG`` for its systems.
#    When does that pay?
