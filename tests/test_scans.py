"""What is read and written again is the same, in every depth, mode, orientation and format that can hold it."""

import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from studylib import scans
from studylib.scans import ScanError

MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(mode, dtype, shape=(9, 14)):
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (*shape, MODES[mode]), endpoint=True)
    return values.astype(dtype)


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_what_is_written_is_read_again(tmp_path, ending, dtype, mode, orientation):
    if mode == "CMYK" and ending == ".png":
        pytest.skip("no such files")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = orientation, "a camera", {0x9003: "1881:05:01 12:00:00"}
    exif[256], exif[258], exif[273] = 4000, (1, 1), 5  # a TIFF file's layout, in a block that was copied out of it
    scan = scans.Scan(noise(mode, dtype), mode, ICC, exif.tobytes(), (300.0, 300.0), orientation)
    scans.write(scan, tmp_path / f"one{ending}")
    again = scans.read(tmp_path / f"one{ending}")
    assert again.mode == mode
    assert again.pixels.dtype == dtype
    assert np.array_equal(again.pixels, scan.pixels)
    assert again.icc == ICC
    assert again.dpi == pytest.approx((300, 300), abs=0.1)
    assert again.orientation == orientation
    scans.write(again, tmp_path / f"two{ending}")
    once_more = scans.read(tmp_path / f"two{ending}")
    assert np.array_equal(once_more.pixels, scan.pixels)
    assert once_more.orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright_as_pillow_turns_them(tmp_path, orientation):
    stored = Image.fromarray(noise("RGB", np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    scan = scans.read(tmp_path / "turned.png")
    assert np.array_equal(scan.pixels, np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "turned.png"))))
    scans.write(scan, tmp_path / "back.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "back.png")), np.asarray(stored))
    assert Image.open(tmp_path / "back.png").getexif()[0x0112] == orientation


def test_sixteen_bits_are_kept_without_an_exif_block_too(tmp_path):
    """OpenCV and tifffile write what Pillow would read as 8 bits, or not at all."""
    colour, four = noise("RGB", np.uint16), noise("RGBA", np.uint16)
    cv2.imwrite(str(tmp_path / "colour.png"), colour[..., ::-1])
    cv2.imwrite(str(tmp_path / "alpha.png"), four[..., [2, 1, 0, 3]])
    cv2.imwrite(str(tmp_path / "lzw.tif"), colour[..., ::-1])
    cv2.imwrite(str(tmp_path / "grey.tif"), colour[..., 0])
    tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate")
    tifffile.imwrite(tmp_path / "inks.tif", four, photometric="separated")
    for name, mode, pixels in (("colour.png", "RGB", colour), ("alpha.png", "RGBA", four), ("lzw.tif", "RGB", colour),
                               ("grey.tif", "L", colour[..., :1]), ("planes.tif", "RGB", colour), ("inks.tif", "CMYK", four)):
        scan = scans.read(tmp_path / name)
        assert (scan.mode, scan.pixels.dtype) == (mode, np.uint16), name
        assert np.array_equal(scan.pixels, pixels), name


def test_a_transparent_colour_becomes_alpha(tmp_path):
    Image.fromarray(noise("RGB", np.uint8)).save(tmp_path / "rgb.png", transparency=(1, 2, 3))
    Image.fromarray(noise("L", np.uint8)[..., 0]).save(tmp_path / "grey.png", transparency=7)
    assert [scans.read(tmp_path / name).mode for name in ("rgb.png", "grey.png")] == ["RGBA", "LA"]


def test_other_programs_read_sixteen_bits(tmp_path):
    scan = scans.Scan(noise("RGB", np.uint16), "RGB", ICC)
    scans.write(scan, tmp_path / "deep.png")
    scans.write(scan, tmp_path / "deep.tif")
    assert np.array_equal(cv2.imread(str(tmp_path / "deep.png"), cv2.IMREAD_UNCHANGED)[..., ::-1], scan.pixels)
    assert np.array_equal(tifffile.imread(tmp_path / "deep.tif"), scan.pixels)


def test_palettes_and_bits_become_colours(tmp_path):
    picture = Image.fromarray(noise("RGB", np.uint8))
    picture.quantize(8).save(tmp_path / "palette.png")
    assert np.array_equal(scans.read(tmp_path / "palette.png").pixels, np.asarray(picture.quantize(8).convert("RGB")))
    picture.convert("1").save(tmp_path / "bits.png")
    assert scans.read(tmp_path / "bits.png").mode == "L"


def broken_png(path):
    Image.fromarray(noise("RGB", np.uint8)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def huge_png(path):
    head = struct.pack(">IIBBBBB", 200_000, 200_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))


def two_pages(path):
    first, second = (Image.fromarray(noise("L", np.uint8)[..., 0]) for _ in range(2))
    first.save(path, "TIFF", save_all=True, append_images=[second])


BAD = {"absent": (lambda path: None, "there is no such file"), "text": (lambda path: path.write_text("text"), "cannot be read"),
       "json": (lambda path: path.write_text('{"shapes": []}'), "is a JSON file; expected JPEG, PNG, TIFF"),
       "empty": (lambda path: path.write_bytes(b""), "cannot be read"), "half": (broken_png, "cannot be read"),
       "huge": (huge_png, "expected at most"), "pages": (two_pages, "2 pages"),
       "float": (lambda path: Image.fromarray(np.zeros((4, 4), np.float32)).save(path, "TIFF"), "floating-point .* 32 bits")}


@pytest.mark.parametrize(("make", "sentence"), BAD.values(), ids=list(BAD))
def test_what_is_no_picture_is_told_in_a_sentence(tmp_path, make, sentence):
    path = tmp_path / "one.png"
    make(path)
    with pytest.raises(ScanError, match=rf"one\.png: .*{sentence}"):
        scans.read(path)


@pytest.mark.parametrize(("name", "mode", "sentence"), [
    ("out.jpg", "RGB", "would change values"), ("out", "RGB", "would change values"), ("out.png", "CMYK", "cannot hold CMYK")])
def test_a_format_that_cannot_hold_the_picture_is_refused(tmp_path, name, mode, sentence):
    with pytest.raises(ScanError, match=sentence):
        scans.write(scans.Scan(noise(mode, np.uint8), mode), tmp_path / name)
    assert not list(tmp_path.iterdir())


def restored(folder, ending, dtype, change=lambda pixels, hole: None):
    """A painting's file, its scan, its hole, and the file of another picture of it."""
    hole = np.zeros((9, 14), bool)
    hole[2:5, 3:9] = True
    scans.write(scans.Scan(noise("RGB", dtype), "RGB", orientation=6), folder / f"in{ending}")
    scan = scans.read(folder / f"in{ending}")
    pixels = scan.pixels.copy()
    pixels[hole] = 7
    change(pixels, hole)
    scans.write(scan.like(pixels, "RGB"), folder / f"out{ending}")
    return scan, hole, folder / f"out{ending}"


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_was_written_is_read_back_and_compared(tmp_path, ending, dtype):
    scan, hole, out = restored(tmp_path, ending, dtype)
    for original in (scan, scan.path, str(scan.path)):
        said = scans.verify(out, original, hole)
        assert said.startswith("not one value was changed (read back by ")
        assert "two decoders read the original alike" in said
    assert out.is_file()
    scan.path.unlink()
    assert "one decoder only" in scans.verify(out, scan, hole)


@pytest.mark.parametrize("ending", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_changed_value_removes_what_was_written(tmp_path, ending, dtype):
    def change(pixels, hole):
        pixels[8, 13, 2] ^= 1

    scan, hole, out = restored(tmp_path, ending, dtype, change)
    with pytest.raises(ScanError, match=rf"out\{ending}: read back by \w+, it has 1 pixels of other values outside the mask"):
        scans.verify(out, scan, hole)
    assert not out.exists()
    assert scan.path.is_file()


def test_a_file_that_cannot_be_read_back_is_removed(tmp_path):
    for ending, cut in ((".png", 60), (".tif", 200)):
        scan, hole, out = restored(tmp_path, ending, np.uint8)
        out.write_bytes(out.read_bytes()[:-cut])
        with pytest.raises(ScanError, match=rf"out\{ending}: "):
            scans.verify(out, scan, hole)
        assert not out.exists()


def test_another_size_or_depth_is_a_difference(tmp_path):
    scan, hole, out = restored(tmp_path, ".tif", np.uint16)
    for pixels in (scan.pixels[1:], (scan.pixels >> 8).astype(np.uint8)):
        scans.write(scan.like(pixels, "RGB"), out)
        with pytest.raises(ScanError, match="expected"):
            scans.verify(out, scan, hole)
        assert not out.exists()


def test_a_first_decoder_that_is_wrong_is_found(tmp_path):
    """As OpenCV is, of 16-bit LZW files in planes: it scrambles them."""
    pixels = noise("RGB", np.uint16)
    planes = np.moveaxis(pixels, -1, 0)
    tifffile.imwrite(tmp_path / "in.tif", planes, photometric="rgb", planarconfig="separate", compression="lzw")
    scrambled = scans.Scan(pixels.reshape(3, 9, 14).transpose(1, 2, 0), "RGB", path=tmp_path / "in.tif")
    scans.write(scrambled, tmp_path / "out.tif")
    with pytest.raises(ScanError, match=r"in\.tif: read by another decoder, it has \d+ pixels of other values"):
        scans.verify(tmp_path / "out.tif", scrambled, np.zeros((9, 14), bool))
    assert not (tmp_path / "out.tif").exists()


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    scans.write(scans.Scan(noise("RGB", np.uint8), "RGB"), tmp_path / "one.tif")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ScanError, match=r"one\.tif: cannot be read without the package tifffile; install it"):
        scans.read(tmp_path / "one.tif")
