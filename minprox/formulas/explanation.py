"""A formula with its code, its tests and its tutorials, for the terminal and for notebooks."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

from minprox.formulas.formula import Formula
from minprox.formulas.labels import Mention, tests, tutorials
from minprox.formulas.registry import FORMULAS
from minprox.formulas.source import ROOT, Source, find, shown


@dataclass(frozen=True, repr=False)
class Explanation:
    """A formula and what belongs to it; ``print`` it, or let a notebook show it.

    Attributes
    ----------
    formula : Formula
    sources : tuple of Source
        What implements it.
    tests, tutorials : tuple of Mention
        What names its label; empty where minprox was installed without them.

    Examples
    --------
    >>> import minprox as mp
    >>> explanation = mp.formulas.explain("P5")
    >>> isinstance(explanation, mp.formulas.Explanation), explanation.formula.label
    (True, 'P5')
    """

    formula: Formula
    sources: tuple[Source, ...]
    tests: tuple[Mention, ...]
    tutorials: tuple[Mention, ...]

    def __str__(self) -> str:
        formula = self.formula
        parts = [
            f"{formula.label}  {formula.title}",
            textwrap.indent(formula.text, "    "),
            textwrap.fill(formula.words, 88),
            *(self.listing(source) for source in self.sources),
        ]
        if self.tests:
            parts.append("Tests\n" + "\n".join(f"    {test.file}::{test.name}" for test in self.tests))
        if self.tutorials:
            width = max(len(tutorial.file) for tutorial in self.tutorials)
            lines = [f"    {tutorial.file:<{width}}  {tutorial.name}" for tutorial in self.tutorials]
            parts.append("Tutorials\n" + "\n".join(lines))
        return "\n\n".join(parts)

    __repr__ = __str__

    def listing(self, source: Source) -> str:
        """Return the numbered lines of a source; those that carry the label have an arrow.

        Parameters
        ----------
        source : Source
            One of :attr:`sources`.
        """
        marked = source.marked(self.formula.label)
        lines = [
            f"{'→' if i in marked else ' '} {i:4d}  {line}".rstrip()
            for i, line in zip(source.lines, source.dedented(), strict=True)
        ]
        return "\n".join([f"{source.name}  ({source.file})", *lines])

    def _repr_markdown_(self) -> str:
        formula = self.formula
        parts = [f"**{formula.label}: {formula.title}**", f"$${formula.latex}$$", formula.words]
        parts += [f"```python\n{self.listing(source)}\n```" for source in self.sources]
        parts += ["\n".join(f"- `{found.file}`: {found.name}" for found in (*self.tests, *self.tutorials))]
        return "\n\n".join(parts)


def explain(label: str) -> Explanation:
    """Show a formula of a paper, and the code that is the formula.

    Parameters
    ----------
    label : str
        ``"E1"`` to ``"E7"``, ``"A1"``, ``"A2"``, ``"P1"`` to ``"P5"``, ``"X1"`` to ``"X3"``, and those of the
        other papers: ``minprox explain`` lists them all.

    Returns
    -------
    Explanation
        Prints as formula, words, source with the lines of the formula marked, tests and tutorials.

    Raises
    ------
    ValueError
        If there is no such label.

    References
    ----------
    Frerix et al., Proximal Backpropagation, ICLR 2018. The labels are minprox's own.

    Examples
    --------
    >>> import minprox as mp
    >>> mp.explain("E7")
    E7  The implicit direction, dual
    <BLANKLINE>
        d_l = A_lᵀ (A_lA_lᵀ + I/τ_θ)⁻¹ δ_l
    ...
    """
    formula = FORMULAS.get(label.upper()) if isinstance(label, str) else None
    if formula is None:
        raise ValueError(f"label: expected one of {', '.join(FORMULAS)}, found {shown(label)}")
    root = project()
    return Explanation(
        formula,
        tuple(find(name) for name in formula.objects),
        tuple(test for test in tests(root) if formula.label in test.labels) if root else (),
        tuple(found for found in tutorials(root) if formula.label in found.labels) if root else (),
    )


def project() -> Path | None:
    """Return the folder with the tests and tutorials; None where the package alone was installed."""
    return ROOT if (ROOT / "pyproject.toml").is_file() else None
