"""One file that asks for nothing else, is light, safe against any name, and shows every part that it was given."""

import base64
import io
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from studylib import report
from studylib.scans import Scan

VOID = {"meta", "img", "input", "br"}


class Page(HTMLParser):
    """The tags, attributes and text of a page; every tag must be closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def said(self):
        return " ".join(" ".join(self.text).split())


def picture(height=200, width=260, channels=3, dtype=np.uint8, seed=0):
    noise = np.random.default_rng(seed).random((9, 9, channels))
    return (cv2.resize(noise, (width, height)).reshape(height, width, channels).clip(0, 1) * np.iinfo(dtype).max).astype(dtype)


def written(path, **more):
    before = more.pop("before", picture())
    pixels = before.colours if isinstance(before, Scan) else before
    hole = np.zeros(pixels.shape[:2], bool)
    hole[20:60, 30:80], hole[150:160, 200:210] = True, True
    given = {"name": "fresco.png", "before": before, "after": before, "hole": hole, **more}
    report.write(path, **given)
    return Page(path.read_text(encoding="utf-8")), given


def shown(attributes):
    return Image.open(io.BytesIO(base64.b64decode(attributes["src"].split(",", 1)[1])))


def test_a_whole_report_holds_all_that_it_was_given(tmp_path):
    levels = np.linspace(0, 40, 2100, dtype=np.float32)
    part = {"box": [40, 30, 12, 14], "pixels": 120, "share_of_picture": 0.002, "distance_pixels": 20.3, "distance_share": 0.1}
    page, _ = written(tmp_path / "r.html", tratteggio=picture(seed=1), uncertainty=levels, parts=[part], abstracted=True,
                      trial=[{"method": "model", "PSNR (dB)": 24.5, "LPIPS": 0.08},
                             {"method": "telea", "PSNR (dB)": 23.0, "LPIPS": None}],
                      taken="model", account={"method": "model", "why": "best in the trial", "painting_sha256": "ab12" * 16,
                                              "versions": {"torch": "2.11.0"}, "size": [260, 200], "note": None})
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert [name for name, _ in page.tags if name == "h2"] == ["h2"] * 6
    for words in ("Before and after", "Tratteggio", "Uncertainty", "The trial", "What was done", "24.50", "0.080", "ab12" * 16,
                  "torch: 2.11.0", "260, 200", "Beyond evidence: 1 part", "12 × 14 pixels at 40, 30", "up to 20 pixels",
                  "Chromatic abstraction", "best in the trial", "4.04 % of the picture"):
        assert words in page.said
    assert [row for row in page.all("tr") if row.get("class") == "taken"] == [{"class": "taken"}]
    assert len(page.all("img")) == 2 + 2 * 3 + 1 + 2  # divider, two close-ups, tratteggio, map and legend
    assert all(image["alt"] for image in page.all("img"))
    slider, = page.all("input")
    assert slider["type"] == "range"
    assert "fresco.png before" in slider["aria-label"]


def test_a_report_asks_for_nothing_else_and_no_name_is_run(tmp_path):
    evil = "<script>alert('x')</script>\" onerror=\"a.png"
    page, _ = written(tmp_path / "r.html", name=evil, trial=[{evil: evil}], account={evil: [evil, {evil: evil}], "method": evil,
                                                                                  "why": evil})
    assert not page.all("script")
    assert not [attributes for _, attributes in page.tags if "onerror" in attributes]
    assert evil in page.said
    assert "default-src 'none'" in page.all("meta")[1]["content"]
    text = (tmp_path / "r.html").read_text()
    assert not re.search(r"(?:https?:)?//[a-z]", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))
    assert all(image["src"].startswith("data:image/webp;base64,") for image in page.all("img"))
    assert not page.all("link")


def test_the_least_that_a_report_can_be(tmp_path):
    page, _ = written(tmp_path / "r.html")
    assert "No method was tried" in page.said
    for words in ("Tratteggio", "Uncertainty", "Beyond evidence", "What was done"):
        assert words not in page.said
    page, _ = written(tmp_path / "r.html", hole=np.zeros((200, 260), bool))
    assert "has no hole" in page.said
    assert len(page.all("img")) == 2


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (1, np.uint16), (3, np.uint16), (4, np.uint8), (4, np.uint16)])
def test_every_kind_of_picture_is_shown(tmp_path, channels, dtype):
    page, given = written(tmp_path / "r.html", before=picture(channels=channels, dtype=dtype))
    image = np.asarray(shown(page.all("img")[0]).convert("RGB")).astype(float)
    pixels = given["before"] / np.iinfo(dtype).max
    expected = (1 - pixels[..., :3]) * (1 - pixels[..., 3:]) if channels == 4 else np.broadcast_to(pixels, (200, 260, 3))
    assert np.abs(image / 255 - expected).mean() < 0.02


def test_the_colour_profile_of_a_scan_is_followed_and_a_false_one_passed_over(tmp_path):
    pixels = picture()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    images = []
    for icc in (None, srgb, b"no profile", lab):
        page, _ = written(tmp_path / "r.html", before=Scan(pixels, "RGB", icc))
        images.append(np.asarray(shown(page.all("img")[0]).convert("RGB")).astype(float))
    assert np.abs(images[0] - images[1]).mean() < 2
    assert np.array_equal(images[0], images[2])
    alpha = Scan(np.concatenate([pixels, pixels[..., :1]], 2), "RGBA")
    page, _ = written(tmp_path / "r.html", before=alpha)
    assert np.array_equal(np.asarray(shown(page.all("img")[0]).convert("RGB")), images[0])


def test_large_noisy_scans_stay_below_8_mb_and_losses_keep_their_own_pixels(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (2600, 3400, 3)).astype(np.uint8)
    hole = np.zeros(noise.shape[:2], bool)
    for y in range(100, 2600, 400):
        for x in range(100, 3400, 500):
            hole[y:y + 60, x:x + 60] = True
    page, _ = written(tmp_path / "r.html", before=noise, tratteggio=noise, hole=hole,
                      uncertainty=np.ones(hole.sum(), np.float32))
    assert (tmp_path / "r.html").stat().st_size < 8e6
    sizes = [shown(image).size for image in page.all("img")]
    assert max(max(size) for size in sizes) <= 1600
    assert sizes[2:2 + 36] == [(320, 320)] * 36
    assert "37 smaller losses are not shown here" in page.said


def test_tiny_pictures_and_single_pixels(tmp_path):
    for shape in ((1, 2), (3, 400), (400, 3)):
        hole = np.zeros(shape, bool)
        hole[0, 0] = True
        page, _ = written(tmp_path / "r.html", before=picture(*shape), hole=hole, uncertainty=np.array([3.0], np.float32))
        assert len(page.all("img")) >= 6
