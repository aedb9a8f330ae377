"""A copy is told from another picture, brought to the painting's brightness, and asked where it was painted on."""

import cv2
import numpy as np
import pytest

from studylib import atelier, copies
from studylib.scans import Scan
from torture import paintings as drawn


@pytest.fixture(scope="module")
def pixels():
    scene = atelier.paint("scenes", 1, 128, seed=7)[0].astype(np.float32)
    return (scene + np.random.default_rng(0).normal(0, 3, scene.shape)).round().clip(0, 255).astype(np.uint8)


def seen(copy, pixels, inside=None):
    inside = np.ones(copy.shape[:2], bool) if inside is None else inside
    return copies.compare(Scan(copy, "RGB"), Scan(pixels, "RGB"), inside)


@pytest.mark.parametrize(("gain", "offset"), [(1, 0), (0.8, 45), (1.15, 0), (0.9, -20)])
def test_a_gain_and_an_offset_are_undone_though_a_third_was_painted_over(pixels, gain, offset):
    copy = (pixels * gain + offset).round().clip(0, 255).astype(np.uint8)
    copy[:42] = 255, 0, 0
    found = seen(copy, pixels)
    assert found.is_copy
    assert found.exact == (gain == 1)
    plain = (copy[42:] > 0).all(2) & (copy[42:] < 255).all(2)
    assert np.abs(found.base[42:].astype(int) - copy[42:])[plain].max() <= 3
    paint = copies.painted(found)
    assert np.array_equal(paint.share > 0.5, np.indices(paint.share.shape)[0] < 42)
    assert paint.colours == [(255, 0, 0)]
    assert not paint.more.any()


def test_a_mask_or_another_picture_is_no_copy(pixels):
    hole = np.zeros(pixels.shape, np.uint8)
    hole[30:60, 20:90] = 255
    damaged = np.where(hole > 0, np.uint8(245), pixels)
    other = atelier.paint("scenes", 1, 128, seed=8)[0]
    for copy in (hole, 255 - hole, cv2.GaussianBlur(hole, (0, 0), 3), other, pixels[::-1].copy(), np.full_like(pixels, 90)):
        assert not seen(copy, damaged).is_copy
    assert seen(damaged, damaged).is_copy
    assert not seen(damaged, damaged, np.zeros((128, 128), bool)).is_copy


def test_two_paints_are_two_and_speckle_is_unexplained(pixels):
    copy = pixels.copy()
    copy[10:30, 10:30], copy[60:80, 60:90] = (255, 0, 0), (0, 0, 255)
    found = copies.painted(seen(copy, pixels))
    assert set(found.colours) == {(255, 0, 0), (0, 0, 255)}
    assert found.unexplained == 0
    copy[100:] = np.random.default_rng(1).integers(0, 255, (28, 128, 3))
    assert copies.painted(seen(copy, pixels)).unexplained > 0.1


def test_paint_that_touches_what_has_its_colour_is_a_doubt(pixels):
    own = pixels.copy()
    own[40:80, 40:80] = 0
    copy = own.copy()
    copy[40:80, 70:110] = 0
    found = copies.painted(seen(copy, own))
    assert np.array_equal(found.share > 0, (copy != own).any(2))
    assert np.array_equal(found.more, (copy == 0).all(2) & (own == 0).all(2))


@pytest.mark.parametrize("space", list(drawn.SPACES))
def test_profiles_lead_to_srgb(pixels, space):
    there = drawn.converted(pixels, None, drawn.icc(space))
    back = copies.srgb(Scan(there, "RGB", drawn.icc(space)))
    middle = (pixels > 20).all(2) & (pixels < 235).all(2)
    assert np.abs(back.astype(int) - pixels)[middle].mean() < 1.5
    assert np.abs(there.astype(int) - pixels)[middle].mean() > 3
    assert np.array_equal(copies.srgb(Scan(there, "RGB", drawn.icc(space)), managed=False), there)


def test_grey_and_four_inks_are_shown_in_rgb():
    grey = np.uint16([[[0], [32896], [65535]]])
    assert copies.srgb(Scan(grey, "L")).tolist() == [[[0] * 3, [128] * 3, [255] * 3]]
    assert copies.srgb(Scan(np.uint8([[[0, 255, 0, 0], [0, 0, 0, 255]]]), "CMYK")).tolist() == [[[255, 0, 255], [0, 0, 0]]]


def test_parts_hold_a_seed_and_have_a_size():
    hole = np.zeros((9, 9), bool)
    hole[0:2, 0:2], hole[5, 5], hole[7:9, 0:3] = True, True, True
    seed = hole & (np.indices(hole.shape)[0] != 8)
    assert np.array_equal(copies.parts_of(hole, seed), hole)
    assert copies.parts_of(hole, seed, least=4).sum() == 10
    assert copies.parts_of(hole, seed & (np.indices(hole.shape)[0] < 3)).sum() == 4
