"""Colours around a loss: near it, never inside it; a membrane is harmonic; clusters are means of their members."""

import numpy as np
import pytest

from studylib import palette


def disc(height=80, width=100, radius=20):
    ys, xs = np.mgrid[:height, :width]
    return (ys - height // 2)**2 + (xs - width // 2)**2 <= radius**2


def test_surroundings_are_near_and_known():
    hole = disc()
    picture = np.zeros((80, 100, 3), np.uint8)
    picture[disc(radius=24)] = (200, 100, 50)
    picture[hole] = (0, 255, 0)
    around = palette.surroundings(picture, hole)
    assert np.allclose(around, np.array([200, 100, 50]) / 255)
    assert len(palette.surroundings(picture, hole, reach=40)) > len(around)
    part = hole.copy()
    part[:, 50:] = False
    left = palette.surroundings(picture, hole, part, reach=3)
    assert 0 < len(left) < len(palette.surroundings(picture, hole, reach=3))
    far = np.zeros_like(hole)
    far[40, 50] = True  # more than the reach from any paint: all that is known is asked
    assert len(palette.surroundings(picture, hole, far, reach=2)) == (~hole).sum()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_membrane_continues_a_slope_and_never_looks_inside_the_hole(dtype):
    top = np.iinfo(dtype).max
    slope = np.linspace(0.2, 0.8, 100)[None, :, None] * np.ones((80, 1, 1))
    picture = (slope * top).round().astype(dtype)
    hole = disc()
    spanned = palette.membrane(picture, hole)
    picture[hole] = 0
    assert np.array_equal(palette.membrane(picture, hole), spanned)
    whole = palette.enlarged(spanned, (slice(0, 80), slice(0, 100)), hole.shape)
    assert whole.shape == (80, 100, 1)
    assert np.abs(whole - slope)[hole].max() < 0.02
    window = palette.enlarged(spanned, (slice(20, 50), slice(30, 90)), hole.shape)
    assert np.allclose(window, whole[20:50, 30:90], atol=0.01)


def test_a_membrane_stays_between_the_colours_of_its_border():
    picture = np.random.default_rng(0).integers(60, 180, (90, 70, 3)).astype(np.uint8)
    hole = np.zeros((90, 70), bool)
    hole[:60, 10:] = True  # also at the picture's border
    spanned = palette.membrane(picture, hole)
    assert 60 / 255 <= spanned.min() <= spanned.max() <= 180 / 255
    everything = np.ones((90, 70), bool)
    everything[0, 0] = False
    assert np.allclose(palette.membrane(picture, everything), picture[0, 0] / 255)


def test_clusters_are_the_means_of_their_members_and_tell_hues_apart():
    rng = np.random.default_rng(1)
    kinds = np.array([[0.8, 0.2, 0.2], [0.2, 0.3, 0.8], [0.9, 0.8, 0.3]])
    which = rng.integers(0, 3, 600)
    colours = (kinds[which] + rng.normal(0, 0.02, (600, 3))).clip(0, 1)
    centres, label = palette.clusters(colours, 3)
    for number, centre in enumerate(centres):
        assert np.allclose(colours[label == number].mean(0), centre)
        assert len(np.unique(which[label == number])) == 1
    again = palette.clusters(colours, 3)
    assert np.array_equal(again[0], centres)
    assert np.array_equal(again[1], label)
    for channels in (1, 4):
        assert palette.clusters(rng.random((50, channels)), 4)[0].shape == (4, channels)
    one, label = palette.clusters(np.full((30, 3), 0.25), 4)
    assert np.allclose(one, 0.25)
    assert palette.clusters(np.full((1, 3), 0.5), 4)[0].shape == (1, 3)


def test_colours_keep_to_the_tones_of_a_monochrome_painting():
    rng = np.random.default_rng(2)
    tone, other = rng.random((500, 1)), rng.random((40, 3))
    grey = palette.in_tones(other, tone.repeat(3, 1))
    assert np.array_equal(grey, grey[:, :1].repeat(3, 1))
    assert np.allclose(grey[:, 0], other @ palette.LIGHTNESS, atol=1e-6)

    def sepia(tone):
        return np.concatenate([0.2 + 0.7 * tone, 0.1 + 0.75 * tone**1.15, 0.05 + 0.7 * tone**1.3], -1)

    toned = palette.in_tones(sepia(np.linspace(0.1, 0.9, 40)[:, None]) + rng.normal(0, 0.02, (40, 3)), sepia(tone))
    assert np.abs(toned - sepia((toned[:, :1] - 0.2) / 0.7)).max() < 0.004
    assert palette.in_tones(other, sepia(tone) + rng.normal(0, 0.03, (500, 3))) is other
    one = palette.in_tones(np.array([[0.2, 0.2, 0.2]]), np.full((9, 3), (0.8, 0.4, 0.2)))
    assert np.allclose(one / one[0, 0], [1, 0.5, 0.25])  # darker than all that is known: of the same hue
