"""Turn raw rows into the two tables of a dataset: texts with the span to read, and labels with group and fold."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from data.cap import choose_rows
from data.errors import DataError, first_rows, listed, nearest
from data.spans import with_spans
from data.spec import REST, DatasetSpec
from data.splits import assign_folds

TEXT_COLUMNS = ["example_id", "text", "start", "end"]
LABEL_COLUMNS = ["example_id", "label", "group", "control_key", "fold"]
VARIANT_COLUMNS = ["example_id", "variant"]
SPAN = ["text", "start", "end"]


@dataclass(frozen=True)
class Examples:
    """A dataset, ready to be written; all tables are sorted by example_id, so the order of the source is forgotten.

    Attributes:
        texts: `TEXT_COLUMNS`; start and end are characters, half-open, int64.
        labels: `LABEL_COLUMNS`; control_key is null where the dataset has none, fold is int64 from 0.
        variants: `VARIANT_COLUMNS`, which part of the dataset an example is of; null where it has no parts.
        rows: Which row of the source an example is, by its name there, for messages; not written to files.
        n_read: Rows of the source.
        dropped: Reason -> rows left out.
    """

    texts: pd.DataFrame
    labels: pd.DataFrame
    variants: pd.DataFrame
    rows: pd.Series
    n_read: int
    dropped: Mapping[str, int]


def build_examples(spec: DatasetSpec, rows: pd.DataFrame, n_folds: int, seed: int) -> Examples:
    """Return the examples of a dataset with their folds.

    Args:
        spec: What the dataset is.
        rows: What `read_source` returned: text columns called by the spec's fields, "" where a value is missing.
        n_folds: K of the grouped, stratified K-fold.
        seed: Of the folds.

    Raises:
        DataError: If a value is missing, a label is unknown, a span does not fit its text, rows repeat or contradict
            each other, an id occurs twice, or the classes cannot be dealt out over the folds.

    Example:
        >>> from pathlib import Path
        >>> from data.sources import read_source
        >>> from data.spec import load_spec
        >>> spec = load_spec(Path("data/specs/sentiment.yaml"))
        >>> examples = build_examples(spec, read_source(spec, Path(".")).rows, n_folds=5, seed=0)
        >>> list(examples.labels.columns)
        ['example_id', 'label', 'group', 'control_key', 'fold']
    """
    place = spec.source.place
    table, dropped = _relabel(spec, rows)
    _check_values(place, table, spec.columns.given())
    table = _drop_repeats(spec, with_spans(spec, table), dropped)
    table = _with_ids(place, table.assign(row=table.index)).sort_values("example_id", ignore_index=True)
    table["group"] = table["group"] if "group" in table else table["text"].map(_digest)
    table["control_key"] = _control_keys(spec, table)
    table["variant"] = table["variant"] if "variant" in table else _nulls(table)
    table = _capped(spec, table, dropped)
    try:
        table["fold"] = assign_folds(table, n_folds, seed)
    except DataError as error:
        raise DataError(f"{place}: {error}") from None
    tables = (table[TEXT_COLUMNS], table[LABEL_COLUMNS], table[VARIANT_COLUMNS])
    return Examples(*tables, table["row"], len(rows), dropped)


def _relabel(spec: DatasetSpec, rows: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the rows whose label is kept, with the spec's labels, and how many were dropped for which label."""
    if spec.labels is None:
        return rows.copy(), {}
    names, rest = spec.labels, REST in spec.labels
    unknown = rows[~rows["label"].isin(list(names))]
    if len(unknown) and not rest:
        label = unknown["label"].iloc[0]
        raise DataError(
            f"{spec.source.place}: {first_rows(list(unknown.index[unknown['label'] == label]))}: label {label!r} is "
            f"not under `labels:` of {spec.path}, which has {listed(names)}{nearest(label, names)}; "
            f"add it, with null to drop its rows, or drop all others with `'{REST}': null`"
        )
    kept = rows[rows["label"].map(lambda label: names.get(label) is not None).astype(bool)].copy()
    if kept.empty:
        raise DataError(f"{spec.source.place}: no rows left; `labels:` of {spec.path} drops every label")
    counts = rows["label"].value_counts().sort_index()
    dropped = {f"label {label!r} is null": int(n) for label, n in counts.items() if names.get(str(label), "") is None}
    if len(unknown):
        dropped["label has no line of its own"] = len(unknown)
    return kept.assign(label=kept["label"].map(dict(names)).astype("str")), dropped


def _check_values(place: str, table: pd.DataFrame, columns: Mapping[str, str]) -> None:
    for field, column in columns.items():
        missing = table.index[table[field].str.strip() == ""]
        if len(missing):
            hint = '; to leave the rows out, put `"": null` under `labels:`' if field == "label" else ""
            what = "empty text" if field == "text" else "missing value"
            raise DataError(f"{place}: column {column!r}: {what} in {first_rows(list(missing))}; fill it in{hint}")


def _drop_repeats(spec: DatasetSpec, table: pd.DataFrame, dropped: dict[str, int]) -> pd.DataFrame:
    """Return the table without repeated rows, where the spec allows that, and count them in `dropped`."""
    table = _without_contradictions(spec, table, dropped)
    # Sorted first, so that which of two copies stays does not depend on the order of the source.
    extra = [column for column in ("id", "group", "control_key") if column in table]
    repeated = table.sort_values([*SPAN, *extra]).duplicated(SPAN).reindex(table.index)
    if not repeated.any():
        return table
    if spec.duplicates == "error":
        rows = list(table.index[table.duplicated(SPAN, keep=False)])
        raise DataError(
            f"{spec.source.place}: {first_rows(rows)}: same text, span and label; remove the copies or put "
            f"`duplicates: drop` into {spec.path}"
        )
    dropped["copy of another row"] = int(repeated.sum())
    return table[~repeated]


def _without_contradictions(spec: DatasetSpec, table: pd.DataFrame, dropped: dict[str, int]) -> pd.DataFrame:
    """Return the table without rows of one text and span that have several labels, where the spec allows that."""
    torn = table.groupby(SPAN)["label"].transform("nunique") > 1
    if not torn.any():
        return table
    if spec.contradictions == "drop":
        dropped["same text with different labels"] = int(torn.sum())
        return table[~torn]
    rows = list(table.index[torn])
    same = table[(table[SPAN] == table.loc[rows[0], SPAN]).all(axis=1)]
    raise DataError(
        f"{spec.source.place}: {first_rows(rows)}: same text and span with different labels, as rows "
        f"{', '.join(f'{row} ({label!r})' for row, label in same['label'].head(5).items())}; correct the "
        f"labels, remove the rows, or put `contradictions: drop` into {spec.path}"
    )


def _with_ids(place: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with example_id: the source's, or a hash that leaves out the label so that labels may change."""
    if "id" not in table:
        spans = zip(table["text"], table["start"], table["end"], strict=True)
        return table.assign(example_id=[_digest(json.dumps([text, start, end])) for text, start, end in spans])
    twice = table[table["id"].duplicated(keep=False)]
    if len(twice):
        name = twice["id"].iloc[0]
        rows = first_rows(list(twice.index[twice["id"] == name]))
        raise DataError(f"{place}: {rows}: the id {name!r} occurs more than once; ids name one example each")
    return table.assign(example_id=table["id"])


def _control_keys(spec: DatasetSpec, table: pd.DataFrame) -> pd.Series:
    if "control_key" in table:
        return table["control_key"]
    if spec.readout != "span":
        return _nulls(table)
    spans = zip(table["text"], table["start"], table["end"], strict=True)
    return pd.Series([text[start:end].lower() for text, start, end in spans], index=table.index, dtype="str")


def _capped(spec: DatasetSpec, table: pd.DataFrame, dropped: dict[str, int]) -> pd.DataFrame:
    if spec.cap is None:
        return table
    try:
        kept = choose_rows(spec.cap, table)
    except DataError as error:
        raise DataError(f"{spec.path}: {error}") from None
    if not kept.all():
        dropped[f"over the cap of {spec.cap.examples}"] = int((~kept).sum())
    return table[kept].reset_index(drop=True)


def _nulls(table: pd.DataFrame) -> pd.Series:
    return pd.Series([None] * len(table), index=table.index, dtype="str")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
