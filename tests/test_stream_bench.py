"""The cost of one example of a stream: the record, the drift, the table, the figure, the command."""

import json

import pytest
from conftest import raises

from minprox import figures
from minprox.bench import streams


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    path = tmp_path_factory.mktemp("streams") / "s.json"
    found = streams.run([40, 10, 20], repeats=1, out=path, block=10)
    assert json.loads(path.read_text()) == found
    return found


def test_both_steps_are_timed_over_features_and_over_examples(record):
    for kind in ("explicit", "implicit"):
        assert list(record["features"][kind]) == ["10", "20", "40"]
        assert list(record["seen"][kind]) == [str(10 * k) for k in range(20)]
        assert all(value > 0 for part in ("features", "seen") for value in record[part][kind].values())


def test_a_time_that_grows_is_told_from_one_that_does_not():
    assert streams.drift({str(k): 1.0 for k in range(5)}) == pytest.approx(0)
    assert streams.drift({str(k): 1.0 + k for k in range(5)}) == pytest.approx(4 / 3)


@pytest.mark.parametrize("features", [[10, 20], [10, 10, 20]])
def test_too_few_numbers_of_features_are_refused(features):
    with raises(ValueError, "features: expected three or more different numbers, found "):
        streams.run(features)


def test_the_table_and_the_figure_show_the_record(record):
    text = streams.table(record)
    assert "ns · d, R² = " in text
    assert "over 190 examples seen" in text
    assert [panel.get_xlabel() for panel in figures.stream_scaling(record).axes] == [
        "features d",
        "examples seen",
    ]
