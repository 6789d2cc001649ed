r"""
Splitting: multipliers and ADMM over layers
===========================================

The penalty energy (E3) cuts a net into blocks, each of which alone is easy.
Back-propagation takes one explicit step on each block, ProxProp one implicit step on
the blocks of the parameters. Why not *minimise* each block, in turn, again and again?
That is the method of auxiliary coordinates (Carreira-Perpiñán and Wang, 2014), and with
multipliers for the cut ties it is ADMM over layers (Taylor et al., 2016), which was
said to train nets without gradients. The same energy, in another order: what does it
buy?

You need: the penalty energy (tutorial 4), and the implicit step (E5, E6).

**Exercise**: ``minprox exercise 26`` gives it out.
"""

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

EXPLICIT = mp.figures.look_of("backprop")["color"]
IMPLICIT = mp.figures.look_of("proxprop")["color"]
TEAL, OLIVE, INDIGO = mp.figures.COLOURS[8:11]
plt.rcParams.update({"figure.constrained_layout.use": True, "axes.grid": True})
plt.rcParams.update({"grid.color": "0.9", "axes.axisbelow": True})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})

# %%
# The blocks
# ----------
# Two transfers with a ReLU between them, and the squared error of a one-hot target, so
# that
#
# .. math:: E = \tfrac{1}{2N}\|[a, 1]\,\theta_2 - y\|^2
#           + \tfrac{\gamma}{2}\|\sigma(z) - a\|^2 + \tfrac{\rho}{2}\|[x, 1]\,\theta_1 -
#           z\|^2.
#           \qquad\text{(E3)}
#
# Each of the four blocks has its minimum in closed form: the parameters are least
# squares; :math:`a` is least squares, too; and :math:`z` falls apart into single
# numbers, with two cases for the ReLU.

data = mp.datasets.digits(dtype="float64")
N = 300
x, y = data.train.x[:N], np.eye(10)[data.train.y[:N]]
net = mp.Sequential(
    mp.Linear(64, 30), mp.ReLU(), mp.Linear(30, 10), seed=0, dtype="float64"
)
loss = mp.SquaredError()
X = mp.DenseMap(x, bias=True)
start = [theta.copy() for theta in net.parameters]


def relu(z):
    return np.maximum(z, 0)


def least_squares(A, theta, target):
    """The nearest minimiser of ‖Aθ − target‖² (E5), with a τ_θ that is as good as
    infinite."""
    return theta - mp.Exact()(A, A @ theta - target, tau_theta=1e7)


def best_a(theta_2, s, gamma, w):
    """argmin 1/2N ‖[a, 1] θ_2 − y‖² + γ/2 ‖s − a + w‖², s = σ(z)."""
    W, b = theta_2[:-1], theta_2[-1]
    system = W @ W.T / N + gamma * np.eye(len(W))
    return np.linalg.solve(system, ((y - b) @ W.T / N + gamma * (s + w)).T).T


def best_z(p, q, gamma, rho):
    """argmin γ/2 (σ(z) − p)² + ρ/2 (z − q)², entry by entry."""
    on = relu((gamma * p + rho * q) / (gamma + rho))
    off = np.minimum(q, 0)
    cost = [gamma / 2 * (relu(z) - p) ** 2 + rho / 2 * (z - q) ** 2 for z in (on, off)]
    return np.where(cost[0] < cost[1], on, off)


p, q = np.random.default_rng(0).standard_normal((2, 500))
grid = np.linspace(-6, 6, 4001)[:, None]
brute = grid[
    np.argmin(0.7 / 2 * (relu(grid) - p) ** 2 + 0.3 / 2 * (grid - q) ** 2, axis=0), 0
]
found = best_z(p, q, 0.7, 0.3)
values = [0.7 / 2 * (relu(z) - p) ** 2 + 0.3 / 2 * (z - q) ** 2 for z in (found, brute)]
assert (values[0] <= values[1] + 1e-12).all()

# %%
# ProxProp is one sweep of this
# -----------------------------
# Start at the forward pass, where no tie is broken. Let :math:`z` and :math:`a` take
# their explicit half-steps (that is back-propagation of the error), and let
# :math:`\theta_1` take the minimum of *its* block, but not go further than a proximal
# term allows: (E5), which is ``mp.proxprop``. With :math:`\tau_\theta \to \infty` the
# proximal term goes, and the block is solved as ADMM does it.

tape = mp.forward(net, x)
delta = loss.gradient(tape.output, y) @ start[1][:-1].T * (tape.z[0] > 0)  # ∂J/∂z
for tau_theta in (0.1, 10.0):
    half_step = tape.z[0] - delta  # z^{k+1/2}, τ = 1
    theta_1 = start[0] - mp.Exact()(X, X @ start[0] - half_step, tau_theta)
    by_proxprop = start[0] - mp.proxprop(net, tape, loss, y, tau_theta)[0]
    assert np.allclose(theta_1, by_proxprop, atol=1e-12)
to_the_end = start[0] - mp.proxprop(net, tape, loss, y, 1e7)[0]
assert np.allclose(to_the_end, least_squares(X, start[0], tape.z[0] - delta), atol=1e-8)

# %%
# Block by block: MAC
# -------------------
# Minimise the blocks in turn. Every block update lowers :math:`E`, by construction:
# there is no step size.


def energy(theta_1, z, a, theta_2, gamma, rho):
    lifted = {"theta": {1: theta_1, 2: theta_2}, "a": {0: x, 1: a}, "z": {1: z}}
    return mp.energy(net, loss, y, gamma=gamma, rho=rho, **lifted)


def J(theta_1, theta_2):
    """The loss of the net itself, with no tie broken."""
    net.parameters = [theta_1, theta_2]
    return float(loss(mp.forward(net, x).output, y))


def split(rho, multipliers, rounds=60, tau_theta=1e7):
    """Block minimisation of (E3) with γ = ρ, with multipliers or without, in rounds.

    θ_2 takes the implicit step of its block; with a large τ_θ that is its minimum.
    """
    gamma = rho
    theta_1, theta_2 = (theta.copy() for theta in start)
    z = X @ theta_1
    a = relu(z)
    u, w = np.zeros_like(z), np.zeros_like(z)
    row = {
        "J": [J(theta_1, theta_2)],
        "E": [energy(theta_1, z, a, theta_2, gamma, rho)],
        "broken": [0.0],
    }
    for _ in range(rounds):
        A = mp.DenseMap(a, bias=True)
        theta_2 = theta_2 - mp.Exact()(A, A @ theta_2 - y, tau_theta)  # (E5)
        levels = [energy(theta_1, z, a, theta_2, gamma, rho)]
        a = best_a(theta_2, relu(z), gamma, w)
        levels.append(energy(theta_1, z, a, theta_2, gamma, rho))
        z = best_z(a - w, X @ theta_1 + u, gamma, rho)
        levels.append(energy(theta_1, z, a, theta_2, gamma, rho))
        theta_1 = least_squares(X, theta_1, z - u)
        levels.append(energy(theta_1, z, a, theta_2, gamma, rho))
        if not multipliers:
            assert (
                np.diff([row["E"][-1], *levels]) < 1e-10
            ).all()  # each block update goes down
        else:
            u = u + X @ theta_1 - z
            w = w + relu(z) - a
        row["J"].append(J(theta_1, theta_2))
        row["E"].append(levels[-1])
        broken = np.sum((X @ theta_1 - z) ** 2) + np.sum((relu(z) - a) ** 2)
        row["broken"].append(broken / np.sum(a**2))
    return row


mac = split(1 / N, multipliers=False)
print(
    f"MAC, 60 rounds: E = {mac['E'][-1]:.5f}, J = {mac['J'][-1]:.5f}, ties broken "
    f"{mac['broken'][-1]:.1%}"
)

# %%
# The energy is low. Is the net good? Only as far as the ties hold: its own loss
# :math:`J` is another number. The claim must fail:

try:
    gap = mac["J"][-1] / mac["E"][-1]
    assert gap < 1.1, f"the loss of the net is {gap:.1f} times the energy"  # must fail
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict)
else:
    raise RuntimeError("the energy has passed for the loss")

# %%
# A larger :math:`\gamma = \rho` ties tighter and moves less in each round. That is the
# fate of every penalty method.
#
# Multipliers
# -----------
# The **augmented Lagrangian** adds a force :math:`\mu` at each tie, which grows as long
# as the tie is broken. Written with the scaled multipliers :math:`u = \mu/\rho` it is
# the same energy with shifted ties,
#
# .. math:: \tfrac{\rho}{2}\|[x, 1]\,\theta_1 - z + u\|^2, \qquad
#           u \leftarrow u + [x, 1]\,\theta_1 - z,
#
# and the same for :math:`\sigma(z) - a` with :math:`w`. Minimising the blocks in turn
# and updating :math:`u` and :math:`w` after each round is ADMM. Its fixed points break
# no tie, for any :math:`\rho`. For convex problems it converges; this one is not
# convex, and nothing is promised.

weights = (0.1 / N, 1 / N, 10 / N)


def tuned(found, last=lambda row: row["J"][-1]):
    """The parameter with the lowest J after the last round, and what it led to."""
    return min(
        found.items(),
        key=lambda item: last(item[1]) if np.isfinite(last(item[1])) else np.inf,
    )


whole = {rho: split(rho, multipliers=True) for rho in weights}
for rho, row in whole.items():
    lowest = int(np.argmin(row["J"]))
    print(
        f"ADMM, ρ = {rho * N:g}/N: J = {row['J'][-1]:.3f}, lowest "
        f"{row['J'][lowest]:.3f} after round {lowest}"
    )
    assert lowest < 20
    assert row["J"][-1] > 1.5 * row["J"][lowest]

# %%
# A good start, and then it gets worse and worse: each round solves for :math:`\theta_2`
# to the end, however little the activations of that round are to be trusted, and
# :math:`\theta_2` runs away along directions that they hardly determine. We know a
# remedy: let it take its *implicit step* (E5) instead. In the convex theory this is
# called proximal ADMM.

TAU_THETA = 0.1
penalty = {rho: split(rho, multipliers=False, tau_theta=TAU_THETA) for rho in weights}
admm = {rho: split(rho, multipliers=True, tau_theta=TAU_THETA) for rho in weights}
for name, found in (("MAC", penalty), ("ADMM", admm)):
    for rho, row in found.items():
        print(f"{name}, ρ = {rho * N:g}/N, τ_θ = {TAU_THETA}: J = {row['J'][-1]:.4f}, "
              f"ties broken {row['broken'][-1]:.1e}")  # fmt: skip
assert tuned(admm)[1]["J"][-1] < 0.6 * tuned(penalty)[1]["J"][-1]
assert tuned(admm)[1]["J"][-1] < 0.2 * tuned(whole)[1]["J"][-1]
for rho in weights[1:]:  # unless the weight is too small,
    # multipliers close the ties
    assert admm[rho]["broken"][-1] < penalty[rho]["broken"][-1] / 2

# %%
# Against gradients
# -----------------
# The same net, the same full batch, the same number of rounds: gradient descent and
# ProxProp (with the last layer's own proximal step), each with the best of its step
# sizes, as the others have the best of three weights.


def descend(direction, tau):
    net.parameters = [theta.copy() for theta in start]
    found = [J(*net.parameters)]
    with np.errstate(all="ignore"):
        for _ in range(60):
            steps = direction(net, mp.forward(net, x), loss, y)
            net.parameters = [
                theta - tau * d for theta, d in zip(net.parameters, steps, strict=True)
            ]
            found.append(J(*net.parameters))
    return {"J": found}


def proximal(net, tape, loss, y):
    """The hidden layer takes 30 times the step of the last one."""
    hidden, last = mp.proxprop(
        net, tape, loss, y, tau_theta=[10.0, 300.0], last_layer="proximal"
    )
    return [30 * hidden, last]


taus = (0.1, 0.3, 1.0, 3.0)
tau_explicit, explicit = tuned({tau: descend(mp.backprop, tau) for tau in taus})
tau_implicit, implicit = tuned({tau: descend(proximal, tau) for tau in taus})
(rho_mac, best_mac), (rho_admm, best_admm), (rho_whole, best_whole) = map(
    tuned, (penalty, admm, whole)
)
curves = {
    rf"gradient descent, $\tau$ = {tau_explicit:g}": (explicit, EXPLICIT, "--"),
    rf"ProxProp, $\tau$ = {30 * tau_implicit:g} and {tau_implicit:g}": (
        implicit,
        IMPLICIT,
        "-",
    ),
    rf"MAC, $\rho$ = {rho_mac * N:g}/N, $\tau_\theta$ = {TAU_THETA}": (
        best_mac,
        OLIVE,
        "-.",
    ),
    rf"ADMM, $\rho$ = {rho_admm * N:g}/N, $\tau_\theta$ = {TAU_THETA}": (
        best_admm,
        INDIGO,
        ":",
    ),
    rf"ADMM, $\rho$ = {rho_whole * N:g}/N, blocks solved": (
        best_whole,
        TEAL,
        (0, (1, 3)),
    ),
}
figure, panel = plt.subplots(figsize=(8, 4.8))
for name, (row, colour, style) in curves.items():
    panel.semilogy(row["J"], ls=style, color=colour, lw=2.2, label=name)
    print(
        f"{name}: {row['J'][0]:.3f}, {row['J'][10]:.4f} after 10 rounds, "
        f"{row['J'][-1]:.4f} after 60"
    )
panel.set(xlabel="round", ylabel="$J$, the loss of the net itself", ylim=(None, 4))
panel.legend(frameon=False, fontsize=9, ncols=2, loc="upper right")
plt.show()
assert best_admm["J"][10] < explicit["J"][10]
assert implicit["J"][-1] < explicit["J"][-1]

# %%
# And how far the lifted variables are from a net:

figure, panel = plt.subplots(figsize=(8, 4.8))
for name, found, colour in (("MAC", penalty, OLIVE), ("ADMM", admm, INDIGO)):
    for (rho, row), marker in zip(found.items(), "o^s", strict=True):
        label = rf"{name}, $\rho$ = {rho * N:g}/N"
        panel.semilogy(
            row["broken"][1:], marker, color=colour, ms=3.5, mfc="none", label=label
        )
panel.set(xlabel="round", ylabel="share of the activations that is broken")
panel.set_title(rf"ties, $\tau_\theta$ = {TAU_THETA}")
panel.legend(frameon=False, fontsize=9, ncols=2, loc="lower left")
plt.show()

# %%
# Block minimisation is fast at first: no step size limits it, and all blocks use all
# the data. What it pays for that stands nowhere in the figures: it keeps :math:`z`,
# :math:`a` and the multipliers of *every sample*, so that mini-batches, and data that
# change, are out of its reach. ProxProp forgets the lifted variables after each sweep
# and starts again at the forward pass, where no tie is broken. That is the other order.
#
# What to take along
# ------------------
# - One energy, (E3). Explicit steps on its blocks: back-propagation. Implicit steps on
#   the parameters: ProxProp. Minima of the blocks: MAC. The same with multipliers:
#   ADMM.
# - A low energy of a broken net is no low loss. Measure :math:`J`.
# - Multipliers close the ties at a finite weight, penalties only in the limit.
# - To solve a block to the end can be too much of a good thing; the proximal term of
#   (E5) is what is missing.
#
# Exercises
# ---------
# 1. Show that a fixed point of ADMM is a critical point of :math:`J`, and that
#    :math:`\rho u` is there the error :math:`\delta` of back-propagation, up to its
#    sign.
# 2. Put a multiplier at the last coupling only, as Taylor et al. do. What changes?
# 3. Let :math:`\rho` grow by 10 % in each round of MAC. Does it catch up with ADMM?
# 4. Give ADMM mini-batches of 100, with multipliers for each sample. What is stale, and
#    how old is it?
