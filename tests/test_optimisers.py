"""Muon against `torch.optim.Muon` and `torch.optim.Adam`, and by its own properties."""

import pytest
import torch
from torch import nn

from studylib.optimisers import ADAM, Muon, orthogonalised


def stepped(optimiser, weights, steps=4):
    """The weights after a few steps along gradients that are the same for every optimiser."""
    draw = torch.Generator().manual_seed(3)
    for _ in range(steps):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=draw)
        optimiser.step()
    return [weight.detach() for weight in weights]


def weights(*shapes):
    draw = torch.Generator().manual_seed(2)
    return [nn.Parameter(torch.randn(shape, generator=draw)) for shape in shapes]


@pytest.mark.parametrize("shape", [(12, 30), (30, 12), (16, 16)])
def test_matrices_go_as_torch_takes_them(shape):
    ours, theirs = weights(shape), weights(shape)
    (own,) = stepped(Muon(ours, 0.02), ours)
    (reference,) = stepped(torch.optim.Muon(theirs, 0.02, weight_decay=0.0), theirs)
    assert (own - reference).abs().max() < 1e-3  # theirs iterates in bfloat16
    assert (own - weights(shape)[0]).abs().max() > 5e-3


def test_biases_go_as_adam_takes_them():
    ours, theirs = weights((7,), (5,)), weights((7,), (5,))
    both = zip(stepped(Muon(ours, 0.02, betas=(0.8, 0.99)), ours),
               stepped(torch.optim.Adam(theirs, ADAM * 0.02, betas=(0.8, 0.99)), theirs), strict=True)
    assert all(torch.allclose(own, reference, atol=1e-6) for own, reference in both)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_kernel_is_the_matrix_of_its_outputs_in_either_layout(layout):
    kernels, matrices = weights((8, 4, 3, 3), (8, 4, 3, 3)), weights((8, 4, 3, 3), (8, 4, 3, 3))
    for kernel in kernels:
        kernel.data = kernel.data.to(memory_format=layout)
    matrices = [nn.Parameter(matrix.detach().flatten(1)) for matrix in matrices]
    together = stepped(Muon(kernels, 0.02), kernels)
    draw = torch.Generator().manual_seed(3)
    optimiser = Muon(matrices, 0.02)
    for _ in range(4):
        for matrix in matrices:
            matrix.grad = torch.randn(8, 4, 3, 3, generator=draw).flatten(1)
        optimiser.step()
    for kernel, matrix in zip(together, matrices, strict=True):
        assert torch.allclose(kernel.flatten(1), matrix, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 10, 40), (3, 40, 10), (2, 1, 9)])
def test_singular_values_come_near_one(shape):
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape, generator=torch.Generator().manual_seed(0))))
    assert values.min() > 0.6 and values.max() < 1.3


def test_what_has_no_gradient_stays():
    still, moved = weights((4, 6), (6, 4))
    optimiser = Muon([still, moved], 0.02)
    before = still.detach().clone()
    moved.grad = torch.ones_like(moved)
    optimiser.step()
    assert torch.equal(still, before) and not torch.equal(moved, weights((4, 6), (6, 4))[1])
    assert orthogonalised(torch.zeros(1, 3, 5)).abs().max() == 0
