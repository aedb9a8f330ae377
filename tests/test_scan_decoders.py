"""Each kind of file comes in with its own values and depth, and the second decoder agrees with the first."""

import itertools
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from studylib import scan_decoders, scans
from studylib.scan_metadata import chunk
from studylib.scans import ScanError

DRAW = np.random.default_rng(3)
PHONE = Path(__file__).parent / "cases" / "phone.heic"


def noise(bits, channels=3, shape=(19, 31)):
    return DRAW.integers(0, 2**bits, (*shape, channels), dtype=np.uint8 if bits <= 8 else np.uint16)


def checked(path):
    """A file's scan, and what is said after it was written, read back and compared."""
    scan = scans.read(path)
    out = path.with_name("out.tif" if scan.mode == "CMYK" else "out.png")
    scans.write(scan, out)
    return scan, scans.verify(out, path, np.zeros(scan.pixels.shape[:2], bool))


def png(kind, bits, rows, clear=None, palette=None, interlaced=False):
    """A PNG file of packed rows."""
    data = [chunk(b"IHDR", struct.pack(">IIBBBBB", 13, 7, bits, kind, 0, 0, interlaced))]
    data += [chunk(b"PLTE", palette)] if palette else []
    data += [chunk(b"tRNS", clear)] if clear else []
    lines = b"".join(b"\0" + row for row in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(data) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


KINDS = [(kind, bits, clear) for (kind, depths), clear in itertools.product(scan_decoders._PNG_BITS.items(), (False, True))
         for bits in depths if not clear or kind < 4]


@pytest.mark.parametrize(("kind", "bits", "clear"), KINDS)
def test_every_kind_of_png_is_read_alike_by_two_decoders(tmp_path, kind, bits, clear):
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    rows = [DRAW.bytes((13 * channels * bits + 7) // 8) for _ in range(7)]
    palette = DRAW.bytes(3 * 2**bits) if kind == 3 else None
    see = {0: struct.pack(">H", 1), 2: bytes(6), 3: DRAW.bytes(2**bits // 2)}[kind] if clear else None
    (tmp_path / "in.png").write_bytes(png(kind, bits, rows, see, palette))
    scan, said = checked(tmp_path / "in.png")
    assert scan.mode == {0: "L", 2: "RGB", 3: "RGB", 4: "LA", 6: "RGBA"}[kind] + ("A" if clear else "")
    assert scan.depth == (65535 if bits == 16 else 255)
    assert ("two decoders" in said) == (kind != 0 or not clear or bits == 8)
    if kind in (0, 2) and bits in (8, 16):
        values = np.frombuffer(b"".join(rows), f">u{bits // 8}").reshape(7, 13, channels)
        assert np.array_equal(scan.colours, values)


def test_interlaced_files_are_read(tmp_path):
    values = DRAW.integers(0, 256, (7, 13), dtype=np.uint8)
    passes = (values[top::down, left::right] for top, down, left, right in (
        (0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)))
    rows = [row.tobytes() for part in passes if part.size for row in part]
    (tmp_path / "in.png").write_bytes(png(0, 8, rows, interlaced=True))
    scan, said = checked(tmp_path / "in.png")
    assert np.array_equal(scan.pixels[..., 0], values)
    assert "two decoders" in said


@pytest.mark.parametrize("form", ["jp2", "j2k"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_jpeg_2000_keeps_its_depth(tmp_path, form, channels, bits):
    pixels = noise(bits, channels)
    pixels[0, 0], pixels[0, 1] = 0, 2**bits - 1
    (tmp_path / "in.jp2").write_bytes(imagecodecs.jpeg2k_encode(pixels.squeeze(), level=0, codecformat=form, bitspersample=bits))
    scan, said = checked(tmp_path / "in.jp2")
    assert scan.depth == (255 if bits == 8 else 65535)
    assert np.array_equal(np.round(scan.pixels / scan.depth * (2**bits - 1)), pixels)
    assert "two decoders" in said


def test_jpeg_2000_of_pillow_keeps_alpha_and_its_profile(tmp_path):
    picture = Image.fromarray(noise(8, 4))
    picture.save(tmp_path / "in.jp2", irreversible=False)
    data = (tmp_path / "in.jp2").read_bytes()
    scan, _ = checked(tmp_path / "in.jp2")
    assert scan.mode in ("RGBA", "RGB")
    assert (scan.mode == "RGBA") == (b"cdef" in data)
    assert np.array_equal(scan.colours, np.asarray(picture)[..., :3])
    at = data.find(b"colr")
    (length,), profile = struct.unpack(">I", data[at - 4:at]), b"\2\0\0" + b"a profile"
    box = struct.pack(">I", 8 + len(profile)) + b"colr" + profile
    head = data.find(b"jp2h")
    grown = struct.pack(">I", int.from_bytes(data[head - 4:head], "big") + len(box) - length)
    (tmp_path / "icc.jp2").write_bytes(data[:head - 4] + grown + data[head:at - 4] + box + data[at - 4 + length:])
    assert scans.read(tmp_path / "icc.jp2").icc == b"a profile"


def test_jpeg_2000_of_another_colour_space_is_refused(tmp_path):
    data = imagecodecs.jpeg2k_encode(noise(8), level=0, codecformat="jp2")
    (tmp_path / "in.jp2").write_bytes(data.replace(b"colr\1\0\0\0\0\0\x10", b"colr\1\0\0\0\0\0\x12"))
    with pytest.raises(ScanError, match=r"in\.jp2: holds sYCC values; expected"):
        scans.read(tmp_path / "in.jp2")


@pytest.mark.parametrize("top", [1, 100, 255, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_any_largest_value_of_a_ppm_becomes_white(tmp_path, top, kind):
    channels = 3 if kind in (3, 6) else 1
    values = DRAW.integers(0, top + 1, (7, 13, channels))
    values[0, 0] = top
    head = f"P{kind} # made by a test\n13 7\n{top}\n".encode()
    text = "\n".join(" ".join(map(str, row.ravel())) for row in values).encode() + b"\n"
    (tmp_path / "in.ppm").write_bytes(head + (text if kind < 4 else values.astype(">u2" if top > 255 else "u1").tobytes()))
    scan, _ = checked(tmp_path / "in.ppm")
    assert scan.pixels[0, 0].min() == scan.depth == (65535 if top > 255 else 255)
    assert np.array_equal(np.round(scan.pixels / scan.depth * top), values)


@pytest.mark.parametrize(("name", "mode", "options"), [
    ("in.jpg", "RGB", {"quality": 90}), ("in.jpg", "L", {}), ("in.jpg", "CMYK", {"quality": 90}), ("in.webp", "RGB", {}),
    ("in.webp", "RGBA", {"lossless": True}), ("in.gif", "RGB", {}), ("in.bmp", "RGB", {}), ("in.avif", "RGB", {"quality": 90}),
    ("in.jp2", "RGB", {"irreversible": True, "quality_layers": [20]})])
def test_pictures_of_8_bits_are_what_pillow_reads(tmp_path, name, mode, options):
    smooth = (np.indices((48, 64)).sum(0)[..., None] * np.array([1, 2, 0, 1]) + np.array([9, 20, 150, 70])).astype(np.uint8)
    Image.fromarray(smooth[..., :{"L": 1, "RGB": 3}.get(mode, 4)].squeeze(), mode).save(tmp_path / name, **options)
    scan, said = checked(tmp_path / name)
    assert scan.mode == mode
    assert np.array_equal(scan.pixels.squeeze(), np.asarray(Image.open(tmp_path / name).convert(mode)))
    assert ("two decoders" in said) == (name not in ("in.gif", "in.bmp"))


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_keeps_its_depth(tmp_path, bits):
    pixels = noise(bits)
    (tmp_path / "in.avif").write_bytes(imagecodecs.avif_encode(pixels, level=100, bitspersample=bits, pixelformat="444"))
    scan, _ = checked(tmp_path / "in.avif")
    assert scan.depth == 65535
    assert np.abs(scan.pixels / scan.depth * (2**bits - 1) - pixels).max() < 2**bits / 50


def test_a_phones_picture_is_read(tmp_path):
    (tmp_path / "in.heic").write_bytes(PHONE.read_bytes())
    scan, said = checked(tmp_path / "in.heic")
    assert (scan.mode, scan.pixels.shape, scan.pixels.dtype) == ("RGB", (120, 160, 3), np.uint8)
    assert 60 < scan.pixels.mean() < 220
    assert "one decoder only" in said


def test_without_its_package_a_phones_picture_is_a_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pi_heif", None)
    with pytest.raises(ScanError, match=r"phone\.heic: is a HEIC file, for which the package pi-heif is missing"):
        scans.read(PHONE)


def test_the_colours_that_a_file_names_by_numbers_go_into_the_png():
    said = b"\0\0\0\x13colrnclx" + struct.pack(">HHHB", 12, 16, 9, 128)
    assert scan_decoders._coded_colour(said) == ((b"cICP", bytes((12, 16, 0, 1))),)
    assert scan_decoders._coded_colour(said.replace(b"\0\x0c\0\x10", b"\0\1\0\x0d")) == ()
    assert scan_decoders._coded_colour(b"") == ()


def test_a_jpeg_of_12_bits_is_refused(tmp_path):
    (tmp_path / "in.jpg").write_bytes(imagecodecs.jpeg8_encode(noise(12, 1)[..., 0], bitspersample=12))
    with pytest.raises(ScanError, match=r"in\.jpg: is a JPEG of 12 bits a channel; expected one of 8"):
        scans.read(tmp_path / "in.jpg")


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_moving_pictures_are_refused(tmp_path, name):
    first, second = (Image.fromarray(noise(8)) for _ in range(2))
    first.save(tmp_path / name, save_all=True, append_images=[second], duration=100)
    with pytest.raises(ScanError, match=rf"{name}: holds 2 pages or frames; expected one picture"):
        scans.read(tmp_path / name)
