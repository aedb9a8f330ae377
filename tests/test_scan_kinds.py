"""A file is what its content says; what is not read is called by its name."""

import pytest

from studylib import scan_kinds
from studylib.scan_values import Refused

READ = {
    "JPEG": b"\xff\xd8\xff\xe0", "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF89a", "BMP": b"BM\0\0",
    "WEBP": b"RIFF\0\0\0\0WEBPVP8L",
    "TIFF": b"II*\0\x08\0\0\0", "JPEG2000": b"\0\0\0\x0cjP  \r\n\x87\n", "PPM": b"P5 2 2 255\n", "AVIF": b"\0\0\0\x20ftypavif",
    "HEIC": b"\0\0\0\x1cftypheic"}
NAMED = {
    "a Photoshop": b"8BPS\0\1", "a JPEG XL": b"\xff\n", "a GIMP": b"gimp xcf v011", "a PDF": b"%PDF-1.7",
    "an OpenEXR": b"v/1\1", "a JSON": b'\n {"shapes": []}', "an SVG": b'<?xml version="1.0"?><svg>', "an XML": b"<a/>",
    "an HTML": b"<!DOCTYPE html><html>", "a camera's raw": b"\0\0\0\x18ftypcrx \0\0\0\1",
    "a film": b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", "a DICOM": bytes(128) + b"DICM", "a NumPy": b"\x93NUMPY", "a ZIP": b"PK\3\4"}


@pytest.mark.parametrize("name", READ)
def test_the_content_decides_and_not_the_name(tmp_path, name):
    (tmp_path / "scan.psd").write_bytes(READ[name])
    assert scan_kinds.kind(tmp_path / "scan.psd") == name


def test_a_general_brand_is_read_by_the_others(tmp_path):
    for brands, name in ((b"mif1\0\0\0\0mif1heic", "HEIC"), (b"mif1\0\0\0\0mif1avif", "AVIF"), (b"avif\0\0\0\0mif1miaf", "AVIF")):
        (tmp_path / "phone").write_bytes((8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands)
        assert scan_kinds.kind(tmp_path / "phone") == name


@pytest.mark.parametrize("name", NAMED)
def test_other_kinds_are_called_by_their_names(tmp_path, name):
    (tmp_path / "scan.png").write_bytes(NAMED[name])
    with pytest.raises(Refused, match=rf"is {name}.* file; expected JPEG, PNG, TIFF"):
        scan_kinds.kind(tmp_path / "scan.png")


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"%!PS-Adobe", "is PostScript"), (b"text", "no kind")])
def test_what_has_no_sign_cannot_be_read(tmp_path, content, said):
    (tmp_path / "scan.png").write_bytes(content)
    with pytest.raises(Refused, match=rf"cannot be read as a picture \(it .*{said}.*\); expected JPEG"):
        scan_kinds.kind(tmp_path / "scan.png")
