"""Tables with separators: CSV and TSV, with a header or without, quotes as CSV has them or as they stand."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from data.errors import DataError

Record = Mapping[str, Any]
FIELD_LIMIT = 10**8  # characters; the csv module's own limit is 131072, and it is one number for the whole process


def parse_table(
    place: str, text: str, separator: str = ",", quotes: str | None = None, header: Sequence[str] | None = None
) -> list[Record]:
    r"""Return the rows of a table, column -> text.

    Args:
        place: File, for messages.
        text: What stands in it.
        separator: One character.
        quotes: `csv` where a quoted field may hold separators, line ends and doubled quotes; `literal` where a quote is
            a character as any other; None takes a table with tabs literally unless it is quoted throughout.
        header: Names of the columns; None takes those of the first line.

    Raises:
        DataError: If a line has another number of fields than the header, a quote is left open, or two columns have
            one name.

    Example:
        >>> parse_table("x.csv", 'text,label\n"say ""a"", b",1\n')
        [{'text': 'say "a", b', 'label': '1'}]
    """
    names = list(header) if header else None
    records: list[Record] = []
    for line, fields in read_fields(place, text, separator, quotes):
        if names is None:
            names = _named(place, fields)
        elif len(fields) == len(names):
            records.append(dict(zip(names, fields, strict=True)))
        else:
            raise DataError(_counted(place, line, fields, names, given=bool(header)))
    return records


def read_fields(place: str, text: str, separator: str, quotes: str | None = None) -> Iterator[tuple[int, list[str]]]:
    r"""Return the number of each line that is not empty, and its fields.

    Args:
        place: File, for messages.
        text: What stands in it.
        separator: One character.
        quotes: `csv`, `literal`, or None to decide as `parse_table` does.

    Raises:
        DataError: If a quote is left open.

    Example:
        >>> list(read_fields("x.tsv", "a\tb\n\nc\n", "\t"))
        [(1, ['a', 'b']), (3, ['c'])]
    """
    literal = quotes == "literal" or (quotes is None and separator == "\t" and not _is_quoted(text))
    return _literal(text, separator) if literal else _quoted(place, text, separator)


def _literal(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line that is not empty, and its fields."""
    for number, line in enumerate(re.split("\r\n|\n|\r", text), start=1):
        if line:
            yield number, line.split(separator)


def _quoted(place: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    # The csv module and not pandas: it counts the fields of every line, while pandas fills short lines in silence.
    quoting: Literal[0] = csv.QUOTE_MINIMAL
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=True)
    limit = csv.field_size_limit(FIELD_LIMIT)
    begun = 1
    try:
        for fields in lines:
            if fields:
                yield begun, fields
            begun = lines.line_num + 1
    except csv.Error as error:
        where = f"line {begun}" if lines.line_num <= begun else f"lines {begun} to {lines.line_num}"
        raise DataError(
            f'{place}: {where}: {error}; quote fields as "say ""yes""", or if quotes are characters as any other put '
            "`quotes: literal` into the spec"
        ) from None
    finally:
        csv.field_size_limit(limit)


def _is_quoted(text: str) -> bool:
    """Return whether every field that opens with a quote is a whole quoted field.

    Spreadsheets and pandas quote tab-separated fields; most published files do not, and have stray quotes.
    """
    fields = (field for line in text.splitlines() for field in line.split("\t"))
    return all(re.fullmatch('"(?:[^"]|"")*"', field) for field in fields if field.startswith('"'))


def _named(place: str, fields: Sequence[str]) -> list[str]:
    names = list(fields)
    if names[0] == "":  # the row numbers that pandas writes
        names[0] = "$index"
    for at, name in enumerate(names):
        if not name.strip():
            raise DataError(f"{place}: column {at + 1} of the header has no name; give it one, or all with `header:`")
        if names.count(name) > 1:
            raise DataError(f"{place}: the header has the column {name!r} more than once; rename one")
    return names


def _counted(place: str, line: int, fields: Sequence[str], names: Sequence[str], given: bool) -> str:
    what = "`header:` of the spec names" if given else "the header has"
    return f"{place}: line {line} has {len(fields)} fields, {what} {len(names)}; is a separator or a quote missing?"
