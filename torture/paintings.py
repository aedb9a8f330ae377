"""Paintings of every kind, to try masks on: depths, channels, colour spaces, cut-outs, and some that look like masks."""

import io
import random
import struct
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from PIL import Image, ImageCms

from studylib import atelier
from studylib.scans import Scan

SIZE = (128, 160)  # pixels, height and width of the paintings
# Red, green, blue and white, (x, y), and the gamma, of colour spaces that paintings are photographed in.
SPACES = {"Adobe RGB": (((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.329)), 2.2),
           "Display P3": (((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.3127, 0.329)), 2.2),
           "ProPhoto RGB": (((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585)), 1.8)}


@cache
def picture(number: int) -> np.ndarray:
    """(H, W, 3) uint8: a painted scene with the grain of a photograph."""
    pixels = atelier.paint("scenes", 1, max(SIZE), seed=50 + number)[0][:SIZE[0], :SIZE[1]].astype(np.float32)
    return (pixels + np.random.default_rng(number).normal(0, 3, pixels.shape)).round().clip(0, 255).astype(np.uint8)


def _scan(pixels: np.ndarray, mode: str, icc: bytes | None = None) -> Scan:
    return Scan(pixels if pixels.ndim == 3 else pixels[..., None], mode, icc)


def _in_space(name: str) -> Callable[[np.ndarray, random.Random], Scan]:
    def made(pixels: np.ndarray, draw: random.Random) -> Scan:
        return _scan(converted(pixels, None, icc(name)), "RGB", icc(name))
    return made


def _cut_out(pixels: np.ndarray, draw: random.Random) -> Scan:
    alpha = np.zeros(SIZE, np.uint8)
    cv2.ellipse(alpha, (SIZE[1] // 2, SIZE[0] // 2), (SIZE[1] // 2 - 6, SIZE[0] // 2 - 6), 0, 0, 360, 255, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.7) if draw.random() < 0.5 else alpha
    return _scan(np.dstack([pixels * (alpha[..., None] > 0), alpha]), "RGBA")


def _flat_art(pixels: np.ndarray, draw: random.Random) -> Scan:
    return _scan(cv2.medianBlur(pixels, 9) // 48 * 48 + 20, "RGB")


def _drawing(pixels: np.ndarray, draw: random.Random) -> Scan:
    grey = cv2.Canny(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), 60, 120)
    return _scan(255 - cv2.dilate(grey, np.ones((2, 2), np.uint8)), "L")


def grey(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)


def _deep(pixels: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, pixels.shape)
    return (pixels.astype(np.int64) * 257 + noise - 128).clip(0, 65535).astype(np.uint16)


PAINTINGS: dict[str, Callable[[np.ndarray, random.Random], Scan]] = {
    "RGB": lambda pixels, draw: _scan(pixels.copy(), "RGB"), "16 bits": lambda pixels, draw: _scan(_deep(pixels), "RGB"),
    "grey": lambda pixels, draw: _scan(grey(pixels), "L"), "16-bit grey": lambda pixels, draw: _scan(_deep(grey(pixels)), "L"),
    "cut-out": _cut_out, "CMYK": lambda pixels, draw: _scan(np.asarray(Image.fromarray(pixels).convert("CMYK")).copy(), "CMYK"),
    "grey and alpha": lambda pixels, draw: _scan(np.dstack([grey(pixels), np.full(SIZE, 255, np.uint8)]), "LA"),
    **{name: _in_space(name) for name in SPACES},
    "dark": lambda pixels, draw: _scan(pixels // 6, "RGB"), "light": lambda pixels, draw: _scan(255 - pixels // 8, "RGB"),
    "red": lambda pixels, draw: _scan((pixels * np.float32([0.25, 0.15, 0.15]) + [185, 20, 15]).astype(np.uint8), "RGB"),
    "black and red": lambda pixels, draw: _scan(np.where(pixels[..., :1] > 110, np.uint8([225, 20, 25]), pixels // 30), "RGB"),
    "flat art": _flat_art, "drawing": _drawing}


def lose(painting: Scan, hole: np.ndarray, plaster: np.ndarray, draw: random.Random) -> None:
    """Put losses into a painting, in the colour of what is under them."""
    channels = painting.colours.shape[2]
    colour = plaster if channels == 3 else np.append(1 - plaster, 0) if channels == 4 else plaster.mean(keepdims=True)
    noise = np.random.default_rng(draw.randrange(99)).normal(0, 2 / 255, (hole.sum(), channels))
    painting.colours[hole] = ((colour + noise).clip(0, 1) * painting.depth).astype(painting.pixels.dtype)


@cache
def icc(name: str) -> bytes:
    """A profile of primaries and gamma (ICC.1:2001)."""
    (*primaries, white), gamma = SPACES[name]
    columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in primaries]).T
    point = np.array([white[0] / white[1], 1, (1 - sum(white)) / white[1]])
    matrix = columns * np.linalg.solve(columns, point)
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.9642, 1, 0.8249])
    matrix = np.linalg.solve(bradford, np.diag(bradford @ d50 / (bradford @ point)) @ bradford) @ matrix

    def fixed(values: np.ndarray) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    text = name.encode() + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    parts = {b"desc": described, b"cprt": b"text\0\0\0\0free\0", b"wtpt": fixed(d50),
             **{f"{letter}XYZ".encode(): fixed(matrix[:, at]) for at, letter in enumerate("rgb")},
             **{f"{letter}TRC".encode(): curve for letter in "rgb"}}
    offset, table, data = 132 + 12 * len(parts), b"", b""
    for tag, part in parts.items():
        part += bytes(-len(part) % 4)
        table += tag + struct.pack(">II", offset + len(data), len(part))
        data += part
    head = struct.pack(">I4sI4s4s4s", offset + len(data), b"\0" * 4, 0x02200000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s4s", 2026, 1, 1, 0, 0, 0, b"acsp", b"\0" * 4) + bytes(24)
    head += b"".join(struct.pack(">i", round(value * 65536)) for value in d50)
    return head + bytes(128 - len(head)) + struct.pack(">I", len(parts)) + table + data


def converted(pixels: np.ndarray, source: bytes | None, target: bytes | None) -> np.ndarray:
    """RGB pixels from one profile to another; None is sRGB."""
    ends = [ImageCms.ImageCmsProfile(io.BytesIO(end)) if end else ImageCms.createProfile("sRGB") for end in (source, target)]
    return np.array(ImageCms.profileToProfile(Image.fromarray(pixels), *ends, ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB"))


def seen(painting: Scan, managed: bool = True) -> np.ndarray:
    """A painting as an editor shows it, (H, W, 3) uint8."""
    colours = painting.colours if painting.depth == 255 else (painting.colours >> 8).astype(np.uint8)
    if painting.mode == "CMYK":
        return np.array(Image.fromarray(colours, "CMYK").convert("RGB"))
    colours = np.ascontiguousarray(np.broadcast_to(colours, (*SIZE, 3)))
    return converted(colours, painting.icc, None) if painting.icc and managed else colours
