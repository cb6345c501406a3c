"""The figures of several models side by side: where each reads the families, and its best head on each feature."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.canvas import FAINT, HUES, MARKS, png, styled
from pipeline.report.results import SELECTIVE

ROW = 0.13  # inches: one model on one feature
MOST_NAMED = 4  # models whose best heads are named beside the points
BANDS = ("shallow", "middle", "deep")


def comparison_figure(profiles: pd.DataFrame, bands: pd.DataFrame, agreement: pd.DataFrame, title: str) -> bytes:
    """Return where several models read each family as PNG: shares by relative depth, and the heads that hold a feature.

    Args:
        profiles: family, model, attention, depth, share; one row a family x model x stack x layer.
        bands: family, model, attention, band, holding and its ends; one row a family x model x stack x third.
        agreement: family, correlation; one row a family x two stacks of two models.
        title: What stands above.
    """
    families = list(dict.fromkeys(profiles["family"]))
    stacks = list(profiles[["model", "attention"]].drop_duplicates().itertuples(index=False, name=None))
    with styled():
        figure = Figure(figsize=(0.9 + 1.9 * len(families), 5.6), layout="constrained")
        grid = figure.subplots(2, len(families), sharey="row", squeeze=False)
        for column, family in enumerate(families):
            for number, (model, stack) in enumerate(stacks):
                of_line, of_bars = (
                    table[(table["family"] == family) & (table["model"] == model) & (table["attention"] == stack)]
                    for table in (profiles, bands)
                )
                grid[0, column].plot(of_line["depth"], of_line["share"], **_look(number), label=_label(model, stack))
                _draw_bands(grid[1, column], of_bars, number, len(stacks))
            note = _agreement_note(agreement.loc[agreement["family"] == family, "correlation"])
            _caption(grid[0, column], family, note)
            grid[0, column].set_xlabel("relative depth")
            grid[1, column].set_xticks(range(len(BANDS)), BANDS)
        _finish(grid)
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=4, frameon=False)
        figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
        return png(figure)


def best_figure(features: pd.DataFrame, title: str) -> bytes:
    """Return the best head of every model on each feature as PNG, with its name and the interval of its share.

    Args:
        features: feature, family, model, name, share, share_low, share_high, rung; one row a feature x model, families
            together.
        title: What stands above.
    """
    models = list(dict.fromkeys(features["model"]))
    names = list(dict.fromkeys(features["feature"]))
    with styled():
        height = 1.5 + len(names) * max(0.2, ROW * (len(models) + 0.6))
        figure = Figure(figsize=(8.4, height), layout="constrained")
        axes = figure.add_subplot()
        for number, model in enumerate(models):
            rows = features[features["model"] == model].set_index("feature").reindex(names)
            places = np.arange(len(names)) + (number - (len(models) - 1) / 2) * 0.75 / max(1, len(models))
            _draw_best(axes, rows, places, number, model)
            if len(models) <= MOST_NAMED:
                _write_names(axes, rows, places, 1.02 + 0.09 * number, number)
        family_of = features.groupby("feature")["family"].first()
        _divide(axes, [family_of[name] for name in names], -55 - 5 * max(map(len, names)))
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=8)
        note = "share of the way from the largest class to 1"
        named = "\n(beside: the head; bold where it holds the feature)" if len(models) <= MOST_NAMED else ""
        axes.set(ylim=(len(names) - 0.5, -0.5), xlabel=f"{note}{named}")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=4, frameon=False)
        figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
        return png(figure)


def _look(number: int) -> dict[str, Any]:
    return {
        **{"color": HUES[number % len(HUES)], "marker": MARKS[number % len(MARKS)]},
        **{"markersize": 3.8, "linewidth": 1.4},
    }


def _label(model: str, stack: str) -> str:
    return model if stack == "self" else f"{model} ({stack})"


def _reach(rows: pd.DataFrame, key: str) -> npt.NDArray[np.float64]:
    """Return how far the interval reaches below and above, (2, n_rows); rounding may leave an end on the wrong side."""
    return np.maximum([rows[key] - rows[f"{key}_low"], rows[f"{key}_high"] - rows[key]], 0)


def _draw_bands(axes: Axes, rows: pd.DataFrame, number: int, n_stacks: int) -> None:
    places = rows["band"].map(BANDS.index) + (number - (n_stacks - 1) / 2) * 0.6 / n_stacks
    axes.errorbar(places, rows["holding"], _reach(rows, "holding"), **{**_look(number), "linewidth": 0}, elinewidth=1.2)


def _agreement_note(correlations: pd.Series) -> str:
    known = correlations.dropna()
    if known.empty:
        return "rank correlation not defined"
    if len(known) == 1:
        return f"rank correlation {known.iloc[0]:.2f}".replace("-", "−")
    return f"rank correlation {known.min():.2f} to {known.max():.2f}".replace("-", "−")


def _caption(axes: Axes, family: str, note: str) -> None:
    axes.set_title(family, loc="left", fontsize=9, fontweight="bold", pad=16)
    axes.annotate(note, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=7.5)


def _draw_best(axes: Axes, rows: pd.DataFrame, places: npt.NDArray[Any], number: int, model: str) -> None:
    look = {**_look(number), "linewidth": 0, "elinewidth": 1.2}
    axes.errorbar(rows["share"], places, xerr=_reach(rows, "share"), **look, label=model)


def _write_names(axes: Axes, rows: pd.DataFrame, places: npt.NDArray[Any], column: float, number: int) -> None:
    """Write the best heads in a column beside the points, in bold those that hold the feature."""
    for place, name, rung in zip(places, rows["name"], rows["rung"], strict=True):
        if isinstance(name, str):
            weight = "bold" if rung >= SELECTIVE else "normal"
            axes.text(
                column, place, name, transform=axes.get_yaxis_transform(), va="center_baseline", fontsize=7,
                color=HUES[number % len(HUES)], fontweight=weight,
            )  # fmt: skip


def _divide(axes: Axes, families: list[str], left: float) -> None:
    """Draw a line between families and write each at its first feature, `left` points beside the axes."""
    axes.axvline(0, color=FAINT, linewidth=0.7, zorder=0)
    for row, family in enumerate(families):
        axes.axhline(row + 0.5, color=FAINT, linewidth=0.2, zorder=0)
        if row == 0 or families[row - 1] != family:
            axes.axhline(row - 0.5, color=FAINT, linewidth=0.9, zorder=0)
            axes.annotate(
                family, (0, row - 0.5), (left, -3), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                va="top", fontsize=8, fontweight="bold",
            )  # fmt: skip


def _finish(grid: npt.NDArray[Any]) -> None:
    for axes in grid.flat:
        axes.axhline(0, color=FAINT, linewidth=0.7, zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[1]:
        axes.set_xlim(-0.5, len(BANDS) - 0.5)
    grid[1, 0].set_ylim(-0.05, 1.05)
    grid[0, 0].set_ylabel("mean share of the way from\nthe largest class to 1")
    grid[1, 0].set_ylabel("share of heads that\nhold a feature")
