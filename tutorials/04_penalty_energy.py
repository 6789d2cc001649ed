r"""
Back-propagation as gradient steps on a penalty energy
======================================================

A net ties its variables together: :math:`z_l` must be :math:`\varphi(\theta_l,
a_{l-1})`, and :math:`a_l` must be :math:`\sigma(z_l)`. Cut these ties, let all
variables move freely, and put a price on every broken one: that gives an energy in many
more variables, each of which meets only its neighbours. One sweep of gradient steps
over its blocks is Algorithm 1 of the paper, and with the right weights it *is*
back-propagation. This tutorial writes the sweep down line by line, shows every
half-step, proves the equality, and asks what other weights would do. It is the door to
ProxProp, which changes one line of the sweep.

You need: the previous tutorial, and gradients of squared norms.

**Exercise**: ``minprox exercise 04`` gives it out.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

# sphinx_gallery_thumbnail_number = 3

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
# The energy
# ----------
# With weights :math:`\gamma, \rho > 0`, the lifted problem has the energy
#
# .. math:: E(\theta, a, z) = L_y(\varphi(\theta_{L-1}, a_{L-2})) + \sum_{l=1}^{L-2}
#           \tfrac{\gamma}{2} \|\sigma(z_l) - a_l\|^2
#           + \tfrac{\rho}{2} \|\varphi(\theta_l, a_{l-1}) - z_l\|^2. \qquad\text{(E3)}
#
# We take three transfers, so :math:`L = 4`, with the variables :math:`\theta_1, z_1,
# a_1, \theta_2, z_2, a_2, \theta_3`. Dictionaries with the paper's :math:`l` as keys
# keep code and formula alike.

net = mp.Sequential(
    *(mp.Linear(4, 7), mp.Tanh(), mp.Linear(7, 5), mp.Tanh(), mp.Linear(5, 3)),
    seed=2,
    dtype="float64",
)
loss = mp.CrossEntropy()
x, y = rng.standard_normal((12, 4)), rng.integers(0, 3, 12)
theta = {l: parameters.copy() for l, parameters in enumerate(net.parameters, start=1)}


def phi(theta, a):  # φ(θ, a) = [a, 1] θ
    return a @ theta[:-1] + theta[-1]


def adjoint_theta(a, r):  # (∂φ/∂θ)ᵀ r
    return np.vstack([a.T @ r, r.sum(axis=0)])


def adjoint_input(theta, r):  # (∂φ/∂a)ᵀ r
    return r @ theta[:-1].T


def sigma(z):
    return np.tanh(z)


def sigma_prime(z):
    return 1 - np.tanh(z) ** 2


# %%
# The forward pass satisfies every coupling, so the penalties vanish and the energy is
# the loss, for all weights:

z, a = {}, {0: x}
for l in (1, 2):
    z[l] = phi(theta[l], a[l - 1])
    a[l] = sigma(z[l])

tape = mp.forward(net, x)
J = float(loss(tape.output, y))
for gamma, rho in ((1.0, 1.0), (1e3, 1e-3)):
    assert np.isclose(mp.energy(net, loss, y, theta, a, z, gamma, rho), J, rtol=1e-14)
print(f"J = E = {J:.6f}")

# %%
# Algorithm 1, line by line
# -------------------------
# (A1) sweeps once over the blocks, from the last to the first, with explicit gradient
# steps of size :math:`\tau`. Step (a) concerns the loss. As :math:`\sigma(z_{L-2}) =
# a_{L-2}` at the start, the penalty has no gradient in :math:`a_{L-2}` yet.
#
# .. math:: a_{L-2}^{k+1/2} &= a_{L-2}^k - \tau\,\nabla_a L_y(\varphi(\theta_{L-1}^k,
#           a_{L-2}^k)) \\
#           \theta_{L-1}^{k+1} &= \theta_{L-1}^k - \tau\,\nabla_\theta
#           L_y(\varphi(\theta_{L-1}^k, a_{L-2}^k))

tau = 0.2
gamma = rho = 1 / tau
a_half, z_half, theta_next = {}, {}, {}

delta = loss.gradient(phi(theta[3], a[2]), y)
a_half[2] = a[2] - tau * adjoint_input(theta[3], delta)  # (a)
theta_next[3] = theta[3] - tau * adjoint_theta(a[2], delta)

# %%
# Now :math:`a_2` has moved away from :math:`\sigma(z_2)`, and the coupling pulls at
# :math:`z_2`. Once that has moved, the next coupling pulls at :math:`a_1` and
# :math:`\theta_2`, and so on: the disturbance runs through the net, backward.
#
# .. math:: z_l^{k+1/2} &= z_l^k - \tau\gamma\,\sigma'(z_l^k) \odot (\sigma(z_l^k) -
#           a_l^{k+1/2})
#           \qquad\text{(b)} \\
#           a_{l-1}^{k+1/2} &= a_{l-1}^k - \tau\rho\,(\partial\varphi/\partial a)^T
#           (\varphi(\theta_l^k, a_{l-1}^k) - z_l^{k+1/2}) \\
#           \theta_l^{k+1} &= \theta_l^k - \tau\rho\,(\partial\varphi/\partial\theta)^T
#           (\varphi(\theta_l^k, a_{l-1}^k) - z_l^{k+1/2}) \qquad\text{(c)}
#
# Mind that both steps in the second and third line are taken at the *old*
# :math:`a_{l-1}^k`.

for l in (2, 1):
    # (b)
    z_half[l] = z[l] - tau * gamma * sigma_prime(z[l]) * (sigma(z[l]) - a_half[l])
    residual = phi(theta[l], a[l - 1]) - z_half[l]
    if l > 1:  # a_0 is the data
        a_half[l - 1] = a[l - 1] - tau * rho * adjoint_input(theta[l], residual)
    theta_next[l] = theta[l] - tau * rho * adjoint_theta(a[l - 1], residual)  # (c)

# %%
# ``mp.algorithm_1`` is the same text for every chain of layers, and returns every
# variable by its name:

sweep = mp.algorithm_1(net, x, loss, y, tau)
for name in ("theta", "a", "z", "a_half", "z_half", "theta_next"):
    ours, theirs = globals()[name], getattr(sweep, name)
    assert sorted(ours) == sorted(theirs)
    for l in ours:
        assert np.allclose(ours[l], theirs[l], rtol=1e-13, atol=1e-14), (name, l)

# %%
# Each line is indeed a gradient step on (E3) in its block. For (b) at :math:`l = 2`,
# with :math:`a_2` moved already: the slope of :math:`E` along a random change of
# :math:`z_2`, by central differences, is what the step says.

h, bump = 1e-6, rng.standard_normal(z[2].shape)
ends = [
    mp.energy(
        net,
        loss,
        y,
        theta,
        {**a, 2: a_half[2]},
        {**z, 2: z[2] + s * h * bump},
        gamma,
        rho,
    )
    for s in (1, -1)
]
assert np.isclose(
    (ends[0] - ends[1]) / (2 * h), np.vdot((z[2] - z_half[2]) / tau, bump), rtol=1e-7
)

# %%
# The proposition
# ---------------
# **(P1)** *With* :math:`\gamma = \rho = 1/\tau`, *Algorithm 1 is one step of gradient
# descent,*
# :math:`\theta^{k+1} = \theta^k - \tau\nabla J(\theta^k)`.

grads = mp.backprop(net, tape, loss, y)
for l in (1, 2, 3):
    assert np.allclose(
        theta_next[l], theta[l] - tau * grads[l - 1], rtol=1e-14, atol=1e-14
    )

# %%
# *Proof.* By induction from the last layer we show :math:`a_l^k - a_l^{k+1/2} =
# \tau\,\partial J/\partial a_l` and :math:`z_l^k - z_l^{k+1/2} = \tau\,\delta_l` with
# :math:`\delta_l = \partial J/\partial z_l`.
#
# 1. *Start.* For :math:`a_{L-2}` it is step (a).
# 2. *From a to z.*
#    :math:`\sigma(z_l^k) - a_l^{k+1/2} = a_l^k - a_l^{k+1/2} = \tau\,\partial
#    J/\partial a_l`. So (b),
#    with :math:`\tau\gamma = 1`, moves :math:`z_l` by
#    :math:`\sigma'(z_l) \odot \tau\,\partial J/\partial a_l = \tau\,\delta_l`.
# 3. *From z to a.*
#    :math:`\varphi(\theta_l^k, a_{l-1}^k) - z_l^{k+1/2} = z_l^k - z_l^{k+1/2} =
#    \tau\,\delta_l`. So the
#    next line, with :math:`\tau\rho = 1`, moves :math:`a_{l-1}` by
#    :math:`\tau(\partial\varphi/\partial a)^T\delta_l = \tau\,\partial J/\partial
#    a_{l-1}`.
#
# Likewise (c) moves :math:`\theta_l` by
# :math:`\tau(\partial\varphi/\partial\theta)^T\delta_l = \tau A_l^T\delta_l =
# \tau\,\nabla_{\theta_l}J`. ∎
#
# The induction in numbers. Each half-step is compared with :math:`\tau` times a
# derivative of :math:`J`, which we take from the reverse sweep:


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


errors = {l + 1: delta for l, _, delta in mp.errors(net, tape, loss, y)}
print("variable   ‖movement‖    relative difference to τ ∂J")
for l in (2, 1):
    in_a = adjoint_input(theta[l + 1], errors[l + 1])  # ∂J/∂a_l
    for name, moved, expected in (
        (f"a_{l}", a[l] - a_half[l], tau * in_a),
        (f"z_{l}", z[l] - z_half[l], tau * errors[l]),
        (f"θ_{l}", theta[l] - theta_next[l], tau * grads[l - 1]),
    ):
        print(
            f"{name:8} {np.linalg.norm(moved):12.4e} {relative(moved, expected):12.1e}"
        )
        assert relative(moved, expected) < 1e-13

# %%
# So the auxiliary variables carry the errors of back-propagation, and they carry them
# as *differences* of numbers of order 1. That has a price in floating point: the
# smaller :math:`\tau`, the more digits cancel. The two algorithms are equal in exact
# arithmetic for every :math:`\tau`; in float64 they differ by about
# :math:`\epsilon\,\|z\|/(\tau\|\delta\|)`.

taus = np.geomspace(1e-8, 1e2, 41)
difference = np.zeros((len(taus), 2))
for row, tau_row in enumerate(taus):
    s = mp.algorithm_1(net, x, loss, y, tau_row)
    for column, l in enumerate((1, 2)):
        difference[row, column] = relative(s.z[l] - s.z_half[l], tau_row * errors[l])
cancellation = (
    np.finfo(float).eps * np.linalg.norm(z[1]) / (taus * np.linalg.norm(errors[1]))
)

figure, panel = plt.subplots(figsize=(8.5, 4.6))
panel.loglog(taus, difference[:, 0], "o-", color=BLUE, ms=4, label=r"$z_1$")
panel.loglog(taus, difference[:, 1], "s--", color=ORANGE, ms=4, label=r"$z_2$")
panel.loglog(
    taus,
    cancellation,
    ":",
    color="0.3",
    label=r"$\epsilon\,\|z_1\| \,/\, (\tau\,\|\delta_1\|)$",
)
panel.set(
    xlabel=r"step size $\tau$",
    ylabel=r"relative difference of $z_l^k - z_l^{k+1/2}$ and $\tau\,\delta_l$",
)
panel.set_title("Equal up to rounding: Algorithm 1 and back-propagation")
panel.legend()
plt.show()

assert (difference[:, 0] < 3 * cancellation + 1e-15).all()
assert difference[taus > 0.1].max() < 1e-13

# %%
# Where the energy goes
# ---------------------
# Since we have every half-step, we can watch (E3) along the sweep: after each update,
# the loss and the four couplings. We do so for Algorithm 1, and for Algorithm 2, in
# which the steps of :math:`\theta_1` and :math:`\theta_2` are proximal (more on it
# below).

tau_shown = 0.5
updates = (
    None,
    ("a", 2),
    ("theta", 3),
    ("z", 2),
    ("a", 1),
    ("theta", 2),
    ("z", 1),
    ("theta", 1),
)
ticks = [
    "start",
    "$a_2$",
    r"$\theta_3$",
    "$z_2$",
    "$a_1$",
    r"$\theta_2$",
    "$z_1$",
    r"$\theta_1$",
]
couplings = (
    r"$\frac{\gamma}{2}\|\sigma(z_2) - a_2\|^2$",
    r"$\frac{\rho}{2}\|\varphi(\theta_2, a_1) - z_2\|^2$",
    r"$\frac{\gamma}{2}\|\sigma(z_1) - a_1\|^2$",
    r"$\frac{\rho}{2}\|\varphi(\theta_1, a_0) - z_1\|^2$",
)


def along_the_sweep(s):
    """Return the loss and the four couplings after each update, shape (8, 5)."""
    theta, a, z = dict(s.theta), dict(s.a), dict(s.z)
    state = {"theta": theta, "a": a, "z": z}
    moved = {"theta": s.theta_next, "a": s.a_half, "z": s.z_half}
    rows = []
    for update in updates:
        if update:
            name, l = update
            state[name][l] = moved[name][l]
        row = [float(loss(phi(theta[3], a[2]), y))]
        for l in (2, 1):
            row.append(np.sum((sigma(z[l]) - a[l]) ** 2) / (2 * tau_shown))
            row.append(np.sum((phi(theta[l], a[l - 1]) - z[l]) ** 2) / (2 * tau_shown))
        assert np.isclose(
            sum(row), mp.energy(net, loss, y, theta, a, z, 1 / tau_shown, 1 / tau_shown)
        )
        rows.append(row)
    return np.array(rows)


explicit = along_the_sweep(mp.algorithm_1(net, x, loss, y, tau_shown))
proximal = along_the_sweep(mp.algorithm_2(net, x, loss, y, tau_shown, tau_theta=1.0))

figure, panels = plt.subplots(1, 3, figsize=(12, 4.8))
panels[0].plot(explicit.sum(axis=1), "o-", color=ORANGE, label="$E$, Algorithm 1")
panels[0].plot(proximal.sum(axis=1), "s--", color=BLUE, label="$E$, Algorithm 2")
panels[0].plot(explicit[:, 0], "k:", label="the loss alone, both")
panels[0].set_title(rf"The energy along one sweep, $\tau = {tau_shown}$")
panels[0].legend(loc="upper left")
hatches = zip((BLUE, SKY, GREEN, PINK), ("", "//", "", "\\\\"), couplings, strict=True)
for column, (colour, hatch, name) in enumerate(hatches, start=1):
    for panel, rows in zip(panels[1:], (explicit, proximal), strict=True):
        base = rows[:, 1:column].sum(axis=1)
        style = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": name}
        panel.bar(range(8), rows[:, column], bottom=base, **style)
panels[1].legend(loc="upper left", fontsize=11)
panels[1].set_title("Broken couplings: Algorithm 1")
panels[2].set_title("and Algorithm 2 (another scale)")
for panel in panels:
    panel.set_xticks(range(8), ticks, fontsize=12)
    panel.set_xlabel("updated so far")
panels[2].set_ylim(0, 1.1 * proximal[:, 1:].sum(axis=1).max())
plt.show()

# %%
# The steps in :math:`a` and :math:`z` behave here: each mends the coupling behind it
# and breaks the next one a little less. But the explicit step in :math:`\theta_2` makes
# its own coupling *worse*, much worse. Tutorial 1 says why. In :math:`\theta_l` the
# energy is the quadratic :math:`\frac{\rho}{2}\|A_l\theta_l - z_l^{k+1/2}\|^2`, a
# gradient step of size :math:`\tau` multiplies its residual by :math:`1 -
# \tau\rho\,\lambda` for each eigenvalue :math:`\lambda` of :math:`A_l^TA_l`, and
# :math:`\tau\rho = 1`. It is stable for :math:`\lambda_{\max} < 2` only. Yet a column
# of ones alone gives :math:`\lambda_{\max} \ge N`, the batch size! No choice of
# :math:`\tau` helps, since it cancels.

for l in (1, 2):
    lam = mp.theory.spectrum(mp.DenseMap(a[l - 1], bias=True)).max()
    print(
        f"layer {l}: λ_max(AᵀA) = {lam:.1f}, stable below 2; the batch has {len(x)} "
        "samples"
    )
    assert lam >= len(x) > 2
# just before and after the step in θ_2, whose coupling is in column 2
before, after = 4, 5
assert explicit[after, 2] > 10 * explicit[before, 2]
assert proximal[after, 2] < proximal[before, 2]
assert explicit[-1].sum() > explicit[0].sum()
assert proximal[-1].sum() < proximal[0].sum()
assert (np.diff(proximal.sum(axis=1)) < 1e-12).all()

# %%
# So (P1) is to be read with care. The sweep consists of gradient *steps* on :math:`E`,
# but it need not decrease :math:`E`. That back-propagation works nevertheless is owed
# to the next forward pass, which restores all couplings: for a small :math:`\tau` the
# loss :math:`J = E` falls from one forward pass to the next. The proximal step is the
# natural cure for the block that overshoots: it is stable for every
# :math:`\lambda`, by the factor :math:`1/(1 + \tau_\theta\lambda)` (P5).

for small in (0.01, 0.1):
    s = mp.algorithm_1(net, x, loss, y, small)
    t = s.theta_next
    J_next = float(loss(phi(t[3], sigma(phi(t[2], sigma(phi(t[1], x))))), y))
    end = mp.energy(net, loss, y, t, {0: x, **s.a_half}, s.z_half, 1 / small, 1 / small)
    print(
        f"τ = {small}: J {J:.5f} → {J_next:.5f}, while E at the end of the sweep is "
        f"{end:.5f}"
    )
    assert J_next < J < end

# %%
# Other weights
# -------------
# What if :math:`\gamma` and :math:`\rho` are not :math:`1/\tau`? Run the induction
# again: the error picks up a factor :math:`\tau\gamma` whenever it passes an
# activation, and :math:`\tau\rho` whenever it passes a transfer. Layer :math:`l` lies
# :math:`L-1-l` activations before the last transfer, and (c) adds its own factor
# :math:`\tau\rho`. Therefore
#
# .. math:: \theta_l^{k+1} = \theta_l^k -
#           \tau\,(\tau^2\gamma\rho)^{L-1-l}\;\nabla_{\theta_l} J(\theta^k).
#
# The direction within each layer is still that of the gradient, and only the product
# :math:`\gamma\rho` matters. But each layer gets a learning rate of its own, and these
# form a geometric sequence: unless
# :math:`\gamma\rho = 1/\tau^2`, they vanish or explode with the depth.

widths = (6, 8, 8, 8, 8, 8, 8, 4)
layers = []
for n, m in pairwise(widths):
    layers += [mp.Linear(n, m), mp.Tanh()]
deep = mp.Sequential(*layers[:-1], seed=0, dtype="float64")
deep_x, deep_y = rng.standard_normal((20, 6)), rng.integers(0, 4, 20)
deep_grads = mp.backprop(deep, mp.forward(deep, deep_x), loss, deep_y)
last = len(deep.parameters)  # L − 1

figure, panel = plt.subplots(figsize=(8.5, 4.8))
looks = (("D", PINK), ("^", GREEN), ("o", "black"), ("s", BLUE), ("v", ORANGE))
for product, (marker, colour) in zip((0.25, 0.5, 1.0, 2.0, 4.0), looks, strict=True):
    weights = {"gamma": 4 * product / tau, "rho": 0.25 / tau}  # τ²γρ is the product
    s = mp.algorithm_1(deep, deep_x, loss, deep_y, tau, **weights)
    rates = []
    for l in range(1, last + 1):
        moved, gradient = s.theta[l] - s.theta_next[l], deep_grads[l - 1]
        rates.append(np.linalg.norm(moved) / np.linalg.norm(gradient))
        expected = tau * product ** (last - l)
        assert relative(moved, expected * gradient) < 1e-6, (product, l)
        assert mp.theory.angle(gradient, moved) < 1e-6
    style = {
        "marker": marker,
        "color": colour,
        "label": rf"$\tau^2\gamma\rho = {product:g}$",
    }
    panel.semilogy(range(1, last + 1), np.array(rates) / tau, lw=1.6, **style)
panel.set(xlabel="layer $l$", ylabel=r"learning rate of the layer, over $\tau$")
panel.set_title(r"Algorithm 1 with other weights: $(\tau^2\gamma\rho)^{L-1-l}$")
panel.legend(loc="upper right")
plt.show()

# %%
# One line further: ProxProp
# --------------------------
# In (c) the block of :math:`\theta_l` is a quadratic, so there is no need for a mere
# gradient step. Algorithm 2 replaces it by the proximal step
#
# .. math:: \theta_l^{k+1} = \arg\min_\theta\; \tfrac12 \|\varphi(\theta, a_{l-1}^k) -
#           z_l^{k+1/2}\|^2
#           + \tfrac{1}{2\tau_\theta}\|\theta - \theta_l^k\|^2 \qquad\text{(E5)}
#
# and leaves all else as it is. So the half-steps stay what they were, and
# ``mp.proxprop`` is to ``mp.algorithm_2`` what ``mp.backprop`` is to ``mp.algorithm_1``
# (P2).

implicit = mp.algorithm_2(net, x, loss, y, tau, tau_theta=3.0)
steps = mp.proxprop(net, tape, loss, y, tau_theta=3.0)
for l in (1, 2):
    assert np.allclose(implicit.z_half[l], sweep.z_half[l], rtol=1e-13, atol=1e-14)
for l in (1, 2, 3):
    assert np.allclose(
        implicit.theta_next[l], theta[l] - tau * steps[l - 1], rtol=1e-12, atol=1e-13
    )

# %%
# A claim that must fail
# ----------------------
# A tempting misreading of Algorithm 1: "use what you have just computed", that is, take
# the parameter step (c) at the *new* :math:`a_{l-1}^{k+1/2}`. In other block methods
# that is even the rule (Gauss-Seidel instead of Jacobi). Here it breaks the equality:
# the residual is no longer
# :math:`\tau\,\delta_l`, and the step is no gradient.

l = 2
fresh = phi(theta[l], a_half[l - 1]) - z_half[l]
with_new_a = theta[l] - tau * rho * adjoint_theta(a_half[l - 1], fresh)
off = relative(theta[l] - with_new_a, tau * grads[l - 1])
print(f"with the new a the step of layer 2 is off by {100 * off:.0f} %")
try:
    assert np.allclose(
        with_new_a, theta[l] - tau * grads[l - 1], rtol=1e-12, atol=1e-12
    )
except AssertionError:
    print("refused, as it must be: (c) is evaluated at the old activations")
else:
    raise RuntimeError("the wrong order of updates passed")

# %%
# What to take along
# ------------------
# - Back-propagation is a block gradient method on an energy in which every term is
#   local. Its steps in the parameters are too long for that energy.
# - The half-steps are the errors: :math:`z_l^k - z_l^{k+1/2} = \tau\,\delta_l`.
# - The choice :math:`\gamma = \rho = 1/\tau` is not a matter of taste: it is what makes
#   all layers learn at one rate.
# - Every block may be treated in another way. ProxProp does so for :math:`\theta_l`,
#   where it is needed most.
