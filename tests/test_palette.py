"""One map from method to colour, line and marker, for all figures."""

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox import figures
from minprox.figures.palette import said
from minprox.figures.width_curves import LOOKS
from minprox.methods import METHODS, looks

BLUE, ORANGE, GREEN = figures.COLOURS[:3]


def history(*losses):
    record = mp.History()
    for epoch, loss in enumerate(losses):
        record.append(
            epoch=epoch, train_loss=loss, train_accuracy=0.5, validation_loss=loss,
            validation_accuracy=0.5, batch_loss=loss, seconds=float(epoch),
        )  # fmt: skip
    return record


def test_explicit_is_orange_exact_is_blue_and_cg3_is_green():
    assert figures.look_of("backprop")["color"] == ORANGE
    assert figures.look_of("proxprop") == figures.look_of("proxprop", "exact")
    assert figures.look_of("proxprop")["color"] == BLUE
    for solver in ("cg3", "blockcg3"):
        assert figures.look_of("proxprop", solver, points=50) == figures.look(2, 50)
    assert figures.look_of("proxprop", "cg3")["color"] == GREEN
    with raises(ValueError, "method: expected one of backprop, proxprop", "found 'sgd'"):
        figures.look_of("sgd")


def test_every_method_of_the_table_has_a_colour_that_only_its_family_shares():
    found = {name: figures.look_of(name)["color"] for name in ("backprop", "proxprop", "kfac")}
    assert len(set(found.values())) == 3


@pytest.mark.parametrize("labels", [("BackProp", "exact", "cg3"), ("cg3", "BackProp", "exact")])
def test_the_colour_of_a_curve_follows_its_label_and_not_the_order(labels):
    figure = figures.convergence({label: history(2.0, 1.0) for label in labels})
    colours = dict(zip(labels, (line.get_color() for line in figure.legends[0].get_lines()), strict=True))
    assert colours == {"BackProp": ORANGE, "exact": BLUE, "cg3": GREEN}


def test_a_label_that_names_no_method_takes_what_is_left():
    assert said("mine") == said("Adam") == ("", "")
    figure = figures.convergence({"mine": history(2.0, 1.0), "BackProp": history(2.0, 1.0)})
    mine, back = (line.get_color() for line in figure.legends[0].get_lines())
    assert back == ORANGE
    assert mine not in {figures.look(n, 1)["color"] for n in looks([("proxprop", k) for k in
                        METHODS["proxprop"].looks])}  # fmt: skip


def test_the_steps_of_a_layer_have_the_colours_of_their_solvers(rng):
    net = mp.Sequential(mp.Linear(4, 6), mp.ReLU(), mp.Linear(6, 3), seed=0)
    x, y = rng.standard_normal((5, 4)).astype("float32"), np.array([0, 1, 2, 0, 1])
    solvers = [mp.BlockCG(3), mp.Exact("dual"), mp.Explicit()]
    figure = figures.step(net, mp.forward(net, x), mp.CrossEntropy(), y, solvers=solvers)
    colours = [line.get_color() for line in figure.legends[0].legend_handles[1:4]]
    assert colours == [GREEN, BLUE, ORANGE]


def test_benchmarks_and_training_agree():
    one = METHODS["proxprop"].looks
    assert LOOKS["BackProp"] == METHODS["backprop"].looks[""]
    assert (LOOKS["exact"], LOOKS["BlockCG(3)"]) == (one["exact"], one["cg3"])
    assert len({figures.look(n, 1)["color"] for n in LOOKS.values()}) == 5  # two names each for two passes


def test_a_curve_of_sharpness_has_the_colour_of_its_method():
    row = {"epoch": 0, "loss": 2.3, "sharpness": 3.0, "preconditioned": 1.0,
           "preconditioned_shares": [0.25, 0.75]}  # fmt: skip
    figure = figures.sharpness({"ProxProp": (1.0, [row]), "BackProp": (1.0, [row])})
    assert [line.get_color() for line in figure.legends[0].get_lines()] == [BLUE, ORANGE]
