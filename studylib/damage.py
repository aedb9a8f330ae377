"""Where a picture is damaged: masks as people bring them, and proposals where they bring none. True is the hole, everywhere."""

from pathlib import Path

import numpy as np

from studylib import scans
from studylib.scans import Scan, ScanError

KINDS = ("light", "dark", "cracks")


def read(path: Path | str, picture: Scan, holes: str = "auto") -> tuple[np.ndarray, str]:
    """Read a mask of a picture's damage.

    A mask is white holes on black or black on white (whichever is less is taken for the hole, unless `holes` says), a layer
    painted on a transparent ground, a copy of the picture with the holes erased, or a copy with the holes painted red.
    Soft edges belong to the hole. A mask of another size but the same shape is scaled.

    Args:
        holes: "white", "black", or "auto".

    Returns:
        (H, W) bool, and a sentence that says how the file was understood.

    Raises:
        ScanError: the file is no picture, has another shape, or holds no mask that can be understood.
    """
    mask = scans.read(path)
    height, width = picture.pixels.shape[:2]
    (tall, wide), note = mask.pixels.shape[:2], ""
    if (tall, wide) != (height, width):
        # A side that was rounded to whole pixels may be off by one.
        if abs(tall * width - wide * height) > max(height, width, tall, wide):
            raise ScanError(f"{path}: is {wide} x {tall} pixels, the picture {width} x {height}; expected the same shape.")
        note = f", scaled from {wide} x {tall} to {width} x {height} pixels"
    values = mask.pixels.astype(np.float32) / mask.depth
    share, said = _understood(values, mask, picture, holes, path)
    if note:
        import cv2

        way = cv2.INTER_AREA if tall > height else cv2.INTER_LINEAR
        share = cv2.resize(share, (width, height), interpolation=way)
    hole = share > 0.1
    if hole.all():
        raise ScanError(f"{path}: covers the whole picture ({said}); there is nothing to restore from.")
    return hole, f"{path}: {said}{note}; {100 * hole.mean():.2f} % of the picture"


def grow(hole: np.ndarray, pixels: int) -> np.ndarray:
    """Widen holes by a number of pixels on all sides: what surrounds a loss is often damaged too."""
    if not pixels:
        return hole
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(hole.astype(np.uint8), kernel) > 0


def detect(picture: Scan, kinds: tuple[str, ...] = KINDS) -> np.ndarray:
    """Propose where a picture is damaged, to be corrected by hand: (H, W) bool.

    "cracks": lines darker than both their sides, by a morphological top-hat; "light" and "dark": patches that stand out from
    the median of their surroundings, near white or near black. What is meant to look so is proposed, too.

    Raises:
        ScanError: an unknown kind.
    """
    import cv2

    if unknown := set(kinds) - set(KINDS):
        raise ScanError(f"detect {sorted(unknown)[0]!r}: expected {', '.join(KINDS)}.")
    grey = (picture.colours.astype(np.float32).mean(2) / picture.depth * 255).round().astype(np.uint8)
    if picture.mode == "CMYK":
        grey = 255 - grey
    side = min(grey.shape)
    found = np.zeros(grey.shape, bool)
    if "cracks" in kinds:
        reach = 2 * max(1, round(side / 200)) + 1
        hat = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
        typical = float(np.median(hat)) + 1
        found |= _large(hat > max(20.0, 6 * typical), 2 * reach)
    if {"light", "dark"} & set(kinds):
        small = cv2.resize(grey, None, fx=min(1, 256 / side), fy=min(1, 256 / side), interpolation=cv2.INTER_AREA)
        around = cv2.medianBlur(small, 2 * (min(small.shape) // 8) + 1) if min(small.shape) > 8 else small
        around = cv2.resize(around, grey.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
        if "light" in kinds:
            found |= _large((grey > 215) & (grey - around > 50), max(4, side * side // 20_000))
        if "dark" in kinds:
            found |= _large((grey < 30) & (around - grey > 50), max(4, side * side // 20_000))
    return found


def write(hole: np.ndarray, picture: Scan, path: Path | str) -> None:
    """Write a mask as PNG, white is the hole, in the picture's orientation."""
    pixels = (hole * np.uint8(255))[..., None]
    scans.write(Scan(pixels, "L", None, picture.exif, picture.dpi, picture.orientation), path)


def _understood(values: np.ndarray, mask: Scan, picture: Scan, holes: str, path: Path | str) -> tuple[np.ndarray, str]:
    """How much each pixel of the mask file belongs to the hole, 0 to 1, and how that was seen."""
    if mask.mode in ("LA", "RGBA"):
        alpha = values[..., -1]
        if alpha.min() < 0.5 < alpha.max():
            if _alike(values[..., :-1][alpha > 0.9], _beside(picture, alpha.shape)[alpha > 0.9]):
                return 1 - alpha, "a copy of the picture with the holes erased"
            return alpha, "holes painted on a transparent ground"
        values = values[..., :-1]
    if values.shape[2] == 3:
        red = (values[..., 0] > 0.75) & (values[..., 1:].max(2) < 0.35)
        grey = np.ptp(values, axis=2).max() < 0.1 or not red.any()
        if not grey:
            return red.astype(np.float32), "holes painted red"
    elif values.shape[2] == 4:
        raise ScanError(f"{path}: is CMYK; expected a mask in grey or RGB.")
    value = values.mean(2)
    between = np.mean((value > 0.1) & (value < 0.9))
    if between > 0.3:
        raise ScanError(f"{path}: is neither black and white nor painted red nor partly transparent; expected a mask.")
    white = holes == "white" or (holes == "auto" and value.mean() <= 0.5)
    said = "white" if white else "black"
    return (value if white else 1 - value), f"{said} is the hole" + (" (the smaller part)" if holes == "auto" else "")


def _beside(picture: Scan, shape: tuple[int, int]) -> np.ndarray:
    """The picture's colours at a mask's size, 0 to 1."""
    import cv2

    colours = cv2.resize(picture.colours, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float32) / picture.depth
    return colours if colours.ndim == 3 else colours[..., None]


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool(len(one)) and float(np.abs(one - other).mean()) < 0.06


def _large(found: np.ndarray, least: int) -> np.ndarray:
    """Without the connected parts of fewer pixels."""
    import cv2

    _, labels, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    keep = facts[:, cv2.CC_STAT_AREA] >= least
    keep[0] = False
    return keep[labels]
