"""`make bench`: what the study's training costs, beside the floor, the original's loop, a plain version and a plain U-Net.

Every comparison alternates the two sides within one run; medians and ranges are of at least five repeats, the warm-up left
out. Writes results/bench/<device>.json.
"""

import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from bench import designs, floor, rivals
from studylib import masks, parameters, records, training

REPEATS = 5
WARM = training._WARM + 2  # steps after which a GPU replays a graph
PROFILE, RECIPE, PUBLISHED = (records.ROOT / "params" / name for name in (
    "profiles/laptop.yaml", "03_gan_training/any_mask.yaml", "03_gan_training/fixed_mask.yaml"))


def asked_for(experiment: Path, size: int, batch: int, **overlay) -> parameters.Parameters:
    values = {**parameters.read(PROFILE), **parameters.read(experiment), "mask_root": "", "size": size, "batch": batch, **overlay}
    return parameters.check(values)


def run_of(asked: parameters.Parameters) -> training._Run:
    """A run on coloured noise: what a step costs does not depend on the pictures."""
    noise = torch.randint(0, 256, (2 * asked.batch, 3, asked.size, asked.size), dtype=torch.uint8)
    return training._Run(asked, noise, noise[:2], "")


def weights_of(run: training._Run) -> int:
    return sum(weight.numel() for network in (run.generator, run.judges) for weight in network.parameters())


def summary(values: list[float]) -> dict:
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "repeats": len(values)}


def ratio(slow: list[float], fast: list[float]) -> dict:
    """Of the repeats taken beside each other."""
    return summary([a / b for a, b in zip(slow, fast, strict=True)])


def alternate(tasks: list, device: str, repeats: int = REPEATS, warm_up: int = 2) -> list[list[float]]:
    """Seconds of each task's repeats, one after the other in turn."""
    rounds = [[floor.seconds(task, device, 1, 0)[0] for task in tasks] for _ in range(warm_up + repeats)]
    return [list(column) for column in zip(*rounds[warm_up:], strict=True)]


def mask_rates() -> dict:
    """Our Perlin masks beside a loop of `noise.pnoise2` over the pixels: milliseconds a mask, both on one thread."""
    import noise

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = {}
    for size in (128, 256):
        def loop(size=size):
            values = [[noise.pnoise2(2 * x / size, 2 * y / size, octaves=5, persistence=0.4) for x in range(size)]
                      for y in range(size)]
            low, high = min(map(min, values)), max(map(max, values))
            return torch.tensor([[(value - low) / (high - low) > 0.8 for value in row] for row in values])

        slow, fast = alternate([loop, lambda size=size: masks.sample("perlin", 64, size, seed=0)], "cpu", 2 * REPEATS)
        fast = [value / 64 for value in fast]
        found[size] = {"loop": summary(slow), "ours": summary(fast), "ratio": ratio(slow, fast)}
    torch.set_num_threads(threads)
    return found


def step_costs(device: str) -> list[dict]:
    """Floor, measured step and plain step of both generators at three sizes; the machine's rates just before each."""
    found = []
    for size in (64, 128, 256):
        batch = 64 if device == "cuda" else {64: 64, 128: 32, 256: 8}[size]
        for name, experiment in (("context encoder", PUBLISHED), ("the study's", RECIPE)):
            run = run_of(asked_for(experiment, size, batch, device=device))
            plain = run_of(asked_for(experiment, size, batch, device=device, precision="fp32", layout="contiguous"))
            measured = floor.rates(device)
            for _ in range(WARM if device == "cuda" else 0):
                run.step()
            # A GPU prepares many updates at once: only so many together cost what an update costs.
            steps = training._AHEAD if device == "cuda" else 1
            ours, theirs, drawn = ([value / steps for value in values] for values in alternate([
                lambda run=run, n=steps: [run.step() for _ in range(n)],
                lambda plain=plain, n=steps: [rivals.plain_step(plain) for _ in range(n)],
                lambda run=run, n=steps: [(run.truth(run.update), training.training_masks(
                    run.asked, run.asked.batch, run.update * run.asked.batch, run.device)) for _ in range(n)]], device))
            run.graphed = False
            ledger = floor.of_step(run.step, weights_of(run), measured)
            found.append({
                "generator": name, "size": size, "batch": batch, "precision": str(run.dtype).removeprefix("torch."),
                "operations": ledger.operations, "bytes": ledger.bytes, "floor": ledger.floor,
                "step": summary(ours), "over_floor": summary([value / ledger.floor for value in ours]),
                "plain": summary(theirs), "ratio": ratio(theirs, ours),
                "batch_share": summary([a / b for a, b in zip(drawn, ours, strict=True)])})
            print(f"  {name}, {size} pixels, {batch} a step: floor {ledger.floor:.3f} s, {said(found[-1]['step'], 's')}, "
                  f"plain {said(found[-1]['plain'], 's')}", flush=True)
            del run, plain
    return found


def against_the_original(device: str) -> list[dict]:
    """Pictures a second of the original's loop and of ours: same network, same batch, a step per batch."""
    found = []
    for size in (64, 128):
        with tempfile.TemporaryDirectory() as scratch:
            files = rivals.jpegs(records.ROOT / parameters.read(PROFILE)["data_root"], Path(scratch))
            loop = rivals.original_loop(files, size, 64, device)
            run = run_of(asked_for(PUBLISHED, size, 64, device=device))
            # The loaders are uneven: both sides take several steps at a time.
            steps = 10 if device == "cuda" else 3
            slow, fast = alternate([lambda loop=loop, n=steps: [next(loop) for _ in range(n)],
                                    lambda run=run, n=steps: [run.step() for _ in range(n)]], device)
            loop.close()
        found.append({"size": size, "original": summary([64 * steps / value for value in slow]),
                      "ours": summary([64 * steps / value for value in fast]), "ratio": ratio(slow, fast)})
        print(f"  original's loop at {size} pixels: {said(found[-1]['original'], 'pictures/s')}; ours "
              f"{said(found[-1]['ours'], 'pictures/s')}", flush=True)
    return found


def to_teleas_quality(device: str, limit: float) -> dict:
    """Seconds until unseen Perlin masks are filled as well as Telea does, of the study's generator and pix2pix's U-Net.

    The plain U-Net gets the better of its settings in docs/designs.md. One that does not get there within the limit counts
    with the limit, so its ratio is a lower bound.
    """
    course = designs.Course(device)
    contestants = {"ours": designs.DESIGNS[designs.OURS], "pix2pix": designs.DESIGNS[designs.PLAIN]}
    taken = {name: [] for name in contestants}
    for seed in range(REPEATS):
        for name, (lr, make) in contestants.items():
            outcome = course.race(make, lr, limit=limit, seed=seed, until="Telea", every=1.0)
            taken[name].append(outcome["reached"]["Telea"] or limit)
        print(f"  to Telea's mark, seed {seed}: ours {taken['ours'][-1]:.1f} s, pix2pix {taken['pix2pix'][-1]:.1f} s", flush=True)
    return {"pictures": course.source, "marks": course.marks, "limit": limit, "ours": summary(taken["ours"]),
            "pix2pix": summary(taken["pix2pix"]), "never": sum(value >= limit for value in taken["pix2pix"]),
            "ratio": ratio(taken["pix2pix"], taken["ours"])}


def memory(device: str) -> dict:
    """GB at the most in a process of its own that trains a few steps, writes a checkpoint and validates."""
    found = {}
    for name, experiment in (("context encoder", PUBLISHED), ("the study's", RECIPE)):
        size = 128 if device == "cuda" else 64
        code = ("import bench.__main__ as b, pathlib, sys, torch\n"
                f"run = b.run_of(b.asked_for(pathlib.Path({str(experiment)!r}), {size}, 64, device={device!r}))\n"
                f"[run.step() for _ in range({WARM if device == 'cuda' else 3})]\n"
                "run.validate(); run.save(); run.path.unlink()\n"
                # The peak that a process reports of itself by way of `resource` may be that of the one that started it.
                "peak = [line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0]\n"
                "print(torch.cuda.max_memory_reserved() / 1e9 if run.device == 'cuda' else int(peak) * 1024 / 1e9)")
        said = subprocess.run([sys.executable, "-c", code], cwd=records.ROOT, capture_output=True, text=True, check=True)
        found[name] = float(said.stdout.split()[-1])
    return found


def starts() -> dict:
    """Seconds until a training notebook may compute: its imports, and the paintings from the cache."""
    code = ("import time; t = time.perf_counter()\n"
            "from studylib import baselines, data, figures, metrics, parameters, records, training\n"
            "imports = time.perf_counter() - t; t = time.perf_counter()\n"
            f"data.curate(source={designs.Course('cpu').asked.source!r}, data_root='data', size=64)\n"
            "print(imports, time.perf_counter() - t)")
    timed = [subprocess.run([sys.executable, "-c", code], cwd=records.ROOT, capture_output=True, text=True, check=True)
             for _ in range(REPEATS + 1)]
    imports, read = zip(*(map(float, run.stdout.split()[-2:]) for run in timed[1:]), strict=True)
    return {"imports": summary(imports), "data": summary(read)}


def said(value: dict, unit: str = "") -> str:
    """A median and its range."""
    digits = 1 if value["median"] >= 10 else 2 if value["median"] >= 1 else 3
    median, low, high = (f"{value[name]:.{digits}f}" for name in ("median", "low", "high"))
    return f"{median} [{low}, {high}]" + (f" {unit}" if unit else "")


def table(found: dict) -> str:
    """The comparison as Markdown."""
    cpu = found["device"] == "cpu"
    rows = [("", "measured", "target")]
    for size, row in found["masks"].items():
        rows.append((f"Perlin masks at {size} pixels against the per-pixel loop, one thread each",
                     f"{said(row['ratio'])} times "
                     f"({1000 * row['ours']['median']:.3f} against {1000 * row['loop']['median']:.1f} ms)",
                     "100 times"))
    for row in found["original"]:
        rows.append((f"the original's loop, {row['size']} pixels, pictures a second",
                     f"{said(row['ratio'])} times ({row['ours']['median']:.0f} against {row['original']['median']:.0f})",
                     "1.2 times" if cpu else "10 times"))
    for row in found["steps"]:
        if row["generator"] == "the study's":
            rows.append((f"a plain float32 version of the study's own networks, {row['size']} pixels",
                         f"{said(row['ratio'])} times ({row['step']['median']:.3f} against {row['plain']['median']:.3f} s)",
                         "1.3 times" if cpu else "2.5 times"))
    for row in found["steps"]:
        rows.append((f"the floor: {row['generator']}, {row['size']} pixels, {row['batch']} a step",
                     f"{said(row['over_floor'])} times the floor ({row['step']['median']:.3f} against {row['floor']:.3f} s)",
                     "within 2 times" if cpu else "within 3 times"))
    race = found["telea"]
    rows.append(("a plain U-Net (pix2pix), seconds to Telea's quality",
                 f"{said(race['ratio'])} times ({race['ours']['median']:.1f} against {race['pix2pix']['median']:.1f} s"
                 + (f"; {race['never']} of {race['pix2pix']['repeats']} stopped at {race['limit']:.0f} s short of it)"
                    if race["never"] else ")"), "2 times"))
    rows.append(("masks, order and mirroring in a step of the study's generator",
                 ", ".join(f"{100 * row['batch_share']['median']:.1f} % at {row['size']}" for row in found["steps"]
                           if row["generator"] == "the study's"), "no target" if cpu else "2 %"))
    rows.append(("memory, GB", ", ".join(f"{name} {value:.2f}" for name, value in found["memory"].items()),
                 "laptop profile: 3" if cpu else "paper profile: 16"))
    rows.append(("start of a notebook: imports, paintings from the cache",
                 f"{said(found['starts']['imports'], 's')}, {said(found['starts']['data'], 's')}", "paintings: 1 s"))
    head, *body = ("| " + " | ".join(row) + " |" for row in rows)
    return "\n".join([head, "|---|---|---|", *body])


def machine(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {torch.get_num_threads()} threads"


def main(limit: float = 90.0) -> None:
    device = training.device_of(parameters.check({}))
    began = time.perf_counter()
    training._hold_memory()  # for both sides of every comparison
    measured = floor.rates(device)
    print(f"{machine(device)}, torch {torch.__version__}; " + ", ".join(
        f"{key} {value / 1e9:.0f} GB/s" if key == "copy" else f"{key[0]} {str(key[1])[6:]} {value / 1e9:.0f} GFLOP/s"
        for key, value in measured.items()), flush=True)
    found = {"device": device, "machine": machine(device), "torch": torch.__version__,
             "rates": {key if key == "copy" else f"{key[0]} {str(key[1])[6:]}": value for key, value in measured.items()},
             "masks": mask_rates(), "steps": step_costs(device), "original": against_the_original(device),
             "memory": memory(device), "starts": starts(), "telea": to_teleas_quality(device, limit)}
    found["seconds"] = time.perf_counter() - began
    name = "".join(letter if letter.isalnum() else "-" for letter in found["machine"].lower()).replace("--", "-")
    path = records.ROOT / "results" / "bench" / f"{name}.json"
    records.write_atomic(path, (json.dumps(found, indent=1) + "\n").encode())
    print(f"\n{table(found)}\n\n{found['machine']}, torch {found['torch']}; medians and ranges of at least {REPEATS} repeats; "
          f"{found['seconds'] / 60:.0f} minutes; written to {path.relative_to(records.ROOT)}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
