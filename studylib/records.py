"""Records: what was asked, with what, what came out. The only thing one notebook may read of another.

A record is a JSON file that carries its own SHA-256. It is written last and in one piece: its presence means "done".
So is every file that a later step trusts; what they share is here: writing in one piece, seals, locks, a full disk's sentence.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent

_SEAL = 65  # bytes: a SHA-256 in hexadecimal digits, and the line's end
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}


class RecordError(Exception):
    """A record is missing, cut short or altered. The message names the file and the way out."""


class StorageError(OSError):
    """A file cannot be written. The message names the folder, what was to be written and how large it is."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the sentence, without the way it took."""
        return [f"StorageError: {self}"]


def cache_folder() -> Path:
    """The folder for what can be made again: $STUDYLIB_CACHE, or art-inpainting-study in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # where no home is known, "~" stays
    folder = Path(os.environ.get("STUDYLIB_CACHE") or Path(base) / "art-inpainting-study")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise StorageError(f"{folder}: cannot be made ({problem.strerror}); name another folder in STUDYLIB_CACHE.") from None
    return folder


def write_atomic(path: Path | str, data: bytes | Callable[[BinaryIO], object], sealed: bool = False) -> None:
    """Write `data`, or what it writes, to a temporary name in the same folder, flush it to the disk, and rename it to `path`.

    Args:
        sealed: begin the file with a line that holds the SHA-256 of the rest, for `unsealed` to check.

    Raises:
        StorageError: the folder is full or may not be written to; what lay at `path` before still does.
    """
    path, name = Path(path), ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "w+b") as file:
            file.write(bytes(_SEAL) if sealed else b"")
            data(file) if callable(data) else file.write(data)
            if sealed:
                seal = _seal(file)
                file.seek(0)
                file.write(seal)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException as problem:
        with contextlib.suppress(OSError):  # a folder that has become read-only keeps it
            os.unlink(name)
        # torch.save hides the disk's error behind one of its own.
        cause = problem
        while cause and getattr(cause, "errno", None) not in _FULL | _CLOSED:
            cause = cause.__context__
        if cause:
            counter = _Counter()
            data(counter) if callable(data) else counter.write(data)
            raise _storage_error(path, cause, counter.size) from None
        raise
    # The new name is on the disk only once its folder is; some file systems cannot flush a folder.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def unsealed(path: Path) -> BinaryIO:
    """A sealed file, open behind its seal, which has been checked: the rest is what was written, byte for byte.

    Raises:
        ValueError: the content does not match the seal.
        OSError: there is no such file, or it cannot be read.
    """
    file = path.open("rb")
    if file.read(_SEAL) != _seal(file):
        file.close()
        raise ValueError(f"{path}: its content does not match its checksum.")
    file.seek(_SEAL)
    return file


def write_cache(path: Path, value) -> None:
    """Keep a JSON-able value in a sealed file."""
    write_atomic(path, json.dumps(value).encode(), sealed=True)


def read_cache(path: Path):
    """What `write_cache` kept; None where there is nothing, or it is damaged, which is said on stderr."""
    try:
        with unsealed(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return None
    except ValueError:
        print(f"{path}: is damaged and will be made anew.", file=sys.stderr, flush=True)
        return None


def check_room(path: Path, size: int) -> None:
    """Raises StorageError when `path`, of `size` bytes, could not be written: better now than after an hour's work."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with tempfile.TemporaryFile(dir=path.parent, buffering=0) as file:
            file.write(b"room")
    except OSError as problem:
        raise _storage_error(path, problem, size) from None


@contextlib.contextmanager
def only_one(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path`; while another process holds it, say on stderr which one, and wait.

    A lock ends with its process, whatever ended that, and leaves nothing that would have to be lifted by hand.
    """
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.open("a+")
        except OSError as problem:
            raise _storage_error(path, problem, 0) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            print(f"{what}: process {lock.read() or 'unknown'} is at it; waiting for what it makes.", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as problem:
            print(f"{path}: cannot be locked here ({problem.strerror}); see that it runs once only.", file=sys.stderr)
        # Who held it may have removed the file meanwhile; then others would lock another one of this name.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock.fileno()), path.stat()):
                break
        lock.close()
    with contextlib.suppress(OSError):  # the disk may be full, which is told where it matters
        os.ftruncate(lock.fileno(), 0)
        os.write(lock.fileno(), f"{os.getpid()} on {platform.node()}".encode())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the folder may have become read-only
            path.unlink()
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_UN)  # also for a copy of this process
        lock.close()


class _Counter:
    """A file that only counts what is written to it."""

    size = 0

    def write(self, data: bytes) -> int:
        self.size += memoryview(data).nbytes
        return memoryview(data).nbytes

    def flush(self) -> None:
        pass


def _seal(file: BinaryIO) -> bytes:
    """The line that seals what stands behind it."""
    file.seek(_SEAL)
    return hashlib.file_digest(file, "sha256").hexdigest().encode() + b"\n"


def _storage_error(path: Path, problem: OSError, size: int) -> StorageError:
    free = ""
    with contextlib.suppress(OSError):
        free = f", {_amount(shutil.disk_usage(path.parent).free)} free"
    return StorageError(f"{path.parent}: cannot write {path.name}, {_amount(size)} ({problem.strerror}{free}); what was there is "
                        "kept. Make room or allow it, or name another folder: STUDYLIB_CACHE for checkpoints and caches, "
                        "TMPDIR for temporary files, `record` for results.")


def _amount(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def sha256(data: bytes | Path) -> str:
    """SHA-256 of bytes, or of a file's content, as 64 hexadecimal digits."""
    if isinstance(data, Path):
        with data.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(data).hexdigest()


def digest(value) -> str:
    """SHA-256 of a JSON-able value, keys sorted: the same for equal values in any process."""
    return sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode())


def versions() -> dict[str, str | None]:
    """The versions of Python and of the packages that results depend on; None for one that is not installed."""
    packages = ["torch", "numpy", "opencv-python-headless", "scikit-image", "pillow", "matplotlib"]
    versions = {"python": platform.python_version()}
    for name in packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def environment(device: str = "cpu") -> dict:
    """What a result was computed with: versions, device, processor, git revision and whether the tree was dirty.

    Where git does not tell the latter they are None, and `revision_unknown` says why.
    """
    gpu = {}
    if device == "cuda":
        import torch

        gpu = {"gpu": torch.cuda.get_device_name()}
    return {"versions": versions(), "device": device, **gpu, "machine": platform.machine(), **revision()}


def revision() -> dict:
    """`revision` and `dirty` of `environment`, and perhaps `revision_unknown`, without any path of this machine."""
    # A hook's variables name a repository of their own, and messages are only known in English.
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}

    def git(*words: str) -> str:
        try:
            done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=30,
                                  env={**own, "LC_ALL": "C"})
        except FileNotFoundError:
            raise _NotTold("git is not installed") from None
        except subprocess.TimeoutExpired:
            raise _NotTold("git did not answer within half a minute") from None
        except OSError as problem:
            raise _NotTold(f"git cannot be started ({problem.strerror})") from None
        if done.returncode:
            said = done.stderr.replace(str(ROOT), ".").strip().partition("\n")[0]
            raise _NotTold(next((reason for words, reason in _GIT_SAYS.items() if words in said), f"git says: {said}"))
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "Snakefile")  # a folder may lie in a clone of something else
        found = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "studylib", "notebooks", "params", "Snakefile")
        return {"revision": found, "dirty": bool(changed)}
    except _NotTold as reason:
        return {"revision": None, "dirty": None, "revision_unknown": str(reason)}


class _NotTold(Exception):
    """Why git does not tell the revision."""


_GIT_SAYS = {
    "dubious ownership": "the folder belongs to another user, and git trusts it only after `git config --global --add "
                         "safe.directory FOLDER`",
    "not a git repository": "the folder is no git clone",
    "did not match any file": "the folder is not under git, if within a clone of something else",
    "unknown revision": "there is no commit yet",
    "ambiguous argument": "there is no commit yet",
}


@lru_cache(maxsize=1)
def source_hash() -> str:
    """One SHA-256 over studylib's own source files: a checkpoint is only continued by the code that began it.

    Taken once: what is edited later is not the code that is running.
    """
    folder = Path(__file__).parent
    return digest({file.name: sha256(file) for file in sorted(folder.glob("*.py"))})


def write(path: Path | str, *, notebook: str, parameters: dict, results: dict, seconds: float, data: str | None = None,
          files: dict[str, str] | None = None, device: str = "cpu") -> dict:
    """Write a record and return it.

    Args:
        path: the JSON file to write. An empty path writes nothing, and says so.
        notebook: the notebook's name, without its ending.
        parameters: what was asked; its `record` key (where the record lies) is left out of what is hashed.
        results: what came out: JSON-able; NaN and infinity become null.
        seconds: wall time.
        data: hash of the data manifest.
        files: name -> SHA-256 of files written beside the record.
    """
    asked = {key: value for key, value in parameters.items() if key != "record"}
    record = {
        "notebook": notebook,
        "parameters": asked,
        "parameters_sha256": digest(asked),
        "environment": environment(device),
        "data_sha256": data,
        "files": files or {},
        "seconds": round(seconds, 1),
        "results": _finite(results),
    }
    record["sha256"] = digest(record)
    if "revision_unknown" in record["environment"]:
        _say_once(f"The git revision is not in the record: {record['environment']['revision_unknown']}.")
    if str(path):
        text = json.dumps(record, indent=1, ensure_ascii=False)
        # A list of numbers stands on one line: a line break cannot be inside a string.
        text = re.sub(r"\[\n[\s\d.,enul+-]+\]", lambda numbers: re.sub(r"\s+", "", numbers[0]), text)
        write_atomic(path, (text + "\n").encode())
    else:
        print("No record was kept: name a file with `-p record PATH`.", file=sys.stderr)
    return record


@lru_cache
def _say_once(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def read(path: Path | str) -> dict:
    """Read a record and check its SHA-256.

    Raises:
        RecordError: the file is missing, is no record, or its content does not match its checksum.
    """
    path = Path(path)
    again = f"delete it and run `make study` again to make {path.name} anew"
    try:
        record = json.loads(path.read_bytes())
        whole = isinstance(record, dict) and record.get("sha256") == digest({k: v for k, v in record.items() if k != "sha256"})
    except FileNotFoundError:
        raise RecordError(f"{path}: there is no such record; run its notebook first.") from None
    except (ValueError, OSError, RecursionError) as error:
        raise RecordError(f"{path}: cannot be read as a record ({error}); {again}.") from None
    if not whole:
        raise RecordError(f"{path}: its content does not match its checksum; {again}.")
    if not all(isinstance(record.get(part, {}), dict) for part in ("parameters", "files", "results")) or "results" not in record:
        raise RecordError(f"{path}: holds no results; {again}.")
    return record


def _finite(value):
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if abs(value) < float("inf") else None
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    return value
