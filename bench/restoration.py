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

import numpy as np
from joblib import Parallel, delayed
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


def main(folder: str = "data/native", count: str = "0") -> None:
    began = time.monotonic()
    methods = [*CLASSICAL, *(name for name in trial.methods() if name not in CLASSICAL)]
    found = run(records.ROOT / folder, methods, int(count))
    print(native.table(found))
    path = records.ROOT / "results" / "bench" / "restoration.json"
    made = {"what": "made losses at native size", "families": found, "seconds": round(time.monotonic() - began),
            **records.environment("cpu")}
    records.write_atomic(path, (json.dumps(made, indent=None, separators=(",", ":")) + "\n").encode())
    print(f"\nWritten to {path.relative_to(records.ROOT)}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
