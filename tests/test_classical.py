"""Classical fills keep what is known, and look at nothing else."""

import numpy as np
import pytest

from studylib import classical

AT = (0, 0)


def tile(seed=0):
    rng = np.random.default_rng(seed)
    picture = np.linspace(0.2, 0.8, 50, dtype=np.float32)[None, :, None] + rng.normal(0, 0.02, (40, 50, 3)).astype(np.float32)
    hole = np.zeros((40, 50), bool)
    hole[10:20, 15:30], hole[30:, :4], hole[5, 45], hole[0, :20] = True, True, True, True
    return picture, hole


@pytest.mark.parametrize("method", ["telea", "ns", "biharmonic"])
def test_a_ramp_goes_on_whatever_lies_in_the_hole(method):
    picture, hole = tile()
    filled = classical.paint(method, picture, hole, hole, 1, AT)
    assert filled.shape == (1, 40, 50, 3)
    assert np.abs(filled[0] - picture)[~hole].max() < 1e-4
    assert np.abs(filled[0] - picture)[hole].mean() < 0.06
    for value in (0, 1):
        other = np.where(hole[..., None], np.float32(value), picture)
        assert np.array_equal(classical.paint(method, other, hole, hole, 1, AT)[0][hole], filled[0][hole])


@pytest.mark.parametrize("channels", [1, 3])
def test_patchmatch_fills_as_many_channels_as_it_is_given(channels):
    pytest.importorskip("patchmatch")
    picture, hole = tile()
    filled = classical.patchmatch(picture[..., :channels], hole, picture, ~hole)
    assert filled.shape == (40, 50, channels)
    assert np.abs(filled - picture[..., :channels])[~hole].max() < 1 / 255
    assert np.abs(filled - picture[..., :channels])[hole].mean() < 0.1
