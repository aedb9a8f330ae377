"""Masks in flat colours: black and white, class indices, labels. Whatever is not the ground is the hole."""

from dataclasses import dataclass

import cv2
import numpy as np

from studylib.copies import Comparison, painted, parts_of

SURE = 0.25  # of two flat parts one is the hole without a question only if it covers no more of the picture
_NOISE = 8  # of 255 values: what JPEG adds to a flat colour
SOFT = 0.1  # of the range: what is nearer to the ground is the ground


@dataclass
class Reading:
    """One way to read a mask.

    Attributes:
        share: (H, W) float32, how much of each pixel belongs to the hole.
        said: which part is the hole. holes: the value of --holes that chooses this reading, or None.
    """

    share: np.ndarray
    said: str
    holes: str | None = None

    @property
    def part(self) -> float:
        """Part of the picture that is hole."""
        return float((self.share > SOFT).mean())


@dataclass
class Readings:
    """The ways to read a mask, the likeliest first.

    Attributes:
        asked: whether the user must choose. certain: whether there is no doubt, so that no preview is needed.
        doubtful: whether --holes, too, can be meant in two ways, so that it may not lose more than half of the picture.
    """

    ways: list[Reading]
    asked: bool = False
    certain: bool = True
    doubtful: bool = False


def read(pixels: np.ndarray, inside: np.ndarray, lossy: bool) -> Readings | None:
    """Read a mask in flat colours, or None where it is no such picture.

    Args:
        pixels: (H, W, 1 or 3) uint8 or uint16, without alpha. inside: (H, W) bool, the part that counts.
        lossy: whether its format changes values, so that small differences mean nothing.
    """
    depth = int(np.iinfo(pixels.dtype).max)
    if pixels.shape[2] == 3 and int(np.ptp(pixels, axis=2).max(initial=0, where=inside)) < depth * (SOFT if lossy else 0) + 1:
        pixels = pixels[..., :1] if not lossy else pixels.mean(2, keepdims=True).round().astype(pixels.dtype)
    return _grey(pixels[..., 0], inside, depth, lossy) if pixels.shape[2] == 1 else _coloured(pixels, inside, depth, lossy)


def _grey(value: np.ndarray, inside: np.ndarray, depth: int, lossy: bool) -> Readings | None:
    counts = np.bincount(value[inside], minlength=2)
    values = np.flatnonzero(counts)
    if len(values) == 0:
        return Readings([Reading(np.zeros(value.shape, np.float32), "it is empty")])
    if len(values) == 1:
        return _of_one_value(value, inside, int(values[0]), depth)
    low, high = int(values[0]), int(values[-1])
    if len(values) == 2:
        return _of_two_values(value, inside, low, high, depth)
    middle = inside & (value > low) & (value < high)
    few = len(values) <= 256 and not lossy
    if few and _blocks(value, middle) > 0.6:
        return _labels(value[..., None], inside, depth)
    share = value.astype(np.float32) / depth
    if not is_solid(share[inside]):
        return None
    if high <= SOFT * depth and not lossy:  # small numbers, one here and one there: thin lines of classes, or dark noise
        return _labels(value[..., None], inside, depth) if len(values) <= 9 and low == 0 else None
    if np.mean((share[inside] > SOFT) & (share[inside] < 1 - SOFT)) > 0.3:
        return None
    return _soft(value, share, inside, lossy)


def is_solid(values: np.ndarray) -> bool:
    """Whether most of a picture's tones, (N,) in 0 to 1, are one or two values but for a JPEG's noise."""
    bins = np.bincount((values * 255).round().astype(np.int32), minlength=256)
    solid = 0.0
    for part in (slice(0, 128), slice(128, 256)):
        most = int(bins[part].argmax()) + part.start
        solid += bins[max(part.start, most - _NOISE):min(part.stop, most + _NOISE + 1)].sum()
    return bool(solid > 0.6 * len(values))


def _of_one_value(value: np.ndarray, inside: np.ndarray, only: int, depth: int) -> Readings:
    """Nothing is a hole, or everything."""
    whole = inside.astype(np.float32)
    if only == 0:
        return Readings([Reading(0 * whole, "white is the hole, and there is none", "white"),
                         Reading(whole, "black is the hole", "black")])
    name = "white" if only == depth else f"the value {only}"
    ways = [Reading(whole, f"{name} all over, and everything is the hole", "white"), Reading(0 * whole, "nothing is", "black")]
    return Readings(ways, asked=True, certain=False)


def _of_two_values(value: np.ndarray, inside: np.ndarray, low: int, high: int, depth: int) -> Readings:
    """Black and white, 0 and 1, or any other two."""
    light, dark = ((value == number) & inside for number in (high, low))
    plain = (low <= SOFT * depth and high >= (1 - SOFT) * depth) or (low, high) == (0, 1)
    names = ("white", "black") if plain else (f"the value {high}", f"the value {low}")
    ways = [Reading(light.astype(np.float32), f"{names[0]} is the hole", "white"),
            Reading(dark.astype(np.float32), f"{names[1]} is the hole", "black")]
    return _smaller(ways, inside, ground=low == 0, plain=plain)


def _smaller(ways: list[Reading], inside: np.ndarray, ground: bool, plain: bool) -> Readings:
    """Of two parts the smaller is the hole, where that is plain enough.

    ground: whether the first reading's ground is black, the ground of class indices. plain: black and white.
    """
    parts = [way.part * inside.size / max(1, inside.sum()) for way in ways]
    if ground and not plain:  # one class on 0
        return Readings(ways if parts[0] <= 0.5 else ways[::-1], asked=parts[0] > 0.5, certain=parts[0] <= SURE)
    ways = ways if parts[0] <= parts[1] else ways[::-1]
    if min(parts) <= SURE and (plain or ground):
        ways[0].said += " (the smaller part)"
        return Readings(ways)
    return Readings(ways, asked=True, certain=False)


def _soft(value: np.ndarray, share: np.ndarray, inside: np.ndarray, lossy: bool) -> Readings | None:
    """Black and white with soft edges, or with a JPEG's noise."""
    mean, top, bottom = share[inside].mean(), share[inside].max(), share[inside].min()
    white = Reading(np.where(inside, share, 0), "white is the hole", "white")
    black = Reading(np.where(inside, 1 - share, 0), "black is the hole", "black")
    if bottom > SOFT and top < 1 - SOFT:
        return None
    if bottom > SOFT or top < 1 - SOFT:  # faint strokes on black, or on white
        way = white if bottom <= SOFT else black
        return Readings([way], certain=way.part <= SURE)
    if not lossy and (faint := _faint(value, share, inside)) is not None:
        every = Reading(faint.astype(np.float32), "everything that is not black is the hole", "white")
        white.said, white.holes = "all that is brighter than a tenth of white is the hole", None
        return Readings([white, every], asked=True, certain=False)
    white.share, black.share = _clear(white.share, lossy), _clear(black.share, lossy)
    found = _smaller([white, black], inside, ground=True, plain=True)
    # Soft edges belong to the hole, not to its share: a fine net of cracks is mostly edge.
    found.asked = min(mean, 1 - mean) > SURE
    return found


def _clear(share: np.ndarray, lossy: bool) -> np.ndarray:
    """Without the faint specks that JPEG leaves about what was drawn: (H, W) float32, as the share that is given.

    lossy: whether it is a JPEG still, so that they may be large.
    """
    found = share > SOFT
    kept = parts_of(found, share > 0.5 * share.max())
    return np.where(kept if lossy else kept | parts_of(found, found, least=8), share, 0)


def _faint(value: np.ndarray, share: np.ndarray, inside: np.ndarray) -> np.ndarray | None:
    """What is not black, if much of it is faint and far from all that is not: small class indices beside a large one."""
    clear = share > SOFT
    far = cv2.distanceTransform((~clear).astype(np.uint8), cv2.DIST_L2, 3) > 16
    far &= (value > 0) & inside
    return (value > 0) & inside if 2e-4 * inside.sum() + 4 < far.sum() < inside.sum() / 2 else None  # more is a noisy ground


def _blocks(value: np.ndarray, where: np.ndarray) -> float:
    """Of the pixels in (H, W) `where` the part that lies in blocks of 2x2 equal values: labels do, soft edges do not."""
    if not where.any():
        return 0.0
    return float(_flat(value[..., None])[where].mean())


def _flat(pixels: np.ndarray, near: int = 0) -> np.ndarray:
    """(H, W) bool: pixels (H, W, C) in a block of 2x2 that differ by `near` at most."""
    kernel = np.ones((2, 2), np.uint8)
    planes = np.ascontiguousarray(pixels if pixels.dtype in (np.uint8, np.uint16) else pixels.astype(np.float32))
    apart = (cv2.dilate(planes, kernel).astype(np.int32) - cv2.erode(planes, kernel)).reshape(*pixels.shape[:2], -1).max(2)
    corner = (apart <= near).astype(np.uint8)  # the block's last pixel
    return cv2.dilate(corner, kernel, anchor=(0, 0)) > 0


def _counts(pixels: np.ndarray, depth: int, where: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The codes of a picture's colours, (H, W), of which black is 0; the different ones, ascending; how often each is there."""
    codes = np.zeros(pixels.shape[:2], np.int64 if depth > 255 else np.int32)
    for channel in range(pixels.shape[2]):
        codes = codes * (depth + 1) + pixels[..., channel]
    seen = codes.ravel() if where is None else codes[where]
    if depth > 255 and pixels.shape[2] > 1:
        return codes, *np.unique(seen, return_counts=True)
    counts = np.bincount(seen)
    return codes, np.flatnonzero(counts), counts[counts > 0]


def sample(pixels: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Some 100,000 of a picture's pixels, (N, C), where (H, W) `where` holds."""
    places = np.flatnonzero(where)
    if len(places) > 100_000:
        places = np.random.default_rng(0).choice(places, 100_000)
    return pixels.reshape(-1, pixels.shape[2])[places]


def _labels(pixels: np.ndarray, inside: np.ndarray, depth: int) -> Readings:
    """Few exact colours: all that is not the ground is the hole. The ground is black where there is black."""
    codes, colours, counts = _counts(pixels, depth, inside)
    flat = _flat(pixels)
    _, solid, _ = _counts(pixels, depth, inside & flat)
    white, most = (depth + 1) ** pixels.shape[2] - 1, int(colours[counts.argmax()])
    total = counts.sum()
    samples = np.stack([colours // (depth + 1) ** place % (depth + 1) for place in reversed(range(pixels.shape[2]))], axis=1)

    def every_but(ground: int, holes: str | None) -> Reading:
        number = max(1, int((solid != ground).sum()))
        colour = samples[np.searchsorted(colours, ground)]
        name = {0: "black", white: "white"}.get(ground, f"ground of {_name(colour)}")
        return Reading(((codes != ground) & inside).astype(np.float32),
                       f"{number} label{'s' * (number != 1)} on {name}, all of {'them' if number > 1 else 'it'} hole", holes)

    ways = []
    if colours[0] == 0:
        ways.append(every_but(0, "white"))
        if counts[0] >= total / 2:
            return Readings(ways)
    if colours[-1] == white:
        ways.append(every_but(white, "black"))
    if most not in (0, white):
        ways.append(every_but(most, None))
    if len(ways) == 1:
        ground = int(most) if most not in (0, white) else (0 if colours[0] == 0 else white)
        other = Reading(((codes == ground) & inside).astype(np.float32), "the ground itself is the hole",
                        None if ways[0].holes is None else {"white": "black", "black": "white"}[ways[0].holes])
        ground_colour = samples[counts.argmax()].astype(np.int64)
        strong = len(colours) > 1 and np.sort(np.abs(samples.astype(np.int64) - ground_colour).max(1))[1] > depth / 4
        if counts.max() >= (1 - SURE) * total and strong and len(colours) <= 16 and flat[inside].mean() > 0.9:
            return Readings([*ways, other], certain=False)
        ways.append(other)
    return Readings(sorted(ways, key=lambda way: way.part), asked=True, certain=False)


def _name(colour: np.ndarray) -> str:
    return f"the value {colour[0]}" if len(colour) == 1 else f"the colour {tuple(map(int, colour))}"


def _coloured(pixels: np.ndarray, inside: np.ndarray, depth: int, lossy: bool) -> Readings | None:
    """Labels in colours, exact or with soft edges and noise."""
    few = not lossy and len(np.unique(sample(pixels, inside), axis=0)) <= 32
    if few and len(_counts(pixels, depth, inside)[1]) <= 32 and _flat(pixels)[inside].mean() > 0.6:
        return _labels(pixels, inside, depth)
    small = pixels if depth == 255 else np.round(pixels / 257).astype(np.uint8)
    grounds = _grounds(small, inside)
    if not grounds or grounds[0][1] < 0.5:
        return None
    ways = []
    dark = [ground for ground in grounds[1:] if ground[0].max() <= 255 * SOFT < grounds[0][0].max()]
    for colour, _ in grounds[:1] + dark:
        base = np.broadcast_to(colour.astype(np.uint8), small.shape)
        seen = Comparison(small, np.ascontiguousarray(base), inside, True, False, False, False, lossy)
        found = painted(seen)
        share = np.where(inside, np.abs(small.astype(np.int16) - colour.astype(np.int16)).max(2) / 255, 0).astype(np.float32)
        if found.unexplained > (0.35 if lossy else 0.1) * (share > SOFT).mean():
            return None
        share = _clear(share, lossy)
        number = len(found.colours)
        name = "black" if colour.max() <= 255 * SOFT else "white" if colour.min() >= 230 else f"ground of {_name(colour)}"
        ways.append(Reading(share, f"{number} label{'s' * (number != 1)} on {name}, all of {'them' if number > 1 else 'it'} hole",
                            {"black": "white", "white": "black"}.get(name)))
    black = ways[0].holes == "white"
    asked = len(ways) > 1 or (ways[0].holes is None and found.solid < 0.9) or (not black and ways[0].part > SURE)
    return Readings(sorted(ways, key=lambda way: way.part), asked=asked, certain=black)


def _grounds(pixels: np.ndarray, inside: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Colours that cover at least a fiftieth of the picture each, with their parts, the largest first."""
    left, found = sample(pixels, inside), []
    total = max(1, len(left))
    while len(left) > 0.02 * total:
        bins = (left // 32).astype(np.int32) @ np.int32([64, 8, 1])
        colour = np.median(left[bins == np.bincount(bins).argmax()], axis=0)
        near = np.abs(left - colour.astype(np.float32)).max(1) <= _NOISE
        if near.sum() < 0.02 * total:
            break
        found.append((colour, float(near.sum() / total)))
        left = left[~near]
    return sorted(found, key=lambda ground: -ground[1])
