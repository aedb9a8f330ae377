"""How far a fill may be from what was lost: the expected error and an 80 % band of each pixel, in 8-bit levels.

An error is the mean over the channels of the absolute difference from the lost painting, 0 to 255. It is foretold from how
far the fills that were tried differ, how unlike the painting is to itself at the distance to the nearest paint, and how
contrasted the paint around is. `python -m bench.uncertainty` fits the constants on made losses and tells how often the band holds
on other pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from studylib import palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The mean and the 80 % band as a constant and weights of `features`, for one fill alone and for several (8 views by the model).
# Fitted on 80 losses (wide strokes, circles, boxes, cracks) in squares of 512 pixels of 20 frescoes, murals, oils and prints. By
# the constants of one half of the pictures the band held 79.7 % [78.0, 81.4] of the errors on the other half's (alone 79.4 %
# [77.3, 81.3]): by kind of picture 78 to 81 % (76 to 81), of loss 78 to 83 % (75 to 85), by distance 77 to 85 % (77 to 82).
CONSTANTS = {
    "alone": {"mean": (0.0, 0.0, 0.3885, 0.4846), "band": (0.0, 0.0, 0.4547, 0.8827)},
    "spread": {"mean": (0.0, 1.3177, 0.0941, 0.2547), "band": (0.0, 2.1937, 0.0679, 0.3864)}}
_LAGS = np.unique(np.round(1.5**np.arange(22)).astype(int))  # pixels, up to 5,000
_SIDE = 512  # of the small picture that contrasts are taken from


def features(fills: np.ndarray, hole: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """What foretells a hole's errors, all smooth: (holes, 3) float32 in 8-bit levels.

    The standard deviation of the fills, smoothed within the hole; the mean difference of two known pixels as far apart as the
    pixel is from paint, never less than of nearer ones; and that difference, times the local contrast relative to the mean.

    Args:
        fills: (variants, holes, C) in [0, 1].
        hole: (H, W) bool.
        picture: (H, W, C) uint8 or uint16; never looked at inside the hole.
    """
    import cv2

    way = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)[hole]
    unlike = np.interp(np.log(way), np.log(_LAGS), _unlikeness(picture, hole))
    contrast = _contrast(picture, hole)
    contrast = contrast / max(float(contrast.mean()), 1e-6) if len(contrast) else contrast
    spread = np.zeros(len(way), np.float32)
    if len(fills) > 1:
        spread = palette.lowpass(255 * fills.std(0).mean(1), hole, max(2.0, 0.008 * min(hole.shape)))
    return np.stack([spread, unlike, unlike * contrast], 1).astype(np.float32)


def expected(fills: np.ndarray, hole: np.ndarray, picture: np.ndarray, factor: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The expected error of a hole's pixels, and the band that 80 % of the errors do not exceed, in 8-bit levels.

    Args:
        fills: (variants, holes, C) in [0, 1]; the first is the one taken.
        hole, picture: as `features` takes them.
        factor: what `calibrate` found on this painting.

    Returns:
        (holes,) float32 each, the band nowhere below the expected error.
    """
    told = features(fills, hole, picture)
    constants = CONSTANTS["spread" if len(fills) > 1 else "alone"]
    mean, band = (factor * foretold(told, constants[name]) for name in ("mean", "band"))
    return mean, np.maximum(mean, band)


def foretold(features: np.ndarray, constants: tuple[float, ...]) -> np.ndarray:
    """A constant and weighted features: (N,) float32, levels."""
    return (constants[0] + features @ np.float32(constants[1:])).astype(np.float32)


def calibrate(errors: np.ndarray, bands: np.ndarray, level: float = 0.8) -> float:
    """By what the bands of a painting must be widened or narrowed so that they hold as often as they say.

    Args:
        errors: (N,) of losses made in the painting itself, in 8-bit levels; bands: (N,), what `expected` said of them.

    Returns:
        The factor, 1/3 to 3; 1 where there are fewer than 100 pixels.
    """
    if len(errors) < 100:
        return 1.0
    return float(np.clip(np.quantile(errors / np.maximum(bands, 1e-6), level), 1 / 3, 3))


def fit(samples: list[tuple[np.ndarray, np.ndarray]], seed: int = 0) -> dict[str, dict[str, tuple[float, ...]]]:
    """`CONSTANTS` from made losses: least squares of the mean, pinball loss of the band, no weight below 0.

    Args:
        samples: features (N, 3) and errors (N,) of each loss; each loss counts the same.
    """
    from scipy.optimize import linprog, nnls

    rng = np.random.default_rng(seed)
    picked = [(told[some], errors[some]) for told, errors in samples if len(errors)
              for some in [rng.integers(0, len(errors), 200)]]
    told, errors = (np.concatenate(parts).astype(np.float64) for parts in zip(*picked, strict=True))
    constants = {}
    for name, used in (("alone", [0, 2, 3]), ("spread", [0, 1, 2, 3])):
        design = np.concatenate([np.ones((len(told), 1)), told], 1)[:, used]
        weight = 1 / np.maximum(design[:, -2], 2)  # a relative error: flat pictures count as much as contrasted ones
        count = len(errors)
        # Pinball loss as a linear programme: errors = design @ b + over - under.
        cost = np.concatenate([np.zeros(len(used)), 0.8 * weight, 0.2 * weight])
        equal = np.concatenate([design, np.eye(count), -np.eye(count)], 1)
        found = {"mean": nnls(design * weight[:, None], errors * weight)[0],
                 "band": linprog(cost, A_eq=equal, b_eq=errors, method="highs").x[:len(used)]}
        constants[name] = {of: tuple(round(float(values[used.index(n)]), 4) if n in used else 0.0 for n in range(4))
                           for of, values in found.items()}
    return constants


def render(picture: np.ndarray, hole: np.ndarray, levels: np.ndarray, most: float | None = None) -> np.ndarray:
    """The picture in grey, and over its hole the expected error in viridis: dark is sure, yellow is not.

    Args:
        picture: (H, W, 1, 3 or 4) uint8 or uint16, the restored one or the damaged.
        levels: (holes,), row by row, 8-bit levels.
        most: what is yellow; None: `scale` of the levels.

    Returns:
        (H, W, 3) uint8, of the picture's own size.
    """
    import cv2

    pixels = np.ascontiguousarray(picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8))
    if pixels.shape[2] == 4:  # inks
        light = 255 - cv2.cvtColor(np.ascontiguousarray(pixels[..., :3]), cv2.COLOR_RGB2GRAY)
        grey = cv2.multiply(light, 255 - pixels[..., 3], scale=1 / 255)
    else:
        grey = pixels[..., 0] if pixels.shape[2] == 1 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    out = np.repeat(grey[..., None], 3, 2)
    out[hole] = _colours()[(levels / (most or scale(levels)) * 255).clip(0, 255).round().astype(int)]
    return out


def scale(levels: np.ndarray) -> int:
    """A round number of levels that 98 of 100 pixels do not exceed."""
    highest = float(np.percentile(levels, 98)) if len(levels) else 0.0
    return next(step for step in (4, 8, 12, 20, 40, 60, 80, 120, 160, 240) if highest <= step or step == 240)


def legend(most: float, width: int = 480) -> np.ndarray:
    """The colours of `render` with their levels, as a strip to put below it: (height, width, 3) uint8."""
    from PIL import Image, ImageDraw, ImageFont

    size = int(np.clip(width / 32, 8, 40))
    font = ImageFont.load_default(size)
    margin, bar = size, max(4, size)
    strip = np.full((bar + 4 * size, width, 3), 255, np.uint8)
    across = max(1, width - 2 * margin)
    strip[size // 2:size // 2 + bar, margin:margin + across] = _colours()[np.linspace(0, 255, across).round().astype(int)]
    image = Image.fromarray(strip)
    draw = ImageDraw.Draw(image)
    for part in (0, 0.25, 0.5, 0.75, 1) if width >= 240 else (0, 1):
        x = margin + part * (across - 1)
        draw.line([x, size // 2 + bar, x, size + bar], fill=(0, 0, 0), width=max(1, size // 12))
        draw.text((x, size + bar), f"{most * part:g}", (0, 0, 0), font, anchor="ma")
    text = "expected error, levels of 255" if width >= 240 else "levels"
    draw.text((width / 2, 2.4 * size + bar), text, (0, 0, 0), font, anchor="ma")
    return np.asarray(image)


def coverage_plot(held: dict[str, dict[str, list[float]]]) -> Figure:
    """How often the 80 % band holds on pictures that it was not fitted on: a mark for each picture, the mean in black.

    Args:
        held: {panel: {group: a share for each picture}}, as `bench.uncertainty` makes them.
    """
    import matplotlib.pyplot as plt

    sizes = [len(groups) for groups in held.values()]
    figure, axes = plt.subplots(1, len(held), figsize=(7.2, 3.4), sharey=True, squeeze=False, width_ratios=sizes,
                                layout="constrained")
    for axis, (panel, groups) in zip(axes[0], held.items(), strict=True):
        axis.axhspan(0.73, 0.87, color="#0072B2", alpha=0.12, linewidth=0)
        axis.axhline(0.8, color="#0072B2", linewidth=1)
        for number, shares in enumerate(groups.values()):
            axis.plot(number + np.linspace(-0.2, 0.2, len(shares)), sorted(shares), ".", color="#999999", markersize=4)
            axis.plot(number, np.mean(shares), "D", color="black", markersize=5)
        axis.set(xlabel=panel, xlim=(-0.6, len(groups) - 0.4), ylim=(0, 1))
        axis.set_xticks(range(len(groups)), list(groups), fontsize=8, rotation=40, ha="right")
    axes[0][0].set_ylabel("share of errors within the band")
    return figure


def _colours() -> np.ndarray:
    """(256, 3) uint8: viridis, of even steps in lightness and told apart by colour-blind readers."""
    import matplotlib

    return (matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def _unlikeness(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """For each lag the mean absolute difference of known pixels that far apart, near the holes, in 8-bit levels (a variogram)."""
    near = palette.near(hole, reach=max(8.0, 0.1 * min(hole.shape)))
    ys, xs = np.divmod(near, hole.shape[1])
    found, last = [], 0.0
    for lag in _LAGS:
        means = []
        for dy, dx in ((0, lag), (lag, 0), (0, -lag), (-lag, 0)):
            there = (ys + dy >= 0) & (ys + dy < hole.shape[0]) & (xs + dx >= 0) & (xs + dx < hole.shape[1])
            y, x = ys[there], xs[there]
            known = ~hole[y + dy, x + dx]
            y, x = y[known], x[known]
            means.append(np.abs(picture[y, x].astype(np.float32) - picture[y + dy, x + dx]).mean(1))
        means = np.concatenate(means)
        last = max(last, float(means.mean()) if len(means) >= 100 or (len(means) and not found) else 0.0)
        found.append(last)
    return np.array(found) * 255 / np.iinfo(picture.dtype).max


def _contrast(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(holes,): the standard deviation of the known pixels around, from as near as there are enough, in 8-bit levels."""
    import cv2

    scale = min(1.0, _SIDE / max(hole.shape))
    size = tuple(max(1, round(length * scale)) for length in hole.shape[::-1])
    known = (~hole).astype(np.float32)
    weight = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
    total = np.zeros(weight.shape, np.float32)
    for channel in range(picture.shape[2]):
        values = picture[..., channel].astype(np.float32) * known * np.float32(255 / np.iinfo(picture.dtype).max)
        first, second = (cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in (values, values * values))
        spread = second.sum() / max(float(weight.sum()), 1e-6) - (first.sum() / max(float(weight.sum()), 1e-6))**2
        for share in (0.2, 0.06, 0.02):
            side = 2 * round(1.2 * max(1.0, share * min(size))) + 1  # two boxes of that standard deviation together
            w, a, b = (cv2.blur(cv2.blur(part, (side, side), borderType=cv2.BORDER_CONSTANT), (side, side),
                                borderType=cv2.BORDER_CONSTANT) for part in (weight, first, second))
            here = b / np.maximum(w, 1e-6) - (a / np.maximum(w, 1e-6))**2
            spread = spread + np.clip(w / 0.2, 0, 1) * (here - spread)
        total += spread
    small = np.sqrt(np.maximum(total / picture.shape[2], 0))[..., None]
    return palette.enlarged(small, (slice(0, hole.shape[0]), slice(0, hole.shape[1])), hole.shape)[..., 0][hole]
