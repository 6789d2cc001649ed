"""One file or folder for each method: what it is, as a direction or a loop of its own.

:data:`METHODS` is the table that runs, command line and figures read; :func:`add` adds to it.

Imports :mod:`minprox.learning` and what stands to its left.
"""

from minprox.methods import spauc, vsml, wasserstein_gan
from minprox.methods.adversarial import AdversarialTraining
from minprox.methods.attacks import fgsm, pgd, robust_accuracy
from minprox.methods.double_backpropagation import DoubleBackprop, WarmUp, double_backprop
from minprox.methods.input_penalty import gradient_penalty, penalty_gradient
from minprox.methods.interlocking import n_wise
from minprox.methods.kfac import KFAC, input_factor, kfac_step, output_factor, split_damping
from minprox.methods.modules import Modules, cut
from minprox.methods.pipeline import chain_length, schedule, step_time
from minprox.methods.table import METHODS, Method, add, looks

__all__ = [
    "METHODS",
    "Method",
    "add",
    "looks",
    "spauc",
    "AdversarialTraining",
    "fgsm",
    "pgd",
    "robust_accuracy",
    "DoubleBackprop",
    "WarmUp",
    "double_backprop",
    "gradient_penalty",
    "penalty_gradient",
    "n_wise",
    "KFAC",
    "input_factor",
    "output_factor",
    "kfac_step",
    "split_damping",
    "Modules",
    "cut",
    "chain_length",
    "schedule",
    "step_time",
    "vsml",
    "wasserstein_gan",
]
