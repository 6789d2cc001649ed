"""Optimisers that scale each entry by the size of its former directions, as Adam does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minprox.engine.graph import Graph
from minprox.ground.arguments import number
from minprox.learning.doors import door
from minprox.learning.optimizer import Optimizer
from minprox.learning.optimizers import Adam
from minprox.learning.updates import (
    Blocks,
    decayed,
    descend_adamw,
    descend_rmsprop,
    descend_rmsprop_heavy_ball,
    over_blocks,
)

Array = Any


class AdamW(Adam):
    """Adam with a weight decay beside the direction, not in it.

    Parameters
    ----------
    net, lr, betas, eps
        As for :class:`Adam`.
    weight_decay : float
        λ ≥ 0: ``θ ← (1 − τλ) θ`` before each step, whatever the size of the directions.
    penalty, penalise_bias
        As for :class:`Adam`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    References
    ----------
    Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(1, 1, bias=False), dtype="float64")
    >>> net.parameters = [np.array([[1.0]])]
    >>> mp.AdamW(net, lr=0.25, weight_decay=0.4).step([np.array([[3.0]])])  # 0.9 · 1 − 0.25
    >>> net.parameters[0].round(6)
    array([[0.65]])
    """

    @door
    def __init__(
        self,
        net: Graph,
        lr: float | Callable[[int], float] = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        penalty: Any = None,
        penalise_bias: bool = False,
    ) -> None:
        super().__init__(net, lr, betas, eps, weight_decay, penalty, penalise_bias)

    def update(self, parameters: Sequence[Array], directions: Sequence[Array]) -> None:
        (b1, b2), t, lr = self.betas, self.steps_done, self.tau
        kept, tau, spread = 1 - lr * self.weight_decay, lr / (1 - b1**t), (1 - b2**t) ** -0.5

        def move(some: Blocks) -> None:
            for theta, g, m, v in some:
                descend_adamw(theta, g, m, v, kept, tau, spread, self.eps, b1, 1 - b1, b2, 1 - b2)

        over_blocks(move, parameters, directions, *self.state.values())

    def __repr__(self) -> str:
        betas, decay = self.betas, self.weight_decay
        return f"AdamW(lr={self.lr}, betas={betas}, eps={self.eps}, weight_decay={decay})"


class RMSprop(Optimizer):
    """Descent by directions over their root mean square.

    Parameters
    ----------
    lr : float or callable
        Learning rate τ, or a function of the epoch.
    alpha : float
        α in [0, 1), by which the mean of the squares remembers.
    eps : float
        ε > 0.
    momentum : float
        μ, in [0, 1).
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
    ``v ← αv + (1−α)g²``; ``b ← μb + g/(√v + ε)``; ``θ ← θ − τ b``, without a bias correction, as in PyTorch.

    References
    ----------
    Tieleman and Hinton, Lecture 6.5, Neural networks for machine learning, Coursera 2012.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(1, 1, bias=False), dtype="float64")
    >>> net.parameters = [np.array([[1.0]])]
    >>> mp.RMSprop(net, lr=0.25, alpha=0.75).step([np.array([[3.0]])])  # v = 9/4, g/√v = 2
    >>> net.parameters[0].round(6)
    array([[0.5]])
    """

    @door
    def __init__(
        self,
        net: Graph,
        lr: float | Callable[[int], float] = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        penalty: Any = None,
        penalise_bias: bool = False,
    ) -> None:
        super().__init__(net, lr, weight_decay, penalty, penalise_bias)
        self.alpha = number("alpha of RMSprop", alpha, least=0, below=1)
        self.eps = number("eps of RMSprop", eps, above=0)
        self.momentum = number("momentum of RMSprop", momentum, least=0, below=1)
        self.state = {"square": self.zeros()} | ({"velocity": self.zeros()} if self.momentum else {})

    @property
    def reach(self) -> float:
        return self.tau / (1 - self.momentum)

    def update(self, parameters: Sequence[Array], directions: Sequence[Array]) -> None:
        tau, a, mu = self.tau, self.alpha, self.momentum

        def move(some: Blocks) -> None:
            for theta, g, v, *b in some:
                g = decayed(theta, g, self.weight_decay)
                if b:
                    descend_rmsprop_heavy_ball(theta, g, v, *b, tau, mu, self.eps, a, 1 - a)
                else:
                    descend_rmsprop(theta, g, v, tau, self.eps, a, 1 - a)

        over_blocks(move, parameters, directions, *self.state.values())

    def __repr__(self) -> str:
        return f"RMSprop(lr={self.lr}, alpha={self.alpha}, eps={self.eps}, momentum={self.momentum})"
