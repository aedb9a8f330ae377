"""Networks have the published widths, switches switch one thing each, and only the hole is ever painted."""

import re

import pytest
import torch
import torch.nn.functional as F

from studylib import baselines, networks

FILLS = ("white", "mean", "pull_push", "thin_plate", "grain")
# Side -> the published widths, encoder and decoder; at 64 pixels one scale less.
DOWN = {128: [64, 64, 128, 256, 512], 64: [64, 128, 256, 512]}
UP = {128: [256, 128, 64, 128, 3], 64: [256, 128, 64, 3]}
JUDGE = {128: [64, 128, 128, 256, 512, 1], 64: [64, 128, 256, 512, 1]}
both_sizes = pytest.mark.parametrize("size", [64, 128])


def convolutions(network):
    return [layer for layer in network.modules() if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))]


def awake(network):
    """A U-Net whose last layer is not zero, as after some training."""
    torch.manual_seed(0)
    torch.nn.init.normal_(network.head.weight, 0, 0.1)
    return network.eval()


@pytest.fixture
def bare(monkeypatch):
    """Spares the costly random start of 71 million weights where only shapes count."""
    for start in ("kaiming_uniform_", "normal_"):
        monkeypatch.setattr(torch.nn.init, start, lambda weight, *rest, **more: weight)


@pytest.fixture
def scene():
    """Pictures of odd sides and masks of random pixels."""
    torch.manual_seed(1)
    return torch.rand(2, 3, 37, 23) * 2 - 1, (torch.rand(2, 1, 37, 23) < 0.4).float()


@pytest.fixture
def deterministic():
    """torch.use_deterministic_algorithms(True), by the call that does not first import a compiler for seconds."""
    before = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("error")
    yield
    torch.set_deterministic_debug_mode(before)


@both_sizes
def test_context_encoder_has_the_published_widths(bare, size):
    network = networks.ContextEncoder(size)
    assert [layer.out_channels for layer in convolutions(network)] == [*DOWN[size], *UP[size]]
    assert network.bottleneck(torch.zeros(2, 512, 4, 4)).shape == (2, 512, 4, 4)
    assert network.bottleneck[0].out_features == 4000


@both_sizes
def test_context_encoder_has_71_million_weights_65_of_them_in_the_bottleneck(bare, size):
    network = networks.ContextEncoder(size)
    assert round(sum(weight.numel() for weight in network.parameters()) / 1e6) == 71
    assert int(sum(weight.numel() for weight in network.bottleneck.parameters() if weight.ndim == 2) / 1e6) == 65
    assert not any(layer.bias is not None for layer in convolutions(network))


@both_sizes
def test_context_discriminator_has_the_published_widths_and_one_logit(bare, size):
    network = networks.ContextDiscriminator(size)
    assert [layer.out_channels for layer in convolutions(network)] == JUDGE[size]
    assert network(torch.zeros(2, 3, size, size)).shape == (2, 1, 1, 1)


@both_sizes
@pytest.mark.parametrize("switched", [False, True])
def test_context_encoder_paints_whole_pictures_with_and_without_its_switches(bare, size, switched):
    network = networks.ContextEncoder(size, mask_input=switched, skips=switched).eval()
    assert network(torch.zeros(1, 3, size, size), torch.zeros(1, 1, size, size)).shape == (1, 3, size, size)
    beside = DOWN[size][::-1] if switched else [0] * len(DOWN[size])
    assert network.encoder[0][0].in_channels == 3 + switched
    seen = [before + more for before, more in zip([512, *UP[size]], beside, strict=False)]
    assert [layer[0].in_channels for layer in network.decoder] == seen


@pytest.mark.parametrize(("make", "size"), [(networks.ContextEncoder, 64), (networks.UNet, 8)])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
def test_generators_normalise_as_asked(bare, make, size, norm):
    layers = list(make(size, norm=norm).modules())
    for name, kind in {"batch": torch.nn.BatchNorm2d, "group": torch.nn.GroupNorm}.items():
        assert any(isinstance(layer, kind) for layer in layers) == (name == norm)


@pytest.mark.parametrize("make", [networks.ContextEncoder, networks.ContextDiscriminator])
def test_context_networks_refuse_other_sizes(make):
    with pytest.raises(ValueError, match="size 96"):
        make(96)


def test_the_published_start_is_narrow():
    weight = networks.ContextDiscriminator(64).layers[2].weight
    assert abs(weight.mean()) < 1e-3
    assert abs(weight.std() - 0.02) < 1e-3


def test_bottleneck_products_are_convolutions():
    squeeze, expand = networks._Squeeze(6 * 4 * 4, 10, bias=False), networks._Expand(10, 6, 4)
    inside, outside = torch.randn(3, 6, 4, 4), torch.randn(3, 10, 1, 1)
    assert torch.allclose(squeeze(inside), F.conv2d(inside, squeeze.weight.view(10, 6, 4, 4)), atol=1e-6)
    kernel = expand.weight.T.reshape(10, 6, 4, 4)
    assert torch.allclose(expand(outside), F.conv_transpose2d(outside, kernel), atol=1e-6)


@pytest.mark.parametrize("shape", [(32, 32), (33, 47), (64, 20), (5, 17)])
def test_unet_takes_any_size_and_changes_nothing_at_its_start(shape):
    picture, mask = torch.rand(2, 3, *shape), torch.ones(2, 1, *shape)
    assert torch.equal(networks.UNet(8)(picture, mask), picture)
    changed = awake(networks.UNet(8))(picture, mask)
    assert changed.shape == picture.shape
    assert not torch.equal(changed, picture)


@pytest.mark.parametrize("mask_input", [False, True])
def test_unet_sees_the_mask_only_if_asked(scene, mask_input):
    picture, mask = scene
    network = awake(networks.UNet(8, mask_input=mask_input))
    assert torch.equal(network(picture, mask), network(picture, 1 - mask)) is not mask_input


@pytest.mark.parametrize("skips", [False, True])
def test_unet_skips_reach_past_the_coarsest_scale(scene, skips):
    """With the coarse path cut off, only skips still carry the picture's features to the change."""
    network = awake(networks.UNet(8, skips=skips))
    for layer in network.grow:
        torch.nn.init.zeros_(layer.weight)
    picture, mask = (part[..., :16, :16] for part in scene)
    (one, two), (first, second) = network(picture, mask), picture
    assert torch.allclose(one - first, two - second, atol=1e-6) is not skips


def made_of_nothing(network, period):
    """How far what a network adds to an even grey hole, far from any border, is from repeating itself after `period` pixels."""
    with torch.no_grad():
        change = network(torch.full((1, 3, 512, 512), 0.3), torch.ones(1, 1, 512, 512))[..., 208:304, 208:304] - 0.3
    moved = max((change - change.roll(period, axis)).abs()[..., period:-period, period:-period].max() for axis in (2, 3))
    return float(moved / change.std())


def test_unet_that_interpolates_paints_no_tile_where_it_knows_nothing():
    """Neither of 16 pixels, its coarsest cells, as by pixel shuffle, nor of any side beyond its finest blocks of 2x2."""
    torch.manual_seed(0)
    shuffled, smooth = (awake(networks.UNet(8, upsampling=kind)).eval() for kind in ("shuffle", "bilinear"))
    assert made_of_nothing(shuffled, 16) < 1e-5
    assert made_of_nothing(shuffled, 8) > 0.01
    assert made_of_nothing(smooth, 2) < 1e-5
    assert made_of_nothing(smooth, 1) > 0.5


def test_weights_of_four_equal_phases_serve_a_unet_that_interpolates():
    torch.manual_seed(0)
    shuffled, smooth = (awake(networks.UNet(8, upsampling=kind)).eval() for kind in ("shuffle", "bilinear"))
    for layer in shuffled.grow:
        for value in (layer.weight.data, layer.bias.data):
            value.copy_(value.unflatten(0, (4, -1))[:1].expand(4, *[-1] * value.ndim).flatten(0, 1))
    smooth.load_state_dict({name: value.unflatten(0, (4, -1))[0] if name.startswith("grow.") else value
                            for name, value in shuffled.state_dict().items()})
    picture, mask = torch.full((1, 3, 512, 512), 0.3), torch.ones(1, 1, 512, 512)
    one, other = (network(picture, mask)[..., 208:304, 208:304] for network in (shuffled, smooth))
    assert torch.allclose(one, other, atol=1e-5)
    assert one.std() > 1e-3


@pytest.mark.parametrize("upsampling", ["shuffle", "bilinear"])
def test_unet_runs_deterministically_forward_and_backward(deterministic, scene, upsampling):
    gradients = []
    for _ in range(2):
        torch.manual_seed(0)
        network = awake(networks.UNet(8, upsampling=upsampling)).train()
        network(*scene).square().mean().backward()
        gradients.append([weight.grad for weight in network.parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


def test_patch_discriminator_runs_deterministically_forward_and_backward(deterministic):
    gradients = []
    for _ in range(2):
        torch.manual_seed(0)
        network = networks.PatchDiscriminator(8)
        logits = network(torch.rand(2, 3, 64, 48))
        assert logits.shape == (2, 1, 8, 6)
        logits.mean().backward()
        gradients.append([weight.grad for weight in network.parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


def test_patch_discriminator_sees_patches_of_the_documented_size():
    documented = int(re.search(r"patches of (\d+) pixels", networks.PatchDiscriminator.__doc__)[1])
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 128, 128, requires_grad=True)
    networks.PatchDiscriminator(8)(picture)[0, 0, 8, 8].backward()
    rows = picture.grad.abs().sum((0, 1, 3)).nonzero()
    assert int(rows.max() - rows.min()) + 1 == documented


def test_style_discriminator_gives_a_logit_a_layer_whatever_the_features_size():
    network = networks.StyleDiscriminator((4, 6)).eval()
    features = [torch.rand(3, 4, 8, 8), torch.rand(3, 6, 5, 4)]
    logits = network(features)
    assert logits.shape == (3, 2, 1, 1)
    assert torch.allclose(network([1000 * feature for feature in features]), logits, atol=1e-3)


def test_white_fills_white_and_mean_the_mean_of_the_known(scene):
    picture, mask = scene
    hole = mask.expand_as(picture) > 0
    assert (networks.fill_holes(picture, mask, "white")[hole] == 1).all()
    filled = networks.fill_holes(picture, mask, "mean")
    for number, channel in ((0, 0), (1, 2)):
        inside = mask[number, 0] > 0
        known = picture[number, channel][~inside].mean()
        assert torch.allclose(filled[number, channel][inside], known, atol=1e-6)


@pytest.mark.parametrize("how", FILLS)
def test_known_pixels_are_never_filled(scene, how):
    picture, mask = scene
    known = mask.expand_as(picture) == 0
    assert torch.equal(networks.fill_holes(picture, mask, how)[known], picture[known])


@pytest.mark.parametrize("how", FILLS)
@pytest.mark.parametrize("garbage", [0.0, 1e6, float("nan")])
def test_what_lies_in_the_hole_is_never_used(scene, how, garbage):
    picture, mask = scene
    spoiled = torch.where(mask > 0, garbage, picture)
    assert torch.equal(networks.fill_holes(spoiled, mask, how), networks.fill_holes(picture, mask, how))


@pytest.mark.parametrize("shape", [(32, 32), (37, 23), (1, 9)])
@pytest.mark.parametrize("how", ["pull_push", "thin_plate"])
def test_a_constant_picture_stays_constant(shape, how):
    torch.manual_seed(0)
    picture = torch.tensor([-0.9, 0.1, 0.7]).view(1, 3, 1, 1).expand(1, 3, *shape)
    mask = (torch.rand(1, 1, *shape) < 0.7).float()
    assert torch.allclose(networks.fill_holes(picture, mask, how), picture, atol=1e-5)


def test_thin_plate_bends_as_little_as_scikit_image_s_biharmonic_inpainting():
    """In narrow holes, where the few steps suffice, the two agree; a plane is continued as it is."""
    torch.manual_seed(0)
    picture = F.interpolate(torch.rand(1, 3, 8, 8) * 1.6 - 0.8, size=48, mode="bicubic", align_corners=False).clamp(-1, 1)
    mask = torch.zeros(1, 1, 48, 48)
    mask[..., 10:13, 5:40], mask[..., 20:44, 30:33], mask[..., 25:30, 8:13] = 1, 1, 1
    ours, theirs = networks.fill_holes(picture, mask, "thin_plate"), baselines.biharmonic(picture, mask)
    hole = mask.expand_as(picture) > 0
    assert (ours - theirs)[hole].abs().mean() < 0.01
    assert (networks.fill_holes(picture, mask, "pull_push") - theirs)[hole].abs().mean() > 0.03
    plane = (torch.linspace(-0.9, 0.5, 48)[:, None] + torch.linspace(0, 0.3, 48)).expand(1, 3, 48, 48)
    assert (networks.fill_holes(plane, mask, "thin_plate") - plane)[hole].abs().mean() < 2e-3


def test_grain_is_the_thin_plate_under_faint_noise_where_holes_are_broad():
    torch.manual_seed(1)
    picture, mask = torch.rand(2, 3, 48, 64) * 2 - 1, torch.zeros(2, 1, 48, 64)
    mask[..., 4:30, 4:40], mask[..., 40:42, 4:60] = 1, 1
    smooth, grain, again = (networks.fill_holes(picture, mask, how) for how in ("thin_plate", "grain", "grain"))
    assert torch.equal(grain, again)
    other = networks.under_grain(smooth, mask, 1)
    noises = torch.stack([(each - smooth)[..., 11:23, 12:32].flatten() for each in (grain, other)])
    assert torch.corrcoef(noises)[0, 1].abs() < 0.1
    broad, narrow = ((grain - smooth)[..., rows, 12:32] for rows in (slice(11, 23), slice(40, 42)))
    assert 0.07 < broad.std() < 0.09
    assert 0 < narrow.std() < 0.01
    given = torch.zeros_like(mask)
    given[..., ::2] = mask[..., ::2]
    over = networks.fill_holes(torch.where(given > 0, 0.3, picture), mask - given, "grain", given) - 0.3
    assert torch.allclose((over - grain + smooth)[given.expand_as(picture) > 0], torch.zeros(()), atol=1e-6)


def test_every_filling_in_use_has_fainter_noise_than_the_training_s_and_of_its_own():
    picture, mask = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    mask[..., 4:60, 4:60] = 1
    smooth = networks.fill_holes(picture, mask, "thin_plate")
    assert all(torch.equal(filled, smooth) for filled in networks.fillings(picture, mask, "thin_plate", 3))
    noises = [(filled - smooth)[..., 12:52, 12:52].flatten() for filled in networks.fillings(picture, mask, "grain", 3)]
    assert all(0.9 * networks.FAINT < noise.std() < 1.1 * networks.FAINT for noise in noises)
    assert torch.corrcoef(torch.stack(noises)).fill_diagonal_(0).abs().max() < 0.05
    trained = networks.fill_holes(picture, mask, "grain") - smooth
    assert torch.allclose(noises[0] * networks.GRAIN / networks.FAINT, trained[..., 12:52, 12:52].flatten(), atol=1e-6)


def test_two_views_are_made_one_by_their_mean_but_of_broad_holes_under_grain_by_the_first():
    first, second, mask = torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    mask[..., 4:44, 4:60], mask[..., 54, 4:60] = 1, 1
    assert (networks.of_two_views(first, second, mask, "thin_plate") == 0.5).all()
    one = networks.of_two_views(first, second, mask, "grain")
    assert (one[..., 12:36, 12:52] == 0).all()
    assert (one[..., 54, 12:52] > 0.4).all() and one.max() <= 0.5


def test_the_mirrored_view_sees_other_noise():
    """Of one noise mirrored, the mean of both views in a narrow hole would keep all; of two it keeps seven tenths."""
    class Loud(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor(30.0))

        def forward(self, picture, mask):
            return picture * self.weight

    picture, mask = torch.zeros(8, 3, 64, 64), torch.zeros(8, 1, 64, 64)
    mask[..., 30:34, 4:60] = 1
    once, mean = (networks.inpainter(Loud(), "grain", flips=flips)(picture, mask)[..., 30:34, 12:52] for flips in (False, True))
    kept = 0.5 * float(networks._breadth(mask)[..., 30:34, 12:52].mean()) + 0.5
    ratio = float(mean.std() / once.std())
    assert ratio == pytest.approx((kept**2 + (1 - kept)**2) ** 0.5, abs=0.05)
    assert ratio < 0.85


def test_grain_goes_on_from_tile_to_tile():
    picture, mask = torch.zeros(1, 3, 200, 300), torch.ones(1, 1, 200, 300)
    mask[..., :2] = 0
    whole = networks.fill_holes(picture, mask, "grain")
    part = networks.fill_holes(picture[..., 60:, 130:], mask[..., 60:, 130:], "grain", at=(60, 130))
    assert torch.allclose(part[..., 8:-8, 8:-8], whole[..., 68:-8, 138:-8], atol=1e-6)
    again = networks.fill_holes(picture[..., 60:, 130:], mask[..., 60:, 130:], "grain")
    assert (part - again).abs().mean() > 0.05


def test_pull_push_stays_between_the_known_colours(scene):
    picture, mask = scene
    known = torch.where(mask > 0, torch.nan, picture).flatten(2)
    filled = networks.fill_holes(picture, mask, "pull_push").flatten(2)
    assert (filled.amin(2) >= known.nan_to_num(nan=9).amin(2) - 1e-5).all()
    assert (filled.amax(2) <= known.nan_to_num(nan=-9).amax(2) + 1e-5).all()


def test_pull_push_fills_from_nearby(scene):
    """A picture that is dark on the left and bright on the right stays so inside its hole."""
    picture = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 8:56, 8:56] = 1
    filled = networks.fill_holes(picture, mask, "pull_push")
    assert filled[..., 32, 10].max() < -0.2
    assert filled[..., 32, 53].min() > 0.2


@pytest.mark.parametrize("how", FILLS)
def test_a_picture_without_known_pixels_is_filled_with_numbers(how):
    assert networks.fill_holes(torch.rand(1, 3, 20, 12), torch.ones(1, 1, 20, 12), how).isfinite().all()


def test_an_unknown_filling_is_refused(scene):
    with pytest.raises(ValueError, match="fill 'black'"):
        networks.fill_holes(*scene, "black")


@pytest.mark.parametrize("garbage", [0.0, 1e6, float("nan")])
def test_inpainter_paints_the_hole_only_and_never_looks_into_it(scene, garbage):
    picture, mask = scene
    method = networks.inpainter(awake(networks.UNet(8)), "pull_push")
    composite = method(picture, mask)
    known = mask.expand_as(picture) == 0
    assert torch.equal(composite[known], picture[known])
    assert not torch.equal(composite, picture)
    assert composite.abs().max() <= 1
    assert torch.equal(method(torch.where(mask > 0, garbage, picture), mask), composite)


def test_inpainter_takes_any_number_of_pictures():
    torch.manual_seed(0)
    pictures, masks = torch.rand(35, 3, 16, 16), (torch.rand(35, 1, 16, 16) < 0.5).float()
    method = networks.inpainter(awake(networks.UNet(8)), "mean")
    assert torch.allclose(method(pictures, masks)[33:], method(pictures[33:], masks[33:]), atol=1e-6)


@pytest.mark.parametrize("network", [networks.UNet(8), networks.ContextEncoder(64, norm="batch")])
def test_packed_weights_take_eight_bits_and_come_back_within_half_a_step(network):
    weights = network.state_dict()
    packed = networks.packed(weights)
    assert {value.dtype for name, value in packed.items() if weights.get(name, torch.ones(1)).ndim > 1} == {torch.int8}
    assert sum(value.nbytes for value in packed.values()) < 0.27 * sum(value.nbytes for value in weights.values())
    back = networks.unpacked(packed)
    assert back.keys() == weights.keys()
    for name, value in weights.items():
        largest = value.flatten(1).abs().amax(1) / 254 if value.ndim > 1 else value.abs() / 1024
        off = (back[name] - value).abs().flatten(1).amax(1) if value.ndim > 1 else (back[name] - value).abs()
        assert bool((off <= 1.01 * largest + 1e-7).all())


def test_weights_in_half_precision_as_earlier_files_hold_them_are_unpacked_as_they_are():
    halves = {name: value.half() for name, value in networks.UNet(8).state_dict().items()}
    assert all(torch.equal(value, halves[name].float()) for name, value in networks.unpacked(halves).items())
    assert torch.equal(networks.unpacked(networks.packed({"a": torch.zeros(2, 3)}))["a"], torch.zeros(2, 3))


@pytest.mark.parametrize(("kept", "told"), [
    ({"a": torch.ones(2, 3, dtype=torch.int8)}, "a: is torch.int8 without steps"),
    ({"a": torch.ones(2, 3), "a.step": torch.ones(2)}, "a: is torch.float32 with steps"),
    ({"a": torch.ones(2, 3, dtype=torch.complex64)}, "a: is torch.complex64 without"),
    ({"a": torch.ones(2, 3, dtype=torch.int8), "a.step": torch.ones(3)}, "a.step: expected 2 numbers in float32"),
    ({"a": torch.ones(2, 3, dtype=torch.int8), "a.step": torch.ones(())}, "a.step: expected 2 numbers"),
    ({"a": torch.ones(2, 3, dtype=torch.int8), "a.step": torch.ones(2, dtype=torch.int64)}, "a.step: expected 2 numbers"),
    ({"a": torch.ones(2, dtype=torch.int8), "a.step": torch.ones(2)}, "a.step: expected 0 numbers"),
    ({".step": torch.ones(2)}, ".step: there are no such weights")])
def test_what_was_never_packed_is_not_unpacked(kept, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        networks.unpacked(kept)
