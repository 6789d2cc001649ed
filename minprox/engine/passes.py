"""The three passes: ``forward``, ``backprop`` and ``proxprop`` (Frerix et al., ICLR 2018, section 2, A2).

The examples share the net of :func:`forward`'s, with ``loss = mp.CrossEntropy()`` and five labels ``y``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.engine.layers import Layer, Transfer
from minprox.engine.layers.base import Array
from minprox.engine.losses import Loss
from minprox.engine.losses.of_all import loss_of_all
from minprox.engine.plan import Solver, over, plan, report_of, solved
from minprox.engine.reverse import errors_of as errors
from minprox.engine.solvers import Exact
from minprox.engine.tape import Tape, marks
from minprox.ground.backend import array_module
from minprox.ground.blas import alone
from minprox.ground.communicators import Communicator
from minprox.ground.mpi_communicator import taken
from minprox.ground.seeds import generator


@door(seed=None)
@alone
def forward(
    net: Graph,
    x: Array,
    *,
    training: bool = False,
    seed: int | Sequence[int] = 0,
    like: Tape | None = None,
    comm: Any = None,
) -> Tape:
    """Run the net on a batch and record every ``z_l`` and ``a_l`` (E1).

    Parameters
    ----------
    x : array, shape (N, *input_shape)
        Floating point; converted to the dtype of the net.
    training, seed
        Whether dropout and batch normalisation act as in training, and the seed of the masks, ints.
    like : Tape, optional
        Of another forward pass, whose layers act once more, with the masks that were drawn then.
    comm : communicator, optional
        Of the processes that share the batch, each with its own samples, some or none of them: in training,
        the masks and statistics are those of the whole batch.

    Raises
    ------
    TypeError, ValueError
        If ``x`` is no floating-point array of one sample or more, on the net's backend, that fits the net.

    Examples
    --------
    >>> net = mp.Sequential(mp.Linear(4, 8), mp.ReLU(), mp.Linear(8, 3), seed=0)
    >>> tape = mp.forward(net, np.ones((5, 4), dtype="float32"))
    >>> tape.output.shape, [z.shape for z in tape.z]
    ((5, 3), [(5, 8), (5, 3)])
    """
    array_module(x, *net.parameters)
    comm = taken(comm)
    if not x.shape or (x.shape[0] == 0 and comm.size == 1):
        raise ValueError(f"forward: expected one sample or more, found a batch of the shape {x.shape}")
    net.check(x.shape[1:])
    if like is not None:
        check_like(net, like, x)
    rng = generator(seed)
    layers: list[Layer | None] = []
    values: list[Array] = []
    for i, (node, sources) in enumerate(zip(net.nodes, net.sources, strict=True)):
        inputs = [values[j] for j in sources]
        if like is not None:
            layer = like.layers[i]
        else:
            layer = drawn(node.layer, rng, inputs, comm) if training and node.layer else node.layer
        layers.append(layer)
        if layer is None:
            values.append(x.astype(net.dtype, copy=False))
        elif isinstance(layer, Transfer):
            values.append(layer.forward(layer.theta, *inputs))  # z_l = φ(θ_l, a_{l-1})  (E1)
        else:
            values.append(layer.forward(*inputs))  # a_l = σ(z_l)  (E1)
    return Tape(net, layers, values, marks(net))


@door
@alone
def backprop(net: Graph, tape: Tape, loss: Loss, y: Array, *, comm: Any = None) -> list[Array]:
    """Return the gradient of ``J``, one array for each θ_l (P1).

    Parameters
    ----------
    net, tape, loss, y, comm
        As for :func:`minprox.errors`, with the same errors.

    Returns
    -------
    list of array, aligned with ``net.parameters``

    Examples
    --------
    >>> [g.shape for g in mp.backprop(net, tape, loss, y)]
    [(5, 8), (9, 3)]
    """
    grads: list[Array] = [None] * len(net.transfers)
    for l, A, delta in errors(net, tape, loss, y, comm=comm):  # last layer first
        grads[l] = net.transfers[l].join(A.T @ delta)  # ∇_{θ_l} J = A_lᵀ δ_l  (P1)
    return grads


@door(tau_theta=None)
@alone
def proxprop(
    net: Graph,
    tape: Tape,
    loss: Loss,
    y: Array,
    tau_theta: float | Sequence[float],
    solver: Solver | Sequence[Solver] = Exact(),  # noqa: B008
    *,
    last_layer: str = "explicit",
    weight_decay: float = 0.0,
    report: bool = False,
    comm: Any = None,
) -> Any:
    """Return the implicit direction ``d_l`` of each θ_l (A2 with τ = 1, E6).

    Parameters
    ----------
    net, tape, loss, y
        As for :func:`minprox.errors`; whatever is out of its range raises ValueError or TypeError.
    tau_theta : float or sequence of float
        Proximal step size τ_θ > 0, one for all or one for each layer with parameters.
    solver : callable or sequence of callable
        ``solver(A, delta, tau_theta) -> d``, one for all or one for each layer with parameters.
    last_layer : {"explicit", "proximal"}
        The gradient for the last transfer, as in the paper, or its own proximal map, the step to
        ``argmin_θ L_y(φ(θ, a)) + 1/(2τ_θ) ‖θ − θ_{L-1}‖²``: by ``solver`` for a loss with the Hessian
        ``c I``, else by :class:`minprox.engine.solvers.NewtonCG`.
    weight_decay : float
        λ ≥ 0 of ``λ/2 ‖θ_l‖²`` in each step, ``(AᵀA + (λ + 1/τ_θ) I) d = Aᵀδ + λθ``: the steps rest at the
        optimum of ``J + λ/2 ‖θ‖²``, as they do not with that of an optimiser, which is added to ``d``.
    report : bool
        Whether to return a list of Report, too: what the solver did in each layer.
    comm
        As for :func:`minprox.errors`.

    Returns
    -------
    list of array
        Aligned with ``net.parameters``, of the same shapes and dtype.

    Examples
    --------
    >>> [d.shape for d in mp.proxprop(net, tape, loss, y, tau_theta=0.05, solver=mp.Exact())]
    [(5, 8), (9, 3)]
    """
    L = loss_of_all(loss, comm)  # of the whole batch
    layers = plan(net, L, y, tau_theta, solver, last_layer, weight_decay, report, tape.output)
    steps: list[Array] = [None] * len(net.transfers)
    for l, A, delta in errors(net, tape, loss, y, comm=comm):  # last layer first
        solve, tau, c = layers[l]
        # d_l = (c_l A_lᵀA_l + I/τ_l)⁻¹ A_lᵀ δ_l = solver_l(A_l, δ_l / c_l, c_l τ_l)  (E6, P2; A2 with τ = 1)
        steps[l] = net.transfers[l].join(solved(solve, A, over(delta, c), c * tau))
    return (steps, [report_of(layer) for layer in layers]) if report else steps


def drawn(layer: Layer, rng: Any, inputs: Sequence[Array], comm: Communicator) -> Layer:
    """Return a layer as it acts in training: on the whole batch, of which this process may hold a part."""
    return layer.sample(rng, *inputs) if comm.size == 1 else layer.sample_apart(rng, comm, *inputs)


def check_like(net: Graph, like: Tape, x: Array) -> None:
    """Raise ValueError unless the layers of a tape can act on a batch once more."""
    if like.net is not net or like.values[0].shape != x.shape:
        raise ValueError(
            f"like: expected a tape of this net and of a batch of the shape {x.shape}, found "
            + (f"the shape {like.values[0].shape}" if like.net is net else "one of another net")
        )
