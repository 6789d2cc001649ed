"""The formulas of all papers by label; a further paper is a file like ``proxprop.py`` and one name here."""

from __future__ import annotations

from collections.abc import Mapping

from minprox.formulas.double_backprop import DOUBLE_BACKPROP
from minprox.formulas.formula import Formula, Paper
from minprox.formulas.interlocking import INTERLOCKING
from minprox.formulas.kfac import KFAC
from minprox.formulas.proxprop import PROXPROP
from minprox.formulas.spauc import SPAUC
from minprox.formulas.tangents import TANGENTS
from minprox.formulas.vsml import VSML
from minprox.formulas.wasserstein_gan import WASSERSTEIN_GAN

PAPERS: tuple[Paper, ...] = (
    PROXPROP,
    TANGENTS,
    DOUBLE_BACKPROP,
    SPAUC,
    INTERLOCKING,
    KFAC,
    VSML,
    WASSERSTEIN_GAN,
)

FORMULAS: Mapping[str, Formula] = {formula.label: formula for paper in PAPERS for formula in paper.formulas}
