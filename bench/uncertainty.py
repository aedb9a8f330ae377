"""What the uncertainty's constants, and the distance beyond which a fill is a guess, were found by: made losses in paintings.

    python -m bench.uncertainty fit [--pictures FOLDER] [--quick]       constants, coverage on other pictures, coverage.png
    python -m bench.uncertainty distance [--pictures FOLDER] [--quick]  where a fill stops to beat the mean colour of the ring
"""

import argparse
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from studylib import figures, filling, intervals, masks, palette, records, scans, uncertainty

FOLDER = records.ROOT.parent / "shared" / "data" / "native"
KINDS = {"wide strokes": ("irregular", (0.1, 0.4)), "circles": ("circle", (0.02, 0.15)), "boxes": ("box", (0.02, 0.2)),
         "cracks": ("cracks", None)}
EDGES = (0, 2, 5, 10, 20, 40, 1e9)  # distances to the paint, pixels
SHARES = (0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.10, 0.13, 0.16, 0.20, 0.28)  # of the short side


def paintings(folder: Path, count: int | None = None) -> dict[str, np.ndarray]:
    """{name: (H, W, C)} of the pictures that have no mask of real damage: of others the truth is not known."""
    found = [path for path in sorted(folder.glob("*.jpg")) if not path.with_name(f"{path.stem}_mask.png").exists()]
    if not found:
        raise SystemExit(f"{folder}: holds no pictures; expected paintings as JPEG.")
    return {path.stem: scans.read(path).colours for path in found[:count]}


def kinds_of(folder: Path) -> dict[str, str]:
    """{name: kind of picture}, where SOURCES.md in the folder has a table of them that begins with both."""
    said = (folder / "SOURCES.md").read_text(encoding="utf-8") if (folder / "SOURCES.md").is_file() else ""
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", said, re.M))


def model(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The fills that the uncertainty is fitted for: (variants, holes, C)."""
    return filling.fill(picture, hole, method="model", variants=8)


def losses(pictures: dict[str, np.ndarray], fill: Callable, side: int = 512, seed: int = 0) -> list[dict]:
    """Errors in levels and what foretells them, of a loss of every kind in a square of each picture.

    Args:
        fill: (picture, hole) -> (variants, holes, C) in [0, 1].
    """
    found = []
    for number, (name, picture) in enumerate(pictures.items()):
        rng = np.random.default_rng([seed, number])
        top, left = (int(rng.integers(0, max(1, length - side + 1))) for length in picture.shape[:2])
        square = picture[top:top + side, left:left + side]
        for kind, (family, ratio) in KINDS.items():
            mask = masks.sample(family, 1, side, seed=seed + number, hole=ratio)[0, 0].numpy() > 0
            hole = mask[:square.shape[0], :square.shape[1]]
            fills = fill(square, hole)
            errors = 255 * np.abs(fills[0] - square[hole] / np.iinfo(square.dtype).max).mean(1)
            told = uncertainty.features(fills, hole, square)
            found.append({"picture": name, "kind": kind, "errors": errors, "distance": distances(hole)[hole], "features": told})
        print(f"{name}: {len(KINDS)} losses filled", flush=True)
    return found


def distances(hole: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)


def coverage(found: list[dict], constants: dict, use: str, kinds: dict[str, str]) -> dict[str, dict[str, list[float]]]:
    """How often the 80 % band holds: {panel: {group: a share for each picture}}."""
    out = {"all": {"": []}, "picture": {}, "loss": {}, "distance to paint (pixels)": {}}
    for name in sorted({loss["picture"] for loss in found}):
        own = [loss for loss in found if loss["picture"] == name]
        held = [loss["errors"] <= uncertainty.foretold(loss["features"], constants[use]["band"]) for loss in own]
        out["all"][""].append(float(np.mean([part.mean() for part in held])))
        out["picture"].setdefault(kinds.get(name, "other"), []).append(out["all"][""][-1])
        for loss, part in zip(own, held, strict=True):
            out["loss"].setdefault(loss["kind"], []).append(float(part.mean()))
        way, part = np.concatenate([loss["distance"] for loss in own]), np.concatenate(held)
        for low, high in pairwise(EDGES):
            if (inside := (way > low) & (way <= high)).sum() >= 50:
                group = f"{low} to {high}" if high < 1e9 else f"above {low}"
                out["distance to paint (pixels)"].setdefault(group, []).append(float(part[inside].mean()))
    return out


def fit(folder: Path, quick: bool, out: Path) -> None:
    found = losses(paintings(folder, 6 if quick else None), model, 256 if quick else 512)
    names = sorted({loss["picture"] for loss in found})
    halves = [[loss for loss in found if names.index(loss["picture"]) % 2 == half] for half in (0, 1)]
    held = {}
    for here, other in (halves, halves[::-1]):
        constants = uncertainty.fit([(loss["features"], loss["errors"]) for loss in here])
        print(f"fitted on {len(here)} losses: {constants}")
        for use in constants:
            for panel, groups in coverage(other, constants, use, kinds_of(folder)).items():
                for group, shares in groups.items():
                    held.setdefault(use, {}).setdefault(panel, {}).setdefault(group, []).extend(shares)
    for use, panels in held.items():
        print(f"held by the 80 % band of the other half's pictures, {use}:")
        for panel, groups in panels.items():
            for group, shares in groups.items():
                print("  {} {}: {:.3f} [{:.3f}, {:.3f}] of {}".format(panel, group, *intervals.interval(shares), len(shares)))
    print("of all: CONSTANTS =", uncertainty.fit([(loss["features"], loss["errors"]) for loss in found]))
    figures.style()
    uncertainty.coverage_plot(held["spread"]).savefig(out, dpi=90)


def distance(folder: Path, quick: bool) -> None:
    """Gains in dB over the mean colour of the ring (0.04 of the short side wide), by the distance from the paint."""
    import cv2

    gains = {method: {} for method in ("biharmonic", "model")}
    for number, picture in enumerate(paintings(folder, 6 if quick else None).values()):
        scale, rng = 448 / min(picture.shape[:2]), np.random.default_rng(number)
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = picture.reshape(*picture.shape[:2], -1)
        height, width = picture.shape[:2]
        errors = {}
        for radius in np.repeat([27, 54, 90, 125], 1 if quick else 2):
            y, x = rng.uniform(radius, height - radius), rng.uniform(radius, width - radius)
            hole = (np.arange(height)[:, None] - y)**2 + (np.arange(width)[None] - x)**2 < radius**2
            truth, group = picture[hole] / 255, np.digitize(distances(hole)[hole] / 448, SHARES)
            fills = {method: filling.fill(picture, hole, method=method)[0] for method in gains}
            fills["ring"] = palette.surroundings(picture, hole, reach=18).mean(0)
            for method, values in fills.items():
                squared = ((values - truth)**2).mean(1)
                for here in np.unique(group):
                    errors.setdefault((method, int(here)), []).append(squared[group == here].mean())
        for method in gains:
            for here in range(1, len(SHARES)):
                if (method, here) in errors:
                    gain = 10 * np.log10(np.mean(errors["ring", here]) / np.mean(errors[method, here]))
                    gains[method].setdefault(here, []).append(float(gain))
    for method, groups in gains.items():
        for here, values in groups.items():
            mean, low, high = intervals.interval(values)
            print(f"{method} {SHARES[here - 1]:.2f} to {SHARES[here]:.2f}: {mean:+.2f} dB [{low:+.2f}, {high:+.2f}]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fit", "distance"])
    parser.add_argument("--pictures", type=Path, default=FOLDER)
    parser.add_argument("--quick", action="store_true", help="six pictures only, and small ones")
    parser.add_argument("--out", type=Path, default=Path("coverage.png"))
    asked = parser.parse_args()
    fit(asked.pictures, asked.quick, asked.out) if asked.what == "fit" else distance(asked.pictures, asked.quick)
