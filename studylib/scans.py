"""Photographs and scans as they come: depth, channels, colour profile, orientation and resolution go out as they came in.

Nothing is converted: a picture's values stay in its own colour space, and what is not painted over is written back as read.
"""

import contextlib
import io
import math
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from studylib import records
from studylib.pictures import FORMATS

LOSSLESS = (".png", ".tif", ".tiff")

_MODES = {"1": "L", "P": "RGB", "YCbCr": "RGB"}
# What a TIFF file says of its own layout: an EXIF block that was copied out of one must not say it of another.
_LAYOUT = {254, 255, *range(256, 260), 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 282, 283, 284, 296, 317, 320,
           *range(322, 326), 330, 332, 338, 339, 340, 341, 342, 347, *range(512, 522), *range(529, 533)}
# The EXIF orientation -> (transposed, rows flipped, columns flipped) of the stored picture against the upright one.
_TURNS = {1: (0, 0, 0), 2: (0, 0, 1), 3: (0, 1, 1), 4: (0, 1, 0), 5: (1, 0, 0), 6: (1, 1, 0), 7: (1, 1, 1), 8: (1, 0, 1)}
_MOST, _MOST_A_BYTE = 2**30, 10_000  # pixels, also for each byte of the file: what promises more is a decompression bomb


class ScanError(ValueError):
    """A picture cannot be read or written. The message names the file and what was expected."""


@dataclass
class Scan:
    """A picture, upright.

    Attributes:
        pixels: (H, W, C) uint8 or uint16 with C channels of `mode`.
        mode: "L", "LA", "RGB", "RGBA" or "CMYK".
        icc: its colour profile; exif: its EXIF block, which holds the orientation that it is stored in.
        dpi: dots per inch.
    """

    pixels: np.ndarray
    mode: str
    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    orientation: int = 1
    path: Path = field(default=Path())

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
        return Scan(pixels, mode, self.icc, self.exif, self.dpi, self.orientation, self.path)


def read(path: Path | str) -> Scan:
    """Read a JPEG, PNG, TIFF, WebP, GIF, BMP, PPM or JPEG 2000 file, if it is a still picture.

    Raises:
        ScanError: there is no such file, it is no picture, it is damaged, or it is of a kind that cannot be restored.
    """
    path = Path(path)
    if not path.is_file():
        raise ScanError(f"{path}: there is no such file; expected a picture.")
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(path.open("rb"))
            # Pillow asks for as many bytes as a PNG's chunk promises; of a file in memory it gets no more than there are. A file
            # that it opens by name it may map, and what is mapped it does not turn.
            if source.read(4) == b"\x89PNG":
                source = io.BytesIO(path.read_bytes())
            source.seek(0)
            image = stack.enter_context(Image.open(source, formats=FORMATS))
            most_here = min(_MOST, max(2**24, _MOST_A_BYTE * path.stat().st_size))
            if not 0 < image.width * image.height <= most_here:
                raise ScanError(f"{path}: {image.width} x {image.height} pixels; expected at most {most_here} in such a file.")
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # a camera's previews beside its photograph
                raise ScanError(f"{path}: holds {image.n_frames} pages or frames; expected one picture.")
            deep = _is_deep(image, path, source)
            exif, dpi = _whole(image.info.get("exif")), image.info.get("dpi")
            orientation = image.getexif().get(0x0112, 1)
            facts = {"icc": image.info.get("icc_profile"), "exif": exif, "path": path,
                     "dpi": _likely(dpi),
                     "orientation": orientation if orientation in _TURNS else 1}
            pixels, mode = _deep(image, path) if deep else _decoded(image, path)
            # Pillow turns TIFF files itself while it loads them.
            upright = image.format == "TIFF" and image.getexif().get(0x0112, 1) != orientation
    except ScanError:
        raise
    except Exception as problem:  # each decoder has errors of its own
        said = " ".join(str(problem).split())[:200] or type(problem).__name__
        raise ScanError(f"{path}: cannot be read as a picture ({said}).") from None
    finally:
        Image.MAX_IMAGE_PIXELS = most
    return Scan(pixels if upright else _turned(pixels, facts["orientation"]), mode, **facts)


def write(scan: Scan, path: Path | str) -> None:
    """Write a picture without loss, in one piece: PNG or TIFF by the ending of its name.

    Raises:
        ScanError: the ending is another, or the format cannot hold the picture's channels.
    """
    path = Path(path)
    if path.suffix.lower() not in LOSSLESS:
        raise ScanError(f"{path}: would change values outside the holes; expected a name that ends in .png, .tif or .tiff.")
    if path.suffix.lower() == ".png" and scan.mode == "CMYK":
        raise ScanError(f"{path}: PNG cannot hold CMYK; expected a name that ends in .tif.")
    stored = np.ascontiguousarray(_turned(scan.pixels, scan.orientation, back=True))
    deep = stored.dtype == np.uint16
    png = path.suffix.lower() == ".png"
    if deep and png:
        data = _png16(stored, scan)
    elif deep:
        data = _tiff16(stored, scan)
    else:
        image = Image.fromarray(stored[..., 0] if scan.mode == "L" else stored, scan.mode)
        stream = io.BytesIO()
        options = {"icc_profile": scan.icc, "dpi": scan.dpi, "exif": _exif(scan, tiff=not png)}
        options = {name: value for name, value in options.items() if value}
        # libtiff, which compresses, cannot write the folders within an EXIF block.
        packed = {} if png or "exif" in options else {"compression": "tiff_adobe_deflate"}
        image.save(stream, "PNG" if png else "TIFF", **options, **packed)
        data = stream.getvalue()
    records.write_atomic(path, data)


def _is_deep(image: Image.Image, path: Path, source: io.BytesIO | BinaryIO) -> bool:
    """Whether a file has 16 bits a channel; of colour Pillow would keep 8. What cannot go out as it is, is refused."""
    if image.format == "PNG":
        return source.getvalue()[24] == 16
    if image.format != "TIFF":
        return False
    bits, extra, white = (image.tag_v2.get(tag) for tag in (258, 338, 262))
    extra = extra if isinstance(extra, tuple) else (extra,)
    if extra not in ((None,), (), (2,)):
        raise ScanError(f"{path}: has further channels, or alpha that is multiplied into its colours; expected at most plain "
                        "(unassociated) alpha.")
    deep = 16 in (bits if isinstance(bits, tuple) else (bits,))
    if deep and white == 0:
        raise ScanError(f"{path}: is a negative (white is 0) of 16 bits; expected black to be 0.")
    return deep


def _deep(image: Image.Image, path: Path) -> tuple[np.ndarray, str]:
    """A picture of 16 bits a channel."""
    import cv2

    pixels, cmyk, grey_alpha = None, False, False
    if image.format == "TIFF":
        import tifffile

        with tifffile.TiffFile(path) as file:  # its first page, whatever its description says of series
            page = file.pages[0]
            cmyk = page.photometric == 5
            try:
                pixels = page.asarray(maxworkers=1)
                pixels = np.moveaxis(pixels, 0, -1) if page.axes == "SYX" else pixels
            except ValueError:  # a compression that tifffile leaves to others; OpenCV knows some
                if cmyk:
                    raise
    else:
        with path.open("rb") as file:
            grey_alpha = file.read(26)[25] == 4
    if pixels is None:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
        order = {3: [2, 1, 0], 4: [0, 3] if grey_alpha else [2, 1, 0, 3]}
        pixels = pixels if pixels is None or pixels.ndim == 2 else pixels[..., order[pixels.shape[2]]]
    if (pixels is None or pixels.dtype != np.uint16 or pixels.ndim > 3
            or sorted(pixels.shape[:2]) != sorted(image.size)):
        raise ScanError(f"{path}: cannot be read as a picture of 16 bits a channel.")
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    return pixels, "CMYK" if cmyk else {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]


def _decoded(image: Image.Image, path: Path) -> tuple[np.ndarray, str]:
    """A picture of 8 bits a channel; fewer are widened."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)[..., None], "L"
    if image.mode in ("I", "F"):
        raise ScanError(f"{path}: has 32 bits a channel; expected 8 or 16.")
    mode = _MODES.get(image.mode, image.mode)
    mode = {"RGB": "RGBA", "L": "LA"}.get(mode, mode) if "transparency" in image.info else mode
    image = image if image.mode == mode else image.convert(mode)
    if mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        raise ScanError(f"{path}: colour mode {mode}; expected grey, RGB or CMYK.")
    pixels = np.array(image)
    return pixels if pixels.ndim == 3 else pixels[..., None], mode


def _whole(exif: bytes | None) -> bytes | None:
    """An EXIF block, or None where it cannot be read and written again."""
    try:
        block = Image.Exif()
        block.load(exif or b"")
        return exif if block.tobytes() else None
    except Exception:  # as many kinds as there are damages
        return None


def _likely(dpi: tuple | None) -> tuple[float, float] | None:
    """Two resolutions that a file can hold, or None."""
    values = tuple(float(value) for value in dpi or ())
    return values if len(values) == 2 and all(math.isfinite(value) and 0.1 < value < 1e6 for value in values) else None


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


def _exif(scan: Scan, tiff: bool = False) -> bytes | None:
    """The picture's EXIF block; where there was none (TIFF keeps its orientation elsewhere), one with its orientation.

    tiff: without what it says of a TIFF file's layout.
    """
    exif = Image.Exif()
    if scan.exif:
        exif.load(scan.exif)
        told = _LAYOUT & set(exif) if tiff else set()
        for tag in told:
            del exif[tag]
        return exif.tobytes() if told else scan.exif
    if scan.orientation == 1:
        return None
    exif[0x0112] = scan.orientation
    return exif.tobytes()


def _png16(stored: np.ndarray, scan: Scan) -> bytes:
    """Pillow writes no 16-bit colour: OpenCV encodes it, and the profile, EXIF and resolution are put in after the head."""
    import cv2

    if scan.mode == "LA":  # nor does OpenCV write grey with alpha
        height, width, _ = stored.shape
        rows = np.insert(stored.astype(">u2").reshape(height, -1).view(np.uint8), 0, 0, axis=1)
        data = (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0))
                + _chunk(b"IDAT", zlib.compress(rows.tobytes())) + _chunk(b"IEND", b""))
    else:
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[stored.shape[2]]
        data = cv2.imencode(".png", np.ascontiguousarray(stored[..., order]))[1].tobytes()
    chunks = b""
    if scan.icc:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(scan.icc))
    if scan.dpi:
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in scan.dpi), 1))
    if exif := _exif(scan):
        chunks += _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    return data[:33] + chunks + data[33:]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _tiff16(stored: np.ndarray, scan: Scan) -> bytes:
    import tifffile

    tags = [(34675, "B", len(scan.icc), scan.icc, True)] if scan.icc else []
    tags += [(274, "H", 1, scan.orientation, True)]
    stream = io.BytesIO()
    shown = stored[..., 0] if scan.mode == "L" else stored
    tifffile.imwrite(stream, shown, photometric={"R": "rgb", "C": "separated"}.get(scan.mode[0], "minisblack"), extratags=tags,
                     extrasamples=["unassalpha"] if scan.mode.endswith("A") else None, metadata=None,
                     resolution=scan.dpi or (1, 1), resolutionunit="INCH" if scan.dpi else "NONE")
    return stream.getvalue()
