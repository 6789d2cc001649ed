"""First-order optimisers: fed by either pass, in the place of a gradient (paper, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minprox.engine.graph import Graph
from minprox.ground.arguments import number, refuse
from minprox.learning.doors import door
from minprox.learning.optimizer import Optimizer
from minprox.learning.updates import (
    Blocks,
    decayed,
    descend,
    descend_adam,
    descend_heavy_ball,
    descend_nesterov,
    over_blocks,
)

Array = Any


class SGD(Optimizer):
    """Gradient descent with momentum.

    Parameters
    ----------
    lr : float or callable
        Learning rate τ, or a function of the epoch.
    momentum : float
        μ, in [0, 1).
    nesterov : bool
        Whether to look ahead by the momentum.
    weight_decay : float
        λ ≥ 0, added to the direction as ``λθ``; that of :func:`minprox.proxprop` is for implicit steps.
    penalty, penalise_bias
        Ω, as for :class:`minprox.learning.optimizer.Optimizer`: with gradients it comes to rest where
        ``−∇J ∈ ∂Ω(θ)``.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    ``g ← g + λθ``; ``v ← μv + g``; then ``θ ← θ − τ(g + μv)`` with Nesterov, else ``θ ← θ − τ v``.

    References
    ----------
    Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(1, 1, bias=False), dtype="float64")
    >>> net.parameters = [np.array([[1.0]])]
    >>> mp.SGD(net, lr=lambda epoch: 0.5 / (1 + epoch)).step([np.array([[1.0]])])
    >>> net.parameters[0]
    array([[0.5]])
    """

    @door
    def __init__(
        self,
        net: Graph,
        lr: float | Callable[[int], float],
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        penalty: Any = None,
        penalise_bias: bool = False,
    ) -> None:
        super().__init__(net, lr, weight_decay, penalty, penalise_bias)
        momentum = number("momentum of SGD", momentum, least=0, below=1)
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov=True needs a momentum above 0")
        self.momentum, self.nesterov = momentum, nesterov
        self.state = {"velocity": self.zeros()} if momentum else {}

    @property
    def reach(self) -> float:
        """The whole length of a step along a constant direction, ``τ/(1 − μ)``."""
        return self.tau / (1 - self.momentum)

    def update(self, parameters: Sequence[Array], directions: Sequence[Array]) -> None:
        tau, mu = self.tau, self.momentum

        def move(some: Blocks) -> None:
            for theta, g, *v in some:
                g = decayed(theta, g, self.weight_decay)
                if not v:
                    descend(theta, g, tau)
                elif self.nesterov:
                    descend_nesterov(theta, g, *v, tau, mu)
                else:
                    descend_heavy_ball(theta, g, *v, tau, mu)

        over_blocks(move, parameters, directions, *self.state.values())

    def __repr__(self) -> str:
        return f"SGD(lr={self.lr}, momentum={self.momentum}, nesterov={self.nesterov})"


class Adam(Optimizer):
    """Adam, with bias-corrected moments.

    Parameters
    ----------
    lr : float or callable
        Learning rate τ, or a function of the epoch.
    betas : tuple of float
        β₁, β₂ in [0, 1).
    eps : float
        ε > 0.
    weight_decay : float
        λ ≥ 0, added to the direction as ``λθ``.
    penalty, penalise_bias
        Ω, as for :class:`minprox.learning.optimizer.Optimizer`: it counts against the scaled direction.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    ``m ← β₁m + (1−β₁)g``; ``v ← β₂v + (1−β₂)g²``;
    ``θ ← θ − τ · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε)`` at step ``t``.

    References
    ----------
    Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(1, 1, bias=False), dtype="float64")
    >>> net.parameters = [np.array([[1.0]])]
    >>> mp.Adam(net, lr=0.25).step([np.array([[3.0]])])
    >>> net.parameters[0].round(6)
    array([[0.75]])
    """

    @door
    def __init__(
        self,
        net: Graph,
        lr: float | Callable[[int], float] = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        penalty: Any = None,
        penalise_bias: bool = False,
    ) -> None:
        super().__init__(net, lr, weight_decay, penalty, penalise_bias)
        if not isinstance(betas, (list, tuple)) or len(betas) != 2:
            refuse(f"betas of {type(self).__name__}", "a pair of numbers", betas)
        b1, b2 = (number(f"betas of {type(self).__name__}", beta, least=0, below=1) for beta in betas)
        self.betas, self.eps = (b1, b2), number(f"eps of {type(self).__name__}", eps, above=0)
        self.state = {"mean": self.zeros(), "square": self.zeros()}

    def update(self, parameters: Sequence[Array], directions: Sequence[Array]) -> None:
        (b1, b2), t = self.betas, self.steps_done
        tau, spread = self.tau / (1 - b1**t), (1 - b2**t) ** -0.5

        def move(some: Blocks) -> None:
            for theta, g, m, v in some:
                g = decayed(theta, g, self.weight_decay)
                descend_adam(theta, g, m, v, tau, spread, self.eps, b1, 1 - b1, b2, 1 - b2)

        over_blocks(move, parameters, directions, *self.state.values())

    def __repr__(self) -> str:
        return f"Adam(lr={self.lr}, betas={self.betas}, eps={self.eps})"
