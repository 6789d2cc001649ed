"""Data sets: digits inside the package, others that are fetched, your own, and toy problems from a seed.

Imports :mod:`minprox.ground` alone.
"""

from minprox.datasets.base import Dataset, Split
from minprox.datasets.cifar import cifar10
from minprox.datasets.digit_images import digits
from minprox.datasets.digit_pairs import digit_sums
from minprox.datasets.gaussians import Gaussians
from minprox.datasets.mnist_files import fashion_mnist, mnist
from minprox.datasets.own_arrays import from_arrays
from minprox.datasets.own_tables import from_csv
from minprox.datasets.quadratic import Quadratic, ridge
from minprox.datasets.spelled_numbers import number_names
from minprox.datasets.streams import TwoNormals
from minprox.datasets.toy import blobs, two_spirals

__all__ = [
    "Dataset",
    "Gaussians",
    "Quadratic",
    "Split",
    "TwoNormals",
    "blobs",
    "cifar10",
    "digits",
    "digit_sums",
    "number_names",
    "fashion_mnist",
    "from_arrays",
    "from_csv",
    "mnist",
    "ridge",
    "two_spirals",
]
