"""What all tests share: a cache of their own, one thread of arithmetic, and no window for figures."""

import matplotlib
import pytest
import torch

matplotlib.use("Agg")
torch.set_num_threads(1)  # on small tensors threads only wait for each other, on a busy machine for seconds


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The study's cache folder, empty and this test's alone."""
    monkeypatch.setenv("STUDYLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
