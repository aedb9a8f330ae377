"""The test at native size: made losses in large pictures, and how well each method fills them.

At 128 pixels a network may paint what a scan of a painting does not have: speckle, brushwork of thumbnails. Here pictures stay as
large as they come, losses are as wide as a conservator's, and beside PSNR and LPIPS the fill's fine texture is measured.
"""

from __future__ import annotations

import numpy as np

FAMILIES = ("irregular", "strokes", "circle", "box", "cracks")

TEXTURE = {"lightness": (0.7, 1.3), "chroma": (0.6, 1.2)}  # of a fill relative to its surroundings: what passes for alike
_CROP = 256  # side of the crops on which LPIPS is measured, pixels


def made_losses(family: str, height: int, width: int, seed: int) -> np.ndarray:
    """A made loss for a picture of any size: (height, width) bool, a function of its arguments alone.

    irregular: noise above a level, 10 to 40 % of the picture; strokes: wide brush strokes, 10 to 40 %; circle and box: four to
    eight of 60 to 250 pixels across; cracks: the borders of bent cells, 3 to 6 pixels wide.

    Raises:
        ValueError: another family.
    """
    if family not in FAMILIES:
        raise ValueError(f"family {family!r}: expected one of {', '.join(FAMILIES)}.")
    rng = np.random.default_rng([seed, FAMILIES.index(family)])
    return {"irregular": _irregular, "strokes": _strokes, "circle": _circles, "box": _boxes, "cracks": _cracks}[family](
        rng, height, width)


def _noise(rng: np.random.Generator, height: int, width: int, cells: tuple[int, ...], persistence: float) -> np.ndarray:
    """Smooth noise of several octaves, with so many cells along the shorter side."""
    import cv2

    total, short = np.zeros((height, width), np.float32), min(height, width)
    for octave, count in enumerate(cells):
        lattice = rng.standard_normal((-(-count * height // short) + 3, -(-count * width // short) + 3)).astype(np.float32)
        step = short / count
        y, x = (np.arange(side, dtype=np.float32) / step + 1 for side in (height, width))
        total += persistence**octave * cv2.remap(lattice, *np.meshgrid(x, y), cv2.INTER_CUBIC)
    return total


def _irregular(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    noise = _noise(rng, height, width, (4, 8, 16, 32), 0.55)
    return noise > np.quantile(noise, 1 - rng.uniform(0.1, 0.4))


def _strokes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    import cv2

    hole, share = np.zeros((height, width), np.uint8), rng.uniform(0.1, 0.35)
    short = min(height, width)
    while hole.mean() < share:
        at, heading = rng.uniform(0, 1, 2) * (width, height), rng.uniform(0, 2 * np.pi)
        thick = int(short * rng.uniform(0.05, 0.12))
        for _ in range(rng.integers(2, 5)):
            heading += rng.uniform(-1.2, 1.2)
            to = at + short * rng.uniform(0.1, 0.25) * np.array([np.cos(heading), np.sin(heading)])
            cv2.line(hole, tuple(map(int, at)), tuple(map(int, to)), 1, thick)
            at = to
    return hole > 0


def _circles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    hole = np.zeros((height, width), bool)
    for _ in range(rng.integers(4, 9)):
        radius = rng.uniform(30, 125)
        hole |= (y - rng.uniform(0, height)) ** 2 + (x - rng.uniform(0, width)) ** 2 < radius**2
    return hole


def _boxes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), bool)
    for _ in range(rng.integers(4, 9)):
        tall, wide = rng.integers(60, 251, 2)
        top, left = rng.integers(0, max(1, height - tall)), rng.integers(0, max(1, width - wide))
        hole[top:top + tall, left:left + wide] = True
    return hole


def _cracks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    import cv2
    from scipy.spatial import cKDTree

    cell = min(height, width) / rng.uniform(4, 7)
    bend = [0.1 * cell * _noise(rng, height, width, (12, 24, 48), 0.6) for _ in range(2)]
    y, x = (grid + shift for grid, shift in zip(np.mgrid[:height, :width], bend, strict=True))
    rows, columns = np.mgrid[-2:height / cell + 2, -2:width / cell + 2]
    seeds = (np.stack([rows.ravel(), columns.ravel()], 1) + rng.uniform(0, 1, (rows.size, 2))) * cell
    _, nearest = cKDTree(seeds).query(np.stack([y.ravel(), x.ravel()], 1), k=2)
    labels = nearest[:, 0].reshape(height, width)
    lines = np.zeros((height, width), bool)
    lines[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    lines[1:] |= labels[1:] != labels[:-1]
    distance = cv2.distanceTransform((~lines).astype(np.uint8), cv2.DIST_L2, 5)
    half = 1 + 1.5 * np.clip(0.5 + 0.4 * _noise(rng, height, width, (4, 8), 0.5), 0, 1)  # 3 to 6 pixels wide
    return distance <= half


def crops(hole: np.ndarray, most: int = 12) -> list[tuple[slice, slice]]:
    """Squares of 256 pixels (smaller where the picture is) around the holes, those with the most hole first."""
    from studylib import damage

    return damage.close_ups(hole, most, _CROP)


def hole_psnr(restored: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    """PSNR over the hole's pixels, dB, of (H, W, 3) uint8 pictures."""
    error = (restored[hole].astype(np.float64) - truth[hole]) / 255
    return float(-10 * np.log10(max(float((error**2).mean()), 1e-10)))


def crop_lpips(restored: np.ndarray, truth: np.ndarray, hole: np.ndarray) -> float:
    """Mean LPIPS (AlexNet) over the crops around the holes, of (H, W, 3) uint8 pictures."""
    import torch

    from studylib import metrics

    def tensor(picture: np.ndarray) -> torch.Tensor:
        return torch.stack([torch.from_numpy(np.ascontiguousarray(picture[part])) for part in crops(hole)]).permute(
            0, 3, 1, 2).float() / 127.5 - 1

    return float(metrics.lpips(tensor(restored), tensor(truth)).mean())


def texture(restored: np.ndarray, hole: np.ndarray, sigma: float = 2.5, ring: int = 24) -> tuple[float, float]:
    """The fill's fine texture relative to that of a ring around it, for lightness and for chroma (CIELAB).

    Fine is what a Gaussian of `sigma` pixels takes away; the ratio is one of root mean squares. 1: alike; a blurred fill has
    lightness far below 1, coloured speckle has chroma far above. NaN where hole or ring has fewer than 50 pixels.
    """
    import cv2

    lab = cv2.cvtColor(restored.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    fine = lab - cv2.GaussianBlur(lab, (0, 0), sigma)
    inner_border = np.ones((5, 5), np.uint8)
    shape = hole.astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * ring + 1,) * 2)
    around = (cv2.dilate(shape, disc) > 0) & ~(cv2.dilate(shape, inner_border) > 0)
    inner = cv2.erode(shape, inner_border, borderValue=1) > 0
    if inner.sum() < 50 or around.sum() < 50:
        return float("nan"), float("nan")

    def energy(channels: list[int], where: np.ndarray) -> float:
        return float(np.sqrt((fine[..., channels][where] ** 2).mean()))

    return (energy([0], inner) / max(energy([0], around), 1e-3), energy([1, 2], inner) / max(energy([1, 2], around), 0.05))


def gains(found: dict, method: str = "model") -> list[dict]:
    """For each family, and for all together, what `method` gains over the best classical method and over the patch method.

    The best is that of the best mean, for each of the two measures by itself. All together, a picture counts once, by its mean
    over the families.

    Args:
        found: {family: {method: {picture: {"psnr", "lpips", "lightness", "chroma"}}}}.

    Returns:
        A dictionary a family: "family", "pictures", the method's means, "psnr_RIVAL" and "lpips_RIVAL" for the rivals
        "classical", "patchmatch" and "network": a name and its mean, low and high, in dB and as a share of the rival's LPIPS
        (negative: lower); and "lightness_within" and "chroma_within": how many fills are textured like their surroundings, and
        of how many.
    """
    rows = [_gain(family, of, method) for family, of in found.items()]
    whole = _gain("all", _over_families(found), method)
    for measure in TEXTURE:
        whole[f"{measure}_within"] = [sum(row[f"{measure}_within"][place] for row in rows) for place in (0, 1)]
    return [*rows, whole]


def _gain(family: str, of: dict, method: str) -> dict:
    """A row of `gains`, of one family."""
    from studylib import intervals

    names = sorted(of[method])
    column = {name: {measure: np.array([of[name][picture][measure] for picture in names], float)
                     for measure in ("psnr", "lpips", *TEXTURE)} for name in of}
    row = {"family": family, "pictures": len(names), **{measure: float(np.nanmean(values))
                                                        for measure, values in column[method].items()}}
    classical = [name for name in ("telea", "ns", "biharmonic") if name in of]
    rivals = {"psnr": max(classical, key=lambda name: column[name]["psnr"].mean(), default=None),
              "lpips": min(classical, key=lambda name: column[name]["lpips"].mean(), default=None)}
    for rival in ("classical", "patchmatch", "network"):
        for measure in ("psnr", "lpips"):
            name = rivals[measure] if rival == "classical" else rival
            if name in of and name != method:
                apart = column[method][measure] - column[name][measure]
                scale = 1 if measure == "psnr" else float(column[name][measure].mean())
                row[f"{measure}_{rival}"] = name, *(value / scale for value in intervals.interval(apart))
    for measure, (low, high) in TEXTURE.items():
        # A picture without colour has no texture of chroma, nor has its fill.
        own = [of[method][picture][measure] for picture in names
               if measure == "lightness" or of[method][picture].get("most_chroma_known", 1)]
        own = np.array(own, float)
        row[f"{measure}_within"] = [int(((own >= low) & (own <= high)).sum()), int(np.isfinite(own).sum())]
    return row


def _over_families(found: dict) -> dict:
    """{method: {picture: its means over the families}}."""
    out: dict = {}
    for method in next(iter(found.values())):
        for picture in next(iter(found.values()))[method]:
            values = [of[method][picture] for of in found.values()]
            means = {name: np.array([one[name] for one in values], float) for name in ("psnr", "lpips", *TEXTURE)}
            out.setdefault(method, {})[picture] = {
                name: float(np.nanmean(part)) if np.isfinite(part).any() else float("nan") for name, part in means.items()}
    return out


def table(found: dict, method: str = "model") -> str:
    """The gains as a Markdown table; without the method, each method's means."""
    if method not in next(iter(found.values())):
        lines = ["| family | method | hole PSNR, dB | LPIPS | fine lightness | fine chroma |", "|---|---|---|---|---|---|"]
        for family, of in found.items():
            for name, values in of.items():
                means = [np.nanmean([float("nan") if one[measure] is None else one[measure] for one in values.values()])
                         for measure in ("psnr", "lpips", "lightness", "chroma")]
                lines.append(f"| {family} | {name} | {means[0]:.2f} | {means[1]:.4f} | {means[2]:.2f} | {means[3]:.2f} |")
        return "\n".join(lines)
    lines = ["| losses | against the best classical: PSNR, dB | LPIPS | against PatchMatch: PSNR, dB | LPIPS "
             "| fine lightness, chroma |",
             "|---|---|---|---|---|---|"]
    for row in gains(found, method):
        cells = []
        for rival in ("classical", "patchmatch"):
            for measure in ("psnr", "lpips"):
                name, mean, low, high = row.get(f"{measure}_{rival}", ("", np.nan, np.nan, np.nan))
                by = f" ({name})" if rival == "classical" else ""
                cells.append(f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]{by}" if measure == "psnr"
                             else f"{100 * mean:+.0f} % [{100 * low:+.0f}, {100 * high:+.0f}]{by}")
        lines.append(f"| {row['family']} ({row['pictures']}) | {' | '.join(cells)} | {row['lightness']:.2f}, "
                     f"{row['chroma']:.2f} |")
    return "\n".join(lines)
