r"""
The same code on a GPU
======================

minprox computes with NumPy, or with CuPy on a GPU, and no formula is written twice for
it. This tutorial picks the backend that is there and says which, so it runs everywhere:
without a GPU you see the same lines do the same things on the host. It shows what
changes (one line), what does not, what is refused and why that is a kindness, how a net
travels there and back, how one loses time by looking too often, and how to measure what
is left. How fast *your* machine is, it will tell you itself; no figure is given here.
"""

# %%
# One line
# --------
# ``mp.use`` says where *new* arrays are made: parameters and data sets. Everything
# after that follows the arrays: a function that gets CuPy arrays computes with CuPy.
# Without CuPy, or without a GPU, ``mp.use("cupy")`` raises an error that says what is
# missing, and nothing has changed.

import functools
import itertools
import time

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp
from minprox.ground.backend import synchronise

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)

try:
    mp.use("cupy")  # the line
    BACKEND = "cupy"
except (ImportError, RuntimeError) as reason:
    BACKEND = "numpy"
    print(f"No GPU today: {reason}.")
print(f"Everything below runs on {BACKEND}.")

# %%
# What does not change
# --------------------
# From here on there is no more mention of a backend in the training code. Random
# numbers are always drawn by NumPy and then moved, so that a seed means the same net,
# and the same order of mini-batches, on every machine.


def make_net(*sizes, seed=0, dtype="float32"):
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [mp.Linear(n_in, n_out), mp.Tanh()]
    return mp.Sequential(*layers[:-1], seed=seed, dtype=dtype)


data, loss = mp.datasets.digits(), mp.CrossEntropy()
net = make_net(64, 100, 50, 10)
# one module to which all of them belong
xp = mp.array_module(*net.parameters, data.train.x)
assert xp.__name__ == BACKEND

with mp.use("numpy"):  # as a context manager it restores the former choice
    twin = make_net(64, 100, 50, 10)
for theta, other in zip(net.parameters, twin.parameters, strict=True):
    assert np.array_equal(mp.to_numpy(theta), other)  # the same bits

implicit = functools.partial(mp.proxprop, tau_theta=0.05, solver=mp.Exact())
optimizer = mp.Adam(net, lr=0.01)
history = mp.train(
    net, data, loss, optimizer, implicit, epochs=5, batch_size=100, progress=False
)
print(history)
assert history.validation_accuracy[-1] > 0.8

# %%
# A solver of your own stays one function as well, if it asks its arrays for their
# module and calls what both modules have. Here is (E6) in three lines, checked by its
# optimality condition. (The Gram matrix is float64 by default; the step goes back to
# the dtype of the errors.)


def plain_solver(A, delta, tau_theta):
    xp = mp.array_module(delta)
    M = A.T.gram() + xp.eye(A.shape[1]) / tau_theta
    return xp.linalg.solve(M, A.T @ delta).astype(delta.dtype)


x, y = data.train.x[:100], data.train.y[:100]
tape = mp.forward(net, x)
steps, reports = mp.proxprop(net, tape, loss, y, 0.05, plain_solver, report=True)
print("residuals of our own solver:", [f"{report.residual:.1e}" for report in reports])
assert all(report.residual < 1e-4 for report in reports)

# %%
# What is refused
# ---------------
# An array on the host and an array on the GPU are different things: between them lies a
# bus that is slower than either. A library could copy silently whenever the two meet.
# The program would run, and nobody would notice that it spends its time on the bus.
# CuPy does not do so, and neither does minprox: whoever mixes the two gets a
# ``TypeError`` at the first touch, which names both. Where there is no GPU, the
# stand-in below plays the foreign array; it has a dtype and a shape, and says that it
# belongs to CuPy.


class Foreign:
    dtype, shape, ndim = np.dtype("float32"), (100, 64), 2


Foreign.__module__ = "cupy"
foreign = mp.to_numpy(x) if BACKEND == "cupy" else Foreign()
for wrong in (foreign, mp.to_numpy(x).tolist()):
    try:
        mp.forward(net, wrong)
    except TypeError as refusal:
        print("refused:", refusal)
    else:
        raise RuntimeError("the wrong kind of array went through")

# %%
# So every copy between host and device stands in your code, by one of three names:
# ``mp.to_numpy`` to fetch, ``to`` to move, ``float`` to fetch a single number.
#
# There and back
# --------------
# ``net.to``, ``data.to`` and ``optimizer.to`` move what exists already, bit by bit. The
# optimiser remembers moments, so it has to move along with its net. Let us train an
# epoch more wherever we are, go to the host, and back.

before = [mp.to_numpy(theta).copy() for theta in net.parameters]
moments = [mp.to_numpy(m).copy() for m in optimizer.state["mean"]]
net.to("numpy")
optimizer.to("numpy")
on_host = data.to("numpy")
assert mp.array_module(*net.parameters, *optimizer.state["mean"], on_host.train.x) is np
accuracy = mp.evaluate(net, on_host.test, loss)[1]
assert abs(accuracy - history.test_accuracy) < 0.02  # the same net, rounded elsewhere

net.to(BACKEND)
optimizer.to(BACKEND)
assert mp.array_module(*net.parameters, *optimizer.state["mean"], data.train.x) is xp
for theta, old in zip(net.parameters, before, strict=True):
    assert np.array_equal(mp.to_numpy(theta), old)
for m, old in zip(optimizer.state["mean"], moments, strict=True):
    assert np.array_equal(mp.to_numpy(m), old)
# and on it goes
mp.train(net, data, loss, optimizer, implicit, epochs=1, batch_size=100, progress=False)

# %%
# What a training step must not do
# --------------------------------
# A GPU works through a queue. ``A.T @ delta`` returns at once, with an array that will
# be filled when its turn comes, and Python hurries ahead to order more. A *fetch* ends
# this: to hand out a number, Python must wait until the queue is empty, and the GPU
# then waits for new orders. Each of these is a fetch: ``float(J)``, ``if J < best:``,
# ``print(J)``, ``mp.to_numpy(J)``.
#
# The commonest fetch is the loss that one would like to watch. Here are two loops that
# do the same training and report the same numbers. ``fetch`` counts.

fetches = 0


def fetch(value):
    """Bring a number to the host, and count it."""
    global fetches
    fetches += 1
    return float(value)


def impatient(net, optimizer, batches):
    total = 0.0
    for x, y in batches:
        tape = mp.forward(net, x)
        total += fetch(loss(tape.output, y))  # waits, at every step
        optimizer.step(implicit(net, tape, loss, y))
    return total / len(batches)


def patient(net, optimizer, batches):
    total = 0.0
    for x, y in batches:
        tape = mp.forward(net, x)
        # an array of one number: it stays where it is
        total = total + loss(tape.output, y)
        optimizer.step(implicit(net, tape, loss, y))
    return fetch(total) / len(batches)


batches = [
    (data.train.x[i : i + 50], data.train.y[i : i + 50]) for i in range(0, 1000, 50)
]
reported, counted = {}, {}
for loop in (impatient, patient):
    net = make_net(64, 100, 50, 10)
    optimizer, fetches = mp.SGD(net, lr=1.0, momentum=0.9), 0
    reported[loop.__name__] = [loop(net, optimizer, batches) for _ in range(3)]
    counted[loop.__name__] = fetches
    print(
        f"{loop.__name__:10} {fetches:3} fetches, losses",
        np.round(reported[loop.__name__], 4),
    )
assert counted == {"impatient": 3 * len(batches), "patient": 3}
assert np.allclose(reported["impatient"], reported["patient"], rtol=1e-4)

# %%
# ``mp.train`` is of the patient kind: it sums the losses where they are and fetches
# once in an epoch. For the same reason some questions are not asked inside a step: a
# label that names no class is an error on the host, while on a GPU, where a look would
# cost a fetch, it makes the loss NaN.
#
# Measuring
# ---------
# A queue fools a stopwatch too: what returns at once has not been done yet. **Empty the
# queue before the watch starts, and again before it stops.** ``synchronise`` waits for
# the device of an array, and on NumPy does nothing. The first call is never timed: it
# compiles kernels and allocates memory. And of several rounds the shortest is the one
# to keep, since whatever else the machine does can only add time.


def seconds(task, like, rounds=9):
    """Shortest time of a task that works on the device of the array ``like``."""
    task()
    times = []
    for _ in range(rounds):
        synchronise(like)
        start = time.perf_counter()
        task()
        synchronise(like)
        times.append(time.perf_counter() - start)
    return min(times)


# %%
# What does an implicit step cost beside an explicit one, on this machine? The exact
# solve inverts the smaller of two systems: ``rows x rows`` in its dual form (E7),
# ``cols x cols`` in its primal form (E6). For a dense layer ``rows`` is the batch size,
# so along the axis below the price rises at first and must stop rising where the batch
# has outgrown the layer.

WIDTH = 300
batch_sizes = [8, 16, 32, 64, 128, 256, 512, 1024]
rng = np.random.default_rng(0)
wide = make_net(WIDTH, WIDTH, WIDTH, 10)
like = wide.parameters[0]
sgd = mp.SGD(wide, lr=1e-6)
ways = {"BackProp": mp.backprop, "ProxProp, exact": implicit}
times = {name: [] for name in ways}
for n in batch_sizes:
    x = xp.asarray(rng.random((n, WIDTH)), dtype="float32")
    y = xp.asarray(rng.integers(0, 10, n))
    for name, direction in ways.items():

        def step(direction=direction, x=x, y=y):
            sgd.step(direction(wide, mp.forward(wide, x), loss, y))

        times[name].append(seconds(step, like))
    form = mp.Exact().chosen(
        next(A for l, A, _ in mp.errors(wide, mp.forward(wide, x), loss, y) if l == 1)
    )
    assert form == ("dual" if n <= WIDTH + 1 else "primal")
times = {name: np.array(values) for name, values in times.items()}

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.3), layout="constrained")
for (name, values), colour, style in zip(
    times.items(), (ORANGE, BLUE), ("o--", "s-"), strict=True
):
    left.loglog(batch_sizes, 1e3 * values, style, color=colour, ms=5, label=name)
right.semilogx(
    batch_sizes, times["ProxProp, exact"] / times["BackProp"], "D-", color=GREEN, ms=5
)
right.axhline(1, color=BLACK, lw=0.9)
left.set(
    ylabel="milliseconds for one step", title=f"a net of width {WIDTH}, on {BACKEND}"
)
right.set(ylabel="implicit step / explicit step", title="the price of being implicit")
right.set_ylim(bottom=0)
left.legend(frameon=False, loc="upper left")
for panel in (left, right):
    panel.axvline(WIDTH + 1, color=PINK, lw=1.2, ls=":")
    panel.set_xticks(batch_sizes, [str(n) for n in batch_sizes])
    panel.minorticks_off()
    panel.set(xlabel="batch size")
    panel.grid(True, color="0.9")
    panel.set_axisbelow(True)
where = {"transform": right.get_xaxis_transform(), "color": PINK, "va": "bottom"}
right.text(WIDTH * 0.93, 0.02, "dual", ha="right", **where)
right.text(WIDTH * 1.1, 0.02, "primal", **where)
plt.show()

# %%
# *Measured on the machine that made this page, whichever it was: look at the shape, not
# at the numbers, and run it on yours. On a GPU, expect both curves to be flat at the
# left end, where a step is too small to fill the machine and one pays for the orders,
# not for the work.*
#
# How many digits
# ---------------
# GPUs are built for float32, and most of them compute in float64 much more slowly. Is
# float32 enough for an implicit step, which solves a system? Compare both precisions on
# the same parameters and the same batch.


def directions(net, data, tau_theta, solver):
    x, y = data.train.x[:200], data.train.y[:200]
    steps = mp.proxprop(net, mp.forward(net, x), loss, y, tau_theta, solver)
    return [mp.to_numpy(d).astype("float64") for d in steps]


single, double = make_net(64, 100, 50, 10), make_net(64, 100, 50, 10, dtype="float64")
double.parameters = [theta.astype("float64") for theta in single.parameters]
data_double = mp.datasets.digits(dtype="float64")


def difference(tau_theta, solver):
    """The largest relative difference between the precisions over the layers."""
    pairs = zip(
        directions(single, data, tau_theta, solver),
        directions(double, data_double, tau_theta, solver),
        strict=True,
    )
    return max(
        np.linalg.norm(found - exact) / np.linalg.norm(exact) for found, exact in pairs
    )


taus = np.geomspace(1e-3, 1e3, 13)
solvers = {"Explicit": mp.Explicit(), "Exact": mp.Exact(), "BlockCG(3)": mp.BlockCG(3)}
gaps = {
    name: np.array([difference(t, solver) for t in taus])
    for name, solver in solvers.items()
}
for name, values in gaps.items():
    print(
        f"{name:10}: float32 and float64 differ by at most "
        f"{values[taus <= 1].max():.1e} up to tau_theta = 1"
    )
    assert np.all(values[taus <= 1] < 1e-4)

figure, panel = plt.subplots(figsize=(8, 4.3), layout="constrained")
looks = zip(gaps.items(), (ORANGE, BLUE, GREEN), ("o--", "s-", "^-."), strict=True)
for (name, values), colour, style in looks:
    panel.loglog(taus, values, style, color=colour, ms=5, label=name)
panel.plot([taus[0], 1], [1e-4, 1e-4], ":", color=PINK, lw=1.4)
panel.text(taus[0], 1.2e-4, "asserted", color=PINK)
panel.set(
    xlabel=r"$\tau_\theta$",
    ylabel="relative difference",
    title="float32 against float64",
)
panel.set_ylim(1e-8, 1e-2)
panel.legend(frameon=False, loc="upper center")
panel.grid(True, color="0.9")
panel.set_axisbelow(True)
plt.show()

# %%
# *The largest relative difference of a step over the layers.*
#
# The exact solve sums and inverts its small system in float64 even where the data are
# float32. What is left is the rounding of the products, which counts the more, the
# larger :math:`\tau_\theta`, since then the step lives on the small eigenvalues. In
# practice the mini-batch makes far larger errors than that. What one may *not* expect
# are the same digits, neither from two precisions nor from two backends: sums are taken
# in another order, and rounding does not forgive that.

try:
    found = difference(0.05, mp.Exact())
    assert found < 1e-12, f"float32 and float64 differ by {found:.1e}"  # must fail
except AssertionError as verdict:
    print("Here is what a wrong claim looks like:", verdict, sep="\n  ")
else:
    raise RuntimeError("float32 has fifteen digits")

# %%
# And between the backends? Where there is a GPU, the very same comparison is made here,
# with the host as the other side. (``tf32=True`` in ``mp.use`` would let the GPU round
# the factors of its products to 10 bits. It is off unless you ask for it; see what it
# does to the figure above.)

here = [
    directions(net, d, 0.05, mp.Exact())
    for net, d in ((single, data), (double, data_double))
]
there = [
    directions(net.to("numpy"), d.to("numpy"), 0.05, mp.Exact())
    for net, d in ((single, data), (double, data_double))
]
for one, other, tolerance in zip(here, there, (1e-4, 1e-9), strict=True):
    for found, expected in zip(one, other, strict=True):
        assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)
print(f"{BACKEND} and numpy agree.")

mp.use("numpy")  # leave things as they were

# %%
# Exercises
# ---------
# 1. Which lines of ``impatient`` would you change to stop the training as soon as the
#    loss is NaN, without a fetch at every step?
# 2. On a GPU, take one ``synchronise`` out of ``seconds``, then the other. What does
#    each mistake measure?
# 3. ``mp.CG`` looks at the norm of its residual after every iteration, ``mp.BlockCG``
#    does not. Which of them is for a GPU?
# 4. Where does the right panel of the benchmark have its maximum on your machine, and
#    why not exactly at the dotted line?
