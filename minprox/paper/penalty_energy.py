"""The paper's text: the penalty energy (E3), Algorithm 1 and Algorithm 2, literally.

:mod:`minprox.engine.passes` is what this text simplifies to; the tests show that they agree. Layers are
counted as in the paper: the transfers are ``l = 1 … L-1``, ``a[0]`` is the batch, and every half-step has
its name. Only chains are written down here, as in the paper; the passes take any graph. The examples
share the net of :func:`minprox.forward`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minprox.engine.doors import door, valued
from minprox.engine.graph import Graph
from minprox.engine.layers import Transfer
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss, check_loss
from minprox.engine.plan import per_layer
from minprox.ground.arguments import step_size
from minprox.ground.backend import array_module
from minprox.ground.doors import weight
from minprox.paper.chain import Chain
from minprox.paper.lifted import Sweep, Variables, check_variables, variables


@door(loss=valued, gamma=weight, rho=weight, theta=variables, a=variables, z=variables)
def energy(
    net: Graph,
    loss: Loss,
    y: Array,
    theta: Variables,
    a: Variables,
    z: Variables,
    gamma: float,
    rho: float,
) -> float:
    """Return the penalty energy (E3) of the lifted variables.

    Parameters
    ----------
    net : Graph
        A chain; its own parameters are not used.
    y : array, shape (N,) or (N, n_out)
        Labels or targets of the batch ``a[0]``.
    theta, a, z : mapping of int to array
        Keyed by the paper's ``l``: ``theta[1 … L-1]``, ``a[0 … L-2]``, ``z[1 … L-2]``.
    gamma, rho : float
        Weights γ, ρ ≥ 0 of the broken couplings.

    Raises
    ------
    ValueError
        If the net is no chain.

    Notes
    -----
    .. math:: E(\\theta, a, z) = L_y(\\varphi(\\theta_{L-1}, a_{L-2})) + \\sum_{l=1}^{L-2}
        \\frac{\\gamma}{2} \\|\\sigma(z_l) - a_l\\|^2
        + \\frac{\\rho}{2} \\|\\varphi(\\theta_l, a_{l-1}) - z_l\\|^2

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, section 3.

    Examples
    --------
    >>> import minprox as mp, numpy as np
    >>> net = mp.Sequential(mp.Linear(2, 3), mp.Tanh(), mp.Linear(3, 1), dtype="float64")
    >>> x, y, loss = np.ones((4, 2)), np.ones((4, 1)), mp.SquaredError()
    >>> s = mp.algorithm_1(net, x, loss, y, tau=0.1)
    >>> J = loss(mp.forward(net, x).output, y)
    >>> bool(np.isclose(mp.energy(net, loss, y, s.theta, s.a, s.z, gamma=10, rho=10), J))
    True
    """
    check_loss(loss, "value")
    c = Chain(net)
    check_variables(c, theta, a, z)
    # L_y(φ(θ_{L-1}, a_{L-2})) + Σ_l [ γ/2 ‖σ(z_l) − a_l‖² + ρ/2 ‖φ(θ_l, a_{l-1}) − z_l‖² ]  (E3)
    E = loss(c.phi[c.L - 1].forward(theta[c.L - 1], a[c.L - 2]), y)
    for l in range(1, c.L - 1):
        E += gamma / 2 * square(c.sigma[l](z[l]) - a[l])
        E += rho / 2 * square(c.phi[l].forward(theta[l], a[l - 1]) - z[l])
    return float(E)


@door
def algorithm_1(
    net: Graph,
    x: Array,
    loss: Loss,
    y: Array,
    tau: float,
    gamma: float | None = None,
    rho: float | None = None,
) -> Sweep:
    """Run Algorithm 1 (A1): one sweep of explicit blockwise gradient steps on the energy (E3).

    Parameters
    ----------
    net : Graph
        A chain; it is not changed.
    x : array, shape (N, *input_shape)
    y : array, shape (N,) or (N, n_out)
    tau : float
        Step size τ > 0.
    gamma, rho : float, optional
        Weights of (E3); ``1/τ`` if not given, with which the sweep is one step of gradient descent (P1).

    Raises
    ------
    ValueError
        If the net is no chain.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, Algorithm 1.

    Examples
    --------
    >>> s = mp.algorithm_1(net, tape.values[0], loss, y, tau=0.1)
    >>> g = mp.backprop(net, tape, loss, y)
    >>> bool(np.allclose(s.theta_next[1], net.parameters[0] - 0.1 * g[0], atol=1e-6))
    True
    """
    gamma, rho = (1 / tau if weight is None else weight for weight in (gamma, rho))  # γ = ρ = 1/τ  (P1)
    c, a_half, z_half, theta_next = Chain(net), {}, {}, {}
    theta, (a, z) = c.theta, c.forward(x)
    a_half[c.L - 2], theta_next[c.L - 1] = last_block(c, a, loss, y, tau)  # (A1, a)
    for l in range(c.L - 2, 0, -1):
        phi, sigma = c.phi[l], c.sigma[l]
        # z_l^{k+1/2} = z_l^k − τγ σ'(z_l^k) (σ(z_l^k) − a_l^{k+1/2})  (A1, b)
        z_half[l] = z[l] - tau * gamma * sigma.derivative(z[l], sigma(z[l]) - a_half[l])
        residual = phi.forward(theta[l], a[l - 1]) - z_half[l]
        if l > 1:  # a_{l-1}^{k+1/2} = a_{l-1}^k − τρ (∂φ/∂a)ᵀ (φ(θ_l^k, a_{l-1}^k) − z_l^{k+1/2})
            a_half[l - 1] = a[l - 1] - tau * rho * phi.adjoint_input(theta[l], a[l - 1], residual)
        # θ_l^{k+1} = θ_l^k − τρ (∂φ/∂θ)ᵀ (φ(θ_l^k, a_{l-1}^k) − z_l^{k+1/2})  (A1, c)
        theta_next[l] = theta[l] - tau * rho * phi.adjoint_theta(a[l - 1], residual)
    a_half.pop(0, None)  # a_0 is the data
    return Sweep(theta, a, z, a_half, z_half, theta_next)


@door
def algorithm_2(
    net: Graph, x: Array, loss: Loss, y: Array, tau: float, tau_theta: float | Sequence[float]
) -> Sweep:
    """Run Algorithm 2 (A2), ProxProp: as Algorithm 1, but with the proximal step (E5) in each θ_l.

    The ``argmin`` is found as a least-squares problem by QR or SVD, independently of the solvers.

    Parameters
    ----------
    net, x, loss, y, tau
        As for :func:`algorithm_1`, with the same errors.
    tau_theta : float or sequence of float
        Proximal step size τ_θ > 0, one for all or one for each layer with parameters.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, Algorithm 2.

    Examples
    --------
    >>> s = mp.algorithm_2(net, tape.values[0], loss, y, tau=0.1, tau_theta=2.0)
    >>> d = mp.proxprop(net, tape, loss, y, tau_theta=2.0)
    >>> bool(np.allclose(s.theta_next[1], net.parameters[0] - 0.1 * d[0], atol=1e-6))
    True
    """
    c, a_half, z_half, theta_next, tau = Chain(net), {}, {}, {}, float(tau)
    theta, (a, z) = c.theta, c.forward(x)
    taus = {
        l: step_size("tau_theta", t) for l, t in enumerate(per_layer("tau_theta", tau_theta, net), start=1)
    }
    a_half[c.L - 2], theta_next[c.L - 1] = last_block(c, a, loss, y, tau)  # (A2, a)
    for l in range(c.L - 2, 0, -1):
        phi, sigma = c.phi[l], c.sigma[l]
        # z_l^{k+1/2} = z_l^k − σ'(z_l^k) (σ(z_l^k) − a_l^{k+1/2})  (A2, b)
        z_half[l] = z[l] - sigma.derivative(z[l], sigma(z[l]) - a_half[l])
        residual = phi.forward(theta[l], a[l - 1]) - z_half[l]
        if l > 1:  # a_{l-1}^{k+1/2} = a_{l-1}^k − (∂φ/∂a)ᵀ (φ(θ_l^k, a_{l-1}^k) − z_l^{k+1/2})
            a_half[l - 1] = a[l - 1] - phi.adjoint_input(theta[l], a[l - 1], residual)
        # θ_l^{k+1} = argmin_θ ½ ‖φ(θ, a_{l-1}^k) − z_l^{k+1/2}‖² + 1/(2τ_θ) ‖θ − θ_l^k‖²  (E5, A2)
        theta_next[l] = proximal_step(phi, a[l - 1], z_half[l], theta[l], taus[l])
    a_half.pop(0, None)  # a_0 is the data
    return Sweep(theta, a, z, a_half, z_half, theta_next)


def last_block(c: Chain, a: Variables, loss: Loss, y: Array, tau: float) -> tuple[Array, Array]:
    """Step (a) of both algorithms, explicit in ``a_{L-2}`` and ``θ_{L-1}`` (A1, A2)."""
    check_loss(loss, "gradient")
    phi, theta, last = c.phi[c.L - 1], c.theta[c.L - 1], a[c.L - 2]
    gradient = loss.gradient(phi.forward(theta, last), y)
    # a_{L-2}^{k+1/2} = a_{L-2}^k − τ ∇_a L_y(φ(θ_{L-1}^k, a_{L-2}^k))
    a_half = last - tau * phi.adjoint_input(theta, last, gradient)
    # θ_{L-1}^{k+1} = θ_{L-1}^k − τ ∇_θ L_y(φ(θ_{L-1}^k, a_{L-2}^k))
    return a_half, theta - tau * phi.adjoint_theta(last, gradient)


def proximal_step(phi: Transfer, a: Array, z_half: Array, theta: Array, tau_theta: Any) -> Array:
    """Return the ``argmin`` of (E5), the proximal map (E4) of the coupling of one layer.

    It is found by least squares with the rows ``A θ = z^{k+1/2}`` and ``θ/√τ_θ = θ^k/√τ_θ``.
    """
    xp, weight = array_module(theta), float(tau_theta) ** -0.5
    A = dense_matrix(phi, a)
    z_rows, theta_old = phi.rows(z_half), phi.split(theta)
    if phi.groups == 1:
        A, z_rows, theta_old = A[None], z_rows[None], theta_old[None]
    identity = xp.eye(A.shape[-1], dtype=A.dtype)
    solutions = [
        xp.linalg.lstsq(
            xp.concatenate([A_g, weight * identity]),
            xp.concatenate([z_g, weight * old]),
            rcond=None,
        )[0]
        for A_g, z_g, old in zip(A, z_rows, theta_old, strict=True)
    ]
    return phi.join(solutions[0] if phi.groups == 1 else xp.stack(solutions))


def dense_matrix(phi: Transfer, a: Array) -> Array:
    """Return ``A(a)``, ``(rows, cols)`` or ``(groups, rows, cols)``, by what φ does to unit vectors."""
    xp = array_module(a)
    columns = []
    for j in range(phi.theta_shape[0]):
        theta = xp.zeros(phi.theta_shape, a.dtype)
        theta[j] = 1  # the same in every output channel, so the first of each group will do
        columns.append(phi.rows(phi.forward(theta, a))[..., 0])
    return xp.stack(columns, axis=-1)


def square(v: Array) -> Array:
    """``‖v‖²``."""
    return (v * v).sum()
