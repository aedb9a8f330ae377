"""What all tests share: a cache of their own, and no window for figures."""

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The study's cache folder, empty and this test's alone."""
    monkeypatch.setenv("STUDYLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
