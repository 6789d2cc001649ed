"""Figures: what the panels show, and files that are whole."""

import math
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import minprox as mp
from minprox import figures
from minprox.experiments import Run, execute


def history(losses, accuracy=0.9, diverged_at=None):
    record = mp.History(status="diverged" if diverged_at else "finished", diverged_at=diverged_at)
    for epoch, loss in enumerate(losses, 1):
        record.append(
            epoch=epoch, train_loss=loss, train_accuracy=accuracy, validation_loss=2 * loss,
            validation_accuracy=accuracy, batch_loss=loss, seconds=epoch / 10,
        )  # fmt: skip
    return record


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_three_panels_show_the_history():
    figure = figures.convergence({"BackProp": history([1.0, 0.1, 0.01])}, title="T", caption="C")
    epochs, seconds, accuracy = figure.axes
    assert [panel.get_xlabel() for panel in figure.axes] == ["epoch", "training time (s)", "epoch"]
    assert [panel.get_yscale() for panel in figure.axes] == ["log", "log", "linear"]
    assert epochs.lines[0].get_xdata().tolist() == [1, 2, 3]
    assert epochs.lines[0].get_ydata().tolist() == [1.0, 0.1, 0.01]
    assert seconds.lines[0].get_xdata().tolist() == [0.1, 0.2, 0.3]
    assert accuracy.lines[0].get_ydata().tolist() == [90, 90, 90]
    assert legend(figure) == ["BackProp"]
    assert (figure.legends[0].get_title().get_text(), figure.get_supxlabel()) == ("T", "C")


def test_curves_differ_in_colour_and_without_it():
    figure = figures.convergence({f"run {n}": history([1.0, 0.5]) for n in range(20)})
    lines = figure.axes[0].lines
    assert len({line.get_color() for line in lines[:7]}) == 7
    assert len({(str(line._unscaled_dash_pattern), line.get_marker()) for line in lines}) == 20


@pytest.mark.parametrize("end", [math.inf, math.nan])
def test_a_diverged_run_ends_at_a_cross_and_the_legend_says_so(end):
    figure = figures.convergence({"wild": history([1.0, 9.0, end], diverged_at=3)})
    assert legend(figure) == ["wild (diverged in epoch 3)"]
    curve, cross = figure.axes[0].lines
    assert curve.get_ydata().tolist() == [1.0, 9.0]
    assert (cross.get_marker(), list(cross.get_xdata()), list(cross.get_ydata())) == ("X", [2], [9.0])


def test_what_has_no_place_on_a_log_axis_is_left_out(tmp_path):
    runs = {"a": history([1.0, 0.0, 0.1]), "b": history([math.nan], diverged_at=1), "c": history([])}
    figure = figures.convergence(runs)
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1.0, 0.1]
    assert legend(figure) == ["a", "b (diverged in epoch 1)", "c"]
    figures.save(figure, tmp_path / "f.png")


def test_without_accuracies_the_validation_loss_is_shown():
    figure = figures.convergence({"line": history([1.0, 0.1], accuracy=math.nan)})
    assert figure.axes[2].get_ylabel() == "validation loss"
    assert figure.axes[2].get_yscale() == "log"
    assert figure.axes[2].lines[0].get_ydata().tolist() == [2.0, 0.2]


def test_folders_know_their_labels(tmp_path):
    for name, label in (("one", "same"), ("two", "same"), ("three", "other")):
        execute(Run(label=label, data="blobs", architecture="2-4-3", epochs=2), tmp_path / name)
    sources = [tmp_path / "one", str(tmp_path / "two"), tmp_path / "three", history([1.0])]
    assert legend(figures.convergence(sources)) == ["same (one)", "same (two)", "other", "run 4"]
    assert legend(figures.convergence(tmp_path / "one")) == ["same"]
    with pytest.raises(ValueError, match="found none"):
        figures.convergence([])


@pytest.mark.parametrize("name", ["{}", "BackProp {}", "MMMM {}", "a run with a rather long name, number {}"])
def test_nothing_is_cut_off_and_nothing_overlaps(name):
    runs = {name.format(n): history([10.0**-n, 1e-8]) for n in range(7)}
    figure = figures.convergence(runs, title="A title", caption="A caption\nof two lines")
    FigureCanvasAgg(figure).draw()
    inside = figure.bbox
    boxes = [figure.legends[0].get_window_extent(), figure._supxlabel.get_window_extent()]
    boxes += [panel.get_tightbbox() for panel in figure.axes]
    for box in boxes:
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1
        assert inside.y0 <= box.y0 < box.y1 <= inside.y1
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
def test_figures_are_written_by_their_ending(tmp_path, ending, start):
    path = tmp_path / f"figure.{ending}"
    figures.save(figures.convergence({"τ": history([1.0, 0.1])}), path)
    assert path.read_bytes().startswith(start)


def test_the_same_figure_gives_the_same_svg(tmp_path):
    for name in ("a.svg", "b.svg"):
        figures.save(figures.convergence({"a": history([1.0, 0.1])}), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_pixel_picture_is_not_empty(tmp_path):
    figures.save(figures.convergence({"a": history([1.0, 0.1])}), tmp_path / "a.png")
    pixels = matplotlib.image.imread(tmp_path / "a.png")
    blue = np.array([0, 0x72, 0xB2]) / 255
    assert (np.abs(pixels[..., :3] - blue).max(axis=-1) < 0.02).sum() > 100


def test_another_ending_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(ValueError, match=r"f\.jpg: expected a name that ends in \.png, \.svg, \.pdf"):
        figures.save(figures.convergence({"a": history([1.0])}), tmp_path / "f.jpg")
    assert os.listdir(tmp_path) == []


def test_importing_minprox_brings_neither_scipy_nor_matplotlib():
    code = (
        "import sys, minprox; "
        "print([n for n in ('scipy', 'matplotlib', 'tqdm', 'click') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pyplot_is_left_alone():
    code = (
        "import sys, minprox as mp; mp.figures.convergence({'a': mp.History()}); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
