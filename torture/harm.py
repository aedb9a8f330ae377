"""Files that are damaged, disks that are full and folders that may not be written to."""

import contextlib
import errno
import io
import itertools
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from studylib import baselines, data, metrics, networks, parameters, records, restoration, training
from torture import kills
from torture.kills import Row, Trial, fork


def run(harms: int = 60, seed: int = 0) -> list[Row]:
    """All trials of this file; each kind of file is damaged in `harms` ways."""
    rows = [damaged(name, harms, random.Random(seed)) for name in KINDS]
    rows.append(file_limit())
    # In a mount name space of its own a user may have a small disk.
    apart = ["unshare", "-rm", sys.executable, "-m", "torture.harm"]
    done = subprocess.run(apart, capture_output=True, text=True, cwd=records.ROOT) if small_disks() else None
    if done and done.returncode == 0:
        return rows + [tuple(row) for row in json.loads(done.stdout.splitlines()[-1])]
    why = done.stderr[-300:] if done else "not permitted here (unshare, mount)"
    return [*rows, ("a full disk, a read-only disk", 0, 0, why)]


def small_disks() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", folder]
        return subprocess.run(mount, capture_output=True).returncode == 0


def damaged(kind: str, count: int, draw: random.Random) -> Row:
    """Damage one kind of file: what is read must be what was written, or nothing, which must be said with the file's name."""
    wrong = []
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        os.environ["STUDYLIB_CACHE"] = folder
        file, read = KINDS[kind](Path(folder))
        expected, whole = read(), file.read_bytes()
        for _, harm in zip(range(count), itertools.cycle(HARMS)):
            file.write_bytes(harm(whole, draw))
            with contextlib.redirect_stderr(io.StringIO()) as said:
                try:
                    found = read()
                except (records.RecordError, ValueError) as problem:
                    found = None
                    said.write(str(problem))
            named = file.stem in said.getvalue()
            if found is None and not named:
                wrong.append(f"{harm.__name__}: refused without its name")
            if found is not None and not kills.same(found, expected):
                wrong.append(f"{harm.__name__}: used")
    return f"{kind}: bytes flipped, zeroed, cut, added", count, 0, "; ".join(dict.fromkeys(wrong)) or "nothing"


def flipped(whole: bytes, draw: random.Random) -> bytes:
    spoiled = bytearray(whole)
    spoiled[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
    return bytes(spoiled)


def cut(whole: bytes, draw: random.Random) -> bytes:
    return whole[:draw.choice([1, len(whole) - 1, draw.randrange(len(whole))])]


def emptied(whole: bytes, draw: random.Random) -> bytes:
    return b""


def zeroed(whole: bytes, draw: random.Random) -> bytes:
    """A page that never reached the disk."""
    place = draw.randrange(len(whole)) // 4096 * 4096
    return whole[:place] + bytes(len(whole[place:place + 4096])) + whole[place + 4096:]


def longer(whole: bytes, draw: random.Random) -> bytes:
    return whole + draw.randbytes(draw.randrange(1, 100))


HARMS = (flipped, cut, flipped, zeroed, flipped, longer, flipped, emptied)


def _checkpoint(folder: Path) -> tuple[Path, Callable]:
    """Read by the very start of a training; the one update more that a whole one needs is not made."""
    asked = parameters.check({**kills.ASKED, "max_updates": 1})
    training.train(asked, kills._pictures()[:10], kills._pictures()[10:])

    def read():
        run = training._Run(asked, kills._pictures()[:10], kills._pictures()[10:], "")
        run.resume()
        return run.generator.state_dict() if run.update else None

    return training._checkpoint(asked, ""), read


def _record(folder: Path) -> tuple[Path, Callable]:
    file = folder / "run.json"
    records.write(file, notebook="n", parameters={"seed": 1}, results={"psnr": [18.25, None, 1e-3] * 40}, seconds=1)
    return file, lambda: records.read(file)


def _pictures(ending: str) -> Callable:
    def made(folder: Path) -> tuple[Path, Callable]:
        data._save("key", {"train": torch.arange(3000, dtype=torch.uint8).view(10, 3, 10, 10)}, {"names": ["a"] * 99, "found": 1})

        def read():
            kept = data._load("key")
            return kept and [kept[0], kept[1]]

        return folder / "pictures" / f"key.{ending}", read
    return made


def _classical(folder: Path) -> tuple[Path, Callable]:
    truth, mask = torch.linspace(-1, 1, 4 * 3 * 16 * 16).view(4, 3, 16, 16), torch.zeros(4, 1, 16, 16)
    mask[..., 4:9, 4:9] = 1

    def read():
        return metrics.evaluate({"mean": baselines.mean_colour}, truth, mask, ("psnr", "l1"))

    read()
    (file,) = folder.glob("classical/*.json")
    return file, read


def _labels(folder: Path) -> tuple[Path, Callable]:
    records.write_cache(folder / "labels.json", [{"artist": ["a", "b"] * 40, "groups": [[10, 999]]}])
    return folder / "labels.json", lambda: records.read_cache(folder / "labels.json")


def _weights(beside: bool) -> Callable:
    """A generator's weights with the digest that they hold, or, as those in the repository, with a record beside them."""
    def made(folder: Path) -> tuple[Path, Callable]:
        asked = parameters.check({"width": 8, "keep_weights": True, "record": str(folder / "weights.json")})
        file = folder / "weights.safetensors"
        files = training.keep_weights(training.Trained(networks.UNet(8), "mean", 1, 0.0), asked)
        if beside:
            file.write_bytes(re.sub(rb'"sha256":', b'"unused":', file.read_bytes()))
            files = {file.name: records.sha256(file)}
            records.write(asked.record, notebook="n", parameters={}, results={}, seconds=0, files=files)

        def read():
            restoration._load.cache_clear()
            return restoration.load(file)[0].state_dict()

        return file, read
    return made


KINDS = {"a checkpoint": _checkpoint, "a record": _record, "the picture cache, tensors": _pictures("safetensors"),
         "the picture cache, facts": _pictures("json"), "the cache of classical methods": _classical,
         "the cache of labels": _labels, "weights that hold their digest": _weights(False),
         "weights beside their record": _weights(True)}


def file_limit() -> Row:
    """A limit on the size of files, as a quota or a file system may have it."""
    trial, limits = Trial(), (10_000, 100_000, 400_000)
    for limit in limits:
        with trial.case(f"{limit} bytes") as case:
            child = case.start(lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)), log=False)
            case.ended_within(child, kills.LIMIT)
            said = _sentence(case.said(), case.cache / "checkpoints")
            case.check(said, f"no sentence: {case.said()[-300:]}")
            case.finish()
    return trial.row("files may not grow beyond 10 to 400 kB while a training writes its checkpoints", len(limits))


def full_disk() -> Row:
    """A disk that is full from the second checkpoint on, to the last byte or but for too little."""
    trial, spaces = Trial(), (0, 4096, 100_000, 1_000_000)
    for space in spaces:
        with trial.case(f"{space} bytes left") as case, small_disk(case.cache):
            child = case.start(lambda space=space, cache=case.cache: _at_second_save(lambda: fill(cache, space)))
            case.ended_within(child, kills.LIMIT)
            case.check(_sentence(case.said(), case.cache / "checkpoints"), f"no sentence: {case.said()[-300:]}")
            (case.cache / "filler").unlink()
            case.finish()
    return trial.row("the disk is full from the second checkpoint on, then has room again", len(spaces))


def read_only_disk() -> Row:
    """A disk that may not be written to from the start, or from the second checkpoint on."""
    trial = Trial()
    for late in (False, True):
        with trial.case("late" if late else "from the start") as case, small_disk(case.cache):
            def close(cache=case.cache):
                for how in (["--bind"], ["-o", "remount,bind,ro"]):
                    subprocess.run(["mount", *how, str(cache), str(cache)], check=True)

            if not late:
                close()
            child = case.start((lambda close=close: _at_second_save(close)) if late else None)
            case.ended_within(child, kills.LIMIT)
            case.check(_sentence(case.said(), case.cache / "checkpoints"), f"no sentence: {case.said()[-300:]}")
            subprocess.run(["umount", "-l", str(case.cache)], check=True)
            case.finish()
    return trial.row("the disk may not be written to, from the start or from the second checkpoint on", 2)


def other_writers() -> Row:
    """Whatever else writes: on a full disk it says so and leaves what was there; with room again it works."""
    wrong = []
    for name, write in WRITERS.items():
        with tempfile.TemporaryDirectory(prefix="torture-") as above, small_disk(Path(above) / "disk") as disk:
            os.environ["STUDYLIB_CACHE"] = str(disk)
            said = Path(above) / "said"
            write(disk, 1)
            before = _content(disk)
            fill(disk, 0)
            os.waitpid(fork(lambda write=write, disk=disk: write(disk, 2), said), 0)
            if not _sentence(said.read_text(), disk):
                wrong.append(f"{name}: no sentence: {said.read_text()[-300:]}")
            (disk / "filler").unlink()
            if _content(disk) != before:
                wrong.append(f"{name}: changed what was there")
            write(disk, 2)
    return "a record, weights, the caches are written to a full disk", len(WRITERS), 0, "; ".join(wrong) or "nothing"


def _write_record(disk: Path, number: int) -> None:
    records.write(disk / "run.json", notebook="n", parameters={}, results={"values": list(range(20_000))}, seconds=number)


def _write_weights(disk: Path, number: int) -> None:
    asked = parameters.check({"width": 8, "seed": number, "keep_weights": True, "record": str(disk / "run.json")})
    training.keep_weights(training.Trained(training.build(asked)[0], "mean", 1, 0.0), asked)


def _write_classical(disk: Path, number: int) -> None:
    truth = torch.full((400, 3, 8, 8), 1 / number)
    metrics.evaluate({"mean": baselines.mean_colour}, truth, torch.ones(400, 1, 8, 8), ("psnr", "l1"))


def _write_pictures(disk: Path, number: int) -> None:
    data.curate(size=32, train=4, validation=2, seed=number)


WRITERS = {"a record": _write_record, "weights": _write_weights, "the cache of classical methods": _write_classical,
           "the picture cache": _write_pictures}


def _content(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def _sentence(said: str, folder: Path) -> bool:
    """Whether one line names the folder, or one in it, and the space needed."""
    return bool(re.search(rf"StorageError: {re.escape(str(folder))}[^:]*: cannot write .*, [\d.]+ [kM]B \(", said))


@contextlib.contextmanager
def small_disk(folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, space: int) -> None:
    """Fill the disk of a folder but for that many bytes."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as problem:
            if problem.errno != errno.ENOSPC:
                raise
        file.truncate(file.tell() - space)


def _at_second_save(act: Callable[[], object]) -> None:
    save, calls = training._Run.save, itertools.count()

    def acted(self):
        if next(calls) == 1:
            act()
        save(self)

    training._Run.save = acted


if __name__ == "__main__":
    kills.reference()
    print(json.dumps([full_disk(), read_only_disk(), other_writers()]))
