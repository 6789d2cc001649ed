"""Exercise 24: batches of another size, sums and means, and the length of a step.

Read ``tutorials/24_scalings.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex24_scalings.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

EXERCISE = "24"  # tells minprox check which exercise this is; leave it


def repeated_step(A, delta, tau_theta, k):
    """Return the implicit step (E6) on a batch that holds the same samples k times.

    The loss is a mean: of the repeated batch every error is δ/k.

    Parameters
    ----------
    A : array, shape (rows, cols)
        Of the batch that is repeated.
    delta : array, shape (rows, n_out)
        Errors of the batch when it is not repeated.
    tau_theta : float
        Proximal step size τ_θ > 0.
    k : int

    Returns
    -------
    array, shape (cols, n_out)
    """
    raise NotImplementedError("what becomes of AᵀA, and what of Aᵀδ?")


def rescaled(tau, tau_theta, k):
    """Return the step sizes that keep the step τ d of (E6) when the batch grows by the factor k.

    Parameters
    ----------
    tau, tau_theta : float
        For the batch as it was.
    k : float

    Returns
    -------
    tau_next, tau_theta_next : float
    """
    raise NotImplementedError("the repeated step is d(k τ_θ)/k")


def damping(tau_theta, rows):
    """Return the λ for which (AᵀA/N + λ I)⁻¹ is N times the inverse in (E6), N being the rows of A.

    Parameters
    ----------
    tau_theta : float
    rows : int

    Returns
    -------
    float
    """
    raise NotImplementedError("multiply AᵀA/N + λ I by N")


def total_length(tau, mu):
    """Return how far a unit direction that never changes leads in the end, with momentum: (E2) summed up.

    The direction g enters v⁺ = μ v + g at every step, and the step is τ v⁺. The answer is the length of one
    step after many.

    Parameters
    ----------
    tau, mu : float

    Returns
    -------
    float
    """
    raise NotImplementedError("a geometric series")


if __name__ == "__main__":
    one = np.array([[1.0]])
    print(repeated_step(one, one, 1.0, 3))  # expected: 0.25
    print(*rescaled(1.0, 0.5, 2))  # expected: 2 0.25
    print(damping(0.25, 8))  # expected: 0.5
    print(total_length(0.5, 0.75))  # expected: 2
