"""The layer x head map: the cells that the page draws by itself, and what all maps share."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.report.results import MEASURES, ModelResults, head_rungs, rung_names
from pipeline.report.scale import QUANTITIES, domain, step

BASELINE_LABELS = {
    "majority": "largest class",
    "surface": "surface (bag of n-grams)",
    "control_accuracy": "control task",
    "embedding": "static embedding",
    "untrained": "untrained model",
    "projection": "random projection",
    "skyline": "skyline (whole residual)",
}
JSON_DECIMALS = 5
P_DECIMALS = 6
SPARE_DECIMALS = 5  # more than JSON_DECIMALS, for numbers at an edge


def head_pairs(model: ModelResults) -> list[tuple[int, int]]:
    """Return (layer, head) of every head of the model, in order.

    Args:
        model: Results of the model.
    """
    return sorted(set(zip(model.scores["layer"].astype(int), model.scores["head"].astype(int), strict=True)))


def head_titles(model: ModelResults, pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Return the heads' names, in a model of two stacks with the attention they belong to.

    Args:
        model: Results of the model.
        pairs: (layer, head) of the heads wanted.
    """
    kinds = model.heads.set_index(["layer", "head"])["attention"].to_dict()
    names = {pair: f"L{pair[0]}H{pair[1]}" for pair in pairs}
    return [name if kinds.get(pair, "self") == "self" else f"{name} ({kinds[pair]})" for pair, name in names.items()]


def scores_of(model: ModelResults, dataset: str, pairs: Sequence[tuple[int, int]]) -> pd.DataFrame:
    """Return the scores on one dataset, one row for each of `pairs`, NaN where nothing was measured.

    Args:
        model: Results of the model.
        dataset: Slug.
        pairs: (layer, head) of the rows wanted, in order.
    """
    rows = model.scores[model.scores["dataset"] == dataset].set_index(["layer", "head"])
    return rows[list(MEASURES)].reindex(pd.MultiIndex.from_tuples(pairs)).astype(float)


def domains(scores: pd.DataFrame, summary: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return quantity -> the values at the first and the last colour of its scale, of those that `scores` has.

    Args:
        scores: One row per head, NaN for not measured.
        summary: Of the model x dataset.
    """
    n_classes = max(2, len(summary["classes"]))
    return {
        entry.key: domain(entry, scores[entry.key].tolist(), float(summary["majority"]), n_classes)
        for entry in QUANTITIES
        if entry.key in scores
    }


def rounded(key: str, value: float) -> float | None:
    """Return a number as the page's data holds it, None for NaN.

    Args:
        key: Its column.
        value: The number.
    """
    if math.isnan(value):
        return None
    return round(float(value), P_DECIMALS) if key.startswith("p_") else shortened(value, JSON_DECIMALS)


def shortened(value: float, decimals: int) -> float:
    """Return a number with as few digits as still read as the number itself does, with 2 and with 3 decimals.

    Rounded twice, 0.4049999 would be 0.405 and then 0.41, where a table that rounds once says 0.40.

    Args:
        value: The number.
        decimals: Digits behind the point to begin with.
    """
    places = range(decimals, decimals + SPARE_DECIMALS)
    short = (round(float(value), count) for count in places)
    return next((number for number in short if _read_alike(number, value)), float(value))


def _read_alike(one: float, other: float) -> bool:
    return all(f"{one:.{count}f}" == f"{other:.{count}f}" for count in (2, 3))


def grid(model: ModelResults, dataset: str) -> dict[str, Any]:
    """Return the accuracy map of one dataset as rows of cells by stack, which needs no script to show.

    Args:
        model: Results of the model.
        dataset: Slug.
    """
    pairs = head_pairs(model)
    scores = scores_of(model, dataset, pairs)
    low, high = domains(scores, model.summaries[dataset])["accuracy"]
    rungs, names = head_rungs(model, dataset), rung_names(model)
    n_columns = max(head for _, head in pairs) + 1
    rows: dict[int, list[dict[str, Any] | None]] = {layer: [None] * n_columns for layer, _ in pairs}
    for index, (pair, title) in enumerate(zip(pairs, head_titles(model, pairs), strict=True)):
        rung = rungs.get(pair, 0)
        cell = _cell(title, scores.iloc[index], names.get(rung, "") if rung else "", (low, high))
        rows[pair[0]][pair[1]] = {"index": index, "rung": rung, **cell}
    ticks = [low + (high - low) * share for share in (0.0, 0.5, 1.0)]
    return {"stacks": _stacks(model, rows), "n_columns": n_columns, "ticks": [f"{tick:.2f}" for tick in ticks]}


def _stacks(model: ModelResults, rows: Mapping[int, Any]) -> dict[str, dict[int, Any]]:
    """Return attention -> layer -> its cells: `self` alone, or the stacks of an encoder-decoder."""
    kinds = dict(zip(model.heads["layer"].astype(int), model.heads["attention"], strict=True))
    stacks: dict[str, dict[int, Any]] = {}
    for layer, cells in rows.items():
        stacks.setdefault(str(kinds.get(layer, "self")), {})[layer] = cells
    return stacks


def _cell(name: str, scores: pd.Series, rung_name: str, ends: tuple[float, float]) -> dict[str, Any]:
    accuracy = float(scores["accuracy"])
    if math.isnan(accuracy):
        return {"step": "none", "text": "", "label": f"{name}: not measured"}
    interval = f"{scores['accuracy_low']:.3f} to {scores['accuracy_high']:.3f}"
    label = f"{name}: accuracy {accuracy:.3f} ({interval}){f', {rung_name}' if rung_name else ''}"
    return {"step": step(accuracy, *ends), "text": f"{accuracy:.2f}".removeprefix("0"), "label": label}
