"""What the study's training is compared with: the original's loop, and the same step without any of the study's haste."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from studylib import atelier, losses, masks, networks


class Folder(torch.utils.data.Dataset):
    """JPEGs opened, resized and cropped one by one whenever they are asked for, as the original did each epoch."""

    def __init__(self, files: list[Path], size: int):
        self.files, self.size = files, size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        from PIL import Image

        with Image.open(self.files[index]) as picture:
            scale = self.size / min(picture.size)
            small = picture.convert("RGB").resize([round(side * scale) for side in picture.size], Image.Resampling.BILINEAR)
        left, top = (small.width - self.size) // 2, (small.height - self.size) // 2
        small = small.crop((left, top, left + self.size, top + self.size))
        return torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1).float() / 127.5 - 1


def jpegs(root: Path, scratch: Path, count: int = 1000) -> list[Path]:
    """Files of paintings: those under `root`, or, where there are none, embedded scenes at 256 pixels written to `scratch`."""
    files = sorted(root.glob("wikiart/*/pierre-auguste-renoir_*.jpg"))[:count]
    if files:
        return files
    from PIL import Image

    for index, picture in enumerate(atelier.paint("scenes", 128, 256, seed=0)):
        Image.fromarray(picture).save(scratch / f"{index:04}.jpg", quality=90)
    return sorted(scratch.glob("*.jpg"))


def published(size: int) -> tuple[nn.Module, nn.Module]:
    """The original's generator and discriminator, the bottleneck as the two convolutions that its authors wrote."""
    generator, discriminator = networks.ContextEncoder(size), networks.ContextDiscriminator(size)
    generator.bottleneck[0] = nn.Conv2d(512, 4000, 4, bias=False)
    generator.bottleneck[3] = nn.ConvTranspose2d(4000, 512, 4, bias=False)
    for layer in (generator.bottleneck[0], generator.bottleneck[3]):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    return generator, discriminator


def original_loop(files: list[Path], size: int, batch: int, device: str) -> Iterator[int]:
    """The original's training with a step per batch; each step gives the number of pictures that it saw.

    Two loader processes decode and resize, the one mask lies on the processor, float32, eager, NCHW; the discriminator's
    weights gather gradients in the generator's backward pass, and every loss is read at once.
    """
    generator, discriminator = (network.to(device) for network in published(size))
    mask = masks.sample("perlin", 1, size, seed=0, hole=(0.08, 0.095))
    for_generator, for_discriminator = (torch.optim.Adam(network.parameters(), 2e-4, betas=(0.5, 0.999))
                                        for network in (generator, discriminator))
    loader = torch.utils.data.DataLoader(Folder(files, size), batch, shuffle=True, num_workers=2, drop_last=True)
    while True:
        for truth in loader:
            hole = mask.expand(len(truth), -1, -1, -1).to(device)
            truth = truth.to(device)
            output = generator(truth * (1 - hole) + hole, hole)
            composite = truth * (1 - hole) + output * hole
            for_discriminator.zero_grad()
            real, fake = discriminator(truth), discriminator(composite.detach())
            judged = (F.binary_cross_entropy_with_logits(real, torch.ones_like(real))
                      + F.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)))
            judged.backward()
            for_discriminator.step()
            for_generator.zero_grad()
            fake = discriminator(composite)
            loss = (0.001 * F.binary_cross_entropy_with_logits(fake, torch.ones_like(fake))
                    + 0.999 * ((output - truth).square() * hole).mean())
            loss.backward()
            for_generator.step()
            loss.item(), judged.item()
            yield len(truth)


def plain_step(run) -> list[float]:
    """One update of a `training._Run`'s own networks on its own batch, written plainly: float32, eager, NCHW.

    Returns:
        The losses in the order of its history.
    """
    asked = run.asked
    truth, mask, filled = (part.contiguous() for part in run.batch())
    output = run.generator(filled, mask)
    composite = truth * (1 - mask) + output * mask
    real = fake = torch.zeros(())
    if run.discriminator:
        real, fake = losses.discriminator_loss(run.discriminator(truth), run.discriminator(composite.detach()), asked.adversarial)
        run.optimisers[1].zero_grad()
        (real + fake).backward()
        run.optimisers[1].step()
    distance = losses.reconstruction(output, truth, mask, asked.reconstruction, asked.reconstruction_over)
    loss = asked.reconstruction_weight * distance
    if run.discriminator:
        loss = loss + asked.adversarial_weight * losses.generator_loss(run.discriminator(composite), asked.adversarial)
    run.optimisers[0].zero_grad()
    loss.backward()
    run.optimisers[0].step()
    run.update += 1
    run.average()
    return [part.item() for part in (loss, distance, real, fake)]


class Pix2PixUNet(nn.Module):
    """A U-Net in the manner of pix2pix (Isola et al. 2017): 4x4 convolutions of stride 2, batch normalisation, skips.

    Args:
        width: channels after the first convolution; they double until eight times as many.
        depth: number of halvings, 5 for pictures of 64 pixels (to 2x2).
        residual: predicts what to add to the filled input, as the study's generator does, instead of the picture.
    """

    def __init__(self, width: int = 32, depth: int = 5, residual: bool = False):
        super().__init__()
        self.residual = residual
        widths = [width * min(2**scale, 8) for scale in range(depth)]
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for scale, width in enumerate(widths):
            before = widths[scale - 1] if scale else 4
            self.down.append(nn.Sequential(*([nn.LeakyReLU(0.2)] if scale else []), nn.Conv2d(before, width, 4, 2, 1),
                                           *([nn.BatchNorm2d(width)] if 0 < scale < depth - 1 else [])))
            after = widths[scale - 1] if scale else 3
            self.up.insert(0, nn.Sequential(
                nn.ReLU(), nn.ConvTranspose2d(width if scale == depth - 1 else 2 * width, after, 4, 2, 1),
                *([nn.BatchNorm2d(after)] if scale else [])))

    def forward(self, picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) and (N, 1, H, W) -> (N, 3, H, W)."""
        x, scales = torch.cat([picture, mask], 1), []
        for layer in self.down:
            x = layer(x)
            scales.append(x)
        for index, layer in enumerate(self.up):
            x = layer(torch.cat([x, scales[-1 - index]], 1) if index else x)
        return picture + x if self.residual else torch.tanh(x)
