"""Where a picture is damaged: masks read and written, and proposals where there are none. True is the hole, everywhere."""

from pathlib import Path

import numpy as np

from studylib import mask_files, scans
from studylib.copies import parts_of
from studylib.scans import Scan, ScanError

KINDS = ("light", "dark", "cracks")


def read(path: Path | str, picture: Scan, holes: str = "auto") -> tuple[np.ndarray, str]:
    """Read a mask of a picture's damage as `mask_files.read` does.

    Returns:
        (H, W) bool, and a sentence that says how the file was understood.

    Raises:
        ScanError: the file is no picture, has another shape, or holds no mask that can be understood without a question.
    """
    mask = mask_files.read(path, picture, holes)
    return mask.hole, mask.sentence


def grow(hole: np.ndarray, pixels: int) -> np.ndarray:
    """Widen holes by a number of pixels on all sides: what surrounds a loss is often damaged too."""
    if not pixels or not hole.any():
        return hole
    import cv2

    return cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= pixels


def crumbs(hole: np.ndarray, area: int = 50, depth: float = 8.0) -> np.ndarray:
    """What is left within broad losses of a few pixels alone: (H, W) bool. A fill that goes on from it glows in its colour.

    Args:
        hole: (H, W) bool.
        area: pixels of a part that is none any more; depth: pixels from there to the paint around it.
    """
    import cv2

    _, labels, facts, _ = cv2.connectedComponentsWithStats((~hole).astype(np.uint8), connectivity=8)
    few = facts[:, cv2.CC_STAT_AREA] < area
    few[0] = False
    small = few[labels]
    if not small.any() or (hole | small).all():
        return np.zeros_like(hole)
    return parts_of(small, small & (cv2.distanceTransform((hole | small).astype(np.uint8), cv2.DIST_L2, 5) > depth))


def detect(picture: Scan, kinds: tuple[str, ...] = KINDS) -> np.ndarray:
    """Propose where a picture is damaged, to be corrected by hand: (H, W) bool.

    "cracks": lines darker than both their sides, by a morphological top-hat; "light" and "dark": patches of little colour
    that stand out from the median of their surroundings. Each grows from where it is plain into where it is likely
    (hysteresis; Canny 1986). What is meant to look so is proposed, too.

    Raises:
        ScanError: an unknown kind.
    """
    import cv2

    if unknown := set(kinds) - set(KINDS):
        raise ScanError(f"detect {sorted(unknown)[0]!r}: expected {', '.join(KINDS)}.")
    colours = picture.colours.astype(np.float32) / picture.depth
    if picture.mode == "CMYK":
        colours = (1 - colours[..., :3]) * (1 - colours[..., 3:])
    lab = cv2.cvtColor(np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3))), cv2.COLOR_RGB2Lab)
    side = min(lab.shape[:2])
    found = np.zeros(lab.shape[:2], bool)
    if "cracks" in kinds:
        reach = 2 * max(1, round(side / 128)) + 1
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        hat = cv2.morphologyEx(lab[..., 0], cv2.MORPH_BLACKHAT, kernel)
        typical = cv2.blur(hat, (8 * reach, 8 * reach)) + 1
        found |= _lines(parts_of(hat > np.maximum(4.5, 1.8 * typical), hat > np.maximum(9, 4.2 * typical)), reach)
    if {"light", "dark"} & set(kinds):
        small = cv2.resize(lab, None, fx=min(1, 256 / side), fy=min(1, 256 / side), interpolation=cv2.INTER_AREA)
        small = small if small.ndim == 3 else small[None]
        light, plain = small[..., 0], np.hypot(small[..., 1], small[..., 2]) < 20
        around = _median(light)
        beyond = (light - around) / (1.5 * _median(np.abs(light - around)) + 3)
        for kind, outlying in (("light", beyond), ("dark", -beyond)):
            if kind in kinds:
                patches = parts_of((outlying > 1.2) & plain, (outlying > 2.2) & plain).astype(np.uint8)
                patches = cv2.morphologyEx(patches, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
                patches = cv2.resize(patches, found.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
                found |= _large(patches, max(4, side * side // 10_000))
    return found


def close_ups(hole: np.ndarray, count: int = 6, side: int = 96) -> list[tuple[slice, slice]]:
    """Squares around the largest losses, the largest first, each with rows and columns; none shows another's middle."""
    import cv2

    height, width = hole.shape
    side = min(side, height, width)
    left, found = cv2.blur(hole.astype(np.float32), (side, side), borderType=cv2.BORDER_CONSTANT), []
    while len(found) < count and left.max() > 0.01:
        y, x = np.unravel_index(int(left.argmax()), left.shape)
        top, start = (int(min(max(at - side // 2, 0), whole - side)) for at, whole in ((y, height), (x, width)))
        found.append((slice(top, top + side), slice(start, start + side)))
        left[max(0, y - side):y + side, max(0, x - side):x + side] = 0
    return found


def write(hole: np.ndarray, picture: Scan, path: Path | str) -> None:
    """Write a mask as PNG, white is the hole, in the picture's orientation."""
    pixels = (hole * np.uint8(255))[..., None]
    scans.write(Scan(pixels, "L", None, picture.exif, picture.dpi, picture.orientation), path)


def _median(values: np.ndarray) -> np.ndarray:
    """The median of lightnesses (0 to 100) over surroundings of half the picture's shorter side."""
    import cv2

    reach = 2 * (min(values.shape) // 4) + 1
    return cv2.medianBlur((values * 2.55).clip(0, 255).round().astype(np.uint8), reach).astype(np.float32) / 2.55


def _lines(found: np.ndarray, reach: int) -> np.ndarray:
    """The connected parts that are long and thin."""
    import cv2

    _, labels, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    length = np.hypot(facts[:, cv2.CC_STAT_WIDTH], facts[:, cv2.CC_STAT_HEIGHT])
    keep = (length >= 3 * reach) & (facts[:, cv2.CC_STAT_AREA] < 1.5 * length * reach)
    keep[0] = False
    return keep[labels]


def _large(found: np.ndarray, least: int) -> np.ndarray:
    """Without the connected parts of fewer pixels."""
    import cv2

    _, labels, facts, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    keep = facts[:, cv2.CC_STAT_AREA] >= least
    keep[0] = False
    return keep[labels]
