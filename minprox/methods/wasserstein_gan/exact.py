"""The proximal step of a generator that is linear in its parameters, solved exactly by the engine."""

from __future__ import annotations

from typing import Any

from minprox.engine.graph import Graph
from minprox.engine.layers import Flatten, Permute, Reshape
from minprox.engine.plan import Solver
from minprox.engine.reverse import sweep
from minprox.engine.solvers import Exact
from minprox.engine.tape import Tape
from minprox.ground.arguments import number
from minprox.methods.wasserstein_gan.doors import door

Array = Any
KEPT = (Flatten, Reshape, Permute)  # these lay a sample out anew, at the same distances


@door
def exact_proximal(
    generator: Graph,
    tape: Tape,
    delta: Array,
    h: float,
    tau_theta: float = 1e10,
    solver: Solver = Exact(),  # noqa: B008
) -> Array:
    """Return the exact proximal step ``d``, by which ``θ − d`` solves the linearised problem (W1, W8).

    Parameters
    ----------
    generator : Graph
        With one transfer and nothing behind it that changes distances: ``g_θ(z) = A(z) θ``.
    tape : Tape
        On the batch of latent points.
    delta : array, shape (B, ...)
        The error at the output, the derivative of the generator's loss, which is linearised there.
    h : float
        Proximal step size, h > 0.
    tau_theta : float
        Of a term ``‖d‖²/(2hBτ_θ)`` besides, which makes the step unique; as good as none by default.
    solver : callable
        As for :func:`minprox.proxprop`.

    Returns
    -------
    array, of the shape of θ

    Raises
    ------
    ValueError
        If the generator is not linear in its parameters, or h not positive.

    Notes
    -----
    ``min_d −⟨∇F, d⟩ + 1/(2hB) ‖A d‖²`` is solved by ``d = h Ĝ⁻¹ ∇F``, with ``∇F = Aᵀδ`` and the metric
    ``Ĝ = AᵀA/B``; so it is ``hB`` times the implicit step ``(AᵀA + I/τ_θ)⁻¹ Aᵀδ`` of the engine (E6).

    References
    ----------
    Lin, Li, Osher and Montúfar, Wasserstein Proximal of GANs, GSI 2021, section 2.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> generator = mp.Sequential(mp.Linear(1, 1), dtype="float64")
    >>> tape = mp.forward(generator, np.array([[-1.0], [1.0]]))
    >>> d = exact_proximal(generator, tape, np.array([[0.5], [0.5]]), h=0.1)  # F: the mean of the samples
    >>> d.round(6)  # all samples move by −h
    array([[0. ],
           [0.1]])
    """
    number("tau_theta", tau_theta, above=0)
    if not is_linear(generator):
        raise ValueError(
            "expected a generator that is linear in its parameters, one transfer and at most a reshaping "
            f"behind it, found {generator!r}"
        )
    ((_, A, error),) = sweep(generator, tape, delta)
    # d = h Ĝ⁻¹ ∇F = hB (AᵀA + I/τ_θ)⁻¹ Aᵀδ  (W8, E6)
    return h * len(tape.output) * generator.transfers[0].join(solver(A, error, tau_theta))


def is_linear(generator: Graph) -> bool:
    """Tell whether the output is that of a single transfer, at most laid out anew."""
    places = [place for where in generator.places for place in where]
    return len(places) == 1 and all(isinstance(node.layer, KEPT) for node in generator.nodes[places[0] + 1 :])
