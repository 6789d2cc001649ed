r"""
Descent directions: how far a step may turn
===========================================

The implicit step of a layer is not its gradient, and the more is asked of it, the
further it turns away. How far may it turn before it leads nowhere? This tutorial
measures the angle between the two: in an example where theory and measurement meet
exactly, in every layer of a net, with exact solves and with those that stop after a few
iterations, and over a whole training run. Then the angle gets to work: a line search
that knows only that its directions descend brings the gradient to zero (P3, P4), with
no step size to tune. It also shows which of the layers holds the others up.

**Exercise**: ``minprox exercise 11`` gives it out.
"""

# %%
# The claim
# ---------
# Let :math:`g = A^T\delta` be the gradient of a layer and :math:`d` its implicit step,
# that is :math:`M d = g` with :math:`M = A^TA + I/\tau_\theta` (E6). The matrix is
# symmetric and positive definite, so :math:`\langle g, d\rangle = d^TM d > 0`: small
# steps along :math:`-d` decrease the loss. How fast depends on the angle :math:`\alpha`
# between the two vectors. With :math:`\kappa` the condition number of :math:`M`,
# Kantorovich's inequality says
#
# .. math:: \cos\alpha = \frac{\langle g, d\rangle}{\|g\|\,\|d\|} \;\ge\;
#           \frac{2\sqrt\kappa}{1 + \kappa},
#           \qquad \kappa \le 1 + \tau_\theta\,\|A\|^2. \qquad\text{(P3)}
#
# *Proof.* Let the eigenvalues of :math:`M` lie in :math:`[m, \bar m]`. Then :math:`(M -
# mI)(\bar mI - M)` is positive semidefinite; apply it to :math:`d` and use :math:`M d =
# g`:
#
# .. math:: (m + \bar m)\,\langle g, d\rangle \;\ge\; \|g\|^2 + m\bar m\,\|d\|^2
#           \;\ge\; 2\sqrt{m\bar m}\;\|g\|\,\|d\|. \qquad ∎
#
# Where is it sharp?
# ------------------
# Both inequalities must be equations. The first is one if :math:`g` lives in the
# eigenvectors of the two extreme eigenvalues, the second if :math:`\|g\| = \sqrt{m\bar
# m}\,\|d\|`. In two dimensions that leaves, up to signs and length, :math:`g = (\sqrt
# m, \sqrt{\bar m})` and :math:`d = (1/\sqrt m, 1/\sqrt{\bar m})`: a gradient that leans
# towards the steep direction and a step that leans towards the flat one, mirror images
# of each other. Take a layer with two samples, two parameters and :math:`A =
# \mathrm{diag}(1, 3)`, and :math:`\tau_\theta = 1`. Then :math:`M = \mathrm{diag}(2,
# 10)` and :math:`\kappa = 5`.

import functools
import itertools

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

A = mp.DenseMap(np.diag([1.0, 3.0]), bias=False)
m, m_bar = 2.0, 10.0
kappa = mp.theory.condition(A, tau_theta=1.0)
assert np.isclose(kappa, m_bar / m)

g = np.array([[m**0.5], [m_bar**0.5]])
delta = np.linalg.solve(A.matrix(), g)  # the errors that have this gradient
d = mp.Exact()(A, delta, 1.0)
alpha = mp.theory.angle(g, d)
print(
    f"measured {np.degrees(alpha):.6f} degrees, allowed "
    f"{np.degrees(mp.theory.angle_bound(kappa)):.6f}"
)
assert np.allclose(d, [[m**-0.5], [m_bar**-0.5]])
assert np.isclose(np.cos(alpha), 2 * kappa**0.5 / (1 + kappa), rtol=1e-12)
assert np.isclose(alpha, mp.theory.angle_bound(kappa), rtol=1e-12)

# %%
# Every other gradient does better. Let it turn from the flat axis to the steep one:

turns = np.linspace(0, np.pi / 2, 181)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for kappa, colour, style in ((5, TEAL, "-"), (50, OLIVE, "--"), (500, INDIGO, "-.")):
    M = np.array([1.0, kappa])
    gradients = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    angles = np.array([mp.theory.angle(g, g / M) for g in gradients])
    bound = mp.theory.angle_bound(kappa)
    worst = np.arctan(kappa**0.5)
    assert np.all(angles <= bound + 1e-12)
    right.plot(np.degrees(turns), np.degrees(angles), style, color=colour, lw=2)
    right.axhline(np.degrees(bound), color=colour, lw=0.9, ls=":")
    right.plot(np.degrees(worst), np.degrees(bound), "o", color=colour, ms=7)
    right.text(1.5, np.degrees(bound) + 1.2, rf"$\kappa = {kappa}$", color=colour)
right.set(
    xlabel="direction of the gradient (degrees from the flat axis)",
    ylabel=r"angle $\alpha$ (degrees)",
)
right.set(title="attained by one gradient, and by no other", ylim=(0, 98), xlim=(0, 90))
right.set_yticks(range(0, 91, 15))
right.set_xticks(range(0, 91, 15))

levels = np.linspace(0, 2 * np.pi, 200)
for radius in (0.35, 0.7, 1.05):
    left.plot(
        radius * np.cos(levels) / m**0.5,
        radius * np.sin(levels) / m_bar**0.5,
        color="0.8",
        lw=1,
    )
for vector, name, colour, place in (
    (g / np.linalg.norm(g), "gradient $g$", ORANGE, (0.44, 0.94)),
    (d / np.linalg.norm(d), "implicit step $d$", BLUE, (0.93, 0.40)),
):
    arrow = {
        "arrowstyle": "-|>",
        "color": colour,
        "lw": 2.2,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    left.annotate("", vector[:, 0], (0, 0), arrowprops=arrow)
    left.text(*place, name, color=colour)
ends = [np.arctan2(*v[::-1, 0]) for v in (d, g)]
arc = np.linspace(*ends, 50)
left.plot(0.42 * np.cos(arc), 0.42 * np.sin(arc), color=BLACK, lw=1)
left.text(0.35, 0.33, rf"$\alpha = {np.degrees(alpha):.1f}°$")
left.plot([-0.3, 0.85], [-0.3, 0.85], color="0.5", lw=0.8, ls=":")
left.set(
    xlim=(-0.8, 1.45), ylim=(-0.45, 1.1), aspect="equal", xlabel=r"$\theta_1$ (flat)"
)
left.set(
    ylabel=r"$\theta_2$ (steep)",
    title=r"$M = \mathrm{diag}(2, 10)$: the worst gradient",
)
for panel in (left, right):
    panel.grid(True, color="0.92")
    panel.set_axisbelow(True)
plt.show()

# %%
# *Left: the gradient that attains the bound and its implicit step (as unit vectors,
# over the ellipses* :math:`\theta^TM\theta = \mathrm{const}`) *mirror each other in the
# diagonal. Right: the angle over the direction of the gradient; the dots are the worst
# cases,* :math:`g = (1, \sqrt\kappa)`.
#
# The bound is a statement about :math:`M^{-1}`, not about descent directions at large.
# Solve the system twice by mistake, and the step still goes downhill, since
# :math:`M^{-2}` is positive definite too. But it has no right to the bound, and the
# worst case tells the two apart.

twice = mp.Exact()(A, np.linalg.solve(A.matrix(), d), 1.0)  # M⁻¹ M⁻¹ g
assert (g * twice).sum() > 0
allowed = mp.theory.angle_bound(m_bar / m)
try:
    found = mp.theory.angle(g, twice)
    assert found <= allowed, (
        f"{np.degrees(found):.1f} degrees, {np.degrees(allowed):.1f} allowed"
    )  # must fail
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict, sep="\n  ")
else:
    raise RuntimeError("the step that was solved for twice went through")

# %%
# Solves that stop early
# ----------------------
# The paper solves (E6) by a few iterations of conjugate gradients. Is an unfinished
# step still inside?
#
# **Claim.** Every CG iterate from zero obeys (P3), with the :math:`\kappa` of
# :math:`M`.
#
# *Proof.* Let :math:`Q` be an orthonormal basis of the Krylov space of :math:`n`
# iterations. The iterate is :math:`d_n = Q\,T^{-1}Q^Tg` with :math:`T = Q^TM Q`, and
# :math:`g = Q Q^Tg` lies in that space itself. So the angle between :math:`g` and
# :math:`d_n` is that between :math:`Q^Tg` and :math:`T^{-1}Q^Tg`, an *exact* solve with
# a smaller matrix, whose eigenvalues lie between the extreme ones of :math:`M`. ∎
#
# For ``mp.BlockCG``, which runs on each column by itself, add up the first inequality
# of the first proof over the columns, and use the second one for the sum. After one
# iteration the flattened ``mp.CG`` has done nothing but choose a length: its direction
# is the gradient. The column-wise one has chosen a length for each output, and has
# turned.
#
# The layers of a net
# -------------------
# Now a net of four layers and 300 digits. ``mp.theory.descent`` sweeps through it and
# returns, for every layer, the angle, its bound, the condition number and the slope
# :math:`\langle g, d\rangle`. The fourth layer takes its gradient, as in the paper, so
# we look at the three others.


def make_net(activation, *sizes, seed=0):
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [mp.Linear(n_in, n_out), activation()]
    return mp.Sequential(*layers[:-1], seed=seed, dtype="float64")


data = mp.datasets.digits(dtype="float64")
x, y = data.train.x[:300], data.train.y[:300]
net, loss = make_net(mp.ReLU, 64, 60, 40, 20, 10), mp.CrossEntropy()
LAYERS = (0, 1, 2)
SOLVERS = {"exact": mp.Exact(), "cg3": mp.BlockCG(3), "cg1": mp.BlockCG(1)}
rounding = 1e-7


def measure(tau_theta, solver):
    """Angle and bound of the implicit layers, in radians; both must be in order."""
    found = mp.theory.descent(net, mp.forward(net, x), loss, y, tau_theta, solver)
    found = [found[l] for l in LAYERS]
    assert all(layer.slope > 0 for layer in found)
    assert all(layer.angle <= layer.bound + rounding for layer in found)
    return [(layer.angle, layer.bound) for layer in found]


taus = np.geomspace(1e-5, 1e4, 19)
swept = {
    name: np.array([measure(t, solver) for t in taus])
    for name, solver in SOLVERS.items()
}
flattened = np.array([measure(t, mp.CG(1)) for t in taus[::6]])
assert np.all(flattened[..., 0] < 1e-6)  # one flattened iteration does not turn at all

figure, panels = plt.subplots(
    1, 3, figsize=(12, 4.2), layout="constrained", sharey=True
)
looks = {"exact": (BLUE, "o-"), "cg3": (GREEN, "^-"), "cg1": (SKY, "s-")}
for l, panel in zip(LAYERS, panels, strict=True):
    for name, (colour, style) in looks.items():
        cosines = np.cos(swept[name][:, l, 0])
        panel.loglog(taus, cosines, style, color=colour, ms=4.5, lw=1.2, label=name)
    bounds = np.cos(swept["exact"][:, l, 1])
    panel.loglog(
        taus, bounds, "--", color=BLACK, label=r"bound $2\sqrt{\kappa}/(1 + \kappa)$"
    )
    panel.fill_between(taus, 1e-4, bounds, color="0.93")
    panel.set(
        xlabel=r"$\tau_\theta$",
        ylim=(1.5e-4, 2),
        title=f"layer {l + 1}",
        xlim=(taus[0], taus[-1]),
    )
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
panels[0].text(2e-5, 6e-4, "no step can be here", color="0.35")
panels[0].set_ylabel(r"$\cos\alpha$ between gradient and step")
panels[2].legend(frameon=False, loc="lower left")
plt.show()

# %%
# *Cosines on a logarithmic axis; CG is column-wise. All stay above the bound, for every
# layer, solver and* :math:`\tau_\theta`.
#
# **At the left end the bound is tight**: both cosines tend to 1. That is the limit in
# which ProxProp becomes gradient descent.

exact = swept["exact"]
# how many times the slope that is promised
generosity = np.cos(exact[..., 0]) / np.cos(exact[..., 1])
print(
    "promised slope exceeded by the factor, at the smallest and the largest tau_theta:"
)
print(np.round(generosity[[0, -1]], 4))
assert np.all(generosity >= 1 - rounding)
assert np.all(generosity[0] < 1.001)

# %%
# One may ask for more: both angles vanish there, but do they vanish alike? To first
# order :math:`d/\tau_\theta = g - \tau_\theta A^TA\,g`, and so
# :math:`\alpha/\tau_\theta` tends to the *standard deviation* of the eigenvalues
# :math:`\lambda_i` of :math:`A^TA`, each weighted by the share of :math:`\|g\|^2` that
# the gradient has in its eigenvector. The bound, divided by :math:`\tau_\theta`, tends
# to half their range. A standard deviation is at most half the range (Popoviciu's
# inequality: that is what has become of Kantorovich's), and equal to it only if half of
# the weight sits at either end.

tau_theta = 1e-8
measured = np.array(measure(tau_theta, mp.Exact()))
for l, A, delta in mp.errors(net, mp.forward(net, x), loss, y):
    if l in LAYERS:
        eigenvalues, V = np.linalg.eigh(A.T.gram())
        weights = ((V.T @ (A.T @ delta)) ** 2).sum(axis=1)
        weights /= weights.sum()
        deviation = np.sqrt(weights @ (eigenvalues - weights @ eigenvalues) ** 2)
        half_range = np.ptp(eigenvalues) / 2
        assert np.allclose(measured[l] / tau_theta, (deviation, half_range), rtol=1e-3)
        assert deviation < half_range
        print(f"layer {l + 1}: angle / bound tends to {deviation / half_range:.3f}")

# %%
# In all three layers the gradient sits largely at the two ends of the spectrum: at the
# lonely top eigenvalue that the mean of the inputs makes, and far down.
#
# **At the right end the bound is loose.** Here :math:`\kappa` grows in proportion to
# :math:`\tau_\theta`, since :math:`A^TA` has eigenvalues that are zero or nearly so,
# and the promise goes to zero like :math:`2/\sqrt\kappa`. The exact step turns far, but
# keeps ten times the promised slope and more. CG that stops early stops turning too: a
# polynomial of degree 2 has no sharp eye for small eigenvalues, and once
# :math:`1/\tau_\theta` is below what it can see, nothing changes any more. To stop
# early is a safeguard of its own.

assert np.all(generosity[-1] > 10)
for name in ("cg1", "cg3"):
    angles = swept[name][..., 0]
    # two decades, no change
    assert np.all(np.abs(angles[-1] - angles[-5]) < np.radians(1))
    assert np.all(angles[-1] < exact[-1, :, 0])

# %%
# During training
# ---------------
# The condition number belongs to the activations, and these change. So we train the net
# with exact ProxProp and Adam, and measure again after every epoch, on the same 300
# digits.

epochs, watched = 10, {0.001: (TEAL, "s"), 0.05: (OLIVE, "^"), 5.0: (INDIGO, "o")}
trace = {
    (t, name): [measure(t, SOLVERS[name])] for t in watched for name in ("exact", "cg3")
}


def watch(net, history):
    for (t, name), found in trace.items():
        found.append(measure(t, SOLVERS[name]))


implicit = functools.partial(mp.proxprop, tau_theta=0.05, solver=mp.Exact())
history = mp.train(
    net, data, loss, mp.Adam(net, lr=0.005), implicit, epochs=epochs, batch_size=100,
    callbacks=[watch], progress=False,
)  # fmt: skip
print(history)
assert history.validation_accuracy[-1] > 0.9

figure, panels = plt.subplots(
    1, 3, figsize=(12, 4.4), layout="constrained", sharey=True
)
for l, panel in zip(LAYERS, panels, strict=True):
    for t, (colour, marker) in watched.items():
        exactly, early = (np.degrees(trace[t, name])[:, l] for name in ("exact", "cg3"))
        panel.plot(exactly[:, 1], "--", color=colour, lw=1.1)
        panel.plot(early[:, 0], marker + ":", color=colour, ms=4.5, mfc="white", lw=1)
        panel.plot(
            exactly[:, 0],
            marker + "-",
            color=colour,
            ms=4.5,
            lw=1.2,
            label=rf"$\tau_\theta = {t:g}$",
        )
    panel.axhline(90, color=PINK, lw=1)
    panel.set(xlabel="epoch", title=f"layer {l + 1}", ylim=(0, 93))
    panel.set_yticks(range(0, 91, 15))
    panel.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
panels[0].set_ylabel("angle to the gradient (degrees)")
panels[2].legend(frameon=False, loc="lower right", fontsize=10)
plt.show()

# %%
# *Filled: exact; open: cg3, column-wise; dashed: the bound of that colour's*
# :math:`\tau_\theta`. *The bound moves with the activations (that of layer 1 does not:
# its inputs are the data); the angle follows its own ways below it, and never crosses.*
#
# What a line search makes of it
# ------------------------------
# A direction that descends is all that Armijo's rule needs. It tries :math:`\tau`,
# halves it until
#
# .. math:: J(\theta - \tau d) \;\le\; J(\theta) - \sigma\,\tau\,\langle\nabla J,
#           d\rangle,
#           \qquad \sigma = 10^{-4},
#
# and must succeed, since the slope is positive. **(P4)**: if :math:`\nabla J` is
# Lipschitz continuous on the sublevel set and the angle stays bounded away from 90°,
# then :math:`\nabla J(\theta^k) \to 0`.
#
# Here is the method in full. The first trial is always twice the step that was accepted
# last, so there is nothing to tune, for either direction. ``Counted`` counts how often
# the loss is evaluated. The batch is the whole training set, 100 digits, and tanh takes
# the place of ReLU, for the sake of the assumption on :math:`\nabla J`.


class Counted(mp.CrossEntropy):
    calls = 0

    def __call__(self, output, y):
        self.calls += 1
        return super().__call__(output, y)


SIGMA = 1e-4


def descend(direction, seed, smoothing=0.0, most=1000, enough=1e-6):
    """Armijo steps until the gradient is small: rows of J, norm of ∇J, evaluations,
    halvings."""
    net, loss = make_net(mp.Tanh, 64, 30, 20, 10, seed=seed), Counted(smoothing)
    x, y = data.train.x[:100], data.train.y[:100]
    tau, rows, halvings, promised = 1.0, [], 0.0, 0.0
    while True:
        tape = mp.forward(net, x)
        J, gradient = (
            float(mp.CrossEntropy(smoothing)(tape.output, y)),
            mp.backprop(net, tape, loss, y),
        )
        size = sum((g * g).sum() for g in gradient) ** 0.5
        rows.append((J, size, loss.calls, halvings))
        if size < enough or len(rows) > most:
            break
        d = direction(net, tape, loss, y)
        slope = sum((g * v).sum() for g, v in zip(gradient, d, strict=True))
        tried, tau = 2 * tau, mp.armijo(net, x, loss, y, d, tau=2 * tau, slope=SIGMA)
        halvings += np.log2(tried / tau)
        promised += SIGMA * tau * slope
        net.parameters = [
            theta - tau * v for theta, v in zip(net.parameters, d, strict=True)
        ]
    rows = np.array(rows)
    # downhill at every step, by at least what was promised
    assert np.all(np.diff(rows[:, 0]) < 0)
    assert rows[0, 0] - rows[-1, 0] >= promised
    return rows


directions = {
    "gradient": mp.backprop,
    r"ProxProp, $\tau_\theta = 0.05$": functools.partial(
        mp.proxprop, tau_theta=0.05, solver=mp.Exact()
    ),
    r"ProxProp, $\tau_\theta = 1$": functools.partial(
        mp.proxprop, tau_theta=1.0, solver=mp.Exact()
    ),
}
seeds = (0, 1, 2)
runs = {
    (name, seed): descend(direction, seed)
    for name, direction in directions.items()
    for seed in seeds
}


def plain(name):
    """A label without its dollar signs, for a table."""
    return name.replace("$", "").replace("\\tau_\\theta", "tau_theta")


print(
    f"{'steps / evaluations / halvings':40}"
    + "".join(f"{f'seed {seed}':>20}" for seed in seeds)
)
for name in directions:
    cells = [
        (len(runs[name, s]) - 1, *runs[name, s][-1, 2:].astype(int)) for s in seeds
    ]
    print(
        f"{plain(name):40}" + "".join(f"{f'{a} / {b} / {c}':>20}" for a, b, c in cells)
    )
# the gradient goes to zero, whatever the direction
assert all(rows[-1, 1] < 1e-6 for rows in runs.values())
for seed in seeds:
    explicit, *implicits = (runs[name, seed] for name in directions)
    for rows in implicits:
        assert 2 * len(rows) < len(explicit)
        assert 2 * rows[-1, 2] < explicit[-1, 2]

figure, panels = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
for (name, colour), style in zip(
    zip(directions, (ORANGE, TEAL, BLUE), strict=True), "-:-", strict=True
):
    for seed in seeds:
        J, size, evaluations, _ = runs[name, seed].T
        line = {
            "color": colour,
            "lw": 1.6,
            "ls": style,
            "label": name if seed == 0 else None,
        }
        panels[0].semilogy(J, **line)
        panels[1].semilogy(evaluations, J, **line)
        panels[2].semilogy(size, **line)
panels[0].set(xlabel="iterations", ylabel="loss $J$", title="over iterations")
panels[1].set(xlabel="evaluations of $J$", ylabel="loss $J$", title="over evaluations")
panels[2].set(
    xlabel="iterations", ylabel=r"$\|\nabla J\|$", title="the gradient goes to zero"
)
panels[0].legend(frameon=False, fontsize=10)
for panel in panels:
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
plt.show()

# %%
# *Three seeds each. The gradient's norm may rise on the way; the loss never does.*
#
# Every run ends where (P4) says, and ProxProp needs a fraction of the steps *and* of
# the evaluations: a step costs either direction two or three of these. An evaluation is
# a forward pass; an implicit direction costs one solve for each layer more than a
# gradient, and that is not counted here. Before you generalise, look at what this
# problem is like: a hundred digits that the net can tell apart perfectly, so that
# :math:`J` has no minimiser, only an infimum, and steps may become longer and longer.
# That suits bold directions.
#
# The honest reading
# ------------------
# Give it a minimiser: with ``label_smoothing`` of 0.1 the loss cannot fall below the
# entropy of its targets. Everything else remains.

# the label's class gets 0.9 + 0.1/10, each other 0.1/10
targets = np.array([0.91, *[0.01] * 9])
entropy = -(targets * np.log(targets)).sum()


def with_shorter_last(net, tape, loss, y):
    """The directions of ProxProp, but the explicit one of the last layer a hundred
    times shorter."""
    *steps, last = mp.proxprop(net, tape, loss, y, tau_theta=1.0, solver=mp.Exact())
    return [*steps, last / 100]


contest = {
    "gradient": (mp.backprop, ORANGE, "-"),
    r"ProxProp, $\tau_\theta = 1$": (
        directions[r"ProxProp, $\tau_\theta = 1$"],
        BLUE,
        "-",
    ),
    "the same, last layer / 100": (with_shorter_last, BLACK, "--"),
}
smooth = {
    name: descend(way, 0, smoothing=0.1, most=700)
    for name, (way, *_) in contest.items()
}

figure, panels = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
for name, (_, colour, style) in contest.items():
    J, size, *_ = smooth[name].T
    assert np.all(entropy < J)
    panels[0].loglog(
        np.arange(1, len(J) + 1), J - entropy, style, color=colour, lw=1.7, label=name
    )
    best = np.minimum.accumulate(size)
    panels[1].loglog(
        np.arange(1, len(J) + 1), best, style, color=colour, lw=1.7, label=name
    )
    gaps = J[[20, -1]] - entropy
    print(
        f"{plain(name):30} above the entropy after 20 and 700 steps: {gaps[0]:.1e}, "
        f"{gaps[1]:.1e}"
    )
panels[0].set(
    xlabel="iterations",
    ylabel="loss above the entropy of its targets",
    title="a loss with a minimum",
)
panels[1].set(
    xlabel="iterations",
    ylabel=r"smallest $\|\nabla J\|$ so far",
    title="and its gradient",
)
panels[0].legend(frameon=False, loc="lower left")
for panel in panels:
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
plt.show()

explicit, implicit, shorter = smooth.values()
# far ahead at first,
assert implicit[20, 0] - entropy < 0.3 * (explicit[20, 0] - entropy)
# and yet the gradient is the first to make ∇J small,
assert explicit[:, 1].min() < implicit[:, 1].min()
assert shorter[-1, 0] - entropy < 0.1 * (implicit[-1, 0] - entropy)  # and this is why

# %%
# *The implicit directions are ahead at first, then slow down. The dashed line shows
# what slows them.*
#
# Two layers take implicit steps, which like to be long; the last one takes its
# gradient, which cannot be. Armijo's rule has a *single* :math:`\tau` for all of them,
# and the layer that bears the least dictates it. We can put that to the test: the last
# direction, made a hundred times shorter, is still a descent direction, the rule now
# finds a far larger :math:`\tau`, and the slow end is gone. So (P4) holds, as proven;
# it promises a limit, not a speed. And the factor 100 was tuned by hand, which is what
# the line search was to spare us. Momentum and Adam, which the paper feeds its
# directions to, rescale the layers in ways of their own.
#
# Exercises
# ---------
# 1. Write the bound as :math:`\sin\alpha \le (\kappa - 1)/(\kappa + 1)`. Where else
#    have you seen that fraction?
# 2. Show that :math:`\kappa \le 1 + \tau_\theta\|A\|^2`, and when it is equal. What
#    does this say about the batch size? (``mp.theory.condition_bound`` computes it.)
# 3. The squared error lets the last layer step implicitly too
#    (``last_layer="proximal"``). Run the line search with it. Does the factor 100 still
#    help?
# 4. Is the direction of Adam a descent direction? Watch its slope during the training
#    run above.
