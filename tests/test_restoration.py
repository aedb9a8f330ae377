"""`inpaint` fills holes in pictures of any size, leaves the rest alone, and refuses what it cannot use with a sentence."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from studylib import atelier, masks, metrics, networks, records, restoration


@pytest.fixture
def scene():
    torch.manual_seed(1)
    return torch.rand(3, 3, 45, 70), (torch.rand(3, 1, 45, 70) < 0.3).float()


def test_holes_are_filled_and_the_rest_is_untouched(weights, scene):
    pictures, masks = scene
    filled = restoration.inpaint(pictures, masks, weights)
    hole = (masks > 0).expand_as(pictures)
    assert torch.equal(filled[~hole], pictures[~hole])
    assert not torch.equal(filled[hole], pictures[hole])
    assert filled.min() >= 0
    assert filled.max() <= 1
    assert torch.equal(restoration.inpaint(pictures, masks > 0, str(weights)), filled)


@pytest.mark.parametrize("garbage", [0.0, float("nan"), 1e9])
def test_what_lies_in_the_hole_does_not_matter(weights, scene, garbage):
    pictures, masks = scene
    poisoned = torch.where(masks > 0, garbage, pictures)
    assert torch.equal(restoration.inpaint(poisoned, masks, weights), restoration.inpaint(pictures, masks, weights))


def test_a_mirror_image_is_filled_as_the_picture_is(weights, scene):
    pictures, masks = scene
    mirrored = restoration.inpaint(pictures.flip(3), masks.flip(3), weights).flip(3)
    assert torch.allclose(mirrored, restoration.inpaint(pictures, masks, weights), atol=1e-5)


def test_a_picture_without_a_hole_comes_back(weights, scene):
    pictures, masks = scene
    assert torch.equal(restoration.inpaint(pictures, torch.zeros_like(masks), weights), pictures)
    assert restoration.inpaint(pictures[:0], masks[:0], weights).shape == (0, 3, 45, 70)


def test_pictures_do_not_depend_on_their_neighbours(weights, scene, monkeypatch):
    pictures, masks = scene
    together = restoration.inpaint(pictures, masks, weights)
    monkeypatch.setattr(restoration, "_TOGETHER", 1)
    assert torch.allclose(restoration.inpaint(pictures, masks, weights), together, atol=1e-6)


def test_float64_stays_float64(weights, scene):
    pictures, masks = scene
    filled = restoration.inpaint(pictures.double(), masks, weights)
    assert filled.dtype == torch.float64
    assert torch.equal(torch.where(masks > 0, 0, filled), torch.where(masks > 0, 0, pictures.double()))


@pytest.mark.parametrize("size", [(64, 64), (96, 72)])
@pytest.mark.parametrize("family", ["perlin", "box", "strokes", "cracks"])
def test_the_study_s_own_weights_add_to_the_looks_of_the_surface_they_start_from(family, size):
    """By default, offline, on pictures of another kind than those they were trained on."""
    pictures = torch.from_numpy(atelier.paint("scenes", 12, 96, seed=9)).permute(0, 3, 1, 2)[..., :size[0], :size[1]] / 255
    holes = masks.sample(family, 12, 96, seed=4)[..., :size[0], :size[1]]
    holes[:, :, 0, 0] = 0
    smooth = networks.fill_holes(pictures * 2 - 1, holes, "thin_plate")
    ours = restoration.inpaint(pictures, holes) * 2 - 1
    (looks, before), (psnr, psnr_before) = ([measure(filled, pictures * 2 - 1, holes).mean() for filled in (ours, smooth)]
                                            for measure in (metrics.lpips, metrics.hole_psnr))
    assert looks < 0.97 * before
    assert psnr > psnr_before - 0.5


@pytest.mark.parametrize(("pictures", "holes", "sentence"), [
    (torch.zeros(3, 20, 20), torch.zeros(1, 20, 20), "pictures of shape"),
    (torch.zeros(1, 3, 20, 20, dtype=torch.uint8), torch.zeros(1, 1, 20, 20), "floating point"),
    (torch.zeros(1, 3, 20, 20), torch.zeros(1, 1, 20, 21), "masks of shape"),
    (torch.full((1, 3, 20, 20), 1.5), torch.zeros(1, 1, 20, 20), r"outside \[0, 1\]"),
    (torch.full((1, 3, 20, 20), torch.nan), torch.zeros(1, 1, 20, 20), "not numbers"),
    (torch.zeros(2, 3, 20, 20), torch.stack([torch.zeros(1, 20, 20), torch.ones(1, 20, 20)]), "mask 1 covers"),
])
def test_bad_input_ends_in_a_sentence(weights, pictures, holes, sentence):
    with pytest.raises(ValueError, match=sentence):
        restoration.inpaint(pictures, holes, weights)


def test_weights_that_are_none_are_named(tmp_path, scene):
    with pytest.raises(FileNotFoundError, match=r"absent\.safetensors: there is no such file"):
        restoration.inpaint(*scene, tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.safetensors: does not hold the weights"):
        restoration.inpaint(*scene, tmp_path / "text.safetensors")
    save_file({"other": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match=r"other\.safetensors: does not hold the weights"):
        restoration.inpaint(*scene, tmp_path / "other.safetensors")
    about = {"generator": "unet", "size": "64", "width": "8", "blocks": "1", "mask_input": "True", "skips": "True",
             "norm": "none", "fill": "mean"}
    save_file({"other": torch.zeros(3)}, tmp_path / "odd.safetensors", about)
    with pytest.raises(ValueError, match=r"odd\.safetensors: does not hold the weights"):
        restoration.inpaint(*scene, tmp_path / "odd.safetensors")


@pytest.fixture
def copied(weights, tmp_path):
    path = tmp_path / "small.safetensors"
    path.write_bytes(weights.read_bytes())
    return path


@pytest.mark.parametrize("place", [-1, -5000, 0.5])
def test_weights_that_changed_are_refused_by_the_digest_they_hold(copied, place):
    content = bytearray(copied.read_bytes())
    content[int(place * len(content)) if place == 0.5 else place] ^= 1
    copied.write_bytes(content)
    with pytest.raises(ValueError, match=r"small\.safetensors: is not as it was written: .*run its training again"):
        restoration.load(copied)


def test_weights_of_a_network_for_one_size_are_refused(monkeypatch):
    with torch.device("meta"):
        network = networks.ContextEncoder(64)
    monkeypatch.setattr(restoration, "load", lambda weights, device: (network, "white"))
    picture, hole = torch.rand(1, 3, 70, 64), (torch.arange(64) > 9).float().expand(1, 1, 70, 64)
    with pytest.raises(ValueError, match=r"published\.safetensors: holds a context encoder, which fills pictures of one size"):
        restoration.inpaint(picture, hole, "published.safetensors")


def test_what_is_said_about_weights_is_checked_too(copied):
    copied.write_bytes(copied.read_bytes().replace(b'"fill":"mean"', b'"fill":"pull"').replace(b"thin_plate", b"pull_push "))
    with pytest.raises(ValueError, match=r"small\.safetensors: (is not as it was written|does not hold)"):
        restoration.load(copied)


@pytest.mark.parametrize("spoil", [lambda record: b"{", lambda record: record.replace(b"small.safe", b"other.safe")])
def test_weights_are_checked_against_the_record_beside_them(copied, spoil):
    plain = copied.with_name("plain.safetensors")
    with safe_open(copied, "pt") as file:
        about = {name: value for name, value in file.metadata().items() if name != "sha256"}
    save_file(load_file(copied), plain, about)
    restoration.load(plain)
    record = plain.with_suffix(".json")
    records.write(record, notebook="n", parameters={}, results={}, seconds=0, files={plain.name: records.sha256(plain)})
    restoration.load(plain)
    save_file({**load_file(plain), "head.bias": load_file(plain)["head.bias"] + 1}, plain, about)
    with pytest.raises(ValueError, match=r"plain\.safetensors: is not as it was written: .*git checkout"):
        restoration.load(plain)
    record.write_bytes(spoil(record.read_bytes()).replace(b"plain", b"plane"))
    with pytest.raises(ValueError, match=r"plain\.safetensors: cannot be checked against the record beside it: .*plain\.json"):
        restoration.load(plain)


def test_the_studys_own_weights_are_held_to_their_record(tmp_path):
    own = tmp_path / restoration.WEIGHTS.name
    content = bytearray(restoration.WEIGHTS.read_bytes())
    content[len(content) // 2] ^= 1
    own.write_bytes(content)
    own.with_suffix(".json").write_bytes(restoration.WEIGHTS.with_suffix(".json").read_bytes())
    with pytest.raises(ValueError, match="is not as it was written"):
        restoration.load(own)
