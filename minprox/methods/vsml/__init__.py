"""Variable shared meta learning: a net whose every weight is a small recurrent cell, all with one θ.

Kirsch and Schmidhuber, *Meta Learning Backpropagation And Improving It*, NeurIPS 2021.
"""

from minprox.methods.vsml.cell import LSTMCell
from minprox.methods.vsml.hand_set import HandSetCell
from minprox.methods.vsml.learner import Learner

__all__ = ["HandSetCell", "LSTMCell", "Learner"]
