"""A painting in any format is restored in its own values, upright, and with what stands beside them; or nothing is written."""

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from studylib import conservation
from studylib.scans import ScanError

TURNED = b'<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'


def painting(bits, channels=3, shape=(48, 64)):
    """Waves, (H, W, channels), of so many bits."""
    y, x = np.indices(shape)
    waves = np.stack([0.5 + 0.4 * np.sin(x / (5 + c) + y / (9 - c)) for c in range(channels)], axis=2)
    return np.round(waves * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def tif(path, pixels, photometric="rgb", **options):
    tifffile.imwrite(path, pixels, photometric=photometric, **options)


def pyramid(path, pixels):
    with tifffile.TiffWriter(path) as file:
        for step in (1, 2):
            file.write(np.ascontiguousarray(pixels[::step, ::step]), photometric="rgb", tile=(16, 16), subfiletype=step - 1)


def planes(path, pixels):
    tif(path, np.moveaxis(pixels, -1, 0), planarconfig="separate", compression="lzw")


def grey(path, pixels):
    path.write_bytes(b"P5\n64 48\n65535\n" + pixels.astype(">u2").tobytes())


def jpeg2000(path, pixels):
    path.write_bytes(imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="jp2"))


# The file's name, its values, how it is made, and the bits of what comes out.
RESTORED = {
    "16-bit LZW in planes": ("a.tif", painting(16), planes, 16), "16-bit JPEG 2000": ("a.jp2", painting(16), jpeg2000, 16),
    "16-bit PGM": ("a.pgm", painting(16, 1), grey, 16), "pyramid": ("a.tif", painting(8), pyramid, 8),
    "12-bit grey": ("a.tif", painting(12, 1)[..., 0], lambda path, pixels: tif(path, pixels, "minisblack", bitspersample=12), 16),
    "selection": ("a.tif", painting(8, 4), lambda path, pixels: tif(path, pixels, extrasamples=["unspecified"]), 8),
    "16-bit inks": ("a.tif", painting(16, 4), lambda path, pixels: tif(path, pixels, "separated", compression="lzw"), 16),
    "zstd": ("a.tif", painting(16), lambda path, pixels: tif(path, pixels, compression="zstd"), 16),
    "grey with alpha": ("a.tif", painting(16, 2), lambda path, pixels: tif(path, pixels, "minisblack",
                                                                           extrasamples=["unassalpha"]), 16),
    "JPEG 2000 in TIFF": ("a.tif", painting(8), lambda path, pixels: tif(path, pixels, compression="jpeg2000"), 8)}


def restore(path, folder):
    """The file of the restored painting, and its hole."""
    hole = np.zeros((48, 64), bool)
    hole[20:26, 30:40] = True
    Image.fromarray(hole).save(folder / "mask.png")
    files = conservation.restore(path, folder / "out", mask=folder / "mask.png", holes="white", method="telea", say=str)
    return next(file for file in files if file.stem.endswith("_restored")), hole


@pytest.mark.parametrize("name", RESTORED)
def test_a_painting_keeps_its_values_outside_the_mask(tmp_path, name):
    (tmp_path / "out").mkdir()
    file, pixels, make, bits = RESTORED[name]
    make(tmp_path / file, pixels)
    out, hole = restore(tmp_path / file, tmp_path)
    values = tifffile.imread(out) if out.suffix == ".tif" else imagecodecs.png_decode(out.read_bytes())
    assert values.dtype == f"uint{bits}"
    right = pixels[..., :3] if name == "selection" else pixels
    scale = 4095 / 65535 if name.startswith("12") else 1
    assert np.array_equal(np.round(values[~hole] * scale), right.squeeze()[~hole])


def test_a_photograph_that_only_xmp_turns_is_restored_upright(tmp_path):
    (tmp_path / "out").mkdir()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    Image.fromarray(painting(8, shape=(64, 48))).save(tmp_path / "a.jpg", exif=exif, xmp=TURNED, quality=95)
    out, hole = restore(tmp_path / "a.jpg", tmp_path)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(out)))
    assert np.array_equal(upright[~hole], np.rot90(np.asarray(Image.open(tmp_path / "a.jpg")), -1)[~hole])


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.json", b'{"shapes": []}', "is a JSON file"), ("a.psd", b"8BPS\0\1", r"is a Photoshop \(PSD\) file"),
    ("a.heic", b"\0\0\0\x1cftypheic\0\0\0\0mif1heic", "cannot be read"), ("a.jxl", b"\xff\x0a", "is a JPEG XL file")])
def test_what_is_not_read_is_named_and_nothing_is_written(tmp_path, name, content, said):
    (tmp_path / "out").mkdir()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ScanError, match=rf"{name}: {said}"):
        restore(tmp_path / name, tmp_path)
    assert not list((tmp_path / "out").iterdir())
