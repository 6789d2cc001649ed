"""Stochastic proximal AUC maximisation (Lei and Ying, JMLR 2021): a linear ranking learnt from a stream.

A good score ranks examples of one class above those of the other. How often it does, the area under the ROC
curve, is a mean over *pairs*; SPAUC takes it apart into a mean over single examples and follows that by
proximal steps, with memory and time that do not grow with the stream.
"""

from minprox.ground.doors import positive
from minprox.methods.spauc import formulas
from minprox.methods.spauc.algorithm import SPAUC
from minprox.methods.spauc.baselines import SOLAM, SPAM, PairwiseSGD, spam_gradient
from minprox.methods.spauc.batch import ClosedForm, closed_form
from minprox.methods.spauc.classes import Moments, moments
from minprox.methods.spauc.doors import door
from minprox.methods.spauc.estimator import AUCClassifier
from minprox.methods.spauc.learner import Learner
from minprox.methods.spauc.ranking import auc
from minprox.methods.spauc.steps import Constant, Growth, Inverse, Power, StepRule
from minprox.methods.spauc.streams import libsvm

# A stream calls the formulas themselves, a million times; who calls them from here is told what does not fit.
objective, surrogate = door(formulas.objective), door(formulas.surrogate)
gradient, proximal_point = door(formulas.gradient), door(eta=positive)(formulas.proximal_point)

__all__ = [
    "auc",
    "SPAUC",
    "SPAM",
    "SOLAM",
    "PairwiseSGD",
    "closed_form",
    "ClosedForm",
    "Learner",
    "AUCClassifier",
    "Constant",
    "Inverse",
    "Power",
    "Growth",
    "StepRule",
    "Moments",
    "moments",
    "objective",
    "surrogate",
    "gradient",
    "proximal_point",
    "spam_gradient",
    "libsvm",
]
