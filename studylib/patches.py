"""Texture from the painting itself: what a network says coarsely is painted with patches of the picture's own known parts.

A network's likeliest fill is smooth. From coarse to fine, each place of the hole is given the place of the known picture that
looks alike at the scale before (image analogies; Hertzmann et al. 2001), found by PatchMatch (Barnes et al. 2009) over principal
components of patches, and the patches are averaged where they overlap (Wexler et al. 2007). Colours stay the guide's: only what
is finer than `_COLOUR` is taken from the patches, and given the strength that the surroundings' texture has.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

_SIDE, _COMPONENTS = 7, 24  # of a patch, pixels; principal components by which patches are compared
_LEVELS = 3  # halvings of the coarsest scale
_FINE = 2.5  # standard deviation of the Gaussian that takes the fine texture away, pixels
_COLOUR = 8.0  # what is coarser than this standard deviation, pixels, is the guide's
_SHARE = 0.85  # of what lies between it and the fine texture, that is the patches'
_GUIDED = 2.5  # weight of the guide's colours beside a patch's components
_STRENGTH = 0.9  # of the fill's texture relative to its surroundings: what is certain of it lies in the guide
_LEAST = 400  # places to copy from that are enough


def paint(picture: np.ndarray, hole: np.ndarray, guide: np.ndarray, *, source: np.ndarray | None = None,
          seed: int = 0) -> np.ndarray:
    """Fill a hole with texture of the picture's known parts under the guide's colours.

    Args:
        picture: (H, W, C) float32 in [0, 1]; never looked at in the hole.
        hole: (H, W) bool.
        guide: (H, W, C) float32, a smooth fill; equal to the picture where it is known.
        source: (H, W) bool, where may be copied from; None: wherever the picture is known.
        seed: of the search.

    Returns:
        (H, W, C) float32; the guide itself where there is next to nothing to copy from.
    """
    source = ~hole if source is None else source & ~hole
    found = _search(picture, hole, guide, source, np.random.default_rng(seed)) if hole.any() else None
    if found is None:
        return guide
    voted, texture = found
    return _compose(picture, hole, guide, voted, texture)


def _search(picture: np.ndarray, hole: np.ndarray, guide: np.ndarray, source: np.ndarray,
            rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """The patches' average at full size, and the strength of texture that is expected at each place."""
    estimate = field = before = voted = texture = None
    for level in reversed(range(_LEVELS + 1)):
        scale = _Scale(picture, hole, guide, source, level, rng)
        if scale.places.size < _LEAST:
            continue
        if estimate is None:
            shown, drawn = _blurred(scale.picture, 2), scale.guide
            field = scale.nearest_of_all(scale.features(shown), scale.features(drawn)[scale.flat])
        else:
            estimate = np.where(scale.hole[..., None], _resized(estimate, scale.shape), scale.picture)
            shown, drawn = (_coarsened(part) for part in (scale.picture, estimate))
            field = scale.finer(field, before)
        reach = max(scale.shape) / 2 if estimate is None else 32.0
        field, apart = scale.match(shown, drawn, field, reach, 3)
        for _ in range(1 if level >= _LEVELS - 1 else 2):
            estimate = scale.copied(field)
            field, apart = scale.match(scale.picture, estimate, field, reach, 2)
        estimate, before = scale.copied(field), scale
        if level == 0:
            voted, texture = scale.voted(field, apart), scale.texture
    return None if voted is None else (voted, texture)


def _compose(picture: np.ndarray, hole: np.ndarray, guide: np.ndarray, voted: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """The guide's colours, the patches' detail, and texture as strong as around the hole; averaging had weakened it."""
    fine, middle = voted - _blurred(voted, _FINE), _blurred(voted, _FINE) - _blurred(voted, _COLOUR)
    colour = _blurred(guide, _COLOUR)
    grey = fine.mean(2, keepdims=True)
    strong = np.sqrt(_blurred(grey**2, 8))
    wanted = _STRENGTH * np.sqrt(np.exp(texture))[..., None]
    gain = np.clip(wanted / np.maximum(strong.reshape(*hole.shape, 1), 1e-5), 1, 2)
    return np.where(hole[..., None], colour + _SHARE * middle + fine * gain, picture).astype(np.float32)


class _Scale:
    """A picture at one of its scales, and the search for places that look alike."""

    def __init__(self, picture: np.ndarray, hole: np.ndarray, guide: np.ndarray, source: np.ndarray, level: int,
                 rng: np.random.Generator):
        height, width = (max(1, side >> level) for side in hole.shape)
        self.shape, self.rng = (height, width), rng
        if level:
            known = cv2.resize((~hole).astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
            self.hole = known < 0.99
            self.guide = cv2.resize(guide, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, -1)
            self.picture = self.guide  # where it is known in whole the guide is the picture
            source = cv2.resize(source.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0.99
        else:
            self.hole, self.guide, self.picture = hole, guide, np.where(hole[..., None], guide, picture)
        square = np.ones((_SIDE, _SIDE), np.uint8)
        self.allowed = cv2.erode((source & ~self.hole).astype(np.uint8), square, borderValue=0) > 0
        edge = _SIDE // 2
        self.allowed[:edge] = self.allowed[-edge:] = self.allowed[:, :edge] = self.allowed[:, -edge:] = False
        self.places = np.flatnonzero(self.allowed)
        if self.places.size < _LEAST:
            return
        self.flat = np.flatnonzero(cv2.dilate(self.hole.astype(np.uint8), square))  # of every patch that meets the hole
        self.rows, self.columns = (torch.from_numpy(part) for part in np.divmod(self.flat, width))
        self.number = torch.full((height * width,), -1)
        self.number[self.flat] = torch.arange(len(self.flat))
        self.filters = _principal(self.picture, self.places, rng)
        self.texture = _texture(self.picture, self.hole)
        colours = [_GUIDED * _blurred(self.guide, sigma) for sigma in (2, 8)]
        own = np.log(_blurred(_fine(self.picture) ** 2, 8).reshape(height, width, 1) + 1e-6)
        self.context = torch.from_numpy(np.concatenate(colours, 2).reshape(height * width, -1).astype(np.float32))
        wanted = np.where(self.hole[..., None], self.texture[..., None], own).reshape(-1, 1)
        self.context = torch.cat([self.context, 0.05 * torch.from_numpy(wanted.astype(np.float32))], 1)

    def features(self, picture: np.ndarray) -> torch.Tensor:
        """(H W, components): each place's patch, and beside it the guide's colours and the texture that is expected there."""
        tensor = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))[None]
        patches = F.conv2d(F.pad(tensor, (_SIDE // 2,) * 4, mode="replicate"), self.filters)[0]
        return torch.cat([patches.flatten(1).T, self.context], 1)

    def nearest_of_all(self, shown: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """The best of all places, at the coarsest scale, where there are few."""
        some = torch.from_numpy(self.rng.permutation(self.places)[:12_000])
        return torch.cat([some[torch.cdist(part, shown[some]).argmin(1)] for part in drawn.split(2000)])

    def finer(self, field: torch.Tensor, before: "_Scale") -> torch.Tensor:
        """The places found at half the size, at this one; at random where that lies in none or in the hole."""
        (height, width), (tall, wide) = self.shape, before.shape
        number = before.number[(self.rows // 2).clamp(max=tall - 1) * wide + (self.columns // 2).clamp(max=wide - 1)]
        coarse = field[number.clamp(min=0)]
        rows = (coarse // wide * 2 + self.rows % 2).clamp(max=height - 1)
        columns = (coarse % wide * 2 + self.columns % 2).clamp(max=width - 1)
        found = rows * width + columns
        bad = (number < 0) | ~torch.from_numpy(self.allowed.reshape(-1))[found]
        found[bad] = torch.from_numpy(self.rng.choice(self.places, int(bad.sum())))
        return found

    def match(self, shown: np.ndarray, drawn: np.ndarray, field: torch.Tensor, reach: float,
              rounds: int) -> tuple[torch.Tensor, torch.Tensor]:
        """PatchMatch: places of `shown` whose patches are nearest to those of `drawn`, from a first guess on.

        Returns:
            (patches,) flat places, and their squared distances.
        """
        theirs, ours = self.features(shown), self.features(drawn)[self.flat]
        field, allowed = field.clone(), torch.from_numpy(self.allowed.reshape(-1))
        apart = (ours - theirs[field]).square().sum(1)
        generator = torch.Generator().manual_seed(int(self.rng.integers(2**31)))
        (height, width), count = self.shape, len(field)

        def offer(rows: torch.Tensor, columns: torch.Tensor, which: torch.Tensor) -> None:
            place = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
            good = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width) & allowed[place]
            which, place = which[good], place[good]
            distance = (ours[which] - theirs[place]).square().sum(1)
            better = distance < apart[which]
            field[which[better]], apart[which[better]] = place[better], distance[better]

        everyone = torch.arange(count)
        for turn in range(rounds):
            for step in ((8, 2, 1) if turn == 0 else (1,)):
                for down, right in ((0, step), (step, 0), (0, -step), (-step, 0)):
                    rows, columns = self.rows + down, self.columns + right
                    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
                    beside = torch.where(inside, self.number[rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)], -1)
                    which = (beside >= 0).nonzero()[:, 0]
                    found = field[beside[which]]
                    offer(found // width - down, found % width - right, which)
            radius = reach
            while radius >= 1:
                shift = ((torch.rand(2, count, generator=generator) * 2 - 1) * radius).round().long()
                offer(field // width + shift[0], field % width + shift[1], everyone)
                radius /= 2.5
        return field, apart

    def copied(self, field: torch.Tensor) -> np.ndarray:
        """The picture with the middle of each found patch in the hole: crisp, with seams."""
        out = self.picture.copy()
        inside = np.flatnonzero(self.hole)
        places = field[self.number[inside]].numpy()
        out.reshape(-1, out.shape[2])[inside] = self.picture.reshape(-1, out.shape[2])[places]
        return out

    def voted(self, field: torch.Tensor, apart: torch.Tensor) -> np.ndarray:
        """The picture with the average of all found patches that meet at a place: without seams."""
        (height, width), edge = self.shape, _SIDE // 2
        weight = torch.exp(-apart / (2 * apart.quantile(0.75) if len(apart) < 2**24 else apart.mean()).clamp(min=1e-8)).numpy()
        rows, columns = np.nonzero(self.hole)
        flat, colours, number, found = self.picture.reshape(height * width, -1), 0, self.number.numpy(), field.numpy()
        total = np.zeros((len(rows), 1), np.float32)
        for down in range(-edge, edge + 1):
            for right in range(-edge, edge + 1):
                at_rows, at_columns = rows + down, columns + right
                inside = (at_rows >= 0) & (at_rows < height) & (at_columns >= 0) & (at_columns < width)
                patch = number[np.where(inside, at_rows * width + at_columns, 0)]
                inside &= patch >= 0
                patch = np.where(inside, patch, 0)
                near = np.exp(-(down**2 + right**2) / (2 * (edge / 1.5) ** 2))
                part = np.where(inside, weight[patch] * near, 0)[:, None].astype(np.float32)
                colours = colours + flat[np.where(inside, found[patch] - down * width - right, 0)] * part
                total += part
        out = self.picture.copy()
        out[self.hole] = colours / np.maximum(total, 1e-9)
        return out


def _principal(picture: np.ndarray, places: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
    """Filters, (components, C, side, side), that give the principal components of the picture's patches."""
    width, channels = picture.shape[1:]
    rows, columns = np.divmod(rng.permutation(places)[:8000], width)
    line = np.arange(_SIDE) - _SIDE // 2
    window = np.exp(-(line[:, None] ** 2 + line**2) / (4 * (_SIDE / 3) ** 2))
    patches = picture[rows[:, None, None] + line[:, None], columns[:, None, None] + line] * window[..., None]
    patches = patches.transpose(0, 3, 1, 2).reshape(len(rows), -1).astype(np.float64)
    components = np.linalg.eigh(patches.T @ patches)[1][:, ::-1][:, :_COMPONENTS].T
    return torch.from_numpy((components.reshape(-1, channels, _SIDE, _SIDE) * window).astype(np.float32))


def _texture(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """(H, W): the logarithm of the fine texture's mean square, in the hole as its surroundings let expect it."""
    known = cv2.erode((~hole).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)  # nothing of the hole in it
    total, weight = (_blurred(part, 8) for part in (_fine(picture) ** 2 * known, known))
    power = np.where(weight > 0.05, total / np.maximum(weight, 1e-6), 0)
    sure = (weight > 0.05).astype(np.float32)
    power, far = power * sure, sure.copy()
    out, reach = power.copy(), 8.0
    while not sure.all():  # from ever farther away
        reach *= 2
        shrink = max(1, int(reach // 8))
        size = (max(1, sure.shape[1] // shrink), max(1, sure.shape[0] // shrink))
        small = [cv2.GaussianBlur(cv2.resize(part, size, interpolation=cv2.INTER_AREA), (0, 0), reach / shrink)
                 for part in (power, far)]
        spread, near = (cv2.resize(part, sure.shape[::-1], interpolation=cv2.INTER_LINEAR) for part in small)
        new = (sure == 0) & (near > 1e-3)
        out[new], sure[new] = spread[new] / near[new], 1
        if reach > 4 * max(sure.shape):
            break
    return np.log(out.astype(np.float32) + 1e-6)


def _fine(picture: np.ndarray) -> np.ndarray:
    grey = np.ascontiguousarray(picture.mean(2))
    return grey - _blurred(grey, _FINE)


def _blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma).reshape(picture.shape)


def _resized(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(*shape, -1)


def _coarsened(picture: np.ndarray) -> np.ndarray:
    """As it looks at half the size."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    return _resized(small, (height, width))
