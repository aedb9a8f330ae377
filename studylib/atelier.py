"""The atelier: a seeded procedural painter, the study's embedded data set when no real paintings are at hand.

`scenes` are irregular: landscapes, water, woods and still lifes, each composed anew. `portraits` are regular: a head
and shoulders whose eyes, nose and mouth always lie at the same place. One brush paints both.
"""

import cv2
import numpy as np

from . import brush
from .brush import WHITE, Sketch, box, mix, palette, smooth

KINDS = ("scenes", "portraits")


def paint(kind: str, count: int, size: int = 128, *, seed: int = 0, start: int = 0) -> np.ndarray:
    """Pictures start .. start+count-1 of this kind and seed: (count, size, size, 3) uint8 RGB.

    Each picture has a random generator of its own: it depends on kind, seed and number and on nothing else.
    """
    if kind not in KINDS:
        raise ValueError(f"Unknown kind {kind!r}: it must be one of {', '.join(KINDS)}.")
    if min(count, seed, start) < 0:
        raise ValueError(f"count, seed and start must not be negative, but are {count}, {seed} and {start}.")
    if size < 32:
        raise ValueError(f"size must be at least 32 pixels, but is {size}.")
    pictures = np.empty((count, size, size, 3), np.uint8)
    for place in range(count):
        sketch = Sketch(np.random.default_rng([seed, KINDS.index(kind), start + place]))
        compose = _portrait if kind == "portraits" else sketch.pick(*_SCENES)
        compose(sketch)
        pictures[place] = cv2.resize(brush.render(sketch), (size, size), interpolation=cv2.INTER_AREA)
    return pictures


_ALL = box(-0.1, -0.1, 1.1, 1.1)
_FRUIT = palette("d63c28 ec922c e2be46 96a43c eca878 603254")[0]
_SKINS = palette("f0c8ac e4b290 cc946e a06a4a 704834")[0]
_HAIRS = palette("2e201e 563624 88522c be8c4c ac4a24 a8a098")[0]
_IRISES = palette("426080 543e28 4e6442 2c201c")[0]
_CLOTHS = palette("2c3a68 a4302c eae2d2 466854 28242c 7696be d496a0 804e74 c8984c")[0]
_TILE, _BLUSH, _ROUGE = palette("ba5436 d6544c be3234")[0]


# The subjects. Each draws on a sketch `s`, far things first; `base` is the height at which a thing stands, and all
# lengths and places are in units of the picture.
def _sky(s: Sketch, horizon: float) -> None:
    """The sky down to the horizon, perhaps with a sun, and with up to five clouds."""
    rng = s.rng
    s.lay(box(-0.1, -0.1, 1.1, horizon + 0.1), s.low, s.high, (rng.normal(0, 0.3), -1), rng.normal(0, 0.3), 0.15)
    if rng.random() < 0.35:
        x, y, size = 0.5 + s.sun * rng.uniform(0.05, 0.4), horizon * rng.uniform(0.2, 0.9), rng.uniform(0.03, 0.06)
        s.lay(s.ring(x, y, 4 * size, 3 * size), s.glow, flow=None, soft=0.16)
        s.lay(s.ring(x, y, size, size), WHITE, s.glow, flow=None)
    for x, y in rng.uniform((0, 0), (1, horizon * 0.8), (rng.integers(0, 6), 2)):
        for size in rng.uniform(0.05, 0.17, rng.integers(2, 5)):
            puff = s.ring(x + rng.normal(0, 0.1), y + rng.normal(0, 0.02), size, size * 0.4, 0.1)
            shade, light = mix(s.high, s.low, 0.6) * 0.92, mix(s.glow, WHITE, 0.6)
            s.lay(puff, shade, light, (0.4 * s.sun, -0.9), None, 0.3, 0.05)


def _ground(s: Sketch, horizon: float) -> None:
    """Land from the horizon down: hills, fields one behind the other, perhaps a path."""
    rng = s.rng
    for y in s.steps(horizon - 0.16, horizon, 0, 4):
        s.form(s.ridge(y, 0.07), mix(s.far, s.leaf, rng.uniform(0, 0.3)), 0.4, rng.normal(0, 0.4), 0.4)
    s.form(s.ridge(horizon, 0.01), mix(s.field, s.low, 0.15), 0.4, 0.05, 0.4)
    for y in s.steps(horizon + 0.04, 0.95, 1, 4):
        s.form(s.ridge(y, 0.06), mix(s.field, s.leaf, rng.uniform(0, 0.7)), 0.6, rng.normal(0, 0.4), 0.6)
    if rng.random() < 0.5:
        depth = np.linspace(0, 1, 9)
        middle = mix(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), depth) + rng.normal(0, 0.1) * np.sin(depth * 5)
        y, half = mix(1.05, horizon + 0.01, depth**0.6), rng.uniform(0.12, 0.3) * (1.03 - depth) ** 1.5
        s.form(np.vstack([np.column_stack([middle - half, y]), np.column_stack([middle + half, y])[::-1]]),
               mix(s.earth, s.glow, 0.25), 0.4, 0.1, 0.4)


def _tree(s: Sketch, x: float, base: float, high: float) -> None:
    """A tree: a trunk, a crown of nine clumps, its leaves and its shadow."""
    rng = s.rng
    wide, lean = high * s.pick(0.16, 0.38, 0.5), rng.normal(0, 0.04) * high
    colour = mix(s.leaf, s.field, rng.uniform(0, 0.35))
    s.shadow(x, base, wide * 2)
    trunk = np.array([(-0.05, 0), (0, -0.8), (0.03, -0.5), (0.05, 0)]) * high + (x, base)
    s.form(trunk, s.lit(s.earth, -0.5), 0.5, np.pi / 2)
    x += lean
    for up in np.sort(rng.uniform(0.3, 0.9, 9))[::-1]:
        clump = s.ring(x + rng.normal(0, wide * 0.35), base - high * up, wide * (0.8 - up * 0.45), high * 0.16, 0.08)
        s.form(clump, colour + rng.normal(0, 9, 3), 0.7, None, 0.4)
    leaves = (colour * 0.6, s.lit(colour, 0.6))
    s.dabs(x, base - high * 0.6, (wide * 0.8, high * 0.3), leaves, int(90 * high), 0.014, (0.003, 0.004))


def _house(s: Sketch, x: float, base: float, wide: float) -> None:
    """A house with a tiled roof, its gable turned away from the sun."""
    wall = mix(s.glow, WHITE, s.rng.uniform(0, 0.7)) * 0.93
    tile = mix(s.earth, _TILE, s.rng.uniform(0.2, 0.9))
    s.shadow(x, base, wide)
    s.stamp(brush.HOUSE, x, base, wide, -s.sun, wall=wall, gable=s.lit(wall, -0.5), tile=tile, pane=s.lit(s.high, -0.6))


def _stroller(s: Sketch, x: float, base: float, high: float) -> None:
    """A woman in a long dress and a straw hat, perhaps under a parasol."""
    s.shadow(x, base, high * 0.5)
    dress, straw = s.pick(WHITE, s.flower, s.high, s.far), mix(s.earth, s.glow, 0.6)
    s.stamp(brush.STROLLER, x, base, high, dress=dress, skin=_SKINS[1], straw=straw)
    if s.rng.random() < 0.6:
        s.stamp(brush.PARASOL, x, base, high, s.pick(-1, 1), cloth=s.pick(WHITE, s.flower, s.glow))


def _populate(s: Sketch, top: float, things: tuple) -> None:
    """Set up to three of some things on the ground below `top`, the far ones first and smaller."""
    spots = []
    for draw, size, chance in things:
        for _ in range(s.rng.integers(1, 4) if s.rng.random() < chance else 0):
            depth = s.rng.uniform(0, 0.85) ** 1.5
            spots.append((mix(top, 1, depth) + 0.02, s.rng.uniform(0, 1), draw, size * (0.35 + 1.3 * depth)))
    for base, x, draw, size in sorted(spots, key=lambda spot: spot[0]):
        draw(s, x, base, size * s.rng.uniform(0.8, 1.25))


def _country(s: Sketch) -> None:
    """Open country: sky, land, houses, trees, strollers, and patches of flowers."""
    horizon = s.rng.uniform(0.25, 0.68)
    _sky(s, horizon)
    _ground(s, horizon)
    _populate(s, horizon, ((_house, 0.2, 0.5), (_tree, 0.4, 0.9), (_tree, 0.5, 0.6), (_stroller, 0.3, 0.4)))
    for colour in (s.flower, WHITE, mix(s.flower, s.glow, 0.7))[: s.rng.integers(0, 4)]:
        x, y = s.rng.uniform(0.1, 0.9), s.rng.uniform(mix(horizon, 1, 0.5), 1)
        s.dabs(x, y, (s.rng.uniform(0.2, 0.6), (1 - horizon) * 0.3), (colour, s.lit(colour, -0.3)), 70, 0.017)


def _shore(s: Sketch) -> None:
    """A river that mirrors its far bank, or the open sea; boats, cliffs, a beach or bank in front."""
    rng = s.rng
    sea, line = rng.random() < 0.35, rng.uniform(0.28, 0.6)
    water = mix(s.high, s.leaf, rng.uniform(0, 0.35)) * 0.85
    _sky(s, line)
    if not sea:
        s.form(s.ridge(line - rng.uniform(0.02, 0.14), 0.05), s.far, 0.4, rng.normal(0, 0.4), 0.4)
        s.form(s.ridge(line - 0.025, 0.012), mix(s.leaf, s.field, rng.uniform(0, 1)), 0.5, 0.0, 0.5)
        for draw, size, most in ((_house, 0.14, 4), (_tree, 0.26, 8)):
            for x in rng.uniform(0, 1, rng.integers(0, most)):
                draw(s, x, line, size * rng.uniform(0.5, 1.3))
    mirrored = s.mirror(line)
    s.lay(box(-0.1, line, 1.1, 1.1), s.lit(water, -0.2), mix(water, s.low, rng.uniform(0.1, 0.6)), (0, -1), 0.0, 0.4)
    clear = 0.2 if sea else rng.uniform(0.3, 0.8)
    surface = s.art[-len(mirrored):, :, :3]
    surface[:] = mix(surface.astype(float), mirrored, clear).clip(0, 255)
    glints, many = (s.low, s.glow, s.lit(water, -0.5)), rng.integers(20, 120)
    s.dabs(rng.uniform(0, 1), (1 + line) / 2, (0.7, (1 - line) / 2), glints, many, 0.008, (0.02, 0.001))
    side = s.pick(-1, 1)
    for reach in s.steps(0.1, 0.5, 0, 4) if sea else ():
        s.stamp(brush.CLIFF, 0.5 - side * (0.6 - reach), line + 0.06 * (1 - reach), rng.uniform(0.5, 1.2), side,
                stone=mix(s.earth, s.far, reach * 1.5))
    for y in s.steps(line + 0.03, 0.85, 0, 5):
        x, wide, cloth = rng.uniform(0.1, 0.9), 0.05 + 0.35 * (y - line), mix(WHITE, s.flower, s.pick(0, 0, 0.7))
        s.lay([(x - wide * 0.4, y), (x + wide * 0.5, y), (x, y + wide * 1.2)], s.lit(water, -0.2), cloth, soft=0.02)
        s.stamp(brush.BOAT, x, y, wide, side, cloth=cloth, hull=s.pick(s.earth * 0.6, s.flower * 0.8, WHITE))
    if rng.random() < 0.6:
        land = mix(s.earth, s.glow, 0.4) if sea else s.field
        bank = np.array([(0.7, 0.7), (0.1, 0.88), (-0.8, 0.97), (-0.8, 1.5), (0.7, 1.5)]) * (side, 1) + (0.5, 0)
        s.form(smooth(bank), land, 0.5, 0.2 * side, 0.5)
        draw, size = s.pick((_stroller, 0.25), (_tree, 0.6)) if not sea else (_stroller, 0.22)
        draw(s, 0.5 + side * rng.uniform(0.2, 0.4), 0.93, size * rng.uniform(0.8, 1.3))


def _woods(s: Sketch) -> None:
    """An avenue or a clearing, with flecks of light on the ground."""
    rng = s.rng
    horizon, goal = rng.uniform(0.42, 0.62), rng.uniform(0.3, 0.7)
    _sky(s, 0.5)
    _ground(s, horizon)
    s.form(s.ring(0.5, 0.1, 0.8, horizon - 0.05, 0.08), s.leaf, 0.6, 1.0, 0.8)
    high = rng.uniform(0.08, 0.25)
    opening = s.ring(goal, horizon - high, rng.uniform(0.05, 0.3), high, 0.1)
    s.lay(opening, s.low, s.high, flow=0.5, mottle=0.4, soft=0.05)
    for x, y in rng.uniform((0, horizon + 0.05), (1, 1), (rng.integers(2, 6), 2)):
        s.shadow(x, y, 0.45)
    for depth in s.steps(0, 1, 4, 11):
        x = goal + s.pick(-1, 1) * (0.08 + 0.5 * depth * rng.uniform(0.7, 1.3))
        base, half, lean = mix(horizon, 0.98, depth) + 0.02, 0.008 + 0.03 * depth, rng.normal(0, 0.06)
        bark = mix(s.earth, s.far, 0.5 * (1 - depth)) * rng.uniform(0.4, 0.8)
        trunk = [(x - half * 1.5, base), (x - half + lean, -0.1), (x + half + lean, -0.1), (x + half * 1.5, base)]
        s.form(trunk, bark, 0.7, np.pi / 2 - lean, 0.3)
        crown = s.ring(x + lean, 0.15 - 0.15 * depth, 0.12 + 0.2 * depth, 0.12 + 0.1 * depth, 0.1)
        s.form(crown, mix(s.leaf, s.field, rng.uniform(0, 0.6)), 0.7, None, 0.6)
    s.dabs(0.5, 0.18, (0.55, 0.2), (s.leaf * 0.5, s.field, s.lit(s.leaf, 0.7)), 150, 0.02, (0.004, 0.005))
    s.dabs(goal, 0.8, (0.5, 0.2), (s.glow, s.lit(s.earth, 0.5)), 40, 0.013, (0.015, 0.0))
    _populate(s, horizon, ((_stroller, 0.3, 0.5),))


def _fruit(s: Sketch, x: float, y: float, size: float, colour: np.ndarray) -> None:
    """A round fruit with a highlight."""
    s.form(s.ring(x, y, size, size * 0.95, 0.012), colour + s.rng.normal(0, 10, 3), 0.85)
    s.touch([(x + s.sun * size * 0.4, y - size * 0.45)], s.lit(colour, 0.9), size * 0.25)


def _bouquet(s: Sketch, x: float, y: float) -> None:
    """Flowers of up to five colours in front of their leaves."""
    rng, spread = s.rng, s.rng.uniform(0.2, 0.29)
    s.form(s.ring(x, y, spread, spread * 0.9, 0.1), s.lit(s.leaf, -0.3), 0.7, None, 0.8)
    blooms = (s.flower, WHITE, s.lit(s.flower, 0.5), s.pick(*_FRUIT), s.low)[: rng.integers(2, 6)]
    for turn, far in rng.uniform((0, 0), (2 * np.pi, 1), (rng.integers(10, 28), 2)):
        size, colour, reach = rng.uniform(0.03, 0.065), s.pick(*blooms), spread * far**0.5
        centre = (x + reach * np.cos(turn), y + 0.9 * reach * np.sin(turn))
        s.form(s.ring(*centre, size, size * 0.9, 0.06), colour, 0.8)
        s.touch(s.ring(*centre, size * 0.5, size * 0.5)[: rng.integers(5, 16)], s.lit(colour, -0.5), 0.008)


def _still_life(s: Sketch) -> None:
    """A table with fruit, and with a bouquet, a bowl or vessels."""
    rng = s.rng
    edge, tilt, middle = rng.uniform(0.48, 0.68), rng.normal(0, 0.03), rng.uniform(0.35, 0.65)
    size, fruit = rng.uniform(0.05, 0.075), rng.permutation(_FRUIT)[:3]
    glazes = (s.high, s.leaf, s.flower, WHITE, s.earth)
    s.form(_ALL, s.pick(s.far, s.leaf, s.earth, s.high, s.flower) * 0.7, 0.7, rng.uniform(0.8, 2.3), 0.6)
    curtain, fold = s.pick(s.flower, s.leaf, s.high) * 0.8, s.pick(0.0, 0.8)
    for x in np.arange(fold, fold + 0.25, 0.06) if rng.random() < 0.4 else ():
        s.form(box(x, -0.1, x + 0.06, 1), curtain, 0.7, np.pi / 2)
    cloth = s.pick(WHITE, s.earth, s.field, mix(s.high, WHITE, 0.6))
    s.form([(-0.1, edge - tilt), (1.1, edge + tilt), (1.1, 1.1), (-0.1, 1.1)], cloth, 0.5, tilt * 2, 0.4)
    bouquet = rng.random() < 0.5
    for x in (middle,) if bouquet else rng.uniform(0.08, 0.92, rng.integers(0, 4)):
        base = edge + rng.uniform(0.05, 0.2)
        s.shadow(x, base, 0.25)
        s.stamp(s.pick(*brush.VESSELS[bouquet:]), x, base, rng.uniform(0.38, 0.55), glaze=s.pick(*glazes))
        if bouquet:
            _bouquet(s, x, base - 0.48)
    if not bouquet and rng.random() < 0.7:
        s.shadow(middle, edge + 0.28, 0.35)
        for count, up in ((4, 0), (3, 1.2), (1, 2.3)):
            for k in range(count):
                _fruit(s, middle + size * 1.6 * (k - (count - 1) / 2), edge + 0.14 - size * up, size, s.pick(*fruit))
        s.stamp(brush.BOWL, middle, edge + 0.14, 0.5, glaze=s.pick(*glazes))
    for y in s.steps(edge + 0.14, 0.95, 1, 9):
        x = rng.uniform(0.06, 0.94)
        s.shadow(x, y + size * 0.8, size * 2)
        _fruit(s, x, y, size, s.pick(*fruit))


_SCENES = (_country, _country, _shore, _shore, _woods, _still_life)  # a name twice is twice as frequent
_BROW = np.array([(-0.024, 0.004), (0.012, -0.008), (0.05, 0.004)])
_EYE = np.array([(-0.037, 0.004), (-0.015, -0.018), (0.015, -0.018), (0.037, 0.002), (0.015, 0.014), (-0.015, 0.014)])


def _portrait(s: Sketch) -> None:
    """A head and shoulders, always at the same place: eyes at x = 0.42 and 0.58, y = 0.43; mouth at y = 0.575."""
    rng = s.rng
    wall, cloth, hat, band = s.pick(s.far, s.leaf, s.earth, s.high, s.flower, s.field), *rng.choice(_CLOTHS, 3)
    s.form(_ALL, wall * rng.uniform(0.5, 1), 0.6, rng.uniform(0.6, 2.5), 0.55)
    if rng.random() < 0.3:
        for x in np.arange(rng.uniform(-0.1, 0), 1, 0.11):
            s.lay(box(x, -0.1, x + 0.055, 1.1), s.lit(wall, -0.5), s.lit(wall, -0.2), flow=np.pi / 2, soft=0.03)
    skin, hair = mix(s.pick(*_SKINS), s.pick(*_SKINS), 0.3), s.pick(*_HAIRS) + rng.normal(0, 7, 3)
    colours = {"skin": skin, "hair": hair, "cloth": cloth, "dark": s.lit(cloth, -0.3), "white": WHITE, "tie": band,
               "trim": mix(hat, WHITE, 0.6), "hat": s.pick(hat, s.lit(s.earth, 0.6)), "band": band}
    style = rng.integers(len(brush.BACK_HAIR))
    for parts in (brush.BACK_HAIR[style], brush.BUST, s.pick(*brush.NECKLINES), brush.HEAD):
        s.stamp(parts, 0.5, **colours)
    _features(s, skin, hair)
    s.stamp(s.pick(*brush.FRONT_HAIR), 0.5, flip=s.sun, **colours)
    if style == 0:
        s.stamp(brush.LOCKS, 0.5, **colours)
    elif style == 3 and rng.random() < 0.5:
        s.stamp(brush.BEARD, 0.5, **colours)
    if rng.random() < 0.5:
        s.stamp(s.pick(*brush.HATS), 0.5, flip=s.sun, **colours)


def _features(s: Sketch, skin: np.ndarray, hair: np.ndarray) -> None:
    """Eyes, brows, nose, cheeks and mouth: the expression varies, the places do not."""
    rng, away = s.rng, -s.sun
    shade, blush, lash = s.lit(skin, -0.4), mix(skin, _BLUSH, 0.45), mix(hair * 0.4, s.lit(skin, -0.8), 0.5)
    rouge, iris = mix(skin, _ROUGE, rng.uniform(0.4, 0.75)), s.pick(*_IRISES)
    smile, lift, look = rng.uniform(-0.004, 0.016), rng.normal(0, 0.004), s.pick(-0.006, 0, 0.006)
    lids = _EYE * (1, rng.uniform(0.8, 1.15))
    for side in (-1, 1):
        x, y = 0.5 + side * 0.08, 0.43
        eye = lids * (side, 1) + (x, y)
        s.lay(s.ring(0.5 + side * 0.1, 0.53, 0.04, 0.032), blush, flow=0.5 * side, soft=0.04)
        s.lay(s.ring(x, y - 0.012, 0.045, 0.03), shade, soft=0.025)
        s.lay(smooth(eye), WHITE * 0.85, WHITE)
        for colour, width, shift in ((iris, 0.031, 0), (iris * 0.3, 0.016, 0), (WHITE, 0.007, 0.006)):
            s.touch([(x + look + s.sun * shift, y - shift)], colour, width)
        s.touch(eye[:4] - (0, 0.002), lash, 0.009)
        s.touch(_BROW * (side, 1) + (x, y - 0.052 + lift), mix(hair, skin, 0.2) * 0.8, 0.01)
    s.lay([(0.5 + away * 0.006, 0.43), (0.5 + away * 0.036, 0.505), (0.5, 0.515)], shade, flow=1.4, soft=0.015)
    s.touch([(0.478, 0.508), (0.49, 0.516), (0.51, 0.516), (0.522, 0.508)], s.lit(skin, -0.55), 0.007)
    s.touch([(0.5 + s.sun * 0.006, 0.45), (0.5 + s.sun * 0.007, 0.49)], s.lit(skin, 0.6), 0.008)
    middle, corner = 0.58, 0.575 - smile
    mouth = np.array([(0.45, corner), (0.48, middle - 0.002), (0.5, middle), (0.52, middle - 0.002), (0.55, corner)])
    for up, colour in ((-0.013, s.lit(rouge, -0.25)), (0.017, s.lit(rouge, 0.15))):
        s.lay([*mouth, *np.add(mouth[3:0:-1], (0, up))], colour)
    s.touch(mouth, s.lit(rouge, -0.7), 0.006)
    s.touch([(0.5, 0.588), (0.5 + s.sun * 0.012, 0.587)], s.lit(rouge, 0.6), 0.006)
