"""Parameters and training states in files: ``.npz``, without pickle, whole or not at all."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.ground.array_files import most_for, read_arrays, write_arrays
from minprox.ground.backend import to_numpy
from minprox.ground.doors import path
from minprox.ground.schemas import fields, mapping
from minprox.learning.identity import differences
from minprox.learning.net_state import check_net, net_arrays, put_net
from minprox.learning.rows import Rows

Path_ = str | os.PathLike[str]


@door(path=path)
def save_parameters(net: Graph, path: Path_) -> None:
    """Write the parameters of a net to a file.

    Parameters
    ----------
    path : str or path-like
        Usually ending in ``.npz``; NumPy reads it without minprox, too.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import minprox as mp, pathlib, tempfile
    >>> net, other = (mp.Sequential(mp.Linear(3, 2), seed=seed) for seed in (0, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.npz")
    ...     mp.save_parameters(net, path)
    ...     mp.load_parameters(other, path)
    >>> bool((net.parameters[0] == other.parameters[0]).all())
    True
    """
    write_arrays(path, net_arrays(net), {})


@door(path=path)
def load_parameters(net: Graph, path: Path_) -> None:
    """Set the parameters of a net to those in a file.

    Parameters
    ----------
    net : Graph
        Changed in place, and only if everything fits.
    path : str or path-like
        Written by :func:`save_parameters`, or a checkpoint of :func:`minprox.train`.

    Raises
    ------
    ValueError
        If the file is something else or damaged, or its parameters have other shapes or another dtype.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import minprox as mp, pathlib, tempfile
    >>> net = mp.Sequential(mp.Linear(3, 2, bias=False), seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.npz")
    ...     mp.save_parameters(net, path)
    ...     net.parameters[0][...] = 0
    ...     mp.load_parameters(net, path)
    >>> bool(net.parameters[0].any())
    True
    """
    arrays, _ = read_arrays(path, most_for([*net.parameters, *net.memory]))
    try:
        check_net(net, arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    put_net(net, arrays)


@dataclass(frozen=True)
class Checkpoint:
    """Where a run writes its state after every epoch, and what must be the same when it goes on.

    Parameters
    ----------
    path : str or path-like
    settings : dict of str to JSON value
        See :func:`settings_of`.
    """

    path: Path_
    settings: dict[str, Any]

    def save(self, arrays: dict[str, Any], record: Rows) -> None:
        """Write the arrays of a run and its record."""
        content = {name: to_numpy(array) for name, array in arrays.items()}
        write_arrays(self.path, content, {"settings": self.settings, "history": record.to_dict()})

    def load(self, kind: Any, most: int) -> tuple[dict[str, np.ndarray], Any]:
        """Return the arrays and the record, which is of this class, from a file of so many bytes at most.

        Raises
        ------
        ValueError
            If the file is no checkpoint or a damaged one, or the run that wrote it had other settings.
        """
        arrays, meta = read_arrays(self.path, most)
        if not {"settings", "history"} <= set(meta):
            raise ValueError(f"{self.path}: expected a checkpoint, found parameters only")
        try:
            meta = fields("a checkpoint", meta, {"settings": mapping, "history": mapping})
            record = kind.from_dict(meta["history"])
        except (TypeError, ValueError, KeyError, AttributeError) as error:  # of a record of one's own, say
            raise self.damaged(error) from None
        self.compare(meta["settings"])
        return arrays, record

    def damaged(self, reason: object) -> ValueError:
        """Return the error that says that the file is damaged."""
        return ValueError(f"{self.path}: this checkpoint is damaged: {reason}")

    def compare(self, former: dict[str, Any]) -> None:
        """Raise ValueError naming every setting that differs from the former ones."""
        now = json.loads(json.dumps(self.settings))  # as they look after writing and reading
        differing = differences(former, now)
        if differing:
            raise ValueError(
                f"{self.path}: this checkpoint belongs to a run with other settings: " + "; ".join(differing)
            )
