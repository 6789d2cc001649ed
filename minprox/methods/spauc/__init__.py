"""Stochastic proximal AUC maximisation (Lei and Ying, JMLR 2021): a linear ranking learnt from a stream.

A good score ranks examples of one class above those of the other. How often it does, the area under the ROC
curve, is a mean over *pairs*; SPAUC takes it apart into a mean over single examples and follows that by
proximal steps, with memory and time that do not grow with the stream.
"""

from minprox.methods.spauc.algorithm import SPAUC
from minprox.methods.spauc.baselines import SOLAM, SPAM, PairwiseSGD, spam_gradient
from minprox.methods.spauc.batch import ClosedForm, closed_form
from minprox.methods.spauc.classes import Moments, moments
from minprox.methods.spauc.estimator import AUCClassifier
from minprox.methods.spauc.formulas import gradient, objective, proximal_point, surrogate
from minprox.methods.spauc.learner import Learner
from minprox.methods.spauc.ranking import auc
from minprox.methods.spauc.steps import Constant, Growth, Inverse, Power, StepRule
from minprox.methods.spauc.streams import libsvm

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
