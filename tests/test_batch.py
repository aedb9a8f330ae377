"""The batch says what happened: what cannot be written is told before anything starts, and the last line counts the runs."""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from studylib import batch, parameters, records

# Root may write anywhere; without these capabilities it may not, like everybody else.
BOUND = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []
bound = pytest.mark.skipif(bool(BOUND) and not shutil.which("setpriv"), reason="root, and nothing to give that up with")
CHECK = """
import sys
from pathlib import Path
from studylib import batch, records
records.ROOT = Path(sys.argv[1])
try:
    batch.check("smoke")
except records.StorageError as problem:
    print(problem)
"""


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder that stands for the repository, with something of an earlier batch, and a home and a TMPDIR beside it."""
    for name in ("clone/results/smoke/03_gan_training", "clone/.snakemake/metadata", "clone/.snakemake/log", "user", "tmp"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("results/smoke/03_gan_training/one.ipynb", "results/smoke/03_gan_training/one.json", ".snakemake/metadata/note"):
        (tmp_path / "clone" / name).touch()
    monkeypatch.setattr(records, "ROOT", tmp_path / "clone")
    monkeypatch.delenv("STUDYLIB_CACHE")
    for name in ("XDG_CACHE_HOME", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    return tmp_path / "clone"


def checked(root, **environment):
    """What `check` says in a process that may only write where the permissions say so."""
    done = subprocess.run([*BOUND, sys.executable, "-c", CHECK, str(root)], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(Path(records.__file__).parent.parent), **environment})
    assert not done.stderr
    return done.stdout.strip()


@bound
@pytest.mark.parametrize(("shut", "mode", "way"), [
    ("clone/results", 0o555, "clone of your own"),
    ("clone/results/smoke", 0o555, "clone of your own"),
    ("clone/results/smoke/03_gan_training", 0o555, "clone of your own"),
    ("clone/results/smoke/03_gan_training/one.ipynb", 0o444, "clone of your own"),
    ("clone/.snakemake", 0o555, "clone of your own"),
    ("clone/.snakemake/log", 0o555, "clone of your own"),
    ("clone/.snakemake/metadata/note", 0o444, "clone of your own"),
    ("user", 0o555, "STUDYLIB_CACHE"),
    ("tmp", 0o555, "TMPDIR"),
])
def test_what_may_not_be_written_is_one_sentence(root, shut, mode, way):
    os.chmod(root.parent / shut, mode)
    said = checked(root)
    os.chmod(root.parent / shut, 0o755)
    assert checked(root) == ""
    assert len(said.splitlines()) == 1 and said.startswith(str(root.parent / shut)) and way in said


def test_records_that_are_renamed_into_place_may_be_read_only(root):
    os.chmod(root / "results/smoke/03_gan_training/one.json", 0o444)
    batch.check("smoke")


@pytest.mark.parametrize("home", ["/proc/nowhere", "/dev/null"])
def test_a_home_that_is_none_is_one_sentence(root, home):
    assert f"{home}/.cache/art-inpainting-study: cannot be made" in checked(root, HOME=home)
    assert checked(root, HOME=home, STUDYLIB_CACHE=str(root.parent / "tmp")) == ""


@pytest.mark.parametrize("key", ["TMPDIR", "TEMP", "TMP"])
def test_a_tmpdir_that_is_none_is_one_sentence(root, monkeypatch, key):
    monkeypatch.delenv("TMPDIR")
    (root.parent / "file").touch()
    for name in ("nowhere", "file"):
        monkeypatch.setenv(key, str(root.parent / name))
        with pytest.raises(records.StorageError, match=rf"{name}: {key} names this folder, and there is none; make it"):
            batch.check("smoke")


@pytest.mark.parametrize(("full", "way"), [("clone/results", "results: cannot write smoke, 30.0 MB"),
                                           ("clone/.snakemake", "snakemake: cannot write"), ("tmp", "TMPDIR"),
                                           ("user/.cache/art-inpainting-study", "cannot write checkpoints and caches, 100.0 MB")])
def test_a_full_disk_is_told_by_its_folder(root, monkeypatch, full, way):
    def usage(path):
        return SimpleNamespace(free=1000 if str(path).endswith(full) else 10**12)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(records.StorageError, match=rf"^{root.parent / full}: .*No space left on device, 1\.0 kB free") as told:
        batch.check("smoke")
    assert way in str(told.value)


def test_a_disk_with_room_that_takes_no_file_is_told(root, monkeypatch):
    """Quotas and inodes run out, too."""
    def refuse(*arguments, **more):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(records.tempfile, "TemporaryFile", refuse)
    with pytest.raises(records.StorageError, match=f"results: cannot write smoke.*{os.strerror(errno.EDQUOT)}"):
        batch.check("smoke")


def test_a_folder_of_masks_is_read_before_anything_starts(root):
    (root / "masks" / "nvidia").mkdir(parents=True)
    (root / "params" / "03_gan_training").mkdir(parents=True)
    (root / "params" / "03_gan_training" / "one.yaml").write_text("test_masks: [irregular]\n")
    profile = parameters.check({"mask_root": "masks"})
    batch.check_masks(profile, [])
    with pytest.raises(FileNotFoundError, match="there are no such masks"):
        batch.check_masks(profile, [("03_gan_training", "one")])


def test_runs_are_counted_by_how_they_ended(root):
    folder, notes = root / "results" / "smoke" / "03_gan_training", root / ".snakemake"
    for name in ("kept", "stale", "broken"):
        (folder / f"{name}.json").write_text(name)
    for name in ("planned", "begun"):
        (notes / name).write_text("03_gan_training/late\n")  # of an earlier batch
    tally = batch.Tally("smoke", [("03_gan_training", name) for name in ("kept", "stale", "new", "broken", "late")])
    assert tally.told() == "2 of 5 runs were to be made: 0 succeeded, 0 failed, 2 not run."  # there is no plan yet
    for name, noted in (("planned", ("stale", "new", "new", "broken", "late")), ("begun", ("stale", "new", "broken"))):
        (notes / name).write_text("".join(f"03_gan_training/{run}\n" for run in noted))
    for name in ("stale", "new"):
        records.write_atomic(folder / f"{name}.json", b"made")
    assert tally.ended() == {"succeeded": ["03_gan_training/new", "03_gan_training/stale"], "failed": ["03_gan_training/broken"],
                             "not run": ["03_gan_training/late"]}
    assert tally.told() == "4 of 5 runs were to be made: 2 succeeded, 1 failed (03_gan_training/broken), 1 not run."


def test_nothing_to_do_is_nothing_to_do(root):
    tally = batch.Tally("smoke", [("03_gan_training", "one")])
    assert tally.told() == "0 of 1 runs were to be made: 0 succeeded, 0 failed, 0 not run."


@pytest.fixture
def study(tmp_path):
    """The study in miniature: three runs of which one fails and one starts from what that would have made."""
    folder = tmp_path / "étude"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "params" / "profiles").mkdir(parents=True)
    (folder / "params" / "03_gan_training").mkdir()
    source = Path(records.__file__).parent
    shutil.copytree(source, folder / "studylib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source.parent / "Snakefile", folder)
    shutil.copy(source.parent / "notebooks" / "03_gan_training.ipynb", folder / "notebooks")
    (folder / "params" / "profiles" / "smoke.yaml").write_text("profile: smoke\n")
    # In place of papermill: the record is what it was asked for.
    (folder / "studylib" / "kernels.py").write_text("import sys\nfrom pathlib import Path\n"
                                                    "record = Path(sys.argv[sys.argv.index('record') + 1])\n"
                                                    "sys.exit('ValueError: so it is') if record.stem == 'two' else "
                                                    "record.write_text('{}')\n")
    (folder / "params/03_gan_training/one.yaml").write_text("seed: 1\n")
    (folder / "params/03_gan_training/two.yaml").write_text("seed: 2\nkeep_weights: true\n")
    (folder / "params/03_gan_training/three.yaml").write_text("start: results/{profile}/03_gan_training/two.safetensors\n")
    return folder


def started(folder, prefix=(), **environment):
    """What `study` does in a locale that is not UTF-8."""
    return subprocess.run([*prefix, sys.executable, "-m", "studylib", "study"], cwd=folder, capture_output=True, encoding="utf-8",
                          env={**os.environ, "PYTHONPATH": "", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",
                               **environment})


def test_the_last_line_counts_the_runs(study):
    done = started(study)
    assert done.returncode == 1
    assert "03_gan_training/two failed: ValueError: so it is" in done.stderr
    assert "The git revision will not be in the records: the folder is no git clone." in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("3 of 3 runs were to be made: 1 succeeded, 1 failed (03_gan_training/two), 1 not run.")
    assert "Traceback" not in done.stderr + done.stdout
    assert "The executed notebooks are in" not in done.stderr + done.stdout


@bound
def test_a_home_that_may_not_be_written_is_told_at_once(study, tmp_path):
    (tmp_path / "Zoë").mkdir(mode=0o555)
    away = {key: "" for key in ("STUDYLIB_CACHE", "XDG_CACHE_HOME")}
    done = started(study, BOUND, HOME=str(tmp_path / "Zoë"), **away)
    assert done.returncode == 2
    assert done.stderr.strip() == (f"{tmp_path}/Zoë/.cache/art-inpainting-study: cannot be made (Permission denied); name "
                                   "another folder in STUDYLIB_CACHE.")
    assert not done.stdout


def preflight():
    spec = importlib.util.spec_from_file_location("preflight", records.ROOT / ".ci" / "preflight.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_environment_is_not_begun_without_room(tmp_path, monkeypatch):
    asked = preflight()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setattr(asked.shutil, "disk_usage", lambda path: SimpleNamespace(free=asked.NEEDED))
    assert asked._cannot_write() is None
    monkeypatch.setattr(asked.shutil, "disk_usage", lambda path: SimpleNamespace(free=3e9))
    assert asked._cannot_write() == f"{tmp_path}: 3.0 GB are free and .venv takes 8 GB: make room, or clone elsewhere."
    (tmp_path / "file").touch()
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "file" / "uv"))
    assert "name another folder for uv's downloads in UV_CACHE_DIR" in asked._cannot_write()
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    assert f"{tmp_path}/nowhere: cannot be written to (No such file or directory)" in asked._cannot_write()


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_pip_installs_into_the_environment_whatever_the_user_s_settings(tmp_path):
    """The first pip of `make venv` by a stand-in for Python that notes what it is told by the environment."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(records.ROOT / name, tmp_path)
    stub = tmp_path / "stub"
    stub.write_text('#!/bin/sh\necho "$* user=$PIP_USER target=$PIP_TARGET prefix=$PIP_PREFIX" >> noted\n'
                    'case "$*" in "-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python;;\n'
                    '"-m pip install -q uv"*) cp "$0" .venv/bin/uv;; esac\n')
    stub.chmod(0o755)
    done = subprocess.run(["make", "venv", f"PYTHON={stub}"], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PIP_USER": "1", "PIP_TARGET": "/nowhere", "PIP_PREFIX": "/nowhere"})
    assert done.returncode == 0, done.stderr
    noted = [line for line in (tmp_path / "noted").read_text().splitlines() if "pip install -q uv" in line]
    assert len(noted) == 1 and noted[0].endswith("user=0 target= prefix=")
