"""One picture: from the bytes of a file to upright RGB pixels, or the reason why not; and which pictures are the same.

Pillow's global settings are neither relied upon nor changed.
"""

import io
from collections.abc import Mapping

import imagehash
import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

# What is decoded at all: of the many formats that Pillow knows, none that few look at, or that starts a program.
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000")
PIXELS = 89_478_485  # a header that promises more is a decompression bomb: 256 MiB as RGB, Pillow's own first limit
# Bits of 256 (perceptual hash, 16x16) in which two near-duplicates differ at most. The nearest pairs were looked at.
# Of 1,148 Renoirs 21 pairs lie within 56 bits, and each is one painting scanned twice; then come one more scan at 70,
# two versions of a motif at 74 and 78, and from 88 on mostly pairs that are none. Of 240 Monets 11 pairs, all true; the
# first that is none, a second version of a street, lies at 66. Of 240 Nara-ehon faces and 1,150 CelebA faces no pair;
# their first false ones lie at 76 and, as aligned faces resemble each other, at 60. So 56 is the most without a false
# pair. The 8x8 hash has no such threshold: false pairs of faces begin at 4 of its 64 bits, true Renoirs reach 12.
NEAR = 56
# Of 256 levels: how far the middle 98 % of a picture's values lie apart at least, in the channel where it is most. Of the
# paintings and faces above none has less than 54; a picture that was clipped or scaled to nothing has none.
LEVELS = 16
EXPECTED = "JPEG, PNG, TIFF, WebP, GIF, BMP, PPM or JPEG 2000"
# Other formats by the ending that they usually have. A name alone is believed of contents that are no known picture.
ENDINGS = {"avif": "AVIF", "heic": "HEIC", "heif": "HEIF", "jxl": "JPEG XL", "psd": "Photoshop", "psb": "Photoshop",
           "xcf": "GIMP", "kra": "Krita", "clip": "Clip Studio", "exr": "OpenEXR", "hdr": "Radiance HDR", "svg": "SVG",
           "pdf": "PDF", "tga": "TGA", "dds": "DDS", "ico": "icon", "zip": "zip", "mov": "video", "mp4": "video",
           **dict.fromkeys(("dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2", "pef", "srw"), "raw")}
_SIGNATURES = ((b"8BPS", "Photoshop"), (b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL ", "JPEG XL"), (b"gimp xcf", "GIMP"),
               (b"v/1\x01", "OpenEXR"), (b"#?RADIANCE", "Radiance HDR"), (b"#?RGBE", "Radiance HDR"), (b"%PDF", "PDF"),
               (b"FUJIFILM", "raw"), (b"IIRO", "raw"), (b"IIU\0", "raw"), (b"DDS ", "DDS"), (b"PK\x03\x04", "zip"),
               (b"Rar!", "RAR"), (b"7z\xbc\xaf", "7z"), (b"\x1f\x8b", "gzip"), (b"SIMPLE  =", "FITS"), (b"\0\0\1\0", "icon"))
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"heim": "HEIC", b"heis": "HEIC",
           b"hevc": "HEIC", b"hevx": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"crx ": "raw"}
_MARKUP = ((b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<svg", "SVG"), (b"version https://git-lfs", "Git LFS pointer"))
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HASH = 16
_DRAFT = 512  # pixels: large JPEGs are decoded at a reduced scale with at least this short side


class Unusable(Exception):
    """The reason why a file is rejected, in a few words."""


def examine(content: bytes, size: int, ending: str = "") -> dict:
    """Decode an image file; the short side becomes `size`, then the centre is cut out.

    Args:
        ending: of the file's name, to say what it probably is where its content does not tell.

    Returns:
        width, height (pixels, upright), bits (256 bool: perceptual hash), small (size, size, 3) uint8 RGB.

    Raises:
        Unusable: what is wrong with it.
    """
    if not content:
        raise Unusable("empty file")
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unusable(f"more than {PIXELS} pixels") from None
    except UnidentifiedImageError:
        raise Unusable(_other(content, ending)) from None
    except Exception as error:  # a broken header: each decoder has errors of its own
        raise Unusable(f"undecodable: {error}") from None
    if image.width * image.height > PIXELS:
        raise Unusable(f"more than {PIXELS} pixels")
    try:
        if image.format == "TIFF":
            _check_tiff(image)
        elif getattr(image, "is_animated", False) and image.format != "MPO":  # MPO: a camera's JPEG with its thumbnails
            raise Unusable("animated")
        if min(image.size) < size:
            raise Unusable(f"too small: {image.width}x{image.height} pixels")
        width, height = image.size
        image.draft(None, (max(_DRAFT, 2 * size),) * 2)
        image.load()
        turned = image.getexif().get(0x0112) in (5, 6, 7, 8)
        image = _rgb(ImageOps.exif_transpose(image), getattr(image, "tag_v2", {}))
    except Unusable:
        raise
    except Exception as error:
        raise Unusable("truncated" if "truncated" in str(error).lower() else f"undecodable: {error}") from None
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    small = image.resize((size, size), Image.Resampling.LANCZOS, (left, top, left + side, top + side), reducing_gap=3)
    small = np.asarray(small)
    low, high = np.percentile(small, (1, 99), axis=(0, 1))
    if (apart := round((high - low).max())) < LEVELS:
        raise Unusable(f"nearly one colour: {apart} of 256 levels between its darkest and its brightest parts")
    return {"width": height if turned else width, "height": width if turned else height,
            "bits": imagehash.phash(image, _HASH).hash.ravel(), "small": small}


def near_duplicates(bits: np.ndarray) -> list[tuple[int, int, int]]:
    """(kept, dropped, distance) from (N, 256) bool: whoever is within NEAR bits of an earlier one that is kept goes."""
    # Differing bits are (bits - product of signs) / 2, exact in float32: a matrix product compares all with all.
    signs = torch.from_numpy(bits.reshape(-1, _HASH**2)).float() * 2 - 1
    dropped: dict[int, tuple[int, int, int]] = {}
    for start in range(0, len(signs), 1024):
        apart = (signs.shape[1] - signs[start : start + 1024] @ signs.T).div(2).int()
        for row, early in (apart <= NEAR).nonzero().tolist():
            late, distance = start + row, int(apart[row, early])
            if early < late and early not in dropped and (late not in dropped or distance < dropped[late][2]):
                dropped[late] = (early, late, distance)
    return list(dropped.values())


def _other(content: bytes, ending: str) -> str:
    """What a file is that is none of FORMATS, in a few words."""
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if content[4:8] == b"ftyp":
        format = _BRANDS.get(content[8:12], "video")
    elif content.startswith(_TIFF):
        return _tiff(content)
    else:
        known = [format for sign, format in _SIGNATURES if content.startswith(sign)]
        known += [format for sign, format in _MARKUP if sign in start]
        format = next(iter(known), ENDINGS.get(ending.lower().removeprefix("."), ""))
    return f"a file of the format {format}; expected {EXPECTED}" if format else "not an image"


def _tiff(content: bytes) -> str:
    """What a TIFF holds that Pillow has no name for."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page = file.pages.first
            layout = f"{page.dtype or f'{page.bitspersample}-bit'} values, {page.samplesperpixel} a pixel"
            compression = getattr(page.compression, "name", page.compression)
    except Exception:  # a broken header
        return "not an image"
    return f"a TIFF that is not read here: {layout}, compression {compression}"


def _check_tiff(image: Image.Image) -> None:
    """Raises Unusable for a TIFF whose first page is not its one picture; reduced copies behind it do not count."""
    tags, pages = image.tag_v2, 0
    if 50706 in tags or tags.get(254, 0) & 1:  # DNGVersion; NewSubfileType: a reduced copy of something
        raise Unusable(f"a file of the format raw; expected {EXPECTED}")
    if 2 in np.atleast_1d(tags.get(339, 1)) and max(np.atleast_1d(tags.get(258, 1))) < 16:
        raise Unusable("signed values of 8 bits; expected unsigned ones")
    for number in range(image.n_frames):
        image.seek(number)
        pages += not image.tag_v2.get(254, 0) & 1
    image.seek(0)
    if pages > 1:
        raise Unusable(f"several pictures: {pages} pages")


def _rgb(image: Image.Image, tags: Mapping) -> Image.Image:
    """Any mode as RGB: more bits are scaled down to 8, what is transparent lies on white. tags: a TIFF's."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image, tags)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image, tags: Mapping) -> Image.Image:
    """Grey of more than 8 bits, or of floating point from 0 to 1, scaled to 8; Pillow itself would clip it.

    32-bit integers are scaled as 16 bits: Pillow, which long kept 16 bits in no other way, wrote them so.
    """
    bits, signed = int(tags.get(258, (16,))[0]), tags.get(339, (1,))[0] == 2
    white = 1 if image.mode == "F" else 2**16 - 1 if bits > 16 else 2**(bits - signed) - 1
    values = np.asarray(image)
    if not (values.min() >= 0 and values.max() <= white):  # neither are NaNs
        raise Unusable(f"values outside 0 to {white}: from {values.min():g} to {values.max():g}")
    levels = (values / (white / 255)).round().astype(np.uint8)
    return Image.fromarray(255 - levels if tags.get(262) == 0 else levels)  # PhotometricInterpretation: 0 is white
