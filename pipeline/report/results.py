"""What a report is made from: the results of every cell, checked on the way in and held together."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.errors import PipelineError

SCORES = ("accuracy", "balanced_accuracy", "auroc", "information_bits", "p_value")
BASELINES = ("majority", "surface", "control_accuracy", "embedding", "untrained", "projection", "skyline")
SCORE_COLUMNS = ("dataset", "feature", "family", "layer", "head", *SCORES, "accuracy_low", "accuracy_high", *BASELINES)
HEAD_COLUMNS = ("layer", "head", "name", "label", "family", "phase", "features", "rung", "specialisation", "stability")
ASSIGNMENT_COLUMNS = ("layer", "head", "name", "feature", "dataset", "family", "phase", "cell", "rung")
NUMBERS = ("layer", "head", "rung", "specialisation", "stability", "accuracy", "margin", "p_value")
CARD_KEYS = ("feature", "family", "n_examples", "n_groups", "classes", "majority", "surface", "readout", "licence")
SUMMARY_KEYS = ("feature", "family", "classes", "majority", "surface", "best", "extraction")
TAXONOMY_KEYS = ("rungs", "phases")
IDENTITY = ("source", "revision", "weights_sha256")  # of a model: what may not differ between its cells


@dataclass(frozen=True)
class ModelResults:
    """What the probe and taxonomy stages found for one model.

    Attributes:
        slug: Name of the model in params.yaml.
        scores: `heads.parquet` of all datasets, one below the other; one row per dataset x layer x head.
        summaries: Dataset -> `summary.json`, in the order of params.yaml.
        heads: `heads.csv` of the taxonomy, one row per head.
        assignments: `assignments.csv` of the taxonomy, one row per head x dataset that passed.
        taxonomy: `taxonomy.json`.
    """

    slug: str
    scores: pd.DataFrame
    summaries: Mapping[str, Mapping[str, Any]]
    heads: pd.DataFrame
    assignments: pd.DataFrame
    taxonomy: Mapping[str, Any]


@dataclass(frozen=True)
class Atlas:
    """A whole run.

    Attributes:
        params: The params file.
        cards: Dataset -> `card.json`, in the order of params.yaml.
        models: One entry per model, in the order of params.yaml.
    """

    params: Mapping[str, Any]
    cards: Mapping[str, Mapping[str, Any]]
    models: tuple[ModelResults, ...]


def check_keys(block: Mapping[str, Any], keys: Iterable[str], place: str) -> None:
    """Refuse a JSON block that lacks what the report shows.

    Args:
        block: The block.
        keys: Keys it must have.
        place: Where it was read, for the message.

    Raises:
        PipelineError: If a key is missing.
    """
    _refuse_missing([key for key in keys if key not in block], place)


def check_columns(table: pd.DataFrame, columns: Iterable[str], place: str) -> None:
    """Refuse a table that lacks a column the report shows; a column with empty cells is fine.

    Args:
        table: The table.
        columns: Columns it must have.
        place: Where it was read, for the message.

    Raises:
        PipelineError: If a column is missing.
    """
    _refuse_missing([column for column in columns if column not in table], place)


def _refuse_missing(missing: Collection[str], place: str) -> None:
    if missing:
        raise PipelineError(
            f"{place}: lacks {', '.join(missing)}; written by another version? make it again: `dvc repro`"
        )


def with_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of strings with its number columns as numbers, an empty cell as NaN.

    CSV files are read as strings first: a feature may be called `null`, which pandas takes for an empty cell.

    Args:
        table: The table, all columns strings.
    """
    numbers = [column for column in table if column in NUMBERS or str(column).startswith("accuracy")]
    return table.assign(**{str(column): pd.to_numeric(table[column], errors="coerce") for column in numbers})


def split_values(cell: str) -> list[str]:
    """Return the parts of a `;`-joined cell of a taxonomy table.

    Args:
        cell: Such as `syntactic;semantic`; empty for none.
    """
    return [part.strip() for part in cell.split(";") if part.strip()]


def passed(model: ModelResults) -> pd.DataFrame:
    """Return the assignments on rung 1 or higher, one row per head x dataset.

    Args:
        model: Results of the model.
    """
    return model.assignments[model.assignments["rung"] >= 1]


def passing_heads(model: ModelResults, dataset: str) -> set[tuple[int, int]]:
    """Return (layer, head) of every head that decodes the dataset.

    Args:
        model: Results of the model.
        dataset: Slug.
    """
    rows = passed(model)
    rows = rows[rows["dataset"] == dataset]
    return set(zip(rows["layer"].astype(int), rows["head"].astype(int), strict=True))


def probe_titles(cards: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return dataset -> a readable name, which is the feature's, with the dataset's where the feature has several.

    Args:
        cards: Dataset -> its card.
    """
    features = Counter(card["feature"] for card in cards.values())
    titles = {}
    for dataset, card in cards.items():
        title = str(card["feature"]).replace("_", " ")
        titles[dataset] = title if features[card["feature"]] == 1 else f"{title} ({dataset})"
    return titles


def model_identity(model: ModelResults) -> dict[str, Any]:
    """Return the extraction block that all datasets of the model share.

    Args:
        model: Results of the model.

    Raises:
        PipelineError: If its cells come from different weights.
    """
    blocks = [summary["extraction"] for summary in model.summaries.values()]
    first = blocks[0]
    for key in IDENTITY:
        values = {str(block.get(key)) for block in blocks}
        if len(values) > 1:
            raise PipelineError(
                f"results/probes/{model.slug}: its datasets were extracted from different models: {key} is "
                f"{' and '.join(sorted(values))}; make them again: `dvc repro --force`"
            )
    return {key: value for key, value in first.items() if all(block.get(key) == value for block in blocks)}
