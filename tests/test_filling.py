"""Whatever the size, depth and hole, each pixel of the hole is given a value, and nothing but known paint has a say in it."""

import numpy as np
import pytest
from PIL import Image

from studylib import atelier, classical, filling, patches

METHODS = [name for name in filling.METHODS if name != "patchmatch" or filling.util.find_spec("patchmatch")]


@pytest.fixture(scope="module")
def scene():
    """A painted scene of 80 x 96 pixels and a hole of two parts, one at the border."""
    pixels = np.repeat(np.repeat(atelier.paint("scenes", 1, 48, seed=5)[0], 2, 0), 2, 1)[:80]
    hole = np.zeros((80, 96), bool)
    hole[20:40, 30:50], hole[60:, 88:] = True, True
    return pixels, hole


@pytest.fixture(scope="module")
def large():
    """Noise on a soft ground, 210 x 230 pixels: large enough for patches."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:210, :230]
    ground = 120 + 40 * np.sin(y / 31)[..., None] + np.array([30, 0, -30]) * np.cos(x / 43)[..., None]
    hole = np.zeros(y.shape, bool)
    hole[60:110, 80:140], hole[190:, :25], hole[30, 200] = True, True, True
    return (ground + rng.normal(0, 12, (210, 230, 1))).clip(0, 255).astype(np.uint8), hole


def other_inside(pixels, hole):
    """The picture with something else in its hole."""
    out = pixels.copy()
    rng = np.random.default_rng(0)
    out[hole] = rng.integers(0, np.iinfo(pixels.dtype).max, (int(hole.sum()), pixels.shape[2]), endpoint=True)
    return out


def sound(values, hole, channels=3, variants=1):
    assert values.shape == (variants, hole.sum(), channels)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert not values.size or (values.min() >= 0 and values.max() <= 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("of", ["scene", "large"])
def test_what_lies_in_the_hole_does_not_matter(request, weights, of, method):
    pixels, hole = request.getfixturevalue(of)
    values = filling.fill(pixels, hole, method=method, weights=weights)
    sound(values, hole)
    assert np.array_equal(values, filling.fill(other_inside(pixels, hole), hole, method=method, weights=weights))


@pytest.mark.parametrize("method", METHODS)
def test_the_picture_given_is_not_written_to(weights, large, method):
    pixels, hole = (part.copy() for part in large)
    filling.fill(pixels, hole, method=method, weights=weights)
    assert np.array_equal(pixels, large[0])
    assert np.array_equal(hole, large[1])


@pytest.mark.parametrize(("options", "sentence"), [
    ({"method": "magic"}, "method 'magic': expected one of model, network, telea"), ({"variants": 9}, "variants 9"),
    ({"variants": 0}, "variants 0"), ({"method": "ns", "variants": 2}, "variants 2"), ({"tile": 8}, "tile 8")])
def test_what_is_not_known_is_refused(scene, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        filling.fill(*scene, **options)


def test_nothing_to_go_by_is_refused(scene):
    pixels, hole = scene
    with pytest.raises(ValueError, match="nothing to go by"):
        filling.fill(pixels, np.ones_like(hole))
    with pytest.raises(ValueError, match="nothing to go by"):
        filling.fill(pixels, hole, known=np.zeros_like(hole))


def test_a_missing_package_is_named(scene, monkeypatch):
    found = filling.util.find_spec
    monkeypatch.setattr(filling.util, "find_spec", lambda name: None if name == "patchmatch" else found(name))
    with pytest.raises(ValueError, match="pypatchmatch, which is not installed") as problem:
        filling.fill(*scene, method="patchmatch")
    assert str(problem.value).count("\n") == 0


def test_a_small_picture_is_filled_by_the_network_alone(scene, weights):
    model, network = (filling.fill(*scene, method=method, weights=weights, variants=3) for method in ("model", "network"))
    assert np.array_equal(model, network)


@pytest.mark.parametrize("of", ["scene", "large"])
def test_variants_differ_and_the_first_is_the_fill(request, weights, of):
    pixels, hole = request.getfixturevalue(of)
    one, five = (filling.fill(pixels, hole, weights=weights, variants=count) for count in (1, 5))
    sound(five, hole, variants=5)
    assert np.allclose(one[0], five[0], atol=1e-5)
    assert all(not np.array_equal(five[a], five[b]) for a in range(5) for b in range(a))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (4, np.uint8), (3, np.uint16), (1, np.uint16), (4, np.uint16)])
def test_channels_and_depths(weights, scene, method, channels, dtype):
    pixels, hole = scene
    pixels = np.concatenate([pixels, pixels[..., :1] // 2], 2)[..., :channels].astype(dtype) * (np.iinfo(dtype).max // 255)
    sound(filling.fill(pixels, hole, method=method, weights=weights), hole, channels)


@pytest.mark.parametrize("channels", [1, 4])
def test_patches_paint_any_number_of_channels(weights, large, channels):
    pixels, hole = large
    pixels = np.concatenate([pixels, pixels[..., :1] // 2], 2)[..., :channels]
    values = filling.fill(pixels, hole, weights=weights)
    sound(values, hole, channels)
    assert np.array_equal(values, filling.fill(other_inside(pixels, hole), hole, weights=weights))


@pytest.mark.parametrize("method", ["network", "telea", "ns", "biharmonic"])
def test_sixteen_bits_of_the_same_picture_are_filled_the_same(weights, scene, method):
    pixels, hole = scene
    eight, sixteen = (filling.fill(part, hole, method=method, weights=weights)
                      for part in (pixels, pixels.astype(np.uint16) * 257))
    assert np.abs(eight - sixteen).max() < 1e-3


@pytest.mark.parametrize("method", ["model", "telea"])
def test_tiles_are_nearly_the_picture_filled_at_once(scene, weights, method):
    pixels = np.repeat(np.repeat(scene[0], 3, 0), 3, 1)[:190]
    hole = np.zeros(pixels.shape[:2], bool)
    for top in range(10, 180, 24):
        hole[top:top + 7, 5:280] = True
    tiled, whole = (filling.fill(pixels, hole, method=method, weights=weights, tile=tile) for tile in (64, 512))
    assert np.abs(tiled - whole).max() > 0
    assert np.abs(tiled - whole).mean() < 0.01


def test_no_tile_is_larger_than_it_is_said_to_be(scene, monkeypatch):
    """Memory grows with the tile, not with the picture."""
    pixels, hole = np.tile(scene[0], (4, 4, 1)), np.tile(scene[1], (4, 4))
    seen = []
    paint = classical.paint
    monkeypatch.setattr(classical, "paint",
                        lambda method, picture, *more: seen.append(picture.shape) or paint(method, picture, *more))
    filling.fill(pixels, hole, method="telea", tile=64)
    assert len(seen) > 4
    assert max(max(shape[:2]) for shape in seen) <= 64 + 2 * (filling._FADE + filling._MARGIN)


@pytest.mark.parametrize("method", ["network", "telea"])
def test_deep_holes_are_filled_from_half_the_size(monkeypatch, method):
    pixels = np.repeat(np.linspace(0, 255, 220).astype(np.uint8)[None, :, None], 200, 0).repeat(3, 2)
    pixels[..., 0] //= 2
    hole = np.zeros((200, 220), bool)
    hole[40:160, 50:170] = True
    values = filling.fill(pixels, hole, method=method)
    assert np.abs(values[0] - pixels[hole] / 255).mean() < 0.1
    monkeypatch.setattr(filling, "_DEEP", 1000)
    assert 0.001 < np.abs(values - filling.fill(pixels, hole, method=method)).mean() < 0.1


def windows(monkeypatch, core=64, around=24):
    monkeypatch.setattr(filling, "_WINDOW", core)
    monkeypatch.setattr(filling, "_AROUND", around)


def test_a_window_goes_on_from_what_another_has_painted(large, weights, monkeypatch):
    """Each window is painted in a grey of its own; the next one sees it as known, but is not to copy from it."""
    pixels, hole = large
    hole = hole.copy()
    hole[60:110, 20:200] = True
    windows(monkeypatch)
    painted, seen = [], []

    def paint(picture, unknown, guide, *, source):
        grey = (len(painted) + 1) / 32
        before = ~unknown & ~source
        assert all(any(np.allclose(colour, earlier) for earlier in painted) for colour in picture[before])
        assert np.array_equal(guide[~unknown], picture[~unknown])
        assert not (source & unknown).any()
        seen.append(before.sum())
        painted.append(grey)
        return np.where(unknown[..., None], np.float32(grey), picture)

    monkeypatch.setattr(patches, "paint", paint)
    values = filling._in_windows(pixels, [0, 1, 2], hole, np.full((int(hole.sum()), 3), 0.9, np.float32), patches.paint,
                                 lambda part: None)
    assert len(painted) > 4 and sum(seen) > 0
    assert set(np.unique(values)) == {np.float32(grey) for grey in painted}


def test_windows_paint_as_the_whole_does_in_kind(large, weights, monkeypatch):
    pixels, hole = large
    whole = filling.fill(pixels, hole, weights=weights)
    windows(monkeypatch)
    parts = []
    values = filling.fill(pixels, hole, weights=weights, progress=parts.append)
    sound(values, hole)
    assert np.abs(values - whole).mean() < 0.05  # the texture's standard deviation is 12 / 255 = 0.047
    assert values.std() == pytest.approx(whole.std(), rel=0.2)
    assert parts == sorted(parts) and parts[0] >= 0 and parts[-1] == pytest.approx(1)
    assert np.array_equal(values, filling.fill(other_inside(pixels, hole), hole, weights=weights))


@pytest.mark.parametrize(("method", "size"), [*((method, 1) for method in METHODS), ("model", 3)])
def test_transparent_pixels_are_never_a_source_of_colour(weights, scene, method, size):
    """Light paint in transparent black: the hole reaches from the one into the other."""
    pixels = np.tile(150 + scene[0] // 4, (size, size, 1))
    height, width = pixels.shape[:2]
    alpha = np.zeros((height, width), bool)
    alpha[height // 8:-height // 8, width // 8:-width // 8] = True
    hole = np.zeros_like(alpha)
    hole[height // 3:height // 2, width // 3:] = True
    pixels[~alpha] = 0
    values = filling.fill(pixels, hole, method=method, weights=weights, known=alpha & ~hole)
    sound(values, hole)
    placed = np.zeros(pixels.shape, np.float32)
    placed[hole] = values[0]
    assert placed[hole & alpha].min() > 100 / 255
    pixels[~alpha] = 255
    assert np.array_equal(values, filling.fill(pixels, hole, method=method, weights=weights, known=alpha & ~hole))


def shaped(kind, height, width):
    hole = np.zeros((height, width), bool)
    if kind == "all borders":
        hole[:3], hole[-3:], hole[:, :3], hole[:, -3:] = True, True, True, True
    elif kind == "single pixels":
        hole[::9, ::11] = True
    elif kind == "all but a corner":
        hole[:] = True
        hole[:8, :8] = False
    elif kind == "all but one pixel":
        hole[:] = True
        hole[height // 2, width // 2] = False
    elif kind == "all but scattered pixels":
        hole[:] = True
        hole[::17, ::13] = False
    return hole


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["none", "all borders", "single pixels", "all but a corner", "all but one pixel",
                                  "all but scattered pixels"])
def test_odd_holes(weights, scene, large, method, kind):
    for pixels in (scene[0], large[0]) if method == "model" else (scene[0],):
        hole = shaped(kind, *pixels.shape[:2])
        values = filling.fill(pixels, hole, method=method, weights=weights)
        sound(values, hole)
        if kind != "none" and method != "patchmatch":
            assert values.min() > pixels[~hole].min() / 255 - 0.35
            assert values.max() < pixels[~hole].max() / 255 + 0.35


def test_any_size_and_any_hole(weights):
    rng = np.random.default_rng(11)
    for number in range(36):
        # A third are slivers, a third small, a third up to 300 pixels.
        height, width = (rng.integers(1, high) for high in ((4, 120), (40, 40), (301, 301))[number % 3])
        channels, dtype = int(rng.choice([1, 3, 3, 4])), rng.choice([np.uint8, np.uint16])
        pixels = rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
        hole = rng.random((height, width)) < rng.random() if number % 2 else np.zeros((height, width), bool)
        hole[rng.integers(height):, rng.integers(width):] = True
        hole[rng.integers(height), rng.integers(width)] = False
        for method in ("model", "network", "telea")[number % 3 if max(height, width) > 150 else 0:][:2]:
            sound(filling.fill(pixels, hole, method=method, weights=weights), hole, channels)


@pytest.mark.skipif("patchmatch" not in METHODS, reason="pypatchmatch is not installed")
def test_patchmatch_copies_what_is_there(large):
    pixels, hole = large
    values = filling.fill(pixels, hole, method="patchmatch")[0]
    ring = np.asarray(Image.fromarray(pixels).convert("L"))[50:120, 70:150]
    assert 0.5 < values.std() / (ring.std() / 255) < 2
    assert np.array_equal(values, filling.fill(pixels, hole, method="patchmatch")[0])


@pytest.mark.parametrize("method", METHODS)
def test_progress_runs_from_nothing_to_one(weights, scene, method):
    parts = []
    pixels = np.concatenate([scene[0], scene[0][..., :1]], 2)
    filling.fill(pixels, scene[1], method=method, weights=weights, progress=parts.append)
    assert parts == sorted(parts)
    assert parts[0] >= 0 and parts[-1] == pytest.approx(1)
