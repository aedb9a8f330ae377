"""The bench measures what it says; how fast anything is, no test asserts."""

import pytest
import torch
from torch import nn

from bench import __main__ as bench
from bench import floor, rivals
from studylib import atelier, parameters, training

RATES = {(kind, dtype): 1e9 for kind in ("convolution", "product") for dtype in (torch.float32, torch.bfloat16)} | {"copy": 1e12}


def test_the_ledger_counts_a_convolution_forward_and_backward():
    """3x3, 4 to 8 channels, 2 pictures of 16x16: 2 x 2 x 8 x 16 x 16 x 4 x 9 operations, and twice that backward."""
    layer, picture = nn.Conv2d(4, 8, 3, padding=1, bias=False), torch.randn(2, 4, 16, 16, requires_grad=True)
    with floor.Ledger(RATES) as ledger:
        layer(picture).sum().backward()
    assert ledger.operations == 3 * 2 * 2 * 8 * 256 * 4 * 9
    assert ledger.floor == pytest.approx(ledger.operations / 1e9)


def test_the_ledger_takes_the_slower_of_arithmetic_and_memory():
    a = torch.randn(8, 8)
    for copy, expected in ((1e12, 2 * 8**3 / 1e9), (1e3, 3 * 64 * 4 / 1e3)):
        with floor.Ledger({**RATES, "copy": copy}) as ledger:
            a @ a
        assert ledger.floor == pytest.approx(expected)
        assert ledger.bytes == 3 * 64 * 4


def test_the_floor_of_a_step_holds_adams_traffic():
    assert floor.of_step(lambda: None, 1000, RATES).floor == pytest.approx(28_000 / 1e12)


def test_warm_up_is_left_out():
    calls = []
    assert len(floor.seconds(lambda: calls.append(1), "cpu", 3, 2)) == 3
    assert len(calls) == 5


@pytest.mark.parametrize("recipe", [{"discriminator": "patch"}, {"discriminator": "none", "norm": "group"}])
@pytest.mark.parametrize(("fast", "tolerance"), [({"precision": "fp32", "layout": "contiguous"}, 2e-5),
                                                 ({"precision": "fp32"}, 0.01), ({"precision": "bf16"}, 0.02)])
def test_the_fast_path_follows_the_plain_one(recipe, fast, tolerance):
    """Loss curves of the first 50 updates, in means over 10, relative to the plain float32 loop's.

    In the plain loop's own precision and layout they are the same. Otherwise the reconstruction is held to the tolerance;
    an adversary's losses drift apart from any rounding, real and fake in opposite ways, and their sum is held to 5 %.
    """
    pictures = torch.from_numpy(atelier.paint("scenes", 16, 32, seed=3)).permute(0, 3, 1, 2).contiguous()
    base = {"size": 32, "width": 16, "batch": 8, "lr": 1e-3, "epochs": 50, "augment": "mirror", "ema": 0.9, **recipe}
    quick = training._Run(parameters.check({**base, **fast}), pictures, pictures[:2], "")
    plain = training._Run(parameters.check({**base, "precision": "fp32", "layout": "contiguous"}), pictures, pictures[:2], "")
    expected = []
    for _ in range(50):
        quick.step()
        expected.append(rivals.plain_step(plain))
    quick.look()
    ours, theirs = torch.tensor(list(quick.history.values())), torch.tensor(expected).T
    ours, theirs = (curves.unflatten(1, (5, 10)).mean(2) for curves in (ours, theirs))
    if fast.get("layout"):
        assert torch.allclose(ours, theirs, rtol=tolerance, atol=1e-5)
    assert torch.allclose(ours[1], theirs[1], rtol=tolerance, atol=1e-5)
    assert torch.allclose(ours[2] + ours[3], theirs[2] + theirs[3], rtol=0.05)


def test_the_originals_loop_trains_its_networks(tmp_path):
    files = rivals.jpegs(tmp_path, tmp_path)
    loop = rivals.original_loop(files, 64, 4, "cpu")
    assert [next(loop) for _ in range(2)] == [4, 4]
    loop.close()


def test_pix2pix_unet_halves_five_times_and_may_start_from_its_input():
    picture, mask = torch.rand(2, 3, 64, 64), torch.ones(2, 1, 64, 64)
    network = rivals.Pix2PixUNet(8)
    assert len([layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]) == 5
    assert network(picture, mask).abs().max() <= 1
    assert rivals.Pix2PixUNet(8, residual=True)(picture, mask).shape == picture.shape


def test_a_ratio_is_of_repeats_beside_each_other():
    assert bench.ratio([2.0, 9.0], [1.0, 3.0]) == {"median": 2.5, "low": 2.0, "high": 3.0, "repeats": 2}


def test_the_table_names_what_fell_short():
    value = bench.summary([1.0, 2.0, 3.0])
    step = {"generator": "the study's", "size": 64, "batch": 64, "floor": 0.5, "step": value, "over_floor": value, "plain": value,
            "ratio": value, "batch_share": value}
    race = {"ratio": value, "ours": value, "pix2pix": value, "never": 2, "limit": 90}
    found = {"device": "cpu", "masks": {128: {"ratio": value, "ours": value, "loop": value}}, "steps": [step],
             "original": [{"size": 64, "ratio": value, "ours": value, "original": value}], "telea": race,
             "memory": {"the study's": 1.0}, "starts": {"imports": value, "data": value}}
    shown = bench.table(found)
    assert "2 of 3 stopped at 90 s short of it" in shown
    assert "| within 2 times |" in shown
    assert "within 3 times" in bench.table({**found, "device": "cuda"})
