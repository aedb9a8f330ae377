"""Data curation: which pictures are used, which are not and why, and the two sets as tensors.

    curation = data.curate(source="wikiart", size=128, train=1000, validation=100)

Every file is examined once; what is found is the sum of what is in the manifest and what is rejected. The result is
kept in the cache folder, so that a second call neither opens nor decodes a picture.
"""

import csv
import io
import json
import os
import re
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from tqdm import tqdm

from . import atelier, brush, pictures, records, sources
from .sources import DataError, Picture

Source = sources.WikiArtFolder | sources.Parquet
EXAMINED = 6_000  # files; of larger groups only the first by name, as all would take an hour and say nothing new

_BLOCK = 50  # pictures of the atelier in one cached file, so that training sets of all sizes share them


@dataclass(frozen=True)
class Curation:
    """What curation found, used and rejected.

    Attributes:
        train, validation: (N, 3, size, size) uint8 RGB.
        train_names, validation_names: the pictures' names, in the tensors' order.
        manifest: one dict for each usable picture, sorted by name: name, split ("train", "validation" or "spare"),
            sha256 (of the file), width, height (pixels, upright), artist, style, title, year (int or None).
        hash: SHA-256 of the manifest and the size.
        found: number of files examined: len(manifest) + len(rejected).
        rejected: (name, reason) of each file that is not usable.
        duplicates: (kept, dropped, bits) of near-duplicates; the dropped ones are among the rejected.
        pairs: (number of near-duplicates, 2, 3, size, size) uint8: what was kept, and what was dropped for it.
        ranking: (artist, style, number of files) over all labels of the source, the largest group first.
    """

    train: torch.Tensor
    validation: torch.Tensor
    train_names: list[str]
    validation_names: list[str]
    manifest: list[dict]
    hash: str
    found: int
    rejected: list[tuple[str, str]]
    duplicates: list[tuple[str, str, int]]
    pairs: torch.Tensor
    ranking: list[tuple[str, str, int]]

    def artists(self, part: str) -> list[str]:
        """The artist of each picture of "train" or "validation", in the tensor's order."""
        by_name = {row["name"]: row["artist"] for row in self.manifest}
        return [by_name[name] for name in (self.train_names if part == "train" else self.validation_names)]


def doubled(curation: Curation, **asked) -> torch.Tensor:
    """A curation's training pictures at twice its size: (N, 3, 2 size, 2 size) uint8, in the same order.

    Args:
        asked: what `curate` was asked for.

    Raises:
        DataError: at twice the size other pictures are chosen, as some files are too small for it; also as for `curate`.
    """
    size = 2 * asked["size"]
    large = curate(**{**asked, "size": size})
    other = [ours for ours, theirs in zip(curation.train_names, large.train_names, strict=True) if ours != theirs]
    _check(not other, f"augment: 'crop' needs files of {size} pixels or more; for want of that the training pictures would be "
                      f"others, {', '.join(other[:1])} the first. 'mirror' does without.")
    return large.train


def curate(*, source: str = "atelier", subject: str = "paintings", data_root: str | Path = "data", size: int = 64,
           train: int = 1000, validation: int = 100, seed: int = 0, artist: str = "pierre-auguste-renoir",
           style: str = "Impressionism") -> Curation:
    """Curate a training and a validation set.

    With the same seed the validation pictures do not depend on `train`, and a smaller training set is the beginning of
    a larger one. With the same `validation` too, no validation picture of "paintings" trains in "mixture", or vice
    versa, nor does a copy or near-duplicate of one.

    Args:
        source: "atelier" (embedded, painted by a program) or "wikiart" (a folder, or parquet files, near or far).
        subject: "paintings" (one artist in one style; the atelier's scenes), "faces" (CelebA; the atelier's portraits)
            or "mixture" (equally many of each artist x style group; half scenes, half portraits).
        data_root: the folder with wikiart/ and celeba/, relative to the repository; or any fsspec URL of parquet files.
        size: pixels a side. The short side is resized to it, then the centre is cut out.
        train, validation: numbers of pictures.
        seed: of the split; of the atelier, also what it paints.
        artist, style: the group that "paintings" takes, and that comes first in a "mixture".

    Raises:
        DataError: an argument is impossible, the data are not there, or too few of them are usable.
    """
    _check(source in ("atelier", "wikiart"), f"source: atelier or wikiart, but is {source!r}.")
    _check(subject in ("paintings", "faces", "mixture"), f"subject: paintings, faces or mixture, but is {subject!r}.")
    numbers = {"size": (size, 32), "train": (train, 1), "validation": (validation, 1), "seed": (seed, 0)}
    for key, (value, least) in numbers.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        _check(whole and value >= least, f"{key}: a whole number from {least} on, but is {value!r}.")
    asked = {"source": source, "subject": subject, "size": size, "train": train, "validation": validation, "seed": seed}
    if source == "atelier":
        return _paint(subject, size, train, validation, seed)
    place = _source(subject, str(data_root))
    asked |= {"artist": sources.nfc(artist), "style": sources.nfc(style).replace("_", " ")}
    code = [records.sha256(Path(module)) for module in (__file__, sources.__file__, pictures.__file__)]
    key = f"curation-{records.digest([asked, place.fingerprint(), code])}"
    kept = _load(key)
    if kept is None:
        kept = _curate(place, asked)
        _save(key, *kept)
    return _curation(*kept)


def fetch(folder: Path | str, url: str = sources.RENOIR, *, artist: str | None = "pierre-auguste-renoir",
          style: str | None = "Impressionism") -> int:
    """Bring one artist's pictures in one style (None: any) from parquet files into `<folder>/wikiart`; say how many.

    The files are unchanged and lie as in WikiArt's download. A fetch that was cut goes on where it stopped.

    Raises:
        DataError: the place cannot be reached, the connection broke, or it holds no such pictures.
    """
    place = sources.Parquet(url, Path(folder) / "wikiart")
    listed = place.pictures()
    artist, style = (label and sources.nfc(label) for label in (artist, style))
    style = style and style.replace("_", " ")
    chosen = [one for one in listed if artist in (None, one.artist) and style in (None, one.style)]
    _check(chosen, f"{url}: holds no picture of {artist}, {style}; its largest groups are "
           f"{_largest(sources.ranking(listed))}.")
    place.fetch(chosen)
    return len(chosen)


def write_manifest(curation: Curation, path: Path | str) -> None:
    """Write a CSV file with a row for every picture found: the manifest, then the rejected with their reasons."""
    rejected = [{"name": name, "split": "rejected", "reason": reason} for name, reason in curation.rejected]
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [*curation.manifest[0], "reason"], lineterminator="\n")
    table.writeheader()
    table.writerows([*curation.manifest, *rejected])
    records.write_atomic(path, text.getvalue().encode())


def _source(subject: str, root: str) -> Source:
    labels = {"artist": "celeba", "style": "photograph"} if subject == "faces" else {}
    if "://" in root:
        return sources.Parquet(root, **labels)
    folder = records.ROOT / Path(root).expanduser()
    kind = "celeba" if subject == "faces" else "wikiart"
    if any(folder.glob(f"{kind}*/*.parquet")) or any(folder.glob(f"{kind}*/*/*.parquet")):
        return sources.Parquet(f"{folder}/{kind}*/**/*.parquet", **labels)
    if subject != "faces":
        return sources.WikiArtFolder(sources.below(folder, kind))
    faces = sources.below(sources.below(folder, kind), "img_align_celeba")
    places = (sources.CelebAFolder(root) for root in (faces, faces.parent))
    return next((place for place in places if place.holds(place.root)), None) or sources.CelebAFolder(faces)


def _curate(place: Source, asked: dict) -> tuple[dict[str, torch.Tensor], dict]:
    """Examine, reject, split: the tensors and everything else that a Curation holds."""
    listed = place.pictures()
    ranking = sources.ranking(listed)
    groups = [(asked["artist"], asked["style"])]
    if asked["subject"] != "paintings":
        groups = sorted((group[:2] for group in ranking), key=lambda group: group != groups[0])
    needed = asked["train"] + asked["validation"]
    examined = _in_turn(_queues(listed, groups))[: max(EXAMINED, 2 * needed)]
    _check(examined, f"{place.where}: holds no picture of {', '.join(groups[0]) if groups else 'anyone'}; its largest "
           f"groups are {_largest(ranking)}" + ("." if ranking else f"; expected {place.expected}."))
    if isinstance(place, sources.Parquet):
        place.fetch(examined)
    # Without its ending "x" comes before its copies "x(1)" and "x-1", so it is the one that is kept. Of copies in several groups
    # it is that of the first one, as if that were alone: or what validates there would train in a mixture by its copy.
    examined.sort(key=lambda picture: ((picture.artist, picture.style) != groups[0], os.path.splitext(picture.name)))
    usable, rejected, duplicates, pairs = _sift(place, examined, asked["size"])
    usable.sort(key=lambda item: os.path.splitext(item[0].name))
    # A draw for each name: what is found or rejected besides does not change the order of the others.
    draws = sorted(usable, key=lambda item: records.digest([asked["seed"], item[0].name]))
    queues = _queues([picture for picture, _ in draws], groups)
    train, validation = _split(queues, 1, asked["train"], asked["validation"])
    _check(len(train) == asked["train"] and len(validation) == asked["validation"],
           f"{place.where}: {len(usable)} of {len(examined)} pictures are usable{_counted(rejected)}, {len(train)} to train "
           f"and {len(validation)} to validate, but train: {asked['train']} and validation: {asked['validation']} are "
           "asked for; ask for fewer or bring more.")
    small = {picture.name: facts.pop("small") for picture, facts in usable}
    labels = [(picture, {**facts, "artist": picture.artist, "style": picture.style, "title": picture.title,
                         "year": picture.year}) for picture, facts in usable]
    return _packed(small, labels, train, validation, pairs, found=len(examined), rejected=rejected, duplicates=duplicates,
                   ranking=ranking)


def _packed(small: dict[str, np.ndarray], labels: list[tuple[Picture, dict]], train: list[Picture],
            validation: list[Picture], pairs: list[np.ndarray], **more) -> tuple[dict[str, torch.Tensor], dict]:
    parts = {"train": [picture.name for picture in train], "validation": [picture.name for picture in validation]}
    tensors = {part: torch.from_numpy(np.stack([small[name] for name in names]).transpose(0, 3, 1, 2).copy())
               for part, names in parts.items()}
    size = tensors["train"].shape[-1]
    side_by_side = np.array(pairs, np.uint8).reshape(-1, 2, size, size, 3).transpose(0, 1, 4, 2, 3)
    tensors["pairs"] = torch.from_numpy(side_by_side.copy())
    split = {name: part for part, names in parts.items() for name in names}
    manifest = [{"name": one.name, "split": split.get(one.name, "spare"), **facts} for one, facts in labels]
    return tensors, {"train_names": parts["train"], "validation_names": parts["validation"], "manifest": manifest,
                     "hash": records.digest([manifest, size]), **more}


def _curation(tensors: dict[str, torch.Tensor], facts: dict) -> Curation:
    pairs = {key: [tuple(item) for item in facts[key]] for key in ("rejected", "duplicates", "ranking")}  # JSON: lists
    return Curation(**tensors, **{**facts, **pairs})


def _queues(listed: list[Picture], groups: list[tuple[str, str]]) -> list[list[Picture]]:
    """The pictures of each of these groups, their order kept."""
    queues: dict[tuple[str, str], list[Picture]] = {group: [] for group in groups}
    for picture in listed:
        queues.get((picture.artist, picture.style), []).append(picture)
    return list(queues.values())


def _in_turn(queues: list[list[Picture]]) -> list[Picture]:
    """One picture of each queue in turn, as long as it has any."""
    return [picture for turn in zip_longest(*queues) for picture in turn if picture is not None]


def _split(queues: list[list[Picture]], held: int, train: int, validation: int) -> tuple[list[Picture], list[Picture]]:
    """Training and validation pictures, equally many of each queue as long as it has any.

    The first `held` queues never train with what they would validate alone: C2 scores models of the one group and of
    the mixture on the same validation pictures, which neither may have seen.
    """
    chosen = _in_turn([queue[:validation] for queue in queues])[:validation]
    taken = set(chosen).union(*(queue[:validation] for queue in queues[:held]))
    return _in_turn([[picture for picture in queue if picture not in taken] for queue in queues])[:train], chosen


def _sift(place: Source, listed: list[Picture], size: int) -> tuple[list[tuple[Picture, dict]], list, list, list]:
    """Examine each file, drop copies and near-duplicates (the first by name is kept): usable, rejected, duplicates, pairs."""
    def look(picture: Picture):
        try:
            content = place.read(picture)
            return {"sha256": records.sha256(content), **pictures.examine(content, size, Path(picture.name).suffix)}
        except PermissionError:
            return "no permission to read"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        except pictures.Unusable as reason:
            return str(reason)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = list(tqdm(pool.map(look, listed), "examining pictures", len(listed), leave=False, disable=None))
    rejected = {picture.name: look for picture, look in zip(listed, looks, strict=True) if isinstance(look, str)}
    first: dict[str, str] = {}
    usable = []
    for picture, facts in zip(listed, looks, strict=True):
        if isinstance(facts, str):
            continue
        kept = first.setdefault(facts["sha256"], picture.name)
        if kept == picture.name:
            usable.append((picture, facts))
        else:
            rejected[picture.name] = f"exact copy of {kept}"
    near = pictures.near_duplicates(np.array([facts.pop("bits") for _, facts in usable]))
    duplicates = [(usable[kept][0].name, usable[dropped][0].name, distance) for kept, dropped, distance in near]
    pairs = [np.stack([usable[index][1]["small"] for index in pair]) for *pair, _ in near]
    rejected |= {dropped: f"near-duplicate of {kept}" for kept, dropped, _ in duplicates}
    return [one for one in usable if one[0].name not in rejected], sorted(rejected.items()), duplicates, pairs


def _paint(subject: str, size: int, train: int, validation: int, seed: int) -> Curation:
    """The atelier's pictures: no two are alike and none is unusable, so they are neither sifted nor drawn."""
    kinds = {"paintings": ["scenes"], "faces": ["portraits"], "mixture": ["scenes", "portraits"]}[subject]
    most = validation + -(-train // len(kinds))
    queues = [[Picture(f"{kind}/{number + 1:04d}", "atelier", kind, f"{kind} {number + 1}", None)
               for number in range(most)] for kind in kinds]
    parts = _split(queues, len(queues), train, validation)
    painted = {kind: _blocks(kind, most, size, seed) for kind in kinds}
    used = sorted((picture for part in parts for picture in part), key=lambda picture: picture.name)
    small = {picture.name: painted[picture.style][int(picture.name.partition("/")[2]) - 1] for picture in used}
    labels = [(picture, {"sha256": records.sha256(small[picture.name].tobytes()), "width": size, "height": size,
                         "artist": picture.artist, "style": picture.style, "title": picture.title, "year": None})
              for picture in used]
    return _curation(*_packed(small, labels, *parts, [], found=len(used), rejected=[], duplicates=[],
                             ranking=sources.ranking(used)))


def _blocks(kind: str, count: int, size: int, seed: int) -> np.ndarray:
    """(count or more, size, size, 3) uint8: painted in blocks, each kept in the cache."""
    code = [records.sha256(Path(module)) for module in (atelier.__file__, brush.__file__)]
    blocks = []
    for start in tqdm(range(0, count, _BLOCK), f"painting {kind}", leave=False, disable=None):
        key = f"atelier-{records.digest([kind, start, _BLOCK, size, seed, code])}"
        kept = _load(key)
        if kept is None:
            kept = {"pictures": torch.from_numpy(atelier.paint(kind, _BLOCK, size, seed=seed, start=start))}, {}
            _save(key, *kept)
        blocks.append(kept[0]["pictures"].numpy())
    return np.concatenate(blocks)


def _save(key: str, tensors: dict[str, torch.Tensor], facts: dict) -> None:
    """Keep tensors and facts in the cache. The facts come last and hold the checksums of both."""
    folder = records.cache_folder() / "pictures"
    content = safetensors.save(tensors)
    facts = {**facts, "tensors_sha256": records.sha256(content)}
    records.write_atomic(folder / f"{key}.safetensors", content)
    records.write_atomic(folder / f"{key}.json", json.dumps({**facts, "facts_sha256": records.digest(facts)}).encode())


def _load(key: str) -> tuple[dict[str, torch.Tensor], dict] | None:
    """Tensors and facts from the cache; None where they are not there, or damaged, which is said."""
    path = records.cache_folder() / "pictures" / f"{key}.json"
    if not path.exists():
        return None
    try:
        facts = json.loads(path.read_bytes())
        content = path.with_suffix(".safetensors").read_bytes()
        whole = facts.pop("facts_sha256") == records.digest(facts)
        if whole and facts.pop("tensors_sha256") == records.sha256(content):
            return safetensors.load(content), facts
    except (OSError, ValueError, KeyError, AttributeError, SafetensorError):
        pass
    print(f"{path}: is damaged and will be made anew.", file=sys.stderr)
    return None


def _counted(rejected: list[tuple[str, str]]) -> str:
    """The reasons by count, the most frequent first, without what is said of each file alone."""
    kinds = Counter(re.match(r"exact copy|near-duplicate|[^:;]*", reason)[0] for _, reason in rejected)
    return f" (rejected: {', '.join(f'{kind} ({count})' for kind, count in kinds.most_common())})" if kinds else ""


def _largest(ranking: list[tuple[str, str, int]]) -> str:
    return ", ".join(f"{artist} / {style} ({count})" for artist, style, count in ranking[:3]) or "none"


def _check(holds, sentence: str) -> None:
    if not holds:
        raise DataError(sentence)
