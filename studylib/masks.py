"""Masks: float32, 1 in the hole and 0 where the picture is known.

A family is a way to score pixels: the hole is where the score lies above the family's natural level, or, when a hole
ratio is asked for, the highest-scoring pixels in that number. All of it is tensor arithmetic on the given device, in
batches; mask k of a seed is a function of (seed, k) alone, through a counter-based generator, on any device.
"""

import math
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

FAMILIES = ("perlin", "circle", "box", "strokes", "irregular", "cracks", "craquelure")

# The usual hole-ratio buckets of inpainting papers (Liu et al. 2018), in parts of the picture.
BUCKETS = ((0.01, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6))


class MaskError(ValueError):
    """A folder of masks holds what is none, or none that can be used. One sentence: which file or folder, what was expected."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the sentence, without the way it took."""
        return [f"MaskError: {self}"]


def sample(family: str, count: int, size: int, *, seed: int, hole: tuple[float, float] | None = None,
           device: str | torch.device = "cpu", folder: Path | str | None = None, start: int = 0) -> torch.Tensor:
    """Masks start .. start + count - 1 of a seed.

    Args:
        family: one of FAMILIES. `circle` without `hole` is the original study's: in the centre, radius 20/128 of the side.
        count: number of masks.
        size: side in pixels.
        hole: (low, high); each mask's hole ratio is drawn uniformly between them and met to within 1 % of the picture
            (boxes of a picture smaller than 48 pixels: 2 %).
        folder: holds PNG masks, white = hole, or 1 where they hold 0 and 1 alone: `nvidia/*.png` for `irregular` (Liu et
            al. 2018) and `craquelure*.png` for `craquelure` (maps of cracks in real paintings), drawn with rotation, flip
            and scale. Without a folder procedural stand-ins are drawn: smooth blobs joined by thick strokes, and `cracks`.

    Returns:
        (count, 1, size, size) float32, 1 in the hole.

    Raises:
        ValueError: an unknown family, an impossible count, size or hole.
        FileNotFoundError: `folder` holds no such PNG file.
        MaskError: one of them is damaged, or none holds a hole and something else; one of several that does not is left out,
            which is said on stderr.
    """
    if family not in FAMILIES:
        raise ValueError(f"family {family!r}: expected one of {', '.join(FAMILIES)}.")
    if count < 0 or size < 8:
        raise ValueError(f"count {count}, size {size}: expected a count of 0 or more and a size of 8 or more pixels.")
    if hole is not None and not 0 < hole[0] <= hole[1] < 1:
        raise ValueError(f"hole {hole}: expected (low, high) with 0 < low <= high < 1.")
    device = torch.device(device)
    out = torch.empty(count, 1, size, size, device=device)
    # A processor draws as many at a time as stay in its cache, a GPU all at once.
    together = max(1, 2**18 // size**2) if device.type == "cpu" else max(1, count)
    for first in range(0, count, together):
        k = torch.arange(start + first, start + min(first + together, count), device=device)
        out[first:first + together, 0] = _holes(family, Draws(seed, FAMILIES.index(family), k), size, hole, folder)
    return out


def _holes(family: str, draw: "Draws", size: int, hole: tuple[float, float] | None, folder: Path | str | None) -> torch.Tensor:
    """(N, size, size), bool or float32."""
    ratio = None if hole is None else hole[0] + (hole[1] - hole[0]) * draw(1)[:, 0]
    if family == "box":
        return _box(draw, size, ratio)
    if family == "irregular" and folder:
        score, level = _from_folder(draw, size, Path(folder) / "nvidia"), 0.0
    elif family == "craquelure" and folder:
        score, level = _from_maps(draw, size, Path(folder)), 0.0
    else:
        score, level = {"perlin": _perlin, "circle": _circle, "strokes": _strokes, "irregular": _blobs,
                        "cracks": _cracks, "craquelure": _cracks}[family](draw, size, ratio)
    # In place the comparison stays in float32, which is several times as fast as by way of bool.
    return score.gt_(level) if ratio is None else _highest(score, ratio)


def pnoise2(x: torch.Tensor, y: torch.Tensor, *, octaves: int = 1, persistence: float = 0.5,
            lacunarity: float = 2.0) -> torch.Tensor:
    """Perlin's improved noise (Perlin 2002) on a grid, equal to `noise.pnoise2` at each (x[i], y[j]).

    Args:
        x: (W,) coordinates; y: (H,) coordinates; any real values, float32 is computed with.
        octaves: number of layers, 1 or more; each has `lacunarity` times the frequency and `persistence` times the
            amplitude of the one before.

    Returns:
        (H, W) float32, roughly within [-1, 1].
    """
    if octaves < 1:
        raise ValueError(f"octaves {octaves}: expected 1 or more.")
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"x of shape {tuple(x.shape)}, y of shape {tuple(y.shape)}: expected one dimension each.")
    x, y = x.float(), y.float()
    permutation = torch.tensor(_PERMUTATION, device=x.device)
    slopes = torch.tensor(_GRADIENTS, dtype=torch.float32, device=x.device)
    total = torch.zeros(len(y), len(x), device=x.device)
    # Frequency and amplitude in float32 too: at coordinates of 1,000 their rounding shows.
    frequency, amplitude, norm = np.float32(1), np.float32(1), np.float32(0)
    for _ in range(octaves):
        columns, weight_x, slope_x = _lattice(x * float(frequency))
        rows, weight_y, slope_y = _lattice(y * float(frequency))
        corner = permutation[(permutation[columns & 255][None, :] + (rows & 255)[:, None]) & 255]
        gradient = slopes[permutation[corner] & 15]
        total += float(amplitude) * (weight_y @ gradient[..., 0] @ slope_x.T + slope_y @ gradient[..., 1] @ weight_x.T)
        norm += amplitude
        frequency *= np.float32(lacunarity)
        amplitude *= np.float32(persistence)
    return total / float(norm)


def fractal_noise(angles: list[torch.Tensor], size: int, persistence: float) -> torch.Tensor:
    """Sum of octaves of gradient noise with unit gradients at the given angles, by two matrix products an octave.

    With w(t) = 1 - fade(abs(t)) for abs(t) < 1, W[y, j] = w(y - j) and D[y, j] = (y - j) w(y - j), an octave is
    Wy Gx Dx' + Dy Gy Wx', where G are the lattice's gradients.

    Args:
        angles: for each octave (N, cells + 1, cells + 1) angles in radians of the lattice gradients.

    Returns:
        (N, size, size) float32.
    """
    cells, device = tuple(angle.shape[-1] - 1 for angle in angles), angles[0].device
    parts = []
    for octave, (angle, count) in enumerate(zip(angles, cells, strict=True)):
        weight, slope = _hat(size, count, device)
        parts += [angle.cos() @ (persistence**octave * slope.T), angle.sin() @ (persistence**octave * weight.T)]
    # All octaves lie side by side in one product of (size, K) and (K, size) matrices, K = 2 sum(cells + 1), of which a
    # quarter of the rows needs a third of the columns.
    columns = torch.cat(parts, 1)
    return torch.cat([rows @ columns.index_select(1, used) for rows, used in _bands(size, cells, device)], 1)


@lru_cache(maxsize=64)
def _bands(size: int, cells: tuple[int, ...], device: torch.device) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The rows [W D ...] of all octaves in four bands: what is not zero in each, and the columns where that lies."""
    whole = torch.cat([side for count in cells for side in _hat(size, count, device)], 1)
    used = [band.abs().sum(0).nonzero()[:, 0] for band in whole.chunk(4)]
    return [(band[:, columns].contiguous(), columns) for band, columns in zip(whole.chunk(4), used, strict=True)]


@lru_cache(maxsize=64)
def _hat(size: int, cells: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """W and D of `fractal_noise` for a picture of `size` pixels: (size, cells + 1) each."""
    position = torch.arange(size, device=device) * (cells / size)
    offset = position[:, None] - torch.arange(cells + 1, device=device)
    weight = _weight(offset)
    return weight, offset * weight


def _weight(offset: torch.Tensor) -> torch.Tensor:
    t = offset.abs().clamp(max=1)
    return 1 - t * t * t * (t * (t * 6 - 15) + 10)


def _lattice(position: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Lattice lines next to the positions, their weights (len(position), lines), and offset times weight."""
    below = position.floor()
    lines, where = torch.unique(torch.cat([below, below + 1]), return_inverse=True)
    offset = torch.full((len(position), len(lines)), 2.0, device=position.device)
    row = torch.arange(len(position), device=position.device)
    part = position - below
    offset[row, where[: len(position)]] = part
    offset[row, where[len(position):]] = part - 1
    weight = _weight(offset)
    return lines.long(), weight, offset * weight


class Draws:
    """Uniform numbers in [0, 1): draw(n) is (N, n), each row a function of (seed, stream, k) alone, on any device."""

    def __init__(self, seed: int, stream: int, k: torch.Tensor):
        self.device = k.device
        own = _mix(_mix(k + 1) ^ _mix(torch.full_like(k, seed & 0xFFFFFFFF)))
        self.key = _mix(own.long() + 0x9E3779B9 * (stream + 1) + (seed >> 32))
        self.used = 0

    def __call__(self, n: int) -> torch.Tensor:
        index = torch.arange(self.used, self.used + n, device=self.device)
        self.used += n
        bits = _mix(self.key[:, None] ^ _mix(index * 0x85EBCA6B + 0x165667B1)[None, :])
        return ((bits >> 8) & 0xFFFFFF).float() / 2**24


def _mix(value: torch.Tensor) -> torch.Tensor:
    """A 32-bit integer hash of good avalanche (the `lowbias32` of C. Wellons), of the value's lowest 32 bits, as int32."""
    if value.dtype != torch.int32:
        value = (((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000).int()
    # Products of int32 wrap around, as the hash wants them; right shifts bring the sign along, which the masks remove.
    value = value ^ ((value >> 16) & 0xFFFF)
    value = value.mul_(0x7FEB352D)
    value = value.bitwise_xor_((value >> 15) & 0x1FFFF).mul_(0x846CA68B - 2**32)
    return value.bitwise_xor_((value >> 16) & 0xFFFF)


def _highest(score: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    """The highest-scoring share of each picture: (N, H, W) scores, (N,) ratios -> (N, H, W), 1 or 0.

    The level is found by bisection, which reads the scores 18 times; sorting them costs far more.
    """
    wanted = ratio * score[0].numel()
    low, high = score.amin((1, 2)), score.amax((1, 2))
    above = torch.empty_like(score)
    for _ in range(18):
        middle = (low + high) / 2
        many = above.copy_(score).gt_(middle[:, None, None]).sum((1, 2)) > wanted
        low, high = torch.where(many, middle, low), torch.where(many, high, middle)
    return score.gt_(high[:, None, None])


def _grid(size: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixel coordinates in parts of the side, as the original counted them (pixel i lies at i): y (size, 1), x (1, size)."""
    line = torch.arange(size, device=device) / size
    return line[:, None], line[None, :]


def _noise(draw: Draws, size: int, cells: tuple[int, ...], persistence: float) -> torch.Tensor:
    sides = [n + 1 for n in cells]
    drawn = (2 * math.pi * draw(sum(side**2 for side in sides))).split([side**2 for side in sides], 1)
    angles = [part.unflatten(1, (side, side)) for part, side in zip(drawn, sides, strict=True)]
    return fractal_noise(angles, size, persistence)


def _perlin(draw: Draws, size: int, ratio: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Above 0.8 of the range of a fractal noise, as the original normalised it."""
    noise = _noise(draw, size, (2, 4, 8, 16, 32), 0.4)
    low, high = noise.amin((1, 2), keepdim=True), noise.amax((1, 2), keepdim=True)
    return noise, low + 0.8 * (high - low)


def _circle(draw: Draws, size: int, ratio: torch.Tensor | None) -> tuple[torch.Tensor, float]:
    y, x = _grid(size, draw.device)
    centre = torch.full((len(draw.key), 2), 0.5, device=draw.device)
    if ratio is not None:
        room = (0.5 - (ratio / math.pi).sqrt()).clamp(min=0)
        centre = 0.5 + (2 * draw(2) - 1) * room[:, None]
    squared = (y - centre[:, :1, None]) ** 2 + (x - centre[:, 1:, None]) ** 2
    return -squared, -((20 / 128) ** 2)


def _box(draw: Draws, size: int, ratio: torch.Tensor | None) -> torch.Tensor:
    """One rectangle; without a ratio its area is between 5 % and 40 % of the picture."""
    aspect, place_y, place_x, area = draw(4).T
    area = (0.05 + 0.35 * area) if ratio is None else ratio
    # Sides from 1:2 to 2:1 where they fit; the longer side is cut to whole pixels first, the other follows the area.
    height = ((area.sqrt() * 2 ** (aspect - 0.5)).clamp(max=1) * size).round()
    height = torch.maximum(height, (area * size).ceil()).clamp(1, size)
    width = (area * size * size / height).round().clamp(1, size)
    top = (place_y * (size - height + 1)).floor()
    left = (place_x * (size - width + 1)).floor()
    line = torch.arange(size, device=draw.device)
    rows = (line >= top[:, None]) & (line < (top + height)[:, None])
    columns = (line >= left[:, None]) & (line < (left + width)[:, None])
    return rows[:, :, None] & columns[:, None, :]


def _paths(draw: Draws, size: int, strokes: int, bends: int, reach: float) -> torch.Tensor:
    """Distance, in parts of the side, to free-form brush paths: (N, size, size)."""
    drawn = draw(strokes * (4 + 2 * bends)).view(-1, strokes, 4 + 2 * bends)
    turn, stretch = drawn[..., 4::2], drawn[..., 5::2]
    heading = 2 * math.pi * drawn[..., 2:3] + ((turn - 0.5) * 2.4).cumsum(-1)
    step = reach * (0.4 + 1.2 * stretch[..., None]) * torch.stack([heading.sin(), heading.cos()], -1)
    start, starts = drawn[..., :2], []
    for bend in range(bends):
        starts.append(start)
        start = (start + step[..., bend, :]).clamp(0, 1)
    # Strokes after the first are there three times out of four, so that masks differ in how many they have.
    absent = (drawn[..., 3] < 0.25) & (torch.arange(strokes, device=draw.device) > 0)
    far = 9.0 * absent[..., None, None].expand(-1, -1, bends, 1)
    segments = torch.cat([torch.stack(starts, 2), step, far], -1).flatten(1, 2)
    y, x = _grid(size, draw.device)
    nearest = []
    # As many masks at a time as a processor's cache can hold the distances of; on a GPU a quarter of a gigabyte of them.
    together = max(1, 2**(18 if draw.device.type == "cpu" else 26) // (segments.shape[1] * size * size))
    for part in segments.split(together):
        ay, ax, dy, dx, far = part[..., None, None].unbind(2)
        length = dy * dy + dx * dx
        along = ((y - ay) * (dy / length) + (x - ax) * (dx / length)).clamp_(0, 1)
        squared = (y - ay - along * dy).square_().add_((x - ax - along * dx).square_())
        nearest.append(squared.add_(far * far).amin(1).sqrt_())
    return torch.cat(nearest)


def _strokes(draw: Draws, size: int, ratio: torch.Tensor | None) -> tuple[torch.Tensor, float]:
    """Free-form brush strokes (Yu et al. 2019), half of them thin and half wide."""
    width = (0.012 + 0.05 * draw(1)[:, 0])[:, None, None]
    return width - _paths(draw, size, 4, 5, 0.16), 0.0


def _blobs(draw: Draws, size: int, ratio: torch.Tensor | None) -> tuple[torch.Tensor, float]:
    """Stand-ins for masks of occlusion: smooth blobs of noise and thick strokes."""
    level = (0.2 + 0.3 * draw(1)[:, 0])[:, None, None]
    blobs = _noise(draw, size, (3, 6, 12), 0.5) - level
    return torch.maximum(blobs, 0.04 - _paths(draw, size, 2, 4, 0.2)), 0.0


def _cracks(draw: Draws, size: int, ratio: torch.Tensor | None) -> tuple[torch.Tensor, float]:
    """A craquelure: borders between the cells of a jittered lattice, bent by noise, of varying width, in places absent."""
    y, x = _grid(size, draw.device)
    cells = 4
    bend_y, bend_x = 0.04 * _noise(draw, size, (4, 8, 16), 0.6), 0.04 * _noise(draw, size, (4, 8, 16), 0.6)
    y, x = y + bend_y, x + bend_x
    jitter = draw(2 * (cells + 2) ** 2).view(-1, (cells + 2) ** 2, 2)
    nearest = torch.full((len(draw.key), size, size), 81.0, device=draw.device)
    second = nearest
    for index in range((cells + 2) ** 2):
        py = (index // (cells + 2) - 1 + jitter[:, index, 0]) / cells
        px = (index % (cells + 2) - 1 + jitter[:, index, 1]) / cells
        squared = (y - py[:, None, None]).square_().add_((x - px[:, None, None]).square_())
        second = torch.minimum(second, torch.maximum(nearest, squared))
        nearest = torch.minimum(nearest, squared)
    second, nearest = second.sqrt(), nearest.sqrt()
    width = 0.006 + 0.014 * _noise(draw, size, (3, 6), 0.5)
    return width - (second - nearest) / 2, 0.0


def _from_folder(draw: Draws, size: int, folder: Path) -> torch.Tensor:
    """Signed distances, positive in the hole, of files drawn from a folder, rotated, flipped and scaled: (N, size, size)."""
    fields = _signed_distances(folder.resolve(), draw.device)
    which, angle, flip, scale = draw(4).T
    turn = _turn(angle, flip, 0.8 + 0.4 * scale, torch.zeros_like(angle), torch.zeros_like(angle))
    grid = F.affine_grid(turn, [len(which), 1, size, size], align_corners=False)
    score = F.grid_sample(fields[(which * len(fields)).long()], grid, padding_mode="reflection", align_corners=False)[:, 0]
    # A small hole may lie outside of what is read, and a large one all over it: then the nearest place is the hole, or is not.
    low, high = score.amin((1, 2), keepdim=True), score.amax((1, 2), keepdim=True)
    return score - (high - 0.5).clamp(max=0) * (high <= 0) - (low + 0.5).clamp(min=0) * (low > 0)


def _from_maps(draw: Draws, size: int, folder: Path) -> torch.Tensor:
    """Cracks of maps drawn from a folder: squares of 0.3 to 0.65 of a map's shorter side at any place and angle, flipped.

    The maps' cracks are a hair wide; here they are 1.4 to 3.2 pixels: (N, size, size), positive on a crack.
    """
    fields = _crack_distances(folder.resolve(), draw.device)
    which, angle, flip, scale, down, right, breadth = draw(7).T
    out = []
    number = (which * len(fields)).long()
    for index in number.unique().tolist():
        height, width = fields[index].shape[-2:]
        reach = (0.3 + 0.35 * scale) * min(1, width / height)  # of the height, so that a square at any angle fits
        room_y, room_x = (1 - reach * math.sqrt(2)).clamp(min=0), (1 - reach * math.sqrt(2) * height / width).clamp(min=0)
        turn = _turn(angle, flip, reach, (2 * right - 1) * room_x, (2 * down - 1) * room_y, height / width)
        chosen = (number == index).nonzero()[:, 0]
        grid = F.affine_grid(turn[chosen], [len(chosen), 1, size, size], align_corners=False)
        away = F.grid_sample(fields[index].expand(len(chosen), -1, -1, -1), grid, align_corners=False)[:, 0]
        half = ((0.7 + 0.9 * breadth) * reach * height / size)[chosen, None, None]
        # Where no crack passes through the square, the place that is nearest to one is taken.
        out.append((chosen, torch.maximum(half, away.amin((1, 2), keepdim=True) + 1) - away))
    chosen, scores = (torch.cat(part) for part in zip(*out, strict=True))
    return scores[chosen.argsort()]


def _turn(angle: torch.Tensor, flip: torch.Tensor, scale: torch.Tensor, x: torch.Tensor, y: torch.Tensor,
          aspect: float = 1.0) -> torch.Tensor:
    """The affine maps of `affine_grid`, (N, 2, 3): turned by 2 pi angle, mirrored where flip < 0.5, scaled, moved to (x, y).

    aspect: height over width of what is read from, so that squares stay squares.
    """
    angle, mirror = 2 * math.pi * angle, torch.where(flip < 0.5, -1.0, 1.0)
    return torch.stack([angle.cos() * scale * mirror * aspect, -angle.sin() * scale * aspect, x,
                        angle.sin() * scale * mirror, angle.cos() * scale, y], 1).view(-1, 2, 3)


@lru_cache(maxsize=4)
def _signed_distances(folder: Path, device: torch.device) -> torch.Tensor:
    """(files, 1, 256, 256), positive in the hole."""
    import cv2

    fields = []
    for hole in _read(folder, "*.png", lambda grey: cv2.resize(grey, (256, 256), interpolation=cv2.INTER_AREA)):
        inside, outside = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (hole, 1 - hole))
        fields.append(torch.from_numpy(inside - outside))
    return torch.stack(fields).unsqueeze(1).to(device)


@lru_cache(maxsize=4)
def _crack_distances(folder: Path, device: torch.device) -> list[torch.Tensor]:
    """For each map (1, 1, H, W): pixels to the nearest crack."""
    import cv2

    maps = [cv2.distanceTransform(1 - crack, cv2.DIST_L2, 5) for crack in _read(folder, "craquelure*.png", lambda grey: grey)]
    return [torch.from_numpy(field)[None, None].to(device) for field in maps]


_MOST = 2**26  # pixels of a mask in a folder; a header that promises more is a decompression bomb
_OTHERS = (".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")


def _read(folder: Path, pattern: str, scaled: Callable[[np.ndarray], np.ndarray]) -> list[np.ndarray]:
    """The masks of a folder, uint8 (H, W), 1 in the hole, each scaled while it is still grey.

    A mask without a hole, or of nothing else, is left out, and that is said on stderr.

    Raises:
        FileNotFoundError: there is no such file.
        MaskError: one is damaged, or none is left.
    """
    folder = _unpacked(folder, pattern)
    holes, reasons = [], []
    for file in _files(folder, pattern):
        grey = _grey(file)
        hole = (scaled(grey) > 127).astype(np.uint8)
        if not hole.any():
            hole = (scaled(_two_valued(file)) > 127).astype(np.uint8)
        if hole.any() and not hole.all():
            holes.append(hole)
        else:
            kind = "hole and nothing else" if hole.any() else "no hole"
            reasons.append(f"{file.name} holds {kind} (its values are {grey.min()} to {grey.max()})")
    for file in (file for ending in _OTHERS for file in _files(folder, pattern.replace(".png", ending))):
        reasons.append(f"{file.name} is no PNG file")
    some = "; ".join(reasons[:5]) + ("; ..." if len(reasons) > 5 else "")
    if not holes:
        raise MaskError(f"{folder / pattern}: no mask can be used: {some}; expected white = hole on black.")
    if reasons:
        print(f"{folder / pattern}: {len(reasons)} of {len(reasons) + len(holes)} masks are left out: {some}; expected white "
              "= hole on black.", file=sys.stderr)
    return holes


def _files(folder: Path, pattern: str) -> list[Path]:
    """The files of a pattern in a folder, hidden ones aside, sorted by name."""
    files = [file for file in folder.iterdir() if fnmatch(file.name.lower(), pattern)] if folder.is_dir() else []
    return sorted(file for file in files if not file.name.startswith("."))


def _unpacked(folder: Path, pattern: str) -> Path:
    """The folder, or where it holds no such file, the only one in it, as archives unpack, and so on."""
    within = folder
    while within.is_dir() and not _files(within, pattern):
        folders = [one for one in within.iterdir() if one.is_dir() and one.name != "__MACOSX" and not one.name.startswith(".")]
        if len(folders) != 1:
            break
        within = folders[0]
    if not _files(within, pattern):
        raise FileNotFoundError(f"{folder / pattern}: there are no such masks; expected PNG files, white = hole. With an empty "
                                "`mask_root` procedural stand-ins are drawn.")
    return within


def _grey(file: Path) -> np.ndarray:
    """A PNG file as grey, uint8 (H, W). Raises MaskError."""
    import cv2

    content = file.read_bytes()
    pixels = int.from_bytes(content[16:20], "big") * int.from_bytes(content[20:24], "big")
    if content[:8] != b"\x89PNG\r\n\x1a\n" or not 0 < pixels <= _MOST:
        raise MaskError(f"{file}: is not a picture of at most {_MOST} pixels; expected a PNG mask, white = hole.")
    try:
        grey = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    except cv2.error:
        grey = None
    if grey is None:
        raise MaskError(f"{file}: is damaged; expected a PNG mask, white = hole.")
    return grey


def _two_valued(file: Path) -> np.ndarray:
    """A mask of 0 and one other value, such as 1, as 0 and 255, uint8 (H, W); of one with other values 0 alone."""
    import cv2

    values = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    values = values.reshape(*values.shape[:2], -1)[..., :3].max(2)  # without an alpha channel
    return np.uint8(255) * (values > 0) if values.min() == 0 and len(np.unique(values)) == 2 else np.zeros_like(values, np.uint8)


# Ken Perlin's permutation and the x, y parts of his 16 gradients, as in `noise`.
_PERMUTATION = tuple(bytes.fromhex(
    "97a0895b5a0f830dc95f6035c2e907e18c24671e458e086325f0150a17be0694f778ea4b001ac53e5efcdbcb75230b2039b12158"
    "ed953857ae147d88aba844af4aa547868b301ba64d929ee7536fe57a3cd385e6dc695c29372ef528f4668f3641193fa101d85049"
    "d14c84bbd05912a9c8c4878274bc9f56a4646dc6adba034034d9e2fa7c7b05ca2693767eff5255d4cfce3be32f103a11b6bd1c2a"
    "dfb7aad577f898022c9aa346dd99659ba72bac09811627fd13626c6e4f71e0e8b2b97068daf661e4fb22f2c1eed2900cbfb3a2f1"
    "513391ebf90eef6b31c0d61fb5c76a9db854ccb07379322d7f0496fe8aeccd5dde72431d1848f38d80c34e42d73d9cb4"
))
_GRADIENTS = ((1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0), (1, 0), (-1, 0),
              (0, 1), (0, -1), (0, 1), (0, -1), (1, 0), (-1, 0), (0, -1), (0, 1))
