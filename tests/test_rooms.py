"""Memory that is used again: never while somebody holds an array in it, and not without end."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minprox as mp
from minprox.ground import parallel, products, rooms
from minprox.ground.blas import blas_threads, held, one_blas_thread
from minprox.ground.products import multiply
from minprox.ground.rooms import forget, room, room_like

HERE = np.zeros(1)


@pytest.fixture(autouse=True)
def small_rooms(monkeypatch):
    monkeypatch.setattr(rooms, "SMALL", 1)
    forget()
    yield
    forget()


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_comes_back_when_its_array_is_gone():
    first = room(HERE, (3, 5), "float32")
    where = address(first)
    del first
    assert address(room(HERE, (5, 3), "float32")) == where


@pytest.mark.parametrize("kept", ["array", "view", "part of a view"])
def test_what_somebody_holds_is_left_alone(kept):
    array = room(HERE, (4, 4), "float64")
    array[...] = 7.0
    holder = {"array": array, "view": array.T, "part of a view": array.T[1:, ::2].reshape(-1)[:0:-1].base}
    held_array = holder[kept]
    del array, holder
    for _ in range(3):
        room(HERE, (4, 4), "float64")[...] = 0.0
    assert (held_array == 7.0).all()


def test_no_more_is_kept_than_allowed(monkeypatch):
    monkeypatch.setattr(rooms, "MOST", 100)
    for n in range(1, 20):
        room(HERE, (n, 8), "uint8")
    assert sum(memory.nbytes for memory in rooms._rooms) <= 100
    array = room(HERE, (101,), "uint8")  # larger than all that may be kept: it lives as long as it is held
    array[...] = 1
    assert array.sum() == 101
    assert len(rooms._rooms) == 0


@pytest.mark.parametrize(("size", "taken"), [(1000, True), (260, True), (200, False)])
def test_a_smaller_array_stands_where_a_larger_one_was_but_not_in_a_hall(size, taken):
    large = room(HERE, (1000,), "uint8")
    where = address(large)
    del large
    assert (address(room(HERE, (size,), "uint8")) == where) == taken


def test_an_array_takes_the_smallest_memory_that_suits():
    large, middle, small = (room(HERE, (size,), "uint8") for size in (900, 700, 500))
    where = address(middle)
    del large, middle, small
    assert address(room(HERE, (600,), "uint8")) == where


def test_new_memory_is_paid_for_with_smaller_that_is_free():
    free, kept = room(HERE, (300,), "uint8"), room(HERE, (400,), "uint8")
    larger = room(HERE, (900,), "uint8")
    del free
    largest = room(HERE, (1000,), "uint8")
    sizes = [memory.nbytes - rooms.LINE for memory in rooms._rooms]
    assert sizes == [len(kept), len(larger), len(largest)]


def test_after_a_few_steps_no_more_memory_is_asked_for(monkeypatch):
    layers = (mp.Conv2d(2, 6, 3, padding=1), mp.ReLU(), mp.MaxPool2d(2), mp.Conv2d(6, 4, 3), mp.ReLU())
    net = mp.Sequential(mp.Input((2, 12, 12)), *layers, mp.Flatten(), mp.Linear(64, 3), seed=0)
    x, y = np.random.default_rng(0).random((7, 2, 12, 12), np.float32), np.arange(7) % 3
    monkeypatch.setattr(parallel, "LEAST", 1)
    kept = []
    for _ in range(6):
        mp.proxprop(net, mp.forward(net, x), mp.CrossEntropy(), y, 1.0, mp.Exact())
        kept.append(sorted(map(id, rooms._rooms)))
    assert len(kept[-1]) > 3
    assert kept[-1] == kept[-2] == kept[-3]


@given(
    st.permutations(range(3)),
    st.lists(st.integers(1, 4), min_size=3, max_size=3),
    st.sampled_from(["float32", "float64", "bool"]),
)
def test_the_order_of_axes_is_that_of_numpy(order, shape, dtype):
    array = np.zeros([shape[axis] for axis in order], dtype).transpose(np.argsort(order))
    ours, numpys = room_like(array, dtype, array.shape), np.empty_like(array)
    assert (ours.shape, ours.dtype) == (numpys.shape, numpys.dtype)
    sides = [axis for axis in range(3) if array.shape[axis] > 1]
    assert [ours.strides[axis] for axis in sides] == [numpys.strides[axis] for axis in sides]


def test_threads_never_get_the_same_memory():
    clashes = []

    def work(number):
        for _ in range(300):
            array = room(HERE, (64,), "int64")
            array[...] = number
            if not (array == number).all():
                clashes.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not clashes


def test_a_tape_that_is_kept_is_not_written_to():
    net = mp.Sequential(
        mp.Input((2, 6, 6)), mp.Conv2d(2, 3, 3), mp.ReLU(), mp.Flatten(), mp.Linear(48, 2), seed=0
    )
    x = np.random.default_rng(0).standard_normal((5, 2, 6, 6)).astype("float32")
    tape = mp.forward(net, x)
    before = [value.copy() for value in tape.values]
    for _ in range(3):
        mp.backprop(net, mp.forward(net, x + 1), mp.CrossEntropy(), np.arange(5) % 2)
    for value, copy in zip(tape.values, before, strict=True):
        np.testing.assert_array_equal(value, copy)


# Products while BLAS is held


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_products_in_parts_are_products(rows, inner, columns, given_out):
    rng = np.random.default_rng(rows + 10 * inner + 100 * columns)
    a, b = rng.standard_normal((inner, rows)).T, rng.standard_normal((inner, columns))
    out = np.zeros((rows, columns)) if given_out else None
    with pytest.MonkeyPatch.context() as patch, one_blas_thread():
        patch.setattr(products, "MANY", 1)
        patch.setattr(parallel, "threads", lambda: 2)
        patch.setattr(parallel, "ENOUGH", 1)
        ab = multiply(a, b, out)
    np.testing.assert_allclose(ab, a @ b, rtol=1e-13, atol=1e-13)
    assert out is None or ab is out


def test_a_pass_over_a_convolutional_net_holds_blas_and_lets_it_go():
    seen = []

    class Looks(mp.ReLU):
        def forward(self, z, out=None):
            seen.append(held())
            return super().forward(z)

    before = blas_threads()
    for first in (mp.Conv2d(1, 2, 1), mp.Linear(3, 3)):
        net = mp.Sequential(first, Looks(), seed=0)
        mp.forward(net, np.ones((2, 1, 3, 3) if isinstance(first, mp.Conv2d) else (2, 3), "float32"))
    assert seen == [True, False]
    assert not held()
    assert blas_threads() == before


def test_of_memory_that_is_free_the_last_that_was_used_is_taken():
    first, second = room(HERE, (1000,), "uint8"), room(HERE, (1000,), "uint8")
    last = address(second)
    del first, second
    assert address(room(HERE, (1000,), "uint8")) == last


@pytest.mark.parametrize("size", [1, 7, 4096, 100_000])
def test_memory_begins_where_the_processor_reads_a_line(size):
    assert address(room(HERE, (size,), "uint8")) % 64 == 0
