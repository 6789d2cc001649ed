"""SPAUC in scikit-learn's manner, with and without that library."""

import bz2
import gzip
import importlib.util
import itertools
import pickle
import re
import sys
import warnings

import numpy as np
import pytest
from conftest import raises
from scipy import sparse
from test_spauc import bits, examples

import minprox as mp
from minprox.methods import spauc

needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn, the extra sklearn"
)


@pytest.fixture(params=[True, False], ids=["with scikit-learn", "without"])
def library(request, monkeypatch):
    """Whether scikit-learn can be imported."""
    if not request.param:
        for name in ("sklearn", "sklearn.exceptions", "sklearn.datasets", "sklearn.utils"):
            monkeypatch.setitem(sys.modules, name, None)
    elif importlib.util.find_spec("sklearn") is None:
        pytest.skip("needs scikit-learn")


def test_it_fits_scores_and_predicts(library):
    x, y = examples(300, seed=2)
    model = spauc.AUCClassifier(passes=3)
    assert model.fit(x, y) is model
    scores = model.decision_function(x)
    assert model.score(x, y) == spauc.auc(scores, y)
    assert model.score(x, y) > spauc.auc(x @ spauc.closed_form(spauc.moments(x, y), 1e-4), y) - 0.01
    assert (model.predict(x) == np.where(scores > 0, 1, -1)).all()
    assert np.mean(model.predict(x) == y) > 0.6
    assert (model.coef_.shape, model.intercept_.shape, model.n_features_in_) == ((1, 5), (1,), 5)
    middle = (x[y == 1].mean(axis=0) + x[y != 1].mean(axis=0)) / 2
    assert model.decision_function(middle[None])[0] == pytest.approx(0, abs=1e-12)


def test_it_is_spauc_over_shuffled_passes(library):
    x, y = examples(50)
    model = spauc.AUCClassifier(mp.prox.L1(0.01), 0.05, 2, implicit=False, average=True, random_state=7)
    model.fit(x, y)
    learner, rng = spauc.SPAUC(5, mp.prox.L1(0.01), 0.05, average=True), np.random.default_rng(7)
    for order in (rng.permutation(50), rng.permutation(50)):
        learner.learn(x[order], y[order])
    assert (model.coef_[0] == learner.coef).all()
    words = spauc.AUCClassifier(**model.get_params()).fit(sparse.csr_array(x), np.where(y == 1, "b", "a"))
    assert (words.coef_ == model.coef_).all()
    assert words.classes_.tolist() == ["a", "b"]


def test_parameters_are_read_and_set(library):
    model = spauc.AUCClassifier(passes=3)
    assert model.set_params(average=True, step=0.1) is model
    expected = {"penalty": None, "step": 0.1, "passes": 3, "implicit": True, "average": True}
    assert model.get_params() == expected | {"random_state": 0}
    assert repr(model) == "AUCClassifier(step=0.1, passes=3, average=True)"
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()
    with raises(ValueError, "AUCClassifier", "expected one of penalty", "'colour'"):
        model.set_params(colour=1)


X, Y = examples(20)


@pytest.mark.parametrize(
    ("x", "y", "parts"),
    [
        (X, np.arange(20) % 3, ["binary", "2 classes", "3"]),
        (X, np.ones(20), ["2 classes", "1 class"]),
        (X, np.linspace(0, 1, 20), ["continuous", "two classes"]),
        (X, np.where(np.arange(20) == 3, np.nan, Y), ["y contains NaN"]),
        (X, Y[:5], ["expected 20 labels", "(5,)"]),
        (X, None, ["y is None"]),
        (np.where(X > 1, np.nan, X), Y, ["X of AUCClassifier contains NaN"]),
        (X[0], Y, ["Expected 2D array, got 1D"]),
        (X[:, :0], Y, ["0 feature(s)", "(20, 0)"]),
        (X + 1j, Y, ["Complex data not supported"]),
    ],
)
def test_what_is_wrong_is_told(x, y, parts, library):
    with pytest.raises(ValueError, match=re.escape(parts[0])) as caught:
        spauc.AUCClassifier().fit(x, y)
    assert all(part in str(caught.value) for part in parts)
    assert "\n" not in str(caught.value)


def test_before_and_beside_the_fit(library):
    model = spauc.AUCClassifier()
    with raises(ValueError, "AUCClassifier is not fitted yet"):
        model.predict(X)
    with raises(ValueError, "X has 4 features", "expecting 5 features"):
        model.fit(X, Y).predict(X[:, :4])
    with pytest.warns(UserWarning, match="column-vector"):
        column = spauc.AUCClassifier().fit(X, Y[:, None])
    assert (column.coef_ == model.coef_).all()


@needs_sklearn
@pytest.mark.parametrize("implicit", [True, False])
def test_scikit_learns_own_checks(implicit):
    from sklearn.base import clone
    from sklearn.utils.estimator_checks import check_estimator

    model = spauc.AUCClassifier(passes=5, implicit=implicit)
    assert clone(model).get_params() == model.get_params()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimator AUCClassifier does not inherit", UserWarning)
        warnings.filterwarnings("ignore", ".*Skipping check|.*skipped|Can't check")
        results = check_estimator(model, on_fail=None, on_skip=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"} == {}
    assert sum(r["status"] == "passed" for r in results) > 40


@needs_sklearn
def test_in_a_pipeline_with_cross_validation():
    """On the breast cancer data, 30 features of very different scales."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), spauc.AUCClassifier(passes=3))
    assert cross_val_score(model, x, y).mean() > 0.985


@needs_sklearn
def test_auc_is_scikit_learns():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    for digits in (0, 1, 8):  # many ties, few, none
        scores, y = np.round(rng.standard_normal(200), digits), rng.integers(0, 2, 200)
        assert spauc.auc(scores, y) == pytest.approx(roc_auc_score(y, scores), abs=1e-14)


# Files in LIBSVM's format


def write(path, x, y):
    lines = [
        f"{int(label):+d} " + " ".join(f"{j + 1}:{v!r}" for j, v in enumerate(row.tolist()) if v) + "\n"
        for row, label in zip(x, y, strict=True)
    ]
    opened = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    with opened(path, "wt") as file:
        file.writelines(lines)


@needs_sklearn
@pytest.mark.parametrize("ending", ["txt", "gz", "bz2"])
@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_a_file_is_read_piece_by_piece(ending, chunk, tmp_path):
    x, y = examples(40)
    x[x < 0.3] = 0  # the last features are missing in many lines
    write(tmp_path / f"x.{ending}", x, y)
    pieces = list(spauc.libsvm(tmp_path / f"x.{ending}", 5, chunk))
    assert {found.shape[1] for found, _ in pieces} == {5}
    assert max(found.shape[0] for found, _ in pieces) == min(chunk, 40)
    assert (np.concatenate([found.toarray() for found, _ in pieces]) == x).all()
    learner = spauc.SPAUC(5).follow(spauc.libsvm(tmp_path / f"x.{ending}", 5, chunk))
    assert bits(learner) == bits(spauc.SPAUC(5).learn(x, y))


@needs_sklearn
@pytest.mark.parametrize("line", ["1 7:1.0", "1 0:1.0", "1 1:one", "one 1:1", "1 2:1 1:1"])
def test_a_wrong_line_is_told_and_what_was_before_stays(line, tmp_path):
    x, y = examples(20)
    path = tmp_path / "x.txt"
    write(path, x, y)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:13], line, *lines[13:]]) + "\n")
    learner = spauc.SPAUC(5)
    with raises(ValueError, str(path), "5 features", "lines 11 to 15"):
        learner.follow(spauc.libsvm(path, 5, chunk=5), checkpoint=tmp_path / "s.npz")
    assert bits(learner) == bits(spauc.SPAUC(5).learn(x[:10], y[:10]))
    path.write_text("\n".join(lines) + "\n")
    mended = spauc.SPAUC(5).follow(spauc.libsvm(path, 5), checkpoint=tmp_path / "s.npz", resume=True)
    assert bits(mended) == bits(spauc.SPAUC(5).learn(x, y))


@needs_sklearn
def test_features_may_be_counted_from_zero(tmp_path):
    (tmp_path / "x.txt").write_text("1 0:2 2:3\n")
    ((x, y),) = spauc.libsvm(tmp_path / "x.txt", 3, zero_based=True)
    assert (x.toarray().tolist(), y.tolist()) == ([[2.0, 0.0, 3.0]], [1.0])


@needs_sklearn
def test_an_endless_file_is_not_read_to_its_end(tmp_path):
    write(tmp_path / "x.txt", *examples(100))
    first = list(itertools.islice(spauc.libsvm(tmp_path / "x.txt", 5, 10), 2))
    assert sum(len(y) for _, y in first) == 20


def test_without_scikit_learn_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"minprox\[sklearn\]"):
        next(spauc.libsvm(tmp_path / "x.txt", 3))
