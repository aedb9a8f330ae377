"""Restoring pictures with trained weights.

    from studylib.restoration import inpaint
    composites = inpaint(pictures, masks)

The weights in the repository fill any mask in a picture of any size; nothing is downloaded.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from studylib import damage, networks, records

WEIGHTS = records.ROOT / "results" / "paper" / "03_gan_training" / "any_mask_128_adversarial.safetensors"

_TOGETHER = 2**20  # pixels that go through the network at once


def inpaint(pictures: torch.Tensor, masks: torch.Tensor, weights: Path | str | None = None, device: str = "cpu") -> torch.Tensor:
    """Fill the holes of pictures; known pixels come back bit for bit.

    The network sees each picture twice, as it is and mirrored (`networks.of_two_views`), and whole: memory grows with H times W,
    and of holes beyond its reach, some 80 pixels across, the middle is a guess. `restore` goes by tiles and scales.

    Args:
        pictures: (N, 3, H, W) floating point, RGB in [0, 1], any H and W. What they hold inside the holes is not used.
        masks: (N, 1, H, W), 1 (or anything above 0, or True) in the hole, 0 where the picture is known.
        weights: a file that a training with `keep_weights` wrote; None: the study's own.
        device: where the network computes, "cpu" or "cuda".

    Returns:
        (N, 3, H, W) composites in [0, 1], of the pictures' type and on their device.

    Raises:
        ValueError: shapes or values are not as above, a picture has no known pixel, or the file holds no such weights.
        FileNotFoundError: there is no such file of weights.
    """
    _check(pictures, masks)
    generator, fill = _of_any_size(weights, device)
    holes = (masks > 0).to(pictures.device)
    out = pictures.clone()
    together = max(1, _TOGETHER // max(1, pictures.shape[-1] * pictures.shape[-2]))
    for first in range(0, len(pictures), together):
        part = slice(first, first + together)
        picture = pictures[part].to(device, torch.float32).masked_fill(holes[part].to(device), 0) * 2 - 1
        filled = networks.inpainter(generator, fill, flips=True)(picture, holes[part].to(device, torch.float32))
        out[part] = torch.where(holes[part], ((filled + 1) / 2).to(pictures), out[part])
    return out


def restore(colours: np.ndarray, hole: np.ndarray, *, method: str = "model", weights: Path | str | None = None,
            device: str = "cpu", variants: int = 1, tile: int = 512,
            progress: Callable[[float], None] | None = None) -> np.ndarray:
    """Fill the holes of one picture of any size and depth.

    Overlapping tiles around the holes, blended where they overlap; of holes deeper than a tile's network can reach across,
    the inside is first filled at half the size, and so on down. A picture of four channels is filled as three and one.

    Args:
        colours: (H, W, C) uint8 or uint16, without alpha; never looked at inside the holes.
        hole: (H, W) bool.
        method: "model", "telea", "ns" or "biharmonic".
        variants: 1; for "model" up to 8: the first is the fill to take, the others are fills of the picture mirrored and turned,
            to compare.
        tile: side of what is filled at once, pixels; less takes less memory.
        progress: called with the part that is done, 0 to 1.

    Returns:
        (variants, holes, C) float32 in [0, 1]: the values of the hole's pixels, row by row.

    Raises:
        ValueError: an unknown method, more variants than there are, or no known pixel.
    """
    if method not in ("model", "telea", "ns", "biharmonic"):
        raise ValueError(f"method {method!r}: expected 'model', 'telea', 'ns' or 'biharmonic'.")
    if not 1 <= variants <= (8 if method == "model" else 1):
        raise ValueError(f"variants {variants}: expected 1 to 8 for 'model', 1 for others.")
    if tile < 2 * _FADE:
        raise ValueError(f"tile {tile}: expected {2 * _FADE} pixels or more.")
    if hole.all():
        raise ValueError("the hole covers the whole picture; there is nothing to go by.")
    fill = _painter(method, weights, device)
    channels = colours.shape[2]
    groups = [[0, 0, 0]] if channels == 1 else [[0, 1, 2]] + [[3, 3, 3]] * (channels - 3)
    parts = []
    for number, group in enumerate(groups):
        def told(part: float, number: int = number) -> None:
            if progress:
                progress((number + part) / len(groups))

        values = _filled(colours, group, hole, fill, variants, tile, told)
        parts.append(values if group == [0, 1, 2] else values.mean(2, keepdims=True))
    return np.concatenate(parts, 2)


# A tile fades into its neighbours over `_FADE` pixels on either side of their border, and sees `_MARGIN` beyond its holes.
_FADE, _MARGIN = 16, 32
_DEEP = 40  # pixels from the border of a hole to its middle; deeper ones are filled at half the size first


def _filled(colours: np.ndarray, group: list[int], hole: np.ndarray, fill: Callable, variants: int, tile: int,
            progress: Callable[[float], None]) -> np.ndarray:
    """(variants, holes, 3) in [0, 1] of three channels."""
    import cv2

    height, width = hole.shape
    start = None
    if hole.any() and (depth := cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)).max() > _DEEP:
        deep = damage.parts_of(hole, depth > _DEEP)
        start = _from_half(colours, group, hole, fill, tile, deep)
    places = np.flatnonzero(hole)
    total, weights = np.zeros((variants, len(places), 3), np.float32), np.zeros(len(places), np.float32)
    corners = [(top, left) for top in range(0, height, tile) for left in range(0, width, tile)]
    for number, (top, left) in enumerate(corners):
        rows, columns = (slice(max(0, at - _FADE), at + tile + _FADE) for at in (top, left))
        if hole[rows, columns].any():
            rows, columns = (_span(hole[rows, columns].any(1 - axis), part.start, side)
                             for axis, part, side in ((0, rows, height), (1, columns, width)))
            inside = hole[rows, columns]
            picture = colours[rows, columns][..., group].astype(np.float32) / np.iinfo(colours.dtype).max
            unknown = inside.copy()
            if start is not None:
                given = start[1][rows, columns]
                picture[given] = start[0][rows, columns][given].astype(np.float32) / 65535
                unknown &= ~given
            ramp = _ramp(rows, top, height, tile)[:, None] * _ramp(columns, left, width, tile)[None, :]
            ys, xs = np.nonzero(inside & (ramp > 0))
            index = np.searchsorted(places, (ys + rows.start) * width + xs + columns.start)
            values = fill(picture, inside, unknown, variants, (rows.start, columns.start))[:, ys, xs]
            total[:, index] += values * ramp[ys, xs, None]
            weights[index] += ramp[ys, xs]
        progress((number + 1) / len(corners))
    return total / np.maximum(weights, 1e-6)[None, :, None]


def _span(found: np.ndarray, start: int, side: int) -> slice:
    """The lines from the first to the last that hold a hole, and the margin on either side."""
    lines = np.flatnonzero(found) + start
    return slice(max(0, int(lines[0]) - _MARGIN), min(side, int(lines[-1]) + 1 + _MARGIN))


def _ramp(span: slice, at: int, side: int, tile: int) -> np.ndarray:
    """Weight of each line of a tile: 1 in its middle, down to 0 over the fade, but not at the picture's border."""
    line = np.arange(span.start, span.stop)
    low = np.ones(len(line)) if at == 0 else np.clip((line - (at - _FADE) + 0.5) / (2 * _FADE), 0, 1)
    high = np.ones(len(line)) if at + tile >= side else np.clip((at + tile + _FADE - line - 0.5) / (2 * _FADE), 0, 1)
    return (low * high).astype(np.float32)


def _from_half(colours: np.ndarray, group: list[int], hole: np.ndarray, fill: Callable, tile: int, deep: np.ndarray) -> tuple:
    """The deep parts of a hole filled at half the size: the picture (H, W, 3) uint16 there, and where that is."""
    import cv2

    height, width = hole.shape
    half = (max(1, width // 2), max(1, height // 2))
    weight = cv2.resize((~hole).astype(np.float32), half, interpolation=cv2.INTER_AREA)
    scaled = colours[..., group].astype(np.float32)
    scaled[hole] = 0
    small = cv2.resize(scaled, half, interpolation=cv2.INTER_AREA) / np.maximum(weight, 1e-6)[..., None]
    inside = weight <= 0
    small = (small / np.iinfo(colours.dtype).max * 65535).clip(0, 65535).round().astype(np.uint16)
    values = _filled(small, [0, 1, 2], inside, fill, 1, tile, lambda part: None)[0]
    small[inside] = (values.clip(0, 1) * 65535).round().astype(np.uint16)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return large, deep


def _painter(method: str, weights: Path | str | None, device: str) -> Callable:
    """(picture (H, W, 3) in [0, 1], hole, what of it is still unknown, variants, its place) -> (variants, H, W, 3)."""
    if method != "model":
        return partial(_classical, method)
    generator, how = _of_any_size(weights, device)

    @torch.no_grad()
    def paint(picture: np.ndarray, hole: np.ndarray, unknown: np.ndarray, variants: int, at: tuple[int, int]) -> np.ndarray:
        tensor = torch.from_numpy(picture).permute(2, 0, 1)[None].to(device) * 2 - 1
        mask, missing = (torch.from_numpy(part)[None, None].to(device, torch.float32) for part in (hole, unknown))
        views = [(False, []), (False, [3]), (False, [2]), (False, [2, 3]),
                 (True, []), (True, [3]), (True, [2]), (True, [2, 3])][:max(variants, 2)]
        fillings = networks.fillings(tensor, missing, how, len(views), mask - missing, at)
        out = []
        for (turned, flipped), filled in zip(views, fillings, strict=True):
            shown, where = ((x.mT if turned else x).flip(flipped) for x in (filled, mask))
            painted = generator(shown.contiguous(), where.contiguous()).clamp(-1, 1).flip(flipped)
            out.append(painted.mT if turned else painted)
        out[0] = networks.of_two_views(*out[:2], mask, how)
        return torch.cat(out[:variants]).permute(0, 2, 3, 1).cpu().numpy() / 2 + 0.5

    return paint


def _classical(method: str, picture: np.ndarray, hole: np.ndarray, unknown: np.ndarray, variants: int,
               at: tuple[int, int]) -> np.ndarray:
    import cv2

    if method == "biharmonic":
        from skimage.restoration import inpaint_biharmonic

        return inpaint_biharmonic(np.where(unknown[..., None], 0, picture), unknown, channel_axis=-1).clip(0, 1)[None]
    way = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}[method]
    deep = (picture * 65535).round().astype(np.uint16)
    channels = [cv2.inpaint(np.ascontiguousarray(deep[..., c]), unknown.astype(np.uint8), 3, way) for c in range(3)]
    return np.stack(channels, 2).astype(np.float32)[None] / 65535


def load(weights: Path | str, device: str = "cpu") -> tuple[nn.Module, str]:
    """The generator in a file that a training wrote, ready for use, and the filling that it starts from.

    It is checked against the digest that it holds, and against the record that lies beside it, where there is one.

    Raises:
        FileNotFoundError, ValueError: one sentence that names the file.
    """
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file of weights; a training with `keep_weights: true` writes one.")
    return _load(path.resolve(), path.stat().st_mtime_ns, device)


def _of_any_size(weights: Path | str | None, device: str) -> tuple[nn.Module, str]:
    generator, fill = load(weights or WEIGHTS, device)
    if not isinstance(generator, networks.UNet):
        raise ValueError(f"{weights}: holds a context encoder, which fills pictures of one size only; expected a `unet`.")
    return generator, fill


def digest(state: dict[str, torch.Tensor], about: dict[str, str]) -> str:
    """SHA-256 of weights on the CPU, their names, types and shapes, and of what is said about them."""
    held = [[name, str(value.dtype), list(value.shape), records.sha256(value.contiguous().flatten().view(torch.uint8).numpy())]
            for name, value in sorted(state.items())]
    return records.digest([held, about])


@lru_cache(maxsize=2)
def _load(path: Path, changed: int, device: str) -> tuple[nn.Module, str]:
    from safetensors import SafetensorError, safe_open

    damaged = (f"{path}: is not as it was written: its content does not match its checksum; fetch it again (`git checkout` for "
               "the study's own), or run its training again.")
    if path.with_suffix(".json").exists():
        try:
            expected = records.read(path.with_suffix(".json"))["files"].get(path.name)
        except (records.RecordError, KeyError, AttributeError) as problem:
            raise ValueError(f"{path}: cannot be checked against the record beside it: {problem}") from None
        if expected not in (None, records.sha256(path)):
            raise ValueError(damaged)
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dictionary)
        expected = about.pop("sha256", None)
        with torch.device("meta"):  # takes no memory, whatever is described
            described = networks.described(about).state_dict()
        shapes = {name: value.shape for name, value in state.items() if not name.endswith(networks.STEP)}
        if shapes != {name: value.shape for name, value in described.items()}:
            raise ValueError("they are not of the shapes that it describes")
        whole = networks.unpacked(state)
        if not all(bool(value.isfinite().all()) for value in whole.values()):
            raise ValueError("not all of them are numbers")
        networks.fill_holes(torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16), about["fill"])  # or there is no such filling
        generator = networks.described(about)
        generator.load_state_dict(whole)
    except (SafetensorError, KeyError, OSError, RuntimeError, TypeError, ValueError) as problem:
        if str(problem) == damaged:
            raise
        said = " ".join(str(problem).split())[:200]
        raise ValueError(f"{path}: does not hold the weights of a generator of this study: {said}") from None
    if expected not in (None, digest(state, about)):
        raise ValueError(damaged)
    return generator.to(device, memory_format=torch.channels_last).requires_grad_(False).eval(), about["fill"]


def _check(pictures: torch.Tensor, masks: torch.Tensor) -> None:
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.is_floating_point():
        raise ValueError(f"pictures of shape {tuple(pictures.shape)}, {pictures.dtype}: expected (N, 3, H, W), floating point.")
    if masks.shape != (len(pictures), 1, *pictures.shape[2:]):
        raise ValueError(f"masks of shape {tuple(masks.shape)}: expected {(len(pictures), 1, *pictures.shape[2:])} "
                         "to go with the pictures.")
    holes = masks > 0
    known = pictures.masked_fill(holes.to(pictures.device), 0)
    if not bool(((known >= 0) & (known <= 1)).all()):
        raise ValueError("pictures: known values lie outside [0, 1] or are not numbers; expected RGB in [0, 1].")
    if bool(holes.flatten(1).all(1).any()):
        first = int(holes.flatten(1).all(1).nonzero()[0])
        raise ValueError(f"masks: mask {first} covers its whole picture; there is nothing to go by.")
