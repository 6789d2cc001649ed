"""Exercise 7: conjugate gradients done right or wrong, Krylov spaces, and the problems."""

from __future__ import annotations

import numpy as np

from minprox.exercises.layer_steps import shifted
from minprox.exercises.tasks import relative
from minprox.exercises.variants import chosen


def system_product(A, v, tau_theta):
    return A.T @ (A @ v) + v / tau_theta


def line_search(A, delta, tau_theta):
    g = A.T @ delta
    return float((g * g).sum() / (g * system_product(A, g, tau_theta)).sum())


def conjugate_gradients(
    A,
    delta,
    tau_theta,
    iterations,
    axis=None,
    shift=None,
    shared="",
    conjugate=1.0,
    inverted=False,
    more=0,
):
    """CG from zero; ``axis`` is 0 for one recursion in each column. The rest is where it may go wrong.

    ``shift`` is that of the system. ``shared`` is the bug of two names for one array: ``"once"`` if the first
    update of P makes a new array, ``"always"`` if all are in place. ``conjugate`` is a factor of β,
    ``inverted`` whether β is upside down, ``more`` the number of iterations too many.
    """
    shift = 1 / tau_theta if shift is None else shift(tau_theta)
    r = A.T @ delta
    d, p, rho = np.zeros_like(r), r, (r * r).sum(axis=axis)
    for n in range(iterations + more):
        q = A.T @ (A @ p) + shift * p
        alpha = over(rho, (p * q).sum(axis=axis))
        d = d + alpha * p
        r = r - alpha * q
        former, rho = rho, (r * r).sum(axis=axis)
        beta = over(former, rho) if inverted else over(rho, former)
        if shared == "always":
            p = r = 2 * beta * r  # P *= β scales R too, and then P += R doubles both
        else:
            p = r + conjugate * beta * (r if shared and n == 0 else p)
    return d


def over(u, v):
    """``u / v``, and 0 where v is 0."""
    return np.where(v == 0, 0, u) / np.where(v == 0, 1, v)


def cg(A, delta, tau_theta, iterations):
    return conjugate_gradients(A, delta, tau_theta, iterations)


def block_cg(A, delta, tau_theta, iterations):
    return conjugate_gradients(A, delta, tau_theta, iterations, axis=0)


def problems(silent=False):
    """Systems for CG; where ``silent``, one column of δ is zero in some of them."""
    rng, result = np.random.default_rng(12), []
    for rows, cols, tau_theta, iterations in (
        (20, 8, 0.05, 3),
        (6, 15, 2.0, 4),
        (9, 9, 0.3, 1),
        (8, 12, 0.7, 5),
        (1, 6, 1.5, 1),
    ):
        A, delta = rng.standard_normal((rows, cols)), rng.standard_normal((rows, 3))
        if silent and iterations == 4:
            delta[:, 1] = 0
        result.append({"A": A, "delta": delta, "tau_theta": tau_theta, "iterations": iterations})
    return result


def products():
    rng = np.random.default_rng(13)
    return [
        {"A": p["A"], "v": rng.standard_normal((p["A"].shape[1], 2)), "tau_theta": p["tau_theta"]}
        for p in problems()
    ]


steps = chosen(problems, "A", "delta", "tau_theta")


def krylov(M, g, n):
    """An orthonormal basis of span{g, M g, …, Mⁿ⁻¹ g}, each vector orthogonalised twice."""
    Q, v = np.empty((len(g), 0)), g
    for _ in range(n):
        for _ in range(2):
            v = v - Q @ (Q.T @ v)
        Q = np.column_stack([Q, v / np.linalg.norm(v)])
        v = M @ Q[:, -1]
    return Q


def pairs(d, A, delta, tau_theta, columns):
    """``(M, g, d)`` of each recursion: of the flattened layer, or of each column that has errors."""
    M, g = shifted(A, 1 / tau_theta), A.T @ delta
    if not columns:
        return [(np.kron(M, np.eye(delta.shape[1])), g.ravel(), d.ravel())]
    return [(M, g[:, j], d[:, j]) for j in range(delta.shape[1]) if g[:, j].any()]


def off_krylov(d, A, delta, tau_theta, iterations, columns):
    """How far ``M d − g`` is from being orthogonal to the Krylov space."""
    return max(
        float(np.linalg.norm(krylov(M, g, iterations).T @ (M @ u - g)) / np.linalg.norm(g))
        for M, g, u in pairs(d, A, delta, tau_theta, columns)
    )


def outside_krylov(d, A, delta, tau_theta, iterations, columns):
    """How far d is from the Krylov space."""
    found = []
    for M, g, u in pairs(d, A, delta, tau_theta, columns):
        Q = krylov(M, g, iterations)
        found.append(relative(Q @ (Q.T @ u), u))
    return max(found)


def silent_columns(d, A, delta, tau_theta, iterations):
    """The size of the step where δ has a column of zeros."""
    return float(np.abs(d[:, ~delta.any(axis=0)]).max(initial=0.0))


def without_beta(A, delta, tau_theta, iterations, axis):
    """CG with β = 1."""
    r = A.T @ delta
    d, p = np.zeros_like(r), r
    for _ in range(iterations):
        q = system_product(A, p, tau_theta)
        alpha = over((r * r).sum(axis=axis), (p * q).sum(axis=axis))
        d, r = d + alpha * p, r - alpha * q
        p = r + p
    return d
