r"""
Proximal maps
=============

A proximal map trades two wishes against each other: make a function small, and stay
close to where you are. This tutorial computes three of them (a quadratic, the
:math:`\ell_1` norm, a box), checks their optimality conditions, and shows the four
facts that one uses again and again: a proximal step is an implicit gradient step on
:math:`f`, it is an explicit gradient step on a smoothed :math:`f`, it splits every
vector into two parts (Moreau's identity), and it never moves two points further apart.

You need: convex functions, and the subdifferential of :math:`|u|` at 0, the interval
:math:`[-1, 1]`.

**Exercise**: ``minprox exercise 02`` gives it out.
"""

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
rng = np.random.default_rng(0)

# %%
# Definition and three closed forms
# ---------------------------------
# For a convex function :math:`f`, which may take the value :math:`+\infty`, and a step
# :math:`\tau > 0`,
#
# .. math:: \mathrm{prox}_{\tau f}(v) = \arg\min_u\; f(u) + \frac{1}{2\tau}\|u - v\|^2.
#           \qquad\text{(E4)}
#
# The quadratic makes the objective strongly convex, so there is exactly one minimiser
# :math:`u`, and it is characterised by
#
# .. math:: \frac{v - u}{\tau} \in \partial f(u).
#
# **A quadratic**, :math:`f(u) = \frac12\|Au - b\|^2`: the condition is :math:`v - u =
# \tau A^T(Au - b)`, a linear system. minprox solves it with ``mp.Exact``, which returns
# the step :math:`d = v - u` from the residual :math:`\delta = Av - b` at the old point,
# by formula (E6).
#
# **The ℓ1 norm**, :math:`f(u) = \|u\|_1`: the condition holds component by component.
# If :math:`u > 0` it reads :math:`v - u = \tau`, if :math:`u < 0` it reads :math:`v - u
# = -\tau`, and :math:`u = 0` takes all
# :math:`|v| \le \tau`. This is *soft thresholding*.
#
# **A box**: :math:`f = 0` on :math:`[-1, 1]^n` and :math:`+\infty` elsewhere. The
# minimiser is the nearest point of the box, whatever :math:`\tau`. So proximal maps
# generalise projections.

A, b = rng.standard_normal((4, 3)), rng.standard_normal((4, 1))


def prox_quadratic(v, tau):
    return v - mp.Exact()(mp.DenseMap(A, bias=False), A @ v - b, tau)


def prox_l1(v, tau):
    return np.sign(v) * np.maximum(np.abs(v) - tau, 0)


def prox_box(v, tau):
    return np.clip(v, -1, 1)


# %%
# In one dimension we can look at them. The quadratic map shrinks everything by one
# factor; soft thresholding takes the same amount from everything; the projection leaves
# alone what is inside.

v = np.linspace(-3, 3, 401)
tau = 0.8
graphs = {
    r"$f(u) = \frac{1}{2}\,\lambda u^2,\ \lambda = 2$": v / (1 + tau * 2.0),
    r"$f(u) = |u|$": prox_l1(v, tau),
    r"$f$ = indicator of $[-1, 1]$": prox_box(v, tau),
}
figure, panels = plt.subplots(1, 3, figsize=(12, 4.2), sharey=True)
for panel, (name, u), colour in zip(
    panels, graphs.items(), (BLUE, ORANGE, GREEN), strict=True
):
    panel.plot(v, v, ":", color="0.4", lw=1.2, label=r"$u = v$")
    panel.plot(v, u, color=colour, lw=2.4, label=r"$u = \mathrm{prox}_{\tau f}(v)$")
    panel.set(xlabel="$v$", title=name, aspect="equal")
    panel.legend(loc="upper left")
panels[0].set_ylabel("$u$")
figure.suptitle(rf"Three proximal maps, $\tau = {tau}$")
plt.show()

# %%
# Optimality, checked
# -------------------
# The characterisation is a check which does not care how :math:`u` was found. For the
# box,
# :math:`\partial f(u)` is the normal cone, and the condition says
# :math:`\langle v - u,\, w - u\rangle \le 0` for all :math:`w` in the box.

for tau in (0.01, 0.7, 30.0):
    v = 2 * rng.standard_normal((3, 1))
    u = prox_quadratic(v, tau)
    assert np.allclose(v - u, tau * A.T @ (A @ u - b), atol=1e-10)  # u = v − τ ∇f(u)

    u = prox_l1(v, tau)
    w = (v - u) / tau  # a subgradient of the norm at u?
    assert (np.abs(w) <= 1 + 1e-12).all()
    assert np.allclose(w[u != 0], np.sign(u[u != 0]))

    u = prox_box(v, tau)
    inside = rng.uniform(-1, 1, (500, 3))
    assert ((inside - u.T) @ (v - u) <= 1e-12).all()

# %%
# And a check without any calculus, by brute force on a fine grid in one dimension:

grid = np.linspace(-4, 4, 8001)  # a spacing of 0.001
for tau in (0.3, 1.5):
    for v in (-2.345, 0.2, 1.7):
        by_search = grid[np.argmin(np.abs(grid) + (grid - v) ** 2 / (2 * tau))]
        assert abs(by_search - prox_l1(np.array(v), tau)) <= 1e-3

# %%
# A proximal step is an implicit gradient step
# --------------------------------------------
# If :math:`f` is differentiable, the condition reads :math:`u = v - \tau\,\nabla f(u)`:
# backward Euler for the gradient flow (see the tutorial on explicit and implicit
# steps). It decreases :math:`f` whatever
# :math:`\tau`. More precisely,
#
# .. math:: f(u) \le f(v) - \frac{1}{\tau}\|u - v\|^2.
#
# *Proof.* :math:`g = (v - u)/\tau` is a subgradient at :math:`u`, so
# :math:`f(v) \ge f(u) + \langle g, v - u\rangle = f(u) + \frac1\tau\|u - v\|^2`. ∎


def quadratic(u):
    return np.sum((A @ u - b) ** 2) / 2


for tau in (1e-3, 1.0, 1e3, 1e6):
    v = rng.standard_normal((3, 1))
    u = prox_quadratic(v, tau)
    assert quadratic(u) <= quadratic(v) - np.sum((u - v) ** 2) / tau + 1e-12
    u = prox_l1(v, tau)
    assert np.abs(u).sum() <= np.abs(v).sum() - np.sum((u - v) ** 2) / tau + 1e-12

# %%
# The Moreau envelope
# -------------------
# The *value* of the minimum, as a function of :math:`v`, is the Moreau envelope
#
# .. math:: e_\tau(v) = \min_u\; f(u) + \frac{1}{2\tau}\|u - v\|^2.
#
# It lies below :math:`f`, has the same minimisers, and is differentiable even where
# :math:`f` is not:
#
# .. math:: \nabla e_\tau(v) = \frac{v - \mathrm{prox}_{\tau f}(v)}{\tau}.
#
# *Proof.* Let :math:`u = \mathrm{prox}_{\tau f}(v)` and :math:`g = (v - u)/\tau`. In
# the definition of
# :math:`e_\tau(w)` we may insert this :math:`u`, so
#
# .. math:: e_\tau(w) - e_\tau(v) \le \tfrac{1}{2\tau}(\|u - w\|^2 - \|u - v\|^2)
#           = \langle g, w - v\rangle + \tfrac{1}{2\tau}\|w - v\|^2.
#
# On the other side, :math:`e_\tau` is convex (the partial minimum of a function convex
# in both), so that :math:`e_\tau(w) - e_\tau(v) \ge e_\tau(v) - e_\tau(2v - w)`. The
# first estimate at :math:`2v - w` bounds this below by :math:`\langle g, w - v\rangle -
# \frac{1}{2\tau}\|w - v\|^2`. Both bounds have the same linear part. ∎
#
# For :math:`|u|` the envelope is the Huber function, for the box half the squared
# distance over
# :math:`\tau`.


def envelope(f, prox, v, tau):
    u = prox(v, tau)
    return f(u) + np.sum((u - v) ** 2) / (2 * tau)


def l1(u):
    return np.abs(u).sum()


def box(u):
    return 0.0 if (np.abs(u) <= 1).all() else np.inf


h = 1e-5
for f, prox in ((quadratic, prox_quadratic), (l1, prox_l1), (box, prox_box)):
    for tau in (0.2, 1.0, 5.0):
        v, direction = 2 * rng.standard_normal((3, 1)), rng.standard_normal((3, 1))
        ends = [envelope(f, prox, v + s * h * direction, tau) for s in (1, -1)]
        slope = np.sum(direction * (v - prox(v, tau)) / tau)
        assert np.isclose((ends[0] - ends[1]) / (2 * h), slope, rtol=1e-6, atol=1e-7)
        assert envelope(f, prox, v, tau) <= f(v) + 1e-12

# %%
# So :math:`u = v - \tau\,\nabla e_\tau(v)`: the proximal step is *implicit* for
# :math:`f` and *explicit* for its envelope. And the envelope is as smooth as that step
# needs: its gradient has the Lipschitz constant :math:`1/\tau`, so explicit steps on it
# would descend up to :math:`2\tau`, and the proximal step takes half of that.

v = np.linspace(-3, 3, 601)
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4))
left.plot(v, np.abs(v), color="black", lw=1.4, label=r"$f(v) = |v|$")
right.plot(
    v, np.where(v == 0, np.nan, np.sign(v)), color="black", lw=1.4, label=r"$f'(v)$"
)
looks = zip((0.3, 1.0, 2.5), (BLUE, ORANGE, GREEN), ("-", "--", "-."), strict=True)
for tau, colour, dashes in looks:
    u = prox_l1(v, tau)
    smooth = np.abs(u) + (u - v) ** 2 / (2 * tau)
    style = {"color": colour, "ls": dashes, "lw": 2, "label": rf"$\tau = {tau}$"}
    left.plot(v, smooth, **style)
    right.plot(v, (v - u) / tau, **style)
left.set(
    xlabel="$v$",
    ylabel=r"$e_\tau(v)$",
    title="Moreau envelopes of $|v|$: Huber functions",
)
right.set(
    xlabel="$v$",
    ylabel=r"$\nabla e_\tau(v)$",
    title=r"their gradients, $(v - \mathrm{prox}_{\tau f}(v))/\tau$",
)
left.legend(loc="upper center")
right.legend(loc="upper left")
plt.show()

# %%
# Moreau's identity
# -----------------
# With the convex conjugate :math:`f^*(w) = \sup_u \langle w, u\rangle - f(u)`, every
# vector splits into two parts:
#
# .. math:: v = \mathrm{prox}_{\tau f}(v) + \tau\,\mathrm{prox}_{f^*/\tau}(v/\tau).
#
# *Proof.* Let :math:`u = \mathrm{prox}_{\tau f}(v)` and :math:`w = (v - u)/\tau \in
# \partial f(u)`. Then :math:`u \in \partial f^*(w)`, that is :math:`(v/\tau -
# w)/(1/\tau) \in \partial f^*(w)`: the optimality condition of :math:`w =
# \mathrm{prox}_{f^*/\tau}(v/\tau)`. ∎
#
# The conjugate of the ℓ1 norm is the indicator of the box :math:`[-1, 1]^n`. So soft
# thresholding is what a projection leaves over: two of our three maps are one.

for tau in (0.1, 1.0, 4.0):
    v = 3 * rng.standard_normal(1000)
    assert np.allclose(v, prox_l1(v, tau) + tau * prox_box(v / tau, 1 / tau))

# %%
# For the quadratic the second part is :math:`A^Tc` with :math:`c = (AA^T +
# I/\tau)^{-1}\delta`: instead of the unknown :math:`u` one solves for its dual
# :math:`c`, which lives where :math:`b` does. These are the two forms (E6) and (E7) of
# the implicit step, and ``mp.Exact`` takes the one with the smaller matrix.

v, tau = rng.standard_normal((3, 1)), 2.0
delta = A @ v - b
primal = mp.Exact(form="primal")(mp.DenseMap(A, bias=False), delta, tau)
dual = mp.Exact(form="dual")(mp.DenseMap(A, bias=False), delta, tau)
by_hand = A.T @ np.linalg.solve(A @ A.T + np.eye(4) / tau, delta)
assert np.allclose(primal, dual, atol=1e-12)
assert np.allclose(dual, by_hand, atol=1e-12)

# %%
# Firmly nonexpansive
# -------------------
# **Claim.** For all :math:`v_1, v_2` with :math:`\Delta v = v_1 - v_2` and
# :math:`\Delta u = \mathrm{prox}_{\tau f}(v_1) - \mathrm{prox}_{\tau f}(v_2)`,
#
# .. math:: \|\Delta u\|^2 \le \langle \Delta u, \Delta v\rangle.
#
# *Proof.* With the subgradients :math:`g_i = (v_i - u_i)/\tau \in \partial f(u_i)`,
# convexity gives :math:`\langle g_1 - g_2, u_1 - u_2\rangle \ge 0` (add the two
# subgradient inequalities). That is :math:`\langle \Delta v - \Delta u, \Delta u\rangle
# \ge 0`. ∎
#
# By Cauchy-Schwarz :math:`\|\Delta u\| \le \|\Delta v\|` follows: proximal steps never
# drive two points apart, so perturbations (say, of a mini-batch) are not amplified. The
# claim itself says more. Complete the square: it is equivalent to :math:`\|\Delta u -
# \frac12\Delta v\| \le \frac12\|\Delta v\|`, so :math:`\Delta u` lies in the ball which
# has :math:`\Delta v` as a diameter. In units of :math:`\|\Delta v\|`, with
# :math:`\Delta v` along the first axis, that is a picture.


def relative_moves(step, tau, pairs=400):
    """Return ⟨Δu, Δv⟩/‖Δv‖², and the size of the rest of Δu over ‖Δv‖, for random
    pairs."""
    along, across = [], []
    for _ in range(pairs):
        v1, v2 = 2 * rng.standard_normal((2, 3, 1))
        dv, du = v1 - v2, step(v1, tau) - step(v2, tau)
        share = np.sum(du * dv) / np.sum(dv**2)
        along.append(share)
        across.append(np.linalg.norm(du - share * dv) / np.linalg.norm(dv))
    return np.array(along), np.array(across)


def firmly_nonexpansive(step, tau):
    along, across = relative_moves(step, tau)
    assert ((along - 0.5) ** 2 + across**2 <= 0.25 + 1e-12).all()


for prox in (prox_quadratic, prox_l1, prox_box):
    for tau in (0.1, 1.0, 10.0):
        firmly_nonexpansive(prox, tau)


def explicit_step(v, tau):
    return v - tau * A.T @ (A @ v - b)


tau = 2.3 / np.linalg.norm(A, 2) ** 2  # a little above the limit 2/λ_max
steps = {
    "prox of the quadratic": prox_quadratic,
    r"prox of $\|u\|_1$": prox_l1,
    "projection onto the box": prox_box,
    "explicit gradient step": explicit_step,
}
figure, panels = plt.subplots(1, 4, figsize=(12, 2.7), sharex=True, sharey=True)
angles = np.linspace(0, np.pi, 200)
for panel, (name, step), colour in zip(
    panels, steps.items(), (BLUE, ORANGE, GREEN, "black"), strict=True
):
    panel.fill_between(
        0.5 + 0.5 * np.cos(angles), 0, 0.5 * np.sin(angles), color="0.9", zorder=0
    )
    panel.plot(np.cos(angles), np.sin(angles), ":", color="0.4", lw=1)
    panel.plot(
        *relative_moves(step, 1.0 if step is not explicit_step else tau),
        ".",
        color=colour,
        ms=4,
    )
    panel.set(title=name, aspect="equal", xlim=(-1.35, 1.15), ylim=(0, 1.25))
    panel.set_xlabel(r"$\langle\Delta u, \Delta v\rangle / \|\Delta v\|^2$")
panels[0].set_ylabel(r"part of $\Delta u$ across $\Delta v$")
figure.suptitle("Shaded: firmly nonexpansive. Inside the dotted circle: nonexpansive.")
plt.show()

along, across = relative_moves(explicit_step, tau)
assert (
    along**2 + across**2 > 1
).any()  # an explicit step this long drives some pairs apart

# %%
# A claim that must fail
# ----------------------
# A frequent slip in soft thresholding: set what is below the threshold to zero, and
# forget to shrink the rest. The result is *hard* thresholding. It looks reasonable and
# even minimises something, a function that is not convex. At the threshold it tears
# neighbours apart, and the inequality of the previous section refuses it.


def forgot_to_shrink(v, tau):
    return np.where(np.abs(v) > tau, v, 0)


try:
    firmly_nonexpansive(forgot_to_shrink, 1.0)
except AssertionError:
    print(
        "refused, as it must be: hard thresholding is the proximal map of no convex "
        "function"
    )
else:
    raise RuntimeError("the wrong proximal map passed")

# %%
# What to take along
# ------------------
# - A proximal map is checked by its optimality condition, however it was computed.
# - Implicit in :math:`f`, explicit in the envelope: the two views are the same step.
# - ProxProp uses the quadratic map, once in each layer, in the primal or in the dual
#   form. The other two are the reason why the word *proximal* covers so much more than
#   linear systems.
