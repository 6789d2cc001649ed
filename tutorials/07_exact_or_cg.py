r"""
Exact or CG: what n iterations buy
==================================

The paper solves the implicit step by a few iterations of conjugate gradients, "cg3" or
"cg10". What is an inexact step worth? This tutorial looks at CG as a polynomial that
imitates the exact filter, compares its two variants (one CG for the whole layer, or one
for each output), shows that its first step is a gradient step with an exact line
search, and hunts down a bug that shipped with the paper's own code and that most tests
would have let through.

**Exercise**: ``minprox exercise 07`` gives it out.
"""

# %%
# Krylov spaces and polynomials
# -----------------------------
# Write :math:`M = A^TA + I/\tau_\theta` and :math:`g = A^T\delta`; the exact step
# solves :math:`M d = g` (E6). It is the minimiser of the energy
#
# .. math:: \Phi(d) = \tfrac12\, d^TM d - g^Td, \qquad
#           \Phi(d) - \Phi(d_*) = \tfrac12\,(d - d_*)^T M\,(d - d_*),
#
# which is (E5) but for a constant. After :math:`n` iterations from zero, each of them
# one product with :math:`M`, a method can have reached linear combinations of :math:`g,
# Mg, \dots, M^{n-1}g`, the *Krylov space* :math:`K_n`. CG is the best of them: **its
# iterate minimises** :math:`\Phi` **over** :math:`K_n`. Two readings of that sentence:
#
# * *Geometry*: at the minimiser the gradient of :math:`\Phi`, the residual :math:`M d_n
#   - g`, is orthogonal to the whole space: :math:`v^T(g - M d_n) = 0` for all :math:`v
#   \in K_n`.
# * *Algebra*: :math:`d_n = q_{n-1}(M)\,g` with a polynomial of degree :math:`n - 1`. So
#   CG is a filter, as the exact step is: it multiplies the gradient's component at the
#   eigenvalue :math:`\mu` of :math:`M` by :math:`q_{n-1}(\mu)`, where the exact step
#   has :math:`1/\mu`. The residual is :math:`p_n(M)\,g` with :math:`p_n(\mu) = 1 -
#   \mu\,q_{n-1}(\mu)`, :math:`p_n(0) = 1`.
#
# The zeros of :math:`p_n` are the eigenvalues of :math:`M` as seen from inside
# :math:`K_n`, the *Ritz values* :math:`\nu_1, \dots, \nu_n`, eigenvalues of
# :math:`Q^TMQ` for an orthonormal basis :math:`Q` of :math:`K_n`. So :math:`p_n(\mu) =
# \prod_j (1 - \mu/\nu_j)`, and the filter is known between the eigenvalues too.

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

# sphinx_gallery_thumbnail_number = 2

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)

data = mp.datasets.digits(dtype="float64")
x, y = data.train.x[:200], data.train.y[:200]
net = mp.Sequential(
    mp.Linear(64, 40),
    mp.ReLU(),
    mp.Linear(40, 30),
    mp.ReLU(),
    mp.Linear(30, 10),
    seed=0,
    dtype="float64",
)
loss, tape = mp.CrossEntropy(), mp.forward(net, x)
A, delta = next((A, delta) for l, A, delta in mp.errors(net, tape, loss, y) if l == 1)
# an output whose ReLU is silent on the whole batch has no errors
delta = delta[:, delta.any(axis=0)]


def system(A, tau_theta):
    """M = AᵀA + I/τ_θ, written down."""
    return A.T.gram() + np.eye(A.shape[1]) / tau_theta


def krylov(M, g, n):
    """An orthonormal basis of span{g, M g, …, Mⁿ⁻¹ g}, each vector orthogonalised
    twice."""
    Q = np.empty((len(g), 0))
    v = g
    for _ in range(n):
        for _ in range(2):
            v = v - Q @ (Q.T @ v)
        Q = np.column_stack([Q, v / np.linalg.norm(v)])
        v = M @ Q[:, -1]
    return Q


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


tau_theta = 1.0
M, one = system(A, tau_theta), delta[:, :1]  # one output of the layer
g = A.T @ one
mu, V = np.linalg.eigh(M)
ritz = {}
for n in (1, 2, 3, 5):
    Q = krylov(M, g[:, 0], n)
    ritz[n] = np.linalg.eigvalsh(Q.T @ M @ Q)
    d = mp.BlockCG(n)(A, one, tau_theta)
    # orthogonal to the space
    assert np.linalg.norm(Q.T @ (g - M @ d)) < 1e-7 * np.linalg.norm(g)
    p = np.prod(1 - mu[:, None] / ritz[n], axis=1)
    assert relative(V.T @ d, ((1 - p) / mu)[:, None] * (V.T @ g)) < 1e-7  # d = q(M) g
    print(f"n = {n}: Ritz values {np.round(ritz[n], 2)}")

grid = np.geomspace(mu[0], mu[-1] * 1.15, 600)
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
left.loglog(grid, 1 / grid, color=BLUE, linewidth=2.5, label=r"exact, $1/\mu$")
right.axhline(0, color=BLUE, linewidth=2.5)
for n, colour, style in zip(
    ritz, (SKY, WINE, GREEN, AMBER), ("--", "-.", (0, (6, 1)), "-"), strict=True
):
    p = np.prod(1 - grid[:, None] / ritz[n], axis=1)
    at_mu = np.prod(1 - mu[:, None] / ritz[n], axis=1)
    q = (1 - p) / grid
    left.loglog(
        grid, np.where(q > 0, q, np.nan), color=colour, linestyle=style, label=f"cg{n}"
    )
    left.loglog(mu, (1 - at_mu) / mu, "o", color=colour, markersize=4)
    right.semilogx(grid, p, color=colour, linestyle=style, label=f"cg{n}")
    right.semilogx(mu, at_mu, "o", color=colour, markersize=4)
left.set(
    xlabel=r"$\mu = \lambda + 1/\tau_\theta$",
    ylabel="factor on the gradient",
    ylim=(8e-4, 2),
)
left.set_title(r"the filter $q_{n-1}(\mu)$")
right.set(
    xlabel=r"$\mu = \lambda + 1/\tau_\theta$",
    ylabel="share that is left",
    ylim=(-1.05, 1.05),
)
right.set_title(r"the residual polynomial $p_n(\mu)$")
for panel in (left, right):
    panel.legend(frameon=False)
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
plt.show()

# %%
# *Dots: the eigenvalues of M. Left: n iterations fit a polynomial of degree n − 1 to
# the exact filter, at the eigenvalues only and where the gradient has its weight; in
# the gap between 25 and 470 it may do what it likes. Right: what they leave of each
# component. From cg2 on one zero sits on the lonely largest eigenvalue, the others
# spread over the rest.*
#
# cg1
# ---
# For :math:`n = 1` the polynomial is a constant: :math:`d_1 = \alpha g`. Minimise
# :math:`\Phi(\alpha g)`, a parabola in :math:`\alpha`, and find
#
# .. math:: \alpha = \frac{g^Tg}{g^TMg}.
#
# So cg1 is the gradient with the step size of an *exact line search* on (E5). The
# flattened variant has one :math:`\alpha` for the whole layer; the column-wise variant
# one for each output of the layer.

g = A.T @ delta
alpha = (g * g).sum() / (g * (M @ g)).sum()
assert relative(mp.CG(1)(A, delta, tau_theta), alpha * g) < 1e-12
alphas = (g * g).sum(axis=0) / (g * (M @ g)).sum(axis=0)
assert relative(mp.BlockCG(1)(A, delta, tau_theta), alphas * g) < 1e-12
# 1/α is a Rayleigh quotient of M
assert 1 / mu[-1] <= alphas.min() <= alphas.max() <= 1 / mu[0]
values = [
    mp.theory.subproblem(A, delta, tau_theta, s * alpha * g) for s in (0.9, 1.0, 1.1)
]
assert values[1] < min(values[0], values[2])
print(
    f"flattened: alpha = {alpha:.4f}; column-wise: from {alphas.min():.4f} to "
    f"{alphas.max():.4f}"
)

# %%
# One polynomial, or one for each column
# --------------------------------------
# The matrix :math:`M` is the same for each column of :math:`\delta`. ``mp.CG`` runs on
# the flattened layer, and chooses *one* polynomial for all columns. ``mp.BlockCG`` lets
# each column choose its own, within the same matrix products. More freedom, so **its
# energy is never larger after the same number of iterations**: the flattened iterate is
# one of the candidates among which the column-wise one is the best.
#
# How fast? Any polynomial with :math:`p(0) = 1` bounds the optimal one, and the
# Chebyshev polynomial on the spectrum gives the classical rate, with
# :math:`\kappa = \mathrm{cond}(M) \le 1 + \tau_\theta\|A\|^2`:
#
# .. math:: \Phi(d_n) - \Phi(d_*) \;\le\; 4\left(\frac{\sqrt\kappa - 1}{\sqrt\kappa +
#           1}\right)^{2n}
#           \left(\Phi(0) - \Phi(d_*)\right).
#
# A small :math:`\tau_\theta` therefore buys easy systems.

iterations = np.arange(1, 26)


def gaps(solver, tau_theta):
    """Energy gaps relative to the start, and relative residuals, over the
    iterations."""
    M, g = system(A, tau_theta), A.T @ delta
    exact = mp.Exact()(A, delta, tau_theta)
    start = (exact * g).sum()  # twice the gap at d = 0
    steps = [solver(int(n))(A, delta, tau_theta) for n in iterations]
    energy = [((d - exact) * (M @ (d - exact))).sum() / start for d in steps]
    residual = [np.linalg.norm(M @ d - g) / np.linalg.norm(g) for d in steps]
    # every iterate is a descent direction (P3)
    assert all((d * g).sum() > 0 for d in steps)
    return np.array(energy), np.array(residual)


figure, panels = plt.subplots(
    1, 2, figsize=(11, 4.6), layout="constrained", sharex=True
)
for tau, colour, marker in ((0.05, TEAL, "o"), (5.0, INDIGO, "s")):
    kappa = mp.theory.condition(A, tau)
    flat_energy, flat_residual = gaps(mp.CG, tau)
    block_energy, block_residual = gaps(mp.BlockCG, tau)
    rate = (kappa**0.5 - 1) / (kappa**0.5 + 1)
    above = flat_energy > 1e-18  # below, both are rounding
    assert np.all(block_energy[:8] <= flat_energy[:8])
    # later the directions lose their orthogonality, which costs an iteration at most
    assert np.all(block_energy[1:][above[1:]] <= flat_energy[:-1][above[1:]])
    assert np.all(np.diff(flat_energy[above]) < 0)
    assert np.all(np.diff(block_energy[above]) < 0)
    assert np.all(flat_energy <= 4 * rate ** (2 * iterations) + 1e-24)
    for panel, flat, block in (
        (panels[0], flat_energy, block_energy),
        (panels[1], flat_residual, block_residual),
    ):
        floor = 1e-16 if panel is panels[0] else 1e-8
        for trace, name, style, face in (
            (flat, "CG", "--", "white"),
            (block, "BlockCG", "-", colour),
        ):
            shown = np.where(trace > floor, trace, np.nan)
            panel.semilogy(
                iterations,
                shown,
                style,
                color=colour,
                marker=marker,
                markersize=5,
                markerfacecolor=face,
                label=rf"{name}, $\tau_\theta = {tau:g}$",
            )
    bound = np.minimum(4 * rate ** (2 * iterations), 1)
    panels[0].semilogy(
        iterations,
        bound,
        ":",
        color=colour,
        label=rf"Chebyshev, $\kappa = {kappa:.0f}$",
    )
    print(
        f"tau_theta = {tau:4g}, cond(M) = {kappa:6.1f}: energy gap after 3 iterations "
        f"CG {flat_energy[2]:.1e}, BlockCG {block_energy[2]:.1e}"
    )
panels[0].set(
    xlabel="iterations $n$", ylabel="energy gap, relative to the start", ylim=(1e-16, 3)
)
panels[1].set(
    xlabel="iterations $n$", ylabel=r"$\|M d_n - g\|\,/\,\|g\|$", ylim=(1e-8, 3)
)
panels[0].set_title("what CG minimises")
panels[1].set_title("what one measures")
panels[0].legend(frameon=False, fontsize=9)
for panel in panels:
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
plt.show()

# %%
# *Filled: column-wise; open: flattened. CG beats the Chebyshev bound since it disposes
# of the lonely largest eigenvalue in its first steps. The residual may rise on the way;
# the energy never does.*
#
# When CG, when exact? An iteration costs up to two products of the layer. The exact
# step through the smaller system often costs less than a single one (see the tutorial
# on primal and dual), and then there is nothing to approximate. CG is for the rest:
# layers of which one knows only a forward and an adjoint, and systems that are large
# both ways.
#
# A bug that almost works
# -----------------------
# Here is CG as it is written in textbooks, column-wise, next to the same lines with the
# flaw of the code that was published with the paper. Look for the difference:


def cg(A, delta, tau_theta, iterations):
    d, R = 0, A.T @ delta
    P = R.copy()
    rho = (R * R).sum(axis=0)
    for _ in range(iterations):
        MP = A.T @ (A @ P) + P / tau_theta
        alpha = rho / (P * MP).sum(axis=0)
        d = d + alpha * P
        R -= alpha * MP
        former, rho = rho, (R * R).sum(axis=0)
        P = R + rho / former * P
    return d


def broken_cg(A, delta, tau_theta, iterations):
    d, R = 0, A.T @ delta
    P = R  # two names for one array …
    rho = (R * R).sum(axis=0)
    for _ in range(iterations):
        MP = A.T @ (A @ P) + P / tau_theta
        alpha = rho / (P * MP).sum(axis=0)
        d = d + alpha * P
        R -= alpha * MP  # … so that this line overwrites P as well
        former, rho = rho, (R * R).sum(axis=0)
        P = R + rho / former * P  # and here the search direction P is already lost
    return d


# %%
# ``P = R`` makes two names for one array, and the update in place changes both. The
# first step is right. The second direction is then a multiple of the new residual, not
# conjugate to the first, and with a wrong length on top, since :math:`\alpha` counts on
# conjugacy. Nothing crashes. Each step still goes downhill. Try it on two random ridge
# problems with 40 rows, 60 columns and :math:`\tau_\theta = 0.05`: one with normal
# entries of both signs, one with their positive parts, like the inputs of a layer
# behind a ReLU.


def gap(A, delta, tau_theta, d):
    """Φ(d) − Φ(d*)."""
    off = d - mp.Exact()(A, delta, tau_theta)
    return float((off * (system(A, tau_theta) @ off)).sum() / 2)


rng = np.random.default_rng(0)
normal, errors = rng.standard_normal((40, 60)), rng.standard_normal((40, 1))
problems = {
    "normal": mp.DenseMap(normal, bias=False),
    "positive parts": mp.DenseMap(np.maximum(normal, 0), bias=False),
}
tau_theta, steps = 0.05, range(1, 13)
solvers = {
    "cg": cg,
    "broken": broken_cg,
    "BlockCG": lambda A, b, t, n: mp.BlockCG(n)(A, b, t),
}
traces = {
    (name, key): [
        gap(B, errors, tau_theta, solve(B, errors, tau_theta, n)) for n in steps
    ]
    for name, B in problems.items()
    for key, solve in solvers.items()
}

for name in problems:
    for n in (3, 5):
        true, broken = traces[name, "cg"][n - 1], traces[name, "broken"][n - 1]
        print(
            f"{name:15}, n = {n}: energy gap {true:.2g} for CG, {broken:.2g} for the "
            "broken one"
        )
    assert np.allclose(
        traces[name, "BlockCG"], traces[name, "cg"], rtol=1e-3, atol=1e-12
    )
    # the first step is right,
    assert np.isclose(traces[name, "broken"][0], traces[name, "cg"][0])
    # and every other still goes downhill,
    assert np.all(np.diff(traces[name, "broken"]) < 0)
    # even to the solution in the end
    patient = broken_cg(problems[name], errors, tau_theta, 500)
    assert gap(problems[name], errors, tau_theta, patient) < 1e-9

figure, panels = plt.subplots(
    1, 2, figsize=(11, 4.2), layout="constrained", sharey=True
)
for panel, name in zip(panels, problems, strict=True):
    start = gap(problems[name], errors, tau_theta, 0)
    for key, label, colour, style in (
        ("broken", "broken CG", WINE, "s--"),
        ("cg", "CG", GREEN, "o-"),
    ):
        values = np.array([start, *traces[name, key]]) / start
        panel.semilogy(
            [0, *steps],
            np.where(values > 1e-13, values, np.nan),
            style,
            color=colour,
            label=label,
        )
    panel.set(
        xlabel="iterations", title=f"random 40 × 60 matrix, {name}", ylim=(1e-13, 3)
    )
    panel.legend(frameon=False, loc="lower left")
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
panels[0].set_ylabel("energy gap, relative to the start")
plt.show()

# %%
# *The same flaw on two problems. On the harmless one (left) it passes for slow
# convergence; on inputs with a common mean, as every layer behind a ReLU has them, it
# costs almost all that the iterations should have brought.*
#
# A test that finds it
# --------------------
# "The energy falls" is true of the broken CG. "It converges if one waits" is true as
# well. A test must ask for what only CG has: optimality over the Krylov space. That is
# the identity from the beginning, :math:`v^T(g - M d_n) = 0` for all :math:`v \in K_n`,
# and it decides after two iterations, on either problem, with a gap of ten orders of
# magnitude between right and wrong.


def off_krylov(A, delta, tau_theta, d, n):
    """‖Qᵀ(g − M d)‖/‖g‖ for one column: zero for the n-th CG iterate."""
    M, g = system(A, tau_theta), A.T @ delta
    Q = krylov(M, g[:, 0], n)
    return float(np.linalg.norm(Q.T @ (g - M @ d)) / np.linalg.norm(g))


for name, B in problems.items():
    for n in (2, 3, 5):
        found = {
            key: off_krylov(B, errors, tau_theta, solve(B, errors, tau_theta, n), n)
            for key, solve in solvers.items()
        }
        print(
            f"{name:15}, n = {n}: "
            + ", ".join(f"{key} {value:.1e}" for key, value in found.items())
        )
        assert found["cg"] < 1e-10
        assert found["BlockCG"] < 1e-10
        try:
            assert found["broken"] < 1e-10, (
                f"broken CG is off by {found['broken']:.1e}"
            )  # must fail
        except AssertionError as verdict:
            print("   here is what a wrong claim looks like:", verdict)
        else:
            raise RuntimeError("the broken CG went through")

# %%
# Exercises
# ---------
# 1. Show that an exact line search makes consecutive residuals orthogonal. Which Krylov
#    identity is that?
# 2. If :math:`A^TA` has only :math:`r` different eigenvalues, CG is exact after
#    :math:`r` iterations. Why? How many for :math:`r` samples in the batch?
# 3. In the broken CG the second direction is :math:`(1 + \beta)` times the new
#    residual. By which factor is the second step shorter than that of an exact line
#    search?
# 4. Why is every CG iterate a descent direction? (Hint: :math:`\Phi(d_n) < \Phi(0)`.)
