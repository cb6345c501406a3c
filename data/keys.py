"""What may stand in a mapping of a spec: each check returns the value, or refuses it with its place and the way out."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from data.errors import DataError, nearest

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")


def check_mapping(place: str, value: Any) -> Mapping[str, Any]:
    """Return a value that is a mapping and not empty.

    Args:
        place: File and field, for messages.
        value: What stands there.

    Raises:
        DataError: If it is something else.

    Example:
        >>> check_mapping("x.yaml: columns", {"text": "sentence"})
        {'text': 'sentence'}
    """
    if not isinstance(value, Mapping) or not value:
        raise DataError(f"{place}: expected `key: value` lines, got {shown(value)}")
    return value


def check_keys(place: str, given: Iterable[str], required: Iterable[str], allowed: Iterable[str]) -> None:
    """Refuse keys that are not allowed, and the lack of those required.

    Args:
        place: File and field, for messages.
        given: The keys there are.
        required: Those that must be among them.
        allowed: Those that may be among them, the required ones included.

    Raises:
        DataError: If one is too many or missing; names the nearest valid one.

    Example:
        >>> check_keys("x.yaml", ["a", "bb"], ["a"], ["a", "b"])
        Traceback (most recent call last):
        data.errors.DataError: x.yaml: unknown key 'bb'; allowed: a, b; did you mean 'b'?
    """
    for key in given:
        if key not in allowed:
            raise DataError(f"{place}: unknown key {key!r}; allowed: {', '.join(allowed)}{nearest(key, allowed)}")
    missing = [key for key in required if key not in given]
    if missing:
        raise DataError(f"{place}: missing {', '.join(missing)}; needed: {', '.join(required)}")


def check_text(place: str, raw: Mapping[str, Any], key: str) -> str:
    """Return the text under a key.

    Args:
        place: File and field, for messages.
        raw: A mapping of the spec.
        key: One of its keys.

    Raises:
        DataError: If it is no text, empty, or holds a character that cannot be written as UTF-8.

    Example:
        >>> check_text("x.yaml", {"licence": "CC0-1.0"}, "licence")
        'CC0-1.0'
    """
    value = raw[key]
    if not isinstance(value, str):
        raise DataError(f"{place}: {key}: expected text, got {shown(value)}; put it in quotes if it is meant as text")
    if not value.strip():
        raise DataError(f"{place}: {key}: empty; say something or remove the key")
    if re.search("[\0\ud800-\udfff]", value):
        raise DataError(f"{place}: {key}: holds a character that is no text, {shown(value)}")
    return value


def check_texts(place: str, raw: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return the text under a key, or the list of texts, as a tuple.

    Args:
        place: File and field, for messages.
        raw: A mapping of the spec.
        key: One of its keys.

    Raises:
        DataError: If it is neither a text nor a list of texts that are not empty.

    Example:
        >>> check_texts("x.yaml", {"path": ["a.csv", "b.csv"]}, "path")
        ('a.csv', 'b.csv')
    """
    value = raw[key]
    if not isinstance(value, list):
        return (check_text(place, raw, key),)
    if not value:
        raise DataError(f"{place}: {key}: an empty list; name at least one")
    return tuple(check_text(place, {f"{key}[{at}]": one}, f"{key}[{at}]") for at, one in enumerate(value))


def check_choice(place: str, raw: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    """Return the text under a key, which is one of those allowed.

    Args:
        place: File and field, for messages.
        raw: A mapping of the spec.
        key: One of its keys.
        allowed: The valid texts.

    Raises:
        DataError: If it is another.

    Example:
        >>> check_choice("x.yaml", {"readout": "last"}, "readout", ("last", "mean"))
        'last'
    """
    value = check_text(place, raw, key)
    if value not in allowed:
        raise DataError(f"{place}: {key}: expected one of {', '.join(allowed)}, got {value!r}{nearest(value, allowed)}")
    return value


def check_count(place: str, raw: Mapping[str, Any], key: str) -> int:
    """Return the whole number under a key, 1 or more.

    Args:
        place: File and field, for messages.
        raw: A mapping of the spec.
        key: One of its keys.

    Raises:
        DataError: If it is something else.

    Example:
        >>> check_count("x.yaml", {"cap": 2000}, "cap")
        2000
    """
    value = raw[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DataError(f"{place}: {key}: expected a whole number, 1 or more, got {shown(value)}")
    return value


def check_slug(place: str, value: str) -> str:
    """Return a text that is a slug.

    Args:
        place: File and field, for messages.
        value: The text.

    Raises:
        DataError: If it holds other characters.

    Example:
        >>> check_slug("x.yaml: feature", "word_sense")
        'word_sense'
    """
    if not SLUG.fullmatch(value):
        raise DataError(f"{place}: {value!r} is not a slug; use a-z, 0-9, _ and -, starting with a letter or a digit")
    return value


def shown(value: object) -> str:
    """Return a value as it is shown in a message: on one line, cut short.

    Args:
        value: Anything that YAML or a file may hold.

    Example:
        >>> shown([1, 2])
        '[1, 2]'
    """
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
