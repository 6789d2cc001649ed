"""Parameters of a cell in files: those that come with the package, and one's own."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any

from minprox.ground.array_files import read_arrays, write_arrays
from minprox.ground.backend import asarray, to_numpy
from minprox.learning.net_state import listed, numbered
from minprox.methods.vsml.cell import LSTMCell
from minprox.methods.vsml.doors import door

MOST = 2**24  # bytes of such a file
SHIPPED = "gaussians"  # one layer, back-propagation through time on Gaussian classes


def load(path: str | os.PathLike[str] | None = None) -> LSTMCell:
    """Return a meta-trained cell: the one that comes with the package, or one from a file.

    Parameters
    ----------
    path : str or path-like, optional
        Written by :func:`save`, or the ``checkpoint.npz`` of a meta-training. If not given, a cell that was
        meta-trained on nothing but synthetic Gaussian classes, in one layer; :func:`origin` tells how.

    Returns
    -------
    LSTMCell
        Of float32, unless the file has another dtype.

    Raises
    ------
    ValueError
        If the file holds no parameters of a cell, or is damaged.
    OSError
        If it cannot be read.

    Notes
    -----
    Of one layer nobody reads the messages downwards, so that ``W_b`` is what it was drawn as: the cell is
    one for nets of one layer.

    Examples
    --------
    >>> import minprox as mp
    >>> cell = mp.methods.vsml.load()
    >>> sum(theta.size for theta in cell.theta), cell
    (2384, LSTMCell(float32))
    """
    arrays, _ = read(path)
    thetas = listed("cell", arrays)
    if len(thetas) != len(LSTMCell.SHAPES):
        raise ValueError(f"{path}: expected the parameters of a cell, found {', '.join(arrays) or 'nothing'}")
    try:
        return LSTMCell([asarray(theta) for theta in thetas])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def origin(path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Return what a file of :func:`save` says of its parameters: command, settings, versions, result.

    Parameters
    ----------
    path : str or path-like, optional
        As for :func:`load`.

    Returns
    -------
    dict of str to JSON value

    Raises
    ------
    ValueError, OSError
        As for :func:`load`.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.methods.vsml.origin()["command"]
    'minprox run vsml-training --methods windows'
    """
    return read(path)[1]


@door
def save(cell: LSTMCell, path: str | os.PathLike[str], **about: Any) -> None:
    """Write the parameters of a cell as ``.npz``, which NumPy reads without pickle.

    Parameters
    ----------
    cell : LSTMCell
        Whose parameters are kept.
    path : str or path-like
        Usually ending in ``.npz``.
    **about : JSON value
        For :func:`origin`.

    Raises
    ------
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import minprox as mp, pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "cell.npz")
    ...     mp.methods.vsml.save(mp.methods.vsml.LSTMCell(seed=1), path, command="none: they were drawn")
    ...     mp.methods.vsml.load(path), mp.methods.vsml.origin(path)
    (LSTMCell(float32), {'command': 'none: they were drawn'})
    """
    write_arrays(path, numbered("cell", [to_numpy(theta) for theta in cell.theta]), about)


def read(path: str | os.PathLike[str] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a file, or the one that comes with the package."""
    if path is not None:
        return read_arrays(path, MOST)
    with resources.as_file(resources.files("minprox.methods.vsml") / "data" / f"{SHIPPED}.npz") as file:
        return read_arrays(Path(file))
