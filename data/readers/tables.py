"""Tables with separators: CSV and TSV, with a header or without, quotes as CSV has them or as they stand."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data.errors import DataError, nearest
from data.readers.quoted import quoted_fields
from data.readers.text import LINE_END

Record = Mapping[str, Any]
Row = tuple[int, list[str]]  # the line on which it begins, and its fields
QUOTES = ("csv", "literal")
USUAL = ("\t", ";", "|", ",")  # separators


def parse_table(
    place: str, text: str, separator: str = ",", quotes: str | None = None, header: Sequence[str] | None = None
) -> list[Record]:
    r"""Return the rows of a table, column -> text; lines that are empty are skipped.

    Args:
        place: File, for messages.
        text: What stands in it.
        separator: One character.
        quotes: `csv` where a quoted field may hold separators, line ends and doubled quotes; `literal` where a quote is
            a character as any other; None decides for tables with tabs by what is in them, see `read_fields`.
        header: Names of the columns; None takes those of the first line, where an empty first one, as pandas writes
            for its index, is called `$index`.

    Raises:
        DataError: If a line has another number of fields than the header, a quote is left open, a column has no name
            or that of another, or the first line repeats `header`.

    Example:
        >>> parse_table("x.csv", 'text,label\n"say ""a"", b",1\n')
        [{'text': 'say "a", b', 'label': '1'}]
    """
    rows = list(read_fields(place, text, separator, quotes))
    names = list(header) if header else _indexed(rows[0][1]) if rows else []
    _check_names(place, "`header:` of the spec" if header else "the header", names)
    if not header:
        rows = rows[1:]
    elif rows and rows[0][1] == names:
        raise DataError(f"{place}: line {rows[0][0]} is the header that `header:` repeats; take that key out")
    for line, fields in rows:
        if len(fields) != len(names):
            raise DataError(_counted(place, line, fields, names, separator, given=bool(header)))
    return [dict(zip(names, fields, strict=True)) for _, fields in rows]


def read_fields(place: str, text: str, separator: str, quotes: str | None = None) -> Iterator[Row]:
    r"""Return the number of each line that is not empty, and its fields.

    Where `quotes` is None, tables with another separator than a tab are read as CSV. Those with tabs are read
    literally, because most that are published have stray quotes; as CSV only if every field that opens with a quote is
    a whole quoted field, as spreadsheets and pandas write them, or if that alone gives all lines the same number of
    fields.

    Args:
        place: File, for messages.
        text: What stands in it.
        separator: One character.
        quotes: `csv`, `literal`, or None.

    Raises:
        DataError: If a quote is left open, or `separator` or `quotes` is not allowed.

    Example:
        >>> list(read_fields("x.tsv", "a\tb\n\nc\n", "\t"))
        [(1, ['a', 'b']), (3, ['c'])]
    """
    if len(separator) != 1 or separator in '"\r\n':
        raise DataError(f"{place}: separator: expected one character, no quote and no line end, got {separator!r}")
    if quotes not in (None, *QUOTES):
        raise DataError(f"{place}: quotes: expected {' or '.join(QUOTES)}, got {quotes!r}{nearest(quotes, QUOTES)}")
    if quotes == "literal" or (quotes is None and separator == "\t" and not _is_quoted(text)):
        return _literal(text, separator)
    return quoted_fields(place, text, separator)


def _literal(text: str, separator: str) -> Iterator[Row]:
    for number, line in enumerate(LINE_END.split(text), start=1):
        if line:
            yield number, line.split(separator)


def _is_quoted(text: str) -> bool:
    """Return whether a table with tabs has quotes as CSV has them."""
    if '"' not in text:
        return False
    rows = [fields for _, fields in _literal(text, "\t")]
    opened = [field for fields in rows for field in fields if field.startswith('"')]
    if all(re.fullmatch('"(?:[^"]++|"")*+"', field) for field in opened):
        return True
    if len({len(fields) for fields in rows}) == 1:
        return False
    try:
        return len({len(fields) for _, fields in quoted_fields("", text, "\t")}) == 1
    except DataError:
        return False


def _indexed(names: list[str]) -> list[str]:
    return ["$index", *names[1:]] if names[0] == "" else names  # the row numbers that pandas writes


def _check_names(place: str, header: str, names: Sequence[str]) -> None:
    for at, name in enumerate(names, start=1):
        if not name.strip():
            raise DataError(f"{place}: column {at} of {header} has no name; give it one, or all with `header:`")
        if names.count(name) > 1:
            raise DataError(f"{place}: {header} has the column {name!r} more than once; rename one")


def _counted(place: str, line: int, fields: Sequence[str], names: Sequence[str], separator: str, given: bool) -> str:
    what = "`header:` of the spec names" if given else "the header has"
    hint = "is a separator or a quote missing?"
    other = [one for one in USUAL if one != separator and separator.join(fields).count(one) == len(names) - 1 > 0]
    other += [one for one in USUAL if one != separator and len(names) == 1 and one in names[0]]
    if other:
        hint = f"is the separator {other[0]!r}? Say so with `separator:`, or with `format: tsv` for tabs"
    return f"{place}: line {line} has {len(fields)} fields, {what} {len(names)}; {hint}"
