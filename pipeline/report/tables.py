"""The tables of the report."""

from typing import Any

import pandas as pd

from pipeline.report.results import (
    BASELINES,
    DECODABLE,
    MARGIN_COLUMNS,
    Atlas,
    ModelResults,
    head_rungs,
)

DECIMALS = 6
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
