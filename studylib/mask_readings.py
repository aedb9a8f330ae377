"""What the file of a mask says: a layer, flat colours, or a copy of the painting, in this order.

An alpha channel counts where it is not the painting's own; then two values, then labels, then paint over a copy.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from studylib import copies, flat_masks
from studylib.flat_masks import SOFT, Reading, Readings
from studylib.scans import Scan, ScanError

_CLASSES = (".png", ".gif", ".bmp", ".tif", ".tiff")  # of files that may hold a palette


def understood(mask: Scan, picture: Scan, path: Path) -> Readings:
    """The ways in which the file of a mask can be read beside a picture of the same shape, at the mask's own size.

    Raises:
        ScanError: it holds nothing that can be understood.
    """
    shape = mask.pixels.shape[:2]
    own, inside = copies.fitted(_alpha(picture), shape), np.ones(shape, bool)
    if mask.mode in ("LA", "RGBA"):
        alpha = _alpha(mask)
        if not alpha.any():
            return Readings([Reading(np.zeros(shape, np.float32), "it is transparent all over")])
        if _differs(alpha, own):
            return _layer(mask, picture, path, alpha, own)
        inside = alpha > 0
    lossy = _is_lossy(path)
    pixels = _indices(mask, path)
    flat = flat_masks.read(pixels if mask.mode != "CMYK" else copies.srgb(mask, managed=False), inside, lossy)
    seen = copies.compare(mask, picture, inside & (own > 0), lossy)
    if not seen.is_copy:
        if flat and _is_drawing(seen, copies.fitted(copies.srgb(picture, managed=False), shape)):
            flat.asked, flat.certain = True, False
        if flat:
            return flat
        raise ScanError(f"{path}: is neither black and white nor labels, nor partly transparent, nor a copy of the painting that "
                        "was painted on; expected a mask.")
    return _copy(seen, flat, path)


def _alpha(scan: Scan) -> np.ndarray:
    """(H, W) float32, 0 to 1; 1 where there is no alpha channel."""
    if scan.mode in ("LA", "RGBA"):
        return scan.pixels[..., -1].astype(np.float32) / scan.depth
    return np.ones(scan.pixels.shape[:2], np.float32)


def _differs(alpha: np.ndarray, own: np.ndarray) -> bool:
    """Whether an alpha channel says something: it is not the painting's own, nor even."""
    if np.ptp(alpha) < 0.02:
        return False
    apart = np.abs(alpha - own) > SOFT
    rim = cv2.morphologyEx((own > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    return bool((apart & ~rim).any())


def _layer(mask: Scan, picture: Scan, path: Path, alpha: np.ndarray, own: np.ndarray) -> Readings:
    """A layer: painted on a transparent ground, or a copy with the holes erased."""
    there = own > SOFT
    opaque = (alpha >= (1 - SOFT) * alpha.max()) & there
    colours = mask.pixels[..., :-1]
    painted = Reading(alpha / alpha.max(), "the painted part is the hole", "white")
    erased = Reading(np.where(there, (own - alpha).clip(0, 1) / max(1e-3, float((own - alpha).max())), 0),
                     "the transparent part is the hole", "black")
    flat = flat_masks.read(colours, opaque, _is_lossy(path)) if opaque.any() else None
    seen = copies.compare(mask, picture, opaque, _is_lossy(path))
    value = colours[alpha >= (1 - SOFT) * alpha.max()].mean(1) / mask.depth
    dark, light = float(np.mean(value < SOFT)), float(np.mean(value > 1 - SOFT))
    if flat and min(dark, light) > 0.01 and dark + light > 0.9:
        grey = colours.mean(2) / mask.depth
        ways = [Reading(np.where(alpha > SOFT, grey, 0), "the white part is the hole", "white"),
                Reading(np.where(alpha > SOFT, 1 - grey, 0), "the black part is the hole", "black"), painted, erased]
        ways[2].holes = ways[3].holes = None
        ways.sort(key=lambda way: way.part)
        ways[0].said = "has black, white and transparent parts: " + ways[0].said
        return Readings(ways, asked=True, certain=False)
    if flat and not (seen.is_copy and erased.part <= 0.5 and _of_many(colours, opaque)):
        black = light <= 0.01 and dark > 0.9
        if black:  # what is painted is black; in an alpha channel it is what is transparent
            painted.holes, erased.holes = "black", "white"
        painted.said = "holes painted on a transparent ground (the painted part)"
        erased.said = "holes cut out of a painted layer (the transparent part)"
        likely = painted.part <= erased.part
        return Readings([painted, erased] if likely else [erased, painted], asked=not likely or painted.part > 0.4,
                        certain=not seen.is_copy, doubtful=black)
    if seen.is_copy and erased.part <= 0.5:
        erased.said = "a copy of the painting with the holes erased"
        painted.said, painted.holes = "what is left of the copy is the hole", None
        also = copies.painted(seen)
        if (also.share > 0.5).sum() > max(4, 0.002 * opaque.sum()):
            paint = Reading(also.share, "what was painted", None)
            both = Reading(np.maximum(also.share, erased.share), "what was erased and what was painted on a copy of the painting")
            return Readings([both, erased, paint], asked=True, certain=False)
        return Readings([erased, painted])
    return Readings(sorted([painted, erased], key=lambda way: way.part), asked=True, certain=False)


def _of_many(colours: np.ndarray, where: np.ndarray) -> bool:
    """Whether a part of a picture holds more colours than labels do."""
    return len(np.unique(flat_masks.sample(colours, where), axis=0)) > 32


def _copy(seen: copies.Comparison, flat: Readings | None, path: Path) -> Readings:
    """A copy of the painting: what was painted on it."""
    found = copies.painted(seen)
    if found.unexplained > max(0.01, 0.2 * float((found.share > 0.5).mean())):
        raise ScanError(f"{path}: is a copy of the painting that differs from it in {100 * found.unexplained:.1f} % of the "
                        "picture by more than flat paint; expected losses painted over in one strong colour, or a mask.")
    empty = not (found.share > 0.35).any()
    if empty and not flat and found.more.any():
        maybe = Reading(found.more.astype(np.float32), "a copy of the painting with thin or faint marks, which may be paint")
        return Readings([maybe], asked=True, certain=False)
    if empty and not flat:
        raise ScanError(f"{path}: is a copy of the painting with nothing painted on it; expected a mask, or the losses painted "
                        "over in red or another strong colour.")
    names = [_name(colour) for colour in found.colours]
    paint = Reading(found.share, f"a copy of the painting with holes painted {' and '.join(dict.fromkeys(names))}",
                    {"white": "white", "black": "black"}.get(names[0]) if len(names) == 1 else None)
    if flat:
        if not flat.asked and _alike(paint.share, flat.ways[0].share):
            return Readings(flat.ways, certain=False)
        if empty:
            paint.said = "a copy of the painting with nothing painted on it"
        return Readings([*flat.ways, paint] if empty else [paint, *flat.ways], asked=True, certain=False)
    plain = len(set(names)) == 1 and names[0] not in ("white", "black", "grey")
    if found.more.sum() > max(4, 0.02 * (found.share > SOFT).sum()):
        more = Reading(np.maximum(found.share, found.more), "with all that may be of that paint, too")
        return Readings([paint, more], asked=True, certain=False)
    # Where the copy is not exact, a second colour, or a thin veil of black or white, may be the copy's own.
    if not seen.exact and (len(set(names)) > 1 or (found.solid < 0.5 and not plain)):
        return Readings([paint], asked=True, certain=False)
    return Readings([paint], certain=plain)


def _is_drawing(seen: copies.Comparison, painting: np.ndarray) -> bool:
    """Whether the painting itself, (H, W, 3) uint8, is in two flat tones, and the mask much like it."""
    ours, theirs = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[seen.inside] for picture in (seen.copy, painting))
    if not len(ours) or min(ours.std(), theirs.std()) == 0 or not flat_masks.is_solid(theirs / np.float32(255)):
        return False
    return bool(abs(np.corrcoef(ours, theirs)[0, 1]) > 0.5)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two readings are the same hole but for its rim."""
    one, other = one > SOFT, other > SOFT
    return bool((one & other).sum() > 0.9 * (one | other).sum())


def _name(colour: tuple[int, int, int]) -> str:
    """A paint's colour in a word."""
    low, high = min(colour), max(colour)
    if high - low < 50:
        return "black" if high < 50 else "white" if low > 205 else "grey"
    bright = tuple(value > (low + high) / 2 for value in colour)
    return {(1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue", (1, 1, 0): "yellow", (0, 1, 1): "cyan",
            (1, 0, 1): "magenta"}[bright]


def _is_lossy(path: Path) -> bool:
    """Whether a file's format changes the values that are put into it."""
    with path.open("rb") as file:
        head = file.read(32)
    return head[:2] == b"\xff\xd8" or (head[8:12] == b"WEBP" and head[12:16] != b"VP8L") or head[4:8] in (b"ftyp", b"jP  ") \
        or head[:4] == b"\xff\x4f\xff\x51"


def _indices(mask: Scan, path: Path) -> np.ndarray:
    """The colours of a mask without alpha; of one with a palette that shows several classes in one colour, the classes."""
    pixels = mask.colours
    if path.suffix.lower() not in _CLASSES:
        return pixels
    try:
        with Image.open(path) as image:
            if image.mode != "P":
                return pixels
            classes = np.array(ImageOps.exif_transpose(image))
    except Exception:  # `scans` has read it, so it is of another kind
        return pixels
    if classes.shape != pixels.shape[:2]:
        return pixels
    numbers, first = np.unique(classes, return_index=True)
    colours = np.unique(pixels.reshape(-1, pixels.shape[2])[first], axis=0)
    return classes[..., None] if len(numbers) > len(colours) else pixels
