"""What the tests of bad calls walk: everything public, with arguments with which it succeeds.

A new public function is found by itself, and walked by the names of its arguments; where they are not in
``USUAL``, ``OWN`` says what it is given, or ``EXCEPT`` why it is not walked.
"""

import functools
import inspect
import tempfile
import types
from pathlib import Path

import bad_calls as b
import numpy as np
from bad_calls import Call, Kind, a, either, made_of

import minprox as mp
from minprox.methods import spauc, vsml

x, images = np.linspace(-1, 1, 15).reshape(5, 3), np.linspace(-1, 1, 64).reshape(2, 2, 4, 4)
labels, targets = np.array([0, 1, 1, 0, 1]), np.linspace(0, 1, 10).reshape(5, 2)
signs = 2 * labels - 1
loss, split = mp.CrossEntropy(), mp.datasets.Split(x, labels)
data = mp.datasets.Dataset("d", split, split, split)
moments = spauc.moments(x, signs)


def net():
    return mp.Sequential(mp.Linear(3, 4), mp.Tanh(), mp.Linear(4, 2), seed=0, dtype="float64")


def critic():
    return mp.Sequential(mp.Linear(3, 4), mp.Tanh(), mp.Linear(4, 1), seed=0, dtype="float64")


def symbols():
    return (s := mp.Input((3,))), mp.Linear(3, 2)(s)


def modules():
    """Modules with heads for them."""
    parts = [mp.Sequential(mp.Linear(3, n), mp.Tanh(), seed=k, dtype="float64") for k, n in enumerate((3, 2))]
    heads = [mp.Sequential(mp.Linear(3, 2), seed=k, dtype="float64") for k in range(2)]
    return parts, heads[:1]


def interlocked():
    n = mp.methods.Modules(*modules())
    return {
        "net": n,
        "tape": mp.forward(n, x),
        "loss": loss,
        "y": labels,
        "horizon": 2,
        "tau_theta": 0.5,
        "solver": mp.Exact(),
    }


def history():
    found = mp.History()
    for epoch in (0, 1):
        rest = dict.fromkeys(("train_accuracy", "validation_loss", "validation_accuracy", "batch_loss"), 0.5)
        found.append(epoch=epoch, train_loss=1.0, seconds=1.0, **rest)
    return found


def experiment():
    run = mp.experiments.Run(data="blobs", architecture="2-3", epochs=1, batch_size=400)
    return mp.experiments.Experiment(
        name="e", title="t", methods={"m": run}, panels=(("epoch", "train_loss"),)
    )


@functools.cache
def place():
    """A folder with a run and an experiment, made once."""
    folder = Path(tempfile.mkdtemp(prefix="minprox-walked-"))
    mp.experiments.run(experiment(), folder / "e", progress=False)
    (folder / "table.csv").write_text("a,b,label\n" + "".join(f"{i},{i % 3},{i % 2}\n" for i in range(40)))
    mp.save_parameters(net(), folder / "net.npz")
    history().save(folder / "h.json")
    return folder


# By name, what functions are given, and its kind

is_net, is_tape, is_loss = (
    a(mp.Graph),
    a(type(mp.forward(net(), x))),
    Kind(lambda v, good: callable(getattr(v, "gradient", None)) and not isinstance(v, type), b.objects),
)
is_map, is_split, is_data = a(mp.LinearMap), a(mp.datasets.Split), a(mp.datasets.Dataset)
penalty, rule = a(mp.prox.Penalty), a(spauc.StepRule)
NONE = Kind(lambda value, good: value is None)
USUAL = {
    "net": (net, is_net),
    "tape": (lambda: mp.forward(net(), x), is_tape),
    "loss": (lambda: loss, is_loss),
    "y": (lambda: labels, Kind(lambda v, good: b.is_array(v, "fiu") and len(v.shape) > 0, b.any_array())),
    "x": (lambda: x, b.floats),
    "A": (lambda: mp.DenseMap(x, bias=True), is_map),
    "delta": (lambda: targets, b.floats),
    "d": (lambda: np.ones((4, 2)), b.floats),
    "v": (lambda: net().parameters, b.array_list),
    "s": (lambda: x, b.floats),
    "directions": (lambda: net().parameters, b.array_list),
    "gradient": (lambda: net().parameters, b.array_list),
    "arrays": (lambda: [x], b.array_list),
    "array": (lambda: x, b.array_like),
    "vector": (lambda: np.ones(26), b.reals),
    "eigenvalues": (lambda: np.array([1.0, 2.0]), b.array_like),
    "eigenvalue": (lambda: 1.0, b.array_like),
    "solver": (lambda: mp.Exact(), b.function),
    "direction": (lambda: mp.backprop, b.function),
    "split": (lambda: split, is_split),
    "layer": (lambda: mp.Tanh(), b.layer),
    "input": (lambda: mp.Input((3,)), b.symbol),
    "output": (lambda: targets, b.floats),
    "a": (lambda: x, b.any_floats),
    "penalty": (lambda: mp.prox.L1(0.1), penalty),
    "m": (lambda: moments, a(spauc.Moments)),
    "theta_shape": (lambda: (3, 2), made_of(b.count, 2)),
    **dict.fromkeys(("shape", "input_shape"), (lambda: (3,), b.shape)),
    "widths": (lambda: (2, 3), made_of(b.count)),
    **dict.fromkeys(("seed",), (lambda: 0, b.seeds)),
    "dtype": (lambda: "float64", b.dtype),
    **dict.fromkeys(("tau_theta",), (lambda: 0.5, b.step_sizes)),
    **dict.fromkeys(("lr",), (lambda: 0.1, b.schedule)),
    "lam": (lambda: 0.1, b.weight),
    "tau": (lambda: 0.1, b.positive),
    "sigma": (lambda: 0.1, b.positive),
    **{
        name: (lambda: 0.5, b.positive)
        for name in (
            "eps",
            "gamma",
            "rho",
            "threshold",
            "total",
            "condition",
            "radius",
            "eta",
            "step_size",
            "forward",
            "error",
            "mu",
            "sigma_phi",
            "distance",
        )
    },
    **{
        name: (lambda: 0.1, b.weight)
        for name in (
            "weight_decay",
            "tolerance",
            "lam1",
            "lam2",
            "noise",
            "spread",
            "turns",
            "epsilon",
            "sigma_f",
            "t1",
            "value",
        )
    },
    **{name: (lambda: 0.2, b.share) for name in ("shrink", "share", "validation", "test")},
    "slope": (lambda: 0.1, b.share),
    **{name: (lambda: 0.5, b.part) for name in ("momentum", "alpha", "label_smoothing", "p")},
    **{name: (lambda: 0.0, b.finite) for name in ("low", "worst")},
    "high": (lambda: 1.0, b.finite),
    **{
        name: (lambda: 2, b.count)
        for name in (
            "iterations",
            "in_channels",
            "out_channels",
            "channels",
            "n_in",
            "n_out",
            "vocabulary",
            "features",
            "size",
            "rows",
            "cols",
            "columns",
            "length",
            "classes",
            "blocks",
            "hidden",
            "every",
            "batch_size",
            "trials",
            "steps",
            "restarts",
            "batch",
            "largest",
            "passes",
            "epochs",
            "modules",
            "horizon",
            "batches",
            "fan_in",
            "fan_out",
            "points",
            "chunk",
            "jobs",
        )
    },
    **{name: (lambda: 1, b.count) for name in ("groups", "heads", "number")},
    **{name: (lambda: 1, b.integer) for name in ("axis", "start", "stop")},
    "n": (lambda: 30, b.count),
    "kappa": (lambda: 2.0, b.real(lambda v: v >= 1)),
    "ignore_index": (lambda: -1, b.integer),
    **{name: (lambda: 2, b.size) for name in ("kernel_size",)},
    **{name: (lambda: 1, b.size) for name in ("stride", "dilation")},
    "padding": (lambda: 1, b.margin),
    **{
        name: (lambda: True, b.flag)
        for name in (
            "bias",
            "ceil_mode",
            "count_include_pad",
            "causal",
            "nesterov",
            "report",
            "training",
            "to_input",
            "flatten",
            "average",
            "implicit",
            "positive",
            "keep",
            "penalise_bias",
            "tf32",
            "zero_based",
            "backward",
        )
    },
    "clip": (lambda: (-1.0, 1.0), either(made_of(b.finite, 2), NONE)),
    "betas": (lambda: (0.5, 0.6), made_of(b.part, 2)),
    "class_weights": (lambda: (1.0, 2.0), b.array_like),
    **{
        name: (lambda value=value: value, b.text)
        for name, value in {
            "init": "he",
            "form": "primal",
            "last_layer": "explicit",
            "norm": "l1",
            "of": "loss",
            "approximate": "tanh",
            "title": "t",
            "kind": "auto",
            "name": "n",
            "source": "s",
            "rule": "inverse",
            "caption": "c",
            "backend": "numpy",
            "column": "train_loss",
        }.items()
    },
    "w": (lambda: np.ones(3), b.array_like),
    "u": (lambda: np.ones(3), b.any_reals),
    "callbacks": (lambda: [], made_of(b.function)),
    "experiment": (experiment, a(mp.experiments.Experiment)),
    "folder": (lambda: place() / "e", b.path),
}

FREE = either(b.text, b.path)


def spaced():
    return {"w": np.ones(3), "x": x[0], "positive": True, "p": 0.5, "u": moments.u, "v": moments.v}


SPACED = {
    "p": b.real(lambda v: 0 <= v <= 1),
    "w": b.any_reals,
    "x": b.any_reals,
    "v": b.any_reals,
    "u": b.any_reals,
}


def lifted():
    s = mp.algorithm_1(n := net(), x, mp.SquaredError(), targets, tau=0.1)
    return {
        "net": n,
        "loss": mp.SquaredError(),
        "y": targets,
        "theta": s.theta,
        "a": s.a,
        "z": s.z,
        "gamma": 10.0,
        "rho": 10.0,
    }


def of(*names):
    """Return what makes the usual arguments of these names; a tape is one of the net that goes with it."""

    def make():
        made = {name: USUAL[name][0]() for name in names}
        return made | ({"net": made["tape"].net} if "tape" in made and "net" in made else {})

    return make


def given(**arguments):
    return lambda: arguments


VARIABLES = Kind(lambda v, good: isinstance(v, (list, tuple)) and len(v) == len(good))
PENALTY = of("net", "tape", "loss", "y", "norm", "of")
LEARNER = given(features=3, penalty=mp.prox.L1(0.1), step=0.1, average=True, classes=(-1, 1))
PAIR = Kind(lambda v, good: isinstance(v, (list, tuple)) and len(v) == 2)
STEP = either(b.weight, rule)
HISTORIES = Kind(lambda v, good: isinstance(v, (mp.History, dict, list, tuple, str, Path)))
MAPPING = Kind(lambda v, good: False)
ANY = Kind(lambda v, good: True)
RECORD = {"runs": MAPPING, "panels": MAPPING, "record": MAPPING}
OWN = {  # by name: what makes the arguments, and kinds that differ from the usual ones
    "energy": (
        lifted,
        {"theta": VARIABLES, "a": VARIABLES, "z": VARIABLES, "gamma": b.weight, "rho": b.weight},
    ),
    "algorithm_1": (
        lambda: of("net", "x", "tau", "gamma", "rho")() | {"loss": mp.SquaredError(), "y": targets},
        {},
    ),
    "algorithm_2": (
        lambda: of("net", "x", "tau", "tau_theta")() | {"loss": mp.SquaredError(), "y": targets},
        {},
    ),
    "armijo": (None, {"tau": b.positive}),
    "check_gradient": (
        lambda: (
            of("net", "x", "loss", "y", "seed")()
            | {"gradient": mp.backprop(n := net(), mp.forward(n, x), loss, labels)}
        ),
        {"seed": b.seed},
    ),
    "check_layer": (
        given(layer=mp.Tanh(), input_shape=(3,), batch=2, seed=0),
        {"input_shape": made_of(b.count)},
    ),
    "check_step": (
        lambda: (
            of("A", "delta", "tau_theta", "tolerance")()
            | {"d": mp.Exact()(mp.DenseMap(x, bias=True), targets, 0.5)}
        ),
        {"tau_theta": b.step_size},
    ),
    "Graph": (
        lambda: dict(zip(("input", "output"), symbols(), strict=True)) | {"seed": 0, "dtype": "float32"},
        {"output": b.symbol, "seed": either(b.seed, Kind(lambda v, good: v is None))},
    ),
    "Sequential": (
        given(layer=mp.Linear(3, 2), seed=0, dtype="float32"),
        {"layer": either(b.layer, a(list)), "seed": either(b.seed, NONE)},
    ),
    "resnet": (
        given(input_shape=(1, 4, 4), classes=2, widths=(2, 3), blocks=1, seed=0, dtype="float32"),
        {"input_shape": made_of(b.count, 3), "seed": Kind(lambda v, g: v is None or b.seed.fits(v, g))},
    ),
    "transformer": (
        given(vocabulary=4, length=3, features=2, heads=1, blocks=1, hidden=2, seed=0, dtype="float32"),
        {"seed": Kind(lambda v, g: v is None or b.seed.fits(v, g))},
    ),
    "DenseMap": (of("a", "bias"), {"a": b.any_reals}),
    "to_numpy": (
        of("array"),
        {"array": Kind(lambda v, g: not isinstance(v, (set, dict)) and np.asarray(v).dtype.kind != "V")},
    ),
    "array_module": (of("array"), {"array": Kind(lambda v, g: isinstance(v, (np.ndarray, np.generic)))}),
    "use": (given(name="numpy", tf32=False), {"name": b.text}),
    "explain": (given(label="E1"), {"label": b.text}),
    "evaluate": (of("net", "split", "loss", "batch_size"), {}),
    "save_parameters": (lambda: {"net": net(), "path": place() / "new.npz"}, {"path": b.path}),
    "load_parameters": (lambda: {"net": net(), "path": place() / "net.npz"}, {"path": b.path}),
    "layers.Permute": (given(first=2, second=1), {"first": b.count, "second": b.count}),
    "layers.Reshape": (given(first=2, second=1), {"first": b.integer, "second": b.integer}),
    "layers.Slice": (
        of("start", "stop", "axis"),
        {name: Kind(lambda v, g: v is None or b.integer.fits(v, g)) for name in ("start", "stop")}
        | {"axis": b.integer},
    ),
    "layers.Dropout": (of("p"), {}),
    "layers.LeakyReLU": (of("slope"), {"slope": b.finite}),
    "layers.GELU": (of("approximate"), {}),
    "layers.ELU": (given(alpha=0.5), {"alpha": b.finite}),
    "layers.Scale": (of("channels", "axis", "bias"), {}),
    "layers.Embedding": (of("vocabulary", "features"), {}),
    "layers.Transfer": (of("theta_shape", "fan_in", "bias", "groups", "init", "fan_out"), {}),
    "prox.GroupL1": (given(lam=0.1, groups="rows"), {"groups": b.text}),
    "prox.Box": (
        of("low", "high"),
        {
            name: Kind(lambda v, g: b.plain_number(v) is not None or v in (float("inf"), -float("inf")))
            for name in ("low", "high")
        },
    ),
    "prox.Simplex": (
        given(total=1.0, axis=None),
        {"axis": Kind(lambda v, g: v is None or b.integer.fits(v, g))},
    ),
    "theory.angle": (given(gradient=x, direction=x + 1), {"gradient": b.any_reals, "direction": b.any_reals}),
    "theory.angle_bound": (
        of("kappa"),
        {
            "kappa": Kind(
                lambda v, g: (
                    b.positive.fits(v, g) or (not isinstance(v, np.ma.MaskedArray) and v == float("inf"))
                ),
                b.numbers,
            )
        },
    ),
    "theory.condition": (of("A", "tau_theta"), {"tau_theta": b.step_size}),
    "theory.condition_bound": (of("A", "tau_theta"), {"tau_theta": b.step_size}),
    "theory.subproblem": (of("A", "delta", "tau_theta", "d"), {"tau_theta": b.step_size}),
    "theory.explicit_factor": (of("eigenvalue", "tau"), {}),
    "theory.implicit_factor": (of("eigenvalue", "tau_theta"), {"tau_theta": b.step_size}),
    "theory.large_step_limit": (of("A", "delta"), {}),
    "theory.SharpnessWatch": (of("x", "y", "loss", "direction", "every", "tolerance"), {}),
    "solvers.run": (of("solver", "A", "delta", "tau_theta"), {"tau_theta": b.step_size}),
    "solvers.relative_residual": (of("A", "delta", "tau_theta", "d"), {"tau_theta": b.step_size}),
    "datasets.Split": (of("x", "y"), {"x": b.any_reals, "y": b.any_reals}),
    "datasets.Dataset": (
        given(name="d", train=split, validation=split, test=split, classes=("a", "b"), source="s"),
        dict.fromkeys(("train", "validation", "test"), is_split) | {"classes": made_of(b.text)},
    ),
    "datasets.digits": (of("flatten", "dtype"), {}),
    "datasets.ridge": (given(rows=4, cols=3, eigenvalues=(1.0, 2.0, 3.0), columns=1, noise=0.1, seed=0), {}),
    "datasets.digit_sums": (
        given(train=6, validation=3, test=3, largest=2, seed=0, dtype="float32"),
        dict.fromkeys(("train", "validation", "test"), b.count),
    ),
    "datasets.number_names": (
        given(length=32, train=6, validation=3, test=3, seed=0, dtype="float32"),
        dict.fromkeys(("train", "validation", "test"), b.count),
    ),
    "datasets.blobs": (given(n=30, classes=3, features=2, spread=0.1, seed=0, dtype="float32"), {}),
    "datasets.two_spirals": (given(n=30, noise=0.1, turns=1.0, seed=0, dtype="float32"), {"turns": b.finite}),
    "datasets.from_arrays": (
        given(
            x=np.tile(x, (4, 1)),
            y=np.tile(labels, 4),
            kind="labels",
            validation=0.2,
            test=0.2,
            seed=0,
            name="n",
            source="s",
            dtype="float64",
        ),
        {"y": ANY, "x": b.array_like} | dict.fromkeys(("validation", "test"), either(b.share, b.natural)),
    ),
    "datasets.from_csv": (
        lambda: {
            "path": place() / "table.csv",
            "label": "label",
            "header": True,
            "ignore": (),
            "delimiter": ",",
            "kind": "auto",
            "classes": None,
            "validation": 0.2,
            "test": 0.2,
            "seed": 0,
            "name": "n",
            "source": "s",
            "dtype": "float32",
        },
        {
            "path": b.path,
            "label": either(b.text, b.integer),
            "header": b.flag,
            "delimiter": b.text,
            "ignore": Kind(lambda v, g: isinstance(v, int) or hasattr(v, "__iter__")),
            "classes": Kind(lambda v, g: isinstance(v, (list, tuple, np.ndarray))),
        },
    ),
    "datasets.TwoNormals": (
        given(features=3, share=0.1, distance=2.0, condition=10.0, seed=0),
        {"distance": b.finite},
    ),
    **{
        f"datasets.{name}": (
            lambda: {"folder": place() / "none", "flatten": False, "dtype": "float32"},
            {"folder": b.path},
        )
        for name in ("mnist", "cifar10", "fashion_mnist")
    },
    "methods.spauc.auc": (given(scores=np.ones(5), y=labels), {"scores": b.array_like, "y": b.array_like}),
    "methods.spauc.closed_form": (given(m=moments, lam=0.1), {}),
    "methods.spauc.objective": (given(w=np.ones(3), m=moments), {}),
    "methods.spauc.moments": (given(x=x, y=signs), {"x": b.any_reals, "y": b.any_reals}),
    "methods.spauc.SPAM": (lambda: LEARNER() | {"m": moments}, {"step": STEP, "classes": PAIR}),
    "methods.spauc.SPAUC": (lambda: LEARNER() | {"implicit": False}, {"step": STEP, "classes": PAIR}),
    "methods.spauc.SOLAM": (
        given(features=3, step=0.1, radius=1.0, average=True, classes=(-1, 1)),
        {"step": STEP, "classes": PAIR},
    ),
    "methods.spauc.PairwiseSGD": (LEARNER, {"step": STEP, "classes": PAIR}),
    "methods.spauc.ClosedForm": (given(features=3, lam=0.1, classes=(-1, 1)), {"classes": PAIR}),
    **{f"methods.spauc.{name}": (spaced, SPACED) for name in ("surrogate", "gradient")},
    "methods.spauc.spam_gradient": (spaced, SPACED),
    "methods.spauc.proximal_point": (lambda: spaced() | {"eta": 0.1}, SPACED),
    "methods.spauc.Constant": (given(eta=0.5), {"eta": b.positive}),
    "methods.spauc.Power": (given(eta=0.5, theta=0.5), {"theta": b.weight}),
    "methods.spauc.Inverse": (given(mu=0.5, eta=2.0), {"mu": b.weight}),
    "methods.AdversarialTraining": (
        given(epsilon=0.1, attack=mp.methods.fgsm, keep=True, clip=(0.0, 1.0)),
        {"attack": b.function},
    ),
    "methods.robust_accuracy": (
        lambda: {
            "net": net(),
            "split": split,
            "loss": loss,
            "epsilon": 0.1,
            "seed": 0,
            "clip": (-1.0, 1.0),
            "attack": mp.methods.fgsm,
            "batch_size": 2,
        },
        {"attack": b.function},
    ),
    "methods.DoubleBackprop": (given(lam=0.1), {"lam": b.schedule}),
    "methods.WarmUp": (given(value=0.1, epochs=2), {}),
    "methods.double_backprop": (
        lambda: PENALTY() | of("lam", "epsilon", "clip", "tau_theta", "solver", "last_layer")(),
        {"solver": ANY},  # which is not read without a step size
    ),
    "methods.gradient_penalty": (lambda: PENALTY() | of("epsilon", "clip")(), {}),
    "methods.penalty_gradient": (lambda: PENALTY() | of("epsilon", "clip")(), {}),
    "methods.n_wise": (interlocked, {"net": a(mp.methods.Modules)}),
    "methods.Modules": (
        lambda: dict(zip(("modules", "heads"), modules(), strict=True)),
        dict.fromkeys(("modules", "heads"), made_of(is_net)),
    ),
    "methods.cut": (lambda: {"net": (n := net()), "at": [n.nodes[2]]}, {"at": made_of(b.symbol)}),
    "methods.schedule": (
        given(modules=3, horizon=2, batches=2, forward=1.0, error=1.0, direction=1.0),
        {"direction": b.positive},
    ),
    "methods.step_time": (
        given(modules=3, horizon=2, batches=2, forward=1.0, error=1.0, direction=1.0),
        {"direction": b.positive},
    ),
    "methods.output_factor": (given(delta=targets, N=5), {"delta": b.any_floats, "N": b.positive}),
    "methods.kfac_step": (
        lambda: {"G": np.ones((3, 2)), "Omega": np.eye(3), "Gamma": np.eye(2), "a": 0.1, "b": 0.1},
        dict.fromkeys(("G", "Omega", "Gamma"), b.floats) | dict.fromkeys("ab", b.array_like),
    ),
    "methods.split_damping": (
        lambda: {"Omega": np.eye(3), "Gamma": np.eye(2), "damping": 0.1},
        dict.fromkeys(("Omega", "Gamma"), b.any_floats) | {"damping": b.positive},
    ),
    "methods.KFAC": (
        given(damping=0.1, decay=0.9, fisher="sampled", seed=0),
        {"damping": b.positive, "decay": b.part, "fisher": b.text, "seed": b.seed},
    ),
    "figures.look_of": (
        given(method="proxprop", solver="cg3", points=3),
        {"method": b.text, "solver": b.text, "points": b.natural},
    ),
    "methods.looks": (
        given(curves=[("backprop", ""), ("proxprop", "exact")]),
        {"curves": Kind(lambda v, g: hasattr(v, "__iter__"))},
    ),
    "methods.vsml.HandSetCell": (given(eta=0.1), {}),
    "methods.vsml.LSTMCell": (given(theta=None, seed=0), {"theta": made_of(b.any_reals)}),
    "methods.vsml.Learner": (
        lambda: {"cell": vsml.LSTMCell(), "sizes": (3, 2), "episodes": 1, "seed": 0, "backward": False},
        {"cell": a(vsml.LSTMCell), "sizes": made_of(b.count), "episodes": b.count},
    ),
    "experiments.Run": (
        given(
            label="l",
            seed=0,
            data="blobs",
            architecture="2-3",
            activation=None,
            loss="cross-entropy",
            method="proxprop",
            solver="cg3",
            tau=1.0,
            tau_theta=0.5,
            optimizer="nesterov",
            momentum=0.5,
            weight_decay=0.1,
            epochs=1,
            batch_size=50,
            train_samples=10,
            dtype="float32",
        ),
        {
            "label": b.text,
            "data": either(b.text, is_data),
            "architecture": either(b.text, b.function, is_net),
            "activation": b.text,
            "loss": either(b.text, is_loss),
            "method": either(b.text, b.function, a(mp.methods.Method)),
            "solver": either(b.text, b.function),
            "tau": b.positive,
            "tau_theta": b.positive,
            "optimizer": b.text,
            "train_samples": b.count,
            "seed": b.seed,
            "dtype": b.text,
        },
    ),
    "experiments.GANRun": (
        given(label="l", seed=0, loss="non-saturating", batch_size=2),
        {"label": b.text, "seed": b.seed, "loss": b.text},
    ),
    "experiments.MetaTraining": (
        given(label="l", seed=0, clip=5.0, batch=2, tau=0.1, blocks=1, every=1, classes=2),
        {"label": b.text, "seed": b.seed, "clip": b.positive},
    ),
    "experiments.Online": (
        given(label="l", seed=0, marks=2, every=1, hidden=0),
        {"label": b.text, "seed": b.seed, "marks": b.count, "hidden": b.natural},
    ),
    "methods.vsml.Episode": (
        lambda: {"cell": vsml.LSTMCell(), "sizes": (3, 2), "T": 2},
        {"cell": a(vsml.LSTMCell), "sizes": made_of(b.count), "T": b.count},
    ),
    "methods.vsml.Imitation": (
        lambda: {"cell": vsml.LSTMCell(), "T": 2},
        {"cell": a(vsml.LSTMCell), "T": b.count},
    ),
    "methods.vsml.LSTMClone": (lambda: {"cell": vsml.LSTMCell()}, {"cell": a(vsml.LSTMCell)}),
    "methods.vsml.Rivals": (
        given(sizes=(3, 2), rates=(0.1, 0.2), optimizer="sgd", seed=0, dtype="float32"),
        {"sizes": made_of(b.count), "rates": made_of(b.positive), "optimizer": b.text, "seed": b.seed},
    ),
    "methods.vsml.dissect": (
        lambda: STREAM | {"cell": vsml.LSTMCell(), "seed": 0},
        {"cell": a(vsml.LSTMCell), "x": b.any_reals, "y": b.any_reals, "seed": b.seed},
    ),
    "methods.vsml.gaussian_tasks": (
        lambda: {"rng": np.random.default_rng(0), "N": 2, "T": 3, "inputs": 3, "classes": 2},
        {"rng": a(np.random.Generator)} | dict.fromkeys(("N", "T", "inputs", "classes"), b.count),
    ),
    "methods.vsml.save": (
        lambda: {"cell": vsml.LSTMCell(), "path": place() / "cell.npz"},
        {"cell": a(vsml.LSTMCell), "path": b.path},
    ),
    "datasets.Gaussians": (given(centres=np.ones((2, 2)), spread=0.1), {"centres": b.array_like}),
    **{
        f"methods.wasserstein_gan.{name}": (
            given(g=x, g_old=x + 1, h=0.5),
            {"g": b.floats, "g_old": b.floats, "h": b.positive},
        )
        for name in ("relaxed", "relaxed_error", "affine", "affine_error")
    },
    **{
        f"methods.wasserstein_gan.{name}": (
            lambda: {"critic": critic(), "x": x, "seed": 0},
            {"critic": is_net},
        )
        for name in ("norm_penalty", "norm_penalty_gradient")
    },
    **{
        f"methods.wasserstein_gan.{name}": (
            given(samples=x, others=x + 1),
            dict.fromkeys(("samples", "others"), b.any_floats),
        )
        for name in ("sliced_w2", "frechet")
    },
    "methods.wasserstein_gan.w2_on_a_line": (
        given(samples=x, others=x + 1),
        dict.fromkeys(("samples", "others"), b.any_floats),
    ),
    "methods.wasserstein_gan.modes": (
        given(samples=x[:, :2], centres=x[:2, :2], radius=0.5, share=0.1),
        dict.fromkeys(("samples", "centres"), b.any_floats),
    ),
    "methods.wasserstein_gan.digit_distance": (
        given(samples=np.full((4, 64), 0.5, "f4")),
        {"samples": b.any_floats},
    ),
    "experiments.Ranking": (
        given(
            label="l",
            seed=0,
            marks=2,
            task="eight",
            method="spauc",
            eta=0.1,
            rule="inverse",
            mu=0.01,
            lam=0.001,
            radius=5.0,
        ),
        {"label": b.text, "marks": b.count, "task": b.text, "method": b.text, "seed": b.seed, "mu": b.weight},
    ),
    "experiments.Experiment": (
        lambda: {
            "name": "e",
            "title": "t",
            "methods": experiment().methods,
            "steps": (),
            "seeds": (0,),
            "panels": (),
            "preset": "paper",
            "blas_threads": None,
            "note": "",
            "claims": (),
            "columns": (),
            "mean": False,
            "presets": {},
        },
        {
            "methods": Kind(lambda v, g: False),
            "steps": made_of(b.positive),
            "seeds": made_of(b.seed),
            "panels": Kind(lambda v, g: isinstance(v, (list, tuple)) and all(PAIR.fits(p, g) for p in v)),
            "preset": b.text,
            "blas_threads": b.count,
            "note": b.text,
            "claims": made_of(a(mp.experiments.Claim)),
            "columns": made_of(b.text),
            "mean": b.flag,
            "presets": Kind(lambda v, g: isinstance(v, dict)),
        },
    ),
    "experiments.Kind": (given(label="l", seed=0), {"label": b.text, "seed": b.seed}),
    "experiments.quick": (given(experiment=mp.experiments.X1), {}),
    "experiments.small": (given(experiment=mp.experiments.X1), {}),
    "experiments.run": (
        lambda: {"experiment": experiment(), "out": place() / "e", "progress": False, "resume": True},
        {"out": b.path, "progress": b.flag, "resume": b.flag},
    ),
    "experiments.execute": (
        lambda: {
            "run": experiment().runs["seed-0/m"],
            "folder": place() / "e" / "seed-0" / "m",
            "resume": True,
            "progress": False,
            "backend": "numpy",
            "tf32": False,
        },
        {"run": a(mp.experiments.Kind), "resume": b.flag, "progress": b.flag},
    ),
    "experiments.load": (lambda: {"folder": place() / "e" / "seed-0" / "m"}, {}),
    "experiments.table": (of("experiment", "folder"), {}),
    "experiments.verdict": (of("experiment", "folder"), {}),
    "experiments.recall": (of("folder"), {}),
    "experiments.Processes": (of("jobs"), {}),
    "experiments.parse_solver": (given(name="cg3"), {"name": b.text}),
    "figures.convergence": (
        lambda: {"runs": {"a": history()}, "title": "t", "caption": "c"},
        {"runs": HISTORIES},
    ),
    "figures.experiment": (of("experiment", "folder", "title"), {}),
    "figures.gantt": (
        given(modules=3, horizons=(1, 2), batches=2, title="t"),
        {"horizons": made_of(b.count)},
    ),
    "figures.graph": (of("net", "input_shape", "title"), {}),
    "figures.robustness": (given(panels={"FGSM": {"none": {0.0: 0.9, 0.1: 0.4}}}, title="t"), RECORD),
    "figures.sharpness": (
        lambda: {"runs": {"p": (1.0, [SHARP])}, "title": "t", "unit": "epoch"},
        RECORD | {"unit": b.text},
    ),
    "figures.step": (
        lambda: of("net", "tape", "loss", "y", "tau_theta", "title")() | {"solvers": (mp.Exact(),)},
        {"solvers": made_of(b.function)},
    ),
    "figures.step_table": (
        lambda: of("net", "tape", "loss", "y", "tau_theta")() | {"solvers": (mp.Exact(),)},
        {"solvers": made_of(b.function)},
    ),
    "figures.look": (given(number=1, points=50), {"number": b.natural, "points": b.natural}),
    "figures.save": (
        lambda: {"figure": mp.figures.graph(net()), "path": place() / "f.svg"},
        {"path": b.path, "figure": MAPPING},
    ),
    "figures.check_ending": (given(path="f.svg"), {"path": b.path}),
    "formulas.explain": (given(label="E1"), {"label": b.text}),
    "formulas.find": (given(name="minprox.backprop"), {"name": b.text}),
    "exercises.give": (
        lambda: {"number": "01", "folder": tempfile.mkdtemp(dir=place())},
        {"number": b.text, "folder": b.path},
    ),
    "exercises.exercise": (given(number="01"), {"number": b.text}),
}
STREAM = {"x": np.ones((1, 80, 3), "f4"), "y": np.arange(80)[None] % 2}
SHARP = {
    "epoch": 0,
    "loss": 2.3,
    "sharpness": 3.0,
    "preconditioned": 1.0,
    "preconditioned_shares": [0.25, 0.75],
}

EXCEPT = {  # by name or its beginning, and why
    "theory.Descent": "holds what was measured",
    "theory.Sharpness": "holds what was measured",
    "solvers.Report": "holds what was measured",
    "solvers.NewtonCG": "is what proxprop makes of a layer and a loss when both are checked",
    "datasets.Quadratic": "holds what was drawn",
    "methods.spauc.Moments": "holds what was measured",
    "methods.spauc.AUCClassifier": "checks its arguments in fit, as scikit-learn asks",
    "methods.spauc.libsvm": "needs scikit-learn, which the tests do without",
    "methods.vsml.Dissection": "holds what was measured",
    "methods.vsml.Search": "is half of a direction that trains a cell, which takes minutes",
    "methods.vsml.Through": "is half of a direction that trains a cell, which takes minutes",
    "methods.vsml.Windows": "is half of a direction that trains a cell, which takes minutes",
    "methods.wasserstein_gan.train": "trains two nets, which have to fit",
    "methods.wasserstein_gan.critic_direction": "takes two nets that have to fit",
    "methods.wasserstein_gan.generator_direction": "takes two nets that have to fit",
    "methods.wasserstein_gan.exact_proximal": "takes nets that have to fit",
    "RowsApart": "is made by the passes, of processes that share a batch",
    "ColumnsApart": "shares a layer out among processes",
    "figures.machine_costs": "draws a record that minprox bench wrote",
    "Counted": "wraps what speaks for several processes",
    "simulated": "starts threads",
    "figures.learning_rule": "draws what was measured",
    "methods.add": "changes the table of methods",
    "methods.Method": "is an entry of that table",
    "layers.Symbol": "is made by calling layers",
    "layers.Layer": "is a base class without arguments",
    "Loss": "is a base class without arguments",
    "LinearMap": "is a base class without arguments",
    "prox.Penalty": "is a base class without arguments",
    "methods.spauc.StepRule": "is a base class without arguments",
    "methods.spauc.Learner": "is the base class of SPAUC, which is walked",
    "History": "is made by training; its methods are walked",
    "CheckError": "is an error",
    "experiments.MissingRecord": "is an error",
    "experiments.Result": "holds what was read",
    "experiments.Finding": "holds what was decided",
    "experiments.Measure": "holds how a column is shown",
    "experiments.Step": "holds how a step size is shown",
    "experiments.Claim": "holds a sentence",
    "experiments.Records": "holds what was read",
    "experiments.Architecture": "is an entry of a table",
    "experiments.DataSource": "is an entry of a table",
    "exercises.Report": "holds what was found",
    "exercises.Verdict": "holds what was found",
    "exercises.examine": "executes what it is given",
    "figures.film_strip": "draws what was made, in frames",
    "figures.Film": "draws what was made, in frames",
    "figures.critic_plane": "draws what a critic says of a plane",
    "exercises.check": "executes what it is given, in a process of its own",
    "formulas.Explanation": "holds what was found",
    "formulas.Formula": "holds a formula",
    "formulas.Mention": "holds what was found",
    "formulas.Paper": "holds formulas",
    "formulas.Source": "holds what was found",
    "formulas.problems": "reads the whole project, for the tests",
    "figures.scaling": "draws a record that minprox bench wrote",
    "figures.batch_scaling": "draws a record that minprox bench wrote",
    "figures.thread_scaling": "draws a record that minprox bench wrote",
    "figures.stream_scaling": "draws a record that minprox bench wrote",
}
FETCHED = {f"datasets.{name}" for name in ("mnist", "cifar10", "fashion_mnist")}  # their good calls download


def public(module=mp, prefix=""):
    """Yield every public callable with its name, each of them once where it has several."""
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, types.ModuleType):
            yield from public(value, f"{prefix}{name}.")
        elif callable(value):
            yield prefix + name, value


def starred(function):
    """Return a function that takes by name what another takes as ``*arguments``."""
    names = ("layer", "input_shape", "first", "second", "array")

    def called(**arguments):
        own = inspect.signature(function).parameters
        placed = [value for name, value in arguments.items() if name in names and name not in own]
        first = [
            arguments[name] for name in list(own)[:1] if own[name].kind is own[name].POSITIONAL_OR_KEYWORD
        ]
        rest = {n: v for n, v in arguments.items() if n in own and n not in list(own)[: len(first)]}
        return function(*first, *placed, **rest)

    return called


def by_names(function):
    """Return what makes the usual arguments of a function by their names, None where one is not known."""
    named = [
        p
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and (p.name in USUAL or p.default is p.empty)
    ]
    names = [p.name for p in named]
    return of(*names) if set(names) <= set(USUAL) else None


# What objects do


def own_step(step):
    return mp.proxprop(n := net(), mp.forward(n, x), loss, labels, 0.5, lambda A, delta, tau: step)


def one_layer(tau_theta, solver, weight_decay):
    n = mp.Sequential(mp.Linear(3, 2), seed=0, dtype="float64")
    tape = mp.forward(n, x)
    return mp.proxprop(
        n,
        tape,
        mp.SquaredError(),
        targets,
        [tau_theta],
        [solver],
        last_layer="proximal",
        weight_decay=weight_decay,
    )


def trained(net, data, loss, direction, epochs, batch_size, seed, callbacks):
    epochs = min(epochs, 2) if type(epochs) is int else epochs
    optimizer = mp.SGD(net, 0.1) if isinstance(net, mp.Graph) else None
    return mp.train(
        net,
        data,
        loss,
        optimizer,
        direction,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        callbacks=callbacks,
        progress=False,
    )


def recorded(epoch, train_loss):
    rest = dict.fromkeys(("train_accuracy", "validation_loss", "validation_accuracy", "batch_loss"), 0.5)
    return mp.History().append(epoch=epoch, train_loss=train_loss, seconds=1.0, **rest)


def convnet(x):
    return mp.forward(mp.Sequential(mp.Conv2d(2, 2, 2), mp.MaxPool2d(2), dtype="float64"), x)


def run(optimizer):
    return mp.train(net(), data, loss, optimizer, epochs=1, batch_size=3, progress=False)


ACTIVATIONS = [
    "ReLU",
    "LeakyReLU",
    "Tanh",
    "Sigmoid",
    "Softplus",
    "GELU",
    "ELU",
    "SELU",
    "SiLU",
    "Mish",
    "Softsign",
]
SHAPES = {
    **dict.fromkeys((*ACTIVATIONS, "Softmax", "LayerNorm", "Dropout"), (2, 3)),
    **{"Flatten": (2, 3, 2), "Positions": (2, 3, 4), "GlobalAvgPool2d": (2, 3, 4, 4)},
    **{"GlobalMaxPool2d": (2, 3, 4, 4), "GlobalMaxPool1d": (2, 3, 4), "GlobalAvgPool1d": (2, 3, 4)},
    **{"Mean": (2, 3, 4)},
}
number_like = Kind(lambda v, good: b.plain_number(v) is not None or (isinstance(v, float)), b.numbers)
real_measure = Kind(
    lambda v, good: (
        isinstance(v, (int, float, np.number))
        or b.plain_number(v) is not None
        or (getattr(v, "ndim", None) == 0 and getattr(v, "dtype", np.dtype("O")).kind in "fiu")
    ),
    b.numbers,
)


def bound(kind, name, *arguments):
    """Return a function that makes an object and calls one of its methods by keyword."""
    return lambda **options: getattr(kind(*arguments), name)(**options)


def methods():
    """Yield calls of what objects do: methods, and properties that one sets."""
    theta = net().parameters
    for kind in (mp.CrossEntropy, mp.SquaredError, mp.Huber, mp.BinaryCrossEntropy):
        y = labels if kind is mp.CrossEntropy else targets
        for what in ("__call__", "gradient", "correct"):
            none = what == "correct" and kind in (mp.SquaredError, mp.Huber)  # which say None to everything
            kinds = {"output": ANY, "y": ANY} if none else {"output": b.reals, "y": b.any_reals}
            yield f"{kind.__name__}.{what}", bound(kind, what), {"output": targets, "y": y}, kinds
    for solver in (
        mp.Exact("primal"),
        mp.Exact("dual"),
        mp.CG(2),
        mp.BlockCG(2),
        mp.BlockCG(2, "dual"),
        mp.Explicit(),
    ):
        yield (
            f"{solver}()",
            lambda A, delta, tau_theta, f=solver: f(A, delta, tau_theta),
            {"A": mp.DenseMap(x, bias=True), "delta": targets, "tau_theta": 0.5},
            {"tau_theta": b.step_size},
        )
    for name, shape in SHAPES.items():
        z = np.linspace(-1, 1, int(np.prod(shape))).reshape(shape)
        layer = getattr(mp.layers, name)
        yield f"{name}.forward", lambda a, layer=layer: layer().forward(a), {"a": z}, {}
    for name, layer in (("MaxPool2d", mp.MaxPool2d), ("AvgPool2d", mp.AvgPool2d)):
        yield (
            f"{name}.forward",
            lambda a, layer=layer: layer(3).forward(a),
            {"a": images},
            {},
        )
    whole = {"theta": b.floats}
    yield (
        "Linear.forward",
        lambda theta, a: mp.Linear(3, 2).forward(theta, a),
        {"theta": np.ones((4, 2)), "a": x},
        whole,
    )
    yield (
        "Conv2d.forward",
        lambda theta, a: mp.Conv2d(2, 2, 2).forward(theta, a),
        {"theta": np.ones((9, 2)), "a": images},
        whole,
    )
    yield (
        "Embedding.forward",
        lambda theta, a: mp.Embedding(4, 2).forward(theta, a),
        {"theta": np.ones((4, 2)), "a": np.zeros((2, 3))},
        whole,
    )
    yield (
        "Scale.forward",
        lambda theta, a: mp.Scale(3).forward(theta, a),
        {"theta": np.ones((2, 3)), "a": x},
        whole,
    )
    yield "BatchNorm.forward", lambda a: mp.BatchNorm(2).forward(a), {"a": images}, {}
    yield "Attention.forward", lambda a: mp.Attention().forward(a, a, a), {"a": np.ones((2, 3, 4))}, {}
    yield "Add.forward", lambda a, z: mp.Add().forward(a, z), {"a": x, "z": x}, {"z": b.any_floats}
    yield "Concat.forward", lambda a, z: mp.Concat().forward(a, z), {"a": x, "z": x}, {"z": b.any_floats}
    yield "Multiply.forward", lambda a, z: mp.Multiply().forward(a, z), {"a": x, "z": x}, {"z": b.any_floats}
    for kind in (mp.SGD, mp.Adam, mp.AdamW, mp.RMSprop):
        yield (
            f"{kind.__name__}.step",
            lambda directions, kind=kind: kind(net(), 0.1).step(directions),
            {"directions": theta},
            {},
        )
    yield (
        "a schedule",
        lambda rate: mp.SGD(net(), lambda epoch: rate).step(theta),
        {"rate": 0.1},
        {"rate": b.weight},
    )
    yield (
        "a schedule of lambda",
        lambda rate: mp.methods.DoubleBackprop(lambda epoch: rate)(
            n := net(), mp.forward(n, x), loss, labels
        ),
        {"rate": 0.1},
        {"rate": b.weight},
    )
    yield (
        "a rule",
        lambda rate: mp.methods.spauc.SPAUC(3, step=Rule(rate)).learn(x, signs),
        {"rate": 0.1},
        {"rate": b.positive},
    )
    yield (
        "net.parameters",
        lambda values: setattr(net(), "parameters", values),
        {"values": theta},
        {"values": b.array_list},
    )
    yield (
        "layer.theta",
        lambda value: setattr(net().transfers[0], "theta", value),
        {"value": theta[0]},
        {"value": Kind(lambda v, g: v is None or b.floats.fits(v, g), b.any_array())},
    )
    backend = {"backend": b.text}
    yield "net.to", lambda backend: net().to(backend), {"backend": "numpy"}, backend
    yield "split.to", lambda backend: split.to(backend), {"backend": "numpy"}, backend
    yield "data.to", lambda backend: data.to(backend), {"backend": "numpy"}, backend
    sized = {
        "input_shape": Kind(
            lambda v, g: v is None or made_of(b.count).fits(v, g) or b.count.fits(v, g), b.containers
        )
    }
    yield "net.summary", lambda input_shape: net().summary(input_shape), {"input_shape": (3,)}, sized
    yield "net.check", lambda input_shape: net().check(input_shape), {"input_shape": (3,)}, sized
    yield "net.shapes", lambda input_shape: net().shapes(input_shape), {"input_shape": (3,)}, sized
    yield "layer()", lambda symbol: mp.ReLU()(symbol), {"symbol": mp.Input((3,))}, {"symbol": b.symbol}
    yield "images", convnet, {"x": images}, {"x": b.any_floats}
    yield (
        "each layer",
        one_layer,
        {"tau_theta": 0.5, "solver": mp.CG(2), "weight_decay": 0.1},
        {"tau_theta": b.step_size},
    )
    yield (
        "a gradient of one's own",
        lambda found: mp.backprop(n := net(), mp.forward(n, x), Says(found), labels),
        {"found": targets},
        {"found": b.floats},
    )
    yield "a step of one's own", own_step, {"step": np.ones((4, 4))}, {"step": b.floats}
    yield (
        "History.append",
        recorded,
        {"epoch": 1, "train_loss": 1.0},
        {"epoch": b.natural, "train_loss": real_measure},
    )
    yield "History.column", lambda name: mp.History().column(name), {"name": "train_loss"}, {"name": b.text}
    yield (
        "History.last",
        lambda column, worst: history().last(column, worst),
        {"column": "train_loss", "worst": 1.0},
        {"worst": number_like},
    )
    yield "History.save", lambda path: history().save(path), {"path": place() / "h.json"}, {"path": b.path}
    yield "History.load", lambda path: mp.History.load(path), {"path": place() / "h.json"}, {"path": b.path}
    for penalty in (
        mp.prox.L1(0.1),
        mp.prox.L2Squared(0.1),
        mp.prox.ElasticNet(0.1, 0.1),
        mp.prox.GroupL1(0.1),
        mp.prox.Box(0.0, 1.0),
        mp.prox.NonNegative(),
        mp.prox.Simplex(),
        mp.prox.Nuclear(0.1),
    ):
        name, free = (
            type(penalty).__name__,
            {"v": b.any_reals, "tau": b.weight, "sigma": b.positive, "u": b.any_reals},
        )
        yield f"{name}()", lambda u, f=penalty: f(u), {"u": x}, free
        yield f"{name}.prox", lambda v, tau, f=penalty: f.prox(v, tau), {"v": x, "tau": 0.1}, free
        yield (
            f"{name}.prox_conjugate",
            lambda v, sigma, f=penalty: f.prox_conjugate(v, sigma),
            {"v": x, "sigma": 0.1},
            free,
        )
        yield f"{name}.conjugate", lambda w, f=penalty: f.conjugate(w), {"w": x}, {"w": b.any_reals}
    yield (
        "a learner",
        lambda x, y: mp.methods.spauc.SPAUC(3).learn(x, y),
        {"x": x, "y": signs},
        {"x": b.array_like, "y": b.array_like},
    )
    yield (
        "scores",
        lambda x: mp.methods.spauc.SPAUC(3).learn(X, signs).decision_function(x),
        {"x": x},
        {"x": b.array_like},
    )
    yield (
        "train",
        trained,
        {
            "net": net(),
            "data": data,
            "loss": loss,
            "direction": mp.backprop,
            "epochs": 1,
            "batch_size": 2,
            "seed": 0,
            "callbacks": [],
        },
        {"data": is_data, "seed": b.seed},
    )
    yield "train, optimizer", run, {"optimizer": None}, {"optimizer": Kind(lambda v, g: False, b.objects)}
    yield (
        "select",
        lambda methods=None, epochs=None, seeds=None: experiment().select(methods, epochs, seeds),
        {"methods": ["m"], "epochs": 1, "seeds": [0]},
        {"methods": made_of(b.text), "seeds": Kind(lambda v, g: {*v} <= {0, 1, 2, 3, 4, 5})},
    )


X = x


class Says(mp.Loss):
    """A loss that says always the same."""

    def __init__(self, found):
        self.found = found

    def __call__(self, output, y):
        return output.sum()

    def gradient(self, output, y):
        return self.found


class Rule(spauc.StepRule):
    """A rule that says always the same."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, t):
        return self.rate


FAILING = {"train, optimizer"} | FETCHED  # whose good calls are not made


def excepted(name):
    return any(name == known or name.startswith(f"{known}.") for known in EXCEPT)


def walked_elsewhere(function):
    """Tell whether a callable is walked under another of its names, or has no arguments."""
    if function is mp.train:
        return True  # as what it is given needs to fit: the net its optimiser
    names = [name for name, other in public() if other is function]
    make = by_names(function)
    return any(name in calls() for name in names) or (make is not None and not make())


@functools.cache
def calls():
    """Return by name each call that is walked."""
    found = {
        name: Call(function, lambda given=given: dict(given), kinds_of(given, own))
        for name, function, given, own in methods()
    }
    done = set()
    for name, function in public():
        if excepted(name) or id(function) in done or name == "train":
            continue
        done.add(id(function))
        make, own = OWN.get(name) or OWN.get(f"layers.{name}") or (None, {})
        make = make or by_names(function)
        if make is None:
            continue  # a test names it
        called = (
            starred(function)
            if any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(function).parameters.values())
            else function
        )
        arguments = make()
        if arguments:
            found[name] = Call(called, make, kinds_of(arguments, own))
    return found


def kinds_of(arguments, own):
    """Return the kind of each argument, by its name."""
    return types.MappingProxyType({name: own.get(name) or USUAL[name][1] for name in arguments})
