"""GANs as runs: killed and resumed bitwise, tabled and drawn; what their claims say of planted records."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from conftest import raises

import minprox as mp
from minprox.experiments import EXPERIMENTS, GANRun, execute, load, run, table, verdict
from minprox.experiments.gan import DIGITS, FAST, GAN, GRID, HE, LOSSES, MNIST, RING
from minprox.experiments.gan_runs import MEASURED
from minprox.experiments.gan_tasks import GAN_TASKS
from minprox.experiments.outcome import Result
from minprox.experiments.records import Records
from minprox.ground.array_files import read_arrays
from minprox.learning.sampled_records import SampledRecord

small = GANRun(inner=2, h=0.1, blocks=4, every=3, batch_size=16)


def rows(record):
    return [{name: v for name, v in row.items() if name != "seconds"} for row in record.rows()]


def same(one, other):
    assert repr(rows(one)) == repr(rows(other))
    assert one.samples.keys() == other.samples.keys()
    assert all(np.array_equal(one.samples[k], other.samples[k]) for k in one.samples)


KILLED = """
import minprox as mp
mp.experiments.execute(mp.experiments.{run!r}, {folder!r})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    moments, folder, seen = random.Random(0), tmp_path / "killed", 0
    member = replace(small, loss="dragan", blocks=40)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def recorded():
        path = folder / "history.json"
        return len(load(folder)[1]) if path.exists() else 0

    for _ in range(2):
        code = KILLED.format(run=member, folder=str(folder))
        process = subprocess.Popen([sys.executable, "-c", code], env=environment)
        deadline = time.monotonic() + 60
        while process.poll() is None and recorded() <= seen and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.wait()
        seen = recorded()
        assert seen > 0
    killed, undisturbed = execute(member, folder), execute(member, tmp_path / "undisturbed")
    same(killed, undisturbed)
    (a, _), (b, _) = (read_arrays(p / "checkpoint.npz") for p in (folder, tmp_path / "undisturbed"))
    assert all(np.array_equal(a[name], b[name]) for name in b)


def test_its_folder_holds_the_samples(tmp_path):
    record = execute(small, tmp_path)
    _, again = load(tmp_path)
    assert type(again) is SampledRecord
    same(again, record)
    assert {k: a.shape for k, a in again.samples.items()} == dict.fromkeys(range(5), (128, 2))
    assert record.iteration == [0, 3, 6, 9, 12]
    few = execute(replace(small, blocks=20, every=1), tmp_path / "long")
    assert sorted(few.samples) == list(range(0, 21, 2))  # ten pictures beside the start are enough


@pytest.mark.parametrize("data", ["ring", "grid", "digits"])
def test_every_task_runs(data, tmp_path):
    record = execute(replace(small, data=data, blocks=1, every=1), tmp_path)
    names = {"digits": ["frechet", "classes"]}.get(data, ["modes", "on_mode", "sliced_w2"])
    assert list(record.names()) == ["block", "iteration", "critic_loss", "generator_loss", *names, "seconds"]
    assert all(np.isfinite(record.column(name)).all() for name in names)


def test_nets_of_the_images_fit():
    for name, shape in (("digits", (1, 8, 8)), ("mnist", (1, 28, 28))):
        G, D = GAN_TASKS[name].nets(0, "float32")
        z = np.random.default_rng(0).standard_normal((3, *G.nodes[0].shape)).astype("float32")
        images = mp.forward(G, z).output
        assert images.shape == (3, *shape)
        assert 0 <= images.min() <= images.max() <= 1
        assert mp.forward(D, images).output.shape == (3, 1)
        He, critic = GAN_TASKS[name].nets(0, "float32", "he")
        for theta in (*He.parameters, *critic.parameters):
            assert not theta[-1].any()  # biases, which the paper's initialisation draws, too
        assert critic.parameters[0][:-1].std() == pytest.approx((2 / np.prod(shape)) ** 0.5, rel=0.05)
    data = np.random.default_rng(0).uniform(size=(9, 1, 28, 28))
    assert GAN_TASKS["mnist"].measures(data, data[:5].astype("float32"))["sliced_w2"] < 1e-6


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"h": 0}, ["h", "0"]),
        ({"h": -1.0}, ["h", "-1"]),
        ({"inner": 0}, ["inner: expected an integer of at least 1, found 0"]),
        ({"data": "faces"}, ["data", "ring", "faces"]),
        ({"loss": "hinge"}, ["loss", "wgan-gp", "hinge"]),
        ({"term": "none"}, ["term", "none"]),
        ({"lam": -1}, ["lam", "-1"]),
        ({"lr": 0}, ["lr", "0"]),
        ({"every": 0}, ["every", "0"]),
        ({"init": "zeros"}, ["init", "glorot", "zeros"]),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named(options, parts):
    with raises(ValueError, *parts):
        GANRun(**options)
    with raises(ValueError, "data folder", "ring"):
        small.begin(data_folder="somewhere")


def test_mnist_runs_where_its_images_lie(monkeypatch, tmp_path):
    """On images of its shape in its place: asked for by the folder, and measured as panels ask."""
    asked, images = [], np.random.default_rng(0).uniform(size=(40, 1, 28, 28)).astype("float32")
    planted = replace(GAN_TASKS["mnist"], data=lambda folder=None: asked.append(folder) or images)
    monkeypatch.setitem(GAN_TASKS, "mnist", planted)
    monkeypatch.setitem(MEASURED, "mnist", (40, 4))
    member = replace(MNIST.methods["five_prox"], blocks=1, every=1, batch_size=4)
    found = execute(member, tmp_path / "run", data_folder=tmp_path)
    assert asked == [tmp_path]
    assert found.samples[1].shape == (4, 1, 28, 28)
    assert {x for panel in MNIST.panels for x in panel} <= set(found.names())
    assert np.isfinite(found.sliced_w2).all()


def test_a_diverged_generator_ends_its_run(tmp_path):
    record = execute(replace(small, lr=1e38, loss="wgan-gp", blocks=9), tmp_path)
    assert record.status == "diverged"


def test_table_verdict_and_figure(tmp_path):
    part = replace(
        RING,
        methods={
            key: replace(member, blocks=2, every=2, batch_size=8)
            for key, member in RING.methods.items()
            if key in ("one", "five", "five_prox")
        },
        seeds=(0, 1),
    )
    run(part, tmp_path)
    head, _, first, *_ = table(part, tmp_path).splitlines()
    assert head.split() == ["method", "runs", "ℓ", "h", "modes", "on", "a", "mode", "sliced", "W2", "seconds"]
    assert first.split()[:4] == ["ℓ", "=", "1", "2"]
    assert "cannot be told" in verdict(RING, tmp_path)
    figure = mp.figures.experiment(part, tmp_path)
    assert [panel.get_xlabel() for panel in figure.axes][:2] == ["outer iteration", "seconds of training"]
    mp.figures.save(figure, tmp_path / "gan.svg")


def record(sliced=0.5, seconds=10.0, modes=8.0, on_mode=0.9, iterations=3):
    found = SampledRecord("block", status="finished")
    for k in range(iterations + 1):
        row = {"iteration": 500 * k, "sliced_w2": 1 + (sliced - 1) * k / iterations, "modes": modes}
        found.append(
            block=k, **row, frechet=row["sliced_w2"], on_mode=on_mode, seconds=seconds * k / iterations
        )
    return found


def decided(experiment, changes):
    found = [
        Result(key, seed, None, {}, record(**changes.get(key, {})))
        for seed in experiment.seeds
        for key in experiment.methods
    ]
    return [claim.decide(found) for claim in experiment.claims]


def test_the_claims_are_decided_by_the_records():
    """At the end, and second by second, where the slower run is cut when the quicker one ends."""
    good = {
        "one": {"sliced": 0.6, "seconds": 5, "on_mode": 0.5}, "five": {"sliced": 0.9, "modes": 3},
        "five_prox": {"sliced": 0.2}, "ten": {"modes": 1},
    }  # fmt: skip
    verdicts = [finding.verdict for finding in decided(RING, good)]
    assert verdicts[:5] == ["holds", "holds", "does not hold", "holds", "holds"]
    assert verdicts[5:] == ["holds", "does not hold", "does not hold"]
    at_time = decided(RING, good)[2]
    # at 5 seconds five_prox has a third of its way behind it: 1 − 0.8/3, over 0.6
    assert at_time.median == pytest.approx((1 - 0.8 / 3) / 0.6)
    assert decided(RING, good | {"five_prox": {"sliced": 0.2, "seconds": 5}})[2].verdict == "holds"
    bad = good | {"five_prox": {"sliced": 1.2, "modes": 7, "on_mode": 0.6}, "ten": {"modes": 5}}
    verdicts = [finding.verdict for finding in decided(RING, bad)]
    assert verdicts[:6] == ["does not hold"] * 6
    assert verdicts[6:] == ["holds", "does not hold"]
    assert decided(FAST, {"one": {"on_mode": 0.9}})[3].verdict == "holds"
    assert decided(FAST, {"one": {"on_mode": 0.5}})[3].verdict == "does not hold"
    assert [finding.verdict for finding in decided(HE, good)][3:] == ["holds"] * 3
    bad = bad | {"five_affine": {"modes": 7}}
    assert [finding.verdict for finding in decided(HE, bad)][3:] == ["does not hold"] * 3
    sharp = {"wgan_one": {"on_mode": 0.85}, "dragan_one": {"on_mode": 0.75}}
    assert [finding.verdict for finding in decided(LOSSES, sharp)][2::3] == ["does not hold", "holds"]
    for experiment in (GRID, DIGITS, MNIST):
        assert [finding.verdict for finding in decided(experiment, good)][:2] == ["holds", "holds"]


def test_a_claim_needs_five_seeds():
    found = [Result(key, 0, None, {}, record()) for key in RING.methods]
    assert {claim.decide(found).verdict for claim in RING.claims} == {"cannot be told"}
    with pytest.raises(LookupError, match="was not run"):
        RING.claims[0].value(Records([]))


def test_the_experiments_are_what_was_announced():
    assert [experiment.name for experiment in GAN] == [name for name in EXPERIMENTS if name.startswith("gan")]
    for experiment in GAN:
        assert len(experiment.seeds) >= 5
        settings = [replace(member, label="") for member in experiment.methods.values()]
        assert len(set(settings)) == len(settings)  # no two methods are one
        labels = [member.label for member in experiment.methods.values()]
        assert len(set(labels)) == len(labels)
        assert all(f"ℓ = {member.inner}" in member.label for member in experiment.methods.values())


# Pictures


def test_a_film_strip_shows_points_over_the_data():
    points = np.random.default_rng(0).normal(size=(9, 20, 2))
    figure = mp.figures.film_strip(
        {100 * k: points[k] for k in range(9)}, real=points[0], frames=4, title="ring"
    )
    assert [panel.get_title() for panel in figure.axes] == ["iteration 0", "300", "500", "800"]
    assert [len(panel.lines) for panel in figure.axes] == [2] * 4
    assert (figure.axes[-1].lines[1].get_xydata() == points[8]).all()
    assert len({panel.get_xlim() for panel in figure.axes}) == 1
    two = mp.figures.film_strip({"one": {0: points[0], 5: points[1]}, "two": {0: points[2], 5: points[3]}})
    assert [panel.get_ylabel() for panel in two.axes] == ["one", "", "two", ""]
    assert [panel.get_title() for panel in two.axes] == ["iteration 0", "5", "", ""]


def test_a_film_strip_shows_images_as_tiles():
    images = np.random.default_rng(0).uniform(size=(5, 1, 8, 8))
    panel = mp.figures.film_strip({0: images}).axes[0]
    sheet = np.asarray(panel.images[0].get_array())
    assert sheet.shape == (2 * 9 - 1, 3 * 9 - 1)
    assert (sheet[9:17, 9:17] == images[4, 0]).all()
    assert not sheet[8].any()


def test_a_film_plays_without_a_network(tmp_path):
    from PIL import Image

    points = np.random.default_rng(0).normal(size=(3, 20, 2))
    film = mp.figures.Film({10 * k: points[k] for k in range(3)}, points[0])
    assert film._repr_html_().startswith('<img alt="Film of 3 frames" src="data:image/png;base64,')
    for name, kind in (("film.png", "PNG"), ("film.gif", "GIF")):
        film.save(tmp_path / name)
        with Image.open(tmp_path / name) as written:
            assert (written.format, written.n_frames) == (kind, 3)
    with raises(ValueError, "film.mp4", ".png or .gif"):
        film.save(tmp_path / "film.mp4")
    with raises(ValueError, "pause", "0"):
        mp.figures.Film({0: points[0]}, pause=0)


def test_the_plane_with_a_critic():
    critic = mp.Sequential(mp.Linear(2, 1), seed=0)
    made, real = np.random.default_rng(0).normal(size=(2, 20, 2))
    figure = mp.figures.critic_plane(critic, made, real, "after all")
    assert figure.axes[0].get_title() == "after all"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["real", "generated"]


@pytest.mark.parametrize("make", [mp.figures.film_strip, mp.figures.Film], ids=["strip", "film"])
def test_what_is_no_samples_is_named(make):
    with raises(TypeError, "samples", "record.samples"):
        make({})
    with raises(ValueError, "points (n, 2)", "(4, 3)"):
        make({0: np.ones((4, 3))})
