r"""
Proximal gradient and sparse nets
=================================

A gradient step cannot make a number exactly zero, and a penalty with a kink has no
gradient where it matters. Split the work: an explicit step on the smooth part, an
implicit one on the penalty. From this one line follow ISTA and FISTA (ten lines of
code), the path of a lasso on handwritten digits, and a net that learns which of its
units it can do without.

You need: (E4), the proximal map, and its optimality condition (the tutorial on
proximal maps).

**Exercise**: ``minprox exercise 19`` gives it out.
"""

import functools

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

# sphinx_gallery_thumbnail_number = 2

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True})
plt.rcParams.update({"grid.color": "0.9", "axes.axisbelow": True})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})

# %%
# One line
# --------
# Minimise :math:`J(w) + \Omega(w)`, where :math:`J` has a gradient and :math:`\Omega`
# has a proximal map (E4). The **proximal gradient step** is
#
# .. math:: w^{k+1} = \mathrm{prox}_{\tau\Omega}\bigl(w^k - \tau\,\nabla J(w^k)\bigr).
#
# It is explicit in :math:`J` (E2) and implicit in :math:`\Omega`. Where does it come to
# rest? By the optimality condition of the proximal map, :math:`w =
# \mathrm{prox}_{\tau\Omega}(w - \tau g)` means :math:`(w - \tau g - w)/\tau \in
# \partial\Omega(w)`, that is
#
# .. math:: -\nabla J(w) \in \partial\Omega(w),
#
# whatever :math:`\tau`: exactly where :math:`J + \Omega` is smallest, if both are
# convex. We can check that without knowing the solution, by the equality of Fenchel and
# Young:
# :math:`v \in \partial\Omega(w)` if and only if
# :math:`\Omega(w) + \Omega^*(v) = \langle w, v\rangle`.
#
# The penalties of ``mp.prox`` know all three: their value, their proximal map, and
# their conjugate :math:`\Omega^*`.

v = np.array([-2.0, -0.3, 0.1, 1.5])
for penalty in (
    mp.prox.L1(0.5),
    mp.prox.ElasticNet(0.5, 0.25),
    mp.prox.NonNegative(),
    mp.prox.Simplex(),
):
    u = penalty.prox(v, tau=1.0)
    print(f"{penalty!s:32} {u}")
    assert np.isclose(penalty(u) + penalty.conjugate(v - u), u @ (v - u))

# %%
# ISTA and FISTA
# --------------
# Repeating the step is *ISTA*; its error falls like :math:`1/k`. Nesterov's
# extrapolation makes it *FISTA*, with :math:`1/k^2` for the same work. Here they are,
# for any
# :math:`\nabla J` and any penalty; the step may be as long as :math:`1/\Lambda`, where
# :math:`\Lambda` bounds the curvature of :math:`J`.


def ista(gradient, penalty, w, tau, steps):
    for _ in range(steps):
        w = penalty.prox(w - tau * gradient(w), tau)
        yield w


def fista(gradient, penalty, w, tau, steps):
    y, t = w, 1.0
    for _ in range(steps):
        w, old = penalty.prox(y - tau * gradient(y), tau), w
        t, before = (1 + np.sqrt(1 + 4 * t * t)) / 2, t
        y = w + (before - 1) / t * (w - old)
        yield w


# %%
# The task: is this digit an 8? Least squares on targets :math:`\pm 1`, one weight for
# each of the 64 pixels, and an :math:`\ell_1` penalty: the *lasso*.

digits = mp.datasets.digits(dtype="float64")
x, y = digits.train.x, np.where(digits.train.y == 8, 1.0, -1.0)
x, y = x - x.mean(axis=0), y - y.mean()  # in the place of a bias
N = len(y)
G, c = x.T @ x / N, x.T @ y / N


def least_squares(w):
    return G @ w - c  # the gradient of ‖xw − y‖²/2N


def value(w, penalty):
    return np.sum((x @ w - y) ** 2) / (2 * N) + penalty(w)


tau = N / np.linalg.norm(x, 2) ** 2  # 1/Λ
lasso, start = mp.prox.L1(0.003), np.zeros(64)
*_, best = fista(least_squares, lasso, start, tau, 20000)

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
for method, colour, dashes in ((ista, ORANGE, "-"), (fista, BLUE, "--")):
    path = list(method(least_squares, lasso, start, tau, 3000))
    gaps = np.array([value(w, lasso) - value(best, lasso) for w in path])
    zeros = [np.sum(w == 0) for w in path]
    k = np.arange(1, len(path) + 1)
    name = method.__name__.upper()
    left.loglog(k, np.maximum(gaps, 1e-14), dashes, color=colour, lw=1.8, label=name)
    right.semilogx(k, zeros, dashes, color=colour, lw=1.8, label=name)
    bound = np.sum(best**2) / (2 * tau)  # ‖w⁰ − w*‖²/2τ
    limit = bound / k if method is ista else 4 * bound / (k + 1) ** 2
    left.loglog(k, limit, ":", color=colour, lw=1.2, label=f"bound of {name}")
    assert (gaps <= limit + 1e-12).all()  # the theorems
left.set(xlabel="steps", ylabel=r"$J + \Omega$ above its minimum", title="how fast")
right.set(
    xlabel="steps", ylabel="weights that are exactly zero, of 64", title="how sparse"
)
left.set_ylim(1e-13, 1e2)
left.legend(frameon=False, loc="lower left")
right.legend(frameon=False)
plt.show()

# %%
# *Dotted: what the theorems promise, in the same colour. Both are met with room to
# spare. Right: zeros come and go until the set of non-zero weights is found; then they
# stay.*
#
# The answer proves itself: :math:`-\nabla J(w) \in \partial\Omega(w)`. For the lasso
# this reads: where a weight is zero, the slope of :math:`J` is at most :math:`\lambda`;
# where it is not, the slope is exactly :math:`-\lambda\,\mathrm{sign}(w)`.


def optimal(w, gradient, penalty, tolerance=1e-9):
    slope = -gradient(w)
    assert penalty(w) + penalty.conjugate(slope) - w @ slope <= tolerance


optimal(best, least_squares, lasso)
assert np.allclose(np.abs(least_squares(best)[best != 0]), lasso.lam)

# %%
# The path of the lasso
# ---------------------
# How large should :math:`\lambda` be? Start where all weights are zero, at
# :math:`\lambda_{\max} = \max_i |\nabla J(0)_i|`, and walk down; each solution is a
# good start for the next one.

largest = np.abs(least_squares(start)).max()
lams, w, weights = largest * np.logspace(0, -2, 40), start, []
for lam in lams:
    *_, w = fista(least_squares, mp.prox.L1(lam), w, tau, 6000)
    weights.append(w)
weights = np.array(weights)
assert not weights[0].any()
assert weights[1].any()
for lam, w in zip(lams[::13], weights[::13], strict=True):
    optimal(w, least_squares, mp.prox.L1(lam), 1e-7)

seen = digits.validation
scores = (seen.x - digits.train.x.mean(axis=0)) @ weights.T
aucs = [mp.methods.spauc.auc(s, seen.y == 8) for s in scores.T]

figure = plt.figure(figsize=(12, 6.2))
grid = figure.add_gridspec(2, 5, height_ratios=(1.6, 1))
panel = figure.add_subplot(grid[0, :3])
# the weights that are large in the middle of the path
late = np.argsort(-np.abs(weights[28]))
for i in late[::-1]:
    front = i in late[:6]
    colour = (
        (BLUE, ORANGE, GREEN, PINK, SKY, BLACK)[list(late).index(i)] if front else "0.8"
    )
    name = f"row {i // 8 + 1}, column {i % 8 + 1}" if front else None
    panel.semilogx(
        lams, weights[:, i], color=colour, lw=1.8 if front else 0.8, label=name
    )
panel.invert_xaxis()
panel.legend(frameon=False, loc="upper left", fontsize=8)
panel.set(
    xlabel=r"$\lambda$", ylabel="weights", title="each pixel has its moment to enter"
)
panel = figure.add_subplot(grid[0, 3:])
panel.semilogx(lams, aucs, "o-", ms=3, color=BLUE, label="AUC, validation")
panel.semilogx(
    lams,
    (weights != 0).mean(axis=1),
    "s--",
    ms=3,
    color=ORANGE,
    label="share of pixels used",
)
panel.invert_xaxis()
panel.set(
    xlabel=r"$\lambda$", title="what is gained, and for how many pixels", ylim=(0, 1.03)
)
panel.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.8))
for place, k in enumerate((4, 10, 18, 28, 39)):
    panel, w = figure.add_subplot(grid[1, place]), weights[k].reshape(8, 8)
    panel.imshow(w, cmap="RdBu", vmin=-abs(w).max(), vmax=abs(w).max())
    panel.set(
        xticks=[],
        yticks=[],
        title=rf"$\lambda$ = {lams[k]:.1g}: {np.sum(w != 0)} pixels",
    )
    panel.title.set_fontsize(10)
    panel.grid(False)
    panel.spines[:].set_visible(True)
plt.show()
few = np.flatnonzero(np.array(aucs) > max(aucs) - 0.02)[0]
print(
    f"{np.sum(weights[few] != 0)} of 64 pixels are within 0.02 of the best AUC, "
    f"{max(aucs):.3f}"
)
assert np.sum(weights[few] != 0) < 40

# %%
# *Below: the weights as images. Blue speaks for an 8, red against it, white is zero.
# From left to right the penalty gets weaker.*
#
# The same ten lines solve any other smooth loss. Logistic regression has a gradient
# that is no harder, and a curvature of at most a quarter:


def logistic(w):
    sign = np.where(digits.train.y == 8, 1.0, -1.0)
    return -x.T @ (sign / (1 + np.exp(sign * (x @ w)))) / N


penalty = mp.prox.ElasticNet(0.002, 0.0005)
*_, w = fista(logistic, penalty, start, 4 * tau, 6000)
optimal(w, logistic, penalty)
print(f"logistic regression with an elastic net: {np.sum(w != 0)} pixels")
assert 5 < np.sum(w != 0) < 64

# %%
# A net that sheds its units
# --------------------------
# A column of :math:`\theta` holds all that enters one unit. Penalise the *length* of
# the columns, not their squares, :math:`\Omega(\theta) = \lambda\sum_j\|\theta_{\cdot
# j}\|`: then whole units vanish. Its proximal map shortens each column by
# :math:`\tau\lambda`, or to zero.
#
# Optimisers take a penalty, one for all layers or one for each, and do the proximal
# step after their own, whatever direction they are given; biases are left alone. With
# momentum its length is :math:`\tau/(1-\mu)`, the whole length of a step along a
# constant direction, so that it comes to rest where :math:`-\nabla J \in
# \partial\Omega`. The directions here are those of ProxProp.


def train(lam):
    net = mp.Sequential(mp.Linear(64, 100), mp.ReLU(), mp.Linear(100, 10), seed=0)
    units = [mp.prox.GroupL1(lam, "columns"), None] if lam else None
    optimizer = mp.SGD(net, lr=0.5, momentum=0.9, nesterov=True, penalty=units)
    direction = functools.partial(mp.proxprop, tau_theta=0.25, solver=mp.Exact())
    history = mp.train(
        net, mp.datasets.digits(), mp.CrossEntropy(), optimizer, direction,
        epochs=60, batch_size=50, progress=False,
    )  # fmt: skip
    return net, history


strengths = (0.0, 1e-4, 3e-4, 1e-3, 2e-3, 4e-3)
runs = {lam: train(lam) for lam in strengths}
units = {
    lam: int(net.transfers[0].weight.any(axis=0).sum())
    for lam, (net, _) in runs.items()
}
for lam, (_, history) in runs.items():
    accuracy = history.validation_accuracy[-1], history.test_accuracy
    print(
        f"λ = {lam:<7g} {units[lam]:3d} units, validation and test accuracy", *accuracy
    )
assert units[0.0] == 100  # no weight of a plain run is exactly zero,
assert units[1e-3] < 60  # and here many are, all of their unit at once

# %%
# A unit without weights still has its bias, and so a constant output, which belongs
# into the biases of the next layer. Cut it out: the small net *is* the large one.


def pruned(net):
    """Return the net without the units that see nothing."""
    first, last = net.transfers
    kept = first.weight.any(axis=0)
    small = mp.Sequential(
        mp.Linear(64, int(kept.sum())), mp.ReLU(), mp.Linear(int(kept.sum()), 10)
    )
    constant = np.maximum(first.bias[~kept], 0) @ last.weight[~kept]
    small.parameters = [
        first.theta[:, kept],
        np.vstack([last.weight[kept], last.bias + constant]),
    ]
    return small


lam = 1e-3
large, small = runs[lam][0], pruned(runs[lam][0])
test = mp.datasets.digits().test
assert np.allclose(
    mp.forward(large, test.x).output, mp.forward(small, test.x).output, atol=1e-4
)
sizes = [sum(theta.size for theta in net.parameters) for net in (large, small)]
print(f"{sizes[0]:,} parameters, and {sizes[1]:,} after cutting; the same outputs")
assert sizes[1] < 0.6 * sizes[0]

figure, panels = plt.subplots(1, 3, figsize=(12, 4))
for lam, colour, marks in ((0.0, ORANGE, "o"), (3e-4, BLUE, "s"), (2e-3, GREEN, "^")):
    norms = np.sort(np.linalg.norm(runs[lam][0].transfers[0].weight, axis=0))[::-1]
    panels[0].plot(
        np.arange(1, 101),
        norms,
        marks,
        ms=3.5,
        color=colour,
        label=rf"$\lambda$ = {lam:g}",
    )
panels[0].set(
    xlabel="unit, by its length",
    ylabel=r"$\|\theta_{\cdot j}\|$",
    title="the lengths of the columns",
)
panels[0].legend(frameon=False)
counts = [units[lam] for lam in strengths]
ends = {
    "validation": [100 * h.validation_accuracy[-1] for _, h in runs.values()],
    "test (other hands)": [100 * h.test_accuracy for _, h in runs.values()],
}
for (name, accuracy), colour, marks in zip(
    ends.items(), (BLACK, PINK), ("o-", "s--"), strict=True
):
    panels[1].semilogx(counts, accuracy, marks, color=colour, label=name)
for lam, count, accuracy in zip(
    strengths[1:], counts[1:], ends["validation"][1:], strict=True
):
    place = (0, -16) if lam == strengths[-1] else (0, 8)
    panels[1].annotate(
        f"{lam:g}", (count, accuracy), place, textcoords="offset points", ha="center"
    )
panels[1].set(
    xlabel="units left, of 100",
    ylabel="accuracy (%)",
    title=r"accuracy over size; at the points $\lambda$",
    xlim=(10, 115),
    ylim=(80, 102),
    xticks=(10, 20, 50, 100),
)
panels[1].set_xticklabels(("10", "20", "50", "100"))
panels[1].xaxis.set_minor_formatter(plt.NullFormatter())
panels[1].legend(frameon=False, loc="lower right")
kept = runs[2e-3][0].transfers[0].weight
kept = kept[:, np.argsort(-np.linalg.norm(kept, axis=0))][:, : units[2e-3]]
tiles = np.full((4, 4, 9, 9), np.nan)
for tile, column in zip(tiles.reshape(16, 9, 9), kept.T, strict=False):
    tile[:8, :8] = column.reshape(8, 8) / np.abs(column).max()
panels[2].imshow(
    tiles.transpose(0, 2, 1, 3).reshape(36, 36)[:-1, :-1], cmap="RdBu", vmin=-1, vmax=1
)
panels[2].set(title=r"what the units see, $\lambda$ = 0.002")
panels[2].axis("off")
plt.show()

# %%
# *Left: units are either in use or gone. Middle: most of them can go before the
# accuracy does; an accuracy of 200 or 300 digits has a standard error of 1 to 2 points.
# Right: each tile is what one of the units that are left looks for among the 8×8
# pixels.*
#
# A claim that must fail
# ----------------------
# Can we not just add a subgradient :math:`\lambda\,\mathrm{sign}(w)` to the gradient?
# That is an *explicit* step on the penalty. It jumps over the kink, back and forth, and
# the optimality condition sees it: no weight is ever zero.

w = start
for _ in range(20000):
    w = w - tau * (least_squares(w) + lasso.lam * np.sign(w))
print(
    f"subgradient steps: {np.sum(w == 0)} weights are zero; proximal steps: "
    f"{np.sum(best == 0)}"
)
try:
    assert np.array_equal(w == 0, best == 0)
    optimal(w, least_squares, lasso)  # must fail
except AssertionError:
    print("refused, as it must be: explicit steps on a kink find no zeros")
else:
    raise RuntimeError("the subgradient method passed")

# %%
# What to take along
# ------------------
# - Explicit where there is a gradient, implicit where there is a kink: one line.
# - The answer proves itself by :math:`-\nabla J \in \partial\Omega`, through the
#   conjugate.
# - A penalty on lengths switches groups off: pixels, units, whatever shares a row or a
#   column.
# - With ProxProp the same step rests where :math:`-d \in \partial\Omega`: the penalty
#   is weighed against the implicit direction. For small :math:`\tau_\theta`, where
#   :math:`d \approx \tau_\theta\nabla J`, a :math:`\lambda` counts
#   :math:`1/\tau_\theta` times.
#
# Exercises
# ---------
# 1. Which pixels does a net need? Put ``GroupL1(lam, "rows")`` on the first layer.
# 2. ``mp.prox.Nuclear`` in the place of the :math:`\ell_1` norm makes the rank of
#    :math:`\theta` small. Replace the layer by two thin ones that give the same
#    outputs.
# 3. Show that ``GroupL1`` on columns of length 1 is ``L1``.
# 4. Why does FISTA need no more memory than one extra vector? Write it with momentum,
#    as SGD has it.
