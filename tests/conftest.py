"""What all tests share: a cache of their own, one thread of arithmetic, and no window for figures."""

import os
import signal

import matplotlib
import pytest
import torch

matplotlib.use("Agg")
# On small tensors threads only wait for each other, on a busy machine for seconds; processes that tests start are told, too.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The study's cache folder, empty and this test's alone."""
    monkeypatch.setenv("STUDYLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A file as a training writes it, of a small generator whose last layer is not zero."""
    from studylib import networks, parameters, training

    folder = tmp_path_factory.mktemp("weights")
    asked = parameters.check({"width": 8, "keep_weights": True, "record": str(folder / "small.json")})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = networks.UNet(8)
        torch.nn.init.normal_(generator.head.weight, 0, 0.05)
    training.keep_weights(training.Trained(generator, "thin_plate", 1, 0.0), asked)
    return folder / "small.safetensors"


@pytest.fixture(scope="session", autouse=True)
def hears_interrupts():
    """A shell's background jobs are born deaf to Ctrl-C; trainings and their tests then would be, too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
