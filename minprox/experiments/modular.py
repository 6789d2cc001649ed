"""Nets in modules, with auxiliary heads, for interlocking back-propagation; and nets that are no chain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minprox.engine.builders import resnet, transformer
from minprox.engine.graph import Graph
from minprox.engine.layers import Add, GlobalAvgPool2d, Layer, LayerNorm, Linear, ReLU, Scale, Symbol
from minprox.engine.sequential import Sequential
from minprox.experiments.architecture import Architecture
from minprox.methods.modules import Modules, cut

Shape = tuple[int, ...]
Maker = Callable[[int, str], Graph]  # of a seed and a dtype
WIDTH, DEPTH = 32, 5  # of the modules that read pairs of digits
FEATURES, BLOCKS = 32, 4  # of the Transformer


def dense_modules(shape: Shape, classes: int, activation: Callable[[], Layer]) -> Maker:
    """Return five dense modules of width 32 with linear heads."""

    def make(seed: int, dtype: str) -> Graph:
        seeds = iter(np.random.SeedSequence(seed).generate_state(2 * DEPTH).tolist())

        def net(*layers: Layer) -> Graph:
            return Sequential(*layers, seed=next(seeds), dtype=dtype)

        inputs = [shape[0], *(DEPTH - 1) * [WIDTH]]
        modules = [net(Linear(n, WIDTH, init="he"), activation()) for n in inputs[:-1]]
        modules.append(net(Linear(WIDTH, WIDTH, init="he"), activation(), Linear(WIDTH, classes)))
        return Modules(modules, [net(Linear(WIDTH, classes)) for _ in modules[:-1]])

    return make


def residual(shape: Shape, classes: int, _: object = None) -> Maker:
    """Return a residual net of 14 layers with batch normalisation, eight of them for images of 8 × 8."""
    widths, blocks = widths_of(shape)
    return lambda seed, dtype: resnet(shape, classes, widths, blocks, seed, dtype)  # type: ignore[arg-type]


def residual_modules(shape: Shape, classes: int, _: object = None) -> Maker:
    """Return the same residual net cut behind its residual blocks, with average pooling and a linear head."""
    plain = residual(shape, classes)

    def head(symbol: Symbol) -> list[Layer]:
        assert symbol.shape is not None
        return [GlobalAvgPool2d(), Linear(symbol.shape[0] or 0, classes)]

    return lambda seed, dtype: in_modules(plain(seed, dtype), seed, head, ReLU)


def attentive(shape: Shape, classes: int, _: object = None) -> Maker:
    """Return a Transformer with four blocks of 32 features and four heads."""
    return lambda seed, dtype: transformer(
        classes, shape[0], FEATURES, heads=4, blocks=BLOCKS, seed=seed, dtype=dtype
    )


def attentive_modules(shape: Shape, classes: int, _: object = None) -> Maker:
    """Return the same Transformer cut behind its blocks, each head a normalisation and a dense layer."""
    plain = attentive(shape, classes)

    def head(symbol: Symbol) -> list[Layer]:
        return [LayerNorm(), Scale(FEATURES), Linear(FEATURES, classes)]

    return lambda seed, dtype: in_modules(plain(seed, dtype), seed, head, Add, every=2)


def widths_of(shape: Shape) -> tuple[tuple[int, ...], int]:
    """Return the widths of the stages and their blocks, by the size of the images."""
    return ((8, 16, 32), 1) if shape[1] < 16 else ((16, 32, 64), 2)


def in_modules(
    net: Graph, seed: int, head: Callable[[Symbol], list[Layer]], kind: type[Layer], every: int = 1
) -> Modules:
    """Cut a net behind its residual blocks, where an Add is the last to jump, and give each part a head."""
    joins = [i for i, node in enumerate(net.nodes) if isinstance(node.layer, Add)][every - 1 :: every]
    ends = [i + (kind is ReLU) for i in joins][:-1]  # the last block belongs to what reads it
    symbols = [net.nodes[i] for i in ends]
    seeds = np.random.SeedSequence([seed, 1]).generate_state(len(ends)).tolist()
    heads = [
        Sequential(*head(symbol), seed=s, dtype=str(net.dtype))
        for symbol, s in zip(symbols, seeds, strict=True)
    ]
    return Modules(cut(net, symbols), heads)


MODULAR = {
    "dense-modules": Architecture(dense_modules, images=False),
    "resnet": Architecture(residual, images=True, activation=False),
    "resnet-modules": Architecture(residual_modules, images=True, activation=False),
    "transformer": Architecture(attentive, images=False, activation=False),
    "transformer-modules": Architecture(attentive_modules, images=False, activation=False),
}
