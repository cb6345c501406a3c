"""The charts of the page as Vega-Lite: what they draw, without the numbers.

Colours that a theme decides stand as `@ink`, `@soft`, `@card`, `@tint` or `@family`, and the columns of a legend, which
the room decides, as `@columns`; the page's script fills them in.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
import vl_convert

from pipeline.report.canvas import HUES
from pipeline.report.heatmap import shortened
from pipeline.report.overview import FAMILIES, ordered_families

Spec = dict[str, Any]
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
MARGIN_OF_SHARES = (-0.15, 1.05)
LINE = "M0,-1.3V1.3"
# one shape for each baseline: a line for the largest class, which is what chance gives
SHAPES = (LINE, "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right")
COLUMNS = ("share", "share_low", "share_high", "shift", "shift_low", "shift_high")
DECIMALS = 4
ROW = 17  # pixels: of a feature


@functools.cache
def library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, which the pinned package carries."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def family_hue(family: str) -> str:
    """Return the colour of a family, the same in every chart.

    Args:
        family: Its name; a family that is none of the six has a colour of its own.
    """
    return HUES[FAMILIES.index(family)] if family in FAMILIES else "#8a8f98"


def _axis(field: str, title: str | None, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, **more}


def layer_chart(stacks: Sequence[str] = ("self",)) -> Spec:
    """Return how a family's mean share goes over the layers, with both intervals; one line for each stack.

    Data `rows`: attention, layer, share and its ends, usual_low and usual_high (the interval against the mean of the
    stack), holds (heads that hold a feature, as text).

    Args:
        stacks: Kinds of attention that the models have; their lines are told apart by a legend if there are several.
    """
    x = _axis("layer", "layer", axis={"tickMinStep": 1, "format": "d", "grid": False, "tickCount": 6})
    y = {
        "scale": {"domain": list(MARGIN_OF_SHARES)},
        "axis": {"values": [0, 0.25, 0.5, 0.75, 1], "title": "mean share"},
    }
    legend = {"orient": "bottom", "title": None, "symbolType": "stroke", "symbolSize": 400} if len(stacks) > 1 else None
    dash = {"field": "attention", "type": "nominal", "legend": legend}
    bands = [
        {
            "mark": {"type": "area", "opacity": opacity, "color": "@family", "clip": True},
            "encoding": {"x": x, "y": _axis(low, None, **y), "y2": {"field": high}, "detail": {"field": "attention"}},
        }
        for low, high, opacity in (("share_low", "share_high", 0.16), ("usual_low", "usual_high", 0.32))
    ]
    line = {
        "mark": {"type": "line", "color": "@family", "strokeWidth": 2},
        "encoding": {"x": x, "y": _axis("share", None, **y), "strokeDash": dash},
    }
    points = {
        "mark": {"type": "point", "filled": True, "fill": "@family", "stroke": "@ink", "strokeWidth": 1, "size": 40},
        "encoding": {"x": x, "y": _axis("share", None, **y)},
    }
    tips = [
        {"field": "stack", "title": "layer"},
        {"field": "said", "title": "mean share"},
        {"field": "said_shift", "title": "against the mean of layers"},
        {"field": "holds", "title": "heads that hold a feature"},
    ]
    # wide and invisible: pointing anywhere above a layer tells its values
    pointed = {"mark": {"type": "rule", "opacity": 0, "strokeWidth": 24}, "encoding": {"x": x, "tooltip": tips}}
    zero = {"mark": {"type": "rule", "color": "@soft"}, "encoding": {"y": {"datum": 0}}}
    return _spec([zero, *bands, line, points, pointed], "rows", height=150)


def profile_chart(baselines: Sequence[str], n_features: int) -> Spec:
    """Return a head's accuracy on every feature with its interval, and the baselines as marks.

    Data `rows`: order, title, family, accuracy and its ends, rung, chosen (whether the feature is open), and for the
    pointer said, p, rung_name and one column for each baseline. Data `marks`: order, title, baseline, value.

    Args:
        baselines: Names of the baselines, in the order of the legend.
        n_features: Rows that it has to hold.
    """
    y = {
        "field": "title", "type": "nominal", "sort": {"field": "order"}, "title": None,
        "axis": {"labelLimit": {"expr": "width < 330 ? 124 : 170"}, "ticks": False, "domain": False, "labelPadding": 8},
    }  # fmt: skip
    scale = {"domain": [0, 1], "nice": False}
    accuracy = _axis("accuracy", "accuracy", scale=scale, axis={"tickCount": 5, "format": ".2~f"})
    colour = {
        "field": "family", "type": "nominal", "legend": None,
        "scale": {"domain": list(FAMILIES), "range": [family_hue(family) for family in FAMILIES]},
    }  # fmt: skip
    shape = {
        "field": "baseline", "type": "nominal", "title": None,
        "scale": {"domain": list(baselines), "range": list(SHAPES[: len(baselines)])},
        "legend": {"orient": "top", "columns": "@columns", "labelLimit": {"expr": "min(220, width - 14)"}},
    }  # fmt: skip
    tips = [
        {"field": "title", "title": "feature"},
        {"field": "said", "title": "accuracy"},
        {"field": "rung_name", "title": "rung"},
        {"field": "p", "title": "p over heads"},
        *({"field": f"baseline_{number}", "title": name} for number, name in enumerate(baselines)),
    ]
    ends = {"x": {"datum": 0, "type": "quantitative", "scale": scale}, "x2": {"datum": 1}}
    layers: list[Spec] = [
        {
            "transform": [{"filter": "datum.chosen"}],
            "mark": {"type": "bar", "color": "@tint", "height": {"band": 1}},
            "encoding": {"y": y, **ends},
        },
        {
            "data": {"name": "marks"},
            "mark": {"type": "point", "filled": False, "stroke": "@soft", "strokeWidth": 1.4, "size": 40},
            "encoding": {"y": y, "x": _axis("value", "accuracy", scale=scale), "shape": shape},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.4, "strokeCap": "round"},
            "encoding": {"y": y, "x": _axis("low", "accuracy", scale=scale), "x2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "stroke": "@ink", "strokeWidth": 1, "size": 58},
            "encoding": {
                "y": y,
                "x": accuracy,
                "fill": colour,
                "fillOpacity": {"condition": {"test": "datum.rung > 0", "value": 1}, "value": 0},
            },
        },
        {
            # whatever is pointed at in a row tells all of the row
            "mark": {"type": "bar", "opacity": 0, "cursor": "pointer", "height": {"band": 1}},
            "encoding": {"y": y, **ends, "tooltip": tips},
        },
    ]
    return _spec(layers, "rows", height=ROW * n_features)


def _spec(layers: list[Spec], data: str, height: Any) -> Spec:
    size = {"width": "container", "height": height, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {"$schema": SCHEMA, **size, "data": {"name": data}, "layer": layers}


def chart_data(layers: pd.DataFrame) -> list[dict[str, Any]]:
    """Return layers.csv as rows for `layer_chart`, numbers rounded and None for missing.

    Args:
        layers: The table.
    """
    return [
        {
            **{key: row[key] for key in ("family", "attention")},
            "layer": int(row["layer"]),
            **{key: None if row[key] != row[key] else shortened(row[key], DECIMALS) for key in COLUMNS},
            "holds": _holds(row),
        }
        for row in layers.to_dict("records")
    ]


def _holds(row: Mapping[Any, Any]) -> str:
    heads = row.get("n_heads")
    if heads is None or heads == "":
        return f"{row['holding']:.0%}"
    return f"{int(row['n_holding'])} of {int(heads)}"


def layer_views(layers: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what the page says of each family's layers without a script: a sentence and a row for each layer.

    Args:
        layers: layers.csv of a model.
    """
    return [
        {"family": family, "hue": family_hue(family), **_view(layers[layers["family"] == family])}
        for family in _families(layers["family"])
    ]


def _families(found: Iterable[str]) -> list[str]:
    names = set(found)
    return [family for family in ordered_families(names) if family in names]


def _view(rows: pd.DataFrame) -> dict[str, Any]:
    cells = [
        {
            "stack": _stack(row["attention"], row["layer"]),
            **{key: row[key] for key in COLUMNS},
            "holds": _holds(row),
        }
        for row in rows.to_dict("records")
    ]
    top = max(cells, key=lambda cell: cell["share"])
    low = min(cells, key=lambda cell: cell["share"])
    said = f"highest in {top['stack']} ({top['share']:.2f}), lowest in {low['stack']} ({low['share']:.2f})"
    return {"rows": cells, "said": said}


def _stack(attention: str, layer: float) -> str:
    name = f"layer {int(layer)}"
    return name if attention == "self" else f"{name} ({attention})"
