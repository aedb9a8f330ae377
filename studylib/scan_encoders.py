"""A picture as the bytes of a PNG or TIFF file, without loss, and its values back by a decoder that did not write it."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from studylib import scan_decoders, scan_tiff
from studylib.scan_metadata import EXIF_IFD, GPS_IFD, LAYOUT, Metadata, exif_with, of_png, png_chunks, xmp_with

_STRIP = 1 << 20  # bytes before compression
_UNDEFINED, _BYTE = 7, 1  # TIFF's field types


def png(stored: np.ndarray, told: Metadata) -> bytes:
    """A PNG file.

    Args:
        stored: (H, W, C) uint8 or uint16, grey, RGB, each with alpha or without, as `told.orientation` says.
    """
    import imagecodecs

    shown = np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored)
    room = shown.nbytes + shown.nbytes // 8 + 2 * len(shown) + 1024  # imagecodecs's own leaves no room for a filter's byte a row
    data = imagecodecs.png_encode(shown, level=1, strategy=3, filter=16, out=room)  # as fast as OpenCV
    between = png_chunks(told.icc, exif_with(told.exif, told.orientation), xmp_with(told.xmp, told.orientation), told.dpi,
                         told.chunks)
    return data[:33] + between + data[33:]


def tiff(stored: np.ndarray, mode: str, told: Metadata) -> bytes:
    """A TIFF file, deflated; `mode` names the channels of (H, W, C)."""
    import imagecodecs

    height, width, channels = stored.shape
    rows = max(1, _STRIP // (width * channels * stored.itemsize))
    strips = []
    for top in range(0, height, rows):
        strip = np.array(stored[top:top + rows], stored.dtype.newbyteorder("<"))
        strip[:, 1:] -= stored[top:top + rows, :-1]  # the predictor
        strips.append(imagecodecs.deflate_encode(strip.tobytes(), level=1))
    lengths = [len(strip) for strip in strips]
    if sum(lengths) > 0xF0000000:
        raise ValueError(f"{sum(lengths)} bytes; a TIFF file holds at most 4 GB.")
    ifd = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    exif = Image.Exif()
    exif.load(exif_with(told.exif, told.orientation) or b"")
    for tag, value in exif.items():
        if tag not in LAYOUT:
            ifd[tag] = _directory(exif, tag) if tag in (EXIF_IFD, GPS_IFD) else value
    layout = {256: width, 257: height, 258: (8 * stored.itemsize,) * channels, 259: 8, 277: channels, 278: rows, 284: 1, 317: 2,
              262: {"R": 2, "C": 5}.get(mode[0], 1), 273: tuple(int(at) for at in np.cumsum([0, *lengths[:-1]])),
              279: tuple(lengths), 274: told.orientation}
    if mode.endswith("A"):
        layout[338] = 2
    if told.dpi:
        scale = 2.54 if told.per_cm else 1
        layout |= {282: IFDRational(round(told.dpi[0] / scale * 10_000), 10_000), 296: 3 if told.per_cm else 2,
                   283: IFDRational(round(told.dpi[1] / scale * 10_000), 10_000)}
    for tag, value in layout.items():
        ifd[tag] = value
    for tag, kind, value in ((34675, _UNDEFINED, told.icc), (700, _BYTE, xmp_with(told.xmp, told.orientation))):
        if value:
            ifd.tagtype[tag] = kind
            ifd[tag] = value
    head = ifd.tobytes(8)
    return b"II*\0\x08\0\0\0" + head + b"".join(strips)


def read_back(path: Path) -> tuple[np.ndarray, int, str]:
    """What is in a PNG or TIFF file that was written here, and who read it: not who wrote it.

    PNG files are written by libpng and read by Pillow (8 bits) or OpenCV, TIFF files are written by this module and read by
    libtiff, or CMYK by tifffile.

    Returns:
        (H, W, C) as stored, the orientation, and the decoder's name.
    """
    again = scan_decoders.decode_again(path)
    if path.suffix.lower() == ".png":
        return again[0].values, of_png(path.read_bytes()).orientation, "Pillow" if again[0].bits == 8 else "OpenCV"
    values, orientation = scan_tiff.read_written(path, values=again is None)
    return (again[0].values, orientation, "libtiff") if again else (values, orientation, "tifffile")


def _directory(exif: Image.Exif, tag: int) -> dict:
    """A directory within an EXIF block, with the one that lies within that."""
    inner = dict(exif.get_ifd(tag))
    if tag == EXIF_IFD and 0xA005 in inner:
        inner[0xA005] = exif.get_ifd(0xA005)
    return inner
