"""How far exact steps in float32 are from those in float64, on the paper's MLP and CIFAR-10 (E6, E7, X2).

In float32 a Gram matrix loses a shift ``1/τ_θ`` that is below 6e-8 of its largest eigenvalue, and bright
images make that eigenvalue large. :class:`minprox.Exact` sums and inverts it in float64 for this reason;
what is left is measured here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from minprox.datasets import Dataset, cifar10
from minprox.engine.graph import Graph
from minprox.engine.losses import CrossEntropy
from minprox.engine.passes import forward, proxprop
from minprox.engine.solvers import Exact
from minprox.experiments import X1, X2
from minprox.experiments.nets import build_net
from minprox.ground.environment import environment
from minprox.ground.files import write_json
from minprox.learning.optimizers import SGD
from minprox.learning.training import mini_batches

FORMAT = "minprox accuracy 1"


def run(
    data: Dataset | str | os.PathLike[str] | None = None,
    architecture: str = "paper-mlp",
    taus: Sequence[float] = X2.steps,
    steps: Sequence[int] = (0, 45),
    batch_size: int = 500,
    out: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Compare exact directions in float32 with those in float64, for several step sizes.

    Both see the same parameters and the same mini-batch; each runs its whole passes in its own precision.

    Parameters
    ----------
    data : Dataset of vectors in float32, or path-like, optional
        CIFAR-10 if not given, or CIFAR-10 from that folder.
    architecture : str
        See :class:`minprox.experiments.Run`.
    taus : sequence of float
        Proximal step sizes τ_θ; those of X2 if not given.
    steps : sequence of int
        After how many training steps of X1's exact ProxProp to compare.
    batch_size : int
    out : path-like, optional
        Where to write the record, as JSON.

    Returns
    -------
    dict
        ``"errors"``: by number of training steps and τ_θ, ``‖d₃₂ − d₆₄‖ / ‖d₆₄‖`` (Frobenius norms) of
        the layer where it is largest; the last layer, whose step is explicit, counts too.

    Raises
    ------
    ValueError
        If a step size or a number of steps makes no sense.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018, section 4 (the step sizes of X2).

    Examples
    --------
    >>> import minprox as mp
    >>> record = run(mp.datasets.digits(), "64-30-10", taus=[0.05, 50.0], steps=[0], batch_size=100)
    >>> all(error < 1e-4 for error in record["errors"]["0"].values())
    True
    """
    if not steps or min(steps) < 0:
        raise ValueError(f"steps: expected one or more numbers of steps, found {steps}")
    if not isinstance(data, Dataset):
        data = cifar10(data, flatten=True)
    net = build_net(architecture, data.input_shape, len(data.classes), "relu", 0, "float32")
    fine = build_net(architecture, data.input_shape, len(data.classes), "relu", 0, "float64")
    exact, loss = X1.methods["exact"], CrossEntropy()
    optimizer = SGD(net, lr=exact.tau or 1.0, momentum=exact.momentum or 0.0, nesterov=True)
    errors: dict[str, dict[str, float]] = {}
    batches = (batch for epoch in count(1) for batch in mini_batches(data.train, batch_size, [0, epoch]))
    for done, (x, y) in zip(range(max(steps) + 1), batches, strict=False):
        if done in steps:
            errors[str(done)] = {f"{tau:g}": error(net, fine, x, y, tau) for tau in taus}
        optimizer.step(proxprop(net, forward(net, x), loss, y, exact.tau_theta or 0.05))
    record = {
        "format": FORMAT,
        "environment": environment(),
        "data": data.name,
        "net": architecture,
        "batch": batch_size,
        "errors": errors,
    }
    if out is not None:
        write_json(out, record)
    return record


def error(net: Graph, fine: Graph, x: Any, y: Any, tau_theta: float) -> float:
    """Return the relative error of the direction of the layer where it is largest."""
    for theta, exact in zip(net.parameters, fine.parameters, strict=True):
        exact[...] = theta
    directions = [
        proxprop(one, forward(one, x.astype(one.dtype)), CrossEntropy(), y, tau_theta, Exact())
        for one in (net, fine)
    ]
    return max(float(np.linalg.norm(d - e) / np.linalg.norm(e)) for d, e in zip(*directions, strict=True))


def table(record: dict[str, Any]) -> str:
    """Return a record of :func:`run` as text."""
    taus = list(next(iter(record["errors"].values())))
    lines = [
        f"exact directions in float32 against float64, {record['net']} on {record['data']}, "
        f"batch {record['batch']}: largest relative error of a layer",
        f"{'τ_θ':<12}" + "".join(f"{tau:>9}" for tau in taus),
    ]
    for steps, errors in record["errors"].items():
        lines.append(f"{steps + ' steps':<12}" + "".join(f"{errors[tau]:>9.1e}" for tau in taus))
    return "\n".join(lines)
