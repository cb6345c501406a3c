"""How far the evidence goes: heads per family and rung, and the four-phase map of the survey with its candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.colors
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from pipeline.report.canvas import (
    EMPTY,
    INK,
    MUTED,
    SMALL,
    TALLEST,
    TEXT,
    fitted,
    heading,
    pages,
    placed,
    title_height,
    width_of,
)
from pipeline.report.overview import ordered_families
from pipeline.report.results import DECODABLE, RUNG_COUNTS, ModelResults, passed, rung_names

# One blue, the darker the higher the rung: in order in grey, too, and with every kind of colour blindness.
RUNG_FILLS = (EMPTY, "#b5cfe6", "#5c97c9", "#17508c", "#071d38")
ANY_FAMILY = "any family"
BAR = 0.2  # inches: the row of a family
CELL = 0.125  # inches: the row of a head of the survey
FOOT = 0.52  # inches below the rows, for the scale and the legend
RIGHT = 0.12  # inches


@dataclass(frozen=True)
class Row:
    """One line of a figure of bars.

    Attributes:
        label: What stands on the left.
        counts: Rung -> heads whose highest rung it is; empty where there is nothing to count.
        note: What stands in place of a bar.
        is_heading: Whether the label is that of the rows below.
    """

    label: str
    counts: Mapping[int, int]
    note: str = ""
    is_heading: bool = False


def family_rungs(model: ModelResults, families: Sequence[str]) -> dict[str, dict[int, int]]:
    """Return family -> rung -> heads whose highest rung on a feature of the family it is; first that over all families.

    Args:
        model: Results of the model.
        families: Those probed, in order.
    """
    rows = passed(model)
    counts = {ANY_FAMILY: _rung_counts(model, rows)}
    return counts | {family: _rung_counts(model, rows[rows["family"] == family]) for family in families}


def _rung_counts(model: ModelResults, rows: pd.DataFrame) -> dict[int, int]:
    highest = rows.groupby(["layer", "head"])["rung"].max().astype(int)
    counts = {rung: int((highest == rung).sum()) for rung in reachable_rungs(model) if rung >= DECODABLE}
    return {0: len(model.heads) - len(highest), **counts}


def reachable_rungs(model: ModelResults) -> dict[int, str]:
    """Return rung -> its name, of those that the run could find heads on.

    Args:
        model: Results of the model.
    """
    untested = {int(rung["rung"]) for rung in model.taxonomy["rungs"] if "not tested" in rung["rule"]}
    return {rung: name for rung, name in rung_names(model).items() if rung not in untested}


def family_figure(model: ModelResults, title: str, width: float) -> list[Figure]:
    """Return a bar for each family probed: its heads by the highest rung they reach on one of its features.

    Args:
        model: Results of the model.
        title: What stands above.
        width: In inches.
    """
    probed = {summary["family"] for summary in model.summaries.values()}
    families = [family for family in ordered_families(probed) if family in probed]
    rows = [Row(label, counts) for label, counts in family_rungs(model, families).items()]
    return _bars(model, rows, title, width, BAR)


def phase_figure(model: ModelResults, title: str, width: float) -> list[Figure]:
    """Return the four-phase map: a bar for each head of the survey, its candidates by rung.

    Args:
        model: Results of the model.
        title: What stands above.
        width: In inches.
    """
    return _bars(model, phase_rows(model), title, width, CELL)


def phase_rows(model: ModelResults) -> list[Row]:
    """Return the lines of the four-phase map: each phase, and below it its heads in the survey's order.

    Args:
        model: Results of the model.
    """
    rows: list[Row] = []
    for phase, cells in model.phases.groupby("phase", sort=False):
        rows.append(Row(str(phase), {}, is_heading=True))
        rows += [_cell_row(cell) for _, cell in cells.iterrows()]
    return rows


def _cell_row(cell: pd.Series) -> Row:
    label = f"{cell['cell']}{' *' if cell['status'] == 'alike' else ''}"
    if not cell["features"]:
        return Row(label, {}, cell["status"] if cell["status"] == "not identifiable" else "no feature probed")
    reached = {rung: int(cell[column]) for rung, column in RUNG_COUNTS.items()}  # on the rung or higher
    return Row(label, {rung: count - reached.get(rung + 1, 0) for rung, count in reached.items()})


def _bars(model: ModelResults, rows: Sequence[Row], title: str, width: float, row: float) -> list[Figure]:
    room = TALLEST - title_height(title, width) - FOOT
    return [_bar_page(model, rows[part], title, width, row) for part in pages(len(rows), int(room / row))]


def _bar_page(model: ModelResults, rows: Sequence[Row], title: str, width: float, row: float) -> Figure:
    above = title_height(title, width)
    figure = Figure(figsize=(width, above + FOOT + row * len(rows)))
    heading(figure, title)
    left = 0.1 + min(
        0.45 * width, max(width_of(fitted(entry.label, width, SMALL), SMALL) for entry in rows if not entry.is_heading)
    )
    axes = placed(figure, left, above, width - left - RIGHT, row * len(rows))
    inch = (width - left - RIGHT) / len(model.heads)  # of a head
    for place, entry in enumerate(rows):
        _draw_row(axes, place, entry, width, left, inch)
    axes.set(xlim=(0, len(model.heads)), ylim=(len(rows) - 0.5, -0.5), yticks=[])
    axes.set_xlabel(f"heads (of {len(model.heads):,})", fontsize=SMALL)
    axes.spines[["top", "right", "left"]].set_visible(False)
    names = reachable_rungs(model)
    shown = {rung for entry in rows for rung in entry.counts}
    keys = [
        Patch(facecolor=RUNG_FILLS[rung], label=fitted(f"{rung} {names[rung]}", width / 4, SMALL))
        for rung in names
        if rung in shown
    ]
    figure.legend(
        handles=keys, loc="lower left", bbox_to_anchor=(0, 0), ncols=4, frameon=False, handlelength=1, handleheight=1,
        columnspacing=0.9, handletextpad=0.4, borderpad=0.3,
    )  # fmt: skip
    return figure


def _draw_row(axes: Axes, place: int, row: Row, width: float, left: float, inch: float) -> None:
    size, weight = (TEXT, "bold") if row.is_heading else (SMALL, "normal")
    label = fitted(row.label, width - 0.1 if row.is_heading else left - 0.08, size, weight)
    axes.annotate(
        label, (0, place), (-72 * left + 4 if row.is_heading else -3, 0), xycoords=axes.get_yaxis_transform(),
        textcoords="offset points", ha="left" if row.is_heading else "right", va="center_baseline", fontsize=size,
        fontweight=weight, annotation_clip=False,
    )  # fmt: skip
    if row.note:
        axes.annotate(
            row.note, (0, place), (3, 0), textcoords="offset points", va="center_baseline", fontsize=SMALL, color=MUTED
        )
    start = 0
    for rung, count in sorted(row.counts.items(), reverse=True):  # the highest rung at the axis, where bars compare
        axes.barh(place, count, left=start, height=0.78, color=RUNG_FILLS[rung], edgecolor="white", linewidth=0.4)
        if count and width_of(f"{count:,}", SMALL) + 0.03 <= count * inch:
            axes.text(
                start + count / 2, place, f"{count:,}", ha="center", va="center_baseline", fontsize=SMALL,
                color=ink_on(RUNG_FILLS[rung]),
            )  # fmt: skip
        start += count


def ink_on(fill: str) -> str:
    """Return the colour of type that reads best on a fill.

    Args:
        fill: Colour as hexadecimal.
    """
    red, green, blue = matplotlib.colors.to_rgb(fill)
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
