"""Which generator is cheap for what it gives: seconds of training until it fills unseen Perlin masks as well as Telea.

    python -m bench.designs            # each design for 30 s on the laptop profile's paintings; writes docs/designs.md

All designs train with the study's own step: the same pictures, masks, precision and layout, L1 over the hole, no
discriminator. They are judged on 100 pictures split off the training set; the validation pictures are not touched.
"""

import sys
import time
from itertools import pairwise

import torch
from torch import nn

from bench.rivals import Pix2PixUNet
from studylib import baselines, data, masks, metrics, networks, parameters, records, training


class Variant(nn.Module):
    """The study's U-Net with other choices: where it starts, how deep it goes, what a block is.

    Args:
        width: channels at the finest scale.
        stem: side of the pixel blocks that it works on (pixel unshuffle); 1: single pixels.
        times: channels at each scale in multiples of `width`.
        block: makes a residual block from its channels and dilation.
        blocks: number of blocks at each scale but the last, on either side.
        bottom: dilations of the blocks at the last scale.
    """

    def __init__(self, width: int = 32, *, stem: int = 2, times: tuple = (1, 2, 4, 4), block=None, blocks: int = 1,
                 bottom: tuple = (1, 2, 4)):
        super().__init__()
        block = block or (lambda channels, dilation=1: networks._Residual(channels, "none", dilation))
        widths = [width * factor for factor in times]
        self.stem = nn.Sequential(nn.PixelUnshuffle(stem), nn.Conv2d(4 * stem**2, width, 3, padding=1))
        self.down = nn.ModuleList(nn.Sequential(*(block(w) for _ in range(blocks))) for w in widths[:-1])
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(widths))
        self.bottom = nn.Sequential(*(block(widths[-1], dilation) for dilation in bottom))
        self.grow = nn.ModuleList(nn.Sequential(nn.Conv2d(b, 4 * a, 1), nn.PixelShuffle(2)) for a, b in pairwise(widths))
        self.merge = nn.ModuleList(nn.Conv2d(2 * w, w, 1) for w in widths[:-1])
        self.up = nn.ModuleList(nn.Sequential(*(block(w) for _ in range(blocks))) for w in widths[:-1])
        self.head = nn.Sequential(nn.Conv2d(width, 3 * stem**2, 3, padding=1), nn.PixelShuffle(stem))
        nn.init.zeros_(self.head[0].weight)
        nn.init.zeros_(self.head[0].bias)

    def forward(self, picture: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) and (N, 1, H, W) -> (N, 3, H, W)."""
        x, scales = self.stem(torch.cat([picture, mask], 1)), []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            scales.append(block(x))
            x = shrink(scales[-1])
        x = self.bottom(x)
        for index in reversed(range(len(scales))):
            x = self.up[index](self.merge[index](torch.cat([self.grow[index](x), scales[index]], 1)))
        return picture + self.head(x)


class Depthwise(nn.Module):
    """A 7x7 depthwise convolution, then two 1x1 convolutions (after Liu et al. 2022, without its normalisation)."""

    def __init__(self, channels: int, dilation: int = 1):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(channels, channels, 7, padding=3 * dilation, dilation=dilation, groups=channels),
                                    nn.Conv2d(channels, 4 * channels, 1), nn.ReLU(), nn.Conv2d(4 * channels, channels, 1))
        nn.init.zeros_(self.layers[-1].weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


OURS, PLAIN = "the study's: width 32, blocks of 2x2 pixels, four scales", "pix2pix's U-Net, adding to the filled input"

# name -> (step size, generator)
DESIGNS = {
    OURS: (1e-3, lambda: networks.UNet(32)),
    "width 16": (1e-3, lambda: networks.UNet(16)),
    "width 48": (1e-3, lambda: networks.UNet(48)),
    "width 64": (1e-3, lambda: networks.UNet(64)),
    "group normalisation": (1e-3, lambda: networks.UNet(32, norm="group")),
    "single pixels, five scales": (1e-3, lambda: Variant(16, stem=1, times=(1, 2, 4, 8, 8))),
    "blocks of 4x4 pixels, three scales, width 64": (1e-3, lambda: Variant(64, stem=4, times=(1, 2, 2))),
    "three scales, all dilation at 1/8": (1e-3, lambda: Variant(times=(1, 2, 4))),
    "deeper: two blocks a scale": (1e-3, lambda: Variant(blocks=2)),
    "no dilation": (1e-3, lambda: Variant(bottom=(1, 1, 1))),
    "7x7 depthwise blocks": (1e-3, lambda: Variant(block=Depthwise)),
    "no skip connections": (1e-3, lambda: networks.UNet(32, skips=False)),
    "pix2pix's U-Net, step size 2e-4": (2e-4, lambda: Pix2PixUNet(32)),
    "pix2pix's U-Net, step size 1e-3": (1e-3, lambda: Pix2PixUNet(32)),
    PLAIN: (1e-3, lambda: Pix2PixUNet(32, residual=True)),
}


class Course:
    """The pictures and the marks to reach, on the given device.

    Attributes:
        marks: {method: mean hole PSNR in dB on the held-out pictures}.
    """

    def __init__(self, device: str = "auto", **overlay):
        profile = parameters.read(records.ROOT / "params" / "profiles" / "laptop.yaml")
        if not (records.ROOT / profile["data_root"] / "wikiart").exists():
            profile["source"] = "atelier"
        recipe = {"discriminator": "none", "fill": "pull_push", "ema": 0.98, "beta1": 0.9, "batch": 32, "device": device}
        self.asked = parameters.check({**profile, **recipe, **overlay})
        asked = self.asked
        curated = data.curate(source=asked.source, data_root=asked.data_root, size=asked.size, train=1000, validation=100)
        self.source, self.pictures, self.held = asked.source, curated.train[:-100], curated.train[-100:]
        self.truth = self.held.float() / 127.5 - 1
        self.holes = masks.sample("perlin", len(self.truth), asked.size, seed=777)
        self.marks = {name: self.score(baselines.METHODS[name]) for name in ("Telea", "biharmonic")}

    def score(self, method) -> float:
        return metrics.hole_psnr(method(self.truth, self.holes), self.truth, self.holes).mean().item()

    def race(self, make, lr: float, *, limit: float, seed: int = 0, until: str = "", every: float = 2.5) -> dict:
        """Train a generator for `limit` seconds, or until it reaches the mark of the method `until`.

        Returns:
            {"reached": {method: seconds or None}, "last": dB, "updates", "seconds", "weights"}; looks at the held-out
            pictures are not counted, and seconds between two looks are interpolated.
        """
        run = training._Run(self.asked.model_copy(update={"lr": lr, "seed": seed}), self.pictures, self.held, "")
        torch.manual_seed(seed)
        run.generator, run.averaged = (make().to(run.device, memory_format=run.layout) for _ in range(2))
        run.averaged.requires_grad_(False)
        run.optimisers = [run._optimiser(run.generator)]
        spent, looked, reached = 0.0, (0.0, 0.0), dict.fromkeys(self.marks)
        while spent < limit and not (until and reached[until]):
            began = time.perf_counter()
            run.step()
            if run.device == "cuda":
                torch.cuda.synchronize()
            spent += time.perf_counter() - began
            if spent - looked[0] >= every or spent >= limit:
                value = self.score(networks.inpainter(run.averaged, self.asked.fill))
                for name, mark in self.marks.items():
                    if reached[name] is None and value >= mark:
                        share = (mark - looked[1]) / (value - looked[1]) if looked[0] else 1.0
                        reached[name] = looked[0] + share * (spent - looked[0])
                looked = spent, value
        weights = sum(weight.numel() for weight in run.generator.parameters())
        return {"reached": reached, "last": looked[1], "updates": run.update, "seconds": spent, "weights": weights}


def main(limit: float = 30.0) -> None:
    course = Course()
    print(course.marks, flush=True)
    course.race(networks.UNet, 1e-3, limit=5.0)  # a warm-up
    lines = []
    for name, (lr, make) in DESIGNS.items():
        outcome = course.race(make, lr, limit=limit)
        reached = [f"{outcome['reached'][mark]:.0f} s" if outcome["reached"][mark] else "-" for mark in course.marks]
        lines.append(f"| {name} | {outcome['weights'] / 1e6:.2f} | {1000 * outcome['seconds'] / outcome['updates']:.0f} | "
                     f"{' | '.join(reached)} | {outcome['last']:.2f} |")
        print(lines[-1], flush=True)
    table = records.ROOT / "docs" / "designs.md"
    text = table.read_text() if table.exists() else "<!-- table -->\n<!-- end -->\n"
    head, tail = text.split("<!-- table -->")[0], text.split("<!-- end -->")[1]
    marks = ", ".join(f"{name} {value:.2f} dB" for name, value in course.marks.items())
    table.write_text("\n".join([
        f"{head}<!-- table -->", f"Marks on the held-out pictures ({course.source}): {marks}. {torch.get_num_threads()} threads, "
        f"{limit:.0f} s of training each, one seed.", "",
        f"| design | weights (millions) | ms an update of 32 | to Telea's mark | to biharmonic's | dB after {limit:.0f} s |",
        "|---|---|---|---|---|---|", *lines, f"<!-- end -->{tail}"]))


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
