"""Values of pictures: their depth, their alpha, and what is too many of them."""

from dataclasses import dataclass

import numpy as np

_MOST, _MOST_A_BYTE = 2**30, 10_000  # pixels, also for each byte of the file: what promises more is a decompression bomb


class Refused(ValueError):
    """Why a file cannot be read, as the end of a sentence that begins with its name."""


@dataclass(frozen=True)
class Pixels:
    """Decoded values as they are stored.

    Attributes:
        values: (H, W, C) unsigned whole numbers, 0 to 2**bits - 1.
        mode: "L", "LA", "RGB", "RGBA" or "CMYK".
        bits: a channel, 1 to 16.
        notes: what was not taken as it is, each as the end of a sentence.
    """

    values: np.ndarray
    mode: str
    bits: int
    notes: tuple[str, ...] = ()


def widened(pixels: Pixels) -> np.ndarray:
    """Values of 8 or 16 bits, (H, W, C): fewer bits are spread over the full range, so that black stays black and white white.

    A value v of b bits becomes v (2**B - 1) / (2**b - 1), rounded, with B = 8 or 16; the way back, rounded, gives v again.
    """
    bits = 8 if pixels.bits <= 8 else 16
    dtype = np.dtype(f"uint{bits}")
    if bits == pixels.bits:
        return np.ascontiguousarray(pixels.values, dtype)
    top = 2**pixels.bits - 1
    if pixels.values.size and pixels.values.max() > top:
        raise Refused(f"holds values above {top}; expected {pixels.bits} bits a channel.")
    return np.round(np.arange(top + 1) * (np.iinfo(dtype).max / top)).astype(dtype)[pixels.values]


def flat_alpha(colours: np.ndarray, alpha: np.ndarray, top: int) -> None:
    """Let alpha that is multiplied into the colours pass where it is the same as plain alpha: all or nothing.

    Raises:
        Refused: something is half transparent; dividing would change its values.
    """
    clear = alpha == 0
    if not np.all(clear | (alpha == top)) or colours[clear].any():
        raise Refused("has alpha that is multiplied into its colours (associated), and half transparent parts; expected plain "
                      "(unassociated) alpha.")


def within(width: int, height: int, size: int) -> None:
    """Refuse a picture of more pixels than a file of `size` bytes can well hold."""
    most = min(_MOST, max(2**24, _MOST_A_BYTE * size))
    if not 0 < width * height <= most or width < 0:
        raise Refused(f"{width} x {height} pixels; expected at most {most} in such a file.")
