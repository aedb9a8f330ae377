"""Before the environment is made: a Python that can build `noise`, and room. One sentence if not. Standard library only."""

import importlib.util
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

NEEDED = 8_000_000_000  # bytes of .venv, most of them torch's, and of what is unpacked meanwhile


def missing() -> str | None:
    """The first thing that is missing and how to get it, or None."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        version = ".".join(map(str, sys.version_info[:2]))
        return f"Python 3.11 to 3.13 is needed and this is {version}: say which one with `make PYTHON=python3.12 ...`."
    if importlib.util.find_spec("ensurepip") is None:
        return "Python's venv module is incomplete: install it (Debian, Ubuntu: apt install python3-venv)."
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not any(shutil.which(name) for name in (compiler, "cc", "gcc", "clang")):
        return "A C compiler is needed to build the package `noise` (Debian, Ubuntu: apt install build-essential)."
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        return "Python's C headers are needed to build the package `noise` (Debian, Ubuntu: apt install python3-dev)."
    return _cannot_write()


def _cannot_write() -> str | None:
    """The first folder that the environment is made in, or by way of, and that takes no files."""
    cache = os.environ.get("UV_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "uv"
    folders = {Path.cwd(): "make a clone of your own where you may write",
               Path(cache): "name another folder for uv's downloads in UV_CACHE_DIR",
               Path(os.environ.get("TMPDIR") or tempfile.gettempdir()): "name another folder for temporary files in TMPDIR"}
    for folder, way in folders.items():
        try:
            if folder == Path(cache):
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
                file.write(b"room")
        except OSError as problem:
            return f"{folder}: cannot be written to ({problem.strerror}): {way}."
    free = shutil.disk_usage(".").free
    if free < NEEDED and not Path(".venv", "bin", "uv").exists():
        return f"{Path.cwd()}: {free / 1e9:.1f} GB are free and .venv takes {NEEDED / 1e9:.0f} GB: make room, or clone elsewhere."
    return None


if __name__ == "__main__":
    sys.exit(missing())
