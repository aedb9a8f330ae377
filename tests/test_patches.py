"""Texture comes from the painting's own paint, as strong as around the hole; colours stay those of the guide."""

import cv2
import numpy as np
import pytest

from studylib import native, patches


def scene(seed=0, height=200, width=220, strength=0.05, grain=0.8, channels=3):
    """A soft ground with grain of a known strength, and a hole: the picture, the hole, and the ground alone as guide."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    tint = np.array([1.0, 0.8, 0.6])[:channels]
    ground = (0.5 + 0.15 * np.sin(y / 40) * np.cos(x / 50))[..., None] * tint
    noise = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), grain)
    picture = (ground + strength * (noise / noise.std())[..., None]).clip(0, 1).astype(np.float32)
    hole = np.zeros((height, width), bool)
    hole[70:130, 70:140], hole[180:, :20] = True, True
    return picture, hole, np.where(hole[..., None], ground, picture).astype(np.float32)


def eight_bits(picture):
    return (np.broadcast_to(picture, (*picture.shape[:2], 3)).clip(0, 1) * 255).round().astype(np.uint8)


@pytest.mark.parametrize("strength", [0.02, 0.05])
@pytest.mark.parametrize("grain", [0.5, 1.2])
def test_the_texture_is_as_strong_as_around(strength, grain):
    picture, hole, guide = scene(strength=strength, grain=grain)
    assert native.texture(eight_bits(guide), hole)[0] < 0.3
    painted = patches.paint(picture, hole, guide)
    assert painted.dtype == np.float32
    assert 0.7 < native.texture(eight_bits(painted), hole)[0] < 1.3
    assert native.texture(eight_bits(painted), hole)[1] < 1.5  # grey grain brings no coloured speckle


def test_a_smooth_painting_gets_no_texture():
    picture, hole, guide = scene(strength=0.0)
    assert np.abs(patches.paint(picture, hole, guide) - guide)[hole].max() < 0.02


def test_known_pixels_stay_and_the_hole_s_own_do_not_matter():
    picture, hole, guide = scene()
    painted = patches.paint(picture, hole, guide)
    assert np.array_equal(painted[~hole], picture[~hole])
    for value in (0, 1, np.nan):
        other = np.where(hole[..., None], np.float32(value), picture)
        assert np.array_equal(patches.paint(other, hole, guide), painted)


def test_the_colours_are_the_guide_s():
    """Also where the guide is of a colour that the picture has nowhere."""
    picture, hole, guide = scene()
    guide[hole] = guide[hole] * 0.6 + np.array([0.0, 0.15, 0.3], np.float32)
    painted = patches.paint(picture, hole, guide)
    inner = cv2.erode(hole.astype(np.uint8), np.ones((41, 41), np.uint8), borderValue=0) > 0
    soft, wanted = (cv2.GaussianBlur(part, (0, 0), 8)[inner] for part in (painted, guide))
    assert np.abs(soft - wanted).mean() < 0.01


def test_stripes_go_on():
    """Fine stripes that the guide does not show: the fill's are in step with those above and below."""
    _, x = np.mgrid[:160, :200]
    stripes = 0.5 + 0.15 * np.sin(2 * np.pi * x / 6)
    picture = np.repeat(stripes[..., None], 3, 2).astype(np.float32)
    hole = np.zeros((160, 200), bool)
    hole[65:95, 60:140] = True
    guide = np.where(hole[..., None], np.float32(0.5), picture)
    painted = patches.paint(picture, hole, guide)
    assert np.corrcoef(painted[hole][:, 0], picture[hole][:, 0])[0, 1] > 0.6


@pytest.mark.parametrize("known", [0, 1, 12])
def test_with_nothing_to_copy_from_the_guide_stays(known):
    picture, hole, guide = scene(height=60, width=60)
    hole[:] = True
    hole[:known, :known] = False
    assert np.array_equal(patches.paint(picture, hole, guide), guide)


def test_without_a_hole_the_picture_stays():
    picture, hole, _ = scene(height=60, width=70)
    assert np.array_equal(patches.paint(picture, hole & False, picture), picture)


def test_the_same_seed_paints_the_same():
    picture, hole, guide = scene()
    assert np.array_equal(patches.paint(picture, hole, guide, seed=3), patches.paint(picture, hole, guide, seed=3))
    assert not np.array_equal(patches.paint(picture, hole, guide, seed=3), patches.paint(picture, hole, guide, seed=4))


def test_one_channel_is_painted_too():
    picture, hole, guide = scene(channels=1)
    painted = patches.paint(picture, hole, guide)
    assert painted.shape == picture.shape
    assert 0.7 < native.texture(eight_bits(painted), hole)[0] < 1.3


def test_what_is_no_source_is_not_copied():
    """The right half bears dots of a strong red; excluded, they appear nowhere in the fill."""
    picture, hole, guide = scene(strength=0.02)
    red = np.zeros(hole.shape, bool)
    red[4::8, 150::8] = True
    red = cv2.dilate(red.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    picture[red & ~hole] = guide[red & ~hole] = 1, 0, 0
    source = np.ones_like(hole)
    source[:, 140:] = False
    painted = patches.paint(picture, hole, guide, source=source)
    assert (painted[hole][:, 0] - painted[hole][:, 1]).max() < 0.4  # of the ground it is up to 0.13, of the dots 1
    assert np.array_equal(painted[~hole], picture[~hole])
    assert np.array_equal(patches.paint(picture, hole, guide, source=source & False), guide)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 300), (9, 9), (33, 47), (64, 300)])
def test_any_size(height, width):
    rng = np.random.default_rng(height * width)
    picture, hole = rng.random((height, width, 3), np.float32), rng.random((height, width)) < 0.02
    hole[-1, -1] = True
    painted = patches.paint(picture, hole, np.where(hole[..., None], np.float32(0.5), picture))
    assert painted.shape == picture.shape
    assert np.isfinite(painted).all()
