"""What kind of picture a file is, by its content: names are not believed."""

import re
from pathlib import Path

from studylib.scan_values import Refused

EXPECTED = "JPEG, PNG, TIFF, WebP, GIF, BMP, PPM, JPEG 2000, AVIF or HEIC"
# Where a sign stands, the sign, and the kind; with an article, one that is not read.
_SIGNS = (
    (0, b"\xff\xd8\xff", "JPEG"), (0, b"\x89PNG\r\n\x1a\n", "PNG"), (0, b"GIF8", "GIF"), (0, b"BM", "BMP"),
    (8, b"WEBP", "WEBP"), (0, b"II*\0\x10\0\0\0CR", "a camera's raw (CR2)"), (0, b"II*\0", "TIFF"), (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"), (0, b"MM\0+", "TIFF"), (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"), (0, b"\xffO\xffQ", "JPEG2000"),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL"), (0, b"\xff\n", "a JPEG XL"), (0, b"II\xbc", "a JPEG XR"),
    (0, b"8BPS\0\x02", "a Photoshop (PSB)"), (0, b"8BPS", "a Photoshop (PSD)"), (0, b"gimp xcf", "a GIMP (XCF)"),
    (0, b"%PDF", "a PDF"), (0, b"AT&TFORM", "a DjVu"), (0, b"v/1\x01", "an OpenEXR"), (0, b"#?RADIANCE", "a Radiance HDR"),
    (0, b"DDS ", "a DDS"), (0, b"\0\0\x01\0", "a Windows icon"), (0, b"FUJIFILMCCD", "a camera's raw (RAF)"),
    (0, b"IIRO", "a camera's raw (ORF)"), (0, b"IIU\0", "a camera's raw (RW2)"), (0, b"P7\n", "a PAM"), (0, b"PF\n", "a PFM"),
    (0, b"Pf\n", "a PFM"), (0, b"qoif", "a QOI"), (0, b"\x93NUMPY", "a NumPy"), (0, b"SIMPLE  =", "a FITS"),
    (128, b"DICM", "a DICOM"), (0, b"PK\x03\x04", "a ZIP, Krita or OpenRaster"), (0, b"\x1f\x8b", "a gzip"),
    (0, b"Rar!", "a RAR"), (0, b"7z\xbc\xaf", "a 7z"))
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "a camera's raw (CR3)", b"jxl ": "a JPEG XL",
           **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "HEIC")}


def kind(path: Path) -> str:
    """The name that Pillow has for a kind: JPEG, PNG, GIF, BMP, WEBP, TIFF, JPEG2000, PPM, AVIF; or HEIC.

    Raises:
        Refused: it is of another kind.
    """
    with path.open("rb") as file:
        head = file.read(512)
    name = next((name for at, sign, name in _SIGNS if head[at:at + len(sign)] == sign), None)
    if re.match(rb"P[1-6][\s#]", head):
        name = "PPM"
    elif head[4:8] == b"ftyp":
        end = max(16, min(int.from_bytes(head[:4], "big"), 512))
        brands = [head[8:12], *(head[at:at + 4] for at in range(16, end, 4))]
        known = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
        name = known[0] if known else "a HEIF" if b"mif1" in brands else "a film (MP4, MOV)"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if name is None and start[:1] in (b"{", b"["):
        name = "a JSON"
    if name is None and start[:1] == b"<":
        low = start.lower()
        name = "an SVG" if b"<svg" in low else "an HTML" if b"html" in low else "an XML"
    if name is None:
        said = "is empty" if not head else "is PostScript" if head[:4] == b"%!PS" else "is of no kind that is known"
        raise Refused(f"cannot be read as a picture (it {said}); expected {EXPECTED}.")
    if " " in name:
        raise Refused(f"is {name} file; expected {EXPECTED}.")
    return name
