"""TIFF files come in with their own values, whatever their depth, layout and compression, or are refused by name."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from studylib import scans
from studylib.scans import ScanError

CHANNELS = {"minisblack": 1, "rgb": 3, "separated": 4}
DRAW = np.random.default_rng(5)


def noise(bits, channels=3, shape=(37, 53)):
    dtype = np.uint8 if bits <= 8 else np.uint16
    return DRAW.integers(0, 2**bits, (*shape, channels), dtype=dtype)


def read(path, pixels, **options):
    """What is read of a file that tifffile writes, after it was written, read back and compared as a restored one is."""
    tifffile.imwrite(path, pixels, **options)
    scan = scans.read(path)
    scans.write(scan, path.with_name("out.tif"))
    said = scans.verify(path.with_name("out.tif"), path, np.zeros(scan.pixels.shape[:2], bool))
    assert said.startswith("not one value was changed")
    return scan, said


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("photometric", CHANNELS)
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("planes", [False, True])
def test_lossless_files_keep_every_value(tmp_path, bits, photometric, compression, planes):
    pixels = noise(bits, CHANNELS[photometric])
    layouts = {"byteorder": ">"}, {"tile": (16, 32)}, {"bigtiff": True, "rowsperstrip": 5}, {"predictor": True}
    for number, options in enumerate(layouts):
        if options.get("predictor") and compression in (None, "packbits"):
            continue
        split = planes and pixels.shape[2] > 1
        shown = np.moveaxis(pixels, -1, 0) if split else pixels.squeeze()
        scan, said = read(tmp_path / f"{number}.tif", shown, photometric=photometric, compression=compression,
                          planarconfig=("separate" if split else "contig") if pixels.shape[2] > 1 else None, **options)
        assert scan.mode == {1: "L", 3: "RGB", 4: "CMYK"}[pixels.shape[2]]
        assert np.array_equal(scan.pixels, pixels)
        assert scan.pixels.dtype == pixels.dtype
        assert ("two decoders" in said) == (photometric != "separated" or bits == 8)


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_depths_fill_the_range_and_can_be_taken_back(tmp_path, bits, channels):
    pixels = noise(bits, channels)
    pixels[0, 0], pixels[0, 1] = 0, 2**bits - 1
    kind = "rgb" if channels == 3 else "minisblack"
    scan, _ = read(tmp_path / "odd.tif", pixels.squeeze(), photometric=kind, bitspersample=bits)
    assert scan.depth == (255 if bits < 8 else 65535)
    assert (scan.pixels[0, 0].max(), scan.pixels[0, 1].min()) == (0, scan.depth)
    assert np.array_equal(np.round(scan.pixels / scan.depth * (2**bits - 1)), pixels)
    again = scans.read(tmp_path / "out.tif")
    assert np.array_equal(np.round(again.pixels / again.depth * (2**bits - 1)), pixels)
    assert f"{bits} bits a channel" in scan.notes[0]


def test_bits_are_black_and_white(tmp_path):
    drawn = noise(1, 1)[..., 0].astype(bool)
    for photometric, white in (("minisblack", drawn), ("miniswhite", ~drawn)):
        scan, _ = read(tmp_path / "bits.tif", drawn, photometric=photometric)
        assert np.array_equal(scan.pixels[..., 0], white * np.uint8(255))
    Image.fromarray(drawn).save(tmp_path / "fax.tif", compression="group4")
    assert np.array_equal(scans.read(tmp_path / "fax.tif").pixels[..., 0], drawn * np.uint8(255))


@pytest.mark.parametrize("bits", [4, 8, 12, 16])
def test_where_white_is_0_it_becomes_the_largest_value(tmp_path, bits):
    pixels = noise(bits, 1)[..., 0]
    scan, _ = read(tmp_path / "negative.tif", pixels, photometric="miniswhite", bitspersample=bits)
    assert np.array_equal(np.round(scan.pixels[..., 0] / scan.depth * (2**bits - 1)), 2**bits - 1 - pixels.astype(int))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_plain_alpha_is_kept_and_a_saved_selection_is_not_taken_for_alpha(tmp_path, bits, colours, compression):
    pixels, kind = noise(bits, colours + 2), {"photometric": "minisblack" if colours == 1 else "rgb", "compression": compression}
    scan, _ = read(tmp_path / "alpha.tif", pixels[..., :-1], extrasamples=["unassalpha"], **kind)
    assert scan.mode == {1: "LA", 3: "RGBA"}[colours]
    assert np.array_equal(scan.pixels, pixels[..., :-1])
    assert not scan.notes
    scan, _ = read(tmp_path / "selection.tif", pixels[..., :-1], extrasamples=["unspecified"], **kind)
    assert scan.mode == {1: "L", 3: "RGB"}[colours]
    assert np.array_equal(scan.pixels, pixels[..., :-2])
    assert "1 further channel" in scan.notes[0]
    scan, _ = read(tmp_path / "both.tif", pixels, extrasamples=["unspecified", "unassalpha"], **kind)
    assert np.array_equal(scan.pixels, np.delete(pixels, -2, axis=2))


def test_multiplied_alpha_is_read_where_it_is_all_or_nothing(tmp_path):
    pixels = noise(8, 4)
    pixels[..., 3] = 255
    pixels[:5] = 0
    scan, _ = read(tmp_path / "cut.tif", pixels, photometric="rgb", extrasamples=["assocalpha"])
    assert np.array_equal(scan.pixels, pixels)
    pixels[0, 0, 3] = 9
    tifffile.imwrite(tmp_path / "half.tif", pixels, photometric="rgb", extrasamples=["assocalpha"])
    with pytest.raises(ScanError, match=r"half\.tif: has alpha that is multiplied into its colours"):
        scans.read(tmp_path / "half.tif")


@pytest.mark.parametrize("deep", [False, True])
def test_a_palette_becomes_its_colours_in_their_depth(tmp_path, deep):
    table = DRAW.integers(0, 65536 if deep else 256, (3, 256)).astype(np.uint16)
    indices = noise(8, 1)[..., 0]
    scan, _ = read(tmp_path / "palette.tif", indices, photometric="palette", colormap=table if deep else table * 257)
    assert scan.pixels.dtype == (np.uint16 if deep else np.uint8)
    assert np.array_equal(scan.pixels, np.moveaxis(table, 0, -1)[indices])
    if not deep:
        picture = Image.fromarray(noise(8, 3)).quantize(16)
        picture.save(tmp_path / "pillow.tif")
        assert np.array_equal(scans.read(tmp_path / "pillow.tif").pixels, np.asarray(picture.convert("RGB")))


def test_a_palette_with_alpha_keeps_both(tmp_path):
    pixels = noise(8, 2)
    table = DRAW.integers(0, 256, (3, 256)).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", extrasamples=["unassalpha"],
                     extratags=[(320, "H", 768, table.ravel().tolist(), True)])
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages[0].tags[262].overwrite(3)
    scan = scans.read(tmp_path / "a.tif")
    assert scan.mode == "RGBA"
    assert np.array_equal(scan.pixels, np.dstack([(table.T >> 8)[pixels[..., 0]], pixels[..., 1]]))


@pytest.mark.parametrize(("compression", "near"), [("jpeg", 12), ("jpeg2000", 0), ("webp", 12), ("jpegxl", 12)])
def test_pictures_within_tiff_files_are_decoded(tmp_path, compression, near):
    smooth = np.indices((40, 56)).sum(0)[..., None] * np.array([1, 2, 0]) + np.array([9, 20, 150])
    pixels = smooth.astype(np.uint8)
    scan, _ = read(tmp_path / "inner.tif", pixels, photometric="rgb", compression=compression)
    assert np.abs(scan.pixels.astype(int) - pixels).mean() <= near
    Image.fromarray(pixels).save(tmp_path / "ycc.tif", compression="jpeg")
    assert np.abs(scans.read(tmp_path / "ycc.tif").pixels.astype(int) - pixels).mean() <= 12


def pyramid(path, pixels, flag, steps=(1, 2, 4), compression="deflate"):
    with tifffile.TiffWriter(path) as file:
        for step in steps:
            small = pixels[::step, ::step] if step > 0 else pixels[::-1]
            file.write(np.ascontiguousarray(small), photometric="rgb", tile=(16, 16), subfiletype=flag if step > 1 else 0,
                       compression=compression, metadata=None)


@pytest.mark.parametrize("flag", [0, 1])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("steps", [(1, 2, 4), (4, 1), (2, 1, 4)])
def test_the_full_page_of_a_pyramid_is_the_picture(tmp_path, flag, bits, steps):
    pixels = (np.indices((64, 96)).sum(0)[..., None] * np.array([1, 2, 0]) * 2**(bits - 9)).astype(f"uint{bits}")
    pyramid(tmp_path / "pyramid.tif", pixels, flag, steps)
    scan = scans.read(tmp_path / "pyramid.tif")
    assert np.array_equal(scan.pixels, pixels)
    scans.write(scan, tmp_path / "out.tif")
    assert "two decoders" in scans.verify(tmp_path / "out.tif", scan, np.zeros((64, 96), bool))


def test_a_pyramid_in_sub_directories_is_its_page(tmp_path):
    pixels = noise(8, 3, (64, 96))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(pixels, photometric="rgb", subifds=1)
        file.write(np.ascontiguousarray(pixels[::2, ::2]), photometric="rgb", subfiletype=1)
    assert np.array_equal(scans.read(tmp_path / "a.tif").pixels, pixels)


@pytest.mark.parametrize("second", [noise(8, 3, (64, 96)), noise(8, 3, (32, 48)), noise(8, 1, (64, 96))[..., 0]])
def test_pages_of_different_pictures_are_refused(tmp_path, second):
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(np.zeros((64, 96, 3), np.uint8), photometric="rgb", metadata=None)
        file.write(second, metadata=None)
    with pytest.raises(ScanError, match=r"two\.tif: holds 2 pages or frames"):
        scans.read(tmp_path / "two.tif")


def raw(path, photometric, dng):
    """A thumbnail first, and the picture in a sub-directory."""
    with tifffile.TiffWriter(path) as file:
        more = {"extratags": [(50706, "B", 4, b"\1\4\0\0", True)]} if dng else {}
        file.write(noise(8, 3, (8, 12)), photometric="rgb", subifds=1, subfiletype=1, **more)
        file.write(noise(16, 1, (64, 96))[..., 0], photometric=photometric, subfiletype=0)


@pytest.mark.parametrize(("photometric", "dng", "sentence"), [
    ("minisblack", True, "is a DNG file"), ("cfa", True, "is a DNG file"), ("cfa", False, "is a camera's raw file"),
    ("minisblack", False, "shows only a reduced copy")])
def test_a_thumbnail_is_never_the_picture(tmp_path, photometric, dng, sentence):
    raw(tmp_path / "a.tif", photometric, dng)
    with pytest.raises(ScanError, match=rf"a\.tif: {sentence}.*; expected"):
        scans.read(tmp_path / "a.tif")


REFUSED = {
    "float": (noise(8, 1)[..., 0] / np.float32(255), {"photometric": "minisblack"}, "floating-point values of 32 bits"),
    "half": (noise(8, 3) / np.float16(255), {"photometric": "rgb"}, "floating-point values of 16 bits"),
    "signed": (noise(8, 1)[..., 0].astype(np.int16), {"photometric": "minisblack"}, "values with a sign"),
    "long": (noise(8, 1)[..., 0].astype(np.uint32), {"photometric": "minisblack"}, "has 32 bits a channel"),
    "lab": (noise(8, 3), {"photometric": "cielab"}, r"CIE L\*a\*b\*"),
    "icclab": (noise(16, 3), {"photometric": "icclab"}, "ICC L"),
    "ycbcr": (noise(8, 3), {"photometric": "ycbcr"}, "YCbCr values that are not compressed as JPEG"),
    "raw": (noise(16, 1)[..., 0], {"photometric": "cfa"}, "raw"),
    "many": (noise(8, 12), {"photometric": "minisblack"}, "12 channels"),
    "inks": (noise(8, 5), {"photometric": "separated", "extratags": [(332, "H", 1, 2, True)]}, "inks other than cyan"),
    "cover": (noise(8, 5), {"photometric": "separated", "extrasamples": ["unassalpha"]}, "CMYK with transparency")}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_go_out_as_it_came_is_refused_by_name(tmp_path, name):
    pixels, options, sentence = REFUSED[name]
    more = {"planarconfig": "contig"} if pixels.ndim == 3 else {}
    tifffile.imwrite(tmp_path / f"{name}.tif", pixels, metadata=None, **more, **options)
    with pytest.raises(ScanError, match=rf"{name}\.tif: [^\n]*{sentence}[^\n]*expected[^\n]*$"):
        scans.read(tmp_path / f"{name}.tif")


@pytest.mark.parametrize("compression", ["lzw", "jpeg", "deflate"])
def test_a_file_that_lacks_some_of_its_values_is_refused(tmp_path, compression):
    stream = io.BytesIO()
    tifffile.imwrite(stream, noise(8, 3), photometric="rgb", compression=compression, rowsperstrip=37)
    (tmp_path / "cut.tif").write_bytes(stream.getvalue()[:-1000])
    with pytest.raises(ScanError, match=r"cut\.tif: cannot be read as a picture \(not all of its values are in the file\)"):
        scans.read(tmp_path / "cut.tif")
    (tmp_path / "less.tif").write_bytes(stream.getvalue())
    with tifffile.TiffFile(tmp_path / "less.tif", mode="r+") as file:
        file.pages[0].tags[279].overwrite(file.pages[0].databytecounts[0] // 2)
    with pytest.raises(ScanError, match=r"less\.tif: cannot be read as a picture"):
        scans.read(tmp_path / "less.tif")


def test_what_stands_beside_the_pixels_comes_out_with_them(tmp_path):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b'<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="1">painted</x:xmpmeta>'
    told = Image.Exif()
    told[315], told[33432], told[0x8769] = "Artemisia", "the archive", {0x9003: "1881:05:01 12:00:00", 0x829A: 0.5}
    told[0x8825] = {1: "N", 2: (43.0, 46.0, 12.0)}
    told[700], told[37724] = xmp, b"Adobe Photoshop layers"
    Image.fromarray(noise(8, 3)).save(tmp_path / "in.tif", exif=told.tobytes(), icc_profile=icc, resolution_unit=3,
                                      x_resolution=118.11, y_resolution=236.22)
    scan = scans.read(tmp_path / "in.tif")
    assert scan.dpi == pytest.approx((300, 600), abs=0.01)
    scans.write(scan, tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        tags = {tag.code: tag.value for tag in file.pages[0].tags}
    assert (bytes(tags[34675]), bytes(tags[700]), tags[315], tags[33432]) == (icc, xmp, "Artemisia", "the archive")
    assert tags[34665]["DateTimeOriginal"] == "1881:05:01 12:00:00"
    assert tags[34853]["GPSLatitudeRef"] == "N"
    assert 37724 not in tags
    assert tags[296] == 3
    assert [tags[tag][0] / tags[tag][1] for tag in (282, 283)] == pytest.approx([118.11, 236.22])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("bits", [8, 16])
def test_a_turned_file_is_upright_and_goes_back_as_it_lay(tmp_path, orientation, bits):
    stored, xmp = noise(bits), b"<x xmlns:tiff='http://ns.adobe.com/tiff/1.0/'><tiff:Orientation>3</tiff:Orientation></x>"
    tifffile.imwrite(tmp_path / "in.tif", stored, photometric="rgb", extratags=[
        (274, "H", 1, orientation, True), (700, "B", len(xmp), xmp, True)])
    scan = scans.read(tmp_path / "in.tif")
    turn = {1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.transpose(1, 0, 2),
            6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: np.rot90}[orientation]
    assert np.array_equal(scan.pixels, turn(stored))
    scans.write(scan, tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        page = file.pages[0]
        assert np.array_equal(page.asarray(), stored)
        assert page.tags[274].value == orientation
        assert bytes(page.tags[700].value) == xmp.replace(b">3<", b">%d<" % orientation)
    assert scans.verify(tmp_path / "out.tif", scan, np.zeros(scan.pixels.shape[:2], bool))
