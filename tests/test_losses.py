"""Losses by their definitions, with numbers that can be checked by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from studylib import losses


@pytest.fixture
def logits():
    torch.manual_seed(0)
    return 3 * torch.randn(4, 7), 3 * torch.randn(4, 7)


def test_bce_is_binary_cross_entropy(logits):
    real, fake = logits
    ones, zeros = torch.ones_like(real), torch.zeros_like(real)
    on_real, on_fake = losses.discriminator_loss(real, fake, "bce")
    assert torch.allclose(on_real, F.binary_cross_entropy_with_logits(real, ones))
    assert torch.allclose(on_fake, F.binary_cross_entropy_with_logits(fake, zeros))
    assert torch.allclose(losses.generator_loss(fake, "bce"), F.binary_cross_entropy_with_logits(fake, ones))


def test_hinge_by_hand():
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, -0.5, 1.0])
    on_real, on_fake = losses.discriminator_loss(real, fake, "hinge")
    assert on_real.item() == pytest.approx((0 + 0.5 + 2) / 3)
    assert on_fake.item() == pytest.approx((0 + 0.5 + 2) / 3)
    assert losses.generator_loss(fake, "hinge").item() == pytest.approx((2 + 0.5 - 1) / 3)


@pytest.mark.parametrize(("kind", "over", "expected"), [
    ("l1", "hole", (6 * 0.5 + 3 * 2.0) / 9), ("l2", "hole", (6 * 0.25 + 3 * 4.0) / 9),
    ("l1", "picture", (6 * 0.5 + 3 * 2.0) / 24), ("l2", "picture", (6 * 0.25 + 3 * 4.0) / 24)])
def test_reconstruction_by_hand(kind, over, expected):
    """Two pictures of 2x2 pixels; holes of two pixels with a difference of 0.5 and of one with a difference of 2."""
    truth, output = torch.zeros(2, 3, 2, 2), torch.full((2, 3, 2, 2), 7.0)
    where = torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]).unsqueeze(1)
    output[0, :, 0] = 0.5
    output[1, :, 0, 0] = -2.0
    assert losses.reconstruction(output, truth, where, kind, over).item() == pytest.approx(expected)


@pytest.mark.parametrize(("over", "sizes"), [("hole", (6, 3)), ("picture", (12, 12))])
def test_psnr_weighs_pictures_alike(over, sizes):
    """The pictures above; a difference of 2 is the whole range, so its PSNR is 0 dB."""
    truth, output = torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, 2, 2)
    where = torch.tensor([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]).unsqueeze(1)
    output[0, :, 0] = 0.5
    output[1, :, 0, 0] = -2.0
    decibels = [-10 * math.log10(squared / size + 2.5e-5) for squared, size in zip((6 * 0.25 / 4, 3.0), sizes, strict=True)]
    assert losses.reconstruction(output, truth, where, "psnr", over).item() == pytest.approx(-sum(decibels) / 2 / 40)


def test_reconstruction_without_a_hole_is_zero():
    output, truth, nowhere = torch.ones(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    assert losses.reconstruction(output, truth, nowhere, "l1", "hole") == 0


def test_diff_augment_changes_what_a_judge_sees_and_lets_gradients_pass():
    draw = lambda n: torch.rand(1, n, generator=generator)  # noqa: E731
    generator = torch.Generator().manual_seed(0)
    pictures = (torch.rand(6, 3, 32, 40, generator=generator) * 2 - 1).requires_grad_(True)
    changed = losses.diff_augment(pictures, draw)
    assert changed.shape == pictures.shape
    assert not torch.equal(changed[0], losses.diff_augment(pictures, draw)[0])
    blank = (changed == 0).all(1).float().mean((1, 2))
    assert blank.min() > 0.06
    assert blank.max() < 0.5
    changed.sum().backward()
    assert (pictures.grad != 0).float().mean() > 0.5


def test_diff_augment_in_the_middle_of_all_ranges_only_cuts_a_square():
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    changed = losses.diff_augment(pictures, lambda n: torch.full((1, n), 0.5))
    middle = torch.zeros(32, 32, dtype=torch.bool)
    middle[9:24, 9:24] = True
    assert (changed[..., middle] == 0).all()
    assert torch.allclose(changed[..., ~middle], pictures[..., ~middle], atol=1e-6)


def test_gram_by_hand():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    expected = torch.tensor([[[1 + 4, 3 + 8], [3 + 8, 9 + 16]]]) / (2 * 2)
    assert torch.allclose(losses.gram(features), expected)
    assert torch.allclose(losses.gram(features, torch.ones(1, 1, 1, 2)), expected)
    left = torch.tensor([[[[1.0, 0.0]]]])
    assert torch.allclose(losses.gram(features, left), torch.tensor([[[1.0, 3.0], [3.0, 9.0]]]) / 2)


def test_weighted_gram_ignores_what_lies_outside():
    torch.manual_seed(0)
    features = torch.rand(2, 3, 8, 8)
    where = torch.zeros(2, 1, 32, 32)
    where[..., :16, :] = 1
    changed = features.clone()
    changed[:, :, 4:] = 100
    assert torch.allclose(losses.gram(changed, where), losses.gram(features, where))
    assert torch.allclose(losses.gram(features, where), losses.gram(features[:, :, :4]))


def test_style_distance_is_zero_for_equal_styles_and_relative():
    torch.manual_seed(0)
    truth = [torch.rand(2, 4, 6, 6), 1000 * torch.rand(2, 3, 4, 4)]
    assert losses.style_distance(truth, truth).max() < 1e-5
    shuffled = [feature.flip(2, 3) for feature in truth]
    assert losses.style_distance(shuffled, truth).max() < 1e-5
    doubled = [2 * feature for feature in truth]
    assert torch.allclose(losses.style_distance(doubled, truth), torch.tensor([3.0, 3.0]))


def test_style_distance_of_equal_styles_has_a_gradient_without_nan():
    features = torch.rand(1, 4, 6, 6, requires_grad=True)
    losses.style_distance([features], [features.detach()]).sum().backward()
    assert features.grad.isfinite().all()


def test_perceptual_by_hand():
    truth = [torch.full((1, 2, 2, 2), 4.0), torch.full((1, 1, 1, 1), -0.5)]
    ours = [torch.full((1, 2, 2, 2), 5.0), torch.full((1, 1, 1, 1), 0.5)]
    assert losses.perceptual(truth, truth) == 0
    assert losses.perceptual(ours, truth).item() == pytest.approx((1 / 4 + 1 / 0.5) / 2)
