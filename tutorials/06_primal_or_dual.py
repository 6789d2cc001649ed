r"""
Primal or dual: why the exact step of a wide layer costs almost nothing
=======================================================================

The implicit step of a layer solves a linear system with one unknown for each *input* of
the layer, several thousand in the paper's network. That looks expensive, and the paper
turns to approximate solves. But there is a second system for the same step, with one
unknown for each *sample* of the mini-batch. This tutorial proves that the two agree,
counts what each costs, and measures whether the count tells the truth.

**Exercise**: ``minprox exercise 06`` gives it out.
"""

# %%
# One identity
# ------------
# Let :math:`A` be any matrix with ``rows`` rows and ``cols`` columns, and :math:`s =
# 1/\tau_\theta > 0`. Expand both sides:
#
# .. math:: (A^TA + s I)\,A^T \;=\; A^TAA^T + s A^T \;=\; A^T\,(AA^T + s I).
#
# Both matrices in brackets are symmetric, with eigenvalues of at least :math:`s`, hence
# invertible. Multiply by one inverse from the left and by the other from the right:
#
# .. math:: d \;=\; \underbrace{(A^TA + s I)^{-1} A^T\delta}_{\text{primal (E6)}}
#           \;=\; \underbrace{A^T (AA^T + s I)^{-1}\,\delta}_{\text{dual (E7)}}.
#
# This is the *push-through identity*: :math:`A^T` is pushed through the inverse, and
# the Gram matrix changes its side. Read aloud, (E7) says that **ProxProp is
# back-propagation of a filtered error**: first :math:`\delta` is filtered by the Gram
# matrix of the batch, then :math:`A^T` is applied as ever. Samples that look alike
# share their error; that is all the geometry there is.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

# sphinx_gallery_thumbnail_number = 2

# what mp.Exact() takes for most dense layers
DUAL = mp.figures.look_of("proxprop")["color"]
BLACK, PRIMAL = mp.figures.COLOURS[6], mp.figures.COLOURS[10]
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)
rng = np.random.default_rng(0)


def relative(found, expected):
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


for rows, cols in ((20, 90), (90, 20), (50, 50)):
    for tau_theta in (1e-2, 1.0, 1e2):
        A = mp.DenseMap(rng.standard_normal((rows, cols - 1)), bias=True)  # A = [a, 1]
        delta = rng.standard_normal((rows, 7))
        primal = mp.Exact("primal")(A, delta, tau_theta)
        dual = mp.Exact("dual")(A, delta, tau_theta)
        assert relative(dual, primal) < 1e-11
        mp.check_step(A, delta, tau_theta, primal)
        mp.check_step(A, delta, tau_theta, dual)

        K = A.matrix() @ A.matrix().T  # and the formula itself, with NumPy alone
        filtered = np.linalg.solve(K + np.eye(rows) / tau_theta, delta)
        assert relative(A.T @ filtered, dual) < 1e-9
        assert np.linalg.norm(filtered) <= tau_theta * np.linalg.norm(delta)
    print(
        f"A {rows} x {cols}: primal and dual agree, mp.Exact() takes the "
        f"{mp.Exact().chosen(A)}"
    )

# %%
# The easiest mistake with this identity leaves :math:`A^T` where it stands and swaps
# the Gram matrix all the same: :math:`(A^TA + sI)^{-1}A^T = (AA^T + sI)^{-1}A^T`. For
# most layers the shapes forbid it, but a square :math:`A` lets it pass. Numbers do not.

A = rng.standard_normal((30, 30))
shift = np.eye(30) / 0.5
pushed = A.T @ np.linalg.inv(A @ A.T + shift)
swapped = np.linalg.inv(A @ A.T + shift) @ A.T
primal = np.linalg.inv(A.T @ A + shift) @ A.T
assert relative(pushed, primal) < 1e-11
try:
    assert relative(swapped, primal) < 1e-11, (
        f"relative error {relative(swapped, primal):.2g}"
    )  # must fail
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict)
else:
    raise RuntimeError("the planted error went through")

# %%
# Counting
# --------
# Let the layer have ``n_out`` outputs. Everything a back-propagation does in it is
# three products of the same size, ``rows · cols · n_out`` multiplications each: the
# forward product :math:`A\theta`, the gradient :math:`A^T\delta`, and the errors of its
# inputs. An exact step needs *in addition*
#
# ============================ ====================================== ======================================
# multiplications              primal (E6)                            dual (E7)
# ============================ ====================================== ======================================
# the Gram matrix (one half)   :math:`\tfrac12` rows · cols²          :math:`\tfrac12` rows² · cols
# its inverse                  cols³                                  rows³
# to apply it                  cols² · n_out                          rows² · min(cols, n_out)
# ============================ ====================================== ======================================
#
# In the dual, the inverse may be applied to :math:`\delta` or to :math:`A`, whichever
# has fewer columns. The inverse of an :math:`n \times n` matrix takes :math:`n^3`
# multiplications in all: Cholesky's factor :math:`L`, :math:`\tfrac16 n^3`; its inverse
# by halves, :math:`\tfrac13 n^3`, which is counted below; and :math:`L^{-T}L^{-1}`, of
# which one half is enough, :math:`\tfrac12 n^3`. (Who solves with :math:`L` has
# :math:`\tfrac16 n^3` only, in a form that runs slower.) Divide the right column by one
# product, rows · cols · n_out:
#
# .. math:: \text{extra cost of the dual} \;=\; \frac{\text{rows}}{2\,n_{out}}
#           + \frac{\text{rows}^2}{\text{cols}\cdot n_{out}}
#           + \frac{\text{rows}}{\max(\text{cols}, n_{out})}.
#
# For a fixed batch every term falls with the width of the layer: *the wider the net,
# the cheaper the exact step*. The primal column has the same terms with rows and cols
# exchanged, and grows with the width.


def extra(rows, cols, n_out, form):
    """Multiplications that an exact step adds, in units of one product of the layer."""
    if form == "dual":
        added = rows**2 * cols / 2 + rows**3 + rows**2 * min(cols, n_out)
    else:
        added = rows * cols**2 / 2 + cols**3 + cols**2 * n_out
    return added / (rows * cols * n_out)


def triangular_inverse(n):
    """Multiplications to invert [[P, 0], [Q, R]]: both halves, and R⁻¹ (Q P⁻¹)."""
    return 1 if n == 1 else 2 * triangular_inverse(n // 2) + 2 * (n // 2) ** 3


def cholesky(n):
    """Multiplications for the columns of L, one after the other, each from those
    before it."""
    return sum((n - k) * k for k in range(n))


n = 1024
inverse = (cholesky(n) + triangular_inverse(n)) / n**3 + 1 / 2
print(f"the inverse of {n} rows: {inverse:.4f} n³ multiplications")
assert np.isclose(inverse, 1, atol=1e-3)

print(
    "the paper's MLP at batch 500, in products of the layer (a back-propagation takes "
    "three):"
)
for n_in, n_out in ((3072, 4000), (4000, 1000), (1000, 4000)):
    costs = {form: extra(500, n_in + 1, n_out, form) for form in ("primal", "dual")}
    print(
        f"  {n_in} -> {n_out}: primal {costs['primal']:6.2f}, dual {costs['dual']:5.2f}"
    )
    assert costs["dual"] < costs["primal"]

total = sum(
    500 * (n_in + 1) * n_out
    for n_in, n_out in ((3072, 4000), (4000, 1000), (1000, 4000))
)
added = sum(
    500 * (n_in + 1) * n_out * extra(500, n_in + 1, n_out, "dual")
    for n_in, n_out in ((3072, 4000), (4000, 1000), (1000, 4000))
)
print(
    f"  all three layers together: the dual adds {added / (3 * total):.0%} to their "
    "back-propagation"
)
assert added < 0.2 * 3 * total

# A layer that does not widen (n_out ≤ cols): the smaller system is the cheaper one.
for rows, cols, n_out in rng.integers(1, 3000, (500, 3)).astype(float):
    if n_out <= cols:
        primal, dual = (extra(rows, cols, n_out, form) for form in ("primal", "dual"))
        assert (dual < primal) == (rows < cols)
        assert np.isclose(
            extra(cols, cols, n_out, "dual"), extra(cols, cols, n_out, "primal")
        )

# %%
# Measuring
# ---------
# A count is a claim about a machine, so let us look. Each point below is a ratio of two
# medians, taken in turns in the same run: the time that the exact step takes beyond the
# gradient, over the time of one forward product :math:`A\theta`. The data are float32
# as in training. ``mp.Exact`` sums and inverts the Gram matrix in float64 (a shift
# :math:`1/\tau_\theta` below the float32 rounding of the largest eigenvalue would be
# lost otherwise), and a float64 multiplication costs about twice a float32 one; the
# counted curves include that factor.


def counted(rows, cols, n_out, form):
    n, other = (rows, cols) if form == "dual" else (cols, rows)
    in_float64 = (n**2 * other / 2 + n**3) / (rows * cols * n_out)
    return extra(rows, cols, n_out, form) + in_float64


def measured(rows, width, forms, rounds=5):
    """Return for each form (its time − that of the gradient) / that of a forward
    product."""
    a = rng.random((rows, width), dtype=np.float32)
    A = mp.DenseMap(a, bias=True)
    theta = rng.standard_normal((width + 1, width), dtype=np.float32)
    delta = rng.standard_normal((rows, width), dtype=np.float32)
    tasks = {"product": lambda: A @ theta, "gradient": lambda: A.T @ delta}
    tasks |= {form: lambda form=form: mp.Exact(form)(A, delta, 0.05) for form in forms}
    seconds = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            task()  # warm, not timed
            start = perf_counter()
            task()
            seconds[name].append(perf_counter() - start)
    median = {name: np.median(values) for name, values in seconds.items()}
    return {
        form: (median[form] - median["gradient"]) / median["product"] for form in forms
    }


BATCH, WIDTH = 128, 512
widths = (64, 128, 256, 512, 1024, 1536)
batches = (16, 32, 64, 128, 256, 512, 1024)
by_width = {
    n: measured(BATCH, n, ("primal", "dual") if n <= 1024 else ("dual",))
    for n in widths
}
by_batch = {n: measured(n, WIDTH, ("primal", "dual")) for n in batches}

print(
    f"extra cost of the exact step in forward products, batch {BATCH}: measured "
    "(counted)"
)
for n, found in by_width.items():
    row = [
        f"{form} {ratio:7.2f} ({counted(BATCH, n + 1, n, form):6.2f})"
        for form, ratio in found.items()
    ]
    print(f"  width {n:5d}: " + ", ".join(row))

figure, panels = plt.subplots(
    1, 2, figsize=(11, 4.6), layout="constrained", sharey=True
)
for panel, found, axis in (
    (panels[0], by_width, "width"),
    (panels[1], by_batch, "batch"),
):
    ends = np.geomspace(min(found), max(found), 100)
    for form, colour, marker in (("primal", PRIMAL, "s"), ("dual", DUAL, "o")):
        shape = (
            (lambda n: (BATCH, n + 1, n))
            if axis == "width"
            else (lambda n: (n, WIDTH + 1, WIDTH))
        )
        panel.loglog(
            ends,
            [counted(*shape(n), form) for n in ends],
            "--",
            color=colour,
            label=f"{form}, counted",
        )
        points = [
            (n, ratio[form])
            for n, ratio in found.items()
            if form in ratio and ratio[form] > 0
        ]
        panel.loglog(
            *zip(*points, strict=True),
            marker,
            color=colour,
            markersize=7,
            label=f"{form}, measured",
        )
    panel.axhline(3, color=BLACK, linewidth=1)
    panel.axvline(BATCH if axis == "width" else WIDTH, color="0.6", linestyle=":")
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
    ticks = [n for n in found if n != 1536]
    panel.set_xticks(ticks, [str(n) for n in ticks])
    panel.minorticks_off()
panels[0].text(widths[-1], 3.2, "a whole back-propagation", ha="right")
panels[0].set(xlabel="width of the layer (inputs = outputs)", title=f"batch {BATCH}")
panels[0].set_ylabel("extra cost of the exact step\n(forward products of the layer)")
panels[1].set(xlabel="samples in the batch", title=f"width {WIDTH}")
panels[1].legend(frameon=False, fontsize=9.5, loc="lower right")
plt.show()

# %%
# *What an exact step costs beyond the gradient. The dotted line is where batch and
# width are equal: left of it (in the first panel) or right of it (in the second) the
# primal system is the smaller one. Where little is to be computed the points lie above
# the count: there the time goes into calls and copies, which nobody counted, and
# inverting a matrix runs slower than multiplying two. Your machine will draw other
# points.*
#
# Nothing here is asserted about time. What is asserted is that the library takes the
# smaller system:

for rows, cols in ((128, 1025), (1024, 513), (500, 3073)):
    a = np.zeros((rows, cols - 1), np.float32)
    assert mp.Exact().chosen(mp.DenseMap(a, bias=True)) == (
        "dual" if rows <= cols else "primal"
    )

# %%
# Convolutions turn it round
# --------------------------
# A convolution is linear in its kernel too; the rows of its :math:`A` are the *patches*
# that the kernel sees, one for each output pixel of each sample. There are very many of
# them, and each is short: rows = batch · height · width, cols = channels · kernel area
# + 1. Now the dual system is hopeless and the primal one is tiny. Here are the layers
# of the paper's two nets at batch 500.

layers = {
    "MLP 1": (mp.Linear(3072, 4000), (3072,)),
    "MLP 2": (mp.Linear(4000, 1000), (4000,)),
    "MLP 3": (mp.Linear(1000, 4000), (1000,)),
    "conv 1": (mp.Conv2d(3, 16, 5, padding=2), (3, 32, 32)),
    "conv 2": (mp.Conv2d(16, 20, 5, padding=2), (16, 16, 16)),
    "conv 3": (mp.Conv2d(20, 20, 5, padding=2), (20, 8, 8)),
}
shapes = {}
for name, (layer, input_shape) in layers.items():
    A = layer.linear_map(np.zeros((500, *input_shape), np.float32))
    shapes[name] = A.shape
    print(
        f"{name}: A is {A.shape[0]:6d} x {A.shape[1]:4d}, mp.Exact() takes the "
        f"{mp.Exact().chosen(A)}"
    )
    assert mp.Exact().chosen(A) == ("primal" if name.startswith("conv") else "dual")

figure, axes = plt.subplots(figsize=(9, 4.4), layout="constrained")
place = np.arange(len(shapes))
for shift, axis, label, colour, hatch in (
    (-0.2, 1, "primal: cols x cols", PRIMAL, ""),
    (0.2, 0, "dual: rows x rows", DUAL, "//"),
):
    megabytes = [8 * shape[axis] ** 2 / 1e6 for shape in shapes.values()]
    axes.bar(
        place + shift,
        megabytes,
        0.38,
        color=colour,
        hatch=hatch,
        edgecolor="white",
        label=label,
    )
axes.axhline(16e3, color=BLACK, linewidth=1, linestyle="--")
axes.text(-0.4, 2e4, "16 GB")
axes.set_yscale("log")
axes.set_ylim(top=2e7)
axes.set_xticks(place, list(shapes))
axes.set(
    ylabel="Gram matrix in float64 (MB)",
    title="two systems for one step: the paper's layers at batch 500",
)
axes.legend(frameon=False, loc="upper left")
plt.show()

# %%
# *The dual system of the first convolution would fill about two terabytes; its primal
# one, 76 by 76, fits into any cache. For the dense layers the smaller system is the
# dual one.*
#
# What the primal system costs a convolution is to *form* it: rows · cols²/2
# multiplications, that is cols/(2 n_out) products. ``minprox`` needs fewer, since one
# product of two pixels appears in many patches, and it never writes the patches down.
# The result must be the same, of course:

layer = mp.Conv2d(3, 16, 5, padding=2)
A = layer.linear_map(rng.standard_normal((4, 3, 12, 12)))
patches = A.matrix()
assert relative(A.T.gram(), patches.T @ patches) < 1e-12
delta = rng.standard_normal((A.shape[0], 16))
step = mp.Exact()(A, delta, 0.05)
mp.check_step(A, delta, 0.05, step)
# four small images: here the dual fits
assert relative(mp.Exact("dual")(A, delta, 0.05), step) < 1e-9

saved = A.normal_cost / (A.shape[0] * A.shape[1] ** 2 / 2)
print(
    f"AᵀA of a 5 x 5 convolution takes {saved:.0%} of the multiplications that its "
    "patches would"
)
assert saved < 1

# %%
# Exercises
# ---------
# 1. Prove the push-through identity once more, from the singular value decomposition
#    :math:`A = U\Sigma V^T`.
# 2. Show that the dual filter :math:`(AA^T + I/\tau_\theta)^{-1}` leaves an error
#    :math:`\delta` with
#    :math:`A^T\delta = 0` as it is, but for the factor :math:`\tau_\theta`. Why does
#    that not matter for
#    :math:`d`?
# 3. A layer appears at two places of a net with the same parameters. What are the rows
#    of its :math:`A`, and what happens to the two systems?
# 4. At which batch size would the dual of the layer 3072 → 4000 cost as much as a whole
#    back-propagation of it?
