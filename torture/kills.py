"""Small trainings in processes of their own: killed, stopped, doubled; what they end with is compared bit by bit."""

import contextlib
import itertools
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from tqdm import tqdm

from studylib import atelier, baselines, metrics, parameters, records, training

Row = tuple[str, int, int, str]  # what was tried, how often, how much was lost, what went wrong

INTERVAL = 3  # updates between two checkpoints
LIMIT = 600  # seconds after which a training hangs
ASKED = {"size": 32, "width": 8, "batch": 4, "max_updates": 12, "validate_every": INTERVAL, "lr": 1e-3, "fill": "mean",
         "discriminator": "patch", "norm": "batch", "ema": 0.9, "schedule": "cosine", "augment": "mirror", "device": "cpu"}
# Where a checkpoint's write may be cut: before and after each call, and in the middle of the content.
_CUTS = [*itertools.product((("tempfile", "mkstemp"), ("", "_seal"), ("os", "fsync"), ("os", "chmod"), ("os", "replace")),
                            ("before", "after")), (("", "content"), "in the middle of")]


def run(kills: int = 60, seed: int = 0) -> list[Row]:
    """All trials of this file; `kills` is how many random moments a training is killed at."""
    draw = random.Random(seed)
    return [at_random(kills, draw), while_writing(2 if kills > 10 else 1), asked_to_stop(max(2, kills // 3), draw),
            twice(max(1, kills // 6), draw), beside(max(1, kills // 12))]


def at_random(count: int, draw: random.Random) -> Row:
    """SIGKILL at random moments, several in one training's life."""
    trial, length = Trial(), reference()[1]
    kills = 0
    while kills < count:
        with trial.case() as case:
            for _ in range(6):
                child = case.start()
                if case.ended_within(child, draw.uniform(0, 1.2 * length)) or kills == count:
                    break
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                kills += 1
            case.finish()
    return trial.row("a training is killed at a random moment (SIGKILL)", kills)


def while_writing(checkpoints: int) -> Row:
    """SIGKILL before, after and within every step of a checkpoint's write."""
    trial, kills = Trial(), 0
    for nth, (place, when) in itertools.product(range(checkpoints), _CUTS):
        with trial.case(f"{when} {place[1]}, checkpoint {nth + 1}") as case:
            child = case.start(lambda place=place, when=when, nth=nth: _cut(place, when, nth))
            case.check(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, "was not killed")
            kills += 1
            case.finish()
    return trial.row("a training is killed while it writes a checkpoint, at each step of that", kills)


def asked_to_stop(count: int, draw: random.Random) -> Row:
    """SIGTERM and Ctrl-C: the checkpoint comes first, so that nothing at all is done again."""
    trial, length = Trial(), reference()[1]
    for number in range(count):
        asked = (signal.SIGTERM, signal.SIGINT)[number % 2]
        with trial.case(asked.name) as case:
            child = case.start()
            while not case.updates() and not case.ended_within(child, 0.01):
                pass
            case.ended_within(child, draw.uniform(0, 0.8 * length))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, asked)
            case.ended_within(child, LIMIT)
            begun = case.updates()[-1][-1]
            if begun < ASKED["max_updates"] - 1:
                case.check(f"Stopped at update {begun + 1} of {ASKED['max_updates']}" in case.said(), "did not say how to go on")
                case.finish()
                case.check(case.updates()[-1][0] == begun + 1, "did an update again")
            else:
                case.finish()
    return trial.row("a training is asked to stop (SIGTERM, Ctrl-C): checkpoint first, nothing done again", count)


def twice(count: int, draw: random.Random) -> Row:
    """The same training started twice: the work is done once; where the first is killed, the second takes over."""
    trial, length = Trial(), reference()[1]
    for number in range(count):
        with trial.case("kill the first" if number % 2 else "both live") as case:
            first = case.start()
            second = case.start()
            if number % 2 and not case.ended_within(first, draw.uniform(0.2, 0.8) * length):
                os.kill(first, signal.SIGKILL)
                os.waitpid(first, 0)
            for child in (first, second):
                case.check(case.ended_within(child, LIMIT), "hangs")
            if number % 2 == 0:
                done = sorted(itertools.chain(*case.updates()))
                case.check(done == list(range(ASKED["max_updates"])), "updates were done twice or not at all")
                case.check("is at it" in case.said(), "the second did not say who is at it")
            case.finish()
    return trial.row("the same training is started twice at once; every second time the one at work is killed", count)


def beside(count: int) -> Row:
    """Other trainings beside and before it, in the same cache: each gives what it gives alone."""
    trial = Trial()
    for _ in range(count):
        with trial.case() as case:
            children = [case.start(), *(case.start(log=False, seed=seed) for seed in (1, 2))]
            for child in children:
                case.check(case.ended_within(child, LIMIT), "hangs")
            case.finish()
            case.cache = case.folder / "another"
            child = case.start(lambda case=case: _train(case.cache, seed=3), log=False)
            case.check(case.ended_within(child, LIMIT), "hangs")
    return trial.row("a training beside others in one cache, again in another folder, and after another in its process", count)


class Trial:
    """Cases of one kind: how much was lost in them, and what went wrong."""

    def __init__(self):
        self.lost, self.wrong = 0, []

    @contextlib.contextmanager
    def case(self, name: str = ""):
        with tempfile.TemporaryDirectory(prefix="torture-") as folder:
            case = Case(Path(folder))
            try:
                yield case
                case.compare()
            except Exception as problem:
                case.wrong.append(repr(problem))
            case.end()
            self.lost += case.lost
            self.wrong += [f"{name}: {sentence}" if name else sentence for sentence in case.wrong]

    def row(self, tried: str, times: int) -> Row:
        return tried, times, self.lost, "; ".join(dict.fromkeys(self.wrong)) or "nothing"


class Case:
    """One cache folder and the trainings that are started in it, all the same unless told otherwise."""

    def __init__(self, folder: Path):
        self.folder, self.cache, self.children, self.wrong, self.lost = folder, folder / "cache", [], [], 0

    def start(self, before: Callable[[], object] | None = None, log: bool = True, **more) -> int:
        """Fork a child that trains; its process id."""
        number = len(self.children)

        def work() -> None:
            os.environ["STUDYLIB_CACHE"] = str(self.cache)
            if before:
                before()
            found = _train(self.cache, self.folder / f"updates-{number}" if log else None, **more)
            if not more:
                records.write_atomic(self.folder / f"outcome-{number}", lambda file: torch.save(found, file))

        self.children.append(fork(work, self.folder / "said"))
        return self.children[-1]

    def ended_within(self, child: int, seconds: float) -> bool:
        """Wait that long for a child, or until it ends; it may have been waited for before."""
        until = time.monotonic() + seconds
        while True:
            try:
                if os.waitpid(child, os.WNOHANG)[0]:
                    return True
            except ChildProcessError:
                return True
            if time.monotonic() > until:
                return False
            time.sleep(0.002)

    def updates(self) -> list[list[int]]:
        """The updates that each start began, in order; starts that began none are left out."""
        files = [self.folder / f"updates-{number}" for number in range(len(self.children))]
        return [[int(line) for line in file.read_text().split()] for file in files if file.exists() and file.stat().st_size]

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def finish(self) -> None:
        """Start once more and let it end."""
        child = self.start()
        self.check(self.ended_within(child, LIMIT), "hangs")

    def check(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.wrong.append(sentence)

    def compare(self) -> None:
        """Hold what every start that ended has made to the reference, and what was done again to an interval."""
        expected = reference()[0]
        outcomes = sorted(self.folder.glob("outcome-*"))
        self.check(bool(outcomes), f"no start ended well: {self.said()[-300:]}")
        for file in outcomes:
            made = torch.load(file, weights_only=True)
            self.wrong += [f"another {name}" for name in expected if not same(made[name], expected[name])]
        for one, next_one in itertools.pairwise(self.updates()):
            again = one[-1] - next_one[0] + 1
            if again > INTERVAL:
                self.lost += again - INTERVAL
        left = [file.name for file in self.cache.glob("checkpoints/*") if file.suffix != ".pt"]
        self.check(not left, f"left {', '.join(left)}")

    def end(self) -> None:
        for child in self.children:
            if not self.ended_within(child, 0):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def fork(work: Callable[[], object], said: Path) -> int:
    """Work in a forked process, whose output goes to the file `said`; its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        with said.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


@lru_cache(maxsize=1)
def reference() -> tuple[dict, float]:
    """What a training that nobody disturbs ends with, and its seconds."""
    tqdm.monitor_interval = 0  # a thread, which a fork would leave behind
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        _train(Path(folder), max_updates=1)  # what is loaded once is loaded before the forks
        started = time.monotonic()
        child = fork(lambda: torch.save(_train(Path(folder)), f"{folder}/outcome"), Path(folder) / "said")
        os.waitpid(child, 0)
        return torch.load(f"{folder}/outcome", weights_only=True), time.monotonic() - started


def same(one, two) -> bool:
    """Equal bit by bit, types and all."""
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    return one == two


@lru_cache(maxsize=1)
def _pictures() -> torch.Tensor:
    return torch.from_numpy(atelier.paint("scenes", 14, 32, seed=3)).permute(0, 3, 1, 2).contiguous()


def _train(cache: Path, log: Path | None = None, **more) -> dict:
    """Train in a cache folder, note in `log` each update that is begun; all that came out."""
    asked = parameters.check({**ASKED, **more})
    step = training._Run.step

    def noted(self):
        if log:
            with log.open("a") as file:
                file.write(f"{self.update}\n")
        step(self)

    training._Run.step = noted
    try:
        os.environ["STUDYLIB_CACHE"] = str(cache)
        trained = training.train(asked, _pictures()[:10], _pictures()[10:])
        with records.unsealed(training._checkpoint(asked, "")) as file:
            kept = torch.load(file, weights_only=True)
    finally:
        training._Run.step = step
    truth = _pictures()[10:].float() / 127.5 - 1
    holes = training.evaluation_masks(asked, "perlin", 4)
    scored = metrics.evaluate({"model": trained.inpaint, "mean": baselines.mean_colour}, truth, holes, ("psnr", "l1"))
    return {"weights": trained.generator.state_dict(), "curves": trained.curves(), "metrics": scored,
            "checkpoint": {name: value for name, value in kept.items() if name != "seconds"}}


def _cut(place: tuple[str, str], when: str, nth: int) -> None:
    """Have this process killed at the nth checkpoint: before or after a call, or with half of the content written."""
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    calls = itertools.count()
    if place[1] == "content":
        save = torch.save

        def half(state, file):
            if next(calls) == nth:
                file.write(os.urandom(100_000))
                file.flush()
                die()
            save(state, file)

        torch.save = half
        return
    owner = getattr(records, place[0]) if place[0] else records
    call = getattr(owner, place[1])

    def cut(*arguments, **more):
        mine = next(calls) == nth
        if mine and when == "before":
            die()
        made = call(*arguments, **more)
        if mine and when == "after":
            die()
        return made

    setattr(owner, place[1], cut)
