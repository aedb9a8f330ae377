"""Where pictures come from: WikiArt as a folder, CelebA as a folder, either of them as parquet files near or far.

Every source has `pictures()` (labels only, cheap, sorted by name), `read(picture)` (the encoded bytes of one file),
`fingerprint()` (changes when the pictures may have changed; opens none of them) and `where` (for messages). Nothing is
decoded here.
"""

import contextlib
import csv
import io
import json
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import fsspec
import pyarrow.parquet as parquet
from tqdm import tqdm

from . import records

RENOIR = "hf://datasets/williamberman/wikiart-renoir"  # Renoir alone, about 520 MB
WIKIART = "hf://datasets/huggan/wikiart"  # the whole, tens of GB: meant for its labels, which are a few MB

_YEAR = re.compile(r"-(1\d{3}|20[0-2]\d)(?:-\d+)?(?:\(\d+\))?$")  # "-1876", "-1883-1", "-1876(1)" at the end of a name
_ENDINGS = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"GIF8": ".gif", b"II*\0": ".tif"}
# What file managers, cameras and raw developers leave beside pictures, and what archives of other systems hold besides.
_SIDECARS = {".xmp", ".json", ".aae", ".thm", ".pp3", ".dop", ".cos", ".on1", ".ini", ".db"}
_SYSTEM = {"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information", "Icon\r"}
_PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".ppm", ".jp2"}
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".7z", ".rar")
_NOTES = "fetched.json"  # in the store: url -> picture -> file and SHA-256 of what was fetched
_READ = 8 << 20  # bytes asked for at once: large enough for the network, small enough for the progress bar


class DataError(Exception):
    """Pictures that were asked for are not to be had. One sentence: where, what was expected, and the way out."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the sentence, without the way it took."""
        return [f"DataError: {self}"]


@dataclass(frozen=True)
class Picture:
    """The labels of one picture. `name` is unique in its source; `year` is the first that the file's name gives."""

    name: str
    artist: str
    style: str
    title: str
    year: int | None


def ranking(pictures: Iterable[Picture]) -> list[tuple[str, str, int]]:
    """Groups as (artist, style, number of pictures), the largest first, equal ones by the alphabet."""
    counts = Counter((picture.artist, picture.style) for picture in pictures)
    return sorted(((*group, count) for group, count in counts.items()), key=lambda group: (-group[2], group[:2]))


def ranking_of(where: str) -> list[tuple[str, str, int]]:
    """The ranking of parquet files by their labels; or of a table by its counts, within the repository or anywhere.

    Args:
        where: what `Parquet` takes, or the path of a CSV file with the columns artist, style and pictures.

    Raises:
        DataError: it cannot be read, or is no such table.
    """
    if not where.endswith(".csv"):
        return ranking(Parquet(where).pictures())
    file = records.ROOT / Path(where).expanduser()
    try:
        with open(file, newline="", encoding="utf-8") as table:
            groups = [(nfc(row["artist"]), nfc(row["style"]), int(row["pictures"])) for row in csv.DictReader(table)]
        if not groups:
            raise ValueError("it has no rows")
    except (OSError, csv.Error, KeyError, TypeError, ValueError) as problem:
        raise DataError(f"{file}: expected a table with the columns artist, style and pictures, a whole number "
                        f"({problem}).") from None
    return sorted(groups, key=lambda group: (-group[2], group[:2]))


def nfc(text: str) -> str:
    """A name in Unicode's composed form: macOS and archives write "é" as two characters, and they are to be equal."""
    return unicodedata.normalize("NFC", text)


def below(folder: Path, name: str) -> Path:
    """The folder of that name in a folder, also where case or Unicode's form differ; as it was asked for if there is none."""
    alike = [entry for entry in _folders(folder) if nfc(entry.name).casefold() == nfc(name).casefold()]
    return folder / name if (folder / name).exists() or len(alike) != 1 else alike[0]


class WikiArtFolder:
    """`<root>/<Style>/<artist>_<title>-<year>.jpg`. Every file in a style's folder counts, an image or not, sidecars aside.

    Where an archive was unpacked into a folder of its own, `root` is that one, further down.
    """

    expected = "WikiArt pictures as <Style>/<artist>_<title>-<year>.jpg"

    def __init__(self, root: Path | str):
        self.root = _unpacked(Path(root), self.holds)
        self.where = str(self.root)
        self._files: dict[str, os.DirEntry] = {}

    def pictures(self) -> list[Picture]:
        """Raises DataError when there is no such folder."""
        self._files = {}
        for file in sorted(self._walk(), key=lambda file: not unicodedata.is_normalized("NFC", file.path)):
            name = str(Path(file).relative_to(self.root))
            composed = _printable(nfc(name))
            self._files[_printable(name) if composed in self._files else composed] = file  # where both forms are there
        return [self._label(name) for name in sorted(self._files)]

    def read(self, picture: Picture) -> bytes:
        """Raises OSError when the file cannot be read."""
        if not self._files:
            self.pictures()
        return Path(self._files.get(picture.name, self.root / picture.name)).read_bytes()

    def fingerprint(self) -> list:
        facts = []
        for file in self._walk():
            stat = file.stat(follow_symlinks=file.is_file())
            facts.append([_printable(file.path), stat.st_size, stat.st_mtime_ns])
        return sorted(facts)

    def _walk(self) -> Iterator[os.DirEntry]:
        for folder in _entries(self.root, self.expected):
            if folder.is_dir():
                yield from filter(_is_file, _entries(folder.path, self.expected))

    def holds(self, folder: Path) -> bool:
        """Whether pictures lie in a folder as they should."""
        return any(map(_holds_pictures, _folders(folder)))

    def _label(self, name: str) -> Picture:
        folder, _, file = nfc(name).partition("/")
        artist, title, year = _parse(file)
        return Picture(name, artist, folder.replace("_", " "), title, year)


class CelebAFolder(WikiArtFolder):
    """`<root>/*.jpg`: the folder `img_align_celeba`, at its full or its half size."""

    expected = "CelebA faces as *.jpg"

    def _walk(self) -> Iterator[os.DirEntry]:
        yield from filter(_is_file, _entries(self.root, self.expected))

    def holds(self, folder: Path) -> bool:
        return _holds_pictures(folder)

    def _label(self, name: str) -> Picture:
        return Picture(name, "celeba", "photograph", Path(name).stem, None)


class Parquet:
    """Parquet files of Hugging Face's layout: a column `image` (bytes, path) and perhaps `artist` and `style`.

    Labels come first, for a few MB; then only the row groups that hold chosen rows, each saved before the next comes.

    Args:
        url: whatever fsspec opens: a folder, `http://...`, `hf://datasets/OWNER/NAME`, a pattern, or one .parquet file.
        store: the folder for fetched pictures, in WikiArt's folder layout; one in the cache folder unless given.
        artist, style: the labels of pictures that have none.
    """

    expected = "Hugging Face's layout (image, artist, style)"

    def __init__(self, url: str, store: Path | None = None, artist: str = "unknown-artist", style: str = "unknown"):
        self.where = str(url).rstrip("/")
        self.store = store or records.cache_folder() / "fetched" / records.digest(self.where)[:16]
        self.missing = {"artist": artist, "style": style}
        self._rows: dict[str, tuple[Picture, dict, int, int]] = {}  # name -> labels, shard, row group, row in the group
        self._stems: Counter[str] = Counter()
        self._fetched: dict[str, dict[str, str]] = {}

    def fingerprint(self) -> list:
        """Path, size and time of each parquet file. Raises DataError when there is none, or no way to it."""
        with _told(self.where):
            self._system, pattern = fsspec.url_to_fs(self.where)
            if not pattern.endswith(".parquet"):
                pattern += "/**/*.parquet"
            paths = sorted(self._system.glob(pattern)) if "*" in pattern else [pattern]
            facts = [[path, *(self._system.info(path).get(key) for key in ("size", "mtime"))] for path in paths]
        if not facts:
            raise DataError(f"{self.where}: there is no parquet file; expected {self.expected}.")
        return facts

    def pictures(self) -> list[Picture]:
        """Raises DataError when the place cannot be reached or a file is not of the expected layout."""
        facts = self.fingerprint()
        paths = [path for path, *_ in facts]
        notes = records.cache_folder() / "labels" / f"{records.digest([self.where, facts, self.missing])}.json"
        shards = records.read_cache(notes)
        if not shards:
            with ThreadPoolExecutor(8) as pool, _told(self.where):
                shards = list(tqdm(pool.map(self._labels, paths), "labels", len(paths), leave=False, disable=None))
            records.write_cache(notes, shards)
        above = os.path.commonpath([os.path.dirname(path) for path in paths])
        self._rows.clear()
        self._stems.clear()
        for path, shard in zip(paths, shards, strict=True):
            short = os.path.relpath(path, above).removesuffix(".parquet").replace(os.sep, "-")
            labels = zip(shard["artist"], shard["style"], shard["path"], strict=True)
            places = [(group, row) for group, (rows, _) in enumerate(shard["groups"]) for row in range(rows)]
            for number, ((artist, style, file), place) in enumerate(zip(labels, places, strict=True)):
                _, title, year = _parse(file) if file else ("", "", None)
                picture = Picture(f"{short}/{number:06d}", nfc(artist), nfc(style).replace("_", " "), nfc(title), year)
                self._rows[picture.name] = (picture, shard, *place)
                self._stems[_stem(picture).lower()] += 1
        return sorted((picture for picture, *_ in self._rows.values()), key=lambda picture: picture.name)

    def plan(self, pictures: Iterable[Picture]) -> tuple[list[tuple[str, int, list[tuple[int, Picture]]]], int]:
        """What is still to be fetched: a list of (file, row group, [(row, picture)]), and how many bytes will come."""
        if not self._rows:
            self.pictures()
        self._fetched = self._notes()
        parts: dict[tuple[str, int], list[tuple[int, Picture]]] = {}
        size = 0
        for picture in pictures:
            note = self._fetched.get(picture.name)
            if note and _is_whole(self.store / note["file"], note["sha256"]):
                continue
            _, shard, group, row = self._rows[picture.name]
            if (shard["file"], group) not in parts:
                size += shard["groups"][group][1]
            parts.setdefault((shard["file"], group), []).append((row, picture))
        return [(*place, rows) for place, rows in sorted(parts.items())], size

    def fetch(self, pictures: Iterable[Picture]) -> None:
        """Bring these pictures into the store, unchanged; what lies there whole is not fetched again.

        Raises:
            DataError: the connection broke. What came before is kept, and the next call goes on from there.
            StorageError: there is no room for them.
        """
        parts, size = self.plan(pictures)
        if not parts:
            return
        count = sum(len(rows) for *_, rows in parts)
        records.check_room(self.store / "pictures", size)
        print(f"{self.where}: {size / 1e6:.1f} MB will come: {count} pictures in {len(parts)} row groups.",
              file=sys.stderr)
        with tqdm(total=size, unit="B", unit_scale=True, desc="pictures") as bar:
            for path, inside in groupby(parts, key=lambda part: part[0]):
                with _told(self.where), self._open(path, bar) as file:
                    for _, group, rows in inside:
                        self._save(rows, file.read_row_group(group, columns=[_leaf(file, "bytes")]).column("image"))

    def _save(self, rows: list[tuple[int, Picture]], images) -> None:
        for row, picture in rows:
            image = images[row].as_py()
            content = (image.get("bytes") if isinstance(image, dict) else image) or b""
            ending = next((end for start, end in _ENDINGS.items() if content.startswith(start)), ".bin")
            stem = _stem(picture)
            if not picture.title or self._stems[stem.lower()] > 1:
                stem += f"{'-' * bool(picture.title)}{_safe(picture.name)}"
            path = _cut(stem) + ending
            records.write_atomic(self.store / path, content)
            self._fetched[picture.name] = {"file": path, "sha256": records.sha256(content)}
        notes = {**_read_json(self.store / _NOTES), self.where: self._fetched}
        records.write_atomic(self.store / _NOTES, json.dumps(notes, indent=1).encode())

    def read(self, picture: Picture) -> bytes:
        """Raises OSError when the picture has not been fetched or cannot be read."""
        self._fetched = self._fetched or self._notes()
        if picture.name not in self._fetched:
            raise FileNotFoundError(f"{picture.name} has not been fetched from {self.where}")
        return (self.store / self._fetched[picture.name]["file"]).read_bytes()

    def _notes(self) -> dict[str, dict[str, str]]:
        return dict(_read_json(self.store / _NOTES)).get(self.where, {})

    @contextlib.contextmanager
    def _open(self, path: str, bar: tqdm | None = None) -> Iterator[parquet.ParquetFile]:
        # No cache and no read-ahead of fsspec's: only what parquet asks for is fetched.
        with self._system.open(path, "rb", cache_type="none") as file:
            counted = _Counted(file)
            opened = parquet.ParquetFile(counted, buffer_size=_READ)
            counted.bar = bar  # from here on: the footer is not among the bytes told
            yield opened

    def _labels(self, path: str) -> dict:
        """A shard's labels, and rows and image bytes of each row group."""
        with self._open(path) as file:
            columns = file.schema_arrow.names
            if "image" not in columns:
                raise DataError(f"{path}: there is no column `image`; expected {self.expected}.")
            wanted = [*{"artist", "style"}.intersection(columns), *filter(None, [_leaf(file, "path")])]
            table = file.read(wanted).to_pydict()
            features = json.loads((file.schema_arrow.metadata or {}).get(b"huggingface", b"{}"))
            place = _leaves(file).index(_leaf(file, "bytes"))
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            count = file.metadata.num_rows
        shard = {"file": path, "path": [(image or {}).get("path") for image in table.get("image", [None] * count)],
                 "groups": [[group.num_rows, group.column(place).total_compressed_size] for group in groups]}
        for label, missing in self.missing.items():
            names = features.get("info", {}).get("features", {}).get(label, {}).get("names")
            values = table.get(label, [None] * count)
            if names is None and any(isinstance(value, int) for value in values):
                raise DataError(f"{path}: column `{label}` holds numbers; expected names in the schema's metadata.")
            if names is not None:
                values = [names[value] if value in range(len(names)) else None for value in values]
            shard[label] = [missing if value is None else str(value) for value in values]
        return shard


class _Counted(io.RawIOBase):
    """A file whose bytes move a progress bar as they are read."""

    def __init__(self, file):
        self.file, self.bar = file, None

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        if self.bar is not None:
            self.bar.update(len(data))
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _leaves(file: parquet.ParquetFile) -> list[str]:
    return [file.schema.column(number).path for number in range(len(file.schema))]


def _leaf(file: parquet.ParquetFile, part: str) -> str | None:
    """The column that holds an image's `bytes` or `path`: image.bytes, or image itself where it is no struct."""
    plain = "image" if part == "bytes" else None
    return next((leaf for leaf in (f"image.{part}", plain) if leaf in _leaves(file)), None)


@contextlib.contextmanager
def _told(url: str) -> Iterator[None]:
    try:
        yield
    except (DataError, records.StorageError):
        raise
    except Exception as error:  # each file system has errors of its own: aiohttp's, huggingface_hub's, pyarrow's
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise DataError(f"{url}: reading stopped ({said}); what has come is kept, and the same command goes on from "
                        "there.") from error


def _entries(folder: Path | str, expected: str) -> list[os.DirEntry]:
    """What is in a folder, without hidden files, sidecars and what systems leave."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.name not in _SYSTEM
                    and Path(entry.name).suffix.lower() not in _SIDECARS]
    except FileNotFoundError:
        names = (Path(folder).name.lower(), Path(folder).parent.name.lower(), "archive")
        packed = [file.name for above in list(Path(folder).parents)[:2] if above.is_dir() for file in sorted(above.iterdir())
                  if file.name.lower().endswith(_ARCHIVES) and file.name.lower().startswith(names)]
        way = f"unpack {packed[0]} there" if packed else "run `make data`, or link your folder at data/"
        raise DataError(f"{folder}: there is no such folder; expected {expected}; {way}, or set source: atelier.") from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror}); expected {expected}.") from None


def _folders(folder: Path | str) -> list[Path]:
    """The folders in a folder, by name; none where it cannot be listed."""
    try:
        return sorted(Path(entry) for entry in _entries(folder, "") if entry.is_dir())
    except DataError:
        return []


def _holds_pictures(folder: Path) -> bool:
    with contextlib.suppress(DataError):
        return any(Path(entry.name).suffix.lower() in _PICTURES for entry in _entries(folder, "") if not entry.is_dir())
    return False


def _unpacked(folder: Path, holds: Callable[[Path], bool]) -> Path:
    """The folder itself, or where it does not hold what it should, the only one up to three levels down that does."""
    level = [folder]
    for _ in range(4):
        found = [one for one in level if holds(one)]
        if len(found) > 1:
            names = ", ".join(str(one.relative_to(folder)) for one in found)
            raise DataError(f"{folder}: holds none of its pictures itself, but {names} do; expected one such folder: move or "
                            "link what is meant there.")
        if found:
            return found[0]
        level = [one for above in level for one in _folders(above)][:100]
    return folder


def _is_file(entry: os.DirEntry) -> bool:
    """Files, and links that lead nowhere (they are rejected with a reason); never a pipe, which would block."""
    return entry.is_file() or (entry.is_symlink() and not Path(entry).exists())


def _read_json(path: Path) -> dict | list:
    """What a JSON file holds; nothing where it is missing or damaged: then it is made again."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        return records.sha256(path) == sha256
    except OSError:
        return False


def _parse(path: str) -> tuple[str, str, int | None]:
    """Artist, title and year of `<artist>_<title>-<year>.jpg`; a name without an artist is all title."""
    artist, mark, title = Path(path).stem.partition("_")
    if not mark:
        artist, title = "unknown-artist", artist
    year = _YEAR.search(title)
    return artist, title[: year.start() if year else None].replace("-", " "), int(year[1]) if year else None


def _stem(picture: Picture) -> str:
    """`<Style>/<artist>_<title>-<year>`: where a picture goes in a store, as far as its labels say."""
    title = f"{picture.title}-{picture.year}" if picture.year else picture.title
    style, artist = _safe(picture.style.replace(" ", "_")), _safe(picture.artist)
    return f"{style}/{artist}_{_safe(title) if title else ''}".replace(" ", "-")


def _safe(text: str) -> str:
    """A file name from a label of a stranger's: no separators, no leading dots, not longer than file systems bear."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "-", text).strip(". ").encode()[:120].decode(errors="ignore") or "unknown"


def _cut(path: str) -> str:
    """A path whose last part file systems bear; its end, which tells it from others with its labels, stays."""
    folder, _, name = path.rpartition("/")
    if len(name.encode()) > 200:
        name = name.encode()[:140].decode(errors="ignore") + "~" + name.encode()[-50:].decode(errors="ignore")
    return f"{folder}/{name}"


def _printable(name: str) -> str:
    """File names may hold bytes that are no UTF-8; labels and records may not."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
