"""The figures of a model's heads together: the tree of heads, and where in the model each family is read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report.canvas import EMPTY, FAINT, HUES, INK, MARKS, png, styled
from pipeline.report.scale import MAP_NAME, NARROWEST

ROW = 0.15  # inches: one head of the tree
TALLEST = 40.0  # inches: of a tree; beyond that heads draw together and lose their names
LEGIBLE = 0.11  # inches a name needs
SHADE = "#f1f2f4"
FLOOR, CEILING = -0.15, 1.05  # of the shares shown
DODGE = 0.05  # of the depth: between the stacks, where heads are counted


def tree_figure(
    linkage: pd.DataFrame, leaves: Sequence[str], clusters: pd.DataFrame | None, strip: pd.DataFrame, title: str
) -> bytes:
    """Return the tree of heads as PNG, each head with its name and its mean share of every family.

    Args:
        linkage: left, right, distance, size; one row a merge, lowest first, heads numbered as their first appearance in
            `strip`.
        leaves: Names of the heads along the tree.
        clusters: name, cluster; one row a head. Nothing is grouped where it is missing.
        strip: name, family, share, holds; one row a head x family.
        title: What stands above.
    """
    row = min(ROW, TALLEST / len(leaves))
    with styled():
        figure = Figure(figsize=(8.4, 1.9 + row * len(leaves)), layout="constrained")
        tree, map_ = figure.subplots(1, 2, width_ratios=(2.4, 1))
        group = {} if clusters is None else dict(zip(clusters["name"], clusters["cluster"], strict=True))
        _draw_tree(tree, linkage, leaves, list(dict.fromkeys(strip["name"])), group)
        image = _draw_strip(map_, strip, leaves)
        for axes in (tree, map_):
            axes.set_ylim(len(leaves) - 0.5, -0.5)
            axes.tick_params(length=0)
        names = leaves if row >= LEGIBLE else []
        tree.set_yticks(range(len(names)), names, fontsize=min(7.5, 52 * row))
        colours = figure.colorbar(image, ax=map_, location="bottom", fraction=0.4 / figure.get_figheight(), aspect=14)
        colours.set_label("mean share of the way from\nthe largest class to 1\n(dot: holds a feature)", fontsize=8)
        colours.outline.set_visible(False)
        figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
        return png(figure)


def layer_figure(layers: pd.DataFrame, title: str) -> bytes:
    """Return where each family is read as PNG: mean shares above, the heads that hold a feature below.

    Args:
        layers: family, attention, layer, depth, share and its ends, shift and its ends, holding and its ends; one row a
            family x stack x layer.
        title: What stands above.
    """
    families = list(dict.fromkeys(layers["family"]))
    stacks = sorted(layers["attention"].unique())
    with styled():
        figure = Figure(figsize=(0.9 + 1.9 * len(families), 5.4), layout="constrained")
        grid = figure.subplots(2, len(families), sharex=True, sharey="row", squeeze=False)
        for column, family in enumerate(families):
            for number, stack in enumerate(stacks):
                rows = layers[(layers["family"] == family) & (layers["attention"] == stack)]
                places = rows["layer"] if len(stacks) == 1 else rows["depth"]
                _draw_shares(grid[0, column], places, rows, number, stack)
                _draw_holding(grid[1, column], places + DODGE * (number - (len(stacks) - 1) / 2), rows, number)
            grid[0, column].set_title(family, loc="left", fontsize=9, fontweight="bold")
            grid[1, column].set_xlabel("layer" if len(stacks) == 1 else "relative depth")
        _finish(grid)
        if len(stacks) == 1:
            grid[0, 0].xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        else:
            grid[0, 0].legend(fontsize=7.5, frameon=False)
        note = "dark band: interval of the layer against the family's mean over layers; light: of the mean share itself"
        figure.supxlabel(note, x=0.02, ha="left", fontsize=7.5)
        figure.suptitle(title, x=0.02, ha="left", fontweight="bold")
        return png(figure)


def _draw_tree(
    axes: Axes, linkage: pd.DataFrame, leaves: Sequence[str], names: Sequence[str], group: dict[str, int]
) -> None:
    row_of = {name: row for row, name in enumerate(leaves)}
    places = [(0.0, float(row_of[name]), group.get(name)) for name in names]  # distance, row, cluster
    lines: dict[str, list[list[tuple[float, float]]]] = {FAINT: [], INK: []}
    for left, right, distance in linkage[["left", "right", "distance"]].itertuples(index=False, name=None):
        (x0, y0, one), (x1, y1, other) = places[int(left)], places[int(right)]
        cluster = one if one == other else None
        lines[INK if cluster is not None or not group else FAINT].append([
            (x0, y0), (distance, y0), (distance, y1), (x1, y1),
        ])  # fmt: skip
        places.append((distance, (y0 + y1) / 2, cluster))
    for colour, paths in lines.items():
        axes.add_collection(LineCollection(paths, colors=colour, linewidths=0.9))
    top = float(linkage["distance"].max())
    _shade_groups(axes, [group.get(name, 0) for name in leaves] if group else [], top)
    axes.set(xlim=(1.06 * top, 0), xlabel="1 − mean similarity where branches meet")
    axes.yaxis.tick_right()
    axes.spines[["left", "right", "top"]].set_visible(False)


def _shade_groups(axes: Axes, along: Sequence[int], top: float) -> None:
    """Shade every other cluster and number all; `along` holds the cluster of each row."""
    for cluster in sorted(set(along)):
        rows = [row for row, other in enumerate(along) if other == cluster]
        if cluster % 2:
            axes.axhspan(rows[0] - 0.5, rows[-1] + 0.5, color=SHADE, zorder=0)
        axes.text(1.05 * top, rows[0] - 0.35, f"{cluster}", va="top", ha="left", fontsize=8, fontweight="bold")


def _draw_strip(axes: Axes, strip: pd.DataFrame, leaves: Sequence[str]) -> Any:
    families = list(dict.fromkeys(strip["family"]))
    values, holds = (
        strip.pivot(index="name", columns="family", values=key).loc[list(leaves), families]
        for key in ("share", "holds")
    )
    edges = [np.arange(size + 1) - 0.5 for size in reversed(values.shape)]
    top = max(NARROWEST, float(values.to_numpy().max()))
    image = axes.pcolormesh(
        *edges, values.to_numpy(float), cmap=MAP_NAME, clim=(0, top), edgecolors="white", linewidth=0.4
    )
    rows, columns = np.nonzero(holds.to_numpy(bool))
    axes.scatter(columns, rows, s=7, color="white", edgecolors=INK, linewidths=0.5)
    axes.set_facecolor(EMPTY)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(families)), families, rotation=60, ha="left", fontsize=8, rotation_mode="anchor")
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return image


def _draw_shares(axes: Axes, places: pd.Series, rows: pd.DataFrame, number: int, label: str) -> None:
    hue, mark = HUES[number % len(HUES)], MARKS[number % len(MARKS)]
    axes.fill_between(places, rows["share_low"], rows["share_high"], color=hue, alpha=0.12, linewidth=0)
    usual = rows["share"] - rows["shift"]
    axes.fill_between(places, usual + rows["shift_low"], usual + rows["shift_high"], color=hue, alpha=0.3, linewidth=0)
    axes.plot(places, rows["share"], color=hue, marker=mark, markersize=3.5, linewidth=1.4, label=label)


def _draw_holding(axes: Axes, places: pd.Series, rows: pd.DataFrame, number: int) -> None:
    reach = [rows["holding"] - rows["holding_low"], rows["holding_high"] - rows["holding"]]
    style: dict[str, Any] = {"color": HUES[number % len(HUES)], "marker": MARKS[number % len(MARKS)], "markersize": 3.5}
    # rounding may leave an end on the wrong side
    axes.errorbar(places, rows["holding"], np.maximum(reach, 0), linewidth=0, elinewidth=1.2, **style)


def _finish(grid: npt.NDArray[Any]) -> None:
    for axes in grid.flat:
        axes.axhline(0, color=FAINT, linewidth=0.7, zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylim(FLOOR, CEILING)
    grid[1, 0].set_ylim(1 - CEILING, CEILING)
    grid[0, 0].set_ylabel("mean share of the way from\nthe largest class to 1")
    grid[1, 0].set_ylabel("share of heads that\nhold a feature")
