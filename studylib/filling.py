"""The holes of one picture of any size and depth, filled by the study's model or another method.

The model works as a restorer does: first what goes on, then how it is painted. The network says at several scales which colours
continue into the hole; patches of the picture's own known parts say how that is painted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import util
from pathlib import Path

import cv2
import numpy as np
import torch

from studylib import classical, damage, networks, patches, restoration, tones

METHODS = ("model", "network", "telea", "ns", "biharmonic", "patchmatch")

# A tile fades into its neighbours over `_FADE` pixels on either side of their border, and sees `_MARGIN` beyond its holes.
_FADE, _MARGIN = 16, 32
_DEEP = 40  # pixels from the border of a hole to its middle; deeper ones are filled at half the size first
_SMALL = 192  # pixels; of the short side of a picture that is no larger than those that the network learned from
_LEAST = 96  # pixels; of the short side of a picture at the coarsest scale
_REACH = 12.0  # pixels from the border of a hole at which the network does best
_BORDER = 3.0  # pixels along the border of a hole that the network fills alone; within as many again patches take over
_WINDOW, _AROUND = 1024, 256  # pixels; what is painted with patches at once, and what is seen around it
_VIEWS = 4  # of the picture that make the guide: as it is, mirrored, upside down, both


def fill(colours: np.ndarray, hole: np.ndarray, *, method: str = "model", weights: Path | str | None = None,
            device: str = "cpu", variants: int = 1, tile: int = 512, known: np.ndarray | None = None,
            progress: Callable[[float], None] | None = None) -> np.ndarray:
    """Fill the holes of one picture of any size and depth.

    "model" asks the network at several scales what goes on in the hole and paints that with patches of the picture's own known
    parts (`patches`); of a picture as small as those that the network learned from it is the "network" alone, in overlapping
    tiles around the holes. A picture of four channels is filled as three and one, one of a single tone as one (`tones`).

    Args:
        colours: (H, W, C) uint8 or uint16, without alpha; never looked at inside the holes.
        hole: (H, W) bool.
        method: one of `METHODS`.
        variants: 1; for "model" and "network" up to 8: the first is the fill to take, the others, of the picture mirrored and
            turned, are there to compare.
        tile: side of what is filled at once, pixels; less takes less memory.
        known: (H, W) bool, where the picture holds paint; None: outside the hole. Transparent parts hold none.
        progress: called with the part that is done, 0 to 1.

    Returns:
        (variants, holes, C) float32 in [0, 1]: the values of the hole's pixels, row by row.

    Raises:
        ValueError: an unknown method or one whose package is missing, more variants than there are, or no known pixel.
    """
    if method not in METHODS:
        raise ValueError(f"method {method!r}: expected one of {', '.join(METHODS)}.")
    if not 1 <= variants <= (8 if method in ("model", "network") else 1):
        raise ValueError(f"variants {variants}: expected 1 to 8 for 'model' and 'network', 1 for others.")
    if method == "patchmatch" and util.find_spec("patchmatch") is None:
        raise ValueError("method 'patchmatch': needs the package pypatchmatch, which is not installed; "
                         "`pip install pypatchmatch==2.2.0` brings it.")
    if tile < 2 * _FADE:
        raise ValueError(f"tile {tile}: expected {2 * _FADE} pixels or more.")
    empty = hole if known is None else hole | ~known  # what nothing can be learned from
    if empty.all():
        raise ValueError("the hole covers the whole picture; there is nothing to go by.")
    if method == "model" and min(hole.shape) < _SMALL:
        method = "network"
    if tone := tones.find(colours, empty):
        colours = tone.grey(colours)
    channels = colours.shape[2]
    groups = [[0, 0, 0]] if channels == 1 else [[0, 1, 2]] + [[3, 3, 3]] * (channels - 3)
    parts = []
    for number, group in enumerate(groups):
        def told(part: float, number: int = number) -> None:
            if progress:
                progress((number + part) / len(groups))

        if method == "model":
            values = _model(colours, group, empty, weights, device, variants, tile, told)
        elif method == "patchmatch":
            values = _in_windows(colours, group, empty, None, classical.patchmatch, told)[None]
        else:
            values = _filled(colours, group, empty, _painter(method, weights, device), variants, tile, told)
        parts.append(values if group == [0, 1, 2] else values.mean(2, keepdims=True))
    values = np.concatenate(parts, 2)
    values = values if empty is hole else values[:, hole[empty]]
    return tone.colours(values) if tone else values


def _model(colours: np.ndarray, group: list[int], hole: np.ndarray, weights: Path | str | None, device: str, variants: int,
           tile: int, progress: Callable[[float], None]) -> np.ndarray:
    """(variants, holes, 3): the guide painted with the picture's own patches, and the views that the guide is the mean of."""
    views = max(_VIEWS, variants - 1)
    paint = _painter("views", weights, device)
    guides = _guide(colours, group, hole, paint, views, tile, lambda part: progress(0.4 * part))
    painted = _in_windows(colours, group, hole, guides.mean(0), patches.paint, lambda part: progress(0.4 + 0.5 * part))
    # Along the border the network knows best what goes on, to the pixel.
    paint = _painter("network", weights, device)
    narrow = _filled(colours, group, hole, paint, 1, tile, lambda part: progress(0.9 + 0.1 * part))[0]
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)[hole]
    inside = ((depth - _BORDER) / _BORDER).clip(0, 1)[:, None]
    return np.concatenate([(narrow + inside * (painted - narrow))[None], guides[:variants - 1]])


def _guide(colours: np.ndarray, group: list[int], hole: np.ndarray, paint: Callable, views: int, tile: int,
           progress: Callable[[float], None]) -> np.ndarray:
    """(views, holes, 3): the network's fills at the picture's scales, each weighted most where it reaches into the hole best."""
    levels = max(0, int(np.log2(min(hole.shape) / _LEAST)))
    # 0 where the finest scale reaches, 1 where the next does, ...
    depth = np.log2(np.maximum(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)[hole], 1) / _REACH)
    total, weight = np.zeros((views, len(depth), 3), np.float32), np.zeros(len(depth), np.float32)
    for level in range(levels + 1):
        share = np.exp(-0.5 * (depth.clip(0, levels) - level) ** 2).astype(np.float32)
        if share.size and share.max() > 0.02:
            if level:
                small, inside = _shrunk(colours, group, hole, level)
                values = _filled(small, [0, 1, 2], inside, paint, views, tile, lambda part: None, deep=False)
                values = _enlarged(small, inside, values, hole)
            else:
                values = _filled(colours, group, hole, paint, views, tile, lambda part: None, deep=False)
            total += share[:, None] * values
            weight += share
        progress((level + 1) / (levels + 1))
    return total / np.maximum(weight, 1e-6)[:, None]


def _shrunk(colours: np.ndarray, group: list[int], hole: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    """The picture, (h, w, 3) uint16, halved so many times by what is known of it, and where most of it is not known."""
    height, width = (max(1, side >> level) for side in hole.shape)
    known = cv2.resize((~hole).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    planes = []
    for channel in group:
        plane = colours[..., channel].astype(np.float32)
        plane[hole] = 0
        plane = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) / np.maximum(known, 1e-6)
        planes.append((plane * (65535 / np.iinfo(colours.dtype).max)).clip(0, 65535).round().astype(np.uint16))
    return np.stack(planes, 2), known < 0.5


def _enlarged(small: np.ndarray, inside: np.ndarray, values: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What a smaller picture, its hole filled with values (views, holes, 3), shows where the large one's hole is."""
    (height, width), (tall, wide) = inside.shape, hole.shape
    rows, columns = np.nonzero(hole)
    rows, columns = ((at + 0.5) * few / many - 0.5 for at, few, many in ((rows, height, tall), (columns, width, wide)))
    rows, columns = rows.clip(0, height - 1).astype(np.float32), columns.clip(0, width - 1).astype(np.float32)
    low, left = rows.astype(np.int64), columns.astype(np.int64)
    down, right = (rows - low)[:, None], (columns - left)[:, None]
    high, far = np.minimum(low + 1, height - 1), np.minimum(left + 1, width - 1)
    out, drawn = [], small.astype(np.float32) / 65535
    for view in values:
        drawn[inside] = view
        out.append((drawn[low, left] * (1 - right) + drawn[low, far] * right) * (1 - down)
                   + (drawn[high, left] * (1 - right) + drawn[high, far] * right) * down)
    return np.stack(out)


def _in_windows(colours: np.ndarray, group: list[int], hole: np.ndarray, guide: np.ndarray | None, paint: Callable,
                progress: Callable[[float], None]) -> np.ndarray:
    """(holes, 3): paint(picture, hole, guide, source=) in windows; what one has painted is what the next goes on from."""
    height, width = hole.shape
    channels = group[:1] if len(set(group)) == 1 else group
    places, out = np.flatnonzero(hole), np.zeros((int(hole.sum()), len(channels)), np.float32)
    left = hole.copy()
    window = max(height, width) if height * width <= 2 * _WINDOW**2 else _WINDOW
    corners = [(top, start) for top in range(0, height, window) for start in range(0, width, window)]
    for number, (top, start) in enumerate(corners):
        core = slice(top, min(height, top + window)), slice(start, min(width, start + window))
        around = _AROUND
        while left[core].any():
            rows, columns = (slice(max(0, part.start - around), min(side, part.stop + around))
                             for part, side in zip(core, (height, width), strict=True))
            source = ~hole[rows, columns]
            # A window that holds little paint sees farther.
            if source.mean() > 0.2 or around > max(height, width) or (around > 4 * _AROUND and source.mean() > 0.05):
                break
            around *= 2
        if left[core].any():
            picture = colours[rows, columns][..., channels].astype(np.float32) / np.iinfo(colours.dtype).max
            ys, xs = np.nonzero(~source)
            index = np.searchsorted(places, (ys + rows.start) * width + xs + columns.start)
            picture[ys, xs] = out[index]
            drawn, unknown = picture.copy(), left[rows, columns]
            if guide is not None:
                drawn[ys, xs] = np.where(unknown[ys, xs, None], guide[index][:, :len(channels)], picture[ys, xs])
            painted = paint(picture, unknown, drawn, source=source)
            new = np.zeros_like(unknown)
            new[tuple(slice(part.start - seen.start, part.stop - seen.start)
                      for part, seen in zip(core, (rows, columns), strict=True))] = True
            new = (new & unknown)[ys, xs]
            out[index[new]] = painted[ys[new], xs[new]]
            left[core] = False
        progress((number + 1) / len(corners))
    return out.clip(0, 1) if len(channels) == 3 else out.clip(0, 1).repeat(3, 1)


def _filled(colours: np.ndarray, group: list[int], hole: np.ndarray, fill: Callable, variants: int, tile: int,
            progress: Callable[[float], None], deep: bool = True) -> np.ndarray:
    """(variants, holes, 3) in [0, 1] of three channels; deep: the inside of deep holes is filled at half the size first."""
    height, width = hole.shape
    start = None
    if deep and hole.any() and (depth := cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)).max() > _DEEP:
        start = _from_half(colours, group, hole, fill, tile, damage.parts_of(hole, depth > _DEEP))
    places = np.flatnonzero(hole)
    total, weights = np.zeros((variants, len(places), 3), np.float32), np.zeros(len(places), np.float32)
    corners = [(top, left) for top in range(0, height, tile) for left in range(0, width, tile)]
    for number, (top, left) in enumerate(corners):
        rows, columns = (slice(max(0, at - _FADE), at + tile + _FADE) for at in (top, left))
        if hole[rows, columns].any():
            rows, columns = (_span(hole[rows, columns].any(1 - axis), part.start, side)
                             for axis, part, side in ((0, rows, height), (1, columns, width)))
            inside = hole[rows, columns]
            picture = colours[rows, columns][..., group].astype(np.float32) / np.iinfo(colours.dtype).max
            unknown = inside.copy()
            if start is not None:
                given = start[1][rows, columns]
                picture[given] = start[0][rows, columns][given].astype(np.float32) / 65535
                unknown &= ~given
            ramp = _ramp(rows, top, height, tile)[:, None] * _ramp(columns, left, width, tile)[None, :]
            ys, xs = np.nonzero(inside & (ramp > 0))
            index = np.searchsorted(places, (ys + rows.start) * width + xs + columns.start)
            values = fill(picture, inside, unknown, variants, (rows.start, columns.start))[:, ys, xs]
            total[:, index] += values * ramp[ys, xs, None]
            weights[index] += ramp[ys, xs]
        progress((number + 1) / len(corners))
    return total / np.maximum(weights, 1e-6)[None, :, None]


def _span(found: np.ndarray, start: int, side: int) -> slice:
    """The lines from the first to the last that hold a hole, and the margin on either side."""
    lines = np.flatnonzero(found) + start
    return slice(max(0, int(lines[0]) - _MARGIN), min(side, int(lines[-1]) + 1 + _MARGIN))


def _ramp(span: slice, at: int, side: int, tile: int) -> np.ndarray:
    """Weight of each line of a tile: 1 in its middle, down to 0 over the fade, but not at the picture's border."""
    line = np.arange(span.start, span.stop)
    low = np.ones(len(line)) if at == 0 else np.clip((line - (at - _FADE) + 0.5) / (2 * _FADE), 0, 1)
    high = np.ones(len(line)) if at + tile >= side else np.clip((at + tile + _FADE - line - 0.5) / (2 * _FADE), 0, 1)
    return (low * high).astype(np.float32)


def _from_half(colours: np.ndarray, group: list[int], hole: np.ndarray, fill: Callable, tile: int, deep: np.ndarray) -> tuple:
    """The deep parts of a hole filled at half the size: the picture (H, W, 3) uint16 there, and where that is."""
    height, width = hole.shape
    half = (max(1, width // 2), max(1, height // 2))
    weight = cv2.resize((~hole).astype(np.float32), half, interpolation=cv2.INTER_AREA)
    scaled = colours[..., group].astype(np.float32)
    scaled[hole] = 0
    small = cv2.resize(scaled, half, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-6)[..., None]
    inside = weight <= 0
    small = (small / np.iinfo(colours.dtype).max * 65535).clip(0, 65535).round().astype(np.uint16)
    values = _filled(small, [0, 1, 2], inside, fill, 1, tile, lambda part: None)[0]
    small[inside] = (values.clip(0, 1) * 65535).round().astype(np.uint16)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return large, deep


def _painter(method: str, weights: Path | str | None, device: str) -> Callable:
    """(picture (H, W, 3) in [0, 1], hole, what of it is still unknown, variants, its place) -> (variants, H, W, 3)."""
    if method not in ("network", "views"):
        return partial(classical.paint, method)
    generator, how = restoration.any_size(weights, device)

    @torch.no_grad()
    def paint(picture: np.ndarray, hole: np.ndarray, unknown: np.ndarray, variants: int, at: tuple[int, int]) -> np.ndarray:
        tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].to(device) * 2 - 1
        mask, missing = (torch.from_numpy(part)[None, None].to(device, torch.float32) for part in (hole, unknown))
        views = [(False, []), (False, [3]), (False, [2]), (False, [2, 3]),
                 (True, []), (True, [3]), (True, [2]), (True, [2, 3])][:max(variants, 2)]
        fillings = networks.fillings(tensor, missing, how, len(views), mask - missing, at)
        out = []
        for (turned, flipped), filled in zip(views, fillings, strict=True):
            shown, where = ((x.mT if turned else x).flip(flipped) for x in (filled, mask))
            painted = generator(shown.contiguous(), where.contiguous()).clamp(-1, 1).flip(flipped)
            out.append(painted.mT if turned else painted)
        if method == "network":
            out[0] = networks.of_two_views(*out[:2], mask, how)
        return torch.cat(out[:variants]).permute(0, 2, 3, 1).cpu().numpy() / 2 + 0.5

    return paint
