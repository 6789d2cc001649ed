"""Double back-propagation: a penalty on the gradient with respect to the input.

Seck, Loosli and Canu, *L1-norm double backpropagation adversarial defense*, ESANN 2019, arXiv:1903.01715.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.passes import backprop, proxprop
from minprox.engine.plan import Solver, plan
from minprox.engine.reverse import errors
from minprox.engine.solvers import Exact
from minprox.engine.tape import Tape
from minprox.ground.arguments import number, whole
from minprox.learning.doors import door
from minprox.methods.attacks import Clip
from minprox.methods.implicit_step import implicit_step
from minprox.methods.input_penalty import check_options, penalty_gradient


@door(tau_theta=None)
def double_backprop(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    lam: float = 0.1,
    *,
    norm: str = "l1",
    of: str = "loss",
    epsilon: float = 0.0,
    points: str = "all",
    clip: Clip = None,
    tau_theta: float | Sequence[float] | None = None,
    solver: Solver | Sequence[Solver] = Exact(),  # noqa: B008
    last_layer: str = "explicit",
) -> list[Array]:
    """Return the gradient of ``J + λ R``, or its implicit direction, with ``R`` the penalty (D1, D2).

    Parameters
    ----------
    net, tape, loss, y
        As for :func:`minprox.tangent`, which gives the gradient of the penalty.
    lam : float
        λ ≥ 0; 0 leaves exactly the training without a penalty.
    norm : {"l1", "l2squared"}
        Of the gradient of each sample with respect to its input: ``‖·‖₁`` or ``‖·‖₂²``.
    of : {"loss", "logits"}
        Whose gradient: the loss of the sample, or each output of the net, over which is then summed (D6).
    epsilon : float
        ε ≥ 0: the penalty is taken at the adversarial points ``x + ε sign(∇_x ℓ)``, which count as given.
    points : {"all", "clean", "attacked"}
        Over which samples of the batch the penalty is the mean: the last two are the halves of a batch that
        :class:`AdversarialTraining` has doubled.
    clip : pair of float, or None
        The range of the data, for the adversarial points.
    tau_theta : float or sequence of float, optional
        Proximal step size τ_θ: instead of the gradient return the implicit direction, see below.
    solver, last_layer
        As for :func:`minprox.proxprop`, with ``tau_theta``.

    Returns
    -------
    list of array
        Aligned with ``net.parameters``.

    Raises
    ------
    ValueError
        If λ or ε is negative or not finite, or another argument out of its range.
    TypeError
        If a layer or the loss has no tangent: the message names the method.

    Notes
    -----
    With ``tau_theta`` the penalty is linearised in each layer's proximal problem (E5), next to the coupling,
    which is kept whole:

    .. math:: d_l = (A_l^T A_l + I/\\tau_\\theta)^{-1} (A_l^T \\delta_l + \\lambda \\nabla_{\\theta_l} R).

    So the step is implicit in the layer and explicit in the penalty; that it is a descent direction of
    ``J + λ R`` follows as for ``J`` (P3).

    References
    ----------
    Seck, Loosli and Canu, ESANN 2019; Drucker and LeCun, Improving Generalization Performance Using
    Double Backpropagation, IEEE Transactions on Neural Networks 3, 1992.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.Tanh(), mp.Linear(8, 3), seed=0)
    >>> x, y, loss = np.ones((5, 4), dtype="float32"), np.array([0, 1, 2, 0, 1]), mp.CrossEntropy()
    >>> tape = mp.forward(net, x)
    >>> [d.shape for d in mp.methods.double_backprop(net, tape, loss, y, lam=0.1)]
    [(5, 8), (9, 3)]
    """
    lam = number("lam", lam, least=0)
    check_options(norm, of, epsilon, points, clip)
    layers = (
        None if tau_theta is None else plan(net, loss, y, tau_theta, solver, last_layer, output=tape.output)
    )
    if lam == 0:
        if tau_theta is None:
            return backprop(net, tape, loss, y)
        return proxprop(net, tape, loss, y, tau_theta, solver, last_layer=last_layer)
    penalty = penalty_gradient(
        net, tape, loss, y, norm=norm, of=of, epsilon=epsilon, points=points, clip=clip
    )
    steps: list[Array] = [None] * len(net.transfers)
    for l, A, delta in errors(net, tape, loss, y):
        g = lam * net.transfers[l].split(penalty[l])
        if layers is None or layers[l].explicit:
            d = A.T @ delta + g  # ∇J + λ ∇R  (D1)
        else:
            d = implicit_step(layers[l], A, delta, g)
        steps[l] = net.transfers[l].join(d)
    return steps


def check_settings(lam: float, norm: str, of: str, epsilon: float, **others: Any) -> None:
    """Raise ValueError where a setting of the method makes no sense."""
    number("lam", lam, least=0)
    check_options(norm, of, epsilon, "all", None)


class DoubleBackprop:
    """The direction of :func:`double_backprop` with a λ that may change from epoch to epoch.

    Parameters
    ----------
    lam : float or callable
        λ ≥ 0, or a function of the epoch (0, 1, …) that returns it, such as :class:`WarmUp`.
    **options
        As for :func:`double_backprop`.

    Attributes
    ----------
    epoch : int
        Set by :func:`minprox.train`, or by you.

    Examples
    --------
    >>> import minprox as mp
    >>> data = mp.datasets.digits()
    >>> net = mp.Sequential(mp.Linear(64, 20), mp.ReLU(), mp.Linear(20, 10), seed=0)
    >>> direction = mp.methods.DoubleBackprop(mp.methods.WarmUp(0.1, epochs=10))
    >>> history = mp.train(net, data, mp.CrossEntropy(), mp.Adam(net), direction, epochs=2, batch_size=50)
    >>> direction.epoch, round(direction.lam_now, 6)
    (1, 0.02)
    """

    def __init__(self, lam: float | Callable[[int], float] = 0.1, **options: Any) -> None:
        self.lam = lam if callable(lam) and not isinstance(lam, type) else number("lam", lam, least=0)
        self.options, self.epoch = options, 0

    @property
    def lam_now(self) -> float:
        """λ in this epoch."""
        if not callable(self.lam):
            return self.lam
        return number(f"lam in epoch {self.epoch}", self.lam(self.epoch), least=0)

    def __call__(self, net: Graph, tape: Tape, loss: Loss, y: Array) -> list[Array]:
        return double_backprop(net, tape, loss, y, self.lam_now, **self.options)

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"DoubleBackprop({getattr(self.lam, '__qualname__', repr(self.lam))}{options})"


@dataclass(frozen=True)
class WarmUp:
    """A value that rises in equal steps over the first epochs, and then stays.

    Parameters
    ----------
    value : float
        From the last of these epochs on.
    epochs : int
        How many.

    Examples
    --------
    >>> import minprox as mp
    >>> schedule = mp.methods.WarmUp(1.0, epochs=4)
    >>> [schedule(epoch) for epoch in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """

    value: float
    epochs: int

    def __post_init__(self) -> None:
        number("value", self.value, least=0)
        whole("epochs", self.epochs)

    def __call__(self, epoch: int) -> float:
        return self.value * min(1.0, (epoch + 1) / self.epochs)
