"""The test at native size: made losses in large pictures, each method's fill beside the truth.

    python -m bench.restoration [FOLDER [COUNT]]

FOLDER holds pictures (data/native); those that are damaged themselves are passed over. COUNT of them are taken, spread over
the alphabet; 0: all. What is done stays done in the cache: begun again, it goes on. Prints the table, writes
results/bench/restoration.json.
"""

import inspect
import json
import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from joblib import Parallel, delayed
from PIL import Image
from tqdm import tqdm

from studylib import classical, filling, native, networks, patches, records, restoration, scans, tones, trial

CLASSICAL = ("telea", "ns", "biharmonic")
_MEASURES = ("psnr", "lpips", "lightness", "chroma", "seconds")


def pictures(folder: Path) -> list[Path]:
    """The pictures of a folder that have no mask of damage of their own and are not said to be damaged (SOURCES.md)."""
    said = (folder / "SOURCES.md").read_text() if (folder / "SOURCES.md").exists() else ""
    damaged = {line.split("`")[1] for line in said.splitlines() if line.startswith("| `") and "| real " in line}
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".jpg", ".png", ".tif"))
    return [path for path in files if not path.stem.endswith("_mask") and path.stem not in damaged
            and not path.with_name(f"{path.stem}_mask.png").exists()]


def case(path: Path, family: str, method: str, number: int) -> dict:
    """One fill and what it is worth; from the cache where the same was done before."""
    modules = {"model": (filling, patches, networks, tones), "network": (filling, networks, tones), "patchmatch": ()}
    code = [inspect.getsource(module) for module in modules.get(method, (classical,))]
    held = records.sha256(restoration.WEIGHTS) if method in ("model", "network") else None
    key = records.digest([records.sha256(path), inspect.getsource(native), family, method, number, code, held])
    kept = records.cache_folder() / "native" / f"{key[:32]}.json"
    if (value := records.read_cache(kept)) is not None:
        return value
    picture = scans.read(path).colours[..., :3]
    hole = native.made_losses(family, *picture.shape[:2], seed=number)
    began = time.perf_counter()
    values = filling.fill(picture, hole, method=method)[0]
    seconds = time.perf_counter() - began
    filled = picture.copy()
    filled[hole] = (values.clip(0, 1) * 255).round().astype(np.uint8)
    filled, truth = (part.repeat(3, 2) if part.shape[2] == 1 else part for part in (filled, picture))
    lightness, chroma = native.texture(filled, hole)
    value = {"psnr": native.hole_psnr(filled, truth, hole), "lpips": native.crop_lpips(filled, truth, hole),
             "lightness": lightness, "chroma": chroma, "seconds": seconds, "hole": float(hole.mean()),
             "most_chroma": int(np.ptp(filled[hole], axis=1).max()), "most_chroma_known": int(np.ptp(truth[~hole], axis=1).max())}
    value = {name: None if isinstance(number, float) and np.isnan(number) else round(number, 4) for name, number in value.items()}
    records.write_cache(kept, value)
    return value


def run(folder: Path, methods: list[str], count: int = 0) -> dict:
    """{family: {method: {picture: values}}} of every picture under every family's loss."""
    found = list(enumerate(pictures(folder)))
    found = (found[::2] + found[1::2])[:count or None]
    if not found:
        raise SystemExit(f"{folder}: holds no undamaged pictures; expected paintings at native size (see docs/restoring.md).")
    order = [(family, method, path, number) for number, path in found for method in methods for family in native.FAMILIES]
    tasks = (delayed(case)(path, family, method, number) for family, method, path, number in order)
    values = tqdm(Parallel(os.cpu_count(), return_as="generator")(tasks), total=len(order), unit="fill")
    out: dict = {family: {method: {} for method in methods} for family in native.FAMILIES}
    for (family, method, path, _), value in zip(order, values, strict=True):
        out[family][method][path.stem] = value
    return out


def sheet(folder: Path, found: dict, path: Path, shown: tuple[str, str] = ("dunhuang-buddha", "strokes")) -> None:
    """A mural and, below it, the two fills that gain least over the best classical method: damaged, filled, and the truth."""
    gained = []
    for family, of in found.items():
        for name, value in of["model"].items():
            psnr = max(of[method][name]["psnr"] for method in CLASSICAL)
            lpips = min(of[method][name]["lpips"] for method in CLASSICAL)
            gained.append((value["psnr"] - psnr + np.log(lpips / value["lpips"]) / np.log(1 / 0.8), name, family))
    worst = {name: (name, family) for _, name, family in sorted(gained, reverse=True)}  # of each picture its worst
    order = [worst[name] for name in dict.fromkeys(name for _, name, _ in sorted(gained))]
    numbers = {file.stem: (number, file) for number, file in enumerate(pictures(folder))}
    rows = []
    for name, family in [*([shown] if shown[0] in numbers else []), *order[:2]]:
        number, file = numbers[name]
        picture = scans.read(file).colours
        picture = picture.repeat(3, 2) if picture.shape[2] == 1 else picture
        hole = native.made_losses(family, *picture.shape[:2], seed=number)
        damaged, filled = picture.copy(), picture.copy()
        damaged[hole] = 255
        filled[hole] = (filling.fill(picture, hole)[0].clip(0, 1) * 255).round().astype(np.uint8)
        side = min(hole.shape)
        top, left = (hole.shape[0] - side) // 2, (hole.shape[1] - side) // 2
        parts = [cv2.resize(part[top:top + side, left:left + side], (460, 460), interpolation=cv2.INTER_AREA)
                 for part in (damaged, filled, picture)]
        rows.append(np.hstack([np.pad(part, ((0, 6), (0, 6), (0, 0)), constant_values=255) for part in parts]))
    Image.fromarray(np.vstack(rows)).save(path, quality=85)


def main(folder: str = "data/native", count: str = "0") -> None:
    began = time.monotonic()
    methods = [*CLASSICAL, *(name for name in trial.methods() if name not in CLASSICAL)]
    found = run(records.ROOT / folder, methods, int(count))
    print(native.table(found))
    path = records.ROOT / "results" / "bench" / "restoration.json"
    picture = records.ROOT / "docs" / "native.jpg"
    sheet(records.ROOT / folder, found, picture)
    made = {"files": {"docs/native.jpg": records.sha256(picture)}, "what": "made losses at native size", "families": found,
            "seconds": round(time.monotonic() - began), **records.environment("cpu")}
    records.write_atomic(path, (json.dumps(made, indent=None, separators=(",", ":")) + "\n").encode())
    print(f"\nWritten to {path.relative_to(records.ROOT)}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
