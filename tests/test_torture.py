"""A short torture: few moments of each kind, on the smallest training there is. `make torture` does it at full strength."""

import os
import random
from types import SimpleNamespace

import pytest
import torch

from studylib import __main__ as study
from studylib import records
from torture import __main__ as torture
from torture import harm, kills


@pytest.fixture(autouse=True)
def own_cache(monkeypatch):
    """The trials set the cache folder themselves; this one is put back."""
    monkeypatch.setenv("STUDYLIB_CACHE", os.environ["STUDYLIB_CACHE"])


def held(row):
    assert row[2:] == (0, "nothing")
    return row[1]


def test_killed_anywhere_nothing_is_lost():
    assert held(kills.at_random(4, random.Random(0))) == 4


@pytest.mark.parametrize("place", [("", "content"), ("os", "replace")])
def test_killed_while_a_checkpoint_is_written_nothing_is_lost(monkeypatch, place):
    monkeypatch.setattr(kills, "_CUTS", [(place, "before")])
    assert held(kills.while_writing(1)) == 1


def test_asked_to_stop_nothing_is_done_again():
    assert held(kills.asked_to_stop(2, random.Random(0))) == 2


def test_started_twice_the_work_is_done_once():
    assert held(kills.twice(2, random.Random(0))) == 2


def test_neighbours_and_predecessors_change_nothing():
    assert held(kills.beside(1)) == 1


@pytest.mark.parametrize("kind", harm.KINDS)
def test_a_damaged_file_is_never_used(kind):
    assert held(harm.damaged(kind, 8, random.Random(0))) == 8


def test_a_disk_that_takes_no_more_is_told():
    """In the middle of a file torch hides the disk's error behind one of its own."""
    assert held(harm.file_limit()) == 3


def test_a_study_without_room_is_told_before_it_starts(monkeypatch, capsys):
    monkeypatch.setattr(records.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    monkeypatch.setattr(study.sys, "argv", ["studylib", "study"])
    monkeypatch.setattr(study.subprocess, "run", lambda *arguments, **more: pytest.fail("it started"))
    assert study.main() == 2
    said = capsys.readouterr().err
    assert "Another `make study`" in said or "results: cannot write smoke, 30.0 MB (No space left on device, 1.0 kB free)" in said


def test_what_is_lost_or_differs_is_seen():
    trial = kills.Trial()
    with trial.case("one") as case:
        made = {**kills.reference()[0], "weights": {}}
        torch.save(made, case.folder / "outcome-0")
        (case.folder / "said").touch()
        case.updates = lambda: [[0, 1, 2, 3, 4], [0]]
    assert trial.row("t", 1) == ("t", 1, 2, "one: another weights")


def test_the_table_is_one():
    shown = torture.table([["a file", 1000, 0, "nothing"], ["a disk", 2, 3, "used"]])
    assert shown.splitlines()[2:] == ["| a file | 1,000 | nothing | nothing |", "| a disk | 2 | 3 | used |"]
