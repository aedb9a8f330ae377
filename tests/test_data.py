"""Curation: every bad file has its reason, the split holds its promises, the cache tells the truth."""

import csv
import io
import os
import struct
import unicodedata
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from studylib import atelier, data, pictures, records, sources
from studylib.data import DataError

REAL = records.ROOT / "data"
GROUP = "Impressionism/pierre-auguste-renoir"
real = pytest.mark.skipif(not (REAL / "wikiart").is_dir(), reason="no real pictures below data/")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDYLIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def stub(monkeypatch):
    """An atelier that paints at once: each pixel names kind, seed and number."""
    calls = []

    def paint(kind, count, size=128, *, seed=0, start=0):
        calls.append((kind, count, start))
        out = np.zeros((count, size, size, 3), np.uint8)
        out[..., 0] = 1 + ("scenes", "portraits").index(kind)
        out[..., 1] = seed
        out[..., 2] = (np.arange(start, start + count) % 256)[:, None, None]
        return out

    monkeypatch.setattr(atelier, "paint", paint)
    return calls


def canvas(number, width=96, height=80):
    """A picture that resembles no other one."""
    coarse = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, format="PNG", **more):
    file = io.BytesIO()
    image.save(file, format, **more)
    return file.getvalue()


def hang(root, name, content):
    path = Path(root) / "wikiart" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else encoded(content))
    return path


def gallery(root, count=20, group=GROUP, first=0):
    for number in range(first, first + count):
        hang(root, f"{group}_no-{number:03d}-{1870 + number % 40}.png", canvas(number))


def curate(root, **more):
    return data.curate(**{"source": "wikiart", "data_root": root, "train": 8, "validation": 4, **more})


def reasons(curation):
    assert len(curation.manifest) + len(curation.rejected) == curation.found
    return {name.rpartition("_")[2]: reason for name, reason in curation.rejected}


def pixels(curation):
    both = [*zip(curation.train_names, curation.train, strict=True),
            *zip(curation.validation_names, curation.validation, strict=True)]
    return {name.rpartition("_")[2]: picture for name, picture in both}


def bomb(side=20_000):
    """A PNG whose header promises far more pixels than its few bytes hold."""
    content = bytearray(encoded(canvas(1)))
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def test_each_bad_file_is_rejected_with_its_reason(tmp_path):
    gallery(tmp_path)
    good = encoded(canvas(500, 300, 300), "JPEG")
    frames = [canvas(600), canvas(601)]
    bad = {
        "empty.jpg": (b"", "empty file"),
        "text.jpg": (b"Impression, soleil levant", "not an image"),
        "notes.txt": (b"remember the varnish", "not an image"),
        "cut.jpg": (good[: len(good) // 2], "truncated"),
        "cut.png": (encoded(canvas(501, 300, 300))[:9000], "truncated"),
        "header.jpg": (good[:20], "not an image"),
        "flipped.png": (encoded(canvas(502)).replace(b"IDAT", b"IDOT"), None),
        "bomb.png": (bomb(), "more than 89478485 pixels"),
        "big.png": (bomb(10_000), "more than 89478485 pixels"),
        "moving.gif": (encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "animated"),
        "moving.png": (encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]), "animated"),
        "moving.webp": (encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]), "animated"),
        "small.png": (canvas(503, 200, 63), "too small: 200x63 pixels"),
        "no-000-1870-copy.png": (canvas(0), f"exact copy of {GROUP}_no-000-1870.png"),
        "no-001-1871-again.jpg": (encoded(canvas(1), "JPEG"), f"near-duplicate of {GROUP}_no-001-1871.png"),
    }
    for name, (content, _) in bad.items():
        hang(tmp_path, f"{GROUP}_{name}", content)
    (tmp_path / "wikiart" / f"{GROUP}_gone.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "wikiart" / f"{GROUP}_pipe.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        curation = curate(tmp_path)
    found = reasons(curation)
    assert curation.found == 20 + len(bad) + 1
    assert len(curation.manifest) == 20
    assert found.pop("gone.jpg") == "cannot be read: No such file or directory"
    assert found.keys() == bad.keys()
    assert {name: found[name] for name, (_, reason) in bad.items() if reason} == {
        name: reason for name, (_, reason) in bad.items() if reason}
    assert [(kept, dropped) for kept, dropped, _ in curation.duplicates] == [
        (f"{GROUP}_no-001-1871.png", f"{GROUP}_no-001-1871-again.jpg")]


def tiff(values, **more):
    file = io.BytesIO()
    tifffile.imwrite(file, values, **more)
    return file.getvalue()


def grey(number):
    return np.asarray(canvas(number).convert("L"))


@pytest.mark.parametrize(("make", "reason"), [
    (lambda g: tiff((g / 255).astype("f4")), None),
    (lambda g: tiff((g / 255).astype("f4") / 2 + 0.25), None),
    (lambda g: tiff(g.astype("f4")), r"^values outside 0 to 1: from \d+ to 2\d\d$"),
    (lambda g: tiff((g / 255).astype("f4") - 0.5), r"^values outside 0 to 1: from -0\.\d+ to 0\.\d+$"),
    (lambda g: tiff(np.where(g > 200, np.nan, g / 255).astype("f4")), "^values outside 0 to 1: from nan to nan"),
    (lambda g: tiff((g / 255).astype("f2")), "a TIFF that is not read here: float16 values, 1 a pixel, compression NONE"),
    (lambda g: tiff((g / 255).astype("f8")), "a TIFF that is not read here: float64 values, 1 a pixel, compression NONE"),
    (lambda g: tiff((np.dstack([g] * 3) / 255).astype("f4"), photometric="rgb"),
     "a TIFF that is not read here: float32 values, 3 a pixel, compression NONE"),
    (lambda g: tiff(g.astype("u2") * 257), None),
    (lambda g: tiff((255 - g).astype("u2") * 257, photometric="miniswhite"), None),
    (lambda g: tiff(g.T[::-1].astype("u2") * 257, extratags=[(274, 3, 1, 6, True)]), None),
    (lambda g: tiff(g.astype("u2")), "nearly one colour: 1 of 256 levels between its darkest and its brightest parts"),
    (lambda g: tiff(g.astype("i2") * 128), None),
    (lambda g: tiff(g.astype("i2") - 100), r"^values outside 0 to 32767: from -\d+ to \d+$"),
    (lambda g: tiff((g.astype("i2") - 128).astype("i1")), "signed values of 8 bits; expected unsigned ones"),
    (lambda g: tiff(g.astype("u4") * 257), None),
    (lambda g: tiff(g.astype("i4") * 257), None),
    (lambda g: tiff(g.astype("i4") * 8_000_000), "values outside 0 to 65535"),
    (lambda g: tiff(g.astype("u4") * 2**24), "values outside 0 to 65535"),
    (lambda g: encoded(Image.fromarray(g.astype("i4") * 257), "TIFF"), None),
    (lambda g: cv2.imencode(".png", g.astype("u2") * 257)[1].tobytes(), None),
    (lambda g: encoded(Image.fromarray(g.astype("u2") * 257), "JPEG2000", irreversible=False), None),
    (lambda g: b"P5 96 80 4095\n" + (g.astype("u2") * 16).astype(">u2").tobytes(), None),
    (lambda g: b"Pf 96 80 -1.0\n" + (g[::-1] / 255).astype("<f4").tobytes(), None),
])
def test_more_bits_are_scaled_or_rejected_and_never_clipped(make, reason):
    content = make(grey(10))
    if reason:
        with pytest.raises(pictures.Unusable, match=reason):
            pictures.examine(content, 64)
        return
    small, plain = (pictures.examine(one, 64)["small"].astype(int) for one in (content, encoded(canvas(10).convert("L"))))
    if content.startswith(b"II") and np.ptp(small) < np.ptp(plain) - 20:  # half of the range, from a quarter on
        plain = plain // 2 + 64
    assert np.abs(small - plain).max() <= 2


def test_twelve_bits_are_not_sixteen():
    values = np.asarray(grey(10)).astype(">u2") * 16  # 12 bits a value: three bytes hold two
    pairs = values.reshape(-1, 2).astype(int)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1).astype("u1").tobytes()
    tags = [(256, 96), (257, 80), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 80), (279, len(packed))]
    content = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", len(tags))
    content += b"".join(struct.pack("<HHII", tag, 4 if value > 65535 else 3, 1, value) for tag, value in tags) + b"\0\0\0\0"
    small, plain = (pictures.examine(one, 64)["small"].astype(int) for one in (content, encoded(canvas(10).convert("L"))))
    assert np.abs(small - plain).max() <= 2


@pytest.mark.parametrize("picture", [
    Image.new("RGB", (96, 80)), Image.new("L", (96, 80), 255), Image.new("RGB", (96, 80), (200, 30, 30)),
    Image.new("RGBA", (96, 80)),  # nothing but transparency
    Image.fromarray(np.random.default_rng(0).integers(120, 128, (80, 96, 3), np.uint8)),  # a camera's noise
    Image.fromarray(np.pad(np.full((2, 2), 255, np.uint8), ((0, 78), (0, 94)))),  # a speck
], ids=["black", "white", "red", "clear", "noise", "speck"])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
def test_pictures_of_one_colour_are_rejected(picture, format):
    if format == "JPEG":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA")).convert("RGB")
    with pytest.raises(pictures.Unusable, match=r"^nearly one colour: \d+ of 256 levels"):
        pictures.examine(encoded(picture, format), 64)


def test_a_pale_drawing_and_a_dark_painting_are_pictures():
    soft = np.asarray(canvas(11)).astype(int)
    for dim in (soft // 8, 255 - soft // 8):
        pictures.examine(encoded(Image.fromarray(dim.astype(np.uint8))), 64)


def heif(brand):
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + brand + bytes(100)


@pytest.mark.parametrize(("content", "name", "format"), [
    (heif(b"heic"), "a.heic", "HEIC"), (heif(b"heix"), "a.jpg", "HEIC"), (heif(b"mif1"), "a.heif", "HEIF"),
    (heif(b"avif"), "a.avif", "AVIF"), (heif(b"crx "), "a.cr3", "raw"), (heif(b"isom"), "a.mp4", "video"),
    (b"8BPS\0\1" + bytes(100), "a.psd", "Photoshop"), (b"\xff\x0a" + bytes(50), "a.jxl", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50), "a.jxl", "JPEG XL"), (b"gimp xcf v011\0", "a.xcf", "GIMP"),
    (b"v/1\x01" + bytes(50), "a.exr", "OpenEXR"), (b"#?RADIANCE\n", "a.hdr", "Radiance HDR"), (b"%PDF-1.7\n", "a.pdf", "PDF"),
    (b"PK\x03\x04" + bytes(50), "a.zip", "zip"), (b"FUJIFILMCCD-RAW ", "a.raf", "raw"),
    (b"\n<!DOCTYPE html><html>404", "a.jpg", "HTML"), (b"<?xml version='1.0'?><svg xmlns='x'/>", "a.svg", "SVG"),
    (b"version https://git-lfs.github.com/spec/v1\noid", "a.jpg", "Git LFS pointer"),
    (b"nobody knows", "a.heic", "HEIC"), (b"nobody knows", "a.DNG", "raw"), (b"nobody knows", "a.PSD", "Photoshop"),
])
def test_a_format_that_is_not_read_is_named(content, name, format):
    with pytest.raises(pictures.Unusable, match=f"^a file of the format {format}; expected JPEG, PNG, TIFF"):
        pictures.examine(content, 64, Path(name).suffix)


def test_a_raw_file_s_preview_is_not_the_picture_and_a_reduced_page_no_second_one():
    page = np.asarray(canvas(12))
    for tags in ({"subfiletype": 1}, {"extratags": [(50706, 1, 4, (1, 4, 0, 0), True)]}):
        with pytest.raises(pictures.Unusable, match=r"^a file of the format raw"):
            pictures.examine(tiff(page, photometric="rgb", **tags), 64)
    with pytest.raises(pictures.Unusable, match=r"^several pictures: 2 pages"):
        pictures.examine(tiff(np.stack([page, page]), photometric="rgb"), 64)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as pyramid:
        pyramid.write(page, photometric="rgb")
        pyramid.write(page[::2, ::2], photometric="rgb", subfiletype=1)
    facts = pictures.examine(file.getvalue(), 64)
    assert (facts["width"], facts["height"]) == (96, 80)
    assert np.array_equal(facts["small"], pictures.examine(encoded(canvas(12)), 64)["small"])


def test_too_few_usable_pictures_are_told_with_the_reasons_by_count(tmp_path):
    for number in range(5):
        hang(tmp_path, f"{GROUP}_black-{number}.tif", tiff(np.full((80, 96), 7 + number, np.uint8)))
        hang(tmp_path, f"{GROUP}_phone-{number}.heic", heif(b"heic") + bytes([number]))
    for number in range(2):
        hang(tmp_path, f"{GROUP}_small-{number}.png", canvas(number, 40 + number, 40))
    hang(tmp_path, f"{GROUP}_here.jpg.xmp", b"<x:xmpmeta/>")
    with pytest.raises(DataError) as told:
        curate(tmp_path)
    assert ("0 of 12 pictures are usable (rejected: nearly one colour (5), a file of the format HEIC (5), too small (2)), 0 to "
            "train and 0 to validate") in str(told.value)
    gallery(tmp_path, 5)
    hang(tmp_path, f"{GROUP}_no-000-1870-copy.png", canvas(0))
    hang(tmp_path, f"{GROUP}_no-001-1871-again.jpg", encoded(canvas(1), "JPEG"))
    with pytest.raises(DataError, match=r"5 of 19 .*exact copy \(1\), near-duplicate \(1\)"):
        curate(tmp_path)


def test_sidecars_and_what_systems_leave_are_no_pictures(tmp_path):
    gallery(tmp_path)
    fresh = curate(tmp_path)
    for name in (f"{GROUP}_no-000-1870.xmp", f"{GROUP}_no-000-1870.png.json", f"{GROUP}_no.AAE", f"{GROUP}_no.pp3",
                 "Impressionism/Thumbs.db", "Impressionism/desktop.ini", "Impressionism/.DS_Store", ".DS_Store",
                 "Impressionism/._no-000-1870.png", "Impressionism/__MACOSX/._a.png", "__MACOSX/Impressionism/a_b.png"):
        hang(tmp_path, name, b"x")
    same(fresh, curate(tmp_path))


def test_a_file_without_permission_is_rejected(tmp_path, monkeypatch):
    gallery(tmp_path)
    shut = hang(tmp_path, f"{GROUP}_shut.png", canvas(700))
    read = Path.read_bytes

    def guarded(path):  # root may read everything, so the refusal is played
        if path.name == shut.name:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", guarded)
    assert reasons(curate(tmp_path)) == {"shut.png": "no permission to read"}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unusual_pictures_are_taken_and_converted(tmp_path):
    half = np.repeat(np.bool_([False, True]), 48)[None].repeat(80, 0)
    deep = np.asarray(canvas(10).convert("L")).astype(np.uint16) * 257
    deep_rgb = np.asarray(canvas(11)).astype(np.uint16) * 257
    clear = canvas(12).convert("RGBA")
    clear.putalpha(Image.fromarray(half.astype(np.uint8) * 255))
    palette = canvas(13).quantize(255)
    palette.putpalette([*palette.getpalette(), 255, 0, 0][: 255 * 3 + 3])
    palette.paste(255, (0, 0, 48, 80))
    cyan = canvas(14).convert("CMYK")
    cyan.paste((255, 0, 0, 0), (0, 0, 48, 80))
    turned = canvas(15, 100, 70)
    turned.paste("blue", (0, 0, 50, 70))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise: what is left comes up
    broken = b"Exif\0\0II*\0\xff\xff\xff\xff"
    files = {
        "cmyk.jpg": encoded(cyan, "JPEG", quality=95),
        "deep.png": cv2.imencode(".png", deep)[1].tobytes(),
        "deep-rgb.png": cv2.imencode(".png", deep_rgb[..., ::-1])[1].tobytes(),
        "grey.jpg": encoded(canvas(2).convert("L"), "JPEG"),
        "clear.png": encoded(clear),
        "palette.png": encoded(palette, transparency=255),
        "turned.jpg": encoded(turned, "JPEG", exif=exif, quality=95),
        "exif.jpg": encoded(canvas(3), "JPEG", exif=broken),
        "long.png": encoded(canvas(4, 3000, 64)),
        "still.gif": encoded(canvas(5), "GIF"),
        "no-ending": encoded(canvas(6)),
        "été 夏 🎨 'quoted', \"comma\".png": encoded(canvas(7)),
    }
    for name, content in files.items():
        hang(tmp_path, f"{GROUP}_{name}", content)
    curation = curate(tmp_path, train=len(files) - 2, validation=2)
    assert curation.found == len(files) and not curation.rejected
    shown = pixels(curation)
    assert all(picture.shape == (3, 64, 64) and picture.dtype == torch.uint8 for picture in shown.values())
    assert shown["cmyk.jpg"][:, :, :28].float().mean((1, 2)).tolist() == pytest.approx([0, 255, 255], abs=6)
    for name, number, mode in (("deep.png", 10, "L"), ("deep-rgb.png", 11, "RGB"), ("grey.jpg", 2, "L")):
        plain = pictures.examine(encoded(canvas(number).convert(mode)), 64)["small"]
        assert np.abs(shown[name].permute(1, 2, 0).numpy().astype(int) - plain).mean() < 3, name
    for name in ("clear.png", "palette.png"):
        assert (shown[name][:, :, :28] == 255).all() and shown[name][:, :, 36:].float().std() > 20
    top = shown["turned.jpg"][:, :28].float().mean((1, 2))
    assert top.tolist() == pytest.approx([0, 0, 255], abs=6)
    sizes = {row["name"].rpartition("_")[2]: (row["width"], row["height"]) for row in curation.manifest}
    assert sizes["turned.jpg"] == (70, 100) and sizes["long.png"] == (3000, 64)
    data.write_manifest(curation, tmp_path / "manifest.csv")
    with open(tmp_path / "manifest.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [row["name"] for row in curation.manifest]


def test_large_jpegs_are_the_same_decoded_small(tmp_path):
    image = canvas(8, 3000, 2400)
    facts = pictures.examine(encoded(image, "JPEG", quality=95), 64)
    exact = image.resize((64, 64), Image.Resampling.BOX, (300, 0, 2700, 2400))
    assert (facts["width"], facts["height"]) == (3000, 2400)
    assert np.abs(facts["small"].astype(int) - np.asarray(exact)).mean() < 2


def test_doubled_gives_the_same_pictures_at_twice_the_size_or_none(tmp_path):
    gallery(tmp_path, 20)
    asked = {"source": "wikiart", "data_root": tmp_path, "train": 8, "validation": 4, "size": 32}
    curation = data.curate(**asked)
    large = data.doubled(curation, **asked)
    assert large.shape == (8, 3, 64, 64)
    assert (torch.nn.functional.avg_pool2d(large.float(), 2) - curation.train.float()).abs().mean() < 8
    hang(tmp_path, f"{GROUP}_small-1880.png", encoded(canvas(99, 40, 40)))
    for seed in range(20):  # until the small one is among the first eight
        curation = data.curate(**asked, seed=seed)
        if f"{GROUP}_small-1880.png" in curation.train_names:
            break
    with pytest.raises(DataError, match=r"augment: 'crop' needs files of 64 pixels or more; .* others, Impress.*\.png the first"):
        data.doubled(curation, **asked, seed=seed)


def test_the_split_is_seeded_disjoint_and_nested(tmp_path):
    gallery(tmp_path, 40)
    small, large = curate(tmp_path, train=8, validation=6), curate(tmp_path, train=30, validation=6)
    other = curate(tmp_path, train=30, validation=6, seed=1)
    assert small.validation_names == large.validation_names != other.validation_names
    assert torch.equal(small.validation, large.validation)
    assert small.train_names == large.train_names[:8] and torch.equal(small.train, large.train[:8])
    assert not {*large.train_names} & {*large.validation_names}
    assert len({*large.train_names, *large.validation_names}) == 36
    splits = [row["split"] for row in large.manifest]
    assert [splits.count(split) for split in ("train", "validation", "spare")] == [30, 6, 4]
    assert {row["name"] for row in large.manifest if row["split"] == "validation"} == {*large.validation_names}
    assert large.manifest[0] | {"sha256": "", "split": ""} == {
        "name": f"{GROUP}_no-000-1870.png", "split": "", "sha256": "", "width": 96, "height": 80,
        "artist": "pierre-auguste-renoir", "style": "Impressionism", "title": "no 000", "year": 1870}
    assert large.manifest[0]["sha256"] == records.sha256(tmp_path / "wikiart" / large.manifest[0]["name"])
    assert len({small.hash, large.hash, other.hash, curate(tmp_path, size=32).hash}) == 4


def test_one_file_more_does_not_shuffle_the_others(tmp_path):
    gallery(tmp_path, 20)
    before = curate(tmp_path, train=16)
    hang(tmp_path, f"{GROUP}_new.png", canvas(900))
    after = curate(tmp_path, train=16)
    order = [name for name in after.validation_names + after.train_names if "new" not in name]
    assert order == (before.validation_names + before.train_names)[: len(order)]


def test_a_mixture_takes_equal_shares_and_never_trains_on_the_validation_pictures(tmp_path):
    gallery(tmp_path, 40)
    gallery(tmp_path, 30, "Impressionism/claude-monet", 100)
    gallery(tmp_path, 5, "Nara_ehon/unknown-artist", 200)
    alone = curate(tmp_path, train=30, validation=6)
    mixed = curate(tmp_path, subject="mixture", train=30, validation=6)
    assert mixed.ranking == alone.ranking == [
        ("pierre-auguste-renoir", "Impressionism", 40), ("claude-monet", "Impressionism", 30),
        ("unknown-artist", "Nara ehon", 5)]
    groups = ("renoir", "monet", "unknown")
    shares = [sum(group in name for name in mixed.train_names) for group in groups]
    assert sum(shares) == 30 and shares[2] == 3 and abs(shares[0] - shares[1]) <= 1
    assert [sum(group in name for name in mixed.validation_names) for group in groups] == [2, 2, 2]
    assert not {*mixed.train_names} & ({*alone.validation_names} | {*mixed.validation_names})
    assert not {*alone.train_names} & {*mixed.validation_names}
    turned = curate(tmp_path, subject="mixture", artist="unknown-artist", style="Nara_ehon", train=4, validation=1)
    assert "unknown" in turned.validation_names[0]
    assert mixed.found == 75 and alone.found == 40


def test_a_copy_in_another_group_does_not_train_on_what_is_validated(tmp_path):
    """By name it comes first, and would be kept in the mixture in place of what the first group validates alone."""
    gallery(tmp_path, 24)
    alone = curate(tmp_path, train=16, validation=8)
    for number in range(0, 24, 2):
        copied = canvas(number) if number % 4 else encoded(canvas(number), "JPEG")
        hang(tmp_path, f"Barbizon/claude-monet_copy-{number:03d}.png", copied)
    gallery(tmp_path, 12, "Barbizon/claude-monet", 100)
    mixed = curate(tmp_path, subject="mixture", train=20, validation=8)
    assert not [name for name in mixed.train_names + mixed.validation_names if "copy" in name]
    assert sum("copy" in name for name, _ in mixed.rejected) == 12 == len(mixed.rejected)
    assert not {*mixed.train_names} & {*alone.validation_names}
    assert [row["name"] for row in mixed.manifest] == sorted(row["name"] for row in mixed.manifest)


def test_faces_come_from_celeba(tmp_path):
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for number in range(12):
        (folder / f"{number:06d}.jpg").write_bytes(encoded(canvas(number, 89, 109), "JPEG"))
    curation = curate(tmp_path, subject="faces")
    assert curation.ranking == [("celeba", "photograph", 12)] and curation.found == 12
    with pytest.raises(DataError, match="img_align_celeba: there is no such folder"):
        curate(tmp_path / "elsewhere", subject="faces")


NESTED = ["celeba/img_align_celeba/img_align_celeba", "celeba/Img/img_align_celeba", "celeba/celeba/img_align_celeba",
          "CelebA/img_align_celeba", "celeba", "celeba/img_align_celeba/a/b"]


@pytest.mark.parametrize("nested", NESTED)
def test_faces_are_found_where_an_archive_unpacks_them(tmp_path, nested):
    for folder in (tmp_path / "flat/celeba/img_align_celeba", tmp_path / nested):
        folder.mkdir(parents=True)
        for number in range(12):
            (folder / f"{number:06d}.jpg").write_bytes(encoded(canvas(number, 89, 109), "JPEG"))
    (tmp_path / nested).parent.joinpath("list_attr_celeba.csv").write_bytes(b"x")
    (tmp_path / nested).parent.joinpath("__MACOSX").mkdir()
    (tmp_path / nested).parent.joinpath("__MACOSX", "._000000.jpg").write_bytes(b"x")
    same(curate(tmp_path / "flat", subject="faces"), curate(tmp_path, subject="faces"))


@pytest.mark.parametrize("nested", ["wikiart/wikiart", "wikiart/archive/wikiart", "WikiArt", "wikiart/wikiart/wikiart"])
def test_paintings_are_found_where_an_archive_unpacks_them(tmp_path, nested):
    gallery(tmp_path)
    fresh = curate(tmp_path)
    (tmp_path / "other" / nested).parent.mkdir(parents=True)
    (tmp_path / "wikiart").rename(tmp_path / "other" / nested)
    (tmp_path / "other" / nested).parent.joinpath("__MACOSX", "Impressionism").mkdir(parents=True)
    same(fresh, curate(tmp_path / "other"))


def test_two_nested_folders_of_pictures_are_a_question(tmp_path):
    for name in ("train", "test"):
        gallery(tmp_path / name, 12)
        (tmp_path / "data" / "wikiart").mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "wikiart").rename(tmp_path / "data" / "wikiart" / name)
    with pytest.raises(DataError, match=r"wikiart: holds none of its pictures itself, but test, train do; expected one"):
        curate(tmp_path / "data")


@pytest.mark.parametrize(("subject", "packed"), [("faces", "celeba/img_align_celeba.zip"), ("faces", "CelebA.tar.gz"),
                                                 ("paintings", "wikiart.zip"), ("paintings", "archive.zip")])
def test_what_is_not_unpacked_is_told(tmp_path, subject, packed):
    (tmp_path / "celeba").mkdir()
    (tmp_path / "weights.zip").write_bytes(b"PK")
    (tmp_path / packed).write_bytes(b"PK")
    with pytest.raises(DataError, match=rf": there is no such folder; .*; unpack {Path(packed).name} there, or set source: "):
        curate(tmp_path, subject=subject)


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_names_compare_whatever_their_unicode_form(tmp_path, on_disk, asked):
    artist, style = "jean-baptiste-siméon-chardin", "Rococo_à_la_française"
    for number in range(14):
        name = f"{style}/{artist}_étude-{number}-{1730 + number}.png"
        hang(tmp_path, unicodedata.normalize(on_disk, name), canvas(number))
    curation = curate(tmp_path, artist=unicodedata.normalize(asked, artist), style=unicodedata.normalize(asked, style))
    assert curation.ranking == [(artist, "Rococo à la française", 14)]
    assert {row["title"] for row in curation.manifest} == {f"étude {number}" for number in range(14)}
    assert all(unicodedata.is_normalized("NFC", row["name"]) for row in curation.manifest)
    other = tmp_path / "other"
    for number in range(14):
        hang(other, unicodedata.normalize("NFC", f"{style}/{artist}_étude-{number}-{1730 + number}.png"), canvas(number))
    same(curate(other, artist=artist, style=style), curation)


def test_both_forms_of_one_name_are_two_files(tmp_path):
    gallery(tmp_path, 12)
    for form, number in (("NFD", 100), ("NFC", 101)):
        hang(tmp_path, unicodedata.normalize(form, f"{GROUP}_été.png"), canvas(number))
    curation = curate(tmp_path)
    found = {row["sha256"] for row in curation.manifest}
    assert curation.found == len(curation.manifest) == 14
    assert {records.sha256(encoded(canvas(number))) for number in (100, 101)} <= found


def test_a_cached_curation_equals_the_fresh_one_and_opens_no_picture(tmp_path, monkeypatch):
    gallery(tmp_path)
    hang(tmp_path, f"{GROUP}_no-000-copy.jpg", encoded(canvas(0), "JPEG"))
    fresh = curate(tmp_path)
    monkeypatch.setattr(pictures, "examine", None)
    same(fresh, curate(tmp_path))


def same(one, other):
    for field in data.Curation.__dataclass_fields__:
        a, b = getattr(one, field), getattr(other, field)
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b, field


def test_a_changed_folder_is_looked_at_again(tmp_path):
    gallery(tmp_path)
    before = curate(tmp_path)
    hang(tmp_path, f"{GROUP}_no-000-1870.png", canvas(800))
    assert curate(tmp_path).hash != before.hash


@pytest.mark.parametrize("ending", ["json", "safetensors"])
@pytest.mark.parametrize("harm", ["cut", "flipped", "gone"])
def test_a_damaged_cache_is_made_anew_and_that_is_said(tmp_path, capsys, ending, harm):
    gallery(tmp_path)
    fresh = curate(tmp_path)
    (kept,) = (tmp_path / "cache" / "pictures").glob(f"*.{ending}")
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    if harm == "gone":
        kept.unlink()
    else:
        kept.write_bytes(content[: len(content) // 2] if harm == "cut" else content)
    capsys.readouterr()
    same(fresh, curate(tmp_path))
    said = capsys.readouterr().err
    assert "damaged and will be made anew" in said or (harm, ending) == ("gone", "json")
    same(fresh, curate(tmp_path))
    assert "damaged" not in capsys.readouterr().err


def test_two_at_once_agree(tmp_path):
    gallery(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: curate(tmp_path), range(2))
    same(one, other)
    same(one, curate(tmp_path))


def test_what_cannot_be_is_told_in_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"wikiart: there is no such folder; expected .*make data.*source: atelier"):
        curate(tmp_path / "nowhere")
    monkeypatch.setattr(records, "ROOT", tmp_path)
    with pytest.raises(DataError, match=str(tmp_path / "relative" / "wikiart")):
        curate("relative")
    gallery(tmp_path, 5)
    hang(tmp_path, f"{GROUP}_text.jpg", b"text")
    with pytest.raises(DataError, match=r"5 of 6 pictures are usable.*train: 8 and validation: 4"):
        curate(tmp_path)
    with pytest.raises(DataError, match=r"no picture of edgar-degas.*pierre-auguste-renoir / Impressionism \(6\)"):
        curate(tmp_path, artist="edgar-degas")
    for key, wrong in (("source", "louvre"), ("subject", "cats"), ("size", 8), ("train", 0), ("train", True),
                       ("validation", 1.5), ("seed", -1)):
        with pytest.raises(DataError, match=f"^{key}: "):
            curate(tmp_path, **{key: wrong})
    (tmp_path / "bare" / "wikiart" / "Impressionism").mkdir(parents=True)
    with pytest.raises(DataError, match=r"holds no picture of .*groups are none"):
        curate(tmp_path / "bare")


def test_parquet_files_below_the_folder_are_found(tmp_path):
    from test_sources import shard

    shard(tmp_path / "wikiart-renoir" / "data" / "train-0.parquet", [17] * 14 + [18] * 4)
    curation = curate(tmp_path)
    assert curation.found == 14 and curation.ranking[0] == ("pierre-auguste-renoir", "Impressionism", 14)
    assert curation.train.shape == (8, 3, 64, 64)
    same(curation, curate(f"file://{tmp_path}/wikiart-renoir"))
    assert curate(f"file://{tmp_path}/wikiart-renoir", subject="mixture").found == 18


def test_near_duplicates_keep_the_first_and_agree_with_counting(tmp_path):
    rng = np.random.default_rng(0)
    bits = rng.random((2100, 256)) < 0.5
    for late, early, flips in ((9, 2, pictures.NEAR), (2050, 2, 3), (2051, 9, 0), (1500, 40, pictures.NEAR + 1)):
        bits[late] = bits[early]
        bits[late, rng.permutation(256)[:flips]] ^= True
    found = sorted(pictures.near_duplicates(bits))
    assert found[:2] == [(2, 9, pictures.NEAR), (2, 2050, 3)]
    assert all(pair[:2] in ((2, 9), (2, 2050), (2, 2051)) for pair in found)
    for kept, dropped, distance in found:
        assert (bits[kept] ^ bits[dropped]).sum() == distance
    assert pictures.near_duplicates(np.array([])) == []


def test_the_atelier_paints_in_blocks_that_all_sizes_share(stub):
    small = data.curate(train=30, validation=10)
    assert stub == [("scenes", 50, 0)]
    large = data.curate(train=100, validation=10)
    assert stub[1:] == [("scenes", 50, 50), ("scenes", 50, 100)]
    assert small.validation_names == large.validation_names == [f"scenes/{n:04d}" for n in range(1, 11)]
    assert small.train_names == large.train_names[:30] and torch.equal(small.train, large.train[:30])
    assert large.found == len(large.manifest) == 110 and not large.rejected and not large.duplicates
    assert large.ranking == [("atelier", "scenes", 110)]
    assert large.train[:, 2, 0, 0].tolist() == list(range(10, 110)) and (large.train[:, 0] == 1).all()
    assert (data.curate(train=30, validation=10, seed=3).train[:, 1] == 3).all()
    same(large, data.curate(train=100, validation=10))
    (block, *_) = sorted((records.cache_folder() / "pictures").glob("*.safetensors"))
    block.write_bytes(block.read_bytes()[:-1])
    same(large, data.curate(train=100, validation=10))


def test_the_ateliers_mixture_is_half_and_half(stub):
    mixed = data.curate(subject="mixture", train=40, validation=10)
    assert mixed.ranking == [("atelier", "portraits", 25), ("atelier", "scenes", 25)]
    for subject, first in (("paintings", 1), ("faces", 2)):
        alone = data.curate(subject=subject, train=40, validation=10)
        assert (alone.train[:, 0] == first).all()
        assert not {*mixed.train_names} & {*alone.validation_names}
        assert not {*alone.train_names} & {*mixed.validation_names}


def test_the_atelier_itself_gives_pictures_that_all_differ():
    curation = data.curate(train=6, validation=2, subject="mixture", size=32)
    assert curation.train.shape == (6, 3, 32, 32) and len({row["sha256"] for row in curation.manifest}) == 8


@real
def test_the_real_renoirs():
    curation = data.curate(source="wikiart", data_root=REAL, train=1000, validation=100)
    assert curation.ranking[0] == ("pierre-auguste-renoir", "Impressionism", 1148)
    assert curation.found == 1148 and len(curation.manifest) >= 1100
    assert curation.train.shape == (1000, 3, 64, 64) and curation.validation.shape == (100, 3, 64, 64)
    pairs = {(kept.partition("_")[2], dropped.partition("_")[2]) for kept, dropped, _ in curation.duplicates}
    assert ("landscape.jpg", "landscape-19.jpg") in pairs and len(pairs) == 21
    mixed = data.curate(source="wikiart", data_root=REAL, subject="mixture", train=600, validation=100)
    assert not {*mixed.train_names} & {*curation.validation_names}


@real
def test_the_real_faces_have_no_near_duplicates():
    if not (REAL / "celeba").is_dir():
        pytest.skip("no CelebA below data/")
    curation = data.curate(source="wikiart", subject="faces", data_root=REAL)
    assert curation.found == 1150 and not curation.rejected
    assert sources.ranking(sources.CelebAFolder(REAL / "celeba/img_align_celeba").pictures()) == curation.ranking
