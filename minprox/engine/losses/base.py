"""What a loss is: a value, a gradient, and what some passes ask beyond them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minprox.ground.arguments import shown

Array = Any

CALLS = {  # what a loss may be asked for, as one writes it
    "value": "loss(output, y)",
    "gradient": "loss.gradient(output, y)",
    "tangent": "loss.tangent(output, y, motion)",
    "correct": "loss.correct(output, y)",
}


class Loss:
    """Base class of the losses ``L_y``: the mean over the batch of what each output costs (section 1).

    A loss of your own gives the value, ``__call__(output, y)``, and its :meth:`gradient`. That is enough for
    both passes and for training; the rest has a default. A class that is no subclass of this one will do as
    well, if it has what it is asked for: ``gradient`` by the passes, the value and ``correct`` by
    :func:`minprox.train` too, which looks before it begins.

    Attributes
    ----------
    curvature : callable or None
        ``loss.curvature(y)`` returns ``c`` of the Hessian ``c I`` with respect to the output, which makes the
        block of the last layer a linear solve; None where the Hessian is no multiple of the identity.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> class Linear(mp.Loss):  # L = −1/N Σ ⟨y, z⟩
    ...     def __call__(self, output, y):
    ...         return -(y * output).sum() / len(y)
    ...     def gradient(self, output, y):
    ...         return -y / len(y)
    >>> net = mp.Sequential(mp.Linear(1, 1, bias=False), dtype="float64")
    >>> mp.backprop(net, mp.forward(net, np.array([[3.0]])), Linear(), np.array([[2.0]]))
    [array([[-6.]])]
    """

    curvature: Callable[[Array], float] | None = None

    def __call__(self, output: Array, y: Array) -> Array:
        """Return the loss, a scalar array."""
        raise NotImplementedError(f"{self!r} has no value: give the class a method __call__(output, y)")

    def gradient(self, output: Array, y: Array) -> Array:
        """Return ``∂L/∂output``, the factor 1/N of the mean included.

        Parameters
        ----------
        output : array, shape (N, ...)
        y : array, shape (N, ...)
            Labels or targets, whatever the loss compares with.

        Returns
        -------
        array, shape (N, ...)
            In the shape and dtype of the output.
        """
        raise NotImplementedError(f"{self!r} has no gradient(output, y)")

    def tangent(self, output: Array, y: Array, motion: Array) -> Array:
        """Return how the gradient changes along a motion of the output: ``∂²L/∂output² · motion``.

        Parameters
        ----------
        output : array, shape (N, ...)
        y : array, shape (N, ...)
        motion : array, shape (N, ...)
            ``d output/dε``.

        Returns
        -------
        array, shape (N, ...)
            ``d/dε`` of :meth:`gradient` at ``output + ε motion``, at ε = 0.

        Raises
        ------
        NotImplementedError
            If the loss gives none; no pass of the paper asks for it.
        """
        raise NotImplementedError(
            f"{self!r} has no tangent(output, y, motion), the derivative of its gradient along a motion"
        )

    def correct(self, output: Array, y: Array) -> Array | None:
        """Return how many samples are classified correctly; None, the default, where there is no such thing.

        Parameters
        ----------
        output : array, shape (N, ...)
        y : array, shape (N, ...)

        Returns
        -------
        array, shape (), or None
        """
        return None

    def weight(self, y: Array) -> Any:
        """Return what a batch counts in a mean over several batches: its number of samples, the default.

        Parameters
        ----------
        y : array, shape (N, ...)

        Returns
        -------
        int, or array, shape ()
        """
        return len(y)

    def judged(self, y: Array) -> Any:
        """Return among how many samples :meth:`correct` counts; all of them, the default.

        Parameters
        ----------
        y : array, shape (N, ...)

        Returns
        -------
        int, or array, shape ()
        """
        return len(y)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in sorted(vars(self).items()))
        return f"{type(self).__name__}({options})"


def weight_of(loss: Any, y: Any) -> Any:
    """Return what a batch counts in the mean over several; a loss that does not say counts samples."""
    return loss.weight(y) if hasattr(loss, "weight") else len(y)


KNOWN: set[tuple[type, tuple[str, ...]]] = set()  # classes of losses that have these parts


def check_loss(loss: Any, *parts: str) -> None:
    """Raise TypeError unless a loss, of any class, has these parts: "value", "gradient", "correct"."""
    if (type(loss), parts) in KNOWN:
        return
    missing = [CALLS[part] for part in parts if isinstance(loss, type) or not has(loss, part)]
    if missing:
        hint = f": make one, {loss.__name__}()" if isinstance(loss, type) else ", see mp.Loss"
        raise TypeError(f"loss: expected a loss with {' and '.join(missing)}, found {shown(loss)}{hint}")
    if isinstance(loss, Loss) and not vars(loss).keys() & {"gradient", "correct"}:  # told by its class alone
        KNOWN.add((type(loss), parts))


def has(loss: Any, part: str) -> bool:
    """Tell whether a loss gives a part itself, and does not only inherit the error of having none."""
    if part == "value":
        return callable(loss) and type(loss).__call__ is not Loss.__call__
    given = getattr(loss, part, None)
    inherited = getattr(given, "__func__", None) in (Loss.gradient, Loss.tangent)
    return callable(given) and (part == "correct" or not inherited)
