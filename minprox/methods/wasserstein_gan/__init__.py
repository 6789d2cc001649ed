"""The Wasserstein proximal of GANs: implicit steps in the space of samples.

Lin, Li, Osher and Montúfar, *Wasserstein Proximal of GANs*, GSI 2021, arXiv:2102.06862.

A generator may be moved far in its parameters while its samples hardly move, and the other way round. So the
proximal term measures a step of the generator where it counts: by how far its samples move.
"""

from minprox.methods.wasserstein_gan.critics import DRAGAN, CriticLoss, NonSaturating, WassersteinGP
from minprox.methods.wasserstein_gan.digit_features import digit_distance
from minprox.methods.wasserstein_gan.directions import critic_direction, generator_direction
from minprox.methods.wasserstein_gan.exact import exact_proximal
from minprox.methods.wasserstein_gan.gradient_norm import norm_penalty, norm_penalty_gradient
from minprox.methods.wasserstein_gan.measures import frechet, modes, sliced_w2, w2_on_a_line
from minprox.methods.wasserstein_gan.proximal import affine, affine_error, relaxed, relaxed_error
from minprox.methods.wasserstein_gan.training import train

__all__ = [
    "train",
    "relaxed",
    "relaxed_error",
    "affine",
    "affine_error",
    "critic_direction",
    "generator_direction",
    "exact_proximal",
    "CriticLoss",
    "NonSaturating",
    "WassersteinGP",
    "DRAGAN",
    "norm_penalty",
    "norm_penalty_gradient",
    "modes",
    "w2_on_a_line",
    "sliced_w2",
    "frechet",
    "digit_distance",
]
