"""A record is there whole or not at all, says what it was made from, and is refused when it was altered."""

import errno
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import torch

from studylib import records


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "run.json"


@pytest.fixture
def made(path):
    """A record with a number of every kind in its results."""
    results = {"psnr": {"circle": [18.123456789, float("nan"), float("-inf")]}, "converged": None, "good": True,
               "array": np.arange(3), "single": np.float32(0.5), "tensor": torch.tensor([1, 2]), "pair": (1, "two")}
    return records.write(path, notebook="03_gan_training", parameters={"seed": 1, "lr": 2e-4, "record": str(path)},
                         results=results, seconds=1.26, data="d" * 64, files={"run.safetensors": "f" * 64})


def test_a_record_comes_back_as_it_was_written(path, made):
    assert records.read(path) == made == records.read(str(path))
    assert made["notebook"] == "03_gan_training"
    assert made["seconds"] == 1.3
    assert made["data_sha256"] == "d" * 64
    assert made["files"] == {"run.safetensors": "f" * 64}


def test_results_become_plain_numbers_and_nan_becomes_null(made):
    assert made["results"] == {"psnr": {"circle": [18.123457, None, None]}, "converged": None, "good": True,
                               "array": [0, 1, 2], "single": 0.5, "tensor": [1, 2], "pair": [1, "two"]}


def test_a_record_carries_its_own_checksum(made):
    content = {key: value for key, value in made.items() if key != "sha256"}
    assert made["sha256"] == records.digest(content)
    assert made["parameters_sha256"] == records.digest(made["parameters"])


def test_where_the_record_goes_is_not_part_of_what_was_asked(made):
    assert made["parameters"] == {"seed": 1, "lr": 2e-4}


def test_a_record_names_versions_and_revision(made):
    environment = made["environment"]
    assert environment["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert environment["device"] == "cpu"
    assert {"revision", "dirty", "machine"} <= environment.keys()


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e", "-C", folder, *words], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone of one commit, in place of the study's own."""
    if not shutil.which("git"):
        pytest.skip("no git")
    monkeypatch.setenv("HOME", str(tmp_path))  # git's own settings are no part of this
    folder = tmp_path / "clone"
    (folder / "studylib").mkdir(parents=True)
    for name in ("Snakefile", "studylib/a.py"):
        (folder / name).write_text("1\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "m")
    monkeypatch.setattr(records, "ROOT", folder)
    return folder


def test_the_revision_and_whether_anything_was_changed_since(clone):
    head = subprocess.run(["git", "-C", clone, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    assert len(head) == 40
    assert records.revision() == {"revision": head, "dirty": False}
    (clone / "README.md").write_text("beside")
    assert not records.revision()["dirty"]
    (clone / "studylib" / "a.py").write_text("2\n")
    assert records.revision() == {"revision": head, "dirty": True}


def test_a_hook_s_variables_lead_to_no_other_repository(clone, monkeypatch):
    told = records.revision()
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert records.revision() == told


def why(clone):
    told = records.revision()
    assert told["revision"] is None and told["dirty"] is None
    assert str(clone) not in told["revision_unknown"]
    return told["revision_unknown"]


def test_a_revision_that_is_not_told_has_its_reason(clone, monkeypatch):
    shutil.move(clone / ".git", clone / "away")
    assert why(clone) == "the folder is no git clone"
    git(clone, "init", "-q")
    assert why(clone) == "the folder is not under git, if within a clone of something else"
    git(clone, "add", "Snakefile")
    assert why(clone) == "there is no commit yet"
    monkeypatch.setenv("PATH", "/nowhere")
    assert why(clone) == "git is not installed"


def test_a_folder_within_another_clone_has_not_its_revision(clone, monkeypatch):
    (clone / "unpacked").mkdir()
    (clone / "unpacked" / "Snakefile").write_text("1\n")
    monkeypatch.setattr(records, "ROOT", clone / "unpacked")
    assert why(clone) == "the folder is not under git, if within a clone of something else"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_user_s_clone_tells_how_to_trust_it(clone, tmp_path, monkeypatch):
    for path in [clone, *clone.rglob("*")]:
        os.chown(path, 4321, 4321)
    assert "belongs to another user" in why(clone) and "git config --global --add safe.directory" in why(clone)
    made = records.write(tmp_path / "run.json", notebook="n", parameters={}, results={}, seconds=0)
    assert made["environment"]["revision"] is None and "another user" in made["environment"]["revision_unknown"]
    assert records.read(tmp_path / "run.json") == made


@pytest.mark.parametrize(("problem", "reason"), [
    (PermissionError(errno.EACCES, "Permission denied"), "git cannot be started (Permission denied)"),
    (subprocess.TimeoutExpired("git", 30), "git did not answer within half a minute")])
def test_a_git_that_does_not_run_is_a_reason(clone, monkeypatch, problem, reason):
    def fail(*arguments, **more):
        raise problem

    monkeypatch.setattr(records.subprocess, "run", fail)
    assert why(clone) == reason


def test_an_unknown_revision_is_said_once(clone, capsys):
    shutil.rmtree(clone / ".git")
    records._say_once.cache_clear()
    for _ in range(2):
        records.write("", notebook="n", parameters={}, results={}, seconds=0)
    said = "The git revision is not in the record: the folder is no git clone."
    assert capsys.readouterr().err.count(said) == 1


def test_without_a_path_no_record_is_kept_and_that_is_said(capsys):
    made = records.write("", notebook="n", parameters={}, results={"a": 1}, seconds=0)
    assert made["results"] == {"a": 1}
    assert "No record was kept" in capsys.readouterr().err


def altered(content):
    return content.replace(b"18.123457", b"19.123457")


def cut(content):
    return content[:-40]


def emptied(content):
    return b""


def without_checksum(content):
    record = json.loads(content)
    del record["sha256"]
    return json.dumps(record).encode()


def a_list(content):
    return b"[1, 2]"


def no_text(content):
    return b"\xff\xfe"


@pytest.mark.parametrize("spoil", [altered, cut, emptied, without_checksum, a_list, no_text])
def test_a_spoiled_record_is_refused_by_name(path, made, spoil):
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(records.RecordError, match=r"run\.json: .*delete it and run `make study` again"):
        records.read(path)


def test_a_missing_record_is_named(tmp_path):
    with pytest.raises(records.RecordError, match=r"none\.json: there is no such record"):
        records.read(tmp_path / "none.json")


def test_a_folder_is_no_record(tmp_path):
    with pytest.raises(records.RecordError, match="cannot be read as a record"):
        records.read(tmp_path)


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, fails):
    file = tmp_path / "run.json"
    records.write_atomic(file, b"old")

    def fail(*arguments):
        raise OSError("the disk is full")

    monkeypatch.setattr(records.os, fails, fail)
    with pytest.raises(OSError, match="full"):
        records.write_atomic(file, b"new")
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_write_makes_its_folder_and_a_readable_file(tmp_path):
    file = tmp_path / "a" / "b" / "run.json"
    records.write_atomic(str(file), b"new")
    assert file.read_bytes() == b"new"
    umask = os.umask(0)
    os.umask(umask)
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask
    assert os.listdir(file.parent) == ["run.json"]


def test_a_digest_does_not_depend_on_the_order_of_keys():
    assert records.digest({"a": 1, "b": {"c": 2, "d": 3}}) == records.digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert records.digest({"a": 1}) != records.digest({"a": 2})
    assert records.digest([1, 2]) != records.digest([2, 1])


def test_sha256_of_bytes_and_of_files(tmp_path):
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    (tmp_path / "empty").touch()
    assert records.sha256(b"") == empty == records.sha256(tmp_path / "empty")


def test_the_cache_is_where_it_is_asked_to_be(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYLIB_CACHE", str(tmp_path / "mine"))
    assert records.cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("STUDYLIB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert records.cache_folder() == tmp_path / "xdg" / "art-inpainting-study"
    assert records.cache_folder().is_dir()


def test_the_source_hash_is_of_all_source_files():
    assert records.source_hash() == records.source_hash()
    assert len(records.source_hash()) == 64


def test_numbers_stand_on_one_line_and_text_stays_as_it_is(tmp_path):
    results = {"values": [1.5, -2, 3e-4, None], "nested": [[1, 2], [3, 4]], "text": "[+1.31,   +2.13]", "names": ["a", "b"]}
    records.write(tmp_path / "r.json", notebook="n", parameters={}, results=results, seconds=0)
    assert records.read(tmp_path / "r.json")["results"] == results
    assert "[1,2]" in (tmp_path / "r.json").read_text()


def test_a_sealed_file_comes_back_and_a_spoiled_one_does_not(tmp_path):
    file = tmp_path / "kept"
    records.write_atomic(file, lambda stream: stream.write(b"content" * 100), sealed=True)
    with records.unsealed(file) as stream:
        assert stream.read() == b"content" * 100
    whole = file.read_bytes()
    for place in (0, 64, 65, len(whole) - 1):
        flipped = bytearray(whole)
        flipped[place] ^= 4
        for spoiled in (bytes(flipped), whole[:place], b"", whole + b"x"):
            file.write_bytes(spoiled)
            with pytest.raises(ValueError, match="kept: its content does not match its checksum"):
                records.unsealed(file)


def test_a_spoiled_cache_is_none_and_that_is_said(tmp_path, capsys):
    file = tmp_path / "cache.json"
    assert records.read_cache(file) is None
    assert not capsys.readouterr().err
    records.write_cache(file, {"a": [1.5, "é"]})
    assert records.read_cache(file) == {"a": [1.5, "é"]}
    file.write_bytes(file.read_bytes().replace(b"1.5", b"2.5"))
    assert records.read_cache(file) is None
    assert "cache.json: is damaged and will be made anew" in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("fails", ["os.fsync", "os.replace", "tempfile.mkstemp"])
@pytest.mark.parametrize("data", [b"x" * 2_000_000, lambda file: file.write(b"x" * 2_000_000)])
def test_a_disk_that_takes_no_more_is_told_with_folder_and_size(tmp_path, monkeypatch, number, fails, data):
    file = tmp_path / "run.json"
    records.write_atomic(file, b"old")

    def fail(*arguments, **more):
        raise OSError(number, os.strerror(number))

    module, name = fails.split(".")
    monkeypatch.setattr(getattr(records, module), name, fail)
    with pytest.raises(records.StorageError, match=rf"{tmp_path}: cannot write run\.json, 2\.0 MB \({os.strerror(number)}.*kept"):
        records.write_atomic(file, data)
    assert file.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_folder_that_becomes_read_only_is_told_too(tmp_path, monkeypatch):
    """Then the temporary file and the lock cannot be removed either, and that must not hide the sentence."""
    def fail(*arguments, **more):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for name in ("fsync", "unlink", "remove"):
        monkeypatch.setattr(records.os, name, fail)
    with pytest.raises(records.StorageError, match="Read-only"), records.only_one(tmp_path / "lock", "This run"):
        records.write_atomic(tmp_path / "run.json", b"new")


def test_a_cache_folder_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STUDYLIB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(records.StorageError, match=r"cache: cannot be made .*STUDYLIB_CACHE"):
        records.cache_folder()


def test_room_is_looked_for_beforehand(tmp_path):
    records.check_room(tmp_path / "run.pt", 1)
    with pytest.raises(records.StorageError, match=rf"{tmp_path}: cannot write run\.pt, 1000000000000\.0 MB"):
        records.check_room(tmp_path / "run.pt", 10**18)


def test_a_folder_that_takes_no_file_has_no_room(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(records.StorageError, match=r"file: cannot write run\.pt"):
        records.check_room(tmp_path / "file" / "run.pt", 1)
    assert os.listdir(tmp_path) == ["file"]


def test_a_renamed_file_s_folder_is_flushed(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(records.os, "fsync", lambda handle: flushed.append(os.readlink(f"/proc/self/fd/{handle}")))
    records.write_atomic(tmp_path / "run.json", b"new")
    assert flushed[-1] == str(tmp_path)


def test_a_lock_is_held_by_one_and_left_by_none(tmp_path, capfd):
    lock = tmp_path / "run.lock"
    with records.only_one(lock, "This run"):
        assert lock.read_text().startswith(f"{os.getpid()} on ")
        child = os.fork()
        if not child:
            with records.only_one(lock, "This run"):
                os._exit(7)
        while "process" not in (said := capfd.readouterr().err):
            pass
        assert f"This run: process {os.getpid()} on" in said
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    with records.only_one(lock, "This run"):  # the child ended without a word, its lock with it
        pass
    assert not lock.exists()
