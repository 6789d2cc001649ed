"""A solver, a loss and a direction of one's own, in a module that other processes can import."""

import numpy as np

import minprox as mp


class Diagonal:
    """A solver of one's own that says what it is."""

    def __init__(self, shift=1.0):
        self.shift = shift

    def __call__(self, A, delta, tau_theta):
        curvature = A.T.gram().diagonal(axis1=-2, axis2=-1)
        return (A.T @ delta) / (curvature + self.shift / tau_theta)[..., None]

    def __repr__(self):
        return f"Diagonal({self.shift})"


class Silent(Diagonal):
    __repr__ = object.__repr__


class Cubic(mp.Loss):
    """L = Σ |z − onehot(y)|³ / N."""

    def __call__(self, output, y):
        return (abs(self.gap(output, y)) ** 3).sum() / len(y)

    def gradient(self, output, y):
        gap = self.gap(output, y)
        return 3 * gap * abs(gap) / len(y)

    def gap(self, output, y):
        return output - np.eye(output.shape[1], dtype=output.dtype)[y]

    def __repr__(self):
        return "Cubic()"


def halved(net, tape, loss, y):
    return [0.5 * g for g in mp.backprop(net, tape, loss, y)]
