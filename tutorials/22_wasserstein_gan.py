r"""
Implicit steps of a generator: the Wasserstein proximal of GANs
===============================================================

Two nets play against each other: a generator makes samples, a critic tells them from
data. Steps of both at once turn in circles; long steps of one of them run away from the
other. What holds a generator back without making it slow? A proximal term, but not one
on its parameters: what counts is how far its *samples* move. Lin, Li, Osher and
Montúfar (2021) add just that, and with the reverse sweep it is one line of code.

You need: the proximal step (E4), and the error that a sweep carries back to a net's
input (the tutorial on double back-propagation).

**Exercise**: ``minprox exercise 22`` gives it out.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import minprox as mp

# sphinx_gallery_thumbnail_number = 5

gan = mp.methods.wasserstein_gan
BLUE, ORANGE = mp.figures.COLOURS[:2]
plt.rcParams.update({"figure.constrained_layout.use": True})
rng = np.random.default_rng(0)


def shown(picture):
    """Hand a figure of ``mp.figures`` to pyplot, which shows it."""
    plt.figure(FigureClass=lambda *args, **options: picture)


# %%
# Games turn in circles
# ---------------------
# The smallest game: one player lowers :math:`f(x, y) = xy` by :math:`x`, the other one
# raises it by :math:`y`. At the origin both can rest. The motion :math:`v = (-y, x)`
# that both follow turns around it. With the step size :math:`\tau` an explicit step is
# :math:`w' = w + \tau v(w)`, an implicit one :math:`w' = w + \tau v(w')`, here a system
# of two equations.

TURN = np.array([[0.0, -1.0], [1.0, 0.0]])  # v(w) = TURN w


def path(w, step, count=25):
    points = [w]
    for _ in range(count):
        points.append(step(points[-1]))
    return np.array(points)


tau, start = 0.3, np.array([0.9, 0.0])
explicit = path(start, lambda w: w + tau * TURN @ w)
implicit = path(start, lambda w: np.linalg.solve(np.eye(2) - tau * TURN, w))

figure, panel = plt.subplots(figsize=(5.2, 5))
grid = np.stack(np.meshgrid(np.linspace(-2, 2, 17), np.linspace(-2, 2, 17)))
panel.quiver(*grid, -grid[1], grid[0], color="0.75", width=0.003)
panel.plot(*explicit.T, "o-", ms=4, color=ORANGE, label="explicit steps")
panel.plot(*implicit.T, "s-", ms=4, color=BLUE, label="implicit steps")
panel.plot(0, 0, "k+", ms=12, label="where both rest")
panel.set(xlabel="x, which lowers xy", ylabel="y, which raises it", aspect="equal")
panel.set(xlim=(-2, 2), ylim=(-2, 2))
panel.legend(loc="upper right", framealpha=0.95)
plt.show()

radius = np.linalg.norm(explicit, axis=1), np.linalg.norm(implicit, axis=1)
assert np.allclose(radius[0], 0.9 * np.sqrt(1 + tau**2) ** np.arange(26))
assert np.allclose(radius[1], 0.9 / np.sqrt(1 + tau**2) ** np.arange(26))

# %%
# *Each explicit step is longer by the factor* :math:`\sqrt{1 + \tau^2}`, *each implicit
# one shorter by the same factor, for every* :math:`\tau`. *So an implicit step is worth
# having. But what is it for a net of thousands of parameters?*
#
# A step that is measured in samples
# ----------------------------------
# The proximal step :math:`\theta^{k+1} = \arg\min F + d^2/(2h)` needs a distance. The
# one between parameters, :math:`\|\theta - \theta^k\|`, depends on how the net is
# written down. The one between distributions, the Wasserstein distance, does not: how
# far must samples be moved to make one distribution of the other (W1)? Take each sample
# as moved to where the same latent point
# :math:`z_i` now leads (W2):
#
# .. math:: \frac{1}{2h}\,\frac1B \sum_i \|g_\theta(z_i) - g_{\theta^k}(z_i)\|^2.
#
# For a generator :math:`g = a + bz` that is exact: with normal :math:`z` the distance
# between :math:`N(a, b^2)` and :math:`N(a', b'^2)` is :math:`W_2^2 = (a - a')^2 + (b -
# b')^2`. On a line one can compute :math:`W_2` of any samples, by sorting (W9).

z = rng.standard_normal((100_000, 1))
g, g_old = 1.5 + 2.0 * z, 1.0 + 0.5 * z
term = 2 * float(gan.relaxed(g, g_old, h=1.0))
distance = float(gan.w2_on_a_line(g[:, 0], g_old[:, 0])) ** 2
print(f"term {term:.3f}, W2² by sorting {distance:.3f}, formula {0.5**2 + 1.5**2:.3f}")
assert np.isclose(term, distance)
assert abs(distance - 2.5) < 0.05

# %%
# For other maps it is an upper bound, the sorted pairing being the best there is. A
# looser hold is that of the mean of the samples alone, the semi-backward step with
# affine functions (W4).

g = np.sin(3 * z) - z
bound, sorted_, affine = (
    2 * float(gan.relaxed(g, g_old, 1.0)),
    float(gan.w2_on_a_line(g[:, 0], g_old[:, 0])) ** 2,
    2 * float(gan.affine(g, g_old, 1.0)),
)
print(f"relaxed term {bound:.2f} ≥ W2² {sorted_:.2f} ≥ affine term {affine:.2f}")
assert bound > sorted_ > affine

# %%
# A generator that is linear in θ
# -------------------------------
# With :math:`g_\theta(z) = A\theta` and a loss that is linearised, the step has a
# closed form (W8), :math:`\theta - hB\,(A^TA)^{-1}A^T\delta`: the implicit step of one
# layer (E6), which the engine solves exactly. In other coordinates, :math:`\theta =
# R\varphi`, the parameters move otherwise, and the samples in the same way. Those of a
# gradient step do not.

G = mp.Sequential(mp.Linear(3, 2, bias=False), seed=0, dtype="float64")
R = rng.standard_normal((3, 3))
H = mp.Sequential(mp.Linear(3, 2, bias=False), dtype="float64")
# the same generator, on other features
H.parameters = [np.linalg.solve(R, G.parameters[0])]

z, delta = rng.standard_normal((64, 3)), rng.standard_normal((64, 2)) / 64
moved = {}
for name, net, features in (("θ", G, z), ("φ", H, z @ R)):
    tape = mp.forward(net, features)
    step = gan.exact_proximal(net, tape, delta, h=0.1)
    moved[name] = features @ step, features @ (features.T @ delta)
assert np.allclose(moved["θ"][0], moved["φ"][0])
assert not np.allclose(moved["θ"][1], moved["φ"][1])

# %%
# The algorithm
# -------------
# For any generator the term is minimised by a few steps (W3): the critic learns as
# usual; then one batch of latent points, and :math:`\ell` steps on the generator's loss
# with the term. Its gradient at the output of the generator is :math:`(g - g_k)/(hB)`,
# added to the error that the sweep through the critic has brought there. That is all:


def generator_step(G, D, z, g_old, h):
    tape = mp.forward(G, z)
    judged = mp.forward(D, tape.output)
    error = gan.NonSaturating().generator_error(judged.output)  # (W5)
    *_, (_, _, delta) = mp.sweep(D, judged, error, to_input=True)  # through the critic
    delta = delta + (tape.output - g_old) / (h * len(z))  # (W2)
    return [A.T @ error for _, A, error in mp.sweep(G, tape, delta)][::-1]


def players(seed=0):
    act = lambda: mp.LeakyReLU(0.2)  # noqa: E731

    def layers(a, b):
        return mp.Linear(a, 64), act(), mp.Linear(64, 64), act(), mp.Linear(64, b)

    generator = mp.Sequential(*layers(8, 2), seed=seed)
    return generator, mp.Sequential(*layers(2, 1), seed=seed + 1)


G, D = players()
z = rng.standard_normal((16, 8)).astype("float32")
tape = mp.forward(G, z)
ours, _ = gan.generator_direction(
    G, D, tape, gan.NonSaturating(), tape.output - 1, h=0.1
)
here = generator_step(G, D, z, tape.output - 1, 0.1)
assert all(np.allclose(a, b) for a, b in zip(ours, here, strict=True))

# %%
# A ring of eight Gaussians
# -------------------------
# The data are points in the plane, so one sees what is missed. One step of the
# generator for each of the critic; five without the term; five with it:

ring = mp.datasets.Gaussians.ring()
real = ring.draw(300, np.random.default_rng(1))
settings = {
    "one step": (1, None),
    "five steps, no term": (5, None),
    "five steps, h = 0.1": (5, 0.1),
}
records, nets = {}, {}
for name, (inner, h) in settings.items():
    G, D = nets[name] = players()
    records[name] = gan.train(
        *(G, D, ring.draw),
        optimizers=[mp.Adam(net, lr=5e-4, betas=(0.5, 0.999)) for net in (G, D)],
        **{"inner": inner, "h": h, "iterations": 1000, "every": 100},
        measures=lambda samples: gan.modes(samples, ring.centres, 3 * ring.spread),
    )
    film = {100 * k: points for k, points in records[name].samples.items()}
    shown(mp.figures.film_strip(film, real, title=name))
plt.show()

print(f"{'':22}modes  on a mode  seconds")
for name, record in records.items():
    print(
        f"{name:22}{record.modes[-1]:5.0f}{record.on_mode[-1]:10.0%}"
        f"{record.seconds[-1]:9.1f}"
    )

one, free, held = records.values()
assert held.modes[-1] >= 7
assert held.on_mode[-1] > one.on_mode[-1] + 0.05
assert sum(free.modes) < sum(held.modes) / 2

# %%
# *Grey: data; blue: samples of the same 128 latent points.* Five steps for one of the
# critic run after what it says at the moment, and all samples end in the same place.
# Held by the term, the same five steps get ahead of the single one. The price is in the
# last column: they take as much longer as there are more steps. Play the film to see
# the ring close:

mp.figures.Film({100 * k: points for k, points in held.samples.items()}, real)

# %%
# What the critic sees
# --------------------
# The generator follows the slope of the critic's scores. After 1,000 iterations there
# is a hill on each mode and a hollow in the middle of the ring; samples between two
# modes are driven to one of them.

G, D = nets["five steps, h = 0.1"]
shown(
    mp.figures.critic_plane(
        D, held.samples[10], real, "after 1,000 iterations, with the term"
    )
)
plt.show()

# %%
# Other critics
# -------------
# The term stands at the output of the generator, so any critic may stand behind it.
# That of WGAN-GP (W6) compares means of scores, and a penalty keeps the length of its
# gradient at 1; so does DRAGAN (W7), around the data alone. The gradient of such a
# penalty is a derivative of a gradient, a tangent pass (T3). Against differences:

x = rng.standard_normal((32, 2))
critic = mp.Sequential(
    mp.Linear(2, 16), mp.Tanh(), mp.Linear(16, 1), seed=0, dtype="float64"
)
found = gan.norm_penalty_gradient(critic, x)
old, step = critic.parameters[0].copy(), 1e-5 * found[0]
values = []
for sign in (1, -1):
    critic.parameters = [old + sign * step, critic.parameters[1]]
    values.append(float(gan.norm_penalty(critic, x)))
slope = (values[0] - values[1]) / 2e-5
assert np.isclose(slope, np.sum(found[0] ** 2), rtol=1e-6)
print("losses to choose from:", gan.NonSaturating(), gan.WassersteinGP(), gan.DRAGAN())

# %%
# Digits, and how to measure them
# -------------------------------
# Of images one cannot count modes. The **Fréchet distance** (W10) compares features,
# here those in front of the last layer of a classifier of digits, as if they were
# normal: :math:`\|\mu - \nu\|^2 + \mathrm{tr}(S + T - 2(ST)^{1/2})`. A measure should
# be tried before it is believed. From 500 fresh digits over worse and worse ones to
# noise:

digits = mp.datasets.digits()
fresh = np.concatenate([digits.validation.x, digits.test.x])
labels = np.concatenate([digits.validation.y, digits.test.y])
share = np.where(labels < 5, 5.0, 1.0)
worse = {
    "fresh digits": fresh,
    "0 to 4 five times as often": fresh[rng.choice(500, 500, p=share / share.sum())],
    "blurred": np.stack(
        [gaussian_filter(image.reshape(8, 8), 1.2).ravel() for image in fresh]
    ),
    "noise": rng.uniform(size=(500, 64)),
}
distances = {name: gan.digit_distance(images) for name, images in worse.items()}
for name, value in distances.items():
    print(f"{name:28}{value:6.2f}")
assert list(distances.values()) == sorted(distances.values())

# %%
# A generator of images: transposed convolutions make them larger, from 2×2 over 4×4 to
# 8×8 pixels. Its settings are those of ``minprox run gan-digits``, which trains eight
# times as long.

run = mp.experiments.GANRun(data="digits", inner=5, h=0.1, blocks=5, every=50)
duel = run.begin()
strip, rows = {0: duel.pictured(0)}, [duel.first()]
for unit in range(1, run.blocks + 1):
    rows.append(duel.advance(unit))
    strip[rows[-1]["iteration"]] = duel.pictured(unit)
print("Fréchet distance of 1,000 samples:", *(f"{row['frechet']:.1f}" for row in rows))
shown(mp.figures.film_strip(strip))
plt.show()
assert rows[-1]["frechet"] < rows[0]["frechet"] / 2

# %%
# One claim that must fail
# ------------------------
# "With the term a generator behaves better", one reads, and some switch it on with a
# single step of the generator. But at :math:`\theta^k` the gradient of the term is
# zero, and one step never leaves there.


def parameters(h):
    G, D = players()
    optimizers = [mp.Adam(net, lr=5e-4) for net in (G, D)]
    gan.train(
        G,
        D,
        ring.draw,
        optimizers=optimizers,
        h=h,
        inner=1,
        iterations=20,
        every=20,
        shown=0,
    )
    return [*G.parameters, *D.parameters]


try:
    with_term, without = parameters(h=1e-3), parameters(h=None)
    assert any((a != b).any() for a, b in zip(with_term, without, strict=True)), (
        "not a single bit"
    )
except AssertionError as error:
    print("as it must:", error)
else:
    raise RuntimeError("one step knows of the term")

# %%
# What to take along
# ------------------
# - Explicit steps of a game spiral outwards, implicit ones inwards.
# - A proximal term at the *output* of a net counts what its samples do, whatever its
#   parameters are; it is an addition to the error that a sweep starts from.
# - It makes several steps of the generator safe where without it they run away. Against
#   a single step it wins by iterations; by seconds only where the critic is what costs,
#   as with DRAGAN: the page of the method has the records. How much is left in the end
#   depends on the learning rate, and on where the nets start.
# - Compare at the same ℓ without the term, *and* with ℓ = 1, which the term does not
#   change.
# - A measure of samples is to be tried on samples of known worth before it judges
#   others.
#
# Exercises: draw the game :math:`xy + \frac{1}{10}(x^2 - y^2)`; from which τ on do
# explicit steps leave now? Put ``term="affine"`` into the ring: what does it hold, and
# what not? How much does the Fréchet distance of fresh digits grow if there are 50 of
# them only?
