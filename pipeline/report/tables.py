"""The tables of the report, and the few numbers that `dvc metrics` shows."""

from typing import Any

import pandas as pd

from pipeline.report.results import (
    BASELINES,
    DECODABLE,
    MARGIN_COLUMNS,
    SELECTIVE,
    Atlas,
    ModelResults,
    head_rungs,
    passed,
    passing_heads,
)

DECIMALS = 6
METRIC_DECIMALS = 4
BEST_COLUMNS = (
    "model", "feature", "dataset", "family", "rank", "label", "layer", "head", "passes", "accuracy", "accuracy_low",
    "accuracy_high", "balanced_accuracy", "auroc", "information_bits", "p_value", *BASELINES,
    "rung", "log_loss", "codelength", *MARGIN_COLUMNS,
)  # fmt: skip


def best_heads(atlas: Atlas, top_heads: int) -> pd.DataFrame:
    """Return the best heads of each model x dataset by accuracy, with intervals, p-values and margins over baselines.

    Args:
        atlas: The run.
        top_heads: Rows for each model x dataset.
    """
    parts = [_best_of(model, dataset, top_heads) for model in atlas.models for dataset in atlas.cards]
    return pd.concat(parts, ignore_index=True).round(DECIMALS)


def _best_of(model: ModelResults, dataset: str, top_heads: int) -> pd.DataFrame:
    rows = model.scores[model.scores["dataset"] == dataset]
    rows = rows.sort_values(["accuracy", "layer", "head"], ascending=[False, True, True]).head(top_heads)
    reached = head_rungs(model, dataset)
    rungs = [reached.get(pair, 0) for pair in zip(rows["layer"], rows["head"], strict=True)]
    rows = rows.assign(
        model=model.slug,
        rank=range(1, len(rows) + 1),
        label=_labels(rows),
        passes=[rung >= DECODABLE for rung in rungs],
        rung=rungs,
    )
    return rows[list(BEST_COLUMNS)]


def _labels(rows: pd.DataFrame) -> list[str]:
    return [f"L{layer}H{head}" for layer, head in zip(rows["layer"], rows["head"], strict=True)]


def dataset_facts(atlas: Atlas) -> pd.DataFrame:
    """Return one row per dataset: its size, balance, baselines, licence and source.

    Args:
        atlas: The run.
    """
    return pd.DataFrame([_facts(dataset, card) for dataset, card in atlas.cards.items()]).round(DECIMALS)


def _facts(dataset: str, card: Any) -> dict[str, Any]:
    source = card.get("source", {})
    return {
        "dataset": dataset,
        "feature": card["feature"],
        "family": card["family"],
        "readout": card["readout"],
        "n_examples": card["n_examples"],
        "n_groups": card["n_groups"],
        "n_control_keys": card.get("n_control_keys"),
        "n_classes": len(card["classes"]),
        "classes": ";".join(f"{label}={count}" for label, count in card["classes"].items()),
        "majority": card["majority"],
        "surface": card["surface"],
        "licence": card["licence"],
        "source": source.get("kind"),
        "sha256": source.get("sha256"),
        "warnings": len(card.get("warnings", ())),
    }


def heat_map(atlas: Atlas) -> pd.DataFrame:
    """Return the accuracy of every head, one row per model x dataset x layer x head, as `dvc plots` reads it.

    Args:
        atlas: The run.
    """
    parts = [model.scores.assign(model=model.slug, label=_labels(model.scores)) for model in atlas.models]
    columns = ["model", "feature", "dataset", "layer", "head", "label", "accuracy"]
    return pd.concat(parts, ignore_index=True)[columns].round(DECIMALS)


def metrics(atlas: Atlas) -> dict[str, dict[str, Any]]:
    """Return model -> its counts of heads, and its best head on each dataset; numbers only.

    Args:
        atlas: The run.
    """
    return {model.slug: _model_metrics(model) for model in atlas.models}


def _model_metrics(model: ModelResults) -> dict[str, Any]:
    labels = model.heads["label"]
    decodable = passed(model)[["layer", "head"]].drop_duplicates()
    counts = {
        "heads": len(model.heads),
        "heads_decodable": len(decodable),
        "heads_specialised": int((~labels.isin(["polyfunctional", "unassigned"])).sum()),
        "heads_polyfunctional": int((labels == "polyfunctional").sum()),
    }
    return {**counts, **{dataset: _cell_metrics(model, dataset) for dataset in model.summaries}}


def _cell_metrics(model: ModelResults, dataset: str) -> dict[str, float]:
    summary = model.summaries[dataset]
    values = {
        "best_accuracy": summary["best"]["accuracy"],
        "best_accuracy_low": summary["best"]["accuracy_low"],
        "selected_accuracy": summary["selected"]["accuracy"],
        "majority": summary["majority"],
        "surface": summary["surface"],
    }
    numbers = {name: round(float(value), METRIC_DECIMALS) for name, value in values.items() if value is not None}
    return {
        **numbers,
        "heads_decodable": len(passing_heads(model, dataset)),
        "heads_selective": len(passing_heads(model, dataset, SELECTIVE)),
    }
