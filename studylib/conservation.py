"""One painting, from its photograph and a mask to what a conservator can judge: recognisable, reversible, confined to the loss.

Beside the restored picture come the fill alone, as a layer; a tratteggio, which shows from nearby what is not original (Brandi
1963; the Istituto Centrale del Restauro's fine upright lines); a map of where the fill is uncertain; and an account in JSON.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from studylib import claims, damage, intervals, mask_files, masks, records, restoration, scans
from studylib.inputs import check_out, pairs  # noqa: F401
from studylib.scans import Scan, ScanError

_RECORD = restoration.WEIGHTS.with_suffix(".json")


def tratteggio(values: np.ndarray, hole: np.ndarray, *, width: float = 2.0, length: float = 12.0, angle: float = 0.0,
               strength: float = 0.06, seed: int = 0) -> np.ndarray:
    """A fill as fine strokes of purer hues, which blend into the fill's own colours at a distance.

    Every three neighbouring strokes lean towards red, green and blue (towards light, dark and neither, in grey) by amounts
    that add up to nothing; a stroke has the mean colour of what it covers.

    Args:
        values: (holes, C) in [0, 1], the fill, row by row.
        hole: (H, W) bool.
        width, length: of a stroke, pixels.
        angle: degrees from upright, clockwise.
        strength: how far a stroke leans, in parts of the range; less where the colour is near black or white.

    Returns:
        (holes, C) in [0, 1].
    """
    y, x = (part.astype(np.float64) for part in np.nonzero(hole))
    turn = np.deg2rad(angle)
    across, along = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    stroke = np.floor(across / width).astype(np.int64)
    stroke -= stroke.min(initial=0)
    shift = np.random.default_rng(seed).random(int(stroke.max(initial=0)) + 1) * length
    segment = np.floor((along + shift[stroke]) / length).astype(np.int64)
    _, which = np.unique(np.stack([stroke, segment]), axis=1, return_inverse=True)
    which = which.reshape(-1)
    count = np.bincount(which)
    colour = np.stack([np.bincount(which, channel) / count for channel in values.T.astype(np.float64)], 1)[which]
    lean = np.eye(3) * 1.5 - 0.5 if values.shape[1] > 1 else np.array([[1.0], [-1.0], [0.0]])
    lean = np.pad(lean, ((0, 0), (0, max(0, values.shape[1] - 3))))[stroke % 3]
    room = np.minimum(colour, 1 - colour).min(1, keepdims=True)
    return (colour + np.minimum(strength, room) * lean).clip(0, 1).astype(np.float32)


def uncertainty(fills: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Which of a hole's pixels are likelier to be wrong: the fills' standard deviation times the root of the way to the known.

    It orders pixels and is no error in itself. On the study's validation pictures the product orders the true errors better
    than either factor alone.

    Args:
        fills: (variants, holes, C) in [0, 1], of two variants or more.
        hole: (H, W) bool.

    Returns:
        (holes,) float32, in parts of the range times the root of a pixel.
    """
    import cv2

    way = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)[hole]
    return fills.std(0).mean(1) * np.sqrt(way)


def orders(picture: np.ndarray, hole: np.ndarray, fills: np.ndarray) -> dict[str, float]:
    """How well the uncertainty, and each of its factors, orders the true errors of a hole: Spearman's rank correlation.

    Args:
        picture: (H, W, C) uint8 or uint16, the truth.
        fills: (variants, holes, C), as `restoration.restore` gives them.
    """
    import cv2

    errors = np.abs(fills[0] - picture[hole] / np.iinfo(picture.dtype).max).mean(1)
    ways = {"uncertainty": uncertainty(fills, hole), "spread": fills.std(0).mean(1),
            "distance": cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)[hole]}
    return {name: intervals.rank_correlation(values, errors) for name, values in ways.items()}


def trial(picture: np.ndarray, hole: np.ndarray, weights: Path | None = None) -> dict[str, list[float]]:
    """What each method makes of losses like these: the hole, mirrored three ways, is cut out where the painting is whole.

    Args:
        picture: (H, W, C) uint8 or uint16; hole: (H, W) bool.

    Returns:
        {method: PSNR in dB over the pixels that only the mirrored hole takes away, one a mirroring that takes and leaves some}.

    Raises:
        ValueError: no mirroring does.
    """
    found = {name: [] for name in claims.METHODS}
    cuts = [(mirrored, hole | mirrored) for mirrored in (hole[:, ::-1], hole[::-1], hole[::-1, ::-1])]
    cuts = [(mirrored, cut) for mirrored, cut in cuts if not cut.all() and (cut & ~hole).any()]
    if not cuts:
        raise ValueError("the hole and its mirror images are one, or cover the picture; there is nothing to try methods on.")
    for mirrored, cut in cuts:
        truth, new = picture[cut] / np.iinfo(picture.dtype).max, (mirrored & ~hole)[cut]
        for name, method in claims.METHODS.items():
            filled = restoration.restore(picture, cut, method=method, weights=weights)[0]
            found[name].append(float(-10 * np.log10(((filled - truth)[new]**2).mean())))
    return found


def seams(picture: np.ndarray, hole: np.ndarray, tile: int = 128, weights: Path | None = None) -> dict[str, float]:
    """Does filling in tiles show? The fill in tiles beside the fill at once.

    Returns:
        {"difference": mean absolute difference of the two in parts of the range, "across_borders": steps from pixel to
        pixel across the borders of tiles, relative to the same steps of the fill at once, "elsewhere": the others}.
    """
    whole, tiled = (restoration.restore(picture, hole, weights=weights, tile=side)[0] for side in (max(hole.shape), tile))
    steps = []
    for values in (tiled, whole):
        drawn = picture / np.float32(np.iinfo(picture.dtype).max)
        drawn[hole] = values
        steps.append([np.abs(np.diff(drawn, axis=axis)).mean(2) for axis in (0, 1)])
    ratios = []
    for border in (True, False):
        means = [[], []]
        for axis, inside in ((0, hole[1:] | hole[:-1]), (1, hole[:, 1:] | hole[:, :-1])):
            line = np.arange(1, hole.shape[axis]) % tile == 0
            where = inside & ((line if border else ~line)[:, None] if axis == 0 else (line if border else ~line))
            for mean, found in zip(means, steps, strict=True):
                mean.append(found[axis][where])
        tiled_steps, whole_steps = (np.concatenate(mean) for mean in means)
        ratios.append(float(tiled_steps.mean() / whole_steps.mean()) if whole_steps.size else 1.0)
    return {"difference": float(np.abs(tiled - whole).mean()), "across_borders": ratios[0], "elsewhere": ratios[1]}


def choose(hole: np.ndarray, weights: Path | None = None) -> tuple[str, str]:
    """The method for a mask, and why: what the record beside the weights, or the study's own, says of masks like it.

    Thin holes (nine tenths of their pixels within 3 pixels of the border) are judged by the study's cracks, others by its
    irregular masks of the same hole ratio.
    """
    import cv2

    path = weights.with_suffix(".json") if weights else _RECORD
    try:
        record = records.read(path)
    except records.RecordError:
        return "model", f"there is no record of how good these weights are ({path.name})"
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)[hole]
    thin = np.mean(depth <= 3) > 0.9
    family = "craquelure" if thin else "irregular"
    rows = claims.in_buckets(record, ((0.0, 1.0),) if thin else masks.BUCKETS)
    rows = [row for row in rows if row[0] == family]
    if not rows:
        return "model", "the study has no numbers for such holes"
    row = min(rows, key=lambda row: abs((row[1] + row[2]) / 2 - hole.mean()))
    _, low, high, count, best, gain, least, most = row
    said = (f"on {count} {'cracked' if thin else 'irregularly damaged'} pictures of the study, "
            + (f"{100 * low:.0f} to {100 * high:.0f} % hole, " if not thin else "")
            + f"the model's hole PSNR is {gain:+.2f} dB [{least:+.2f}, {most:+.2f}] from the best classical method's ({best})")
    return ("model" if gain > 0 or best not in claims.METHODS else claims.METHODS[best]), said


def restore(painting: Path, out: Path, *, mask: Path | None, holes: str = "auto", yes: bool = False, grown: int = 0,
            method: str = "auto", weights: Path | None = None, device: str = "cpu", variants: int = 0, stroke: float = 2.0,
            angle: float = 0.0, progress: Callable[[float], None] | None = None,
            say: Callable[[str], None] = print) -> list[Path]:
    """Restore one painting and write everything that belongs to it into the folder `out`; the account is written last.

    Args:
        mask: the mask of the damage. holes, yes: as `mask_files.read` has them.
        grown: pixels by which the mask is widened.
        method: "auto", "model", "telea", "ns" or "biharmonic".
        variants: fills that are compared; 0: 8, or 4 of more than 20 million pixels.
        stroke, angle: of the tratteggio, pixels and degrees.
        say: is told how things were understood.

    Returns:
        The files written.

    Raises:
        ScanError, ValueError, FileNotFoundError: in one sentence; nothing has been written then, but the preview of a mask that
            can be read in more than one way.
    """
    scan = scans.read(painting)
    found = mask_files.read_beside(painting, mask, scan, out, holes, yes)
    hole, said = found.hole, found.sentence
    say(f"{said}; {found.preview} shows it, for that is not certain" if found.preview else said)
    hole = damage.grow(hole, grown)
    if hole.all():
        raise ScanError(f"{mask}: widened by {grown} pixels it covers the whole picture; there is nothing to restore from.")
    why = "as asked"
    if method == "auto":
        method, why = choose(hole, weights)
        say(f"{painting}: method {method}: {why}")
    variants = (variants or (8 if hole.size <= 20e6 else 4)) if method == "model" else 1
    fills = restoration.restore(scan.colours, hole, method=method, weights=weights, device=device, variants=variants,
                                progress=progress)
    values = fills[0]  # the others only show where they differ: a mean of all is no better
    ending = ".tif" if scan.mode == "CMYK" or painting.suffix.lower() in (".tif", ".tiff") else ".png"
    drawn = {
        f"restored{ending}": _with(scan, hole, values),
        f"tratteggio{ending}": _with(scan, hole, tratteggio(values, hole, width=stroke, angle=angle)),
        f"fill{ending}": _layer(scan, hole, values),
    }
    unsure = uncertainty(fills, hole) if variants > 1 else None
    if unsure is not None:
        drawn["uncertainty.png"] = _map(scan, hole, unsure)
    files = {}
    for name, picture in drawn.items():
        path = out / f"{painting.stem}_{name}"
        scans.write(picture, path)
        files[path.name] = records.sha256(path)
    account = {
        "painting": painting.name, "painting_sha256": records.sha256(painting), "mask": str(mask.name),
        "mask_sha256": records.sha256(mask), "mask_read_as": said.removeprefix(f"{mask}: "), "grown_pixels": grown,
        "hole_ratio": round(float(hole.mean()), 6), "size": list(scan.pixels.shape[1::-1]), "method": method, "why": why,
        "weights_sha256": records.sha256(Path(weights or restoration.WEIGHTS)) if method == "model" else None,
        "variants": variants, "tratteggio": {"width": stroke, "angle": angle},
        "uncertainty": None if unsure is None else {
            "what": "standard deviation over fills of the picture as it is, mirrored and turned, times the root of the distance "
                    "to the known in pixels; it orders pixels and is no error in itself", "white_is": _white(unsure)},
        "outside_the_mask": "not one value was changed", "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **records.environment(device), "files": files}
    if unsure is None:  # an older one would be taken for this one's
        (out / f"{painting.stem}_uncertainty.png").unlink(missing_ok=True)
    path = out / f"{painting.stem}_restoration.json"
    records.write_atomic(path, (json.dumps(account, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    return [*(out / name for name in files), path]


def _with(scan: Scan, hole: np.ndarray, values: np.ndarray) -> Scan:
    """The picture with other values in its holes; an alpha channel stays."""
    pixels = scan.pixels.copy()
    pixels[hole, :values.shape[1]] = (values.clip(0, 1) * scan.depth).round().astype(pixels.dtype)
    return scan.like(pixels, scan.mode)


def _layer(scan: Scan, hole: np.ndarray, values: np.ndarray) -> Scan:
    """The fill alone: transparent where the picture is known. A CMYK picture's layer is opaque, white where it is known."""
    channels = values.shape[1]
    mode = {1: "LA", 3: "RGBA", 4: "CMYK"}[channels]
    if scan.pixels.dtype == np.uint16 and mode == "LA":
        mode, values, channels = "RGBA", values.repeat(3, 1), 3
    pixels = np.zeros((*hole.shape, channels + (mode != "CMYK")), scan.pixels.dtype)
    pixels[hole, :channels] = (values.clip(0, 1) * scan.depth).round().astype(pixels.dtype)
    if mode != "CMYK":
        pixels[hole, -1] = scan.depth
    layer = scan.like(pixels, mode)
    if mode == "RGBA" and scan.mode in ("L", "LA"):
        layer.icc = None  # a grey picture's profile says nothing of colours
    return layer


def _map(scan: Scan, hole: np.ndarray, unsure: np.ndarray) -> Scan:
    pixels = np.zeros((*hole.shape, 1), np.uint8)
    pixels[hole, 0] = (unsure / _white(unsure) * 255).clip(0, 255).round().astype(np.uint8)
    return Scan(pixels, "L", None, scan.exif, scan.dpi, scan.orientation)


def _white(unsure: np.ndarray) -> float:
    """What white stands for in the map: the 99th percentile, in parts of the range."""
    return max(float(np.percentile(unsure, 99)), 1e-6) if unsure.size else 1e-6
