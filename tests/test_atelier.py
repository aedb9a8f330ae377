"""The atelier paints the same picture for the same seed, and pictures that behave like paintings."""

import hashlib
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from studylib import atelier

ROOT = Path(atelier.__file__).resolve().parent.parent
COUNT = 32


@pytest.fixture(scope="module", params=atelier.KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def gallery():
    return {kind: atelier.paint(kind, COUNT, seed=7) for kind in atelier.KINDS}


def grey(pictures):
    """(n, size, size) luminance, each picture's mean taken away."""
    values = pictures @ np.array([0.299, 0.587, 0.114])
    return values - values.mean((1, 2), keepdims=True)


def fingerprint(kind):
    return hashlib.sha256(atelier.paint(kind, 3, 48, seed=5).tobytes()).hexdigest()


@pytest.mark.parametrize("size", [32, 48, 100, 128, 256])
def test_shape_and_type(kind, size):
    pictures = atelier.paint(kind, 2, size)
    assert pictures.shape == (2, size, size, 3)
    assert pictures.dtype == np.uint8


def test_no_pictures(kind):
    assert atelier.paint(kind, 0, 64).shape == (0, 64, 64, 3)


def test_a_picture_depends_on_its_number_only(kind, gallery):
    assert np.array_equal(atelier.paint(kind, 3, seed=7, start=4), gallery[kind][4:7])
    assert np.array_equal(atelier.paint(kind, 1, seed=7, start=6), gallery[kind][6:7])


def test_seeds_and_kinds_differ(kind, gallery):
    assert not np.array_equal(atelier.paint(kind, 1, seed=8)[0], gallery[kind][0])
    assert not np.array_equal(gallery["scenes"][0], gallery["portraits"][0])


def test_another_process_paints_the_same_bytes(kind):
    code = f"from tests.test_atelier import fingerprint; print(fingerprint({kind!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fingerprint(kind)


def test_threads_do_not_matter(kind):
    before = cv2.getNumThreads()
    try:
        prints = set()
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            prints.add(fingerprint(kind))
    finally:
        cv2.setNumThreads(before)
    assert len(prints) == 1


def test_global_random_state_is_left_alone(kind):
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    atelier.paint(kind, 1, 32)
    assert np.array_equal(before, np.random.get_state()[1])


def test_another_size_shows_the_same_composition(kind, gallery):
    small = atelier.paint(kind, 4, 32, seed=7)
    for few, many in zip(small, gallery[kind], strict=False):
        shrunk = cv2.resize(many, (32, 32), interpolation=cv2.INTER_AREA)
        assert np.abs(few.astype(int) - shrunk).max() <= 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("still lives", 1), "Unknown kind 'still lives': it must be one of scenes, portraits."),
        (("scenes", -1), "count, seed and start must not be negative, but are -1, 0 and 0."),
        (("scenes", 1, 31), "size must be at least 32 pixels, but is 31."),
    ],
)
def test_wrong_input_is_answered_with_a_sentence(arguments, sentence):
    with pytest.raises(ValueError) as caught:
        atelier.paint(*arguments)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("name", ["seed", "start"])
def test_negative_seed_or_start(name):
    with pytest.raises(ValueError, match="must not be negative"):
        atelier.paint("scenes", 1, **{name: -1})


def test_pictures_are_not_noise(kind, gallery):
    values = grey(gallery[kind])
    near = (values[:, :, :-1] * values[:, :, 1:]).mean() / values.var()
    assert near > 0.9
    power = (np.abs(np.fft.fft2(values)) ** 2).mean(0)
    steps = np.fft.fftfreq(values.shape[1]) * values.shape[1]
    radius = np.hypot(steps, steps[:, None])
    bands = [power[(radius >= low) & (radius < 2 * low)].mean() for low in (1, 2, 4, 8, 16, 32)]
    assert all(high > 1.5 * low for high, low in pairwise(bands))


def test_pictures_are_not_flat_and_not_alike(kind, gallery):
    pictures = gallery[kind].astype(float)
    assert pictures.std((1, 2)).max(1).min() > 15
    apart = np.abs(pictures[:, None, ::4, ::4] - pictures[None, :, ::4, ::4]).mean((2, 3, 4))
    assert apart[~np.eye(COUNT, dtype=bool)].min() > 8


def test_colours_are_a_paintings(kind, gallery):
    pictures = gallery[kind].astype(float)
    assert (np.abs(pictures.mean((0, 1, 2)) - 110) < 60).all()
    assert ((pictures.std((0, 1, 2)) > 30) & (pictures.std((0, 1, 2)) < 80)).all()
    assert 15 < np.ptp(pictures, axis=-1).mean() < 110
    assert ((pictures == 0) | (pictures == 255)).mean() < 0.1


def test_portraits_are_aligned_and_scenes_are_not(gallery):
    """What stays in the mean picture: the face in portraits, next to nothing in scenes."""
    kept = {}
    for kind, pictures in gallery.items():
        values = grey(pictures)[:, 40:100, 40:88]
        values = values - values.mean((1, 2), keepdims=True)
        kept[kind] = values.mean(0).var() / values.var()
    assert kept["portraits"] > 3 * kept["scenes"]


def test_each_face_lies_where_the_mean_face_lies(gallery):
    """Moved by up to 6 pixels each way, the mean face (brows to mouth) fits each portrait within 2 of its place."""
    faces = grey(gallery["portraits"]).astype(np.float32)
    mean = faces.mean(0)[46:80, 44:84]
    for face in faces:
        fit = cv2.matchTemplate(face[40:86, 38:90], mean, cv2.TM_CCOEFF_NORMED)
        best = np.unravel_index(fit.argmax(), fit.shape)
        assert np.abs(np.array(best) - 6).max() <= 2
