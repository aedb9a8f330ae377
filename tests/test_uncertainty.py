"""What is foretold grows with what makes fills fail, holds as often as it says, and is drawn so that it can be read."""

import cv2
import numpy as np
import pytest

from studylib import uncertainty


def scene(contrast=60.0, height=150, width=180, seed=0, channels=3, dtype=np.uint8):
    """Soft noise of a standard deviation in levels, a hole of two parts, and fills: its surroundings' mean and two near it."""
    rng = np.random.default_rng(seed)
    noise = np.stack([cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), 6) for _ in range(channels)], 2)
    picture = 128 + contrast * noise / noise.std()
    hole = np.zeros((height, width), bool)
    hole[30:100, 30:100], hole[120:130, 130:140] = True, True
    picture = (picture.clip(0, 255) * (np.iinfo(dtype).max / 255)).astype(dtype)
    mean = picture[~hole].mean(0) / np.iinfo(dtype).max
    fills = mean + np.array([0, 0.05, -0.05])[:, None, None] + np.zeros((3, int(hole.sum()), 1))
    return picture, hole, fills.astype(np.float32)


def drawn(values, hole):
    out = np.zeros(hole.shape, np.float32)
    out[hole] = values
    return out


@pytest.mark.parametrize("variants", [1, 3])
def test_the_expected_error_grows_from_the_paint_inwards_with_contrast_and_spread(variants):
    picture, hole, fills = scene()
    mean, band = uncertainty.expected(fills[:variants], hole, picture)
    assert mean.shape == band.shape == (hole.sum(),)
    assert (band >= mean).all()
    assert mean.min() > 0
    rows = drawn(mean, hole)[65, 30:100]
    assert rows[1] < rows[8] < rows[20]
    flat = uncertainty.expected(scene(contrast=10)[2][:variants], hole, scene(contrast=10)[0])[0]
    assert flat.mean() < 0.6 * mean.mean()
    if variants > 1:
        wider = fills.copy()
        wider[1:] += np.array([0.2, -0.2])[:, None, None].astype(np.float32)
        assert (uncertainty.expected(wider, hole, picture)[0] >= mean).all()
        assert uncertainty.expected(wider, hole, picture)[0].mean() > mean.mean()


def test_the_map_is_smooth_and_knows_nothing_of_the_hole():
    picture, hole, fills = scene()
    noisy = fills + np.random.default_rng(1).normal(0, 0.05, fills.shape).astype(np.float32)
    mean, _ = uncertainty.expected(noisy, hole, picture)
    spread = drawn(255 * noisy.std(0).mean(1), hole)
    rough, smooth = (np.abs(np.diff(values[45:85, 45:85], axis=1)).max() / values[hole].mean()
                     for values in (spread, drawn(mean, hole)))
    assert smooth < 0.04 < 0.2 < rough
    other = picture.copy()
    other[hole] = 0
    assert np.array_equal(uncertainty.expected(noisy, hole, other)[0], mean)


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (4, np.uint8), (3, np.uint16)])
def test_levels_are_of_8_bits_whatever_the_picture(channels, dtype):
    picture, hole, fills = scene(channels=channels, dtype=dtype)
    mean, _ = uncertainty.expected(fills, hole, picture)
    again, _ = uncertainty.expected(fills, hole, (picture / (np.iinfo(dtype).max / 255)).round().astype(np.uint8))
    assert mean == pytest.approx(again, rel=0.05)


def test_odd_holes():
    picture, hole, _ = scene()
    for odd in (hole & False, np.eye(150, 180) > 0, np.arange(150 * 180).reshape(150, 180) > 3):
        mean, band = uncertainty.expected(np.full((2, int(odd.sum()), 3), 0.5, np.float32), odd, picture)
        assert mean.shape == (odd.sum(),)
        assert np.isfinite(mean).all()
        assert np.isfinite(band).all()
    one = np.array([[True, False]])
    assert np.isfinite(uncertainty.expected(np.full((1, 1, 3), 0.5, np.float32), one, picture[:1, :2])[0]).all()


def test_what_is_fitted_holds_as_often_as_it_says_on_losses_of_the_same_kind():
    rng = np.random.default_rng(0)

    def loss():
        told = rng.gamma(2, 5, (3000, 3)).astype(np.float32)
        return told, rng.exponential(2 + 0.5 * told[:, 0] + 0.8 * told[:, 1])

    constants = uncertainty.fit([loss() for _ in range(20)])
    assert set(constants) == set(uncertainty.CONSTANTS)
    for use, of in constants.items():
        assert min(min(values) for values in of.values()) >= 0
        assert (of["band"][1] == 0) == (use == "alone")
        for _ in range(3):
            told, errors = loss()
            assert np.mean(errors <= uncertainty.foretold(told, of["band"])) == pytest.approx(0.8, abs=0.05)
    told, _ = loss()
    foretold = uncertainty.foretold(told, constants["spread"]["mean"])
    assert np.abs(foretold / (2 + 0.5 * told[:, 0] + 0.8 * told[:, 1]) - 1).mean() < 0.1


def test_a_trial_on_the_painting_sets_the_band_right():
    rng = np.random.default_rng(0)
    bands = rng.uniform(5, 50, 5000)
    errors = rng.exponential(bands)
    factor = uncertainty.calibrate(errors, bands)
    assert np.mean(rng.exponential(bands) <= factor * bands) == pytest.approx(0.8, abs=0.03)
    picture, hole, fills = scene()
    twice = uncertainty.expected(fills, hole, picture, 2.0)
    assert np.allclose(twice, 2 * np.array(uncertainty.expected(fills, hole, picture)))
    assert uncertainty.calibrate(errors[:50], bands[:50]) == 1
    assert uncertainty.calibrate(1000 * errors, bands) == 3


def test_the_band_holds_on_what_the_constants_were_not_fitted_on():
    """Of soft noise, filled by its mean, an 80 % band by the study's constants holds most errors and not nearly all."""
    shares = []
    for seed in range(6):
        picture, hole, fills = scene(seed=seed, contrast=20 + 8 * seed)
        errors = 255 * np.abs(fills[0] - picture[hole] / 255).mean(1)
        shares.append(np.mean(errors <= uncertainty.expected(fills[:1], hole, picture)[1]))
    assert 0.55 < np.mean(shares) < 0.95


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint16), (4, np.uint8)])
def test_a_map_keeps_the_picture_s_size_grey_around_and_in_order(channels, dtype):
    picture, hole, _ = scene(channels=channels, dtype=dtype)
    levels = np.linspace(0, 60, int(hole.sum()))
    shown = uncertainty.render(picture, hole, levels, 60)
    assert shown.shape == (*hole.shape, 3)
    assert shown.dtype == np.uint8
    assert (np.ptp(shown[~hole].astype(int), axis=1) == 0).all()
    if channels == 1:
        assert np.array_equal(shown[~hole][:, 0], picture[~hole][:, 0])
    light = cv2.cvtColor(shown[hole][None], cv2.COLOR_RGB2Lab)[0, :, 0].astype(int)
    assert (np.diff(light) >= -2).all()  # perceptual: lighter is more
    assert light[-1] > light[0] + 150
    assert tuple(uncertainty.render(picture, hole, levels + 1000, 60)[hole][0]) == tuple(shown[hole][-1])


@pytest.mark.parametrize("width", [40, 100, 240, 480, 4000])
def test_a_legend_has_the_colours_of_the_map(width):
    strip = uncertainty.legend(40, width)
    assert strip.shape[1] == width
    assert strip.dtype == np.uint8
    picture, hole, _ = scene(channels=1)
    colours = {tuple(colour) for colour in uncertainty.render(picture, hole, np.linspace(0, 40, hole.sum()), 40)[hole]}
    bar = [tuple(colour) for colour in strip[int(np.clip(width / 32, 8, 40)) // 2 + 1]]
    inside = [colour for colour in bar if colour != (255, 255, 255)]
    assert len(inside) > width / 3
    assert set(inside) <= colours
    assert (strip.min(2) < 100).any(1)[-strip.shape[0] // 2:].any()  # figures below


def test_the_scale_is_round_and_covers_nearly_all():
    assert uncertainty.scale(np.full(100, 17.0)) == 20
    assert uncertainty.scale(np.zeros(0)) == 4
    levels = np.random.default_rng(0).gamma(2, 20, 1000)
    assert np.mean(levels <= uncertainty.scale(levels)) >= 0.98
    assert uncertainty.scale(np.full(9, 250.0)) == 240


def test_the_plot_of_coverage_marks_every_group():
    held = {"all": {"all": [0.7, 0.9]}, "distance": {"0 to 2": [0.8, 0.82], "above 2": [0.6]}}
    figure = uncertainty.coverage_plot(held)
    assert [len(axis.get_xticks()) for axis in figure.axes] == [1, 2]
    assert figure.axes[1].get_xlabel() == "distance"
    assert figure.axes[0].get_ylabel() == "share of errors within the band"
