"""Flat colours: the ground is told from labels, soft edges from class indices, noise from both."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from studylib import flat_masks

HOLE = np.zeros((80, 100), np.uint8)
cv2.circle(HOLE, (30, 30), 12, 1, -1)
cv2.line(HOLE, (60, 10), (90, 70), 1, 3)
ALL = np.ones(HOLE.shape, bool)


def read(pixels, lossy=False, inside=ALL):
    return flat_masks.read(pixels if pixels.ndim == 3 else pixels[..., None], inside, lossy)


def jpeg(pixels, quality):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def hole(found):
    return found.ways[0].share > flat_masks.SOFT


@pytest.mark.parametrize("top", [1, 255, 65535])
def test_of_two_values_the_smaller_part_is_the_hole(top):
    white = HOLE.astype(np.uint16 if top > 255 else np.uint8) * top
    for mask, name in ((white, "white"), (top - white, "black")):
        found = read(mask.astype(white.dtype))
        assert np.array_equal(hole(found), HOLE > 0)
        assert found.ways[0].said.startswith(f"{name} is the hole")
        assert found.ways[0].holes == name
        assert not found.asked


@pytest.mark.parametrize("sigma", [0.5, 1, 2, 4])
@pytest.mark.parametrize("inverted", [False, True])
def test_soft_edges_belong_to_the_hole(sigma, inverted):
    soft = cv2.GaussianBlur(HOLE * 255, (0, 0), sigma)
    found = read(255 - soft if inverted else soft)
    assert not found.asked
    assert np.array_equal(hole(found), soft > 25)


@pytest.mark.parametrize(("quality", "lossy"), [(30, True), (60, True), (90, True), (50, False), (70, False), (90, False)])
def test_jpeg_s_noise_is_no_label_also_in_a_png(quality, lossy):
    for mask in (HOLE * 255, 255 - HOLE * 255):
        found = read(jpeg(mask, quality), lossy)
        if found.asked and not lossy:  # dark noise may look like classes, but is not taken for them
            continue
        assert not (hole(found) & (cv2.dilate(HOLE, np.ones((13, 13))) == 0)).any()
        assert hole(found)[HOLE > 0].mean() > 0.98


def test_faint_classes_beside_a_strong_one_count():
    mask = HOLE * 255
    mask[60:75, 5:25] = 2  # far from all that is white
    found = read(mask)
    assert np.array_equal(hole(found), mask > 0)
    assert "2 labels" in found.ways[0].said
    mask = cv2.GaussianBlur(HOLE * 255, (0, 0), 1)
    mask[60:75, 5:25] = np.random.default_rng(0).integers(0, 12, (15, 20))  # noise, or classes: who knows
    assert read(mask).asked


def test_a_picture_of_many_values_is_none():
    gradient = np.tile(np.linspace(0, 255, 100).astype(np.uint8), (80, 1))
    assert read(gradient) is None
    assert read(np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8)) is None


def test_one_value_is_no_hole_or_a_question():
    assert not hole(read(0 * HOLE)).any()
    assert read(0 * HOLE + 255).asked
    assert read(0 * HOLE + 7).asked


def test_only_what_is_inside_counts():
    mask, inside = HOLE * 255, np.indices(HOLE.shape)[1] < 50
    mask[:, 50:] = 128
    found = read(mask, inside=inside)
    assert np.array_equal(hole(found), (HOLE > 0) & inside)


@pytest.mark.parametrize("ground", [(0, 0, 0), (255, 255, 255)])
def test_colours_may_be_soft_or_saved_as_jpeg(ground):
    colours = np.where(HOLE[..., None] > 0, np.uint8((220, 40, 200)), np.uint8(ground))
    for lossy, mask in ((False, cv2.GaussianBlur(colours, (0, 0), 1)), (True, jpeg(colours, 85))):
        found = read(mask, lossy)
        assert not found.asked
        assert hole(found)[HOLE > 0].mean() > 0.98
        assert not (hole(found) & (cv2.dilate(HOLE, np.ones((13, 13))) == 0)).any()
