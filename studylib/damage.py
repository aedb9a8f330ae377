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
    if not pixels or not hole.any():
        return hole
    import cv2

    return cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= pixels


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


def parts_of(hole: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """The connected parts of a hole that hold a pixel of the seed, which lies inside it: (H, W) bool, all three."""
    import cv2

    _, labels = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)
    wanted = np.zeros(labels.max() + 1, bool)
    wanted[labels[seed]] = True
    wanted[0] = False
    return wanted[labels]


def write(hole: np.ndarray, picture: Scan, path: Path | str) -> None:
    """Write a mask as PNG, white is the hole, in the picture's orientation."""
    pixels = (hole * np.uint8(255))[..., None]
    scans.write(Scan(pixels, "L", None, picture.exif, picture.dpi, picture.orientation), path)


def _understood(values: np.ndarray, mask: Scan, picture: Scan, holes: str, path: Path | str) -> tuple[np.ndarray, str]:
    """How much each pixel of the mask file belongs to the hole, 0 to 1, and how that was seen."""
    if mask.mode == "CMYK":
        raise ScanError(f"{path}: is CMYK; expected a mask in grey or RGB.")
    if mask.mode in ("LA", "RGBA"):
        alpha, values = values[..., -1], values[..., :-1]
        if np.ptp(alpha) > 0.1:
            opaque = alpha >= alpha.max() - 0.1
            if _alike(values[opaque], _beside(picture, alpha.shape)[opaque]):
                return (1 - alpha) / (1 - alpha.min()), "a copy of the picture with the holes erased"
            painted = values[opaque].mean(1)
            if min(np.mean(painted < 0.1), np.mean(painted > 0.9)) > 0.01:
                raise ScanError(f"{path}: has black, white and transparent parts; expected holes in black and white, or painted "
                                "on a transparent ground.")
            return alpha / alpha.max(), "holes painted on a transparent ground"
    if values.shape[2] == 3 and np.ptp(values, axis=2).max() >= 0.1 and (found := _red(values, picture, path)):
        return found
    value = values.mean(2)
    if 0 < value.max() <= 1 / 255 + 1e-6:
        value = value / value.max()  # 0 and 1, as programs write masks
    between = np.mean((value > 0.1) & (value < 0.9))
    if between > 0.3:
        raise ScanError(f"{path}: is neither black and white nor painted red nor partly transparent; expected a mask.")
    if holes == "auto" and value.min() > 0.9:
        raise ScanError(f"{path}: is white all over, so either nothing is a hole or everything; --holes says which.")
    white = holes == "white" or (holes == "auto" and value.mean() <= 0.5)
    said = "white" if white else "black"
    return (value if white else 1 - value), f"{said} is the hole" + (" (the smaller part)" if holes == "auto" else "")


def _red(values: np.ndarray, picture: Scan, path: Path | str) -> tuple[np.ndarray, str] | None:
    """Holes painted red, how much of each pixel, and that it was so; None where nothing is red.

    Over a copy of the picture it is the way from the picture's own colour to red that counts: soft brushes, and reds of the
    picture's own.
    """
    red, beside = (values[..., 0] > 0.75) & (values[..., 1:].max(2) < 0.35), _beside(picture, values.shape[:2])
    if not (red.any() or _alike(values.reshape(-1, 3), beside.reshape(-1, 3))):
        return None
    if not _alike(values[~red], beside[~red]):
        return red.astype(np.float32), "holes painted red"
    way = np.array([1, 0, 0], np.float32) - beside
    length = (way**2).sum(2)
    share = ((values - beside) * way).sum(2) / np.maximum(length, 1e-3)
    # A picture that was scaled differs from itself at its edges.
    least = 0.15 if values.shape[:2] == picture.pixels.shape[:2] else 0.4
    share = np.where((share > least) & (length > 0.08), share.clip(0, 1), 0).astype(np.float32)
    share[(values[..., 0] > 0.95) & (values[..., 1:].max(2) < 0.08) & (np.abs(values - beside).max(2) > 0.1)] = 1
    if not (share > 0.5).any():
        raise ScanError(f"{path}: is a copy of the picture with nothing painted red (255, 0, 0) on it; expected a mask.")
    return share, "holes painted red"


def _beside(picture: Scan, shape: tuple[int, int]) -> np.ndarray:
    """The picture at a mask's size, (H, W, 3) in 0 to 1."""
    import cv2

    colours = picture.colours
    if colours.shape[:2] != shape:
        colours = cv2.resize(colours, shape[::-1], interpolation=cv2.INTER_AREA)
    colours = colours.reshape(*shape, -1).astype(np.float32) / picture.depth
    if picture.mode == "CMYK":
        colours = (1 - colours[..., :3]) * (1 - colours[..., 3:])
    return np.broadcast_to(colours, (*shape, 3))


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two lists of colours, grey or RGB, are nearly the same."""
    return bool(len(one)) and float(np.abs(one - other).mean()) < 0.06


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
