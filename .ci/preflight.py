"""Before the environment is made: is there a Python, and can it build `noise`? One sentence if not. Standard library only."""

import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path


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
    return None


if __name__ == "__main__":
    sys.exit(missing())
