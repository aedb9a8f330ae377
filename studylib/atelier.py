"""The atelier: a seeded procedural painter, the study's embedded data set when no real paintings are at hand.

`scenes` are irregular: landscapes, water, woods and still lifes, each composed anew. `portraits` are regular: a head
and shoulders whose eyes, nose and mouth always lie at the same place. One brush paints both.

A picture is first a sketch in unit coordinates (x to the right, y down, 0 to 1): shaded forms, each with a direction
for the strokes. The brush covers it with oriented strokes, broad to fine; the sketch's deliberate touches come last.
"""

import cv2
import numpy as np

KINDS = ("scenes", "portraits")
CANVAS = 256  # pixels a side of the painted canvas; `paint` shrinks it to the size asked for
SKETCH = 128  # pixels a side of the sketch: strokes blur it anyway, and small is fast


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
        sketch = _Sketch(np.random.default_rng([seed, KINDS.index(kind), start + place]))
        compose = _portrait if kind == "portraits" else sketch.pick(*_SCENES)
        compose(sketch)
        pictures[place] = cv2.resize(_brush(sketch), (size, size), interpolation=cv2.INTER_AREA)
    return pictures


# Strokes' width, length and spacing in canvas pixels, their colour jitter in grey levels, and the error (0 to 255) from
# which one is worth laying: the first layer covers everything, the last ones only correct.
_LAYERS = ((20, 50, 17, 11, -1), (10, 28, 9, 10, 7), (5, 15, 5.5, 8, 9), (3, 8, 3.4, 5, 10))


def _brush(sketch: "_Sketch") -> np.ndarray:
    """Paint a sketch: (CANVAS, CANVAS, 3) uint8. The canvas's fourth channel is the height of the paint."""
    rng, scale = sketch.rng, CANVAS // SKETCH
    canvas = cv2.resize(cv2.GaussianBlur(sketch.art, (0, 0), 6), (CANVAS, CANVAS))
    angles = _directions(sketch.art)
    for width, length, spacing, jitter, worth in _LAYERS:
        guide = cv2.GaussianBlur(sketch.art[..., :3], (0, 0), width / scale / 4).astype(np.int16)
        seen = cv2.resize(canvas[..., :3], (SKETCH, SKETCH), interpolation=cv2.INTER_AREA)
        grid = np.mgrid[0:CANVAS:spacing, 0:CANVAS:spacing].reshape(2, -1).T
        spots = rng.permutation(grid + rng.uniform(0, spacing, grid.shape))
        spots = spots[np.abs(guide - seen).mean(-1)[_pixels(spots / scale)] > worth]
        colours = guide[_pixels(spots / scale)]
        aim = _heading(angles[_pixels(spots / scale)] + rng.normal(0, 0.15, len(spots))) * (length / 2)
        ends = []
        for step in (-aim, aim):  # half a stroke each way: bent by the flow at its tip, cut short where colours change
            tip = _pixels((spots + step) / scale)
            bend = _heading(angles[tip]) * (length / 2)
            bend *= np.sign((bend * step).sum(-1, keepdims=True))
            reach = 1 / (1 + np.abs(guide[tip] - colours).mean(-1, keepdims=True) / 5)
            ends.append(spots + (step + bend) / 2 * reach)
        paths = (np.stack([ends[0], spots, ends[1]], 1) * 8).astype(np.int32)
        tones = colours + rng.normal(0, jitter, (len(spots), 1)) + rng.normal(0, jitter * 0.6, colours.shape)
        tones = np.column_stack([tones.clip(0, 255), rng.uniform(40, 215, len(spots))]).tolist()
        widths = (width * rng.uniform(0.7, 1.2, len(spots))).round().astype(int).tolist()
        for path, tone, thick in zip(paths, tones, widths, strict=True):
            cv2.polylines(canvas, [path], False, tone, thick, cv2.LINE_8, 3)
    for points, colour, width in sketch.touches:
        path, tone = (points * (CANVAS * 8)).astype(np.int32), [*colour.tolist(), 200.0]
        cv2.polylines(canvas, [path], False, tone, max(1, round(width * CANVAS)), cv2.LINE_8, 3)
    return _finish(canvas, angles, rng)


def _directions(art: np.ndarray) -> np.ndarray:
    """The strokes' angles: the sketch's own within the forms, along the contour where two of them meet."""
    grey = cv2.GaussianBlur(cv2.cvtColor(art[..., :3], cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    contour = np.arctan2(down, across) + np.float32(np.pi / 2)
    return np.where(np.hypot(across, down) > 45, contour, art[..., 3] * np.float32(np.pi / 256))


def _finish(canvas: np.ndarray, angles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light the relief (stroke edges, bristles along the flow, weave) from the upper left, and varnish: warm, deep."""
    along = np.arange(CANVAS, dtype=np.float32)
    x, y = cv2.resize(np.cos(angles), (CANVAS, CANVAS)), cv2.resize(np.sin(angles), (CANVAS, CANVAS))
    grain = rng.standard_normal((CANVAS, CANVAS), np.float32)
    height = canvas[..., 3] * np.float32(0.03)
    for reach in np.float32([-6, -4, -2, 0, 2, 4, 6]):
        height += cv2.remap(grain, along + x * reach, along[:, None] + y * reach, cv2.INTER_NEAREST,
                            borderMode=cv2.BORDER_REFLECT)
    weave = np.sin(along * 1.3)
    relief = (height - np.roll(height, (1, 1), (0, 1))) * 1.6 + np.outer(weave, weave) * 1.5
    painted = cv2.add(canvas[..., :3], cv2.merge([relief.clip(-20, 20).astype(np.int16)] * 3), dtype=cv2.CV_8U)
    depth = np.array([1.3, 1.21, 1.15]) + rng.normal(0, 0.03)
    varnish = (np.arange(256)[:, None] - 112) * depth + (118, 107, 92)
    return cv2.LUT(painted, varnish.clip(0, 255).astype(np.uint8)[None])


def _pixels(spots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of (n, 2) x, y positions in sketch pixels, kept inside the sketch."""
    inside = spots.clip(0, SKETCH - 1).astype(int)
    return inside[:, 1], inside[:, 0]


def _heading(angles: np.ndarray) -> np.ndarray:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _mix(first, second, share):
    return first + (second - first) * share


def _colours(*rows: str) -> np.ndarray:
    """Rows of hexadecimal colours as (rows, colours, 3) floats, 0 to 255."""
    return np.array([[list(bytes.fromhex(colour)) for colour in row.split()] for row in rows], float)


_WHITE = np.array([246.0, 240, 226])
# One row per mood: high sky, low sky, far hills, leaves, field, earth, flowers, light.
_MOODS = _colours(
    "8197c4 f4c49a 9288b0 50683f a8964f b58560 ea8f80 ffe0a8",  # dawn
    "3f7dc4 c9e0ee 6f93b5 2f6030 8fa53a cfa869 dc3a30 fff2c4",  # noon
    "424a86 ee8748 66507c 33422f 7f6434 96553a d1462f ffb860",  # dusk
    "6d8db0 efd9a8 857a94 b8641c c8993a 9c5a2e c83c22 ffdc90",  # autumn
    "8398b0 ece4d8 98a8c0 5f5344 dde0e6 a8937f b06a58 fff0d4",  # winter
    "72acd2 e6efdc 7ba68e 215c2c 66a038 d8b080 ea5a88 ffefb8",  # garden
    "4a5868 c3bda2 52646e 2c4630 7a7c3c 8a6c48 dcae38 f0e4b8",  # storm
    "2f78b4 f6d29c b37f90 55742c d8b04a d6834a e64a22 ffe290",  # south
)


class _Sketch:
    """A composition: `art` is (SKETCH, SKETCH, 4) uint8, RGB and the strokes' direction (256 is half a turn)."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        first, second = rng.choice(_MOODS, 2, replace=False)
        mood = (_mix(first, second, rng.uniform(0, 0.4)) + rng.normal(0, 7, first.shape)).clip(8, 250)
        self.high, self.low, self.far, self.leaf, self.field, self.earth, self.flower, self.glow = mood
        self.sun = self.pick(-1.0, 1.0)  # the side the light comes from
        self.art = np.zeros((SKETCH, SKETCH, 4), np.uint8)
        self.touches: list[tuple[np.ndarray, np.ndarray, float]] = []
        waves = [cv2.resize(rng.normal(0, 3 / n, (n, n)), (SKETCH, SKETCH), interpolation=cv2.INTER_CUBIC)
                 for n in (4, 9, 20)]
        self.mottle = sum(waves)  # smooth unevenness, about -1 to 1

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def lit(self, colour, amount):
        """A colour in more light (amount to 1: towards the warm glow) or in shade (to -1: dark and bluish)."""
        if amount > 0:
            return _mix(colour, self.glow, amount * 0.7)
        return colour * (1 + amount * np.array([0.8, 0.76, 0.6]))

    def lay(self, points, dark, light, toward=(0, -1), flow=0.0, mottle=0.0, soft=0.0):
        """Fill a polygon (n, 2) with a gradient from `dark` to `light` in the direction `toward`.

        `flow` is the strokes' direction in radians, or None for round the middle; `mottle` is the share of unevenness
        in the gradient; `soft` is the width of the blurred edge.
        """
        points = np.asarray(points) * SKETCH
        low, high = points.min(0), points.max(0)
        (left, top), (right, bottom) = np.clip([low - soft * SKETCH, high + soft * SKETCH + 1], 0, SKETCH).astype(int)
        if left >= right or top >= bottom:
            return
        cut = np.s_[top:bottom, left:right]
        mask = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, [((points - (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        inside = mask > 0
        if soft:
            mask = cv2.GaussianBlur(mask, (0, 0), soft * SKETCH / 2, borderType=cv2.BORDER_REPLICATE)
        x, y = np.arange(left, right) - (low[0] + high[0]) / 2, np.arange(top, bottom)[:, None] - (low[1] + high[1]) / 2
        half = (high - low).clip(1) / 2
        share = 0.5 + 0.5 * (x / half[0] * toward[0] + y / half[1] * toward[1]) + mottle * self.mottle[cut]
        colour = _mix(np.float32(dark), np.float32(light), np.float32(share.clip(0, 1))[..., None])
        patch = self.art[cut]
        patch[..., :3] = _mix(patch[..., :3], colour, mask[..., None] * np.float32(1 / 255)).clip(0, 255)
        angle = np.full(inside.shape, flow) if flow is not None else np.arctan2(y, x) + np.pi / 2
        patch[..., 3][inside] = (angle[inside] * (256 / np.pi)).astype(int) % 256

    def form(self, points, colour, depth=0.5, flow=None, mottle=0.12):
        """A solid form of one colour, lit from above and the sun's side; `depth` is the contrast of its shading."""
        self.lay(points, self.lit(colour, -depth), self.lit(colour, depth * 0.6), (0.7 * self.sun, -0.5), flow, mottle)

    def stamp(self, parts, x=0.0, y=0.0, scale=1.0, flip=1, **colours):
        """Draw a thing from its lines "colour depth flow outline x y x y ...": flow in degrees, points in hundredths.

        Outlines are `sharp`, `smooth`, or `half`: smooth, and mirrored at x = 0.
        """
        for line in parts.strip().splitlines():
            name, depth, flow, outline, *numbers = line.split()
            points = np.array(numbers, float).reshape(-1, 2) / 100
            if outline == "half":
                points = np.vstack([points, points[::-1] * (-1, 1)])
            if outline != "sharp":
                points = _smooth(points)
            colour = colours[name] if name in colours else getattr(self, name)
            angle = None if flow == "round" else np.radians(float(flow))
            self.form(points * (flip * scale, scale) + (x, y), colour, float(depth), angle)

    def shadow(self, x, y, wide):
        """The soft shadow cast by a thing of this width that stands at x, y."""
        x -= self.sun * wide * 0.4
        dark = self.lit(self.art[_pixels(np.array([[x, y]]) * SKETCH)][0, :3], -0.45)
        self.lay(self.ring(x, y, wide * 0.7, wide * 0.1), dark, dark, soft=0.025)

    def touch(self, points, colour, width):
        """A last stroke along the points, `width` wide in units of the picture; a single point makes a dab."""
        self.touches.append((np.array([*points, points[-1]]), np.clip(colour, 0, 255), width))

    def dabs(self, x, y, spread, colours, count, width, slant=(0.0, 0.0)):
        """Scatter small touches around x, y, larger towards the foreground, each leaning to the colour beneath it."""
        spots = self.rng.uniform(-1, 1, (count, 2)) * spread + (x, y)
        beneath = self.art[_pixels(spots * SKETCH)][:, :3]
        wanted = np.array(colours)[self.rng.integers(len(colours), size=count)]
        tones = _mix(beneath, wanted, self.rng.uniform(0.4, 0.9, (count, 1)))
        nearness = 0.4 + 0.8 * spots[:, 1:].clip(0, 1)
        reaches = self.rng.uniform(0.5, 1.5, (count, 1)) * nearness * slant
        for spot, reach, tone, near in zip(spots, reaches, tones, nearness[:, 0], strict=True):
            self.touch((spot - reach, spot + reach), tone, width * near)

    def ring(self, x, y, wide, high, rough=0.0):
        """An outline round x, y: an ellipse, or a blob."""
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        bulges = np.sin(turn * self.rng.integers(2, 5) + self.rng.uniform(0, 6))
        radius = 1 + rough * (bulges + self.rng.uniform(-1, 1, 24))
        return np.column_stack([x + wide * radius * np.cos(turn), y + high * radius * np.sin(turn)])

    def ridge(self, y, rough):
        """The outline of land whose skyline wanders about the height y."""
        x = np.linspace(-0.2, 1.2, 8)
        skyline = y + rough * (self.rng.normal(0, 0.5, 8) + self.rng.uniform(-1, 1) * (x - 0.5) * 2)
        return np.vstack([_smooth(np.column_stack([x, skyline]))[:-8], [(1.1, 1.2), (-0.2, 1.2)]])


def _smooth(points):
    """Cut the corners of a closed outline twice (Chaikin): few points make a curve."""
    for _ in range(2):
        after = np.roll(points, -1, 0)
        points = np.stack([_mix(points, after, 0.25), _mix(points, after, 0.75)], 1).reshape(-1, 2)
    return points


def _box(left, top, right, bottom):
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


_ALL = _box(-0.1, -0.1, 1.1, 1.1)
_HOUSE = """
gable .3 90 sharp 50 0 50 -60 68 -96 86 -60 86 0
wall .3 90 sharp -50 0 -50 -60 50 -60 50 0
tile .5 90 sharp 0 -115 13 -115 13 -80 0 -80
tile .4 75 sharp -56 -57 -36 -97 69 -97 51 -57
pane .2 90 sharp -36 -45 -22 -45 -22 -20 -36 -20
pane .2 90 sharp -7 -42 9 -42 9 0 -7 0
pane .2 90 sharp 24 -45 38 -45 38 -20 24 -20
"""
_BOAT = """
cloth .4 75 sharp 3 -140 52 -20 3 -20
cloth .8 75 sharp -1 -130 -38 -20 -1 -20
hull .8 0 smooth -60 -18 60 -22 42 9 -42 9
"""
_STROLLER = """
dress .6 90 smooth -5 -60 5 -60 12 -45 23 1 -23 1 -12 -45
dress .5 90 half 0 -84 6 -82 9 -68 6 -54 0 -52
skin .4 round half 0 -98 6 -96 6 -84 0 -80
straw .5 0 half 0 -105 6 -103 14 -94 0 -90
"""
_PARASOL = "cloth .8 round smooth -22 -96 -14 -116 12 -124 38 -114 48 -96 12 -102"
_CLIFF = """
stone .7 80 smooth -70 -22 -12 -20 0 -14 4 -4 22 4 -70 10
leaf .6 10 smooth -70 -26 -8 -23 2 -15 -20 -17 -70 -16
"""
_VESSELS = (
    "glaze .95 90 half 0 -100 12 -100 11 -72 24 -58 24 0 0 2",
    "glaze .95 90 half 0 -75 20 -76 16 -60 38 -38 30 0 0 3",
    "glaze .95 90 half 0 -80 26 -82 20 -62 30 -42 24 -12 28 0 0 3",
)
_BOWL = "glaze .8 0 half 0 -4 52 -6 44 20 20 28 0 29"


# The subjects. Each draws on a sketch `s`, far things first; `base` is the height at which a thing stands, and all
# lengths and places are in units of the picture.
def _sky(s, horizon):
    rng = s.rng
    s.lay(_box(-0.1, -0.1, 1.1, horizon + 0.1), s.low, s.high, (rng.normal(0, 0.3), -1), rng.normal(0, 0.3), 0.15)
    if rng.random() < 0.35:
        x, y, size = 0.5 + s.sun * rng.uniform(0.05, 0.4), horizon * rng.uniform(0.2, 0.9), rng.uniform(0.03, 0.06)
        s.lay(s.ring(x, y, 4 * size, 3 * size), s.glow, s.glow, flow=None, soft=0.16)
        s.lay(s.ring(x, y, size, size), _WHITE, s.glow, flow=None)
    for x, y in rng.uniform((0, 0), (1, horizon * 0.8), (rng.integers(0, 6), 2)):
        for size in rng.uniform(0.05, 0.17, rng.integers(2, 5)):
            puff = s.ring(x + rng.normal(0, 0.1), y + rng.normal(0, 0.02), size, size * 0.4, 0.1)
            shade, light = _mix(s.high, s.low, 0.6) * 0.92, _mix(s.glow, _WHITE, 0.6)
            s.lay(puff, shade, light, (0.4 * s.sun, -0.9), None, 0.3, 0.05)


def _ground(s, horizon):
    """Land from the horizon down: hills, fields one behind the other, perhaps a path."""
    rng = s.rng
    for y in np.sort(rng.uniform(horizon - 0.16, horizon, rng.integers(0, 4))):
        s.form(s.ridge(y, 0.07), _mix(s.far, s.leaf, rng.uniform(0, 0.3)), 0.4, rng.normal(0, 0.4), 0.4)
    s.form(s.ridge(horizon, 0.01), _mix(s.field, s.low, 0.15), 0.4, 0.05, 0.4)
    for y in np.sort(rng.uniform(horizon + 0.04, 0.95, rng.integers(1, 4))):
        s.form(s.ridge(y, 0.06), _mix(s.field, s.leaf, rng.uniform(0, 0.7)), 0.6, rng.normal(0, 0.4), 0.6)
    if rng.random() < 0.5:
        depth = np.linspace(0, 1, 9)
        middle = _mix(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), depth) + rng.normal(0, 0.1) * np.sin(depth * 5)
        y, half = _mix(1.05, horizon + 0.01, depth**0.6), rng.uniform(0.12, 0.3) * (1.03 - depth) ** 1.5
        s.form(np.vstack([np.column_stack([middle - half, y]), np.column_stack([middle + half, y])[::-1]]),
               _mix(s.earth, s.glow, 0.25), 0.4, 0.1, 0.4)


def _tree(s, x, base, high):
    rng = s.rng
    wide, lean = high * s.pick(0.16, 0.38, 0.5), rng.normal(0, 0.04) * high
    colour = _mix(s.leaf, s.field, rng.uniform(0, 0.35))
    s.shadow(x, base, wide * 2)
    trunk = np.array([(-0.05, 0), (0, -0.8), (0.03, -0.5), (0.05, 0)]) * high + (x, base)
    s.form(trunk, s.lit(s.earth, -0.5), 0.5, np.pi / 2)
    x += lean
    for up in np.sort(rng.uniform(0.3, 0.9, 9))[::-1]:
        clump = s.ring(x + rng.normal(0, wide * 0.35), base - high * up, wide * (0.8 - up * 0.45), high * 0.16, 0.08)
        s.form(clump, colour + rng.normal(0, 9, 3), 0.7, None, 0.4)
    leaves = (colour * 0.6, s.lit(colour, 0.6))
    s.dabs(x, base - high * 0.6, (wide * 0.8, high * 0.3), leaves, int(90 * high), 0.014, (0.003, 0.004))


def _house(s, x, base, wide):
    wall = _mix(s.glow, _WHITE, s.rng.uniform(0, 0.7)) * 0.93
    tile = _mix(s.earth, np.array([186, 84, 54]), s.rng.uniform(0.2, 0.9))
    s.shadow(x, base, wide)
    s.stamp(_HOUSE, x, base, wide, -s.sun, wall=wall, gable=s.lit(wall, -0.5), tile=tile, pane=s.lit(s.high, -0.6))


def _stroller(s, x, base, high):
    s.shadow(x, base, high * 0.5)
    dress, straw = s.pick(_WHITE, s.flower, s.high, s.far), _mix(s.earth, s.glow, 0.6)
    s.stamp(_STROLLER, x, base, high, dress=dress, skin=_SKINS[1], straw=straw)
    if s.rng.random() < 0.6:
        s.stamp(_PARASOL, x, base, high, s.pick(-1, 1), cloth=s.pick(_WHITE, s.flower, s.glow))


def _populate(s, top, things):
    """Set up to three of some things on the ground below `top`, the far ones first and smaller."""
    spots = []
    for draw, size, chance in things:
        for _ in range(s.rng.integers(1, 4) if s.rng.random() < chance else 0):
            depth = s.rng.uniform(0, 0.85) ** 1.5
            spots.append((_mix(top, 1, depth) + 0.02, s.rng.uniform(0, 1), draw, size * (0.35 + 1.3 * depth)))
    for base, x, draw, size in sorted(spots, key=lambda spot: spot[0]):
        draw(s, x, base, size * s.rng.uniform(0.8, 1.25))


def _country(s):
    horizon = s.rng.uniform(0.25, 0.68)
    _sky(s, horizon)
    _ground(s, horizon)
    _populate(s, horizon, ((_house, 0.2, 0.5), (_tree, 0.4, 0.9), (_tree, 0.5, 0.6), (_stroller, 0.3, 0.4)))
    for colour in (s.flower, _WHITE, _mix(s.flower, s.glow, 0.7))[: s.rng.integers(0, 4)]:
        x, y = s.rng.uniform(0.1, 0.9), s.rng.uniform(_mix(horizon, 1, 0.5), 1)
        s.dabs(x, y, (s.rng.uniform(0.2, 0.6), (1 - horizon) * 0.3), (colour, s.lit(colour, -0.3)), 70, 0.017)


def _shore(s):
    """A river that mirrors its far bank, or the open sea; boats, cliffs, a beach or bank in front."""
    rng = s.rng
    sea, line = rng.random() < 0.35, rng.uniform(0.28, 0.6)
    water = _mix(s.high, s.leaf, rng.uniform(0, 0.35)) * 0.85
    _sky(s, line)
    if not sea:
        s.form(s.ridge(line - rng.uniform(0.02, 0.14), 0.05), s.far, 0.4, rng.normal(0, 0.4), 0.4)
        s.form(s.ridge(line - 0.025, 0.012), _mix(s.leaf, s.field, rng.uniform(0, 1)), 0.5, 0.0, 0.5)
        for draw, size, most in ((_house, 0.14, 4), (_tree, 0.26, 8)):
            for x in rng.uniform(0, 1, rng.integers(0, most)):
                draw(s, x, line, size * rng.uniform(0.5, 1.3))
    first = int(line * SKETCH)
    rows = np.arange(SKETCH - first)
    mirrored = (first - 1 - rows + rng.integers(-1, 2, len(rows))).clip(0)
    wobble = (np.arange(SKETCH) + (rng.normal(0, 0.06, len(rows)) * rows).astype(int)[:, None]).clip(0, SKETCH - 1)
    mirror = s.art[mirrored[:, None], wobble]
    s.lay(_box(-0.1, line, 1.1, 1.1), s.lit(water, -0.2), _mix(water, s.low, rng.uniform(0.1, 0.6)), (0, -1), 0.0, 0.4)
    clear = 0.2 if sea else rng.uniform(0.3, 0.8)
    s.art[first:, :, :3] = _mix(s.art[first:, :, :3].astype(float), mirror[..., :3], clear).clip(0, 255)
    glints, many = (s.low, s.glow, s.lit(water, -0.5)), rng.integers(20, 120)
    s.dabs(rng.uniform(0, 1), (1 + line) / 2, (0.7, (1 - line) / 2), glints, many, 0.008, (0.02, 0.001))
    side = s.pick(-1, 1)
    for reach in np.sort(rng.uniform(0.1, 0.5, rng.integers(0, 4) if sea else 0)):
        s.stamp(_CLIFF, 0.5 - side * (0.6 - reach), line + 0.06 * (1 - reach), rng.uniform(0.5, 1.2), side,
                stone=_mix(s.earth, s.far, reach * 1.5))
    for y in np.sort(rng.uniform(line + 0.03, 0.85, rng.integers(0, 5))):
        x, wide, cloth = rng.uniform(0.1, 0.9), 0.05 + 0.35 * (y - line), _mix(_WHITE, s.flower, s.pick(0, 0, 0.7))
        s.lay([(x - wide * 0.4, y), (x + wide * 0.5, y), (x, y + wide * 1.2)], s.lit(water, -0.2), cloth, soft=0.02)
        s.stamp(_BOAT, x, y, wide, side, cloth=cloth, hull=s.pick(s.earth * 0.6, s.flower * 0.8, _WHITE))
    if rng.random() < 0.6:
        land = _mix(s.earth, s.glow, 0.4) if sea else s.field
        bank = np.array([(0.7, 0.7), (0.1, 0.88), (-0.8, 0.97), (-0.8, 1.5), (0.7, 1.5)]) * (side, 1) + (0.5, 0)
        s.form(_smooth(bank), land, 0.5, 0.2 * side, 0.5)
        draw, size = s.pick((_stroller, 0.25), (_tree, 0.6)) if not sea else (_stroller, 0.22)
        draw(s, 0.5 + side * rng.uniform(0.2, 0.4), 0.93, size * rng.uniform(0.8, 1.3))


def _woods(s):
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
    for depth in np.sort(rng.uniform(0, 1, rng.integers(4, 11))):
        x = goal + s.pick(-1, 1) * (0.08 + 0.5 * depth * rng.uniform(0.7, 1.3))
        base, half, lean = _mix(horizon, 0.98, depth) + 0.02, 0.008 + 0.03 * depth, rng.normal(0, 0.06)
        bark = _mix(s.earth, s.far, 0.5 * (1 - depth)) * rng.uniform(0.4, 0.8)
        trunk = [(x - half * 1.5, base), (x - half + lean, -0.1), (x + half + lean, -0.1), (x + half * 1.5, base)]
        s.form(trunk, bark, 0.7, np.pi / 2 - lean, 0.3)
        crown = s.ring(x + lean, 0.15 - 0.15 * depth, 0.12 + 0.2 * depth, 0.12 + 0.1 * depth, 0.1)
        s.form(crown, _mix(s.leaf, s.field, rng.uniform(0, 0.6)), 0.7, None, 0.6)
    s.dabs(0.5, 0.18, (0.55, 0.2), (s.leaf * 0.5, s.field, s.lit(s.leaf, 0.7)), 150, 0.02, (0.004, 0.005))
    s.dabs(goal, 0.8, (0.5, 0.2), (s.glow, s.lit(s.earth, 0.5)), 40, 0.013, (0.015, 0.0))
    _populate(s, horizon, ((_stroller, 0.3, 0.5),))


_FRUIT = _colours("d63c28 ec922c e2be46 96a43c eca878 603254")[0]


def _fruit(s, x, y, size, colour):
    s.form(s.ring(x, y, size, size * 0.95, 0.012), colour + s.rng.normal(0, 10, 3), 0.85)
    s.touch([(x + s.sun * size * 0.4, y - size * 0.45)], s.lit(colour, 0.9), size * 0.25)


def _bouquet(s, x, y):
    rng, spread = s.rng, s.rng.uniform(0.2, 0.29)
    s.form(s.ring(x, y, spread, spread * 0.9, 0.1), s.lit(s.leaf, -0.3), 0.7, None, 0.8)
    blooms = (s.flower, _WHITE, s.lit(s.flower, 0.5), s.pick(*_FRUIT), s.low)[: rng.integers(2, 6)]
    for turn, far in rng.uniform((0, 0), (2 * np.pi, 1), (rng.integers(10, 28), 2)):
        size, colour, reach = rng.uniform(0.03, 0.065), s.pick(*blooms), spread * far**0.5
        centre = (x + reach * np.cos(turn), y + 0.9 * reach * np.sin(turn))
        s.form(s.ring(*centre, size, size * 0.9, 0.06), colour, 0.8)
        s.touch(s.ring(*centre, size * 0.5, size * 0.5)[: rng.integers(5, 16)], s.lit(colour, -0.5), 0.008)


def _still_life(s):
    """A table with fruit, and with a bouquet, a bowl or vessels."""
    rng = s.rng
    edge, tilt, middle = rng.uniform(0.48, 0.68), rng.normal(0, 0.03), rng.uniform(0.35, 0.65)
    size, fruit = rng.uniform(0.05, 0.075), rng.permutation(_FRUIT)[:3]
    glazes = (s.high, s.leaf, s.flower, _WHITE, s.earth)
    s.form(_ALL, s.pick(s.far, s.leaf, s.earth, s.high, s.flower) * 0.7, 0.7, rng.uniform(0.8, 2.3), 0.6)
    curtain, fold = s.pick(s.flower, s.leaf, s.high) * 0.8, s.pick(0.0, 0.8)
    for x in np.arange(fold, fold + 0.25, 0.06) if rng.random() < 0.4 else ():
        s.form(_box(x, -0.1, x + 0.06, 1), curtain, 0.7, np.pi / 2)
    cloth = s.pick(_WHITE, s.earth, s.field, _mix(s.high, _WHITE, 0.6))
    s.form([(-0.1, edge - tilt), (1.1, edge + tilt), (1.1, 1.1), (-0.1, 1.1)], cloth, 0.5, tilt * 2, 0.4)
    bouquet = rng.random() < 0.5
    for x in (middle,) if bouquet else rng.uniform(0.08, 0.92, rng.integers(0, 4)):
        base = edge + rng.uniform(0.05, 0.2)
        s.shadow(x, base, 0.25)
        s.stamp(s.pick(*_VESSELS[bouquet:]), x, base, rng.uniform(0.38, 0.55), glaze=s.pick(*glazes))
        if bouquet:
            _bouquet(s, x, base - 0.48)
    if not bouquet and rng.random() < 0.7:
        s.shadow(middle, edge + 0.28, 0.35)
        for count, up in ((4, 0), (3, 1.2), (1, 2.3)):
            for k in range(count):
                _fruit(s, middle + size * 1.6 * (k - (count - 1) / 2), edge + 0.14 - size * up, size, s.pick(*fruit))
        s.stamp(_BOWL, middle, edge + 0.14, 0.5, glaze=s.pick(*glazes))
    for y in np.sort(rng.uniform(edge + 0.14, 0.95, rng.integers(1, 9))):
        x = rng.uniform(0.06, 0.94)
        s.shadow(x, y + size * 0.8, size * 2)
        _fruit(s, x, y, size, s.pick(*fruit))


_SCENES = (_country, _country, _shore, _shore, _woods, _still_life)  # a name twice is twice as frequent
_SKINS = _colours("f0c8ac e4b290 cc946e a06a4a 704834")[0]
_HAIRS = _colours("2e201e 563624 88522c be8c4c ac4a24 a8a098")[0]
_CLOTHS = _colours("2c3a68 a4302c eae2d2 466854 28242c 7696be d496a0 804e74 c8984c")[0]
# Everything of a portrait lies round the middle line x = 0, y from the top, in hundredths of the picture.
_BACK_HAIR = (
    "hair .6 90 half 0 13 17 16 24 36 23 60 26 88 6 92",
    "hair .6 round half 0 13 18 16 25 38 25 60 17 69 0 60",
    "hair .6 round half 0 4 7 5 8 14 6 19 0 20\nhair .6 round half 0 14 17 17 21 36 18 50 0 50",
    "hair .6 round half 0 15 16 18 20 34 17 47 0 50",
)
_BUST = """
cloth .7 90 half 0 74 11 75 30 80 43 90 46 115 0 120
skin .6 90 half 0 60 8.5 60 8.5 72 13 79 0 84
"""
_NECKLINES = (
    "skin .4 20 half 0 76 10 75 18 77 12 90 0 92",
    "white .4 90 half 0 70 10 70 7 84 3 98 0 98\ntie .6 90 half 0 79 3 80 2 86 3 105 0 105\n"
    "dark .6 70 smooth 9 72 19 79 3 108 1 104\ndark .6 110 smooth -9 72 -19 79 -3 108 -1 104",
    "trim .6 0 half 0 69 9 68 11 77 0 79\ntrim .7 90 half 0 79 4 80 6 95 2 98 0 96",
    "trim .7 120 smooth 9 71 20 77 14 92 -4 105 -3 90\ntrim .7 60 smooth -9 71 -20 77 -14 92 4 105 3 90",
)
_HEAD = """
skin .6 90 half 14 40 18 40 18 50 14 52
skin .55 round half 0 20 12 21 17 31 16.5 46 14 58 7.5 66.5 0 68
"""
_FRONT_HAIR = (
    "hair .7 round smooth -17 44 -19 28 -12 16 0 13 12 16 19 28 17 44 15 34 11 29 4 24 -11 30 -15 34",
    "hair .7 round smooth -17 44 -19 28 -12 16 0 13 12 16 19 28 17 44 15 34 12 33 0 31 -12 33 -15 34",
    "hair .7 round smooth -17 42 -19 28 -12 16 0 13 12 16 19 28 17 42 15 32 9 24 0 20 -9 24 -15 32",
)
_LOCKS = """
hair .7 80 smooth 15 30 19 32 24 60 24 88 14 92 16 62
hair .7 100 smooth -15 30 -19 32 -24 60 -24 88 -14 92 -16 62
"""
_BEARD = "hair .5 90 half 0 61 6 61 7 55 11 55 16 46 15 60 9 71 0 75"
_HATS = (
    "hat .6 0 half 0 18 20 19 36 23 20 28 0 28\nhat .6 0 half 0 6 14 8 16 22 0 24\n"
    "band .6 0 half 0 17 16 17 17 23 0 25",
    "hat .7 round smooth -20 24 -24 14 -6 6 20 9 26 20 17 27 0 23",
    "hat .7 round half 0 4 18 8 26 26 21 36 16 24 0 18\nband .6 0 half 0 16 17 20 21 28 17 26 0 20",
    "flower .7 round smooth 8 15 16 12 21 18 17 25 9 22\nflower .7 round smooth 16 22 21 21 23 28 17 32 14 27",
)
_IRISES = _colours("426080 543e28 4e6442 2c201c")[0]
_BLUSH, _ROUGE = _colours("d6544c be3234")[0]
_BROW = np.array([(-0.024, 0.004), (0.012, -0.008), (0.05, 0.004)])
_EYE = np.array([(-0.037, 0.004), (-0.015, -0.018), (0.015, -0.018), (0.037, 0.002), (0.015, 0.014), (-0.015, 0.014)])


def _portrait(s):
    """A head and shoulders, always at the same place: eyes at x = 0.42 and 0.58, y = 0.43; mouth at y = 0.575."""
    rng = s.rng
    wall, cloth, hat, band = s.pick(s.far, s.leaf, s.earth, s.high, s.flower, s.field), *rng.choice(_CLOTHS, 3)
    s.form(_ALL, wall * rng.uniform(0.5, 1), 0.6, rng.uniform(0.6, 2.5), 0.55)
    if rng.random() < 0.3:
        for x in np.arange(rng.uniform(-0.1, 0), 1, 0.11):
            s.lay(_box(x, -0.1, x + 0.055, 1.1), s.lit(wall, -0.5), s.lit(wall, -0.2), flow=np.pi / 2, soft=0.03)
    skin, hair = _mix(s.pick(*_SKINS), s.pick(*_SKINS), 0.3), s.pick(*_HAIRS) + rng.normal(0, 7, 3)
    colours = {"skin": skin, "hair": hair, "cloth": cloth, "dark": s.lit(cloth, -0.3), "white": _WHITE, "tie": band,
               "trim": _mix(hat, _WHITE, 0.6), "hat": s.pick(hat, s.lit(s.earth, 0.6)), "band": band}
    style = rng.integers(len(_BACK_HAIR))
    for parts in (_BACK_HAIR[style], _BUST, s.pick(*_NECKLINES), _HEAD):
        s.stamp(parts, 0.5, **colours)
    _features(s, skin, hair)
    s.stamp(s.pick(*_FRONT_HAIR), 0.5, flip=s.sun, **colours)
    if style == 0:
        s.stamp(_LOCKS, 0.5, **colours)
    elif style == 3 and rng.random() < 0.5:
        s.stamp(_BEARD, 0.5, **colours)
    if rng.random() < 0.5:
        s.stamp(s.pick(*_HATS), 0.5, flip=s.sun, **colours)


def _features(s, skin, hair):
    """Eyes, brows, nose, cheeks and mouth: the expression varies, the places do not."""
    rng, away = s.rng, -s.sun
    shade, blush, lash = s.lit(skin, -0.4), _mix(skin, _BLUSH, 0.45), _mix(hair * 0.4, s.lit(skin, -0.8), 0.5)
    rouge, iris = _mix(skin, _ROUGE, rng.uniform(0.4, 0.75)), s.pick(*_IRISES)
    smile, lift, look = rng.uniform(-0.004, 0.016), rng.normal(0, 0.004), s.pick(-0.006, 0, 0.006)
    lids = _EYE * (1, rng.uniform(0.8, 1.15))
    for side in (-1, 1):
        x, y = 0.5 + side * 0.08, 0.43
        eye = lids * (side, 1) + (x, y)
        s.lay(s.ring(0.5 + side * 0.1, 0.53, 0.04, 0.032), blush, blush, flow=0.5 * side, soft=0.04)
        s.lay(s.ring(x, y - 0.012, 0.045, 0.03), shade, shade, soft=0.025)
        s.lay(_smooth(eye), _WHITE * 0.85, _WHITE)
        for colour, width, shift in ((iris, 0.031, 0), (iris * 0.3, 0.016, 0), (_WHITE, 0.007, 0.006)):
            s.touch([(x + look + s.sun * shift, y - shift)], colour, width)
        s.touch(eye[:4] - (0, 0.002), lash, 0.009)
        s.touch(_BROW * (side, 1) + (x, y - 0.052 + lift), _mix(hair, skin, 0.2) * 0.8, 0.01)
    s.lay([(0.5 + away * 0.006, 0.43), (0.5 + away * 0.036, 0.505), (0.5, 0.515)], shade, shade, flow=1.4, soft=0.015)
    s.touch([(0.478, 0.508), (0.49, 0.516), (0.51, 0.516), (0.522, 0.508)], s.lit(skin, -0.55), 0.007)
    s.touch([(0.5 + s.sun * 0.006, 0.45), (0.5 + s.sun * 0.007, 0.49)], s.lit(skin, 0.6), 0.008)
    middle, corner = 0.58, 0.575 - smile
    mouth = np.array([(0.45, corner), (0.48, middle - 0.002), (0.5, middle), (0.52, middle - 0.002), (0.55, corner)])
    for up, colour in ((-0.013, s.lit(rouge, -0.25)), (0.017, s.lit(rouge, 0.15))):
        s.lay([*mouth, *np.add(mouth[3:0:-1], (0, up))], colour, colour)
    s.touch(mouth, s.lit(rouge, -0.7), 0.006)
    s.touch([(0.5, 0.588), (0.5 + s.sun * 0.012, 0.587)], s.lit(rouge, 0.6), 0.006)
