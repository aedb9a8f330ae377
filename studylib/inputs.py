"""Which paintings and which masks belong together, what else lies beside them, and where results may go."""

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from studylib import scans
from studylib.scans import ScanError

KINDS = ("restored", "fill", "tratteggio", "uncertainty")  # of pictures that come out: NAME_KIND
_BESIDE = ("mask", "mask_preview", *KINDS)
# Whether a picture of such a name can be read, `scans` says; what is neither a picture nor a sidecar is named and passed over.
_PICTURES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".tif", ".tiff", ".btf", ".tf8", ".webp", ".gif", ".bmp", ".dib",
    ".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".jp2", ".j2k", ".jpf", ".jpx", ".jpc", ".j2c", ".mpo"}
_OTHER_PICTURES = {
    ".heic", ".heif", ".hif", ".avif", ".jxl", ".jxr", ".psd", ".psb", ".xcf", ".kra", ".ora", ".svg", ".pdf", ".eps", ".ai",
    ".exr", ".hdr", ".tga", ".ico", ".dds", ".djvu", ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".orf", ".rw2",
    ".raf", ".pef", ".srw", ".x3f", ".3fr", ".iiq", ".raw", ".fff", ".mef", ".mos", ".erf"}
_SIDECARS = {
    ".xmp", ".json", ".txt", ".xml", ".md", ".csv", ".tsv", ".yaml", ".yml", ".ini", ".db", ".log", ".html", ".htm", ".url",
    ".lnk", ".pp3", ".dop", ".aae", ".cos", ".on1", ".thm", ".md5", ".sha256", ".ipynb", ".bib"}


@dataclass
class Inputs:
    """What was found.

    Attributes:
        pairs: paintings, each with its mask, or with None where no masks were asked for.
        missed: a sentence for each painting that cannot be restored. passed: one for all else that is left out.
    """

    pairs: list[tuple[Path, Path | None]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


def gather(paintings: list[Path], mask: Path | None, out: Path | None = None) -> Inputs:
    """Each painting with its mask: the one file, or in a folder of masks the file NAME.* or NAME_mask.*.

    Names compare as Unicode's NFC. In a folder of paintings, sidecars, hidden files, masks (NAME_mask) and what came out before
    (NAME_restored, ...) are passed over without a word; so are the folder of masks and the folder `out`.

    Raises:
        ScanError: there is no mask at all, or nothing that could be a painting.
    """
    found = Inputs()
    for path in paintings:
        found.pairs += [(file, None) for file in (_inside(path, mask, out, found) if path.is_dir() else [path])]
    if not found.pairs:
        raise ScanError(f"{paintings[0]}: holds no picture." + "".join(f" {said}" for said in found.passed))
    if mask is not None and not mask.exists():
        raise ScanError(f"{mask}: there is no such file; expected a mask of the damage, or a folder of masks.")
    if mask is not None and not mask.is_dir() and len(found.pairs) > 1:
        raise ScanError(f"{mask}: one mask for {len(found.pairs)} paintings; expected a folder with a mask for each.")
    names = [_name(painting) for painting, _ in found.pairs]
    taken, found.pairs = found.pairs, []
    for painting, _ in taken:
        if said := _unwritable(painting):
            found.missed.append(said)
        elif names.count(_name(painting)) > 1:
            found.missed.append(f"{painting}: two paintings of the name {painting.stem}; what comes out would overwrite itself.")
        elif mask is None or not mask.is_dir():
            found.pairs.append((painting, mask))
        else:
            fitting = _masks(painting, mask)
            if len(fitting) == 1:
                found.pairs.append((painting, fitting[0]))
            else:
                found.missed.append(_unmatched(painting, mask, fitting))
    return found


def pairs(paintings: list[Path], mask: Path | None) -> list[tuple[Path, Path | None]]:
    """The pairs that `gather` finds, if it finds one for each painting.

    Raises:
        ScanError: a painting or its mask is missing, two paintings would write to the same names, or a name is not UTF-8.
    """
    found = gather(paintings, mask)
    if found.missed:
        raise ScanError(found.missed[0])
    return found.pairs


def check_out(paintings: list[tuple[Path, Path | None]], out: Path, overwrite: bool = False) -> None:
    """Make sure, before anything is computed, that the results can be written and overwrite no painting and no mask.

    overwrite: whether `out` may be a painting's own folder, and may hold results of the same names.

    Raises:
        ScanError: they would, or `out` is no folder and cannot become one.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for painting, _ in paintings:
            (out / f"{painting.stem}_restoration.json.part").exists()  # raises where the name is too long
    except OSError as problem:
        raise ScanError(f"{out}: cannot be the folder for what comes out ({problem.strerror}).") from None
    given = {path.resolve() for pair in paintings for path in pair if path}
    there = []
    for painting, _ in paintings:
        for kind in KINDS:
            for ending in scans.LOSSLESS:
                if (written := out / f"{painting.stem}_{kind}{ending}").resolve() in given:
                    raise ScanError(f"{written}: is a painting or a mask, and would be overwritten; expected another folder.")
                there += [written.name] if written.exists() else []
        there += [name for end in ("report.html", "restoration.json") if (out / (name := f"{painting.stem}_{end}")).exists()]
    if overwrite:
        return
    if own := [painting for painting, _ in paintings if painting.resolve().parent == out.resolve()]:
        raise ScanError(f"{out}: is the folder of the painting {own[0].name} itself; expected another, or --overwrite.")
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ScanError(f"{out}: holds results of an earlier run ({there[0]}{more}); expected another folder, or --overwrite.")


def _name(path: Path) -> str:
    """A file's name without its ending, the same however it is composed."""
    return unicodedata.normalize("NFC", path.stem)


def _inside(folder: Path, mask: Path | None, out: Path | None, found: Inputs) -> list[Path]:
    """The paintings in a folder; what else is there and no sidecar is told to `found`."""
    listed = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    known = {_name(path) for path in listed if path.is_file() and path.suffix.lower() in _PICTURES | _OTHER_PICTURES}
    paintings = []
    for path in listed:
        if path.is_dir():
            if not any(other and path.resolve() == other.resolve() for other in (mask, out)) and (count := _pictures(path)):
                found.passed.append(f"{path}: is a folder within a folder, and its {count} pictures are passed over; name it to "
                                    "have them restored.")
        elif path.suffix.lower() in _PICTURES | _OTHER_PICTURES:
            if not any(_name(path).removesuffix(f"_{kind}") in known - {_name(path)} for kind in _BESIDE):
                paintings.append(path)
        elif path.suffix.lower() not in _SIDECARS and not (path.suffix == "" and path.name.isupper()):
            found.passed.append(f"{path}: is no picture by its name, and is passed over.")
    return paintings


def _pictures(folder: Path) -> int:
    """How many paintings a folder seems to hold, at any depth."""
    return sum(path.suffix.lower() in _PICTURES and not path.stem.endswith(tuple(f"_{kind}" for kind in _BESIDE))
               for path in folder.rglob("*"))


def _masks(painting: Path, folder: Path) -> list[Path]:
    """The files in a folder that can be a painting's mask; of several those that are pictures by their names."""
    names = (_name(painting), f"{_name(painting)}_mask")
    fitting = [file for file in sorted(folder.iterdir()) if _name(file) in names and file.is_file()
               and file.suffix.lower() not in _SIDECARS and file.resolve() != painting.resolve()]
    readable = [file for file in fitting if file.suffix.lower() in _PICTURES]
    return readable or fitting


def _unmatched(painting: Path, folder: Path, fitting: list[Path]) -> str:
    """Why a painting has no mask."""
    names = f"{painting.stem}.* or {painting.stem}_mask.*"
    if fitting:
        listed = ", ".join(file.name for file in fitting)
        return f"{folder}: {len(fitting)} masks for {painting.name} ({listed}); expected one, {names}."
    inside = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir() if not path.name.startswith("."))
    shown = ", ".join(inside[:5]) + (f" and {len(inside) - 5} more" if len(inside) > 5 else "")
    return (f"{folder}: 0 masks for {painting.name}; looked for {names}" +
            (f" among {shown}" if shown else " in an empty folder") +
            ("; folders within it are not looked into." if any(name.endswith("/") for name in inside) else "."))


def _unwritable(path: Path) -> str | None:
    """What is wrong with a painting's name, or None."""
    try:
        path.name.encode()
        return None
    except UnicodeEncodeError:
        pass
    try:
        os.fsencode(path.name).decode()
    except UnicodeDecodeError:
        return (f"{str(path)!a}: its name is not UTF-8; expected one that is: what comes out is named after it, and the account "
                "holds it.")
    return f"{str(path)!a}: its name cannot be read, for this shell's locale is not UTF-8; PYTHONUTF8=1 helps."
