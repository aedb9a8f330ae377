"""Generators and discriminators: the original study's context encoder, and the study's own U-Net and patch discriminator.

A generator takes the damaged picture, its holes already filled with something, and the mask; it gives a whole picture.
`inpainter` pastes that into the hole only and has the signature that every inpainting method of the study has.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

GRAIN, FAINT = 0.08, 0.05  # standard deviation of the noise that a generator is trained with, and of that it is used with
STEP = ".step"  # behind a name: the steps of weights that are kept in 8 bits


class ContextEncoder(nn.Module):
    """The original study's generator, after Pathak et al. (2016): 4x4 convolutions of stride 2 down to a 4,000-wide bottleneck.

    At 128 pixels 3-64-64-128-256-512-4000-512-256-128-64-128-3; at 64 pixels one scale less on either side, at 256
    one more. As published there is no mask input, no skip connection, no bias, and batch normalisation; the arguments take
    the steps away from it.

    Args:
        size: 64, 128 or 256 pixels.
        mask_input: the mask is a fourth input channel.
        skips: each decoder layer also sees the encoder's features of its scale.
        norm: "batch", "group" or "none".

    Raises:
        ValueError: another size.
    """

    def __init__(self, size: int = 128, *, mask_input: bool = False, skips: bool = False, norm: str = "batch"):
        super().__init__()
        extra = _scales(size)
        down = [*[64] * extra, 64, 128, 256, 512]
        up = [256, 128, 64, *[128] * extra, 3]
        self.mask_input, self.skips = mask_input, skips
        widths = [3 + mask_input, *down]
        self.encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 4, 2, 1, bias=False),
                          _norm(norm, after) if scale else nn.Identity(), nn.LeakyReLU(0.2))
            for scale, (before, after) in enumerate(zip(widths, down, strict=False)))
        self.bottleneck = nn.Sequential(
            _Squeeze(512 * 4 * 4, 4000, bias=False), _norm(norm, 4000), nn.LeakyReLU(0.2),
            _Expand(4000, 512, 4), _norm(norm, 512), nn.ReLU())
        seen = [before + (beside if skips else 0) for before, beside in zip([512, *up], reversed(down), strict=False)]
        self.decoder = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                          *([nn.Tanh()] if after == 3 else [_norm(norm, after), nn.ReLU()]))
            for before, after in zip(seen, up, strict=True))
        self.apply(_published_start)

    def forward(self, picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(N, 3, size, size) in [-1, 1] and (N, 1, size, size) -> (N, 3, size, size) in [-1, 1]."""
        x = torch.cat([picture, mask], 1) if self.mask_input else picture
        scales = []
        for layer in self.encoder:
            x = layer(x)
            scales.append(x)
        x = self.bottleneck(x)
        for layer, beside in zip(self.decoder, reversed(scales), strict=True):
            x = layer(torch.cat([x, beside], 1) if self.skips else x)
        return x


class ContextDiscriminator(nn.Module):
    """The original study's discriminator: 3-64-128-128-256-512-1 (a scale less at 64, one more at 256), one logit a picture."""

    def __init__(self, size: int = 128):
        super().__init__()
        widths = [3, 64, *[128] * _scales(size), 128, 256, 512]
        layers = []
        for scale, (before, after) in enumerate(pairwise(widths)):
            layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(after)] if scale else []
            layers += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(512, 1, 4, bias=False))
        self.apply(_published_start)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """(N, 3, size, size) -> logits (N, 1, 1, 1). The published sigmoid is in the loss."""
        return self.layers(picture)


class UNet(nn.Module):
    """The study's generator: fully convolutional, any size; residual blocks at 1/2 to 1/16 of the side, skip connections.

    It works on 2x2 pixel blocks (pixel unshuffle; Shi et al. 2016), which quarters the cost of its finest scale, and
    predicts what to add to the filled input. Dilated blocks at the coarsest scale see the whole picture.
    All operations have a deterministic CUDA backward, interpolation a slower one than its usual.

    Args:
        width: channels at 1/2 of the side; 2, 4 and 4 times as many at 1/4, 1/8 and 1/16.
        blocks: number of residual blocks at 1/2 of the side, on either side of the network; one fewer at each coarser
            scale, at least one. Narrow holes are filled by the finest scale, so depth pays most there.
        upsampling: how features double their scale, "shuffle" (pixel shuffle) or "bilinear". By the first the network can paint a
            pattern of its own into each of its coarsest cells, the same every 16 pixels, and an adversary has it do so; by
            interpolation (Odena et al. 2016) it can paint none wider than 2 pixels where it knows nothing.
        mask_input, skips, norm: as for ContextEncoder.

    Raises:
        ValueError: another kind of upsampling.
    """

    def __init__(self, width: int = 32, blocks: int = 1, *, upsampling: str = "shuffle", mask_input: bool = True,
                 skips: bool = True, norm: str = "none"):
        super().__init__()
        widths = [width, 2 * width, 4 * width, 4 * width]
        self.upsampling, self.mask_input, self.skips = upsampling, mask_input, skips
        self.stem = nn.Conv2d(4 * (3 + mask_input), width, 3, padding=1)
        self.down, self.up = (
            nn.ModuleList(nn.Sequential(*(_Residual(w, norm) for _ in range(max(1, blocks - scale))))
                          for scale, w in enumerate(widths[:-1])) for _ in range(2))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(widths))
        self.bottom = nn.Sequential(*(_Residual(widths[-1], norm, dilation) for dilation in (1, 2, 4)))
        if upsampling not in ("shuffle", "bilinear"):
            raise ValueError(f"upsampling {upsampling!r}: expected 'shuffle' or 'bilinear'.")
        phases, self.spread = (4, _spread) if upsampling == "shuffle" else (1, _enlarged)
        self.grow = nn.ModuleList(nn.Conv2d(b, phases * a, 1) for a, b in pairwise(widths))
        self.merge = nn.ModuleList(nn.Conv2d(2 * w if skips else w, w, 1) for w in widths[:-1])
        self.head = nn.Conv2d(width, 12, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) and (N, 1, H, W), any H and W -> (N, 3, H, W)."""
        height, width = picture.shape[-2:]
        x = torch.cat([picture, mask], 1) if self.mask_input else picture
        x = F.pad(x, (0, -width % 16, 0, -height % 16), mode="replicate") if width % 16 or height % 16 else x
        x = self.stem(F.pixel_unshuffle(x, 2))
        scales = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            scales.append(block(x))
            x = shrink(scales[-1])
        x = self.bottom(x)
        for index in reversed(range(len(scales))):
            x = self.spread(self.grow[index](x))
            x = self.up[index](self.merge[index](torch.cat([x, scales[index]], 1) if self.skips else x))
        change = _spread(self.head(x))
        return picture + change[..., :height, :width]


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of 38 pixels, one logit for each 8x8 block (Isola et al. 2017), spectrally normalised."""

    def __init__(self, width: int = 32):
        super().__init__()
        widths = [3, width, 2 * width, 4 * width]
        layers = []
        for before, after in pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1)))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) -> logits (N, 1, H / 8, W / 8)."""
        return self.layers(picture)


class StyleDiscriminator(nn.Module):
    """Judges style features: the channel correlations (Gram matrices) of VGG-19 layers, one logit a layer.

    Args:
        channels: number of channels of each layer.
    """

    def __init__(self, channels: tuple[int, ...] = (64, 128, 256, 512, 512)):
        super().__init__()
        self.reduce = nn.ModuleList(spectral_norm(nn.Conv2d(c, 32, 1)) for c in channels)
        self.judge = nn.ModuleList(
            nn.Sequential(spectral_norm(nn.Linear(32 * 32, 64)), nn.LeakyReLU(0.2), spectral_norm(nn.Linear(64, 1)))
            for _ in channels)

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Features (N, C, H, W) of each layer -> logits (N, layers, 1, 1)."""
        logits = []
        for feature, reduce, judge in zip(features, self.reduce, self.judge, strict=True):
            # Features of one layer differ in size by orders of magnitude; the judge sees them at unit root mean square.
            feature = feature / feature.square().mean((1, 2, 3), keepdim=True).add(1e-6).sqrt()
            reduced = reduce(feature).flatten(2)
            logits.append(judge((reduced @ reduced.mT / reduced.shape[-1]).flatten(1)))
        return torch.stack(logits, 1).unsqueeze(-1)


def generator(kind: str, *, size: int, width: int, blocks: int, upsampling: str, **options) -> ContextEncoder | UNet:
    """A generator by its name in the parameters, "context_encoder" or "unet"; options as for the two classes."""
    if kind == "context_encoder":
        return ContextEncoder(size, **options)
    return UNet(width, blocks, upsampling=upsampling, **options)


def packed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights to keep, a quarter as large, on the CPU.

    Those of two and more dimensions as int8 of the same shape, multiples of a step for each of the first, (N,) float32 under the
    name with ".step" behind it; other floating point numbers in half precision; counts as they are.
    """
    kept = {}
    for name, value in weights.items():
        value = value.detach().cpu()
        if value.is_floating_point() and value.ndim > 1:
            kept[name + STEP] = step = value.float().flatten(1).abs().amax(1).clamp(min=1e-9) / 127
            value = (value / step.view(-1, *[1] * (value.ndim - 1))).round().to(torch.int8)
        kept[name] = (value.half() if value.is_floating_point() else value).contiguous()
    return kept


def unpacked(kept: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights that `packed` kept, or an earlier version in half precision, in float32.

    Raises:
        ValueError: steps without weights, or weights of 8 bits without steps.
    """
    steps = {name.removesuffix(STEP): value for name, value in kept.items() if name.endswith(STEP)}
    whole = {}
    for name, value in kept.items():
        if name.endswith(STEP):
            continue
        step = steps.pop(name, None)
        if (step is None) == (value.dtype == torch.int8) or value.dtype.is_complex:
            raise ValueError(f"{name}: is {value.dtype} {'without' if step is None else 'with'} steps of 8 bits")
        if step is not None:
            if value.ndim < 2 or step.dtype != torch.float32 or step.shape != value.shape[:1]:
                raise ValueError(f"{name}{STEP}: expected {len(value) if value.ndim > 1 else 0} numbers in float32")
            value = value.float() * step.view(-1, *[1] * (value.ndim - 1))
        whole[name] = value.float() if value.is_floating_point() else value
    if steps:
        raise ValueError(f"{next(iter(steps))}{STEP}: there are no such weights")
    return whole


def described(about: dict[str, str]) -> ContextEncoder | UNet:
    """The generator that a weight file's metadata describe, its weights still at their random start.

    Raises:
        KeyError, ValueError: the metadata are not those that a training writes.
    """
    switch = {"True": True, "False": False}
    numbers = {name: int(about[name]) for name in ("size", "width", "blocks")}
    for name, most in (("size", 1024), ("width", 512), ("blocks", 16)):
        if not 1 <= numbers[name] <= most:
            raise ValueError(f"{name} {about[name][:20]}: expected 1 to {most}")
    upsampling = about.get("upsampling", "shuffle")  # the only one there was before files told
    return generator(about["generator"], **numbers, upsampling=upsampling, norm=about["norm"],
                     mask_input=switch[about["mask_input"]], skips=switch[about["skips"]])


def fill_holes(picture: torch.Tensor, mask: torch.Tensor, how: str, given: torch.Tensor | None = None,
               at: tuple[int, int] = (0, 0)) -> torch.Tensor:
    """The picture with something in its holes, for a generator to be trained from.

    Args:
        picture: (N, 3, H, W) in [-1, 1]; what it holds inside the hole is not used.
        mask: (N, 1, H, W), 1 in the hole.
        how: "white" (1.0, as the original did), "mean" (of the known pixels of each picture), "pull_push" (weighted
            averages of known pixels, coarse to fine; Gortler et al. 1996), "thin_plate" (the smoothest surface through
            the known pixels, nearly: the biharmonic equation by a few steps of conjugate gradients at each scale) or "grain"
            (the same under faint noise, of which a network can make texture where a smooth surface tells it nothing; Karras et
            al. 2019 add it for that within the network. Narrow holes get next to none).
        given: (N, 1, H, W), 1 where the hole is already filled, as from a smaller scale; it is kept, and grain lies over it, too.
        at: where in a larger picture this one lies, row and column, so that grain goes on from tile to tile.
    """
    return fillings(picture, mask, how, 1, given, at, GRAIN)[0]


def fillings(picture: torch.Tensor, mask: torch.Tensor, how: str, count: int, given: torch.Tensor | None = None,
             at: tuple[int, int] = (0, 0), deviation: float = FAINT) -> list[torch.Tensor]:
    """`count` fillings for a trained generator: one and the same, but each of "grain" under noise of its own.

    Less noise than in training: fills vary less and lie closer to the truth, as with a truncated latent (Brock et al. 2019).

    Args:
        deviation: standard deviation of the noise where holes are broad. The others are those of `fill_holes`.
    """
    known = 1 - mask
    # Chosen, not multiplied: what lies in the hole may be anything, NaN included.
    picture = torch.where(mask > 0, 0, picture)
    if how == "white":
        filling = torch.ones_like(picture)
    elif how == "mean":
        filling = picture.sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True).clamp(min=1)
    elif how == "pull_push":
        filling = _pull_push(picture, known)
    elif how in ("thin_plate", "grain"):
        filling = _thin_plate(picture.contiguous(), known).clamp(-1, 1)
    else:
        raise ValueError(f"fill {how!r}: expected 'white', 'mean', 'pull_push', 'thin_plate' or 'grain'.")
    filled = picture + filling * mask
    if how != "grain":
        return [filled] * count
    hole = mask if given is None else mask + given
    return [under_grain(filled, hole, number, deviation, at) for number in range(count)]


def under_grain(filled: torch.Tensor, hole: torch.Tensor, number: int, deviation: float = GRAIN,
                at: tuple[int, int] = (0, 0)) -> torch.Tensor:
    """Filled pictures, (N, 3, H, W), under the noise of this number where holes, (N, 1, H, W), are broad.

    One noise for all of them; training takes another one at each update.
    """
    strength = deviation * _breadth(hole).square() * hole
    return filled + _grain(*filled.shape[-2:], at, number).to(filled) * strength


def of_two_views(first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor, fill: str) -> torch.Tensor:
    """What a generator gives for a picture and, turned back, for its mirror image, made one: their mean, closer to the truth.

    With grain the second view counts the less the broader the hole: there the two make textures of their own, which a mean
    would blur.
    """
    weight = 0.5 * (1 - _breadth(mask)) if fill == "grain" else 0.5
    return first + weight * (second - first)


def inpainter(generator: nn.Module, fill: str, *, flips: bool = False) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """A method with the signature that all methods have: (pictures in [-1, 1], masks) -> composites in [-1, 1].

    flips: the picture and its mirror image are filled, each under grain of its own, and made one by `of_two_views`.
    """

    @torch.no_grad()
    def method(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        generator.eval()
        device = next(generator.parameters()).device
        parts = []
        for picture, mask in zip(pictures.split(32), masks.split(32), strict=True):
            picture, mask = picture.to(device), mask.to(device)
            filled, *mirrored = fillings(picture, mask, fill, 1 + flips)
            output = generator(filled, mask).clamp(-1, 1)
            for other in mirrored:
                output = of_two_views(output, generator(other.flip(3), mask.flip(3)).clamp(-1, 1).flip(3), mask, fill)
            parts.append(torch.where(mask > 0, output, picture).to(pictures.device))
        return torch.cat(parts)

    return method


def _breadth(hole: torch.Tensor) -> torch.Tensor:
    """(N, 1, H, W) in [0, 1]: how much of the 13x13 pixels around each is hole."""
    return F.avg_pool2d(hole, 13, 1, 6, count_include_pad=False)


def _grain(height: int, width: int, at: tuple[int, int], number: int) -> torch.Tensor:
    """(1, 3, height, width) white noise, always the same at a place, and again after 512 pixels."""
    rows, columns = ((first + torch.arange(side)) % 512 for first, side in zip(at, (height, width), strict=True))
    return _noise(number)[..., rows[:, None], columns]


@lru_cache(maxsize=8)
def _noise(number: int) -> torch.Tensor:
    return torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(number))


def _pull_push(weighted: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    if weighted.shape[-2:] == (1, 1):
        return weighted / weight.clamp(min=1e-6)
    height, width = weighted.shape[-2:]
    pad = (0, width % 2, 0, height % 2)
    coarse = _pull_push(*(F.avg_pool2d(F.pad(x, pad), 2) for x in (weighted, weight)))
    finer = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    return weighted + (1 - weight) * finer


def _thin_plate(weighted: torch.Tensor, weight: torch.Tensor, steps: int = 8) -> torch.Tensor:
    """Where the weight is 0, the surface of least bending energy, the integral of its squared Laplacian, from coarse to fine.

    Each scale starts from the one below and takes so many steps of conjugate gradients. Of broad holes that leaves the
    smoothest part undone, which the coarser scales have done; there it lies closer to paintings than the exact solution.
    """
    value = weighted / weight.clamp(min=1e-6)
    height, width = weighted.shape[-2:]
    if max(height, width) == 1:
        return value
    pad = (0, width % 2, 0, height % 2)
    coarse = _thin_plate(*(F.avg_pool2d(F.pad(x, pad), 2) for x in (weighted, weight)), steps)
    finer = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    surface, hole = torch.where(weight > 0, value, finer), (weight <= 0).to(value)
    residual = _laplacian(_laplacian(surface)).neg_().mul_(hole)
    direction, size = residual.clone(), residual.square().sum((1, 2, 3), keepdim=True)
    for _ in range(steps):
        bent = _laplacian(_laplacian(direction)).mul_(hole)
        step = size / ((direction * bent).sum((1, 2, 3), keepdim=True) + 1e-12)
        surface.addcmul_(step, direction)
        residual.addcmul_(step, bent, value=-1)
        before, size = size, residual.square().sum((1, 2, 3), keepdim=True)
        direction.mul_(size / (before + 1e-12)).add_(residual)
    return surface


def _laplacian(x: torch.Tensor) -> torch.Tensor:
    """Sum of a pixel's differences to its neighbours; what lies beyond the border equals the pixel at it."""
    out = x * -4
    for line, step in ((x, out), (x.mT, out.mT)):
        step[..., 1:, :] += line[..., :-1, :]
        step[..., :-1, :] += line[..., 1:, :]
        step[..., 0, :] += line[..., 0, :]
        step[..., -1, :] += line[..., -1, :]
    return out


def _scales(size: int) -> int:
    """Scales of a published network beyond those at 64 pixels."""
    if size not in (64, 128, 256):
        raise ValueError(f"size {size}: the context encoder is made for pictures of 64, 128 or 256 pixels.")
    return {64: 0, 128: 1, 256: 2}[size]


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return nn.GroupNorm(8, channels)
    return nn.Identity()


class _Squeeze(nn.Linear):
    """A convolution without bias whose kernel covers its whole input, as the matrix product that it is: ten times as fast."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(1))[:, :, None, None]


class _Expand(nn.Linear):
    """A transposed convolution without bias of a single position, as the matrix product that it is."""

    def __init__(self, before: int, after: int, side: int):
        super().__init__(before, after * side * side, bias=False)
        self.shape = (after, side, side)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.flatten(1)).unflatten(1, self.shape)


def _spread(x: torch.Tensor) -> torch.Tensor:
    """(N, 4 C, H, W) -> (N, C, 2 H, 2 W): pixel shuffle (Shi et al. 2016), the four parts in row, column, channel order.

    Where channels lie last, whole runs of C move at once: three times as fast as `F.pixel_shuffle`, whose order is channel first.
    """
    blocks = x.permute(0, 2, 3, 1).unflatten(3, (2, 2, -1)).transpose(2, 3)
    return blocks.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


_enlarged = partial(F.interpolate, scale_factor=2, mode="bilinear", align_corners=False)


class _Residual(nn.Module):
    def __init__(self, channels: int, norm: str, dilation: int = 1):
        super().__init__()
        self.layers = nn.Sequential(
            _norm(norm, channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation),
            _norm(norm, channels), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1))
        if norm == "none":
            # Each block starts as the identity, which trains as steadily as normalisation and costs nothing (Zhang et al. 2019).
            nn.init.zeros_(self.layers[-1].weight)
            nn.init.zeros_(self.layers[-1].bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


def _published_start(layer: nn.Module) -> None:
    """Weights from N(0, 0.02), scales of batch normalisation from N(1, 0.02) (Radford et al. 2016)."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)
