"""Pictures of a single tone: grey, sepia, ink on toned paper. Their fills take no hue that the picture does not have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# How far a picture's colours may lie from its tones, in parts of the range: the root of the mean square, which JPEG's noise keeps
# below 2 / 255, and what only a thousandth of its pixels may pass: a small red seal makes a coloured picture.
_APART, _FAR = 3 / 255, 16 / 255
_STEPS = 256


@dataclass
class Tone:
    """The colours of a picture of a single tone by their mean, (steps, 3) in [0, 1]; `plain`: red, green and blue are equal."""

    table: np.ndarray
    plain: bool

    def grey(self, colours: np.ndarray) -> np.ndarray:
        """(H, W, 3) -> (H, W, 1) of the same type: each pixel's mean."""
        return colours.mean(2, keepdims=True, dtype=np.float32).round().astype(colours.dtype)

    def colours(self, values: np.ndarray) -> np.ndarray:
        """(..., 1) in [0, 1] -> (..., 3): the picture's own colour of that mean."""
        if self.plain:
            return values.repeat(3, -1)
        step = (values[..., 0] * (_STEPS - 1)).round().clip(0, _STEPS - 1).astype(np.int64)
        return self.table[step].astype(values.dtype)


def find(colours: np.ndarray, empty: np.ndarray) -> Tone | None:
    """The tone of a picture, (H, W, 3) uint8 or uint16, from where it is known; None where it has colours, or is grey already.

    A picture has one tone where each mean of red, green and blue comes with one colour, but for the noise of JPEG.
    """
    if colours.shape[2] != 3:
        return None
    known = colours[~empty]
    known = known[:: max(1, len(known) // 500_000)] / np.float32(np.iinfo(colours.dtype).max)
    mean = known.mean(1)
    if np.array_equal(known, known[:, :1].repeat(3, 1)) and not (np.ptp(colours[~empty], axis=1)).any():
        return Tone(np.empty((0, 3)), True)
    step = (mean * (_STEPS - 1)).round().astype(np.int64)
    count = np.bincount(step, minlength=_STEPS)
    table = np.stack([np.bincount(step, channel, _STEPS) for channel in known.T], 1) / np.maximum(count, 1)[:, None]
    if (count[step] == 1).mean() > 0.5:  # too few pixels to tell
        return None
    apart = np.sqrt(((known - table[step]) ** 2).sum(1)) * (count / np.maximum(count - 1, 1))[step]  # from the others' mean
    if np.sqrt((apart**2).mean()) > _APART or np.quantile(apart, 0.999) > _FAR:
        return None
    # Of each step the picture's own colour that is nearest to their mean: the mean itself may be a hue that it does not have.
    order = np.lexsort((apart, step))
    steps, first = np.unique(step[order], return_index=True)
    nearest = np.abs(np.arange(_STEPS)[:, None] - steps).argmin(1)
    return Tone(known[order[first[nearest]]], False)
