"""Cost over width: the record, the fitted line, the figure."""

import json

import numpy as np
import pytest
from conftest import raises
from matplotlib.backends.backend_agg import FigureCanvasAgg

from minprox import figures
from minprox.bench import widths as scaling


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    path = tmp_path_factory.mktemp("scaling") / "widths.json"
    found = scaling.run([40, 10, 20], repeats=1, out=path)
    assert json.loads(path.read_text()) == found
    return found


def test_every_width_is_timed_by_every_method(record):
    assert {method: list(times) for method, times in record["seconds"].items()} == {
        method: ["10", "20", "40"] for method in ("BackProp", "exact", "primal")
    }
    assert all(value > 0 for times in record["seconds"].values() for value in times.values())


def test_wide_layers_are_not_solved_in_primal_form(monkeypatch):
    monkeypatch.setattr(scaling, "PRIMAL", 20)
    assert [list(scaling.steps(width)) for width in (20, 21)] == [
        ["BackProp", "exact", "primal"],
        ["BackProp", "exact"],
    ]


def test_a_line_is_told_from_a_cube(rng):
    widths = np.array([500, 1000, 2000, 4000])
    noise = 1 + 0.01 * rng.standard_normal(4)

    def fit(times):
        return scaling.line(dict(zip(map(str, widths), times, strict=True)))

    straight, cubic = fit((0.01 + 3e-6 * widths) * noise), fit(1e-12 * widths.astype(float) ** 3)
    assert straight["slope"] == pytest.approx(3e-6, rel=0.1)
    assert straight["r2"] > 0.99
    assert straight["deviation"] < 0.05
    assert cubic["r2"] < 0.95
    assert cubic["deviation"] > 0.5


@pytest.mark.parametrize("widths", [[10, 20], [10, 10, 20], [0, 10, 20]])
def test_too_few_widths_are_refused(widths):
    with raises(ValueError, "widths: expected three or more different positive integers, found "):
        scaling.run(widths)
    with raises(ValueError, "repeats: expected an integer of at least 1, found 0"):
        scaling.run([1, 2, 3], repeats=0)


def test_the_table_and_the_figure_show_the_record(record):
    text = scaling.table(record)
    assert "net 1000-h-1000-10, batch 500" in text
    assert text.count("R² = ") == 2
    figure = figures.scaling(record)
    FigureCanvasAgg(figure).draw()
    left, right = figure.axes
    assert len(left.lines) == 3 + 2
    assert (right.get_xscale(), right.get_yscale()) == ("log", "log")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "BackProp", "ProxProp exact, dual form (E7)", "ProxProp exact, primal form (E6)",
    ]  # fmt: skip
    assert len(left.texts) == 2
