"""A painting of a single tone is given no other; a painting with colours is left its colours."""

import io

import numpy as np
import pytest
from PIL import Image

from studylib import atelier, conservation, filling, scans, tones
from studylib.scans import Scan

WHOLE = np.zeros((80, 96), bool)


@pytest.fixture(scope="module")
def grey():
    """(80, 96) uint8: a painted scene's lightness, soft and with all tones."""
    pixels = np.repeat(np.repeat(atelier.paint("scenes", 1, 48, seed=5)[0], 2, 0), 2, 1)[:80]
    noise = np.random.default_rng(0).integers(-6, 7, (80, 96))
    return (np.asarray(Image.fromarray(pixels).convert("L")).astype(int) + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def hole():
    out = np.zeros((80, 96), bool)
    out[20:40, 30:50], out[60:, 88:] = True, True
    return out


def sepia(grey, dtype=np.uint8):
    most = np.iinfo(dtype).max
    light = grey[..., None] / 255
    return (most * np.concatenate([light**0.8, light, light**1.3], 2)).round().astype(dtype)


def jpeg(pixels, quality=85):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))


def chroma(colours):
    return np.ptp(colours.reshape(-1, colours.shape[-1]).astype(int), axis=1).max()


def members(colours, of):
    """Whether each colour is one of the others."""
    return set(map(tuple, colours.reshape(-1, 3).tolist())) <= set(map(tuple, of.reshape(-1, 3).tolist()))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("method", ["model", "telea", "biharmonic"])
def test_equal_channels_stay_equal(grey, hole, weights, method, dtype):
    pixels = np.repeat(grey[..., None], 3, 2).astype(dtype) * (np.iinfo(dtype).max // 255)
    pixels[hole] = np.arange(3)  # what lies in the hole is no part of the picture
    assert tones.find(pixels, hole).plain
    values = filling.fill(pixels, hole, method=method, weights=weights)
    assert values.shape == (1, hole.sum(), 3)
    assert (np.ptp(values, axis=2) == 0).all()
    alone = filling.fill(pixels[..., :1], hole, method=method, weights=weights)
    assert np.allclose(values[..., :1], alone, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("method", ["model", "telea", "biharmonic"])
def test_sepia_is_filled_in_its_own_colours(grey, hole, weights, method, dtype):
    pixels = sepia(grey, dtype)
    pixels[hole] = np.iinfo(dtype).max, 0, 0
    values = filling.fill(pixels, hole, method=method, weights=weights)[0]
    filled = (values * np.iinfo(dtype).max).round().astype(dtype)
    assert members(filled, pixels[~hole])
    assert chroma(filled) <= chroma(pixels[~hole])
    assert len(np.unique(filled, axis=0)) > 8


def test_every_mean_finds_the_nearest_of_the_known_colours(grey):
    pixels = sepia(grey)
    tone = tones.find(pixels, WHOLE)
    again = tone.colours(tone.grey(pixels).astype(np.float32) / 255)
    assert np.abs(again - pixels / 255).max() < 2.5 / 255
    ramp = tone.colours(np.linspace(0, 1, 1000, dtype=np.float32)[:, None])
    assert members((ramp * 255).round().astype(np.uint8), pixels)
    assert (np.diff(ramp.mean(1)) > -2 / 255).all()


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_jpeg_s_noise_makes_no_colour(grey, hole, weights, quality):
    for pixels in (jpeg(sepia(grey), quality), jpeg(np.repeat(grey[..., None], 3, 2), quality)):
        assert tones.find(pixels, hole)
        filled = (filling.fill(pixels, hole, weights=weights)[0] * 255).round().astype(np.uint8)
        assert members(filled, pixels[~hole])


@pytest.mark.parametrize(("side", "colour"), [(14, (190, 40, 30)), (10, (100, 112, 140))])
def test_a_small_seal_makes_colours(grey, side, colour):
    pixels = np.tile(sepia(grey), (3, 3, 1))
    assert tones.find(pixels, np.zeros(pixels.shape[:2], bool))
    pixels[200:200 + side, 250:250 + side] = colour
    assert tones.find(pixels, np.zeros(pixels.shape[:2], bool)) is None
    lost = np.zeros(pixels.shape[:2], bool)
    lost[195:220, 245:270] = True
    assert tones.find(pixels, lost)


@pytest.mark.parametrize("kind", ["scenes", "strokes"])
def test_colours_are_no_tone(kind):
    pixels = atelier.paint("scenes", 4, 64, seed=3) if kind == "scenes" else np.random.default_rng(0).integers(
        0, 256, (4, 64, 64, 3)).astype(np.uint8)
    for picture in pixels:
        assert tones.find(picture, np.zeros((64, 64), bool)) is None


@pytest.mark.parametrize("side", [2, 4, 8, 16, 24])
def test_a_few_coloured_pixels_are_no_tone(side):
    """Where hardly a mean comes twice, that each comes with one colour says nothing."""
    picture = np.random.default_rng(side).integers(0, 256, (side, side, 3)).astype(np.uint8)
    assert tones.find(picture, np.zeros((side, side), bool)) is None


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_have_none(channels):
    assert tones.find(np.full((8, 8, channels), 90, np.uint8), np.zeros((8, 8), bool)) is None


def test_two_colours_are_no_one_tone_but_one_colour_is(hole):
    flat = np.full((80, 96, 3), (120, 100, 60), np.uint8)
    assert members((filling.fill(flat, hole, method="telea")[0] * 255).round().astype(np.uint8), flat)
    flat[:, ::2] = 60, 100, 120  # of the same mean
    assert tones.find(flat, hole) is None


@pytest.mark.parametrize(("make", "dtype"), [("grey", np.uint8), ("sepia", np.uint8), ("sepia", np.uint16)])
def test_a_restoration_brings_no_new_hue(tmp_path, grey, hole, weights, make, dtype):
    pixels = sepia(grey, dtype) if make == "sepia" else np.repeat(grey[..., None], 3, 2)
    scans.write(Scan(pixels, "RGB"), tmp_path / "fresco.png")
    Image.fromarray((hole * 255).astype(np.uint8)).save(tmp_path / "damage.png")
    written = conservation.restore(tmp_path / "fresco.png", tmp_path / "out", mask=tmp_path / "damage.png", weights=weights,
                                   method="model", say=lambda text: None)
    for path in written[:3]:
        kind = path.stem.removeprefix("fresco_")
        assert kind in ("restored", "tratteggio", "fill")
        inside = scans.read(path).pixels[..., :3][hole]
        if make == "grey":
            assert (np.ptp(inside, axis=1) == 0).all(), kind
        else:
            assert chroma(inside) <= chroma(pixels[~hole]) + (kind == "tratteggio"), kind
            assert kind == "tratteggio" or members(inside, pixels[~hole]), kind
    assert len(np.unique(scans.read(written[0]).pixels[hole], axis=0)) > 8
