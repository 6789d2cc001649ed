"""Tables and pictures of nets and of steps: what they tell, and that no arrow runs through a box."""

import math
from itertools import pairwise

import numpy as np
import pytest
from conftest import raises
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import PathPatch
from matplotlib.path import Path

import minprox as mp
from minprox.figures.layout import arrange
from minprox.paper.theory import descent


def chain(n=7):
    layers = [layer for _ in range(n) for layer in (mp.Linear(20, 20), mp.ReLU())]
    return mp.Sequential(*layers, mp.Linear(20, 3))


def residual():
    """Two residual blocks, one with an identity and one with a convolution beside it, after a conv net."""
    x = mp.Input((3, 8, 8))
    h = mp.ReLU()(mp.Conv2d(3, 4, 3, padding=1)(x))
    h = mp.Add()(h, mp.Conv2d(4, 4, 3, padding=1)(mp.ReLU()(mp.Conv2d(4, 4, 3, padding=1)(h))))
    beside = mp.Conv2d(4, 8, 1, stride=2)(h)
    h = mp.Conv2d(8, 8, 3, padding=1)(mp.ReLU()(mp.Conv2d(4, 8, 3, stride=2, padding=1)(h)))
    return mp.Graph(x, mp.Linear(8, 10)(mp.GlobalAvgPool2d()(mp.Add()(beside, h))))


def shared():
    x, dense = mp.Input((8,)), mp.Linear(8, 8)
    h = mp.Tanh()(dense(mp.Tanh()(dense(x))))
    return mp.Graph(x, mp.Linear(8, 2)(mp.Add()(h, h, x)))


def skipping():
    """Every layer reads everything before it."""
    x = mp.Input((8,))
    before = [x]
    for k in range(5):
        before.append(mp.Linear(8 * (k + 1), 8)(mp.Concat()(*before)))
    return mp.Graph(x, mp.Concat()(*before))


def branches():
    x = mp.Input((8, 6, 6))
    one = mp.Conv2d(8, 4, 1)
    long = mp.Conv2d(4, 4, 3, padding=1)(mp.ReLU()(one(x)))
    return mp.Graph(x, mp.Concat()(one(x), long, mp.Conv2d(8, 4, 1)(mp.MaxPool2d(3, 1, 1)(x))))


NETS = {f.__name__: f for f in (chain, residual, shared, skipping, branches)}


def boxes(figure):
    """The corners x0, y0, x1, y1 of the boxes, in inches, y downward."""
    found = {p.get_gid(): p.get_path().vertices for p in figure.axes[0].patches if p.get_gid() or ""}
    return {
        gid: (*corners.min(axis=0), *corners.max(axis=0))
        for gid, corners in found.items()
        if gid.startswith("node")
    }


def arrows(figure):
    """Each edge with many points along it."""
    return [
        (p.get_gid(), along(p.get_path()))
        for p in figure.axes[0].patches
        if isinstance(p, PathPatch) and (p.get_gid() or "").startswith("edge")
    ]


def along(path):
    """Points on the lines and cubic curves of a path, spaced closely."""
    points, t = [path.vertices[0]], np.linspace(0, 1, 200)[:, None]
    for corners, code in path.iter_segments(curves=True, simplify=False):
        if code == Path.LINETO:
            points.extend((1 - t) * points[-1] + t * corners)
        elif code == Path.CURVE4:
            a, (b, c, d) = points[-1], corners.reshape(3, 2)
            points.extend((1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d)
    return np.array(points)


def check_apart(boxes, arrows):
    """Raise AssertionError if an arrow runs through a box, its own included."""
    for edge, points in arrows:
        for node, (x0, y0, x1, y1) in boxes.items():
            inside = (points > (x0 + 1e-6, y0 + 1e-6)) & (points < (x1 - 1e-6, y1 - 1e-6))
            assert not inside.all(axis=1).any(), f"{edge} runs through {node}"


@pytest.mark.parametrize("name", NETS)
def test_every_node_has_a_box_and_every_input_an_arrow(name):
    net = NETS[name]()
    figure = net.plot()
    assert list(boxes(figure)) == [f"node-{i}" for i in range(len(net.nodes))]
    expected = [f"edge-{j}-{i}" for i, node in enumerate(net.nodes) for j in net.inputs(node)]
    assert sorted(gid for gid, _ in arrows(figure)) == sorted(expected)


@pytest.mark.parametrize("name", NETS)
def test_arrows_run_from_box_to_box_and_through_none(name):
    figure = NETS[name]().plot()
    found = boxes(figure)
    check_apart(found, arrows(figure))
    for gid, points in arrows(figure):
        _, source, target = gid.split("-")
        (x0, y0, x1, y1), (u0, v0, u1, _) = found[f"node-{source}"], found[f"node-{target}"]
        assert x0 <= points[0][0] <= x1
        assert points[0][1] == pytest.approx(y1)
        assert u0 <= points[-1][0] <= u1
        assert 0 < v0 - points[-1][1] < 0.1  # where the head stands
        assert (np.diff(points[:, 1]) >= -1e-9).all()  # always downward
        assert y0 < v0


def test_the_checker_finds_an_arrow_through_a_box():
    figure = residual().plot()
    found = boxes(figure)
    through = [(found["node-2"][0] + 0.3, found["node-2"][3]), (found["node-6"][0] + 0.3, found["node-6"][1])]
    planted = ("edge-2-6", along(Path(through)))
    with pytest.raises(AssertionError, match=r"edge-2-6 runs through node-[345]"):
        check_apart(found, [*arrows(figure), planted])


@pytest.mark.parametrize("name", NETS)
def test_boxes_stand_apart_and_nothing_is_cut_off(name):
    figure = NETS[name]().plot(title="A title that is wider than the picture of a small net could ever be")
    FigureCanvasAgg(figure).draw()
    frame, found = figure.bbox, list(boxes(figure).values())
    for k, (x0, y0, x1, y1) in enumerate(found):
        for u0, v0, u1, v1 in found[k + 1 :]:
            assert x1 < u0 or u1 < x0 or y1 < v0 or v1 < y0
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert frame.x0 < box.x0 < box.x1 < frame.x1
        assert frame.y0 < box.y0 < box.y1 < frame.y1
        if text.get_text()[0].isdigit() and "  " in text.get_text():  # within its own box
            number = int(text.get_text().split()[0])
            left, right = (figure.axes[0].transData.transform((found[number][k], 0))[0] for k in (0, 2))
            assert left < box.x0 < box.x1 < right


def test_a_chain_is_drawn_straight_down():
    found = boxes(chain().plot())
    middles = [(x0 + x1) / 2 for x0, _, x1, _ in found.values()]
    assert len(found) == 16
    assert np.ptp(middles) < 1e-9
    assert all(a[3] < b[1] for a, b in pairwise(found.values()))


def test_branches_stand_side_by_side():
    layout = arrange([[], [0], [0], [0], [1, 2, 3]])
    assert layout.row == [0, 1, 1, 1, 2]
    assert sorted(layout.column[1:4]) == [-1, 0, 1]
    assert layout.column[0] == layout.column[4] == 0


def test_lanes_that_share_rows_are_different_ones():
    layout = arrange([[], [0], [1, 0], [2, 0], [3, 0, 0]])
    used = [
        (edge.lane, row)
        for edge in layout.edges
        for row in range(layout.row[edge.source] + 1, layout.row[edge.target])
    ]
    assert len(used) == len(set(used)) == 1 + 2 + 3 + 3
    assert not set(used) & set(zip(layout.column, layout.row, strict=True))


def test_boxes_tell_layer_shape_and_parameters():
    texts = [text.get_text() for text in shared().plot().axes[0].texts]
    assert "1  Linear(8, 8)" in texts
    assert "(8)  72 parameters" in texts
    assert "(8)  θ as in 1" in texts
    assert "90 parameters, float32" in texts
    dashed = [p.get_gid() for p in shared().plot().axes[0].patches if p.get_linestyle() != "solid"]
    assert dashed == ["node-1", "node-3"]


def test_shapes_that_the_net_does_not_know_are_asked_for():
    net = mp.Sequential(mp.Conv2d(3, 4, 3), mp.MaxPool2d(2), mp.Flatten(), mp.Linear(36, 2))
    texts = [text.get_text() for text in net.plot().axes[0].texts]
    assert "(4, ?, ?)  112 parameters" in texts
    texts = [text.get_text() for text in net.plot(input_shape=(3, 8, 8)).axes[0].texts]
    assert "(4, 6, 6)  112 parameters" in texts
    assert "(36)" in texts
    assert "(4, 6, 6)" in net.summary((3, 8, 8))
    with raises(ValueError, "Linear(36, 2)", "(100,)"):
        net.plot(input_shape=(3, 12, 12))
    with raises(TypeError, "graph", "mp.Sequential", "found list"):
        mp.figures.graph([mp.Linear(2, 2)])


# Tables


def test_print_shows_a_net_as_its_table():
    net = shared()
    assert str(net) == net.summary()
    line = net.summary().splitlines()
    assert line[7].split() == ["5", "Add()", "4,", "4,", "0", "(8)"]
    assert line[5].endswith("as in 1")
    assert line[-1] == "90 parameters, float32"
    assert "\n" not in repr(net)


def test_print_shows_a_tape_as_a_table():
    net = mp.Sequential(mp.Linear(2, 3), mp.ReLU(), dtype="float64")
    net.parameters[0][...] = [[2, -1, 0], [0, -1, 1], [0, 0, 0]]
    tape = mp.forward(net, np.array([[3.0, 1.0], [1.0, -1.0]]))
    assert repr(tape) == "Tape(2 samples, 3 nodes, output (2, 3) float64)"
    assert str(tape) == tape.summary()
    head, _, x, z, a, _, last = (line.split() for line in str(tape).splitlines())
    assert head == ["layer", "shape", "dtype", "mean", "rms", "largest", "zeros", "dead", "finite"]
    assert x == ["0", "Input", "(2,", "2)", "float64", "1", "1.73", "3", "0%", "yes"]
    assert z[2:] == ["3)", "(2,", "3)", "float64", "0.667", "3.11", "6", "17%", "yes"]
    assert a == ["2", "ReLU()", "(2,", "3)", "float64", "1.5", "2.61", "6", "50%", "1", "of", "3", "yes"]
    assert last == ["2", "samples,", "128", "bytes"]


def test_a_tape_counts_what_is_not_finite_and_dead_channels():
    net = mp.Sequential(mp.Input((2, 3, 3)), mp.ReLU())
    x = np.ones((4, 2, 3, 3), "float32")
    x[:, 1] = -1
    x[0, 0, 0, 0], x[1, 0, 0, 0] = math.inf, math.nan
    input, output = str(mp.forward(net, x)).splitlines()[2:4]
    assert input.split()[-2:] == ["2", "not"]
    assert output.split()[-5:] == ["1", "of", "2", "2", "not"]
    assert "nan" not in output
    assert str(mp.forward(net, x * math.nan)).splitlines()[2].endswith("72 not")


# Steps


@pytest.fixture
def batch(rng):
    net = mp.Sequential(
        mp.Linear(6, 9), mp.Tanh(), mp.Linear(9, 7), mp.Tanh(), mp.Linear(7, 3), dtype="float64"
    )
    x, y = rng.standard_normal((5, 6)), np.array([0, 1, 2, 0, 1])
    return net, mp.forward(net, x), mp.CrossEntropy(), y


def test_the_step_figure_shows_what_the_theory_measures(batch):
    solvers = [mp.Exact(), mp.BlockCG(2)]
    figure = mp.figures.step(*batch, tau_theta=2.0, solvers=solvers, title="T")
    norms, angles = figure.axes
    gradient, *drawn = norms.lines[:3]
    grads = mp.backprop(*batch)
    assert gradient.get_xdata() == pytest.approx([np.linalg.norm(g) for g in grads])
    for line, lower, solver in zip(drawn, angles.lines, solvers, strict=True):
        steps = mp.proxprop(*batch, 2.0, solver)
        told = descent(*batch, 2.0, solver)
        assert line.get_xdata() == pytest.approx([np.linalg.norm(d) for d in steps])
        assert lower.get_xdata() == pytest.approx([math.degrees(layer.angle) for layer in told], abs=1e-5)
        bounds = [math.degrees(layer.bound) for layer in told]
        assert [bar.get_width() for bar in angles.patches] == pytest.approx(bounds)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["gradient", "Exact()", "BlockCG(2)", "bound of the angle (P3)"]
    assert [t.get_text() for t in norms.get_yticklabels()][-1] == "Linear(7, 3), explicit"
    assert norms.get_ylim()[0] > norms.get_ylim()[1]  # the first layer on top


def test_solvers_have_labels_that_differ(batch):
    def mine(A, delta, tau_theta):
        return A.T @ delta

    def labels(solvers):
        return [t.get_text() for t in mp.figures.step(*batch, solvers=solvers).legends[0].get_texts()][1:-1]

    assert labels(mp.Exact()) == ["Exact()"]
    assert labels([mine, mp.CG(1), mp.CG(1)]) == ["mine", "CG(1) (2)", "CG(1) (3)"]
    assert labels({"one": mp.CG(1), "two": mp.CG(2)}) == ["one", "two"]
    with raises(ValueError, "expected one solver or more"):
        labels([])


def test_the_table_of_a_step_has_a_row_for_each_layer_and_solver(batch):
    lines = mp.figures.step_table(*batch, tau_theta=2.0, solvers=[mp.Exact(), mp.CG(1)]).splitlines()
    told = descent(*batch, 2.0)
    assert len(lines) == 2 + 3 * 2
    assert lines[2].split()[:4] == ["Linear(6,", "9)", lines[2].split()[2], f"{told[0].kappa:.3g}"]
    assert lines[2].split()[4] == f"{math.degrees(told[0].bound):.1f}°"
    assert lines[2].split()[-1] == f"{math.degrees(told[0].angle):.1f}°"
    assert lines[3].split()[0] == "CG(1)"
    assert lines[3].split()[-1] == "0.0°"  # one iteration is a multiple of the gradient
    tape = batch[1]
    assert len(tape.plot(*batch[2:], 2.0, solvers=mp.CG(1)).axes) == 2


def test_what_is_unknown_or_vanishes_is_left_out(rng):
    class Scale(mp.Transfer):  # matrix-free: its condition number is not known
        def __init__(self):
            super().__init__((1, 3))

        def forward(self, theta, a):
            return a * theta[0]

        def adjoint_input(self, theta, a, delta):
            return delta * theta[0]

        def adjoint_theta(self, a, delta):
            return (a * delta).sum(axis=0)[None]

    net = mp.Sequential(mp.Input((3,)), Scale(), mp.Linear(3, 2), dtype="float64")
    x, loss = rng.standard_normal((4, 3)), mp.SquaredError()
    tape = mp.forward(net, x)
    row = mp.figures.step_table(net, tape, loss, tape.output + 1, solvers=mp.Explicit()).splitlines()[2]
    assert row.split()[2:4] == ["Explicit()", row.split()[1]]
    figure = mp.figures.step(net, tape, loss, tape.output, solvers=mp.CG(1))  # the gradient is zero
    FigureCanvasAgg(figure).draw()
    assert np.isnan(figure.axes[1].lines[0].get_xdata()).all()


def test_labels_and_panels_of_a_step_do_not_overlap(batch):
    figure = mp.figures.step(*batch, solvers=[mp.CG(n) for n in range(1, 8)], title="A title")
    FigureCanvasAgg(figure).draw()
    boxes = [figure.legends[0].get_window_extent(), *(panel.get_tightbbox() for panel in figure.axes)]
    for k, box in enumerate(boxes):
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1 + 1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])


# The house's colours


def test_looks_and_colours_are_public():
    looks = [mp.figures.look(n, 50) for n in range(len(mp.figures.COLOURS))]
    assert [style["color"] for style in looks] == list(mp.figures.COLOURS)
    assert all(len(style["markevery"]) <= 10 for style in looks)
