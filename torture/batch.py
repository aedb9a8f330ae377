"""The study's batch, in a copy of what it needs: kernels, papermill, Snakemake, make study are killed, and it starts again."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from studylib import records
from torture.kills import LIMIT, Row, same

NOTEBOOK, INTERVAL, UPDATES = "03_gan_training", 20, 200
PROFILE = f"""profile: smoke
size: 32
train: 12
validation: 4
batch: 4
width: 8
fill: mean
test_masks: [circle]
max_updates: {UPDATES}
validate_every: {INTERVAL}
"""
# Each update that is begun is noted: seed, process, update.
NOTED = """
_step = _Run.step


def _noted(self):
    import os

    with (records.ROOT / "updates").open("a") as file:
        file.write(f"{self.asked.seed} {os.getpid()} {self.update}\\n")
    _step(self)


_Run.step = _noted
"""
# Who is killed, by a word of its command line, and how.
VICTIMS = [("kernel", "ipykernel_launcher", signal.SIGKILL), ("papermill", "studylib.kernels", signal.SIGKILL),
           ("Snakemake", "snakemake", signal.SIGKILL), ("make study", "studylib", signal.SIGKILL),
           ("Ctrl-C in the terminal", "", signal.SIGINT)]


def run(moments: int = 3, seed: int = 0) -> list[Row]:
    """Kill each of the victims at that many random moments of a batch of two runs, and start the batch again at once."""
    draw, rows = random.Random(seed), []
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        started = time.monotonic()
        reference = Batch(Path(folder))
        reference.start().wait(LIMIT)
        length, expected = time.monotonic() - started, reference.records()
        if len(expected) < 2:
            return [("a batch is killed", 0, 0, f"not even undisturbed it ends well: {reference.said()}")]
    for name, word, how in VICTIMS:
        kills, lost, wrong = 0, 0, []
        while kills < moments:
            with tempfile.TemporaryDirectory(prefix="torture-", ignore_cleanup_errors=True) as folder:
                batch = Batch(Path(folder))
                child = batch.start()
                time.sleep(draw.uniform(0.1, 0.95) * length)
                killed = batch.kill(child, word, how)
                kills += killed
                try:
                    child.wait(LIMIT)  # while it lives, another is refused; what its victims leave behind may still be at work
                    again = batch.start()
                    if again.wait(LIMIT) and killed:
                        wrong.append(f"the next start failed: {batch.said()}")
                except subprocess.TimeoutExpired:
                    wrong.append("hangs")
                if not same(batch.records(), expected):
                    wrong.append("another record")
                lost += batch.lost()
                batch.end()
        print(f"  {name}: {kills} killed, {lost} updates lost, {wrong or 'nothing'} wrong", file=sys.stderr, flush=True)
        tried = f"a batch of two runs: {name} ({how.name}), then the batch again at once"
        rows.append((tried, kills, lost, "; ".join(dict.fromkeys(wrong)) or "nothing"))
    return rows


class Batch:
    """A copy of what a batch needs, with two small runs."""

    def __init__(self, folder: Path):
        self.folder = folder / "study"
        for name in ("studylib", "Snakefile", f"notebooks/{NOTEBOOK}.ipynb"):
            copy = shutil.copytree if (records.ROOT / name).is_dir() else shutil.copy
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy(records.ROOT / name, self.folder / name)
        with (self.folder / "studylib" / "training.py").open("a") as file:
            file.write(NOTED)
        for name, text in (("profiles/smoke", PROFILE), (f"{NOTEBOOK}/one", "seed: 1\n"), (f"{NOTEBOOK}/two", "seed: 2\n")):
            (self.folder / "params" / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "params" / f"{name}.yaml").write_text(text)
        self.cache = str(self.folder / "cache")

    def start(self) -> subprocess.Popen:
        with (self.folder / "said").open("ab") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "studylib", "study", "--cores", "2"], cwd=self.folder, stdout=said, stderr=said,
                start_new_session=True, env={**os.environ, "STUDYLIB_CACHE": self.cache, "PYTHONPATH": str(self.folder)})

    def kill(self, child: subprocess.Popen, word: str, how: signal.Signals) -> bool:
        """Wait for a victim and kill it; whether there was one before the batch ended. No word: the terminal's process group."""
        while child.poll() is None:
            if not word:
                os.killpg(child.pid, how)
                return True
            victims = [process for process in self.processes() if process.cmdline()[1:3] == ["-m", word]]
            if victims:
                victims[0].send_signal(how)
                return True
            time.sleep(0.1)
        return False

    def processes(self) -> list[psutil.Process]:
        """Everything that works in this folder's cache, also what has lost its parent."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("STUDYLIB_CACHE") == self.cache and process.cmdline():
                    found.append(process)
        return found

    def records(self) -> dict:
        """What the records hold, times and hosts aside."""
        found = {}
        for file in sorted(self.folder.glob("results/smoke/*/*.json")):
            record = records.read(file)
            record["results"].pop("training_seconds")
            found[file.stem] = {name: record[name] for name in record if name not in ("seconds", "sha256", "environment")}
        return found

    def lost(self) -> int:
        """Updates that were done again beyond an interval."""
        lost, last = 0, {}
        updates = self.folder / "updates"
        for line in updates.read_text().splitlines() if updates.exists() else []:
            seed, process, update = map(int, line.split())
            if last.get(seed, (process, 0))[0] != process:
                lost += max(0, last[seed][1] - update + 1 - INTERVAL)
            last[seed] = process, update
        return lost

    def said(self) -> str:
        return " / ".join(line for line in (self.folder / "said").read_text().splitlines() if " failed: " in line)

    def end(self) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(10)
