"""Adversarial training: a callback that attacks each mini-batch before the step."""

from __future__ import annotations

from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.ground.arguments import number
from minprox.ground.backend import array_module
from minprox.ground.doors import door, function
from minprox.methods.attacks import Attack, Clip, check_clip, fgsm


class AdversarialTraining:
    """A callback of :func:`minprox.train` that trains on attacked samples, beside the clean ones (D7).

    Parameters
    ----------
    epsilon : float
        ε ≥ 0.
    attack : callable
        :func:`fgsm`, or :func:`pgd`.
    keep : bool
        Whether the samples stay in the batch as they are, before their attacked copies: the loss is then the
        mean of both.
    clip : pair of float, or None
        The range of the data.
    **options
        Handed to the attack.

    Raises
    ------
    ValueError
        If ε is negative or not finite, or the range makes no sense.

    References
    ----------
    Goodfellow, Shlens and Szegedy, Explaining and Harnessing Adversarial Examples, ICLR 2015, section 6.

    Examples
    --------
    >>> import minprox as mp
    >>> data = mp.datasets.digits()
    >>> net = mp.Sequential(mp.Linear(64, 20), mp.ReLU(), mp.Linear(20, 10), seed=0)
    >>> history = mp.train(net, data, mp.CrossEntropy(), mp.Adam(net), epochs=1, batch_size=50,
    ...                    callbacks=[mp.methods.AdversarialTraining(0.1)])
    """

    @door(attack=function)
    def __init__(
        self,
        epsilon: float,
        attack: Attack = fgsm,
        *,
        keep: bool = True,
        clip: Clip = (0.0, 1.0),
        **options: Any,
    ) -> None:
        self.epsilon = number("epsilon", epsilon, least=0)
        check_clip(clip)
        self.attack, self.keep, self.clip, self.options = attack, bool(keep), clip, options

    def batch(self, net: Graph, loss: Loss, x: Array, y: Array, seed: Any = 0) -> tuple[Array, Array]:
        """Return the batch to train on in the place of another one (D7).

        Parameters
        ----------
        net, loss
            Whom the attack is against.
        x : array, shape (N, *input_shape)
        y : array, shape (N, ...)
        seed : int or sequence of int
            Of the attack.

        Returns
        -------
        x : array, shape (2 N, *input_shape), or (N, *input_shape)
        y : array, shape (2 N, ...), or (N, ...)
        """
        attacked = self.attack(net, x, y, loss, self.epsilon, self.clip, seed, **self.options)
        if not self.keep:
            return attacked, y
        xp = array_module(x, y)
        # the mean over both is ½ J(x) + ½ J(x + ε sign(∇_x ℓ))  (D7)
        return xp.concatenate([x, attacked]), xp.concatenate([y, y])

    def __call__(self, net: Graph, history: Any) -> None:
        """Do nothing after an epoch."""

    def __repr__(self) -> str:
        options = {"keep": self.keep, "clip": self.clip} | self.options
        told = "".join(f", {name}={value!r}" for name, value in options.items())
        return f"AdversarialTraining({self.epsilon}, {self.attack.__name__}{told})"
