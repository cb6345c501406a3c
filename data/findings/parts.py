"""Parts of the source for training and testing: they are not kept, and texts may be in two of them."""

import re
from collections.abc import Iterable

import pandas as pd

from data.findings.contradictions import fold_texts
from data.findings.finding import Finding, quoted
from data.sources import RawRows
from data.spec import DatasetSpec

PARTS = {
    "train": ("train", "training", "trn", "tr"),
    "dev": ("dev", "devel", "development", "validation", "valid", "val", "va"),
    "test": ("test", "testing", "tst", "te", "eval", "evaluation", "heldout", "held-out"),
}
PART_OF = {name: part for part, names in PARTS.items() for name in names}
FILE = "$file"  # the column in which the reader says which file a row is from


def about_parts(spec: DatasetSpec, raw: RawRows) -> list[Finding]:
    """Return a warning where a text is in two parts of the source, or a note that its parts are not kept.

    Parts are a column with words such as train and test, or files that are called so. Where copies are dropped, a text
    in two parts is but a note, too.

    Args:
        spec: What the dataset is.
        raw: Rows of its source.

    Example:
        >>> from data.spec import load_spec
        >>> from pathlib import Path
        >>> raw = RawRows(pd.DataFrame({"text": ["a", "b"]}), "", pd.DataFrame({"split": ["train", "test"]}))
        >>> about_parts(load_spec(Path("data/specs/wic.yaml")), raw)[0].message[:43]
        'The column split says which rows are for tr'
    """
    column = _column(spec, raw.source)
    if column is None:
        return []
    values = raw.source[column]
    counts = ", ".join(f"{value} {n}" for value, n in values.value_counts().sort_index().items())
    ignored = (
        f"{'The files say' if column == FILE else f'The column {column} says'} which rows are for training and testing "
        f"({counts}). That is not kept: all rows are pooled, and folds dealt out anew; to probe one part, "
        f"`where: {{{column}: {values.iloc[0]}}}`"
    )
    copies = _copies(raw, values)
    if copies.empty:
        return [Finding("note", "parts", ignored)]
    message = f"{_about_copies(raw, copies)} {_way_out(spec)}. {ignored}"
    return [Finding("note" if spec.duplicates == "drop" else "warning", "parts", message)]


def _column(spec: DatasetSpec, source: pd.DataFrame) -> str | None:
    """Return the column that says the parts, a column of the source's own if there is one."""
    labels = spec.columns.needed()["label"]
    named = [str(column) for column in source.columns if column not in labels and _are_parts(source[column].unique())]
    if not named and FILE in source and _are_parts(map(_part_in_name, source[FILE].unique())):
        return FILE
    return named[0] if named else None


def _are_parts(values: Iterable[str]) -> bool:
    parts = {PART_OF.get(value.strip().lower(), "") for value in values}
    return "" not in parts and len(parts) > 1


def _part_in_name(name: str) -> str:
    return next((word for word in re.split(r"[^a-z]+", name.lower()) if word in PART_OF), "")


def _copies(raw: RawRows, values: pd.Series) -> pd.DataFrame:
    """Return the rows whose text, but for case, blanks and punctuation, is in two parts."""
    table = pd.DataFrame({"key": fold_texts(raw.rows["text"]), "part": values}, index=raw.rows.index)
    return table[table.groupby("key")["part"].transform("nunique") > 1]


def _about_copies(raw: RawRows, copies: pd.DataFrame) -> str:
    same = copies[copies["key"] == copies["key"].iloc[0]].drop_duplicates("part")
    rows = " and ".join(f"row {row} ({part})" for row, part in same["part"].head(2).items())
    n, text = copies["key"].nunique(), str(raw.rows.loc[same.index[0], "text"])
    return (
        f"{n} text{'s are' if n > 1 else ' is'} in two parts of the source: {quoted(text)} is {rows}. A probe trained "
        f"on one part has met {'them' if n > 1 else 'it'} when it is tested on another."
    )


def _way_out(spec: DatasetSpec) -> str:
    if spec.duplicates == "drop":
        return "Here one of each is kept, as `duplicates: drop` asks"
    return f"Put `duplicates: drop` into {spec.path} to keep one of each"
