"""Paintings find their masks; what is left out is named and counted; results are overwritten when that is asked for."""

import os
import sys
import unicodedata

import numpy as np
import pytest
from PIL import Image

from studylib import __main__ as study
from studylib import inputs, scans
from studylib.scans import Scan, ScanError

HOLE = np.zeros((24, 32), bool)
HOLE[8:14, 10:20] = True
PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)


def put(folder, *names):
    """Pictures by these names: masks where the folder is called so; of other formats just their names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix not in (".png", ".tif", ".jpg"):
            path.write_bytes(b"not read")
        elif "mask" in str(path.relative_to(folder.parent)):
            Image.fromarray((HOLE * 255).astype(np.uint8)).save(path)
        else:
            scans.write(Scan(PIXELS, "RGB"), path)


def command(monkeypatch, capsys, *words):
    """The status, and what is said of what went wrong."""
    monkeypatch.setattr(sys, "argv", ["studylib", "restore", *map(str, words), "--method", "telea"])
    status = study.main()
    return status, [line for line in capsys.readouterr().err.splitlines() if line.strip() and "% 0" not in line]


def names(found):
    return [(painting.name, mask.name) for painting, mask in found.pairs]


def test_sidecars_are_no_masks_and_no_paintings(tmp_path):
    put(tmp_path / "scans", "fresco.png", "fresco.xmp", "fresco_mask.png", "notes.txt", ".DS_Store", "Thumbs.db", "fresco.json")
    put(tmp_path / "masks", "fresco.png", "fresco.json", "fresco.xmp", "._fresco.png")
    found = inputs.gather([tmp_path / "scans"], tmp_path / "masks")
    assert names(found) == [("fresco.png", "fresco.png")]
    assert found.missed == found.passed == []
    assert names(inputs.gather([tmp_path / "scans"], tmp_path / "scans")) == [("fresco.png", "fresco_mask.png")]


def test_a_layered_file_beside_the_mask_is_its_source(tmp_path):
    put(tmp_path / "scans", "fresco.png")
    put(tmp_path / "masks", "fresco.png", "fresco.psd")
    assert names(inputs.gather([tmp_path / "scans"], tmp_path / "masks")) == [("fresco.png", "fresco.png")]


@pytest.mark.parametrize(("painting", "mask"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD"), ("NFC", "NFC")])
def test_names_are_the_same_however_they_are_composed(tmp_path, painting, mask):
    put(tmp_path / "scans", unicodedata.normalize(painting, "étude à la Zoë.png"))
    put(tmp_path / "masks", unicodedata.normalize(mask, "étude à la Zoë_mask.png"))
    assert len(inputs.gather([tmp_path / "scans"], tmp_path / "masks").pairs) == 1


def test_two_compositions_of_one_name_are_two_paintings_of_a_name(tmp_path):
    put(tmp_path / "scans", *(unicodedata.normalize(form, "étude.png") for form in ("NFC", "NFD")), "other.png")
    found = inputs.gather([tmp_path / "scans"], None)
    assert [painting.name for painting, _ in found.pairs] == ["other.png"]
    assert ["two paintings of the name" in said for said in found.missed] == [True, True]


def test_of_three_paintings_with_two_masks_two_are_restored_and_the_third_is_named(tmp_path, monkeypatch, capsys):
    put(tmp_path / "scans", "one.png", "two.png", "three.png")
    put(tmp_path / "masks", "one.png", "two_mask.png", "four.png")
    status, said = command(monkeypatch, capsys, tmp_path / "scans", "--mask", tmp_path / "masks", "-o", tmp_path / "out")
    assert status == 1
    assert said[0].endswith("masks: 0 masks for three.png; looked for three.* or three_mask.* among four.png, one.png, "
                            "two_mask.png.")
    assert said[1:] == ["1 of 3 paintings could not be restored (see above)."]
    assert {path.name for path in (tmp_path / "out").glob("*_restored.*")} == {"one_restored.png", "two_restored.png"}


def test_no_mask_at_all_is_status_2_and_lists_what_was_looked_for(tmp_path, monkeypatch, capsys):
    put(tmp_path / "scans", "one.png")
    put(tmp_path / "masks", "deeper/one.png")
    status, said = command(monkeypatch, capsys, tmp_path / "scans", "--mask", tmp_path / "masks", "-o", tmp_path / "out")
    assert status == 2
    assert said == [f"{tmp_path / 'masks'}: 0 masks for one.png; looked for one.* or one_mask.* among deeper/; folders within it "
                    "are not looked into."]
    assert not (tmp_path / "out").exists()


def test_pictures_that_cannot_be_read_are_named_and_counted(tmp_path, monkeypatch, capsys):
    put(tmp_path / "scans", "one.png", "two.heic", "three.xcf", "four.jxl", "five.exr")
    put(tmp_path / "masks", "one.png", "two.png", "three.png", "four.png", "five.png")
    status, said = command(monkeypatch, capsys, tmp_path / "scans", "--mask", tmp_path / "masks", "-o", tmp_path / "out")
    assert status == 1
    for name in ("two.heic", "three.xcf", "four.jxl", "five.exr"):
        assert sum(f"{name}: " in line for line in said) == 1
    assert said[-1] == "4 of 5 paintings could not be restored (see above)."
    assert (tmp_path / "out" / "one_restored.png").exists()


def test_what_is_neither_a_picture_nor_a_sidecar_is_named_and_so_are_folders_of_pictures(tmp_path, monkeypatch, capsys):
    put(tmp_path / "scans", "one.png", "catalogue.docx", "1880/a.png", "1880/b.tif", "empty/notes.txt", "masks/one.png")
    call = [tmp_path / "scans", "--mask", tmp_path / "scans" / "masks", "-o", tmp_path / "scans" / "out"]
    status, said = command(monkeypatch, capsys, *call)
    assert status == 1
    assert any("1880: is a folder within a folder, and its 2 pictures are passed over" in line for line in said)
    assert any("catalogue.docx: is no picture by its name" in line for line in said)
    assert said[-1] == "2 other files and folders were passed over (see above)."
    assert (tmp_path / "scans" / "out" / "one_restored.png").exists()


def test_a_folder_without_paintings_names_its_folders(tmp_path):
    put(tmp_path, "scans/1880/a.png", "scans/notes.txt")
    with pytest.raises(ScanError, match=r"scans: holds no picture\. .*1880: is a folder within a folder, and its 1 pictures"):
        inputs.gather([tmp_path / "scans"], None)


def test_a_name_like_a_result_s_is_a_painting_where_nothing_is_its_source(tmp_path):
    put(tmp_path, "scans/landfill_fill.png", "scans/a.png", "scans/a_restored.png", "scans/a_mask_preview.png")
    assert [painting.name for painting, _ in inputs.gather([tmp_path / "scans"], None).pairs] == ["a.png", "landfill_fill.png"]


def test_a_locale_that_cannot_read_a_name_is_told_apart_from_a_name_that_is_none(monkeypatch):
    name = inputs.Path("caf\udcc3\udca9.png")  # UTF-8 as a shell without it hands it over
    assert "locale is not UTF-8" in inputs._unwritable(name)
    assert "its name is not UTF-8" in inputs._unwritable(inputs.Path(os.fsdecode(b"caf\xe9.png")))
    assert inputs._unwritable(inputs.Path("café.png")) is None


def test_results_and_the_paintings_own_folder_are_not_written_over_unasked(tmp_path, monkeypatch, capsys):
    put(tmp_path / "scans", "one.png")
    put(tmp_path / "masks", "one.png")
    call = [tmp_path / "scans" / "one.png", "--mask", tmp_path / "masks" / "one.png", "-o"]
    status, said = command(monkeypatch, capsys, *call, tmp_path / "scans")
    assert status == 2
    assert "scans: is the folder of the painting one.png itself; expected another, or --overwrite." in said[0]
    assert [path.name for path in (tmp_path / "scans").iterdir()] == ["one.png"]
    assert command(monkeypatch, capsys, *call, tmp_path / "out") == (0, [])
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    status, said = command(monkeypatch, capsys, *call, tmp_path / "out")
    assert status == 2
    assert "out: holds results of an earlier run (one_restored.png and 5 more); expected another folder, or" in said[0]
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert command(monkeypatch, capsys, *call, tmp_path / "out", "--overwrite") == (0, [])
    assert command(monkeypatch, capsys, *call, tmp_path / "scans", "--overwrite") == (0, [])
    assert np.array_equal(scans.read(tmp_path / "scans" / "one.png").pixels, PIXELS)


def test_masks_without_holes_are_status_1_and_write_nothing(tmp_path, monkeypatch, capsys):
    put(tmp_path / "scans", "one.png", "two.png")
    put(tmp_path / "masks", "two.png")
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(tmp_path / "masks" / "one.png")
    call = ["--mask", tmp_path / "masks", "-o", tmp_path / "out"]
    status, said = command(monkeypatch, capsys, tmp_path / "scans" / "one.png", *call)
    assert (status, len(said)) == (1, 1)
    assert "one.png: has no hole" in said[0]
    assert not (tmp_path / "out").exists()
    assert command(monkeypatch, capsys, tmp_path / "scans", *call)[0] == 1
    assert {path.name.split("_")[0] for path in (tmp_path / "out").iterdir()} == {"two"}


def test_one_bar_moves_over_all_paintings(tmp_path, monkeypatch, capsys):
    put(tmp_path / "scans", "one.png", "two.png")
    put(tmp_path / "masks", "one.png", "two.png")
    monkeypatch.setattr(sys, "argv", ["studylib", "restore", str(tmp_path / "scans"), "--mask", str(tmp_path / "masks"), "-o",
                                      str(tmp_path / "out"), "--method", "telea"])
    assert study.main() == 0
    shown = capsys.readouterr().err
    assert "two.png" in shown
    assert "100%" in shown
    assert shown.count("\n") == 1
