"""One picture: from the bytes of a file to upright RGB pixels, or the reason why not; and which pictures are the same.

Pillow's global settings are neither relied upon nor changed.
"""

import io

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
_HASH = 16
_DRAFT = 512  # pixels: large JPEGs are decoded at a reduced scale with at least this short side


class Unusable(Exception):
    """The reason why a file is rejected, in a few words."""


def examine(content: bytes, size: int) -> dict:
    """Decode an image file; the short side becomes `size`, then the centre is cut out.

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
        raise Unusable("not an image") from None
    except Exception as error:  # a broken header: each decoder has errors of its own
        raise Unusable(f"undecodable: {error}") from None
    if image.width * image.height > PIXELS:
        raise Unusable(f"more than {PIXELS} pixels")
    if min(image.size) < size:
        raise Unusable(f"too small: {image.width}x{image.height} pixels")
    try:
        if getattr(image, "is_animated", False) and image.format != "MPO":  # MPO: a camera's JPEG with its thumbnails
            raise Unusable("animated")
        width, height = image.size
        image.draft(None, (max(_DRAFT, 2 * size),) * 2)
        image.load()
        turned = image.getexif().get(0x0112) in (5, 6, 7, 8)
        image = _rgb(ImageOps.exif_transpose(image))
    except Unusable:
        raise
    except Exception as error:
        raise Unusable("truncated" if "truncated" in str(error).lower() else f"undecodable: {error}") from None
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    small = image.resize((size, size), Image.Resampling.LANCZOS, (left, top, left + side, top + side), reducing_gap=3)
    return {"width": height if turned else width, "height": width if turned else height,
            "bits": imagehash.phash(image, _HASH).hash.ravel(), "small": np.asarray(small)}


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


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB: 16 bits are scaled down, what is transparent lies on white."""
    if image.mode.startswith("I"):  # I, I;16, I;16B: Pillow would clip at 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
