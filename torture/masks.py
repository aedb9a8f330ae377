"""Masks in every form against paintings in every form: the hole that is read is the hole that was drawn, or none is.

    python -m torture.masks [COUNT [SEED]]

A hole is drawn at random and handed over as people do: black and white in many files and depths, labels, layers, copies that were
painted on or erased, saved by JPEG, brighter, smaller, in another colour space. Mask n of a seed is the same on every machine.
"""

import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from studylib import mask_files, scans
from studylib.scans import Scan
from torture.paintings import PAINTINGS, SIZE, SPACES, converted, grey, icc, lose, picture, seen

_PAINTS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 255), (0, 255, 255), (255, 255, 0), (0, 0, 0), (255, 255, 255),
           (250, 50, 83), (255, 128, 0), (40, 220, 90))
_LABELS = ((250, 50, 83), (51, 221, 255), (255, 255, 0), (36, 179, 83), (184, 61, 245), (255, 96, 55), (128, 0, 0), (0, 128, 0))


@dataclass
class Drawn:
    """A hole that was drawn.

    Attributes:
        core, reach: (H, W) bool, what must be read, and what may be; they differ where edges are soft or lossy.
    """

    core: np.ndarray
    reach: np.ndarray


def run(count: int = 2000, seed: int = 0) -> list[tuple[str, int, int, str]]:
    """Read `count` random masks.

    Returns:
        A row for each form: what was tried, how often, how many holes were read wrong, and what was wrong.
    """
    rows: dict[str, Counter] = {}
    with tempfile.TemporaryDirectory(prefix="masks-") as folder:
        for number in range(count):
            form, said = attempt(number, seed, Path(folder))
            rows.setdefault(form, Counter())[said] += 1
    table = []
    for form, said in sorted(rows.items()):
        fine = {outcome: said.pop(outcome, 0) for outcome in ("read", "asked about", "refused", "without a hole")}
        tried = f"{form}: " + ", ".join(f"{times} {outcome}" for outcome, times in fine.items() if times)
        wrong = "; ".join(f"{times} x {outcome}" for outcome, times in said.most_common(5)) or "nothing"
        table.append((tried, sum(fine.values()) + said.total(), said.total(), wrong))
    return table


def attempt(number: int, seed: int, folder: Path) -> tuple[str, str]:
    """The form of mask `number`; "read", "asked about", "refused", "without a hole", or what went wrong."""
    form, path, painting, drawn, kind = make(number, seed, folder)
    try:
        mask = mask_files.read(path, painting)
    except mask_files.AmbiguousMask as asked:
        return form, "asked about" if path.name in str(asked) else f"asked without a name ({number})"
    except scans.ScanError as refused:
        return form, "refused" if path.name in str(refused) else f"refused without a name ({number})"
    if not mask.hole.any():
        return form, "without a hole"
    lost = (drawn.core & ~mask.hole).sum() / max(1, drawn.core.sum())
    added = (mask.hole & ~drawn.reach).sum() / max(1, drawn.reach.sum())
    if lost > 0.02 or added > 0.02:
        return form, f"{kind}: {100 * lost:.0f} % missed, {100 * added:.0f} % too much (mask {number}; {mask.sentence})"
    return form, "read"


def make(number: int, seed: int, folder: Path) -> tuple[str, Path, Scan, Drawn, str]:
    """Mask `number` of a seed: its form, the file, the painting, the hole that was drawn, and which kind of painting it is."""
    draw = random.Random(f"{seed}-{number}")
    kind = draw.choice(list(PAINTINGS))
    painting = PAINTINGS[kind](picture(draw.randrange(8)), draw)
    hole = _hole(draw)
    if draw.random() < 0.5:  # losses that are seen in the photograph: plaster, dark ground, or near white
        plaster = np.float32(draw.choice([(247, 246, 240), (255, 255, 255), (30, 26, 20), (200, 60, 50), (150, 140, 120)])) / 255
        lose(painting, hole, plaster, draw)
    form = draw.choice(list(FORMS))
    path, drawn = FORMS[form](hole, painting, folder, draw)
    return form, path, painting, drawn, kind


def _hole(draw: random.Random) -> np.ndarray:
    """(H, W) bool: strokes, cracks, discs and boxes, from one to a third of the picture."""
    while True:
        hole = np.zeros(SIZE, np.uint8)
        for _ in range(draw.randint(1, 5)):
            ends = [(draw.randrange(SIZE[1]), draw.randrange(SIZE[0])) for _ in range(3)]
            way = draw.randrange(4)
            if way == 0:
                cv2.polylines(hole, [np.int32(ends)], False, 1, draw.randint(2, 4))
            elif way == 1:
                cv2.line(hole, ends[0], ends[1], 1, draw.randint(5, 14))
            elif way == 2:
                cv2.circle(hole, ends[0], draw.randint(4, 24), 1, -1)
            else:
                cv2.rectangle(hole, ends[0], (ends[0][0] + draw.randint(5, 50), ends[0][1] + draw.randint(5, 50)), 1, -1)
        if 0.01 < hole.mean() < draw.choice((0.1, 0.2, 0.33)):
            return hole > 0


def _wide(hole: np.ndarray, by: int) -> np.ndarray:
    return cv2.dilate(hole.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1,) * 2)) > 0


def _narrow(hole: np.ndarray, by: int) -> np.ndarray:
    return cv2.erode(hole.astype(np.uint8), np.ones((2 * by + 1,) * 2, np.uint8), borderValue=1) > 0


def _exact(hole: np.ndarray) -> Drawn:
    return Drawn(hole, hole)


def _rough(hole: np.ndarray, by: int = 4) -> Drawn:
    """Of what is lossy or scaled the rim does not count."""
    solid = cv2.morphologyEx(hole.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    return Drawn(hole & solid, _wide(hole, by))


def _brushed(hole: np.ndarray, draw: random.Random) -> tuple[np.ndarray, Drawn]:
    """How much paint a brush leaves, (H, W) float32 in 0 to 1: hard, antialiased, soft, or thin."""
    way = draw.choice(("hard", "hard", "smooth", "soft", "thin"))
    if way == "hard":
        return hole.astype(np.float32), _exact(hole)
    sigma = {"smooth": 0.6, "soft": draw.uniform(1, 4), "thin": draw.uniform(0.6, 2)}[way]
    share = cv2.GaussianBlur(hole.astype(np.float32), (0, 0), sigma) * (draw.uniform(0.6, 0.95) if way == "thin" else 1)
    return share, Drawn(hole & (share > 0.45), share > 0.01)


def _save(folder: Path, ending: str, pixels: np.ndarray, mode: str | None = None, **options) -> Path:
    path = folder / f"mask{ending}"
    image = Image.fromarray(pixels.squeeze(), mode)
    image.save(path, **options)
    return path


def _black_and_white(hole, painting, folder, draw):
    share, drawn = _brushed(hole, draw)
    share = share if draw.random() < 0.5 else 1 - share
    value = (share * 255).round().astype(np.uint8)
    way = draw.choice(("grey", "bits", "RGB", "palette", "deep", "ones", "jpeg", "webp", "gif", "bmp", "tiff", "alpha", "scaled",
                       "jpeg in png", "profile"))
    if way in ("bits", "ones"):
        value = (share > 0.5).astype(np.uint8)
        drawn = _exact((share > 0.5) if hole[share > 0.5].mean() > 0.5 else share <= 0.5)
        return (_save(folder, ".png", value * 255, optimize=True) if way == "ones" and draw.random() < 0.3 else
                _save(folder, ".png", value) if way == "ones" else _save(folder, ".png", value > 0)), drawn
    if way == "deep":
        path = folder / "mask.png"
        cv2.imwrite(str(path), (share * 65535).round().astype(np.uint16))
        return path, drawn
    if way in ("jpeg", "webp", "jpeg in png"):
        colours = value if draw.random() < 0.5 else np.dstack([value] * 3)
        ending = ".webp" if way == "webp" else ".jpg"
        path = _save(folder, ending, colours, quality=draw.randint(40, 95))
        if way == "jpeg in png":
            path = _save(folder, ".png", np.asarray(Image.open(path)))
        return path, _rough(drawn.core, 5) if drawn.core is drawn.reach else Drawn(_rough(drawn.core).core, _wide(drawn.reach, 4))
    if way == "scaled":
        part = draw.choice((0.25, 0.5, 2, 3))
        image = Image.fromarray(value).resize((int(SIZE[1] * part), int(SIZE[0] * part)), draw.choice((0, 1, 2)))
        by = max(2, int(1.5 / part) + 1)
        core = _narrow(drawn.core, by)
        return _save(folder, ".png", np.asarray(image)), Drawn(core, _wide(drawn.reach, by + 1))
    if way == "palette":
        image = Image.fromarray(np.dstack([value] * 3)).quantize(64)
        image.save(folder / "mask.png")
        return folder / "mask.png", Drawn(drawn.core, _wide(drawn.reach, 1))
    if way == "alpha":
        return _save(folder, ".png", np.dstack([value, np.full(SIZE, 255, np.uint8)]), "LA"), drawn
    ending = {"gif": ".gif", "bmp": ".bmp", "tiff": ".tif"}.get(way, ".png")
    more = {"icc_profile": icc("Adobe RGB")} if way == "profile" else {}
    return _save(folder, ending, np.dstack([value] * 3) if way in ("RGB", "profile") else value, **more), drawn


def _parts(hole: np.ndarray, most: int) -> np.ndarray:
    """A hole's connected parts, numbered from 1 to `most` at most."""
    numbers = cv2.connectedComponents(hole.astype(np.uint8))[1]
    stripes = np.arange(SIZE[1])[None, :] // 40  # also parts that touch
    return np.where(hole, (numbers + stripes) % most + 1, 0)


def _classes(hole, painting, folder, draw):
    numbers = _parts(hole, draw.randint(1, 6))
    way = draw.choice(("small", "spread", "deep", "void", "palette"))
    if way == "void":  # as in VOC: small classes, and 255 about them
        rim = _wide(hole, 1) & ~hole
        return _save(folder, ".png", np.where(rim, 255, numbers).astype(np.uint8)), _exact(hole | rim)
    if way == "deep":
        path = folder / "mask.png"
        cv2.imwrite(str(path), (numbers * draw.choice((1, 7, 1000))).astype(np.uint16))
        return path, _exact(hole)
    if way == "palette":
        image = Image.fromarray(numbers.astype(np.uint8), "P")
        image.putpalette([0, 0, 0, *sum(_LABELS[:6], ())] if draw.random() < 0.7 else [0] * 768)
        image.save(folder / "mask.png")
        return folder / "mask.png", _exact(hole)
    step = 40 if way == "spread" else draw.randint(1, 4)
    return _save(folder, ".png", (numbers * step).astype(np.uint8)), _exact(hole)


def _labels(hole, painting, folder, draw):
    ground = draw.choice(((0, 0, 0), (0, 0, 0), (255, 255, 255), (40, 60, 200)))
    colours = np.uint8([ground, *draw.sample(_LABELS, 6)])
    pixels = colours[_parts(hole, draw.randint(1, 6))]
    if draw.random() < 0.25:
        soft = cv2.GaussianBlur(pixels, (0, 0), 0.7)
        return _save(folder, ".png", soft), Drawn(hole & (np.abs(soft.astype(int) - ground).max(2) > 30), _wide(hole, 3))
    if draw.random() < 0.25:
        return _save(folder, ".jpg", pixels, quality=draw.randint(60, 95)), _rough(hole, 9)
    return _save(folder, draw.choice((".png", ".bmp", ".tif")), pixels), _exact(hole)


def _layer(hole, painting, folder, draw):
    share, drawn = _brushed(hole, draw)
    alpha = (share * 255).round().astype(np.uint8)
    if draw.random() < 0.2:  # labels
        colours = np.uint8(_LABELS)[_parts(hole, 6)]
        return _save(folder, ".png", np.dstack([colours, (hole * 255).astype(np.uint8)]), "RGBA"), _exact(hole)
    colour = np.uint8(draw.choice(_PAINTS))
    if draw.random() < 0.2:
        paint = np.full(SIZE, draw.choice((0, 255)), np.uint8)
        return _save(folder, ".png", np.dstack([paint, alpha]), "LA"), drawn
    under = colour if draw.random() < 0.5 else np.uint8([0, 0, 0])
    colours = np.where(alpha[..., None] > 0, colour, under)
    ending, more = draw.choice(((".png", {}), (".webp", {"lossless": True}), (".tif", {})))
    return _save(folder, ending, np.dstack([colours, alpha]), "RGBA", **more), drawn


def _cut_layer(hole, painting, folder, draw):
    colours = np.broadcast_to(np.uint8(draw.choice(_PAINTS)), (*SIZE, 3))
    return _save(folder, ".png", np.dstack([colours, ((~hole) * 255).astype(np.uint8)]), "RGBA"), _exact(hole)


def _tone(pixels: np.ndarray, draw: random.Random) -> np.ndarray:
    """As a program may save a copy: as it is, brighter, darker, flatter, or by a gamma."""
    way = draw.choice(("same", "same", "brighter", "darker", "flatter", "gamma"))
    change = {"brighter": lambda x: 1.12 * x, "darker": lambda x: 0.85 * x, "flatter": lambda x: 0.75 * x + 0.2,
              "gamma": lambda x: x ** draw.uniform(0.85, 1.15)}.get(way)
    return pixels if change is None else (change(pixels / 255).clip(0, 1) * 255).round().astype(np.uint8)


def _own_alpha(painting: Scan) -> np.ndarray:
    return painting.pixels[..., -1] if painting.mode == "RGBA" else np.full(SIZE, 255, np.uint8)


def _erased(hole, painting, folder, draw):
    share, drawn = _brushed(hole, draw)
    colours, own = _tone(seen(painting, draw.random() < 0.8), draw), _own_alpha(painting)
    if draw.random() < 0.5:
        colours = np.where((share > 0.99)[..., None], np.uint8(draw.choice(((0, 0, 0), (255, 255, 255)))), colours)
    alpha = (own * (1 - share)).round().astype(np.uint8)
    inside = own > 127
    ending, more = draw.choice(((".png", {}), (".png", {}), (".webp", {"quality": 90}), (".tif", {})))
    drawn = Drawn(drawn.core & inside, drawn.reach)
    return _save(folder, ending, np.dstack([colours, alpha]), "RGBA", **more), \
        drawn if ending != ".webp" else Drawn(drawn.core, _wide(drawn.reach, 2))


def _painted(hole, painting, folder, draw):
    share, drawn = _brushed(hole, draw)
    managed = draw.random() < 0.8
    colours, own = seen(painting, managed), _own_alpha(painting)
    if draw.random() < 0.15:
        colours = np.dstack([grey(colours)] * 3)
    colours = _tone(colours, draw)
    paint = np.float32(draw.choice(_PAINTS[:1] * 6 + _PAINTS))
    strength = draw.choice((1, 1, 1, 0.6))
    share = share * strength
    pixels = (colours * (1 - share[..., None]) + paint * share[..., None]).round().astype(np.uint8)
    inside = own > 127
    # What cannot be seen on the copy was not drawn: thin red on a red loss.
    visible = np.abs(pixels.astype(int) - colours).max(2) > 32
    drawn = Drawn(drawn.core & inside & (share > 0.4) & visible, drawn.reach)
    way = draw.choice(("png", "png", "jpeg", "jpeg", "webp", "tiff", "smaller", "larger", "tagged", "cut-out"))
    if way in ("jpeg", "webp"):
        path = _save(folder, ".jpg" if way == "jpeg" else ".webp", pixels, quality=draw.randint(60, 95))
        left = np.abs(np.asarray(Image.open(path).convert("RGB")).astype(int) - colours).max(2) > 32
        return path, Drawn(_rough(drawn.core & left).core, _wide(drawn.reach, 8))
    if way in ("smaller", "larger"):
        part = 0.5 if way == "smaller" else 2
        image = Image.fromarray(pixels).resize((int(SIZE[1] * part), int(SIZE[0] * part)), draw.choice((1, 2, 3)))
        return _save(folder, ".png", np.asarray(image)), Drawn(_narrow(drawn.core, 3), _wide(drawn.reach, 5))
    if way == "tagged":
        space = draw.choice(list(SPACES))
        return _save(folder, ".png", converted(pixels, None, icc(space)), icc_profile=icc(space)), \
            Drawn(drawn.core, _wide(drawn.reach, 1))
    if way == "cut-out" and painting.mode == "RGBA":
        return _save(folder, ".png", np.dstack([pixels, own]), "RGBA"), drawn
    return _save(folder, ".tif" if way == "tiff" else ".png", pixels), drawn


def _untouched(hole, painting, folder, draw):
    path = _save(folder, draw.choice((".png", ".jpg")), _tone(seen(painting), draw))
    return path, _exact(hole)


FORMS = {"black and white": _black_and_white, "class indices": _classes, "labels in colours": _labels,
         "layers of paint": _layer, "painted layers with holes cut out": _cut_layer, "copies with holes erased": _erased,
         "copies with holes painted": _painted, "copies with nothing painted": _untouched}


if __name__ == "__main__":
    for row in run(*map(int, sys.argv[1:])):
        print(*row, sep=" | ")
