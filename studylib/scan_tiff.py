"""TIFF files as scanners and programs write them: which page is the picture, and what its values mean.

tifffile with imagecodecs reads them; libtiff, which shares no code with these two, reads them again.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from studylib.scan_metadata import Metadata, of_tiff
from studylib.scan_values import Pixels, Refused, flat_alpha, within

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_INKS, _EXTRA, _PALETTE = 332, 338, 320
_WHITE_IS_0, _BLACK_IS_0, _RGB, _INDEXED, _MASK, _CMYK, _YCBCR = range(7)  # of PhotometricInterpretation
_OTHERS = {8: "CIE L*a*b* (colour mode LAB)", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "the mosaic of a camera's sensor (raw)",
           34892: "the linear values of a camera's sensor (raw)", 32844: "logarithmic (LogL)", 32845: "logarithmic (LogLuv)"}
# JPEG, JPEG 2000, LERC, WebP, JPEG XL, JPEG XR: decoders may round differently.
_LOSSY = {6, 7, 33003, 33004, 33005, 34712, 34887, 34892, 50001, 50002, 22610, 34934}
_MOST_SAMPLES, _MOST_PAGES = 8, 64


def read(path: Path) -> tuple[Pixels, Metadata]:
    """The picture of a TIFF file, as it is stored: its only page, or the full one among reduced copies of it.

    Raises:
        Refused: it holds several pictures, or values that cannot go out as they came.
        Exception: whatever else tifffile and imagecodecs raise of a damaged file.
    """
    with _opened(path) as file:
        page = _full(file, path)
        _check(page)
        values = page.asarray(maxworkers=1)
        values = values[..., None] if values.ndim == 2 else np.moveaxis(values, 0, -1) if page.axes == "SYX" else values
        return _meant(values, page), of_tiff(path, page.offset, {tag.code: tag.value for tag in page.tags})


def read_again(path: Path) -> tuple[Pixels, bool] | None:
    """The same by libtiff, and whether the two must agree exactly; None where it cannot read such a file."""
    import imagecodecs

    with _opened(path) as file:
        page = _full(file, path)
        number = next((place for place, other in enumerate(file.pages) if other.offset == page.offset), None)
        if number is None or (int(page.compression) == 7 and page.samplesperpixel not in (1, 3)):  # read wrong by imagecodecs
            return None
        try:
            values = _inks(path, page) if page.photometric == _CMYK else imagecodecs.tiff_decode(path.read_bytes(), index=number)
        except (imagecodecs.TiffError, ValueError, NotImplementedError):
            return None
        if page.axes == "SYX" and values.shape == (page.samplesperpixel, page.imagelength, page.imagewidth):
            values = np.moveaxis(values, 0, -1)
        values = values[..., None] if values.ndim == 2 else values
        if values.shape != (page.imagelength, page.imagewidth, page.samplesperpixel) or values.dtype != page.dtype:
            return None
        return _meant(values, page), int(page.compression) not in _LOSSY


def _inks(path: Path, page: "TiffPage") -> np.ndarray:
    """CMYK by Pillow's libtiff, as imagecodecs makes RGB of it; ValueError where Pillow keeps 8 bits, or turns the picture."""
    turn = page.tags.get(274)
    if page.bitspersample != 8 or page.samplesperpixel != 4 or page.index or (turn is not None and turn.value != 1):
        raise ValueError
    with Image.open(path, formats=("TIFF",)) as image:
        return np.array(image).reshape(page.shape if page.axes == "YXS" else (*page.shape[1:], 4))


def read_written(path: Path, values: bool = True) -> tuple[np.ndarray | None, int]:
    """(H, W, C) of a TIFF file that this project has written, if asked for, and its orientation; by tifffile."""
    with _opened(path) as file:
        page = file.pages[0]
        found = page.asarray(maxworkers=1) if values else None
        return found if found is None or found.ndim == 3 else found[..., None], page.tags[274].value


@contextlib.contextmanager
def _opened(path: Path) -> Iterator["TiffFile"]:
    """A TIFF file; what tifffile has to say of damages beside the error that it raises is not told."""
    import tifffile

    log = logging.getLogger("tifffile")
    before, log.disabled = log.disabled, True
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    finally:
        log.disabled = before


def _full(file: "TiffFile", path: Path) -> "TiffPage":
    """The page that the others are reduced copies of.

    Raises:
        Refused: there is none, or it is not among the file's pages.
    """
    if len(file.pages) > _MOST_PAGES:
        raise Refused(f"holds {len(file.pages)} pages or frames; expected one picture.")
    pages = list(file.pages)
    if 50706 in pages[0].tags:
        raise Refused("is a DNG file, a camera's raw values; expected what a raw converter makes of it, such as a TIFF.")
    inner = [page for page in pages for page in _inner(page)]
    if any(int(page.photometric) in (32803, 34892) for page in inner):
        raise Refused("is a camera's raw file; expected what a raw converter makes of it, such as a TIFF.")
    pages = [page for page in pages if not int(page.subfiletype) & 4 and int(page.photometric) != _MASK]
    if not pages:
        raise Refused("holds only a transparency mask; expected a picture.")
    largest = max(pages, key=lambda page: page.imagewidth * page.imagelength)
    shown = [page for page in pages if page is not largest and not _is_reduced(page)]
    if _is_reduced(largest) or any(other.imagewidth * other.imagelength > largest.imagewidth * largest.imagelength
                                   for other in inner):
        raise Refused("shows only a reduced copy of a picture that it holds in a sub-directory; expected the picture as a page.")
    if shown:
        _check(largest)
        whole = largest.asarray(maxworkers=1)
        shown = [page for page in shown if not _copies(page, largest, whole)]
    if shown:
        raise Refused(f"holds {len(file.pages)} pages or frames, and not of one picture; expected one picture.")
    return largest


def _inner(page: "TiffPage") -> list["TiffPage"]:
    """The pages in a page's sub-directories."""
    try:
        return [inner for inner in page.pages or () if hasattr(inner, "photometric")] if page.subifds else []
    except Exception:  # a damaged sub-directory does not matter to the page itself
        return []


def _is_reduced(page: "TiffPage") -> bool:
    old = page.tags.get(255)
    return bool(int(page.subfiletype) & 1) or (old is not None and old.value == 2)


def _copies(page: "TiffPage", full: "TiffPage", whole: np.ndarray) -> bool:
    """Whether a page that does not say so is a smaller copy of the full one."""
    import cv2

    width, height = page.imagewidth, page.imagelength
    alike = all(getattr(page, name) == getattr(full, name) for name in ("dtype", "axes", "samplesperpixel", "photometric"))
    if (not alike or page.bitspersample not in (8, 16) or int(page.photometric) == _INDEXED or width >= full.imagewidth
            or abs(width * full.imagelength - height * full.imagewidth) > max(full.imagewidth, full.imagelength)):
        return False
    _check(page)
    small = page.asarray(maxworkers=1)
    if page.axes == "SYX":
        small, whole = np.moveaxis(small, 0, -1), np.moveaxis(whole, 0, -1)
    scaled = cv2.resize(np.ascontiguousarray(whole), (width, height), interpolation=cv2.INTER_AREA).reshape(small.shape)
    return float(np.abs(scaled.astype(np.float32) - small).mean()) < 0.04 * (2**page.bitspersample - 1)


def _check(page: "TiffPage") -> None:
    """Raise Refused where a page's values cannot go out as they came; nothing is decoded."""
    kind, bits = int(page.photometric), page.bitspersample
    within(page.imagewidth, page.imagelength, page.parent.filehandle.size)
    if page.is_tiled:
        within(page.tilewidth, page.tilelength, page.parent.filehandle.size)
    size, places = page.parent.filehandle.size, zip(page.dataoffsets, page.databytecounts, strict=True)
    if not page.dataoffsets or any(count <= 0 or offset <= 0 or offset + count > size for offset, count in places):
        raise Refused("cannot be read as a picture (not all of its values are in the file).")
    if int(page.compression) == 7:  # libjpeg would fill up with grey
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            page.parent.filehandle.seek(offset + max(0, count - 16))
            if b"\xff\xd9" not in page.parent.filehandle.read(min(count, 16)):
                raise Refused("cannot be read as a picture (a JPEG in it is cut short).")
    if 262 not in page.tags:
        raise Refused("does not say what its values mean (it has no PhotometricInterpretation); expected grey, RGB or CMYK.")
    if kind in _OTHERS:
        raise Refused(f"holds {_OTHERS[kind]} values; expected grey, RGB or CMYK.")
    if kind == _YCBCR and int(page.compression) != 7:
        raise Refused("holds YCbCr values that are not compressed as JPEG; expected grey, RGB or CMYK.")
    if kind not in range(7):
        raise Refused(f"holds values of an unknown kind (PhotometricInterpretation {kind}); expected grey, RGB or CMYK.")
    form = page.sampleformat
    if form in (3, 6):
        raise Refused(f"holds floating-point values of {bits} bits; expected whole numbers of at most 16 bits: nothing says "
                      "which value is white.")
    if form != 1:
        raise Refused("holds values with a sign; expected whole numbers from 0.")
    if not isinstance(bits, int) or not 1 <= bits <= 16:
        raise Refused(f"has {bits} bits a channel; expected the same for every channel, 16 at most.")
    if page.samplesperpixel > _MOST_SAMPLES or page.imagedepth > 1:
        raise Refused(f"holds {page.samplesperpixel} channels and {page.imagedepth} layers; expected one picture in grey, RGB or "
                      "CMYK.")
    if page.samplesperpixel < {_RGB: 3, _YCBCR: 3, _CMYK: 4}.get(kind, 1):
        raise Refused(f"has {page.samplesperpixel} channels; expected more for RGB or CMYK.")
    inks = page.tags.get(_INKS)
    if kind == _CMYK and inks is not None and inks.value != 1:
        raise Refused("holds inks other than cyan, magenta, yellow and black; expected grey, RGB or CMYK.")


def _meant(values: np.ndarray, page: "TiffPage") -> Pixels:
    """From stored values, (H, W, channels), to colours and alpha."""
    kind, bits, notes = int(page.photometric), page.bitspersample, []
    values = values.view(np.uint8) if values.dtype == bool else values
    if int(page.compression) in (6, 7) and bits == 8:
        kind = _RGB if kind == _YCBCR else kind
    colours = {_RGB: 3, _CMYK: 4}.get(kind, 1)
    extra = page.tags.get(_EXTRA)
    extra = () if extra is None else extra.value if isinstance(extra.value, tuple) else (extra.value,)
    further = values.shape[2] - colours
    extra = tuple(int(what) for what in (*extra, *[0] * further)[:further])
    alpha = next((place for place, what in enumerate(extra) if what in (1, 2)), None)
    if further - (alpha is not None):
        notes.append(f"{further - (alpha is not None)} further channel(s), such as saved selections, are not carried on")
    pixels = values[..., :colours]
    if kind == _INDEXED:
        pixels, bits = _painted(pixels[..., 0], page, bits)
    if kind == _WHITE_IS_0:
        pixels = (2**bits - 1) - pixels
        notes.append("white was 0 and is the largest value now")
    if alpha is None:
        return Pixels(pixels, {1: "L", 3: "RGB", 4: "CMYK"}[pixels.shape[2]], bits, tuple(notes))
    if kind == _CMYK:
        raise Refused("is CMYK with transparency, which no file that comes out could hold; expected CMYK or RGBA.")
    cover = values[..., colours + alpha]
    if kind == _INDEXED:
        top = 2**page.bitspersample - 1
        cover = (cover.astype(np.uint32) * (2**bits - 1) // top).astype(pixels.dtype)
    if extra[alpha] == 1:
        flat_alpha(pixels, cover, 2**bits - 1)
    return Pixels(np.dstack([pixels, cover]), {1: "LA", 3: "RGBA"}[pixels.shape[2]], bits, tuple(notes))


def _painted(indices: np.ndarray, page: "TiffPage", bits: int) -> tuple[np.ndarray, int]:
    """The colours of indices, and their bits: 8 where no colour of the palette needs more."""
    tag = page.tags.get(_PALETTE)
    table = np.asarray(tag.value if tag is not None else (), np.int64).ravel()
    if len(table) != 3 * 2**bits or table.min() < 0 or table.max() > 65535:
        raise Refused(f"its palette has {len(table)} numbers; expected {3 * 2**bits} of 16 bits.")
    table = table.reshape(3, -1).T
    if not (table & 255).any() or np.array_equal(table & 255, table >> 8) or table.max() < 256:
        return (table if table.max() < 256 else table >> 8).astype(np.uint8)[indices], 8
    return table.astype(np.uint16)[indices], 16
