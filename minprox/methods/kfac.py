"""K-FAC: the natural gradient of a layer, with the Fisher matrix taken for a Kronecker product.

Martens and Grosse, *Optimizing Neural Networks with Kronecker-factored Approximate Curvature*, ICML 2015;
Grosse and Martens, ICML 2016, for convolutions; Eschenhagen et al., NeurIPS 2023, for shared weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minprox.engine.graph import Graph
from minprox.engine.layers.base import Array
from minprox.engine.linear_map import LinearMap, transpose
from minprox.engine.losses import Loss
from minprox.engine.reverse import errors, sweep
from minprox.engine.solvers.exact import inverse_shifted, trace
from minprox.engine.tape import Tape
from minprox.ground.arguments import number, one_of
from minprox.ground.backend import array_module, to_numpy
from minprox.ground.doors import floats, reals, stacked
from minprox.ground.seeds import seed as check_seed
from minprox.learning.doors import door
from minprox.learning.updates import flush
from minprox.methods.kfac_doors import check_damping, check_factors, samples
from minprox.methods.model_targets import drawn_targets

FISHER = "empirical", "sampled"


class KFAC:
    """The direction of K-FAC, with running averages of both factors of each layer (K1, K2).

    Parameters
    ----------
    damping : float
        λ > 0.
    decay : float
        ρ in [0, 1): the averages are ``ρ (what was) + (1 − ρ) (this batch)``; in the k-th step ρ is at most
        ``1 − 1/k``, so that the first batch counts like the others. 0 forgets at once.
    fisher : {"empirical", "sampled"}
        Which errors Γ is made of: those of the targets, or those of targets that are drawn from the model,
        for one sweep more. The latter are the Fisher matrix proper; they need :class:`minprox.CrossEntropy`
        or :class:`minprox.SquaredError`.
    seed : int
        Of these targets.

    Attributes
    ----------
    state : dict of str to list of array
        ``"Omega"`` and ``"Gamma"`` of each layer, and ``"steps"``; :func:`minprox.train` keeps it in
        checkpoints. A direction belongs to one net.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    TypeError
        At a call, if targets cannot be drawn for the loss, or a layer is matrix-free.

    Notes
    -----
    A column of ones belongs to the inputs, and every output position is a sample ("expand"), also where a
    layer stands at several places. For N samples with P output positions this is, with ``Γ = I``, ``N P``
    times the implicit step (K3), since

    .. math:: A^TA + I/\\tau_\\theta = N P\\,\\bigl(\\Omega + I/(N P\\,\\tau_\\theta)\\bigr).

    Examples
    --------
    >>> import minprox as mp
    >>> net = mp.Sequential(mp.Linear(2, 20), mp.ReLU(), mp.Linear(20, 3), seed=0)
    >>> history = mp.train(net, mp.datasets.blobs(), mp.CrossEntropy(), mp.SGD(net, lr=0.3),
    ...                    mp.methods.KFAC(damping=0.1), epochs=2, batch_size=50)
    >>> history.train_loss[-1] < 0.5 * history.train_loss[0]
    True
    """

    def __init__(
        self, damping: float = 0.1, decay: float = 0.95, fisher: str = "empirical", seed: int = 0
    ) -> None:
        self.damping = number("damping", damping, above=0)
        self.decay = number("decay", decay, least=0, below=1)
        self.fisher = one_of("fisher", fisher, FISHER)
        self.seed = check_seed("seed", seed)
        self.state: dict[str, list[Array]] = {"Omega": [], "Gamma": [], "steps": [np.zeros(())]}

    def __call__(self, net: Graph, tape: Tape, loss: Loss, y: Array) -> list[Array]:
        layers = drawn = list(errors(net, tape, loss, y))
        if self.fisher == "sampled":
            targets = drawn_targets(loss, tape.output, [self.seed, self.steps])
            drawn = list(sweep(net, tape, loss.gradient(tape.output, targets)))
        N = loss.weight(y) if hasattr(loss, "weight") else len(y)
        self.remember({l: (input_factor(A), output_factor(delta, N)) for l, A, delta in drawn})
        steps: list[Array] = [None] * len(net.transfers)
        for l, A, delta in layers:
            Omega, Gamma = self.state["Omega"][l], self.state["Gamma"][l]
            d = kfac_step(A.T @ delta, Omega, Gamma, *split_damping(Omega, Gamma, self.damping))  # (K1, K2)
            steps[l] = net.transfers[l].join(d)
        return steps

    @property
    def steps(self) -> int:
        """How many batches the averages have seen."""
        return int(to_numpy(self.state["steps"][0]))

    def remember(self, factors: Mapping[int, tuple[Array, Array]]) -> None:
        """Take the factors of a batch, those of each layer, into the averages."""
        k = self.steps + 1
        rho = min(self.decay, 1 - 1 / k)
        state = {"steps": [np.array(float(k))]}
        for i, name in enumerate(("Omega", "Gamma")):
            now = [factors[l][i] for l in sorted(factors)]
            old = self.state[name] if k > 1 else now
            if [a.shape for a in old] != [a.shape for a in now]:
                raise ValueError("KFAC: expected the net of the steps before, found one with other layers")
            state[name] = [rho * one + (1 - rho) * two for one, two in zip(old, now, strict=True)]
            flush(state[name])  # the moments of a unit that is dead
        self.state = state

    def __repr__(self) -> str:
        options = f"damping={self.damping!r}, decay={self.decay!r}, fisher={self.fisher!r}"
        return f"KFAC({options}, seed={self.seed!r})"


@door
def input_factor(A: LinearMap) -> Array:
    """Return ``Ω = AᵀA/rows``, the second moment of what a layer sees (K1).

    Parameters
    ----------
    A : LinearMap
        Of a layer at its input, ``layer.linear_map(a)``.

    Returns
    -------
    array, shape (..., cols, cols), float64

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.methods.input_factor(mp.DenseMap(np.array([[1.0], [3.0]]), bias=True))
    array([[5., 2.],
           [2., 1.]])
    """
    return A.T.gram() / A.shape[0]  # Ω = AᵀA/(N P)  (K1, K3)


@door(delta=stacked, N=samples)
def output_factor(delta: Array, N: Any) -> Array:
    """Return ``Γ``, the second moment of the errors of single samples, summed over output positions (K1).

    Parameters
    ----------
    delta : array, shape (..., rows, n_out)
        With the factor 1/N of the mean over the batch, as :func:`minprox.errors` gives it.
    N : int, or array of shape ()
        Samples in the batch, ``loss.weight(y)``.

    Returns
    -------
    array, shape (..., n_out, n_out), float64

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.methods.output_factor(np.array([[0.5], [1.5]]), 2)  # of the errors 1 and 3
    array([[5.]])
    """
    delta = delta.astype("float64", copy=False)
    return N * (transpose(delta) @ delta)  # Γ = 1/N Σ (N δ)(N δ)ᵀ  (K1)


@door(G=floats, Omega=floats, Gamma=floats, a=reals, b=reals)
def kfac_step(G: Array, Omega: Array, Gamma: Array, a: Any, b: Any) -> Array:
    """Return ``(Ω + a I)⁻¹ G (Γ + b I)⁻¹`` (K1).

    Parameters
    ----------
    G : array, shape (..., cols, n_out)
        The gradient of the layer.
    Omega, Gamma : array, shapes (..., cols, cols) and (..., n_out, n_out)
        Of :func:`input_factor` and :func:`output_factor`.
    a, b : float or array, shape (...)
        Their damping, ≥ 0, see :func:`split_damping`.

    Returns
    -------
    array, shape (..., cols, n_out)
        In the dtype of ``G``.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> mp.methods.kfac_step(np.array([[6.0]]), np.array([[2.0]]), np.array([[1.0]]), 1.0, 0.0)
    array([[2.]])
    """
    xp = array_module(G, Omega, Gamma)
    check_factors(Omega, Gamma, *G.shape[-2:])
    check_damping(G, a, b)
    W, V = inverse_shifted(Omega, xp.asarray(a)), inverse_shifted(Gamma, xp.asarray(b))
    return (W @ G @ V).astype(G.dtype, copy=False)  # d = (Ω + π√λ I)⁻¹ G (Γ + √λ/π I)⁻¹  (K1)


@door(Omega=floats, Gamma=floats)
def split_damping(Omega: Array, Gamma: Array, damping: float) -> tuple[Array, Array]:
    """Share out a damping λ between the two factors: ``π√λ`` and ``√λ/π`` (K2).

    Parameters
    ----------
    Omega, Gamma : array, shapes (..., cols, cols) and (..., n_out, n_out)
        As for :func:`kfac_step`.
    damping : float
        λ > 0.

    Returns
    -------
    a, b : array, shape (...)
        Their product is λ, their ratio that of the mean eigenvalues; 1 where one of these vanishes.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> a, b = mp.methods.split_damping(np.diag([4.0, 4.0]), np.array([[1.0]]), 0.25)
    >>> float(a), float(b)
    (1.0, 0.25)
    """
    damping, xp = number("damping", damping, above=0), array_module(Omega, Gamma)
    check_factors(Omega, Gamma, *(a.shape[-1] if a.ndim else 0 for a in (Omega, Gamma)))
    one, two = trace(Omega) / Omega.shape[-1], trace(Gamma) / Gamma.shape[-1]
    some = (one > 0) & (two > 0)
    pi = xp.sqrt(xp.where(some, one, 1) / xp.where(some, two, 1))  # π² = (tr Ω/cols)/(tr Γ/n_out)  (K2)
    return pi * damping**0.5, damping**0.5 / pi
