r"""
Explicit and implicit steps on a stiff quadratic
================================================

Gradient descent follows the gradient flow :math:`\dot\theta = -\nabla f(\theta)` by
Euler steps, and inherits their weakness: on a stiff problem the steepest direction
dictates the step size for all the others. An implicit (or backward) Euler step has no
such limit. It costs a linear solve, and it turns out to be the minimiser of a small
problem of its own: a *proximal step*, which is what ProxProp takes in each layer.

You need: eigenvalues of symmetric matrices, and the idea of a step for an ordinary
differential equation.

**Exercise**: ``minprox exercise 01`` gives it out.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

plt.rcParams.update(
    {"figure.constrained_layout.use": True, "axes.grid": True, "grid.color": "0.88"}
)
plt.rcParams.update(
    {"axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
)
BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)

# %%
# The problem
# -----------
# Take the least-squares problem
#
# .. math:: f(\theta) = \tfrac12 \|A\theta - b\|^2, \qquad \nabla f(\theta) =
#           A^T(A\theta - b),
#
# with minimiser :math:`\theta^*`. The eigenvalues :math:`\lambda_1 \ge \dots \ge
# \lambda_n > 0` of :math:`A^TA` are the curvatures of :math:`f` along the eigenvectors.
# ``mp.datasets.ridge`` makes such a problem with the eigenvalues we ask for; here they
# run over four decades, from 1 down to 1/10000.

problem = mp.datasets.ridge(rows=30, cols=12, condition=1e4)
A, b, lam = problem.A, problem.b, problem.spectrum
print(problem, "eigenvalues", np.array2string(lam, precision=2))

assert np.allclose(np.linalg.eigvalsh(A.T @ A)[::-1], lam, rtol=1e-9)
assert np.linalg.norm(problem.gradient(problem.solution)) < 1e-12

# %%
# Along an eigenvector the flow :math:`\dot\theta = -\nabla f(\theta)` decays like
# :math:`e^{-\lambda_i t}`. So the fastest component is gone after a time
# :math:`1/\lambda_1 = 1` and the slowest is hardly touched before :math:`1/\lambda_n =
# 10^4`. A system with such different time scales is called *stiff*.
#
# Two ways to take a step
# -----------------------
# The explicit Euler step of length :math:`\tau` evaluates the gradient where we are. It
# is gradient descent:
#
# .. math:: \theta^{k+1} = \theta^k - \tau\,\nabla f(\theta^k). \qquad\text{(E2)}
#
# The implicit Euler step evaluates it where we shall be, :math:`\theta^{k+1} = \theta^k
# - \tau\,\nabla f(\theta^{k+1})`. For a quadratic this equation for
# :math:`\theta^{k+1}` is linear: :math:`(I + \tau A^TA)\,\theta^{k+1} = \theta^k + \tau
# A^Tb`.


def explicit_step(problem, theta, tau):
    return theta - tau * problem.gradient(theta)


def implicit_step(problem, theta, tau):
    A, b = problem.A, problem.b
    return np.linalg.solve(np.eye(len(theta)) + tau * A.T @ A, theta + tau * A.T @ b)


# %%
# The defining equation can be checked without knowing how the step was computed:

rng = np.random.default_rng(0)
theta = rng.standard_normal(problem.solution.shape)
for tau in (1e-2, 1.0, 1e3):
    after = implicit_step(problem, theta, tau)
    assert np.allclose(after, theta - tau * problem.gradient(after), rtol=0, atol=1e-9)

# %%
# The implicit step is a proximal step
# ------------------------------------
# The *proximal map* of :math:`f` with step :math:`\tau` is
#
# .. math:: \mathrm{prox}_{\tau f}(v) = \arg\min_u\; f(u) + \frac{1}{2\tau}\|u - v\|^2.
#           \qquad\text{(E4)}
#
# **Claim.** :math:`\theta^{k+1} = \mathrm{prox}_{\tau f}(\theta^k)` is the implicit
# Euler step.
#
# *Proof.* :math:`F(u) = f(u) + \frac{1}{2\tau}\|u - \theta^k\|^2` is strictly convex
# and grows at infinity, so it has exactly one minimiser: the point where its gradient
# :math:`\nabla f(u) + (u - \theta^k)/\tau` vanishes. That is :math:`u = \theta^k -
# \tau\nabla f(u)`. ∎
#
# For a quadratic we can say by how much any other point is worse. Around its minimiser
# :math:`u`, :math:`F(u + h) - F(u) = \frac12\|Ah\|^2 + \frac{1}{2\tau}\|h\|^2`: there
# is no linear term.

tau = 50.0


def objective(u):
    return problem.value(u) + np.sum((u - theta) ** 2) / (2 * tau)


u = implicit_step(problem, theta, tau)
for _ in range(100):
    h = rng.standard_normal(u.shape)
    growth = np.sum((A @ h) ** 2) / 2 + np.sum(h**2) / (2 * tau)
    assert np.isclose(objective(u + h) - objective(u), growth, rtol=1e-9)

# %%
# The first consequence: since :math:`F(u) \le F(\theta^k)`, the implicit step satisfies
# :math:`f(\theta^{k+1}) \le f(\theta^k) - \frac{1}{2\tau}\|\theta^{k+1} -
# \theta^k\|^2`. It goes downhill for *every* :math:`\tau > 0`.
#
# In minprox the step is the solver ``mp.Exact``, which takes the matrix as a linear
# map, the residual :math:`\delta = A\theta - b`, and returns :math:`d = (A^TA +
# I/\tau)^{-1}A^T\delta`, formula (E6). A layer of a network will be exactly such a
# quadratic: :math:`A` holds its inputs, :math:`\delta` its errors.

d = mp.Exact()(mp.DenseMap(A, bias=False), A @ theta - b, tau)
assert np.allclose(theta - d, implicit_step(problem, theta, tau), atol=1e-10)
assert problem.value(theta - d) <= problem.value(theta) - np.sum(d**2) / (2 * tau)

# %%
# What one step does to the error
# -------------------------------
# **Claim (P5).** Write the error :math:`e^k = \theta^k - \theta^*` in the eigenvectors
# of :math:`A^TA`. In each of them, an explicit step multiplies it by :math:`1 -
# \tau\lambda_i`, and an implicit one by
# :math:`1/(1 + \tau\lambda_i)`.
#
# *Proof.* Since :math:`\nabla f(\theta^*) = 0`, :math:`\nabla f(\theta) = A^TA\,(\theta
# - \theta^*)`. Explicit: :math:`e^{k+1} = (I - \tau A^TA)\,e^k`. Implicit: :math:`(I +
# \tau A^TA)\,e^{k+1} = e^k`. Both matrices are diagonal in the eigenvectors of
# :math:`A^TA`. ∎

values, V = np.linalg.eigh(A.T @ A)
before = V.T @ (theta - problem.solution)
for tau in (0.1, 1.0, 1.9, 30.0):
    by_explicit = V.T @ (explicit_step(problem, theta, tau) - problem.solution) / before
    by_implicit = V.T @ (implicit_step(problem, theta, tau) - problem.solution) / before
    assert np.allclose(
        by_explicit.ravel(), mp.theory.explicit_factor(values, tau), rtol=0, atol=1e-9
    )
    assert np.allclose(
        by_implicit.ravel(), mp.theory.implicit_factor(values, tau), rtol=0, atol=1e-9
    )

# %%
# Both factors are functions of the product :math:`\tau\lambda` alone. Explicit steps
# shrink the error only while :math:`|1 - \tau\lambda| < 1`, that is :math:`\tau\lambda
# < 2`. Implicit ones always do, and keep its sign. The flow itself has the factor
# :math:`e^{-\tau\lambda}`.

products = np.geomspace(1e-2, 1e2, 400)
figure, panel = plt.subplots(figsize=(8, 4.6))
panel.axhspan(1, 30, color="0.93", zorder=0)
panel.text(1.2e-2, 12, "the error grows", color="0.35", fontsize=11)
panel.loglog(
    products,
    np.abs(mp.theory.explicit_factor(products, 1.0)),
    color=ORANGE,
    lw=2,
    label=r"explicit: $|1 - \tau\lambda|$",
)
label = r"implicit: $1/(1 + \tau\lambda)$"
panel.loglog(
    products,
    mp.theory.implicit_factor(products, 1.0),
    color=BLUE,
    lw=2,
    ls="--",
    label=label,
)
panel.loglog(
    products,
    np.exp(-products),
    color="0.3",
    lw=1.4,
    ls=":",
    label=r"gradient flow: $e^{-\tau\lambda}$",
)
panel.axvline(2, color="0.3", lw=0.9)
panel.annotate(r"$\tau\lambda = 2$", (2, 1.4e-3), (2.2, 1.4e-3), fontsize=11)
panel.legend(loc="lower left", fontsize=11)
panel.set(
    ylim=(1e-3, 30),
    xlim=(1e-2, 1e2),
    xlabel=r"$\tau\lambda$",
    ylabel="factor of one step",
)
panel.set_title("What one step does to the error along an eigenvector")
plt.show()

# %%
# The step-size limit
# -------------------
# For all components to shrink, :math:`\tau\lambda_i < 2` must hold for each :math:`i`.
# So the explicit limit is
#
# .. math:: \tau < 2/\lambda_{\max}
#
# and the steepest direction decides it alone. Meanwhile the flattest one shrinks by
# :math:`1 - \tau\lambda_{\min}`, which is at best about :math:`1 - 2/\kappa` for the
# condition number :math:`\kappa`. That is the price of stiffness.

limit = mp.theory.largest_stable_step(lam)
assert np.isclose(limit, 2 / lam.max())


def error_after(step, tau, steps):
    """Return the norm of the error, in units of that at the start, or inf once it is
    past 1e12."""
    theta = np.zeros_like(problem.solution)
    start = np.linalg.norm(theta - problem.solution)
    for _ in range(steps):
        theta = step(problem, theta, tau)
        error = np.linalg.norm(theta - problem.solution) / start
        if error > 1e12:
            return np.inf
    return error


assert error_after(explicit_step, 0.99 * limit, 500) < 1
assert error_after(explicit_step, 1.05 * limit, 500) > 1e6
for tau in (limit, 100 * limit, 1e6 * limit):
    assert error_after(implicit_step, tau, 20) < 1

# %%
# The left panel below shows the error after 50 steps over :math:`\tau`. Below the limit
# the two methods are hardly to be told apart: the flat directions are what takes the
# time, and both move in them at the same pace. But at the limit the explicit curve
# leaves the picture, while the implicit one falls all the way down to rounding. The
# right panel shows two step sizes on either side of the limit, and a long implicit
# step.

taus = np.geomspace(1e-2, 1e6, 65)
explicit = np.array([error_after(explicit_step, tau, 50) for tau in taus])
implicit = np.array([error_after(implicit_step, tau, 50) for tau in taus])
assert (
    np.diff(implicit[implicit > 1e-10]) < 0
).all()  # longer is better, down to rounding
assert (explicit[taus > 2 * limit] > 1e12).all()

figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.8))
ring = {"color": ORANGE, "ms": 8, "mfc": "none", "lw": 1.2}
left.loglog(taus, np.minimum(explicit, 1e12), "o-", label="explicit", **ring)
left.loglog(taus, implicit, "s-", color=BLUE, ms=3.5, label="implicit")
left.axvline(limit, color="0.3", lw=0.9)
left.text(limit * 1.3, 1e-12, r"$2/\lambda_{\max}$", fontsize=12)
left.set(
    xlabel=r"step size $\tau$",
    ylabel="error after 50 steps",
    title="Over the step size",
    ylim=(1e-14, 1e5),
)
left.legend(loc="lower left")
steps = np.arange(1, 201, 8)
for step, share, colour, marker in (
    (explicit_step, 1.05, "black", "X"),
    (explicit_step, 0.95, ORANGE, "o"),
    (implicit_step, 1.05, GREEN, "^"),
    (implicit_step, 50, BLUE, "s"),
):
    errors = [error_after(step, share * limit, int(n)) for n in steps]
    name = "explicit" if step is explicit_step else "implicit"
    label = rf"{name}, $\tau = {share:g}\cdot 2/\lambda_{{\max}}$"
    right.semilogy(
        steps, errors, marker + "-", color=colour, ms=5, mfc="none", label=label
    )
right.set(xlabel="steps", ylabel="error", ylim=(1e-2, 1e5), title="Around the limit")
right.legend(loc="upper left")
plt.show()

# %%
# Pictures of the iterates
# ------------------------
# In two dimensions we can watch them. The level sets are ellipses whose axes are the
# eigenvectors, here with :math:`\lambda = 20` and :math:`\lambda = 1`. Each column has
# one :math:`\tau`, and both rows start at one point. As :math:`\tau\lambda_{\max}`
# passes 1, explicit steps begin to jump from wall to wall of the valley; at 2 they do
# so for ever; beyond, each jump is longer than the one before. The implicit steps of
# the same :math:`\tau` only become faster.

plane = mp.datasets.ridge(2, 2, eigenvalues=[20.0, 1.0], seed=3)
_, W = np.linalg.eigh(plane.A.T @ plane.A)
start = plane.solution + W @ np.array([[2.2], [0.55]])
grid = np.linspace(-2.9, 2.9, 121)
X, Y = np.meshgrid(grid, grid)
offsets = np.stack([X.ravel(), Y.ravel()])
heights = (np.sum((plane.A @ offsets) ** 2, axis=0) / 2).reshape(X.shape)


def iterates(step, tau, count):
    points = [start]
    for _ in range(count):
        points.append(step(plane, points[-1], tau))
    return np.hstack(points) - plane.solution


def draw(panel, step, product, count=12):
    path = iterates(step, product / plane.spectrum.max(), count)
    panel.contour(
        X, Y, heights, levels=np.geomspace(0.05, 60, 9), colors="0.8", linewidths=0.8
    )
    colour = ORANGE if step is explicit_step else BLUE
    panel.plot(*path, "o-", color=colour, ms=4, lw=1.4)
    panel.plot(*path[:, 0], "ko", ms=6)
    panel.plot(0, 0, "k*", ms=11)
    name = "explicit" if step is explicit_step else "implicit"
    panel.set_title(rf"{name}, $\tau\lambda_{{\max}} = {product:g}$", fontsize=11)
    panel.set(xlim=(-2.9, 2.9), ylim=(-2.9, 2.9), xticks=[], yticks=[], aspect="equal")
    panel.spines[:].set_visible(True)


figure, panels = plt.subplots(2, 4, figsize=(12, 6.4))
for row, step in zip(panels, (explicit_step, implicit_step), strict=True):
    for panel, product in zip(row, (0.5, 1.9, 2.1, 20), strict=True):
        draw(panel, step, product)
figure.supxlabel(
    "black dot: start, star: minimiser; 12 steps each", fontsize="medium", color="0.25"
)
plt.show()

# %%
# The numbers behind the pictures:

stiff = {}
for product in (0.5, 1.9, 2.1, 20):
    path = iterates(explicit_step, product / 20, 12)
    stiff[product] = abs(W[:, 1] @ path[:, -1]) / abs(W[:, 1] @ path[:, 0])
    print(
        f"τ λ_max = {product:4}: explicit, stiff component after 12 steps × "
        f"{stiff[product]:.3g}"
    )
assert stiff[1.9] < 1 < stiff[2.1]
assert np.isclose(stiff[20], 19.0**12, rtol=1e-9)  # |1 − 20| = 19, twelve times

# %%
# Run with ``--animate``, the script also writes ``implicit_euler.gif``: both methods
# side by side, with the step size growing from frame to frame.

if "--animate" in sys.argv:
    from matplotlib.animation import FuncAnimation

    film, pair = plt.subplots(1, 2, figsize=(8, 4.2))

    def frame(product):
        for panel, step in zip(pair, (explicit_step, implicit_step), strict=True):
            panel.clear()
            draw(panel, step, product)

    animation = FuncAnimation(
        film, frame, frames=np.round(np.geomspace(0.2, 20, 40), 2), interval=150
    )
    animation.save("implicit_euler.gif", writer="pillow")
    plt.close(film)

# %%
# A claim that must fail
# ----------------------
# A plausible wrong claim: "The implicit Euler step solves the flow, so its factor is
# :math:`e^{-\tau\lambda}`." For a small :math:`\tau` the two factors agree to
# :math:`\frac12(\tau\lambda)^2`, so that a test at a small step would let the claim
# pass. At :math:`\tau\lambda = 1` it is off by a third, and the identity refuses it.


def claim(tau):
    after = V.T @ (implicit_step(problem, theta, tau) - problem.solution)
    assert np.allclose(
        after.ravel(),
        (np.exp(-tau * values)[:, None] * before).ravel(),
        rtol=1e-4,
        atol=0,
    )


claim(tau=1e-3)  # too small a step to tell them apart
try:
    claim(tau=1.0)
except AssertionError:
    print("refused, as it must be: the implicit factor is 1/(1 + τλ), not exp(−τλ)")
else:
    raise RuntimeError("the wrong claim passed")

# %%
# What to take along
# ------------------
# - Stability is not accuracy: as an integrator of the flow the implicit step is of
#   first order too. For minimisation that is no loss, as we want the end of the path
#   and not the path.
# - A longer implicit step is a better step towards the minimiser, and a more expensive
#   solve if done iteratively: :math:`I + \tau A^TA` has the condition number
#   :math:`(1 + \tau\lambda_{\max})/(1 + \tau\lambda_{\min})`.
# - All this is exact for a quadratic. A network is none; but each of its layers, with
#   the others held fixed, meets a quadratic coupling, and it is there that ProxProp
#   takes the implicit step.
