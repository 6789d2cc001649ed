r"""
Double back-propagation: a loss that is flat where it matters
=============================================================

Change every pixel of a digit by a little, and a net that was right is wrong. In this
tutorial we attack a net, see why the 1-norm of the gradient with respect to the *input*
measures how far an attack can get, and train against it: by a penalty on that norm
(Seck, Loosli and Canu 2019), whose gradient is one tangent pass, by training on
attacked digits, by both, and by implicit steps. At the end we fool ourselves, to see
how a defence can look good that is none.

**Exercise**: ``minprox exercise 16`` gives it out.
"""

# %%
# An attack
# ---------
# To first order a change :math:`u` of the input raises the loss by
# :math:`\langle\nabla_x\ell, u\rangle`. If no pixel may change by more than
# :math:`\varepsilon`, then
#
# .. math:: \max_{\|u\|_\infty\le\varepsilon}\langle\nabla_x\ell, u\rangle =
#           \varepsilon\|\nabla_x\ell\|_1,
#           \qquad u = \varepsilon\,\mathrm{sign}(\nabla_x\ell): \qquad\text{(D3)}
#
# the 1-norm is dual to the cube, and a corner of the cube attains it. That corner is
# the *fast gradient sign method* (D4). *Projected gradient* takes many smaller steps,
# from random starts, and keeps to the cube (D5).

import functools

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp
from minprox.methods import (
    AdversarialTraining,
    DoubleBackprop,
    WarmUp,
    fgsm,
    pgd,
    robust_accuracy,
)

plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)

data, loss = mp.datasets.digits(), mp.CrossEntropy()
x, y = data.test.x, data.test.y


def make_net(seed=0):
    return mp.Sequential(
        mp.Linear(64, 100),
        mp.ReLU(),
        mp.Linear(100, 100),
        mp.ReLU(),
        mp.Linear(100, 10),
        seed=seed,
    )


def train(direction=mp.backprop, callbacks=(), epochs=20):
    net = make_net()
    mp.train(
        net,
        data,
        loss,
        mp.Adam(net),
        direction,
        epochs=epochs,
        batch_size=50,
        callbacks=callbacks,
    )
    return net


def table(nets, attacks=((0, fgsm), (0.1, fgsm), (0.2, fgsm), (0.2, pgd))):
    """Accuracies on the test digits, as they are and attacked, in per cent."""
    rows = {}
    for name, net in nets.items():
        rows[name] = [
            100 * robust_accuracy(net, data.test, loss, epsilon, attack)
            for epsilon, attack in attacks
        ]
        print(f"{name:22}", *(f"{value:6.1f}" for value in rows[name]))
    return rows


plain = train()
g = mp.input_gradient(plain, mp.forward(plain, x), loss, y)
attacked = fgsm(plain, x, y, loss, epsilon=0.15)
# away from the range of the data, to which attacks keep
inside = (x - 0.15 > 0) & (x + 0.15 < 1)
assert np.allclose(abs(attacked - x)[inside & (g != 0)], 0.15, atol=1e-6)
assert (g * (attacked - x)).sum(axis=1).mean() <= 0.15 * abs(g).sum(axis=1).mean()

before, after = (
    mp.forward(plain, images).output.argmax(axis=1) for images in (x, attacked)
)
fooled = np.flatnonzero((before == y) & (after != y))[:6]
figure, axes = plt.subplots(2, 6, figsize=(9, 3.4), layout="constrained")
for column, i in zip(axes.T, fooled, strict=True):
    for panel, image, found in zip(
        column, (x[i], attacked[i]), (before[i], after[i]), strict=True
    ):
        panel.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        panel.set_title(f"“{found}”", fontsize=11)
        panel.set_axis_off()
figure.suptitle(
    "what the net says of digits, and of the same digits with every pixel changed by "
    "0.15 or less"
)
plt.show()

# %%
# The penalty
# -----------
# If :math:`\|\nabla_x\ell\|_1` says how far an attack can get, let training make it
# small:
#
# .. math:: \min_\theta\;\frac1n\sum_i\ell(x_i, y_i) + \lambda R, \qquad
#           R = \frac1n\sum_i\|\nabla_x\ell(x_i, y_i)\|_1. \qquad\text{(D1)}
#
# That wants the derivative, with respect to the parameters, of a derivative with
# respect to the input. The order of the two does not matter. With the signs held fixed,
#
# .. math:: \nabla_\theta\|\nabla_x\ell\|_1 =
#           \frac{d}{d\varepsilon}\nabla_\theta\,\ell(x + \varepsilon s),
#           \qquad s = \mathrm{sign}(\nabla_x\ell), \qquad\text{(D2)}
#
# the change of an ordinary gradient as the batch moves along :math:`s`: one tangent
# pass (T3).

net = mp.Sequential(
    mp.Linear(64, 20), mp.Tanh(), mp.Linear(20, 10), seed=0, dtype="float64"
)
few, labels = data.train.x[:50].astype("float64"), data.train.y[:50]


def R():
    return float(
        abs(mp.input_gradient(net, mp.forward(net, few), loss, labels))
        .sum(axis=1)
        .mean()
    )


tape = mp.forward(net, few)
s = np.sign(mp.input_gradient(net, tape, loss, labels))
by_tangent = mp.tangent(net, tape, loss, labels, s=s)
assert np.allclose(
    mp.pack(by_tangent), mp.pack(mp.methods.penalty_gradient(net, tape, loss, labels))
)
old, v = (
    [theta.copy() for theta in net.parameters],
    np.random.default_rng(0).standard_normal(1510),
)
ends = []
for step in (1e-5, -1e-5):
    net.parameters = [
        theta + step * u for theta, u in zip(old, mp.unpack(v, net), strict=True)
    ]
    ends.append(R())
net.parameters = old
print(f"along a random direction: tangent {mp.pack(by_tangent) @ v:.8f}, ", end="")
print(f"differences {(ends[0] - ends[1]) / 2e-5:.8f}")
assert np.isclose(mp.pack(by_tangent) @ v, (ends[0] - ends[1]) / 2e-5, rtol=1e-6)

# %%
# Of the logits of a linear net the penalty is just :math:`\sum|W|` (D6): a lasso. So
# the method carries a known idea over to nets, in which the slopes depend on the point.

linear = mp.Sequential(mp.Linear(64, 10), seed=0, dtype="float64")
tape = mp.forward(linear, few)
penalty = mp.methods.gradient_penalty(linear, tape, loss, labels, of="logits")
assert np.isclose(float(penalty), abs(linear.parameters[0][:-1]).sum())

# %%
# Four defences
# -------------
# ``DoubleBackprop`` is a direction, for any optimiser; its :math:`\lambda` rises over
# the first epochs. *Adversarial training* is a callback, which attacks each batch
# before the step, so that the net learns from the digits and their attacked copies
# (D7). Both go together: the penalty can be taken at the attacked points, or at the
# clean ones.

attack = [AdversarialTraining(epsilon=0.1)]
nets = {
    "none": plain,
    "L1": train(DoubleBackprop(WarmUp(0.1, epochs=5))),
    "AT": train(callbacks=attack),
    "AT + L1": train(DoubleBackprop(WarmUp(0.1, epochs=5), points="attacked"), attack),
    "AT + L1, clean points": train(
        DoubleBackprop(WarmUp(0.1, epochs=5), points="clean"), attack
    ),
}
print("accuracy in %:             clean  FGSM.1  FGSM.2   PGD.2")
rows = table(nets)
assert rows["L1"][0] > rows["none"][0] - 2  # no accuracy lost
assert rows["L1"][1] > rows["none"][1] + 10
assert rows["AT"][1] > rows["L1"][1]
assert rows["AT + L1"][2] > rows["AT"][2] + 5
assert rows["AT + L1, clean points"][2] < rows["AT"][2] + 3  # there it adds nothing

sizes = (0, 0.05, 0.1, 0.15, 0.2, 0.3)
curves = {
    name: {
        label: {
            size: robust_accuracy(net, data.test, loss, size, attack) for size in sizes
        }
        for label, net in nets.items()
    }
    for name, attack in (("FGSM", fgsm), ("PGD", functools.partial(pgd, steps=20)))
}
plt.figure(FigureClass=lambda *args, **options: mp.figures.robustness(curves))
plt.show()

# %%
# *The penalty alone keeps twenty points more at* :math:`\varepsilon = 0.1`, *at no cost
# in accuracy.* Training on attacked digits does more, at the price of twice the batch.
# At the attacked points the penalty adds to that, for attacks larger than those trained
# on, and costs some clean accuracy; at the clean points it adds nothing. Too much of it
# flattens everything:

flat = train(DoubleBackprop(1.0))
accuracy = 100 * robust_accuracy(flat, data.test, loss, 0)
answers = np.unique(mp.forward(flat, x).output.argmax(axis=1))
print(f"lambda = 1: accuracy {accuracy:.1f} %, answers {answers}")
assert accuracy < 30

# %%
# Implicit steps
# --------------
# With ``tau_theta`` the penalty enters the proximal problem of each layer, linearised,
# next to the coupling, which is kept whole (E5):
#
# .. math:: d_l = (A_l^TA_l + I/\tau_\theta)^{-1}(A_l^T\delta_l +
#           \lambda\nabla_{\theta_l}R).
#
# So the step is implicit in the layer and explicit in the penalty, and descends for
# both. No solver has to know of it: half of :math:`I/\tau_\theta` and the penalty are
# rows of a larger :math:`A`.

implicit = train(DoubleBackprop(WarmUp(0.1, epochs=5), tau_theta=1.0))
rows |= table({"L1, implicit steps": implicit})
assert rows["L1, implicit steps"][1] > rows["L1"][1] + 3
assert rows["L1, implicit steps"][0] > rows["L1"][0] - 1

# %%
# The same penalty under the same optimiser gets further on implicit directions. (Three
# seeds and a control without the penalty: ``minprox run double-backprop``. There it
# comes near adversarial training at 0.1, without ever having seen an attacked digit.)
#
# How to fool oneself
# -------------------
# Take the plain net and multiply its last layer by 1000. Its answers are the same,
# every one. But the softmax is now so sure of itself that in float32 :math:`p - y` is
# exactly zero for nearly all digits, and so is the gradient that the attack follows:
# the gradient is *masked*.

proud = make_net()
proud.parameters = plain.parameters
proud.parameters[-1][...] *= 1000
assert (mp.forward(proud, x).output.argmax(axis=1) == before).all()
rows |= table({"none, times 1000": proud})

# %%
# It looks like the best defence of all, even against many steps. So the claim must fail
# another test: attack the plain net, and show what comes out to the proud one.

try:
    transferred = fgsm(plain, x, y, loss, 0.1)
    accuracy = 100 * (mp.forward(proud, transferred).output.argmax(axis=1) == y).mean()
    assert accuracy > rows["none, times 1000"][1] - 10, (
        f"attacked by way of the plain net it has {accuracy:.1f} %"
    )
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict)
else:
    raise RuntimeError("the proud net withstands attacks on the plain one")

# %%
# How do we know that our defences do not do the same? Attack them with more steps and
# more restarts than anybody would want to wait for. If they had masked something, that
# would find it.

for name in ("L1", "AT + L1"):
    few, many = (
        100
        * robust_accuracy(
            nets[name], data.test, loss, 0.2, pgd, steps=steps, restarts=restarts
        )
        for steps, restarts in ((20, 1), (100, 4))
    )
    print(f"{name}: {few:.1f} % after 20 steps, {many:.1f} % after 100 from 4 starts")
    assert many > few - 5
    assert rows[name][2] >= rows[name][3]  # many steps do more than one

# %%
# What to take along
# ------------------
# - The 1-norm of :math:`\nabla_x\ell` times :math:`\varepsilon` is what the loss can
#   rise by, to first order.
# - A penalty on a gradient is no second back-propagation through a first one, but a
#   tangent pass over it.
# - The penalty helps where it is taken: at attacked points, if it is attacks that one
#   trains against.
# - An attack that fails says nothing before one knows why. Try a stronger one, and one
#   made for another net.
#
# Exercises
# ---------
# 1. Compare ``norm="l2squared"`` at the same :math:`\lambda`. Which attack is it dual
#    to?
# 2. Take the penalty of the logits (``of="logits"``). What does it cost, and how small
#    must :math:`\lambda` be?
# 3. Which :math:`\lambda` do implicit steps need for what explicit ones reach with 0.1?
# 4. Attack by steps of the *logits'* difference, the second largest less that of the
#    label. Does that find what is masked in the proud net?
