"""One painting, from its photograph and a mask to what a conservator can judge: recognisable, reversible, confined to the loss.

Beside the restored picture come the fill alone, as a layer; a tratteggio, which shows from nearby what is not original (Brandi
1963; the Istituto Centrale del Restauro's fine upright lines); a map of the error to expect; a page; and an account in JSON.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from studylib import damage, filling, mask_files, records, report, restoration, scans, strokes, trial, uncertainty
from studylib.inputs import check_out, pairs  # noqa: F401
from studylib.scans import Scan, ScanError

_MANY = 20e6  # pixels, above which fewer views of a picture are compared


def restore(painting: Path, out: Path, *, mask: Path | None, holes: str = "auto", yes: bool = False, grown: int = 0,
            method: str = "auto", weights: Path | None = None, device: str = "cpu", variants: int = 0,
            stroke: str | float | None = None, angle: float = 0.0, abstract: bool = False,
            progress: Callable[[float], None] | None = None, say: Callable[[str], None] = print) -> list[Path]:
    """Restore one painting and write everything that belongs to it into the folder `out`; the account is written last.

    Args:
        mask: the mask of the damage. holes, yes: as `mask_files.read` has them.
        grown: pixels by which the mask is widened.
        method: "auto", which tries them on the painting itself (`trial`), or one of `filling.METHODS`.
        variants: fills of the model that are compared; 0: 5, or 4 of more than 20 million pixels.
        stroke: of the tratteggio, its width, as `strokes.stroke_pixels` takes it; angle: degrees from upright.
        abstract: parts beyond evidence (`strokes.beyond_evidence`) are filled by chromatic abstraction.
        progress: called with the part that is done, 0 to 1. say: is told how things were understood.

    Returns:
        The files written.

    Raises:
        ScanError, ValueError, FileNotFoundError: in one sentence; nothing has been written then, but the preview of a mask that
            can be read in more than one way.
    """
    scan = scans.read(painting)
    width = strokes.stroke_pixels(stroke, scan.dpi, scan.pixels.shape)
    found = mask_files.read_beside(painting, mask, scan, out, holes, yes)
    shown = f"; {found.preview} shows it, for that is not certain" if found.preview else ""
    for said in (found.sentence + shown, *(f"{painting}: {note}." for note in scan.notes)):
        say(said)
    hole = damage.grow(found.hole, grown)
    known = ~hole & (scan.pixels[..., -1] > 0) if scan.mode in ("LA", "RGBA") else ~hole
    if not known.any():
        covered = "the whole picture" if hole.all() else "all that is not transparent"
        raise ScanError(f"{mask}: {f'widened by {grown} pixels it ' if grown else ''}covers {covered}; there is nothing to "
                        "restore from.")
    variants = variants or (5 if hole.size <= _MANY else 4)
    chosen = _choose(scan, hole, known, method, weights, device, variants, _within(progress, 0.0, 0.4))
    say(f"{painting}: method {chosen.method}: {chosen.why}.")
    # What is transparent, or a crumb within a broad loss, has no say: it is filled along, and left as it was.
    empty = ~known | damage.crumbs(~known)
    fills = filling.fill(scan.colours, empty, method=chosen.method, weights=weights, device=device,
                         variants=variants if chosen.method in ("model", "network") else 1, progress=_within(progress, 0.4, 0.9))
    beyond, parts = strokes.beyond_evidence(empty, within=hole)
    values = strokes.abstraction(fills[0], empty, beyond, scan.colours) if abstract and parts else fills[0]
    if parts:
        say(f"{painting}: {len(parts)} {'part lies' if len(parts) == 1 else 'parts lie'} beyond evidence, up to "
            f"{max(part['distance_pixels'] for part in parts):.0f} pixels from any paint: what is there is "
            + ("chromatic abstraction." if abstract else "an invention; --abstract fills it by chromatic abstraction instead."))
    drawn = strokes.tratteggio(values, empty, picture=scan.colours, width=width, angle=angle)
    drawn = strokes.abstraction(drawn, empty, beyond, scan.colours) if abstract and parts else drawn
    factor = _calibrated(chosen)
    error, band = uncertainty.expected(fills, empty, scan.colours, factor)
    values, drawn, error, band = (part[hole[empty]] for part in (values, drawn, error, band))
    ending = ".tif" if scan.mode == "CMYK" or painting.suffix.lower() in (".tif", ".tiff") else ".png"
    restored, trattegged = _with(scan, hole, values), _with(scan, hole, drawn)
    pictures = {f"restored{ending}": restored, f"tratteggio{ending}": trattegged, f"fill{ending}": _layer(scan, hole, values),
                "uncertainty.png": _map(restored, hole, error)}
    files, checked = {}, ""
    for name, picture in pictures.items():
        path = out / f"{painting.stem}_{name}"
        scans.write(picture, path)
        if picture is restored or picture is trattegged:
            checked = scans.verify(path, scan, hole)
        files[path.name] = records.sha256(path)
    account = {
        "painting": painting.name, "painting_sha256": records.sha256(painting), "mask": str(mask.name),
        "mask_sha256": records.sha256(mask), "mask_read_as": found.sentence.removeprefix(f"{mask}: "), "grown_pixels": grown,
        "hole_ratio": round(float(hole.mean()), 6), "size": list(scan.pixels.shape[1::-1]), "notes": list(scan.notes),
        "method": chosen.method, "why": chosen.why, "trial": {"psnr": chosen.psnr, "lpips": chosen.lpips, "score": chosen.score},
        "weights_sha256": _digests(chosen.method, weights), "variants": len(fills),
        "beyond_evidence": parts, "abstraction": bool(abstract and parts), "tratteggio": {"width": width, "angle": angle},
        "uncertainty": {"what": "the expected absolute error in 8-bit levels; yellow is the greatest",
                        "mean": round(float(error.mean()), 2), "yellow_is": uncertainty.scale(error),
                        "band_80": round(float(band.mean()), 2), "calibrated_by": round(factor, 3)},
        "outside_the_mask": checked, "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **records.environment(device), "files": files}
    page = out / f"{painting.stem}_report.html"
    report.write(page, name=painting.name, before=scan, after=restored, hole=hole, tratteggio=trattegged, uncertainty=error,
                 trial=chosen.rows(), taken=chosen.method, parts=parts, abstracted=account["abstraction"], account=account)
    account["files"][page.name] = records.sha256(page)
    path = out / f"{painting.stem}_restoration.json"
    records.write_atomic(path, (json.dumps(account, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
    return [*(out / name for name in files), path]


def _choose(scan: Scan, hole: np.ndarray, known: np.ndarray, method: str, weights: Path | None, device: str, variants: int,
            progress: Callable[[float], None]) -> trial.Trial:
    if method != "auto":
        return trial.Trial(method, "as asked")
    return trial.run(scan.colours, hole, known=known, weights=weights, device=device, variants=variants, progress=progress)


def _within(progress: Callable[[float], None] | None, low: float, high: float) -> Callable[[float], None]:
    """A part's own progress as part of the whole."""
    return lambda part: progress and progress(low + (high - low) * part)


def _calibrated(chosen: trial.Trial) -> float:
    """How much wider the band must be for 80 % of the trial's own errors."""
    errors, bands = [np.zeros(0)], [np.zeros(0)]
    for at, fills in chosen.held_out:
        new = at.new[at.hole]
        errors.append(255 * np.abs(fills[0] - at.picture[at.hole] / np.float32(np.iinfo(at.picture.dtype).max)).mean(1)[new])
        bands.append(uncertainty.expected(fills, at.hole, at.picture)[1][new])
    return float(uncertainty.calibrate(np.concatenate(errors), np.concatenate(bands)))


def _digests(method: str, weights: Path | None) -> dict[str, str] | None:
    """The weights that were used: file name and SHA-256."""
    if method not in ("model", "network"):
        return None
    path = Path(weights or restoration.WEIGHTS)
    return {path.name: records.sha256(path)}


def _with(scan: Scan, hole: np.ndarray, values: np.ndarray) -> Scan:
    """The picture with other values in its holes; an alpha channel stays."""
    pixels = scan.pixels.copy()
    pixels[hole, :values.shape[1]] = (values.clip(0, 1) * scan.depth).round().astype(pixels.dtype)
    return scan.like(pixels, scan.mode)


def _layer(scan: Scan, hole: np.ndarray, values: np.ndarray) -> Scan:
    """The fill alone: transparent where the picture is known. A CMYK picture's layer is opaque, white where it is known."""
    channels = values.shape[1]
    mode = {1: "LA", 3: "RGBA", 4: "CMYK"}[channels]
    pixels = np.zeros((*hole.shape, channels + (mode != "CMYK")), scan.pixels.dtype)
    pixels[hole, :channels] = (values.clip(0, 1) * scan.depth).round().astype(pixels.dtype)
    if mode != "CMYK":
        pixels[hole, -1] = scan.depth
    return scan.like(pixels, mode)


def _map(scan: Scan, hole: np.ndarray, error: np.ndarray) -> Scan:
    """The expected error over the picture in grey, in sRGB."""
    return replace(scan.like(uncertainty.render(scan.colours, hole, error), "RGB"), icc=None, chunks=())
