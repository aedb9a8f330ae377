"""Files that are written are plain ones, which every program reads; another decoder reads them back."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from studylib import scan_encoders
from studylib.scan_metadata import Metadata

MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


def noise(mode, dtype, shape=(33, 47)):
    return np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (*shape, MODES[mode]), dtype, endpoint=True)


def written(path, pixels, mode, told):
    path.write_bytes(scan_encoders.png(pixels, told) if path.suffix == ".png" else scan_encoders.tiff(pixels, mode, told))


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", MODES)
def test_another_decoder_reads_back_what_was_written(tmp_path, ending, dtype, mode):
    if (ending, mode) == (".png", "CMYK"):
        pytest.skip("no such files")
    pixels = noise(mode, dtype)
    before = pixels.copy()
    written(tmp_path / f"a{ending}", pixels, mode, Metadata(orientation=8))
    assert np.array_equal(pixels, before)
    values, orientation, reader = scan_encoders.read_back(tmp_path / f"a{ending}")
    assert np.array_equal(values, pixels)
    assert values.dtype == dtype
    assert orientation == 8
    tiff = "tifffile" if mode == "CMYK" else "libtiff"
    assert reader == ({np.uint8: "Pillow", np.uint16: "OpenCV"}[dtype] if ending == ".png" else tiff)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (900, 1), (700, 600)])
def test_every_program_reads_the_tiff_files(tmp_path, shape):
    for dtype in (np.uint8, np.uint16):
        pixels = noise("RGB", dtype, shape)
        written(tmp_path / "a.tif", pixels, "RGB", Metadata())
        assert np.array_equal(tifffile.imread(tmp_path / "a.tif").reshape(pixels.shape), pixels)
        assert np.array_equal(cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_UNCHANGED)[..., ::-1], pixels)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a.tif")), pixels if dtype == np.uint8 else pixels >> 8)


def test_an_exif_block_is_whole_in_both(tmp_path):
    block = Image.Exif()
    block[0x010F], block[0x8769] = "a camera", {0x9003: "1881:05:01 12:00:00", 0xA005: {1: "R03"}}
    block[0x8825] = {1: "N", 29: "1881:05:01"}
    told = Metadata(exif=block.tobytes())
    for ending in (".png", ".tif"):
        written(tmp_path / f"a{ending}", noise("RGB", np.uint16), "RGB", told)
        read = Image.open(tmp_path / f"a{ending}").getexif()
        assert read[0x010F] == "a camera"
        assert read.get_ifd(0x8769)[0x9003] == "1881:05:01 12:00:00"
        assert read.get_ifd(0xA005)[1] == "R03"
        assert read.get_ifd(0x8825)[29] == "1881:05:01"


@pytest.mark.parametrize("shape", [(249, 1), (186, 2), (5000, 1), (1, 300), (1, 1)])
def test_the_narrowest_pictures_are_written(tmp_path, shape):
    """Of a column a PNG file holds a byte more than there are values in each row."""
    for seed in range(8):
        pixels = np.random.default_rng(seed).integers(0, 255, (*shape, 1), np.uint8, endpoint=True)
        written(tmp_path / "a.png", pixels, "L", Metadata())
        assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), pixels[..., 0])
