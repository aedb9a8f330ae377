"""One page for each restoration, in one file that asks for nothing else: what was lost, what was put there, how sure it is."""

import base64
import html
import io
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from studylib import damage, figures, records
from studylib import uncertainty as maps
from studylib.scans import Scan

_WIDE, _WIDE_BYTES = 1600, 700_000  # of a whole picture: its longer side in pixels, and its file
_CLOSE, _CLOSE_BYTES, _CLOSE_UPS = 320, 60_000, 12
_STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1c1b19; --soft: #57534b; --line: #d8d4cb; --panel: #f5f3ee;
  --warn: #fdf0d5; --edge: #9a5b00 }
@media (prefers-color-scheme: dark) { :root { --page: #181715; --text: #ece8e0; --soft: #b3ada1; --line: #45413a;
  --panel: #23211e; --warn: #3a2c10; --edge: #e0a040 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 72rem; margin: auto; padding: 1rem }
h1 { font-size: 1.6rem; line-height: 1.25; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem }
p { max-width: 44rem; overflow-wrap: anywhere }
img { max-width: 100%; height: auto }
figure { margin: 0 }
figcaption, .soft { color: var(--soft); font-size: .9rem }
.warn { background: var(--warn); border-left: 4px solid var(--edge); padding: .6rem 1rem; max-width: 46rem }
.warn p { margin: .3rem 0 }
.close { display: flex; gap: .4rem; overflow-x: auto; margin-bottom: 1.4rem }
.close figure { flex: 0 0 auto }
.close img { display: block; max-width: none }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-size: .95rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line) }
td { overflow-wrap: anywhere }
.trial td, .trial th { padding-left: .5rem }
.trial td:not(:first-child), .trial th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums }
tr.taken { background: var(--panel); font-weight: 600 }
pre { background: var(--panel); padding: 1rem; overflow-x: auto; font-size: .8rem }
summary { cursor: pointer }
.divider input:focus-visible ~ .knob { outline: 3px solid #0072B2; outline-offset: 2px }
@media (max-width: 30rem) { main { padding: .7rem } th, td { padding-right: .5rem } }
"""
# What may be fetched: nothing. The divider's one handler stands in the page.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write(path: Path | str, *, name: str, before: Scan | np.ndarray, after: Scan | np.ndarray, hole: np.ndarray,
          tratteggio: Scan | np.ndarray | None = None, uncertainty: np.ndarray | None = None, trial: list[dict] | None = None,
          taken: str = "", parts: list[dict] | tuple = (), abstracted: bool = False, account: dict | None = None) -> None:
    """Write the page of one restoration, at most 8 MB whatever the picture's size.

    Args:
        name: of the painting, such as its file's.
        before, after, tratteggio: (H, W, C) uint8 or uint16 or scans of it, whose colour profile is followed.
        hole: (H, W) bool.
        uncertainty: (holes,), the expected error in 8-bit levels; None: there is none.
        trial: rows of the methods tried on the painting itself, {column: value}, the first column a method; taken: which it took.
        parts: of the holes beyond evidence, as `strokes.beyond_evidence` lists them; abstracted: whether they are abstraction.
        account: what was done, as NAME_restoration.json holds it.

    Raises:
        records.StorageError: it cannot be written.
    """
    account = account or {}
    known = [("before", before), ("after", after), ("tratteggio", tratteggio)]
    shown = {kind: picture for kind, picture in known if picture is not None}
    whole = {kind: _uri(_part(picture), _WIDE_BYTES) for kind, picture in shown.items()}
    title = f"Restoration of {name}"
    body = [f"<h1>{_text(title)}</h1>", _lead(hole, account)]
    if parts:
        body.append(_beyond(parts, hole.shape, abstracted))
    width = min(_WIDE, hole.shape[1], round(_WIDE * hole.shape[1] / max(hole.shape)))
    body += ["<h2>Before and after</h2>", figures.divider_of(whole["before"], whole["after"], (
        f"{name} before", f"{name} after"), max(width, 280)), '<p class="soft">Drag the line, or use the arrow keys.</p>']
    body.append(_close_ups(shown, hole))
    if tratteggio is not None:
        body += ["<h2>Tratteggio</h2>", _figure(whole["tratteggio"], f"{name} with the fill in fine strokes",
                 "Close by, the strokes tell the fill from the original; from afar they blend into it.")]
    body.append(_map(name, after, hole, uncertainty))
    body += [_trial(trial, taken), _told(account)]
    page = (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{_text(title)}</title>'
            f"<style>{_STYLE}</style></head>\n<body><main>\n" + "\n".join(body) + "\n</main></body></html>\n")
    records.write_atomic(path, page.encode())


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)


def _lead(hole: np.ndarray, account: dict) -> str:
    if not hole.any():
        return "<p>The mask has no hole: the picture is as it was.</p>"
    said = f"<p>{100 * hole.mean():.3g} % of the picture was lost and has been filled"
    said += f" by <b>{_text(account['method'])}</b>" if account.get("method") else ""
    why = f" ({_text(account['why'])})" if account.get("why") else ""
    return f"{said}{why}. Outside the mask not one value was changed.</p>"


def _beyond(parts: list[dict] | tuple, shape: tuple[int, int], abstracted: bool) -> str:
    count, area = len(parts), sum(part["pixels"] for part in parts) / (shape[0] * shape[1])
    items = "".join("<li>{} × {} pixels at {}, {} from the left and top; up to {:.0f} pixels from any paint</li>".format(
        *part["box"][2:], *part["box"][:2], part["distance_pixels"]) for part in parts[:_CLOSE_UPS])
    more = f"<p>and {count - _CLOSE_UPS} smaller ones.</p>" if count > _CLOSE_UPS else ""
    what = ("Chromatic abstraction stands there: crossed strokes in the colours around, which show no image."
            if abstracted else "What is shown there is an invention, not evidence.")
    return (f'<div class="warn" role="note"><p><b>Beyond evidence: {count} {"part" if count == 1 else "parts"}, '
            f"{100 * area:.2g} % of the picture.</b> "
            f"So far from any paint the painting does not tell what was there. {what}</p><ul>{items}</ul>{more}</div>")


def _close_ups(shown: dict, hole: np.ndarray) -> str:
    import cv2

    if not hole.any():
        return ""
    side = int(np.clip(min(hole.shape) // 3, 96, _CLOSE))
    larger = max(1, _CLOSE // side)  # of small pictures a pixel is shown as several
    windows = damage.close_ups(hole, _CLOSE_UPS, side) or [_around(hole, side)]
    count, labels = cv2.connectedComponents(hole.astype(np.uint8), connectivity=8)
    seen = np.zeros(count, bool)
    rows = []
    for number, window in enumerate(windows, 1):
        seen[np.unique(labels[window])] = True
        pictures = "".join(_figure(_uri(_part(picture, window), _CLOSE_BYTES), f"loss {number}, {kind}", kind.capitalize(),
                                   larger * (window[1].stop - window[1].start)) for kind, picture in shown.items())
        rows.append(f'<div class="close" role="region" tabindex="0" aria-label="loss {number}">{pictures}</div>')
    rest = int((~seen[1:]).sum())
    more = f'<p class="soft">{rest} smaller {"loss is" if rest == 1 else "losses are"} not shown here.</p>' if rest else ""
    size = f"enlarged {larger} times" if larger > 1 else "in their own pixels"
    return f"<h2>The largest losses, {size}</h2>{''.join(rows)}{more}"


def _around(hole: np.ndarray, side: int) -> tuple[slice, slice]:
    """The square about the hole's first pixel: of holes too thin for `damage.close_ups`."""
    y, x = np.unravel_index(int(hole.argmax()), hole.shape)
    return tuple(slice(max(0, int(at) - side // 2), min(whole, int(at) + side // 2))
                 for at, whole in zip((y, x), hole.shape, strict=True))


def _map(name: str, after: Scan | np.ndarray, hole: np.ndarray, levels: np.ndarray | None) -> str:
    if levels is None or not len(levels):
        return ""
    pixels = after.colours if isinstance(after, Scan) else after
    most = maps.scale(levels)
    drawn = _uri(_shrunk(maps.render(pixels, hole, levels, most)), _WIDE_BYTES)
    strip = _uri(maps.legend(most), _CLOSE_BYTES)
    said = (f"On the mean over the losses the fill is expected to lie {levels.mean():.0f} levels of 255 from what was there; "
            "where the map is yellow, further.")
    return ("<h2>Uncertainty</h2>" + _figure(drawn, f"map of the expected error of the fill of {name}", said)
            + f'<img src="{strip}" alt="dark is 0 levels, yellow {most} levels or more">')


def _trial(rows: list[dict] | None, taken: str) -> str:
    if not rows:
        return "<h2>The trial</h2><p>No method was tried on this painting.</p>"
    heads = list(rows[0])
    head = "".join(f'<th scope="col">{_text(word)}</th>' for word in heads)
    small = {word: max((abs(row[word]) for row in rows if isinstance(row.get(word), float)), default=0) < 1 for word in heads}

    def cell(row: dict, word: str) -> str:
        value = row.get(word)
        return f"{value:.{3 if small[word] else 2}f}" if isinstance(value, float) else _value(value)

    lines = "".join(f'<tr{" class=taken" if str(row[heads[0]]) == taken else ""}>'
                    + "".join(f"<td>{cell(row, word)}</td>" for word in heads) + "</tr>" for row in rows)
    return ("<h2>The trial</h2><p>Losses like these were made where the paint is whole, filled by each method, and compared "
            f'with what is there.</p><div class="scroll"><table class="trial"><thead><tr>{head}</tr></thead>'
            f"<tbody>{lines}</tbody></table></div>")


def _told(account: dict) -> str:
    """The account as a table, and word for word."""
    if not account:
        return ""
    lines = "".join(f'<tr><th scope="row">{_text(key.replace("_", " "))}</th><td>{_value(value)}</td></tr>'
                    for key, value in account.items() if value is not None)
    whole = _text(json.dumps(account, indent=1, ensure_ascii=False, default=str))
    return (f'<h2>What was done</h2><div class="scroll"><table>{lines}</table></div>'
            f"<details><summary>The account as JSON</summary><pre>{whole}</pre></details>")


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "<br>".join(f"{_text(key)}: {_value(part)}" for key, part in value.items())
    if isinstance(value, (list, tuple)):
        simple = all(isinstance(part, (int, float, str)) for part in value)
        return (", " if simple else "<br>").join(_value(part) for part in value)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    return _text(f"{value:.4g}" if isinstance(value, float) and abs(value) < 1e4 else value)


def _figure(uri: str, alt: str, caption: str, width: int | None = None) -> str:
    size = f' width="{width}"' if width else ""
    return f'<figure><img src="{uri}" alt="{_text(alt)}"{size}><figcaption>{_text(caption)}</figcaption></figure>'


def _part(picture: Scan | np.ndarray, window: tuple[slice, slice] | None = None) -> Image.Image:
    """A picture scaled down, or a window of it in its own pixels, as sRGB."""
    pixels = picture.colours if isinstance(picture, Scan) else picture
    if window:
        pixels = pixels[window]
    pixels = _shrunk(pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8))
    mode = {1: "L", 3: "RGB", 4: "CMYK"}[pixels.shape[2]]
    image = Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode)
    if isinstance(picture, Scan) and picture.icc:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc))
            return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):  # not a profile of such a picture: shown without
            pass
    return image.convert("RGB")


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    import cv2

    factor = _WIDE / max(pixels.shape[:2])
    if factor >= 1:
        return np.ascontiguousarray(pixels)
    size = tuple(max(1, round(length * factor)) for length in pixels.shape[1::-1])
    return cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], -1)


def _uri(image: Image.Image | np.ndarray, most: int) -> str:
    """A picture in the page: WebP, of less quality and then of less size until it has at most so many bytes."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    for quality in (90, 80, 65, 50, 35, 35, 35, 35):
        stream = io.BytesIO()
        image.save(stream, "WEBP", quality=quality)
        if stream.tell() <= most:
            break
        if quality == 35:
            image = image.resize(tuple(max(1, round(0.7 * length)) for length in image.size), Image.Resampling.LANCZOS)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}"
