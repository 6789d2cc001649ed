r"""
What (E6) is called elsewhere
=============================

The implicit step of a layer, :math:`d = (A^TA + I/\tau_\theta)^{-1}A^T\delta` (E6), has
been found many times: as ridge regression, by Levenberg and Marquardt, as a trust
region, as a natural gradient, and after the paper once more as FOOF, "gradient descent
on neurons" (Benzing, ICML 2022). It is also one half of K-FAC (Martens and Grosse, ICML
2015). Each name brings a way to choose :math:`\tau_\theta`, and some promise more than
they keep. We check all of them on one layer, and then let K-FAC, ProxProp, Adam and
BackProp train a net.

You need: the implicit step (E6) and its filter (tutorial 5).

**Exercise**: ``minprox exercise 23`` gives it out.
"""

import functools

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import lstsq
from scipy.optimize import brentq

import minprox as mp
from minprox.methods import KFAC, input_factor, kfac_step, output_factor, split_damping

LOOK = {name: mp.figures.look_of(name) for name in ("backprop", "proxprop", "kfac")}
EXPLICIT, IMPLICIT, KRONECKER = (look["color"] for look in LOOK.values())
BLACK, GREY = mp.figures.COLOURS[6], mp.figures.COLOURS[11]
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True})
plt.rcParams.update({"grid.color": "0.9", "axes.axisbelow": True})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
rng = np.random.default_rng(0)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def angle(u, v):
    """In degrees."""
    return np.degrees(np.arccos(np.vdot(u, v) / np.linalg.norm(u) / np.linalg.norm(v)))


# %%
# One layer, seven names
# ----------------------
# A layer sees :math:`A`, with ``rows`` samples, and gets the error :math:`\delta`.

rows, tau_theta = 40, 0.3
layer = mp.DenseMap(rng.standard_normal((rows, 11)), bias=True)
A, delta = layer.matrix(), rng.standard_normal((rows, 5)) / rows
d = mp.Exact()(layer, delta, tau_theta)
gradient = A.T @ delta

# %%
# **Ridge regression**, or Tikhonov regularisation. :math:`d` is the best linear
# prediction of the error :math:`\delta` from the inputs, with a penalty
# :math:`1/\tau_\theta` on its size: least squares with :math:`I/\sqrt{\tau_\theta}`
# below :math:`A`. The bias is penalised like the rest.

stacked = np.vstack([A, np.eye(12) / tau_theta**0.5])
ridge = lstsq(stacked, np.vstack([delta, np.zeros((12, 5))]))[0]
assert relative(d, ridge) < 1e-12

# %%
# **Levenberg–Marquardt.** For a residual :math:`r(\theta)` with the Jacobian :math:`R`
# their step is :math:`-(R^TR + \mu I)^{-1}R^Tr`. The residual of the *coupling* (E5) is
# :math:`r(\theta) = A\theta - z^{k+1/2}`, which is :math:`\tau\delta` at
# :math:`\theta^k`; its Jacobian is :math:`A` for each column. So (E6) is their step
# with :math:`\mu = 1/\tau_\theta`. For the whole net it is not; we come to that.

theta, tau = rng.standard_normal((12, 5)), 0.7
target = A @ theta - tau * delta  # z^{k+1/2}
R = np.kron(A, np.eye(5))  # the Jacobian for vec(θ)
r = (A @ theta - target).ravel()
marquardt = np.linalg.solve(R.T @ R + np.eye(60) / tau_theta, R.T @ r)
assert relative(tau * d.ravel(), marquardt) < 1e-12

# %%
# **Trust region.** Minimise the coupling :math:`\frac12\|Ad - \delta\|^2` subject to
# :math:`\|d\| \le r`: the solution is (E6), and :math:`1/\tau_\theta` the multiplier of
# the constraint. The length of the step grows with :math:`\tau_\theta`, so that the
# *secular equation* :math:`\|d(\tau_\theta)\| = r` has one solution, as long as
# :math:`r` is shorter than the least-squares step. Choose a radius, and
# :math:`\tau_\theta` follows.


def length(tau_theta):
    return np.linalg.norm(mp.Exact()(layer, delta, tau_theta))


taus = np.geomspace(1e-4, 1e3, 40)
lengths = np.array([length(t) for t in taus])
assert (np.diff(lengths) > 0).all()

radius = 0.6 * np.linalg.norm(lstsq(A, delta)[0])
found = np.exp(brentq(lambda log_tau: length(np.exp(log_tau)) - radius, -10, 10))
inside = mp.Exact()(layer, delta, found)
assert np.isclose(np.linalg.norm(inside), radius)


def coupling(u):
    return np.sum((A @ u - delta) ** 2) / 2


for _ in range(200):  # no other point of the ball is better
    u = inside + rng.standard_normal(inside.shape) * rng.choice([0.1, 1]) * radius / 8
    assert coupling(u * min(1, radius / np.linalg.norm(u))) > coupling(inside)
print(f"the radius {radius:.4f} is the proximal step size {found:.3f}")

# %%
# **Natural gradient.** Say the layer predicts :math:`z = A\theta` up to normal noise of
# variance 1 in every entry. The Kullback–Leibler divergence between two such models is
# :math:`\frac12\|A(\theta - \theta')\|^2`, its Hessian, the Fisher matrix, is
# :math:`A^TA` for each column, and the damped natural gradient :math:`(F +
# I/\tau_\theta)^{-1}\nabla J` is (E6). It is the steepest descent if steps are measured
# by how far they move the *outputs* of the layer.
#
# **FOOF**, and **K-FAC without the output factor.** Write :math:`\Omega =
# A^TA/\text{rows}`, a *mean* of :math:`aa^T`. Then (K3)
#
# .. math:: A^TA + I/\tau_\theta \;=\; NP\,\bigl(\Omega +
#           \tfrac{1}{NP\,\tau_\theta}I\bigr)
#
# for :math:`N` samples with :math:`P` output positions (:math:`P = 1` for a dense
# layer). So (E6) is FOOF's :math:`(\Omega + \lambda I)^{-1}\nabla J` up to the factor
# :math:`NP`, with the damping :math:`\lambda = 1/(NP\,\tau_\theta)`. Here, and for a
# convolution:

conv = mp.Conv2d(3, 4, 3, padding=1)
images = conv.linear_map(rng.standard_normal((5, 3, 6, 6)))
for B, error in ((layer, delta), (images, rng.standard_normal((images.shape[0], 4)))):
    NP = B.shape[0]
    identity = NP * (input_factor(B) + np.eye(B.shape[1]) / (NP * tau_theta))
    # (K3)
    assert relative(B.T.gram() + np.eye(B.shape[1]) / tau_theta, identity) < 1e-12
    one = np.eye(error.shape[1])
    foof = kfac_step(B.T @ error, input_factor(B), one, 1 / (NP * tau_theta), 0.0)
    assert relative(mp.Exact()(B, error, tau_theta), foof / NP) < 1e-12
    print(f"A {B.shape}: the damping of FOOF is {1 / (NP * tau_theta):.4f}")

# %%
# The identity is also a translation of other people's settings: a damping of 0.01 at
# batch 100 is :math:`\tau_\theta = 1`.
#
# **Newton.** Where the layer faces a squared error, the coupling *is* the loss, and
# with ``last_layer="proximal"`` the step is the damped Newton step of that block.

net = mp.Sequential(
    mp.Linear(6, 8), mp.Tanh(), mp.Linear(8, 3), seed=2, dtype="float64"
)
x, y, loss = (
    rng.standard_normal((30, 6)),
    rng.standard_normal((30, 3)),
    mp.SquaredError(),
)
tape = mp.forward(net, x)
last = mp.proxprop(net, tape, loss, y, tau_theta, last_layer="proximal")[1]
H = mp.hessian_product(net, tape, loss, y) @ np.eye(56 + 27)
block = H[56:, 56:] + np.eye(27) / tau_theta
assert (
    relative(
        last.ravel(), np.linalg.solve(block, mp.backprop(net, tape, loss, y)[1].ravel())
    )
    < 1e-10
)

# %%
# What it is not
# --------------
# "(E6) is a Gauss–Newton step" is true of the coupling and false of :math:`J`. The
# Gauss–Newton matrix of :math:`J` looks through all layers behind: its block of one
# layer is a sum of :math:`aa^T \otimes s s^T` over samples, where :math:`s` are slopes
# of the loss by the outputs of that layer. (E6) puts the identity in the place of
# :math:`ss^T`. K-FAC keeps a mean of it, the second factor :math:`\Gamma`, the second
# moment of the errors:
#
# .. math:: d = (\Omega + \pi\sqrt\lambda\,I)^{-1}\;\nabla_\theta J\;
#           (\Gamma + \tfrac{\sqrt\lambda}{\pi} I)^{-1} \qquad\text{(K1)}
#
# with the damping split between the factors in the ratio of their sizes (K2). On a net
# with two layers, how far are the steps of the first layer apart?

classes, cross = rng.integers(0, 3, 30), mp.CrossEntropy()
names = ("gradient", "(E6)", "K-FAC, drawn targets", "K-FAC", "Gauss–Newton of J")
angles = np.zeros((5, 5, 6))
for seed in range(6):
    net = mp.Sequential(
        mp.Linear(6, 8), mp.Tanh(), mp.Linear(8, 3), seed=seed, dtype="float64"
    )
    tape = mp.forward(net, x)
    g = mp.backprop(net, tape, cross, classes)[0]
    G = (mp.gauss_newton_product(net, tape, cross, classes) @ np.eye(56 + 27))[:56, :56]
    # the same damping for all, in units of the mean curvature
    lam = 0.1 * np.trace(G) / 56
    steps = (
        g,
        mp.proxprop(net, tape, cross, classes, tau_theta=70 / (np.sum(x**2) + 30))[0],
        KFAC(lam, fisher="sampled", seed=seed)(net, tape, cross, classes)[0],
        KFAC(lam)(net, tape, cross, classes)[0],
        np.linalg.solve(G + lam * np.eye(56), g.ravel()).reshape(g.shape),
    )
    angles[:, :, seed] = [
        [angle(u, v) if u is not v else 0 for v in steps] for u in steps
    ]
middle = np.median(angles, axis=2)
print(
    f"(E6) is {angles[1, 4].min():.0f} to {angles[1, 4].max():.0f} degrees off "
    "Gauss–Newton of J"
)
assert angles[1, 4].min() > 20

figure, axes = plt.subplots(figsize=(6.6, 5.2))
axes.imshow(middle, cmap="Blues", vmin=0, vmax=90)
for i, row in enumerate(middle):
    for j, value in enumerate(row):
        axes.text(
            j,
            i,
            f"{value:.0f}°",
            ha="center",
            va="center",
            color="white" if value > 45 else "black",
        )
axes.set_xticks(range(5), names, rotation=25, ha="right")
axes.set_yticks(range(5), names)
axes.set_title("angles between steps of the first layer")
axes.grid(False)
plt.show()

# %%
# *Medians of six initial nets. The damping is a tenth of the mean eigenvalue of the
# matrix at hand. No two of these are the same direction.*
#
# The claim that must fail is the one found in many a summary of the paper:

try:
    # must fail
    assert angles[1, 4].max() < 1, f"up to {angles[1, 4].max():.0f} degrees apart"
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict)
else:
    raise RuntimeError("(E6) has passed for the Gauss–Newton step of J")

# %%
# K-FAC by hand
# -------------
# ``mp.methods.KFAC`` keeps running averages of both factors. Its first step has no
# past, so that a few lines must give the same:

direction = KFAC(damping=0.1)
steps = direction(net, tape, cross, classes)
for l, layer_map, error in mp.errors(net, tape, cross, classes):
    Omega, Gamma = input_factor(layer_map), output_factor(error, len(x))
    a, b = split_damping(Omega, Gamma, 0.1)
    assert np.isclose(a * b, 0.1)  # (K2)
    assert np.isclose(
        a / b, (np.trace(Omega) / len(Omega)) / (np.trace(Gamma) / len(Gamma))
    )
    left, right = Omega + a * np.eye(len(Omega)), Gamma + b * np.eye(len(Gamma))
    by_hand = np.linalg.solve(left, layer_map.T @ error) @ np.linalg.inv(right)  # (K1)
    assert relative(steps[l], by_hand) < 1e-10

# %%
# All of them in one figure
# -------------------------
# A comparison is worth as much as its rule for the settings. Ours: *every method gets
# six runs of five epochs with the seed 0, over step sizes a factor of about three
# apart; the one with the lowest training loss goes on, with other seeds.* Where there
# is a second parameter the six are shared, two values for three. Everything else is the
# same: digits, 64–100–50–10, batches of 100, and Nesterov momentum 0.9 (Adam has its
# own).

data = mp.datasets.digits()


def run(make, direction, epochs, seed):
    net = mp.Sequential(
        *(
            mp.Linear(64, 100),
            mp.ReLU(),
            mp.Linear(100, 50),
            mp.ReLU(),
            mp.Linear(50, 10),
        ),
        seed=seed,
    )
    options = {"epochs": epochs, "batch_size": 100, "seed": seed, "progress": False}
    return mp.train(net, data, cross, make(net), direction(), **options)


def nesterov(tau):
    return lambda net: mp.SGD(net, lr=tau, momentum=0.9, nesterov=True)


def adam(tau):
    return lambda net: mp.Adam(net, lr=tau)


def implicit(tau_theta):
    return lambda: functools.partial(mp.proxprop, tau_theta=tau_theta)


TAUS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
grids = {
    "BackProp": {f"τ = {t:g}": (nesterov(t), lambda: mp.backprop) for t in TAUS},
    "Adam": {f"τ = {t / 10:g}": (adam(t / 10), lambda: mp.backprop) for t in TAUS},
    "ProxProp": {
        f"τ = {t:g}, τ_θ = {s:g}": (nesterov(t), implicit(s))
        for t in (0.3, 1.0)
        for s in (0.1, 0.3, 1.0)
    },
    "K-FAC": {
        f"τ = {t:g}, λ = {s:g}": (nesterov(t), functools.partial(KFAC, s))
        for t in (0.01, 0.03)
        for s in (0.01, 0.1, 1.0)
    },
}


def ended(history):
    return np.inf if history.diverged_at is not None else history.train_loss[-1]


chosen, curves = {}, {}
for name, grid in grids.items():
    losses = {
        setting: ended(run(*parts, epochs=5, seed=0)) for setting, parts in grid.items()
    }
    chosen[name] = min(losses, key=losses.get)
    curves[name] = [
        run(*grid[chosen[name]], epochs=10, seed=seed) for seed in (1, 2, 3)
    ]
    worst = max(losses, key=losses.get)
    print(
        f"{name:9} takes {chosen[name]}: {losses[chosen[name]]:.3f} (at worst "
        f"{losses[worst]:.3g})"
    )

looks = {
    "BackProp": mp.figures.look_of("backprop", points=10),
    "Adam": {"color": GREY, "linestyle": ":", "marker": "v", "markersize": 4.5},
    "ProxProp": mp.figures.look_of("proxprop", points=10),
    "K-FAC": mp.figures.look_of("kfac", points=10),
}
figure, panels = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True)
median = {}
for name, histories in curves.items():
    losses = np.array([h.train_loss for h in histories])
    seconds = np.median([h.seconds for h in histories], axis=0)
    median[name] = np.median(losses, axis=0)
    for panel, across in zip(
        panels, (np.arange(losses.shape[1]), seconds), strict=True
    ):
        style = looks[name] | {"markevery": 1}
        panel.semilogy(across, median[name], label=f"{name}, {chosen[name]}", **style)
        panel.fill_between(
            across,
            losses.min(axis=0),
            losses.max(axis=0),
            color=style["color"],
            alpha=0.15,
        )
panels[0].set(xlabel="epoch", ylabel="training loss", ylim=(1e-5, 4))
panels[1].set(xlabel="seconds of training")
panels[0].legend(frameon=False, fontsize=9)
plt.show()

# %%
# *Medians of three seeds, and the range between them. The seconds are those of your
# machine; on nets of this size much of a step is overhead. An epoch of K-FAC costs the
# most: it inverts two matrices for every layer, and keeps them exact where others
# update them every tenth step.*
#
# Per epoch the order is that of the matrices: with both factors ahead of one factor,
# one ahead of none.

for name, losses in median.items():
    print(f"{name:9} after 3 epochs {losses[3]:.3f}, after 10 {losses[10]:.5f}")
assert median["K-FAC"][3] < median["ProxProp"][3] < median["BackProp"][3]
assert median["ProxProp"][3] < median["Adam"][3]

# %%
# What to take along
# ------------------
# - (E6) is ridge regression of the error on the inputs; :math:`1/\tau_\theta` is its
#   penalty, the damping of Levenberg–Marquardt, the multiplier of a trust region.
# - It is the Gauss–Newton step of the coupling, and not of :math:`J`.
# - :math:`A^TA + I/\tau_\theta = NP\,(\Omega + I/(NP\tau_\theta))`: FOOF, and K-FAC
#   without :math:`\Gamma`, are ProxProp in other units. The factor :math:`NP` is where
#   people err; the next tutorial is about it.
# - Compare methods by a rule that you can state in one sentence, and state it.
#
# Exercises
# ---------
# 1. Draw :math:`1/\|d\|` over :math:`1/\tau_\theta`, and :math:`\|d\|` itself. To which
#    of the two do solvers of the secular equation apply Newton's method, and why?
# 2. Let ``KFAC`` draw its targets from the model (``fisher="sampled"``) in the last
#    figure. Which damping does it need, and why a larger one?
# 3. Write FOOF as a direction of five lines, and tune its damping by the rule above.
