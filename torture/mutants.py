"""Files of strangers: mutants of pictures, masks, parquet files, weights, parameter files and records, given to their readers.

    python -m torture.mutants [COUNT [SEED]]

A reader gives a result, or its own error in one line that names the file, in LIMIT seconds of a processor and MEMORY bytes
beyond what it has already; everything else is told. It works in a process of its own, which may die of a mutant. Mutant n
of a seed is the same on every machine.
"""

import io
import json
import os
import random
import resource
import shutil
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

LIMIT = 10  # seconds of a processor; what sleeps is waited for ten times as long
MEMORY = 2 << 30  # bytes

_NUMBERS = (0, 1, 2, 255, 0x7FFF, 0x8000, 0xFFFF, 30_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**53, 2**63 - 1, 2**64 - 1)
_VALUES = (None, True, -1, 0, 10**9, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "x" * 3000, "../../x", "\ud800", "\0",
           [], {}, [[]], [1, "a", None], {"a": None}, json.loads("[" * 60 + "]" * 60))
_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
_LINES = (
    _LAUGHS + "train_masks: *i\n", "train: &x 5\nseed: *x\n", "<<: &m {train: 5}\n", "\ttrain: 5\n", "train: 5\0\n",
    "a: " + "[" * 20_000, "a: " + "{b: " * 2000, "train: 5\ntrain: 6\n", f"train: {'9' * 6000}\n", "train: 1e999\n",
    "lr: .nan\n", "style_weight: .inf\n", "train: 2001-99-99\n", f"train: 0x{'f' * 9000}\n", "train: 1:2:3:4\n",
    "!!python/object/apply:os.system [exit]\n", "a: !!binary ====\n", "? [a, b]\n: 1\n", "1: 2\n", "~: ~\n", "--- 1\n--- 2\n",
    "- a\n", "%YAML 9.9\n", f"a: |\n {'x' * 100_000}\n", f"? {'k' * 5000}\n: 1\n", "train: !!int x\n", "train: !!float x\n",
    "style: !!timestamp x\n", "batch: 1000000000\n", "&a a: *a\n")


@dataclass(frozen=True)
class Reader:
    """One reader: what it is called, good files for it, how they are broken, the call, and the errors that are its own."""

    name: str
    good: list[tuple[str, bytes]]  # file names and contents
    broken: Callable[[random.Random, bytes], bytes]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...]
    names_the_file: bool = True


def run(count: int = 10_000, seed: int = 0) -> list[tuple[str, int, int, str]]:
    """Give `count` mutants to the readers in turn.

    Returns:
        A row for each reader: what was tried, how often, how many mutants got neither result nor error, and what went wrong.
    """
    rows, outcomes = [], {}
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        worker = None
        for number in range(count):
            worker = worker or _Worker(folder)
            name, said = worker.ask(number, seed)
            outcomes.setdefault(name, Counter())[said] += 1
            if not worker.alive:
                worker = None
        if worker:
            worker.end()
    for name, said in outcomes.items():
        fine = {outcome: said.pop(outcome, 0) for outcome in ("read", "refused")}
        wrong = "; ".join(f"{times} x {outcome}" for outcome, times in said.most_common(20)) or "nothing"
        tried = f"{name}: {fine['read']} read, {fine['refused']} refused by name"
        rows.append((tried, sum(fine.values()) + said.total(), said.total(), wrong))
    return rows


class _Worker:
    """A process that reads mutants, and is replaced when it dies or takes too long."""

    def __init__(self, folder: str):
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, folder), daemon=True)
        self.process.start()
        theirs.close()
        self.names, self.alive = self.pipe.recv(), True
        if isinstance(self.names, str):
            raise AssertionError(f"a good file is not read: {self.names}")

    def ask(self, number: int, seed: int) -> tuple[str, str]:
        """The reader's name; "read", "refused", or what went wrong."""
        name = self.names[number % len(self.names)]
        self.pipe.send((number, seed))
        try:
            if self.pipe.poll(10 * LIMIT):
                said, seconds = self.pipe.recv()
                return name, said if seconds <= LIMIT else f"{seconds:.0f} s (mutant {number})"
            said = f"no end (mutant {number})"
        except EOFError:
            said = f"its process died (mutant {number})"
        self.end()
        return name, said

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.alive = False


def _work(pipe, folder: str) -> None:
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # progress bars, and what C libraries say
    os.environ["STUDYLIB_CACHE"] = f"{folder}/cache"
    readers = make_readers()
    for reader in readers:
        for name, content in reader.good:  # all is loaded that is loaded once
            if (said := attempt(reader, Path(folder), name, content)) != "read":
                pipe.send(f"{reader.name}, {name}: {said}")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    pipe.send([reader.name for reader in readers])
    while True:
        number, seed = pipe.recv()
        reader = readers[number % len(readers)]
        name, content = mutant(reader, number, seed)
        started = time.process_time()
        said = attempt(reader, Path(folder), name, content)
        pipe.send((said, time.process_time() - started))


def mutant(reader: Reader, number: int, seed: int) -> tuple[str, bytes]:
    """Mutant `number` of a seed: a file's name and content."""
    draw = random.Random(f"{seed}-{number}")
    name, content = draw.choice(reader.good)
    return name, reader.broken(draw, content)


def attempt(reader: Reader, folder: Path, name: str, content: bytes) -> str:
    """Read one file in an empty folder: "read", "refused", or what went wrong."""
    place = folder / "files"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    (place / name).write_bytes(content)
    try:
        reader.read(place / name)
        said = "read"
    except reader.errors as error:
        said, told = "refused", str(error)
        lines = told.split("\n") if reader.names_the_file else [f"{name} {told}"]
        if len(told) > 1000 or any(name not in line for line in lines):
            said = f"{type(error).__name__} in other words: {told[:300]!r}"
        while error is not None:
            if isinstance(error, MemoryError) or "nsufficient memory" in str(error) or "allocate memory" in str(error):
                said = f"asks for too much memory: {error}"
            error = error.__cause__ or error.__context__
    except BaseException as error:
        said = f"{type(error).__name__}: {str(error)[:200]}"
    if {path.name for path in folder.iterdir()} - {"files", "cache"}:
        said = "wrote outside its folder"
    return said


def make_readers() -> list[Reader]:
    """Every reader of the study with its good files."""
    import numpy as np

    from studylib import damage, masks, parameters, pictures, records, restoration, scans, sources, vgg

    files = _pictures()
    holes = [(name, data) for name, data in _pictures(noise=False) if name != "cmyk.jpg"]
    painting = scans.Scan(np.random.default_rng(1).integers(0, 256, (48, 48, 3), np.uint8), "RGB")

    def scan(path: Path) -> None:
        picture = scans.read(path)
        for ending in (".tif",) if picture.mode == "CMYK" else (".tif", ".png"):
            scans.write(picture, path.with_name(f"again{ending}"))
            scans.verify(path.with_name(f"again{ending}"), picture, np.zeros(picture.pixels.shape[:2], bool))

    def folder_of_masks(path: Path) -> None:
        masks._signed_distances.cache_clear()
        masks._crack_distances.cache_clear()
        (path.parent / "nvidia").mkdir()
        shutil.copy(path, path.parent / "nvidia")
        for family in ("irregular", "craquelure"):
            hole = masks.sample(family, 2, 32, seed=0, folder=path.parent)
            if not bool(((hole == 0) | (hole == 1)).all()):
                raise AssertionError("a mask that is neither 0 nor 1")

    def fetched(path: Path) -> None:
        source = sources.Parquet(str(path), path.parent / "store")
        listed = source.pictures()
        source.fetch(listed)
        for picture in listed:
            source.read(picture)
        if {other.name for other in path.parent.iterdir()} - {path.name, "store"}:
            raise AssertionError("pictures lie outside the store")

    def record(path: Path) -> None:
        _judged(path)

    def asked(path: Path) -> None:
        parameters.check(parameters.read(path), where=str(path))

    maps = [(f"craquelure_{name}", data) for name, data in holes if name in ("grey.png", "bits.png", "rgb.png")]
    profiles = sorted((records.ROOT / "params").rglob("*.yaml"))
    return [
        Reader("pictures read and written", files + _scans(), broken, scan, (scans.ScanError,)),
        Reader("masks of a painting", holes, broken, lambda path: damage.read(path, painting), (scans.ScanError,)),
        Reader("pictures of the collection", files, broken, lambda path: pictures.examine(path.read_bytes(), 32),
               (pictures.Unusable,), names_the_file=False),
        Reader("folders of masks", maps, broken, folder_of_masks, (ValueError,)),
        Reader("parquet files", _parquet(), broken, fetched, (sources.DataError,)),
        Reader("weights", _weights(), _broken_weights, restoration.load, (ValueError,)),
        Reader("weights of VGG-19", _vgg(), _broken_weights, lambda path: vgg.load.__wrapped__(str(path)), (ValueError,)),
        Reader("parameter files", [(path.name, path.read_bytes()) for path in profiles], _broken_yaml, asked,
               (parameters.ParameterError,)),
        Reader("records", _records(), _broken_record, record, (records.RecordError,)),
    ]


def broken(draw: random.Random, content: bytes) -> bytes:
    """One to three damages of a file: bits and chunks, and numbers where formats keep theirs."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        way, at = draw.randrange(8), draw.randrange(len(data) or 1)
        length = min(len(data) - at, draw.choice((1, 4, 64, 1000)))
        if way == 0:
            del data[at:]
        elif way == 1:
            del data[at:at + length]
        elif way == 2:
            data[at:at] = data[at:at + length] * draw.choice((1, 2, 50))
        elif way == 3:
            data[at:at] = draw.randbytes(length)
        elif way == 4:
            for _ in range(draw.choice((1, 8, 100))):
                if data:
                    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        else:
            at = draw.choice(_places(bytes(data)))
            size = draw.choice((1, 2, 4, 4, 8))
            number = draw.choice(_NUMBERS) & (256**size - 1)
            data[at:at + size] = number.to_bytes(size, draw.choice(("little", "big")))
    return _sealed(bytes(data)) if draw.random() < 0.8 else bytes(data)


def _places(data: bytes) -> list[int]:
    """Where a format keeps its dimensions, offsets and lengths."""
    if data[:4] == b"\x89PNG":
        chunks = [at for name in (b"IHDR", b"IDAT", b"iCCP", b"eXIf", b"pHYs", b"PLTE", b"tRNS") if (at := data.find(name)) > 0]
        return [16, 20, 16, 20, 24, 25, 26, 27, 28] + [at + shift for at in chunks for shift in (-4, 4, 8)]
    if data[:2] == b"\xff\xd8":
        marks = [at for at in range(len(data) - 1) if data[at] == 255 and data[at + 1] not in (0, 255)]
        return [at + shift for at in marks for shift in (1, 2, 4, 5, 7, 9, 11)]
    if data[:2] == b"II" and len(data) > 8:
        first = min(int.from_bytes(data[4:8], "little"), len(data))
        return [4, first] + [first + 2 + 12 * entry + shift for entry in range(20) for shift in (0, 2, 4, 8, 8)]
    if data[:4] == b"PAR1":
        return [len(data) - 8, *(max(0, len(data) - 9 - back) for back in range(400))]
    return list(range(64))


def _sealed(data: bytes) -> bytes:
    """A PNG's chunks with right checksums, so that what is in them is looked at."""
    if data[:4] != b"\x89PNG":
        return data
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        end = at + 8 + int.from_bytes(out[at:at + 4], "big")
        if end + 4 > len(out):
            break
        out[end:end + 4] = struct.pack(">I", zlib.crc32(out[at + 4:end]))
        at = end + 4
    return bytes(out)


def _altered(draw: random.Random, value: object) -> object:
    """A JSON value with one part of it, however deep, left out, doubled or replaced."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not keys or draw.random() < 0.1:
        return draw.choice(_VALUES)
    value, key = value.copy(), draw.choice(keys)
    way = draw.random()
    if way < 0.1:
        del value[key]
    elif way < 0.15 and isinstance(value, list):
        value += [value[key]] * draw.choice((1, 1000))
    elif way < 0.2 and isinstance(value, dict):
        value[draw.choice(("x", "", "shape", "width"))] = value.pop(key)
    else:
        value[key] = _altered(draw, value[key])
    return value


def _broken_weights(draw: random.Random, content: bytes) -> bytes:
    if draw.random() < 0.4 or content[8:9] != b"{":
        return broken(draw, content)
    length = int.from_bytes(content[:8], "little")
    head = json.dumps(_altered(draw, json.loads(content[8:8 + length])))
    if draw.random() < 0.1:
        head = draw.choice(("[" * 100_000, '{"a":' * 100_000, "", "null", head * 2, head + " " * 1000))
    head = head.encode()
    told = draw.choice(_NUMBERS) if draw.random() < 0.1 else len(head)
    return told.to_bytes(8, "little") + head + content[8 + length:]


def _broken_yaml(draw: random.Random, content: bytes) -> bytes:
    if draw.random() < 0.3:
        return broken(draw, content)
    lines = content.decode().splitlines(keepends=True)
    at = draw.randrange(len(lines) + 1)
    if draw.random() < 0.4:
        key = draw.choice([line for line in lines if ":" in line and line[0] != "#"] or ["train: 1"]).partition(":")[0]
        lines[at:at] = [f"{key}: {json.dumps(draw.choice(_VALUES))}\n"]
        lines = [line for number, line in enumerate(lines) if number == at or not line.startswith(f"{key}:")]
    else:
        lines[at:at] = [draw.choice(_LINES)]
    return "".join(lines).encode(draw.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig")), "surrogatepass")


def _broken_record(draw: random.Random, content: bytes) -> bytes:
    """A third is altered as it lies there; the rest carries the checksum of what it holds."""
    if draw.random() < 0.2:
        return broken(draw, content)
    if draw.random() < 0.1:
        return draw.choice((b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b'{"sha256": "\\ud800"}', b'{"a": "\\ud800"}', b"{}",
                            b"null", b'"\xff"', content[:-2] + b', "x": ' + b"[" * 5000 + b"]" * 5000 + b"}"))
    record = json.loads(content)
    del record["sha256"]
    return _checked(_altered(draw, record))


def _checked(record: object) -> bytes:
    from studylib import records

    if isinstance(record, dict):
        try:
            record = {**record, "sha256": records.digest(record)}
        except ValueError:  # what is no Unicode has no checksum
            record = {**record, "sha256": "0" * 64}
    return json.dumps(record).encode()


def _judged(path: Path) -> None:
    """What the write-up does with a record: every claim that needs it, its tables, and a figure."""
    from studylib import claims, intervals

    (path.parent / "03_gan_training").mkdir()
    shutil.copy(path, path.parent / "03_gan_training")
    (made,) = claims.load(path.parent).values()
    claims.verdicts({name: made for _, needs, _ in claims._RULES.values() for name in needs}, "laptop")
    claims.gain_table(made, made)
    claims.in_buckets(made, ((0.0, 1.0),))
    claims.over_families(made)
    intervals.against_best(made["results"]["metrics"], "this model", ["Telea", "mean colour"])


def _pixels(channels: int, kind: str = "uint8", noise: bool = True):
    """(48, 48, channels): noise, or white, in a black frame."""
    import numpy as np

    top = np.iinfo(kind).max
    pixels = np.random.default_rng(0).integers(0 if noise else top, top, (48, 48, channels), kind, endpoint=True)
    pixels[8:40] = pixels[:, 8:40] = 0
    return pixels


def _pictures(noise: bool = True) -> list[tuple[str, bytes]]:
    from PIL import Image, ImageCms

    from studylib import scans

    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    more = {"exif": exif.tobytes(), "dpi": (300, 300), "icc_profile": profile}
    colour, cover, grey = (Image.fromarray(_pixels(channels, noise=noise).squeeze()) for channels in (3, 4, 1))

    def saved(image: Image.Image, kind: str, **options) -> bytes:
        stream = io.BytesIO()
        image.save(stream, kind, **options)
        return stream.getvalue()

    def deep(ending: str, channels: int, mode: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            scan = scans.Scan(_pixels(channels, "uint16", noise), mode, exif=more["exif"], dpi=(300.0, 300.0))
            scans.write(scan, f"{folder}/a{ending}")
            return Path(f"{folder}/a{ending}").read_bytes()

    return [
        ("rgb.png", saved(colour, "PNG", **more)), ("cover.png", saved(cover, "PNG")), ("grey.png", saved(grey, "PNG")),
        ("bits.png", saved(grey.convert("1"), "PNG")),
        ("palette.png", saved(colour.quantize(16), "PNG")), ("deep.png", deep(".png", 3, "RGB")),
        ("rgb.jpg", saved(colour, "JPEG", **more)), ("cmyk.jpg", saved(colour.convert("CMYK"), "JPEG", progressive=True)),
        ("rgb.tif", saved(colour, "TIFF", compression="tiff_adobe_deflate", **more)),
        ("grey.tif", saved(grey, "TIFF", compression="tiff_lzw")), ("plain.tif", saved(colour, "TIFF")),
        ("fax.tif", saved(grey.convert("1"), "TIFF", compression="group4")), ("deep.tif", deep(".tif", 3, "RGB")),
        ("deep_grey.tif", deep(".tif", 1, "L")), ("cover.webp", saved(cover, "WEBP", lossless=True)),
        ("rgb.webp", saved(colour, "WEBP")), ("palette.gif", saved(colour.quantize(16), "GIF")),
        ("rgb.bmp", saved(colour, "BMP")), ("rgb.ppm", saved(colour, "PPM")), ("rgb.jp2", saved(colour, "JPEG2000"))]


def _scans() -> list[tuple[str, bytes]]:
    """Files that only scanners, archives and phones make."""
    import imagecodecs
    import numpy as np
    import tifffile
    from PIL import Image

    deep, flat = _pixels(3, "uint16"), _pixels(3)
    xmp = b'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'

    def tif(pixels: np.ndarray, **options) -> bytes:
        stream = io.BytesIO()
        tifffile.imwrite(stream, pixels, **{"photometric": "rgb", **options})
        return stream.getvalue()

    def pyramid() -> bytes:
        stream = io.BytesIO()
        with tifffile.TiffWriter(stream) as file:
            for step, kind in ((1, 0), (2, 1)):
                file.write(flat[::step, ::step], photometric="rgb", tile=(16, 16), subfiletype=kind, compression="deflate")
        return stream.getvalue()

    def saved(kind: str, **options) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(flat).save(stream, kind, **options)
        return stream.getvalue()

    cover = np.dstack([flat, flat[..., :1]])
    palette = np.arange(768, dtype=np.uint16).reshape(3, 256)
    return [
        ("planes.tif", tif(np.moveaxis(deep, -1, 0), planarconfig="separate", compression="lzw", predictor=True)),
        ("twelve.tif", tif(deep[..., 0] >> 4, photometric="minisblack", bitspersample=12)), ("pyramid.tif", pyramid()),
        ("inks.tif", tif(np.dstack([deep, deep[..., :1]]), photometric="separated", compression="lzw")),
        ("zstd.tif", tif(deep, compression="zstd", tile=(16, 16))),
        ("jpeg.tif", tif(flat, photometric="ycbcr", compression="jpeg")),
        ("jpeg2000.tif", tif(flat, compression="jpeg2000")), ("big.tif", tif(deep, bigtiff=True, byteorder=">")),
        ("selection.tif", tif(cover, extrasamples=["unspecified"])),
        ("negative.tif", tif(flat[..., 0], photometric="miniswhite")),
        ("indices.tif", tif(flat[..., 0], photometric="palette", colormap=palette)),
        ("deep.jp2", imagecodecs.jpeg2k_encode(deep, level=0, codecformat="jp2")),
        ("deep.ppm", b"P6\n48 48\n4095\n" + (deep >> 4).astype(">u2").tobytes()),
        ("phone.avif", saved("AVIF", xmp=xmp)), ("xmp.jpg", saved("JPEG", xmp=xmp))]


def _parquet() -> list[tuple[str, bytes]]:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    content = dict(_pictures())["rgb.jpg"]
    titles = ("a_b-1880.jpg", "../../../x_y-1.jpg", None, "n" * 400, "é" * 200, "a_b-1880.jpg")
    images = [{"bytes": content, "path": title} for title in titles]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    names = [{"names": ["claude-monet", "../../evil"]}, {"names": ["Impressionism", ".."]}]
    features = {"artist": names[0], "style": names[1]}
    whole = pa.table({"image": pa.array(images, kind), "artist": [0, 1, 0, 1, 0, 5], "style": [0, 1, 0, 0, 1, 0]})
    whole = whole.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    told = pa.table({"image": [content] * 3, "artist": ["x", None, "/etc/../" * 40], "style": ["s" * 300, "\n\t", "a/b"]})

    def written(table: pa.Table, **options) -> bytes:
        stream = io.BytesIO()
        parquet.write_table(table, stream, **options)
        return stream.getvalue()

    return [("labels.parquet", written(whole, row_group_size=2)), ("names.parquet", written(told)),
            ("plain.parquet", written(whole, compression="none", use_dictionary=False))]


def _weights() -> list[tuple[str, bytes]]:
    import torch
    from safetensors.torch import save

    from studylib import networks

    told = {"generator": "unet", "size": "64", "width": "4", "blocks": "1", "norm": "none", "mask_input": "True", "skips": "True",
            "fill": "thin_plate"}
    with torch.random.fork_rng():
        state = networks.described(told).state_dict()
    return [("small.safetensors", save(state, told)),
            ("half.safetensors", save({name: value.half() for name, value in state.items()}, told)),
            ("packed.safetensors", save(networks.packed(state), told))]


def _vgg() -> list[tuple[str, bytes]]:
    """A VGG-19 of one channel, as a safetensors file and as codebooks."""
    import torch
    from safetensors.torch import save

    from studylib import vgg

    names = [f"block{block}_conv{layer}" for block, count in enumerate(vgg._BLOCKS, 1) for layer in range(1, count + 1)]
    shapes = {name: (1, 3 if name == "block1_conv1" else 1, 3, 3) for name in names}
    state, codes = {}, {}
    for name, shape in shapes.items():
        state |= {f"{name}.weight": torch.zeros(shape), f"{name}.bias": torch.zeros(1)}
        codes |= {f"{name}_W_q": torch.zeros(shape, dtype=torch.uint8), f"{name}_W_table": torch.zeros(256),
                  f"{name}_b": torch.zeros(1)}
    stream = io.BytesIO()
    torch.save(codes, stream)
    return [("vgg.safetensors", save(state)), ("vgg.bin", stream.getvalue())]


def _records() -> list[tuple[str, bytes]]:
    """A record that holds what any claim asks for."""
    draw = random.Random(0)
    methods = ("this model", "mean colour", "Telea", "Navier-Stokes", "biharmonic")

    def scored() -> dict:
        return {method: {metric: [round(draw.uniform(10, 20), 2) for _ in range(6)] for metric in ("psnr", "lpips", "style")}
                for method in methods}

    families = ("training", "perlin", "circle", "box")
    settled = {name: {"converged": True} for name in ("reconstruction", "generator")}
    results = {
        "metrics": {family: scored() for family in families}, "hole": {family: [0.2] * 6 for family in families}, "updates": 300,
        "gradient_map": [[draw.random() for _ in range(8)] for _ in range(8)],
        "elsewhere": {"mixture": {"artist": ["a", "a", "a", "b", "b", "b"], "metrics": scored()}},
        "convergence": {"faces": settled, "paintings": settled}, "ranking": [["pierre-auguste-renoir", "Impressionism", 9]] * 20,
        "used": 9, "rejected": [], "source": "wikiart"}
    asked = {"train": 100, "train_masks": ["perlin"], "style_in": "both", "style_weight": 1.0, "adversarial_weight": 0.01}
    record = {"notebook": "03_gan_training", "parameters": asked, "files": {}, "seconds": 1.0, "results": results}
    return [("record.json", _checked(record))]


if __name__ == "__main__":
    for row in run(*map(int, sys.argv[1:])):
        print(*row, sep=" | ")
