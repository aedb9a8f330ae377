"""Classical methods leave known pixels alone, never look into the hole, and are the libraries' own."""

import cv2
import numpy as np
import pytest
import torch
from skimage.restoration import inpaint_biharmonic

from studylib import atelier, baselines

every_method = pytest.mark.parametrize("fill", baselines.METHODS.values(), ids=list(baselines.METHODS))


@pytest.fixture(scope="module")
def scene():
    """Three pictures in whole grey levels, with a box, scattered pixels and a corner as their holes."""
    pictures = torch.from_numpy(atelier.paint("scenes", 3, 32, seed=1)).permute(0, 3, 1, 2).float() / 127.5 - 1
    masks = torch.zeros(3, 1, 32, 32)
    masks[0, :, 10:20, 8:18] = 1
    masks[1] = (torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    masks[2, :, :9, :7] = 1
    return pictures, masks


def as_image(picture):
    return np.ascontiguousarray((picture * 127.5 + 127.5).round().byte().permute(1, 2, 0).numpy())


@every_method
def test_known_pixels_are_bit_identical(fill, scene):
    pictures, masks = scene
    pictures = pictures * 0.987  # no whole grey levels any more
    known = masks.expand_as(pictures) == 0
    composite = fill(pictures, masks)
    assert torch.equal(composite[known], pictures[known])
    assert composite.dtype == torch.float32
    assert composite.abs().max() <= 1


@every_method
@pytest.mark.parametrize("garbage", [1.0, -1e6, float("nan")])
def test_what_lies_in_the_hole_is_never_used(fill, scene, garbage):
    pictures, masks = scene
    assert torch.equal(fill(torch.where(masks > 0, garbage, pictures), masks), fill(pictures, masks))


def test_mean_colour_is_the_mean_of_the_known_pixels(scene):
    pictures, masks = scene
    composite = baselines.mean_colour(pictures, masks)
    hole = masks[0, 0] > 0
    for channel in range(3):
        assert torch.allclose(composite[0, channel][hole], pictures[0, channel][~hole].mean(), atol=1e-6)


@pytest.mark.parametrize(("name", "flag"), [("Telea", cv2.INPAINT_TELEA), ("Navier-Stokes", cv2.INPAINT_NS)])
def test_opencvs_methods_are_opencvs_on_pictures_with_grey_holes(scene, name, flag):
    """Grey, because at the picture's border OpenCV itself does look into the hole."""
    composites = baselines.METHODS[name](*scene)
    for picture, mask, composite in zip(*scene, composites, strict=True):
        hole = mask[0].byte().numpy()
        damaged = np.where(hole[..., None], np.uint8(128), as_image(picture))
        assert np.array_equal(as_image(composite), cv2.inpaint(damaged, hole, 3, flag))


def test_biharmonic_is_scikit_images(scene):
    pictures, masks = (part[:2] for part in scene)
    composites = baselines.biharmonic(pictures, masks)
    for picture, mask, composite in zip(pictures, masks, composites, strict=True):
        reference = inpaint_biharmonic(as_image(picture), mask[0].bool().numpy(), channel_axis=-1)
        assert np.array_equal(as_image(composite), (reference * 255).round().clip(0, 255))


@every_method
def test_without_a_hole_nothing_changes(fill, scene):
    pictures, masks = scene
    assert torch.equal(fill(pictures, torch.zeros_like(masks)), pictures)


@every_method
def test_where_nothing_is_known_the_picture_is_grey(fill, scene):
    pictures, masks = scene
    assert fill(pictures, torch.ones_like(masks)).abs().max() < 0.01
