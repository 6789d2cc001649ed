r"""
Variable shared meta learning: back-propagation as the forward run of a net
===========================================================================

Back-propagation is something that is done *to* a net. Can it be something that a net
*does*? Kirsch and Schmidhuber (2021) put a small recurrent cell in the place of every
weight. All cells share their parameters, and each has a state of its own. What the net
learns lies in the states, so learning is nothing but running forward. The cell can be
set by hand so that this run is gradient descent; it can be a net that was regressed on
the hand-set one; and it can be meta-trained into a rule that nobody wrote down, which
is faster at first than gradient descent.

You need: (P1), back-propagation by hand (tutorial 3), and online learning (tutorial
20).

**Exercise**: ``minprox exercise 21`` gives it out.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp
from minprox.experiments import MetaTraining, Online
from minprox.experiments.online_tasks import all_digits
from minprox.methods import vsml
from minprox.methods.vsml.clone import edges
from minprox.methods.vsml.hand_set import run

BLUE, ORANGE, GREEN, PINK = mp.figures.COLOURS[:4]
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True})
plt.rcParams.update({"grid.color": "0.9", "axes.axisbelow": True})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)

# %%
# One edge that does back-propagation
# -----------------------------------
# An edge from input :math:`a` to output :math:`b` has the state :math:`(w, b, x)`. It
# hears a message from below and says something upwards; then it hears an error from
# above, says something downwards, and changes. Here are both ticks of the hand-set cell
# (V4), beside what back-propagation calls them.


class Edge:
    eta = 0.1

    def forward(self, state, up):
        w, b, _ = state
        x = np.broadcast_to(up[:, None], w.shape)  # remember what came in
        return (w, b, x), (np.tanh(x) * w + b).sum(axis=0)  # z = Wᵀ tanh(x) + b

    def backward(self, state, error):
        w, b, x = state
        down = (error * w * (1 - np.tanh(x) ** 2)).sum(axis=1)  # δ = W e ∘ σ'(x)
        w = w - self.eta * error * np.tanh(x)  # W ← W − η a eᵀ
        return (w, b - self.eta * error, x), down


# %%
# The net knows nothing of gradients: messages go up through all layers, the error comes
# in at the top, and messages go down. Compare it with ``mp.backprop`` and a step of
# gradient descent, example by example. (Each edge has a bias; the bias of an output,
# which is their sum, moves :math:`I` times as far.)

net = mp.Sequential(
    *(mp.Tanh(), mp.Linear(5, 7), mp.Tanh(), mp.Linear(7, 3)), seed=0, dtype="float64"
)
states = vsml.HandSetCell(Edge.eta).states(net)
x, y = rng.standard_normal((100, 5)), rng.integers(0, 3, 100)
states, logits = run(Edge(), states, x, y)

worst = 0.0
for x_t, y_t, said in zip(x, y, logits, strict=True):
    tape = mp.forward(net, x_t[None])
    worst = max(worst, np.abs(said - tape.output[0]).max())
    grads = mp.backprop(net, tape, mp.CrossEntropy(), np.array([y_t]))
    for theta, g in zip(net.parameters, grads, strict=True):
        theta[:-1] -= Edge.eta * g[:-1]
        theta[-1] -= (len(theta) - 1) * Edge.eta * g[-1]
print(f"largest difference of a logit over 100 steps: {worst:.0e}")
assert worst < 1e-12
assert np.allclose(states[0][0], net.parameters[0][:-1], rtol=0, atol=1e-12)

# %%
# A rule that was learned
# -----------------------
# The cell computes three products. Let a small net of tanh learn them from examples
# (V8), and put it in their place: now the rule is a net, too, and what it does is
# gradient descent only as far as it has learned that.

clone = vsml.clone_net(seed=0)
steps = 4000
adam = mp.Adam(clone, lr=lambda step: 0.01 * (1 + np.cos(np.pi * step / steps)) / 2)
loss = mp.SquaredError()
for adam.epoch in range(steps):
    inputs, products = (part.astype("float32") for part in edges(rng, 128))
    adam.step(mp.backprop(clone, mp.forward(clone, inputs), loss, products))
inputs, products = (part.astype("float32") for part in edges(rng, 2000))
error = np.sqrt(((mp.forward(clone, inputs).output - products) ** 2).mean())
print(f"root mean square error of a product: {error:.4f}")
assert error < 0.02

x, y = all_digits(rng)
found = {}
for cell in (vsml.HandSetCell(0.01), vsml.CloneCell(0.01, clone)):
    start = mp.Sequential(mp.Tanh(), mp.Linear(64, 10), seed=0)
    _, logits = run(cell, cell.states(start), x[:1200], y[:1200])
    found[type(cell).__name__] = (logits[-400:].argmax(axis=1) == y[800:1200]).mean()
print(found)
assert found["HandSetCell"] > 0.75
assert abs(found["CloneCell"] - found["HandSetCell"]) < 0.04

# %%
# The paper clones back-propagation into an LSTM cell. That is harder: the weight stands
# in a state that forgets, unless the gates have learned to hold it, and to change it by
# the right amount (V11). ``minprox run vsml-clone`` does both at length: in one layer
# the LSTM learns the digits as gradient descent does, and behind a hidden layer it goes
# a way of its own.
#
# A cell that finds its rule itself
# ---------------------------------
# Now the cell of the paper: an LSTM of size 16 with messages of 8 components (V1),
# which are averaged (V2), so that the same 2384 numbers fit layers of any size. Online
# (V3) the image comes in from below, and the error of the image *before* from above.

drawn = vsml.LSTMCell(seed=0)
assert sum(theta.size for theta in drawn.theta) == 2384
for sizes in ((8, 3), (64, 10), (5, 7, 2)):
    assert (
        vsml.Learner(drawn, sizes).predict(np.ones((1, sizes[0]), "float32")).size
        == sizes[-1]
    )

# %%
# As cells are shared, order has no meaning: who permutes the inputs, with the states
# that belong to them, changes nothing. It cannot know that 7 is a digit, or that pixels
# have neighbours.

shuffle = rng.permutation(64)
one, two = (vsml.Learner(drawn, (64, 10)) for _ in range(2))
two.states = [tuple(part[:, shuffle] for part in two.states[0])]
a, b = one.run(x[None, :20], y[None, :20]), two.run(x[None, :20, shuffle], y[None, :20])
assert np.allclose(a, b, atol=1e-5)

# %%
# Meta-training: an episode is a graph
# ------------------------------------
# Which parameters make a net learn fast? Those with a small meta-loss (V5), the
# cross-entropy of all predictions of an episode. Unrolled over time, an episode is a
# graph in which the layers of the cell stand at every tick: a net for ``mp.forward``
# and ``mp.backprop``. The rows of :math:`A` of all ticks are stacked, so its gradient
# is (V6),
# :math:`A^T\delta`. Nothing new has to be derived, and ``mp.proxprop`` works, too.

tasks = partial(vsml.gaussian_tasks, N=8, T=5, inputs=8, classes=3)
episode = vsml.Episode(drawn, (8, 3), T=5)
meta_loss, _, gradient = vsml.Through(episode, tasks)(np.random.default_rng(0))
print(f"{len(episode.nodes)} nodes, {len(episode.parameters)} transfers")
assert abs(meta_loss - np.log(3)) < 0.1

# %%
# Evolution strategies (V7) need no graph. In pairs, the parameters are disturbed to
# both sides; the difference of the two losses tells the slope along the disturbance.

_, _, searched = vsml.Search(episode, tasks, population=16)(np.random.default_rng(0))
assert [g.shape for g in searched] == [g.shape for g in gradient]

# %%
# A short meta-training on two Gaussian classes in eight dimensions, each task behind a
# linear mix of its own. For a while nothing happens: the cell must find out to remember
# an image until its error arrives, to bind the two, and to use that later, and one of
# these is worth nothing without the others.

short = MetaTraining(blocks=11, every=25, classes=2, T=20, batch=16, tau=0.02)
state = short.begin()
curve = [short.advance(state, unit)["loss"] for unit in range(1, short.blocks + 1)]
figure, panel = plt.subplots(figsize=(6, 3.2))
panel.plot(25 * np.arange(1, len(curve) + 1), curve, "o-", color=BLUE)
panel.axhline(np.log(2), color="0.4", linewidth=0.8)
panel.text(200, np.log(2) + 0.008, "ln 2: guessing", color="0.3")
panel.set(xlabel="meta-step", ylabel="meta-loss", ylim=(0.45, 0.73))
panel.set_title("A plateau, and then a learning rule")
plt.show()
assert abs(curve[0] - np.log(2)) < 0.01
assert curve[-1] < 0.62

# %%
# Fifty examples in an episode teach a rule for fifty examples. Longer episodes come in
# windows (V10): each goes on where the last one ended, with the states and the error
# that it left, and the gradient stops there. So a window of a long episode costs what a
# short episode does.

longer = partial(vsml.gaussian_tasks, N=8, T=15, inputs=8, classes=3)
windows = vsml.Windows(vsml.Through(episode, tasks), longer, windows=3)
for call in range(3):
    windows(np.random.default_rng(call))
    print("windows behind each episode:", windows.age)

# %%
# The parameters that come with the package were made so at length: three classes,
# episodes of 50 examples at first, of 300 later. ``vsml.origin()`` tells the command,
# settings and versions.

about = vsml.origin()
print(about["command"])
print(
    f"meta-loss on fresh tasks: {about['record']['held_out']:.3f}; ln 3 is "
    f"{np.log(3):.3f}"
)

# %%
# Digits, which it never saw
# --------------------------
# Frozen, it meets real digits: 64 inputs in the place of 8, 10 classes in the place of
# 3. Gradient descent and Adam learn the same stream, each at nine rates, of which the
# best at each moment is shown. Accuracy counts predictions before the label is seen.

figure, panel = plt.subplots(figsize=(6, 3.6))
scores = {}
for method, label, colour in (
    ("vsml", "VS-ML", BLUE),
    ("sgd", "SGD", ORANGE),
    ("adam", "Adam", GREEN),
):
    seeds = []
    for seed in range(4):
        stream = Online(method=method, seed=seed, marks=12)
        state = stream.begin()
        rows = [stream.advance(state, unit) for unit in range(1, 13)]
        seeds.append([100 * row["recent"] for row in rows])
    scores[method] = np.median(seeds, axis=0)
    panel.plot(25 * np.arange(1, 13), scores[method], "o-", color=colour, label=label)
panel.set(xlabel="examples seen", ylabel="accuracy, last 100 (%)", ylim=(0, 100))
panel.legend(frameon=False)
plt.show()
ahead = scores["vsml"] - np.maximum(scores["sgd"], scores["adam"])
print(f"points ahead after 100 examples {ahead[3]:.1f}, after 300 {ahead[-1]:.1f}")
assert ahead[3] > 0

# %%
# A claim that must fail: that it stays ahead. It has learned to learn from few
# examples, and with many, gradient descent has found what it misses.

try:
    assert ahead[-1] > 0, f"{ahead[-1]:.1f} points"
except AssertionError as reason:
    print("fails, as it must:", reason)
else:
    raise RuntimeError("a claim that is false was accepted")

# %%
# What it does after right and wrong predictions
# ----------------------------------------------
# To read the rule, run the same episode twice from the same states, once with an error
# and once without, and take the difference (V9).

n = len(y) // 80
found = vsml.dissect(
    vsml.load(), x[: 80 * n].reshape(n, 80, 64), y[: 80 * n].reshape(n, 80)
)
plt.figure(FigureClass=lambda *args, **options: mp.figures.learning_rule(found))
plt.show()
same, other = (np.median(found.effects[kind], axis=1) for kind in ("same", "other"))
assert same[0] > 0.05 > same[-1]  # e = −1: the right class is raised, a wrong one not
assert same[0] > other[0]  # and mostly for this image
assert np.median(found.changes["wrong", "true"]) > np.median(
    found.changes["right", "true"]
)

# %%
# Like gradient descent it raises the logit of the true class, for this image and less
# for others of its class, and more after a wrong prediction than after a right one.
# Unlike it, it does less about the class that was said by mistake: where one example
# per class must do, it pays to store what a class looks like, rather than to push the
# others away.
#
# What to take along
# ------------------
# - Back-propagation can be the forward run of a net whose weights are cells with a
#   state: the hand-set cell agrees with ``mp.backprop`` to rounding.
# - What is shared by all edges cannot know an edge: symmetry makes a rule general.
# - An unrolled episode is a graph like any other; its meta-gradient is (P1).
# - A rule that was found for few examples is fast with few, and is caught up with.
