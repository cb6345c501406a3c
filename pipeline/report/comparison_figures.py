"""The figures of several models side by side: where each reads the families, and its best head on each feature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.canvas import (
    FAINT,
    HUES,
    LINE,
    MARKS,
    MUTED,
    SMALL,
    TALLEST,
    TEXT,
    fitted,
    heading,
    pages,
    title_height,
)
from pipeline.report.results import SELECTIVE
from pipeline.report.structure_figures import WIDE, family_panels, finish_panels, leave_room

ROW = 0.09  # inches: one model on one feature
FOOT = 0.85  # inches below the best heads
MOST_NAMED = 4  # models whose best heads are named beside the points, in two columns of print
LEGEND = 3  # models side by side in a legend
NAME = 0.42  # inches for the name of a head
HEADING = 0.13  # inches for the name of a family
BANDS = ("shallow", "middle", "deep")


@dataclass(frozen=True)
class Comparison:
    """Several models side by side.

    Attributes:
        profiles: family, model, attention, depth, share; one row a family x model x stack x layer.
        bands: family, model, attention, band, holding and its ends; one row a family x model x stack x third.
        agreement: family, correlation; one row a family x two stacks of two models.
        features: feature, family, model, name, share, share_low, share_high, rung; one row a feature x model, families
            together.
        datasets: Those that all models were probed on.
    """

    profiles: pd.DataFrame
    bands: pd.DataFrame
    agreement: pd.DataFrame
    features: pd.DataFrame
    datasets: Sequence[str]


def comparison_figure(found: Comparison, title: str, width: float) -> Figure:
    """Return where several models read each family: shares by relative depth, and the heads that hold a feature.

    Args:
        found: The models side by side.
        title: What stands above.
        width: In inches.
    """
    families = list(dict.fromkeys(found.profiles["family"]))
    stacks = list(found.profiles[["model", "attention"]].drop_duplicates().itertuples(index=False, name=None))
    figure, grid = family_panels(families, title, width)
    for column, family in enumerate(families):
        for number, (model, stack) in enumerate(stacks):
            of_line, of_bars = (
                table[(table["family"] == family) & (table["model"] == model) & (table["attention"] == stack)]
                for table in (found.profiles, found.bands)
            )
            label = fitted(_label(model, stack), _legend_room(width, len(stacks)), SMALL)
            grid[0, column].plot(of_line["depth"], of_line["share"], **_look(number), label=label)
            _draw_bands(grid[1, column], of_bars, number, len(stacks))
        note = _agreement_note(found.agreement.loc[found.agreement["family"] == family, "correlation"])
        _caption(grid[0, column], family, note)
        if width > WIDE or column == len(families) - 1:
            grid[0, column].set_xlabel("relative depth")
        grid[1, column].set_xticks(range(len(BANDS)), BANDS)
        grid[1, column].set_xlim(-0.5, len(BANDS) - 0.5)
    finish_panels(grid, width)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=LEGEND, frameon=False)
    return figure


def best_figure(found: Comparison, title: str, width: float) -> list[Figure]:
    """Return the best head of every model on each feature, with its name and the interval of its share.

    Args:
        found: The models side by side.
        title: What stands above.
        width: In inches.
    """
    features = found.features
    models, names = list(dict.fromkeys(features["model"])), list(dict.fromkeys(features["feature"]))
    foot = FOOT + LINE * SMALL * -(-len(models) // LEGEND)
    row = max(0.15, ROW * (len(models) + 0.6))
    headings = HEADING * features["family"].nunique()
    most = int((TALLEST - title_height(title, width) - foot - headings) / row)
    return [_best_page(features, models, names[part], title, width, row) for part in pages(len(names), most)]


def _best_page(
    features: pd.DataFrame, models: list[str], names: list[str], title: str, width: float, row: float
) -> Figure:
    foot = FOOT + LINE * SMALL * -(-len(models) // LEGEND)
    family_of = features.groupby("feature")["family"].first()
    families = [family_of[name] for name in names]
    tall = row * len(names) + HEADING * len(set(families))
    figure = Figure(figsize=(width, title_height(title, width) + foot + tall), layout="constrained")
    leave_room(figure, heading(figure, title))
    axes = figure.add_subplot()
    lines = _lines(families, HEADING / row)
    is_named = len(models) <= (MOST_NAMED if width > WIDE else MOST_NAMED // 2)
    for number, model in enumerate(models):
        rows = features[features["model"] == model].set_index("feature").reindex(names)
        places = lines + (number - (len(models) - 1) / 2) * 0.75 / max(1, len(models))
        _draw_best(axes, rows, places, number, fitted(model, _legend_room(width, len(models)), SMALL))
        if is_named:
            _write_names(axes, rows, places, 4 + 72 * NAME * number, number)
    labels = [fitted(name.replace("_", " "), 0.28 * width, SMALL) for name in names]
    _divide(axes, families, lines, HEADING / row)
    axes.set_yticks(lines, labels)
    note = "share of the way from the largest class to 1"
    named = "\n(beside: the head; bold where it holds the feature)" if is_named else ""
    axes.set(ylim=(lines[-1] + 0.5, -0.5), xlabel=f"{note}{named}")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=LEGEND, frameon=False)
    return figure


def _legend_room(width: float, n: int) -> float:
    """Return the inches for one of n names in a legend."""
    return width / min(LEGEND, n) - 0.3


def _lines(families: Sequence[str], heading: float) -> npt.NDArray[np.float64]:
    """Return where each feature stands, (n_features,) float64 in rows, with `heading` rows above each family."""
    starts = [row == 0 or families[row - 1] != family for row, family in enumerate(families)]
    return np.arange(len(families)) + heading * np.cumsum(starts)


def _look(number: int) -> dict[str, Any]:
    return {
        **{"color": HUES[number % len(HUES)], "marker": MARKS[number % len(MARKS)]},
        **{"markersize": 2.8, "linewidth": 1.0},
    }


def _label(model: str, stack: str) -> str:
    return model if stack == "self" else f"{model} ({stack})"


def _reach(rows: pd.DataFrame, key: str) -> npt.NDArray[np.float64]:
    """Return how far the interval reaches below and above, (2, n_rows); rounding may leave an end on the wrong side."""
    return np.maximum([rows[key] - rows[f"{key}_low"], rows[f"{key}_high"] - rows[key]], 0)


def _draw_bands(axes: Axes, rows: pd.DataFrame, number: int, n_stacks: int) -> None:
    places = rows["band"].map(BANDS.index) + (number - (n_stacks - 1) / 2) * 0.6 / n_stacks
    axes.errorbar(places, rows["holding"], _reach(rows, "holding"), **{**_look(number), "linewidth": 0}, elinewidth=0.9)


def _agreement_note(correlations: pd.Series) -> str:
    known = correlations.dropna()
    if known.empty:
        return "rank correlation not defined"
    if len(known) == 1:
        return f"rank correlation {known.iloc[0]:.2f}".replace("-", "−")
    return f"rank correlation {known.min():.2f} to {known.max():.2f}".replace("-", "−")


def _caption(axes: Axes, family: str, note: str) -> None:
    axes.set_title(family, loc="left", fontsize=TEXT, fontweight="bold", pad=11)
    axes.annotate(note, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=SMALL)


def _draw_best(axes: Axes, rows: pd.DataFrame, places: npt.NDArray[Any], number: int, model: str) -> None:
    look = {**_look(number), "linewidth": 0, "elinewidth": 0.9}
    axes.errorbar(rows["share"], places, xerr=_reach(rows, "share"), **look, label=model)


def _write_names(axes: Axes, rows: pd.DataFrame, places: npt.NDArray[Any], shift: float, number: int) -> None:
    """Write the best heads in a column `shift` points beside the axes, in bold those that hold the feature."""
    for place, name, rung in zip(places, rows["name"], rows["rung"], strict=True):
        if isinstance(name, str):
            axes.annotate(
                name, (1, place), (shift, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                va="center_baseline", fontsize=SMALL, color=HUES[number % len(HUES)],
                fontweight="bold" if rung >= SELECTIVE else "normal", annotation_clip=False,
            )  # fmt: skip


def _divide(axes: Axes, families: Sequence[str], lines: npt.NDArray[np.float64], heading: float) -> None:
    """Draw lines between features, strong ones between families, and write each family above its first feature."""
    axes.axvline(0, color=FAINT, linewidth=0.6, zorder=0)
    for row, (family, line) in enumerate(zip(families, lines, strict=True)):
        if row and families[row - 1] == family:
            axes.axhline(line - 0.5, color=FAINT, linewidth=0.25, zorder=0)
            continue
        axes.axhline(line - 0.5 - heading, color=FAINT, linewidth=0.8, zorder=0)
        axes.annotate(
            family, (0, line - 0.5 - heading), (2, -2), xycoords=axes.get_yaxis_transform(), va="top", fontsize=SMALL,
            textcoords="offset points", fontweight="bold", color=MUTED,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},  # or the line at 0 would cross it
        )  # fmt: skip
