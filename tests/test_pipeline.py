"""The schedule of modules on devices: what waits for what, and the time of a step."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minprox.methods.pipeline import chain_length, schedule, step_time

modules, horizons = st.integers(1, 7), st.integers(1, 9)


@given(modules, horizons, st.integers(1, 4))
def test_no_device_does_two_things_and_nothing_starts_before_what_it_needs(K, N, batches):
    tasks = schedule(K, N, batches, forward=1.5, error=1.0, direction=0.5)
    for device in range(1, K + 1):
        mine = [task for task in tasks if task.device == device]
        assert all(a.end <= b.start for a, b in pairwise(mine))
        assert [task.batch for task in mine if task.kind == "direction"] == list(range(1, batches + 1))
    at = {(t.kind, t.device, t.batch): t for t in tasks if t.kind != "error"}
    for batch in range(1, batches + 1):
        for i in range(2, K + 1):
            assert at["forward", i, batch].start >= at["forward", i - 1, batch].end
        for i in range(1, K + 1):  # the furthest loss that module i may see comes after so many forwards
            assert at["direction", i, batch].start >= at["forward", min(i + N - 1, K), batch].end
    errors = {task.device: 0 for task in tasks}
    for task in tasks:
        errors[task.device] += task.kind == "error" and task.batch == 1
    needed = {(i, min(j + N - 1, K)) for j in range(1, K + 1) for i in range(j + 1, min(j + N - 1, K) + 1)}
    assert errors == {i: sum(device == i for device, _ in needed) for i in range(1, K + 1)}


@given(modules)
def test_local_learning_takes_as_long_as_one_module_whatever_their_number(K):
    assert step_time(K, 1, forward=2.0, direction=3.0) == 5.0


@given(modules)
def test_end_to_end_takes_one_forward_and_one_backward_pass_through_all(K):
    assert step_time(K, K, forward=1.0, error=2.0, direction=4.0) == K * 1.0 + (K - 1) * 2.0 + 4.0


@given(modules, horizons)
def test_a_further_horizon_never_shortens_a_step(K, N):
    """Nor the chain of modules that wait for each other (I2, I3)."""
    assert step_time(K, N) <= step_time(K, N + 1) + 1e-9
    assert chain_length(K, N) == min(K, N)


@pytest.mark.parametrize(
    ("arguments", "word"), [((0, 1), "modules"), ((2, 0), "horizon"), ((2, 1, 0), "batches")]
)
def test_bad_counts(arguments, word):
    with pytest.raises(ValueError, match=word):
        schedule(*arguments)
    with pytest.raises(ValueError, match="forward"):
        schedule(2, 1, forward=0.0)
