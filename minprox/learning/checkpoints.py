"""Parameters and training states in files: ``.npz``, without pickle, whole or not at all."""

from __future__ import annotations

import io
import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minprox.engine.doors import door
from minprox.engine.graph import Graph
from minprox.ground.backend import to_numpy
from minprox.ground.doors import path
from minprox.ground.files import whole_file
from minprox.learning.identity import differences
from minprox.learning.net_state import listed, net_arrays, put_net
from minprox.learning.rows import Rows

Path_ = str | os.PathLike[str]
FORMAT = "minprox arrays 1"


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
        If the file is something else or damaged, or its parameters have other shapes.
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
    arrays, _ = read_arrays(path)
    values, kept = listed("parameters", arrays), listed("memory", arrays)
    expected, found = [theta.shape for theta in net.parameters], [v.shape for v in values]
    if found != expected:
        raise ValueError(f"{path}: expected parameters of the shapes {expected}, found {found}")
    if [v.shape for v in kept] != [v.shape for v in net.memory]:
        raise ValueError(f"{path}: expected {len(net.memory)} arrays that layers keep, found {len(kept)}")
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

    def load(self, kind: Any) -> tuple[dict[str, np.ndarray], Any]:
        """Return the arrays and the record, which is of this class.

        Raises
        ------
        ValueError
            If the file is no checkpoint or a damaged one, or the run that wrote it had other settings.
        """
        arrays, meta = read_arrays(self.path)
        if not {"settings", "history"} <= set(meta):
            raise ValueError(f"{self.path}: expected a checkpoint, found parameters only")
        self.compare(meta["settings"])
        try:
            return arrays, kind.from_dict(meta["history"])
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise self.damaged(error) from None

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


def write_arrays(path: Path_, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write named arrays and a dictionary of JSON values as one ``.npz`` file."""
    text = json.dumps({"format": FORMAT, **meta})  # Python's JSON keeps NaN, and every float exactly
    named: dict[str, Any] = {"meta": np.array(text), **arrays}
    with whole_file(path) as file:
        np.savez(file, **named)


def read_arrays(path: Path_) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what :func:`write_arrays` wrote, or raise ValueError naming the file."""
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with warnings.catch_warnings(), np.load(content, allow_pickle=False) as file:
            warnings.simplefilter("error")
            arrays = {name: file[name] for name in file.files}
        meta = json.loads(str(arrays.pop("meta")))
        found = meta.pop("format")
    except Exception as error:  # a damaged zip file fails in a dozen ways
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        raise ValueError(f"{path}: not a minprox file, or a damaged one ({reason})") from None
    if found != FORMAT:
        raise ValueError(f"{path}: expected the format {FORMAT!r}, found {found!r}")
    return arrays, meta
