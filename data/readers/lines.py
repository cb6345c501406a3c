"""Files of lines: a text a line, or a label and a text."""

from collections.abc import Mapping
from typing import Any

from data.errors import DataError
from data.readers.text import LINE_END

Record = Mapping[str, Any]


def parse_lines(place: str, text: str) -> list[Record]:
    r"""Return the lines as the column `$text`.

    An empty line is a row, too, so that parallel files keep step and later checks can name it; those at the end of the
    file are not.

    Args:
        place: File, for messages.
        text: What stands in it.

    Raises:
        DataError: If the file is empty.

    Example:
        >>> parse_lines("x.txt", "one\ntwo\n")
        [{'$text': 'one'}, {'$text': 'two'}]
    """
    return [{"$text": line} for line in _split(place, text)]


def parse_labelled(place: str, text: str, separator: str = " ") -> list[Record]:
    r"""Return lines of a label and a text as the columns `$label` and `$text`; empty lines at the end are skipped.

    Args:
        place: File, for messages.
        text: What stands in it.
        separator: What ends the label, of one character or more; the text may hold it again.

    Raises:
        DataError: If the file is empty, a line has no separator or nothing on one side of it, or `separator` is empty.

    Example:
        >>> parse_labelled("x.txt", "1 a fine film\n")
        [{'$label': '1', '$text': 'a fine film'}]
    """
    if not separator:
        raise DataError(f"{place}: separator: expected a character such as ' ', got ''")
    records: list[Record] = []
    for number, line in enumerate(_split(place, text), start=1):
        label, found, rest = line.partition(separator)
        if not found or not label.strip() or not rest.strip():
            raise DataError(
                f"{place}: line {number}: expected a label, {separator!r} and a text, got {line[:60]!r}; the separator "
                "is `separator:` in the spec"
            )
        records.append({"$label": label, "$text": rest})
    return records


def _split(place: str, text: str) -> list[str]:
    lines = LINE_END.split(text)
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise DataError(f"{place}: is empty")
    return lines
