"""The tree of heads, the layers of the families, and models side by side: drawn true to the tables, always alike."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.report import comparison_figures
from pipeline.report.canvas import HUES, INK, SMALL, TALLEST, WIDTHS
from pipeline.report.comparison_figures import Comparison, best_figure, comparison_figure
from pipeline.report.structure_figures import LEGIBLE, Tree, layer_figure, tree_figure, tree_row
from tests.pipeline.report.measured import sticks_out

pytestmark = pytest.mark.usefixtures("style")
FAMILIES = ("structural", "syntactic", "truth")
LINKAGE = pd.DataFrame({
    "left": [0, 2, 4], "right": [3, 1, 5], "distance": [0.2, 0.5, 1.4], "size": [2, 2, 4]
})  # fmt: skip
LEAVES = ["L0H0", "L1H1", "L1H0", "L0H1"]
CLUSTERS = pd.DataFrame({"name": ["L0H0", "L0H1", "L1H0", "L1H1"], "cluster": [1, 2, 2, 1], "silhouette": 0.5})
ENDS = ("share", "shift", "holding")


def strip() -> pd.DataFrame:
    return pd.DataFrame([
        {"name": name, "family": family, "share": 0.1 * row + 0.2 * column, "holds": (row, column) in {(0, 1), (3, 2)}}
        for row, name in enumerate(CLUSTERS["name"])
        for column, family in enumerate(FAMILIES)
    ])


def layers(n: int = 4, model: str = "m", attention: str = "self") -> pd.DataFrame:
    table = pd.DataFrame([
        {"model": model, "family": family, "attention": attention, "layer": layer, "depth": layer / (n - 1)}
        for family in FAMILIES
        for layer in range(n)
    ])
    for place, key in enumerate(ENDS):
        value = np.linspace(0.1, 0.6, len(table)) + 0.1 * place
        table = table.assign(**{key: value, f"{key}_low": value - 0.1, f"{key}_high": value + 0.1})
    return table


def bands(model: str) -> pd.DataFrame:
    rows = [{"family": family, "band": band} for family in FAMILIES for band in ("shallow", "middle", "deep")]
    return pd.DataFrame(rows).assign(
        model=model, attention="self", holding=0.5, holding_low=0.4, holding_high=0.5 - 1e-17
    )


def agreement() -> pd.DataFrame:
    return pd.DataFrame({"family": [*FAMILIES], "correlation": [0.5, -0.25, np.nan]})


def best(models: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([
        {
            **{"feature": f"{family}_thing", "family": family, "model": model, "name": f"L{number}H0"},
            **{"share": 0.5, "share_low": 0.4, "share_high": 0.6, "rung": 2 - number},
        }
        for family in FAMILIES
        for number, model in enumerate(models)
    ])


def tree(clusters: pd.DataFrame | None = CLUSTERS) -> Tree:
    return Tree(LINKAGE, LEAVES, clusters, strip())


def comparison(models: tuple[str, ...] = ("a", "b")) -> Comparison:
    lines = pd.concat([layers(4 + 2 * number, model) for number, model in enumerate(models)])
    holding = pd.concat([bands(model) for model in models])
    return Comparison(lines, holding, agreement(), best(models), ("one", "two"))


def long_chain(n: int) -> Tree:
    chain = pd.DataFrame({
        "left": [0, *range(n, 2 * n - 2)], "right": range(1, n), "distance": np.linspace(0.1, 1, n - 1),
    })  # fmt: skip
    names = [f"L{i}H0" for i in range(n)]
    rows = pd.DataFrame({"name": names, "family": "truth", "share": 0.1, "holds": True})
    return Tree(chain, names, None, rows)


DRAWINGS: dict[str, Callable[[float], Figure]] = {
    "tree": lambda width: tree_figure(tree(), "a $title$", width),
    "layers": lambda width: layer_figure(layers(), "layers", width),
    "comparison": lambda width: comparison_figure(comparison(), "two models", width),
    "best": lambda width: best_figure(comparison(), "best", width)[0],
}


def words(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text)}


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_figures_have_the_width_of_print_fit_on_a_page_and_keep_their_words_inside(draw, width):
    figure = draw(width)
    figure.draw_without_rendering()
    assert figure.get_figwidth() == width
    assert figure.get_figheight() <= TALLEST
    assert not sticks_out(figure)
    assert min(text.get_fontsize() for text in figure.findobj(matplotlib.text.Text) if text.get_text()) >= SMALL


def test_what_sticks_out_is_seen():
    figure = Figure(figsize=(1, 1))
    figure.text(0.9, 0.5, "too long for this")
    assert sticks_out(figure)


def test_the_tree_names_heads_along_the_leaves_and_meets_where_they_merge():
    axes = DRAWINGS["tree"](3.5).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == LEAVES
    within, above = (
        [path.vertices for path in lines.get_paths()]
        for lines in sorted(
            axes.collections, key=lambda lines: tuple(lines.get_color()[0]) != matplotlib.colors.to_rgba(INK)
        )
    )
    np.testing.assert_allclose(within[0], [(0, 0), (0.2, 0), (0.2, 1), (0, 1)])  # L0H0 with L1H1: rows 0 and 1
    np.testing.assert_allclose(within[1], [(0, 2), (0.5, 2), (0.5, 3), (0, 3)])
    np.testing.assert_allclose(above[0], [(0.2, 0.5), (1.4, 0.5), (1.4, 2.5), (0.5, 2.5)])
    assert {"1", "2"} <= words(axes.figure)


def test_without_clusters_nothing_is_grouped():
    figure = tree_figure(tree(None), "", 3.5)
    assert not {"1", "2"} & words(figure)
    assert not figure.axes[0].patches


def test_the_strip_stands_beside_its_head_and_dots_what_it_holds():
    axes = DRAWINGS["tree"](3.5).axes[1]
    image, dots = axes.collections
    shares = strip().pivot(index="name", columns="family", values="share").loc[LEAVES, list(FAMILIES)]
    np.testing.assert_array_equal(np.asarray(image.get_array()).reshape(4, 3), shares)
    held = {(FAMILIES[int(column)], LEAVES[int(row)]) for column, row in dots.get_offsets()}
    assert held == {("syntactic", "L0H0"), ("truth", "L1H1")}


@pytest.mark.parametrize(("n", "is_named"), [(80, True), (100, False), (3000, False)])
def test_heads_too_many_to_be_named_on_a_page_are_drawn_without_names(n, is_named):
    figure = tree_figure(long_chain(n), "deep", 3.5)
    assert figure.get_figheight() <= TALLEST
    assert bool(figure.axes[0].get_yticklabels()) == is_named
    assert (tree_row(long_chain(n), "deep", 3.5) >= LEGIBLE) == is_named


def test_layers_show_every_share_and_each_stack_as_its_own_line():
    one = layer_figure(layers(), "one", 7.2)
    two = layer_figure(pd.concat([layers(3, attention="encoder"), layers(4, attention="cross")]), "two", 7.2)
    for column, family in enumerate(FAMILIES):
        rows = layers()[layers()["family"] == family]
        np.testing.assert_array_equal(one.axes[column].lines[0].get_xydata(), rows[["layer", "share"]])
    assert len(one.axes) == len(two.axes) == 2 * len(FAMILIES)
    assert {"encoder", "cross", "relative depth"} <= words(two)
    assert "layer" in words(one)


def test_families_stand_one_below_the_other_in_a_column_of_print_and_side_by_side_in_two():
    places = {}
    for width in WIDTHS.values():
        figure = layer_figure(layers(), "", width)
        figure.draw_without_rendering()
        shares = [axes for axes in figure.axes if axes.get_title(loc="left")]
        places[width] = {(round(axes.get_position().x0, 3), round(axes.get_position().y0, 3)) for axes in shares}
    lefts, heights = ({width: len({place[at] for place in found}) for width, found in places.items()} for at in (0, 1))
    assert lefts == {3.5: 1, 7.2: 3}
    assert heights == {3.5: 3, 7.2: 1}


def test_a_family_of_one_feature_has_a_line_without_a_band():
    missing = dict.fromkeys([f"{key}_{end}" for key in ("share", "shift") for end in ("low", "high")], np.nan)
    figure = layer_figure(layers().assign(**missing), "no bands", 3.5)
    assert len(figure.axes[0].lines[0].get_xydata()) == 4
    figure.draw_without_rendering()  # raises no warning


def test_models_keep_their_colour_and_their_mark_and_the_agreement_is_written():
    figure = DRAWINGS["comparison"](7.2)
    top = figure.axes[: len(FAMILIES)]
    for axes in top:
        a, b = axes.lines[:2]
        assert (a.get_color(), b.get_color()) == HUES[:2]
        assert a.get_marker() != b.get_marker()
        assert (len(a.get_xydata()), len(b.get_xydata())) == (4, 6)
    assert {"rank correlation 0.50", "rank correlation −0.25", "rank correlation not defined"} <= words(figure)
    assert {"a", "b", "shallow", "middle", "deep"} <= words(figure)


def test_many_pairs_of_models_give_a_range():
    pairs = pd.DataFrame({"correlation": [0.5, -0.25, np.nan]})
    assert comparison_figures._agreement_note(pairs["correlation"]) == "rank correlation −0.25 to 0.50"


def test_the_best_heads_are_named_bold_where_they_hold_the_feature():
    two, five = (best_figure(comparison(models), "", 7.2)[0] for models in (("a", "b"), tuple("abcde")))
    weights: dict[str, set[Any]] = {}
    for text in two.axes[0].texts:
        weights.setdefault(text.get_text(), set()).add(text.get_fontweight())
    assert weights["L0H0"] == {"bold"}
    assert weights["L1H0"] == {"normal"}
    assert set(FAMILIES) <= set(weights)
    assert not {"L0H0", "L1H0"} & words(five)
    assert "structural thing" in words(five)


@pytest.mark.parametrize("models", [("a", "b"), tuple("abcde")])
def test_the_name_of_a_family_stands_clear_of_the_points_below(models):
    figure = best_figure(comparison(models), "", 3.5)[0]
    figure.draw_without_rendering()
    axes = figure.axes[0]
    highest = [axes.transData.transform((0, tick - 0.5))[1] for tick in axes.get_yticks()]
    names = [text.get_window_extent() for text in axes.texts if text.get_text() in FAMILIES]
    assert len(names) == len(FAMILIES)
    for name in names:
        below = max(height for height in highest if height < name.y1)
        assert name.y0 >= below - 1  # a pixel


def test_white_lines_part_the_heads_only_where_they_leave_the_colours():
    few, many = (tree_figure(long_chain(n), "", 3.5).axes[1].collections[0] for n in (50, 1024))
    assert few.get_edgecolor().tolist() == [[1, 1, 1, 1]]
    assert many.get_edgecolor().size == 0


def test_many_features_go_on_on_another_page():
    many = pd.concat([best(("a", "b")).iloc[:2].assign(feature=f"f{number}") for number in range(150)])
    found = Comparison(layers(), bands("a"), agreement(), many, ("one",))
    figures = best_figure(found, "many", 3.5)
    labels = [label.get_text() for figure in figures for label in figure.axes[0].get_yticklabels()]
    assert labels == [f"f{number}" for number in range(150)]
    assert len(figures) > 1
    assert max(figure.get_figheight() for figure in figures) <= TALLEST


def test_a_long_name_is_cut_and_stays_inside():
    found = comparison(("a-model-with-a-very-long-name-that-nobody-should-choose-but-may", "b"))
    found = replace(
        found, features=found.features.assign(feature=[f"a_feature_{name}_" * 20 for name in found.features["feature"]])
    )
    for width in WIDTHS.values():
        for figure in (comparison_figure(found, "a title " * 30, width), *best_figure(found, "a title " * 30, width)):
            figure.draw_without_rendering()
            assert not sticks_out(figure)
