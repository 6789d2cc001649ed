"""AᵀA of a convolution: from lines and from spectra the same as from the patches themselves."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import minprox as mp
from minprox.engine.layers import gram_of_spectra, patch_gram, spectra
from minprox.engine.layers.gram_of_spectra import multiplications
from minprox.engine.layers.seen_axes import seen_along
from minprox.ground import parallel

PAPER = [(3, 32, 32, 500), (16, 16, 16, 500), (20, 8, 8, 500)]  # what the convolutions of X3 see


@st.composite
def convolutions(draw):
    """Images, and a kernel, its dilation and margins with at least one output on each axis."""
    C, N = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    axes = []
    for _ in range(2):
        size, kernel, dilation = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(1, 2))
        before, behind = draw(st.integers(0, 5)), draw(st.integers(0, 5))
        behind = max(behind, dilation * (kernel - 1) + 1 - size - before)
        extent = size + before + behind - dilation * (kernel - 1)
        axes.append((size, kernel, dilation, before, extent))
    (H, W), kernel, dilation, offsets, extent = zip(*axes, strict=True)
    seed = draw(st.integers(0, 99))
    return np.random.default_rng(seed).standard_normal((C, H, W, N)), kernel, dilation, offsets, extent


def patches(x, kernel, dilation, offsets, extent):
    """``Aᵀ``, entry by entry."""
    (C, H, W, N), (y_out, x_out) = x.shape, extent
    A_t = np.zeros((C, *kernel, y_out, x_out, N))
    for c, i, j, y, w in np.ndindex(C, *kernel, y_out, x_out):
        u, v = y + dilation[0] * i - offsets[0], w + dilation[1] * j - offsets[1]
        if 0 <= u < H and 0 <= v < W:
            A_t[c, i, j, y, w] = x[c, u, v]
    return A_t.reshape(C * kernel[0] * kernel[1], -1)


def gram(monkeypatch, way, x, kernel, dilation, offsets, extent, dtype="float64"):
    """AᵀA and the column sums of A in the way that is named."""
    with monkeypatch.context() as patch:
        patch.setattr(patch_gram, "spectra_pay", lambda *_: way == "spectra")
        return patch_gram.patch_gram(x, extent, kernel, (1, 1), dilation, offsets, dtype)


@pytest.mark.parametrize("way", ["lines", "spectra"])
@example(convolution=(np.ones((1, 2, 1, 2)), (4, 1), (2, 1), (5, 0), (6, 1)))  # places that see nothing
@example(convolution=(np.arange(800).reshape(2, 5, 40, 2) % 7 / 7, (3, 3), (2, 2), (2, 1), (5, 40)))  # wide
@given(convolution=convolutions())
def test_it_is_that_of_the_patches(way, convolution):
    A_t = patches(*convolution)
    with pytest.MonkeyPatch.context() as patch:
        normal, sums = gram(patch, way, *convolution)
    np.testing.assert_allclose(normal, A_t @ A_t.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sums, A_t.sum(axis=1), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(normal, normal.T)


def axis(size, kernel, both):
    """One with as many outputs as pixels."""
    return seen_along(size, size, kernel, 1, kernel // 2, both=both)


def test_multiplications_are_counted():
    """Of columns; at each frequency and end, of rows and of symmetric products; then of ends of rows."""
    C, H, W, F, G = 2, 4, 6, 5, 4  # spectra of length 6 + 2 of columns, 4 + 2 of rows
    columns = 2 * F * W * H * C
    slabs = [C, 2 * C, 2 * C, 2 * C, C, C, C]  # spectra at 0 and L/2 are real; then both ends
    rows = sum(2 * G * H * Q + 2 * (2 * Q) ** 2 / 2 + 2 * Q**2 / 2 + 2 * Q**2 / 2 for Q in slabs)
    assert multiplications((C, H, W), axis(H, 3, False), axis(W, 3, True)) == columns + rows
    line = 2 * F * W * C + sum(2 * Q + Q**2 / 2 for Q in slabs)
    assert multiplications((C, 1, W), axis(1, 1, False), axis(W, 3, True)) == line


def test_a_large_kernel_costs_no_memory_where_it_is_only_asked_about():
    """Its matrix would have a billion entries."""
    far = seen_along(300, 1, 300, 1, 0, both=True)
    assert far.numbers[far.half :] == [299, 299]
    assert "matrix" not in vars(far)


def chosen(monkeypatch, shape, kernel, **options):
    """Whether a layer's Gram matrix comes from spectra."""
    ways = []
    monkeypatch.setattr(
        patch_gram, "by_spectra", lambda *args: ways.append("spectra") or gram_of_spectra.by_spectra(*args)
    )
    layer = mp.Conv2d(shape[0], 1, kernel, **options)
    mp.Sequential(mp.Input(shape[:3]), layer, seed=0)
    x = np.random.default_rng(0).standard_normal((shape[-1], *shape[:3])).astype("float32")
    layer.linear_map(x).T.gram()
    return bool(ways)


def test_many_channels_and_places_are_worth_spectra(monkeypatch):
    assert chosen(monkeypatch, (16, 16, 16, 200), 5, padding=2)


@pytest.mark.parametrize(
    ("shape", "kernel", "options"),
    [
        ((16, 16, 16, 200), 5, {"padding": 2, "stride": 2}),  # the correlation theorem knows no strides
        ((16, 16, 16, 2), 5, {"padding": 2}),
        ((16, 16, 16, 200), 1, {}),
        ((1, 16, 16, 200), 5, {"padding": 2}),
    ],
)
def test_else_it_comes_from_lines(shape, kernel, options, monkeypatch):
    assert not chosen(monkeypatch, shape, kernel, **options)


def test_both_ways_agree_on_layers_of_the_paper(monkeypatch):
    for C, H, W, _ in PAPER:
        x = np.random.default_rng(C).random((C, H, W, 20)).astype("float32")
        both = [
            gram(monkeypatch, way, x, (5, 5), (1, 1), (2, 2), (H, W))[0].astype("float64")
            for way in ("lines", "spectra")
        ]
        np.testing.assert_allclose(*both, rtol=1e-13)


def test_small_shifts_are_no_smaller_than_what_spectra_round(monkeypatch):
    """Up to τ_θ ‖A‖² = 1e12 the error of AᵀA stays far below the shift 1/τ_θ: less than 1e-3 of it."""
    x = 1 + np.random.default_rng(0).random((4, 9, 9, 50))
    args = (x, (3, 3), (1, 1), (1, 1), (9, 9))
    found, _ = gram(monkeypatch, "spectra", *args)
    A_t = patches(*args).astype(np.longdouble)
    error = np.linalg.norm((found - A_t @ A_t.T).astype("float64"), 2)
    assert error < 1e-3 * 1e-12 * np.linalg.norm(found, 2)


def test_a_pixel_that_is_no_number_gives_none(monkeypatch):
    x = np.random.default_rng(0).standard_normal((2, 6, 6, 3))
    x[1, 2, 3, 0] = np.nan
    normal, _ = gram(monkeypatch, "spectra", x, (3, 3), (1, 1), (1, 1), (6, 6))
    assert np.isnan(normal[9:]).all()
    assert np.isnan(normal[:, 9:]).all()


@pytest.mark.parametrize("block", [1, 2**18])
def test_threads_leave_the_bits_of_spectra_as_they_are(block, monkeypatch):
    for module in (gram_of_spectra, spectra):
        monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(parallel, "ENOUGH", 1)
    x = np.random.default_rng(0).standard_normal((3, 6, 7, 40))
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(parallel, "threads", lambda count=count: 1 if parallel._inside.get() else count)
        found.append(gram(monkeypatch, "spectra", x, (3, 3), (1, 1), (1, 1), (6, 7))[0])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_allclose(
        found[0], gram(monkeypatch, "lines", x, (3, 3), (1, 1), (1, 1), (6, 7))[0], atol=1e-12
    )


def test_float32_sums_are_float32(monkeypatch):
    x = np.random.default_rng(0).standard_normal((2, 6, 6, 3)).astype("float32")
    args = (x, (3, 3), (1, 1), (1, 1), (6, 6))
    rounded, exact = (gram(monkeypatch, "spectra", *args, dtype)[0] for dtype in ("float32", "float64"))
    assert (rounded.dtype, exact.dtype) == ("float32", "float64")
    np.testing.assert_allclose(rounded, exact, atol=1e-4)
