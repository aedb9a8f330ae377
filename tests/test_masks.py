"""Masks are binary, meet the hole ratio asked for, and follow from (seed, k) alone; the noise is Perlin's own."""

import math

import cv2
import noise
import numpy as np
import pytest
import torch
from PIL import Image

from studylib import masks

every_family = pytest.mark.parametrize("family", masks.FAMILIES)


@pytest.fixture
def folder(tmp_path):
    """Three masks of irregular holes and two maps of cracks of different sizes, white = hole."""
    (tmp_path / "nvidia").mkdir()
    for number in range(3):
        grey = np.zeros((100, 100), np.uint8)
        cv2.circle(grey, (30 + 15 * number, 40), 20, 255, -1)
        cv2.line(grey, (0, 80), (99, 60 + 10 * number), 255, 6)
        cv2.imwrite(str(tmp_path / "nvidia" / f"{number}.png"), grey)
    for number in range(2):
        grey = np.zeros((200, 300 + 40 * number), np.uint8)
        for place in range(10, 300, 35):
            cv2.line(grey, (place, 0), (place - 8, 199), 255, 1)
        cv2.imwrite(str(tmp_path / f"craquelure-{number}.png"), grey)
    return tmp_path


@pytest.mark.parametrize(("octaves", "persistence", "lacunarity"),
                         [(1, 0.5, 2.0), (4, 0.5, 2.0), (5, 0.4, 2.0), (3, 0.7, 1.9), (4, 0.5, 2.17), (6, 0.5, 3.0)])
@pytest.mark.parametrize(("low", "high"), [(-3, 3), (-900, -880), (980, 1000), (0, 1000)])
def test_pnoise2_equals_the_package_noise(low, high, octaves, persistence, lacunarity):
    x, y = torch.linspace(low, high, 23), torch.linspace(low + 0.3, high - 0.2, 19)
    options = {"octaves": octaves, "persistence": persistence, "lacunarity": lacunarity}
    reference = [[noise.pnoise2(column, row, **options) for column in x.tolist()] for row in y.tolist()]
    assert np.abs(masks.pnoise2(x, y, **options).numpy() - np.array(reference)).max() < 1e-5


@pytest.mark.parametrize(("x", "octaves"), [(torch.zeros(4), 0), (torch.zeros(4, 1), 1), (torch.tensor(1.0), 1)])
def test_pnoise2_refuses_bad_input_with_a_sentence(x, octaves):
    with pytest.raises(ValueError, match="expected"):
        masks.pnoise2(x, torch.zeros(3), octaves=octaves)


def slow_noise(angles, size, persistence):
    """Gradient noise pixel by pixel: the four corners' slopes, blended by Perlin's fade 6t^5 - 15t^4 + 10t^3."""
    def fade(t):
        return t * t * t * (t * (t * 6 - 15) + 10)

    total = np.zeros((size, size))
    for octave, angle in enumerate(angles):
        cells = angle.shape[-1] - 1
        for row, column in np.ndindex(size, size):
            y, x = row * cells / size, column * cells / size
            for j, i in ((int(y) + dj, int(x) + di) for dj in (0, 1) for di in (0, 1)):
                v, u = y - j, x - i
                slope = u * math.cos(angle[j, i]) + v * math.sin(angle[j, i])
                total[row, column] += persistence**octave * fade(1 - abs(v)) * fade(1 - abs(u)) * slope
    return total


def test_fractal_noise_equals_gradient_noise_by_hand():
    angles = [2 * math.pi * torch.rand(2, cells + 1, cells + 1) for cells in (2, 3, 6)]
    fast = masks.fractal_noise(angles, 20, 0.4)
    for number in range(2):
        slow = slow_noise([angle[number] for angle in angles], 20, 0.4)
        assert np.abs(fast[number].numpy() - slow).max() < 1e-5


@every_family
@pytest.mark.parametrize("size", [33, 64])
def test_masks_are_zeros_and_ones(family, size):
    sample = masks.sample(family, 5, size, seed=1)
    assert sample.shape == (5, 1, size, size)
    assert sample.dtype == torch.float32
    assert set(sample.unique().tolist()) == {0.0, 1.0}


@every_family
def test_no_masks(family):
    assert masks.sample(family, 0, 64, seed=1).shape == (0, 1, 64, 64)


@every_family
@pytest.mark.parametrize("hole", [None, (0.1, 0.3)])
def test_mask_k_depends_on_seed_and_k_only(family, hole):
    six = masks.sample(family, 6, 64, seed=3, hole=hole)
    assert torch.equal(masks.sample(family, 6, 64, seed=3, hole=hole), six)
    assert torch.equal(masks.sample(family, 3, 64, seed=3, hole=hole, start=2), six[2:5])
    assert torch.equal(masks.sample(family, 1, 64, seed=3, hole=hole, start=5), six[5:])


@every_family
@pytest.mark.parametrize("other", [4, 3 + (1 << 32), 3 + (2 << 32)])
def test_seeds_differ(family, other):
    hole = (0.1, 0.3) if family == "circle" else None
    first, second = (masks.sample(family, 4, 64, seed=seed, hole=hole) for seed in (3, other))
    assert not (first == second).flatten(1).all(1).any()


@every_family
def test_masks_of_a_seed_differ(family):
    sample = masks.sample(family, 16, 64, seed=3, hole=(0.1, 0.4))
    assert len(sample.flatten(1).unique(dim=0)) == 16


@every_family
@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("hole", [(0.01, 0.1), (0.3, 0.3), (0.5, 0.6)])
def test_hole_ratio_is_met_within_one_percent(family, size, hole):
    ratio = masks.sample(family, 12, size, seed=5, hole=hole).mean((1, 2, 3))
    assert ratio.min() >= hole[0] - 0.01
    assert ratio.max() <= hole[1] + 0.01


@every_family
def test_hole_ratio_is_uniform_between_its_ends(family):
    ratio = masks.sample(family, 200, 32, seed=5, hole=(0.1, 0.5)).mean((1, 2, 3))
    assert abs(ratio.mean() - 0.3) < 0.04
    assert ratio.min() < 0.15
    assert ratio.max() > 0.45


def test_perlin_holes_are_as_large_as_the_originals():
    """8.7 % of the pixels on average; the mean of 500 masks has a standard error of 0.16 %."""
    assert abs(masks.sample("perlin", 500, 128, seed=0).mean() - 0.087) < 0.005


def test_circle_is_the_originals():
    inside = [[math.dist((y, x), (64, 64)) < 20 for x in range(128)] for y in range(128)]
    assert torch.equal(masks.sample("circle", 1, 128, seed=0)[0, 0], torch.tensor(inside).float())


def test_a_box_is_one_rectangle():
    for mask in masks.sample("box", 20, 64, seed=2)[:, 0]:
        assert torch.equal(mask, mask.amax(1, keepdim=True) * mask.amax(0, keepdim=True))


@pytest.mark.parametrize("family", ["irregular", "craquelure"])
def test_masks_come_from_the_folder(folder, family):
    first = masks.sample(family, 8, 64, seed=1, folder=folder)
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(masks.sample(family, 3, 64, seed=1, folder=str(folder), start=4), first[4:7])
    assert len(first.flatten(1).unique(dim=0)) == 8
    assert not torch.equal(first, masks.sample(family, 8, 64, seed=1))
    ratio = masks.sample(family, 8, 64, seed=1, folder=folder, hole=(0.2, 0.3)).mean((1, 2, 3))
    assert ratio.min() > 0.19
    assert ratio.max() < 0.31


def test_real_cracks_are_thin_and_few(folder):
    found = masks.sample("craquelure", 12, 64, seed=3, folder=folder)
    assert found.sum((1, 2, 3)).min() > 0
    assert found.mean((1, 2, 3)).max() < 0.3
    deep = torch.nn.functional.avg_pool2d(found, 7, 1) > 0.99  # no 7x7 block lies wholly in a crack
    assert not deep.any()


def test_squares_of_upright_crack_maps_stay_within_them(tmp_path):
    """Beyond a map nothing is known; what lay there would be taken for a crack, in whole corners."""
    grey = np.zeros((300, 150), np.uint8)
    cv2.line(grey, (75, 0), (75, 299), 255, 1)
    cv2.imwrite(str(tmp_path / "craquelure-0.png"), grey)
    assert masks.sample("craquelure", 40, 64, seed=0, folder=tmp_path).mean((1, 2, 3)).max() < 0.12


def test_white_is_the_hole(tmp_path):
    (tmp_path / "nvidia").mkdir()
    cv2.imwrite(str(tmp_path / "nvidia" / "mostly_hole.png"), np.pad(np.full((90, 90), 255, np.uint8), 5))
    assert masks.sample("irregular", 4, 64, seed=0, folder=tmp_path).mean() > 0.6


@pytest.mark.parametrize(("family", "pattern"), [("irregular", r"nvidia/\*\.png"), ("craquelure", r"craquelure\*\.png")])
def test_a_folder_without_masks_is_named(tmp_path, family, pattern):
    with pytest.raises(FileNotFoundError, match=f"{tmp_path.name}/{pattern}: there are no such masks"):
        masks.sample(family, 1, 64, seed=0, folder=tmp_path)


def test_a_file_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "nvidia").mkdir()
    (tmp_path / "nvidia" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.png: is not a picture"):
        masks.sample("irregular", 1, 64, seed=0, folder=tmp_path)


def drawn(folder, *greys, names=None, **more):
    """Masks of a new folder of these PNG files."""
    (folder / "nvidia").mkdir(exist_ok=True, parents=True)
    for number, grey in enumerate(greys):
        name = f"{number:05d}.png" if names is None else names[number]
        if isinstance(grey, Image.Image):
            grey.save(folder / "nvidia" / name)
        else:
            cv2.imwrite(str(folder / "nvidia" / name), grey)
    return masks.sample("irregular", 6, 64, seed=1, folder=folder, **more)


def disc(high=255, low=0, kind=np.uint8, place=(60, 80)):
    y, x = np.ogrid[:120, :160]
    return np.where((y - place[0]) ** 2 + (x - place[1]) ** 2 < 900, high, low).astype(kind)


def palette(colour):
    image = Image.fromarray(disc(1), "P")
    image.putpalette([0, 0, 0, *colour, *[0] * 750])
    return image


@pytest.mark.parametrize("low_values", [
    disc(1), disc(3), disc(127), disc(1, kind=np.uint16), disc(255, kind=np.uint16), disc(65535, kind=np.uint16),
    np.dstack([disc(1)] * 3), np.dstack([disc(0), disc(0), disc(255)]), palette((128, 0, 0)), palette((0, 0, 1)),
    Image.fromarray(disc(1).astype(bool)), np.dstack([disc(255)] * 3 + [disc(255, 255)]),
], ids=["1", "3", "127", "16 bits 1", "16 bits 255", "16 bits", "RGB", "red", "palette", "dark palette", "1 bit", "opaque"])
def test_a_mask_of_zero_and_one_other_value_is_read_as_such(tmp_path, low_values):
    assert torch.equal(drawn(tmp_path / "low", low_values), drawn(tmp_path / "plain", disc()))


EMPTY = {"black": disc(0), "grey": disc(60, 20), "dark": disc(100, 1), "labels": disc(1) + disc(1, place=(50, 70)),
         "speck": np.pad(np.full((1, 1), 255, np.uint8), (0, 1023))}
FULL = {"white": disc(255, 255), "bright": disc(255, 200), "layer": np.dstack([disc(255, 255)] * 3 + [disc()])}


@pytest.mark.parametrize("name", [*EMPTY, *FULL])
def test_a_mask_without_a_hole_or_of_nothing_else_is_left_out_by_name(tmp_path, capsys, name):
    useless, told = {**EMPTY, **FULL}[name], "no hole" if name in EMPTY else "hole and nothing else"
    with pytest.raises(ValueError, match=rf"nvidia/\*\.png: no mask can be used: 00000\.png holds {told} \(its values are \d+ "):
        drawn(tmp_path / "alone", useless)
    kept = drawn(tmp_path / "kept", disc(), useless, disc(place=(40, 40)), names=["a.png", "b.png", "c.png"])
    assert f"1 of 3 masks are left out: b.png holds {told}" in capsys.readouterr().err
    assert torch.equal(kept, drawn(tmp_path / "rest", disc(), disc(place=(40, 40))))
    assert not capsys.readouterr().err


@pytest.mark.parametrize(("grey", "told"), [(np.zeros((90, 120), np.uint8), "no hole"),
                                            (np.full((90, 120), 255, np.uint8), "hole and nothing else")])
def test_maps_without_a_crack_are_left_out(folder, capsys, grey, told):
    before = masks.sample("craquelure", 6, 64, seed=1, folder=folder)
    masks._crack_distances.cache_clear()
    cv2.imwrite(str(folder / "craquelure-9.png"), grey)
    assert torch.equal(masks.sample("craquelure", 6, 64, seed=1, folder=folder), before)
    assert f"1 of 3 masks are left out: craquelure-9.png holds {told}" in capsys.readouterr().err


def test_maps_of_zeros_and_ones_are_maps(folder, tmp_path):
    (tmp_path / "ones").mkdir()
    for file in folder.glob("craquelure*.png"):
        cv2.imwrite(str(tmp_path / "ones" / file.name), cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) // 255)
    plain, ones = (masks.sample("craquelure", 6, 64, seed=1, folder=one) for one in (folder, tmp_path / "ones"))
    assert torch.equal(plain, ones)


@pytest.mark.parametrize(("corner", "rest"), [(255, 0), (0, 255)])
def test_a_hole_at_the_edge_is_a_hole_wherever_it_is_turned(tmp_path, corner, rest):
    grey = np.full((256, 256), rest, np.uint8)
    grey[:3, :3] = corner
    drawn(tmp_path, grey)
    found = masks.sample("irregular", 200, 32, seed=0, folder=tmp_path)
    assert found.amax((1, 2, 3)).min() == 1
    assert found.amin((1, 2, 3)).max() == 0


def test_other_files_beside_the_masks_are_ignored_or_counted(tmp_path, capsys):
    plain = drawn(tmp_path / "plain", disc())
    (tmp_path / "nvidia").mkdir()
    for name in ("._00000.png", ".DS_Store", "Thumbs.db", "readme.txt"):
        (tmp_path / "nvidia" / name).write_bytes(b"x")
    assert torch.equal(drawn(tmp_path, disc(), names=["00000.PNG"]), plain)
    assert not capsys.readouterr().err
    masks._signed_distances.cache_clear()
    cv2.imwrite(str(tmp_path / "nvidia" / "one.jpg"), disc())
    assert torch.equal(masks.sample("irregular", 6, 64, seed=1, folder=tmp_path), plain)
    assert "1 of 2 masks are left out: one.jpg is no PNG file" in capsys.readouterr().err


def test_a_folder_is_found_where_an_archive_unpacks_it(tmp_path):
    plain = drawn(tmp_path / "plain", disc())
    nested = tmp_path / "nvidia" / "mask" / "testing_mask_dataset"
    nested.mkdir(parents=True)
    (tmp_path / "nvidia" / "__MACOSX").mkdir()
    cv2.imwrite(str(nested / "00000.png"), disc())
    assert torch.equal(masks.sample("irregular", 6, 64, seed=1, folder=tmp_path), plain)


@pytest.mark.parametrize(("family", "count", "size", "hole", "sentence"), [
    ("perling", 1, 64, None, "family 'perling': expected one of perlin, circle"),
    ("perlin", -1, 64, None, "count -1"),
    ("perlin", 1, 7, None, "size 7"),
    ("perlin", 1, 64, (0.4, 0.2), "0 < low <= high < 1"),
    ("perlin", 1, 64, (0.0, 0.2), "0 < low <= high < 1"),
    ("perlin", 1, 64, (0.2, 1.0), "0 < low <= high < 1"),
])
def test_bad_input_is_answered_with_a_sentence(family, count, size, hole, sentence):
    with pytest.raises(ValueError, match=sentence):
        masks.sample(family, count, size, seed=0, hole=hole)


@every_family
def test_the_global_random_state_is_left_alone(family):
    before = torch.get_rng_state()
    masks.sample(family, 2, 32, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
