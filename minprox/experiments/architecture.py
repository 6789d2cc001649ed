"""What a net of any name is: how it is built, and what it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minprox.engine.graph import Graph


@dataclass(frozen=True)
class Architecture:
    """How a net is built for data of any shape.

    Parameters
    ----------
    layers : callable, or Graph
        ``layers(shape, outputs, activation)`` returns a list of layers, a net, or a function of seed and
        dtype that makes one; ``activation()`` makes an activation. A net that is there already is copied, and
        its parameters are drawn anew for each seed.
    images : bool, optional
        Whether it reads images rather than vectors; if not given, it takes the data as they are.
    activation : bool
        Whether it reads an activation, which a run may then choose.

    Examples
    --------
    >>> import minprox as mp
    >>> from minprox.experiments import NETS, Architecture, Run
    >>> def shallow(shape, outputs, activation):
    ...     return [mp.Linear(*shape, 30), activation(), mp.Linear(30, outputs)]
    >>> NETS["shallow"] = Architecture(shallow, images=False)
    >>> Run(architecture="shallow").architecture
    'shallow'
    >>> del NETS["shallow"]
    """

    layers: Callable[..., Any] | Graph
    images: bool | None = None
    activation: bool = True
