"""The figures of a model's heads together: the tree of heads, and where in the model each family is read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report.canvas import (
    EMPTY,
    FAINT,
    HUES,
    INK,
    MARKS,
    SMALL,
    TALLEST,
    TEXT,
    heading,
    keep_sharp,
    placed,
    title_height,
    width_of,
)
from pipeline.report.scale import MAP_NAME, NARROWEST

ROW = 0.1  # inches: one head of the tree
LEGIBLE = 0.085  # inches a name needs
GAPPED = 0.03  # inches of a head from which white lines part the colours without paling them
FOOT = 0.7  # inches below the tree
STRIP = 0.32  # of the width: the families beside the tree
ANGLE = 60  # degrees: the names of the families above
SHADE = "#f1f2f4"
FLOOR, CEILING = -0.15, 1.05  # of the shares shown
DODGE = 0.05  # of the depth: between the stacks, where heads are counted
SHORT = "mean share", "heads holding"  # what the panels show, for where there is little room
WIDE = 5.0  # inches from which the families stand side by side, not one below the other


@dataclass(frozen=True)
class Tree:
    """The heads of a model as a tree.

    Attributes:
        linkage: left, right, distance, size; one row a merge, lowest first, heads numbered as their first appearance in
            `strip`.
        leaves: Names of the heads along the tree.
        clusters: name, cluster; one row a head. Nothing is grouped where it is missing.
        strip: name, family, share, holds; one row a head x family.
    """

    linkage: pd.DataFrame
    leaves: Sequence[str]
    clusters: pd.DataFrame | None
    strip: pd.DataFrame


def tree_row(tree: Tree, title: str, width: float) -> float:
    """Return the height of a head in the tree in inches, so that all stand on one page.

    Args:
        tree: The tree.
        title: What stands above.
        width: In inches.
    """
    return min(ROW, (TALLEST - title_height(title, width) - _slant(tree) - FOOT) / len(tree.leaves))


def _slant(tree: Tree) -> float:
    """Return the inches that the names of the families take above their columns."""
    return 0.06 + math.sin(math.radians(ANGLE)) * max(width_of(name, SMALL) for name in tree.strip["family"].unique())


def tree_figure(tree: Tree, title: str, width: float) -> Figure:
    """Return the tree of heads, each with its mean share of every family, and with its name where there is room.

    Args:
        tree: The tree.
        title: What stands above.
        width: In inches.
    """
    leaves, row = tree.leaves, tree_row(tree, title, width)
    above = title_height(title, width) + _slant(tree)
    tall = row * len(leaves)
    figure = Figure(figsize=(width, above + tall + FOOT))
    heading(figure, title)
    names = 0.08 + max(width_of(name, SMALL) for name in leaves) if row >= LEGIBLE else 0.08
    strip = STRIP * (width - names)
    right = width - 0.2 - strip  # the last family's name leans over the edge of its column
    left_axes = placed(figure, 0.06, above, right - names - 0.06, tall)
    right_axes = placed(figure, right, above, strip, tall)
    group = {} if tree.clusters is None else dict(zip(tree.clusters["name"], tree.clusters["cluster"], strict=True))
    _draw_tree(left_axes, tree, list(dict.fromkeys(tree.strip["name"])), group, row)
    image = _draw_strip(right_axes, tree.strip, leaves, row)
    for axes in (left_axes, right_axes):
        axes.set_ylim(len(leaves) - 0.5, -0.5)
        axes.tick_params(length=0)
    left_axes.set_yticks(range(len(leaves)) if row >= LEGIBLE else [], leaves if row >= LEGIBLE else [])
    bar = figure.colorbar(image, cax=placed(figure, right, above + tall + 0.08, strip, 0.08), orientation="horizontal")
    keep_sharp(bar)
    bar.ax.tick_params(length=2)
    bar.set_label("mean share of the way\nfrom the largest class to 1\n(dot: holds a feature)", fontsize=SMALL)
    bar.outline.set_visible(False)
    return figure


def layer_figure(layers: pd.DataFrame, title: str, width: float) -> Figure:
    """Return where each family is read: mean shares, and the heads that hold a feature.

    Args:
        layers: family, attention, layer, depth, share and its ends, shift and its ends, holding and its ends; one row a
            family x stack x layer.
        title: What stands above.
        width: In inches.
    """
    families = list(dict.fromkeys(layers["family"]))
    stacks = sorted(layers["attention"].unique())
    figure, grid = family_panels(families, title, width)
    for column, family in enumerate(families):
        for number, stack in enumerate(stacks):
            rows = layers[(layers["family"] == family) & (layers["attention"] == stack)]
            places = rows["layer"] if len(stacks) == 1 else rows["depth"]
            _draw_shares(grid[0, column], places, rows, number, stack)
            _draw_holding(grid[1, column], places + DODGE * (number - (len(stacks) - 1) / 2), rows, number)
    for axes in grid.flat if width > WIDE else grid[:, -1]:
        axes.set_xlabel("layer" if len(stacks) == 1 else "relative depth")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=len(stacks) == 1))
    finish_panels(grid, width)
    if len(stacks) > 1:
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower left", ncols=3, frameon=False)
    return figure


def family_panels(families: Sequence[str], title: str, width: float) -> tuple[Figure, npt.NDArray[Any]]:
    """Return a figure with two panels for each family, and the panels: (2, n_families), shares and holding heads.

    In two columns of print the families stand side by side, in one they stand one below the other.

    Args:
        families: Their names.
        title: What stands above.
        width: In inches.
    """
    above, n = title_height(title, width), len(families)
    height = above + (3.6 if width > WIDE else min(TALLEST - above, 0.35 + 1.3 * n))
    figure = Figure(figsize=(width, height), layout="constrained")
    leave_room(figure, heading(figure, title))
    if width > WIDE:
        grid = figure.subplots(2, n, sharex="row", sharey="row", squeeze=False)
    else:
        grid = figure.subplots(n, 2, sharex="col", sharey="col", squeeze=False).T
    for axes, family in zip(grid[0], families, strict=True):
        axes.set_title(family, loc="left", fontsize=TEXT, fontweight="bold")
    return figure, grid


def finish_panels(grid: npt.NDArray[Any], width: float) -> None:
    """Label the panels of families and draw their zero lines.

    Args:
        grid: (2, n_families) panels.
        width: Of the figure in inches.
    """
    for axes in grid.flat:
        axes.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0, 0].set_ylim(FLOOR, CEILING)
    grid[1, 0].set_ylim(1 - CEILING, CEILING)
    long, short = ("mean share of the way from\nthe largest class to 1", "share of heads that\nhold a feature"), SHORT
    for row, label in zip(grid, long if width > WIDE else short, strict=True):
        for axes in row[:1] if width > WIDE else row:
            axes.set_ylabel(label)


def leave_room(figure: Figure, above: float) -> None:
    """Keep the layout of a figure out of the inches above, where its title stands.

    Args:
        figure: The figure, in constrained layout.
        above: In inches.
    """
    height = figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - above / height), w_pad=0.03, h_pad=0.03)  # type: ignore[union-attr, call-arg]


def _draw_tree(axes: Axes, tree: Tree, names: Sequence[str], group: dict[str, int], row: float) -> None:
    leaves, linkage = tree.leaves, tree.linkage
    row_of = {name: place for place, name in enumerate(leaves)}
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
        axes.add_collection(LineCollection(paths, colors=colour, linewidths=min(0.8, 40 * row)))
    top = float(linkage["distance"].max())
    _shade_groups(axes, [group.get(name, 0) for name in leaves] if group else [], top, row)
    axes.set(xlim=(1.06 * top, 0), xlabel="1 − mean similarity\nwhere branches meet")
    axes.yaxis.tick_right()
    axes.spines[["left", "right", "top"]].set_visible(False)


def _shade_groups(axes: Axes, along: Sequence[int], top: float, height: float) -> None:
    """Shade every other cluster and number those with room; `along` holds the cluster of each row."""
    for cluster in sorted(set(along)):
        rows = [row for row, other in enumerate(along) if other == cluster]
        if cluster % 2:
            axes.axhspan(rows[0] - 0.5, rows[-1] + 0.5, color=SHADE, zorder=0)
        if len(rows) * height >= LEGIBLE:
            middle = (rows[0] + rows[-1]) / 2
            axes.text(1.05 * top, middle, f"{cluster}", va="center", ha="left", fontsize=TEXT, fontweight="bold")


def _draw_strip(axes: Axes, strip: pd.DataFrame, leaves: Sequence[str], row: float) -> Any:
    families = list(dict.fromkeys(strip["family"]))
    values, holds = (
        strip.pivot(index="name", columns="family", values=key).loc[list(leaves), families]
        for key in ("share", "holds")
    )
    edges = [np.arange(size + 1) - 0.5 for size in reversed(values.shape)]
    top = max(NARROWEST, float(values.to_numpy().max()))
    line = "white" if row >= GAPPED else "none"
    image = axes.pcolormesh(
        *edges, values.to_numpy(float), cmap=MAP_NAME, clim=(0, top), edgecolors=line, linewidth=min(0.4, 4 * row)
    )
    rows, columns = np.nonzero(holds.to_numpy(bool))
    size, edge = min(5.0, 500 * row**2 + 0.2), min(0.4, 6 * row)
    axes.scatter(columns, rows, s=size, color="white", edgecolors=INK, linewidths=edge)
    axes.set_facecolor(EMPTY)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(families)), families, rotation=ANGLE, ha="left", rotation_mode="anchor")
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return image


def _draw_shares(axes: Axes, places: pd.Series, rows: pd.DataFrame, number: int, label: str) -> None:
    hue, mark = HUES[number % len(HUES)], MARKS[number % len(MARKS)]
    axes.fill_between(places, rows["share_low"], rows["share_high"], color=hue, alpha=0.12, linewidth=0)
    usual = rows["share"] - rows["shift"]
    axes.fill_between(places, usual + rows["shift_low"], usual + rows["shift_high"], color=hue, alpha=0.3, linewidth=0)
    axes.plot(places, rows["share"], color=hue, marker=mark, markersize=2.5, linewidth=1.0, label=label)


def _draw_holding(axes: Axes, places: pd.Series, rows: pd.DataFrame, number: int) -> None:
    reach = [rows["holding"] - rows["holding_low"], rows["holding_high"] - rows["holding"]]
    style: dict[str, Any] = {"color": HUES[number % len(HUES)], "marker": MARKS[number % len(MARKS)], "markersize": 2.5}
    # rounding may leave an end on the wrong side
    axes.errorbar(places, rows["holding"], np.maximum(reach, 0), linewidth=0, elinewidth=1.0, **style)
