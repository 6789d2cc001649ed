"""Train the nets of the page to play with, and write ``training.json`` beside this file.

    python docs/play/measure_training.py

A net 64–32–10 learns to read the digits, in float64 and without momentum, for every step size τ,
proximal step size τ_θ and batch size N of the grid. The grid grows by the factor 4, so that the rule
(kτ, τ_θ/k, kN) leads from one of its points to another.
"""

import functools
import json
import math
from pathlib import Path

import numpy as np

import minprox as mp

HERE = Path(__file__).parent
TAUS = [4.0**k for k in range(-3, 3)]
TAU_THETAS = [0.05 * 4.0**k for k in range(-2, 4)]
BATCHES = [25, 100, 400]
EPOCHS, SEED = 8, 0


def make_net():
    return mp.Sequential(mp.Linear(64, 32), mp.Tanh(), mp.Linear(32, 10), seed=SEED, dtype="float64")


def curve(data, tau, batch_size, tau_theta=None):
    """The training loss at the epochs 0, 1, …; shorter where training diverged."""
    direction = mp.backprop if tau_theta is None else functools.partial(mp.proxprop, tau_theta=tau_theta)
    net = make_net()
    options = {"epochs": EPOCHS, "batch_size": batch_size, "seed": SEED, "progress": False}
    history = mp.train(net, data, mp.CrossEntropy(), mp.SGD(net, lr=tau), direction, **options)
    losses = [loss for loss in history.train_loss if math.isfinite(loss) and loss < 1e6]
    return [float(f"{loss:.3g}") for loss in losses]


def singular_values(data, batch_size):
    """Those of A = [a, 1] of the first layer, for the first samples."""
    A = mp.DenseMap(data.train.x[:batch_size], bias=True)
    values = np.sqrt(np.maximum(mp.theory.spectrum(A), 0.0))
    return [float(f"{s:.3g}") for s in sorted(values, reverse=True) if s > 0.01]


def measure():
    data = mp.datasets.digits(dtype="float64")
    return {
        "taus": TAUS,
        "tau_thetas": TAU_THETAS,
        "batches": BATCHES,
        "epochs": EPOCHS,
        "singular_values": {N: singular_values(data, N) for N in BATCHES},
        "backprop": {N: [curve(data, tau, N) for tau in TAUS] for N in BATCHES},
        "proxprop": {
            N: [[curve(data, tau, N, tau_theta) for tau_theta in TAU_THETAS] for tau in TAUS] for N in BATCHES
        },
    }


if __name__ == "__main__":
    (HERE / "training.json").write_text(json.dumps(measure(), separators=(",", ":")) + "\n", encoding="utf-8")
