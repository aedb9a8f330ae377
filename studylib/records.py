"""Records: what was asked, with what, what came out. The only thing one notebook may read of another.

A record is a JSON file that carries its own SHA-256. It is written last and in one piece: its presence means "done".
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent


class RecordError(Exception):
    """A record is missing, cut short or altered. The message names the file and the way out."""


def cache_folder() -> Path:
    """The folder for what can be made again: $STUDYLIB_CACHE, or art-inpainting-study in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("STUDYLIB_CACHE") or Path(base) / "art-inpainting-study")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_atomic(path: Path | str, data: bytes | Callable[[BinaryIO], object]) -> None:
    """Write `data`, or what it writes, to a temporary name in the same folder, flush it to the disk, and rename it to `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            data(file) if callable(data) else file.write(data)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
    """What a result was computed with: versions, device, processor, git revision and whether the tree was dirty."""
    return {"versions": versions(), "device": device, "machine": platform.machine(), **_git()}


def _git() -> dict:
    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "studylib", "notebooks", "params", "Snakefile")
    return {"revision": git("rev-parse", "HEAD"), "dirty": None if changed is None else bool(changed)}


def source_hash() -> str:
    """One SHA-256 over studylib's own source files: a checkpoint is only continued by the code that began it."""
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
    if str(path):
        text = json.dumps(record, indent=1, ensure_ascii=False)
        # A list of numbers stands on one line: a line break cannot be inside a string.
        text = re.sub(r"\[\n[\s\d.,enul+-]+\]", lambda numbers: re.sub(r"\s+", "", numbers[0]), text)
        write_atomic(path, (text + "\n").encode())
    else:
        print("No record was kept: name a file with `-p record PATH`.", file=sys.stderr)
    return record


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
