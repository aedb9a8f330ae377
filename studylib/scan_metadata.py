"""What a picture's file says beside its pixels: colour profile, EXIF, XMP, orientation, resolution, and a PNG's own chunks."""

import io
import math
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # what a PNG's values are made of
KEPT = {b"cICP", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI", b"pHYs", b"tEXt", b"zTXt", b"iTXt"}  # of PNG, as they are
EXIF_IFD, GPS_IFD, ORIENTATION = 0x8769, 0x8825, 0x0112
# What a TIFF file says of its own layout, or holds of the picture before it was restored: an EXIF block that was copied out of
# one must not say it of another. Photoshop's resources (34377, 37724) are the picture's layers and its thumbnail.
LAYOUT = {254, 255, *range(256, 260), 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 282, 283, 284, 292, 293, 296, 297,
          317, 318, 319, 320, *range(322, 326), 330, 332, 334, 338, 339, 340, 341, 342, 347, *range(512, 522), *range(529, 533),
          700, 34377, 34675, 37724}
_XMP_KEY = b"XML:com.adobe.xmp\0"
_JP2_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_MOST = 64 << 20  # bytes of a block: more is a decompression bomb


@dataclass(frozen=True)
class Metadata:
    """What stands beside the pixels.

    Attributes:
        icc, xmp: as they are; exif: with or without the six bytes "Exif\\0\\0" in front.
        dpi: dots per inch; per_cm: whether the file counts them per centimetre.
        orientation: EXIF's number, 1 to 8, for the stored rows and columns.
        chunks: names and contents of a PNG's chunks, in their order, which another PNG may hold as they are.
        notes: what is there and was left out, each as the end of a sentence.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    per_cm: bool = False
    orientation: int = 1
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    notes: tuple[str, ...] = ()


def of_image(image: Image.Image) -> Metadata:
    """Of a file that Pillow has opened (not TIFF or PNG)."""
    xmp = image.info.get("xmp")
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    exif = whole(image.info.get("exif"))
    return Metadata(image.info.get("icc_profile"), exif, xmp, likely(image.info.get("dpi")), False, oriented(exif, xmp),
                    notes=left_out(image.info.get("exif"), exif))


def of_png(data: bytes) -> Metadata:
    """Of a PNG file, also what stands behind its pixels."""
    icc = exif = xmp = dpi = raw = None
    kept = []
    for name, start, end in _chunks(data):
        content = b"" if name in _PIXELS else data[start + 8:end - 4]
        if name == b"eXIf":
            raw, exif = content, whole(content)
        elif name == b"iCCP":
            icc = _inflated(content[content.find(b"\0") + 2:])
        elif name == b"iTXt" and content.startswith(_XMP_KEY):
            packed, text = content[len(_XMP_KEY):len(_XMP_KEY) + 1] == b"\1", content[len(_XMP_KEY) + 2:].split(b"\0", 2)[-1]
            xmp = _inflated(text) if packed else text
        elif name in KEPT:
            kept.append((name, content))
            if name == b"pHYs" and len(content) == 9 and content[8] == 1:
                dpi = likely(tuple(value * 0.0254 for value in struct.unpack(">II", content[:8])))
    return Metadata(icc, exif, xmp, dpi, False, oriented(exif, xmp), tuple(kept), left_out(raw, exif))


def png_pixels(data: bytes) -> bytes:
    """A PNG file without what stands beside its values, of which libpng would have something to say."""
    return data[:8] + b"".join(data[start:end] for name, start, end in _chunks(data) if name in _PIXELS)


def of_tiff(path: Path, offset: int, tags: dict[int, object]) -> Metadata:
    """Of a page of a TIFF file.

    Args:
        offset: of the page's directory in the file.
        tags: number -> value, resolutions as (numerator, denominator).
    """
    unit = tags.get(296, 2)
    pairs = [tags.get(282), tags.get(283)]
    dpi = None
    if unit in (2, 3) and all(isinstance(pair, tuple) and len(pair) == 2 and pair[1] for pair in pairs):
        dpi = likely(tuple(top / bottom * (2.54 if unit == 3 else 1) for top, bottom in pairs))
    with path.open("rb") as file:
        exif = _exif_of_tiff(file, offset)
    orientation = tags.get(274)
    icc, xmp = (bytes(value) if isinstance(value := tags.get(tag), (bytes, tuple)) and value else None for tag in (34675, 700))
    return Metadata(icc, exif, xmp, dpi, unit == 3, orientation if orientation in range(1, 9) else oriented(None, xmp))


def of_jp2(data: bytes) -> Metadata:
    """Of a JPEG 2000 file: its ICC profile and XMP packet."""
    icc = xmp = None
    for name, content in boxes(data):
        if name == b"jp2h":
            for inner, profile in boxes(content):
                if inner == b"colr" and profile[:1] in (b"\2", b"\3"):
                    icc = icc or profile[3:]
        elif name == b"uuid" and content.startswith(_JP2_XMP):
            xmp = content[16:]
    return Metadata(icc, None, xmp, orientation=oriented(None, xmp))


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """The names and contents of a JPEG 2000 file's boxes, or of a box's own; nothing of what is no box."""
    found, at = [], 0
    while at + 8 <= len(data):
        length, head = int.from_bytes(data[at:at + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8:at + 16], "big"), 16
        length = length or len(data) - at
        if length < head:
            break
        if data[at + 4:at + 8] != b"jp2c":  # the pixels
            found.append((data[at + 4:at + 8], data[at + head:at + length]))
        at += length
    return found


def oriented(exif: bytes | None, xmp: bytes | None) -> int:
    """The orientation that a file's EXIF block says, or, where it says none, its XMP packet; 1 where neither does."""
    said = None
    if exif:
        block = Image.Exif()
        block.load(exif)
        said = block.get(ORIENTATION)
    if said not in range(1, 9) and xmp and (found := _xmp_orientation(xmp)):
        said = int(xmp[found[0]:found[1]])
    return said if said in range(1, 9) else 1


def exif_with(exif: bytes | None, orientation: int) -> bytes | None:
    """An EXIF block that says this orientation, untouched where it does; None where there is nothing to say."""
    block = Image.Exif()
    if exif:
        block.load(exif)
    if (block.get(ORIENTATION) or 1) == orientation:
        return exif
    block[ORIENTATION] = orientation
    return block.tobytes()


def xmp_with(xmp: bytes | None, orientation: int) -> bytes | None:
    """An XMP packet whose orientation, where it says one, is this."""
    if xmp and (found := _xmp_orientation(xmp)):
        return xmp[:found[0]] + str(orientation).encode() + xmp[found[1]:]
    return xmp


def whole(exif: bytes | None) -> bytes | None:
    """An EXIF block, or None where it cannot be read and written again."""
    try:
        block = Image.Exif()
        block.load(exif or b"")
        begins = (exif or b"").removeprefix(b"Exif\0\0")[:4] in (b"II*\0", b"MM\0*")
        return exif if begins and len(block) and block.tobytes() else None
    except Exception:  # as many kinds as there are damages
        return None


def left_out(raw: bytes | None, exif: bytes | None) -> tuple[str, ...]:
    """What is to be noted of an EXIF block that is not whole."""
    lost = raw and not exif and len(raw.removeprefix(b"Exif\0\0")) > 14  # bytes of one that says nothing
    return ("its EXIF block is damaged and is not carried on",) if lost else ()


def likely(dpi: tuple | None) -> tuple[float, float] | None:
    """Two resolutions that a file can hold, or None."""
    try:
        values = tuple(float(value) for value in dpi or ())
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return values if len(values) == 2 and all(math.isfinite(value) and 0.1 < value < 1e6 for value in values) else None


def png_chunks(icc: bytes | None, exif: bytes | None, xmp: bytes | None, dpi: tuple[float, float] | None,
               kept: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """What a PNG holds between its head and its pixels."""
    chunks = [chunk(name, content) for name, content in kept]
    if icc:
        chunks.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc)))
    if dpi and b"pHYs" not in dict(kept):
        chunks.append(chunk(b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in dpi), 1)))
    if exif:
        chunks.append(chunk(b"eXIf", exif.removeprefix(b"Exif\0\0")))
    if xmp:
        chunks.append(chunk(b"iTXt", _XMP_KEY + b"\0\0\0\0" + xmp))
    return b"".join(chunks)


def chunk(name: bytes, content: bytes) -> bytes:
    """A PNG's chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name, start and end of each of a PNG's chunks; the last may be cut short."""
    at = 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at:at + 4], "big")
        yield data[at + 4:at + 8], at, end
        at = end


def _exif_of_tiff(file: io.BufferedReader, offset: int) -> bytes | None:
    """What a TIFF page says of its making, as an EXIF block; None where it says nothing or cannot be read."""
    try:
        block = Image.Exif()
        file.seek(0)
        head = file.read(4)
        block.endian, block.bigtiff = "<" if head[:2] == b"II" else ">", b"\x2b" in head
        block.load_from_fp(file, offset)
        for tag in (LAYOUT - {ORIENTATION}) & set(block):
            del block[tag]
        if not set(block) - {ORIENTATION}:
            return None
        found = Image.Exif()
        for tag, value in block.items():
            found[tag] = block.get_ifd(tag) if tag in (EXIF_IFD, GPS_IFD) else value
        return whole(found.tobytes())
    except Exception:  # as many kinds as there are damages
        return None


def _xmp_orientation(xmp: bytes) -> tuple[int, int] | None:
    """Where in an XMP packet the number stands that is TIFF's orientation, whichever prefix its name has."""
    for space in re.finditer(rb"""xmlns:([\w.-]{1,99})\s{0,9}=\s{0,9}["']http://ns\.adobe\.com/tiff/1\.0/["']""", xmp):
        name = re.escape(space[1])
        said = re.search(rb"""\b%s:Orientation(?:\s{0,9}=\s{0,9}["']|[^<>]{0,200}>)\s{0,99}([1-8])\s{0,99}["'<]""" % name, xmp)
        if said:
            return said.span(1)
    return None


def _inflated(data: bytes) -> bytes | None:
    try:
        inflate = zlib.decompressobj()
        content = inflate.decompress(data, _MOST)
        return content if inflate.eof else None
    except zlib.error:
        return None
