"""ONNX's own node tests: which of them minprox can express, and whether it then gives the same numbers."""

import warnings
from collections import Counter

import numpy as np
import pytest
from conftest import relative

import minprox as mp

pytestmark = pytest.mark.slow  # the package makes all its cases at once, which takes some seconds

onnx = pytest.importorskip("onnx")

HELD = {  # of the cases of each node in onnx 1.23, how many hold; none of the others differs
    **{"Conv": 6, "MaxPool": 11, "AveragePool": 12, "GlobalAveragePool": 2, "GlobalMaxPool": 2},
    **{"Gemm": 11, "MatMul": 1, "Flatten": 3, "Add": 1, "Sum": 3, "Concat": 6, "Dropout": 5},
    **{"Relu": 1, "LeakyRelu": 3, "Elu": 3, "Selu": 1, "Softplus": 2, "Sigmoid": 2, "Tanh": 2},
    **{"Softmax": 5, "Mul": 2, "Transpose": 2, "BatchNormalization": 2},
    **{"Swish": 1, "Mish": 1, "Softsign": 2, "Gelu": 4, "SoftmaxCrossEntropyLoss": 34},
}

ROUNDED = {"test_averagepool_2d_ceil_last_window_starts_on_pad"}  # expected numbers of four digits


class Inexpressible(Exception):
    """What minprox has no layer, or no option, for."""


def need(condition, reason):
    if not condition:
        raise Inexpressible(reason)


def padding(options, size, kernel, strides, dilations):
    """The pairs (before, after) of a node's padding, or "same"."""
    auto = options.get("auto_pad", b"NOTSET").decode()
    axes = len(kernel)
    if auto == "SAME_UPPER":
        return "same"
    if auto == "SAME_LOWER":  # the odd pixel first, which is uneven padding by hand
        sides = []
        for n, k, s, d in zip(size, kernel, strides, dilations, strict=True):
            total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
            sides.append((total - total // 2, total // 2))
        return sides
    pads = options.get("pads", [0] * 2 * axes)
    return [(pads[i], pads[axes + i]) for i in range(axes)]


def placed(options, size, kernel):
    """Kernel, stride, padding and dilation as our layers take them."""
    axes = len(kernel)
    need(axes < 3, "windows of three axes")
    strides, dilations = options.get("strides", [1] * axes), options.get("dilations", [1] * axes)
    sides = padding(options, size, kernel, strides, dilations)
    return tuple(kernel), tuple(strides), sides, tuple(dilations)


def conv(options, x, W, b=None):
    kernel, stride, sides, dilation = placed(options, x.shape[2:], W.shape[2:])
    kind = {1: mp.Conv1d, 2: mp.Conv2d}[len(kernel)]
    groups = options.get("group", 1)
    layer = kind(x.shape[1], len(W), kernel, stride, sides, dilation, groups, bias=b is not None)
    theta = W.reshape(len(W), -1).T
    return layer.forward(theta if b is None else np.concatenate([theta, b[None]]), x)


def pool(kinds, options, x, **others):
    kernel, stride, sides, dilation = placed(options, x.shape[2:], options["kernel_shape"])
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    need(sides == "same" or all(2 * max(p) <= r for p, r in zip(sides, reach, strict=True)), "wide padding")
    ceil = bool(options.get("ceil_mode", 0))
    layer = kinds[len(kernel)](kernel, stride, sides, dilation=dilation, ceil_mode=ceil, **others)
    return layer.forward(x)


def average(options, x):
    counted = bool(options.get("count_include_pad", 0))
    return pool({1: mp.AvgPool1d, 2: mp.AvgPool2d}, options, x, count_include_pad=counted)


def gemm(options, A, B, C=None):
    """``α A B + β C``: a dense layer with the bias β C, or one beside a sum where C is a matrix."""
    A, B = (M.T if options.get(name, 0) else M for M, name in ((A, "transA"), (B, "transB")))
    theta, bias = options.get("alpha", 1.0) * B, None if C is None else options.get("beta", 1.0) * C
    if bias is not None and bias.ndim == 2 and len(bias) > 1:
        return mp.Add().forward(mp.Linear(*B.shape, bias=False).forward(theta, A), bias)
    if bias is None:
        return mp.Linear(*B.shape, bias=False).forward(theta, A)
    row = np.broadcast_to(bias, (1, B.shape[1]))
    return mp.Linear(*B.shape).forward(np.concatenate([theta, row]), A)


def matmul(options, A, B):
    need(A.ndim == B.ndim == 2, "products of more than two axes")
    return mp.Linear(*B.shape, bias=False).forward(B, A)


def flatten(options, x):
    axis = options.get("axis", 1)
    need(axis % x.ndim == 1, "another axis than 1")
    return mp.Flatten().forward(x)


def add(options, *inputs):
    need(len({x.shape for x in inputs}) == 1, "inputs of several shapes")
    return mp.Add().forward(*inputs)


def concat(options, *inputs):
    axis = options["axis"] % inputs[0].ndim
    need(axis > 0, "the axis of the batch")
    return mp.Concat(axis).forward(*inputs)


def dropout(options, x, ratio=None, training=False):
    need(not training or ratio == 0, "a random mask")
    layer = mp.Dropout(0.5 if ratio is None or not training else float(ratio))
    return (layer.sample(np.random.default_rng(0), x) if training else layer).forward(x)


def cross_entropy(options, z, y, weights=None):
    """The mean is the loss itself; the other reductions follow from it, sample by sample."""
    rows = np.moveaxis(z, 1, -1).reshape(-1, z.shape[1])  # a pixel is a sample
    ignored = options.get("ignore_index")
    loss = mp.CrossEntropy(class_weights=weights, ignore_index=ignored)
    how = options.get("reduction", b"mean").decode()
    if how == "mean":
        value = loss(rows, y.ravel())
    else:
        w = [1 if weights is None or label == ignored else weights[label] for label in y.ravel()]
        each = [loss(row[None], label[None]) for row, label in zip(rows, y.ravel(), strict=True)]
        each = np.array(each) * np.array(w, z.dtype)
        value = each.sum() if how == "sum" else each.reshape(y.shape)
    one = mp.CrossEntropy()
    log_p = [[-one(row[None], np.array([k])) for k in range(len(row))] for row in rows]
    log_p = np.moveaxis(np.array(log_p).reshape(*y.shape, -1), -1, 1)
    return np.asarray(value), log_p


def elementwise(make, **usual):
    """A layer whose options have other names in ONNX; what it cannot take has to be as usual."""

    def node(options, x):
        layer = make(**{name: options.get(theirs, value) for name, (theirs, value) in usual.items()})
        return layer.forward(x)

    return node


def softmax(options, x):
    need(options.get("axis", -1) % x.ndim == x.ndim - 1, "another axis than the last")
    return mp.Softmax().forward(x)


def multiply(options, *inputs):
    need(len({x.shape for x in inputs}) == 1, "inputs of several shapes")
    return mp.Multiply().forward(*inputs)


def transpose(options, x):
    order = options.get("perm", range(x.ndim)[::-1])
    need(order[0] == 0, "the axis of the batch")
    return mp.Permute(*order[1:]).forward(x)


def batch_norm(options, x, gain, bias, mean, variance):
    need(not options.get("training_mode", 0), "running averages as outputs")
    layer = mp.BatchNorm(x.shape[1], eps=options.get("epsilon", 1e-5))
    layer.memory |= {"mean": mean, "variance": variance}
    return mp.Scale(x.shape[1], axis=1).forward(np.stack([gain, bias]), layer.forward(x))


def selu(options, x):
    need(not options, "another α or λ")
    return mp.SELU().forward(x)


def swish(options, x):
    need(options.get("alpha", 1.0) == 1, "another α")
    return mp.SiLU().forward(x)


NODES = {
    "Conv": conv,
    "MaxPool": lambda options, x: pool({1: mp.MaxPool1d, 2: mp.MaxPool2d}, options, x),
    "AveragePool": average,
    "GlobalAveragePool": lambda options, x: mp.GlobalAvgPool2d().forward(x)[:, :, None, None],
    "GlobalMaxPool": lambda options, x: mp.GlobalMaxPool2d().forward(x)[:, :, None, None],
    **{"Gemm": gemm, "MatMul": matmul, "Flatten": flatten, "Add": add, "Sum": add, "Concat": concat},
    **{"Dropout": dropout, "Softmax": softmax, "Mul": multiply, "Transpose": transpose},
    "BatchNormalization": batch_norm,
    "Relu": elementwise(mp.ReLU),
    "LeakyRelu": elementwise(mp.LeakyReLU, slope=("alpha", 0.01)),
    "Elu": elementwise(mp.ELU, alpha=("alpha", 1.0)),
    "Gelu": lambda options, x: mp.GELU(options.get("approximate", b"none").decode()).forward(x),
    **{"Selu": selu, "Swish": swish},
    "Softplus": elementwise(mp.Softplus),
    "Sigmoid": elementwise(mp.Sigmoid),
    "Tanh": elementwise(mp.Tanh),
    "Mish": elementwise(mp.Mish),
    "Softsign": elementwise(mp.Softsign),
    "SoftmaxCrossEntropyLoss": cross_entropy,
}


def judge(case):
    """Whether a case holds, differs, or cannot be expressed, and why."""
    (node,) = case.model.graph.node
    options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    for inputs, expected in case.data_sets:
        try:
            need(inputs[0].dtype in ("float32", "float64"), f"dtype {inputs[0].dtype}")
            options.pop("seed", None)
            found = NODES[node.op_type](options, *inputs)
            found = found if isinstance(found, tuple) else (found,)
            need(len(expected) <= len(found), "more outputs")
        except Inexpressible as reason:
            return f"cannot be expressed: {reason}"
        tolerance = 1e-3 if case.name in ROUNDED else 1e-6
        for one, other in zip(found, expected, strict=False):
            if one.shape != other.shape or one.dtype != other.dtype or relative(one, other) > tolerance:
                return "differs"
    return "holds"


@pytest.fixture(scope="module")
def verdicts():
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package itself, as it makes its cases
        cases = [case for case in collect_testcases(None) if len(case.model.graph.node) == 1]
    cases = [case for case in cases if case.model.graph.node[0].op_type in NODES]
    return {case.name: (case.model.graph.node[0].op_type, judge(case)) for case in cases}


def test_no_node_differs(verdicts):
    assert [name for name, (_, verdict) in verdicts.items() if verdict == "differs"] == []


def test_as_many_nodes_hold_as_are_counted_here(verdicts):
    held = Counter(node for node, verdict in verdicts.values() if verdict == "holds")
    assert {node: held[node] for node in HELD if held[node] < HELD[node]} == {}
    assert set(HELD) == set(NODES)


def test_a_wrong_node_is_seen_to_differ(monkeypatch):
    from onnx.backend.test.case.node import collect_testcases

    (case,) = (case for case in collect_testcases(None) if case.name == "test_softsign")
    assert judge(case) == "holds"
    monkeypatch.setitem(NODES, "Softsign", lambda options, x: mp.Softsign().forward(1.001 * x))
    assert judge(case) == "differs"
