"""Every figure draws without a warning; a method has one colour everywhere; tables mark the best."""

import io
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from studylib import atelier, baselines, claims, figures, masks, records

METHODS = [*baselines.METHODS, "this model"]


@pytest.fixture(autouse=True)
def drawing():
    """Each test draws with the study's style, warnings are errors, and nothing of it stays behind."""
    with plt.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figures.style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def pictures():
    return torch.from_numpy(atelier.paint("scenes", 3, 32, seed=1)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="module")
def holes():
    return masks.sample("box", 3, 32, seed=0)


def scored(*families, values=(1.0, 2.0, 4.0)):
    """Each method is one better than the one before."""
    return {family: {method: {"psnr": [place + value for value in values], "l1": [place + value for value in values]}
                     for place, method in enumerate(METHODS)} for family in families}


def gains(*families):
    return {family: ("Telea", 0.5, 0.1, 0.9) for family in families}


HISTORY = {"update": [2, 4, 6], "generator": [3.0, 2.0, 1.0], "discriminator_real": [1.0, 1.0, 0.5],
           "discriminator_fake": [0.5, 0.4, 0.3]}
def kept(pictures):
    """An arm's record with pictures under one family's masks."""
    names = ("damaged", "biharmonic", "this model", "truth")
    return {"a": {"results": {"samples": {"box": dict.fromkeys(names, figures.picture_text(pictures))}}}}


DRAWN = {
    "contact sheet": lambda p, m: figures.contact_sheet(p, columns=2),
    "contact sheet of masks with titles": lambda p, m: figures.contact_sheet(m, columns=3, titles=["a", "b", "c"]),
    "comparison": lambda p, m: figures.comparison(figures.filled(baselines.METHODS, p / 127.5 - 1, m), "a title"),
    "comparison of whole numbers": lambda p, m: figures.comparison({"truth": p}),
    "loss curves": lambda p, m: figures.loss_curves(HISTORY, [(3, 15.0), (6, 16.0)], "losses"),
    "loss curves without a judge": lambda p, m: figures.loss_curves(
        {**HISTORY, "discriminator_real": [0.0] * 3, "discriminator_fake": [0.0] * 3}, [(6, 16.0)]),
    "scores": lambda p, m: figures.scores(scored("perlin", "circle"), "l1", "a title"),
    "scores of one picture": lambda p, m: figures.scores(scored("perlin", values=(18.37,)), "psnr"),
    "scores that are all the same": lambda p, m: figures.scores(scored("perlin", values=(18.37,) * 24), "psnr"),
    "gains": lambda p, m: figures.gains(
        {"64 px": {"a": gains("perlin", "circle")}, "128 px": {"b": gains("circle"), "c": gains("box")}}, "LPIPS"),
    "ranking": lambda p, m: figures.ranking([("renoir", "Impressionism", 1148), ("monet", "Impressionism", 240)]),
    "ranking of one": lambda p, m: figures.ranking([("atelier", "scenes", 3)]),
    "histograms": lambda p, m: figures.histograms({"width (pixels)": [64, 100, 90], "year": [1880, 1880, 1880]}),
    "histograms in colours": lambda p, m: figures.histograms({"red": [1.5, 2.5]}, colours=("#C0392B",)),
    "coverage": lambda p, m: figures.coverage([0.0, 20.0, 50.0], [20.0, 60.0, 100.0]),
    "hole ratios": lambda p, m: figures.hole_ratios({"box": np.array([0.05, 0.15])}, masks.BUCKETS),
    "heat maps": lambda p, m: figures.heat_maps({"box": m[0, 0].numpy(), "half": np.eye(32)}, "share", columns=3),
    "heat maps of nothing": lambda p, m: figures.heat_maps({"none": np.zeros((8, 8))}, "share"),
    "gradient maps": lambda p, m: figures.gradient_maps({"fixed": m[0, 0].numpy(), "fresh": np.eye(32)}),
    "waterfall": lambda p, m: figures.waterfall(
        {name: {"box": [start, start + 2.0], "perlin": [1.0, 2.0]} for name, start in zip("abc", (3, 1, 4), strict=True)},
        {"box": {"Telea": 2.0}}),
    "matrix": lambda p, m: figures.matrix({"one mask": {"box": 1.234, "perlin": -2.5}, "all": {"box": 0.1}}, "gain (dB)"),
    "curves": lambda p, m: figures.curves({"plain": [(100, 1.0, 0.5, 1.5), (250, 2.0, 1.5, 2.5)]}, "pictures", "dB", log=True),
    "close to the holes": lambda p, m: figures.side_by_side(kept(p), "box", close=True),
    "side by side": lambda p, m: figures.side_by_side(kept(p), "box"),
    "samples": lambda p, m: figures.samples(
        {"results": {"samples": {"box": {"truth": figures.picture_text(p)}}}}, "box"),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=list(DRAWN))
def test_every_figure_is_drawn_without_a_warning(draw, pictures, holes):
    figure = draw(pictures, holes)
    assert isinstance(figure, Figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    assert stream.getvalue().startswith(b"\x89PNG")


def test_known_methods_have_fixed_and_distinct_colours():
    assert set(figures.COLOURS) == set(METHODS)
    assert {method: figures.colour(method) for method in METHODS} == figures.COLOURS
    shades = [to_rgb(shade) for shade in (*figures.COLOURS.values(), *figures._MORE)]
    assert len(set(shades)) == len(shades)
    assert figures.colour("another") == figures.colour("another")
    assert figures.colour("another") not in figures.COLOURS.values()


def test_colours_do_not_depend_on_order_or_company():
    few = {"perlin": {method: scored("perlin")["perlin"][method] for method in ("this model", "Telea")}}
    for results in (scored("perlin"), few):
        bars = {bar.get_label(): bar.lines[0].get_color() for bar in figures.scores(results).axes[0].containers}
        assert bars == {method: figures.COLOURS[method] for method in results["perlin"]}


def test_pictures_become_whole_numbers():
    assert figures.to_image(torch.full((3, 2, 4), -1.0)).tolist() == np.zeros((2, 4, 3)).tolist()
    assert (figures.to_image(torch.full((3, 2, 4), 2.0)) == 255).all()
    assert (figures.to_image(torch.ones(1, 2, 4)) == 255).all()
    assert (figures.to_image(torch.full((3, 2, 4), 7, dtype=torch.uint8)) == 7).all()


def test_damage_is_white(pictures, holes):
    shown = figures.damaged(pictures / 127.5 - 1, holes)
    assert (shown[holes.expand_as(shown) > 0] == 1).all()
    assert torch.equal(shown[holes.expand_as(shown) == 0], (pictures / 127.5 - 1)[holes.expand_as(shown) == 0])


def test_pictures_come_back_from_text_nearly_the_same(pictures):
    again = torch.from_numpy(figures.picture_from_text(figures.picture_text(pictures)).copy())
    assert again.shape == pictures.shape
    assert again.dtype == torch.uint8
    assert (again.float() - pictures.float()).abs().mean() < 10
    for own, other in ((0, 1), (1, 2), (2, 0)):
        apart = [(again[own].float() - pictures[number].float()).abs().mean() for number in (own, other)]
        assert apart[0] < apart[1] / 3


@pytest.mark.parametrize(("metric", "best"), [("psnr", "this model"), ("l1", "mean colour")])
def test_the_best_of_each_column_is_bold(metric, best):
    lines = figures.table(scored("perlin", "box"), metric).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert rows[0][1:] == ["perlin", "box"]
    assert [row[0] for row in rows[2:]] == METHODS
    for row in rows[2:]:
        assert [cell.startswith("**") for cell in row[1:]] == [row[0] == best] * 2


def test_a_table_shows_mean_and_interval():
    values = {"circle": {"Telea": {"psnr": [18.0, 18.0]}}}
    assert figures.table(values).splitlines()[-1] == "| Telea | **18.00** [18.00, 18.00] |"


def test_close_ups_are_cut_around_the_hole():
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 20:24, 2:6] = 1
    columns = {"hole": mask.expand(1, 3, 32, 32)}
    cut = figures.close_ups(columns, mask)["hole"]
    assert [part.shape for part in cut] == [(3, 16, 16)]
    assert cut[0].sum() == columns["hole"].sum()


def test_without_records_there_is_a_sentence_instead_of_a_figure(capsys):
    assert figures.samples(None, "circle") is None
    assert figures.samples({"results": {"samples": {}}}, "circle") is None
    assert figures.gains({}) is None
    assert capsys.readouterr().out.count("No ") == 3


@pytest.mark.parametrize(("rows", "expected"), [
    ([], "nothing"), ([("a|b", 1)], "| file | n |\n|---|---|\n| a/b | 1 |"),
    ([("a", 1)] * 5, "| file | n |\n|---|---|\n| a | 1 |\n| a | 1 |\n\n... and 3 more, all in the record.")])
def test_rows_are_shown_as_a_table_or_a_sentence(rows, expected, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda markdown: shown.append(markdown.data))
    figures.show_table(["file", "n"], rows, "nothing", most=2)
    assert shown == [expected]


def test_the_table_of_claims_has_a_row_a_claim():
    rows = figures.claims(claims.verdicts({}, "laptop")).splitlines()
    assert len(rows) == 2 + 11
    assert rows[2].startswith("| C1 | ")
    assert "| **not decided** |" in rows[2]
    assert all(row.count("|") == rows[0].count("|") for row in rows)


def test_kept_samples_are_the_first_pictures_of_the_main_columns(pictures, holes):
    columns = figures.filled({**baselines.METHODS, "this model": baselines.telea}, pictures / 127.5 - 1, holes)
    kept = figures.kept_samples(columns, count=2)
    assert kept.keys() < columns.keys()
    assert {"damaged", "this model", "truth"} <= kept.keys()
    assert all(len(figures.picture_from_text(text)) == 2 for text in kept.values())


def test_nothing_is_drawn_where_nothing_was_run(capsys):
    for nothing in (figures.waterfall({}, {}), figures.matrix({}, ""), figures.curves({}, "", ""), figures.gradient_maps({}),
                    figures.side_by_side({}, "box")):
        assert nothing is None
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_a_waterfall_goes_from_mean_to_mean():
    rungs = {"a": {"box": [1.0, 2.0, 3.0]}, "b": {"box": [3.0, 4.0, 5.0]}, "c": {"box": [2.5, 4.0, 5.0]}}
    figure = figures.waterfall(rungs, {})
    bars = [(bar.get_x(), bar.get_width(), to_rgb(bar.get_facecolor()[:3])) for bar in figure.axes[0].patches]
    assert bars[0] == (2.0, 2.0, to_rgb("#009E73"))
    assert bars[1][0] == 4.0
    assert bars[1][2] == to_rgb("#BBBBBB")


def test_a_map_is_coarsened_to_its_block_means():
    fine = np.kron(np.arange(16).reshape(4, 4), np.ones((3, 3)))
    assert figures.coarse(fine, 4) == [[float(4 * row + column) for column in range(4)] for row in range(4)]
    assert len(figures.coarse(np.zeros((70, 70)))) == 32


def test_pictures_elsewhere_are_summed_up_by_artist():
    tested = {"mixture": {"artist": ["monet", "renoir", "monet"], "metrics": {"this model": {"psnr": [1.0, 5.0, 3.0]}}}}
    rows = figures.by_artist(tested, ["this model"])
    assert [row[:3] for row in rows] == [("mixture", "monet", 2), ("mixture", "renoir", 1)]
    assert rows[0][3].startswith("2.00 [")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_divider_lays_one_picture_over_another_in_plain_html(channels):
    layer = np.zeros((30, 40, channels + 1), np.uint8)
    text = figures.divider(np.zeros((30, 40, channels), np.uint8), layer, width=20)
    assert text.count("data:image/webp;base64,") == 2
    assert "var(--cut)" in text
    assert 'type="range"' in text


def test_pictures_and_rich_maps_are_kept_as_jpeg_and_the_rest_as_png(tmp_path, pictures):
    drawn = {"sheet": figures.contact_sheet(pictures), "rich": figures.heat_maps({"": np.eye(64)}, "share"),
             "plain": figures.coverage([0.0], [20.0]), "none": None}
    kept = figures.keep(str(tmp_path / "record.json"), **drawn)
    assert list(kept) == ["sheet.jpg", "rich.jpg", "plain.png"]
    for name, digest in kept.items():
        content = (tmp_path / name).read_bytes()
        assert content.startswith(b"\xff\xd8" if name.endswith("jpg") else b"\x89PNG")
        assert records.sha256(content) == digest
    assert figures.keep("", **drawn) == {}


def test_side_by_side_stand_the_pictures_that_all_records_keep(pictures):
    names = ("damaged", "biharmonic", "this model", "truth")
    made = {name: {"results": {"samples": {"box": dict.fromkeys(names, figures.picture_text(pictures[:count]))}}}
            for name, count in (("three", 3), ("two", 2))}
    assert len(figures.side_by_side(made, "box").axes) == 2 * 5


def test_pictures_of_another_shape_keep_it():
    high, wide = (figures.contact_sheet(np.zeros((4, 3, *shape), np.uint8), columns=2) for shape in ((64, 32), (32, 64)))
    assert high.get_size_inches()[1] == 4 * wide.get_size_inches()[1]


def test_a_row_of_a_comparison_is_as_high_as_its_pictures():
    def height(*shapes):
        return figures.comparison({name: [np.zeros((3, *shape), np.uint8) for shape in shapes] for name in "ab"},
                                  width=8).get_size_inches()[1]

    assert height((64, 32)) == pytest.approx(8.2)
    assert height((64, 32), (32, 64)) == pytest.approx(10.2)
