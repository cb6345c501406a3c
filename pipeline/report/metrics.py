"""The numbers that `dvc metrics` compares: a short row for each model, and all of them by family and dataset."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipeline.report.results import DECODABLE, SELECTIVE, Atlas, ModelResults, passed, passing_heads

DECIMALS = 4
GENERAL = 3  # rung
RUNGS = {"decodable": DECODABLE, "selective": SELECTIVE, "general": GENERAL}


def headlines(atlas: Atlas) -> dict[str, dict[str, float]]:
    """Return model -> the few numbers that make one row of `dvc metrics show`.

    Heads; heads on each rung or higher; labels that resampling overturns; the mean over datasets of the accuracy of the
    head that was chosen on other folds. More would be wider than a terminal.

    Args:
        atlas: The run.
    """
    stable = float(atlas.params["taxonomy"]["stable"])
    return {model.slug: _headline(model, stable) for model in atlas.models}


def _headline(model: ModelResults, stable: float) -> dict[str, float]:
    selected = [summary["selected"]["accuracy"] for summary in model.summaries.values()]
    return {
        "heads": len(model.heads),
        **{name: int((model.heads["rung"] >= rung).sum()) for name, rung in RUNGS.items()},
        "unstable": int((model.heads["stability"] < stable).sum()),
        "accuracy": _rounded(np.mean(selected)),
    }


def _median_selectivity(model: ModelResults) -> dict[str, float]:
    """Return the median over datasets of the best head's selectivity; nothing where none has a control task."""
    known = [value for dataset in model.summaries if not np.isnan(value := _best_selectivity(model, dataset))]
    return {"selectivity": _rounded(np.median(known))} if known else {}


def _best_selectivity(model: ModelResults, dataset: str) -> float:
    rows, best = model.scores, model.summaries[dataset]["best"]
    where = (rows["dataset"] == dataset) & (rows["layer"] == best["layer"]) & (rows["head"] == best["head"])
    return float(rows.loc[where, "selectivity"].iloc[0])


def details(atlas: Atlas) -> dict[str, dict[str, Any]]:
    """Return model -> its row, its median selectivity, and counts of heads by label, family and dataset.

    Args:
        atlas: The run.
    """
    families = sorted({str(card["family"]) for card in atlas.cards.values()})
    return {
        model.slug: {
            **row,
            **_median_selectivity(model),
            "labels": _labels(model.heads["label"], families),
            "families": {family: _family(model, family) for family in families},
            "datasets": {dataset: _cell(model, dataset) for dataset in model.summaries},
        }
        for model, row in zip(atlas.models, headlines(atlas).values(), strict=True)
    }


def _labels(labels: pd.Series, families: list[str]) -> dict[str, int]:
    """Return how many heads bear each label; also those that none bears, so that two revisions have the same keys."""
    return {label: int((labels == label).sum()) for label in (*families, "polyfunctional", "unassigned")}


def _family(model: ModelResults, family: str) -> dict[str, int]:
    rows = passed(model)
    rows = rows[rows["family"] == family]
    return {
        name: len(rows.loc[rows["rung"] >= rung, ["layer", "head"]].drop_duplicates()) for name, rung in RUNGS.items()
    }


def _cell(model: ModelResults, dataset: str) -> dict[str, float]:
    summary: Mapping[str, Any] = model.summaries[dataset]
    values = {
        "best_accuracy": summary["best"]["accuracy"],
        "best_accuracy_low": summary["best"]["accuracy_low"],
        "best_selectivity": _best_selectivity(model, dataset),
        "selected_accuracy": summary["selected"]["accuracy"],
        "majority": summary["majority"],
        "surface": summary["surface"],
    }
    numbers = {name: _rounded(value) for name, value in values.items() if value is not None and not np.isnan(value)}
    return {**numbers, **{name: len(passing_heads(model, dataset, rung)) for name, rung in RUNGS.items()}}


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)
