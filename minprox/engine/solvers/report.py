"""What a solver did: iterations and residual of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minprox.engine.doors import check_system
from minprox.engine.linear_map import LinearMap
from minprox.engine.solvers.exact import Explicit
from minprox.ground.arguments import number, refuse
from minprox.ground.backend import array_module
from minprox.ground.doors import misfit

Array = Any


@dataclass(frozen=True)
class Report:
    """What a solver did in one layer.

    Attributes
    ----------
    solver : str
    form : str
        ``"primal"``, ``"dual"``, or empty where the solver has no such choice.
    iterations : int or None
        Done by an iterative solver; None for others.
    residual : float
        ``‖M d − Aᵀδ‖ / ‖Aᵀδ‖``, 0 where ``Aᵀδ`` vanishes, and for an explicit step, which solves nothing. A
        solver with a method ``residual``, as :class:`NewtonCG`, says itself what is left of its condition.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> from minprox.engine.solvers import Report
    >>> A, delta = mp.DenseMap(np.array([[3.0]]), bias=False), np.array([[2.0]])
    >>> Report.of(mp.Exact("dual"), A, delta, 1.0, np.array([[0.6]]), None).form
    'dual'
    """

    solver: str
    form: str
    iterations: int | None
    residual: float

    @classmethod
    def of(
        cls, solver: Any, A: LinearMap, delta: Array, tau_theta: float, d: Array, done: int | None
    ) -> Report:
        """Measure the residual of a step ``d`` and note how it was found.

        Parameters
        ----------
        solver, A, delta, tau_theta, d, done
            As for :func:`run`, and what it returned.
        """
        if isinstance(solver, Explicit):
            return cls(repr(solver), "", None, 0.0)
        form = getattr(solver, "chosen", None)
        measure = getattr(solver, "residual", relative_residual)
        residual = measure(A, delta, tau_theta, d)
        return cls(repr(solver), form(A, delta) if form else "", done, residual)


class Recorded:
    """A solver that keeps the report of its last step."""

    def __init__(self, solver: Any) -> None:
        self.solver = solver
        self.report: Report | None = None

    def __call__(self, A: LinearMap, delta: Array, tau_theta: float) -> Array:
        d, done = run(self.solver, A, delta, tau_theta)  # to count iterations means to wait for the device
        self.report = Report.of(self.solver, A, delta, tau_theta, d, done)
        return d


def run(solver: Any, A: LinearMap, delta: Array, tau_theta: float) -> tuple[Array, int | None]:
    """Return the step of any solver, and its iterations where it counts them.

    Parameters
    ----------
    solver : callable
    A, delta, tau_theta
        As for :class:`minprox.CG`.

    Returns
    -------
    d : array, shape (..., cols, n_out)
    done : int or None

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> from minprox.engine.solvers import run
    >>> A, delta = mp.DenseMap(np.array([[3.0]]), bias=False), np.array([[2.0]])
    >>> run(mp.CG(5), A, delta, 1.0)
    (array([[0.6]]), 1)
    """
    if not callable(solver) or isinstance(solver, type):
        refuse("solver", "a function solver(A, delta, tau_theta), such as mp.Exact()", solver)
    misfit("solver", solver, "A", "delta", "tau_theta")
    number("tau_theta", tau_theta, least=0)
    check_system(A, delta, 1.0 if isinstance(solver, Explicit) else tau_theta)  # which reads no τ_θ
    if hasattr(solver, "solve"):
        return solver.solve(A, delta, tau_theta)
    return solver(A, delta, tau_theta), None


def relative_residual(A: LinearMap, delta: Array, tau_theta: float, d: Array) -> float:
    """Return ``‖(AᵀA + I/τ_θ) d − Aᵀδ‖ / ‖Aᵀδ‖``, and 0 where ``Aᵀδ`` vanishes.

    Parameters
    ----------
    A, delta, tau_theta, d
        As for :func:`minprox.check_step`.

    Returns
    -------
    float
        What is left of (E6).

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> from minprox.engine.solvers import relative_residual
    >>> A, delta = mp.DenseMap(np.array([[3.0]]), bias=False), np.array([[2.0]])
    >>> relative_residual(A, delta, 1.0, np.array([[0.0]]))
    1.0
    """
    check_system(A, delta, tau_theta, d)
    norm = array_module(d).linalg.norm
    gradient = A.T @ delta
    size = abs(gradient).max()  # without it the squares of a tiny gradient would underflow
    if size == 0:
        return 0.0
    residual = A.T @ (A @ d) + d / float(tau_theta) - gradient
    return float(norm(residual / size) / norm(gradient / size))
