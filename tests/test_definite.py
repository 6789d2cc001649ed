"""Systems of definite matrices: their equations, batched, in either dtype; NaN where there is no factor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minprox.ground import definite

shapes = st.sampled_from([(), (1,), (3,), (2, 2)])


def drawn(batch, n, columns, dtype="float64"):
    rng = np.random.default_rng(n)
    B = rng.standard_normal((*batch, n, n))
    M = (B @ B.swapaxes(-1, -2) + np.eye(n)).astype(dtype)
    return M, rng.standard_normal((*batch, n, columns)).astype(dtype)


@given(batch=shapes, n=st.integers(1, 30), columns=st.integers(0, 3))
def test_their_equations_hold(batch, n, columns):
    M, b = drawn(batch, n, columns)
    np.testing.assert_allclose(M @ definite.solution(M.copy(), b), b, rtol=0, atol=1e-11)
    W = definite.inverse(M.copy())
    np.testing.assert_allclose(M @ W, np.broadcast_to(np.eye(n), M.shape), rtol=0, atol=1e-11)
    np.testing.assert_array_equal(W, W.swapaxes(-1, -2))


def test_float32_stays_float32():
    M, b = drawn((2,), 20, 3, "float32")
    x, W = definite.solution(M.copy(), b), definite.inverse(M.copy())
    assert (x.dtype, W.dtype) == ("float32", "float32")
    np.testing.assert_allclose(M @ x, b, rtol=0, atol=1e-4)


def test_what_is_not_definite_gives_nan_and_leaves_the_rest_of_the_batch():
    M, b = drawn((3,), 4, 2)
    M[1, 2, 2] = -1
    for found in (definite.solution(M.copy(), b), definite.inverse(M.copy())):
        assert np.isnan(found[1]).all()
        assert np.isfinite(found[[0, 2]]).all()


@pytest.mark.parametrize("small", [1, 1000])
def test_the_right_side_is_left_as_it_is(small, monkeypatch):
    """Whether BLAS may use its threads or not."""
    monkeypatch.setattr(definite, "SMALL", small)
    M, b = drawn((), 6, 2)
    before = b.copy()
    np.testing.assert_allclose(M @ definite.solution(M.copy(), b), b, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(b, before)
