"""Figures and tables. The same method has the same place and colour in all of them; every function returns a Figure.

Pictures are (N, 3, H, W) float32 in [-1, 1], or uint8 in [0, 255]; masks (N, 1, H, W), 1 in the hole.
"""

from __future__ import annotations

import base64
import html
import io
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from studylib import intervals, records

if TYPE_CHECKING:  # the write-up draws from records and waits for no tensor library
    import torch

# Okabe and Ito's palette, told apart by colour-blind readers too.
COLOURS = {"mean colour": "#999999", "Telea": "#E69F00", "Navier-Stokes": "#56B4E9", "biharmonic": "#009E73",
           "this model": "#D55E00"}
_MORE = ("#0072B2", "#CC79A7", "#8C564B", "#000000", "#7F7F00", "#5E3C99")


def style(dpi: int = 54) -> None:
    """Set matplotlib up for the study's notebooks: sizes that are legible at a column's width, quiet axes.

    dpi: of figures that hold pictures; others have 90.
    """
    plt.rcParams.update({
        "figure.dpi": 90, "savefig.dpi": 90, "figure.figsize": (7.2, 3.2), "figure.constrained_layout.use": True,
        "font.size": 10, "axes.titlesize": 10.5, "axes.labelsize": 10, "legend.fontsize": 9, "legend.frameon": False,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
        "grid.color": "#E4E4E4", "grid.linewidth": 0.7, "image.interpolation": "antialiased"})
    _lean_outputs(dpi)


def _lean_outputs(dpi: int) -> None:
    """In a notebook, figures that hold pictures are kept as JPEG, all others as PNG of few colours: a tenth of the size."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is None:
        return
    shell.run_line_magic("matplotlib", "inline")

    def pictures(figure: Figure) -> bytes | None:
        return _jpeg(figure, dpi, 46) if _holds_pictures(figure) else None

    formatters = shell.display_formatter.formatters
    formatters["image/jpeg"].for_type(Figure, pictures)
    formatters["image/png"].for_type(Figure, lambda figure: None if _holds_pictures(figure) else _png(figure))


def _jpeg(figure: Figure, dpi: int, quality: int) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="jpeg", dpi=dpi, pil_kwargs={"quality": quality, "optimize": True, "progressive": True})
    return stream.getvalue()


def _png(figure: Figure) -> bytes:
    """A figure as PNG with a palette of 64 colours, spread over those that it has; with a map in it of 256."""
    drawn, packed = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png")
    colours = 256 if any(axis.images for axis in figure.axes) else 64
    Image.open(drawn).convert("RGB").quantize(colours, Image.Quantize.MAXCOVERAGE).save(packed, "PNG", optimize=True)
    return packed.getvalue()


def _holds_pictures(figure: Figure) -> bool:
    """Whether it shows pictures, or maps as rich as pictures."""
    return any(image.get_array().ndim == 3 or image.get_array().size > 2000 for axis in figure.axes for image in axis.images)


def colour(method: str) -> str:
    """The colour of a method; names that the study does not know share a second palette, by their spelling."""
    return COLOURS.get(method) or _MORE[sum(method.encode()) % len(_MORE)]


def to_image(picture: torch.Tensor | np.ndarray) -> np.ndarray:
    """(3, H, W) float in [-1, 1] or uint8, or a mask (1, H, W) -> (H, W, 3) uint8."""
    picture = picture if isinstance(picture, np.ndarray) else picture.cpu().numpy()
    if picture.dtype != np.uint8:
        scaled = picture * 255 if picture.shape[0] == 1 else picture.clip(-1, 1) * 127.5 + 127.5
        picture = scaled.round().astype(np.uint8)
    return np.broadcast_to(picture, (3, *picture.shape[1:])).transpose(1, 2, 0)


def damaged(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Pictures with white holes, as the original study showed them."""
    return pictures * (1 - masks) + masks


def contact_sheet(pictures: torch.Tensor, columns: int = 10, titles: list[str] | None = None, width: float = 7.2) -> Figure:
    """Pictures or masks of one shape side by side, row by row, with a hairline between them."""
    rows = -(-len(pictures) // columns)
    cell = width / columns * pictures[0].shape[-2] / pictures[0].shape[-1]
    figure, axes = plt.subplots(rows, columns, figsize=(width, rows * (cell + (0.16 * width / columns if titles else 0))),
                                squeeze=False, layout="constrained")
    for index, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if index < len(pictures):
            axis.imshow(to_image(pictures[index]))
            if titles:
                axis.set_title(titles[index], fontsize=max(8, width), pad=2)
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    return figure


def comparison(columns: dict[str, torch.Tensor], title: str = "", width: float = 7.2) -> Figure:
    """Named columns of pictures, one row a picture: damaged, filled by each method, truth."""
    count = len(next(iter(columns.values())))
    heights = [width / len(columns) * max(pictures[row].shape[-2] / pictures[row].shape[-1] for pictures in columns.values())
               for row in range(count)]
    figure, axes = plt.subplots(count, len(columns), figsize=(width, sum(heights) + (0.5 if title else 0.2)), squeeze=False,
                                layout="constrained", height_ratios=heights)
    for column, (name, pictures) in enumerate(columns.items()):
        axes[0, column].set_title(name, fontsize=9, pad=3)
        for row in range(count):
            axes[row, column].imshow(to_image(pictures[row]))
            axes[row, column].set_axis_off()
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.03, wspace=0.01, hspace=0.01)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def loss_curves(history: dict[str, list[float]], validation: list[tuple[int, float]], title: str = "") -> Figure | None:
    """Losses against updates, and right of them validation quality, on an axis of half a decibel at least.

    Where the adversarial term is told apart, which may be below 0, the generator's own losses have a panel to themselves.
    """
    if not validation:
        print("Nothing was trained.")
        return None
    names = {"generator": ("generator", "#D55E00"), "reconstruction": ("reconstruction", "#8C564B"),
             "adversarial": ("adversarial term", "#009E73"), "discriminator_real": ("discriminator on real", "#0072B2"),
             "discriminator_fake": ("discriminator on fake", "#56B4E9")}
    names = {key: name for key, name in names.items() if any(history.get(key, []))}
    own = [key for key in ("generator", "reconstruction") if key in names]
    apart = "adversarial" in names
    panels = [own, [key for key in names if key not in own]] if apart else [[key for key in names if key != "reconstruction"]]
    ratios = (*[3] * len(panels), 2)
    figure, axes = plt.subplots(1, len(ratios), figsize=(7.2, 3.1), width_ratios=ratios, layout="constrained")
    for axis, keys in zip(axes, panels, strict=False):
        for key in keys:
            axis.plot(history["update"], history[key], label=names[key][0], color=names[key][1], linewidth=1.3)
        axis.set(xlabel="updates", ylabel="loss")
        means = [np.mean(np.abs(history[key])) for key in keys]
        if max(means) > 30 * min(means) and min(min(history[key]) for key in keys) > 0:
            axis.set(yscale="log", ylabel="loss (log scale)")
    axes[0].set_title(title or "losses")
    figure.legend(loc="outside lower left", ncols=3 if apart else 4)
    axes[-1].plot(*zip(*validation, strict=True), color="#D55E00", marker="o", markersize=3)
    axes[-1].set(xlabel="updates", ylabel="hole PSNR (dB)", title="validation")
    low, high = axes[-1].get_ylim()
    least = max(0.0, 0.25 - (high - low) / 2)
    axes[-1].set_ylim(low - least, high + least)
    for axis in axes:
        axis.locator_params(axis="x", nbins=3 if apart else 5)  # else five-digit labels run into each other
    return figure


def scores(results: dict[str, dict[str, dict[str, list[float]]]], metric: str = "psnr", title: str = "") -> Figure:
    """Mean and 95 % interval of each method for each mask family: {family: {method: {metric: values}}}."""
    families, methods = list(results), list(next(iter(results.values())))
    label, more = intervals.METRICS[metric]
    figure, axis = plt.subplots(figsize=(7.2, 1.1 + 0.11 * len(families) * len(methods)))
    for place, method in enumerate(methods):
        points = [intervals.interval(results[family][method][metric]) for family in families]
        heights = [-index + (len(methods) / 2 - place) * 0.8 / len(methods) for index in range(len(families))]
        mean, low, high = np.array(points).T
        axis.errorbar(mean, heights, xerr=[mean - low, high - mean], fmt="o", markersize=4, linewidth=1.6,
                      color=colour(method), label=method)
    axis.set_yticks([-index for index in range(len(families))], families)
    axis.set(xlabel=f"{label}, {'more' if more else 'less'} is better; mean and 95 % interval", title=title)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def table(results: dict[str, dict[str, dict[str, list[float]]]], metric: str = "psnr") -> str:
    """The same as a Markdown table, the best mean of each column in bold."""
    families, methods = list(results), list(next(iter(results.values())))
    label, more = intervals.METRICS[metric]
    points = {(m, f): intervals.interval(results[f][m][metric]) for m in methods for f in families}
    best = {f: (max if more else min)(methods, key=lambda m: points[m, f][0]) for f in families}
    digits = 2 if metric == "psnr" else 3
    lines = [f"| {label} | " + " | ".join(families) + " |", "|---|" + "---|" * len(families)]
    for method in methods:
        cells = []
        for family in families:
            mean, low, high = (f"{value:.{digits}f}" for value in points[method, family])
            mean = f"**{mean}**" if best[family] == method else mean
            cells.append(f"{mean} [{low}, {high}]")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def filled(methods: dict, pictures: torch.Tensor, masks: torch.Tensor) -> dict[str, torch.Tensor]:
    """The columns of a comparison: damaged, filled by each method, truth."""
    return {"damaged": damaged(pictures, masks), **{name: fill(pictures, masks) for name, fill in methods.items()},
            "truth": pictures}


def close_ups(columns: dict[str, torch.Tensor | np.ndarray], masks: torch.Tensor | np.ndarray) -> dict[str, list]:
    """The same columns cut to half the side around the middle of each hole."""
    size = masks.shape[-1]
    side = size // 2
    # A mask without a hole is looked at in its middle.
    holes = [np.asarray(mask[0]) if mask.any() else np.ones((size, size)) for mask in masks]
    corners = [[min(max(int(at.mean()) - side // 2, 0), size - side) for at in np.nonzero(hole)] for hole in holes]
    return {name: [picture[:, top:top + side, left:left + side] for picture, (top, left) in zip(pictures, corners, strict=True)]
            for name, pictures in columns.items()}


def kept_samples(columns: dict[str, torch.Tensor], count: int = 3) -> dict[str, str]:
    """The first pictures of a comparison's main columns as text, for a record."""
    main = ("damaged", "Telea", "biharmonic", "this model", "truth")
    return {name: picture_text(columns[name][:count]) for name in main}


def samples(record: dict | None, family: str, name: str = "this model") -> Figure | None:
    """The pictures that a record keeps, under the masks of a family; its model goes by a name."""
    if record is None or family not in record["results"]["samples"]:
        print(f"No record with pictures under the masks of {family}.")
        return None
    kept = record["results"]["samples"][family]
    return comparison({name if key == "this model" else key: picture_from_text(text) for key, text in kept.items()})


def side_by_side(records_of: dict[str, dict], family: str, *, close: bool = False) -> Figure | None:
    """What several models made of the same pictures: damaged, each record's model by its name, truth; `close`: at the holes."""
    kept = {name: record["results"]["samples"].get(family) for name, record in records_of.items()}
    kept = {name: texts for name, texts in kept.items() if texts}
    if not kept:
        print(f"No record with pictures under the masks of {family}.")
        return None
    first = next(iter(kept.values()))
    columns = {"damaged": first["damaged"], "biharmonic": first["biharmonic"],
               **{name: texts["this model"] for name, texts in kept.items()}, "truth": first["truth"]}
    shown = {name: picture_from_text(text) for name, text in columns.items()}
    least = min(map(len, shown.values()))
    shown = {name: pictures[:least] for name, pictures in shown.items()}
    if close:
        shown = close_ups(shown, shown["damaged"].min(1, keepdims=True) > 250)  # holes are white
    return comparison(shown)


def gains(panels: dict[str, dict[str, dict[str, tuple]]], label: str = "hole PSNR (dB)") -> Figure | None:
    """Gains over the best classical method by mask family, an arm a colour, with intervals (intervals.against_best).

    What was not trained is grey.

    Args:
        panels: {panel: {arm: gains}}; all panels but the first share one scale.
    """
    panels = {title: arms for title, arms in panels.items() if arms}
    if not panels:
        print("No arm has been run.")
        return None
    families = list(dict.fromkeys(family for arms in panels.values() for by_family in arms.values() for family in by_family))
    most = max(map(len, panels.values()))
    figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 1.6 + 0.42 * len(families)), squeeze=False, sharey=True)
    shades = iter([*_MORE[:3], colour("this model"), *_MORE[3:]] * 9)
    for axis, (title, arms) in zip(axes[0], panels.items(), strict=True):
        for place, (name, by_family) in enumerate(arms.items()):
            rows = [-index + (len(arms) / 2 - place - 0.5) * 0.5 / most for index, f in enumerate(families) if f in by_family]
            mean, low, high = np.array([by_family[f][1:] for f in families if f in by_family]).T
            axis.errorbar(mean, rows, xerr=[mean - low, high - mean], fmt="o", markersize=4, linewidth=1.6, label=name,
                          color="#888888" if name.startswith("untrained") else next(shades))
        axis.axvline(0, color="#555555", linewidth=1)
        axis.set_title(title)
    ends = np.array([axis.get_xlim() for axis in axes[0, 1:]])
    for axis in axes[0, 1:]:
        axis.set_xlim(ends.min(), ends.max())
    axes[0, 0].set_yticks([-index for index in range(len(families))], families)
    gained = "less LPIPS than" if label == "LPIPS" else f"gain in {label} over"
    figure.supxlabel(f"{gained} the best classical method; right is better", fontsize=10)
    figure.legend(loc="outside upper left", ncols=2)
    return figure


def waterfall(rungs: dict[str, dict[str, list[float]]], marks: dict[str, dict[str, float]], columns: int = 4) -> Figure | None:
    """What each rung of a ladder changes, a panel a mask family: a bar leads from the mean before to the mean after.

    Args:
        rungs: {rung: {family: a value in dB for each picture}}, from the first to the last.
        marks: {family: {method: mean}}, shown as upright lines in the methods' colours.
    """
    if len(rungs) < 2:
        print("Fewer than two rungs have been run.")
        return None
    families, names = list(next(iter(rungs.values()))), list(rungs)
    rows = -(-len(families) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(7.2, rows * (0.6 + 0.2 * len(names)) + 0.5), squeeze=False, sharey=True)
    for axis in axes.flat[len(families):]:
        axis.set_axis_off()
    for axis, family in zip(axes.flat, families, strict=False):
        means = [float(np.mean(rungs[name][family])) for name in names]
        axis.plot(means[0], 0, "o", color="#555555", markersize=4)
        for place, (before, after) in enumerate(pairwise(names), 1):
            change, low, high = intervals.difference(rungs[after][family], rungs[before][family])
            shade = "#BBBBBB" if low <= 0 <= high else "#009E73" if change > 0 else "#CC3311"
            axis.barh(place, change, left=means[place - 1], height=0.62, color=shade)
            axis.plot([means[place - 1] + low, means[place - 1] + high], [place, place], color="#333333", linewidth=1)
            axis.plot([means[place - 1]] * 2, [place - 1, place], color="#999999", linewidth=0.6)
        for method, mean in marks.get(family, {}).items():
            axis.axvline(mean, color=colour(method), linewidth=1.2, linestyle="--",
                         label=method if family == families[0] else None)
        axis.set_title(family)
        axis.grid(axis="y", visible=False)
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].invert_yaxis()
    for axis in axes[:, 0]:
        axis.tick_params(axis="y", labelsize=8)
    figure.supxlabel("mean hole PSNR (dB); green: better, red: worse, grey: not told apart; line: 95 % interval of the change",
                     fontsize=9)
    if marks:
        figure.legend(loc="outside upper right", ncols=4)
    return figure


def matrix(cells: dict[str, dict[str, float]], label: str, width: float = 7.2, *, rows_are: str = "", columns_are: str = "",
           framed: set[tuple[str, str]] = frozenset()) -> Figure | None:
    """A heat map with its numbers, rows and columns by name; blue is above 0, red below; a missing cell stays white.

    Args:
        cells: {row: {column: value}}.
        rows_are, columns_are: titles of the axes.
        framed: (row, column) of cells to be framed.
    """
    if not cells:
        print("No arm has been run.")
        return None
    rows = list(cells)
    columns = [name for name in dict.fromkeys(name for row in cells.values() for name in row)
               if any(np.isfinite(row.get(name, np.nan)) for row in cells.values())]
    values = np.array([[cells[row].get(column, np.nan) for column in columns] for row in rows], dtype=float)
    reach = max(1.0, float(np.nanmin([np.nanmax(np.abs(values)), 6.0])))
    figure, axis = plt.subplots(figsize=(width, 1.0 + 0.34 * len(rows)))
    image = axis.imshow(values, cmap="RdBu", vmin=-reach, vmax=reach, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            axis.text(column, row, f"{value:+.2f}", ha="center", va="center", fontsize=8.5,
                      color="white" if abs(value) > 0.62 * reach else "black")
        if (rows[row], columns[column]) in framed:
            axis.add_patch(plt.Rectangle((column - 0.49, row - 0.48), 0.98, 0.96, fill=False, edgecolor="black", linewidth=1.2))
    turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if len(columns) * max(map(len, columns)) > 54 else {}
    axis.set_xticks(range(len(columns)), columns, **turned)
    axis.set_yticks(range(len(rows)), rows)
    axis.set(xlabel=columns_are, ylabel=rows_are)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    figure.colorbar(image, ax=axis, label=label, shrink=0.9)
    return figure


def curves(lines: dict[str, list[tuple[float, float, float, float]]], xlabel: str, ylabel: str, *,
           log: bool = False) -> Figure | None:
    """Named lines of (x, mean, low, high) with their intervals, on a logarithmic axis a little apart."""
    if not lines:
        print("No arm has been run.")
        return None
    figure, axis = plt.subplots(figsize=(7.2, 3.0))
    for place, (name, points) in enumerate(lines.items()):
        x, mean, low, high = np.array(points, dtype=float).T
        shade = [colour("this model"), *_MORE][place % 7]
        x = x * 1.02**place if log else x
        spread = [mean - low, high - mean] if (low < high).any() else None
        axis.errorbar(x, mean, yerr=spread, marker="o", markersize=4, color=shade, label=name, elinewidth=1.6)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if log:
        axis.set_xscale("log")
        ticks = sorted({point[0] for points in lines.values() for point in points})
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def ranking(groups: list[tuple[str, str, int]], top: int = 12) -> Figure:
    """The largest groups of one artist in one style, the first one marked: (artist, style, count)."""
    groups = groups[:top]
    figure, axis = plt.subplots(figsize=(7.2, 0.8 + 0.26 * len(groups)))
    bars = axis.barh([f"{artist}, {style}" for artist, style, _ in groups], [count for *_, count in groups],
                     color=["#D55E00"] + ["#999999"] * (len(groups) - 1))
    axis.bar_label(bars, padding=3)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set(xlabel="pictures", xmargin=0.1)
    return figure


def show_table(heads: list[str], rows: list[tuple], otherwise: str, most: int = 40) -> None:
    """Show rows as a table in a notebook, or a sentence where there are none."""
    from IPython.display import Markdown, display

    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    lines += ["| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in rows[:most]]
    more = f"\n\n... and {len(rows) - most} more, all in the record." if len(rows) > most else ""
    display(Markdown("\n".join(lines) + more if rows else otherwise))


def histograms(panels: dict[str, list[float]], bins: int = 30, colours: tuple[str, ...] = ()) -> Figure:
    """One histogram a panel; a panel's name is its axis label, with the unit."""
    figure, axes = plt.subplots(1, len(panels), figsize=(7.2, 2.3), squeeze=False)
    for index, (axis, (label, values)) in enumerate(zip(axes[0], panels.items(), strict=True)):
        middle, spread = (min(values) + max(values)) / 2, max(max(values) - min(values), 20)
        axis.hist(values, bins, range=(middle - spread / 2, middle + spread / 2), color=(colours or ["#0072B2"] * 9)[index])
        axis.set(xlabel=label, ylabel="pictures" if index == 0 else "")
    return figure


def coverage(each: list[float], union: list[float]) -> Figure:
    """How much of the circle a single mask covers, and how much the first n masks cover together, in percent."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.5))
    left.hist(each, bins=25, range=(0, 100), color="#0072B2")
    left.set(xlabel="circle covered by one Perlin mask (%)", ylabel="masks")
    right.plot(range(1, len(union) + 1), union, color="#D55E00")
    right.set(xlabel="masks seen", ylabel="circle covered so far (%)", xscale="log", ylim=(0, 102))
    return figure


def claims(verdicts: list) -> str:
    """The table of claims in Markdown."""
    lines = ["| claim | what was claimed or asked | verdict | profile | numbers (95 % intervals) | notebook |",
             "|---|---|---|---|---|---|"]
    lines += [f"| {v.claim} | {v.question} | **{v.verdict}** | {v.profile} | {v.numbers} | {v.notebook} |" for v in verdicts]
    return "\n".join(lines)


def hole_ratios(ratios: dict[str, np.ndarray], buckets=((0, 0.01),)) -> Figure:
    """How many masks of each family fall into which hole-ratio bucket (stacked to 100 %)."""
    edges = [0.0, *[low for low, _ in buckets], buckets[-1][1], 1.0]
    names = [f"{100 * a:.0f} to {100 * b:.0f} %" for a, b in pairwise(edges)]
    figure, axis = plt.subplots(figsize=(7.2, 0.9 + 0.36 * len(ratios)))
    shades = plt.get_cmap("viridis")(np.linspace(0.05, 0.95, len(names)))
    left = np.zeros(len(ratios))
    for name, low, high, shade in zip(names, edges, edges[1:], shades, strict=False):
        share = np.array([100 * np.mean((np.asarray(r) >= low) & (np.asarray(r) < high)) for r in ratios.values()])
        if share.any():
            axis.barh(range(len(ratios)), share, left=left, color=shade, label=name, edgecolor="white", linewidth=0.5)
        left += share
    axis.set_yticks(range(len(ratios)), list(ratios))
    axis.invert_yaxis()
    axis.set(xlabel="masks (%)", xlim=(0, 100))
    axis.grid(False)
    axis.legend(title="hole, part of picture", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def heat_maps(maps: dict[str, np.ndarray], label: str, columns: int = 4) -> Figure:
    """Maps (H, W) on one scale of colour."""
    rows = -(-len(maps) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(7.2, 1.95 * rows), squeeze=False)
    top = max(float(np.max(m)) for m in maps.values())
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, values) in zip(axes.flat, maps.items(), strict=False):
        image = axis.imshow(values, vmin=0, vmax=top, cmap="magma")
        axis.set_title(name)
    figure.colorbar(image, ax=axes, shrink=0.8, label=label)
    return figure


def gradient_maps(maps: dict[str, np.ndarray]) -> Figure | None:
    """Where the loss's gradient reaches the output, (H, W) relative to its largest value, and the original's test circle."""
    if not maps:
        print("No record with a map of gradients.")
        return None
    figure, axes = plt.subplots(1, len(maps), figsize=(0.6 + 2.4 * len(maps), 2.6), squeeze=False)
    angle = np.linspace(0, 2 * np.pi, 200)
    for axis, (name, values) in zip(axes[0], maps.items(), strict=True):
        image = axis.imshow(values, vmin=0, vmax=1, cmap="magma", extent=(0, 1, 1, 0))
        axis.plot(0.5 + 20 / 128 * np.cos(angle), 0.5 + 20 / 128 * np.sin(angle), ":", color="white", linewidth=1.5)
        axis.set_axis_off()
        axis.set_title(name)
    figure.colorbar(image, ax=axes, label="size of the gradient,\nrelative to its largest")
    return figure


def coarse(values: np.ndarray, side: int = 32) -> list[list[float]]:
    """A square map averaged over blocks to `side` x `side` numbers of three digits, small enough for a record."""
    block = len(values) // side
    blocks = values[:block * side, :block * side].reshape(side, block, side, block)
    return [[round(float(value), 3) for value in row] for row in blocks.mean((1, 3))]


def by_artist(elsewhere: dict[str, dict], methods: list[str]) -> list[tuple]:
    """Rows of what a record has `elsewhere`: subject, artist, number of pictures, mean and interval of each hole PSNR."""
    rows = []
    for subject, tested in elsewhere.items():
        for artist in dict.fromkeys(tested["artist"]):
            own = [index for index, name in enumerate(tested["artist"]) if name == artist]
            values = ([tested["metrics"][method]["psnr"][index] for index in own] for method in methods)
            means = ("{:.2f} [{:.2f}, {:.2f}]".format(*intervals.interval(value)) for value in values)
            rows.append((subject, artist, len(own), *means))
    return rows


def keep(record: str, **named: Figure | None) -> dict[str, str]:
    """Write figures beside a record, pictures as JPEG, others as PNG: {file name: SHA-256}. Without a record none is written."""
    files = {}
    for name, figure in named.items():
        if record and figure is not None:
            packed, ending = (_jpeg(figure, 90, 75), "jpg") if _holds_pictures(figure) else (_png(figure), "png")
            path = Path(record).parent / f"{name}.{ending}"
            records.write_atomic(path, packed)
            files[path.name] = records.sha256(packed)
    return files


def divider(below: np.ndarray, above: np.ndarray, width: int = 400) -> str:
    """A picture under another one, (H, W, 1 to 4) uint8 each, as HTML: left of a line that can be drawn only `below` is seen."""
    shown = []
    for pixels in (below, above):
        stream, height = io.BytesIO(), round(width * pixels.shape[0] / pixels.shape[1])
        pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
        Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS).save(stream, "WEBP", quality=70)
        shown.append(f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode()}")
    return divider_of(*shown, ("below", "above"), width)


def divider_of(below: str, above: str, names: tuple[str, str], width: int) -> str:
    """`divider` of two pictures' addresses: its line follows mouse, finger and arrow keys; names: what is read out of each."""
    below, above, *names = (html.escape(text, quote=True) for text in (below, above, *names))
    line = "position:absolute;top:0;bottom:0;left:var(--cut);pointer-events:none;"
    return f"""<div class="divider" style="position:relative;width:100%;max-width:{width}px;--cut:50%">
<img src="{below}" alt="{names[0]}" style="width:100%;margin:0;display:block">
<img src="{above}" alt="{names[1]}"
 style="position:absolute;inset:0;width:100%;height:100%;margin:0;clip-path:inset(0 0 0 var(--cut))">
<input type="range" value="50" step="0.5" aria-label="divider: left {names[0]}, right {names[1]}"
 style="position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:ew-resize;touch-action:pan-y"
 oninput="this.parentNode.style.setProperty('--cut',this.value+'%')">
<div style="{line}width:2px;margin-left:-1px;background:white;box-shadow:0 0 2px black"></div>
<div class="knob" aria-hidden="true" style="{line}margin:auto 0 auto -16px;width:32px;height:32px;border-radius:16px;
background:white;color:black;box-shadow:0 0 3px black;text-align:center;font:18px/32px sans-serif">&#8596;</div></div>"""


def picture_text(pictures: torch.Tensor) -> str:
    """Pictures side by side as one WebP in base64 text, small enough for a record."""
    strip = np.concatenate([to_image(picture) for picture in pictures], 1)
    stream = io.BytesIO()
    Image.fromarray(strip).save(stream, "WEBP", quality=60, method=6)
    return base64.b64encode(stream.getvalue()).decode()


def picture_from_text(text: str) -> np.ndarray:
    """The pictures of `picture_text`: (N, 3, H, H) uint8."""
    strip = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))
    side = strip.shape[0]
    return strip.reshape(side, -1, side, 3).transpose(1, 3, 0, 2)
