"""A mask is read by what its file says, or asked about; never guessed so that the guess can invert it.

The cases are public reports of other tools.
"""

import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from studylib import __main__ as study
from studylib import mask_files, scans
from studylib.mask_files import AmbiguousMask
from studylib.scans import Scan, ScanError
from torture import paintings as drawn

SIZE = (120, 160)


def painting(robe=True):
    """A scene of flat paint with grain: sky, ground, a red robe; (120, 160, 3) uint8."""
    draw = np.random.default_rng(3)
    pixels = np.empty((*SIZE, 3), np.float32)
    pixels[:] = np.linspace(0, 1, SIZE[0])[:, None, None] * (60, 40, -30) + (110, 130, 170)
    for _ in range(60):
        x, y, colour = draw.integers(0, 160), draw.integers(0, 70), tuple(map(float, draw.uniform(60, 230, 3)))
        cv2.ellipse(pixels, (int(x), int(y)), (9, 3), 0, 0, 360, colour, -1)
    cv2.fillPoly(pixels, [np.int32([(0, 80), (70, 66), (160, 90), (160, 120), (0, 120)])], (68, 92, 54))
    if robe:
        cv2.fillPoly(pixels, [np.int32([(108, 44), (124, 44), (140, 110), (96, 110)])], (205, 45, 40))
    return (cv2.GaussianBlur(pixels, (0, 0), 0.8) + draw.normal(0, 3, pixels.shape)).round().clip(0, 255).astype(np.uint8)


def losses():
    """(120, 160) bool: a box, a disc and two cracks, some 7 % of the picture."""
    hole = np.zeros(SIZE, np.uint8)
    cv2.rectangle(hole, (34, 26), (63, 47), 1, -1)
    cv2.circle(hole, (46, 88), 9, 1, -1)
    cv2.polylines(hole, [np.int32([(86, 0), (130, 46), (159, 69)])], False, 1, 2)
    return hole > 0


HOLE = losses()
PLASTER = np.uint8((247, 246, 240))


def damaged(robe=True):
    return np.where(HOLE[..., None], PLASTER, painting(robe))


def cut_out(pixels):
    """RGBA: nothing but an oval is there, and the rest is black under its transparency."""
    alpha = np.zeros(SIZE, np.uint8)
    cv2.ellipse(alpha, (80, 60), (76, 56), 0, 0, 360, 255, -1)
    return np.dstack([pixels * (alpha[..., None] > 0), alpha])


def layer(colour, share=HOLE):
    return np.dstack([np.full((*SIZE, 3), colour, np.uint8), (share * 255).astype(np.uint8)])


def over(pixels, colour, share=HOLE):
    share = np.float32(share)[..., None]
    return (pixels * (1 - share) + np.float32(colour) * share).round().astype(np.uint8)


def labels(ground, *colours):
    numbers = cv2.connectedComponents(HOLE.astype(np.uint8))[1]
    return np.uint8([ground, *colours])[np.where(HOLE, (numbers - 1) % len(colours) + 1, 0)]


def read(tmp_path, picture, mask, holes="auto", yes=False, name="mask.png", **options):
    """What is read of a mask that is given as pixels; options of `Image.save`."""
    picture = picture if isinstance(picture, Scan) else Scan(picture, {3: "RGB", 4: "RGBA"}[picture.shape[2]])
    if isinstance(mask, np.ndarray):
        mask = Image.fromarray(mask)
    mask.save(tmp_path / name, **options)
    return mask_files.read(tmp_path / name, picture, holes, yes)


def asked(tmp_path, *arguments, **options):
    """The sentence of a question, its shares and what --yes would take."""
    with pytest.raises(AmbiguousMask, match=r"mask\.\w+: ") as told:
        read(tmp_path, *arguments, **options)
    assert "--yes" in str(told.value)
    for hole, said in told.value.ways:
        assert f"{said}: {100 * hole.mean():.2f} %" in str(told.value)
    return told.value


# A layer of paint, white or any colour, also over losses of that colour (sd-webui-controlnet 3079, Pillow 9281).
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 200, 255), tuple(map(int, PLASTER))])
def test_a_layer_of_paint_is_the_hole_whatever_it_covers(tmp_path, colour):
    found = read(tmp_path, damaged(), layer(colour))
    assert np.array_equal(found.hole, HOLE)
    assert "painted on a transparent ground" in found.sentence
    assert np.array_equal(read(tmp_path, damaged(), layer(colour), "black" if max(colour) == 0 else "white").hole, HOLE)


def test_a_layer_may_be_grey_soft_of_several_colours_or_a_palette(tmp_path):
    grey = np.dstack([np.full(SIZE, 255, np.uint8), (HOLE * 255).astype(np.uint8)])
    assert np.array_equal(read(tmp_path, damaged(), Image.fromarray(grey, "LA")).hole, HOLE)
    soft = cv2.GaussianBlur(HOLE.astype(np.float32), (0, 0), 2)
    found = read(tmp_path, damaged(), layer((255, 255, 255), soft)).hole
    assert np.array_equal(found, (soft * 255).astype(np.uint8) > 25)
    colours = np.dstack([labels((0, 0, 0), (255, 0, 0), (0, 255, 0)), (HOLE * 255).astype(np.uint8)])
    assert np.array_equal(read(tmp_path, damaged(), colours).hole, HOLE)
    indices = Image.fromarray(HOLE.astype(np.uint8), "P")
    indices.putpalette([0, 0, 0, 255, 0, 0])
    assert np.array_equal(read(tmp_path, damaged(), indices, transparency=0).hole, HOLE)


# A copy with the holes erased, of whatever brightness (IOPaint 437, A1111 124).
@pytest.mark.parametrize("tone", [lambda x: x, lambda x: 0.78 * x + 50, lambda x: x * 1.12, lambda x: 255 * (x / 255) ** 1.15])
@pytest.mark.parametrize("ending", [".png", ".webp"])
def test_of_a_copy_with_the_holes_erased_these_are_the_hole(tmp_path, tone, ending):
    copy = tone(damaged().astype(np.float32)).clip(0, 255).astype(np.uint8)
    mask = np.dstack([copy, (~HOLE * 255).astype(np.uint8)])
    found = read(tmp_path, damaged(), mask, name=f"mask{ending}")
    assert np.array_equal(found.hole, HOLE)
    assert "with the holes erased" in found.sentence
    assert np.array_equal(read(tmp_path, damaged(), mask, "black").hole, HOLE)
    with pytest.raises(ScanError, match=r"6\.\d+ %; .*--holes white names no part of it"):
        read(tmp_path, damaged(), mask, "white")


def test_a_cut_out_may_have_holes_erased(tmp_path):
    picture = cut_out(damaged())
    mask = picture.copy()
    mask[HOLE] = 0
    inside = HOLE & (picture[..., 3] > 0)
    assert np.array_equal(read(tmp_path, picture, mask).hole, inside)


# An opaque layer with the holes erased (ComfyUI 2539).
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (90, 90, 90), (0, 0, 255)])
def test_a_layer_with_the_holes_erased_is_asked_about(tmp_path, colour):
    mask = layer(colour, ~HOLE)
    question = asked(tmp_path, damaged(), mask)
    assert np.array_equal(question.ways[0][0], HOLE)
    assert np.array_equal(read(tmp_path, damaged(), mask, yes=True).hole, HOLE)
    assert np.array_equal(read(tmp_path, damaged(), mask, "white" if max(colour) == 0 else "black").hole, HOLE)
    other = "black" if max(colour) == 0 else "white"
    if max(colour):
        assert np.array_equal(read(tmp_path, damaged(), mask, other).hole, ~HOLE)
    else:  # black is the paint, and what is transparent in an alpha channel
        asked(tmp_path, damaged(), mask, other)


# Red on a copy in another colour space (IOPaint 291, 437).
@pytest.mark.parametrize("space", [*drawn.SPACES])
@pytest.mark.parametrize("paint", [(255, 0, 0), (0, 255, 0), (255, 0, 255)])
def test_paint_on_a_copy_in_srgb_of_a_painting_in_another_space(tmp_path, space, paint):
    profile = drawn.icc(space)
    picture = Scan(drawn.converted(damaged(), None, profile), "RGB", profile)
    copy = over(drawn.converted(picture.pixels, profile, None), paint)
    found = read(tmp_path, picture, copy)
    assert np.array_equal(found.hole, HOLE)
    assert found.certain
    raw = over(picture.pixels, paint)  # a program that knows no profiles, and drops or keeps them
    assert np.array_equal(read(tmp_path, picture, raw).hole, HOLE)
    assert np.array_equal(read(tmp_path, picture, raw, icc_profile=profile).hole, HOLE)
    tagged = drawn.converted(over(damaged(), paint), None, profile)
    assert np.array_equal(read(tmp_path, damaged(), tagged, icc_profile=profile).hole, HOLE)


def test_a_broken_profile_is_no_profile(tmp_path):
    picture = Scan(damaged(), "RGB", b"no profile")
    assert np.array_equal(read(tmp_path, picture, over(damaged(), (255, 0, 0))).hole, HOLE)


# A copy painted over in black or white beside a red robe (CVAT 6274, 5246).
@pytest.mark.parametrize("paint", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (255, 0, 0), (0, 0, 255), (250, 50, 83)])
def test_what_was_painted_on_a_copy_is_the_hole_and_no_robe_of_its_own(tmp_path, paint):
    found = read(tmp_path, damaged(), over(damaged(), paint))
    assert np.array_equal(found.hole, HOLE)
    assert found.certain == (max(paint) - min(paint) > 50)  # black and white may be the painting's own


@pytest.mark.parametrize(("paint", "name", "options"), [
    ((255, 0, 0), "mask.jpg", {"quality": 85}), ((255, 0, 0), "mask.jpg", {"quality": 60}),
    ((0, 255, 0), "mask.jpg", {"quality": 80}), ((0, 0, 0), "mask.jpg", {"quality": 90}),
    ((255, 0, 255), "mask.webp", {"quality": 85})])
def test_jpeg_s_noise_is_not_paint(tmp_path, paint, name, options):
    found = read(tmp_path, painting(), over(painting(), paint), name=name, **options).hole
    assert found[HOLE].mean() > 0.99
    assert not (found & (cv2.dilate(HOLE.astype(np.uint8), np.ones((11, 11))) == 0)).any()


@pytest.mark.parametrize("part", [0.5, 2])
def test_a_painted_copy_may_be_of_another_size_brighter_or_without_its_colours(tmp_path, part):
    copy = over((damaged() * 0.8 + 40).astype(np.uint8), (255, 0, 0))
    size = int(160 * part), int(120 * part)
    near, core = cv2.dilate(HOLE.astype(np.uint8), np.ones((9, 9))) > 0, cv2.erode(HOLE.astype(np.uint8), np.ones((3, 3))) > 0
    found = read(tmp_path, damaged(), Image.fromarray(copy).resize(size, Image.Resampling.LANCZOS)).hole
    assert found[core].all()
    assert not (found & ~near).any()
    grey = over(cv2.cvtColor(cv2.cvtColor(damaged(), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), (255, 0, 0))
    assert np.array_equal(read(tmp_path, damaged(), grey).hole, HOLE)


# A cut-out whose copy was painted on (IOPaint 375).
def test_the_painting_s_own_alpha_says_nothing(tmp_path):
    picture = cut_out(damaged())
    mask = picture.copy()
    inside = HOLE & (picture[..., 3] > 0)
    mask[inside, :3] = 255, 0, 0
    found = read(tmp_path, picture, mask)
    assert np.array_equal(found.hole, inside)
    assert found.certain
    mask[..., :3] = np.where(inside[..., None], 255, 0)
    assert np.array_equal(read(tmp_path, picture, mask).hole, inside)


# Labels: all that is not the ground (CVAT 7847, labelme 74, 132).
@pytest.mark.parametrize("colours", [((250, 50, 83), (51, 221, 255), (255, 255, 0)), ((255, 0, 0), (0, 255, 0)), ((128, 0, 0),),
                                     ((1, 0, 0), (0, 0, 2)), ((255, 0, 0), (255, 255, 255))])
def test_all_labels_are_holes_and_are_counted(tmp_path, colours):
    found = read(tmp_path, damaged(), labels((0, 0, 0), *colours))
    assert np.array_equal(found.hole, HOLE)
    assert f"{len(colours)} label" in found.sentence
    assert found.certain


@pytest.mark.parametrize(("values", "kind"), [((2, 3, 4), np.uint8), ((1, 2), np.uint8), ((1, 255), np.uint8),
                                              ((20, 128, 255), np.uint8), ((3, 700, 65535), np.uint16), ((1, 2, 3), np.uint16)])
def test_class_indices_other_than_0_are_holes(tmp_path, values, kind):
    numbers = cv2.connectedComponents(HOLE.astype(np.uint8))[1]
    mask = np.array([0, *values], kind)[np.where(HOLE, (numbers - 1) % len(values) + 1, 0)]
    found = read(tmp_path, damaged(), mask)
    assert np.array_equal(found.hole, HOLE)
    assert f"{len(values)} label" in found.sentence


def test_of_a_palette_the_colours_count_and_where_these_are_one_the_indices(tmp_path):
    numbers = Image.fromarray((HOLE * 2).astype(np.uint8), "P")
    numbers.putpalette([0, 0, 0, 0, 255, 0, 128, 0, 0])
    assert np.array_equal(read(tmp_path, damaged(), numbers).hole, HOLE)
    numbers.putpalette([0] * 768)
    assert np.array_equal(read(tmp_path, damaged(), numbers).hole, HOLE)
    white = Image.fromarray((~HOLE).astype(np.uint8), "P")
    white.putpalette([255, 255, 255, 0, 0, 0])
    assert np.array_equal(read(tmp_path, damaged(), white).hole, HOLE)


def test_labels_on_another_ground_leave_a_doubt(tmp_path):
    found = read(tmp_path, damaged(), labels((255, 255, 255), (255, 0, 0), (0, 0, 255)))
    assert np.array_equal(found.hole, HOLE)
    assert not found.certain
    mask = labels((255, 255, 255), (0, 0, 0), (255, 0, 0), (128, 128, 128))
    assert np.array_equal(asked(tmp_path, damaged(), mask).ways[0][0], HOLE)
    assert np.array_equal(read(tmp_path, damaged(), mask, "black").hole, HOLE)
    whole = np.where(HOLE, 0, 3).astype(np.uint8)  # class 3 on 0, or 0 on class 3
    assert np.array_equal(read(tmp_path, damaged(), asked(tmp_path, damaged(), whole) and whole, "black").hole, HOLE)


# Two values.
def test_two_parts_of_like_size_are_asked_about(tmp_path):
    half = np.zeros(SIZE, np.uint8)
    half[:50] = 255
    question = asked(tmp_path, damaged(), half)
    assert [round(float(hole.mean()), 2) for hole, _ in question.ways] == [0.42, 0.58]
    assert read(tmp_path, damaged(), half, "white").hole.sum() == 50 * 160
    assert read(tmp_path, damaged(), half, "black").hole.sum() == 70 * 160
    asked(tmp_path, damaged(), np.where(HOLE, 90, 200).astype(np.uint8))


@pytest.mark.parametrize("robe", ["dark", "light", "red"])
def test_the_painting_may_be_all_black_or_white_or_red(tmp_path, robe):
    change = {"dark": lambda x: x // 8, "light": lambda x: 255 - x // 10,
              "red": lambda x: x // 12 + np.uint8((200, 15, 12))}[robe]
    picture = change(painting())
    white = (HOLE * 255).astype(np.uint8)
    for mask in (white, 255 - white, layer((255, 255, 255)), layer((255, 0, 0)), over(picture, (0, 255, 0))):
        assert np.array_equal(read(tmp_path, picture, mask).hole, HOLE)


def test_a_drawing_in_black_on_white_is_not_taken_for_a_mask(tmp_path):
    lines = cv2.Canny(painting(), 60, 120)
    picture = Scan(255 - cv2.dilate(lines, np.ones((2, 2)))[..., None], "L")
    mask = np.where(HOLE, 0, picture.pixels[..., 0]).astype(np.uint8)
    asked(tmp_path, picture, mask)
    assert np.array_equal(read(tmp_path, picture, (HOLE * 255).astype(np.uint8)).hole, HOLE)


@pytest.mark.parametrize("kind", ["16 bits", "grey", "16-bit grey", "grey and alpha", "CMYK"])
def test_paintings_of_every_kind_have_painted_copies(tmp_path, kind):
    picture = {"16 bits": lambda p: Scan(p.astype(np.uint16) * 257 + 90, "RGB"), "grey": lambda p: Scan(p[..., :1], "L"),
               "16-bit grey": lambda p: Scan(p[..., :1].astype(np.uint16) * 257 + 90, "L"),
               "grey and alpha": lambda p: Scan(np.dstack([p[..., 0], np.full(SIZE, 255, np.uint8)]), "LA"),
               "CMYK": lambda p: Scan(np.array(Image.fromarray(p).convert("CMYK")), "CMYK")}[kind](painting())
    copy = painting()[..., :1].repeat(3, 2) if "grey" in kind else painting()
    assert np.array_equal(read(tmp_path, picture, over(copy, (255, 0, 0))).hole, HOLE)


def test_erased_and_painted_parts_at_once_are_asked_about(tmp_path):
    copy = over(damaged(), (255, 0, 0), HOLE & (np.arange(160) < 70))
    asked(tmp_path, damaged(), np.dstack([copy, (~(HOLE & (np.arange(160) >= 70)) * 255).astype(np.uint8)]))


def test_another_picture_is_no_mask(tmp_path):
    with pytest.raises(ScanError, match=r"mask\.png: is neither .* expected a mask"):
        read(tmp_path, damaged(), np.ascontiguousarray(painting()[::-1, ::-1]))


# The command: questions, previews and exit statuses.
def command(monkeypatch, capsys, *words):
    monkeypatch.setattr(sys, "argv", ["studylib", "restore", *map(str, words), "--method", "telea"])
    status = study.main()
    return status, "\n".join(line for line in capsys.readouterr().err.splitlines() if line.strip() and "% 0" not in line)


@pytest.fixture
def files(tmp_path):
    """A damaged painting, a mask, and the same mask as an opaque layer with the holes erased."""
    scans.write(Scan(damaged(), "RGB"), tmp_path / "fresco.png")
    Image.fromarray((HOLE * 255).astype(np.uint8)).save(tmp_path / "mask.png")
    Image.fromarray(layer((255, 255, 255), ~HOLE)).save(tmp_path / "layer.png")
    return tmp_path


def test_a_question_leaves_a_preview_and_nothing_else(files, monkeypatch, capsys):
    call = [files / "fresco.png", "--mask", files / "layer.png", "-o", files / "out"]
    status, said = command(monkeypatch, capsys, *call)
    assert status == 2
    assert "layer.png: can be read in more than one way" in said
    assert f"{files / 'out' / 'fresco_mask_preview.png'} shows them" in said
    assert [path.name for path in (files / "out").iterdir()] == ["fresco_mask_preview.png"]
    shown = scans.read(files / "out" / "fresco_mask_preview.png").pixels
    assert shown.shape == (240, 160, 3)  # both readings, one above the other
    red = shown[..., 0].astype(int) - shown[..., 1] > 60
    assert np.array_equal(red[:120], HOLE)
    assert np.array_equal(red[120:], ~HOLE)
    assert command(monkeypatch, capsys, *call, "--yes")[0] == 0
    restored = scans.read(files / "out" / "fresco_restored.png").pixels
    assert np.array_equal(restored[~HOLE], damaged()[~HOLE])
    assert not np.array_equal(restored[HOLE], damaged()[HOLE])
    assert (files / "out" / "fresco_mask_preview.png").exists()
    assert command(monkeypatch, capsys, *call, "--holes", "black", "--overwrite")[0] == 0
    assert not (files / "out" / "fresco_mask_preview.png").exists()


def test_a_reading_with_a_doubt_leaves_its_preview_beside_the_result(files, monkeypatch, capsys):
    Image.fromarray(over(damaged(), (0, 0, 0))).save(files / "mask.png")
    assert command(monkeypatch, capsys, files / "fresco.png", "--mask", files / "mask.png", "-o", files / "out") == (0, "")
    assert (files / "out" / "fresco_mask_preview.png").exists()
    assert (files / "out" / "fresco_restored.png").exists()


def test_a_preview_of_a_large_picture_is_small(tmp_path):
    hole = np.zeros((90, 4000), bool)
    hole[40, 17] = True
    mask_files.preview(Scan(np.full((90, 4000, 1), 90, np.uint8), "L"), [hole, ~hole], tmp_path / "preview.png")
    shown = scans.read(tmp_path / "preview.png").pixels
    assert shown.shape == (72, 1600, 3)
    assert (shown[:36, :, 0] > shown[:36, :, 1]).any()


def test_a_mask_that_is_missing_is_called_a_mask(files, monkeypatch, capsys):
    status, said = command(monkeypatch, capsys, files / "fresco.png", "--mask", files / "absent.png", "-o", files / "out")
    assert status == 2
    assert "absent.png: there is no such file; expected a mask" in said
    with pytest.raises(ScanError, match="expected a mask"):
        mask_files.read(files / "absent.png", Scan(damaged(), "RGB"))
