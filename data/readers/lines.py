"""Files of lines: a text a line, or a label and a text."""

import re
from collections.abc import Mapping
from typing import Any

from data.errors import DataError

Record = Mapping[str, Any]


def parse_lines(place: str, text: str) -> list[Record]:
    r"""Return the lines as the column `$text`; an empty line is a row, too, so that parallel files keep step.

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
    r"""Return lines of a label and a text as the columns `$label` and `$text`.

    Args:
        place: File, for messages.
        text: What stands in it.
        separator: What ends the label; the text may hold it again.

    Raises:
        DataError: If the file is empty, or a line has no separator or nothing on one side of it.

    Example:
        >>> parse_labelled("x.txt", "1 a fine film\n")
        [{'$label': '1', '$text': 'a fine film'}]
    """
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
    # Not splitlines: it also splits at characters that texts hold, such as U+0085 and the form feed.
    lines = re.split("\r\n|\n|\r", text)
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise DataError(f"{place}: is empty")
    return lines
