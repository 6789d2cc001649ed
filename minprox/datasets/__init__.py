"""Data sets: real digits inside the package, and toy problems made from a seed."""

from minprox.datasets.base import Dataset, Split
from minprox.datasets.digits import digits
from minprox.datasets.quadratic import Quadratic, ridge
from minprox.datasets.toy import blobs, two_spirals

__all__ = ["Dataset", "Quadratic", "Split", "blobs", "digits", "ridge", "two_spirals"]
