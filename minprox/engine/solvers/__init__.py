"""The implicit step ``d = (AᵀA + I/τ_θ)⁻¹ Aᵀ δ`` (E5–E7), exactly and by conjugate gradients.

A solver is anything callable as ``solver(A, delta, tau_theta) -> d`` with a linear map ``A``
(see :mod:`minprox.engine.linear_map`), ``delta (..., rows, n_out)``, a float ``tau_theta`` and
``d (..., cols, n_out)``.
"""

from minprox.engine.solvers.block_conjugate_gradients import BlockCG
from minprox.engine.solvers.conjugate_gradients import CG
from minprox.engine.solvers.exact import Exact, Explicit
from minprox.engine.solvers.newton import NewtonCG
from minprox.engine.solvers.report import Report, relative_residual, run

__all__ = ["CG", "BlockCG", "Exact", "Explicit", "NewtonCG", "Report", "relative_residual", "run"]
