"""Metrics equal hand-made numbers and reference implementations; intervals cover; convergence is told from drift."""

import pickle
import warnings

import numpy as np
import pytest
import torch

from studylib import baselines, intervals, metrics


@pytest.fixture
def pair():
    """Two pairs of pictures and the masks between them."""
    torch.manual_seed(0)
    truth = torch.rand(2, 3, 64, 72) * 2 - 1
    mask = torch.zeros(2, 1, 64, 72)
    mask[0, :, 10:40, 20:50] = 1
    mask[1, :, 30:50, 5:60] = 1
    noisy = (truth + 0.4 * torch.randn_like(truth)).clamp(-1, 1)
    return truth * (1 - mask) + noisy * mask, truth, mask


@pytest.fixture(scope="module")
def reference():
    """The package `lpips` with the AlexNet weights that ours uses, and its own heads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lpips

        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    weights = metrics._alexnet()
    trunk = [layer for layer in network.net.modules() if isinstance(layer, torch.nn.Conv2d)]
    for number, layer in enumerate(trunk):
        layer.weight.data.copy_(weights[f"weight{number}"])
        layer.bias.data.copy_(weights[f"bias{number}"])
    return network


def test_hole_psnr_and_l1_by_hand():
    """In [0, 1] the hole is wrong by 0.1 in half of its pixels and right in the others; outside all is wrong."""
    truth, mask = torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    mask[:, :, :2] = 1
    composite = truth + 1 - mask
    composite[0, :, 0] = 0.2
    assert metrics.hole_psnr(composite, truth, mask)[0].item() == pytest.approx(-10 * np.log10(0.01 / 2), abs=1e-4)
    assert metrics.hole_l1(composite, truth, mask)[0].item() == pytest.approx(0.05, abs=1e-6)
    assert metrics.hole_psnr(composite, truth, mask)[1] == 100
    assert metrics.hole_l1(composite, truth, mask)[1] == 0


def test_without_a_hole_nothing_is_measured_and_no_method_is_perfect(cache):
    truth, mask = torch.rand(3, 3, 16, 16), torch.ones(3, 1, 16, 16)
    mask[1] = 0
    for measure, best in ((metrics.hole_psnr, 100), (metrics.hole_l1, 0)):
        values = measure(truth, truth, mask)
        assert values[[0, 2]].tolist() == [best, best] and values[1].isnan()
    for methods in ({"mean colour": baselines.mean_colour}, {"ours": lambda pictures, masks: pictures}):
        with pytest.raises(ValueError, match="1 of 3 masks hold no hole, number 1 the first: nothing can be measured there"):
            metrics.evaluate(methods, truth, mask, ("psnr", "l1"))
    with pytest.raises(ValueError, match="no picture to measure"):
        metrics.evaluate({"mean colour": baselines.mean_colour}, truth[:0], mask[:0])
    assert not list(cache.glob("classical/*"))


def test_ssim_equals_torchmetrics_where_the_window_fits(pair):
    from torchmetrics.functional.image import structural_similarity_index_measure

    composite, truth, mask = pair
    _, everywhere = structural_similarity_index_measure((composite + 1) / 2, (truth + 1) / 2, data_range=1.0, sigma=1.5,
                                                        reduction="none", return_full_image=True)
    valid = everywhere[..., 5:-5, 5:-5].mean((1, 2, 3))
    assert torch.allclose(metrics.ssim(composite, truth, mask), valid, atol=1e-4)
    assert torch.allclose(metrics.ssim(truth, truth), torch.ones(2))


def test_lpips_equals_the_reference(pair, reference):
    composite, truth, mask = pair
    with torch.no_grad():
        theirs = reference(composite, truth).flatten()
    assert torch.allclose(metrics.lpips(composite, truth, mask), theirs, rtol=1e-4, atol=1e-6)
    assert (metrics.lpips(truth, truth) == 0).all()


def test_lpips_heads_are_the_references_own(reference):
    for number in range(5):
        assert torch.equal(metrics._alexnet()[f"head{number}"], reference.lins[number].model[-1].weight)


class _Wicked:
    def __reduce__(self):
        return print, ("wicked",)


@pytest.mark.parametrize("content", [_Wicked(), np.random.default_rng(0), torch.Size([1]), np.float64(1)])
def test_the_unpickler_builds_nothing_but_arrays(content, tmp_path, capsys):
    (tmp_path / "weights").write_bytes(pickle.dumps({"weights": content}))
    with (tmp_path / "weights").open("rb") as stream, pytest.raises(pickle.UnpicklingError, match="has no place"):
        metrics._ArraysOnly(stream).load()
    assert capsys.readouterr().out == ""


def test_the_unpickler_builds_arrays(tmp_path):
    (tmp_path / "weights").write_bytes(pickle.dumps({"kernel": np.arange(6.0).reshape(2, 3)}))
    with (tmp_path / "weights").open("rb") as stream:
        assert np.array_equal(metrics._ArraysOnly(stream).load()["kernel"], np.arange(6.0).reshape(2, 3))


def test_style_is_zero_for_the_same_and_not_for_others(pair):
    composite, truth, mask = pair
    assert metrics.style(truth, truth, mask).max() < 1e-5
    assert metrics.style(composite, truth, mask).min() > 0.01


def test_style_follows_a_picture_that_is_changed_in_place(pair):
    composite, truth, mask = pair
    metrics.style(composite, truth, mask)
    truth.copy_(composite)
    assert metrics.style(composite, truth, mask).max() < 1e-5


def test_the_box_spans_the_hole():
    mask = torch.zeros(1, 1, 6, 7)
    mask[0, 0, 1, 4] = mask[0, 0, 3, 2] = 1
    expected = torch.zeros(1, 1, 6, 7)
    expected[..., 1:4, 2:5] = 1
    assert torch.equal(metrics._box(mask), expected)
    assert metrics._box(torch.zeros(1, 1, 6, 7)).sum() == 0


def test_evaluate_gives_every_metric_of_every_method(pair):
    composite, truth, mask = pair
    methods = {"ours": lambda pictures, masks: composite, "truth": lambda pictures, masks: pictures}
    values = metrics.evaluate(methods, truth, mask)
    assert list(values) == ["ours", "truth"]
    assert list(values["ours"]) == list(intervals.METRICS)
    assert values["ours"]["psnr"] == pytest.approx(metrics.hole_psnr(composite, truth, mask).tolist(), rel=5e-4)
    assert values["ours"]["style"] == pytest.approx(metrics.style(composite, truth, mask).tolist(), rel=5e-4)
    for name, (_, more) in intervals.METRICS.items():
        ours, best = np.array(values["ours"][name]), np.array(values["truth"][name])
        assert (best > ours if more else best < ours).all()


def test_evaluate_keeps_pictures_in_order_past_its_parts():
    truth, mask = torch.zeros(120, 3, 8, 8), torch.ones(120, 1, 8, 8)
    wrong = torch.arange(120).view(-1, 1, 1, 1) / 120 * torch.ones_like(truth)
    values = metrics.evaluate({"ours": lambda pictures, masks: wrong}, truth, mask, names=("l1",))["ours"]["l1"]
    assert values == pytest.approx((np.arange(120) / 240).tolist(), rel=5e-4)


def test_a_record_keeps_what_comparisons_need():
    each = {name: [1.0] for name in intervals.METRICS}
    kept = metrics.lean({"box": {"mean colour": each, "Telea": each, "this model": each}})
    own = {name: [1.0] for name in ("psnr", "lpips", "style")}
    assert kept == {"box": {"mean colour": {"psnr": [1.0]}, "Telea": {"psnr": [1.0], "lpips": [1.0]}, "this model": own}}


def test_a_damaged_classical_cache_is_made_anew_and_that_is_said(pair, cache, capsys):
    """A flipped digit leaves valid JSON, and would have been believed."""
    _, truth, mask = pair
    mean = {"mean colour": baselines.mean_colour}
    first = metrics.evaluate(mean, truth, mask, ("l1",))
    (kept,) = cache.glob("classical/*.json")
    content = bytearray(kept.read_bytes())
    place = next(index for index in range(len(content) - 1, 0, -1) if chr(content[index]).isdigit())
    content[place] ^= 1
    kept.write_bytes(content)
    assert metrics.evaluate(mean, truth, mask, ("l1",)) == first
    assert f"{kept}: is damaged and will be made anew" in capsys.readouterr().err


def test_the_hole_ratio_by_hand():
    mask = torch.zeros(2, 1, 3, 3)
    mask[0, 0, 0, 0] = 1
    assert metrics.hole_ratio(mask) == [0.11111, 0.0]


def test_what_repeats_is_told_from_what_does_not():
    tile = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    tiled, noise = tile.repeat(1, 1, 5, 5), torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(1))
    both = torch.cat([tiled, noise])
    assert metrics.repetition(both, 16).tolist() == pytest.approx([1, 0], abs=0.05)
    assert metrics.repetition(both, 11).abs().max() < 0.2
    assert metrics.repetition(torch.full((1, 3, 40, 40), 0.5), 16).item() == pytest.approx(0, abs=1e-3)


def test_how_much_of_the_detail_is_a_checkerboard():
    board = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(1, 1, 24, 24)
    noise = torch.randn(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    stripes = torch.tensor([[1.0, 0.0]]).repeat(1, 1, 48, 24)
    assert metrics.checkerboard(board[..., 7:-7, 7:-7].expand(2, 3, -1, -1)).tolist() == pytest.approx([1, 1], abs=0.02)
    assert metrics.checkerboard(noise).item() == pytest.approx(0.25, abs=0.01)
    assert metrics.checkerboard(stripes).item() < 0.01


def test_a_tile_that_all_pictures_share_is_told_from_tiles_of_their_own():
    tiles = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0)).repeat(1, 1, 4, 4)
    assert metrics.one_tile(tiles[:1].expand(40, -1, -1, -1), 16) == pytest.approx(1, abs=0.05)
    assert metrics.one_tile(tiles, 16) < 0.05
