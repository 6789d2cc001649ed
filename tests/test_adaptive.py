"""AdamW and RMSprop by hand, as PyTorch has them, and after a resumption."""

import numpy as np
import pytest
from conftest import relative

import minprox as mp

OPTIMISERS = [
    (mp.SGD, "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (mp.Adam, "Adam", {"lr": 0.05, "weight_decay": 0.1}),
    (mp.AdamW, "AdamW", {}),
    (mp.AdamW, "AdamW", {"lr": 0.05, "betas": (0.5, 0.9), "weight_decay": 0.3}),
    (mp.RMSprop, "RMSprop", {}),
    (mp.RMSprop, "RMSprop", {"lr": 0.05, "alpha": 0.8, "momentum": 0.9, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("optimiser", "name", "options"), OPTIMISERS)
def test_twenty_steps_are_those_of_pytorch(optimiser, name, options, rng):
    torch = pytest.importorskip("torch")
    net = mp.Sequential(mp.Linear(3, 4), mp.Tanh(), mp.Linear(4, 2), dtype="float64")
    x, y, loss = rng.standard_normal((6, 3)), rng.integers(0, 2, 6), mp.CrossEntropy()
    thetas = [torch.tensor(theta, requires_grad=True) for theta in net.parameters]
    ones, labels = torch.ones(6, 1, dtype=torch.float64), torch.tensor(y)
    one, other = optimiser(net, **options), getattr(torch.optim, name)(thetas, **options)
    for _ in range(20):
        one.step(mp.backprop(net, mp.forward(net, x), loss, y))
        h = torch.tanh(torch.cat([torch.tensor(x), ones], 1) @ thetas[0])
        other.zero_grad()
        torch.nn.functional.cross_entropy(torch.cat([h, ones], 1) @ thetas[1], labels).backward()
        other.step()
    for theta, expected in zip(net.parameters, thetas, strict=True):
        assert relative(theta, expected.detach()) < 1e-12


def weights(*values):
    net = mp.Sequential(mp.Linear(len(values), 1, bias=False), dtype="float64")
    net.parameters = [np.array([values]).T]
    return net


def test_without_directions_adamw_decays_and_does_nothing_else():
    net = weights(1.0, -2.0)
    optimiser = mp.AdamW(net, lr=0.25, weight_decay=0.4)
    for _ in range(5):
        optimiser.step([np.zeros((2, 1))])
    assert relative(net.parameters[0].ravel(), 0.9**5 * np.array([1, -2])) < 1e-15


def test_along_a_constant_direction_adamw_ends_at_the_inverse_of_its_decay():
    """Each step is −τ(sign g + λθ), whatever the size of g: a geometric series towards −sign g / λ."""
    net = weights(0.0, 0.0)
    optimiser = mp.AdamW(net, lr=0.25, eps=1e-14, weight_decay=0.4)
    for k in range(1, 8):
        optimiser.step([np.array([[1e-3], [-7.0]])])
        assert net.parameters[0].ravel() == pytest.approx([-2.5 * (1 - 0.9**k), 2.5 * (1 - 0.9**k)], rel=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_along_a_constant_direction_rmsprop_slows_down(momentum):
    """v = (1 − αᵗ) g², so that step t has the length τ/√(1 − αᵗ)."""
    net, theta, b = weights(0.0, 0.0), 0.0, 0.0
    optimiser = mp.RMSprop(net, lr=0.25, alpha=0.75, eps=1e-14, momentum=momentum)
    for t in range(1, 8):
        optimiser.step([np.array([[1e-3], [-7.0]])])
        b = momentum * b + (1 - 0.75**t) ** -0.5
        theta -= 0.25 * b
        assert net.parameters[0].ravel() == pytest.approx([theta, -theta], rel=1e-9)


@pytest.mark.parametrize(
    "make",
    [mp.AdamW, mp.RMSprop, lambda net: mp.RMSprop(net, momentum=0.9)],
    ids=["adamw", "rmsprop", "heavy"],
)
def test_a_resumed_run_ends_with_the_same_bits(make, tmp_path):
    data = mp.datasets.blobs()

    def train(epochs, **options):
        net = mp.Sequential(mp.Linear(2, 10), mp.ReLU(), mp.Linear(10, 3), seed=0)
        mp.train(net, data, mp.CrossEntropy(), make(net), epochs=epochs, batch_size=50, **options)
        return [theta.tobytes() for theta in net.parameters]

    expected = train(4)
    train(2, checkpoint=tmp_path / "c.npz")
    assert train(4, checkpoint=tmp_path / "c.npz", resume=True) == expected


@pytest.mark.parametrize("name", ["adamw", "rmsprop"])
def test_runs_name_them(name, tmp_path):
    run = mp.experiments.Run(data="blobs", architecture="2-10-3", optimizer=name, epochs=2)
    assert (run.tau, run.momentum) == (1e-3, None)
    history = mp.experiments.execute(run, tmp_path)
    assert history.train_loss[1] < history.train_loss[0]
