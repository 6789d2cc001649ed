"""Figures: what the panels show, and files that are whole."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import minprox as mp
from minprox import figures
from minprox.experiments import Experiment, Run, execute, load
from minprox.figures import lettering
from minprox.learning.records import Record


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


def seeds(folder, methods=("backprop", "proxprop"), n=3, **options):
    for seed in range(n):
        for method in methods:
            run = Run(method=method, data="blobs", architecture="2-4-3", epochs=2, seed=seed, **options)
            execute(run, folder / f"{method}-{seed}")
    return folder


def test_runs_that_differ_in_the_seed_alone_are_one_curve(tmp_path):
    seeds(tmp_path)
    figure = figures.convergence(sorted(tmp_path.iterdir()))
    assert legend(figure) == ["backprop", "proxprop exact"]
    assert figure.get_supxlabel() == "Median of 3 seeds; the bands reach from the lowest to the highest."
    for number, method in enumerate(("backprop", "proxprop")):
        losses = [load(tmp_path / f"{method}-{seed}")[1].train_loss for seed in range(3)]
        panel = figure.axes[0]
        assert panel.lines[number].get_ydata().tolist() == np.median(losses, axis=0).tolist()
        band = panel.collections[number].get_paths()[0].vertices[:, 1]
        assert {*np.min(losses, axis=0), *np.max(losses, axis=0)} <= {*band}
    whole = figures.convergence(tmp_path)  # a folder of folders, as an experiment leaves it
    assert legend(whole) == legend(figure)
    with pytest.raises(ValueError, match="expected the folder of a run"):
        figures.convergence(tmp_path / "backprop-0" / "nothing")


def test_other_settings_other_labels_and_copies_are_curves_of_their_own(tmp_path):
    first = seeds(tmp_path / "a", ["backprop"], n=2)
    other = seeds(tmp_path / "b", ["backprop"], n=2, tau=0.01)
    assert legend(figures.convergence([first, other])) == ["backprop (backprop-0)"] * 2
    named = seeds(tmp_path / "c", ["backprop"], n=2, label="mine")
    assert legend(figures.convergence([first, named])) == ["backprop", "mine"]
    assert len(legend(figures.convergence([first, first]))) == 4


def test_one_label_for_several_sources_is_one_curve(tmp_path):
    seeds(tmp_path, ["backprop"])
    wild = history([2.0, 8.0, math.inf], diverged_at=3)
    mixed = [history([3.0, 1.0, 0.5]), history([1.0, 0.5, 0.1]), wild]
    figure = figures.convergence({"all": sorted(tmp_path.iterdir()), "mixed": mixed}, caption="Blobs.")
    assert legend(figure) == ["all", "mixed (1 of 3 diverged)"]
    assert figure.axes[0].lines[1].get_ydata().tolist() == [2.0, 1.0, 0.5]
    assert figure.get_supxlabel().startswith("Blobs.\nMedian of 3 seeds")


def test_what_an_experiment_returns_is_a_curve_for_each_method(tmp_path):
    base = Run(data="blobs", architecture="2-4-3", epochs=1)
    part = Experiment(
        name="e", title="E", methods={"a": base, "b": replace(base, tau=0.1)}, seeds=(0, 1),
        panels=(("epoch", "train_loss"),),
    )  # fmt: skip
    found = mp.experiments.run(part, tmp_path)
    assert list(found) == ["seed-0/a", "seed-0/b", "seed-1/a", "seed-1/b"]
    assert legend(figures.convergence(found)) == ["a", "b"]
    one = {"seed-0/a": found["seed-0/a"], "seed-0/b": found["seed-0/b"]}
    assert legend(figures.convergence(one)) == list(one)  # with one seed, labels stay what they are


def test_records_of_another_kind_show_each_measure():
    def record(values):
        found = Record("step")
        for step, value in enumerate(values):
            found.append(step=step, seconds=0.1, distance_to_it=value, score=-value)
        return found

    figure = figures.convergence({"a": [record([1, 2]), record([3, 6])]})
    assert [panel.get_ylabel() for panel in figure.axes] == ["distance to it", "score"]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [-2, -4]
    with pytest.raises(ValueError, match="expected runs of one kind"):
        figures.convergence({"a": record([1]), "b": history([1.0])})


def test_a_method_has_its_colour_in_every_figure(tmp_path):
    def colours(figure):
        return [line.get_color() for line in figure.legends[0].get_lines()]

    seeds(tmp_path, n=1)
    exact, back = figures.COLOURS[0], figures.COLOURS[1]
    both = [tmp_path / "proxprop-0", tmp_path / "backprop-0"]
    assert colours(figures.convergence(both)) == [exact, back]
    assert colours(figures.convergence(both[:1])) == [exact]
    spoken = {name: history([1.0]) for name in ("ProxProp exact", "BackProp")}
    assert colours(figures.convergence(spoken)) == [exact, back]
    mine = mp.methods.add("sign-of-it", lambda *batch: mp.backprop(*batch), label="Sign")
    try:
        run = Run(method="sign-of-it", data="blobs", architecture="2-4-3", epochs=1)
        execute(run, tmp_path / "sign")
        (own,) = colours(figures.convergence(tmp_path / "sign"))
        assert own not in (exact, back)
        assert colours(figures.convergence([*both, tmp_path / "sign"])) == [exact, back, own]
        assert colours(figures.convergence({mine.label: history([1.0])})) == [own]
    finally:
        del mp.methods.METHODS["sign-of-it"]


ODD = [
    "_hidden",
    "__x",
    "$5 and $6",
    "$\\alpha$",
    "a\\$b",
    "",
    "τ_θ 𝒜",
    "two\nlines",
    "{x}^2_1",
    "100 %",
    "-",
]


def texts(figure):
    """What a figure shows, by rendering: text, and whether it is read as mathematics."""
    FigureCanvasAgg(figure).draw()
    return {t.get_text(): t.get_parse_math() for t in figure.findobj(matplotlib.text.Text) if t.get_visible()}


@pytest.mark.parametrize("odd", ODD)
def test_labels_titles_and_captions_are_shown_as_they_are_written(odd):
    figure = figures.convergence({odd: history([1.0, 1e-3]), "other": history([1.0])}, title=odd, caption=odd)
    assert legend(figure) == [odd, "other"]
    assert len(figure.legends[0].get_lines()) == 2
    shown = texts(figure)
    assert not (shown[odd] and "$" in odd)
    assert any(math for text, math in shown.items() if text.startswith("$\\mathdefault"))  # the numbers
    assert figure.get_supxlabel() == odd
    assert (figure.legends[0].get_title().get_text() or odd) == odd


@pytest.mark.parametrize("odd", [label for label in ODD if label])
def test_so_are_layers_and_solvers(odd):
    class Odd(mp.Linear):
        def __repr__(self):
            return odd

    net = mp.Sequential(Odd(2, 3), mp.ReLU(), mp.Linear(3, 2), seed=0)
    shown = texts(figures.graph(net, title=odd))
    assert not ("$" in odd and (shown[odd] or shown[f"1  {odd}"]))
    tape, labels = mp.forward(net, np.ones((4, 2), "float32")), np.array([0, 1, 0, 1])
    figure = figures.step(net, tape, mp.CrossEntropy(), labels, solvers={odd: mp.CG(1)}, title=odd)
    FigureCanvasAgg(figure).draw()
    layer, words = figure.axes[0].get_yticklabels()[0], figure.legends[0]
    for text in (layer, words.get_texts()[1], words.get_title()):
        assert text.get_text() == odd
        assert not (text.get_parse_math() and "$" in odd)


@pytest.mark.parametrize("odd", ["_hidden", "$5 and $6", ""])
@pytest.mark.parametrize("steps", [(), (0.1, 0.5)])
def test_so_are_the_methods_of_an_experiment(tmp_path, odd, steps):
    run = Run(method="proxprop", data="blobs", architecture="2-4-3", epochs=1)
    part = Experiment(
        name="odd", title=odd, methods={"a": replace(run, label=odd or " "), "b": run}, seeds=(0,),
        steps=steps, panels=(("epoch", "train_loss"),), note=odd,
    )  # fmt: skip
    mp.experiments.run(part, tmp_path)
    figure = figures.experiment(part, tmp_path, title=odd)
    found = texts(figure)
    assert not ("$" in odd and found[odd])
    if steps:
        assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [odd or " ", "proxprop exact"]
        assert not (figure.axes[0].get_yticklabels()[0].get_parse_math() and "$" in odd)
    else:
        assert legend(figure) == [odd or " ", "proxprop exact"]


@pytest.mark.parametrize("odd", ["_hidden", "$5 and $6", ""])
def test_so_are_the_runs_of_a_figure_of_sharpness(odd):
    row = {
        "epoch": 0,
        "loss": 2.3,
        "sharpness": 3.0,
        "preconditioned": 1.0,
        "preconditioned_shares": [0.5, 0.5],
    }
    figure = figures.sharpness({odd: (1.0, [row]), "other": (0.5, [row])}, title=odd)
    assert legend(figure) == [odd, "other"]
    assert not ("$" in odd and texts(figure)[odd])


def test_letters_that_no_font_has_are_shown_by_their_numbers(monkeypatch, tmp_path):
    """matplotlib would draw a box and warn, and warnings are errors here."""
    lettering.font_with.cache_clear()
    monkeypatch.setattr(matplotlib.font_manager.fontManager, "ttflist", [
        font for font in matplotlib.font_manager.fontManager.ttflist if font.name.startswith("DejaVu Sans")
    ])  # fmt: skip
    figure = figures.convergence({"学\t": history([1.0, 0.1])}, title="\ud800", caption="学")
    assert legend(figure) == ["\\u5b66\\t"]
    assert {"\\u5b66", "\\ud800"} <= texts(figure).keys()
    figures.save(figure, tmp_path / "f.svg")
    lettering.font_with.cache_clear()


def test_a_letter_of_another_font_comes_from_there():
    """𝒜 is in none of the letters of DejaVu Sans; matplotlib brings a font that has it."""
    figure = figures.convergence({"𝒜": history([1.0, 0.1])})
    (text,) = figure.legends[0].get_texts()
    assert text.get_text() == "𝒜"
    texts(figure)
    assert "STIXGeneral" in text.get_fontfamily()


def test_what_is_added_afterwards_is_read_by_matplotlib_as_always():
    figure = figures.convergence({"a": history([1.0, 0.1])})
    figure.axes[0].set_title(r"$\tau$")
    figure.axes[0].set_xlabel(r"$t$")
    assert texts(figure)[r"$\tau$"]
    assert texts(figure)[r"$t$"]


def test_a_figure_shows_itself_in_a_notebook_without_pyplot():
    net = mp.Sequential(mp.Linear(2, 3), seed=0)
    for figure in (figures.convergence({"a": history([1.0, 0.1])}), net.plot()):
        assert figure._repr_png_().startswith(b"\x89PNG")
        assert isinstance(figure, matplotlib.figure.Figure)
    code = (
        "import sys, minprox as mp; mp.Sequential(mp.Linear(2, 3)).plot()._repr_png_(); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_ipython_asks_for_it():
    formatters = pytest.importorskip("IPython.core.formatters")
    found, _ = formatters.DisplayFormatter().format(mp.Sequential(mp.Linear(2, 3)).plot())
    assert found["image/png"].startswith(b"\x89PNG")


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
