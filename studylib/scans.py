"""Photographs and scans as they come: depth, channels, colour profile, orientation and resolution go out as they came in.

Nothing is converted: a picture's values stay in its own colour space, and what is not painted over is written back as read.
"""

import struct
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from studylib import records, scan_decoders, scan_encoders
from studylib.scan_metadata import Metadata
from studylib.scan_values import Refused, widened

LOSSLESS = (".png", ".tif", ".tiff")

# The EXIF orientation -> (transposed, rows flipped, columns flipped) of the stored picture against the upright one.
_TURNS = {1: (0, 0, 0), 2: (0, 0, 1), 3: (0, 1, 1), 4: (0, 1, 0), 5: (1, 0, 0), 6: (1, 1, 0), 7: (1, 1, 1), 8: (1, 0, 1)}
_ROWS = 512  # that are compared at once
_ROUNDING = 0.01  # parts of the range: what two decoders of one lossy file may differ by on average


class ScanError(ValueError):
    """A picture cannot be read or written. The message names the file and what was expected."""


@dataclass
class Scan:
    """A picture, upright.

    Attributes:
        pixels: (H, W, C) uint8 or uint16 with C channels of `mode`.
        mode: "L", "LA", "RGB", "RGBA" or "CMYK".
        icc: its colour profile; exif: its EXIF block; xmp: its XMP packet.
        dpi: dots per inch; per_cm: whether its file counts them per centimetre.
        orientation: EXIF's number of the way in which it is stored.
        chunks: names and contents of what only a PNG holds, such as gAMA and cHRM.
        notes: what was not taken from the file as it is, each as the end of a sentence.
    """

    pixels: np.ndarray
    mode: str
    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    orientation: int = 1
    path: Path = field(default=Path())
    xmp: bytes | None = None
    per_cm: bool = False
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def colours(self) -> np.ndarray:
        """The channels without alpha, (H, W, 1, 3 or 4); a view."""
        return self.pixels[..., :-1] if self.mode in ("LA", "RGBA") else self.pixels

    @property
    def depth(self) -> int:
        """The largest value: 255 or 65535."""
        return int(np.iinfo(self.pixels.dtype).max)

    def like(self, pixels: np.ndarray, mode: str) -> "Scan":
        """Another picture of the same place: the same profile, orientation and resolution."""
        return replace(self, pixels=pixels, mode=mode)


def read(path: Path | str) -> Scan:
    """Read a JPEG, PNG, TIFF, WebP, GIF, BMP, PPM, JPEG 2000, AVIF or HEIC file, if it is a still picture.

    Values of fewer than 8 bits are spread over 8, values of 9 to 15 bits over 16.

    Raises:
        ScanError: there is no such file, it is no picture, it is damaged, or it is of a kind that cannot be restored.
    """
    path = Path(path)
    if not path.is_file():
        raise ScanError(f"{path}: there is no such file; expected a picture.")
    pixels, told = _decoded(path, scan_decoders.decode)
    values = _turned(widened(pixels), told.orientation)
    notes = (*pixels.notes, *told.notes)
    if pixels.bits not in (1, 8, 16):
        notes += (f"{pixels.bits} bits a channel are spread over {8 * values.itemsize}, so that white stays white",)
    return Scan(values, pixels.mode, told.icc, told.exif, told.dpi, told.orientation, path, told.xmp, told.per_cm, told.chunks,
                notes)


def write(scan: Scan, path: Path | str) -> None:
    """Write a picture without loss, in one piece: PNG or TIFF by the ending of its name.

    Raises:
        ScanError: the ending is another, or the format cannot hold the picture's channels.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in LOSSLESS:
        raise ScanError(f"{path}: would change values outside the holes; expected a name that ends in .png, .tif or .tiff.")
    if ending == ".png" and scan.mode == "CMYK":
        raise ScanError(f"{path}: PNG cannot hold CMYK; expected a name that ends in .tif.")
    stored = np.ascontiguousarray(_turned(scan.pixels, scan.orientation, back=True))
    told = Metadata(scan.icc, scan.exif, scan.xmp, scan.dpi, scan.per_cm, scan.orientation, scan.chunks)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = scan_encoders.png(stored, told) if ending == ".png" else scan_encoders.tiff(stored, scan.mode, told)
    except Exception as problem:
        raise ScanError(f"{path}: cannot be written ({_said(problem)}).") from None
    records.write_atomic(path, data)


def verify(written: Path | str, original: Scan | Path | str, hole: np.ndarray) -> str:
    """Read a restored picture back, by a decoder that did not write it, and compare it with the original outside the hole.

    The original's file is decoded by a second decoder too, where there is one: a first that is wrong is found.

    Args:
        written: PNG or TIFF, as `write` made it.
        original: its file, or what `read` made of it.
        hole: (H, W) bool.

    Returns:
        What was checked, a sentence for the account.

    Raises:
        ScanError: a value differs, or cannot be read back. The written file is removed before.
    """
    written = Path(written)
    scan = original if isinstance(original, Scan) else read(original)
    try:
        back, orientation, reader = _decoded(written, scan_encoders.read_back)
        _compare(scan.pixels, _turned(back, orientation), hole, f"{written}: read back by {reader}, it")
        del back
        twice = _compare_again(scan, hole)
    except ScanError:
        written.unlink(missing_ok=True)
        raise
    return (f"not one value was changed (read back by {reader} and compared; "
            + ("two decoders read the original alike)" if twice else "the original has been read by one decoder only)"))


def _compare_again(scan: Scan, hole: np.ndarray) -> bool:
    """Whether there is a second decoder for a picture's file; then it says the same, or ScanError is raised."""
    try:
        found = _decoded(scan.path, _again) if scan.path.is_file() else None
    except ScanError:  # the first is less strict
        return False
    if found is None or found[1] != scan.mode:
        return False
    values, _, exact = found
    _compare(scan.pixels, _turned(values, scan.orientation), hole, f"{scan.path}: read by another decoder, it", exact)
    return True


def _again(path: Path) -> tuple[np.ndarray, str, bool] | None:
    """By the second decoder: (H, W, C) of 8 or 16 bits as stored, their mode, and whether they must agree exactly."""
    found = scan_decoders.decode_again(path)
    return found and (widened(found[0]), found[0].mode, found[1])


def _compare(expected: np.ndarray, found: np.ndarray, hole: np.ndarray, said: str, exact: bool = True) -> None:
    """Raise ScanError where values outside the hole differ: any, or (not `exact`) by more than decoders round differently."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        raise ScanError(f"{said} has {found.shape} values of {found.dtype}; expected {expected.shape} of {expected.dtype}. What "
                        "was written has been removed.")
    wrong, apart = 0, 0.0
    for top in range(0, len(expected), _ROWS):
        one, other = expected[top:top + _ROWS], found[top:top + _ROWS]
        if np.array_equal(one, other):
            continue
        differ = (one != other).any(2) & ~hole[top:top + _ROWS]
        if differ.any():
            wrong += int(differ.sum())
            apart += float(np.abs(one[differ].astype(np.float32) - other[differ]).mean(1).sum())
    if wrong and (exact or apart > _ROUNDING * np.iinfo(expected.dtype).max * hole.size):
        raise ScanError(f"{said} has {wrong} pixels of other values outside the mask; expected none. What was written has been "
                        "removed.")


def _decoded(path: Path, decoder):
    """What a decoder makes of a file.

    Raises:
        ScanError: whatever it raises, as one sentence.
    """
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong beside the pixels
            return decoder(path)
    except Refused as problem:
        raise ScanError(f"{path}: {problem}") from None
    except ImportError as problem:
        raise ScanError(f"{path}: cannot be read without the package {problem.name}; install it.") from None
    except Exception as problem:  # each decoder has errors of its own
        raise ScanError(f"{path}: cannot be read as a picture ({_said(problem)}).") from None
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _said(problem: Exception) -> str:
    """What an error says, where it says it to a reader of pictures and not to one of code."""
    if isinstance(problem, (LookupError, TypeError, AttributeError, UnicodeError, AssertionError, struct.error)):
        return "it is damaged"
    return " ".join(str(problem).split())[:200] or type(problem).__name__


def _turned(pixels: np.ndarray, orientation: int, back: bool = False) -> np.ndarray:
    """From stored to upright, or back."""
    transposed, rows, columns = _TURNS[orientation]

    def flip(pixels: np.ndarray) -> np.ndarray:
        return pixels[::-1 if rows else 1, ::-1 if columns else 1]

    if back:
        pixels = pixels.transpose(1, 0, 2) if transposed else pixels
        return flip(pixels)
    pixels = flip(pixels)
    return pixels.transpose(1, 0, 2) if transposed else pixels
