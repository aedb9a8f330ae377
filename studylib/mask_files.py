"""Masks as people bring them: what a file is, and which part of it is the hole. docs/masks.md has the table.

What a file says decides, in this order: the user's `--holes`; an alpha channel that is not the painting's own; two values;
labels; paint over a copy of the painting. Where it could be read in two ways, or more than half of the picture would be lost, the
user is asked.
"""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from studylib import copies, mask_readings, scans
from studylib.flat_masks import SOFT
from studylib.scans import Scan, ScanError

_PREVIEW = 1600  # pixels of its longer side


class EmptyMask(ScanError):
    """A mask without a hole."""


class AmbiguousMask(ScanError):
    """A mask that can be read in more than one way, or that covers more than half of the picture; holds the readings."""

    def __init__(self, sentence: str, ways: list[tuple[np.ndarray, str]]):
        super().__init__(sentence)
        self.ways = ways


@dataclass
class Mask:
    """A mask that was read.

    Attributes:
        hole: (H, W) bool, True in the hole. sentence: how the file was understood.
        certain: whether there was no doubt; where there was, preview: a picture of what was read.
        readings: (hole, what it is) of each way to read it, the one taken first.
    """

    hole: np.ndarray
    sentence: str
    certain: bool = True
    readings: list[tuple[np.ndarray, str]] = field(default_factory=list)
    preview: Path | None = None


def read(path: Path | str, picture: Scan, holes: str = "auto", yes: bool = False) -> Mask:
    """Read a mask of a picture's damage; soft edges belong to the hole, and another size of the same shape is scaled.

    Args:
        holes: "white", "black", or "auto". yes: take the reading named first where there are several.

    Raises:
        AmbiguousMask: the user must say which part is the hole.
        ScanError: the file is no picture, has another shape, or holds no mask that can be understood.
    """
    path = Path(path)
    if not path.is_file():
        raise ScanError(f"{path}: there is no such file; expected a mask of the damage.")
    mask = scans.read(path)
    note = _shape(mask, picture, path)
    found = mask_readings.understood(mask, picture, path)
    ways = [(_fitted(way.share, picture), way.said + note, way.holes) for way in found.ways]
    chosen = [way for way in ways if way[2] == holes]
    if holes != "auto":
        if not chosen:
            said = "; ".join(f"{said}: {_percent(hole)}" for hole, said, _ in ways)
            raise ScanError(f"{path}: {said}; --holes {holes} names no part of it.")
        ways = chosen + [way for way in ways if way[2] != holes]
    lost = ways[0][0].mean() > 0.5 and not ways[0][0].all()
    asked = (found.asked or lost) if holes == "auto" else (found.doubtful and lost)
    shown = [(hole, said) for hole, said, _ in ways]
    if asked and not yes:
        raise AmbiguousMask(_question(path, ways), shown)
    hole, said = shown[0]
    if hole.all():
        raise ScanError(f"{path}: covers the whole picture ({said}); there is nothing to restore from.")
    return Mask(hole, f"{path}: {said}; {_percent(hole)} of the picture", holes != "auto" or (found.certain and not asked), shown)


def read_beside(painting: Path, path: Path, picture: Scan, out: Path, holes: str = "auto", yes: bool = False) -> Mask:
    """Read a mask as `read` does; where that is not certain, OUT/NAME_mask_preview.png shows the mask over the painting.

    Raises:
        EmptyMask: it has no hole. AmbiguousMask, ScanError: as `read`; of the former there is a preview.
    """
    shown = out / f"{painting.stem}_mask_preview.png"
    try:
        mask = read(path, picture, holes, yes)
    except AmbiguousMask as problem:
        preview(picture, [hole for hole, _ in problem.ways], shown)
        order = ", in this order" if len(problem.ways) > 1 else ""
        raise AmbiguousMask(f"{str(problem)[:-1]}; {shown} shows them{order}.", problem.ways) from None
    if not mask.hole.any():
        raise EmptyMask(f"{path}: has no hole ({mask.readings[0][1]}); nothing was written for {painting.name}.")
    if mask.certain:
        shown.unlink(missing_ok=True)  # of an earlier doubt
    else:
        preview(picture, [mask.hole], shown)
        mask.preview = shown
    return mask


def preview(picture: Scan, holes: list[np.ndarray], path: Path) -> None:
    """Write a picture in grey with holes, (H, W) bool each, in red, one beside the other, as PNG of 1600 pixels at most."""
    height, width = picture.pixels.shape[:2]
    wide = width <= height
    part = min(1, _PREVIEW / max(height, width, (width if wide else height) * len(holes)))
    size = max(1, round(height * part)), max(1, round(width * part))
    grey = cv2.cvtColor(copies.fitted(copies.srgb(picture), size), cv2.COLOR_RGB2GRAY)[..., None] * np.float32(0.7) + 60
    panels = []
    for hole in holes:
        share = copies.fitted(hole.astype(np.float32), size)[..., None]
        share = np.maximum(share, (share > 0) * 0.35)  # thin cracks stay visible
        panels.append((grey * (1 - 0.75 * share) + np.float32([255, 0, 0]) * (0.75 * share)).round().astype(np.uint8))
    scans.write(Scan(np.concatenate(panels, axis=1 if wide else 0), "RGB"), path)


def _percent(hole: np.ndarray) -> str:
    return f"{100 * hole.mean():.2f} %"


def _question(path: Path, ways: list[tuple[np.ndarray, str, str | None]]) -> str:
    said = "; ".join(f"{said}: {_percent(hole)}" + (f" (--holes {holes})" if holes else "") for hole, said, holes in ways)
    flags = "--holes or " if any(holes for *_, holes in ways) else ""
    if len(ways) == 1:
        why = "more than half of the picture would be lost" if ways[0][0].mean() > 0.5 else "is not read without a doubt"
        return f"{path}: {why}: {said}; expected {flags}--yes."
    return f"{path}: can be read in more than one way: {said}; expected {flags}--yes, which takes the first."


def _shape(mask: Scan, picture: Scan, path: Path) -> str:
    """Check that a mask has the picture's shape; says how it is scaled, if it is."""
    height, width = picture.pixels.shape[:2]
    tall, wide = mask.pixels.shape[:2]
    if (tall, wide) == (height, width):
        return ""
    # A side that was rounded to whole pixels may be off by one.
    if abs(tall * width - wide * height) > max(height, width, tall, wide):
        raise ScanError(f"{path}: is {wide} x {tall} pixels, the picture {width} x {height}; expected the same shape.")
    return f", scaled from {wide} x {tall} to {width} x {height} pixels"


def _fitted(share: np.ndarray, picture: Scan) -> np.ndarray:
    """The hole at the picture's size, (H, W) bool."""
    return copies.fitted(share.astype(np.float32), picture.pixels.shape[:2]) > SOFT
