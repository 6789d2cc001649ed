"""Windows that stay in their slots from cut to cut, windows side by side, products laid out like images."""

import numpy as np
import pytest
from conftest import relative
from hypothesis import given, settings
from hypothesis import strategies as st

import minprox as mp
from minprox.engine.layers import patch_lines, patches
from minprox.engine.layers.patches import PatchMap
from minprox.ground import parallel, products
from minprox.ground.parallel import contiguous
from minprox.ground.products import multiply

small = st.integers(1, 3)


def narrow(patch):
    """One column of pixels and two samples at a time, whatever the sizes."""
    patch.setattr(patches, "BLOCK", 1)
    patch.setattr(patches, "LEAST", 2)


@settings(deadline=None, max_examples=40)
@given(
    *(st.tuples(small, small) for _ in range(3)), st.integers(-1, 2), st.sampled_from([1, 2]), st.booleans()
)
def test_many_narrow_cuts_give_what_one_wide_cut_gives(kernel, stride, dilation, padding, groups, bias):
    rng = np.random.default_rng(0)
    images = rng.standard_normal((2 * groups, 9, 10, 3))
    A = PatchMap(images, [(padding, 1), (2, padding)], kernel, stride, dilation, groups, bias)
    rows, cols = A.shape
    theta = rng.standard_normal((cols, 4) if groups == 1 else (groups, cols, 4))
    delta = rng.standard_normal((rows, 4) if groups == 1 else (groups, rows, 4))
    matrix, z, d = A.matrix(), A @ theta, A.T @ delta
    with pytest.MonkeyPatch.context() as patch:
        narrow(patch)
        assert len(A.cuts()) > 1
        np.testing.assert_array_equal(A.matrix(), matrix)
        assert relative(A @ theta, z) < 1e-13
        assert relative(A.T @ delta, d) < 1e-13
    assert relative(z, matrix @ theta) < 1e-13


def test_a_window_that_stands_in_its_slot_is_not_moved(monkeypatch):
    A = mp.Conv2d(2, 3, 3, padding=1).linear_map(np.ones((2, 2, 8, 8)))
    narrow(monkeypatch)
    filled, overlap = [], patch_lines.overlap
    monkeypatch.setattr(patch_lines, "overlap", lambda *given: filled.append(given) or overlap(*given))
    lines = patch_lines.Lines(A)
    counts = []
    for place in A.cuts():
        filled.clear()
        lines.fill(place)
        counts.append(len(filled) - 1)  # one is that of the rows
    assert counts == [3, *[1] * 7]


@pytest.mark.parametrize("planted", ["turn", "held"])
def test_a_slot_that_is_mistaken_is_noticed(planted, monkeypatch):
    rng = np.random.default_rng(0)
    A = mp.Conv2d(2, 3, 3).linear_map(rng.standard_normal((2, 2, 8, 8)))
    matrix = A.matrix()
    narrow(monkeypatch)
    if planted == "turn":
        monkeypatch.setattr(patches, "turn_of", lambda A, place: 0)
    else:
        fill = patch_lines.Lines.fill

        def held_for_ever(self, place):
            starts = fill(self, place)
            turned = [patch_lines.turn_of(A, place._replace(left=place.left + 1)) + j for j in range(3)]
            for j, slot in enumerate(turned):
                self.held[place.width, 2][slot % 3] = (place.left + 1 + j, place.samples)
            return starts

        monkeypatch.setattr(patch_lines.Lines, "fill", held_for_ever)
    assert not np.array_equal(A.matrix(), matrix)


@pytest.mark.parametrize(("layer", "shape"), [(mp.MaxPool2d((2, 3)), (4, 9)), (mp.MaxPool1d(2), (8,))])
@pytest.mark.parametrize("sample_last", [False, True])
def test_windows_side_by_side_are_windows_anywhere(layer, shape, sample_last, monkeypatch):
    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, (5, 2, *shape)).astype("float32")  # in which most windows have a tie
    if sample_last:
        a = np.moveaxis(np.ascontiguousarray(np.moveaxis(a, 0, -1)), -1, 0)
    output = layer.forward(a)
    delta = rng.standard_normal(output.shape, "float32")
    errors = layer.adjoint(delta, output, a)
    monkeypatch.setattr(type(layer), "tiling", lambda self, size: False)
    np.testing.assert_array_equal(layer.forward(a), output)
    np.testing.assert_array_equal(layer.adjoint(delta, output, a), errors)
    assert np.count_nonzero(errors) == delta.size


@pytest.mark.parametrize(
    ("layer", "size"),
    [
        (mp.MaxPool2d(2), (5, 4)),
        (mp.MaxPool2d(2, stride=1), (4, 4)),
        (mp.MaxPool2d(2, padding=1), (4, 4)),
        (mp.MaxPool2d(2, dilation=2), (4, 4)),
        (mp.MaxPool2d(3, ceil_mode=True), (4, 4)),
    ],
)
def test_only_windows_that_cover_the_image_lie_side_by_side(layer, size):
    assert not layer.tiling(size)
    assert mp.MaxPool2d(2).tiling((4, 6))


@pytest.mark.parametrize("large", [False, True])
def test_a_product_may_be_laid_out_like_another_array(large, monkeypatch):
    monkeypatch.setattr(products, "MANY", 1 if large else 2**24)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((6, 3)), rng.standard_normal((3, 8))
    for like in (np.zeros((6, 8)), np.zeros((8, 6)).T):
        ab = multiply(a, b, like=like)
        assert ab.strides == like.strides
        assert relative(ab, a @ b) < 1e-14


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_columns_that_blas_does_not_pack_are_the_columns(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    A = mp.Conv2d(2, 3, 3, padding=1, groups=1).linear_map(rng.standard_normal((7, 2, 5, 6)).astype(dtype))
    theta = rng.standard_normal((19, 3)).astype(dtype)
    whole = A @ theta
    for name, value in {"EVEN": 4, "FEW": 4, "UNPACKED": 10 * 21 * 3}.items():
        monkeypatch.setattr(patches, name, value)
    assert [len(range(*some.indices(42))) for some in patches.unpacked(np.empty((21, 42)), 3)] == [8] * 5 + [
        2
    ]
    assert relative(A @ theta, whole) < (1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_a_copy_in_strips_is_the_array(order, monkeypatch):
    monkeypatch.setattr(parallel, "LEAST", 1)
    array = np.arange(5 * 70 * 66.0).reshape(5, 70, 66).transpose(order)
    copy = contiguous(array)
    assert copy.flags.c_contiguous
    np.testing.assert_array_equal(copy, array)
