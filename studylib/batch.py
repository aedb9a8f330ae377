"""The study's batch, before and after Snakemake: can everything be written, and what became of the runs."""

import os
from pathlib import Path

from studylib import parameters, records
from studylib.parameters import Parameters

# The Snakefile's notes of a batch, a line for each run that is to be made, and that was begun: notebook/experiment.
PLANNED, BEGUN = Path(".snakemake") / "planned", Path(".snakemake") / "begun"


def check(profile: str) -> None:
    """Whether there is room, and permission to write, in every folder that a batch needs.

    Raises:
        StorageError: one sentence: which folder, why not, and the way out. Jupyter, papermill and Snakemake would not say.
    """
    results, notes = records.ROOT / "results" / profile, records.ROOT / ".snakemake"
    _check_others(notes, [notes, *notes.rglob("*")])
    _check_others(results, [results.parent, results, *(path for path in results.rglob("*") if path.is_dir()),
                            *results.rglob("*.ipynb")])
    records.check_room(results, 30_000_000)
    records.check_room(notes / "notes", 1_000_000)
    # What Python, which would turn elsewhere, and what it starts agree on.
    named = next((key for key in ("TMPDIR", "TEMP", "TMP") if os.environ.get(key)), "")
    folder = Path(os.environ.get(named) or "/tmp")
    if named and not folder.is_dir():
        raise records.StorageError(f"{folder}: {named} names this folder, and there is none; make it, or name another one.")
    records.check_room(folder / "temporary files", 10_000_000)
    records.check_room(records.cache_folder() / "checkpoints and caches", 100_000_000)


def _check_others(folder: Path, paths: list[Path]) -> None:
    """Raises StorageError where one of these files and folders may not be written to, as another user made it."""
    shut = next((path for path in paths if path.exists() and not os.access(path, os.W_OK)), None)
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
    """What a batch is to run, and how each of its runs ended, by the Snakefile's notes and by the records. Begins new notes.

    Args:
        experiments: (notebook, experiment) of all runs.
    """

    def __init__(self, profile: str, experiments: list[tuple[str, str]]):
        self.records = {f"{notebook}/{name}": records.ROOT / "results" / profile / notebook / f"{name}.json"
                        for notebook, name in experiments}
        self.before = {name: _state(record) for name, record in self.records.items()}
        for notes in (PLANNED, BEGUN):
            (records.ROOT / notes).unlink(missing_ok=True)

    def ended(self) -> dict[str, list[str]]:
        """The runs that "succeeded", "failed" and were "not run", as notebook/experiment."""
        # Where Snakemake did not get as far as a plan, at least what is not there was to be made.
        planned = _noted(PLANNED) or {name for name, before in self.before.items() if before is None}
        begun, ended = _noted(BEGUN), {"succeeded": [], "failed": [], "not run": []}
        for name in sorted(planned & self.records.keys()):
            made = _state(self.records[name]) not in (None, self.before[name])
            ended["succeeded" if made else "failed" if name in begun else "not run"].append(name)
        return ended

    def told(self) -> str:
        """The same in one line, those that failed by name."""
        ended = self.ended()
        counts = ", ".join(f"{len(names)} {how}" + (f" ({', '.join(names)})" if names and how == "failed" else "")
                           for how, names in ended.items())
        return f"{sum(map(len, ended.values()))} of {len(self.records)} runs were to be made: {counts}."


def _noted(notes: Path) -> set[str]:
    try:
        return set((records.ROOT / notes).read_text(encoding="utf-8").split())
    except OSError:
        return set()


def _state(record: Path) -> tuple[int, int] | None:
    """Which file lies there: each is written anew; None: none."""
    try:
        found = record.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
