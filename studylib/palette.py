"""The colours around a loss: which there are, what they are on the mean, and what they come to in between.

Pictures are (H, W, C) uint8 or uint16; colours (N, C) in [0, 1]; holes (H, W) bool.
"""

import numpy as np

LIGHTNESS = np.array([0.299, 0.587, 0.114])  # of RGB, Rec. 601
_SAMPLES = 20_000  # known pixels that are looked at


def near(hole: np.ndarray, part: np.ndarray | None = None, reach: float | None = None) -> np.ndarray:
    """(N,) flat indices of known pixels near the holes, or a part of one, at most some 20,000 spread evenly.

    Args:
        reach: how far from there, pixels; None: 0.05 of the short side. Where nothing known is that near, all is taken.
    """
    import cv2

    reach = reach or max(3.0, 0.05 * min(hole.shape))
    away = cv2.distanceTransform((~(hole if part is None else part)).astype(np.uint8), cv2.DIST_L2, 3)
    found = (away <= reach) & ~hole
    places = np.flatnonzero(found if found.any() else ~hole)
    return places[::max(1, len(places) // _SAMPLES)]


def surroundings(picture: np.ndarray, hole: np.ndarray, part: np.ndarray | None = None, reach: float | None = None) -> np.ndarray:
    """(N, C) in [0, 1]: the known colours `near` the holes, or a part of one."""
    places = near(hole, part, reach)
    return picture.reshape(-1, picture.shape[2])[places].astype(np.float64) / np.iinfo(picture.dtype).max


def membrane(picture: np.ndarray, hole: np.ndarray, side: int = 96) -> np.ndarray:
    """(h, w, C) in [0, 1], at most `side` long: the picture small and soft, each hole spanned from its border (harmonic)."""
    import cv2
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    scale = min(1.0, side / max(hole.shape))
    size = tuple(max(1, round(length * scale)) for length in hole.shape[::-1])
    weight = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(weight, (0, 0), 1.5)
    small = []
    for channel in range(picture.shape[2]):
        values = picture[..., channel].astype(np.float32) / np.iinfo(picture.dtype).max
        values = cv2.GaussianBlur(cv2.resize(values * ~hole, size, interpolation=cv2.INTER_AREA), (0, 0), 1.5)
        small.append(values / np.maximum(soft, 1e-6))
    small, unknown = np.stack(small, 2), weight < 0.05
    if unknown.all():
        return np.broadcast_to(surroundings(picture, hole).mean(0).astype(np.float32), small.shape)
    inside = np.flatnonzero(unknown)
    number = np.full(unknown.size, -1)
    number[inside] = np.arange(len(inside))
    height, width = unknown.shape
    ys, xs = np.divmod(inside, width)
    rows, columns, degree, right = [], [], np.zeros(len(inside)), np.zeros((len(inside), small.shape[2]))
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        there = (ys + dy >= 0) & (ys + dy < height) & (xs + dx >= 0) & (xs + dx < width)
        beside = ((ys + dy) * width + xs + dx)[there]
        which, free = np.flatnonzero(there), number[beside] >= 0
        degree[which] += 1
        rows.append(which[free])
        columns.append(number[beside[free]])
        right[which[~free]] += small.reshape(-1, small.shape[2])[beside[~free]]
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    lattice = sparse.diags(degree) - sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), (len(inside),) * 2)
    small.reshape(-1, small.shape[2])[inside] = spsolve(lattice.tocsc(), right).reshape(right.shape)
    return small


def clusters(colours: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """k-means of colours, of RGB in Lab where lightness counts half: (k, C) mean colours, (N,) which is each one's."""
    import cv2

    space = colours.astype(np.float32)
    if colours.shape[1] == 3:
        space = cv2.cvtColor(space[None], cv2.COLOR_RGB2Lab)[0] * np.float32([0.5, 1, 1])
    if len(space) == 1:  # which OpenCV takes for a row of samples
        return colours.astype(np.float64), np.zeros(1, np.int64)
    count = min(count, len(space))
    main = np.linalg.svd((space - space.mean(0))[::max(1, len(space) // 2000)], full_matrices=False)[2][0]
    start = np.argsort(np.argsort(space @ main, kind="stable"), kind="stable") * count // len(space)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1e-3)
    label = cv2.kmeans(space, count, start.astype(np.int32)[:, None], stop, 1, cv2.KMEANS_USE_INITIAL_LABELS)[1][:, 0]
    label = np.unique(label, return_inverse=True)[1]
    size = np.bincount(label)
    return np.stack([np.bincount(label, channel) for channel in colours.T.astype(np.float64)], 1) / size[:, None], label


def enlarged(small: np.ndarray, window: tuple[slice, slice], shape: tuple[int, int]) -> np.ndarray:
    """(h, w, C): a window of a small picture that is enlarged to the shape."""
    import cv2

    rows, columns = window
    down, across = small.shape[0] / shape[0], small.shape[1] / shape[1]
    turn = np.float64([[across, 0, (columns.start + 0.5) * across - 0.5], [0, down, (rows.start + 0.5) * down - 0.5]])
    out = cv2.warpAffine(np.ascontiguousarray(small), turn, (columns.stop - columns.start, rows.stop - rows.start),
                         flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    return out.reshape(*out.shape[:2], -1)


def in_tones(colours: np.ndarray, known: np.ndarray, tolerance: float = 2 / 255) -> np.ndarray:
    """Colours as the known ones allow: where those are the tones of one colour (grey, sepia), so are these, else unchanged.

    Known colours are such tones if each is told by its lightness within the tolerance (99.5 % of them). A colour keeps its
    lightness; beyond the known tones their line goes on, or that of the one known colour through black.

    Args:
        colours: (N, C), known: (M, C), both in [0, 1].
    """
    if colours.shape[1] != 3 or not len(known):
        return colours
    tone = known @ LIGHTNESS
    _, which = np.unique((tone * 255).round(), return_inverse=True)
    count = np.bincount(which)
    at = np.bincount(which, tone) / count
    curve = np.stack([np.bincount(which, channel) / count for channel in known.T], 1)
    told = np.stack([np.interp(tone, at, channel) for channel in curve.T], 1)
    if np.percentile(np.abs(told - known).max(1), 99.5) > tolerance:
        return colours
    spread = at[-1] - at[0]
    slope = (curve[-1] - curve[0]) / spread if spread > 0.1 else curve[0] / max(at[0], 1e-6)
    curve = np.concatenate([[curve[0] - slope * at[0]], curve, [curve[-1] + slope * (1 - at[-1])]])
    at = np.r_[-1e-9, at, 1 + 1e-9]
    on = np.stack([np.interp(colours @ LIGHTNESS, at, channel) for channel in curve.T], 1)
    return on.clip(0, 1).astype(colours.dtype)


def lowpass(values: np.ndarray, hole: np.ndarray, sigma: float) -> np.ndarray:
    """A hole's values, one each, blurred within the hole by two boxes of that standard deviation together."""
    import cv2

    side = 2 * round(np.sqrt(6) * sigma / 2) + 1
    filled, weight = np.zeros(hole.shape, np.float32), hole.astype(np.float32)
    filled[hole] = values
    for _ in range(2):
        filled, weight = (cv2.blur(x, (side, side), borderType=cv2.BORDER_CONSTANT) for x in (filled, weight))
    return filled[hole] / np.maximum(weight[hole], 1e-6)
