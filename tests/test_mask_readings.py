"""The order in which a file is read: its alpha channel, its flat colours, what was painted on a copy."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studylib import mask_readings, scans
from studylib.scans import Scan, ScanError

PIXELS = np.random.default_rng(5).integers(60, 200, (60, 70, 3), np.uint8)
HOLE = np.zeros((60, 70), bool)
HOLE[20:30, 10:30] = True


def understood(tmp_path, mask, picture=PIXELS):
    Image.fromarray(mask).save(tmp_path / "mask.png")
    mode = "RGBA" if picture.shape[2] == 4 else "RGB"
    return mask_readings.understood(scans.read(tmp_path / "mask.png"), Scan(picture, mode), tmp_path / "mask.png")


def test_an_alpha_channel_that_is_even_or_the_painting_s_own_is_passed_over(tmp_path):
    red = np.where(HOLE[..., None], np.uint8((255, 0, 0)), PIXELS)
    own = np.where(np.indices(HOLE.shape)[1] > 55, 0, 255).astype(np.uint8)
    for alpha, picture in ((np.full(HOLE.shape, 255, np.uint8), PIXELS), (np.full(HOLE.shape, 90, np.uint8), PIXELS),
                           (own, np.dstack([PIXELS, own]))):
        found = understood(tmp_path, np.dstack([red, alpha]), picture)
        assert "painted red" in found.ways[0].said
        assert np.array_equal(found.ways[0].share > 0.5, HOLE)


def test_an_alpha_channel_that_says_something_comes_first(tmp_path):
    red = np.where(HOLE[..., None], np.uint8((255, 0, 0)), PIXELS)
    alpha = np.full(HOLE.shape, 255, np.uint8)
    alpha[50:, 50:] = 0
    found = understood(tmp_path, np.dstack([red, alpha]))
    assert found.asked  # painted, and erased
    erased = understood(tmp_path, np.dstack([PIXELS, alpha]))
    assert not erased.asked
    assert np.array_equal(erased.ways[0].share > 0.5, alpha == 0)


def test_of_black_white_and_transparent_parts_the_user_chooses(tmp_path):
    alpha = np.where(np.indices(HOLE.shape)[0] < 5, 0, 255).astype(np.uint8)
    found = understood(tmp_path, np.dstack([*[np.where(HOLE, 255, 0).astype(np.uint8)] * 3, alpha]))
    assert found.asked
    assert {way.holes: way.said for way in found.ways}.keys() == {"white", "black", None}
    white = next(way for way in found.ways if way.holes == "white")
    assert np.array_equal(white.share > 0.5, HOLE)


def test_a_layer_of_nothing_is_no_hole(tmp_path):
    found = understood(tmp_path, np.zeros((60, 70, 4), np.uint8))
    assert [way.part for way in found.ways] == [0]


def test_a_copy_that_differs_everywhere_a_little_is_refused(tmp_path):
    copy = PIXELS.copy()
    copy[40:] = np.random.default_rng(6).integers(0, 255, (20, 70, 3))
    with pytest.raises(ScanError, match=r"differs from it in .* % of the picture by more than flat paint"):
        understood(tmp_path, copy)


@pytest.mark.parametrize(("colour", "name"), [
    ((255, 0, 0), "red"), ((250, 50, 83), "red"), ((0, 200, 10), "green"), ((20, 30, 255), "blue"), ((250, 250, 10), "yellow"),
    ((255, 0, 255), "magenta"), ((0, 255, 250), "cyan"), ((5, 5, 5), "black"), ((255, 250, 250), "white"),
    ((120, 130, 125), "grey")])
def test_paints_have_names(colour, name):
    assert mask_readings._name(colour) == name


@pytest.mark.parametrize(("name", "options", "lossy"), [
    ("a.jpg", {}, True), ("a.webp", {}, True), ("b.webp", {"lossless": True}, False), ("a.png", {}, False), ("a.tif", {}, False),
    ("a.jp2", {}, True)])
def test_a_format_that_changes_values_is_known(tmp_path, name, options, lossy):
    Image.fromarray(PIXELS).save(tmp_path / name, **options)
    assert mask_readings._is_lossy(Path(tmp_path / name)) == lossy
