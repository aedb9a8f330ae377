"""The atelier's brush and all that its subjects draw with: the sketch, the colours, and the outlines of things.

A picture is first a `Sketch` in unit coordinates (x to the right, y down, 0 to 1): shaded forms, each with a direction
for the strokes. `render` covers it with oriented strokes, broad to fine; the sketch's deliberate touches come last.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike

CANVAS = 256  # pixels a side of the painted canvas
SKETCH = 128  # pixels a side of the sketch: strokes blur it anyway, and small is fast

# Strokes' width, length and spacing in canvas pixels, their colour jitter in grey levels, and the error (0 to 255) from
# which one is worth laying: the first layer covers everything, the last ones only correct.
_LAYERS = ((20, 50, 17, 11, -1), (10, 28, 9, 10, 7), (5, 15, 5.5, 8, 9), (3, 8, 3.4, 5, 10))


def render(sketch: "Sketch") -> np.ndarray:
    """Paint a sketch: (CANVAS, CANVAS, 3) uint8. The canvas's fourth channel is the height of the paint."""
    canvas = cv2.resize(cv2.GaussianBlur(sketch.art, (0, 0), 6), (CANVAS, CANVAS))
    angles = _directions(sketch.art)
    for path, tone, width in _strokes(sketch, canvas, angles):
        cv2.polylines(canvas, [path], False, tone, width, cv2.LINE_8, 3)
    return _finish(canvas, angles, sketch.rng)


def _strokes(sketch: "Sketch", canvas: np.ndarray, angles: np.ndarray):
    """Yield each layer's strokes, chosen by what the canvas lacks when the layer begins; then the touches."""
    rng, scale = sketch.rng, CANVAS // SKETCH
    for width, length, spacing, jitter, worth in _LAYERS:
        guide = cv2.GaussianBlur(sketch.art[..., :3], (0, 0), width / scale / 4).astype(np.int16)
        seen = cv2.resize(canvas[..., :3], (SKETCH, SKETCH), interpolation=cv2.INTER_AREA)
        grid = np.mgrid[0:CANVAS:spacing, 0:CANVAS:spacing].reshape(2, -1).T
        spots = rng.permutation(grid + rng.uniform(0, spacing, grid.shape))
        spots = spots[np.abs(guide - seen).mean(-1)[_pixels(spots / scale)] > worth]
        here = _pixels(spots / scale)
        colours, aim = guide[here], _heading(angles[here] + rng.normal(0, 0.15, len(spots))) * (length / 2)
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
        yield from zip(paths, tones, widths, strict=True)
    yield from sketch.touches


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
    """Unit vectors (n, 2) at these angles."""
    return np.column_stack([np.cos(angles), np.sin(angles)])


class Sketch:
    """A composition: `art` is (SKETCH, SKETCH, 4) uint8, RGB and the strokes' direction (256 is half a turn)."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        first, second = rng.choice(_MOODS, 2, replace=False)
        mood = (mix(first, second, rng.uniform(0, 0.4)) + rng.normal(0, 7, first.shape)).clip(8, 250)
        self.high, self.low, self.far, self.leaf, self.field, self.earth, self.flower, self.glow = mood
        self.sun = self.pick(-1.0, 1.0)  # the side the light comes from
        self.art = np.zeros((SKETCH, SKETCH, 4), np.uint8)
        self.touches: list[tuple[np.ndarray, list[float], int]] = []  # path (1/8 canvas pixels), RGB and height, width
        self.mottle = sum(cv2.resize(rng.normal(0, 3 / n, (n, n)), (SKETCH, SKETCH), interpolation=cv2.INTER_CUBIC)
                          for n in (4, 9, 20))  # smooth unevenness, about -1 to 1

    def pick(self, *choices):
        """One of the choices, each as likely as the others."""
        return choices[self.rng.integers(len(choices))]

    def steps(self, low: float, high: float, least: int, below: int) -> np.ndarray:
        """At least `least` and fewer than `below` numbers between low and high, in rising order: far things first."""
        return np.sort(self.rng.uniform(low, high, self.rng.integers(least, below)))

    def lit(self, colour: np.ndarray, amount: float) -> np.ndarray:
        """A colour in more light (amount to 1: towards the warm glow) or in shade (to -1: dark and bluish)."""
        return mix(colour, self.glow, amount * 0.7) if amount > 0 else colour * (1 + amount * _SHADE)

    def lay(self, points: ArrayLike, dark: np.ndarray, light: np.ndarray | None = None, toward: ArrayLike = (0, -1),
            flow: float | None = 0.0, mottle: float = 0.0, soft: float = 0.0) -> None:
        """Fill a polygon (n, 2) with `dark`, or with a gradient from it to `light` in the direction `toward`.

        `flow` is the strokes' direction in radians, or None for round the middle; `mottle` is the share of unevenness
        in the gradient; `soft` is the width of the blurred edge.
        """
        points = np.asarray(points) * SKETCH
        low, high = points.min(0), points.max(0)
        (left, top), (right, bottom) = np.clip([low - soft * SKETCH, high + soft * SKETCH + 1], 0, SKETCH).astype(int)
        if left >= right or top >= bottom:
            return
        mask = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, [((points - (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        inside = mask > 0
        if soft:
            mask = cv2.GaussianBlur(mask, (0, 0), soft * SKETCH / 2, borderType=cv2.BORDER_REPLICATE)
        x, y = np.arange(left, right) - (low[0] + high[0]) / 2, np.arange(top, bottom)[:, None] - (low[1] + high[1]) / 2
        half = (high - low).clip(1) / 2
        cut = np.s_[top:bottom, left:right]
        share = 0.5 + 0.5 * (x / half[0] * toward[0] + y / half[1] * toward[1]) + mottle * self.mottle[cut]
        light = np.float32(dark if light is None else light)
        colour = mix(np.float32(dark), light, np.float32(share.clip(0, 1))[..., None])
        patch = self.art[cut]
        patch[..., :3] = mix(patch[..., :3], colour, mask[..., None] * np.float32(1 / 255)).clip(0, 255)
        angle = np.arctan2(y, x) + np.pi / 2 if flow is None else np.full(inside.shape, flow)
        patch[..., 3][inside] = (angle[inside] * (256 / np.pi)).astype(int) % 256

    def form(self, points: ArrayLike, colour: np.ndarray, depth: float = 0.5, flow: float | None = None,
             mottle: float = 0.12) -> None:
        """A solid form of one colour, lit from above and the sun's side; `depth` is the contrast of its shading."""
        self.lay(points, self.lit(colour, -depth), self.lit(colour, depth * 0.6), (0.7 * self.sun, -0.5), flow, mottle)

    def stamp(self, parts: str, x: float = 0.0, y: float = 0.0, scale: float = 1.0, flip: float = 1,
              **colours: np.ndarray) -> None:
        """Draw a thing from its lines "colour depth flow outline x y x y ...": flow in degrees, points in hundredths.

        Outlines are `sharp`, `smooth`, `half` (smooth and mirrored at x = 0) or `pair` (smooth, and again mirrored).
        """
        for line in parts.strip().splitlines():
            name, depth, flow, outline, *numbers = line.split()
            points = np.array(numbers, float).reshape(-1, 2) / 100
            if outline == "half":
                points = np.vstack([points, points[::-1] * (-1, 1)])
            if outline != "sharp":
                points = smooth(points)
            colour = colours[name] if name in colours else getattr(self, name)
            for side in (1, -1) if outline == "pair" else (1,):
                angle = None if flow == "round" else np.radians(float(flow) if side > 0 else 180 - float(flow))
                self.form(points * (side * flip * scale, scale) + (x, y), colour, float(depth), angle)

    def shadow(self, x: float, y: float, wide: float) -> None:
        """The soft shadow cast by a thing of this width that stands at x, y."""
        x -= self.sun * wide * 0.4
        beneath = self.art[_pixels(np.array([[x, y]]) * SKETCH)][0, :3]
        self.lay(self.ring(x, y, wide * 0.7, wide * 0.1), self.lit(beneath, -0.45), soft=0.025)

    def mirror(self, line: float) -> np.ndarray:
        """The colours that water from the height `line` down reflects: those above, upside down and rippled."""
        first = int(line * SKETCH)
        rows = np.arange(SKETCH - first)
        above = (first - 1 - rows + self.rng.integers(-1, 2, len(rows))).clip(0)
        ripple = (self.rng.normal(0, 0.06, len(rows)) * rows).astype(int)
        return self.art[above[:, None], (np.arange(SKETCH) + ripple[:, None]).clip(0, SKETCH - 1), :3]

    def touch(self, points: ArrayLike, colour: np.ndarray, width: float) -> None:
        """A last stroke along the points, `width` wide in units of the picture; a single point makes a dab."""
        path = (np.array([*points, points[-1]]) * (CANVAS * 8)).astype(np.int32)
        self.touches.append((path, [*np.clip(colour, 0, 255).tolist(), 200.0], max(1, round(width * CANVAS))))

    def dabs(self, x: float, y: float, spread: ArrayLike, colours: ArrayLike, count: int, width: float,
             slant: ArrayLike = (0.0, 0.0)) -> None:
        """Scatter small touches around x, y, larger towards the foreground, each leaning to the colour beneath it."""
        spots = self.rng.uniform(-1, 1, (count, 2)) * spread + (x, y)
        beneath = self.art[_pixels(spots * SKETCH)][:, :3]
        wanted = np.array(colours)[self.rng.integers(len(colours), size=count)]
        tones = mix(beneath, wanted, self.rng.uniform(0.4, 0.9, (count, 1)))
        nearness = 0.4 + 0.8 * spots[:, 1:].clip(0, 1)
        reaches = self.rng.uniform(0.5, 1.5, (count, 1)) * nearness * slant
        for spot, reach, tone, near in zip(spots, reaches, tones, nearness[:, 0], strict=True):
            self.touch((spot - reach, spot + reach), tone, width * near)

    def ring(self, x: float, y: float, wide: float, high: float, rough: float = 0.0) -> np.ndarray:
        """An outline round x, y: an ellipse, or a blob."""
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        bulges = np.sin(turn * self.rng.integers(2, 5) + self.rng.uniform(0, 6))
        radius = 1 + rough * (bulges + self.rng.uniform(-1, 1, 24))
        return np.column_stack([x + wide * radius * np.cos(turn), y + high * radius * np.sin(turn)])

    def ridge(self, y: float, rough: float) -> np.ndarray:
        """The outline of land whose skyline wanders about the height y."""
        x = np.linspace(-0.2, 1.2, 8)
        skyline = y + rough * (self.rng.normal(0, 0.5, 8) + self.rng.uniform(-1, 1) * (x - 0.5) * 2)
        return np.vstack([smooth(np.column_stack([x, skyline]))[:-8], [(1.1, 1.2), (-0.2, 1.2)]])


def mix(first, second, share):
    """Between the first (share 0) and the second (share 1): colours, numbers or points."""
    return first + (second - first) * share


def smooth(points: np.ndarray) -> np.ndarray:
    """Cut the corners of a closed outline twice (Chaikin): few points make a curve."""
    for _ in range(2):
        after = np.roll(points, -1, 0)
        points = np.stack([mix(points, after, 0.25), mix(points, after, 0.75)], 1).reshape(-1, 2)
    return points


def box(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The outline of a rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def palette(*rows: str) -> np.ndarray:
    """Rows of hexadecimal colours as (rows, colours, 3) floats, 0 to 255."""
    return np.array([[list(bytes.fromhex(colour)) for colour in row.split()] for row in rows], float)


# One row per mood: high sky, low sky, far hills, leaves, field, earth, flowers, light.
_MOODS = palette(
    "8197c4 f4c49a 9288b0 50683f a8964f b58560 ea8f80 ffe0a8",  # dawn
    "3f7dc4 c9e0ee 6f93b5 2f6030 8fa53a cfa869 dc3a30 fff2c4",  # noon
    "424a86 ee8748 66507c 33422f 7f6434 96553a d1462f ffb860",  # dusk
    "6d8db0 efd9a8 857a94 b8641c c8993a 9c5a2e c83c22 ffdc90",  # autumn
    "8398b0 ece4d8 98a8c0 5f5344 dde0e6 a8937f b06a58 fff0d4",  # winter
    "72acd2 e6efdc 7ba68e 215c2c 66a038 d8b080 ea5a88 ffefb8",  # garden
    "4a5868 c3bda2 52646e 2c4630 7a7c3c 8a6c48 dcae38 f0e4b8",  # storm
    "2f78b4 f6d29c b37f90 55742c d8b04a d6834a e64a22 ffe290",  # south
)
WHITE = np.array([246.0, 240, 226])
_SHADE = np.array([0.8, 0.76, 0.6])  # the share of red, green and blue that full shade takes away

# The things that `Sketch.stamp` draws.
HOUSE = """
gable .3 90 sharp 50 0 50 -60 68 -96 86 -60 86 0
wall .3 90 sharp -50 0 -50 -60 50 -60 50 0
tile .5 90 sharp 0 -115 13 -115 13 -80 0 -80
tile .4 75 sharp -56 -57 -36 -97 69 -97 51 -57
pane .2 90 sharp -36 -45 -22 -45 -22 -20 -36 -20
pane .2 90 sharp -7 -42 9 -42 9 0 -7 0
pane .2 90 sharp 24 -45 38 -45 38 -20 24 -20
"""
BOAT = """
cloth .4 75 sharp 3 -140 52 -20 3 -20
cloth .8 75 sharp -1 -130 -38 -20 -1 -20
hull .8 0 smooth -60 -18 60 -22 42 9 -42 9
"""
STROLLER = """
dress .6 90 smooth -5 -60 5 -60 12 -45 23 1 -23 1 -12 -45
dress .5 90 half 0 -84 6 -82 9 -68 6 -54 0 -52
skin .4 round half 0 -98 6 -96 6 -84 0 -80
straw .5 0 half 0 -105 6 -103 14 -94 0 -90
"""
PARASOL = "cloth .8 round smooth -22 -96 -14 -116 12 -124 38 -114 48 -96 12 -102"
CLIFF = """
stone .7 80 smooth -70 -22 -12 -20 0 -14 4 -4 22 4 -70 10
leaf .6 10 smooth -70 -26 -8 -23 2 -15 -20 -17 -70 -16
"""
VESSELS = (
    "glaze .95 90 half 0 -100 12 -100 11 -72 24 -58 24 0 0 2",
    "glaze .95 90 half 0 -75 20 -76 16 -60 38 -38 30 0 0 3",
    "glaze .95 90 half 0 -80 26 -82 20 -62 30 -42 24 -12 28 0 0 3",
)
BOWL = "glaze .8 0 half 0 -4 52 -6 44 20 20 28 0 29"
# Everything of a portrait lies round the middle line x = 0, y from the top, in hundredths of the picture.
BACK_HAIR = (
    "hair .6 90 half 0 13 17 16 24 36 23 60 26 88 6 92",
    "hair .6 round half 0 13 18 16 25 38 25 60 17 69 0 60",
    "hair .6 round half 0 4 7 5 8 14 6 19 0 20\nhair .6 round half 0 14 17 17 21 36 18 50 0 50",
    "hair .6 round half 0 15 16 18 20 34 17 47 0 50",
)
BUST = "cloth .7 90 half 0 74 11 75 30 80 43 90 46 115 0 120\nskin .6 90 half 0 60 8.5 60 8.5 72 13 79 0 84"
NECKLINES = (
    "skin .4 20 half 0 76 10 75 18 77 12 90 0 92",
    "white .4 90 half 0 70 10 70 7 84 3 98 0 98\ntie .6 90 half 0 79 3 80 2 86 3 105 0 105\n"
    "dark .6 70 pair 9 72 19 79 3 108 1 104",
    "trim .6 0 half 0 69 9 68 11 77 0 79\ntrim .7 90 half 0 79 4 80 6 95 2 98 0 96",
    "trim .7 120 pair 9 71 20 77 14 92 -4 105 -3 90",
)
HEAD = "skin .6 90 half 14 40 18 40 18 50 14 52\nskin .55 round half 0 20 12 21 17 31 16.5 46 14 58 7.5 66.5 0 68"
FRONT_HAIR = (
    "hair .7 round smooth -17 44 -19 28 -12 16 0 13 12 16 19 28 17 44 15 34 11 29 4 24 -11 30 -15 34",
    "hair .7 round smooth -17 44 -19 28 -12 16 0 13 12 16 19 28 17 44 15 34 12 33 0 31 -12 33 -15 34",
    "hair .7 round smooth -17 42 -19 28 -12 16 0 13 12 16 19 28 17 42 15 32 9 24 0 20 -9 24 -15 32",
)
LOCKS = "hair .7 80 pair 15 30 19 32 24 60 24 88 14 92 16 62"
BEARD = "hair .5 90 half 0 61 6 61 7 55 11 55 16 46 15 60 9 71 0 75"
HATS = (
    "hat .6 0 half 0 18 20 19 36 23 20 28 0 28\nhat .6 0 half 0 6 14 8 16 22 0 24\n"
    "band .6 0 half 0 17 16 17 17 23 0 25",
    "hat .7 round smooth -20 24 -24 14 -6 6 20 9 26 20 17 27 0 23",
    "hat .7 round half 0 4 18 8 26 26 21 36 16 24 0 18\nband .6 0 half 0 16 17 20 21 28 17 26 0 20",
    "flower .7 round smooth 8 15 16 12 21 18 17 25 9 22\nflower .7 round smooth 16 22 21 21 23 28 17 32 14 27",
)
