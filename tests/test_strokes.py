"""From afar strokes are the fill, from near they show; no hue that the painting does not have; what is beyond evidence."""

import cv2
import numpy as np
import pytest

from studylib import atelier, strokes


@pytest.fixture(scope="module")
def scene():
    """A painted scene of 240 x 288 pixels, a hole of two parts, and a soft fill of it."""
    pixels = np.repeat(np.repeat(atelier.paint("scenes", 1, 48, seed=5)[0], 6, 0), 6, 1)[:240]
    hole = np.zeros(pixels.shape[:2], bool)
    hole[40:200, 30:200], hole[150:, 250:] = True, True
    return pixels, hole, (cv2.GaussianBlur(pixels, (0, 0), 9)[hole] / 255).astype(np.float32)


def placed(values, hole):
    out = np.zeros((*hole.shape, values.shape[1]), np.float32)
    out[hole] = values
    return out


def from_afar(values, hole, sigma):
    """Blurred within the hole."""
    weight = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), sigma)[hole]
    return cv2.GaussianBlur(placed(values, hole), (0, 0), sigma).reshape(*hole.shape, -1)[hole] / weight[:, None]


def chroma(values):
    lab = cv2.cvtColor(values.astype(np.float32)[None], cv2.COLOR_RGB2Lab)[0]
    return np.hypot(lab[:, 1], lab[:, 2])


def abstracted(values, hole, picture, **options):
    part = strokes.beyond_evidence(hole)[0]
    return strokes.abstraction(values, hole, part, picture, **options), part[hole]


@pytest.mark.parametrize("angle", [0, 30, -45])
@pytest.mark.parametrize("width", [2, 3.3])
def test_a_tratteggio_is_the_fill_from_afar_and_shows_from_near(scene, angle, width):
    pixels, hole, fill = scene
    drawn = strokes.tratteggio(fill, hole, picture=pixels, width=width, angle=angle)
    assert drawn.shape == fill.shape
    assert 0 <= drawn.min() <= drawn.max() <= 1
    assert np.abs(drawn - fill).mean() > 0.02
    assert np.abs(from_afar(drawn - fill, hole, 3 * width)).mean() < 0.003
    assert np.abs((drawn - fill).mean(0)).max() < 0.002


def test_strokes_run_in_their_direction():
    hole = np.ones((96, 96), bool)
    hole[0] = False
    grey = np.full((hole.sum(), 3), 0.5, np.float32)
    for angle, along in ((0, 0), (90, 1)):
        drawn = placed(strokes.tratteggio(grey, hole, angle=angle, width=3), hole)[8:-8, 8:-8, 0]
        steps = [np.abs(np.diff(drawn, axis=axis)).mean() for axis in (0, 1)]
        assert steps[along] < 0.05 * steps[1 - along]
    slanted = placed(strokes.tratteggio(grey, hole, angle=45, width=3), hole)[8:-8, 8:-8, 0]
    across, with_it = (np.abs(slanted[1:, first] - slanted[:-1, second]).mean() for first, second in (
        (slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))))
    assert across > 3 * with_it or with_it > 3 * across


@pytest.mark.parametrize("draw", [lambda *given: strokes.tratteggio(given[0], given[1], picture=given[2]),
                                  lambda *given: abstracted(*given)[0]], ids=["tratteggio", "abstraction"])
def test_monochrome_stays_monochrome(scene, draw):
    pixels, hole, fill = scene
    tone = pixels.mean(2, keepdims=True).round().astype(np.uint8)
    values = fill.mean(1, keepdims=True)
    one = draw(values, hole, tone)
    assert one.shape == values.shape
    assert np.abs(one - values).mean() > 0.01
    grey = draw(values.repeat(3, 1), hole, tone.repeat(3, 2))
    assert np.array_equal(grey, grey[:, :1].repeat(3, 1))
    paper, ink = np.array([236.0, 222.0, 190.0]), np.array([48.0, 30.0, 22.0])
    for bend in (1.0, 1.3):  # a line of tones, and a curve
        def sepia(part, bend=bend):
            return ink + (paper - ink) * np.concatenate([part, part**((1 + bend) / 2), part**bend], -1)

        picture = sepia(tone / 255).round().astype(np.uint8)
        drawn = draw((sepia(values) / 255).astype(np.float32), hole, picture) * 255
        part = ((drawn[:, :1] - ink[0]) / (paper[0] - ink[0])).clip(0, 1)
        assert np.abs(drawn - sepia(part)).max() < 2  # of 255, also beyond the tones that are known
        assert np.abs(drawn - sepia(part)).mean() < 0.3


def test_hues_are_those_of_the_painting(scene):
    """In a painting of blues and greys nothing turns red."""
    pixels, hole, fill = scene
    turn = np.array([[0.5, 0.3, 0.1], [0.45, 0.35, 0.15], [0.2, 0.3, 0.5]]).T
    blue, values = (pixels @ turn).clip(0, 255).astype(np.uint8), (fill @ turn).astype(np.float32)
    known = blue[~hole] / 255
    for drawn in (strokes.tratteggio(values, hole, picture=blue), abstracted(values, hole, blue)[0]):
        assert chroma(drawn).max() < chroma(known).max() + 4
        assert (drawn[:, 0] - drawn[:, 1]).max() < (known[:, 0] - known[:, 1]).max() + 0.02
        assert (drawn[:, 1] - drawn[:, 0]).max() < (known[:, 1] - known[:, 0]).max() + 0.02


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_four_channels_and_16_bits(scene, dtype):
    pixels, hole, fill = scene
    black = pixels.min(2, keepdims=True)
    cmyk = np.concatenate([255 - pixels, 255 - black], 2).astype(dtype) * (257 if dtype == np.uint16 else 1)
    values = np.concatenate([1 - fill, 1 - fill.min(1, keepdims=True)], 1)
    for drawn in (strokes.tratteggio(values, hole, picture=cmyk), abstracted(values, hole, cmyk)[0]):
        assert drawn.shape == values.shape
        assert np.isfinite(drawn).all()
        assert np.abs(drawn - values).mean() > 0.01


def test_one_colour_only_is_stroked_in_its_own_hue():
    hole = np.zeros((60, 60), bool)
    hole[10:50, 10:50] = True
    picture = np.full((60, 60, 3), (180, 90, 45), np.uint8)
    drawn = strokes.tratteggio(picture[hole] / np.float32(255), hole, picture=picture)
    assert np.ptp(drawn, axis=0).min() > 0.01
    assert np.allclose(drawn / drawn[:, :1], np.array([180, 90, 45]) / 180, atol=0.02)


def test_empty_and_tiny_holes():
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    none = np.zeros((20, 30), bool)
    assert strokes.tratteggio(np.zeros((0, 3), np.float32), none, picture=picture).shape == (0, 3)
    assert strokes.abstraction(np.zeros((0, 3), np.float32), none, none, picture).shape == (0, 3)
    one = none.copy()
    one[3, 4] = True
    assert strokes.tratteggio(np.full((1, 3), 0.5, np.float32), one, picture=picture).shape == (1, 3)
    assert np.isfinite(strokes.abstraction(np.full((1, 3), 0.5, np.float32), one, one, picture)).all()
    pixel = np.array([[[9, 8, 7]]], np.uint8)
    assert np.isfinite(strokes.tratteggio(np.full((1, 3), 0.5, np.float32), np.ones((1, 1), bool), picture=pixel)).all()


def test_an_abstraction_shows_no_image_and_averages_to_the_surroundings(scene):
    pixels, hole, fill = scene
    drawn, part = abstracted(fill, hole, pixels)
    assert part.any()
    assert not part.all()
    assert np.array_equal(drawn[~part], fill[~part])
    other, _ = abstracted(fill[::-1].copy(), hole, pixels)
    whole = placed(part[:, None].astype(np.float32), hole)[..., 0] > 0
    core = cv2.erode(whole.astype(np.uint8), np.ones((61, 61), np.uint8))[hole] > 0
    assert core.any()
    assert np.abs(drawn - other)[core].max() < 0.02  # what the fill was is gone
    inside = drawn[core]
    assert inside.std(0).max() > 0.02
    ring = cv2.dilate(hole.astype(np.uint8), np.ones((25, 25), np.uint8)).astype(bool) & ~hole
    assert np.abs(inside.mean(0) - pixels[ring].mean(0) / 255).max() < 0.12
    assert np.array_equal(drawn, abstracted(fill, hole, pixels)[0])
    assert not np.array_equal(drawn, abstracted(fill, hole, pixels, seed=1)[0])


def test_an_abstraction_goes_by_known_pixels_only(scene):
    pixels, hole, fill = scene
    other = pixels.copy()
    other[hole] = 255 - other[hole]
    assert np.array_equal(abstracted(fill, hole, pixels)[0], abstracted(fill, hole, other)[0])
    assert np.array_equal(strokes.tratteggio(fill, hole, picture=pixels), strokes.tratteggio(fill, hole, picture=other))


def test_what_is_beyond_evidence():
    hole = np.zeros((200, 300), bool)
    hole[20:180, 30:130] = True   # 50 pixels to its middle
    hole[60:90, 200:230] = True   # 15
    hole[150:, 290:] = True       # at the border, which is no paint: 10 to the side
    beyond, parts = strokes.beyond_evidence(hole, share=0.1)
    assert len(parts) == 1
    way = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert not (beyond & ~hole).any()
    assert beyond[way > 20.5].all()
    assert not beyond[way < 19.5].any()
    left, top, width, height = parts[0]["box"]
    assert beyond[top:top + height, left:left + width].sum() == beyond.sum() == parts[0]["pixels"]
    assert parts[0]["distance_pixels"] == pytest.approx(50, abs=0.5)
    assert parts[0]["distance_share"] == pytest.approx(0.25, abs=0.01)
    assert parts[0]["share_of_picture"] == pytest.approx(beyond.mean())
    assert [part["pixels"] for part in strokes.beyond_evidence(hole, 0.03)[1]] == sorted(
        (part["pixels"] for part in strokes.beyond_evidence(hole, 0.03)[1]), reverse=True)
    assert len(strokes.beyond_evidence(hole, 0.03)[1]) == 3
    assert strokes.beyond_evidence(hole & False)[1] == []
    with pytest.raises(ValueError, match="covers the whole"):
        strokes.beyond_evidence(hole | True)
    with pytest.raises(ValueError, match="share 0"):
        strokes.beyond_evidence(hole, 0)


def test_widths_of_strokes():
    assert strokes.stroke_pixels("0.5mm", (300.0, 300.0), (3000, 4000)) == pytest.approx(0.5 / 25.4 * 300)
    assert strokes.stroke_pixels("1,5 mm", (254.0, 254.0), (3000, 4000)) == pytest.approx(15)
    assert strokes.stroke_pixels("3", None, (100, 90)) == strokes.stroke_pixels("3px", None, (100, 90)) == 3
    assert strokes.stroke_pixels(2.5, None, (100, 90)) == 2.5
    small, large = (strokes.stroke_pixels(None, None, (side, 2 * side, 3)) for side in (100, 4000))
    assert 1 <= small < large == pytest.approx(10)
    for text, dpi, sentence in (("0.5mm", None, "does not say its resolution"), ("0.01mm", (72.0, 72.0), "expected 1 to"),
                                ("wide", None, "expected a width"), ("-2", None, "expected a width"), ("nan", None, "expected a"),
                                ("inf", None, "expected a width"), ("0.5", None, "expected 1 to"), ("60", None, "1 to 45")):
        with pytest.raises(ValueError, match=sentence):
            strokes.stroke_pixels(text, dpi, (100, 90))


def test_only_what_is_asked_for_is_beyond_evidence():
    hole = np.zeros((200, 240), bool)
    hole[20:180, 20:100], hole[20:180, 140:220] = True, True
    left = hole.copy()
    left[:, 60:] = False
    part, parts = strokes.beyond_evidence(hole, within=left)
    assert np.array_equal(part, strokes.beyond_evidence(hole)[0] & left)
    assert len(parts) == 1
    assert parts[0]["pixels"] == part.sum()


def test_abstraction_finds_paint_however_far_away():
    """A ribbon of which one end is known: straight ways of more than its height."""
    picture = np.random.default_rng(0).integers(90, 170, (600, 40, 3)).astype(np.uint8)
    hole = np.ones((600, 40), bool)
    hole[:20] = False
    part = np.zeros_like(hole)
    part[595, 5:9] = True
    values = np.full((int(hole.sum()), 3), 0.5, np.float32)
    drawn = strokes.abstraction(values, hole, part, picture)
    assert np.isfinite(drawn).all()
    assert np.abs(drawn - 0.5).max() < 0.3
