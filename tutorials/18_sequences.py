r"""
Implicit steps on sequences: a Transformer trained by ProxProp
==============================================================

The paper's formulas know layers that are linear in their parameters, and nothing else.
A Transformer is full of them: dense layers at every place of a sequence, a table of
vectors for its tokens, gains and biases behind each normalisation. What is not linear,
attention itself, has no parameters of its own. So the implicit step (E6) needs no new
formula here. It needs to be seen what
:math:`A` is.

**You need** tutorial 5 (the implicit step) and 10 (Adam on implicit steps). **Take
along**: ask of a layer what its :math:`A` is, and :math:`A^TA` tells you what an exact
step costs.

**Exercise**: ``minprox exercise 18`` gives it out.
"""

# %%
# What A is, layer by layer
# -------------------------
# *A dense layer along the last axis.* Its input is :math:`(N, T, \text{features})`, and
# every place of every sequence is a row of :math:`A`: the solvers see :math:`N \cdot T`
# samples.

from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import minprox as mp

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, *OTHERS = mp.figures.COLOURS
WINE, TEAL, OLIVE, INDIGO, GREY = (
    OTHERS  # the map of mp.figures: explicit orange, implicit blue
)
plt.rcParams.update(
    {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}
)
rng = np.random.default_rng(0)

dense, a = mp.Linear(6, 4), rng.standard_normal((5, 8, 6))
assert dense.linear_map(a).shape == (5 * 8, 6 + 1)

# %%
# *A table of vectors, one for each token.* :math:`A` has a one in each row, at the
# place of its token. So :math:`A^TA` is diagonal, it counts the tokens, and the exact
# step is a division: a token that comes often takes a shorter step than one that is
# rare.

table = mp.Embedding(29, 3)
tokens = rng.integers(0, 29, (5, 8)).astype("float64")
A, delta = table.linear_map(tokens), rng.standard_normal((40, 3))
counts = np.bincount(tokens.astype(int).ravel(), minlength=29)
assert np.array_equal(A.T.gram(), np.diag(counts))
d = mp.Exact()(A, delta, 0.5)
assert np.allclose(d, (A.T @ delta) / (counts + 1 / 0.5)[:, None], rtol=1e-12)  # (E6)

# %%
# *Gain and bias behind a normalisation.* Each feature has its own :math:`A_c = [a_c,
# 1]`, and the exact step solves a :math:`2 \times 2` system for each.

scale = mp.Scale(6)
assert scale.linear_map(a).matrix().shape == (6, 40, 2)

# %%
# *Attention* is :math:`\mathrm{softmax}(QK^T/\sqrt k)\,V`: bilinear in what it reads,
# and without parameters. In language a place must not see what comes later. That is a
# claim that one can check to the last bit.

attention = mp.Attention(heads=2, causal=True)
q, k, v = rng.standard_normal((3, 1, 8, 6))
before = attention.forward(q, k, v)
k[:, 5:], v[:, 5:] = 9.0, -9.0  # whatever happens from place 5 on …
# … place 4 and those before it do not see
assert np.array_equal(attention.forward(q, k, v)[:, :5], before[:, :5])

# %%
# Numbers, spelt out
# ------------------
# The data are English names of numbers, letter by letter; those for validation occur
# nowhere in training.

data = mp.datasets.number_names(length=32, train=600, validation=100, test=100)
letters = np.array(data.classes)
print("".join(letters[data.train.x[0].astype(int)]).replace("\n", " / "))

# %%
# A Transformer with two blocks, Adam, and the same three step sizes for gradients and
# for implicit steps; the one with the lowest validation loss counts, for both.

GRID = 0.003, 0.01, 0.03


def train(direction, lr):
    net = mp.transformer(len(letters), 32, features=32, heads=4, blocks=2, seed=0)
    history = mp.train(net, data, mp.CrossEntropy(), mp.Adam(net, lr), direction,
                       epochs=5, batch_size=50, seed=0, progress=False)  # fmt: skip
    return history, net


def tuned(direction):
    return min(
        (train(direction, lr) for lr in GRID),
        key=lambda run: run[0].validation_loss[-1],
    )


explicit, _ = tuned(mp.backprop)
implicit, net = tuned(partial(mp.proxprop, tau_theta=1.0, solver=mp.Exact()))
for name, history in (("gradients", explicit), ("implicit steps", implicit)):
    print(
        f"Adam on {name}: validation perplexity "
        f"{np.exp(history.validation_loss[-1]):.2f}"
    )

figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for panel, column in zip(panels, ("epoch", "seconds"), strict=True):
    for history, colour, style, name in (
        (explicit, ORANGE, "-", "Adam on gradients"),
        (implicit, BLUE, "--", "Adam on implicit steps"),
    ):
        perplexity = np.exp(history.validation_loss)
        panel.plot(
            getattr(history, column),
            perplexity,
            style,
            color=colour,
            marker="o",
            label=name,
        )
panels[0].set(xlabel="epoch", ylabel="validation perplexity", xticks=range(6))
panels[0].set_yscale("log", base=2)
panels[0].yaxis.set_major_formatter("{x:g}")
panels[1].set(xlabel="seconds")
panels[0].legend(frameon=False)

# %%
# Implicit steps train a Transformer. That is what we set out to see; how the two
# compare depends on the seed, and the seconds on the machine. ``minprox run
# proxprop-transformer`` compares Adam and SGD over three seeds, each at the best of
# three step sizes, and ``proxprop-resnet`` does so on a residual net with batch
# normalisation.

chance = len(letters)
assert np.exp(implicit.validation_loss[-1]) < 0.25 * chance

# %%
# The net writes, letter by letter, what it thinks comes next:

text = [letters.tolist().index(letter) for letter in "seven hundred and "]
for _ in range(40):
    window = np.zeros((1, 32), "float32")
    window[0, : min(len(text), 32)] = text[-32:]
    logits = mp.forward(net, window).output[0, min(len(text), 32) - 1]
    text.append(int(logits.argmax()))
print("".join(letters[text]).replace("\n", " / "))

# %%
# What batch statistics do to the paper's assumption
# --------------------------------------------------
# The paper's rows of :math:`A` are samples that know nothing of each other. Layer
# normalisation keeps that: it looks along the features of one place. Batch
# normalisation does not. "The output for a sample does not depend on the rest of the
# batch" is the claim that must fail:

layers = mp.BatchNorm(6), mp.Scale(6), mp.Linear(6, 2)
normalised = mp.Sequential(*layers, seed=0, dtype="float64")
x = rng.standard_normal((10, 6))
alone = mp.forward(normalised, x[:5], training=True).output
together = mp.forward(normalised, x, training=True).output[:5]
try:
    assert np.allclose(alone, together)
except AssertionError:
    print("as it must be: in training a batch statistic ties the samples together")
else:
    raise RuntimeError("the statistics of the batch were not those of the batch")

same = mp.Sequential(
    mp.LayerNorm(), mp.Scale(6), mp.Linear(6, 2), seed=0, dtype="float64"
)
assert np.allclose(
    mp.forward(same, x[:5]).output, mp.forward(same, x).output[:5], rtol=1e-12
)

# %%
# The implicit step takes the activations as they are, so it is computed as always. But
# behind a batch statistic the loss is no mean over samples any more: what one of them
# costs depends on all.
plt.show()
