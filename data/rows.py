"""From the records of a source to rows with the fields of the spec: choose, clean, melt, fill templates, group."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from string import Formatter
from typing import Any

import pandas as pd

from data.columns import Columns, Grouping, Melt, Template
from data.errors import DataError, first_rows, nearest

Record = Mapping[str, Any]
Named = tuple[int | str, Record]  # a row's number or name in messages, and what it holds


def choose(place: str, rows: Sequence[Named], where: Mapping[str, Sequence[str]]) -> tuple[list[Named], dict[str, int]]:
    """Return the rows that have the wanted values, and for each reason how many were dropped.

    Args:
        place: Source, for messages.
        rows: All rows, with their names.
        where: Column -> the values it may have.

    Raises:
        DataError: If there is no such column, or no row is left.

    Example:
        >>> choose("x.csv", [(1, {"pos": "NOUN"}), (2, {"pos": "VERB"})], {"pos": ["NOUN"]})
        ([(1, {'pos': 'NOUN'})], {'pos is not NOUN': 1})
    """
    kept, dropped = list(rows), {}
    for column, values in where.items():
        _check_column(place, f"where: {column}", column, rows)
        left = [row for row in kept if _plain(row[1].get(column)) in values]
        if len(left) < len(kept):
            dropped[f"{column} is not {' or '.join(values)}"] = len(kept) - len(left)
        if not left:
            there = sorted({_plain(record.get(column)) for _, record in kept})
            raise DataError(f"{place}: where: {column}: no row has {' or '.join(map(repr, values))}; there are "
                            f"{', '.join(map(repr, there[:10]))}")  # fmt: skip
        kept = left
    return kept, dropped


def clean(place: str, rows: Sequence[Named], remove: Mapping[str, str]) -> list[Named]:
    """Return the rows without what regular expressions match in some of their columns.

    Args:
        place: Source, for messages.
        rows: Rows with their names.
        remove: Column -> regular expression.

    Raises:
        DataError: If there is no such column.

    Example:
        >>> clean("x.tsv", [(1, {"word": "cat-n"})], {"word": "-[nv]$"})
        [(1, {'word': 'cat'})]
    """
    for column in remove:
        _check_column(place, f"remove: {column}", column, rows)
    patterns = {column: re.compile(pattern) for column, pattern in remove.items()}
    return [
        (name, {**record, **{one: pattern.sub("", _plain(record.get(one))) for one, pattern in patterns.items()}})
        for name, record in rows
    ]


def melt_rows(place: str, rows: Sequence[Named], melt: Melt) -> list[Named]:
    """Return a row for each text in the melted columns, with `$value` and `$label`, beside the columns of the old row.

    Args:
        place: Source, for messages.
        rows: Rows with their names.
        melt: Which columns, and what stands between several texts in one.

    Raises:
        DataError: If there is no such column, or what it holds is neither text nor a list of texts.

    Example:
        >>> melt_rows("x.csv", [(1, {"good": "a", "bad": "b"})], Melt({"good": "yes", "bad": "no"}))[1]
        ('1 bad', {'good': 'a', 'bad': 'b', '$value': 'b', '$label': 'no'})
    """
    for column in melt.columns:
        _check_column(place, "melt: columns", column, rows)
    made: list[Named] = []
    for name, record in rows:
        for column, label in melt.columns.items():
            texts = _texts(record.get(column), melt.split)
            many = len(texts) > 1
            made += [
                (f"{name} {column}{f'[{at}]' if many else ''}", {**record, "$value": text, "$label": label})
                for at, text in enumerate(texts)
            ]
    return made


def select_fields(place: str, rows: Sequence[Named], columns: Columns) -> pd.DataFrame:
    """Return one column of text for each field of the spec, "" where a value is missing; the index names the rows.

    A template with `read` gives `start` and `end`, too.

    Args:
        place: Source, for messages.
        rows: Rows with their names.
        columns: Which column holds what.

    Raises:
        DataError: If there is no row or no such column, or a value is neither text nor a number.

    Example:
        >>> table = select_fields("x.csv", [(1, {"a": "The cat", "b": 1})], Columns("a", "b"))
        >>> table.to_dict("records")
        [{'text': 'The cat', 'label': '1'}]
    """
    if not rows:
        raise DataError(f"{place}: has no rows")
    names = [name for name, _ in rows]
    plain: dict[str, list[str]] = {}
    for field, parts in columns.needed().items():
        for part in parts:
            if part not in plain and not (part == "$text" and field == "group" and "$text" not in rows[0][1]):
                _check_column(place, f"columns.{field}", part, rows)
                plain[part] = _as_text(place, part, names, [record.get(part) for _, record in rows])
    fields = _text_fields(place, columns.text, names, plain)
    plain.setdefault("$text", fields["text"])
    for field, parts in columns.needed().items():
        if field != "text":
            fields[field] = plain[parts[0]]
    if columns.group:
        fields["group"] = _groups(place, columns.group, names, plain)
    return pd.DataFrame(fields, index=names, dtype="str")


def all_columns(rows: Sequence[Named]) -> pd.DataFrame:
    """Return every column of the source whose values are text or numbers, as text, with the index of the rows.

    Args:
        rows: Rows with their names.

    Example:
        >>> all_columns([(1, {"a": 1, "b": [2]})]).to_dict("records")
        [{'a': '1'}]
    """
    columns = dict.fromkeys(column for _, record in rows for column in record)
    values = {column: [record.get(column) for _, record in rows] for column in columns}
    kept = {column: [_plain(one) for one in there] for column, there in values.items() if all(map(_is_plain, there))}
    return pd.DataFrame(kept, index=[name for name, _ in rows], dtype="str")


def _texts(value: Any, split: str | None) -> list[str]:
    """Return the texts of a cell that are not blank: the items of a list, or the parts between separators."""
    parts = value if isinstance(value, list) else _plain(value).split(split) if split else [value]
    return [text for text in (_plain(part).strip() if split else _plain(part) for part in parts) if text.strip()]


def _check_column(place: str, field: str, name: str, rows: Iterable[Named]) -> None:
    if any(name in record for _, record in rows):
        return
    there = list(dict.fromkeys(column for _, record in rows for column in record))
    shown = ", ".join(there[:30]) + (f" and {len(there) - 30} more" if len(there) > 30 else "")
    raise DataError(f"{place}: {field}: no column {name!r}; it has {shown}{nearest(name, there)}")


def _text_fields(
    place: str, text: str | Template, names: Sequence[int | str], plain: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Return the fields that the text is: itself, and the span where a template says which part is read."""
    if isinstance(text, str):
        return {"text": plain[text]}
    for part in text.names:
        missing = [name for name, value in zip(names, plain[part], strict=True) if not value.strip()]
        if missing:
            raise DataError(f"{place}: column {part!r}: missing value in {first_rows(missing)}; the text needs it")
    filled = [_fill(text, {part: plain[part][at] for part in text.names}) for at in range(len(names))]
    if text.read is None:
        return {"text": [one[0] for one in filled]}
    return {name: [str(one[at]) for one in filled] for at, name in enumerate(("text", "start", "end"))}


def _fill(template: Template, values: Mapping[str, str]) -> tuple[str, int, int]:
    """Return the text and the span of what is read; without `read` the span is the whole text."""
    text, start, end = "", 0, 0
    for before, name, _, _ in Formatter().parse(template.template):
        text += before
        if name is not None:
            if name == template.read:
                start, end = len(text), len(text) + len(values[name])
            text += values[name]
    return text, start, end


def _groups(place: str, group: Grouping, names: Sequence[int | str], plain: Mapping[str, list[str]]) -> list[str]:
    parts = [_matched(place, column, group.pattern, names, plain[column]) for column in group.columns]
    if len(parts) == 1:
        return parts[0]
    # JSON, so that ("a b", "c") and ("a", "b c") stay two groups
    return ["" if not all(values) else json.dumps(values, ensure_ascii=False) for values in zip(*parts, strict=True)]


def _matched(place: str, column: str, pattern: str | None, names: Sequence[int | str], values: list[str]) -> list[str]:
    if pattern is None:
        return values
    found = [re.search(pattern, value) for value in values]
    missing = [name for name, match in zip(names, found, strict=True) if not match or not match[match.re.groups and 1]]
    if missing:
        value = values[list(names).index(missing[0])]
        raise DataError(
            f"{place}: columns.group.pattern: {pattern!r} finds nothing in column {column!r} of {first_rows(missing)}, "
            f"such as {value[:80]!r}; every row needs a group"
        )
    return [match[match.re.groups and 1] for match in found if match]


def _as_text(place: str, column: str, names: Sequence[int | str], values: Sequence[Any]) -> list[str]:
    bad = [at for at, value in enumerate(values) if not _is_plain(value)]
    if bad:
        raise DataError(
            f"{place}: column {column!r}: {first_rows([names[at] for at in bad])}: expected Unicode text or a number, "
            f"got {values[bad[0]]!r}"
        )
    return [_plain(value) for value in values]


def _plain(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _is_plain(value: Any) -> bool:
    # Half of a surrogate pair is legal in JSON, but it is no character, and Parquet cannot hold it.
    return isinstance(value, int | float | None) or (isinstance(value, str) and not re.search("[\ud800-\udfff]", value))
