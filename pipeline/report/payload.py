"""What the script of the page reads: every number of every head, in columns to stay small."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.report.charts import chart_data, layer_chart, profile_chart
from pipeline.report.evidence import CRITERIA, NUMBERS, TEXTS, alpha_of, evidence
from pipeline.report.heatmap import BASELINE_LABELS, domains, head_pairs, head_titles, rounded, scores_of
from pipeline.report.results import (
    BASELINES,
    MARGINS,
    MEASURES,
    Atlas,
    ModelResults,
    head_rungs,
    probe_titles,
    rung_names,
    split_values,
    why_missing,
)
from pipeline.report.scale import QUANTITIES

UNSHOWN = {"log_loss"}  # measures that the page leaves to the tables


def payload(atlas: Atlas) -> dict[str, Any]:
    """Return what the script of the page reads.

    Args:
        atlas: The run.
    """
    return {
        "quantities": [
            {key: getattr(entry, key) for key in ("key", "label", "log", "diverging", "whole")} for entry in QUANTITIES
        ],
        "baselines": [{"key": key, "label": label, "margin": MARGINS[key]} for key, label in BASELINE_LABELS.items()],
        "criteria": [
            {key: getattr(entry, key) for key in ("key", "rung", "label", "p", "where")} for entry in CRITERIA
        ],
        "charts": {
            "layers": layer_chart(_stacks(atlas)),
            "profile": profile_chart(list(BASELINE_LABELS.values()), len(atlas.cards)),
        },
        "models": [_model_payload(model, atlas) for model in atlas.models],
    }


def _stacks(atlas: Atlas) -> list[str]:
    """Return the kinds of attention that the models have."""
    return sorted({str(kind) for model in atlas.models for kind in model.layers["attention"]})


def _model_payload(model: ModelResults, atlas: Atlas) -> dict[str, Any]:
    pairs = head_pairs(model)
    titles = probe_titles(atlas.cards)
    names = rung_names(model)
    alpha = alpha_of(model)
    return {
        "slug": model.slug,
        "names": [f"L{layer}H{head}" for layer, head in pairs],
        "heads": head_titles(model, pairs),
        "rungs": [names.get(rung, str(rung)) for rung in range(max(names, default=0) + 1)],
        "alpha": None if alpha != alpha else alpha,
        "label_rung": int(atlas.params["taxonomy"]["label_rung"]),
        "probes": [_probe_payload(model, dataset, titles[dataset], pairs) for dataset in atlas.cards],
        "nearest": _nearest(model, pairs),
        "cells": _cells(model),
        "layers": chart_data(model.layers),
        "table": _table(model.heads, pairs),
    }


def _probe_payload(model: ModelResults, dataset: str, title: str, pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    scores = scores_of(model, dataset, pairs)
    summary = model.summaries[dataset]
    rungs = head_rungs(model, dataset)
    found = evidence(model, dataset, scores)
    shown = scores.join(found[list(NUMBERS)]).assign(rung=[rungs.get(pair, 0) for pair in pairs])
    baselines = {key: _packed(key, shown[key]) for key in BASELINES}
    measures = [key for key in (*MEASURES, *NUMBERS) if key not in {*BASELINES, *UNSHOWN}]
    stretch = float(found["stretch"].iloc[0])
    return {
        "dataset": dataset,
        "title": title,
        "family": summary["family"],
        "cells": _cells_of(model, summary["feature"], dataset),
        "rungs": [rungs.get(pair, 0) for pair in pairs],
        "domain": {key: [rounded(key, end) for end in ends] for key, ends in domains(shown, summary).items()},
        "values": {key: _packed(key, shown[key]) for key in measures},
        "baselines": baselines,
        "met": _shared(found["met"].tolist()),
        "stretch": rounded("stretch", stretch),
        "where": {key: _shared(found[key].tolist()) for key in TEXTS},
        "missing": {key: why_missing(summary, key) for key, values in baselines.items() if values is None},
        "warnings": list(summary["warnings"]),
    }


def _packed(key: str, column: pd.Series) -> Any:
    """Return one number where all heads share it (as `majority`), else a list; None for not measured."""
    return _shared([rounded(key, value) for value in column])


def _shared(values: list[Any]) -> Any:
    return values[0] if len(set(values)) == 1 else values


def _nearest(model: ModelResults, pairs: Sequence[tuple[int, int]]) -> list[list[Any]]:
    """Return for each head [index, similarity] of the heads like it, the most alike first."""
    index = {f"L{layer}H{head}": place for place, (layer, head) in enumerate(pairs)}
    found: list[list[Any]] = [[] for _ in pairs]
    for row in model.nearest.sort_values("rank", kind="stable").to_dict("records"):
        if row["name"] in index and row["nearest"] in index:
            found[index[row["name"]]].append([index[row["nearest"]], rounded("similarity", row["similarity"])])
    return found


def _cells(model: ModelResults) -> dict[str, str]:
    """Return head of the survey -> its phase, in the order of the survey."""
    if len(model.phases):
        return dict(zip(model.phases["cell"], model.phases["phase"], strict=True))
    return {cell: phase for phase, cells in model.taxonomy["phases"].items() for cell in cells}


def _cells_of(model: ModelResults, feature: str, dataset: str) -> list[str]:
    """Return the heads of the survey that a feature makes a head a candidate for."""
    mapping: Mapping[str, Any] = model.taxonomy.get("features", {})
    if feature in mapping:
        return list(mapping[feature].get("cells") or [])
    told = model.assignments.loc[model.assignments["dataset"] == dataset, "cell"]
    return sorted({cell for cells in told for cell in split_values(cells)})


def _table(heads: pd.DataFrame, pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return heads.csv: its columns, its rows in the order of the file, and the place of each head in the map."""
    index = {pair: place for place, pair in enumerate(pairs)}
    numbers = heads.select_dtypes("number").columns
    rows = [[_plain(value, column in numbers) for column, value in row.items()] for row in heads.to_dict("records")]
    places = [index.get((int(layer), int(head))) for layer, head in zip(heads["layer"], heads["head"], strict=True)]
    return {"columns": list(heads.columns), "rows": rows, "index": places}


def _plain(value: Any, number: bool) -> Any:
    if not number:
        return str(value)
    if value != value:
        return None
    return int(value) if float(value).is_integer() else float(value)
