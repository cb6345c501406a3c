"""The figures: one heat map for each model and feature, and one overview for each model, as PNG bytes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.report.canvas import EMPTY, INK, png, styled
from pipeline.report.heatmap import head_pairs, scores_of
from pipeline.report.results import Atlas, ModelResults, passing_heads, probe_titles
from pipeline.report.scale import MAP_NAME, NARROWEST

PANEL = 2.1  # inches: the map in a panel of the overview
CELL = 0.34  # inches: one head in a map of its own
MAX_COLUMNS = 5  # panels side by side in the overview


def figures(atlas: Atlas) -> dict[str, bytes]:
    """Return file name -> PNG: `<model>_overview.png`, and `<model>/<dataset>.png` for each dataset.

    Args:
        atlas: The run.
    """
    images = {}
    with styled():
        for model in atlas.models:
            images[f"{model.slug}_overview.png"] = _overview(atlas, model)
            for dataset, title in probe_titles(atlas.cards).items():
                images[f"{model.slug}/{dataset}.png"] = _heat_map(model, dataset, title)
    return images


def _accuracies(model: ModelResults, dataset: str) -> npt.NDArray[np.float64]:
    """Return the accuracy of every head, (n_layers, n_heads) float64, NaN where a layer has fewer heads."""
    pairs = head_pairs(model)
    shape = max(layer for layer, _ in pairs) + 1, max(head for _, head in pairs) + 1
    values = np.full(shape, np.nan)
    layers, heads = zip(*pairs, strict=True)
    values[list(layers), list(heads)] = scores_of(model, dataset, pairs)["accuracy"].to_numpy()
    return values


def _heat_map(model: ModelResults, dataset: str, title: str) -> bytes:
    values = _accuracies(model, dataset)
    n_layers, n_heads = values.shape
    majority = float(model.summaries[dataset]["majority"])
    figure = Figure(figsize=(min(12, 2.4 + CELL * n_heads), min(12, 1.6 + CELL * n_layers)), layout="constrained")
    axes = figure.add_subplot()
    image = _draw(axes, values, (majority, max(majority + NARROWEST, float(np.nanmax(values)))), CELL)
    _outline(axes, passing_heads(model, dataset), CELL)
    axes.set_title(f"{title} in {model.slug}", loc="left", fontweight="bold")
    axes.set(xlabel="head", ylabel="layer")
    colours = figure.colorbar(image, ax=axes, shrink=0.9)
    colours.set_label(f"accuracy (scale starts at the largest class, {majority:.2f})")
    colours.outline.set_visible(False)
    return png(figure)


def _overview(atlas: Atlas, model: ModelResults) -> bytes:
    titles = probe_titles(atlas.cards)
    gains = {dataset: _gain(model, dataset) for dataset in titles}
    n_columns = min(MAX_COLUMNS, len(titles) if len(titles) <= 3 else math.ceil(len(titles) / 2))
    n_rows = math.ceil(len(titles) / n_columns)
    n_layers, n_heads = next(iter(gains.values())).shape
    cell = PANEL / max(n_layers, n_heads)
    height = 0.65 + cell * n_layers
    size = 0.9 + 2.5 * n_columns, 0.55 + height * n_rows
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(n_rows, n_columns, squeeze=False)
    top = max(NARROWEST, *(float(np.nanmax(gain)) for gain in gains.values()))
    for axes, (dataset, title) in zip(grid.flat, titles.items(), strict=False):
        image = _draw(axes, gains[dataset], (0, top), cell)
        _outline(axes, passing_heads(model, dataset), cell)
        _caption(axes, title, model.summaries[dataset])
    for axes in grid.flat[len(titles) :]:
        axes.set_axis_off()
    _label_edges(grid)
    colours = figure.colorbar(image, ax=grid, shrink=min(0.8, 4 / size[1]), aspect=30)
    colours.set_label("share of the way from the largest class to 1")
    colours.outline.set_visible(False)
    figure.suptitle(f"What each head of {model.slug} linearly encodes", x=0.02, ha="left", fontweight="bold")
    return png(figure)


def _gain(model: ModelResults, dataset: str) -> npt.NDArray[np.float64]:
    """Return how far each head gets from the largest class to 1, (n_layers, n_heads): comparable between features."""
    majority = float(model.summaries[dataset]["majority"])
    return (_accuracies(model, dataset) - majority) / max(1 - majority, 1e-9)


def _draw(axes: Axes, values: npt.NDArray[np.float64], ends: tuple[float, float], cell: float) -> Any:
    edges = [np.arange(size + 1) - 0.5 for size in reversed(values.shape)]
    image = axes.pcolormesh(*edges, values, cmap=MAP_NAME, clim=ends, edgecolors="white", linewidth=min(1.2, 7 * cell))
    axes.set(aspect="equal", xticks=_ticks(values.shape[1]), yticks=_ticks(values.shape[0]), facecolor=EMPTY)
    axes.invert_yaxis()  # layer 0 on top, as on the page
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _ticks(n: int) -> Sequence[int]:
    return range(0, n, 1 if n <= 12 else 4)


def _outline(axes: Axes, passing: set[tuple[int, int]], cell: float) -> None:
    frames = [Rectangle((head - 0.42, layer - 0.42), 0.84, 0.84) for layer, head in sorted(passing)]
    for colour, width in (
        ("white", min(1.6, 7 * cell)),
        (INK, min(0.8, 3.5 * cell)),
    ):  # the light line keeps the dark one readable on dark cells
        axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor=colour, linewidth=width))


def _caption(axes: Axes, title: str, summary: Any) -> None:
    best = summary["best"]
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold", pad=16)
    note = f"best L{best['layer']}H{best['head']} {best['accuracy']:.2f}, largest class {summary['majority']:.2f}"
    axes.annotate(note, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=7.5)


def _label_edges(grid: npt.NDArray[Any]) -> None:
    for axes in grid[:, 0]:
        axes.set_ylabel("layer")
    for axes in grid[-1, :]:
        axes.set_xlabel("head")
