"""What stands beside the pixels stays: colour chunks, profiles, EXIF, XMP, resolution; and one orientation, wherever said."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from studylib import scan_metadata, scans
from studylib.scan_metadata import chunk, likely, oriented, whole, xmp_with

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PIXELS = np.random.default_rng(2).integers(0, 256, (8, 12, 3), dtype=np.uint8)
XMP = b'<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d">by hand</x:xmpmeta>'
ELEMENT = b"<x xmlns:t='http://ns.adobe.com/tiff/1.0/'><t:Orientation> %d </t:Orientation></x>"
CHUNKS = {
    b"gAMA": struct.pack(">I", 100000), b"cHRM": struct.pack(">8I", *range(30000, 38000, 1000)), b"sRGB": b"\1",
    b"cICP": bytes((12, 13, 0, 1)), b"mDCV": bytes(24), b"cLLI": bytes(8), b"pHYs": struct.pack(">IIB", 3, 2, 0),
    b"tEXt": b"Author\0Artemisia", b"zTXt": b"Comment\0\0" + zlib.compress(b"restored"), b"iTXt": b"Title\0\0\0\0\0Giuditta"}


def inserted(path, *chunks, last=False):
    """A PNG file with more chunks before its pixels, or after them."""
    Image.fromarray(PIXELS).save(path)
    data, more = path.read_bytes(), b"".join(chunk(name, content) for name, content in chunks)
    at = len(data) - 12 if last else 33
    path.write_bytes(data[:at] + more + data[at:])


def contents(path):
    data = path.read_bytes()
    return [(name, data[start + 8:end - 4]) for name, start, end in scan_metadata._chunks(data)]


def again(path, ending=".png"):
    """The file that is written of what is read."""
    scan, out = scans.read(path), path.with_name(f"out{ending}")
    scans.write(scan, out)
    scans.verify(out, path, np.zeros(scan.pixels.shape[:2], bool))
    return out


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", CHUNKS)
def test_the_chunks_of_a_png_stay(tmp_path, name, last):
    inserted(tmp_path / "in.png", (name, CHUNKS[name]), last=last)
    assert contents(again(tmp_path / "in.png")).count((name, CHUNKS[name])) == 1


def test_all_chunks_of_a_png_stay_in_16_bits_too(tmp_path):
    import cv2

    cv2.imwrite(str(tmp_path / "in.png"), PIXELS.astype(np.uint16) * 250)
    data = (tmp_path / "in.png").read_bytes()
    more = b"".join(chunk(*named) for named in CHUNKS.items()) + chunk(b"iCCP", b"x\0\0" + zlib.compress(ICC))
    (tmp_path / "in.png").write_bytes(data[:33] + more + data[33:])
    out = contents(again(tmp_path / "in.png"))
    assert dict(out) | CHUNKS == dict(out)
    assert scans.read(tmp_path / "out.png").icc == ICC
    assert max([name for name, _ in out].count(name) for name in (*CHUNKS, b"iCCP")) == 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_the_xmp_packet_of_a_png_stays_and_turns_it(tmp_path, packed, last):
    text = zlib.compress(XMP % 6) if packed else XMP % 6
    inserted(tmp_path / "in.png", (b"iTXt", b"XML:com.adobe.xmp\0" + bytes((packed, 0)) + b"en\0\0" + text), last=last)
    out = again(tmp_path / "in.png")
    assert scans.read(out).xmp == XMP % 6
    assert np.array_equal(scans.read(out).pixels, np.rot90(PIXELS, -1))
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(Image.open(out))), np.rot90(PIXELS, -1))


def exif_of(orientation):
    block = Image.Exif()
    block[0x010F] = "a camera"
    if orientation:
        block[0x0112] = orientation
    return block.tobytes()


@pytest.mark.parametrize("kind", ["jpg", "webp", "png", "avif"])
@pytest.mark.parametrize("packet", [XMP, ELEMENT, None])
@pytest.mark.parametrize(("in_exif", "in_xmp", "right"), [(None, 6, 6), (8, 8, 8), (3, 6, 3), (1, 6, 1), (0, 5, 5), (7, 0, 7)])
def test_the_orientation_is_found_wherever_it_stands_and_written_alike(tmp_path, kind, packet, in_exif, in_xmp, right):
    if kind == "avif" and (packet or in_exif is None):
        pytest.skip("AVIF has a box of its own for it")
    right = right if packet or in_exif else 1
    path = tmp_path / f"in.{kind}"
    lossless = {"webp": {"lossless": True}, "jpg": {"quality": 100}, "avif": {"quality": 100}}.get(kind, {})
    xmp = packet % in_xmp if packet else None
    if kind == "png":
        inserted(path, (b"eXIf", exif_of(in_exif).removeprefix(b"Exif\0\0")),
                 *([(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)] if xmp else []))
    else:
        Image.fromarray(PIXELS).save(path, exif=exif_of(in_exif), **({"xmp": xmp} if xmp else {}), **lossless)
    scan = scans.read(path)
    assert scan.orientation == right
    assert scan.pixels.shape[:2] == ((12, 8) if right > 4 else (8, 12))
    out = Image.open(again(path))
    assert out.getexif().get(0x0112, 1) == right
    assert out.getexif()[0x010F] == "a camera"
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(out)), scan.pixels)
    if xmp:
        assert scans.read(tmp_path / "out.png").xmp == (packet % right if in_xmp else xmp)
    scans.write(scan, tmp_path / "out.tif")
    assert scans.read(tmp_path / "out.tif").orientation == right
    assert np.array_equal(scans.read(tmp_path / "out.tif").pixels, scan.pixels)


def test_an_avif_file_that_turns_itself_is_upright(tmp_path):
    smooth = (np.indices((80, 120)).transpose(1, 2, 0) @ np.array([[1, 2, 0], [1, 0, 1]])).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "in.avif", quality=95, exif=exif_of(6))
    assert b"irot" in (tmp_path / "in.avif").read_bytes()
    scan = scans.read(tmp_path / "in.avif")
    assert np.abs(scan.pixels.astype(int) - np.rot90(smooth, -1)).mean() < 8


@pytest.mark.parametrize("kind", ["jpg", "webp", "png", "tif", "avif"])
def test_profile_exif_and_resolution_stay(tmp_path, kind):
    dpi = {} if kind in ("webp", "avif") else {"dpi": (300, 300)}
    Image.fromarray(PIXELS).save(tmp_path / f"in.{kind}", icc_profile=ICC, exif=exif_of(3), **dpi)
    for ending in (".png", ".tif"):
        out = Image.open(again(tmp_path / f"in.{kind}", ending))
        assert out.info["icc_profile"] == ICC
        assert (out.getexif()[0x010F], out.getexif()[0x0112]) == ("a camera", 3)
        if dpi:
            assert out.info["dpi"] == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize(("exif", "xmp", "right"), [
    (None, None, 1), (exif_of(9), XMP % 4, 4), (exif_of(2), b"", 2), (None, XMP % 9, 1), (None, b"tiff:Orientation='6'", 1),
    (None, (XMP % 7).replace(b'"', b"'"), 7),
    (None, (XMP % 5).replace(b"xmlns:tiff", b"xmlns:a.1-a").replace(b"tiff:Or", b"a.1-a:Or"), 5)])
def test_which_orientation_counts(exif, xmp, right):
    assert oriented(exif, xmp) == right


def test_a_packet_changes_in_its_orientation_alone():
    assert xmp_with(ELEMENT % 6, 1) == ELEMENT % 1
    assert xmp_with(b"<x/>", 6) == b"<x/>"
    assert xmp_with(None, 6) is None


@pytest.mark.parametrize("exif", [b"", None, b"text", b"Exif\0\0II*\0", b"Exif\0\0II*\0\xff\xff\xff\x7f"])
def test_a_damaged_block_is_left_out(exif):
    assert whole(exif) is None


def test_a_damaged_block_is_noted(tmp_path):
    inserted(tmp_path / "in.png", (b"eXIf", b"II*\0\xff\xff\xff\x7f and more"))
    assert scans.read(tmp_path / "in.png").notes == ("its EXIF block is damaged and is not carried on",)
    inserted(tmp_path / "in.png", (b"eXIf", exif_of(1).removeprefix(b"Exif\0\0")))
    assert scans.read(tmp_path / "in.png").notes == ()


@pytest.mark.parametrize("dpi", [(0, 300), (1e9, 1e9), (float("nan"), 1), None, (300,), ("a", 1)])
def test_a_resolution_that_no_file_can_hold_is_left_out(dpi):
    assert likely(dpi) is None
