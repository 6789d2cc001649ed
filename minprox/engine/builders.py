"""Nets of a known plan, built from the layers: a small Transformer and a small residual net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.layers import (
    Add,
    Attention,
    BatchNorm,
    Conv2d,
    Embedding,
    GlobalAvgPool2d,
    Input,
    LayerNorm,
    Linear,
    Positions,
    ReLU,
    Scale,
    Symbol,
)
from minprox.ground.arguments import refuse, whole


def transformer(
    vocabulary: int,
    length: int,
    features: int = 32,
    heads: int = 4,
    blocks: int = 2,
    hidden: int | None = None,
    seed: int = 0,
    dtype: Any = "float32",
) -> Graph:
    """Build a Transformer that predicts each next token of a sequence.

    Parameters
    ----------
    vocabulary, length : int
        Number of different tokens; T, that of places.
    hidden : int, optional
        Width of the dense layers within a block; four times the features if not given.
    seed, dtype
        As for :class:`minprox.Graph`.

    Returns
    -------
    Graph
        From tokens (N, T) to logits (N, T, vocabulary). Each block normalises what it reads and adds what it
        finds; no place sees a later one.

    Raises
    ------
    ValueError
        If a count is no positive integer, or the heads do not divide the features.

    References
    ----------
    Vaswani et al., Attention Is All You Need, NeurIPS 2017; normalised as in Xiong et al., ICML 2020.

    Examples
    --------
    >>> import minprox as mp
    >>> net = mp.transformer(vocabulary=29, length=32, features=16, blocks=1)
    >>> net.nodes[-1].shape, len(net.parameters)
    ((32, 29), 11)
    """

    blocks = whole("blocks", blocks, most=1000)
    hidden = 4 * whole("features", features) if hidden is None else whole("hidden", hidden)

    def normalised(h: Symbol) -> Symbol:
        return Scale(features)(LayerNorm()(h))

    x = Input((whole("length", length),))
    h = Positions()(Embedding(vocabulary, features)(x))
    for _ in range(blocks):
        n = normalised(h)
        looked = Attention(heads, causal=True)(*(Linear(features, features)(n) for _ in range(3)))
        h = Add()(h, Linear(features, features)(looked))
        inner = ReLU()(Linear(features, hidden)(normalised(h)))
        h = Add()(h, Linear(hidden, features)(inner))
    return Graph(x, Linear(features, vocabulary)(normalised(h)), seed, dtype)


def resnet(
    input_shape: tuple[int, int, int],
    classes: int,
    widths: Sequence[int] = (16, 32, 64),
    blocks: int = 1,
    seed: int = 0,
    dtype: Any = "float32",
) -> Graph:
    """Build a residual ConvNet with batch normalisation, of ``2 · blocks · len(widths) + 2`` layers.

    Parameters
    ----------
    input_shape : tuple of int
        ``(channels, height, width)``.
    widths : sequence of int
        Channels of each stage; from the second one on a stage halves height and width.
    blocks : int
        Residual blocks in each stage.
    seed, dtype
        As for :class:`minprox.Graph`.

    Returns
    -------
    Graph
        From images to logits (N, classes).

    Raises
    ------
    ValueError
        If a count is no positive integer.

    References
    ----------
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 4.2.

    Examples
    --------
    >>> import minprox as mp
    >>> net = mp.resnet((1, 8, 8), classes=10, widths=(8, 16))
    >>> net.nodes[-1].shape, len(net.parameters)
    ((10,), 13)
    """

    if not isinstance(input_shape, (list, tuple)) or len(input_shape) != 3:
        refuse("input_shape", "a tuple (channels, height, width)", input_shape)
    if not isinstance(widths, (list, tuple)) or not widths:
        refuse("widths", "a sequence of one integer or more", widths)
    blocks, widths = whole("blocks", blocks, most=1000), [whole("widths", n) for n in widths]

    def convolved(h: Symbol, n_in: int, n_out: int, kernel: int, stride: int = 1) -> Symbol:
        z = Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False, init="he")(h)
        return Scale(n_out, axis=1)(BatchNorm(n_out)(z))

    x = Input(input_shape)
    n, h = widths[0], ReLU()(convolved(x, input_shape[0], widths[0], 3))
    for stage, width in enumerate(widths):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            inner = ReLU()(convolved(h, n, width, 3, stride))
            aside = h if stride == 1 and n == width else convolved(h, n, width, 1, stride)
            h, n = ReLU()(Add()(aside, convolved(inner, width, width, 3))), width
    return Graph(x, Linear(n, classes)(GlobalAvgPool2d()(h)), seed, dtype)
