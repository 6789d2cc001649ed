"""Variable shared meta learning: a net whose every weight is a small recurrent cell, all with one θ.

Kirsch and Schmidhuber, *Meta Learning Backpropagation And Improving It*, NeurIPS 2021.
"""

from minprox.methods.vsml.cell import LSTMCell
from minprox.methods.vsml.clone import CloneCell, clone_net
from minprox.methods.vsml.dissection import Dissection, dissect
from minprox.methods.vsml.hand_set import HandSetCell
from minprox.methods.vsml.imitation import Imitation
from minprox.methods.vsml.learner import Learner
from minprox.methods.vsml.lstm_clone import LSTMClone, imitator
from minprox.methods.vsml.meta import Search, Through
from minprox.methods.vsml.rivals import Rivals
from minprox.methods.vsml.shipped import load, origin, save
from minprox.methods.vsml.tasks import gaussian_tasks
from minprox.methods.vsml.unrolled import Episode
from minprox.methods.vsml.windows import Windows

__all__ = [
    "CloneCell",
    "Dissection",
    "Episode",
    "HandSetCell",
    "Imitation",
    "LSTMCell",
    "LSTMClone",
    "Learner",
    "Rivals",
    "Search",
    "Through",
    "Windows",
    "clone_net",
    "dissect",
    "gaussian_tasks",
    "imitator",
    "load",
    "origin",
    "save",
]
