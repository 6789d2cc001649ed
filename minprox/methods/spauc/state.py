"""The state of a learner as arrays, and in a file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from minprox.ground.arguments import number, whole
from minprox.ground.array_files import most_for, read_arrays, write_arrays
from minprox.ground.backend import asarray, to_numpy
from minprox.ground.schemas import mapping
from minprox.learning.identity import describe


class Stored:
    """What can be written to a file and taken up from there.

    Its state are ``t``, ``weight``, ``w``, ``mean`` and ``memory``; all else that it holds are settings.
    """

    t: int
    weight: float
    w: Any
    mean: Any
    memory: dict[str, Any]

    def settings(self) -> dict[str, str]:
        """Return what must be the same in two learners that shall agree bit by bit.

        Returns
        -------
        dict of str to str
        """
        changing = ("t", "weight", "w", "mean", "memory")
        own = {k: describe(v) for k, v in vars(self).items() if k not in changing}
        return {"learner": type(self).__name__} | own

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the state.

        Returns
        -------
        dict of str to ndarray, of the shapes of ``w`` or ()
        """
        named = {"t": self.t, "weight": self.weight, "w": self.w, "mean": self.mean} | self.memory
        return {name: to_numpy(value) for name, value in named.items()}

    def take_up(self, arrays: dict[str, np.ndarray]) -> None:
        """Set the state to what :meth:`arrays` returned.

        Parameters
        ----------
        arrays : dict of str to ndarray, of the shapes of ``w`` or ()

        Raises
        ------
        ValueError
            If these are not the arrays of such a learner; the state is then as before.
        """
        former = self.arrays()
        if {k: v.shape for k, v in former.items()} != {k: v.shape for k, v in arrays.items()}:
            raise ValueError(
                f"expected the arrays {sorted(former)} of such a learner, found {sorted(arrays)}"
            )
        for name, value in former.items():
            if arrays[name].dtype != value.dtype:
                raise ValueError(f"{name}: expected {value.dtype}, found {arrays[name].dtype}")
        t, weight = whole("t", arrays["t"][()], least=0), number("weight", arrays["weight"][()], least=0)
        self.t, self.weight = t, weight
        self.w, self.mean = asarray(arrays["w"].copy()), asarray(arrays["mean"].copy())
        self.memory = {
            name: asarray(arrays[name].copy()) if hasattr(value, "dtype") else arrays[name].item()
            for name, value in self.memory.items()
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, whole or not at all.

        Parameters
        ----------
        path : path-like

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        write_arrays(path, self.arrays(), {"settings": self.settings()})

    def load(self, path: str | os.PathLike[str]) -> None:
        """Set the state to that of a file.

        Parameters
        ----------
        path : path-like
            Written by :meth:`save` of a learner with the same settings.

        Raises
        ------
        ValueError
            If it is something else, damaged, or of a learner with other settings; the state is then as
            before.
        OSError
            If it cannot be read.
        """
        arrays, meta = read_arrays(path, most_for(self.arrays()))
        now, former = self.settings(), mapping(f"{path}: settings", meta.get("settings", {}))
        if differing := [
            f"{name} was {former.get(name)} and is now {now.get(name)}"
            for name in sorted({*now, *former})
            if now.get(name) != former.get(name)
        ]:
            raise ValueError(f"{path}: this file is of a learner with other settings: {'; '.join(differing)}")
        try:
            self.take_up(arrays)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: this file is damaged: {error}") from None
