"""Losses of generator and discriminator. All average over the batch; all arguments are float tensors."""

from collections.abc import Callable

import torch
import torch.nn.functional as F


def discriminator_loss(real: torch.Tensor, fake: torch.Tensor, kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The discriminator's loss on truths and on composites, from its logits (any shape).

    kind: "bce" (Goodfellow et al. 2014) or "hinge" (Lim and Ye 2017).
    """
    if kind == "bce":
        return F.softplus(-real).mean(), F.softplus(fake).mean()
    return F.relu(1 - real).mean(), F.relu(1 + fake).mean()


def generator_loss(fake: torch.Tensor, kind: str) -> torch.Tensor:
    """The generator's adversarial loss from the logits of its composites: non-saturating for "bce", linear for "hinge"."""
    return F.softplus(-fake).mean() if kind == "bce" else -fake.mean()


def diff_augment(pictures: torch.Tensor, draw: Callable[[int], torch.Tensor]) -> torch.Tensor:
    """Pictures, (N, 3, H, W), changed before a discriminator sees them, so that few of them cannot be learned by heart.

    Brightness, saturation, contrast, a shift by up to an eighth and a grey square of half the side; gradients pass (Zhao et
    al. 2020, DiffAugment).

    Args:
        draw: draw(n) gives (1, n) uniform numbers in [0, 1).
    """
    count, _, height, width = pictures.shape
    light, colour, contrast, down, right, top, left = draw(7 * count).view(7, count, 1, 1, 1)
    pictures = pictures + light - 0.5
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * 2 * colour
    mean = pictures.mean((1, 2, 3), keepdim=True)
    pictures = mean + (pictures - mean) * (0.5 + contrast)
    rows, columns = torch.arange(height, device=pictures.device), torch.arange(width, device=pictures.device)
    row = rows.view(1, height, 1) + ((2 * down.view(-1, 1, 1) - 1) * height / 8).round().long()
    column = columns.view(1, 1, width) + ((2 * right.view(-1, 1, 1) - 1) * width / 8).round().long()
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    cut = (((rows.view(1, height, 1) - top.view(-1, 1, 1) * height).abs() < height / 4)
           & ((columns.view(1, 1, width) - left.view(-1, 1, 1) * width).abs() < width / 4))
    at = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).flatten(1).unsqueeze(1).expand(-1, 3, -1)
    shifted = pictures.flatten(2).gather(2, at).view_as(pictures)
    return shifted * (inside & ~cut).unsqueeze(1)


def reconstruction(output: torch.Tensor, truth: torch.Tensor, where: torch.Tensor, kind: str, over: str) -> torch.Tensor:
    """Distance of `output` to `truth`, (N, 3, H, W), where the mask `where`, (N, 1, H, W), is 1.

    Args:
        kind: "l1", "l2" (squared), or "psnr": minus a fortieth of each picture's own PSNR in dB, averaged over the pictures
            (Chen et al. 2021), so that small and easy holes weigh as much as large and hard ones; capped at 46 dB.
        over: "hole" divides by the number of values inside `where` (in the whole batch; for "psnr" in each picture),
            "picture" by that of all values, as the original did: its small holes then weigh as little as they are small.
    """
    if kind == "psnr":
        inside = where if over == "hole" else torch.ones_like(where)
        error = ((output - truth).square() * where).sum((1, 2, 3)) / (inside.sum((1, 2, 3)) * output.shape[1]).clamp(min=1)
        return (10 * torch.log10(error / 4 + 2.5e-5)).mean() / 40
    distance = (output - truth).abs() if kind == "l1" else (output - truth).square()
    total = (distance * where).sum()
    return total / (distance.numel() if over == "picture" else (where.sum() * output.shape[1]).clamp(min=1))


def gram(features: torch.Tensor, where: torch.Tensor | None = None) -> torch.Tensor:
    """Gram matrices (Gatys et al. 2016): (N, C, H, W) -> (N, C, C), divided by the number of positions and channels.

    Args:
        where: (N, 1, h, w) weights, resized to the features; None: all positions alike.
    """
    _, channels, height, width = features.shape
    flat = features.float().flatten(2)
    if where is None:
        return flat @ flat.mT / (channels * height * width)
    weight = F.adaptive_avg_pool2d(where.float(), (height, width)).flatten(2)
    return (flat * weight) @ flat.mT / (channels * weight.sum(-1, keepdim=True).clamp(min=1e-6))


def style_distance(features: list[torch.Tensor], truth: list[torch.Tensor],
                   where: torch.Tensor | None = None) -> torch.Tensor:
    """Relative distance of Gram matrices, averaged over layers: (N,), without unit; 0 for equal styles.

    |G - G'| / |G'| in the Frobenius norm, so that every layer counts alike whatever the size of its features.
    """
    layers = []
    for ours, theirs in zip(features, truth, strict=True):
        target = gram(theirs, where)
        difference = (gram(ours, where) - target).square().sum((1, 2)).add(1e-12).sqrt()
        layers.append(difference / target.square().sum((1, 2)).add(1e-12).sqrt())
    return torch.stack(layers).mean(0)


def perceptual(features: list[torch.Tensor], truth: list[torch.Tensor]) -> torch.Tensor:
    """L1 distance of features, relative to their mean size in the truth, averaged over layers (Johnson et al. 2016)."""
    layers = [(ours - theirs).abs().mean() / theirs.abs().mean().clamp(min=1e-6)
              for ours, theirs in zip(features, truth, strict=True)]
    return torch.stack(layers).mean()
