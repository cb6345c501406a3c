"""The layer x head map: the cells that the page draws by itself, and the numbers it needs to draw the others."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.report.results import (
    BASELINES,
    MARGINS,
    MEASURES,
    Atlas,
    ModelResults,
    head_rungs,
    probe_titles,
    rung_names,
    why_missing,
)
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
UNSHOWN = {"log_loss"}  # measures that the page leaves to the tables
JSON_DECIMALS = 4
P_DECIMALS = 6


def payload(atlas: Atlas) -> dict[str, Any]:
    """Return what the script of the page reads: every score of every head, in columns to stay small.

    Args:
        atlas: The run.
    """
    return {
        "quantities": [
            {"key": entry.key, "label": entry.label, "log": entry.log, "diverging": entry.diverging}
            for entry in QUANTITIES
        ],
        "baselines": [{"key": key, "label": label, "margin": MARGINS[key]} for key, label in BASELINE_LABELS.items()],
        "models": [_model_payload(model, atlas) for model in atlas.models],
    }


def _model_payload(model: ModelResults, atlas: Atlas) -> dict[str, Any]:
    pairs = head_pairs(model)
    titles = probe_titles(atlas.cards)
    probes = [_probe_payload(model, dataset, titles[dataset], pairs) for dataset in atlas.cards]
    names = rung_names(model)
    return {
        "slug": model.slug,
        "heads": head_titles(model, pairs),
        "rungs": [names.get(rung, str(rung)) for rung in range(max(names, default=0) + 1)],
        "probes": probes,
    }


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


def _probe_payload(model: ModelResults, dataset: str, title: str, pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    scores = scores_of(model, dataset, pairs)
    summary = model.summaries[dataset]
    rungs = head_rungs(model, dataset)
    baselines = {key: _packed(key, scores[key]) for key in BASELINES}
    return {
        "dataset": dataset,
        "title": title,
        "family": summary["family"],
        "rungs": [rungs.get(pair, 0) for pair in pairs],
        "domain": {key: [rounded(key, end) for end in ends] for key, ends in _domains(scores, summary).items()},
        "values": {key: _packed(key, scores[key]) for key in MEASURES if key not in {*BASELINES, *UNSHOWN}},
        "baselines": baselines,
        "missing": {key: why_missing(summary, key) for key, values in baselines.items() if values is None},
        "warnings": list(summary["warnings"]),
    }


def _domains(scores: pd.DataFrame, summary: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    n_classes = max(2, len(summary["classes"]))
    return {
        entry.key: domain(entry, scores[entry.key].tolist(), float(summary["majority"]), n_classes)
        for entry in QUANTITIES
    }


def _packed(key: str, column: pd.Series) -> Any:
    """Return one number where all heads share it (as `majority`), else a list; None for not measured."""
    values = [rounded(key, value) for value in column]
    return values[0] if len(set(values)) == 1 else values


def rounded(key: str, value: float) -> float | None:
    """Return a number as the page's data holds it, None for NaN.

    Args:
        key: Its column.
        value: The number.
    """
    return None if math.isnan(value) else round(float(value), P_DECIMALS if key == "p_value" else JSON_DECIMALS)


def grid(model: ModelResults, dataset: str) -> dict[str, Any]:
    """Return the accuracy map of one dataset as rows of cells, which needs no script to show.

    Args:
        model: Results of the model.
        dataset: Slug.
    """
    pairs = head_pairs(model)
    scores = scores_of(model, dataset, pairs)
    low, high = _domains(scores, model.summaries[dataset])["accuracy"]
    rungs, names = head_rungs(model, dataset), rung_names(model)
    n_columns = max(head for _, head in pairs) + 1
    rows: dict[int, list[dict[str, Any] | None]] = {layer: [None] * n_columns for layer, _ in pairs}
    for index, pair in enumerate(pairs):
        rung = rungs.get(pair, 0)
        cell = _cell(pair, scores.iloc[index], names.get(rung, "") if rung else "", (low, high))
        rows[pair[0]][pair[1]] = {"index": index, "rung": rung, **cell}
    ticks = [low + (high - low) * share for share in (0.0, 0.5, 1.0)]
    return {"rows": rows, "n_columns": n_columns, "ticks": [f"{tick:.2f}" for tick in ticks]}


def _cell(pair: tuple[int, int], scores: pd.Series, rung_name: str, ends: tuple[float, float]) -> dict[str, Any]:
    accuracy = float(scores["accuracy"])
    name = f"L{pair[0]}H{pair[1]}"
    if math.isnan(accuracy):
        return {"step": "none", "text": "", "label": f"{name}: not measured"}
    interval = f"{scores['accuracy_low']:.3f} to {scores['accuracy_high']:.3f}"
    label = f"{name}: accuracy {accuracy:.3f} ({interval}){f', {rung_name}' if rung_name else ''}"
    return {"step": step(accuracy, *ends), "text": f"{accuracy:.2f}".removeprefix("0"), "label": label}
