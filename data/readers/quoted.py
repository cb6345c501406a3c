"""Tables with quotes as RFC 4180 has them, read strictly.

Not the csv module: its limit on the length of a field is one number for the whole process, and it does not say where a
quote was opened. Not pandas: it fills short lines in silence.
"""

import re
from collections.abc import Iterator

from data.errors import DataError
from data.readers.text import LINE_END

HINT = 'quote fields as "say ""yes""", or if quotes are characters as any other put `quotes: literal` into the spec'
# Possessive (++, *+): what is matched once is never given back, so an open quote costs one pass over the file.
QUOTED = re.compile('"((?:[^"]++|"")*+)"')


def quoted_fields(place: str, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    r"""Yield the line on which each row begins, and its fields; empty lines are left out.

    Args:
        place: File, for messages.
        text: What stands in it.
        separator: One character.

    Raises:
        DataError: If a quote is left open, or something other than a separator follows one that closes.

    Example:
        >>> list(quoted_fields("x.csv", 'a,"b\nc"\n\n"say ""d"" ",\n', ","))
        [(1, ['a', 'b\nc']), (4, ['say "d" ', ''])]
    """
    bare = re.compile(f"[^{re.escape(separator)}\r\n]*+")
    at, line = 0, 1
    while at < len(text):
        end = LINE_END.match(text, at)
        if end:
            at, line = end.end(), line + 1
            continue
        fields, at, breaks = _row(place, text, separator, bare, at, line)
        yield line, fields
        line += breaks


def _row(
    place: str, text: str, separator: str, bare: re.Pattern[str], at: int, line: int
) -> tuple[list[str], int, int]:
    """Return the fields of a row, where the line break after it is, and how many breaks there are in it."""
    fields: list[str] = []
    breaks = 0
    while True:
        if text.startswith('"', at):
            field, at = _quoted(place, text, separator, at, line + breaks)
            breaks += len(LINE_END.findall(field))
        else:
            found = bare.match(text, at)
            field, at = (found[0], found.end()) if found else ("", at)
        fields.append(field)
        if not text.startswith(separator, at):
            return fields, at, breaks
        at += len(separator)


def _quoted(place: str, text: str, separator: str, at: int, line: int) -> tuple[str, int]:
    """Return what stands between quotes, and where it goes on."""
    found = QUOTED.match(text, at)
    if not found:
        shown = text[at : at + 40].splitlines()[0]
        raise DataError(f"{place}: line {line}: the quote that opens at {shown!r} is never closed; {HINT}")
    if found.end() < len(text) and text[found.end()] not in (separator, "\r", "\n"):
        line += len(LINE_END.findall(found[0]))
        raise DataError(f"{place}: line {line}: {separator!r} expected after '\"'; {HINT}")
    return found[1].replace('""', '"'), found.end()
