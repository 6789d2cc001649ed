r"""
Back-propagation by hand, and how to check a gradient
=====================================================

Forward and backward through a small net, line by line, with nothing but matrix
products; then the two checks that every layer deserves: the adjoint test, which is
exact, and the difference quotient, which is not and still decides. At the end come some
checkers that let wrong gradients pass, and the reason why one random direction sees
what they miss.

You need: the chain rule, and the transpose of a matrix as
:math:`\langle Au, v\rangle = \langle u, A^Tv\rangle`.

**Exercise**: ``minprox exercise 03`` gives it out.
"""

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

# sphinx_gallery_thumbnail_number = 2

plt.rcParams.update(
    {"figure.constrained_layout.use": True, "axes.grid": True, "grid.color": "0.88"}
)
plt.rcParams.update(
    {"axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
)
BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
rng = np.random.default_rng(0)

# %%
# Forward
# -------
# The loss of a net is one long composition,
#
# .. math:: J(\theta; x, y) = L_y(\varphi(\theta_{L-1},
#           \sigma(\dots\,\sigma(\varphi(\theta_1, x))\dots))).
#           \qquad\text{(E1)}
#
# The forward pass computes it from the inside: :math:`z_l = \varphi(\theta_l,
# a_{l-1})`, :math:`a_l = \sigma(z_l)`, and keeps every :math:`z_l` and :math:`a_l`.
# That record is the *tape*. For a dense layer, with the bias in the last row of
# :math:`\theta_l`,
#
# .. math:: z_l = A_l\,\theta_l, \qquad A_l = [\,a_{l-1},\; 1\,].
#
# So a transfer is a matrix times its parameters: the inputs are the matrix, one row for
# each sample. We count from 0 in code and from 1 in formulas, so ``tape.a[0]`` is the
# batch :math:`a_0` and ``tape.z[0]`` is :math:`z_1`.

net = mp.Sequential(
    *(mp.Linear(5, 8), mp.Tanh(), mp.Linear(8, 6), mp.Tanh(), mp.Linear(6, 3)),
    seed=1,
    dtype="float64",
)
loss = mp.CrossEntropy()
x, y = rng.standard_normal((10, 5)), rng.integers(0, 3, 10)

tape = mp.forward(net, x)
theta = net.parameters


def with_ones(a):
    return np.hstack([a, np.ones((len(a), 1))])


a0 = x
A1 = with_ones(a0)
z1 = A1 @ theta[0]
a1 = np.tanh(z1)
A2 = with_ones(a1)
z2 = A2 @ theta[1]
a2 = np.tanh(z2)
A3 = with_ones(a2)
z3 = A3 @ theta[2]

for by_hand, recorded in zip((a0, a1, a2, z1, z2, z3), (*tape.a, *tape.z), strict=True):
    assert np.allclose(by_hand, recorded, rtol=1e-14, atol=1e-14)

p = np.exp(z3) / np.exp(z3).sum(axis=1, keepdims=True)  # softmax
J = -np.log(p[np.arange(len(y)), y]).mean()
assert np.isclose(J, loss(tape.output, y), rtol=1e-14)
print(f"J = {J:.6f}, for guessing it would be log 3 = {np.log(3):.6f}")

# %%
# Backward
# --------
# Call :math:`\delta_l = \partial J/\partial z_l` the *error* at layer :math:`l`. A
# change :math:`dz_l` changes the loss by :math:`dJ = \langle \delta_l, dz_l\rangle`.
# Three rules are all of back-propagation:
#
# 1. *Loss.* For softmax and cross-entropy, averaged over :math:`N` samples,
#    :math:`\delta_{L-1} = (p - t)/N` with the one-hot target :math:`t`.
# 2. *Parameters.* :math:`dz_l = A_l\,d\theta_l`, so
#    :math:`dJ = \langle \delta_l, A_l\,d\theta_l\rangle = \langle A_l^T\delta_l,
#    d\theta_l\rangle`. Hence
#    :math:`\nabla_{\theta_l} J = A_l^T\delta_l`.
# 3. *Inputs.* :math:`dz_{l+1} = da_l\,W_{l+1}` with the weights :math:`W`, that is θ
#    without its bias row, and :math:`da_l = \sigma'(z_l)\odot dz_l`. Hence
#    :math:`\delta_l = \sigma'(z_l) \odot (\delta_{l+1} W_{l+1}^T)`.
#
# Each rule moves a linear map to the other side of an inner product: forward goes the
# map, backward its adjoint.

target = np.eye(3)[y]
delta3 = (p - target) / len(y)
delta2 = (1 - np.tanh(z2) ** 2) * (delta3 @ theta[2][:-1].T)
delta1 = (1 - np.tanh(z1) ** 2) * (delta2 @ theta[1][:-1].T)
by_hand = [A1.T @ delta1, A2.T @ delta2, A3.T @ delta3]

grads = mp.backprop(net, tape, loss, y)
for ours, theirs in zip(by_hand, grads, strict=True):
    assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-15)

# %%
# ``mp.errors`` is the reverse sweep itself: it yields each layer's :math:`A_l` (as a
# linear map) and :math:`\delta_l`, last layer first. The gradient is ``A.T @ delta``.
# All that ProxProp changes is this last product.

for l, A, delta in mp.errors(net, tape, loss, y):
    print(f"layer {l + 1}: A {A.shape}, δ {delta.shape}, gradient {grads[l].shape}")
    assert np.allclose(A.T @ delta, grads[l], rtol=1e-12, atol=1e-15)
    assert np.allclose(delta, (delta1, delta2, delta3)[l], rtol=1e-12, atol=1e-15)

# %%
# Here is rule 2 as a picture, for the second layer. The gradient correlates inputs with
# errors over the batch: entry :math:`(i, j)` is the inner product of column :math:`i`
# of :math:`A` and column :math:`j` of :math:`\delta`.

figure, panels = plt.subplots(1, 3, figsize=(12, 4.6), width_ratios=(9, 6, 6))
pictures = (
    (A2, r"$A_2 = [a_1, 1]$", "inputs and the 1", "sample"),
    (delta2, r"$\delta_2 = \partial J/\partial z_2$", "output of the layer", "sample"),
    (
        A2.T @ delta2,
        r"$\nabla_{\theta_2} J = A_2^T\,\delta_2$",
        "output of the layer",
        "input (last row: bias)",
    ),
)
for panel, (matrix, title, across, down) in zip(panels, pictures, strict=True):
    size = np.abs(matrix).max()
    image = panel.imshow(matrix, cmap="PuOr_r", vmin=-size, vmax=size)
    panel.set(title=title, xlabel=across, ylabel=down)
    panel.grid(False)
    figure.colorbar(image, ax=panel, shrink=0.75)
plt.show()

# %%
# The adjoint test
# ----------------
# The adjoint of a linear map :math:`A` is *defined* by :math:`\langle A\theta,
# \delta\rangle = \langle \theta, A^T\delta\rangle` for all :math:`\theta` and
# :math:`\delta`. So draw both at random and compare two numbers: no step size, no
# limit, an error at the level of rounding. It needs no matrix either, which is why it
# is the test for a convolution.

conv = mp.Conv2d(3, 4, 3, stride=2, padding=1)
image = rng.standard_normal((2, 3, 9, 9))
kernel = rng.standard_normal(conv.theta_shape)
z = conv.forward(kernel, image)
delta = rng.standard_normal(z.shape)

left = np.vdot(z, delta)
right = np.vdot(kernel, conv.adjoint_theta(image, delta))
print(f"⟨A θ, δ⟩ = {left:.15f}\n⟨θ, Aᵀ δ⟩ = {right:.15f}")
assert abs(left - right) <= 1e-13 * np.linalg.norm(z) * np.linalg.norm(delta)

# this and more: linear in θ, both adjoints, one column for each channel
mp.check_layer(conv, (3, 9, 9))

# %%
# The gradient check along a random direction
# -------------------------------------------
# For the whole net there is the difference quotient. For a direction :math:`b`, the
# slope of :math:`h \mapsto J(\theta + hb)` at 0 is :math:`\langle \nabla J, b\rangle`,
# and central differences approximate it with the error
#
# .. math:: \left|\frac{J(\theta + hb) - J(\theta - hb)}{2h} - \langle \nabla J,
#           b\rangle\right|
#           \;\lesssim\; c\,h^2 + \frac{\epsilon\,|J|}{h}
#
# where :math:`\epsilon` is the rounding unit. The first term is Taylor's, the second
# the cancellation in the numerator. So the error over :math:`h` is a V in a log-log
# plot, with its minimum about :math:`h \approx \epsilon^{1/3}` and the depth
# :math:`\epsilon^{2/3}`: some ten digits in float64, four in float32. One-sided
# differences have a first term of order :math:`h` and reach only
# :math:`\epsilon^{1/2}`.


def loss_along(net, h, direction, x):
    """Return J(θ + h b) in the dtype of the net, and leave the net as it was."""
    old = [theta.copy() for theta in net.parameters]
    net.parameters = [theta + h * b for theta, b in zip(old, direction, strict=True)]
    value = loss(mp.forward(net, x).output, y)
    net.parameters = old
    return float(value)


direction = [rng.standard_normal(theta.shape) for theta in net.parameters]
slope = sum(np.vdot(g, b) for g, b in zip(grads, direction, strict=True))

single = mp.Sequential(
    *(mp.Linear(5, 8), mp.Tanh(), mp.Linear(8, 6), mp.Tanh(), mp.Linear(6, 3)),
    seed=1,
    dtype="float32",
)
single_x, single_b = x.astype("float32"), [b.astype("float32") for b in direction]
exact_single = sum(
    np.vdot(g.astype("float64"), b)
    for g, b in zip(
        mp.backprop(single, mp.forward(single, single_x), loss, y),
        single_b,
        strict=True,
    )
)

hs = np.geomspace(1e-12, 1, 61)
central = np.array(
    [loss_along(net, h, direction, x) - loss_along(net, -h, direction, x) for h in hs]
)
central = np.abs(central / (2 * hs) - slope) / abs(slope)
one_sided = np.array(
    [loss_along(net, h, direction, x) - loss_along(net, 0.0, direction, x) for h in hs]
)
one_sided = np.abs(one_sided / hs - slope) / abs(slope)
short = hs.astype("float32")
low = np.array(
    [
        loss_along(single, h, single_b, single_x)
        - loss_along(single, -h, single_b, single_x)
        for h in short
    ]
)
low = np.abs(low / (2 * hs) - exact_single) / abs(exact_single)

# %%
# The right arm of the V rises with the order of the formula, and the bottoms lie where
# the rounding unit says:


def order(error, least, most):
    window = (hs >= least) & (hs <= most)
    return np.polyfit(np.log(hs[window]), np.log(error[window]), 1)[0]


print(
    f"orders: central {order(central, 1e-4, 1e-2):.2f}, one-sided "
    f"{order(one_sided, 1e-6, 1e-3):.2f}"
)
assert abs(order(central, 1e-4, 1e-2) - 2) < 0.1
assert abs(order(one_sided, 1e-6, 1e-3) - 1) < 0.1
assert central.min() < 1e-9
assert 1e-7 < low[low > 0].min() < 1e-3
assert low[hs < 1e-9].min() > 0.1  # in float32 this h is lost: θ + h b is θ

figure, panel = plt.subplots(figsize=(8.5, 5))
panel.loglog(
    hs, np.maximum(central, 1e-13), "o-", color=BLUE, ms=4, label="central, float64"
)
panel.loglog(
    hs,
    np.maximum(one_sided, 1e-13),
    "^-",
    color=GREEN,
    ms=4,
    label="one-sided, float64",
)
panel.loglog(
    hs, np.maximum(low, 1e-13), "s-", color=ORANGE, ms=4, label="central, float32"
)
panel.loglog(hs[hs > 1e-5], 0.3 * hs[hs > 1e-5] ** 2, ":", color="0.3")
panel.loglog(hs[hs < 1e-4], 1e-16 / hs[hs < 1e-4], "--", color="0.3")
panel.text(2.5e-3, 2e-8, r"$\sim h^2$", fontsize=12, color="0.3")
panel.text(1e-11, 2e-8, r"$\sim \epsilon/h$", fontsize=12, color="0.3")
panel.set(xlabel="$h$", ylabel="relative error", ylim=(1e-13, 1e6))
panel.set_title("A difference quotient against the slope from back-propagation")
panel.legend(loc="upper right")
plt.show()

# %%
# ``mp.check_gradient`` does this at :math:`h = 10^{-5}`, in float64 only, for each
# layer and for columns of :math:`\theta` whose gradients are of like size, and accepts
# a relative error of :math:`10^{-6}`. Where the net has kinks (ReLU, max-pooling) a
# difference across one is no derivative, so check such nets away from them.

print(f"relative error: {mp.check_gradient(net, x, loss, y):.1e}")

# %%
# Checkers that are fooled
# ------------------------
# A checker is only worth what it rejects. Here are four slips that one really meets,
# planted into our backward sweep by hand:


def backward(net, tape, slip):
    theta, (a0, a1, a2) = net.parameters, tape.a
    delta3 = loss.gradient(tape.output, y)
    delta2 = (1 - a2**2) * (delta3 @ theta[2][:-1].T)
    # σ' = 1 − tanh(z)², which is 1 − a², but not 1 − tanh(a)²
    factor = 1 - np.tanh(a1) ** 2 if slip == "σ′ taken at a" else 1 - a1**2
    delta1 = factor * (delta2 @ theta[1][:-1].T)
    grads = [
        with_ones(a).T @ d
        for a, d in zip((a0, a1, a2), (delta1, delta2, delta3), strict=True)
    ]
    if slip == "bias of layer 1 forgotten":
        grads[0][-1] = 0
    if slip == "layer 2 larger by 0.1 %":
        grads[1] *= 1.001
    if slip == "one sign of layer 1 wrong":
        grads[0][2, 3] *= -1
    return grads


slips = (
    "none",
    "σ′ taken at a",
    "bias of layer 1 forgotten",
    "layer 2 larger by 0.1 %",
    "one sign of layer 1 wrong",
)

# %%
# And four checkers, all of them built on the same difference quotient:
#
# - *one coordinate*: only the first entry of :math:`\theta_1` is moved;
# - *a coarse tolerance*: a random direction, and 2 % are good enough;
# - *a symmetric point*: a random direction, tested at :math:`\theta = 0`, "the simplest
#   case";
# - *a random direction*: the way of ``mp.check_gradient``, which has one for each
#   layer.
#
# At :math:`\theta = 0` all hidden errors vanish, since :math:`\delta_l` is multiplied
# by
# :math:`W_{l+1}^T = 0`. Whatever a slip does to zero remains zero.


def rejects(net, slip, b, tolerance):
    """Tell whether the central difference along b refuses the gradient of the net with
    this slip."""
    found = backward(net, mp.forward(net, x), slip)
    h = 1e-5
    expected = (loss_along(net, h, b, x) - loss_along(net, -h, b, x)) / (2 * h)
    claimed = sum(np.vdot(g, c) for g, c in zip(found, b, strict=True))
    size = np.sqrt(sum(np.vdot(g, g) for g in found))
    return abs(claimed - expected) > tolerance * size


def first_coordinate(shapes):
    b = [np.zeros(shape) for shape in shapes]
    b[0][0, 0] = 1
    return b


def random_direction(shapes):
    return [rng.standard_normal(shape) for shape in shapes]


checkers = {
    "one coordinate": (first_coordinate, 1e-6, False),
    "coarse tolerance": (random_direction, 2e-2, False),
    "symmetric point": (random_direction, 1e-6, True),
    "random direction": (random_direction, 1e-6, False),
}
trials = 40
rate = np.zeros((len(slips), len(checkers)))
for trial in range(trials):
    layers = mp.Linear(5, 8), mp.Tanh(), mp.Linear(8, 6), mp.Tanh(), mp.Linear(6, 3)
    candidate = mp.Sequential(*layers, seed=trial, dtype="float64")
    drawn = [theta.copy() for theta in candidate.parameters]
    for column, (choose, tolerance, at_zero) in enumerate(checkers.values()):
        candidate.parameters = [0 * theta if at_zero else theta for theta in drawn]
        for row, slip in enumerate(slips):
            b = choose([theta.shape for theta in drawn])
            rate[row, column] += 100 * rejects(candidate, slip, b, tolerance) / trials

figure, panel = plt.subplots(figsize=(8.5, 4.4))
panel.imshow(rate, cmap="cividis", vmin=0, vmax=100, aspect="auto")
for row, column in np.ndindex(rate.shape):
    colour = "black" if rate[row, column] > 50 else "white"
    panel.text(
        column,
        row,
        f"{rate[row, column]:.0f} %",
        ha="center",
        va="center",
        color=colour,
        fontsize=12,
    )
panel.set_xticks(range(len(checkers)), checkers, fontsize=11)
panel.set_yticks(range(len(slips)), slips, fontsize=11)
panel.set(
    title=f"How often a checker rejects a gradient ({trials} nets)",
    xlabel="checker",
    ylabel="slip",
)
panel.grid(False)
plt.show()

right_gradient, random_column, zero_column = rate[0], rate[1:, 3], rate[1:, 2]
assert (right_gradient == 0).all()  # no checker refuses the right gradient …
assert (random_column == 100).all()  # … and only this one refuses every wrong one
assert (zero_column == 0).all()
assert (rate[1:, :3].min(axis=0) == 0).all()

# %%
# Why one random direction is enough
# ----------------------------------
# Let :math:`e` be the error of a claimed gradient, and :math:`b` a vector of
# independent standard normal numbers. The check sees :math:`\langle e, b\rangle`, which
# is normal with the standard deviation :math:`\|e\|`. So it falls below
# :math:`t\,\|e\|` only with a probability of at most :math:`t\sqrt{2/\pi} < 0.8\,t`: a
# slip of the relative size 0.1 % passes a tolerance of :math:`10^{-6}` in less than one
# of a thousand checks, *wherever* it hides. A coordinate sees it only where it looks.

e = np.zeros(1000)
e[17] = 1e-3  # one wrong entry among a thousand
seen = np.abs(rng.standard_normal((20000, 1000), dtype="float32") @ e.astype("float32"))
share = np.mean(seen < 0.05 * np.linalg.norm(e))
bound = 0.05 * np.sqrt(2 / np.pi)
print(
    f"|⟨e, b⟩| < 0.05 ‖e‖ in {100 * share:.1f} % of the directions; the bound is "
    f"{100 * bound:.1f} %"
)
assert abs(share - bound) < 0.006

# %%
# A claim that must fail
# ----------------------
# The slip "σ′ taken at a" is not found by the eye: the numbers look like a gradient,
# and a net may even learn with it. The check along a random direction refuses it, in
# words:

try:
    mp.check_gradient(net, x, loss, y, gradient=backward(net, tape, "σ′ taken at a"))
except AssertionError as refusal:  # mp.CheckError is one
    print("refused, as it must be:", refusal)
else:
    raise RuntimeError("the wrong gradient passed")

# %%
# What to take along
# ------------------
# - Back-propagation is: the adjoints of the forward maps, in reverse order. The
#   gradient of a layer is
#   :math:`A_l^T\delta_l`.
# - Test each linear map by the dot test, to rounding; test the whole by a random
#   direction, in float64.
# - Show that your checker can say no. A test that has never failed has not been tested.
