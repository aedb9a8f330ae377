"""Few bits are spread over the full range and can be taken back; what promises too much is refused."""

import numpy as np
import pytest

from studylib.scan_values import Pixels, Refused, flat_alpha, widened, within


@pytest.mark.parametrize("bits", range(1, 17))
def test_widened_values_fill_the_range_and_come_back(bits):
    values = np.arange(2**bits).reshape(1, -1, 1).astype(np.uint8 if bits <= 8 else np.uint16)
    wide = widened(Pixels(values, "L", bits))
    top = np.iinfo(wide.dtype).max
    assert (wide.min(), wide.max()) == (0, top)
    assert np.array_equal(np.round(wide * ((2**bits - 1) / top)), values)


def test_values_beyond_their_bits_are_refused():
    with pytest.raises(Refused, match="above 4095"):
        widened(Pixels(np.full((1, 1, 1), 4096, np.uint16), "L", 12))


def test_multiplied_alpha_passes_only_where_it_is_plain():
    alpha, colours = np.array([[0, 255]]), np.array([[[0], [7]]])
    flat_alpha(colours, alpha, 255)
    for wrong in (np.array([[[1], [7]]]), alpha[..., None] // 2):
        with pytest.raises(Refused, match="associated"):
            flat_alpha(wrong, alpha if wrong.max() == 7 else alpha // 2, 255)


@pytest.mark.parametrize(("width", "height", "size"), [(0, 5, 9), (2**20, 2**20, 10**9), (30_000, 30_000, 100), (-4, -4, 99)])
def test_impossible_sizes_are_refused(width, height, size):
    with pytest.raises(Refused, match=f"{width} x {height} pixels; expected at most"):
        within(width, height, size)
