"""Data of one's own: what comes out is what went in, split by shares, and what cannot be read is named."""

import numpy as np
import pytest
from conftest import raises
from hypothesis import given
from hypothesis import strategies as st

import minprox as mp
from minprox.datasets import from_arrays, from_csv
from minprox.datasets.own_arrays import split

PARTS = ("train", "validation", "test")


def numbered(n, features=3):
    """Examples that tell their number: row i holds i in every feature."""
    return np.repeat(np.arange(float(n))[:, None], features, axis=1)


def members(data):
    """The numbers of the examples in each part."""
    return [getattr(data, part).x[:, 0].astype(int) for part in PARTS]


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    shares=st.tuples(st.floats(0, 0.45), st.floats(0, 0.45)),
    seed=st.integers(0, 1000),
)
def test_every_part_has_its_share_of_every_class(counts, shares, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    sizes = [round(share * len(y)) for share in shares]
    if sum(sizes) > len(y) - len(counts):
        with raises(ValueError, f"expected {len(counts)} examples or more to train on"):
            split(y, *shares, np.random.default_rng(seed))
        return
    parts = split(y, *shares, np.random.default_rng(seed))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(y)))
    assert [len(part) for part in parts[1:]] == sizes
    found = np.array([np.bincount(y[part], minlength=len(counts)) for part in parts])
    assert (found[0] >= 1).all()  # of each class there is one to train on
    rest = np.array(counts) - 1  # what is left is split by shares, up to rounding
    for n, size in zip(found[1:], sizes, strict=True):
        assert (abs(n - rest * size / max(1, rest.sum())) < 2).all()


def test_examples_keep_their_labels_and_are_shuffled():
    y = np.arange(100) % 4
    data = from_arrays(numbered(100), y)
    for part, rows in zip(PARTS, members(data), strict=True):
        np.testing.assert_array_equal(getattr(data, part).y, y[rows])
        assert (np.diff(rows) < 0).any()  # not in the order in which they came
    assert sorted(np.concatenate(members(data))) == list(range(100))
    assert data.train.x.dtype == "float32"
    assert data.train.y.dtype == "int64"


def test_the_seed_decides_and_the_dtype_does_not():
    x, y = numbered(50), np.arange(50) % 3
    once, again = from_arrays(x, y, seed=1), from_arrays(x, y, seed=1, dtype="float64")
    other = from_arrays(x, y, seed=2)
    for part in range(3):
        np.testing.assert_array_equal(members(once)[part], members(again)[part])
    assert again.train.x.dtype == "float64"
    assert not np.array_equal(members(once)[0], members(other)[0])


@pytest.mark.parametrize(
    ("y", "options", "classes", "labels"),
    [
        (["b", "a", "b", "c"], {}, ("a", "b", "c"), [1, 0, 1, 2]),
        (np.array(["b", "a", "b", "c"], object), {}, ("a", "b", "c"), [1, 0, 1, 2]),
        ([10, 2, 10, 3], {}, ("2", "3", "10"), [2, 0, 2, 1]),
        (np.array([3, 1, 3, 1], "uint8"), {}, ("1", "3"), [1, 0, 1, 0]),
        ([True, False, True, True], {}, ("False", "True"), [1, 0, 1, 1]),
        ([2.0, 0.0, 2.0, 1.0], {"kind": "labels"}, ("0", "1", "2"), [2, 0, 2, 1]),
        (["b", "a", "b", "c"], {"classes": ["c", "b", "a"]}, ("c", "b", "a"), [1, 2, 1, 0]),
        ([10, 2, 10, 2], {"classes": [10, 2, 7]}, ("10", "2", "7"), [0, 1, 0, 1]),
        ([1, 0, 1, 2], {"classes": ["x", "y", "z"]}, ("x", "y", "z"), [1, 0, 1, 2]),
    ],
    ids=repr,
)
def test_classes_are_those_of_y_or_those_that_are_named(y, options, classes, labels):
    data = from_arrays(numbered(4), y, validation=0, test=0, **options)
    assert data.classes == classes
    order = np.argsort(members(data)[0])
    assert data.train.y[order].tolist() == labels


@pytest.mark.parametrize("shape", [(8,), (8, 1), (8, 2)])
def test_floating_point_numbers_are_targets(shape):
    y = np.random.default_rng(0).normal(size=shape)
    data = from_arrays(numbered(8), y, dtype="float64", test=1)
    assert (data.classes, len(data.test)) == ((), 1)
    for part, rows in zip(PARTS, members(data), strict=True):
        np.testing.assert_array_equal(getattr(data, part).y, y[rows])
    assert from_arrays(numbered(8), np.arange(8), kind="targets").train.y.dtype == "float32"


def test_what_can_be_read_as_an_array_will_do(tmp_path):
    class Frame:  # as pandas does it; it has a get, too, which is not the one of CuPy
        def get(self, key):
            raise AssertionError

        def __array__(self, dtype=None, copy=None):
            return numbered(6)

    np.save(tmp_path / "x.npy", numbered(6))
    for x in (numbered(6).tolist(), Frame(), np.load(tmp_path / "x.npy", mmap_mode="r"), numbered(6) > 2):
        data = from_arrays(x, [0, 1] * 3, name="mine", source="me")
        assert (data.name, data.source, data.input_shape) == ("mine", "me", (3,))
    images = from_arrays(np.zeros((6, 1, 4, 4), "uint8"), [0, 1] * 3)
    assert images.input_shape == (1, 4, 4)


def test_arrays_of_the_other_backend_are_fetched_and_put_back(other):
    with mp.use(other) as xp:
        data = from_arrays(xp.asarray(numbered(6)), xp.asarray([0, 1] * 3), seed=2)
        assert mp.array_module(data.train.x, data.train.y, data.test.x) is xp
    np.testing.assert_array_equal(
        mp.to_numpy(data.train.x), from_arrays(numbered(6), [0, 1] * 3, seed=2).train.x
    )


def test_own_data_can_be_trained_on():
    data = from_arrays(*(lambda s: (s.x, s.y))(mp.datasets.blobs(200).train), seed=3)
    net = mp.Sequential(mp.Linear(2, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    history = mp.train(
        net, data, mp.CrossEntropy(), mp.SGD(net, lr=0.5), mp.backprop, epochs=3, batch_size=20
    )
    assert history.train_loss[-1] < history.train_loss[0]


X, Y = numbered(10), [0, 1] * 5


@pytest.mark.parametrize(
    ("make", "error", "parts"),
    [
        (lambda: from_arrays(X, Y[:9]), ValueError, ["y: expected", "10 examples", "(9,)"]),
        (lambda: from_arrays(X[:, 0], Y), ValueError, ["x: expected the shape (N, features)", "(10,)"]),
        (lambda: from_arrays(X, 3), TypeError, ["y: expected an array", "int"]),
        (lambda: from_arrays([[1], [2, 3]], [0, 1]), TypeError, ["x: expected", "different lengths"]),
        (lambda: from_arrays(X + 1j, Y), TypeError, ["x: expected an array of real numbers", "complex128"]),
        (lambda: from_arrays([["a"]] * 10, Y), TypeError, ["x: expected numbers, found texts"]),
        (lambda: from_arrays(np.full((10, 1), None), Y), TypeError, ["x: expected an array", "object"]),
        (lambda: from_arrays(np.ma.masked_less(X, 5), Y), TypeError, ["x: expected a plain", "MaskedArray"]),
        (lambda: from_arrays(X, np.ma.masked_equal(Y, 1)), TypeError, ["y: expected a plain", "MaskedArray"]),
        (lambda: from_arrays(np.where(X == 7, np.nan, X), Y), ValueError, ["x, example 7", "finite", "nan"]),
        (lambda: from_arrays(np.where(X == 7, 1e39, X), Y), ValueError, ["x, example 7", "float32", "1e+39"]),
        (lambda: from_arrays(X, [0.5] * 9 + [np.inf]), ValueError, ["y, example 9", "inf"]),
        (lambda: from_arrays(X, [0.5, *Y[1:]], kind="labels"), ValueError, ["y, example 0", "whole", "0.5"]),
        (lambda: from_arrays(X, [np.nan, *Y[1:]], kind="labels"), ValueError, ["y, example 0", "nan"]),
        (lambda: from_arrays(X, ["a"] * 10, kind="targets"), TypeError, ["y: expected numbers"]),
        (lambda: from_arrays(X, np.eye(10, dtype=int)), ValueError, ["y: expected", "argmax", "(10, 10)"]),
        (lambda: from_arrays(X, np.array(Y)[:, None]), ValueError, ["y: expected", "ravel", "(10, 1)"]),
        (lambda: from_arrays(X, Y, classes=["a"]), ValueError, ["y, example 1", "classes 0", "'1'"]),
        (lambda: from_arrays(X, ["u", "v"] * 5, classes="uw"), ValueError, ["y, example 1", "u, w", "'v'"]),
        (lambda: from_arrays(X, Y, classes=["a", "a"]), ValueError, ["classes", "different", "a, a"]),
        (lambda: from_arrays(X, X, classes=["a"]), ValueError, ["classes", "targets"]),
        (lambda: from_arrays(X, Y, kind="other"), ValueError, ["kind", "auto, labels, targets", "'other'"]),
        (lambda: from_arrays(X, range(10)), ValueError, ["expected 10 examples or more", "each class", "10"]),
        (lambda: from_arrays(X, Y, validation=0.5, test=0.5), ValueError, ["expected 2 examples or more"]),
        (lambda: from_arrays(X[:0], Y[:0]), ValueError, ["expected 1 examples or more", "found 0"]),
        (lambda: from_arrays(X, Y, validation=1.0), ValueError, ["validation", "[0, 1)", "1.0"]),
        (lambda: from_arrays(X, Y, test=-1), ValueError, ["test", "integer of at least 0", "-1"]),
        (lambda: from_arrays(X, Y, test=True), TypeError, ["test", "True"]),
        (lambda: from_arrays(X, Y, seed=-1), ValueError, ["seed", "-1"]),
        (lambda: from_arrays(X, Y, dtype="int32"), TypeError, ["dtype", "float32 or float64", "int32"]),
    ],
)  # fmt: skip
def test_wrong_arrays_are_told(make, error, parts):
    with raises(error, *parts):
        make()


TABLE = "length,width,tree\n1,10,oak\n2,20,ash\n\n3,30,oak\n4,40,ash\n5,50,oak\n"


@pytest.fixture
def table(tmp_path):
    def written(text=TABLE, **options):
        (tmp_path / "trees.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return from_csv(tmp_path / "trees.csv", **{"validation": 0, "test": 0, **options})

    return written


def rows(data):
    """The examples of a table in their order: features and class or target."""
    y = [data.classes[k] for k in data.train.y] if data.classes else data.train.y.tolist()
    return sorted(zip(data.train.x.tolist(), y, strict=True))


TREES = [([1, 10], "oak"), ([2, 20], "ash"), ([3, 30], "oak"), ([4, 40], "ash"), ([5, 50], "oak")]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (TABLE, {}),
        (TABLE, {"label": "tree"}),
        (TABLE, {"label": 2, "header": True}),
        (TABLE.split("\n", 1)[1], {}),
        (TABLE.split("\n", 1)[1], {"label": 2, "header": False}),
        ("\ufeff" + TABLE, {"label": "tree"}),  # as Excel writes it
        (TABLE.replace("\n", "\r\n"), {}),
        (TABLE.replace("\n", "\r"), {}),
        (TABLE.replace(",", ";"), {"delimiter": ";"}),
        (TABLE.replace(",", "\t"), {"delimiter": "\t"}),
        (TABLE.replace(",", " , ").replace("oak", '"oak"'), {"label": "tree"}),
        ("\n".join(",".join(line.split(",")[::-1]) for line in TABLE.split("\n")), {"label": "tree"}),
    ],
    ids=repr,
)
def test_tables_with_a_header_or_without(table, text, options):
    text = text.replace(' "oak"', '"oak"')  # a quote stands at the beginning of a cell
    expected = TREES if options.get("label") != "tree" or not text.startswith("tree") else [
        (x[::-1], tree) for x, tree in TREES
    ]  # fmt: skip
    data = table(text, **options)
    assert rows(data) == expected
    assert (data.name, data.classes) == ("trees", ("ash", "oak"))


def test_columns_can_be_left_out_and_texts_are_no_hindrance_there(table):
    text = "id,length,tree\nx,1,oak\ny,2,ash\n"
    for ignore in (["id"], "id", [0], 0, [-3]):
        assert rows(table(text, ignore=ignore, header=True)) == [([1], "oak"), ([2], "ash")]


def test_the_column_of_the_label_tells_what_it_holds(table):
    assert table("1,10\n2,9\n3,10\n").classes == ("9", "10")
    assert rows(table("1,10\n2,9.5\n3,1e1\n")) == [([1], 10), ([2], 9.5), ([3], 10)]
    assert rows(table("1,10\n2,9\n", kind="targets")) == [([1], 10), ([2], 9)]
    assert table("1,10\n2,9.5\n", kind="labels").classes == ("10", "9.5")
    assert table("1,3\n2,4+\n", kind="labels", classes=["3", "4+"]).classes == ("3", "4+")


def test_a_table_is_split_as_its_arrays_are(table):
    text = "".join(f"{n},{n % 3}\n" for n in range(30))
    data = table(text, validation=0.2, test=5, seed=4, dtype="float64")
    other = from_arrays(numbered(30, 1), np.arange(30) % 3, test=5, seed=4, dtype="float64")
    for part in PARTS:
        np.testing.assert_array_equal(getattr(data, part).x, getattr(other, part).x)
        np.testing.assert_array_equal(getattr(data, part).y, getattr(other, part).y)


@pytest.mark.parametrize(
    ("text", "options", "error", "parts"),
    [
        ("", {}, ValueError, ["an empty file"]),
        ("a,b\n", {}, ValueError, ["examples below the header"]),
        ("1,2,x\n1,2\n", {}, ValueError, ["line 2", "3 cells, found 2"]),
        ("1,2,x\n\n1,2,x,\n", {}, ValueError, ["line 3", "3 cells, found 4"]),
        (TABLE + "6,,oak\n", {}, ValueError, ["line 8, column 'width'", "finite number", "found ''"]),
        (TABLE + "6,wide,oak\n", {}, ValueError, ["line 8, column 'width'", "found 'wide'"]),
        (TABLE + "nan,6,oak\n", {}, ValueError, ["line 8, column 'length'", "found 'nan'"]),
        (TABLE + "1e39,6,oak\n", {}, ValueError, ["line 8, column 'length'", "found '1e39'"]),
        ("1,2\n1,x,3\n", {"header": False}, ValueError, ["line 2", "2 cells"]),
        ("1,x,0\n1,2,0\n", {"header": False}, ValueError, ["line 1, column 1", "found 'x'"]),
        (TABLE + "6,60,\n", {}, ValueError, ["line 8, column 'tree'", "found ''"]),
        (TABLE + "6,60,\n", {"kind": "labels"}, ValueError, ["line 8, column 'tree'", "a class", "found ''"]),
        ("1,2\n1,?\n", {}, ValueError, ["line 2, column 1", "number", "'?'", 'kind="labels"']),
        ("1,2\n1,?\n", {"kind": "targets"}, ValueError, ["line 2, column 1", "number", "'?'"]),
        ("1,2.5\n1,nan\n", {}, ValueError, ["line 2, column 1", "number", "'nan'"]),
        (TABLE, {"classes": ["oak", "elm"]}, ValueError, ["y, line 3", "oak, elm", "'ash'"]),
        (TABLE, {"label": "bush"}, ValueError, ["a column 'bush'", "'length', 'width', 'tree'"]),
        ("a,a,t\n1,2,x\n", {"label": "a"}, ValueError, ["a column 'a'", "2 of this name"]),
        (TABLE, {"label": 3}, ValueError, ["column number below 3", "found 3"]),
        (TABLE, {"label": -4}, ValueError, ["column number below 3", "found -4"]),
        (TABLE, {"label": 1.0}, TypeError, ["the name or the number of a column", "1.0"]),
        (TABLE, {"ignore": ["bush"]}, ValueError, ["a column 'bush'"]),
        (TABLE, {"ignore": [0, 1]}, ValueError, ["features beside the column 'tree'", "','"]),
        (TABLE, {"delimiter": ";"}, ValueError, ["features beside", "';'"]),
        (TABLE, {"delimiter": ", "}, ValueError, ["delimiter", "', '"]),
        (TABLE, {"kind": "x"}, ValueError, ["kind", "auto"]),
        (TABLE.encode() + b"6,60,\xe9che\n", {}, ValueError, ["line 8", "UTF-8", "0xe9"]),
        (TABLE + '6,60,"oak\n', {}, ValueError, ["line 8", "table"]),
        (TABLE, {"test": 5}, ValueError, ["expected 2 examples or more to train on"]),
    ],
    ids=repr,
)
def test_wrong_tables_are_told_with_the_line(table, tmp_path, text, options, error, parts):
    with raises(
        error, *parts, *([] if parts[0] in ("delimiter", "kind") else [str(tmp_path / "trees.csv: ")])
    ):
        table(text, **options)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        from_csv(tmp_path / "none.csv")
    assert caught.value.filename == str(tmp_path / "none.csv")
