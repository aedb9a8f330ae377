"""Made losses are what they are said to be, and the measures are what their definitions say."""

import cv2
import numpy as np
import pytest
from skimage.morphology import medial_axis

from studylib import native


@pytest.mark.parametrize("family", native.FAMILIES)
def test_losses_are_a_function_of_their_arguments_alone(family):
    np.random.seed(1)
    one = native.made_losses(family, 300, 420, 7)
    np.random.seed(2)
    assert one.shape == (300, 420)
    assert one.dtype == bool
    assert one.any() and not one.all()
    assert np.array_equal(one, native.made_losses(family, 300, 420, 7))
    assert not np.array_equal(one, native.made_losses(family, 300, 420, 8))


def test_the_families_differ_and_another_is_refused():
    made = [native.made_losses(family, 256, 256, 0) for family in native.FAMILIES]
    assert not any(np.array_equal(one, other) for number, one in enumerate(made) for other in made[:number])
    with pytest.raises(ValueError, match="family 'moss': expected one of irregular, strokes, circle, box, cracks"):
        native.made_losses("moss", 64, 64, 0)


@pytest.mark.parametrize(("family", "most"), [("irregular", 0.401), ("strokes", 0.47)])  # the last stroke may go beyond
@pytest.mark.parametrize(("height", "width"), [(300, 420), (512, 256)])
def test_irregular_losses_and_strokes_take_10_to_40_percent(family, most, height, width):
    ratios = [native.made_losses(family, height, width, seed).mean() for seed in range(20)]
    assert 0.099 < min(ratios) < 0.2
    assert 0.3 < max(ratios) < most


def components(hole):
    count, labels, facts, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
    return [(facts[number], labels == number) for number in range(1, count)]


def test_boxes_are_60_to_250_pixels():
    alone = 0
    for seed in range(8):
        for (_, _, width, height, area), _ in components(native.made_losses("box", 1200, 1500, seed)):
            if area == width * height:
                alone += 1
                assert 60 <= width <= 250 and 60 <= height <= 250
    assert alone > 8


def test_circles_are_60_to_250_pixels_across():
    alone = 0
    for seed in range(8):
        for (left, top, width, height, area), _ in components(native.made_losses("circle", 1200, 1500, seed)):
            whole = left and top and left + width < 1500 and top + height < 1200
            if whole and abs(width - height) <= 1 and area == pytest.approx(np.pi / 4 * width * height, rel=0.02):
                alone += 1
                assert 59 <= width <= 251
    assert alone > 8


def test_cracks_are_fine_lines_of_uneven_width():
    """By their middle lines: a line as wide as 2 d - 1 pixels lies d from what is whole."""
    wide = []
    for seed in range(4):
        hole = native.made_losses("cracks", 500, 600, seed)
        assert 0.01 < hole.mean() < 0.3
        middle, depth = medial_axis(hole, return_distance=True, rng=0)
        wide.append(2 * depth[middle] - 1)
    low, high = np.quantile(np.concatenate(wide), [0.05, 0.95])  # where lines meet, they are wider
    assert 2 <= round(low) < 4 < high <= 6


def reference(rgb, hole):
    """From the definition: root mean square of what a Gaussian of 2.5 pixels takes away, in the hole and in a ring of 24."""
    lab = cv2.cvtColor(np.float32(rgb) / 255, cv2.COLOR_RGB2LAB)
    fine = np.stack([lab[..., c] - cv2.GaussianBlur(lab[..., c], (0, 0), 2.5) for c in range(3)], 2)
    y, x = np.mgrid[-24:25, -24:25]
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (49, 49))
    assert np.abs(disc.astype(int) - (x * x + y * y <= 24.5**2)).sum() < 30
    grown, near = (cv2.dilate(hole.astype(np.uint8), kernel) > 0 for kernel in (disc, np.ones((5, 5))))
    inner = cv2.dilate((~hole).astype(np.uint8), np.ones((5, 5)), borderValue=0) == 0
    ring = grown & ~near
    if min(inner.sum(), ring.sum()) < 50:
        return np.nan, np.nan
    strength = {name: [np.sqrt(np.mean(fine[where][:, channels] ** 2)) for where in (inner, ring)]
                for name, channels in (("light", [0]), ("chroma", [1, 2]))}
    return strength["light"][0] / max(strength["light"][1], 1e-3), strength["chroma"][0] / max(strength["chroma"][1], 0.05)


@pytest.mark.parametrize("seed", range(6))
def test_the_texture_is_that_of_its_definition(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(60, 200, 2)
    rgb = cv2.GaussianBlur(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), (0, 0), float(rng.uniform(0.3, 3)))
    hole = np.zeros((height, width), bool)
    hole[10:10 + height // 3, 5:5 + width // 2], hole[-9:, -20:] = True, True
    assert native.texture(rgb, hole) == pytest.approx(reference(rgb, hole), rel=1e-4)


def test_the_texture_of_blur_is_low_of_speckle_high_and_of_too_little_unknown():
    rng = np.random.default_rng(0)
    picture = np.repeat(rng.integers(90, 160, (150, 150, 1)), 3, 2).astype(np.uint8)
    hole = np.zeros((150, 150), bool)
    hole[50:100, 50:100] = True
    lightness, chroma = native.texture(picture, hole)
    assert lightness == pytest.approx(1, abs=0.1)
    assert chroma < 0.5
    blurred, speckled = picture.copy(), picture.copy()
    blurred[hole] = cv2.GaussianBlur(picture, (0, 0), 4)[hole]
    speckled[hole] = rng.integers(90, 160, (int(hole.sum()), 3))
    assert native.texture(blurred, hole)[0] < 0.2
    assert native.texture(speckled, hole)[1] > 10
    for few in (hole & False, ~(hole & False), np.eye(150) > 0):
        assert np.isnan(native.texture(picture, few)).all()


def test_the_psnr_is_over_the_hole_alone():
    truth = np.full((20, 30, 3), 100, np.uint8)
    hole = np.zeros((20, 30), bool)
    hole[5:9] = True
    restored = truth.copy()
    restored[hole] += 10
    restored[~hole] = 0
    assert native.hole_psnr(restored, truth, hole) == pytest.approx(20 * np.log10(255 / 10), abs=1e-6)
    assert native.hole_psnr(truth, truth, hole) == pytest.approx(100)


def made():
    """Two families, three pictures; the model is 2 dB and 0.02 LPIPS better than Telea, which is better than Navier-Stokes."""
    def of(psnr, lpips, lightness=0.9, chroma=1.1):
        return {f"p{number}": {"psnr": psnr + number, "lpips": lpips + 0.01 * number, "lightness": lightness, "chroma": chroma}
                for number in range(3)}

    first = {"model": of(22.0, 0.08), "telea": of(20.0, 0.10), "ns": of(19.0, 0.09), "patchmatch": of(19.5, 0.16)}
    second = {"model": of(30.0, 0.02), "telea": of(31.0, 0.03), "ns": of(29.0, 0.04), "patchmatch": of(29.5, 0.03)}
    return {"cracks": first, "box": second}


def test_gains_are_over_the_best_rival_of_each_measure():
    cracks, box, together = native.gains(made())
    assert (cracks["family"], box["family"], together["family"]) == ("cracks", "box", "all")
    assert (cracks["pictures"], together["pictures"]) == (3, 3)
    assert cracks["psnr"] == pytest.approx(23)
    assert cracks["psnr_classical"] == ("telea", *(pytest.approx(2),) * 3)
    assert cracks["lpips_classical"] == ("ns", *(pytest.approx(-0.01 / 0.10),) * 3)
    assert cracks["psnr_patchmatch"] == ("patchmatch", *(pytest.approx(2.5),) * 3)
    assert cracks["lpips_patchmatch"] == ("patchmatch", *(pytest.approx(-0.08 / 0.17),) * 3)
    assert box["psnr_classical"] == ("telea", *(pytest.approx(-1),) * 3)
    name, mean, low, high = together["psnr_classical"]
    assert (name, mean) == ("telea", pytest.approx(0.5))
    assert low <= 0.5 <= high
    assert "psnr_network" not in cracks


def test_the_table_shows_gains_or_without_the_method_means():
    shown = native.table(made())
    assert len({line.count("|") for line in shown.splitlines()}) == 1
    assert "| cracks (3) | +2.00 [+2.00, +2.00] (telea) | -10 % [-10, -10] (ns) | +2.50 [+2.50, +2.50] |" in shown
    assert "| all (3) |" in shown
    found = {family: {name: of[name] for name in ("telea", "ns")} for family, of in made().items()}
    found["box"]["ns"]["p0"]["lightness"] = None
    means = native.table(found)
    assert "| cracks | telea | 21.00 | 0.1100 | 0.90 | 1.10 |" in means
    assert "| box | ns | 30.00 | 0.0500 | 0.90 | 1.10 |" in means
