"""JSON to Python values, with the line named where something is wrong with it."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from data.errors import DataError

MOST_DEEP = 100  # levels; published rows have a handful, and Python's own limit depends on who calls
MOST_DIGITS = 4000  # of a whole number; Python refuses to write out longer ones, see sys.set_int_max_str_digits
TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\]]', re.DOTALL)


def load_json(place: str, text: str, first: int = 1) -> Any:
    r"""Return what a JSON text holds.

    Three things that Python writes and JSON does not have are taken as they are meant: `NaN` is a missing value,
    `Infinity` and `-Infinity` are text, and so is a whole number of thousands of digits.

    Args:
        place: File, for messages.
        text: A document, or one line of JSON Lines.
        first: Number of its first line in the file.

    Raises:
        DataError: If it is not JSON, an object has a key twice, or it is nested more than `MOST_DEEP` levels deep.

    Example:
        >>> load_json("x.json", '{"a":\n 1, "a": 2}')
        Traceback (most recent call last):
        data.errors.DataError: x.json: the object that ends in line 2 has the key 'a' twice; take one out
    """
    closed = itertools.count(1)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nth, row = next(closed), dict(pairs)  # objects come in the order in which they end
        if len(row) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in names if names.count(key) > 1)
            line = first + _lines_to(text, _end_of_object(text, nth))
            raise DataError(f"{place}: the object that ends in line {line} has the key {twice!r} twice; take one out")
        return row

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=_constant, parse_int=_whole)
    except json.JSONDecodeError as error:
        seen = text[error.pos : error.pos + 20].strip()
        at = f"at {seen!r}" if seen else "at its end"
        raise DataError(f"{place}: line {first + error.lineno - 1} is not JSON: {error.msg} {at}") from None
    except RecursionError:
        raise DataError(_told_deep(place, text, first)) from None
    if _is_deep(value):
        raise DataError(_told_deep(place, text, first))
    return value


def _constant(name: str) -> str | None:
    return None if name == "NaN" else name


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= MOST_DIGITS else digits


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_DEEP):
        level = [child for one in level for child in _children(one)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterator[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (child for child in inside if isinstance(child, dict | list))


def _told_deep(place: str, text: str, first: int) -> str:
    depth, at = 0, 0
    for token in TOKENS.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth > MOST_DEEP:
            at = token.start()
            break
    line = first + _lines_to(text, at)
    return f"{place}: line {line}: objects or lists are nested more than {MOST_DEEP} deep; no row is so: is it damaged?"


def _end_of_object(text: str, nth: int) -> int:
    ends = (token.start() for token in TOKENS.finditer(text) if token[0] == "}")
    return next(itertools.islice(ends, nth - 1, None), 0)


def _lines_to(text: str, at: int) -> int:
    return text.count("\n", 0, at)
