"""A lean ProxProp in PyTorch, as the paper describes it: what minprox is timed against.

Back-propagation is autograd's, stopped at the ``z_l`` of the layers that a proximal step replaces, so that
no gradient is computed which is not used. The exact step solves the ``cols × cols`` system (E6); "cg n" runs
``n`` iterations, each output column with its own step lengths, with one forward and one
weight-gradient product of the layer in each, as the published code does for dense layers (without its
lost search direction). PyTorch is imported by this file alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minprox.engine.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from minprox.experiments.nets import build_net
from minprox.ground.environment import cores

Tensor = Any


def sees_gpu() -> bool:
    """Tell whether the installed PyTorch can compute on a GPU of this machine."""
    import torch

    return torch.cuda.is_available()


def translated(layer: Any, nn: Any) -> Any:
    """Return a layer of the paper's nets as a module of PyTorch."""
    if isinstance(layer, Linear):
        return nn.Linear(layer.n_in, layer.n_out)
    if isinstance(layer, Conv2d):
        return nn.Conv2d(layer.in_channels, layer.out_channels, layer.kernel, layer.stride, layer.padding)
    if isinstance(layer, MaxPool2d):
        return nn.MaxPool2d(layer.kernel, layer.stride)
    return {ReLU: nn.ReLU, Flatten: nn.Flatten}[type(layer)]()


class Peer:
    """One of the paper's nets in PyTorch, with its optimiser.

    Parameters
    ----------
    name : {"mlp", "convnet"}
    x : ndarray, shape (N, 3072) or (N, 3, 32, 32)
    y : ndarray of int, shape (N,)
    tau_theta : float
    device : {"cpu", "cuda"}
        Where it computes.
    tf32 : bool
        Whether float32 products on a GPU may be rounded to TF32; as everywhere here, not by default.
    """

    def __init__(
        self,
        name: str,
        x: np.ndarray,
        y: np.ndarray,
        tau_theta: float,
        device: str = "cpu",
        tf32: bool = False,
    ) -> None:
        import torch
        from torch import nn

        torch.set_num_threads(cores())
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        self.torch, self.tau_theta = torch, tau_theta
        self.x, self.y = (torch.from_numpy(array).to(device) for array in (x, y))
        net = build_net(f"paper-{name}", x.shape[1:], 10, "relu", 0, "float32")
        modules = (translated(node.layer, nn) for node in net.nodes[1:])
        self.net: Any = nn.Sequential(*modules).to(device)
        theta: Any = self.net.parameters()
        if name == "mlp":
            self.optimizer: Any = torch.optim.SGD(theta, lr=1e-9, momentum=0.95, nesterov=True, fused=True)
        else:
            self.optimizer = torch.optim.Adam(theta, lr=1e-9, fused=True)
        self.loss = nn.CrossEntropyLoss()

    def backprop(self) -> None:
        """Compute the gradient of every parameter."""
        self.net.zero_grad()
        self.loss(self.net(self.x), self.y).backward()

    def proxprop(self, solve: Callable[[Any, Tensor, Tensor], tuple[Tensor, Tensor]]) -> None:
        """Put the implicit step of every layer but the last where its gradient would stand."""
        torch, (*hidden, last) = self.torch, self.net
        a, places = self.x, []
        for layer in hidden:
            if hasattr(layer, "weight"):
                with torch.no_grad():  # nothing flows back through θ_l itself …
                    weight, bias = layer.weight.detach(), layer.bias.detach()
                z = self.apply(layer, weight, bias, a)
                z = z if z.requires_grad else z.requires_grad_()
                places.append((layer, a.detach(), z))
                a = z
            else:
                a = layer(a)
        self.net.zero_grad()
        J = self.loss(last(a), self.y)
        deltas = torch.autograd.grad(J, [*(z for _, _, z in places), last.weight, last.bias])
        last.weight.grad, last.bias.grad = deltas[-2:]
        with torch.no_grad():
            for (layer, a_l, _), delta in zip(places, deltas, strict=False):
                layer.weight.grad, layer.bias.grad = solve(layer, a_l, delta)

    def step(self) -> None:
        """Let the optimiser update the parameters."""
        self.optimizer.step()

    def task(self, words: str) -> Callable[[], None]:
        """Return a direction, ``"backprop"``, ``"exact"`` or ``"cg3"``, or a whole step, ``"exact step"``."""
        kind, *more = words.split()
        solve = self.exact if kind == "exact" else self.cg(int(kind[2:])) if kind[:2] == "cg" else None

        def run() -> None:
            self.proxprop(solve) if solve else self.backprop()
            if more:
                self.step()

        return run

    def close(self) -> None:
        """Do nothing: there is no process to end."""

    def apply(self, layer: Any, weight: Tensor, bias: Tensor | None, a: Tensor) -> Tensor:
        """``φ(θ, a)`` with θ given."""
        functional = self.torch.nn.functional
        if weight.dim() == 2:
            return functional.linear(a, weight, bias)
        return functional.conv2d(a, weight, bias, layer.stride, layer.padding)

    def adjoint(self, layer: Any, a: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
        """``Aᵀ δ``, as weight and bias."""
        if delta.dim() == 2:
            return delta.T @ a, delta.sum(0)
        _, weight, bias = self.torch.ops.aten.convolution_backward(
            *(delta, a, layer.weight, [layer.out_channels], layer.stride, layer.padding, layer.dilation),
            *(False, [0, 0], 1, [False, True, True]),
        )
        return weight, bias

    def exact(self, layer: Any, a: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
        """Solve ``(AᵀA + I/τ_θ) d = Aᵀδ`` by Cholesky's decomposition."""
        torch = self.torch
        if delta.dim() == 4:
            patches = torch.nn.functional.unfold(a, layer.kernel_size, padding=layer.padding)
            a = patches.transpose(1, 2).reshape(-1, patches.shape[1])
            delta = delta.permute(0, 2, 3, 1).reshape(-1, delta.shape[1])
        A = torch.cat([a, a.new_ones(len(a), 1)], dim=1)
        M = A.T @ A
        M.diagonal().add_(1 / self.tau_theta)
        d = torch.cholesky_solve(A.T @ delta, torch.linalg.cholesky(M))
        return d[:-1].T.reshape(layer.weight.shape), d[-1]

    def cg(self, iterations: int) -> Callable[[Any, Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return the solver "cg n": n iterations from zero, column by column, matrix-free."""

        def solve(layer: Any, a: Tensor, delta: Tensor) -> tuple[Tensor, Tensor]:
            torch = self.torch

            def flat(weight: Tensor, bias: Tensor) -> Tensor:
                return torch.cat([weight.flatten(1), bias[:, None]], dim=1)

            def M(v: Tensor) -> Tensor:
                z = self.apply(layer, v[:, :-1].reshape(layer.weight.shape), v[:, -1], a)
                return flat(*self.adjoint(layer, a, z)).add_(v, alpha=1 / self.tau_theta)

            r = flat(*self.adjoint(layer, a, delta))
            d, p, rho = torch.zeros_like(r), r.clone(), (r * r).sum(1, keepdim=True)
            for n in range(1, iterations + 1):
                q = M(p)
                alpha = rho / (p * q).sum(1, keepdim=True).clamp_min(1e-38)
                d.addcmul_(alpha, p)
                if n == iterations:
                    break
                r.addcmul_(alpha, q, value=-1)
                new = (r * r).sum(1, keepdim=True)
                p.mul_(new / rho.clamp_min(1e-38)).add_(r)
                rho = new
            return d[:, :-1].reshape(layer.weight.shape), d[:, -1]

        return solve
