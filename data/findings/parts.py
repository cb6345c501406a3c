"""Parts of the source for training and testing: they are not kept, and texts may be in two of them."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

import pandas as pd

from data.findings.contradictions import fold_texts
from data.findings.finding import Finding, quoted
from data.places import FileSource
from data.sources import RawRows
from data.spec import DatasetSpec

PARTS = {
    "train": ("train", "training", "trn", "tr"),
    "dev": ("dev", "devel", "development", "validation", "valid", "val", "va"),
    "test": ("test", "testing", "tst", "te", "eval", "evaluation", "heldout", "held-out"),
}
PART_OF = {name: part for part, names in PARTS.items() for name in names}


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
    column, values = _parts(spec, raw)
    if values.empty:
        return []
    counts = ", ".join(f"{value} {n}" for value, n in values.value_counts().sort_index().items())
    ignored = (
        f"{f'The column {column} says' if column else 'The files say'} which rows are for training and testing "
        f"({counts}). That is not kept: all rows are pooled, and folds dealt out anew; to probe one part, "
        f"{f'`where: {{{column}: {values.iloc[0]}}}`' if column else 'name its file alone under `source:`'}"
    )
    copies = _copies(raw, values)
    if copies.empty:
        return [Finding("note", "parts", ignored)]
    message = f"{_about_copies(raw, copies)} {_way_out(spec)}. {ignored}"
    return [Finding("note" if spec.duplicates == "drop" else "warning", "parts", message)]


def _parts(spec: DatasetSpec, raw: RawRows) -> tuple[str, pd.Series]:
    """Return the column that says the parts, "" for the names of files, and the part of each row, if any says so."""
    labels = spec.columns.needed()["label"]
    for column in raw.source.columns:
        if column not in labels and _are_parts(raw.source[column].unique()):
            return str(column), raw.source[column]
    names = _file_names(spec, raw)
    return "", names if _are_parts(map(_part_in_name, names.unique())) else names[:0]


def _file_names(spec: DatasetSpec, raw: RawRows) -> pd.Series:
    """Return the name of each row's file, where there are several; rows are then called by path and number."""
    paths = spec.source.paths if isinstance(spec.source, FileSource) else ()
    if len(paths) < 2:
        return pd.Series(dtype="str")
    of_row = [next(path for path in paths if str(row).startswith(f"{path}:")) for row in raw.rows.index]
    return pd.Series([PurePosixPath(path).name for path in of_row], index=raw.rows.index)


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
        return "Here copies are left out, as `duplicates: drop` asks"
    return f"Put `duplicates: drop` into {spec.path} to keep one of each"
