"""Outside the mask not one value changes; the tratteggio adds up to the fill; bad input ends in a sentence and no file."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms

from studylib import __main__ as study
from studylib import atelier, conservation, filling, records, scans, strokes, trial
from studylib.scans import Scan, ScanError


@pytest.fixture(scope="module")
def scene():
    """A painted scene of 96 x 80 pixels and a hole of two parts, one at the border."""
    pixels = np.repeat(np.repeat(atelier.paint("scenes", 1, 48, seed=5)[0], 2, 0), 2, 1)[:80]
    hole = np.zeros((80, 96), bool)
    hole[20:40, 30:50], hole[60:, 88:] = True, True
    return pixels, hole


def files(folder, scan, hole, ending):
    folder.mkdir(exist_ok=True)
    painting, mask = folder / f"fresco{ending}", folder / "damage.png"
    scans.write(scan, painting)
    Image.fromarray((hole * 255).astype(np.uint8)).save(mask)
    return painting, mask


def as_mode(pixels, mode, dtype):
    image = np.asarray(Image.fromarray(pixels).convert(mode))
    image = image if image.ndim == 3 else image[..., None]
    return image.astype(dtype) * (257 if dtype == np.uint16 else 1)


@pytest.mark.parametrize(("mode", "dtype", "ending"), [
    ("RGB", np.uint8, ".png"), ("RGB", np.uint8, ".tif"), ("RGB", np.uint16, ".png"), ("RGB", np.uint16, ".tif"),
    ("L", np.uint8, ".png"), ("L", np.uint16, ".tif"), ("LA", np.uint8, ".png"), ("RGBA", np.uint8, ".png"),
    ("RGBA", np.uint16, ".png"), ("CMYK", np.uint8, ".tif")])
def test_outside_the_mask_not_one_value_changes(tmp_path, weights, scene, mode, dtype, ending):
    pixels, hole = scene
    exif = Image.Exif()
    exif[0x0112] = 8
    scan = Scan(as_mode(pixels, mode, dtype), mode, b"a profile", exif.tobytes(), (300.0, 300.0), 8)
    painting, mask = files(tmp_path, scan, hole, ending)
    stored = scans.read(painting)
    written = conservation.restore(painting, tmp_path / "out", mask=mask, holes="white", method="model", weights=weights,
                                   variants=2, say=lambda text: None)
    assert [path.name for path in written] == [
        f"fresco_restored{ending}", f"fresco_tratteggio{ending}", f"fresco_fill{ending}", "fresco_uncertainty.png",
        "fresco_report.html", "fresco_restoration.json"]
    for name in written[:2]:
        restored = scans.read(name)
        assert restored.pixels.dtype == dtype
        assert np.array_equal(restored.pixels[~hole], stored.pixels[~hole])
        assert not np.array_equal(restored.pixels[hole], stored.pixels[hole])
        assert (restored.mode, restored.icc, restored.orientation) == (mode, b"a profile", 8)
        assert restored.dpi == pytest.approx((300, 300), abs=0.1)
        if mode.endswith("A"):
            assert np.array_equal(restored.pixels[..., -1], stored.pixels[..., -1])
    account = json.loads(written[-1].read_text())
    assert account["files"] == {path.name: records.sha256(path) for path in written[:-1]}
    assert (account["method"], account["why"], account["variants"]) == ("model", "as asked", 2)
    assert account["weights_sha256"] == {weights.name: records.sha256(weights)}
    assert account["painting_sha256"] == records.sha256(painting)
    assert account["hole_ratio"] == pytest.approx(hole.mean(), abs=1e-5)


def test_the_layer_over_the_damaged_picture_is_the_restored_one(tmp_path, weights, scene):
    pixels, hole = scene
    painting, mask = files(tmp_path, Scan(pixels, "RGB"), hole, ".png")
    restored, _, layer, *_ = conservation.restore(painting, tmp_path, mask=mask, method="model", weights=weights, variants=1,
                                                  say=lambda text: None)
    under = Image.open(painting).convert("RGBA")
    under.alpha_composite(Image.open(layer))
    assert np.array_equal(np.asarray(under.convert("RGB")), np.asarray(Image.open(restored)))


def test_an_empty_mask_writes_nothing_and_says_so(tmp_path, scene, monkeypatch, capsys):
    pixels, hole = scene
    painting, mask = files(tmp_path, Scan(pixels, "RGB"), hole & False, ".png")
    status, said = command(monkeypatch, capsys, painting, "--mask", mask, "-o", tmp_path / "out")
    assert status == 1
    assert "damage.png: has no hole" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_of_paintings_finds_its_masks(tmp_path):
    for name in ("paintings/a.png", "paintings/b.jpg", "masks/a_mask.png", "masks/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = conservation.pairs([tmp_path / "paintings"], tmp_path / "masks")
    assert [(painting.name, mask.name) for painting, mask in found] == [("a.png", "a_mask.png"), ("b.jpg", "b.png")]
    (tmp_path / "masks" / "b_mask.png").touch()
    with pytest.raises(ScanError, match=r"2 masks for b\.jpg"):
        conservation.pairs([tmp_path / "paintings"], tmp_path / "masks")
    with pytest.raises(ScanError, match="one mask for 2 paintings"):
        conservation.pairs([tmp_path / "paintings"], tmp_path / "masks" / "b.png")


def command(monkeypatch, capsys, *words):
    """What the command returns, and what it says of what went wrong."""
    monkeypatch.setattr(sys, "argv", ["studylib", "restore", *map(str, words)])
    status = study.main()
    return status, "\n".join(line for line in capsys.readouterr().err.splitlines() if line.strip() and "%" not in line)


@pytest.mark.parametrize(("options", "sentence"), [
    ([], "--mask: expected a mask"), (["--mask", "absent.png"], "absent.png: there is no such file"),
    (["--mask", "full.png", "--holes", "white"], "covers the whole picture"),
    (["--mask", "mask.png", "--grow", "-1"], "--grow -1"),
    (["--mask", "mask.png", "--weights", "mask.png"], "does not hold the weights"), (["--detect", "rust"], "detect 'rust'"),
    (["--mask", "small.png"], "expected the same shape"), (["--mask", "text.png"], "cannot be read as a picture"),
    (["--mask", "mask.png", "--stroke", "0.5"], "stroke 0.5: is 0.50 pixels"),
    (["--mask", "mask.png", "--stroke", "nan"], "stroke nan: expected a width"),
    (["--mask", "mask.png", "--angle", "inf"], "--angle inf"), (["--mask", "mask.png", "--detect"], "the one or the other"),
    (["--mask", "mask.png", "--grow", "2147483648"], "covers the whole picture")])
def test_bad_input_ends_in_one_sentence_and_no_file(tmp_path, monkeypatch, capsys, scene, options, sentence):
    pixels, hole = scene
    files(tmp_path, Scan(pixels, "RGB"), hole, ".png")[1].rename(tmp_path / "mask.png")
    Image.fromarray(np.full((80, 96), 255, np.uint8)).save(tmp_path / "full.png")
    Image.fromarray(np.zeros((40, 96), np.uint8)).save(tmp_path / "small.png")
    (tmp_path / "text.png").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    status, said = command(monkeypatch, capsys, "fresco.png", "-o", "out", "--method", "model", *options)
    assert status == 2
    assert sentence in said
    assert said.strip().count("\n") == 0
    assert not (tmp_path / "out").exists()


def test_what_would_be_lost_is_refused_before_anything_is_computed(tmp_path, monkeypatch, capsys, scene):
    pixels, hole = scene
    painting, mask = files(tmp_path, Scan(pixels, "RGB"), hole, ".png")
    other = painting.rename(tmp_path / "fresco_restored.png")
    scans.write(Scan(pixels, "RGB"), painting)
    (tmp_path / "file").touch()
    monkeypatch.setattr(conservation, "restore", lambda *arguments, **more: pytest.fail("it began"))
    (tmp_path / "masks").mkdir()
    for name in ("fresco", "fresco_restored"):
        (tmp_path / "masks" / f"{name}.png").write_bytes(mask.read_bytes())
    for out, sentence in ((tmp_path, "would be overwritten"), (tmp_path / "file", "cannot be the folder"),
                          (tmp_path / "file" / "deeper", "cannot be the folder")):
        status, said = command(monkeypatch, capsys, painting, other, "--mask", tmp_path / "masks", "-o", out)
        assert (status, said.count("\n")) == (2, 0)
        assert sentence in said
    proposal = tmp_path / "out" / "fresco_mask.png"
    assert command(monkeypatch, capsys, painting, "--detect", "-o", tmp_path / "out")[0] == 0
    before = proposal.read_bytes()
    status, said = command(monkeypatch, capsys, painting, "--detect", "-o", tmp_path / "out")
    assert status == 2
    assert "may have been corrected by hand" in said
    assert proposal.read_bytes() == before


def test_one_painting_that_cannot_be_restored_does_not_keep_the_others_waiting(tmp_path, monkeypatch, capsys, scene):
    pixels, hole = scene
    painting, mask = files(tmp_path / "paintings", Scan(pixels, "RGB"), hole, ".png")
    mask.rename(tmp_path / "fresco.png")
    (painting.parent / "a.png").write_text("no picture")
    (tmp_path / "a.png").write_bytes((tmp_path / "fresco.png").read_bytes())
    out = tmp_path / "out"
    status, said = command(monkeypatch, capsys, painting.parent, "--mask", tmp_path, "-o", out, "--method", "telea")
    assert status == 1
    assert "a.png: cannot be read as a picture" in said
    assert said.endswith("1 of 2 paintings could not be restored (see above).")
    assert {path.name for path in out.iterdir()} == {f"fresco_{end}" for end in (
        "restored.png", "fill.png", "tratteggio.png", "uncertainty.png", "report.html", "restoration.json")}


def test_a_name_that_is_not_utf_8_is_refused_at_once(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.touch()
    with pytest.raises(ScanError, match=r"caf.*its name is not UTF-8"):
        conservation.pairs([tmp_path], None)


def test_a_folder_may_hold_masks_results_and_notes_too(tmp_path):
    for name in ("a.png", "a_mask.png", "a_restored.png", "a_fill.png", "a_uncertainty.png", "a_restoration.json", "notes.txt"):
        (tmp_path / name).touch()
    assert conservation.pairs([tmp_path], tmp_path) == [(tmp_path / "a.png", tmp_path / "a_mask.png")]


def profile(name):
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


ODD = {
    "two pixels": (lambda: odd(1, 2, 3), "RGB", {}),
    "ribbon": (lambda: odd(20, 10_000, 3), "RGB", {}), "grey": (lambda: odd(40, 50, 1), "L", {}),
    "16 bits": (lambda: odd(40, 50, 3, np.uint16), "RGB", {}), "16 bits grey": (lambda: odd(40, 50, 1, np.uint16), "L", {}),
    "alpha": (lambda: odd(40, 50, 4), "RGBA", {}), "CMYK": (lambda: odd(40, 50, 4), "CMYK", {"icc": b"of a press"}),
    "profile": (lambda: odd(40, 50, 3), "RGB", {"icc": profile("XYZ")}),  # kept byte for byte, whatever it is, as Adobe RGB
    "turned": (lambda: odd(40, 50, 3), "RGB", {"orientation": 6, "dpi": (300.0, 300.0)}),
    "turned, 16 bits": (lambda: odd(40, 50, 3, np.uint16), "RGB", {"orientation": 8})}


def noise(height, width, channels, dtype=np.uint8):
    values = np.random.default_rng(height * width).integers(0, np.iinfo(dtype).max, (height, width, channels), endpoint=True)
    return values.astype(dtype)


def odd(height, width, channels, dtype=np.uint8):
    hole = np.random.default_rng(channels).random((height, width)) < 0.2
    hole[0, 0], hole[0, -1] = True, False
    return noise(height, width, channels, dtype), hole


@pytest.mark.parametrize(("make", "mode", "facts"), ODD.values(), ids=list(ODD))
def test_odd_pictures_go_through_the_command(tmp_path, monkeypatch, capsys, weights, make, mode, facts):
    pixels, hole = make()
    painting, mask = files(tmp_path, Scan(pixels, mode, **facts), hole, ".tif")
    # A mask is drawn over the picture as it is seen, upright.
    status, said = command(monkeypatch, capsys, painting, "--mask", mask, "--holes", "white", "-o", tmp_path / "out",
                           "--weights", weights, "--method", "model", "--variants", 2)
    assert (status, said) == (0, "")
    for name in ("restored", "tratteggio"):
        again = scans.read(tmp_path / "out" / f"fresco_{name}.tif")
        assert again.pixels.dtype == pixels.dtype
        assert np.array_equal(again.pixels[~hole], pixels[~hole])
        assert (again.mode, again.icc, again.orientation) == (mode, facts.get("icc"), facts.get("orientation", 1))
        assert again.dpi is None or again.dpi == pytest.approx(facts.get("dpi", again.dpi))


def test_a_proposed_mask_is_not_applied_unseen(tmp_path, scene):
    pixels, hole = scene
    painting, _ = files(tmp_path, Scan(pixels, "RGB"), hole, ".png")
    command = [sys.executable, "-m", "studylib", "restore", str(painting), "-o", str(tmp_path / "out"), "--detect"]
    done = subprocess.run(command, cwd=records.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["fresco_mask.png"]
    assert "correct it by hand" in done.stdout


def restored(folder, scan, hole, **options):
    """{kind: the picture written}, the account and what was said."""
    painting, mask = files(folder, scan, hole, ".png")
    said = []
    written = conservation.restore(painting, folder / "out", mask=mask, holes="white", say=said.append, **options)
    pictures = {path.stem.removeprefix("fresco_"): scans.read(path) for path in written if path.suffix == ".png"}
    return pictures, json.loads(written[-1].read_text()), "\n".join(said)


def test_the_trial_chooses_and_its_numbers_are_in_the_account(tmp_path, weights, scene):
    pixels, hole = np.tile(scene[0], (2, 2, 1)), np.zeros((160, 192), bool)
    hole[20:40, 30:50] = True
    parts = []
    _, account, said = restored(tmp_path, Scan(pixels, "RGB"), hole, weights=weights, variants=2, progress=parts.append)
    assert account["trial"]["psnr"].keys() == set(trial.methods())
    assert account["method"] in trial.methods()
    assert f"method {account['method']}: {account['why']}." in said
    assert account["why"].startswith("tried on")
    assert 1 / 3 <= account["uncertainty"]["calibrated_by"] <= 3
    assert account["uncertainty"]["mean"] <= account["uncertainty"]["band_80"]
    assert parts == sorted(parts) and parts[0] >= 0 and parts[-1] <= 1
    page = (tmp_path / "out" / "fresco_report.html").read_text(encoding="utf-8")
    assert all(method in page for method in trial.methods())


def test_a_method_that_is_ahead_is_the_one_that_fills(tmp_path, weights, scene, monkeypatch):
    monkeypatch.setattr(trial, "run", lambda *arguments, **options: trial.Trial("telea", "it is ahead"))
    pictures, account, said = restored(tmp_path, Scan(scene[0], "RGB"), scene[1], weights=weights)
    values = filling.fill(scene[0], scene[1], method="telea")[0]
    assert np.array_equal(pictures["restored"].pixels[scene[1]], (values * 255).round().astype(np.uint8))
    assert [account[key] for key in ("method", "why", "weights_sha256", "variants")] == ["telea", "it is ahead", None, 1]
    assert "method telea: it is ahead." in said


def beyond(height=220, width=240):
    pixels = np.random.default_rng(0).integers(100, 160, (height, width, 3)).astype(np.uint8)
    hole = np.zeros((height, width), bool)
    hole[20:200, 20:200] = True
    return pixels, hole


def test_parts_beyond_evidence_are_told_and_filled_by_abstraction_if_asked(tmp_path, weights):
    pixels, hole = beyond()
    plain, abstract = (restored(tmp_path / name, Scan(pixels, "RGB"), hole, method="telea", abstract=name == "yes")
                       for name in ("no", "yes"))
    assert plain[1]["beyond_evidence"] == abstract[1]["beyond_evidence"] != []
    assert (plain[1]["abstraction"], abstract[1]["abstraction"]) == (False, True)
    assert "1 part lies beyond evidence" in plain[2] and "--abstract fills it by chromatic abstraction instead" in plain[2]
    assert "is chromatic abstraction" in abstract[2]
    far, _ = strokes.beyond_evidence(hole)
    for kind in ("restored", "tratteggio"):
        one, other = (found[0][kind].pixels for found in (plain, abstract))
        assert not np.array_equal(one[far], other[far])
        assert np.array_equal(one[~hole], other[~hole])


def test_without_such_parts_abstract_changes_nothing(tmp_path, weights, scene):
    hole = np.zeros_like(scene[1])
    hole[20:28, 10:80] = True
    plain, abstract = (restored(tmp_path / name, Scan(scene[0], "RGB"), hole, method="telea", abstract=name == "yes")
                       for name in ("no", "yes"))
    assert np.array_equal(plain[0]["restored"].pixels, abstract[0]["restored"].pixels)
    assert not abstract[1]["abstraction"]
    assert "evidence" not in abstract[2]


@pytest.mark.parametrize("method", ["model", "telea"])
def test_what_is_transparent_has_no_say(tmp_path, weights, method):
    """Light paint cut out, and around it nothing: black in one file, white in the other; the same fill in all of them."""
    pixels, hole = beyond()
    alpha = np.zeros(hole.shape, np.uint8)
    alpha[15:, 15:205] = 255
    found = []
    for around in (0, 255):
        pixels = pixels.copy()
        pixels[alpha == 0] = around
        scan = Scan(np.dstack([pixels, alpha]), "RGBA")
        found.append(restored(tmp_path / str(around), scan, hole, weights=weights, method=method, abstract=True))
    assert found[0][1]["abstraction"]
    for kind in ("restored", "tratteggio"):
        black, white = (pictures[kind].pixels[hole][:, :3].astype(int) for pictures, *_ in found)
        assert np.array_equal(black, white), kind
        assert black.min() > 60, kind
        assert black.max() < 200, kind
    assert found[0][1]["uncertainty"] == found[1][1]["uncertainty"]


def test_a_mask_that_leaves_only_what_is_transparent_is_named(tmp_path, scene):
    pixels, hole = scene
    scan = Scan(np.dstack([pixels, hole * np.uint8(255)]), "RGBA")
    painting, mask = files(tmp_path, scan, hole, ".png")
    with pytest.raises(ScanError, match=r"damage\.png: .*nothing to restore from"):
        conservation.restore(painting, tmp_path / "out", mask=mask, holes="white", method="telea", say=lambda text: None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("stroke", "dpi", "width"), [("5", None, 5), ("0.5mm", (254.0, 254.0), 5), (None, None, 2)])
def test_the_strokes_width_is_that_asked_for(tmp_path, weights, scene, stroke, dpi, width):
    _, account, _ = restored(tmp_path, Scan(scene[0], "RGB", None, b"", dpi), scene[1], method="telea", stroke=stroke, angle=30)
    assert account["tratteggio"] == {"width": pytest.approx(width, rel=0.01), "angle": 30}


def test_one_pixel_is_restored(tmp_path, weights, scene):
    hole = np.zeros_like(scene[1])
    hole[40, 40] = True
    pictures, account, _ = restored(tmp_path, Scan(scene[0], "RGB"), hole, weights=weights, yes=True)
    assert account["hole_ratio"] == pytest.approx(1 / hole.size, abs=1e-6)
    assert np.array_equal(pictures["restored"].pixels[~hole], scene[0][~hole])
