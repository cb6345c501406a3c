"""The best head of a model on each dataset: its accuracy with the interval, between what it has to beat."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.canvas import (
    FAINT,
    HUES,
    INK,
    SMALL,
    TALLEST,
    fitted,
    heading,
    pages,
    placed,
    title_height,
    width_of,
)
from pipeline.report.heatmap import BASELINE_LABELS, scores_of
from pipeline.report.overview import ordered_families
from pipeline.report.results import BASELINES, SELECTIVE, Atlas, ModelResults, head_rungs, probe_titles

ROW = 0.15  # inches: one dataset
FOOT = 0.38  # inches below the rows, for the scale
WIDE = 5.0  # inches from which numbers stand beside the names
# Shapes differ as well as colours. Thin marks for what needs no model, open ones for what does.
BASELINE_LOOKS: Mapping[str, Mapping[str, Any]] = {
    "majority": {"marker": "|", "color": INK},
    "surface": {"marker": "x", "color": HUES[1]},
    "control_accuracy": {"marker": "+", "color": HUES[3]},
    "embedding": {"marker": "^", "color": HUES[2], "markerfacecolor": "none"},
    "untrained": {"marker": "v", "color": HUES[5], "markerfacecolor": "none"},
    "projection": {"marker": "s", "color": HUES[4], "markerfacecolor": "none"},
    "skyline": {"marker": "D", "color": FAINT, "markerfacecolor": "none"},
}


def best_rows(atlas: Atlas, model: ModelResults) -> pd.DataFrame:
    """Return the best head of the model on each dataset, families together, one row a dataset.

    Columns: dataset, title, family, name, rung, accuracy and its ends, chosen (accuracy of heads chosen on other folds
    than they are tested on), and the baselines of the best head, NaN where not measured.

    Args:
        atlas: The run.
        model: Results of the model.
    """
    titles = probe_titles(atlas.cards)
    families = {dataset: str(summary["family"]) for dataset, summary in model.summaries.items()}
    order = ordered_families(families.values())
    together = sorted(titles, key=lambda dataset: order.index(families[dataset]))
    return pd.DataFrame([_best_row(model, dataset, titles[dataset]) for dataset in together])


def _best_row(model: ModelResults, dataset: str, title: str) -> dict[str, Any]:
    summary = model.summaries[dataset]
    place = int(summary["best"]["layer"]), int(summary["best"]["head"])
    numbers = scores_of(model, dataset, [place]).iloc[0][[*BASELINES, "accuracy", "accuracy_low", "accuracy_high"]]
    return {
        **{"dataset": dataset, "title": title, "family": summary["family"], "name": f"L{place[0]}H{place[1]}"},
        **{"rung": head_rungs(model, dataset).get(place, 0), "chosen": float(summary["selected"]["accuracy"])},
        **{str(name): float(value) for name, value in numbers.items()},
    }


def best_head_figure(rows: pd.DataFrame, title: str, width: float) -> list[Figure]:
    """Return the best head on each dataset as a point with its interval, among its baselines.

    Args:
        rows: As `best_rows` returns them.
        title: What stands above.
        width: In inches.
    """
    most = int((TALLEST - title_height(title, width) - _foot(width)) / ROW) - 6  # less the lines that name families
    return [_page(rows.iloc[part], title, width) for part in pages(len(rows), most)]


def _page(rows: pd.DataFrame, title: str, width: float) -> Figure:
    lines = _lines(rows)
    above = title_height(title, width)
    figure = Figure(figsize=(width, above + _foot(width) + ROW * len(lines)))
    heading(figure, title)
    left = 0.1 + min(0.3 * width, max(width_of(name, SMALL) for name in rows["title"]))
    right = 0.08 + max(width_of(_note(row, width), SMALL, _weight(row)) for _, row in rows.iterrows())
    axes = placed(figure, left, above, width - left - right, ROW * len(lines))
    for place, line in enumerate(lines):
        if isinstance(line, str):
            _write(axes, line, place, (0, -72 * left + 4, "left"), "bold")
            axes.axhline(place - 0.5, color=FAINT, linewidth=0.4 if place else 0, zorder=0)
        else:
            _draw_head(axes, place, line)
            _write(axes, fitted(line["title"], left - 0.06, SMALL), place, (0, -4, "right"))
            _write(axes, _note(line, width), place, (1, 3, "left"), _weight(line))
    low = min(0.5, *(float(np.nanmin(rows[name])) for name in ("accuracy_low", "majority") if rows[name].notna().any()))
    axes.set(xlim=(max(0, np.floor(low * 10) / 10) - 0.01, 1.01), ylim=(len(lines) - 0.5, -0.5), yticks=[])
    axes.set_xlabel("accuracy", fontsize=SMALL)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color=FAINT, linewidth=0.25)
    axes.set_axisbelow(True)
    _legend(figure, axes)
    return figure


def _foot(width: float) -> float:
    """Return the inches below the rows: the scale, and the legend with a line for each row of its marks."""
    return FOOT + 0.12 * -(-(len(BASELINE_LOOKS) + 2) // _legend_columns(width))


def _legend_columns(width: float) -> int:
    return 4 if width > WIDE else 2


def _lines(rows: pd.DataFrame) -> list[str | pd.Series]:
    """Return the rows with the name of its family above the first of each."""
    lines: list[str | pd.Series] = []
    for family, group in rows.groupby("family", sort=False):
        lines += [str(family), *(row for _, row in group.iterrows())]
    return lines


def _note(row: pd.Series, width: float) -> str:
    ends = f" {row['accuracy']:.2f} ({row['accuracy_low']:.2f} to {row['accuracy_high']:.2f})"
    return f"{row['name']}{ends if width > WIDE else ''}"


def _weight(row: pd.Series) -> str:
    return "bold" if row["rung"] >= SELECTIVE else "normal"


def _write(axes: Axes, text: str, place: int, at: tuple[float, float, str], weight: str = "normal") -> None:
    """Write on a row; `at` is a share of the axes' width, points right of it, and the side the text starts from."""
    share, shift, side = at
    axes.annotate(
        text, (share, place), (shift, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", ha=side,
        va="center_baseline", fontsize=SMALL, fontweight=weight, annotation_clip=False,
    )  # fmt: skip


def _draw_head(axes: Axes, place: int, row: pd.Series) -> None:
    for baseline, look in BASELINE_LOOKS.items():
        if not np.isnan(row[baseline]):
            axes.plot([row[baseline]], [place], **_mark(look), label=BASELINE_LABELS[baseline])
    axes.plot([row["accuracy_low"], row["accuracy_high"]], [place, place], color=HUES[0], linewidth=1.2)
    axes.plot([row["accuracy"]], [place], "o", color=HUES[0], markersize=3.2, label="best head, with interval")
    chosen = {"marker": "o", "color": HUES[0], "markerfacecolor": "white"}
    axes.plot([row["chosen"]], [place], **_mark(chosen), label="heads chosen on other folds")


def _mark(look: Mapping[str, Any]) -> dict[str, Any]:
    return {"linestyle": "none", "markersize": 3.2, "markeredgewidth": 0.7, **look}


def _legend(figure: Figure, axes: Axes) -> None:
    """Explain each kind of mark once, below."""
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    order: Sequence[str] = ("best head, with interval", "heads chosen on other folds", *BASELINE_LABELS.values())
    shown = [label for label in order if label in once]
    figure.legend(
        [once[label] for label in shown], shown, loc="lower left", bbox_to_anchor=(0, 0), frameon=False,
        ncols=_legend_columns(figure.get_figwidth()), handlelength=1, columnspacing=1, handletextpad=0.4,
        borderpad=0.3, labelspacing=0.3,
    )  # fmt: skip
