"""What a formula is, and what a paper is: formulas by label, in the order in which one reads them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """One labelled formula of a paper.

    Attributes
    ----------
    label : str
        A letter and a number. ``E`` for equations, ``A`` for algorithms, ``P`` for propositions and ``X`` for
        experiments of *Proximal Backpropagation*; every other paper has one letter of its own.
    title : str
    text : str
        The formula in Unicode, for the terminal; may have several lines.
    latex : str
    words : str
        What it says, in one or two sentences.
    objects : tuple of str
        Dotted names of what implements it. Each of them carries the label in a comment or a docstring.

    Examples
    --------
    >>> from minprox.formulas import FORMULAS
    >>> FORMULAS["E7"].label
    'E7'
    """

    label: str
    title: str
    text: str
    latex: str
    words: str
    objects: tuple[str, ...]


@dataclass(frozen=True)
class Paper:
    """A paper, or a chapter of theory, whose formulas stand in the code.

    Attributes
    ----------
    title : str
    source : str
        Authors, place and year.
    formulas : tuple of Formula
        In the order in which one reads them.

    Examples
    --------
    >>> from minprox.formulas import PAPERS
    >>> PAPERS[0].title
    'Proximal Backpropagation'
    """

    title: str
    source: str
    formulas: tuple[Formula, ...]
