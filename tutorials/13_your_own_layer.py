r"""
Your own layer in twenty lines
==============================

A net learns with implicit steps as soon as each of its layers can do three things:
compute its output, and apply two transposed maps to an error. Here we write such a
layer, a one-dimensional convolution, from nothing; have it checked; plant a mistake and
read what the checker says; train it with back-propagation and with ProxProp,
matrix-free; and add one more method that makes the steps exact.

**Exercise**: ``minprox exercise 13`` gives it out.
"""

# %%
# What a transfer owes
# --------------------
# A *transfer* is a map :math:`z = \varphi(\theta, a)` which is linear in its parameters
# :math:`\theta` for fixed input :math:`a`, and linear in :math:`a` for fixed
# :math:`\theta` (but for a bias). Everything that the passes and the iterative solvers
# ask of it is
#
# =================================== ==================================================================
# ``forward(theta, a)``               :math:`\varphi(\theta, a) = A\,\theta`
# ``adjoint_theta(a, delta)``         :math:`A^T\delta`, the gradient (P1)
# ``adjoint_input(theta, a, delta)``  :math:`(\partial\varphi/\partial a)^T\delta`, what
# the layer below gets
# =================================== ==================================================================
#
# A one-dimensional convolution of a signal with ``channels`` channels is
#
# .. math:: z_{n,o,p} = \sum_{c,k} \theta_{(c,k),o}\; a_{n,c,p+k} +
#           \theta_{\text{last},o}.
#
# Its adjoints follow from one sentence: **whoever has read an entry in the forward pass
# gets an error back to it**. In formulas, write :math:`\langle z, \delta\rangle` and
# collect what stands with each
# :math:`\theta`, then what stands with each :math:`a`:
#
# .. math:: (A^T\delta)_{(c,k),o} = \sum_{n,p} a_{n,c,p+k}\,\delta_{n,o,p},
#           \qquad
#           \left(\tfrac{\partial\varphi}{\partial a}^T\delta\right)_{n,c,q}
#           = \sum_{o,k} \theta_{(c,k),o}\,\delta_{n,o,q-k}.
#
# Here are the twenty lines.

import functools

import matplotlib.pyplot as plt
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import minprox as mp

# sphinx_gallery_thumbnail_number = 2

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)


class Conv1d(mp.Transfer):
    def __init__(self, channels, n_out, kernel):
        super().__init__((channels * kernel + 1, n_out), bias=True)
        self.channels, self.kernel = channels, kernel

    def forward(self, theta, a):
        patches = sliding_window_view(a, self.kernel, axis=2)  # (n, c, p, k)
        weight = theta[:-1].reshape(self.channels, self.kernel, -1)  # (c, k, o)
        return (
            np.einsum("ncpk,cko->nop", patches, weight, optimize=True)
            + theta[-1][:, None]
        )

    def adjoint_theta(self, a, delta):
        patches = sliding_window_view(a, self.kernel, axis=2)
        weight = np.einsum("ncpk,nop->cko", patches, delta, optimize=True)
        return np.vstack([weight.reshape(-1, delta.shape[1]), delta.sum(axis=(0, 2))])

    def adjoint_input(self, theta, a, delta):
        weight = theta[:-1].reshape(self.channels, self.kernel, -1)
        error = np.zeros_like(a)
        for k in range(self.kernel):  # position p has read p + k
            error[:, :, k : k + delta.shape[2]] += np.einsum(
                "co,nop->ncp", weight[:, k], delta
            )
        return error


# %%
# Is it right?
# ------------
# ``mp.check_layer`` draws random numbers and compares both sides of every identity that
# the engine relies on: linearity in :math:`\theta`; the two *dot tests*
# :math:`\langle\varphi(\theta, a), \delta\rangle = \langle\theta, A^T\delta\rangle` and
# its twin for :math:`a`; each column of :math:`\theta` making one channel of :math:`z`
# and no other; and that no argument is written to. It says nothing where all hold.

mp.check_layer(Conv1d(2, 3, kernel=4), (2, 11))

# %%
# Now a mistake that people make: the error is spread with the kernel turned round. (In
# a forward pass by *convolution* in the signal theorist's sense the adjoint is indeed
# turned round, which is why one half remembers it.) The shapes are right, the gradient
# of the layer's own parameters is right, and a net with this layer at the bottom would
# even train correctly. Only the layers below it would be misled.


class Turned(Conv1d):
    def adjoint_input(self, theta, a, delta):
        weight = theta[:-1].reshape(self.channels, self.kernel, -1)[:, ::-1]
        error = np.zeros_like(a)
        for k in range(self.kernel):
            error[:, :, k : k + delta.shape[2]] += np.einsum(
                "co,nop->ncp", weight[:, k], delta
            )
        return error


try:
    mp.check_layer(Turned(2, 3, kernel=4), (2, 11))  # must fail
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict, sep="\n  ")
    assert "adjoint_input" in str(verdict)  # noqa: PT017
else:
    raise RuntimeError("the planted error went through")

# %%
# A task
# ------
# Three motifs, a bump, a step and a ripple, stand somewhere in a noisy signal; the net
# is to tell which. The place does not matter, which is what convolutions are for.

LENGTH, KERNEL = 40, 9
MOTIFS = {
    "bump": np.exp(-(np.linspace(-2, 2, KERNEL) ** 2)),
    "step": np.repeat([-0.7, 0.7], [KERNEL // 2, KERNEL - KERNEL // 2]),
    "ripple": np.cos(np.pi * np.arange(KERNEL)) * np.hanning(KERNEL + 2)[1:-1],
}


def signals(count, seed):
    """Draw noisy signals of shape (count, 1, LENGTH) and their labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(MOTIFS), count)
    x = 0.35 * rng.standard_normal((count, 1, LENGTH))
    for signal, label, place in zip(
        x, y, rng.integers(0, LENGTH - KERNEL + 1, count), strict=True
    ):
        signal[0, place : place + KERNEL] += list(MOTIFS.values())[label]
    return mp.datasets.Split(x.astype("float32"), y)


data = mp.datasets.Dataset(
    "motifs",
    signals(900, seed=1),
    signals(300, seed=2),
    signals(300, seed=3),
    classes=tuple(MOTIFS),
)

figure, panels = plt.subplots(
    1, 3, figsize=(11, 2.8), layout="constrained", sharey=True
)
for label, (panel, name) in enumerate(zip(panels, MOTIFS, strict=True)):
    which = np.flatnonzero(data.train.y == label)[:3]
    for row, (i, colour) in enumerate(zip(which, (TEAL, OLIVE, INDIGO), strict=True)):
        panel.plot(data.train.x[i, 0] + 3 * row, color=colour, linewidth=1.3)
    panel.plot(np.arange(KERNEL) + 1, MOTIFS[name] - 3, color=BLACK, linewidth=2.5)
    panel.set(title=name, xlabel="position", yticks=[])
panels[0].set_ylabel("motif (black), signals")
plt.show()

# %%
# The layer goes into a net like any other, here twice, so that its ``adjoint_input`` is
# put to use. On top the net averages over the positions. That is a layer without
# parameters, and such a one owes a ``forward`` and one ``adjoint``; the checker takes
# it too.


class Mean(mp.Layer):
    def forward(self, a):
        return a.mean(axis=2)

    def adjoint(self, delta, output, a):
        return np.broadcast_to(delta[:, :, None] / a.shape[2], a.shape)


mp.check_layer(Mean(), (2, 11))


def make_net(kind=Conv1d, dtype="float32"):
    """Two convolutions, the mean and a dense layer; the same parameters at every
    call."""
    return mp.Sequential(
        mp.Input((1, LENGTH)),
        *(kind(1, 8, KERNEL), mp.GELU()),
        *(kind(8, 8, 5), mp.GELU()),
        *(Mean(), mp.Linear(8, len(MOTIFS))),
        seed=0,
        dtype=dtype,
    )


print(make_net())

# %%
# The whole chain once more: the gradient of the loss against a difference quotient (in
# float64, and with smooth activations).

net, loss = make_net(dtype="float64"), mp.CrossEntropy()
x, y = data.train.x[:50].astype("float64"), data.train.y[:50]
error = mp.check_gradient(net, x, loss, y)
print(f"gradient of the loss: relative error {error:.1e}")

# %%
# Implicit steps without a matrix
# -------------------------------
# ``mp.CG`` needs only :math:`v \mapsto A^T(A v) + v/\tau_\theta`, which is one
# ``forward`` and one ``adjoint_theta``. So ProxProp runs already. What does not is the
# exact step, and the library says what it lacks:

tape = mp.forward(net, x)
steps = mp.proxprop(net, tape, loss, y, tau_theta=1.0, solver=mp.CG(3))
assert [d.shape for d in steps] == [theta.shape for theta in net.parameters]
try:
    mp.proxprop(net, tape, loss, y, tau_theta=1.0, solver=mp.Exact())
except TypeError as message:
    print(message)

# %%
# The matrix, for exact steps
# ---------------------------
# One method more: :math:`A` itself. Its rows run over the samples and, within a sample,
# over the positions; its columns are those of :math:`\theta`, with a column of ones for
# the bias. ``check_layer`` now checks it too.


class ExactConv1d(Conv1d):
    def matrix(self, a):
        # (n, p, c, k)
        patches = sliding_window_view(a, self.kernel, axis=2).swapaxes(1, 2)
        patches = patches.reshape(-1, self.channels * self.kernel)
        return np.hstack([patches, np.ones((len(patches), 1), a.dtype)])


mp.check_layer(ExactConv1d(2, 3, kernel=4), (2, 11))

net = make_net(ExactConv1d, dtype="float64")
tape = mp.forward(net, x)
exact = mp.proxprop(net, tape, loss, y, tau_theta=1.0, solver=mp.Exact())
for l, A, delta in mp.errors(net, tape, loss, y):
    if l < 2:  # the last layer is explicit
        mp.check_step(A, delta, 1.0, exact[l])
        print(
            f"layer {l}: A {A.shape[0]} x {A.shape[1]}, solved by the "
            f"{mp.Exact().chosen(A)} system"
        )

distances = {}
for n in (1, 3, 10, 60):
    steps = mp.proxprop(net, tape, loss, y, tau_theta=1.0, solver=mp.CG(n))
    off = [
        np.linalg.norm(d - e) / np.linalg.norm(e)
        for d, e in zip(steps, exact, strict=True)
    ]
    distances[n] = max(off)
    print(f"CG({n}): relative distance to the exact step {distances[n]:.1e}")
assert distances[60] < 1e-8 < distances[10] < distances[1]

# %%
# Training
# --------
# Three nets start at the same parameters and see the same mini-batches. Each direction
# goes to Adam with the same learning rate: ProxProp as a first-order oracle. One seed
# ranks nothing; the aim is to see that a layer which was just written takes part in all
# of it.

runs = {
    "BackProp": (Conv1d, mp.backprop),
    "ProxProp, cg3": (
        Conv1d,
        functools.partial(mp.proxprop, tau_theta=0.05, solver=mp.CG(3)),
    ),
    "ProxProp, exact": (
        ExactConv1d,
        functools.partial(mp.proxprop, tau_theta=0.05, solver=mp.Exact()),
    ),
}
nets, histories = {}, {}
for name, (kind, direction) in runs.items():
    net = make_net(kind)
    histories[name] = mp.train(
        net,
        data,
        loss,
        mp.Adam(net, lr=0.02),
        direction,
        epochs=20,
        batch_size=50,
        progress=False,
    )
    nets[name] = net
    print(f"{name}: {histories[name]}")
    assert histories[name].test_accuracy > 0.85  # guessing gives a third

figure, panels = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
for (name, h), colour, style in zip(
    histories.items(), (ORANGE, GREEN, BLUE), ("o--", "^-.", "s-"), strict=True
):
    line = {"color": colour, "markersize": 4, "label": name}
    panels[0].semilogy(h.epoch, h.train_loss, style, **line)
    panels[1].plot(h.epoch, [100 * v for v in h.validation_accuracy], style, **line)
kernels = nets["ProxProp, exact"].transfers[0].weight  # (KERNEL, 8), a view into theta
for column, kernel in enumerate(kernels.T):
    panels[2].axhline(-column, color="0.85", linewidth=0.8)
    panels[2].plot(
        np.arange(KERNEL), 0.4 * kernel / abs(kernel).max() - column, color=BLACK
    )
panels[0].set(xlabel="epoch", ylabel="training loss", title="one learning rate for all")
panels[1].set(
    xlabel="epoch",
    ylabel="validation accuracy (%)",
    title=f"{len(MOTIFS)} classes",
    ylim=(25, 101),
)
panels[2].set(
    xlabel="position in the kernel",
    ylabel="output channel",
    title="kernels of the first layer (exact)",
)
panels[2].set_yticks(-np.arange(8), [str(o) for o in range(8)])
panels[1].legend(frameon=False, loc="lower right")
for panel in panels[:2]:
    panel.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
plt.show()

# %%
# *The layer trains with all three directions. Right: what the first convolution looks
# for.*
#
# What you get for one method more: ``matrix`` turns approximate steps into exact ones,
# through the smaller of two systems. For a convolution that is the primal one, with as
# many unknowns as a kernel has entries. A layer whose matrix you would rather not write
# down stays with CG.
#
# Exercises
# ---------
# 1. Give the layer a stride. Which lines change?
# 2. Make it *locally connected*: every position has weights of its own. What is the
#    shape of
#    :math:`\theta`, if column :math:`o` is to make channel :math:`o` of the output?
#    What does :math:`A`
#    look like?
# 3. Plant a mistake of your own, one that ``check_layer`` does not find. (If you
#    succeed, tell us.)
