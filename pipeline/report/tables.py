"""The tables of the report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipeline.report.overview import ordered_families
from pipeline.report.references import ENTRY_KEY, ENTRY_START, dataset_entries
from pipeline.report.results import (
    BASELINES,
    DECODABLE,
    MARGIN_COLUMNS,
    PHASE_COLUMNS,
    RUNG_COUNTS,
    Atlas,
    ModelResults,
    head_rungs,
    passed,
)

DECIMALS = 6
BEST_COLUMNS = (
    "model", "feature", "dataset", "family", "rank", "label", "layer", "head", "passes", "accuracy", "accuracy_low",
    "accuracy_high", "balanced_accuracy", "auroc", "information_bits", "p_value", *BASELINES,
    "rung", "log_loss", "codelength", *MARGIN_COLUMNS,
)  # fmt: skip
SELECTED = {"selected": "accuracy", "selected_low": "accuracy_low", "selected_high": "accuracy_high"}
ALL_HEADS = "all"  # the last row of the taxonomy
NO_FAMILY = ("polyfunctional", "unassigned")  # labels


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
    selected = model.summaries[dataset]["selected"]
    rows = rows.assign(
        model=model.slug,
        rank=range(1, len(rows) + 1),
        label=_labels(rows),
        passes=[rung >= DECODABLE for rung in rungs],
        rung=rungs,
        n_examples=model.summaries[dataset]["n_examples"],
        **{name: selected[of] for name, of in SELECTED.items()},
    )
    return rows[[*BEST_COLUMNS, "n_examples", *SELECTED]]


def _labels(rows: pd.DataFrame) -> list[str]:
    return [f"L{layer}H{head}" for layer, head in zip(rows["layer"], rows["head"], strict=True)]


def taxonomy_counts(atlas: Atlas) -> pd.DataFrame:
    """Return how many heads of each model stand on each rung for each family, and how many have each label.

    One row for each model x family probed, then one for each of the labels that are no family and one for all heads.

    Args:
        atlas: The run.
    """
    families = {card["feature"]: card["family"] for card in atlas.cards.values()}
    return pd.concat([_counts_of(model, families, atlas.params) for model in atlas.models], ignore_index=True)


def _counts_of(model: ModelResults, families: Mapping[str, str], params: Mapping[str, Any]) -> pd.DataFrame:
    heads, rows = model.heads, passed(model)
    stable = float(params["taxonomy"]["stable"])
    found = {*families.values(), *rows["family"], *heads["label"]} - {*NO_FAMILY, ""}
    counts = []
    for label in [family for family in ordered_families(found) if family in found]:
        features = sum(family == label for family in families.values())
        reached = _reached(rows[rows["family"] == label])
        counts.append({"label": label, "n_features": features, **reached, **_labelled(heads, [label], stable)})
    counts += [{"label": label, **_labelled(heads, [label], stable)} for label in NO_FAMILY]
    every = _labelled(heads, heads["label"].unique(), stable)
    counts.append({"label": ALL_HEADS, "n_features": len(families), **_reached(rows), **every})
    table = pd.DataFrame(counts, columns=["label", "n_features", *RUNG_COUNTS.values(), "n_heads", "n_unstable"])
    table.insert(0, "model", model.slug)
    return table.astype({name: "Int64" for name in table.columns[2:]})


def _reached(rows: pd.DataFrame) -> dict[str, int]:
    """Return how many heads stand on each rung or higher for any of the assignments."""
    best = rows.groupby(["layer", "head"])["rung"].max()
    return {name: int((best >= rung).sum()) for rung, name in RUNG_COUNTS.items()}


def _labelled(heads: pd.DataFrame, labels: Iterable[str], stable: float) -> dict[str, int | None]:
    """Return how many heads have one of the labels, and how often that is not stable; None where nobody measured it."""
    mine = heads[heads["label"].isin(list(labels))]
    measured = heads["stability"].notna().any()
    return {"n_heads": len(mine), "n_unstable": int((mine["stability"] < stable).sum()) if measured else None}


def phase_map(atlas: Atlas) -> pd.DataFrame:
    """Return the four-phase map of all models, one row per model x head that the survey names.

    Args:
        atlas: The run.
    """
    parts = [model.phases[list(PHASE_COLUMNS)].assign(model=model.slug) for model in atlas.models]
    table = pd.concat(parts, ignore_index=True)[["model", *PHASE_COLUMNS]]
    return table.astype({name: "Int64" for name in RUNG_COUNTS.values()})


def citation_keys(bibliography: str, cards: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return dataset -> the keys of its works in a bibliography, where a key that clashed has been changed.

    Args:
        bibliography: `references.bib`.
        cards: Dataset -> its card.
    """
    keys = {_work(entry): _key(entry) for entry in ENTRY_START.split(bibliography) if ENTRY_KEY.match(entry)}
    found = {}
    for dataset, card in cards.items():
        works = [_work(entry) for entry in dataset_entries(dataset, card.get("citation") or "")]
        found[dataset] = [keys[work] for work in works if work in keys]
    return found


def _key(entry: str) -> str:
    match = ENTRY_KEY.match(entry)
    assert match is not None
    return match[1]


def _work(entry: str) -> tuple[str, ...]:
    """Return an entry without its key and without lines of comment, in words."""
    lines = ENTRY_KEY.sub("", entry, count=1).splitlines()
    return tuple(word for line in lines if not line.startswith("%") for word in line.split())


def dataset_facts(atlas: Atlas, keys: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return one row per dataset: its size, balance, baselines, licence and source.

    Args:
        atlas: The run.
        keys: Dataset -> keys of its works in `references.bib`.
    """
    rows = [{**_facts(dataset, card), "cite": ";".join(keys[dataset])} for dataset, card in atlas.cards.items()]
    return pd.DataFrame(rows).round(DECIMALS)


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
