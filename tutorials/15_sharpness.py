r"""
Sharpness: the limit of a step, measured
========================================

The paper begins with a limit: gradient descent is stable for :math:`\tau < 2/\Lambda`
only (E2). Here we measure :math:`\Lambda` while nets train, and see what has become
known as the *edge of stability*: along explicit runs it rises until it meets
:math:`2/\tau`. Then we measure the same for implicit steps. What they meet does not
rise; with the cross-entropy it falls away from the limit. And we find out which layer
sets that limit.

**Exercise**: ``minprox exercise 15`` gives it out.
"""

# %%
# A fourth pass
# -------------
# The Hessian of a net has as many rows as the net has parameters, but a product with it
# is cheap. Let the parameters move along :math:`v` and the batch along :math:`s`; a dot
# is a derivative along that motion. Forward,
#
# .. math:: \dot a_0 = s, \qquad \dot z_l = A_l v_l + \dot A_l\theta_l, \qquad
#           \dot a_l = \sigma'(z_l)\,\dot z_l, \qquad\text{(T1)}
#
# at the output :math:`\dot\delta = \partial^2 L\,\dot z` (T2), and backward, by the
# product rule,
#
# .. math:: \dot G_l = A_l^T\dot\delta_l + \dot A_l^T\delta_l, \qquad
#           \dot\delta_{l-1} = \sigma'\,\dot e_l + \sigma''\,\dot z_{l-1}\,e_l.
#           \qquad\text{(T3)}
#
# Here it is by hand for two layers, next to what back-propagation computes anyway.

import functools

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

# sphinx_gallery_thumbnail_number = 3

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)

data = mp.datasets.digits(dtype="float64")
x, y, loss = data.train.x[:400], data.train.y[:400], mp.CrossEntropy()
N = len(x)


def ones(a):
    return np.hstack([a, np.ones((len(a), 1))])


def zeros(a):
    return np.hstack([a, np.zeros((len(a), 1))])


net = mp.Sequential(
    mp.Linear(64, 20), mp.Tanh(), mp.Linear(20, 10), seed=0, dtype="float64"
)
rng = np.random.default_rng(0)
v = [rng.standard_normal(theta.shape) for theta in net.parameters]
(theta_1, theta_2), (v_1, v_2) = net.parameters, v

a_0 = ones(x)
a = np.tanh(a_0 @ theta_1)
e = np.exp(ones(a) @ theta_2)
p = e / e.sum(axis=1, keepdims=True)
delta = (p - np.eye(10)[y]) / N
e_1 = delta @ theta_2[:-1].T

z_dot = a_0 @ v_1  # the batch stands still
a_dot = (1 - a**2) * z_dot  # (T1)
z_dot_2 = ones(a) @ v_2 + zeros(a_dot) @ theta_2
delta_dot = p * (z_dot_2 - (p * z_dot_2).sum(axis=1, keepdims=True)) / N  # (T2)
G_dot_2 = ones(a).T @ delta_dot + zeros(a_dot).T @ delta
e_dot = delta_dot @ theta_2[:-1].T + delta @ v_2[:-1].T
G_dot_1 = a_0.T @ ((1 - a**2) * e_dot - 2 * a * (1 - a**2) * z_dot * e_1)  # (T3)

tape = mp.forward(net, x)
Hv = mp.tangent(net, tape, loss, y, v=v)
assert np.allclose(Hv[0], G_dot_1, rtol=1e-12, atol=1e-14)
assert np.allclose(Hv[1], G_dot_2, rtol=1e-12, atol=1e-14)

# %%
# ``mp.tangent`` does it for any net. Leave out the terms in which a :math:`\delta`
# stands without a dot, and you have the Gauss–Newton matrix, which is never negative
# (T4). Both come as linear operators for SciPy.

H = mp.hessian_product(net, tape, loss, y)
G = mp.gauss_newton_product(net, tape, loss, y)
u, w = (rng.standard_normal(H.shape[0]) for _ in range(2))
assert np.isclose(u @ (H @ w), w @ (H @ u), rtol=1e-10)
assert min(u @ (G @ u), w @ (G @ w)) > 0
print(
    f"{H.shape[0]:,} parameters; <u, H u> = {u @ (H @ u):.2f}, <u, G u> = "
    f"{u @ (G @ u):.2f}"
)

# %%
# Explicit steps: the edge of stability
# -------------------------------------
# With products alone Lanczos' method finds the largest eigenvalue, the *sharpness*
# :math:`\Lambda = \lambda_{\max}(H)` (T5). We train by plain gradient descent, all
# digits in one batch and no momentum, so that the limit is :math:`2/\Lambda` and
# nothing else; ``SharpnessWatch`` measures along the way.


def make_net(seed=0):
    return mp.Sequential(
        *(
            mp.Linear(64, 50),
            mp.Tanh(),
            mp.Linear(50, 50),
            mp.Tanh(),
            mp.Linear(50, 10),
        ),
        seed=seed,
        dtype="float64",
    )


def descend(share, direction=mp.backprop, loss=loss, y=y, steps=60, every=4):
    """Steps of a size τ that is a share of the limit at the start; return τ and what
    was measured."""
    net = make_net()
    watch = mp.theory.SharpnessWatch(x, y, loss, direction)
    tau = share * mp.theory.sharpness(net, mp.forward(net, x), loss, y, direction).limit
    with np.errstate(all="ignore"):
        for k in range(steps + 1):
            if k % every == 0:
                watch.rows.append({"epoch": k} | watch.measure(net))
            step = direction(net, mp.forward(net, x), loss, y)
            net.parameters = [
                theta - tau * d for theta, d in zip(net.parameters, step, strict=True)
            ]
    return tau, watch.rows


def column(run, name):
    """A measure along a run; sharpnesses in units of the limit, so that steps are
    unstable above 1."""
    tau, rows = run
    unit = 1 if name == "loss" else tau / 2
    return np.array([row[name] for row in rows]) * unit


def show(figure):
    """Hand a figure of ``mp.figures`` to pyplot, which shows it."""
    plt.figure(FigureClass=lambda *args, **options: figure)
    plt.show()


explicit = {share: descend(share) for share in (0.06, 0.12, 0.24, 0.5)}
for share, run in explicit.items():
    met = column(run, "sharpness")
    print(
        f"tau = {run[0]:.2f}, {share} of the limit: sharpness met, {met[0]:.2f} to "
        f"{met.max():.2f} and then ",
        end="",
    )
    print(f"{met[-1]:.2f}; loss {column(run, 'loss')[-1]:.3f}")
show(
    mp.figures.sharpness(
        {
            f"τ = {run[0]:.2f}, {share} of the limit at the start": run
            for share, run in explicit.items()
        },
        "Gradient descent",
        unit="step",
    )
)

# %%
# *The unit is the limit: above 1, steps are unstable. At the start all four are safe.
# Then the net learns, and the sharpness rises until it meets the limit.* At an eighth
# of the limit it settles just below it; at a quarter it shoots over, is thrown back,
# and comes to rest at the edge. Half of the limit is too much: the run never learns. A
# limit that is measured at the start promises more than it keeps.

for share, run in explicit.items():
    met, J = column(run, "sharpness"), column(run, "loss")
    assert met[0] < 0.51
    assert met.max() > 3 * met[0]  # it rises
    assert (J[-1] > J[0]) == (share == 0.5)  # and half of the limit is too much
assert 0.8 < column(explicit[0.12], "sharpness").max() < 1.1
assert column(explicit[0.24], "sharpness").max() > 1.5
assert 0.4 < column(explicit[0.24], "sharpness")[-1] < 1.1

# %%
# Implicit steps: away from the edge
# ----------------------------------
# A step by :math:`M^{-1}\nabla J` is gradient descent in other coordinates, so its
# limit is :math:`\tau < 2/\lambda_{\max}(M^{-1/2}HM^{-1/2})` (T6). For ProxProp
# :math:`M_l = A_l^TA_l + I/\tau_\theta`, and the identity in the last layer, which
# takes its gradient. ``mp.theory.sharpness`` knows that of any exact proximal
# direction.


def implicit(tau_theta, **options):
    return functools.partial(mp.proxprop, tau_theta=tau_theta, **options)


runs = {
    (share, t): descend(share, implicit(t))
    for share in (0.9, 8)
    for t in (0.05, 1.0, 50.0)
}
for (share, t), run in runs.items():
    met, J = column(run, "preconditioned"), column(run, "loss")
    print(
        f"tau_theta = {t:5}, tau = {run[0]:5.1f}, {share} of the limit: met "
        f"{met[0]:.2f} to {met[-1]:.2f}",
        end="",
    )
    print(
        f", explicit steps would meet {column(run, 'sharpness').max():.0f}; loss "
        f"{J[-1]:.4f}"
    )
    assert met[-1] < 0.7 * met[0]  # it falls
    assert J[-1] < J[0] / 2
    assert column(run, "sharpness").max() > 10  # where explicit steps would be unstable
show(
    mp.figures.sharpness(
        {
            f"τ_θ = {t:g}, {share} of the limit at the start": run
            for (share, t), run in runs.items()
        },
        "ProxProp",
    )
)

# %%
# *Second panel: what the steps meet falls away from the limit, even of steps that begin
# far above it. Middle: meanwhile* :math:`\Lambda` *is a hundred times above the limit
# of explicit steps of that size.* The nets that implicit steps find are sharp; the
# steps do not feel it. At eight times the limit the first steps are thrown far off, and
# the nets come back from there with the smallest losses of all: a limit of stability is
# a statement about neighbours, near one point. The explicit run at half of its limit
# never came back.
#
# Who sets the limit?
# -------------------
# The last panel says it: at the start the last layer holds all of the leading
# eigenvector, whatever :math:`\tau_\theta` is. That is why the limit hardly depends on
# :math:`\tau_\theta`: it comes from the one layer that has no proximal step.

net = make_net()
tape = mp.forward(net, x)
found = {"gradient": mp.theory.sharpness(net, tape, loss, y)}
found |= {
    f"τ_θ = {t:g}": mp.theory.sharpness(net, tape, loss, y, implicit(t))
    for t in (0.05, 1.0, 50.0)
}
for name, s in found.items():
    print(
        f"{name:>10}: sharpness {s.value:.3f}, limit {s.limit:5.2f}, shares",
        np.round(s.shares, 3),
    )
    assert (s.shares[-1] > 0.99) == (name != "gradient")
values = [s.value for name, s in found.items() if name != "gradient"]
assert max(values) < 1.01 * min(values)

figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
left = np.zeros(len(found))
for l, colour in enumerate((TEAL, OLIVE, INDIGO)):
    shares = np.array([s.shares[l] for s in found.values()])
    axes.barh(list(found), shares, left=left, color=colour, label=f"layer {l + 1}")
    left += shares
axes.invert_yaxis()
axes.set(xlabel="share of the leading eigenvector, at the start", xlim=(0, 1))
axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.22), ncols=3)
plt.show()

# %%
# And it says why the limit recedes. The last layer meets the curvature of the loss,
# times its own inputs: :math:`A^T\,\mathrm{diag}(p)(I - \mathbf 1 p^T)\,A/N`. As the
# net becomes sure of its answers, :math:`p(1 - p)` goes to zero, and the limit to
# infinity. The hidden layers would bring in the rise that explicit steps suffer from,
# but :math:`M^{-1}` divides them by what makes them rise, their inputs.
#
# If that is so, then with the squared error, whose curvature is the same everywhere,
# the limit must *stay*. Here it is, with the last layer explicit, and proximal.

Y = np.eye(10)[y]
squared = {
    "explicit": descend(0.9, implicit(1.0), mp.SquaredError(), Y),
    "proximal": descend(
        0.9, implicit(1.0, last_layer="proximal"), mp.SquaredError(), Y
    ),
}
for last, run in squared.items():
    met = column(run, "preconditioned")
    print(
        f"squared error, last layer {last}: met {met.min():.3f} to {met.max():.3f}",
        end="",
    )
    print(f", explicit steps would meet up to {column(run, 'sharpness').max():.0f}")
    assert np.allclose(met, 0.9, atol=0.03)
    assert column(run, "sharpness")[-1] > 5
    assert run[1][-1]["preconditioned_shares"][-1] > 0.95
show(
    mp.figures.sharpness(
        {f"last layer {last}, τ = {run[0]:.2f}": run for last, run in squared.items()},
        "ProxProp on the squared error, τ_θ = 1",
        unit="step",
    )
)

# %%
# *It stays where it was, to the width of the line, while* :math:`\Lambda` *rises
# tenfold.* So a step size that is stable at the start is stable to the end, which is
# more than gradient descent can say; but it recedes for the cross-entropy only. The
# other way round it must fail:

try:
    assert column(squared["explicit"], "preconditioned")[-1] < 0.7 * 0.9, (
        "with the squared error the limit stays"
    )
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict)
else:
    raise RuntimeError(
        "the sharpness that implicit steps meet fell on the squared error as well"
    )

# %%
# What to take along
# ------------------
# - The limit of explicit steps is no constant of a net. Training raises :math:`\Lambda`
#   to :math:`2/\tau`.
# - Implicit steps meet the curvature of the last layer's block, and hardly that of the
#   hidden layers: their limit is known at the start, and recedes as the cross-entropy
#   flattens.
# - A limit of stability says what steps do near a point, and nothing of where they
#   lead: what begins at eight times the limit may end far below it.
#
# ``minprox run sharpness`` repeats this over seeds, with a ConvNet, and says what
# holds.
#
# Exercises
# ---------
# 1. Give the net ReLUs. What changes, and why is the derivative along a motion still
#    the right one?
# 2. Give ``mp.theory.sharpness`` a direction of your own: the gradient with a step size
#    for each layer. It needs a method ``root`` of three lines. Which step sizes make
#    the limit of all layers the same?
# 3. Measure with ``gauss_newton_product`` in the place of the Hessian. How much of
#    :math:`\Lambda` is it?
# 4. What does momentum do to the edge? (Tutorial 9 has the limit for Nesterov's.)
