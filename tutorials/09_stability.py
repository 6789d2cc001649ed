r"""
Stability over step sizes
=========================

How far can one turn up the step size until training breaks down? The second experiment
of the paper (X2) asks this of back-propagation and of ProxProp, over five decades. Here
it runs on the digits. Then we look for the reason: the curvature of the net, measured,
predicts at which step size gradient descent breaks down, and shows what implicit steps
make of it. And some of the implicit steps break down, too: a theorem is a statement
about its assumptions.

**Exercise**: ``minprox exercise 09`` gives it out.
"""

# %%
# One quadratic
# -------------
# On :math:`f(\theta) = \frac12\|A\theta - b\|^2`, tutorial 1 shows, a step multiplies
# the error along an eigenvector of :math:`A^TA` with the eigenvalue :math:`\lambda` by
#
# .. math:: 1 - \tau\lambda \;\text{ (explicit)}, \qquad
#           \frac{1}{1 + \tau_\theta\lambda} \;\text{ (implicit)}. \qquad\text{(P5)}
#
# The explicit factor leaves :math:`[-1, 1]` at :math:`\tau = 2/\lambda`, and the
# largest eigenvalue is the first for which that happens. The implicit factor stays in
# :math:`(0, 1]`, whatever :math:`\tau_\theta`. In a layer of a net :math:`A` holds the
# inputs. Those of the first layer are known before any training: (The loss of a net is
# a mean over the batch, so that its curvatures are smaller, by a factor like 100. What
# matters here is that the explicit factor has a limit and the implicit one has none.)

import functools
import tempfile
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse.linalg import LinearOperator, eigs

import minprox as mp
from minprox import experiments

# sphinx_gallery_thumbnail_number = 3

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)

data = mp.datasets.digits(dtype="float64")
x, y, loss = data.train.x[:300], data.train.y[:300], mp.CrossEntropy()
lam = mp.theory.spectrum(mp.DenseMap(x[:100], bias=True))
for tau in experiments.X2.steps:
    explicit = abs(mp.theory.explicit_factor(lam, tau)).max()
    implicit = mp.theory.implicit_factor(lam, tau)
    print(
        f"step size {tau:6g}: explicit factor up to {explicit:9.4g}, implicit from "
        f"{implicit.min():.3g}"
    )
    assert 0 < implicit.min() <= implicit.max() <= 1
    assert (explicit > 1) == (tau > mp.theory.largest_stable_step(lam))

# %%
# X2 -- The experiment is a declaration: four methods, each at every step size, which is
# :math:`\tau` for BackProp and :math:`\tau_\theta` for ProxProp (whose :math:`\tau` is
# 1). We take the quick preset, and to be quicker still a smaller net and five epochs. A
# run whose loss becomes NaN or infinite is recorded as *diverged*. That is a result and
# not an error: it is what the experiment asks about.

quick = experiments.quick(experiments.X2)
small = {
    key: replace(run, architecture="64-100-50-100-10", epochs=5)
    for key, run in quick.methods.items()
    if key != "cg5"
}
here = replace(quick, methods=small)
print(f"{len(here.runs)} runs, among them {list(here.runs)[:2]}")

with tempfile.TemporaryDirectory() as folder:
    histories = experiments.run(here, folder, progress=False)
    print(experiments.table(here, folder))
    map_of_losses = mp.figures.experiment(here, folder)


def show(figure):
    """Hand a figure of ``mp.figures`` to pyplot, which shows it."""
    plt.figure(FigureClass=lambda *args, **options: figure)
    plt.show()


show(map_of_losses)

# %%
# A net that says nothing has the loss :math:`\ln 10 = 2.3`. Let us say that a run has
# *trained* if it ends below half of that.

chance = np.log(10)
losses = {key: {} for key in here.methods}
for (name, run), history in zip(here.runs.items(), histories.values(), strict=True):
    key, step = (
        name.split("/")[1].split("-")[0],
        run.tau if run.method == "backprop" else run.tau_theta,
    )
    losses[key][step] = (
        history.train_loss[-1] if history.diverged_at is None else np.inf
    )
trained = {
    key: [step for step, value in row.items() if value < chance / 2]
    for key, row in losses.items()
}
for key, found in trained.items():
    print(f"{here.methods[key].label:15} has trained at {sorted(found)}")

assert len(trained["backprop"]) <= 3
assert max(trained["backprop"], default=0) <= 0.5
assert len(trained["cg1"]) >= 7
assert len(trained["exact"]) >= 4
assert losses["exact"][0.05] < min(losses["backprop"].values()) / 2

# %%
# BackProp has a narrow window: a tenth of a good step size and it hardly moves within
# five epochs, ten times a good one and it never comes down. ProxProp trains over
# several decades, as the paper finds, and the less exact its solves the further up.
# That exact steps fail at the right end is the opposite of what one reads into (P5).
# Both ends of the table want an explanation. (Keep in mind that all rows of ProxProp
# have the same :math:`\tau = 1` and the same momentum. Is that the same length of
# step?)
#
# The limit of gradient descent
# -----------------------------
# Around a point :math:`\theta` the gradient is linear, :math:`\nabla J(\theta + h)
# \approx \nabla J(\theta)
# + H h`, with the Hessian :math:`H`. So two nets that differ by :math:`h` differ by
# :math:`(I - \tau H)\,h` after one step of gradient descent. If :math:`h` is the
# eigenvector of the largest eigenvalue, the gap between them is multiplied by :math:`1
# - \tau\lambda_{\max}`. It grows if :math:`\tau > 2/\lambda_{\max}`, and then no valley
# as narrow as this one can hold the net.
#
# The Hessian need not be written down. A product with it is one more pass over the net,
# the tangent pass: how the gradient changes when the parameters move along :math:`v`.
# It costs about two back-propagations, whatever the number of parameters, and from such
# products alone Lanczos' method finds the largest eigenvalue. ``mp.theory.sharpness``
# does both.


def make_net():
    """The net of X2, in float64."""
    return mp.Sequential(
        *(mp.Linear(64, 100), mp.ReLU(), mp.Linear(100, 50), mp.ReLU()),
        *(mp.Linear(50, 100), mp.ReLU(), mp.Linear(100, 10)),
        seed=0,
        dtype="float64",
    )


def directions(net, direction=mp.backprop):
    return direction(net, mp.forward(net, x), loss, y)


def J(net):
    return float(loss(mp.forward(net, x).output, y))


def moved(theta, s, v):
    """θ + s v, for lists of arrays."""
    return [a + s * b for a, b in zip(theta, v, strict=True)]


def inner(u, v):
    return float(sum((a * b).sum() for a, b in zip(u, v, strict=True)))


def measured(net, direction=mp.backprop):
    return mp.theory.sharpness(net, mp.forward(net, x), loss, y, direction)


# %%
# Where shall we measure? At the start the curvature is small, or even negative: the net
# is at a plateau, and a measurement there promises step sizes that it cannot keep. So
# we first train by gradient descent (all 300 digits, :math:`\tau = 0.2`, no momentum),
# and measure when the net has learned something.

net = make_net()
at_start = measured(net).value
for _ in range(140):
    net.parameters = moved(net.parameters, -0.2, directions(net))
here_theta = [theta.copy() for theta in net.parameters]
found = measured(net)
sharpness, limit, v = found.value, found.limit, found.vector
Hv = mp.tangent(net, mp.forward(net, x), loss, y, v=v)
print(f"curvature at the start {at_start:.2f}; at J = {J(net):.3f}: {sharpness:.2f}")
print(f"gradient descent is stable here for tau < {limit:.3f}")
assert abs(at_start) < sharpness / 2
assert limit == mp.theory.largest_stable_step(sharpness)
assert np.isclose(inner(v, Hv), sharpness)
assert inner(Hv, Hv) < (1 + 1e-4) * sharpness**2  # v is an eigenvector

# %%
# The prediction is tested twice. First the gap: two copies of the net, a ten-millionth
# apart along
# :math:`v`, take the same number of steps, and the gap between them is compared with
# :math:`(1 - \tau\lambda_{\max})^k`. Then the loss, which is what one sees in practice.


def descend(tau, steps, shift=0.0):
    """Return the parameters before each of these steps, and after the last."""
    path = [moved(here_theta, shift, v)]
    for _ in range(steps):
        net.parameters = path[-1]
        path.append(moved(path[-1], -tau, directions(net)))
    return path


def loss_along(path):
    found = []
    for theta in path:
        net.parameters = theta
        found.append(J(net))
    return np.array(found)


shares = {
    0.5: (TEAL, "^-"),
    0.8: (OLIVE, "s-"),
    1.2: (INDIGO, "D--"),
    2.0: (WINE, "o--"),
}
gaps, courses = {}, {}
for share in shares:
    tau = share * limit
    straight, shifted = descend(tau, 24), descend(tau, 4, shift=1e-7)
    gaps[share] = [
        inner(v, moved(b, -1, a)) / 1e-7
        for a, b in zip(straight[:5], shifted, strict=True)
    ]
    courses[share] = loss_along(straight)
    found = ", ".join(f"{gap:7.2f}" for gap in gaps[share][1:])
    print(
        f"tau = {share} of the limit: gap {found}; predicted factor "
        f"{1 - 2 * share:.1f} a step"
    )
    # one step: as predicted
    assert np.isclose(gaps[share][1], 1 - tau * sharpness, atol=0.02)
    assert (abs(gaps[share][4]) > 1) == (share > 1)  # four steps: it has grown, or not
assert (np.diff(courses[0.5]) < 0).all()
assert courses[2.0].max() > 2 * courses[2.0][0]

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
for share, (colour, style) in shares.items():
    label = rf"$\tau = {share:g} \cdot 2/\lambda_{{\max}}$"
    size = np.maximum(np.abs(gaps[share]), 1e-3)
    left.semilogy(range(5), size, style[0], color=colour, label=label, markersize=7)
    predicted = np.maximum(abs(1 - 2 * share) ** np.arange(5), 1e-3)
    left.semilogy(range(5), predicted, style[1:], color=colour, linewidth=1.2)
    right.semilogy(courses[share], style, color=colour, markersize=5)
left.axhline(1, color="0.5", linewidth=0.8)
left.set(
    xlabel="step",
    ylabel="gap between two nets, relative",
    title="the gap: measured (marks), predicted (lines)",
)
left.set_xticks(range(5))
right.set(xlabel="step", ylabel="training loss", title="the loss")
left.legend(frameon=False, loc="upper left", fontsize=9.5)
for panel in (left, right):
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
plt.show()

# %%
# *Left: below the limit two neighbours come together, above it they part. (The first
# curve is cut off at 1/1000: at half the limit the factor is zero.) Right: above the
# limit the loss goes on falling for a few steps, until the growing component is large
# enough to be seen; the nearer to the limit, the longer it takes.*
#
# Momentum moves the limit. On a quadratic, Nesterov's step is a linear map of
# :math:`(e, v)`, the error and the velocity, and it is stable if both eigenvalues of
# that :math:`2 \times 2` matrix are below 1:

mu = 0.95


def radius(product):
    """Spectral radius of a Nesterov step where τλ = product; the velocity is counted
    in units of 1/τ."""
    # v ← μ v + λ e;  e ← e − τ (λ e + μ v)
    step = np.array([[1 - product * (1 + mu), -(mu**2)], [product, mu]])
    return abs(np.linalg.eigvals(step)).max()


bound = (2 + 2 * mu) / (1 + 2 * mu)
assert radius(0.99 * bound) < 1 < radius(1.01 * bound)
print(
    f"Nesterov momentum {mu}: stable for tau < {bound:.2f}/lambda = "
    f"{bound / sharpness:.3f}"
)
assert 0.05 < bound / sharpness < 0.5
assert max(trained["backprop"], default=0) < 3 * bound / sharpness

# %%
# The predicted limit lies where BackProp's row in the table turns from training to
# failing: a measurement at one point, on 300 digits, explains the order of magnitude.
# It cannot explain more. The curvature changes during training, mini-batches have
# curvatures of their own, and a net above the limit need not diverge to infinity:
# mostly it is thrown out of its valley to a plateau, where the gradient is nearly zero,
# and ends near :math:`\ln 10`.
#
# What implicit steps make of the curvature
# -----------------------------------------
# A step by :math:`M^{-1}\nabla J`, block by block, is a step of gradient descent in
# other coordinates, and the limit there is :math:`2/\lambda_{\max}(M^{-1/2} H
# M^{-1/2})`. For exact proximal steps :math:`M = A^TA + I/\tau_\theta`. So we can
# measure the *curvature that an implicit step meets*. We leave out the last layer,
# whose step is explicit in ProxProp as well (``15_sharpness.py`` is about that): a
# direction says what it makes of the gradient by a root of :math:`M^{-1}`, and ours has
# zeros there.
#
# Steps by CG are no linear function of the gradient, and have no :math:`M`. But they
# have a derivative, which two evaluations give, one on each side, and the eigenvalue of
# largest modulus of that is what counts.


class Hidden:
    """A direction without its last layer."""

    def __init__(self, direction):
        self.direction = direction

    def __call__(self, net, tape, loss, y):
        *first, last = self.direction(net, tape, loss, y)
        return [*first, 0 * last]

    def root(self, net, tape, loss, y):
        kept = mp.pack([np.ones(theta.shape) for theta in net.parameters])
        kept[-net.parameters[-1].size :] = 0
        R = mp.theory.root(net, tape, loss, y, self.direction)
        return R @ LinearOperator(
            R.shape,
            matvec=lambda v: kept * v.ravel(),
            rmatvec=lambda v: kept * v.ravel(),
        )


def met_by_cg(direction, epsilon=1e-8):
    """The modulus of the leading eigenvalue of the derivative of any direction."""

    def derivative(u):
        ends = []
        for s in (epsilon, -epsilon):
            net.parameters = moved(here_theta, s, mp.unpack(u, net))
            ends.append(mp.pack(directions(net, direction)))
        net.parameters = here_theta
        return (ends[0] - ends[1]) / (2 * epsilon)

    n = mp.pack(here_theta).size
    D = LinearOperator((n, n), matvec=derivative, dtype="float64")
    return abs(
        eigs(
            D,
            k=1,
            which="LM",
            v0=mp.pack(v),
            ncv=8,
            tol=1e-2,
            return_eigenvectors=False,
        )[0]
    )


net.parameters = here_theta
explicit = measured(net, Hidden(mp.backprop)).value
sweep = sorted(experiments.X2.steps)[::2]
solvers = {"exact": mp.Exact(), "cg3": mp.BlockCG(3), "cg1": mp.BlockCG(1)}
met = {}
for name, solver in solvers.items():
    met[name] = []
    for tau_theta in sweep:
        step = Hidden(
            functools.partial(mp.proxprop, tau_theta=tau_theta, solver=solver)
        )
        met[name].append(
            measured(net, step).value if name == "exact" else met_by_cg(step)
        )
    text = ", ".join(
        f"{t:g}: {value:.4f}" for t, value in zip(sweep, met[name], strict=True)
    )
    print(f"ProxProp {name}: {text}")
print(f"explicit, the hidden layers alone: {explicit:.2f} times tau")
assert max(sweep) * explicit > 100
assert max(max(values) for values in met.values()) < 0.5

figure, axes = plt.subplots(figsize=(8.5, 4.6), layout="constrained")
axes.axhspan(2, 1e4, color="0.93")
axes.text(sweep[-1], 3, "neighbours part", color="0.35", ha="right")
axes.loglog(
    sweep,
    np.array(sweep) * explicit,
    "o-",
    color=ORANGE,
    label=r"explicit, step size $\tau$",
)
for (name, values), colour, style in zip(
    met.items(), (BLUE, GREEN, SKY), ("s-", "^--", "D:"), strict=True
):
    label = rf"implicit, {name}, step size $\tau_\theta$ ($\tau = 1$)"
    axes.loglog(sweep, values, style, color=colour, label=label)
axes.axhline(bound, color=BLACK, linewidth=1, linestyle="--")
axes.text(sweep[-1], bound / 2.2, f"limit with momentum {mu}", ha="right")
axes.set(xlabel="step size", ylabel="step size × curvature", ylim=(1e-4, 2e3))
axes.set_title("what the hidden layers meet")
axes.legend(frameon=False, loc="upper left", fontsize=9.5)
axes.grid(True, color="0.9")
axes.set_axisbelow(True)
plt.show()

# %%
# *The explicit curve is a straight line through the limit. The implicit ones level off
# far below it, since the inverse of* :math:`A^TA + I/\tau_\theta` *divides the
# curvature that the inputs of a layer bring in.* That is (P5) at work in a net, and the
# explanation of the wide rows of the table.
#
# How *far* below is a matter of scale, though. The curvature of the loss is a mean over
# the batch, and :math:`A^TA` is a sum: what an implicit step meets falls nearly like
# :math:`1/N`. A net trained on 1,200 digits, measured on some of them:

all_digits = make_net()
many = data.train.x[:1200], data.train.y[:1200]
for _ in range(140):
    gradient = mp.backprop(all_digits, mp.forward(all_digits, many[0]), loss, many[1])
    all_digits.parameters = moved(all_digits.parameters, -0.2, gradient)
half = Hidden(functools.partial(mp.proxprop, tau_theta=0.5, solver=mp.Exact()))
levels = {}
for N in (75, 300, 1200):
    tape = mp.forward(all_digits, many[0][:N])
    levels[N] = N * mp.theory.sharpness(all_digits, tape, loss, many[1][:N], half).value
    print(
        f"N = {N:4d}: the exact step meets the curvature {levels[N] / N:.5f} = "
        f"{levels[N]:.2f}/N"
    )
# while N grows by a factor of 16
assert max(levels.values()) < 4 * min(levels.values())

# %%
# What (P5) does not say
# ----------------------
# Then why do the exact steps fail at :math:`\tau_\theta \ge 5`? (P5) speaks of one
# quadratic and of steps without momentum; and the measurement above is a statement
# about neighbours, near one point. It holds for steps that stay near. How long are
# they?

net.parameters = here_theta
lengths = {}
for name, solver in solvers.items():
    lengths[name] = []
    for tau_theta in sweep:
        step = Hidden(
            functools.partial(mp.proxprop, tau_theta=tau_theta, solver=solver)
        )
        d = directions(net, step)
        lengths[name].append(inner(d, d) ** 0.5)
    text = ", ".join(
        f"{t:g}: {length:.1e}" for t, length in zip(sweep, lengths[name], strict=True)
    )
    print(f"length of the step, {name}: {text}")
# from τ_θ = 5 to 50
growth = {name: found[-1] / found[-2] for name, found in lengths.items()}
assert growth["exact"] > 1.2 > 1.05 > growth["cg3"]
assert lengths["exact"][-1] > 2 * lengths["cg3"][-1] > 2 * lengths["cg1"][-1]

# %%
# With :math:`\tau_\theta` the exact step grows and grows: it divides by ever smaller
# eigenvalues of :math:`A^TA`, and goes far in directions that this batch hardly
# notices. Three iterations of CG have no time to see the small eigenvalues, and their
# step stops growing: that is the regularisation for which truncated CG is known in
# inverse problems. Momentum multiplies a lasting step by :math:`1/(1 - \mu) = 20`, and
# in each layer at once.
#
# Three suspects, then: momentum, the batch of 100 that leaves so many directions
# unseen, and the sheer length. An experiment can question them, with exact steps at
# :math:`\tau_\theta = 50`: without momentum; with batches of 400 (and four times the
# epochs, so that there are as many steps); and with momentum and a fifth of the
# learning rate.

exact = here.methods["exact"]
suspects = replace(
    here,
    steps=(50.0,),
    methods={
        "before": exact,
        "momentum": replace(exact, label="no momentum", optimizer="sgd", momentum=0.0),
        "batch": replace(exact, label="batch size 400", batch_size=400, epochs=20),
        "shorter": replace(exact, label="τ = 0.2", tau=0.2),
        "longer": replace(
            exact, label="no momentum, τ = 20", optimizer="sgd", momentum=0.0, tau=20.0
        ),
    },
)
with tempfile.TemporaryDirectory() as folder:
    found = experiments.run(suspects, folder, progress=False)
    print(experiments.table(suspects, folder))
ends = dict(zip(suspects.methods, found.values(), strict=True))
final = {
    key: h.train_loss[-1] if h.diverged_at is None else np.inf
    for key, h in ends.items()
}
assert final["before"] > 10 * chance
assert final["batch"] > chance  # larger batches are no cure
assert final["momentum"] < chance - 0.3  # to leave out momentum is one,
assert final["shorter"] < chance / 4  # but a shorter step with momentum is a better one

# %%
# Without momentum the longest of all implicit steps train the net. "So momentum is to
# blame" is the conclusion that suggests itself. But to leave it out has also made the
# steps twenty times shorter. If momentum were to blame, steps without it would be
# stable at that length, too. That claim must fail:

try:
    assert final["longer"] < chance, (
        f"without momentum, at the same length: {final['longer']:.1e}"
    )
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict)
else:
    raise RuntimeError("steps without momentum are stable at any length")

# %%
# What counts is the length that a lasting step comes to, :math:`\tau/(1 - \mu)`. Draw
# the losses over that, and the curves with and without momentum have one shape, and
# break down at about one length. For a small
# :math:`\tau_\theta` they do so later.

reach = (1.0, 3.0, 6.0, 10.0, 20.0, 40.0)


def end(mu, length, tau_theta):
    """Training loss after five epochs of exact steps, infinite where it diverged."""
    net = mp.Sequential(
        *(mp.Linear(64, 100), mp.ReLU(), mp.Linear(100, 50), mp.ReLU()),
        *(mp.Linear(50, 100), mp.ReLU(), mp.Linear(100, 10)),
        seed=0,
    )
    optimizer = mp.SGD(net, lr=length * (1 - mu), momentum=mu, nesterov=mu > 0)
    direction = functools.partial(mp.proxprop, tau_theta=tau_theta)
    options = {"epochs": 5, "batch_size": 100, "progress": False}
    history = mp.train(net, mp.datasets.digits(), loss, optimizer, direction, **options)
    return history.train_loss[-1] if history.diverged_at is None else np.inf


figure, panels = plt.subplots(
    1, 2, figsize=(11, 4.2), layout="constrained", sharey=True
)
highest = 50.0
by_length = {}
for panel, tau_theta in zip(panels, (0.5, 50.0), strict=True):
    for momentum, colour, style in ((0.0, TEAL, "o-"), (mu, INDIGO, "s--")):
        losses = np.array([end(momentum, length, tau_theta) for length in reach])
        by_length[tau_theta, momentum] = losses
        inside = losses < highest
        panel.loglog(
            reach,
            np.where(inside, losses, np.nan),
            style,
            color=colour,
            label=rf"$\mu$ = {momentum:g}",
        )
        outside = np.array(reach)[~inside]
        panel.plot(
            outside,
            [highest] * len(outside),
            "X",
            color=colour,
            ms=10,
            mec="white",
            clip_on=False,
        )
    panel.axhline(chance, color="0.6", lw=1)
    panel.set(
        xlabel=r"$\tau/(1 - \mu)$", title=rf"exact steps, $\tau_\theta$ = {tau_theta:g}"
    )
    panel.grid(True, color="0.9")
panels[0].set(ylabel="training loss after five epochs", ylim=(1e-3, highest))
panels[0].text(1, 1.15 * chance, r"$\ln 10$", color="0.35")
panels[0].legend(frameon=False, loc="lower left")
plt.show()

for momentum in (0.0, mu):
    assert by_length[50.0, momentum][2] < chance / 4  # a length of 6: trains,
    assert by_length[50.0, momentum][-1] > chance  # and of 40: not
    assert by_length[0.5, momentum][3] < chance / 10  # 10 with a smaller τ_θ

# %%
# *At a cross the loss is above the figure, or NaN.* The map over both step sizes is
# drawn in tutorial 24.
#
# What to take along
# ------------------
# - Diverging is a result. A table that left out the diverged runs would hide what it
#   was made for.
# - For gradient descent the largest curvature sets the limit, and one can measure it.
# - Implicit steps take the curvature of a layer's inputs out of the limit. They do not
#   take out everything: "unconditionally stable" is said of one layer, one batch and no
#   momentum.
# - Compare steps at the same length, :math:`\tau/(1 - \mu)`. Exact solves take longer
#   steps than truncated ones at the same :math:`\tau` and :math:`\tau_\theta`, so that
#   their row of the table ends first; with a smaller :math:`\tau` they train there,
#   too. "Less exact is more stable" is that, and no more.
#
# Exercises
# ---------
# 1. Show that on a quadratic the exact implicit step with Nesterov momentum is stable
#    for every
#    :math:`\tau_\theta`. (What takes the place of :math:`\tau\lambda` in ``radius``?)
#    So the failure above
#    is no failure on a quadratic.
# 2. Where is the limit for momentum without Nesterov's look-ahead? Change ``step`` in
#    ``radius``.
# 3. Measure the curvature along a run of gradient descent, every ten steps, and draw
#    :math:`2/\tau` beside it. What do you see at late times? (``15_sharpness.py`` does
#    it.)
# 4. Find a schedule of :math:`\tau_\theta` that starts at 50 and trains.
