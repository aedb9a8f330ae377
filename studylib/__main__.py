"""The study's commands: `python -m studylib study` runs it, `python -m studylib data` brings the paintings."""

import argparse
import fcntl
import shutil
import subprocess
import sys
import time
from pathlib import Path

from studylib import records


def main() -> int:
    """Parse the command line and run; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m studylib", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    study = commands.add_parser("study", help="run every experiment of a profile that is missing or stale")
    study.add_argument("--profile", default="smoke", choices=("smoke", "laptop", "paper"), help="how large (default: smoke)")
    study.add_argument("--cores", type=int, default=2, help="processor cores to use (default: 2)")
    study.add_argument("--gpu-runs", type=int, default=1, help="runs that share a GPU, where there is one (default: 1)")
    study.set_defaults(run=_study)
    fetch = commands.add_parser("data", help="bring the study's paintings from Hugging Face into a folder, resumable")
    fetch.add_argument("--folder", default=str(records.ROOT / "data"), help="where they go (default: data/)")
    fetch.set_defaults(run=_data)
    asked = parser.parse_args()
    return asked.run(asked)


def _study(asked: argparse.Namespace) -> int:
    from studylib import parameters

    file = Path("params") / "profiles" / f"{asked.profile}.yaml"
    try:
        profile = parameters.check(parameters.read(records.ROOT / file), where=str(file))
        parameters.experiments(records.ROOT, asked.profile)
    except parameters.ParameterError as problem:
        print(problem, file=sys.stderr)
        return 2
    needed = {"data_root": profile.data_root, "mask_root": profile.mask_root} if profile.source != "atelier" else {}
    for key, folder in needed.items():
        if folder and "://" not in folder and not (records.ROOT / Path(folder).expanduser()).is_dir():
            way = {"data_root": "`make data` brings the paintings, or link a folder of your own there",
                   "mask_root": "link a folder of irregular masks there, or leave it empty for procedural stand-ins"}[key]
            print(f"{file}: {key} = {folder!r}: there is no such folder; {way}.", file=sys.stderr)
            return 2
    # Snakemake's own lock outlives a killed run and must then be lifted by hand; this one ends with its process.
    lock = (records.ROOT / ".study.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another `make study` is at work in this folder; wait for it, or stop it.", file=sys.stderr)
        return 2
    started = time.monotonic()
    # Runs share a processor core by core, and a GPU as many at a time as were asked for.
    gpu = ["--resources", f"gpu={asked.gpu_runs}"] if shutil.which("nvidia-smi") else []
    command = [sys.executable, "-m", "snakemake", "--cores", str(asked.cores), *gpu, "--keep-going", "--rerun-incomplete",
               "--nolock", "--quiet", "host", "reason", "--config", f"profile={asked.profile}"]
    status = subprocess.run(command, cwd=records.ROOT).returncode
    folder = Path("results") / asked.profile
    write_up = records.ROOT / folder / "06_write_up" / "write_up.json"
    if status:
        print("Not every run succeeded (see above); the write-up makes do with the records that are there.", file=sys.stderr)
        made_do = subprocess.run([*command, "make_do=1", "--", str(write_up.relative_to(records.ROOT))], cwd=records.ROOT)
    if write_up.exists() and not (status and made_do.returncode):
        for verdict in records.read(write_up)["results"]["claims"]:
            print(f"{verdict['claim']:4s} {verdict['verdict']:28s} {verdict['question']}\n{'':4s} {verdict['numbers']}")
    print(f"\nThe executed notebooks are in {folder}/, the write-up is {folder}/06_write_up/write_up.ipynb "
          f"({time.monotonic() - started:.0f} s).")
    return status


def _data(asked: argparse.Namespace) -> int:
    from studylib import data

    try:
        data.fetch(Path(asked.folder))
    except data.DataError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
