"""The tree of heads, the layers of the families, and models side by side: drawn true to the tables, always alike."""

from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.report import comparison_figures, structure_figures
from pipeline.report.canvas import HUES, INK
from pipeline.report.comparison_figures import best_figure, comparison_figure
from pipeline.report.structure_figures import layer_figure, tree_figure

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


def tree(clusters: pd.DataFrame | None = CLUSTERS) -> bytes:
    return tree_figure(LINKAGE, LEAVES, clusters, strip(), "a $title$")


def comparison() -> bytes:
    lines = pd.concat([layers(4, "a"), layers(6, "b")])
    return comparison_figure(lines, pd.concat([bands("a"), bands("b")]), agreement(), "two models")


DRAWINGS: tuple[Callable[[], bytes], ...] = (
    tree,
    lambda: layer_figure(layers(), "layers"),
    comparison,
    lambda: best_figure(best(("a", "b")), "best"),
)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Keep the figures instead of turning them into bytes."""
    kept: list[Figure] = []

    def keep(figure: Figure) -> bytes:
        kept.append(figure)
        return b""

    monkeypatch.setattr(structure_figures, "png", keep)
    monkeypatch.setattr(comparison_figures, "png", keep)
    return kept


def words(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(matplotlib.text.Text)}


@pytest.mark.parametrize("draw", DRAWINGS, ids=["tree", "layers", "comparison", "best"])
def test_the_same_tables_give_the_same_bytes_whatever_the_person_s_settings(draw):
    first = draw()
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30}):
        assert draw() == first
    assert first.startswith(b"\x89PNG")


def test_the_tree_names_heads_along_the_leaves_and_meets_where_they_merge(drawn):
    tree()
    axes = drawn[0].axes[0]
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
    assert {"1", "2"} <= words(drawn[0])


def test_without_clusters_nothing_is_grouped(drawn):
    tree(None)
    assert not {"1", "2"} & words(drawn[0])
    assert not drawn[0].axes[0].patches


def test_the_strip_stands_beside_its_head_and_dots_what_it_holds(drawn):
    tree()
    axes = drawn[0].axes[1]
    image, dots = axes.collections
    shares = strip().pivot(index="name", columns="family", values="share").loc[LEAVES, list(FAMILIES)]
    np.testing.assert_array_equal(np.asarray(image.get_array()).reshape(4, 3), shares)
    held = {(FAMILIES[int(column)], LEAVES[int(row)]) for column, row in dots.get_offsets()}
    assert held == {("syntactic", "L0H0"), ("truth", "L1H1")}


def test_a_model_of_very_many_heads_is_drawn_without_names_in_one_chain(drawn):
    n = 3000
    chain = pd.DataFrame({
        "left": [0, *range(n, 2 * n - 2)],
        "right": range(1, n),
        "distance": np.linspace(0.1, 1, n - 1),
    })
    names = [f"L{i}H0" for i in range(n)]
    rows = pd.DataFrame({"name": names, "family": "truth", "share": 0.1, "holds": False})
    tree_figure(chain, names, None, rows, "deep")
    assert drawn[0].get_figheight() < 45
    assert not drawn[0].axes[0].get_yticklabels()


def test_layers_show_every_share_and_each_stack_as_its_own_line(drawn):
    layer_figure(layers(), "one")
    layer_figure(pd.concat([layers(3, attention="encoder"), layers(4, attention="cross")]), "two")
    one, two = drawn
    for column, family in enumerate(FAMILIES):
        rows = layers()[layers()["family"] == family]
        np.testing.assert_array_equal(one.axes[column].lines[0].get_xydata(), rows[["layer", "share"]])
    assert len(one.axes) == len(two.axes) == 2 * len(FAMILIES)
    assert {"encoder", "cross", "relative depth"} <= words(two)
    assert "layer" in words(one)


def test_a_family_of_one_feature_has_a_line_without_a_band(drawn):
    missing = dict.fromkeys([f"{key}_{end}" for key in ("share", "shift") for end in ("low", "high")], np.nan)
    layer_figure(layers().assign(**missing), "no bands")
    assert len(drawn[0].axes[0].lines[0].get_xydata()) == 4
    drawn[0].canvas.draw()  # raises no warning


def test_models_keep_their_colour_and_their_mark_and_the_agreement_is_written(drawn):
    comparison()
    top = drawn[0].axes[: len(FAMILIES)]
    for axes in top:
        a, b = axes.lines[:2]
        assert (a.get_color(), b.get_color()) == HUES[:2]
        assert a.get_marker() != b.get_marker()
        assert (len(a.get_xydata()), len(b.get_xydata())) == (4, 6)
    assert {"rank correlation 0.50", "rank correlation −0.25", "rank correlation not defined"} <= words(drawn[0])
    assert {"a", "b", "shallow", "middle", "deep"} <= words(drawn[0])


def test_many_pairs_of_models_give_a_range():
    pairs = pd.DataFrame({"correlation": [0.5, -0.25, np.nan]})
    assert comparison_figures._agreement_note(pairs["correlation"]) == "rank correlation −0.25 to 0.50"


def test_the_best_heads_are_named_bold_where_they_hold_the_feature(drawn):
    best_figure(best(("a", "b")), "two")
    best_figure(best(("a", "b", "c", "d", "e")), "five")
    weights: dict[str, set[Any]] = {}
    for text in drawn[0].axes[0].texts:
        weights.setdefault(text.get_text(), set()).add(text.get_fontweight())
    assert weights["L0H0"] == {"bold"}
    assert weights["L1H0"] == {"normal"}
    assert set(FAMILIES) <= set(weights)
    assert not {"L0H0", "L1H0"} & words(drawn[1])
    assert "structural thing" in words(drawn[1])
