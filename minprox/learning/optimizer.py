"""What an optimiser is: a learning rate, a state, and a step along any direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minprox.engine.graph import Graph
from minprox.ground.arguments import number
from minprox.ground.backend import array_module, moved
from minprox.learning.doors import door
from minprox.learning.history import History
from minprox.learning.penalties import checked_penalty, penalise
from minprox.learning.updates import flush

Array = Any

FLUSHED = 64  # steps after which what has faded away in the state becomes zero


class Optimizer:
    """Base of the optimisers: the learning rate, the state, and the checks of a step.

    Parameters
    ----------
    net : Graph
        Its parameters are updated in place.
    lr : float or callable
        Learning rate τ, or a function of the epoch (0, 1, …) that returns it.
    weight_decay : float
        λ: ``λ θ`` is added to every direction; on gradients this rests at the optimum of ``J + λ/2 ‖θ‖²``, on
        implicit steps the ``weight_decay`` of :func:`minprox.proxprop` does.
    penalty : Penalty or list of Penalty or None
        Ω of ``minprox.prox`` or of your own, one for all θ_l or one (or None) for each: a proximal step on
        it follows each step; see :func:`minprox.learning.penalties.penalise`.
    penalise_bias : bool
        Whether the penalty sees the last row of θ_l, the bias, too.

    Attributes
    ----------
    epoch : int
        Set by :func:`minprox.train`, or by you, for the schedule.
    state : dict of str to list of array
        What the optimiser remembers, aligned with ``net.parameters``. After ``net.to(…)`` it has to move
        too: :meth:`to`.
    steps_done : int
    history : History or None
        Of the last run of :func:`minprox.train`, also of one that broke off.
    """

    @door
    def __init__(
        self,
        net: Graph,
        lr: float | Callable[[int], float],
        weight_decay: float = 0.0,
        penalty: Any = None,
        penalise_bias: bool = False,
    ) -> None:
        if not callable(lr) or isinstance(lr, type):
            lr = number(f"lr of {type(self).__name__}", lr, least=0)
        self.net, self.lr = net, lr
        self.weight_decay = number(f"weight_decay of {type(self).__name__}", weight_decay, least=0)
        self.penalty, self.penalise_bias = checked_penalty(net, penalty), bool(penalise_bias)
        self.epoch = self.steps_done = 0
        self.state: dict[str, list[Array]] = {}
        self.history: History | None = None

    @property
    def tau(self) -> float:
        """The learning rate of this epoch."""
        lr = self.lr(self.epoch) if callable(self.lr) else self.lr
        return number(f"lr of {type(self).__name__} in epoch {self.epoch}", lr, least=0)

    @property
    def reach(self) -> float:
        """The whole length of a step along a constant direction, which the penalty takes."""
        return self.tau

    @door
    def step(self, directions: Sequence[Array]) -> None:
        """Update every θ_l in place by its direction: a gradient, or an implicit step.

        Parameters
        ----------
        directions : list of array
            Aligned with ``net.parameters``, and of their shapes.

        Raises
        ------
        ValueError
            If the directions do not match the parameters in number or shape, or the state was replaced by
            arrays of another memory layout.
        TypeError
            If parameters, directions and state do not live on one backend.
        """
        parameters = self.net.parameters
        expected, found = [p.shape for p in parameters], [d.shape for d in directions]
        if expected != found:
            raise ValueError(f"expected directions of the shapes {expected}, found {found}")
        home = array_module(*parameters, *directions).__name__
        for array in (array for arrays in self.state.values() for array in arrays):
            if (found_at := array_module(array).__name__) != home:
                raise TypeError(
                    f"{type(self).__name__}: the parameters live on {home}, but the state on {found_at}: "
                    f'call optimizer.to("{home}") after net.to("{home}")'
                )
        for array in (*parameters, *(array for arrays in self.state.values() for array in arrays)):
            if not array.flags.c_contiguous:  # of such an array a copy would be updated
                raise ValueError(
                    f"{type(self).__name__}: parameters and state must lie row behind row in memory, "
                    f"found strides {array.strides} of a {array.shape} array: use numpy.ascontiguousarray"
                )
        self.steps_done += 1
        self.update(parameters, directions)
        if self.steps_done % FLUSHED == 0:
            for name, values in self.state.items():
                flush(values, early=name in ("velocity", "mean"))  # those of a unit that is dead
        if self.penalty is not None:
            penalise(self.net, self.penalty, self.reach, self.penalise_bias)

    def update(self, parameters: Sequence[Array], directions: Sequence[Array]) -> None:
        """Do the step."""
        raise NotImplementedError

    def to(self, backend: str) -> Optimizer:
        """Move the state to a backend, bit by bit, and return the optimiser; the net moves by its own ``to``.

        Parameters
        ----------
        backend : {"numpy", "cupy"}

        Raises
        ------
        ValueError, ImportError, RuntimeError
            See :class:`minprox.use`.
        """
        self.state = {name: [moved(v, backend) for v in values] for name, values in self.state.items()}
        return self

    def zeros(self) -> list[Array]:
        """Return zeros in the shape of every θ_l."""
        return [array_module(theta).zeros_like(theta) for theta in self.net.parameters]
