"""What a report is made from: the results of every cell, checked on the way in and held together."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pipeline.errors import PipelineError

SCORES = ("accuracy", "balanced_accuracy", "auroc", "information_bits", "p_value")
BASELINES = ("majority", "surface", "control_accuracy", "embedding", "untrained", "projection", "skyline")
# baseline -> column of what a head has over it; `<column>_low` and `<column>_high` are the ends of its interval
MARGINS = {name: "selectivity" if name == "control_accuracy" else f"margin_{name}" for name in BASELINES}
MARGIN_COLUMNS = tuple(f"{name}{end}" for name in MARGINS.values() for end in ("", "_low", "_high"))
MEASURES = (
    *SCORES, "accuracy_low", "accuracy_high", "log_loss", "codelength", *BASELINES, *MARGIN_COLUMNS,
)  # fmt: skip
SCORE_COLUMNS = ("dataset", "feature", "family", "layer", "head", *MEASURES)
DECODABLE, SELECTIVE = 1, 2  # rungs
HEAD_COLUMNS = (
    *("layer", "head", "attention", "name", "label", "family", "phase", "features", "rung"),
    *("specialisation", "stability"),
)
ASSIGNMENT_COLUMNS = ("layer", "head", "name", "feature", "dataset", "family", "phase", "cell", "rung")
RUNG_COUNTS = {
    1: "n_decodable",
    2: "n_selective",
    3: "n_general",
}  # rung -> column that counts the heads on it or higher
PHASE_COLUMNS = ("phase", "group", "cell", "does", "methods", "status", "features", *RUNG_COUNTS.values())
PROFILE_COLUMNS = (
    *("layer", "head", "name", "attention", "dataset", "feature", "family", "rung"),
    *("share", "share_low", "share_high"),
)
LAYER_COLUMNS = (
    *("family", "attention", "layer", "depth", "share", "share_low", "share_high", "shift", "shift_low", "shift_high"),
    *("holding", "holding_low", "holding_high"),
)
NEAREST_COLUMNS = ("name", "nearest", "rank", "similarity")
NUMBERS = (
    *("layer", "head", "rung", "specialisation", "stability", "rank", "similarity", "stretch"),
    *LAYER_COLUMNS[2:],
    *RUNG_COUNTS.values(),
)
NUMBER_PREFIXES = ("accuracy", "margin", "selectivity", "p_")  # of columns that all hold numbers
CARD_KEYS = ("feature", "family", "n_examples", "n_groups", "classes", "majority", "surface", "readout", "licence")
SUMMARY_KEYS = (
    "feature", "family", "classes", "n_examples", "majority", "surface", "embedding", "best", "selected", "null",
    "control", "unconverged", "unconverged_baselines", "warnings", "extraction",
)  # fmt: skip
TAXONOMY_KEYS = ("rungs", "phases")
IDENTITY = ("source", "revision", "weights_sha256", "precision")  # of a model: what may not differ between its cells


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
        phases: `phases.csv` of the taxonomy, one row per head that the survey names; without rows where there is none.
        profile: `scores.csv` of the taxonomy, one row per head x dataset; without rows where there is none.
        layers: `layers.csv` of the taxonomy, one row per family x stack x layer; without rows where there is none.
        nearest: `nearest.csv` of the taxonomy, one row per head and head like it; without rows where there is none.
    """

    slug: str
    scores: pd.DataFrame
    summaries: Mapping[str, Mapping[str, Any]]
    heads: pd.DataFrame
    assignments: pd.DataFrame
    taxonomy: Mapping[str, Any]
    phases: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(PHASE_COLUMNS)))
    profile: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(PROFILE_COLUMNS)))
    layers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LAYER_COLUMNS)))
    nearest: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(NEAREST_COLUMNS)))


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
    numbers = [column for column in table if column in NUMBERS or str(column).startswith(NUMBER_PREFIXES)]
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
    return model.assignments[model.assignments["rung"] >= DECODABLE]


def head_rungs(model: ModelResults, dataset: str) -> dict[tuple[int, int], int]:
    """Return (layer, head) -> rung on the dataset, of every head that decodes it.

    Args:
        model: Results of the model.
        dataset: Slug.
    """
    rows = passed(model)
    rows = rows[rows["dataset"] == dataset]
    layers, heads, rungs = (rows[name].astype(int) for name in ("layer", "head", "rung"))
    return dict(zip(zip(layers, heads, strict=True), rungs, strict=True))


def passing_heads(model: ModelResults, dataset: str, rung: int = DECODABLE) -> set[tuple[int, int]]:
    """Return (layer, head) of every head that stands on a rung or higher.

    Args:
        model: Results of the model.
        dataset: Slug.
        rung: The rung.
    """
    return {head for head, reached in head_rungs(model, dataset).items() if reached >= rung}


def rung_names(model: ModelResults) -> dict[int, str]:
    """Return rung -> its name, from the taxonomy.

    Args:
        model: Results of the model.
    """
    return {int(rung["rung"]): str(rung["name"]) for rung in model.taxonomy["rungs"]}


def why_missing(summary: Mapping[str, Any], baseline: str) -> str:
    """Return why a baseline has no number.

    Args:
        summary: Of the model x dataset.
        baseline: One of `BASELINES`.
    """
    refused = summary["control"].get("refused") if baseline == "control_accuracy" else None
    return f"refused: {refused}" if refused else "not measured"


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
    return shared_identity(model.slug, [summary["extraction"] for summary in model.summaries.values()])


def shared_identity(model: str, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the extraction blocks of all cells of a model agree on.

    Args:
        model: Slug.
        blocks: One for each dataset, at least one.

    Raises:
        PipelineError: If they name different weights.
    """
    first = blocks[0]
    for key in IDENTITY:
        values = {str(block.get(key)) for block in blocks}
        if len(values) > 1:
            raise PipelineError(
                f"results/probes/{model}: its datasets were extracted from different models: {key} is "
                f"{' and '.join(sorted(values))}; make them again: `dvc repro --force`"
            )
    return {key: value for key, value in first.items() if all(block.get(key) == value for block in blocks)}
