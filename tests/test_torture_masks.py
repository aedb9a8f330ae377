"""Masks in every form against paintings in every form: a few here, 2,000 in `make torture`."""

import numpy as np
import pytest

from studylib import mask_files, scans
from torture import masks


def test_the_hole_that_is_read_is_the_hole_that_was_drawn():
    rows = masks.run(160, seed=3)
    assert len(rows) == len(masks.FORMS)
    assert [(tried, wrong) for tried, _, lost, wrong in rows if lost] == []
    assert sum(times for _, times, _, _ in rows) == 160
    assert sum("read" in tried for tried, *_ in rows) >= 6


@pytest.mark.parametrize("wrong", ["inverted", "partly", "more"])
def test_a_reader_that_is_wrong_is_told(monkeypatch, tmp_path, wrong):
    right = mask_files.read

    def read(path, painting):
        mask = right(path, painting)
        rows = np.indices(mask.hole.shape)[0]
        mask.hole = {"inverted": ~mask.hole, "partly": mask.hole & (rows < np.median(rows[mask.hole])),
                     "more": mask.hole | (rows < 30)}[wrong]
        return mask

    monkeypatch.setattr(masks.mask_files, "read", read)
    said = [masks.attempt(number, 3, tmp_path)[1] for number in range(24)]
    assert "read" not in said
    assert sum("missed" in what for what in said) > 8


def test_an_error_that_names_no_file_is_told(monkeypatch, tmp_path):
    def read(path, painting):
        raise scans.ScanError("no")

    monkeypatch.setattr(masks.mask_files, "read", read)
    assert masks.attempt(0, 0, tmp_path)[1] == "refused without a name (0)"


def test_a_mask_is_the_same_again(tmp_path):
    one, other = (masks.make(5, 9, tmp_path) for _ in range(2))
    assert one[0] == other[0]
    assert np.array_equal(one[2].pixels, other[2].pixels)
    assert np.array_equal(one[3].core, other[3].core)
    assert {masks.make(number, 9, tmp_path)[0] for number in range(60)} == set(masks.FORMS)
