"""The paper's three experiments as data: what is run, not how (section 5, X1 to X3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from minprox.experiments.runs import Run, whole

EPOCHS, TIME = "epoch", "seconds"
LOSS, ACCURACY = "train_loss", "validation_accuracy"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Runs that belong together, and how they are shown.

    Parameters
    ----------
    name, title : str
    methods : mapping of str to Run
        One run for each method that is compared, by a short name without ``-``.
    steps : tuple of float
        If given, every method is run at each of these step sizes: τ of BackProp, τ_θ of ProxProp.
    seeds : tuple of int
    panels : tuple of (str, str)
        Columns of :class:`minprox.History`, over x and up y; none for a table of final losses.
    preset : str
        Which size of the experiment this is.
    blas_threads : int, optional
        For each process; the cores shared out among the processes if not given.
    note : str
        What a figure says about the methods.

    Examples
    --------
    >>> list(X1.methods)
    ['backprop', 'cg3', 'cg5', 'cg10', 'exact']
    >>> list(X1.select(methods=["cg3"], seeds=[0, 1]).runs)
    ['seed-0/cg3', 'seed-1/cg3']
    """

    name: str
    title: str
    methods: Mapping[str, Run]
    steps: tuple[float, ...] = ()
    seeds: tuple[int, ...] = (0,)
    panels: tuple[tuple[str, str], ...] = ()
    preset: str = "paper"
    blas_threads: int | None = None
    note: str = ""

    @property
    def runs(self) -> dict[str, Run]:
        """Every run, by the name of its folder; one seed after the other."""
        return {
            f"seed-{seed}/{name}": replace(run, seed=seed)
            for seed in self.seeds
            for key, method in self.methods.items()
            for name, run in at_steps(key, method, self.steps)
        }

    def select(
        self,
        methods: Iterable[str] | None = None,
        epochs: int | None = None,
        seeds: Iterable[int] | None = None,
        tau_theta: Iterable[float] | None = None,
    ) -> Experiment:
        """Return a part of the experiment, or one of another length.

        Parameters
        ----------
        methods : iterable of str, optional
            Names of :attr:`methods`.
        epochs : int, optional
        seeds : iterable of int, optional
        tau_theta : iterable of float, optional
            In the place of :attr:`steps`.

        Returns
        -------
        Experiment

        Raises
        ------
        ValueError
            If there is no such method, nothing is left, or a value makes no sense.
        """
        changes: dict[str, Any] = {}
        if methods is not None:
            wanted = several("methods", methods)
            for key in wanted:
                if key not in self.methods:
                    raise ValueError(f"methods: {self.name} has {', '.join(self.methods)}, found {key!r}")
            changes["methods"] = {key: run for key, run in self.methods.items() if key in wanted}
        if epochs is not None:
            chosen = changes.get("methods", self.methods)
            changes["methods"] = {key: replace(run, epochs=epochs) for key, run in chosen.items()}
        if seeds is not None:
            changes["seeds"] = several("seeds", seeds)
            for seed in changes["seeds"]:
                whole("seed", seed, 0)
        if tau_theta is not None:
            if not self.steps:
                raise ValueError(f"tau_theta: {self.name} has one value for all runs, which it keeps")
            changes["steps"] = several("tau_theta", tau_theta)
            for key, run in self.methods.items():
                at_steps(key, run, changes["steps"])  # refuses what is no step size
        return replace(self, **changes)


def several(name: str, values: Iterable[Any]) -> tuple[Any, ...]:
    """Return the values, each of them once, or raise ValueError if there is none."""
    found = tuple(dict.fromkeys(values))
    if not found:
        raise ValueError(f"{name}: expected one value or more, found none")
    return found


def at_steps(key: str, run: Run, steps: Iterable[float]) -> list[tuple[str, Run]]:
    """Return the run under its name, or at each of the step sizes under a name that tells which."""
    values = list(steps)
    if not values:
        return [(key, run)]
    field, symbol = ("tau", "τ") if run.method == "backprop" else ("tau_theta", "τ_θ")
    changes: list[tuple[str, dict[str, Any]]] = [
        (short(value), {"label": f"{run.label}, {symbol} = {short(value)}", field: value}) for value in values
    ]
    return [(f"{key}-{field.replace('_', '-')}-{text}", replace(run, **change)) for text, change in changes]


def short(value: float) -> str:
    """Return a number as a text that is as short as it can be without becoming another number."""
    text = f"{value:g}"
    return text if float(text) == value else repr(value)


def backprop(base: Run, tau: float) -> Run:
    """Return explicit steps of size τ."""
    return replace(base, label="BackProp", method="backprop", tau=tau)


def proxprop(base: Run, solvers: Mapping[str, str], tau: float, tau_theta: float) -> dict[str, Run]:
    """Return implicit steps by each of the solvers, which are named as in the paper."""
    shared = replace(base, method="proxprop", tau=tau, tau_theta=tau_theta)
    return {key: replace(shared, label=f"ProxProp {key}", solver=name) for key, name in solvers.items()}


# The paper's "cg n" is a matter of the layer. The published code lets every column of a dense layer
# iterate by itself, which is our BlockCG (and in its dual form several times faster here), and
# flattens a convolution into one vector, which is our CG. So X1 and X2 take the one and X3 the other.
BY_COLUMN = "cg n: n iterations of conjugate gradients, each column of a layer by itself (BlockCG)."
FLATTENED = "cg n: n iterations of conjugate gradients on all parameters of a layer as one vector (CG)."

MLP = Run(
    data="cifar10", architecture="paper-mlp", activation="relu",
    optimizer="nesterov", momentum=0.95, epochs=50, batch_size=500,
)  # fmt: skip
CONVNET = replace(MLP, architecture="paper-convnet", optimizer="adam", momentum=None, tau=1e-3)

X1 = Experiment(
    name="x1",
    title="X1: exact and inexact solves",
    methods={
        "backprop": backprop(MLP, tau=0.05),
        **proxprop(
            MLP, {"cg3": "blockcg3", "cg5": "blockcg5", "cg10": "blockcg10", "exact": "exact"}, 1.0, 0.05
        ),
    },
    panels=((EPOCHS, LOSS), (TIME, LOSS), (EPOCHS, ACCURACY)),
    note=BY_COLUMN,
)

X2 = Experiment(
    name="x2",
    title="X2: training loss after the last epoch, for small and large steps",
    methods={
        "backprop": backprop(MLP, tau=0.05),
        **proxprop(
            MLP, {"cg1": "blockcg1", "cg3": "blockcg3", "cg5": "blockcg5", "exact": "exact"}, 1.0, 0.05
        ),
    },
    steps=(50.0, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.005, 0.0005),
    note=BY_COLUMN,
)

X3 = Experiment(
    name="x3",
    title="X3: Adam on implicit steps and on gradients",
    methods={
        "backprop": backprop(CONVNET, tau=1e-3),
        **proxprop(CONVNET, {"cg3": "cg3", "cg10": "cg10", "exact": "exact"}, 1e-3, 1.0),
    },
    panels=((EPOCHS, LOSS), (TIME, LOSS), (EPOCHS, ACCURACY), (TIME, ACCURACY)),
    note=FLATTENED,
)

EXPERIMENTS = {"x1": X1, "x2": X2, "x3": X3}
