"""The loop: what is recorded, what is reproducible, and how runs end."""

import functools
import math
import warnings

import numpy as np
import pytest

import minprox as mp
from minprox.learning.training import mini_batches

data = mp.datasets.blobs(n=100, dtype="float64")
loss = mp.CrossEntropy()


def small(seed=0, *extra):
    return mp.Sequential(mp.Linear(2, 12), mp.ReLU(), *extra, mp.Linear(12, 3), seed=seed, dtype="float64")


def run(net=None, direction=mp.backprop, lr=0.5, epochs=3, batch_size=25, **options):
    net = net or small()
    history = mp.train(
        net, data, loss, mp.SGD(net, lr), direction, epochs=epochs, batch_size=batch_size, **options
    )
    return net, history


def columns(history):
    values = history.to_dict()
    del values["seconds"]
    return values


def test_the_loop_is_what_one_would_write_by_hand():
    net, history = run(batch_size=25, seed=7)
    other = small()
    optimizer = mp.SGD(other, 0.5)
    for epoch in (1, 2, 3):
        order, total = np.random.default_rng([7, epoch]).permutation(60), 0.0
        for start in (0, 25, 50):  # the last batch has 10 samples
            chosen = order[start : start + 25]
            x, y = data.train.x[chosen], data.train.y[chosen]
            tape = mp.forward(other, x)
            total += len(y) * float(loss(tape.output, y))
            optimizer.step(mp.backprop(other, tape, loss, y))
        whole = mp.forward(other, data.train.x).output
        assert history.batch_loss[epoch] == pytest.approx(total / 60, rel=1e-14)
        assert history.train_loss[epoch] == float(loss(whole, data.train.y))
        assert history.train_accuracy[epoch] == np.mean(whole.argmax(axis=1) == data.train.y)
    held_out = mp.forward(other, data.validation.x).output
    assert history.validation_loss[-1] == float(loss(held_out, data.validation.y))
    assert (history.test_loss, history.test_accuracy) == mp.evaluate(other, data.test, loss)
    assert all(np.array_equal(a, b) for a, b in zip(net.parameters, other.parameters, strict=True))
    assert history.epoch == [0, 1, 2, 3]
    assert (history.train_loss[0], history.train_accuracy[0]) == mp.evaluate(small(), data.train, loss)
    assert history.validation_loss[0] == mp.evaluate(small(), data.validation, loss)[0]
    assert math.isnan(history.batch_loss[0])
    assert history.seconds[0] == 0
    assert len(history) == 3
    assert history.status == "finished"


def test_every_batch_of_every_epoch_has_a_dropout_mask_of_its_own():
    masks, net = [], small(0, mp.Dropout(0.5))

    def looking(net, tape, loss, y):
        masks.append(tape.layers[3].mask)
        return mp.backprop(net, tape, loss, y)

    run(net, looking, epochs=2, batch_size=20)
    assert [mask.shape for mask in masks] == [(20, 12)] * 6
    assert len({mask.tobytes() for mask in masks}) == 6


def test_implicit_steps_train_too_and_differ_from_explicit_ones():
    implicit = functools.partial(mp.proxprop, tau_theta=0.1, solver=mp.CG(3))
    explicit, history = run()[1], run(direction=implicit)[1]
    assert history.train_loss[-1] < history.train_loss[0]
    assert history.train_loss != explicit.train_loss


def test_every_sample_comes_once_in_an_epoch_and_the_order_changes():
    split = mp.datasets.Split(np.arange(10.0)[:, None], np.arange(10))
    first, second = ([y for _, y in mini_batches(split, 4, [0, epoch])] for epoch in (1, 2))
    assert [len(y) for y in first] == [4, 4, 2]
    assert sorted(np.concatenate(first)) == list(range(10))
    assert list(np.concatenate(first)) != list(np.concatenate(second))


def test_the_same_seed_gives_the_same_bits_and_another_one_does_not():
    (a, first), (b, again), (_, other) = run(seed=1), run(seed=1), run(seed=2)
    assert columns(first) == columns(again)
    assert all(np.array_equal(u, v) for u, v in zip(a.parameters, b.parameters, strict=True))
    assert first.train_loss != other.train_loss


def test_dropout_is_on_in_the_steps_and_off_in_the_evaluation():
    net, history = run(small(0, mp.Dropout(0.5)), epochs=1, batch_size=60, lr=1e-300)
    plain = float(loss(mp.forward(net, data.train.x).output, data.train.y))
    assert history.train_loss == [plain, plain]
    order = np.random.default_rng([0, 1]).permutation(60)
    x, y = data.train.x[order], data.train.y[order]
    masked = mp.forward(net, x, training=True, seed=[0, 1, 0]).output
    assert history.batch_loss[1:] == [float(loss(masked, y))]
    assert history.batch_loss[1:] != [plain]


@pytest.mark.parametrize("optimiser", [mp.SGD, mp.Adam, mp.AdamW, mp.RMSprop])
def test_a_schedule_counts_epochs_from_zero(optimiser):
    seen = []
    net = small()
    schedule = lambda epoch: seen.append(epoch) or 0.1  # noqa: E731
    mp.train(net, data, loss, optimiser(net, schedule), epochs=3, batch_size=60)
    assert seen == [0, 1, 2]


def test_seconds_leave_out_the_evaluation(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("minprox.learning.training.time.perf_counter", lambda: next(clock))
    assert run(epochs=3)[1].seconds == [0, 1, 2, 3]


# How runs end


@pytest.mark.parametrize(
    "direction", [mp.backprop, *(functools.partial(mp.proxprop, tau_theta=1.0, solver=s) for s in
                                 (mp.Exact("primal"), mp.Exact("dual"), mp.CG(3), mp.BlockCG(3)))]
)  # fmt: skip
def test_divergence_is_recorded_without_errors_and_warnings(direction):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, history = run(direction=direction, lr=1e200, epochs=5)
    assert history.status == "diverged"
    assert history.diverged_at == len(history) < 5
    assert not (math.isfinite(history.batch_loss[-1]) and math.isfinite(history.train_loss[-1]))


def test_a_singular_system_ends_the_run_only_if_the_values_are_to_blame():
    def singular(net, tape, loss, y):
        raise np.linalg.LinAlgError("Singular matrix")

    def broken(net, tape, loss, y):
        net.parameters[0][...] = np.inf
        singular(net, tape, loss, y)

    with pytest.raises(np.linalg.LinAlgError):
        run(direction=singular)
    assert run(direction=broken)[1].diverged_at == 1


def test_non_finite_steps_are_noticed_by_the_evaluation():
    nan = lambda net, tape, loss, y: [np.full_like(t, np.nan) for t in net.parameters]  # noqa: E731
    _, history = run(direction=nan, batch_size=60)
    assert (history.status, history.diverged_at, len(history)) == ("diverged", 1, 1)
    assert math.isfinite(history.batch_loss[1])


@pytest.mark.parametrize("answer", [True, np.True_])
def test_a_callback_stops_the_run_by_returning_true(answer):
    seen = []

    def callback(net, history):
        seen.append(len(history))
        return answer if len(history) == 2 else 1.0

    _, history = run(epochs=5, callbacks=[callback])
    assert seen == [1, 2]
    assert (history.status, len(history)) == ("stopped", 2)
    assert math.isfinite(history.test_loss)


@pytest.mark.parametrize("make", [lambda: KeyboardInterrupt, lambda: ZeroDivisionError("mine")])
def test_a_run_that_breaks_off_keeps_its_history_and_says_where(make):
    def callback(net, history):
        seen.append(len(history))

    def direction(net, tape, loss, y):
        if len(seen) == 2:
            raise make()
        return mp.backprop(net, tape, loss, y)

    seen, net = [], small()
    optimizer = mp.SGD(net, 0.1)
    with pytest.raises((KeyboardInterrupt, ZeroDivisionError)) as caught:
        mp.train(net, data, loss, optimizer, direction, epochs=5, batch_size=10, callbacks=[callback])
    assert len(optimizer.history) == 2
    assert optimizer.history.train_loss[1] < optimizer.history.train_loss[0]
    (note,) = caught.value.__notes__
    assert "epoch 3" in note
    assert "2 whole epochs" in note
    assert "optimizer.history" in note


def test_the_history_of_a_run_is_also_that_of_its_optimiser():
    net = small()
    optimizer = mp.SGD(net, 0.1)
    assert optimizer.history is None
    history = mp.train(net, data, loss, optimizer, epochs=2, batch_size=10)
    assert optimizer.history is history


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("inputs", np.nan, "2 of the 20 training inputs hold"),
        ("targets", np.inf, "1 of the 20 training targets holds"),
    ],
)
def test_divergence_names_data_that_are_not_finite(name, value, part):
    x = np.linspace(0, 1, 40).reshape(20, 2)
    y = x[:, :1].copy()
    if name == "inputs":
        x[3], x[5, 1] = value, value
    else:
        y[7] = value
    split = mp.datasets.Split(x, y)
    net = mp.Sequential(mp.Linear(2, 1), dtype="float64")
    everything = mp.datasets.Dataset("broken", split, split, split)
    with pytest.warns(RuntimeWarning, match=f"diverged in epoch 1: {part} NaN or infinite numbers") as caught:
        history = mp.train(net, everything, mp.SquaredError(), mp.SGD(net, 0.1), epochs=3, batch_size=5)
    assert (history.status, history.diverged_at) == ("diverged", 1)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_regression_has_no_accuracy():
    x = np.linspace(0, 1, 20)[:, None]
    split = mp.datasets.Split(x, 2 * x)
    line = mp.datasets.Dataset("line", split, split, mp.datasets.Split(x[:0], x[:0]))
    net = mp.Sequential(mp.Linear(1, 1), dtype="float64")
    history = mp.train(net, line, mp.SquaredError(), mp.SGD(net, 0.1), epochs=2, batch_size=7)
    assert history.train_loss[1] < history.train_loss[0]
    assert np.isnan([*history.train_accuracy, *history.validation_accuracy]).all()
    assert math.isnan(history.test_loss)


def test_evaluate_does_not_depend_on_the_batch_size():
    net = small()
    whole = mp.evaluate(net, data.train, loss)
    assert mp.evaluate(net, data.train, loss, batch_size=7) == pytest.approx(whole, rel=1e-14)


# Mistakes


@pytest.mark.parametrize(
    ("options", "exception", "part"),
    [
        ({"epochs": 0}, ValueError, "epochs: expected an integer of at least 1, found 0"),
        ({"batch_size": 2.5}, TypeError, "batch_size: expected an integer of at least 1, found 2.5"),
        ({"seed": -1}, ValueError, "seed: expected an integer of at least 0, found -1"),
        ({"resume": True}, ValueError, "resume=True needs the path of a checkpoint"),
        ({"checkpoint": "no/such/folder/c.npz"}, FileNotFoundError, "does not exist"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_changed(options, exception, part):
    net, before = small(), small()
    with pytest.raises(exception, match=part):
        run(net, **options)
    assert np.array_equal(net.parameters[0], before.parameters[0])


def test_an_optimizer_of_another_net_is_refused():
    net = small()
    with pytest.raises(ValueError, match="another net"):
        mp.train(net, data, loss, mp.SGD(small(), 0.1), epochs=1, batch_size=10)


# Progress and history


@pytest.mark.parametrize("progress", [None, False, True])
def test_a_bar_shows_only_if_wanted_or_on_a_terminal(progress, capsys):
    run(progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("batch" in err) == (progress is True)


def test_a_history_survives_json(tmp_path):
    _, history = run()
    history.batch_loss[1] = math.inf
    history.save(tmp_path / "history.json")
    again = mp.History.load(tmp_path / "history.json")
    assert math.isnan(again.batch_loss[1])  # null in the file
    assert "NaN" not in (tmp_path / "history.json").read_text()
    again.batch_loss[1] = math.inf
    assert again == history


def test_a_history_as_csv(tmp_path):
    _, history = run()
    history.save(tmp_path / "history.csv")
    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0].split(",")[:2] == ["epoch", "train_loss"]
    assert [float(line.split(",")[1]) for line in lines[1:]] == history.train_loss


def test_a_history_of_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"h\.txt: expected a name that ends in \.json or \.csv"):
        mp.History().save(tmp_path / "h.txt")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "x"}', '{"format": "minprox history 1"}'])
def test_what_is_no_history_is_refused_by_name(tmp_path, text):
    path = tmp_path / "h.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"h\.json: "):
        mp.History.load(path)


def test_a_history_tells_what_it_holds():
    _, history = run(epochs=1)
    assert repr(history).startswith("History(1 epoch, finished, train_loss=")
    with pytest.raises(TypeError, match="one value for each"):
        history.append(epoch=2)


def test_the_bar_of_a_resumed_run_begins_where_it_stopped(tmp_path, monkeypatch):
    from minprox.learning import loop

    seen, bar = [], loop.progress_bar
    monkeypatch.setattr(loop, "progress_bar", lambda *told: seen.append(told[:2]) or bar(*told))
    run(epochs=1, checkpoint=tmp_path / "c.npz")
    run(epochs=3, checkpoint=tmp_path / "c.npz", resume=True)
    batches = seen[0][0]
    assert batches > 1
    assert seen == [(batches, 0), (3 * batches, batches)]


def test_while_a_finished_run_goes_on_it_has_no_test_loss(tmp_path):
    seen = []
    run(epochs=1, checkpoint=tmp_path / "c.npz")
    watch = [lambda net, history: seen.append((history.status, history.test_loss, history.test_accuracy))]
    run(epochs=2, checkpoint=tmp_path / "c.npz", resume=True, callbacks=watch)
    assert seen
    assert all(status == "running" and np.isnan(found).all() for status, *found in seen)
