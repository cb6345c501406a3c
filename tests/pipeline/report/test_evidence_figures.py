"""Heads per family and rung, the four-phase map, and the best head of each dataset: true to the tables."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.report import tables
from pipeline.report.best_figure import BASELINE_LOOKS, best_head_figure, best_rows
from pipeline.report.canvas import TALLEST
from pipeline.report.evidence_figures import (
    RUNG_FILLS,
    Row,
    family_figure,
    family_rungs,
    ink_on,
    phase_figure,
    phase_rows,
    reachable_rungs,
)
from pipeline.report.results import BASELINES, RUNG_COUNTS
from tests.pipeline.report.measured import both, sticks_out

pytestmark = pytest.mark.usefixtures("style")
FAMILIES = ["syntactic", "semantic", "factual", "truth"]


def bars(figure: Figure) -> list[tuple[float, float, float, str]]:
    """Return (row, start, length, fill) of every bar."""
    return [
        (
            round(bar.get_y() + bar.get_height() / 2, 6),
            bar.get_x(),
            bar.get_width(),
            matplotlib.colors.to_hex(bar.get_facecolor()),
        )
        for bar in figure.axes[0].patches
    ]


def luminance(fill: str) -> float:
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in matplotlib.colors.to_rgb(fill)
    ]
    return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))


def test_rungs_are_told_apart_in_grey_and_numbers_read_on_them():
    grey = [luminance(fill) for fill in RUNG_FILLS]
    assert all(lighter > 1.3 * darker for lighter, darker in pairwise(grey))
    for fill, light in zip(RUNG_FILLS, grey, strict=True):
        ends = sorted((light + 0.05, luminance(ink_on(fill)) + 0.05))
        assert ends[1] / ends[0] > 4.5


def test_heads_per_family_are_those_of_the_assignments(atlas):
    model = atlas.models[0]
    found = family_rungs(model, FAMILIES)
    won = model.assignments
    for family in FAMILIES:
        highest = won[won["family"] == family].groupby(["layer", "head"])["rung"].max()
        assert found[family] == {0: 72 - len(highest), 1: (highest == 1).sum(), 2: (highest == 2).sum()}
    assert found["any family"] == {rung: (model.heads["rung"] == rung).sum() for rung in (0, 1, 2)}


def test_bars_of_families_stand_end_to_end_with_the_highest_rung_first(atlas):
    figure = family_figure(atlas.models[0], "families", 3.5)[0]
    counts = list(family_rungs(atlas.models[0], FAMILIES).values())
    for row, expected in enumerate(counts):
        mine = [bar[1:] for bar in bars(figure) if bar[0] == row]
        assert [fill for *_, fill in mine] == [RUNG_FILLS[rung] for rung in (2, 1, 0)]
        assert [length for _, length, _ in mine] == [expected[rung] for rung in (2, 1, 0)]
        assert [start for start, *_ in mine] == [0, expected[2], expected[2] + expected[1]]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["0 not decodable", "1 decodable", "2 selective"]


def test_a_rung_that_was_not_tested_is_not_shown(atlas):
    model = atlas.models[0]
    rungs = [*model.taxonomy["rungs"], {"rung": 4, "name": "necessary", "rule": "rung 3, and more; not tested"}]
    assert set(reachable_rungs(replace(model, taxonomy={**model.taxonomy, "rungs": rungs}))) == {0, 1, 2}
    tested = [*model.taxonomy["rungs"], {"rung": 3, "name": "general", "rule": "rung 2, and more"}]
    assert set(reachable_rungs(replace(model, taxonomy={**model.taxonomy, "rungs": tested}))) == {0, 1, 2, 3}


def test_the_map_counts_each_head_once_by_its_highest_rung(atlas):
    model = atlas.models[0]
    counts = dict(zip(RUNG_COUNTS.values(), (30, 12, 5), strict=True))
    cells = pd.DataFrame([
        {"phase": "P", "cell": "A", "status": "alike", "features": "f", **counts},
        {"phase": "P", "cell": "B", "status": "not identifiable", "features": ""},
        {"phase": "Q", "cell": "C", "status": "candidate", "features": ""},
    ])  # fmt: skip
    rows = phase_rows(replace(model, phases=cells))
    assert rows == [
        Row("P", {}, is_heading=True),
        Row("A *", {1: 18, 2: 7, 3: 5}),
        Row("B", {}, "not identifiable"),
        Row("Q", {}, is_heading=True),
        Row("C", {}, "no feature probed"),
    ]


@both
def test_bars_keep_to_the_page(atlas, width):
    model = atlas.models[0]
    figures = [*family_figure(model, "a $title$", width), *phase_figure(model, "map", width)]
    for figure in figures:
        assert figure.get_figwidth() == width
        assert not sticks_out(figure)
    long = replace(model, phases=pd.concat([model.phases.assign(cell="a very long name of a head " * 9)] * 13))
    many = phase_figure(long, "map", width)
    assert len(many) > 1
    assert all(figure.get_figheight() <= TALLEST and not sticks_out(figure) for figure in many)


def test_no_head_that_passes_leaves_whole_bars_of_rung_0(atlas):
    model = replace(atlas.models[0], assignments=atlas.models[0].assignments.head(0))
    figure = family_figure(model, "none", 3.5)[0]
    assert [length for _, _, length, _ in bars(figure) if length] == [72] * 5


def test_the_best_heads_are_those_of_the_table(atlas):
    rows = best_rows(atlas, atlas.models[0]).set_index("dataset")
    table = tables.best_heads(atlas, 1).set_index("dataset")
    assert list(rows["family"].unique()) == FAMILIES
    for column in ("accuracy", "accuracy_low", "accuracy_high", *BASELINES):
        np.testing.assert_allclose(rows[column], table.loc[rows.index, column], atol=1e-6)
    assert list(rows["name"]) == list(table.loc[rows.index, "label"])
    assert list(rows["rung"]) == list(table.loc[rows.index, "rung"])


@both
def test_the_best_head_stands_among_its_baselines(atlas, width):
    rows = best_rows(atlas, atlas.models[0])
    figure = best_head_figure(rows, "best", width)[0]
    axes = figure.axes[0]
    written = {text.get_text(): text for text in axes.texts}
    assert {*FAMILIES, "subject number", "capital truth"} <= set(written)
    drawn: dict[str, list[float]] = {}
    for line in axes.lines:
        drawn.setdefault(str(line.get_label()), []).append(float(line.get_xdata()[0]))
    assert drawn["best head, with interval"] == list(rows["accuracy"])
    assert drawn["heads chosen on other folds"] == list(rows["chosen"])
    assert drawn["random projection"] == list(rows["projection"])
    assert len(drawn["control task"]) == len(rows) - 1  # refused for one dataset: no mark, not 0
    notes = [text for name, text in written.items() if name.startswith(tuple(rows["name"]))]
    bold = {text.get_text().split()[0] for text in notes if text.get_fontweight() == "bold"}
    assert bold == set(rows.loc[rows["rung"] >= 2, "name"])
    assert not sticks_out(figure)


def test_numbers_stand_beside_the_names_where_there_is_room(atlas):
    rows = best_rows(atlas, atlas.models[0])
    first = rows.iloc[0]
    note = f"{first['name']} {first['accuracy']:.2f} ({first['accuracy_low']:.2f} to {first['accuracy_high']:.2f})"
    single, double = (
        {text.get_text() for text in best_head_figure(rows, "", width)[0].axes[0].texts} for width in (3.5, 7.2)
    )
    assert note in double
    assert note not in single
    assert first["name"] in single


@both
def test_many_datasets_and_long_names_keep_to_the_page(atlas, width):
    rows = best_rows(atlas, atlas.models[0])
    many = pd.concat([rows.assign(title=f"{number} a long name of a dataset that goes on") for number in range(12)])
    figures = best_head_figure(many, "a title " * 30, width)
    assert len(figures) > 1
    assert all(figure.get_figheight() <= TALLEST and not sticks_out(figure) for figure in figures)


def test_every_baseline_has_a_look_of_its_own():
    assert set(BASELINE_LOOKS) == set(BASELINES)
    looks: list[Any] = [(look["marker"], look["color"]) for look in BASELINE_LOOKS.values()]
    assert len({marker for marker, _ in looks}) == len({colour for _, colour in looks}) == len(BASELINES)
