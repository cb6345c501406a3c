"""Where the span of an example is: from two columns, from a target word, or the whole text."""

import re

import pandas as pd

from data.errors import DataError, first_rows
from data.spec import DatasetSpec


def with_spans(spec: DatasetSpec, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with start and end as integers that are checked against the text.

    Args:
        spec: What the dataset is.
        table: With the fields of the spec as text.

    Raises:
        DataError: If a span is no whole numbers, lies outside its text, or is blank; or if a target does not occur
            exactly once.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> spec = load_spec(Path("data/specs/voice.yaml"))  # its readout is a span
        >>> table = pd.DataFrame({"text": ["It fell."], "start": ["3"], "end": ["7"]})
        >>> with_spans(spec, table)[["start", "end"]].to_numpy().tolist()
        [[3, 7]]
    """
    if spec.readout != "span":
        return table.assign(start=0, end=table["text"].str.len().astype("int64"))
    if spec.columns.target is not None:
        return _find_targets(spec.source.place, table)
    place = spec.source.place
    for field in ("start", "end"):
        bad = table.index[~table[field].str.fullmatch(r"[0-9]{1,9}")]
        if len(bad):
            value = table.loc[bad[0], field]
            column = spec.columns.given().get(field, field)
            raise DataError(f"{place}: column {column!r}: {first_rows(list(bad))}: expected a "
                            f"whole number of characters, 0 or more, got {value!r}")  # fmt: skip
    table = table.assign(start=table["start"].astype("int64"), end=table["end"].astype("int64"))
    _check_spans(place, table)
    return table


def _check_spans(place: str, table: pd.DataFrame) -> None:
    bad = table[(table["start"] >= table["end"]) | (table["end"] > table["text"].str.len())]
    if len(bad):
        row = bad.iloc[0]
        raise DataError(
            f"{place}: {first_rows(list(bad.index))}: span {row['start']}-{row['end']} in a text of "
            f"{len(row['text'])} characters; start counts from 0, end is one past the last character, and "
            "0 <= start < end <= length"
        )
    cut = [text[start:end] for text, start, end in zip(table["text"], table["start"], table["end"], strict=True)]
    blank = [row for row, span in zip(table.index, cut, strict=True) if not span.strip()]
    if blank:
        raise DataError(f"{place}: {first_rows(blank)}: the span holds white space only; start and end are characters")


def _find_targets(place: str, table: pd.DataFrame) -> pd.DataFrame:
    found = [_occurrences(text, target) for text, target in zip(table["text"], table["target"], strict=True)]
    bad = [row for row, starts in zip(table.index, found, strict=True) if len(starts) != 1]
    if bad:
        text, target = table.loc[bad[0], ["text", "target"]]
        times = len(_occurrences(text, target))
        raise DataError(
            f"{place}: {first_rows(bad)}: target {target!r} occurs {times} times in {text!r}; it must occur exactly "
            "once, in the same case. Correct it, or give `start` and `end` columns instead"
        )
    start = pd.Series([starts[0] for starts in found], index=table.index, dtype="int64")
    return table.assign(start=start, end=start + table["target"].str.len().astype("int64"))


def _occurrences(text: str, target: str) -> list[int]:
    """Return where the target starts: as whole words, or anywhere (overlaps too) when no whole word is found."""
    words = [match.start() for match in re.finditer(rf"(?<!\w){re.escape(target)}(?!\w)", text)]
    return words or [match.start() for match in re.finditer(rf"(?={re.escape(target)})", text)]
