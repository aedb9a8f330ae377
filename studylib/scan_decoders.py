"""From a picture's file to its stored values, by one decoder and, where there is one, by a second.

| file                  | first                     | second                         |
|-----------------------|---------------------------|--------------------------------|
| TIFF                  | tifffile with imagecodecs | libtiff (in imagecodecs)       |
| PNG                   | libpng (in imagecodecs)   | Pillow; of 16 bits, OpenCV     |
| JPEG 2000             | OpenJPEG (in imagecodecs) | OpenCV, of grey and RGB        |
| JPEG, WebP, AVIF      | Pillow                    | imagecodecs                    |
| PPM                   | Pillow; deep RGB, OpenCV  | OpenCV, of 8 and 16 bits       |
| GIF, BMP, HEIC        | Pillow, pi-heif           | none                           |
"""

import dataclasses
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from studylib import scan_tiff
from studylib.scan_kinds import EXPECTED, kind
from studylib.scan_metadata import Metadata, boxes, left_out, of_image, of_jp2, of_png, png_pixels, whole
from studylib.scan_values import Pixels, Refused, flat_alpha, within

_MODES = {"1": "L", "P": "RGB", "YCbCr": "RGB", "I": "L"}
_PPM = re.compile(rb"P([2356])" + rb"(?:\s|#[^\n]*\n)+(\d{1,9})" * 3 + rb"\s")  # kind, width, height, the largest value
_PNG_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}  # by its colour type
_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_SPACES = {12: "CMYK", 14: "CIE L*a*b*", 18: "sYCC", 20: "e-sRGB", 21: "ROMM-RGB", 24: "e-sYCC"}  # of JPEG 2000


def decode(path: Path) -> tuple[Pixels, Metadata]:
    """A picture's values as they are stored, and what stands beside them.

    Raises:
        Refused: it is of a kind that cannot be restored.
        Exception: whatever else decoders raise of a damaged file.
    """
    name = kind(path)
    if name == "TIFF":
        return scan_tiff.read(path)
    if name == "HEIC":
        return _heic(path)
    data = path.read_bytes()  # of a file Pillow may ask for as many bytes as it promises, or map it and not turn it
    return {"PNG": _png, "JPEG2000": _jp2, "PPM": _ppm}.get(name, _by_pillow)(data, name)


def decode_again(path: Path) -> tuple[Pixels, bool] | None:
    """The values by the second decoder, and whether it must agree to the last bit; None where it reads no such file."""
    import imagecodecs

    name = kind(path)
    if name == "TIFF":
        return scan_tiff.read_again(path)
    data = path.read_bytes()
    head = _PPM.match(data[:65536])
    if name == "PPM" and head and head[4] in (b"255", b"65535"):
        values = _by_opencv(data)
        return Pixels(values, _CHANNELS[values.shape[2]], 8 * values.itemsize), True
    if (name == "PNG" and data[24] == 16) or (name == "JPEG2000" and _components(data)[0] in (1, 3)):
        values = _by_opencv(png_pixels(data) if name == "PNG" else data)
        if name == "PNG" and data[25] == 4:  # grey with alpha
            values = values[..., [0, 3]]
        return Pixels(values, _CHANNELS[values.shape[2]], 16 if name == "PNG" else _components(data)[1]), name == "PNG"
    if name == "PNG":
        if data[24] < 8 and data[25] == 0 and b"tRNS" in data[:4096]:  # Pillow takes another grey for the transparent one
            return None
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            return _of_pillow(image), True
    again = {"JPEG": imagecodecs.jpeg8_decode, "WEBP": imagecodecs.webp_decode, "AVIF": imagecodecs.avif_decode}.get(name)
    if again is None:
        return None
    values = again(data)
    values = values if values.ndim == 3 else values[..., None]
    if name == "JPEG" and values.shape[2] == 4:  # as Adobe's programs store inks, and Pillow turns round
        return Pixels(255 - values, "CMYK", 8), False
    return Pixels(values, _CHANNELS[values.shape[2]], _avif_bits(data) if name == "AVIF" else 8), False


def _png(data: bytes, _: str) -> tuple[Pixels, Metadata]:
    import imagecodecs

    within(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"), len(data))
    bits, colour = data[24:26]
    if bits not in _PNG_BITS.get(colour, ()) or data[26:28] != b"\0\0" or data[28] > 1:
        raise Refused("cannot be read as a picture (its head is damaged).")
    at = data.find(b"acTL", 33, max(33, data.find(b"IDAT")))
    if at > 0 and (frames := int.from_bytes(data[at + 4:at + 8], "big")) > 1:
        raise Refused(f"holds {frames} pages or frames; expected one picture.")
    values = imagecodecs.png_decode(png_pixels(data))
    values = values if values.ndim == 3 else values[..., None]
    return Pixels(values, _CHANNELS[values.shape[2]], 8 * values.itemsize), of_png(data)


def _by_pillow(data: bytes, name: str) -> tuple[Pixels, Metadata]:
    import imagecodecs

    if name == "JPEG" and (bits := _jpeg_bits(data)) != 8:
        raise Refused(f"is a JPEG of {bits} bits a channel; expected one of 8, or another format.")
    try:
        image = Image.open(io.BytesIO(data), formats=(name,))
    except UnidentifiedImageError:
        raise Refused(f"cannot be read as a picture (it begins as {name}, but is damaged).") from None
    with image:
        within(image.width, image.height, len(data))
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # a camera's previews beside its photograph
            raise Refused(f"holds {frames} pages or frames; expected one picture.")
        told = of_image(image)
        if name == "AVIF":
            told = dataclasses.replace(told, orientation=image.getexif().get(0x0112, 1), chunks=_coded_colour(data))
            if (bits := _avif_bits(data)) > 8:
                values = imagecodecs.avif_decode(data)
                values = values if values.ndim == 3 else values[..., None]
                return Pixels(values, _CHANNELS[values.shape[2]], bits), told
        pixels = _of_pillow(image)
    notes = (f"{frames - 1} further picture(s) in it, such as previews, are not carried on",) if frames > 1 else ()
    return dataclasses.replace(pixels, notes=notes), told


def _of_pillow(image: Image.Image) -> Pixels:
    """A picture of 8 bits a channel, fewer widened; or of grey in 16."""
    if image.mode == "F":
        raise Refused("has 32 bits a channel; expected 8 or 16.")
    mode = _MODES.get(image.mode, image.mode)
    mode = {"RGB": "RGBA", "L": "LA"}.get(mode, mode) if "transparency" in image.info else mode
    if mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        raise Refused(f"colour mode {mode}; expected grey, RGB or CMYK.")
    deep = image.mode == "I"
    image = image if deep or image.mode == mode else image.convert(mode)
    values = np.array(image, np.uint16 if deep else np.uint8)
    return Pixels(values if values.ndim == 3 else values[..., None], mode, 16 if deep else 8)


def _ppm(data: bytes, name: str) -> tuple[Pixels, Metadata]:
    """PBM, PGM or PPM, whose largest value may be any; Pillow would keep 8 bits of colour."""
    head = _PPM.match(data[:65536])
    if not head or head[1] in b"25" or int(head[4]) < 256:
        return _by_pillow(data, name)
    width, height, top = (int(number) for number in head.groups()[1:])
    within(width, height, len(data))
    if top > 65535:
        raise Refused(f"says that {top} is white; expected at most 65535.")
    if head[1] == b"6" and len(data) - head.end() < 6 * width * height:
        raise Refused("cannot be read as a picture (it is shorter than it says).")
    values = _by_opencv(data)
    if values.shape != (height, width, 3) or values.max() > top:
        raise Refused(f"cannot be read as a picture (it does not hold {width} x {height} values up to {top}).")
    return Pixels(np.round(np.arange(top + 1) * (65535 / top)).astype(np.uint16)[values], "RGB", 16), Metadata()


def _by_opencv(data: bytes) -> np.ndarray:
    """(H, W, C) of grey, RGB or RGBA; what OpenCV has to say is in the error alone."""
    import cv2

    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise Refused("cannot be read as a picture (it is damaged).")
    if values.ndim == 2:
        return values[..., None]
    return cv2.cvtColor(values, cv2.COLOR_BGR2RGB if values.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)


def _jp2(data: bytes, _: str) -> tuple[Pixels, Metadata]:
    import imagecodecs

    count, bits, (width, height) = _components(data)
    within(width, height, len(data))
    header = dict(boxes(data)).get(b"jp2h", b"")
    space, kinds = None, {}
    for name, content in boxes(header):
        if name == b"colr" and content[:1] == b"\1":
            space = int.from_bytes(content[3:7], "big")
        elif name == b"cdef":
            entries = [content[at:at + 6] for at in range(2, len(content), 6)]
            kinds = {int.from_bytes(entry[:2], "big"): int.from_bytes(entry[2:4], "big") for entry in entries}
        elif name == b"pclr":
            count, bits = content[2] if len(content) > 2 else 0, 8
    if space in _SPACES and space != 12:
        raise Refused(f"holds {_SPACES[space]} values; expected grey, RGB or CMYK.")
    values = imagecodecs.jpeg2k_decode(data)
    values = values if values.ndim == 3 else values[..., None]
    if values.shape[2] != count or values.dtype != (np.uint8 if bits <= 8 else np.uint16):
        raise Refused(f"holds {values.shape[2]} channels of {values.dtype}, and says {count} of {bits} bits.")
    colours = 4 if space == 12 else 3 if count > 2 else 1
    if count < colours:
        raise Refused(f"has {count} channels; expected 4 for CMYK.")
    alpha = next((number for number in range(colours, count) if kinds.get(number) in (1, 2)), None)
    further, pixels = count - colours - (alpha is not None), values[..., :colours]
    notes = (f"{further} further channel(s) are not carried on",) if further else ()
    if alpha is None:
        return Pixels(pixels, {1: "L", 3: "RGB", 4: "CMYK"}[colours], bits, notes), of_jp2(data)
    if colours == 4:
        raise Refused("is CMYK with transparency, which no file that comes out could hold; expected CMYK or RGBA.")
    if kinds[alpha] == 2:
        flat_alpha(pixels, values[..., alpha], 2**bits - 1)
    return Pixels(np.dstack([pixels, values[..., alpha]]), {1: "LA", 3: "RGBA"}[colours], bits, notes), of_jp2(data)


def _components(data: bytes) -> tuple[int, int, tuple[int, int]]:
    """A JPEG 2000 picture's channels, bits a channel, and (width, height)."""
    at = data.find(b"\xff\x4f\xff\x51")
    if at < 0 or len(data) < at + 42:
        raise Refused("cannot be read as a picture (it is a JPEG 2000 file without its main header).")
    right, bottom, left, top = (int.from_bytes(data[at + place:at + place + 4], "big") for place in (8, 12, 16, 20))
    count = int.from_bytes(data[at + 40:at + 42], "big")
    depths = [tuple(data[at + 42 + 3 * number:at + 45 + 3 * number]) for number in range(min(count, 64))]
    if count > 8 or len(set(depths)) != 1 or len(depths[0]) < 3 or depths[0][0] > 15 or depths[0][1:] != (1, 1):
        raise Refused("holds channels of different or signed values, of more than 16 bits, or sub-sampled; expected the same for "
                      "each, of at most 16 bits.")
    return count, depths[0][0] + 1, (right - left, bottom - top)


def _heic(path: Path) -> tuple[Pixels, Metadata]:
    """A phone's photograph; it is turned upright while it is decoded."""
    try:
        import pi_heif
    except ImportError:
        raise Refused("is a HEIC file, for which the package pi-heif is missing; install it, or save the picture as "
                      "another of " + EXPECTED + ".") from None
    film = pi_heif.open_heif(path, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    if len(film) > 1:
        raise Refused(f"holds {len(film)} pages or frames; expected one picture.")
    within(*film.size, path.stat().st_size)
    mode = film.mode.split(";")[0]
    if mode not in ("L", "RGB", "RGBA") or film.premultiplied_alpha:
        raise Refused(f"is a HEIC file of colour mode {film.mode}; expected grey, RGB, or RGB with plain alpha.")
    values, info = np.array(film), film.info  # a copy: the film's memory goes with it
    values = values if values.ndim == 3 else values[..., None]
    xmp, exif = info.get("xmp"), whole(info.get("exif"))
    told = Metadata(info.get("icc_profile"), exif, xmp or None, chunks=_coded_colour(path.read_bytes()[:1 << 20]),
                    notes=left_out(info.get("exif"), exif))
    return Pixels(values, mode, int(info["bit_depth"])), told


def _coded_colour(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The colour space that an AVIF or HEIC file names by numbers, as a PNG names it; nothing where it is plain sRGB."""
    said = re.search(rb"colrnclx(..)(..)", data[:1 << 20], re.S)
    primaries, transfer = (int.from_bytes(part, "big") for part in said.groups()) if said else (2, 2)
    if 2 in (primaries, transfer) or (primaries, transfer) == (1, 13) or max(primaries, transfer) > 255:
        return ()
    return ((b"cICP", bytes((primaries, transfer, 0, 1))),)


def _avif_bits(data: bytes) -> int:
    flags = [found[1][0] for found in re.finditer(rb"av1C..(.)", data[:1 << 20], re.S)]
    return max((12 if flag & 32 else 10 if flag & 64 else 8 for flag in flags), default=8)


def _jpeg_bits(data: bytes) -> int:
    """Bits a channel, from a JPEG's frame header; 8 where there is none."""
    at = 2
    while at + 5 < len(data) and data[at] == 255:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return data[at + 4]
        at += 1 if marker == 255 else 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return 8
