"""Muon for convolutions (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks")."""

import torch
from torch.optim.adam import adam

ADAM = 0.05  # a fitting step size of Adam relative to Muon's: 1e-3 to 0.02


class Muon(torch.optim.Optimizer):
    """Every kernel's step has one size in all directions: its averaged gradient, orthogonalised. Biases go by Adam.

    What `torch.optim.Muon` does for matrices, here for kernels as (outputs, inputs x height x width), all of a shape at once.

    Args:
        weights: the parameters; those of two and more dimensions count as matrices.
        lr: step size of the matrices: a step's spectral norm, times the root of how many times as high as wide a matrix is. The
            rest takes a twentieth of it.
        momentum: decay of the averaged gradient (Nesterov's kind).
        betas: Adam's.
        capturable: for CUDA graphs, which want the step sizes in tensors and all counts on the GPU.
    """

    def __init__(self, weights, lr: float, *, momentum: float = 0.95, betas: tuple[float, float] = (0.9, 0.999),
                 capturable: bool = False):
        weights = list(weights)
        groups = [{"params": [weight for weight in weights if weight.ndim > 1], "lr": lr},
                  {"params": [weight for weight in weights if weight.ndim < 2], "lr": ADAM * lr}]
        super().__init__(groups, {"momentum": momentum, "betas": betas, "capturable": capturable})

    @torch.no_grad()
    def step(self) -> None:
        matrices, rest = self.param_groups
        shapes: dict[torch.Size, list[torch.Tensor]] = {}
        for weight in (weight for weight in matrices["params"] if weight.grad is not None):
            shapes.setdefault(weight.flatten(1).shape, []).append(weight)
        for (rows, columns), weights in shapes.items():
            averages = [self._state(weight, "average")["average"] for weight in weights]
            gradients = [weight.grad for weight in weights]
            torch._foreach_lerp_(averages, gradients, 1 - matrices["momentum"])
            ahead = torch._foreach_lerp(gradients, averages, matrices["momentum"])
            steps = orthogonalised(torch.stack([step.flatten(1) for step in ahead]))
            size = matrices["lr"] * max(1, rows / columns) ** 0.5
            if matrices["capturable"]:
                steps, size = steps * size, 1
            for weight, step in zip(weights, steps, strict=True):
                weight.sub_(step.view(weight.shape), alpha=size)
        weights = [weight for weight in rest["params"] if weight.grad is not None]
        states = [self._state(weight, "exp_avg", "exp_avg_sq") for weight in weights]
        means, squares, counts = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step"))
        beta1, beta2 = rest["betas"]
        adam(weights, [weight.grad for weight in weights], means, squares, [], counts, amsgrad=False, beta1=beta1, beta2=beta2,
             lr=rest["lr"], weight_decay=0.0, eps=1e-8, maximize=False, capturable=rest["capturable"])

    def _state(self, weight: torch.Tensor, *names: str) -> dict[str, torch.Tensor]:
        state = self.state[weight]
        if not state:
            count = torch.zeros((), device=weight.device if self.defaults["capturable"] else "cpu")
            state.update({name: torch.zeros_like(weight) for name in names}, step=count)
        return state


def orthogonalised(matrices: torch.Tensor) -> torch.Tensor:
    """(N, rows, columns), each with its singular values brought to about 0.7 to 1.2.

    Five steps of a Newton-Schulz iteration whose quintic is steep at zero (Jordan et al. 2024).
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x
