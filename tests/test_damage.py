"""A mask is understood in every way that people draw one; what is proposed finds what was put there."""

import cv2
import numpy as np
import pytest
from PIL import Image

from studylib import atelier, damage, scans
from studylib.scans import Scan, ScanError


@pytest.fixture(scope="module")
def picture():
    return Scan(np.repeat(np.repeat(atelier.paint("scenes", 1, 64, seed=5)[0], 2, 0), 2, 1), "RGB")


@pytest.fixture(scope="module")
def hole():
    hole = np.zeros((128, 128), bool)
    hole[20:50, 30:60], hole[100:, 110:] = True, True
    return hole


def grey(hole):
    return Image.fromarray((hole * 255).astype(np.uint8))


def red(hole, picture):
    return Image.fromarray(np.where(hole[..., None], np.uint8([255, 0, 0]), picture.pixels))


def alpha(hole, picture, erased):
    colours = picture.pixels if erased else np.zeros_like(picture.pixels)
    return Image.fromarray(np.dstack([colours, ((~hole if erased else hole) * 255).astype(np.uint8)]), "RGBA")


WAYS = {
    "white": (lambda h, p: grey(h), "white is the hole"), "black": (lambda h, p: grey(~h), "black is the hole"),
    "bits": (lambda h, p: grey(h).convert("1"), "white is the hole"), "colour": (lambda h, p: grey(h).convert("RGB"), "white is"),
    "red": (red, "holes painted red"), "layer": (lambda h, p: alpha(h, p, False), "on a transparent ground"),
    "erased": (lambda h, p: alpha(h, p, True), "with the holes erased")}


@pytest.mark.parametrize(("draw", "said"), WAYS.values(), ids=list(WAYS))
def test_a_mask_is_understood(tmp_path, picture, hole, draw, said):
    draw(hole, picture).save(tmp_path / "mask.png")
    found, how = damage.read(tmp_path / "mask.png", picture)
    assert np.array_equal(found, hole)
    assert said in how
    assert f"{100 * hole.mean():.2f} % of the picture" in how


def test_what_is_the_hole_may_be_said(tmp_path, picture, hole):
    grey(hole).save(tmp_path / "mask.png")
    assert np.array_equal(damage.read(tmp_path / "mask.png", picture, "black")[0], ~hole)


def test_soft_edges_belong_to_the_hole(tmp_path, picture, hole):
    Image.fromarray(cv2.GaussianBlur((hole * 255).astype(np.uint8), (0, 0), 2)).save(tmp_path / "mask.png")
    found, _ = damage.read(tmp_path / "mask.png", picture)
    assert found[hole].all()
    assert found.sum() > hole.sum()


def soft(hole, strength=1.0):
    return strength * cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 2)[..., None]


def blend(picture, colour, share):
    return Image.fromarray((picture.pixels * (1 - share) + np.float32(colour) * share).round().astype(np.uint8))


@pytest.mark.parametrize("strength", [1.0, 0.6])
def test_red_may_be_painted_softly_and_the_picture_s_own_reds_are_none(tmp_path, picture, hole, strength):
    own = Scan(picture.pixels.copy(), "RGB")
    own.pixels[70:80, 70:80] = (225, 40, 40)
    blend(own, (255, 0, 0), soft(hole, strength)).save(tmp_path / "mask.png")
    found, how = damage.read(tmp_path / "mask.png", own)
    assert "painted red" in how
    assert found[hole].all()
    assert not found[70:80, 70:80].any()
    assert found.sum() < 1.6 * hole.sum()
    blend(own, (255, 0, 0), hole[..., None]).save(tmp_path / "mask.jpg", quality=85)
    found = damage.read(tmp_path / "mask.jpg", own)[0]
    assert found[hole].mean() > 0.99
    assert not found[72:78, 72:78].any()


def test_another_strong_colour_is_paint_and_a_copy_with_none_is_no_mask(tmp_path, picture, hole):
    blend(picture, (0, 255, 0), hole[..., None]).save(tmp_path / "mask.png")
    found, how = damage.read(tmp_path / "mask.png", picture)
    assert np.array_equal(found, hole)
    assert "painted green" in how
    blend(picture, (0, 0, 0), 0.0).save(tmp_path / "mask.png")
    with pytest.raises(ScanError, match="with nothing painted on it"):
        damage.read(tmp_path / "mask.png", picture)


def test_faint_layers_and_half_erased_copies_count(tmp_path, picture, hole):
    for number, (colours, share) in enumerate([(np.zeros_like(picture.pixels), hole * 0.4), (picture.pixels, 1 - hole * 0.45)]):
        layer = np.dstack([colours, (share * 255).astype(np.uint8)])
        Image.fromarray(layer, "RGBA").save(tmp_path / f"{number}.png")
        assert np.array_equal(damage.read(tmp_path / f"{number}.png", picture)[0], hole)


def test_an_erased_copy_of_a_grey_or_four_ink_picture_is_one_in_rgb_too(tmp_path, picture, hole):
    grey_picture = Scan(picture.pixels[..., :1], "L")
    inks = Scan(np.asarray(Image.fromarray(picture.pixels).convert("CMYK")), "CMYK")
    for number, (scan, colours) in enumerate([(grey_picture, picture.pixels[..., :1].repeat(3, 2)), (inks, picture.pixels)]):
        Image.fromarray(np.dstack([colours, (~hole * 255).astype(np.uint8)]), "RGBA").save(tmp_path / f"{number}.png")
        found, how = damage.read(tmp_path / f"{number}.png", scan)
        assert "holes erased" in how
        assert np.array_equal(found, hole)


def test_black_white_and_transparent_at_once_is_ambiguous(tmp_path, picture, hole):
    values = (hole * 255).astype(np.uint8)[..., None].repeat(3, 2)
    share = np.full((128, 128), 255, np.uint8)
    share[0, 0] = 0
    Image.fromarray(np.dstack([values, share]), "RGBA").save(tmp_path / "mask.png")
    with pytest.raises(ScanError, match="black, white and transparent parts"):
        damage.read(tmp_path / "mask.png", picture)


def test_zeros_and_ones_are_black_and_white_and_white_alone_is_asked_about(tmp_path, picture, hole):
    Image.fromarray(hole.astype(np.uint8)).save(tmp_path / "mask.png")
    assert np.array_equal(damage.read(tmp_path / "mask.png", picture)[0], hole)
    grey(np.ones_like(hole)).save(tmp_path / "white.png")
    with pytest.raises(ScanError, match="white all over"):
        damage.read(tmp_path / "white.png", picture)


@pytest.mark.parametrize("size", [(64, 64), (256, 256), (127, 127)])
def test_a_mask_of_another_size_is_scaled(tmp_path, picture, hole, size):
    grey(hole).resize(size, Image.Resampling.NEAREST).save(tmp_path / "mask.png")
    found, how = damage.read(tmp_path / "mask.png", picture)
    assert found.shape == hole.shape
    assert (found != hole).mean() < 0.02
    assert f"scaled from {size[0]} x {size[1]}" in how


@pytest.mark.parametrize(("make", "sentence"), [
    (lambda p: grey(np.ones((128, 128), bool)), "covers the whole picture"),
    (lambda p: grey(np.ones((128, 100), bool)), "is 100 x 128 pixels, the picture 128 x 128"),
    (lambda p: Image.fromarray(np.tile(np.arange(128, dtype=np.uint8) + 60, (128, 1))), "neither black and white nor"),
    (lambda p: None, "there is no such file")])
def test_what_is_no_mask_is_told_in_a_sentence(tmp_path, picture, make, sentence):
    made = make(picture)
    if made:
        made.save(tmp_path / "mask.png")
    with pytest.raises(ScanError, match=rf"mask\.png: .*{sentence}"):
        damage.read(tmp_path / "mask.png", picture, "white" if "covers" in sentence else "auto")


def test_an_empty_mask_is_no_hole(tmp_path, picture, hole):
    grey(np.zeros_like(hole)).save(tmp_path / "mask.png")
    assert not damage.read(tmp_path / "mask.png", picture)[0].any()


def test_a_mask_grows_on_all_sides(hole):
    wide = damage.grow(hole, 3)
    assert wide[17:53, 40].all()
    assert not wide[16, 40]
    assert damage.grow(hole, 0) is hole
    assert damage.grow(hole, 2**31).all()
    assert not damage.grow(np.zeros_like(hole), 5).any()


@pytest.mark.parametrize(("kind", "value"), [("cracks", 40), ("light", 255), ("dark", 0)])
def test_damage_that_was_put_there_is_proposed(kind, value):
    pixels = np.full((200, 260, 3), 140, np.uint8)
    pixels += np.random.default_rng(0).integers(0, 12, pixels.shape).astype(np.uint8)
    hole = np.zeros(pixels.shape[:2], np.uint8)
    if kind == "cracks":
        cv2.polylines(hole, [np.int32([[10, 20], [90, 80], [120, 190], [240, 150]])], False, 1, 1)
    else:
        cv2.ellipse(hole, (120, 90), (14, 9), 20, 0, 360, 1, -1)
    pixels[hole > 0] = value
    found = damage.detect(Scan(pixels, "RGB"), (kind,))
    assert found[hole > 0].mean() > 0.9
    assert found[hole == 0].mean() < 0.01
    assert not damage.detect(Scan(np.full((50, 60, 1), 90, np.uint8), "L")).any()


def test_an_unknown_kind_of_damage_is_refused(picture):
    with pytest.raises(ScanError, match="detect 'rust': expected light, dark, cracks"):
        damage.detect(picture, ("rust",))


def test_a_proposal_is_read_again_as_it_was(tmp_path, picture, hole):
    damage.write(hole, picture, tmp_path / "mask.png")
    assert scans.read(tmp_path / "mask.png").mode == "L"
    assert np.array_equal(damage.read(tmp_path / "mask.png", picture, "white")[0], hole)


def test_close_ups_lie_inside_the_picture_and_show_the_losses(hole):
    shown = damage.close_ups(hole, side=40)
    assert len(shown) == 2
    assert all(hole[where].shape == (40, 40) and hole[where].any() for where in shown)
    assert damage.close_ups(hole & False) == []


def test_crumbs_are_what_is_left_of_a_few_pixels_within_a_broad_loss():
    hole = np.zeros((120, 120), bool)
    hole[20:100, 20:100] = True
    hole[58:62, 58:62] = False  # 16 pixels in its middle
    hole[22:26, 50:54] = False  # as few, but near the paint around
    hole[70:85, 70:85] = False  # more than a crumb
    found = damage.crumbs(hole)
    assert found[58:62, 58:62].all()
    assert found.sum() == 16
    assert not damage.crumbs(~hole).any()
    cracks = np.zeros((60, 60), bool)
    cracks[::6] = cracks[:, ::6] = True
    assert not damage.crumbs(cracks).any()
