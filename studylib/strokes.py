"""Fills that a viewer can tell from the original: tratteggio, and chromatic abstraction where there is nothing to know.

Tratteggio (Brandi 1963; Istituto Centrale del Restauro) divides the fill into fine parallel strokes, which add up to it from
afar. Chromatic abstraction (Baldini 1978, `Teoria del restauro`) shows no image at all: crossed strokes in the colours of the
surroundings, for what lies too far from any paint. All hues are those of the painting: what is grey or on one line of tones
stays so.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from studylib import palette

_STROKES_ACROSS = 400  # of the default width, side by side along the short side of a picture


def stroke_pixels(text: str | float | None, dpi: tuple[float, float] | None, shape: tuple[int, ...]) -> float:
    """The width of a stroke in pixels, from what was asked for: "0.5mm", "3", "3px"; None: by the size of the picture.

    By size it is the short side / 400, at least 2 pixels: on a screen that shows the whole picture the strokes blend.

    Args:
        dpi: dots per inch of the scan, both ways, where it is known.
        shape: (H, W, ...) of the picture.

    Raises:
        ValueError: it is no length, or one in millimetres where the resolution is not known, or not 1 pixel to half the picture.
    """
    short = min(shape[:2])
    if text is None:
        return float(max(2.0, short / _STROKES_ACROSS))
    found = re.fullmatch(r"\s*(\d+(?:[.,]\d*)?|[.,]\d+)\s*(mm|px)?\s*", str(text).lower())
    if not found:
        raise ValueError(f"stroke {text}: expected a width in pixels (3) or millimetres (0.5mm).")
    width = float(found[1].replace(",", "."))
    if found[2] == "mm":
        if not dpi:
            raise ValueError(f"stroke {text}: the picture does not say its resolution; expected a width in pixels.")
        width *= float(np.sqrt(dpi[0] * dpi[1])) / 25.4
    if not 1 <= width <= max(1, short / 2):
        raise ValueError(f"stroke {text}: is {width:.2f} pixels; expected 1 to {max(1, short / 2):g}, half the picture.")
    return width


def tratteggio(values: np.ndarray, hole: np.ndarray, *, picture: np.ndarray | None = None, width: float | None = None,
               length: float | None = None, angle: float = 0.0, strength: float = 0.07, seed: int = 0) -> np.ndarray:
    """A fill as fine strokes, which lean to either side of its own colours and add up to them from afar.

    Of every three neighbouring strokes one leans to one side, one to the other and one to neither along the main direction in
    which the known colours like the fill's vary, hue before lightness; along the second one likewise. Nothing is leaned
    towards that the painting does not have.

    Args:
        values: (holes, C) in [0, 1], the fill, row by row.
        hole: (H, W) bool.
        picture: (H, W, C) uint8 or uint16, whose known pixels near the holes give the hues; None: the fill's own give them.
        width, length: of a stroke, pixels; None: by the picture's size, and 8 widths.
        angle: degrees from upright, clockwise.
        strength: how far a stroke leans, in parts of the range; less where the colour is near black or white.

    Returns:
        (holes, C) in [0, 1].
    """
    if not len(values):
        return values.astype(np.float32)
    width = width or stroke_pixels(None, None, hole.shape)
    length = length or 8 * width
    known = values if picture is None or hole.all() else palette.surroundings(picture, hole)
    y, x = (part.astype(np.float32) + 0.5 for part in np.nonzero(hole))
    turn = np.deg2rad(angle)
    across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    across, along = across - across.min() + 1, along - along.min()
    rng = np.random.default_rng(seed)
    shift = rng.random(int(across.max() / width) + 3) * length
    segments = int((along.max() + length) / length) + 1

    def at(offset: float) -> np.ndarray:
        """The number of the stroke that covers each pixel, sampled beside its middle."""
        stroke = ((across + offset) / width).astype(np.int64)
        return stroke * segments + ((along + shift[stroke]) / length).astype(np.int64)

    which = at(0)
    count = np.bincount(which, minlength=len(shift) * segments)
    colours = np.stack([np.bincount(which, channel, len(count)) for channel in values.T], 1) / np.maximum(count, 1)[:, None]
    there = np.flatnonzero(count)
    lean = np.zeros_like(colours)
    sides = rng.permuted(np.tile([0, 1, 2], (len(shift) // 3 + 1, 1)), axis=1).ravel()
    lean[there] = _leans(colours[there], known, strength, sides[there // segments])
    drawn, stroked = np.zeros(values.shape, np.float32), (colours + lean).astype(np.float32)
    for offset in (-1 / 3, 0, 1 / 3):  # a stroke's edge may lie within a pixel
        beside = at(offset)
        beside = np.where(count[beside] > 0, beside, which)
        drawn += stroked[beside] / 3
    return palette.in_tones(_as_from_afar(drawn, values, hole, width), known)


def _leans(colours: np.ndarray, known: np.ndarray, strength: float, side: np.ndarray) -> np.ndarray:
    """(strokes, C): how far each stroke leans from its colour; three neighbours' leans add up to nothing.

    The directions are the main axes of the known colours like it, found where lightness counts half; on the way back they
    lie on the same ellipsoid of the known colours, so that colours on a line keep to it.
    """
    channels = colours.shape[1]
    shrink = np.eye(channels)
    if channels == 3:
        shrink -= 0.5 * np.outer(np.ones(3), palette.LIGHTNESS)
    grow = np.linalg.inv(shrink)
    overall = np.cov((known @ shrink.T).T).reshape(channels, channels) if len(known) > 1 else np.zeros((channels, channels))
    main = np.linalg.eigh(overall)[1]
    angles = np.array([0.0, 2.0, 4.0]) * np.pi / 3 + np.pi / 2
    centres, label = palette.clusters(colours, 12)
    leans, total = np.zeros_like(colours), np.zeros((len(colours), 1))
    for number, centre in enumerate(centres):
        weight = np.exp(-((known - centre)**2).sum(1) / (2 * 0.1**2)) + 1e-9
        near = known - np.average(known, axis=0, weights=weight)
        spread = shrink @ ((near * weight[:, None]).T @ near / weight.sum()) @ shrink.T + 0.05 * overall
        size, axes = np.linalg.eigh(spread)
        axes = axes * np.where((axes * main).sum(0) < 0, -1, 1)  # so that neighbouring colours lean the same way
        first = grow @ axes[:, -1]
        second = grow @ axes[:, -2] * np.sqrt(max(size[-2], 0) / max(size[-1], 1e-12)) if channels > 1 else 0 * first
        if size[-1] < 1e-7:  # one colour only: lighter and darker of the same hue
            first, second = centre / max(np.linalg.norm(centre), 1e-6), 0 * first
        scale = strength * np.sqrt(channels) / max(np.linalg.norm(first), 1e-6)
        sides = scale * (np.cos(angles)[:, None] * first + 0.6 * np.sin(angles)[:, None] * second)
        share = (np.exp(-((colours - centre)**2).sum(1) / (2 * 0.1**2)) + 1e-3 * (label == number))[:, None]
        leans += share * sides[side]
        total += share
    leans /= total
    room = np.minimum(colours, 1 - colours) / np.maximum(np.abs(leans), 1e-6)
    return leans * np.minimum(1, room.min(1, keepdims=True))


def abstraction(values: np.ndarray, hole: np.ndarray, part: np.ndarray, picture: np.ndarray, *, width: float | None = None,
                length: float | None = None, colours: int = 4, strength: float = 0.8, seed: int = 0) -> np.ndarray:
    """A fill of which a part is chromatic abstraction: crossed strokes in the colours of the surroundings.

    Each connected part takes its palette from the paint around its loss; its strokes add up to the colour of a membrane
    spanned over the hole. Towards its border, over one stroke's length, the strokes thin out into the fill.

    Args:
        values: (holes, C) in [0, 1], the fill, row by row.
        hole: (H, W) bool; part: (H, W) bool, what of it is drawn, such as `beyond_evidence` gives.
        picture: (H, W, C) uint8 or uint16; never looked at inside the hole.
        width, length: of a stroke, pixels; None: 0.7 of the width by the picture's size, and 12 widths.
        colours: of the palette, 3 or 4.
        strength: how far the strokes' colours keep apart, 0 to 1: at 1 as far as the palette's.

    Returns:
        (holes, C) in [0, 1].
    """
    import cv2

    out = values.astype(np.float32)
    if not (part := part & hole).any():
        return out
    width = width or max(1.0, 0.7 * stroke_pixels(None, None, hole.shape))
    length = length or 12 * width
    mean, places = palette.membrane(picture, hole), np.flatnonzero(hole)
    way = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)  # the mask of 3 takes straight ways for too short
    for number, (rows, columns, inside) in enumerate(_parts(part)):
        reach = float(way[rows, columns][inside].max()) + 0.05 * min(hole.shape)
        window = tuple(slice(max(0, span.start - int(reach) - 1), span.stop + int(reach) + 1) for span in (rows, columns))
        seen = np.zeros(hole[window].shape, bool)
        seen[rows.start - window[0].start:, columns.start - window[1].start:][:inside.shape[0], :inside.shape[1]] = inside
        centres, label = palette.clusters(palette.surroundings(picture[window], hole[window], seen, reach), colours)
        share = np.bincount(label, minlength=len(centres)) / len(label)
        ys, xs = np.nonzero(inside)
        index = np.searchsorted(places, (ys + rows.start) * hole.shape[1] + xs + columns.start)
        depth = cv2.distanceTransform(np.pad(inside, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
        full = np.clip(depth / length, 0, 1).astype(np.float32)  # how much of the fill gives way
        mixed = out[index] + full[ys, xs, None] * (palette.enlarged(mean, (rows, columns), hole.shape)[ys, xs] - out[index])
        leans = strength * (centres - share @ centres)
        leans *= min(1, 0.16 / max(np.abs(leans).max(), 1e-6))  # fine strokes of black and white would flicker
        drawn = mixed + _crossed(full, leans, share, width, length, seed + number)[ys, xs]
        out[index] = _as_from_afar(drawn, mixed, inside, length / 4)
    out[part[hole]] = palette.in_tones(out[part[hole]], palette.surroundings(picture, hole))
    return out


def _crossed(full: np.ndarray, leans: np.ndarray, share: np.ndarray, width: float, length: float, seed: int) -> np.ndarray:
    """(h, w, C): strokes in crossing directions over each other, each of one lean, as often as its share and `full` say."""
    import cv2

    rng = np.random.default_rng(seed)
    height, across = full.shape
    count = int(5 * (height + length) * (across + length) / (width * length))
    x, y = rng.uniform(-length / 2, across + length / 2, count), rng.uniform(-length / 2, height + length / 2, count)
    turn = np.deg2rad(rng.choice([-32.0, 32.0], count) + rng.normal(0, 9, count))
    half = length / 2 * rng.uniform(0.6, 1.1, count)
    ends = np.stack([x - half * np.sin(turn), y - half * np.cos(turn), x + half * np.sin(turn), y + half * np.cos(turn)], 1)
    which = rng.choice(len(leans), count, p=share)
    which[rng.random(count) >= full[y.astype(int).clip(0, height - 1), x.astype(int).clip(0, across - 1)]] = -1
    drawn = np.zeros((height, across, leans.shape[1]), np.float32)
    turns = 8  # in which the colours are laid over each other
    for first, last in pairwise(np.linspace(0, count, turns + 1).astype(int)):
        for number, lean in enumerate(leans):
            lines = np.round(ends[first:last][which[first:last] == number].reshape(-1, 2, 2) * 16).astype(np.int32)
            cover = np.zeros((height, across), np.uint8)
            cv2.polylines(cover, list(lines), False, 255, max(1, int(width)), cv2.LINE_AA, shift=4)
            part = (cover * np.float32(0.8 / 255))[..., None]
            drawn += part * (lean.astype(np.float32) - drawn)
    return drawn


def beyond_evidence(hole: np.ndarray, share: float = 0.06, within: np.ndarray | None = None) -> tuple[np.ndarray, list[dict]]:
    """What lies further from any paint than a share of the picture's short side: there a likely image is an invention.

    The default was measured (`python -m bench.uncertainty distance`): 20 frescoes, murals, panels, oils and prints at 448 pixels,
    discs of 0.06 to 0.28 of the short side in radius cut out and filled by the model, its squared error beside that of the mean
    colour of the ring. At 0.03 to 0.04 of the short side from the paint the fill is better by 1.5 dB [0.6, 2.4], at 0.04 to 0.06
    by 0.7 [0.0, 1.5], at 0.06 to 0.08 by 0.0 [-0.6, 0.6]; beyond 0.1 it is worse. Biharmonic inpainting crosses at 0.05.

    Args:
        hole: (H, W) bool, where there is no paint.
        within: (H, W) bool, what of it is asked for; None: all.

    Returns:
        (H, W) bool, and of each connected part, the largest first: its box (left, top, width, height; pixels), its pixels,
        its share of the picture, and the greatest distance to any paint in pixels and as a share of the short side.

    Raises:
        ValueError: the hole covers the whole picture, or the share is not above 0.
    """
    import cv2

    if not share > 0:
        raise ValueError(f"share {share}: expected more than 0.")
    if hole.all():
        raise ValueError("the hole covers the whole picture; there is nothing to go by.")
    short = min(hole.shape)
    way = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    beyond = way > share * short if within is None else (way > share * short) & within
    parts = []
    for rows, columns, inside in _parts(beyond):
        greatest = float(way[rows, columns][inside].max())
        parts.append({"box": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
                      "pixels": int(inside.sum()), "share_of_picture": float(inside.sum() / hole.size),
                      "distance_pixels": greatest, "distance_share": greatest / short})
    return beyond, sorted(parts, key=lambda part: -part["pixels"])


def _parts(found: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """The connected parts: rows, columns, and which pixels in there are theirs."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    for number in range(1, count):
        left, top, width, height, _ = stats[number].tolist()
        rows, columns = slice(top, top + height), slice(left, left + width)
        yield rows, columns, labels[rows, columns] == number


def _as_from_afar(drawn: np.ndarray, values: np.ndarray, hole: np.ndarray, width: float) -> np.ndarray:
    """What was drawn, its low frequencies, over two strokes, those of the values: (holes, C) in [0, 1]."""
    rows, columns = (slice(int(found[0]), int(found[-1]) + 1) for found in (np.flatnonzero(hole.any(axis)) for axis in (1, 0)))
    hole = hole[rows, columns]
    out = drawn.astype(np.float32).clip(0, 1)
    for _ in range(2):
        for channel in range(values.shape[1]):
            out[:, channel] += palette.lowpass(values[:, channel] - out[:, channel], hole, 2 * width)
        out = out.clip(0, 1)
    return out
