"""Trained weights: read from a file, checked, and used to fill holes.

    from studylib.restoration import inpaint
    composites = inpaint(pictures, masks)

The weights in the repository fill any mask in a picture of any size; nothing is downloaded.
"""

from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from studylib import networks, records

WEIGHTS = records.ROOT / "results" / "paper" / "03_gan_training" / "any_mask_128_adversarial.safetensors"


_TOGETHER = 2**20  # pixels that go through the network at once


def inpaint(pictures: torch.Tensor, masks: torch.Tensor, weights: Path | str | None = None, device: str = "cpu") -> torch.Tensor:
    """Fill the holes of pictures; known pixels come back bit for bit.

    The network sees each picture twice, as it is and mirrored (`networks.of_two_views`), and whole: memory grows with H times W,
    and of holes beyond its reach, some 80 pixels across, the middle is a guess. `filling.fill` goes by tiles and scales.

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
    generator, fill = any_size(weights, device)
    holes = (masks > 0).to(pictures.device)
    out = pictures.clone()
    together = max(1, _TOGETHER // max(1, pictures.shape[-1] * pictures.shape[-2]))
    for first in range(0, len(pictures), together):
        part = slice(first, first + together)
        picture = pictures[part].to(device, torch.float32).masked_fill(holes[part].to(device), 0) * 2 - 1
        filled = networks.inpainter(generator, fill, flips=True)(picture, holes[part].to(device, torch.float32))
        out[part] = torch.where(holes[part], ((filled + 1) / 2).to(pictures), out[part])
    return out


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


def any_size(weights: Path | str | None, device: str) -> tuple[nn.Module, str]:
    """As `load`, the study's own where weights is None; ValueError where they fill pictures of one size only."""
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
