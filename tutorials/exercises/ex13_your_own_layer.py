"""Exercise 13: layers of your own.

Two layers: a transfer that scales and shifts each channel, z = θ₀ a + θ₁, for normalised inputs, say; and the
activation Swish, z ↦ z s(z), with the sigmoid s. Their forward maps are given.

Read ``tutorials/13_your_own_layer.py`` first. Then replace each ``raise NotImplementedError``
by the lines that compute the formula above it, and check them, as often as you like, with

    minprox check ex13_your_own_layer.py

The arguments are float64 arrays and belong to the caller: never write to them. At the end of this file
are small numbers for a first try: run it as a script.
"""

import numpy as np

import minprox as mp

EXERCISE = "13"  # tells minprox check which exercise this is; leave it


class Scale(mp.Transfer):
    """Scale and shift each channel: z[n, c] = θ[0, c] a[n, c] + θ[1, c].

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels):
        super().__init__((2, channels), fan_in=1, bias=True, groups=channels)  # each channel has its own A

    def forward(self, theta, a):
        """Return φ(θ, a); given."""
        return theta[0] * a + theta[1]

    def adjoint_theta(self, a, delta):
        """Return Aᵀδ, the gradient of θ  (P1).

        Parameters
        ----------
        a, delta : array, shape (N, channels)

        Returns
        -------
        array, shape (2, channels)
        """
        raise NotImplementedError("collect what stands with each row of theta in the sum of z * delta")

    def adjoint_input(self, theta, a, delta):
        """Return (∂φ/∂a)ᵀδ, the error of the input  (A1).

        Parameters
        ----------
        theta : array, shape (2, channels)
        a, delta : array, shape (N, channels)

        Returns
        -------
        array, shape (N, channels)
        """
        raise NotImplementedError("the factor that a has met on its way")

    def matrix(self, a):
        """Return A_c = [a_c, 1] for each channel c, with which exact steps are possible  (E6).

        Parameters
        ----------
        a : array, shape (N, channels)

        Returns
        -------
        array, shape (channels, N, 2)
        """
        raise NotImplementedError("np.stack makes a new axis; the column of ones comes last")


class Swish(mp.Layer):
    """σ(z) = z s(z) with the sigmoid s(z) = 1/(1 + e⁻ᶻ)."""

    def forward(self, z):
        """Return σ(z); given."""
        return z * (1 + np.tanh(z / 2)) / 2

    def adjoint(self, delta, a, z):
        """Return σ′(z) δ from the error δ of the output a = σ(z).

        Parameters
        ----------
        delta, a, z : array, of one shape

        Returns
        -------
        array, of that shape
        """
        raise NotImplementedError("the product rule; the derivative of s is s (1 - s)")


if __name__ == "__main__":
    theta, a, delta = np.array([[5.0], [1.0]]), np.array([[3.0]]), np.array([[2.0]])
    print(Scale(1).adjoint_theta(a, delta))  # expected: 6 2
    print(Scale(1).adjoint_input(theta, a, delta))  # expected: 10
    print(Scale(1).matrix(a))  # expected: 3 1
    print(Swish().adjoint(np.ones(1), np.zeros(1), np.zeros(1)))  # expected: 0.5
    mp.check_layer(Scale(3), (3,))  # minprox's own checker, which says nothing where all is well
    mp.check_layer(Swish(), (5,))
