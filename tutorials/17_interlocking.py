r"""
Interlocking back-propagation: how far must a layer look?
=========================================================

Back-propagation makes the first layer wait for the last one. Local learning lets no
layer wait, and pays for it. Between the two lies a horizon: each module of a net learns
from a loss a few modules further on. This tutorial does one step by hand, shows what it
means for a net on several devices, and measures what a horizon is worth. The directions
within a module may be gradients or implicit steps.

**You need** tutorial 3 (back-propagation by hand); tutorial 5 for the last section.
**Take along**: the horizon is a dial between time and accuracy, and it has nothing to
do with the step that a layer takes.

**Exercise**: ``minprox exercise 17`` gives it out.
"""

# %%
# The rule
# --------
# A net is cut into modules, :math:`h_i = f_i(h_{i-1})`, and each but the last gets a
# small auxiliary head :math:`a_i` that turns :math:`h_i` into a prediction, so that
# there is a loss
# :math:`L_i` behind every module. With the horizon :math:`N`
#
# .. math:: \theta_i \text{ from } \nabla_{\theta_i} L_{\min(i+N-1,\,K)} \text{ alone}
#           \quad\text{(I1)}
#
# and each head from its own loss. :math:`N = 1` is local learning, :math:`N = K`
# back-propagation. Gomez et al. (JMLR 2022) give a toy to follow by hand: three modules
# that multiply two numbers by :math:`(2,2), (3,3), (4,4)`, heads that multiply by
# :math:`(1,1)`, the input :math:`(1,1)`, the label 1.

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp
from minprox.methods.interlocking import n_wise
from minprox.methods.modules import Modules
from minprox.methods.pipeline import chain_length, step_time

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)


def toy():
    """Three modules and two heads, each a gain for each of two channels."""
    nets = []
    for value in (2.0, 3.0, 4.0, 1.0, 1.0):
        net = mp.Sequential(mp.Input((2,)), mp.Scale(2, bias=False), dtype="float64")
        net.parameters = [np.full((1, 2), value)]
        nets.append(net)
    return Modules(nets[:3], nets[3:])


net, x, y = toy(), np.ones((1, 2)), np.array([1])
tape = mp.forward(net, x)
assert tape.output.tolist() == [[24.0, 24.0]]

# %%
# With :math:`N = 2` the first module learns from the second loss. The logits there are
# :math:`(6, 6)`, so the error is :math:`p - t = (\frac12, -\frac12)`; the second module
# hands it down times 3, and the input is 1:

error = np.array([0.5, -0.5])
by_hand = error * 3 * 1
direction = n_wise(net, tape, mp.CrossEntropy(), y, horizon=2)[0]
assert np.allclose(direction, by_hand, rtol=1e-12)
print("the first module, with learning rate 1:", (2 - direction).ravel())

# %%
# The full horizon is back-propagation, and the heads have no say in it.

full = n_wise(net, tape, mp.CrossEntropy(), y, horizon=3)
plain = mp.backprop(net, tape, mp.CrossEntropy(), y)
assert all(
    np.allclose(d, g, rtol=1e-12) for d, g in zip(full[::2], plain[::2], strict=True)
)
assert not plain[1].any()

# %%
# What it buys: no waiting
# ------------------------
# Give every module a device of its own. A device may begin with the next mini-batch
# when its parameters have made their step. The longest chain of modules that wait for
# each other on the way back is :math:`\min(N, K)` (I2), and the schedule follows from
# what waits for what (I3).

assert [chain_length(5, N) for N in (1, 2, 5)] == [1, 2, 5]
# local: as long as one module takes, however many there are
assert step_time(10, 1) == step_time(5, 1)
# end-to-end: as long as all of them together
assert step_time(10, 10) == 2 * step_time(5, 5)

picture = mp.figures.gantt(modules=5, horizons=(1, 2, 5))
plt.figure(FigureClass=lambda *args, **options: picture)
plt.show()

# %%
# What it costs: accuracy
# -----------------------
# Two handwritten digits stand side by side, and the net is to tell their sum: no single
# digit is any use. Five modules of width 32, three seeds, the same step size for all;
# the figure shows the medians.

data = mp.datasets.digit_sums()


def five_modules(seed):
    def dense(n_in, n_out, s):
        return mp.Sequential(mp.Linear(n_in, n_out, init="he"), mp.ReLU(), seed=s)

    modules = [dense(128 if i == 0 else 32, 32, 10 * seed + i) for i in range(4)]
    modules.append(
        mp.Sequential(
            mp.Linear(32, 32, init="he"),
            mp.ReLU(),
            mp.Linear(32, 9),
            seed=10 * seed + 4,
        )
    )
    heads = [mp.Sequential(mp.Linear(32, 9), seed=10 * seed + 5 + i) for i in range(4)]
    return Modules(modules, heads)


def train(horizon, seed=0, epochs=20, **settings):
    net = five_modules(seed)
    optimizer = mp.SGD(net, lr=settings.pop("lr", 0.02), momentum=0.9)
    direction = partial(n_wise, horizon=horizon, **settings)
    return mp.train(
        net,
        data,
        mp.CrossEntropy(),
        optimizer,
        direction,
        epochs=epochs,
        batch_size=50,
        seed=seed,
        progress=False,
    )


names = {
    1: "local, N = 1",
    2: "pairwise, N = 2",
    3: "three-wise, N = 3",
    5: "end-to-end, N = 5",
}
histories = {N: [train(N, seed) for seed in range(3)] for N in names}


def median(N, column):
    return np.median([getattr(history, column) for history in histories[N]], axis=0)


looks = (SKY, "-"), (TEAL, "--"), (GREY, "-."), (ORANGE, ":")
figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for (N, name), (colour, style) in zip(names.items(), looks, strict=True):
    epochs = np.array(histories[N][0].epoch)
    for panel, across in zip(
        panels, (epochs, epochs * 40 * step_time(5, N)), strict=True
    ):
        panel.semilogy(across, median(N, "train_loss"), style, color=colour, label=name)
panels[0].set(xlabel="epoch", ylabel="training loss", xticks=range(0, 21, 5))
panels[1].set(xlabel="simulated time (forward passes of a module)")
panels[0].legend(frameon=False)

# %%
# Per epoch a further horizon is better. Over the simulated time the order is another
# one: while end-to-end learning has taken one step, local learning has taken five.

last = {N: median(N, "train_loss")[-1] for N in names}
assert last[5] < min(last[2], last[3]) < last[1]
print("last training losses:", {N: f"{loss:.3f}" for N, loss in last.items()})

# %%
# Three seeds prove little. ``minprox run interlocking`` does eight, and ends in a
# verdict claim by claim; the same on a residual net and on a Transformer is ``minprox
# run interlocking-resnet`` and ``interlocking-transformer``.
#
# With implicit steps
# -------------------
# Which loss a module learns from and which step it takes are two questions. Any module
# may take the implicit step :math:`(A^TA + I/\tau_\theta)^{-1}A^T\delta` (E6) of the
# error that reaches it.

implicit = train(2, epochs=10, lr=1.0, tau_theta=0.01)
print(f"pairwise, implicit steps: training loss {implicit.train_loss[-1]:.3f}")
assert implicit.train_loss[-1] < 0.5 * implicit.train_loss[0]

# %%
# One claim that must fail
# ------------------------
# "With N = 2 the first module learns from the losses behind modules 1 *and* 2." It does
# not: changing the first head changes nothing for it.

net = five_modules(0)
batch, labels = data.train.x[:50], data.train.y[:50]
before = n_wise(net, mp.forward(net, batch), mp.CrossEntropy(), labels, horizon=2)[0]
net.heads[0].parameters = [theta + 1 for theta in net.heads[0].parameters]
after = n_wise(net, mp.forward(net, batch), mp.CrossEntropy(), labels, horizon=2)[0]
try:
    assert not np.array_equal(before, after)
except AssertionError:
    print("as it must be: the first head has no say in what the first module learns")
else:
    raise RuntimeError("the sum of losses crept in")
plt.show()
