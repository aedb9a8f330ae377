"""Copies of a painting that somebody drew on: whether a picture is one, and where it was painted over.

Both are brought into one colour space (ICC profiles to sRGB), and a gain and an offset for each channel, fitted robustly, undo a
copy that was saved brighter or darker. Only then is it asked where they differ.
"""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageCms

from studylib.scans import Scan

_SAMPLE = 100_000  # pixels that a fit sees
_REPEATED = 0.25  # of a painting's textured pixels the part, beyond chance, that a copy has kept at least
_PRIMARIES = np.float32([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255), (255, 255, 0), (0, 0, 0),
                         (255, 255, 255)])


@dataclass
class Comparison:
    """A picture beside a painting, at the picture's size.

    Attributes:
        copy, base: (H, W, 3) uint8, the picture, and the painting in the picture's colours and brightness.
        inside: (H, W) bool, where both show something.
        is_copy: whether the picture repeats the painting's texture. exact: whether most of it is the painting to the value.
        grey: whether the copy has lost its colours. lossy: whether its format has changed its values.
    """

    copy: np.ndarray
    base: np.ndarray
    inside: np.ndarray
    is_copy: bool
    exact: bool
    scaled: bool
    grey: bool
    lossy: bool = False


@dataclass
class Paint:
    """What was painted on a copy.

    Attributes:
        share: (H, W) float32, how much of each pixel is paint, 0 to 1.
        colours: the paints, RGB; more: what may be paint too, for it has its colour and touches it, or leans to it, (H, W) bool.
        unexplained: part of the picture that differs but is no flat paint. solid: part of the paint that has its full colour.
    """

    share: np.ndarray
    colours: list[tuple[int, int, int]]
    more: np.ndarray
    unexplained: float
    solid: float


def srgb(scan: Scan, managed: bool = True) -> np.ndarray:
    """A picture as (H, W, 3) uint8 in sRGB; not managed: its values as they are, without its profile."""
    colours = scan.colours if scan.depth == 255 else np.round(scan.colours / 257).astype(np.uint8)
    if managed and scan.icc:
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[colours.shape[2]]
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(scan.icc))
            image = Image.fromarray(np.ascontiguousarray(colours[..., 0] if mode == "L" else colours), mode)
            return np.array(ImageCms.profileToProfile(
                image, profile, ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION))
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # of another kind of picture, or broken
    if colours.shape[2] == 4:
        inks = 255 - colours.astype(np.uint16)
        colours = ((inks[..., :3] * inks[..., 3:] + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))


def compare(mask: Scan, painting: Scan, inside: np.ndarray, lossy: bool = False) -> Comparison:
    """Lay a picture beside a painting of the same shape, where `inside`, (H, W) bool at the picture's size, holds."""
    shape, best = mask.pixels.shape[:2], None
    for managed in (False, True) if mask.icc or painting.icc else (False,):
        copy, base = srgb(mask, managed), fitted(srgb(painting, managed), shape)
        ways = [(copy, base)]
        plain = [inside.any() and np.mean(np.ptp(part[inside][::17], axis=1) < 12) for part in (copy, base)]
        if plain[0] > 0.5 > plain[1]:
            ways.append((copy, cv2.cvtColor(cv2.cvtColor(base, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)))
        for way in ways:
            seen = _sample(inside)
            there, here = way[0].reshape(-1, 3)[seen].astype(np.float32), way[1].reshape(-1, 3)[seen].astype(np.float32)
            gain, offset = _fit(here, there)
            apart = float(np.median(np.abs(there - here * gain - offset).max(1))) if len(seen) else 255.0
            if best is None or apart < best[0]:
                best = apart, *way, gain, offset, way is not ways[0]
    apart, copy, base, gain, offset, grey = best
    repeats = _repeats(copy, base, inside)
    plain = bool((gain == 1).all() and (offset == 0).all())
    if not plain:
        base = (base * gain + offset).round().clip(0, 255).astype(np.uint8)
    scaled = shape != painting.pixels.shape[:2]
    return Comparison(copy, base, inside, repeats, plain and apart <= 1 and not (scaled or lossy), scaled, grey, lossy)


def fitted(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(H, W, ...) pixels at another size."""
    if pixels.shape[:2] == shape:
        return pixels
    way = cv2.INTER_AREA if pixels.shape[0] >= shape[0] else cv2.INTER_LINEAR
    return cv2.resize(pixels, shape[::-1], interpolation=way)


def painted(seen: Comparison) -> Paint:
    """Where a copy was painted over in flat colours, up to six; soft brushes and JPEG's noise are allowed for."""
    # Where the copy is not exact, edges may be a pixel off: there it must leave the range of the painting's neighbourhood.
    reach, least = (0, 2) if seen.exact else (1 + seen.scaled + 2 * seen.lossy, 24)
    apart = _beyond(seen.copy, seen.base, reach)
    left = (apart > least) & seen.inside
    near = (cv2.absdiff(seen.copy, seen.base).max(2) > least) & seen.inside
    if not seen.exact:
        left = cv2.morphologyEx(left.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)) > 0
    share, more = np.zeros(left.shape, np.float32), np.zeros(left.shape, bool)
    colours, solid, enough = [], 0, max(1 if seen.exact else 9, 1e-4 * seen.inside.sum())
    for _ in range(6):
        if left.sum() < enough or (colour := _colour(seen, left)) is None:
            break
        seed = _share(seen, colour, left) > 0.35
        if seed.sum() < enough:
            break
        found = _share(seen, colour, near, loose=not seen.exact)
        if not seen.exact:  # what is as wide as an edge is one, away from paint
            more |= _opened(found > 0.5)
            found *= _wider(seed, 4)
        strong = seed & (found > (0 if seen.exact else 0.5 * np.percentile(found[seed], 90)))
        kept = parts_of(found > 0, strong, least=8 if seen.lossy else 1)
        if not kept.any():
            break
        clear = kept & (found > 0.35)
        if seen.lossy and _opened(clear).sum() < 0.7 * clear.sum():
            more |= kept  # rings about edges look so, and very thin lines
        else:
            off = np.abs(seen.copy.astype(np.int16) - colour.round().astype(np.int16)).max(2)
            flat = (off <= (1 if seen.exact else 20)) & seen.inside
            touching = parts_of(flat | kept, kept & seed) & flat & ~kept
            edge = touching & _wider(kept, 0 if seen.exact else 2) & ~kept
            share, more = np.maximum(share, np.where(kept, found, edge)), more | (touching & ~edge)
            solid += int((clear & flat).sum())
            colours.append(tuple(int(value) for value in colour.round()))
        left &= ~_wider(kept, 0 if seen.exact else 6 if seen.lossy or seen.scaled else 2)  # there paint rings
    strange = float((left & (apart > 30)).sum() / max(1, seen.inside.sum()))
    more &= ~_wider(share > 0, 0 if seen.exact else 2)
    return Paint(share, colours, more, strange, solid / max(1, int((share > 0.35).sum())))


def _opened(where: np.ndarray) -> np.ndarray:
    """The parts of (H, W) bool that are at least three pixels wide."""
    return cv2.morphologyEx(where.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0


def _wider(where: np.ndarray, by: int) -> np.ndarray:
    """(H, W) bool with `by` pixels more on all sides."""
    return cv2.dilate(where.astype(np.uint8), np.ones((2 * by + 1,) * 2, np.uint8)) > 0


def _beyond(copy: np.ndarray, base: np.ndarray, reach: int) -> np.ndarray:
    """By how much the pixels of a copy leave the range of the base within `reach` pixels, (H, W) int16, in any channel or
    difference of two."""
    kernel, most = np.ones((2 * reach + 1,) * 2, np.uint8), np.zeros(copy.shape[:2], np.int16)
    for one, other in ((0, None), (1, None), (2, None), (0, 1), (1, 2), (2, 0)):
        ours, theirs = (np.ascontiguousarray(picture[..., one], np.int16) - (0 if other is None else picture[..., other])
                        for picture in (copy, base))
        low, high = (cv2.erode(theirs, kernel), cv2.dilate(theirs, kernel)) if reach else (theirs, theirs)
        most = np.maximum(most, np.maximum(ours - high, low - ours))
    return most


def parts_of(hole: np.ndarray, seed: np.ndarray, least: int = 1) -> np.ndarray:
    """The connected parts of a hole, of at least so many pixels, that hold a pixel of the seed: (H, W) bool, all three."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
    wanted = np.zeros(len(facts), bool)
    wanted[labels[seed]] = True
    wanted &= facts[:, cv2.CC_STAT_AREA] >= least
    wanted[0] = False
    return wanted[labels]


def _sample(inside: np.ndarray) -> np.ndarray:
    """Flat indices of some pixels where `inside` holds."""
    places = np.flatnonzero(inside)
    return np.random.default_rng(0).choice(places, _SAMPLE, replace=False) if len(places) > _SAMPLE else places


def _fit(here: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset for each channel that take the colours (N, 3) of a painting to those of its copy, whatever less than half
    of them do; 1 and 0 where these do."""
    gain, offset = np.ones(3, np.float32), np.zeros(3, np.float32)
    if len(here) < 16 or np.median(np.abs(there - here).max(1)) <= 1:
        return gain, offset
    plain = (there > 2) & (there < 253)  # not cut off at black or white
    draw = np.random.default_rng(0)
    some = draw.choice(len(here), min(len(here), 4000), replace=False)
    pairs = draw.integers(0, len(some), (300, 2))
    for channel in range(3):
        x, y = here[some, channel], there[some, channel]
        first, second = x[pairs].T
        apart = np.abs(second - first) >= 8
        slopes = (np.diff(y[pairs])[:, 0] / np.where(apart, second - first, 1))[apart]
        shifts = y[pairs][apart, 0] - slopes * first[apart]
        likely = (slopes > 0.4) & (slopes < 2.5) & (np.abs(shifts) < 128)
        slopes, shifts = np.append(slopes[likely], 1), np.append(shifts[likely], 0)
        errors = np.abs(y[None] - slopes[:, None] * x[None] - shifts[:, None])
        best = np.median(errors, axis=1).argmin()
        slope, shift = slopes[best], shifts[best]
        for _ in range(3):
            near = (np.abs(here[:, channel] * slope + shift - there[:, channel]) < 10) & plain[:, channel]
            if near.sum() < 16 or np.ptp(here[near, channel]) < 8:
                break
            slope, shift = np.polyfit(here[near, channel].astype(float), there[near, channel].astype(float), 1)
        gain[channel], offset[channel] = slope, shift
    return gain, offset


def _repeats(copy: np.ndarray, base: np.ndarray, inside: np.ndarray) -> bool:
    """Whether one picture has the fine texture of the other, or, where that has none, its flat parts."""
    ours, theirs = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (copy, base))
    if inside.size > 4e6:
        part = (4e6 / inside.size) ** 0.5
        ours, theirs = (cv2.resize(grey, None, fx=part, fy=part, interpolation=cv2.INTER_AREA) for grey in (ours, theirs))
        inside = cv2.resize(inside.astype(np.uint8), ours.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    if not inside.any() or len(np.unique(ours[inside])) <= 8 < len(np.unique(theirs[inside])):
        return False
    fine, other = (grey - cv2.GaussianBlur(grey, (0, 0), 2) for grey in (ours, theirs))
    size = np.abs(other)
    textured = inside & (size > max(1.5, float(np.median(size[inside]))))
    if textured.sum() > max(16, 0.15 * inside.sum()):
        # Of a mask whose holes follow the losses the edges agree in sign, and of its noise a half; of a copy all that was not
        # painted over agrees, in size too.
        ratio = fine[textured] / other[textured]
        return bool(np.mean((ratio > 0.25) & (ratio < 2.5)) - np.mean((ratio < -0.25) & (ratio > -2.5)) > _REPEATED)
    same = np.abs(copy[inside].astype(np.int16) - base[inside]).max(1) <= 12
    if same.mean() < 0.5 or min(np.std(theirs[inside]), np.std(ours[inside])) < 0.5:
        return False
    return bool(np.corrcoef(ours[inside], theirs[inside])[0, 1] > 0.3)


def _colour(seen: Comparison, where: np.ndarray) -> np.ndarray | None:
    """The flat colour that explains most of what differs, or None."""
    places = np.flatnonzero(where)
    if len(places) > 20_000:
        places = np.random.default_rng(0).choice(places, 20_000, replace=False)
    ours, base = (picture.reshape(-1, 3)[places].astype(np.float32) for picture in (seen.copy, seen.base))
    bins, counts = np.unique((ours // 16).astype(np.int32) @ np.int32([256, 16, 1]), return_counts=True)
    top = np.median(ours[(ours // 16).astype(np.int32) @ np.int32([256, 16, 1]) == bins[counts.argmax()]], axis=0)
    candidates = [np.median(ours[np.abs(ours - top).max(1) <= 12], axis=0), *_PRIMARIES]
    explained, flat = [], []
    for colour in candidates:
        part, off = _towards(ours, base, colour)
        same = np.abs(ours - colour).max(1) <= (2 if seen.exact else 20)
        explained.append(np.mean(((part > 0.15) & (off < (4 if seen.exact else 16))) | same))
        flat.append(np.mean(same))
    # Of thin paint over one colour the mode is the mixture; over others it is explained by the paint alone.
    good = np.float32(explained) >= max(explained) - 0.03
    best = int(np.argmax(np.where(good, flat, -1)))
    return candidates[best] if max(explained) > 0.25 else None


def _towards(ours: np.ndarray, base: np.ndarray, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far colours (..., 3) lie on the way from the base to a paint, 0 to 1, and how far off it, in values."""
    way = colour.astype(np.float32) - base
    length = (way**2).sum(-1)
    part = ((ours - base) * way).sum(-1) / np.maximum(length, 1)
    off = np.abs(ours - base - part[..., None] * way).max(-1)
    return np.where(length > 400, part, 0), off


def _share(seen: Comparison, colour: np.ndarray, where: np.ndarray, loose: bool = False) -> np.ndarray:
    """How much of each pixel is this paint, (H, W) float32, 0 where the picture does not differ.

    loose: whether a pixel need only lean towards the paint, as at edges that JPEG has smeared.
    """
    share = np.zeros(where.shape, np.float32)
    ours, base = seen.copy[where].astype(np.float32), seen.base[where].astype(np.float32)
    part, off = _towards(ours, base, colour)
    least, most = (0.1, 6) if seen.exact else (0.3 if seen.scaled else 0.2, 80 if loose else 30)
    good = (part > least) & (off < most + 20 * part)
    flat = np.abs(ours - colour).max(1) <= (1 if seen.exact else 20)
    share[where] = np.where(flat, 1, np.where(good, part.clip(0, 1), 0))
    return share
