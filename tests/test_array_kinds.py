"""What is no plain array of numbers is refused in one sentence, wherever it comes in."""

import warnings

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox.ground import backend


def matrix(x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of them itself
        return np.asmatrix(x)


KINDS = {
    "masked": (lambda x: np.ma.array(x, mask=np.arange(x.size).reshape(x.shape) == 0), "MaskedArray"),
    "a mask of nothing": (np.ma.array, "MaskedArray"),
    "matrix": (matrix, "matrix"),
    "structured": (lambda x: np.zeros(x.shape, [("a", x.dtype)]), "structured dtype"),
    "records": (lambda x: np.zeros(x.shape, [("a", x.dtype)]).view(np.recarray), "recarray"),
}
kinds = pytest.mark.parametrize(("make", "word"), KINDS.values(), ids=KINDS)
x, labels = np.ones((4, 3)), np.array([0, 1, 1, 0])
targets = np.ones((4, 2))


def net():
    return mp.Sequential(mp.Linear(3, 3), mp.Tanh(), mp.Linear(3, 2), dtype="float64")


def tape(n):
    return n, mp.forward(n, x)


def masked_labels(make):
    return make(labels if make is not matrix else labels[:, None])


ENTRIES = {
    "a batch": lambda make: mp.forward(net(), make(x)),
    "labels": lambda make: mp.CrossEntropy()(targets, masked_labels(make)),
    "labels, for the gradient": lambda make: mp.CrossEntropy().gradient(targets, masked_labels(make)),
    "labels, to count": lambda make: mp.CrossEntropy().correct(targets, masked_labels(make)),
    "labels of a pass": lambda make: mp.backprop(*tape(net()), mp.CrossEntropy(), masked_labels(make)),
    "outputs": lambda make: mp.CrossEntropy()(make(targets), labels),
    "targets": lambda make: mp.SquaredError()(targets, make(targets)),
    "targets of a pass": lambda make: mp.proxprop(*tape(net()), mp.SquaredError(), make(targets), 0.1),
    "an error at the output": lambda make: mp.sweep(*tape(net()), make(targets)),
    "θ": lambda make: setattr(net().transfers[0], "theta", make(np.ones((4, 3)))),
    "parameters": lambda make: setattr(net(), "parameters", [make(np.ones((4, 3))), np.ones((4, 2))]),
    "directions": lambda make: mp.SGD(net(), 0.1).step([make(np.ones((4, 3))), np.ones((4, 2))]),
    "the input of a map": lambda make: mp.DenseMap(make(x), bias=True),
    "δ of a solver": lambda make: mp.Exact("primal")(mp.DenseMap(x, bias=True), make(targets), 0.1),
    "δ of the dual form": lambda make: mp.Exact("dual")(mp.DenseMap(x, bias=True), make(targets), 0.1),
    "δ of CG": lambda make: mp.CG(2)(mp.DenseMap(x, bias=False), make(targets), 0.1),
    "examples": lambda make: mp.datasets.Split(make(x), labels),
    "targets of a data set": lambda make: mp.datasets.Split(x, make(targets)),
    "what is fetched": lambda make: mp.to_numpy(make(x)),
    "what is moved": lambda make: backend.asarray(make(x)),
}


@kinds
@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_what_is_no_plain_array_is_refused(entry, make, word):
    with raises(TypeError, word):
        entry(make)


def test_a_direction_or_a_scalar_that_is_masked_is_no_number():
    with raises(TypeError, "MaskedConstant"):
        mp.array_module(np.ma.masked)


def test_an_array_mapped_into_memory_is_a_plain_one(tmp_path):
    results = []
    for name, array in (("x", x), ("labels", labels)):
        np.save(tmp_path / f"{name}.npy", array)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("x", "labels")]
    for batch, y in ((x, labels), mapped):
        n = net()
        found = mp.forward(n, batch)
        results.append([found.output, *mp.proxprop(n, found, mp.CrossEntropy(), y, 0.1)])
        split = mp.datasets.Split(batch, y)
        mp.train(n, mp.datasets.Dataset("mapped", split, split, split), mp.CrossEntropy(), mp.SGD(n, 0.1),
                 epochs=1, batch_size=2)  # fmt: skip
        results[-1] += n.parameters
    assert all(np.array_equal(one, other) for one, other in zip(*results, strict=True))
