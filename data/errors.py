"""The error a person is meant to read, and the phrases its messages share."""

import difflib
from collections.abc import Iterable, Sequence


class DataError(ValueError):
    """Bad spec or bad rows: says where, what was given, what is allowed and the way out."""


def nearest(name: object, allowed: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the allowed name most like `name`, or nothing when none is alike.

    Args:
        name: What was given.
        allowed: The valid names.

    Example:
        >>> nearest("licens", ["licence", "label"])
        "; did you mean 'licence'?"
    """
    close = difflib.get_close_matches(str(name), list(allowed), n=1, cutoff=0.4)
    return f"; did you mean {close[0]!r}?" if close else ""


def listed(names: Iterable[object], most: int = 10) -> str:
    """Return names as a message lists them, the first ones and how many more there are.

    Args:
        names: What there is.
        most: Names listed.

    Example:
        >>> listed("abc", most=2)
        "'a', 'b' and 1 more"
    """
    known = [repr(name) for name in names]
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def first_rows(rows: Sequence[int | str]) -> str:
    """Return row numbers as text, the first five of them and how many more there are.

    Args:
        rows: Row numbers of the source, counted from 1 without a header line, or names of rows.

    Example:
        >>> first_rows([3, 8, 9, 12, 20, 21, 40])
        'rows 3, 8, 9, 12, 20 and 2 more'
    """
    shown = ", ".join(str(row) for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"{'rows' if len(rows) > 1 else 'row'} {shown}{more}"
