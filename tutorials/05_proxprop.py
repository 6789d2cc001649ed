r"""
ProxProp: one layer under the microscope
========================================

Back-propagation moves the parameters of a layer along its gradient. Proximal
back-propagation (ProxProp) asks a question first: *which* parameters would produce the
output that the errors ask for, if they may not go far? The answer is a small linear
system, and this tutorial looks at it from four sides: as a minimisation (E5), as an
equation (E6), as a filter on the spectrum of a matrix, and at its two extremes (P3). At
the end the paper's Algorithm 2, written out step by step, turns out to be a
back-propagation in which one line has changed.

**Exercise**: ``minprox exercise 05`` gives it out.
"""

# %%
# The question
# ------------
# A transfer is linear in its parameters: :math:`\varphi(\theta, a) = A\,\theta`, where
# the matrix :math:`A = A(a)` holds the inputs of the layer for a mini-batch. For a
# dense layer it is :math:`A = [a, 1]`, one row for each sample. Back-propagation
# supplies the error :math:`\delta = \partial J/\partial z` at the output :math:`z =
# A\theta`. An explicit step moves the *output* to a wish, :math:`z^{k+1/2} = z^k -
# \tau\,\delta`. ProxProp then looks for parameters which come close to it, at a price
# for every bit of way:
#
# .. math:: \theta^{k+1} = \operatorname*{argmin}_\theta\;
#           \tfrac12\,\|A\theta - z^{k+1/2}\|^2 + \tfrac{1}{2\tau_\theta}\,\|\theta -
#           \theta^k\|^2
#           \qquad\text{(E5)}
#
# **The equation.** Write :math:`\theta = \theta^k - \tau d`. Since :math:`A\theta^k -
# z^{k+1/2} = \tau\delta`, the function to be minimised is
# :math:`\tau^2\left(\tfrac12\|A d - \delta\|^2 +
# \tfrac{1}{2\tau_\theta}\|d\|^2\right)`: the step length :math:`\tau` comes out as a
# factor, and what is left is a *ridge regression* of the errors on the inputs. It is
# strictly convex; setting its gradient to zero gives
#
# .. math:: \left(A^TA + \tfrac{1}{\tau_\theta} I\right) d = A^T\delta,
#           \qquad \theta^{k+1} = \theta^k - \tau\,d. \qquad\text{(E6, P2)}
#
# On the right stands the gradient of the layer, :math:`\nabla_\theta J = A^T\delta`
# (P1).
#
# We take a small net, a batch of real digits, and its second layer. Everything is in
# float64, since we want to check formulas.

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)

data = mp.datasets.digits(dtype="float64")
x, y = data.train.x[:200], data.train.y[:200]
net = mp.Sequential(
    mp.Linear(64, 40),
    mp.ReLU(),
    mp.Linear(40, 30),
    mp.ReLU(),
    mp.Linear(30, 10),
    seed=0,
    dtype="float64",
)
loss = mp.CrossEntropy()
tape = mp.forward(net, x)

A, delta = next((A, delta) for l, A, delta in mp.errors(net, tape, loss, y) if l == 1)
theta, gradient = net.parameters[1], A.T @ delta
print(
    f"A {A.shape}, delta {delta.shape}, theta {theta.shape}, gradient {gradient.shape}"
)

# %%
# Both sides of both equations
# ----------------------------
# (E5) is solved here without any library of ours: it is the least-squares problem with
# the rows :math:`A\theta = z^{k+1/2}` on top and :math:`\theta/\sqrt{\tau_\theta} =
# \theta^k/\sqrt{\tau_\theta}` below. (E6) is what ``mp.Exact()`` solves. They must give
# the same parameters, and the two sides of (E6) must be the same numbers.

tau = 0.7  # any: it is only a factor
taus = (0.01, 1.0, 100.0)
identity = np.eye(A.shape[1])

print("tau_theta | left side of (E6)  right side | residual | (E5) against (E6)")
for tau_theta in taus:
    z_half = A @ theta - tau * delta  # z^{k+1/2} = z^k − τ δ
    rows = np.vstack([A.matrix(), identity / tau_theta**0.5])
    wishes = np.vstack([z_half, theta / tau_theta**0.5])
    theta_next = np.linalg.lstsq(rows, wishes)[0]  # (E5)

    d = mp.Exact()(A, delta, tau_theta)  # (E6)
    left = A.T @ (A @ d) + d / tau_theta
    residual = np.linalg.norm(left - gradient) / np.linalg.norm(gradient)
    difference = np.linalg.norm(theta_next - (theta - tau * d)) / np.linalg.norm(
        tau * d
    )
    print(
        f"{tau_theta:9g} | {np.linalg.norm(left):17.12f}  "
        f"{np.linalg.norm(gradient):10.12f} "
        f"| {residual:.1e}  | {difference:.1e}"
    )
    assert residual < 1e-12
    assert difference < 1e-9

# %%
# ``mp.check_step`` measures that residual for you and complains in words. It had better
# complain about a wrong step. A popular one puts :math:`\tau_\theta` where
# :math:`1/\tau_\theta` belongs; it is a ridge regression too, symmetric, positive
# definite, a descent direction, and not the implicit step.

tau_theta = 0.05
wrong = np.linalg.solve(A.T.gram() + tau_theta * identity, gradient)
try:
    mp.check_step(A, delta, tau_theta, wrong)  # must fail
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict, sep="\n  ")
else:
    raise RuntimeError("the planted error went through")
# and this one is right
mp.check_step(A, delta, tau_theta, mp.Exact()(A, delta, tau_theta))

# %%
# The filter
# ----------
# Let :math:`A^TA\,v_i = \lambda_i v_i` with orthonormal :math:`v_i`, and split the
# gradient into the components :math:`g_i = v_i^T A^T\delta`. In these coordinates (E6)
# is a division:
#
# .. math:: v_i^T d = \frac{1}{\lambda_i + 1/\tau_\theta}\; g_i.
#
# The gradient multiplies every component by the *same* number, and stability limits
# that number through the largest eigenvalue. The implicit step divides a component by
# its own curvature where :math:`\lambda_i \gg 1/\tau_\theta`, and multiplies by
# :math:`\tau_\theta` where :math:`\lambda_i \ll 1/\tau_\theta`. So
# :math:`1/\tau_\theta` is the place on the axis of eigenvalues at which the step
# changes its mind.

eigenvalues, V = np.linalg.eigh(A.T.gram())
eigenvalues = np.maximum(eigenvalues, 0)  # rounding may leave −1e-15
components = V.T @ gradient

for tau_theta in taus:
    d = mp.Exact()(A, delta, tau_theta)
    filtered = components / (eigenvalues + 1 / tau_theta)[:, None]
    assert np.allclose(V.T @ d, filtered, rtol=0, atol=1e-9 * abs(filtered).max())

positive = eigenvalues[eigenvalues > 1e-10 * eigenvalues.max()]
# ReLUs that are zero for every sample of the batch
silent = int((A.matrix() == 0).all(axis=0).sum())
print(
    f"{len(eigenvalues)} eigenvalues: {silent} zero, the others {positive[0]:.2g} to "
    f"{positive[-1]:.3g}"
)
assert len(eigenvalues) == len(positive) + silent
assert silent == 2

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
left.semilogy(
    np.arange(1, len(positive) + 1), positive[::-1], "o", color=BLACK, markersize=5
)
left.set(
    xlabel="$i$",
    ylabel=r"eigenvalue $\lambda_i$ of $A^TA$",
    title="spectrum of one layer",
)
for tau_theta, colour in zip(taus, (TEAL, BLUE, INDIGO), strict=True):
    left.axhline(1 / tau_theta, color=colour, linestyle=":", linewidth=1.4)
    left.text(
        20, 1.2 / tau_theta, rf"$1/\tau_\theta = {1 / tau_theta:g}$", color=colour
    )

grid = np.geomspace(positive[0] / 3, positive[-1] * 3, 300)
for tau_theta, colour, marker in zip(taus, (TEAL, BLUE, INDIGO), "s^o", strict=True):
    right.loglog(grid, 1 / (grid + 1 / tau_theta), color=colour, linewidth=1.6)
    label = rf"implicit, $\tau_\theta = {tau_theta:g}$"
    right.loglog(
        positive,
        1 / (positive + 1 / tau_theta),
        marker,
        color=colour,
        markersize=5,
        label=label,
    )
longest = mp.theory.largest_stable_step(positive)
right.axhline(
    longest,
    color=ORANGE,
    linestyle="--",
    label=r"explicit, the longest stable: $2/\lambda_{\max}$",
)
right.set(
    xlabel=r"eigenvalue $\lambda$ of $A^TA$",
    ylabel="factor on the gradient",
    title="the filter",
)
right.set_ylim(top=30 * max(taus))
right.legend(loc="upper right", frameon=False, fontsize=9.5)
for panel in (left, right):
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
plt.show()

# %%
# *Left: the positive eigenvalues of the layer. The first stands far above the others,
# since the inputs behind a ReLU are not negative and share a large mean; two units are
# silent on this batch and give two zeros. Right: what each step makes of the gradient's
# component at an eigenvalue. The explicit factor is one number, held down by the
# largest eigenvalue; the implicit one follows* :math:`1/\lambda` *until it levels off
# at* :math:`\tau_\theta`.
#
# The two ends
# ------------
# **Small** :math:`\tau_\theta`: the filter of :math:`d/\tau_\theta` is :math:`1/(1 +
# \tau_\theta\lambda)`, which differs from 1 by at most
# :math:`\tau_\theta\lambda_{\max}`. So :math:`d/\tau_\theta \to \nabla_\theta J`:
# ProxProp becomes gradient descent with the step size :math:`\tau\,\tau_\theta`.
#
# **Large** :math:`\tau_\theta`: now look at what the step does to the *output*,
# :math:`A d`. With the left singular vectors :math:`u_i` of :math:`A` it is
# :math:`u_i^T A d = \frac{\lambda_i}{\lambda_i + 1/\tau_\theta}\,u_i^T\delta`. The
# factor is 0 where :math:`\lambda_i = 0` and otherwise misses 1 by :math:`1/(1 +
# \tau_\theta\lambda_i)`. So :math:`A d` tends to the orthogonal projection
# :math:`P\delta` of the errors onto the range of :math:`A`, the best that any
# parameters can do. The relative error is at most
# :math:`1/(\tau_\theta\lambda_{\min})`, with the smallest *positive* eigenvalue.
#
# **In between**: with :math:`M = A^TA + I/\tau_\theta`, the slope is :math:`\langle
# \nabla_\theta J, d\rangle = g^TM^{-1}g > 0`: a descent direction for every
# :math:`\tau_\theta` (P3). How steep? Let :math:`m, \bar m` be the ends of the spectrum
# of :math:`M`, :math:`\kappa = \bar m/m`. Since :math:`(M - m I)(\bar m I - M)` is
# positive semidefinite, :math:`M^2 + m\bar m\,I \preceq (m + \bar m)\,M`. Apply this to
# :math:`d = M^{-1}g`, and then the inequality of the arithmetic and geometric mean:
#
# .. math:: (m + \bar m)\,\langle g, d\rangle \;\ge\; \|g\|^2 + m\bar m\,\|d\|^2
#           \;\ge\; 2\sqrt{m\bar m}\,\|g\|\,\|d\|
#           \quad\Longrightarrow\quad \cos\alpha \ge \frac{2\sqrt\kappa}{1 + \kappa}.
#
# That is Kantorovich's inequality, and :math:`\kappa \le 1 + \tau_\theta\|A\|^2`.

sweep = np.geomspace(1e-6, 1e8, 43)
steps = [mp.Exact()(A, delta, tau_theta) for tau_theta in sweep]
projection = mp.theory.large_step_limit(A, delta)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


small = np.array(
    [
        relative(d / t, mp.theory.small_step_limit(A, delta))
        for t, d in zip(sweep, steps, strict=True)
    ]
)
large = np.array([relative(A @ d, projection) for d in steps])
angles = np.array([mp.theory.angle(gradient, d) for d in steps])
kappas = np.array([mp.theory.condition(A, t) for t in sweep])
bounds = np.array([mp.theory.angle_bound(kappa) for kappa in kappas])

rounding = 1e-7  # for the ends of the sweep, where cond(M) is up to 1e10
assert np.all(small <= sweep * positive[-1] + rounding)
assert np.all(large <= 1 / (sweep * positive[0]) + rounding)
assert np.all(angles <= bounds + rounding)
assert np.all(angles < np.pi / 2)
assert np.all(np.diff(angles) > -rounding)  # the larger τ_θ, the larger the angle
assert np.all(kappas <= (1 + sweep * positive[-1]) * (1 + 1e-9))

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
left.loglog(
    sweep,
    small,
    "o",
    color=TEAL,
    markersize=4,
    label=r"$d/\tau_\theta$ from $\nabla_\theta J$",
)
left.loglog(
    sweep,
    sweep * positive[-1],
    "--",
    color=TEAL,
    label=r"bound $\tau_\theta\lambda_{\max}$",
)
left.loglog(
    sweep, large, "s", color=INDIGO, markersize=4, label=r"$A d$ from $P\delta$"
)
left.loglog(
    sweep,
    1 / (sweep * positive[0]),
    "--",
    color=INDIGO,
    label=r"bound $1/(\tau_\theta\lambda_{\min})$",
)
left.set(
    xlabel=r"$\tau_\theta$",
    ylabel="relative distance",
    title="the two limits",
    ylim=(1e-9, 30),
)
left.legend(frameon=False, loc="lower center", fontsize=9.5)
right.semilogx(
    sweep,
    np.degrees(angles),
    "o",
    color=BLUE,
    markersize=4,
    label=r"measured angle $\alpha$",
)
right.semilogx(
    sweep,
    np.degrees(bounds),
    "--",
    color=BLACK,
    label=r"bound by $\kappa = \mathrm{cond}(M)$",
)
right.axhline(90, color=PINK, linewidth=1)
right.text(sweep[0], 91, "no descent above", color=PINK)
right.set(
    xlabel=r"$\tau_\theta$",
    ylabel="angle to the gradient (degrees)",
    title="always downhill",
    ylim=(0, 98),
)
right.legend(frameon=False, loc="center right", fontsize=9.5)
for panel in (left, right):
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
plt.show()

# %%
# *Left: both limits with their proven bounds. Right: the angle between step and
# gradient grows with*
# :math:`\tau_\theta` *and stays below Kantorovich's bound, which stays below 90°.*
#
# Algorithm 2 is back-propagation with one line changed
# -----------------------------------------------------
# The paper states ProxProp as a sweep (A2) through lifted variables: half-steps
# :math:`a_l^{k+1/2}`, :math:`z_l^{k+1/2}`, and (E5) in each layer. ``mp.algorithm_2``
# is that text, variable by variable, with a least-squares solver of its own.
# ``mp.proxprop`` is what it comes to: the errors :math:`\delta_l` of back-propagation,
# and (E6) in the place of :math:`A_l^T\delta_l`. The half-steps only carry the errors:
# :math:`z_l^k - z_l^{k+1/2} = \tau\,\delta_l`, by induction from the last layer,
# exactly as in Algorithm 1.

steps = mp.proxprop(net, tape, loss, y, tau_theta=0.05, solver=mp.Exact())
deltas = {l: delta for l, _, delta in mp.errors(net, tape, loss, y)}
for tau in (1e-3, 1.0, 50.0):
    s = mp.algorithm_2(net, x, loss, y, tau=tau, tau_theta=0.05)
    for l, d in enumerate(steps):  # the paper counts its layers from 1
        step = s.theta[l + 1] - s.theta_next[l + 1]
        # the difference of nearly equal θ has lost some digits
        assert relative(step, tau * d) < 1e-7
        if l < len(steps) - 1:
            assert relative(s.z[l + 1] - s.z_half[l + 1], tau * deltas[l]) < 1e-8
    print(
        f"tau = {tau:5g}: Algorithm 2 and theta − tau·d agree in all {len(steps)} "
        "layers"
    )

# The last transfer keeps its gradient, as in the paper.
assert np.array_equal(steps[-1], mp.backprop(net, tape, loss, y)[-1])

# %%
# So ProxProp is a *first-order oracle*: it returns directions :math:`d_l` where
# back-propagation returns gradients, and any optimiser can take them.

J = loss(tape.output, y)
mp.SGD(net, lr=1.0).step(steps)
J_next = loss(mp.forward(net, x).output, y)
print(f"J = {J:.4f}, and after one step of SGD on the implicit directions {J_next:.4f}")
assert J_next < J

# %%
# Exercises
# ---------
# 1. Show that :math:`\|d\| \le \tau_\theta\,\|\nabla_\theta J\|`, and that
#    :math:`\|A d\| \le \|\delta\|` whatever :math:`\tau_\theta`. (Use the filter.)
# 2. Double every input :math:`a` of the layer (leave out the bias). How must
#    :math:`\tau_\theta` change so that :math:`A d` remains the same?
# 3. Why can no choice of one explicit step size imitate the blue curve of the second
#    panel?
