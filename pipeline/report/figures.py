"""The maps of heads: one heat map for each model and dataset, and one overview for each model."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pipeline.report.canvas import (
    EMPTY,
    INK,
    LINE,
    SMALL,
    TALLEST,
    fitted,
    heading,
    keep_sharp,
    pages,
    placed,
    title_height,
    wrapped,
)
from pipeline.report.heatmap import head_pairs, scores_of
from pipeline.report.results import Atlas, ModelResults, passing_heads, probe_titles
from pipeline.report.scale import MAP_NAME, NARROWEST, palette, step

LARGEST = 0.5  # inches: one head in a map of its own
WRITTEN = 0.2  # inches a head needs for its number
LEFT, RIGHT, BOTTOM = 0.36, 0.56, 0.34  # inches beside a map, for what is written there
STACKS = 0.12  # inches for the names of the stacks of an encoder-decoder
SHORTEST = 1.1  # inches: the scale beside a map
COLUMNS = 0.8  # panels of the overview side by side for each inch, where they fit on a page
WIDEST, NARROWEST_PANEL = 1.7, 0.58  # inches: a panel of the overview
GAP = 0.13  # inches between panels


def heat_map(model: ModelResults, dataset: str, title: str, width: float) -> Figure:
    """Return the accuracy of every head on one dataset, heads on rung 1 or higher framed.

    Args:
        model: Results of the model.
        dataset: Slug.
        title: What stands above.
        width: In inches.
    """
    values = accuracies(model, dataset)
    n_layers, n_heads = values.shape
    stacks = layer_stacks(model, n_layers)
    right, top = RIGHT + STACKS * (len(stacks) > 1), title_height(title, width)
    cell = min(LARGEST, (width - LEFT - right) / n_heads, (TALLEST - top - BOTTOM) / n_layers)
    room = max(SHORTEST, cell * n_layers)  # for the scale, which needs some height of its own
    figure = Figure(figsize=(width, top + room + BOTTOM))
    heading(figure, title)
    axes = placed(figure, LEFT, top, cell * n_heads, cell * n_layers)
    majority = float(model.summaries[dataset]["majority"])
    ends = majority, max(majority + NARROWEST, float(np.nanmax(values)))
    image = draw_map(axes, values, ends, cell)
    _outline(axes, passing_heads(model, dataset), cell)
    if cell >= WRITTEN:
        _write_values(axes, values, ends)
    _part_stacks(axes, stacks)
    axes.set(xlabel="head", ylabel="layer")
    place = placed(figure, LEFT + cell * n_heads + right - 0.46, top, 0.08, room)
    draw_scale(figure, image, place, "accuracy", "vertical")
    return figure


def overview(atlas: Atlas, model: ModelResults, title: str, width: float) -> list[Figure]:
    """Return a small map for each dataset, all on one scale: the share of the way from the largest class to 1.

    Args:
        atlas: The run.
        model: Results of the model.
        title: What stands above.
        width: In inches.
    """
    names = probe_titles(atlas.cards)
    gains = {dataset: _gain(model, dataset) for dataset in names}
    top = max(NARROWEST, *(float(np.nanmax(gain)) for gain in gains.values()))
    n_layers, n_heads = next(iter(gains.values())).shape
    head, foot = title_height(title, width), 0.62
    n_columns, panel, row = _grid(list(names.values()), n_layers / n_heads, width, TALLEST - head - foot)
    captions = _captions(list(names.values()), panel)
    most = n_columns * max(1, int((TALLEST - head - foot) / row))
    figures = []
    for part in pages(len(names), most):
        shown = list(names.items())[part]
        n_rows = -(-len(shown) // n_columns)
        figure = Figure(figsize=(width, head + foot + row * n_rows))
        heading(figure, title)
        for place, (dataset, name) in enumerate(shown):
            line, column = divmod(place, n_columns)
            left, above = LEFT + column * (panel + GAP), head + line * row + captions
            axes = placed(figure, left, above, panel, panel / n_heads * n_layers)
            image = draw_map(axes, gains[dataset], (0, top), panel / n_heads)
            _outline(axes, passing_heads(model, dataset), panel / n_heads)
            _write_caption(axes, name, model.summaries[dataset], panel)
            _label_edges(axes, column == 0, place + n_columns >= len(shown))
        bar = placed(figure, LEFT, head + n_rows * row + 0.24, min(2.4, width - 2 * LEFT), 0.08)
        draw_scale(figure, image, bar, "share of the way from the largest class to 1", "horizontal")
        figures.append(figure)
    return figures


def accuracies(model: ModelResults, dataset: str) -> npt.NDArray[np.float64]:
    """Return the accuracy of every head, (n_layers, n_heads) float64, NaN where a layer has fewer heads.

    Args:
        model: Results of the model.
        dataset: Slug.
    """
    pairs = head_pairs(model)
    shape = max(layer for layer, _ in pairs) + 1, max(head for _, head in pairs) + 1
    values = np.full(shape, np.nan)
    layers, heads = zip(*pairs, strict=True)
    values[list(layers), list(heads)] = scores_of(model, dataset, pairs)["accuracy"].to_numpy()
    return values


def layer_stacks(model: ModelResults, n_layers: int) -> list[tuple[str, int, int]]:
    """Return (attention, first layer, last layer) of each stack of the model, in order.

    Args:
        model: Results of the model.
        n_layers: How many layers there are.
    """
    kinds = model.heads.groupby("layer")["attention"].first().to_dict()
    stacks: list[tuple[str, int, int]] = []
    for layer in range(n_layers):
        kind = str(kinds.get(layer, stacks[-1][0] if stacks else "self"))
        if stacks and stacks[-1][0] == kind:
            stacks[-1] = (kind, stacks[-1][1], layer)
        else:
            stacks.append((kind, layer, layer))
    return stacks


def draw_map(axes: Axes, values: npt.NDArray[np.float64], ends: tuple[float, float], cell: float) -> Any:
    """Draw layers x heads, layer 0 on top as on the page, and return what a scale needs.

    Args:
        axes: Where.
        values: (n_layers, n_heads) float64, NaN for no head.
        ends: Values at the first and the last colour.
        cell: Inches that a head takes.
    """
    edges = [np.arange(size + 1) - 0.5 for size in reversed(values.shape)]
    image = axes.pcolormesh(*edges, values, cmap=MAP_NAME, clim=ends, edgecolors="white", linewidth=min(0.8, 5 * cell))
    axes.set(xticks=_ticks(values.shape[1], cell), yticks=_ticks(values.shape[0], cell), facecolor=EMPTY)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def draw_scale(figure: Figure, image: Any, place: Axes, label: str, orientation: Any) -> None:
    """Draw the colours of a map with their values.

    Args:
        figure: The figure.
        image: What `draw_map` returned.
        place: Axes that it fills.
        label: What the values are.
        orientation: `vertical` or `horizontal`.
    """
    bar = figure.colorbar(image, cax=place, orientation=orientation)
    keep_sharp(bar)
    bar.set_label(label, fontsize=SMALL)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=2)


def _ticks(n: int, cell: float) -> Sequence[int]:
    """Return which of n heads or layers are numbered: all where there is room, else every 2nd, 4th, 8th ..."""
    every = next((every for every in (1, 2, 4, 8, 16, 32) if every * cell >= 0.16), 64)
    return range(0, n, every)


def _outline(axes: Axes, passing: set[tuple[int, int]], cell: float) -> None:
    frames = [Rectangle((head - 0.42, layer - 0.42), 0.84, 0.84) for layer, head in sorted(passing)]
    for colour, width in (
        ("white", min(1.4, 6 * cell)),
        (INK, min(0.7, 3 * cell)),
    ):  # the light line keeps the dark one readable on dark cells
        axes.add_collection(PatchCollection(frames, facecolor="none", edgecolor=colour, linewidth=width))


def _write_values(axes: Axes, values: npt.NDArray[np.float64], ends: tuple[float, float]) -> None:
    colours = palette()
    for (layer, head), value in np.ndenumerate(values):
        if not np.isnan(value):
            written = f"{value:.2f}".removeprefix("0").replace("1.00", "1.0")  # as wide as the others
            ink = colours[step(float(value), *ends)]["ink"]
            axes.text(head, layer, written, fontsize=SMALL, color=ink, ha="center", va="center_baseline")


def _part_stacks(axes: Axes, stacks: Sequence[tuple[str, int, int]]) -> None:
    """Part the stacks of an encoder-decoder by lines, and name each on the right."""
    for kind, first, last in stacks if len(stacks) > 1 else ():
        axes.annotate(
            kind, (1, (first + last) / 2), (3, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
            rotation=270, va="center", fontsize=SMALL,
        )  # fmt: skip
        if first:
            axes.axhline(first - 0.5, color=INK, linewidth=1)


def _gain(model: ModelResults, dataset: str) -> npt.NDArray[np.float64]:
    """Return how far each head gets from the largest class to 1, (n_layers, n_heads): comparable between features."""
    majority = float(model.summaries[dataset]["majority"])
    return (accuracies(model, dataset) - majority) / max(1 - majority, 1e-9)


def _grid(titles: Sequence[str], shape: float, width: float, height: float) -> tuple[int, float, float]:
    """Return columns, width of a panel and height of a row in inches: the largest panels that fit on one page.

    `shape` is the height of a panel as a share of its width. Where nothing fits, the smallest panels that can be read.
    """
    room = width - LEFT - 0.1
    first = max(1, min(len(titles), math.ceil(COLUMNS * room)))
    last = max(1, int((room + GAP) / (NARROWEST_PANEL + GAP)))
    for columns in range(min(first, last), last + 1):
        panel = min(WIDEST, (room - GAP * (columns - 1)) / columns, 0.7 * height / shape)
        row = _captions(titles, panel) + panel * shape + 0.1
        if row * -(-len(titles) // columns) <= height:
            break
    return columns, panel, row


def _captions(titles: Sequence[str], panel: float) -> float:
    """Return the inches above a panel: the lines of the longest title, and one for the best head."""
    lines = max(len(_title_lines(title, panel)) for title in titles)
    return 0.06 + LINE * SMALL * (lines + 1)


def _title_lines(title: str, panel: float) -> list[str]:
    return wrapped(title, panel + GAP / 2, SMALL, "bold")


def _write_caption(axes: Axes, title: str, summary: Any, panel: float) -> None:
    best = summary["best"]
    name, accuracy, majority = f"L{best['layer']}H{best['head']}", best["accuracy"], summary["majority"]
    notes = (f"best {name} {accuracy:.2f}, largest class {majority:.2f}", f"{name} {accuracy:.2f} ({majority:.2f})")
    note = next((note for note in notes if fitted(note, panel + GAP, SMALL) == note), f"{name} {accuracy:.2f}")
    lines = _title_lines(title, panel)
    above = 3 + 72 * LINE * SMALL
    for text, height, weight in (("\n".join(lines), above, "bold"), (note, 3, "normal")):
        axes.annotate(
            text, (0, 1), (0, height), xycoords="axes fraction", textcoords="offset points", fontsize=SMALL,
            fontweight=weight, va="baseline", linespacing=1.1,
        )  # fmt: skip


def _label_edges(axes: Axes, is_first: bool, is_lowest: bool) -> None:
    """Number the heads below the lowest panels and the layers beside the first ones only."""
    if is_first:
        axes.set_ylabel("layer", fontsize=SMALL)
    else:
        axes.set_yticks([])
    if is_lowest:
        axes.set_xlabel("head", fontsize=SMALL)
    else:
        axes.set_xticks([])
