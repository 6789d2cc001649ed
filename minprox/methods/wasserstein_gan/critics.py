"""What critic and generator play for: the losses of three kinds of GANs, at the scores of the critic."""

from __future__ import annotations

from typing import Any

import numpy as np

from minprox.engine.layers.activations import logistic
from minprox.ground.arguments import number
from minprox.ground.backend import array_module, asarray

Array = Any


class CriticLoss:
    """Base of the critic losses: values and errors at the scores, and where a penalty is taken.

    One of your own gives the four functions of the scores, and with ``lam`` above 0 also :meth:`points`.

    Attributes
    ----------
    lam : float
        λ of the penalty ``λ mean (‖∇_x D(x̂)‖ − 1)²`` (W6); 0 for none.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.zeros((2, 1))
    >>> round(float(NonSaturating().value(scores, scores)), 4), float(WassersteinGP().value(scores, scores))
    (1.3863, 0.0)
    """

    lam: float = 0.0

    def value(self, real: Array, fake: Array) -> Array:
        """Return the loss of the critic, without its penalty.

        Parameters
        ----------
        real, fake : array, shape (B, 1)
            Scores of the data and of what the generator made.

        Returns
        -------
        array, shape ()
        """
        raise NotImplementedError(f"{self!r} has no value(real, fake)")

    def errors(self, real: Array, fake: Array) -> tuple[Array, Array]:
        """Return the derivatives of :meth:`value` by the scores.

        Parameters
        ----------
        real, fake : array, shape (B, 1)

        Returns
        -------
        two arrays, shape (B, 1)
        """
        raise NotImplementedError(f"{self!r} has no errors(real, fake)")

    def generator_value(self, fake: Array) -> Array:
        """Return the loss of the generator.

        Parameters
        ----------
        fake : array, shape (B, 1)
            Scores of what the generator made.

        Returns
        -------
        array, shape ()
        """
        raise NotImplementedError(f"{self!r} has no generator_value(fake)")

    def generator_error(self, fake: Array) -> Array:
        """Return its derivative by the scores.

        Parameters
        ----------
        fake : array, shape (B, 1)

        Returns
        -------
        array, shape (B, 1)
        """
        raise NotImplementedError(f"{self!r} has no generator_error(fake)")

    def points(self, real: Array, fake: Array, rng: np.random.Generator) -> Array:
        """Return where the penalty is taken.

        Parameters
        ----------
        real, fake : array, shape (B, ...)
            Samples.
        rng : numpy.random.Generator
            Of what is drawn.

        Returns
        -------
        array, shape (B, ...)
        """
        raise NotImplementedError(f"{self!r} has no points(real, fake, rng)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({f'lam={self.lam:g}' if self.lam else ''})"


class NonSaturating(CriticLoss):
    """The critic is a logistic regression, real against made; the generator raises the odds of real (W5).

    References
    ----------
    Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014.

    Examples
    --------
    >>> import numpy as np
    >>> NonSaturating().generator_error(np.zeros((2, 1)))
    array([[-0.25],
           [-0.25]])
    """

    def value(self, real: Array, fake: Array) -> Array:
        # mean log(1 + e^{−D(x)}) + mean log(1 + e^{D(g(z))})  (W5)
        return softplus(-real).sum() / len(real) + softplus(fake).sum() / len(fake)

    def errors(self, real: Array, fake: Array) -> tuple[Array, Array]:
        return -logistic(-real) / len(real), logistic(fake) / len(fake)

    def generator_value(self, fake: Array) -> Array:
        return softplus(-fake).sum() / len(fake)  # mean log(1 + e^{−D(g(z))})  (W5)

    def generator_error(self, fake: Array) -> Array:
        return -logistic(-fake) / len(fake)


class WassersteinGP(CriticLoss):
    """The critic separates the means of its scores; between the samples its gradient has length 1 (W6).

    Parameters
    ----------
    lam : float
        λ ≥ 0 of the penalty, at random points on the lines from data to samples.

    Raises
    ------
    ValueError
        If λ is negative.

    References
    ----------
    Gulrajani et al., Improved Training of Wasserstein GANs, NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[2.0], [4.0]]), np.array([[1.0], [1.0]])
    >>> float(WassersteinGP(lam=10).value(real, fake))
    -2.0
    """

    def __init__(self, lam: float = 10.0) -> None:
        self.lam = number("lam of WassersteinGP", lam, least=0)

    def value(self, real: Array, fake: Array) -> Array:
        return fake.sum() / len(fake) - real.sum() / len(real)  # mean D(g(z)) − mean D(x)  (W6)

    def errors(self, real: Array, fake: Array) -> tuple[Array, Array]:
        xp = array_module(real, fake)
        return -xp.ones_like(real) / len(real), xp.ones_like(fake) / len(fake)

    def generator_value(self, fake: Array) -> Array:
        return -fake.sum() / len(fake)  # −mean D(g(z))  (W6)

    def generator_error(self, fake: Array) -> Array:
        return -array_module(fake).ones_like(fake) / len(fake)

    def points(self, real: Array, fake: Array, rng: np.random.Generator) -> Array:
        t = rng.uniform(size=(len(real), *(1,) * (real.ndim - 1)))
        return between(real, fake, t)  # x̂ = t x + (1 − t) g(z)  (W6)


class DRAGAN(NonSaturating):
    """The non-saturating losses with the penalty in a cloud around the data (W7).

    Parameters
    ----------
    lam : float
        λ ≥ 0 of the penalty.
    noise : float
        Standard deviation of the cloud, in those of all entries of a batch of data.

    Raises
    ------
    ValueError
        If an argument is negative.

    Notes
    -----
    The gradient is that of the scores, the log-odds.

    References
    ----------
    Kodali, Abernethy, Hays and Kira, On Convergence and Stability of GANs, 2017, arXiv:1705.07215.

    Examples
    --------
    >>> import numpy as np
    >>> loss, x = DRAGAN(noise=0), np.array([[1.0], [2.0]])
    >>> loss.points(x, x, np.random.default_rng(0))
    array([[1.],
           [2.]])
    """

    def __init__(self, lam: float = 10.0, noise: float = 0.5) -> None:
        self.lam = number("lam of DRAGAN", lam, least=0)
        self.noise = number("noise of DRAGAN", noise, least=0)

    def points(self, real: Array, fake: Array, rng: np.random.Generator) -> Array:
        u = asarray(rng.standard_normal(real.shape), real.dtype)
        return real + self.noise * real.std() * u  # x̂ = x + c std(x) u,  u normal  (W7)

    def __repr__(self) -> str:
        return f"DRAGAN(lam={self.lam:g}, noise={self.noise:g})"


def softplus(s: Array) -> Array:
    """``log(1 + eˢ)``."""
    xp = array_module(s)
    return xp.logaddexp(s, xp.zeros_like(s))


def between(real: Array, fake: Array, t: np.ndarray) -> Array:
    """Return points on the lines from samples to data, in their dtype and where they live."""
    t = array_module(real, fake).asarray(t, dtype=real.dtype)
    return t * real + (1 - t) * fake
