r"""
A residual net: reverse sweeps through a graph
==============================================

A net need not be a chain. Here layers are called on symbols, and what comes out is a
graph in which a value may be used twice. We look at the one thing that the reverse
sweep must then do which a chain never asks for; at what skip connections do to the
errors of a deep net; and at what they leave untouched: an implicit step needs the
matrix of a layer and its errors, and nothing about the way these came. At the end one
layer stands at several places, and its matrices are stacked.

**Exercise**: ``minprox exercise 12`` gives it out.
"""

# %%
# Layers on symbols
# -----------------
# A residual block adds something to what it gets, :math:`h_{k+1} = h_k +
# \varphi(\theta_k, \sigma(h_k))`. So :math:`h_k` is read twice: by the activation, and
# by the sum. ``mp.Input`` makes a symbol, a layer called on symbols returns one, and
# ``mp.Graph`` collects what stands between two of them. The task is the one of the two
# spirals, so there are two inputs and two classes.

import functools

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

import minprox as mp

# sphinx_gallery_thumbnail_number = 2

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)


def make_net(blocks, width, skip=True, seed=0, dtype="float64"):
    x = mp.Input((2,))
    h = mp.Linear(2, width)(x)
    for _ in range(blocks):
        branch = mp.Linear(width, width)(mp.Tanh()(h))
        h = mp.Add()(h, branch) if skip else branch
    return mp.Graph(x, mp.Linear(width, 2)(mp.Tanh()(h)), seed=seed, dtype=dtype)


net = make_net(blocks=2, width=8)
print(net.summary())

# %%
# ``mp.figures.graph`` draws what the table says. A second net, drawn beside it, uses
# *one* linear layer in both of its blocks; we come back to it at the end.


def make_recurrent(times, width, seed=0, dtype="float64"):
    x = mp.Input((2,))
    h, again = mp.Linear(2, width)(x), mp.Linear(width, width)
    for _ in range(times):
        h = mp.Add()(h, again(mp.Tanh()(h)))
    return mp.Graph(x, mp.Linear(width, 2)(mp.Tanh()(h)), seed=seed, dtype=dtype)


def pixels(drawn):
    """The picture that a figure makes, as an array, to be shown beside another."""
    drawn.set_dpi(150)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


recurrent = make_recurrent(times=2, width=8)
pictures = [
    pixels(mp.figures.graph(net, title="two residual blocks")),
    pixels(mp.figures.graph(recurrent, title="one layer, used twice")),
]
figure, panels = plt.subplots(
    1,
    2,
    figsize=(8, 8.6),
    layout="constrained",
    width_ratios=[p.shape[1] for p in pictures],
)
for panel, picture in zip(panels, pictures, strict=True):
    panel.imshow(picture)
    panel.set_axis_off()
plt.show()

# %%
# *Blue: layers with parameters; a dashed frame says that the layer stands elsewhere
# too. The arrows beside the boxes are the skip connections.*
#
# The reverse sweep
# -----------------
# Let :math:`\delta_v = \partial J/\partial v` be the error at a node. If a value is
# read by several nodes, a change of it reaches the loss along several ways, and by the
# chain rule their effects **add up**:
#
# .. math:: \delta_{h_k} = \underbrace{\delta_{h_{k+1}}}_{\text{through the sum}}
#           + \underbrace{\sigma'(h_k)^T\,(\partial\varphi/\partial
#           a)^T\,\delta_{h_{k+1}}}
#           _{\text{through the branch}}.
#
# That is all. In a chain each error arrives once and may be handed on at once; in a
# graph it must wait at its node until everyone who has read the value has answered. The
# nodes are in topological order, so going through them backwards is enough. Here is the
# sweep with nothing hidden; the tape holds the output of every node, and the layer that
# stood there.


def sweep(net, tape, loss, y, gather):
    """Errors at every node, and the gradient; ``gather`` joins errors that meet."""
    errors = {len(net.nodes) - 1: loss.gradient(tape.output, y)}
    gradient = [None] * len(net.transfers)
    for i in reversed(range(1, len(net.nodes))):
        layer, inputs, delta = tape.layers[i], tape.inputs(i), errors[i]
        if isinstance(layer, mp.Transfer):
            # Aᵀ δ  (P1)
            gradient[net.transfers.index(layer)] = layer.adjoint_theta(inputs[0], delta)
            back = layer.adjoint_input(layer.theta, inputs[0], delta)  # (∂φ/∂a)ᵀ δ
        else:
            back = layer.adjoint(delta, tape.values[i], *inputs)  # σ'(z)ᵀ δ
        for j, error in zip(
            net.inputs(net.nodes[i]),
            back if isinstance(back, tuple) else (back,),
            strict=True,
        ):
            errors[j] = gather(errors[j], error) if j in errors else error
    return errors, gradient


data = mp.datasets.two_spirals(n=1000, noise=0.08, turns=1.25, dtype="float64")
x, y, loss = data.train.x[:200], data.train.y[:200], mp.CrossEntropy()
tape = mp.forward(net, x)
errors, gradient = sweep(net, tape, loss, y, gather=np.add)
for found, expected in zip(gradient, mp.backprop(net, tape, loss, y), strict=True):
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-15)

# %%
# The formula above, at the first block: node 1 is :math:`h_1`, node 2 its tanh, node 3
# the layer, node 4 the sum.

h, delta = tape[net.nodes[1]], errors[4]
through_the_sum = delta
through_the_branch = (1 - np.tanh(h) ** 2) * (delta @ net.transfers[1].weight.T)
assert np.allclose(
    errors[1], through_the_sum + through_the_branch, rtol=1e-12, atol=1e-15
)
# a sum hands its error to both of its inputs
assert np.array_equal(errors[3], errors[4])

# %%
# Is it the gradient? ``mp.check_gradient`` compares with central differences of
# :math:`J`, which know nothing of graphs.

print(f"relative error of the gradient: {mp.check_gradient(net, x, loss, y):.1e}")

# %%
# And if a sweep forgets to add? A natural mistake is to *store* the error that arrives,
# so that the later one overwrites the earlier. All shapes are right, the top of the net
# has its true gradient, the loss may even fall. But the way through the sums is lost,
# the very thing that the net was built for.

_, forgetful = sweep(net, tape, loss, y, gather=lambda former, new: new)
assert np.allclose(forgetful[-1], gradient[-1])  # nothing wrong at the top
try:
    mp.check_gradient(net, x, loss, y, gradient=forgetful)  # must fail
except mp.CheckError as verdict:
    print("Here is what a wrong claim looks like:", verdict, sep="\n  ")
else:
    raise RuntimeError("the sweep that forgets went through")

# %%
# Errors over depth
# -----------------
# What is a second way good for? Take 20 blocks, with and without skip connections,
# before any training. The initial weights are independent and uniform in :math:`\pm
# 1/\sqrt n` for a layer of width :math:`n`, so each has the variance :math:`1/(3n)`,
# and an error that comes back through the layer has on average the squared norm
#
# .. math:: \mathbb{E}\,\|W\delta\|^2 = n \cdot \tfrac{1}{3n}\,\|\delta\|^2 =
#           \tfrac13\,\|\delta\|^2 .
#
# The slope of tanh is at most 1. A chain therefore loses a factor of :math:`\sqrt3` or
# more in every block. With a skip connection the same computation gives :math:`1 +
# \frac13` at most, since the mixed term has mean zero: nothing is lost.

blocks, width, seeds = 20, 32, range(5)


def error_norms(skip, seed):
    """‖δ_l‖ of every block, the first block first, in units of the last one's."""
    net = make_net(blocks, width, skip, seed)
    norms = {
        l: np.linalg.norm(delta)
        for l, _, delta in mp.errors(net, mp.forward(net, x), loss, y)
    }
    return np.array([norms[l] for l in range(1, blocks + 1)]) / norms[blocks]


below = np.arange(blocks - 1, -1, -1)  # blocks between this one and the last
norms = {
    skip: np.array([error_norms(skip, seed) for seed in seeds])
    for skip in (True, False)
}
figure, panel = plt.subplots(figsize=(8, 4.6), layout="constrained")
for skip, colour, name, rate, label in (
    (True, TEAL, "with skip connections", 4 / 3, r"$(4/3)^{k/2}$"),
    (False, INDIGO, "without", 1 / 3, r"$3^{-k/2}$"),
):
    for seed in seeds:
        panel.semilogy(
            below,
            norms[skip][seed],
            "o-",
            color=colour,
            ms=4,
            lw=1,
            label=None if seed else name,
        )
    panel.semilogy(below, rate ** (below / 2), ":", color=BLACK)
    panel.text(19.2, rate ** (19 / 2), label, va="center")
panel.set(
    xlabel="blocks $k$ above this one",
    ylabel=r"$\|\delta\|$, in units of the last block's",
)
panel.set(title="the way back through 20 blocks", xlim=(-0.4, 21.5))
panel.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
panel.legend(frameon=False, loc="lower left")
panel.grid(True, color="0.9")
panel.set_axisbelow(True)
plt.show()

assert np.all(norms[False][:, 0] < 1e-3)
assert np.all(norms[True][:, 0] > 1)
assert np.all(norms[True][:, 0] < 3 * (4 / 3) ** (19 / 2))

# %%
# *Five seeds each. Dotted: what the variances promise for slopes of 1.*
#
# Could ProxProp do without the skips? No: :math:`d = (A^TA +
# I/\tau_\theta)^{-1}A^T\delta` is *linear* in the errors (E6). At a singular value
# :math:`s` of :math:`A` the factor is :math:`s/(s^2 + 1/\tau_\theta)`, which is never
# above :math:`\sqrt{\tau_\theta}/2`. An implicit step filters the error that it is
# given; it does not make up for one that never arrived.

tau_theta = 1.0
deep = make_net(blocks, width, skip=False)
tape = mp.forward(deep, x)
steps = mp.proxprop(deep, tape, loss, y, tau_theta)
for l, _, delta in mp.errors(deep, tape, loss, y):
    if l not in deep.last_transfers:
        assert np.linalg.norm(steps[l]) <= tau_theta**0.5 / 2 * np.linalg.norm(
            delta
        ) * (1 + 1e-9)
lost = np.linalg.norm(steps[1]) / np.linalg.norm(steps[blocks])
print(
    f"without skips the implicit step of the first block has {lost:.1e} times the "
    "length of the last one's"
)
assert lost < 1e-2

# %%
# The implicit step knows nothing of graphs
# -----------------------------------------
# Each layer with parameters has a matrix :math:`A_l` that holds its inputs, and errors
# :math:`\delta_l` at its output. In the penalty energy the layer has a coupling
# :math:`\frac12\|A_l\theta - z_l\|^2` of its own, a quadratic, wherever it stands; sums
# belong to what comes after. So (E6) needs no change, and neither do the checks.

tape = mp.forward(net, x)
steps, reports = mp.proxprop(net, tape, loss, y, tau_theta, mp.BlockCG(3), report=True)
exact = mp.proxprop(net, tape, loss, y, tau_theta, mp.Exact())
for l, A, delta in mp.errors(net, tape, loss, y):
    if l not in net.last_transfers:
        mp.check_step(A, delta, tau_theta, exact[l])
        assert ((A.T @ delta) * exact[l]).sum() > 0  # downhill (P3)
        print(
            f"layer {l}: A {A.shape[0]} x {A.shape[1]}; cg3 leaves a residual of "
            f"{reports[l].residual:.2f}"
        )
# the layer behind which no other stands keeps its gradient
assert net.last_transfers == {3}

# %%
# Training
# --------
# Ten blocks of width 24 on the spirals, 600 points in mini-batches of 100, all with
# Adam at one learning rate: the chain by back-propagation and by ProxProp, and the
# residual net by back-propagation and by ProxProp, exact and with three iterations of
# CG.

implicit = {
    "exact": functools.partial(mp.proxprop, tau_theta=1.0, solver=mp.Exact()),
    "cg3": functools.partial(mp.proxprop, tau_theta=1.0, solver=mp.BlockCG(3)),
}
contest = {
    "chain, BackProp": (False, mp.backprop, ORANGE, "o:"),
    "chain, ProxProp exact": (False, implicit["exact"], BLUE, "D:"),
    "residual, BackProp": (True, mp.backprop, ORANGE, "v--"),
    "residual, ProxProp cg3": (True, implicit["cg3"], GREEN, "^-."),
    "residual, ProxProp exact": (True, implicit["exact"], BLUE, "s-"),
}
points = mp.datasets.two_spirals(n=1000, noise=0.08, turns=1.25)
nets, histories = {}, {}
for name, (skip, direction, *_) in contest.items():
    nets[name] = make_net(10, 24, skip, dtype="float32")
    histories[name] = mp.train(
        nets[name], points, loss, mp.Adam(nets[name], lr=0.003), direction,
        epochs=40, batch_size=100, progress=False,
    )  # fmt: skip
    print(f"{name:25} {histories[name]}")

figure, (left, middle, right) = plt.subplots(
    1, 3, figsize=(12, 4.4), layout="constrained", width_ratios=(1.35, 1, 1)
)
for name, (_, _, colour, style) in contest.items():
    h = histories[name]
    left.semilogy(
        h.epoch,
        h.train_loss,
        style,
        color=colour,
        ms=5,
        lw=1.3,
        markevery=5,
        label=name,
    )
left.set(xlabel="epoch", ylabel="training loss", title="one learning rate for all")
left.grid(True, color="0.9")
left.set_axisbelow(True)
figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=10)
axis = np.linspace(-3, 3, 160, dtype="float32")
plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
for panel, name in ((middle, "chain, BackProp"), (right, "residual, ProxProp exact")):
    output = mp.forward(nets[name], plane).output
    score = (output[:, 1] - output[:, 0]).reshape(160, 160)
    panel.contourf(
        axis, axis, score, levels=[-1e9, 0, 1e9], colors=["#F3C9A8", "#B5D6EA"]
    )
    for label, colour in ((0, ORANGE), (1, BLUE)):
        panel.plot(*points.test.x[points.test.y == label].T, "o", color=colour, ms=3)
    panel.set(aspect="equal", title=name, xlim=(-3, 3), ylim=(-3, 3))
plt.show()

# %%
# *Left: the training loss, one run each. Middle and right: what two of the nets say
# about the plane, with the test points.*
#
# The largest difference is the one between the architectures, whatever the direction.
# That fits the figure before: a chain of eleven hidden layers hardly hears its errors
# at first. One seed and one learning rate rank no methods; what holds is asserted here.

residual = [histories[name] for name, (skip, *_) in contest.items() if skip]
chain = [histories[name] for name, (skip, *_) in contest.items() if not skip]
assert all(h.test_accuracy > 0.9 for h in residual)
assert max(h.train_loss[-1] for h in residual) < min(h.train_loss[5] for h in chain)

# %%
# Coda: one layer at several places
# ---------------------------------
# The second net of the first figure uses one linear layer in every block. It has one
# :math:`\theta`, several inputs :math:`a_1, a_2, \dots` and as many errors
# :math:`\delta_1, \delta_2, \dots`. All of them ask something of the same parameters,
# so the couplings add up, and a sum of squares is the square of a stack:
#
# .. math:: \sum_k \tfrac12\,\|A_k\theta - z_k\|^2
#           = \tfrac12\left\|\begin{pmatrix}A_1\\A_2\\\vdots\end{pmatrix}\theta
#             - \begin{pmatrix}z_1\\z_2\\\vdots\end{pmatrix}\right\|^2,
#           \qquad A^T\delta = \sum_k A_k^T\delta_k, \qquad A^TA = \sum_k A_k^TA_k .

times = 3
recurrent = make_recurrent(times, width=8)
tape = mp.forward(recurrent, x)
A, delta = next(
    (A, delta) for l, A, delta in mp.errors(recurrent, tape, loss, y) if l == 1
)
print(
    f"{times} places, {len(x)} samples: A is {A.shape[0]} x {A.shape[1]}, delta "
    f"{delta.shape}"
)
assert A.shape == (times * len(x), 8 + 1)
mp.check_gradient(recurrent, x, loss, y)

# %%
# The pieces, from our own sweep: the inputs and errors at each of the three places.

errors, gradient = sweep(recurrent, tape, loss, y, gather=np.add)
shared = recurrent.transfers[1]
places = [i for i, node in enumerate(recurrent.nodes) if node.layer is shared]
pieces = [mp.DenseMap(tape.inputs(i)[0], bias=True) for i in places]
assert len(places) == times
assert np.allclose(
    A.T @ delta, sum(B.T @ errors[i] for B, i in zip(pieces, places, strict=True))
)
assert np.allclose(A.T.gram(), sum(B.T.gram() for B in pieces))

# %%
# So the gradient of a shared layer is the sum of the gradients at its places. (Our
# sweep above would need a ``+=`` to say so; where is it wrong?) The implicit step is
# *not* the sum of the implicit steps: each of them answers to its own inputs alone, and
# together they go too far, in the directions that the places have in common most of
# all. The stack solves for all places at once.

d = mp.proxprop(recurrent, tape, loss, y, tau_theta=1.0)[1]
mp.check_step(A, delta, 1.0, d)
apart = sum(mp.Exact()(B, errors[i], 1.0) for B, i in zip(pieces, places, strict=True))
print(
    f"sum of the steps apart: {np.linalg.norm(apart) / np.linalg.norm(d):.2f} times as "
    "long as the step"
)
values = [mp.theory.subproblem(A, delta, 1.0, step) for step in (0 * d, d, apart)]
print(
    "value of (E5): no step {:.3e}, the stacked step {:.3e}, the sum {:.3e}".format(
        *values
    )
)
assert values[1] < min(values[0], values[2])
assert np.linalg.norm(apart - d) > 0.1 * np.linalg.norm(d)

# %%
# Exercises
# ---------
# 1. ``sweep`` has a flaw that the recurrent net shows: it stores the gradient of a
#    layer where it should add. Mend it, and let ``mp.check_gradient`` confirm it.
# 2. Which layers are in ``last_transfers`` if the net ends in a sum, ``mp.Add()(h,
#    branch)`` without a layer behind it? Why must all of them be explicit?
# 3. Replace the sum by ``mp.Concat``. What does its adjoint do with the errors, and
#    what does the next layer need?
# 4. Multiply the branch by a small number at the start of training (scale the
#    parameters of its layer). What happens to the first figure of norms, and to the
#    training?
