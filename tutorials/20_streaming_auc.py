r"""
Implicit steps on a stream: ranking by AUC
==========================================

Examples come one by one and are never seen again. How long may a step be? An explicit
one has a short answer that nobody knows beforehand; an implicit one does not ask. First
on least squares and logistic regression, one example at a time; then on a harder
objective: to rank the examples of one class above those of the other, which is a
statement about *pairs*, of which a stream has too many. SPAUC (Lei and Ying, 2021)
takes it apart into single examples, with proximal steps for any penalty.

You need: (E4) and the proximal gradient step (the tutorial on sparse nets).

**Exercise**: ``minprox exercise 20`` gives it out.
"""

import itertools
import math

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp
from minprox.methods import spauc

# sphinx_gallery_thumbnail_number = 4

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True})
plt.rcParams.update({"grid.color": "0.9", "axes.axisbelow": True})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)

# %%
# One example, one implicit step
# ------------------------------
# Let :math:`f(w) = \frac12(x^Tw - y)^2` be the loss of one example. The implicit step
# :math:`w' = w - \eta\,\nabla f(w')` is the proximal map (E4) of :math:`\eta f`. With
# :math:`r = x^Tw - y` its solution is
#
# .. math:: w' = w - \frac{\eta\, r}{1 + \eta\|x\|^2}\, x,
#
# the explicit step made shorter, just where it would be too long: it never overshoots
# the hyperplane :math:`x^Tw = y`. (Multiply by :math:`x^T` to see that :math:`r' = r/(1
# + \eta\|x\|^2)`, and insert.)
#
# For the logistic loss :math:`\log(1 + e^{-y x^Tw})` the step is again along :math:`x`,
# :math:`w' = w + \eta s\, y x`, and its length :math:`s` solves one scalar equation,
# :math:`s = 1/(1 + e^{m + \eta s\|x\|^2})` with the margin :math:`m = y x^T w`. Its
# left side rises and its right side falls, so there is one solution in :math:`[0, 1]`;
# halving that interval fifty times finds it.


def implicit_least_squares(w, x, y, eta):
    return w - eta * (x @ w - y) / (1 + eta * (x @ x)) * x


def implicit_logistic(w, x, y, eta):
    m, b, low, high = y * (x @ w), eta * (x @ x), 0.0, 1.0
    for _ in range(50):
        s = (low + high) / 2
        low, high = (
            (s, high) if s < 1 / (1 + math.exp(min(m + b * s, 500))) else (low, s)
        )
    return w + eta * s * y * x


def explicit_least_squares(w, x, y, eta):
    return w - eta * (x @ w - y) * x


def explicit_logistic(w, x, y, eta):
    return w + eta / (1 + np.exp(np.minimum(y * (x @ w), 500))) * y * x


w, x = rng.standard_normal((2, 5))
for eta in (1e-3, 1.0, 1e3):
    after = implicit_least_squares(w, x, 0.7, eta)
    assert np.allclose(after, w - eta * (x @ after - 0.7) * x)  # w' = w − η ∇f(w')
    after = implicit_logistic(w, x, -1, eta)
    assert np.allclose(after, w - eta * x / (1 + np.exp(-(x @ after))))

# %%
# Eight decades of step sizes
# ---------------------------
# Two thousand examples, each seen once, with features of different scales, and a
# constant step. What remains of the loss above its minimum (by the average over the
# second half of the iterates) if the step is too short, right, or too long?

N, d = 2000, 10
scale = np.logspace(0, -1, d)
truth = rng.standard_normal(d) / scale
X = rng.standard_normal((N, d)) * scale
targets = {
    "least squares": X @ truth + 0.5 * rng.standard_normal(N),
    "logistic regression": np.where(
        rng.uniform(size=N) < 1 / (1 + np.exp(-X @ truth)), 1, -1
    ),
}
steps = {
    "least squares": (explicit_least_squares, implicit_least_squares),
    "logistic regression": (explicit_logistic, implicit_logistic),
}


def loss(name, w):
    y = targets[name]
    return (
        np.mean((X @ w - y) ** 2) / 2
        if name == "least squares"
        else np.mean(np.logaddexp(0, -y * (X @ w)))
    )


def minimum(name):
    """The smallest loss, by a few steps of Newton's method on all examples."""
    y, w = targets[name], np.zeros(d)
    for _ in range(20):
        p = 1 / (1 + np.exp(y * (X @ w)))
        slope = X.T @ (X @ w - y if name == "least squares" else -y * p)
        bend = np.ones(N) if name == "least squares" else p * (1 - p)
        w = w - np.linalg.solve(X.T @ (bend[:, None] * X), slope)
    return loss(name, w)


def follow(name, step, eta):
    w, mean = np.zeros(d), np.zeros(d)
    with np.errstate(all="ignore"):
        for t in range(N):
            w = step(w, X[t], targets[name][t], eta)
            if t >= N // 2:
                mean = mean + (w - mean) / (t + 1 - N // 2)
        return loss(name, mean)


etas = np.logspace(-3, 5, 17)
figure, panels = plt.subplots(1, 2, figsize=(11, 4))
useful = {}
for panel, (name, pair) in zip(panels, steps.items(), strict=True):
    low, start = minimum(name), loss(name, np.zeros(d))
    for step, colour, marks, kind in zip(
        pair, (ORANGE, BLUE), ("o-", "s-"), ("explicit", "implicit"), strict=True
    ):
        excess = np.array([follow(name, step, eta) for eta in etas]) - low
        excess = np.where(np.isfinite(excess), excess, np.inf)
        useful[name, kind] = etas[excess < (start - low) / 2]
        shown = excess < 1e3
        panel.loglog(etas[shown], excess[shown], marks, ms=4, color=colour, label=kind)
        if not shown.all():
            panel.plot(
                etas[shown][-1],
                excess[shown][-1],
                "X",
                ms=11,
                color=colour,
                mec="white",
            )
    panel.axhline(start - low, color="0.5", lw=1, label="without learning")
    panel.set(xlabel=r"step size $\eta$", title=name, ylim=(1e-4, 1e3))
panels[0].set_ylabel("loss above its minimum")
panels[0].legend(frameon=False, loc="upper right")
plt.show()

for (name, kind), found in useful.items():
    decades = np.log10(found[-1] / found[0])
    print(
        f"{name}, {kind}: at least half of the loss gone over {decades:.1f} decades of "
        "step sizes"
    )
    assert (decades > 3.2) == (kind == "implicit")

# %%
# *At a cross the next value is outside of the figure, or infinite. Implicit steps may
# be chosen within many decades. The logistic loss has bounded slopes, so that even
# explicit steps stay finite; they overshoot in proportion to* :math:`\eta`, *the
# implicit ones as its logarithm.*
#
# To rank is a statement about pairs
# ----------------------------------
# Whether a score is good is often not a matter of its threshold: it should put the
# examples of the positive class above the others. The share of pairs that it ranks
# right is its **AUC**, the area under the ROC curve. A million scores have
# :math:`2.5\cdot10^{11}` pairs; but sorted, a count of who stands below whom gives the
# same number (S12).

scores, y = np.array([0.1, 0.4, 0.35, 0.8, 0.4]), np.array([-1, -1, 1, 1, 1])
pairs = [(s > r) + 0.5 * (s == r) for s in scores[y == 1] for r in scores[y == -1]]
assert spauc.auc(scores, y) == np.mean(pairs)

# %%
# A share cannot be descended, so take its square surrogate: for a linear score
# :math:`w^Tx`, with the share :math:`p` of the positive class,
#
# .. math:: f(w) = p(1-p)\,\mathrm{E}\bigl[(1 - w^T(x - x'))^2 \,\big|\, y = 1, y' =
#           -1\bigr].
#           \qquad\text{(S1)}
#
# Each pair should differ by 1 in the right direction. With the means :math:`u, v` of
# the classes and the second moment :math:`S` of a difference it is a quadratic, and
# with :math:`\lambda\|w\|^2` its minimiser is a linear solve (S8). That needs all
# examples, a matrix of :math:`d^2` numbers and :math:`d^3` multiplications. We keep it
# as the answer to compare with.
#
# The task again: which digits are an 8? A tenth of them is.

digits = mp.datasets.digits(dtype="float64")


def prepared(split, like=digits.train):
    """Features with mean 0, examples with norms of about 1, labels ±1."""
    spread = like.x.std(axis=0)
    x = (split.x - like.x.mean(axis=0)) / np.where(spread > 0, spread, 1) / 8
    return x, np.where(split.y == 8, 1, -1)


(x, y), (x_test, y_test) = prepared(digits.train), prepared(digits.validation)
m, lam = spauc.moments(x, y), 1e-3
best = spauc.closed_form(m, lam)
print(f"closed form: AUC {spauc.auc(x_test @ best, y_test):.4f}")

# %%
# From pairs to single examples
# -----------------------------
# Now the idea. The mean over pairs of independent examples contains only means over
# single ones: Proposition 1 of the paper writes :math:`f` as the mean of
#
# .. math:: \tilde F(w; z) = p(1-p) + (1-p)\bigl(w^T(x-u)\bigr)^2 I_+ +
#           p\bigl(w^T(x-v)\bigr)^2 I_-
#           + 2p(1-p)\,w^T(v-u) + p(1-p)\bigl(w^T(v-u)\bigr)^2
#           \qquad\text{(S2)}
#
# over the examples :math:`z = (x, y)`, each of them convex in :math:`w`. So the mean of
# its gradients (S3) is the gradient of :math:`f`, summed over all pairs. Let us not
# believe it:


def over_pairs(w):
    """The gradient of f, pair by pair."""
    total = 0.0
    for one in x[y == 1]:
        differences = one - x[y == -1]
        total = total + (-2 * (1 - differences @ w)) @ differences
    count = np.sum(y == 1) * np.sum(y == -1)
    return m.p * (1 - m.p) * total / count


def over_examples(w, gradient):
    return np.mean(
        [gradient(w, a, b == 1, m.p, m.u, m.v) for a, b in zip(x, y, strict=True)],
        axis=0,
    )


w = rng.standard_normal(64)
assert np.allclose(over_examples(w, spauc.gradient), over_pairs(w), atol=1e-12)
print(
    "one mean over 1,297 examples is the mean over",
    np.sum(y == 1) * np.sum(y == -1),
    "pairs",
)

# %%
# SPAUC
# -----
# On a stream :math:`p`, :math:`u` and :math:`v` are not known; counts and running sums
# take their place. Algorithm 1 of the paper is then (S4)
#
# .. math:: w \leftarrow \mathrm{prox}_{\eta\Omega}\bigl(w - \eta\,\nabla\tilde F(w;
#           z)\bigr)
#
# with any penalty, in memory and time of :math:`O(d)` for each example. Steps fall as
# :math:`\eta_t = 2/(\mu t + 1)` (S6). Its relatives:
#
# - **SPAM** (S9) has the same mean, but wants :math:`p, u, v` beforehand;
# - **SGD on pairs** (S10) lets each example meet the last one of the other class;
# - **SOLAM** (S11) writes :math:`f` as a saddle point and descends and ascends. It has
#   a step and a radius of its own.

penalty, rule = mp.prox.L2Squared(lam), spauc.Inverse(1e-2)
makers = {
    "SPAUC": lambda: spauc.SPAUC(64, penalty, rule),
    "SPAUC, implicit": lambda: spauc.SPAUC(64, penalty, rule, implicit=True),
    "SPAM": lambda: spauc.SPAM(64, penalty, rule, m=m),
    "SGD on pairs": lambda: spauc.PairwiseSGD(64, penalty, rule),
    "SOLAM": lambda: spauc.SOLAM(64, spauc.Power(0.3), radius=5.0),
}
looks = dict(
    zip(
        makers,
        zip(
            (ORANGE, BLUE, GREEN, PINK, BLACK), ("-", "-", "--", ":", "-."), strict=True
        ),
        strict=True,
    )
)
passes = 5
orders = np.concatenate(
    [np.random.default_rng(k).permutation(len(y)) for k in range(passes)]
)
times = np.unique(np.logspace(1, np.log10(len(orders)), 45).astype(int))


def objective(w):
    return spauc.objective(w, m) + lam * w @ w


figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4))
gaps, aucs = {}, {}
for name, make in makers.items():
    learner, gaps[name], aucs[name] = make(), [], []
    for start, stop in itertools.pairwise([0, *times]):
        learner.learn(x[orders[start:stop]], y[orders[start:stop]])
        gaps[name].append(objective(learner.coef) - objective(best))
        aucs[name].append(spauc.auc(x_test @ learner.coef, y_test))
    colour, dashes = looks[name]
    left.loglog(times, gaps[name], dashes, color=colour, lw=1.8, label=name)
    right.semilogx(times, aucs[name], dashes, color=colour, lw=1.8, label=name)
reached = spauc.auc(x_test @ best, y_test)
right.axhline(reached, color="0.5", lw=1, label="closed form")
left.set(
    xlabel="examples seen",
    ylabel=r"$f + \lambda\|w\|^2$ above its minimum",
    title="the objective",
)
right.set(
    xlabel="examples seen",
    ylabel="AUC, validation",
    title="what it is for",
    ylim=(0.8, 1.0),
)
right.legend(frameon=False, loc="lower right")
for panel in (left, right):
    panel.axvline(len(y), color="0.8", lw=1, zorder=0)
plt.show()
for name in ("SPAUC", "SPAUC, implicit"):
    assert abs(aucs[name][-1] - reached) < 0.005
    assert gaps[name][-1] < 2e-3

# %%
# *Grey upright line: the end of the first pass. With one step rule for four of them,
# both forms of SPAUC are the steadiest. SOLAM's average is slow to reach the scale of
# the minimiser, which the AUC does not care about.*
#
# Why SPAUC is steadier than SPAM
# -------------------------------
# Two estimates with the same mean, and not the same spread: SPAM's gradient is a
# multiple of :math:`x`, SPAUC's has :math:`x` only as a deviation from its class mean.
# Add a constant to all features, which changes no difference and so no AUC: SPAUC does
# not notice, SPAM does.


def spread(gradient, shift):
    """The variance of a gradient at the minimiser, all features moved by a constant."""
    z = [
        (a + shift, b == 1, m.p, m.u + shift, m.v + shift)
        for a, b in zip(x, y, strict=True)
    ]
    found = np.array([gradient(best, *example) for example in z])
    return np.sum((found - found.mean(axis=0)) ** 2, axis=1).mean()


shifts = np.linspace(0, 1, 6)
spreads = {
    g: [spread(g, shift) for shift in shifts]
    for g in (spauc.gradient, spauc.spam_gradient)
}
figure, panel = plt.subplots(figsize=(6, 3.8))
panel.semilogy(shifts, spreads[spauc.gradient], "o-", color=ORANGE, label="SPAUC")
panel.semilogy(shifts, spreads[spauc.spam_gradient], "s--", color=GREEN, label="SPAM")
panel.set(xlabel="constant added to all features", ylabel="variance of the gradient")
panel.legend(frameon=False)
plt.show()
assert np.ptp(spreads[spauc.gradient]) < 1e-10
assert spreads[spauc.spam_gradient][-1] > 100 * spreads[spauc.gradient][-1]

# %%
# The exact implicit step
# -----------------------
# :math:`\tilde F` is a quadratic whose Hessian has rank two: it knows the directions
# :math:`a = x - u` (or :math:`x - v`) and :math:`b = v - u`, no others. So its proximal
# map is a :math:`2 \times 2` system (S5), still :math:`O(d)`. Is the equation of the
# implicit step solved?

w, row = rng.standard_normal(64), x[0]
for eta in (1e-2, 1.0, 1e4):
    after = spauc.proximal_point(w, row, True, m.p, m.u, m.v, eta)
    assert np.allclose(
        after, w - eta * spauc.gradient(after, row, True, m.p, m.u, m.v), atol=1e-8
    )

# %%
# And the map over step sizes, constant here: one pass over the digits, with averaged
# weights (S7).

etas = np.logspace(-2, 4, 13)
ends = {False: [], True: []}
for implicit, eta in itertools.product(ends, etas):
    learner = spauc.SPAUC(64, penalty, eta, average=True, implicit=implicit).learn(x, y)
    ends[implicit].append(
        np.nan if learner.diverged else spauc.auc(x_test @ learner.coef, y_test)
    )
figure, panel = plt.subplots(figsize=(7, 4))
for implicit, colour, marks in ((False, ORANGE, "o-"), (True, BLUE, "s-")):
    panel.semilogx(
        etas,
        ends[implicit],
        marks,
        color=colour,
        label="implicit" if implicit else "explicit",
    )
lost = np.flatnonzero(np.isnan(ends[False]))[0]
panel.axvspan(etas[lost - 1], etas[-1] * 1.3, color=ORANGE, alpha=0.08)
panel.text(etas[lost] * 1.1, 0.56, "explicit steps diverge", color=ORANGE)
panel.axhline(reached, color="0.5", lw=1, label="closed form")
panel.set(xlabel=r"step size $\eta$, constant", ylabel="AUC, validation", ylim=(0.5, 1))
panel.legend(frameon=False, loc="center left")
plt.show()
assert np.isnan(ends[False][-3:]).all()
assert np.nanmin(ends[True]) > 0.8

# %%
# A stream is never held in memory
# --------------------------------
# ``follow`` takes any iterator of examples, one by one or in pieces; a checkpoint makes
# it resumable, bit by bit. Here is a stream that ends badly, and goes on:


def broken():
    yield x[:500], y[:500]
    yield x[500:510], np.full(10, 3)  # labels of a third class


learner = spauc.SPAUC(64, penalty, rule)
try:
    learner.follow(broken())
except ValueError as message:
    print(message)
assert learner.t == 500  # what came before is kept
learner.learn(x[500:], y[500:])
assert np.array_equal(learner.w, spauc.SPAUC(64, penalty, rule).learn(x, y).w)

# %%
# A claim that must fail
# ----------------------
# Published code has lost the factor 2 of the last part of the gradient, or forgotten it
# on purpose ("a constant can be put into the step"). It is not the same constant
# everywhere: the mean is no longer the gradient over pairs, and the learner goes
# elsewhere.


def halved(w, x, positive, p, u, v):
    return spauc.gradient(w, x, positive, p, u, v) - p * (1 - p) * (1 + (v - u) @ w) * (
        v - u
    )


try:
    assert np.allclose(over_examples(w, halved), over_pairs(w), atol=1e-12)  # must fail
except AssertionError:
    print("refused, as it must be: half of one part is no multiple of the gradient")
else:
    raise RuntimeError("the wrong gradient passed")

# %%
# What to take along
# ------------------
# - An implicit step on one example costs what an explicit one costs, and bears any step
#   size.
# - A statement about pairs may be a mean over single examples: look for the means
#   inside.
# - Two unbiased gradients can differ a hundredfold in their spread.
#
# Exercises
# ---------
# 1. Show that the implicit step on least squares is the explicit one with
#    :math:`\eta/(1 + \eta\|x\|^2)`, and what remains of it for :math:`\eta \to \infty`
#    (Kaczmarz, 1937).
# 2. Derive (S2): write :math:`x - x' = (x - u) - (x' - v) + (u - v)` and take the mean.
# 3. ``mp.prox.L1`` in the place of the squared norm: how many pixels does a ranking
#    need?
# 4. Drop one of the classes from the first half of the stream. What does the learner
#    do, and why?
