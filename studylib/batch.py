"""The study's batch, before and after Snakemake: can everything be written, what is to run, and what became of it."""

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

from studylib import parameters, records
from studylib.parameters import Parameters

BEGUN = Path(".snakemake") / "begun"  # a line for each run that was begun: notebook/experiment; the Snakefile writes it


def check(profile: str) -> None:
    """Whether there is room, and permission to write, in every folder that a batch needs.

    Raises:
        StorageError: one sentence: which folder, why not, and the way out. Jupyter, papermill and Snakemake would not say.
    """
    results, notes = records.ROOT / "results" / profile, records.ROOT / ".snakemake"
    records.check_room(results, 30_000_000)
    records.check_room(notes / "notes", 1_000_000)
    _check_others(notes, [*notes.rglob("*")])
    _check_others(results, [path for path in results.rglob("*") if path.is_dir() or path.suffix == ".ipynb"])
    named = os.environ.get("TMPDIR")
    if named and not Path(named).is_dir():
        raise records.StorageError(f"{named}: TMPDIR names this folder, and there is none; make it, or name another one.")
    # Where TMPDIR is full, Python would turn to /tmp, but not everything that is started.
    records.check_room(Path(named or tempfile.gettempdir()) / "temporary files", 10_000_000)
    records.check_room(records.cache_folder() / "checkpoints and caches", 100_000_000)


def _check_others(folder: Path, paths: list[Path]) -> None:
    """Raises StorageError where one of these files and folders in a folder may not be written to, as another user made it."""
    shut = next((path for path in (folder, *paths) if path.exists() and not os.access(path, os.W_OK)), None)
    if shut:
        raise records.StorageError(f"{shut}: may not be written to (it belongs to {_owner(shut)}), and the study writes in "
                                   f"{folder}; allow it, or run the study in a clone of your own.")


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return f"user {path.stat().st_uid}"


def check_masks(profile: Parameters, experiments: list[tuple[str, str]]) -> None:
    """Read the profile's folder of masks once for each family that an experiment draws from it.

    Raises:
        FileNotFoundError, ValueError: one sentence: the folder does not hold such masks, or not one that can be used.
    """
    if not profile.mask_root:
        return
    from studylib import masks

    asked = [parameters.read(records.ROOT / "params" / notebook / f"{name}.yaml") for notebook, name in experiments]
    drawn = {family for values in [profile.model_dump(), *asked] for key in ("train_masks", "test_masks")
             for family in values.get(key, [])}
    for family in sorted(drawn & {"irregular", "craquelure"}):
        masks.sample(family, 1, 32, seed=0, folder=records.ROOT / Path(profile.mask_root).expanduser())


class Tally:
    """What a batch is to run, and how each of its runs ended, by Snakemake's plan, what was begun and the records.

    Args:
        command: Snakemake's.

    Raises:
        RuntimeError: Snakemake cannot plan it, and what it says to that.
    """

    def __init__(self, command: list[str]):
        done = subprocess.run([*command, "--summary"], cwd=records.ROOT, capture_output=True, text=True, errors="replace")
        if done.returncode:
            said = done.stderr.strip() or "no word"
            raise RuntimeError(f"Snakemake cannot plan the study: {said.splitlines()[-1] if 'Traceback' in said else said}")
        rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
        self.records = [row[0] for row in rows if row[0].endswith(".json")]
        self.before = {row[0]: _state(row[0]) for row in rows if row[0] in self.records and row[-1] != "no update"}
        (records.ROOT / BEGUN).unlink(missing_ok=True)

    def ended(self) -> dict[str, list[str]]:
        """The runs that "succeeded", "failed" and were "not run", as notebook/experiment."""
        begun = set()
        with contextlib.suppress(OSError):
            begun = set((records.ROOT / BEGUN).read_text().split())
        ended: dict[str, list[str]] = {"succeeded": [], "failed": [], "not run": []}
        for record, before in self.before.items():
            name = "/".join(Path(record).with_suffix("").parts[-2:])
            made = _state(record) not in (None, before)
            ended["succeeded" if made else "failed" if name in begun else "not run"].append(name)
        return ended

    def told(self) -> str:
        """The same in one line, those that failed by name."""
        ended = self.ended()
        counts = ", ".join(f"{len(names)} {how}" + (f" ({', '.join(names)})" if names and how == "failed" else "")
                           for how, names in ended.items())
        return f"{len(self.before)} of {len(self.records)} runs were to be made: {counts}."


def _state(record: str) -> tuple[int, int] | None:
    """Which file lies there: each is written anew; None: none."""
    try:
        found = (records.ROOT / record).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
