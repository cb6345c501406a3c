"""The taxonomy of a model in Python, for notebooks."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.errors import PipelineError
from pipeline.jsonfile import read_json

NUMBERS = {"integer": "Int64", "number": "float64"}


@dataclass(frozen=True)
class Taxonomy:
    """What the taxonomy stage found for one model; `schema` says what each column of each table is.

    Attributes:
        heads: One row a head: label, families, candidate phases, rung, specialisation, stability.
        assignments: One row a head and dataset on rung 1 or higher, with the evidence.
        scores: One row a head and dataset.
        families: One row a head and family: does it hold the family, and in what share of replicates.
        leave_one_out: One row a dataset: labels that change without it.
        phases: One row a head of the survey, with how many of our heads are candidates.
        layers: One row a family, stack and layer.
        nearest: The heads most like each head.
        tree: The merges of the tree of heads.
        sets: What sets of heads know together, one row a dataset and size.
        facts: `taxonomy.json`: thresholds, rules of the rungs, counts, the mapping.
        schema: Table to {"rows", "columns": {column: {"type", "description"}}}.
    """

    heads: pd.DataFrame
    assignments: pd.DataFrame
    scores: pd.DataFrame
    families: pd.DataFrame
    leave_one_out: pd.DataFrame
    phases: pd.DataFrame
    layers: pd.DataFrame
    nearest: pd.DataFrame
    tree: pd.DataFrame
    sets: pd.DataFrame
    facts: dict[str, Any]
    schema: dict[str, Any]


def load_taxonomy(path: str | Path) -> Taxonomy:
    """Return the taxonomy of a model as tidy tables, columns typed as its `schema.json` says.

    Lists in a cell are joined by `;`, and an empty one is an empty string. Missing numbers are NaN or `pd.NA`.

    Args:
        path: The folder of a model, such as `results/taxonomy/minilm`.

    Raises:
        PipelineError: If a file is missing, not readable, or does not have the columns of the schema.
    """
    folder = Path(path)
    schema = read_json(folder / "schema.json")["tables"]
    names = [field.name for field in fields(Taxonomy) if field.name not in ("facts", "schema")]
    if missing := [name for name in names if name not in schema]:
        raise PipelineError(f"{folder / 'schema.json'}: lacks {', '.join(missing)}; make it again: `dvc repro`")
    tables = {name: _read(folder / f"{name}.csv", schema[name]["columns"]) for name in names}
    return Taxonomy(**tables, facts=read_json(folder / "taxonomy.json"), schema=schema)


def _read(path: Path, columns: dict[str, dict[str, str]]) -> pd.DataFrame:
    try:
        # as strings first: a feature may be called `null`, which pandas takes for an empty cell
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (FileNotFoundError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else f"not readable: {error}"
        raise PipelineError(f"{path}: {reason}; make it again: `dvc repro`") from None
    if list(table) != list(columns):
        raise PipelineError(f"{path}: columns {', '.join(table)}; its schema.json says {', '.join(columns)}")
    return pd.DataFrame({name: _typed(table[name], about["type"]) for name, about in columns.items()})


def _typed(column: pd.Series, kind: str) -> pd.Series:
    if kind == "string":
        return column
    if kind == "boolean":
        return column.map({"True": True, "False": False}).astype("boolean")
    return pd.to_numeric(column.replace("", None)).astype(NUMBERS[kind])
