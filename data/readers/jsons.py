"""JSON documents and JSON Lines; what is nested gets dotted names."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from data.errors import DataError, nearest
from data.readers.strict_json import load_json
from data.readers.text import LINE_END

Record = Mapping[str, Any]


def parse_json(place: str, text: str, records: str | None = None) -> list[Record]:
    """Return the rows of a JSON document; JSON Lines that are named .json are read as such.

    A row is an object, or a list, whose items are then the columns `$0`, `$1` and so on, or a text, which is then the
    column `$value`.

    Args:
        place: File, for messages.
        text: What stands in it.
        records: Where the rows are: names separated by dots, `*` for each item of a list or each value of an object,
            whose key is then the column `$key` (that of an object further out `$key.1`). Values passed on the way that
            are neither objects nor lists become columns, too; of two with one name the inner one is taken. None where
            the document is a list of rows.

    Raises:
        DataError: If it is not JSON, `records` leads nowhere, or there is something else than rows.

    Example:
        >>> parse_json("x.json", '{"name": "capital", "samples": [{"subject": "Mali"}]}', "samples.*")
        [{'name': 'capital', 'subject': 'Mali'}]
    """
    if _is_lines(text):
        if records is not None:
            raise DataError(f"{place}: has one object a line; set `format: jsonl`, and take `records:` out")
        return parse_jsonl(place, text)
    document = load_json(place, text)
    if records is None and not isinstance(document, list):
        raise DataError(
            f"{place}: expected a list of objects; say with `records:` where in the document they are, such as "
            "`records: samples.*`, and for one object a line set `format: jsonl`"
        )
    found = _walk(place, document, ("*" if records is None else records).split("."), {}, ())
    return _flattened(place, ((f"row {number}", row) for number, row in enumerate(found, start=1)))


def parse_jsonl(place: str, text: str) -> list[Record]:
    r"""Return the rows of a file with one a line; empty lines are skipped, and a row is what it is for `parse_json`.

    Args:
        place: File, for messages.
        text: What stands in it.

    Raises:
        DataError: If a line is not JSON, or no row.

    Example:
        >>> parse_jsonl("x.jsonl", '{"text": "a", "about": {"id": 1}}\n')
        [{'text': 'a', 'about.id': 1}]
    """
    lines = ((number, line) for number, line in enumerate(LINE_END.split(text), start=1) if line.strip())
    return _flattened(place, ((f"line {at}", _as_row(load_json(place, line, at), {})) for at, line in lines))


def flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with one level: `{"a": {"b": 1}}` as `a.b`; items of a list of plain values as `a.0`, `a.1`.

    The list itself stays under its name.

    Args:
        row: As JSON or Parquet has it.

    Raises:
        DataError: If two columns get one name; it does not say of which row.

    Example:
        >>> flatten({"a": {"b": 1}, "choices": ["x", "y"]})
        {'a.b': 1, 'choices': ['x', 'y'], 'choices.0': 'x', 'choices.1': 'y'}
    """
    pairs = list(_flat("", row))
    flat = dict(pairs)
    if len(flat) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"there are two columns {twice!r}, one with a dot in its name and one that is nested")
    return flat


def _flat(prefix: str, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(f"{name}.", value)
            continue
        yield name, value
        if isinstance(value, list) and not any(isinstance(item, Mapping | list) for item in value):
            yield from ((f"{name}.{at}", item) for at, item in enumerate(value))


def _flattened(place: str, rows: Iterable[tuple[str, Any]]) -> list[Record]:
    records: list[Record] = []
    for where, row in rows:
        if not isinstance(row, dict):
            raise DataError(f"{place}: {where}: expected an object, got {json.dumps(row, ensure_ascii=False)[:60]}")
        try:
            records.append(flatten(row))
        except DataError as error:
            raise DataError(f"{place}: {where}: {error}; rename one") from None
    return records


def _is_lines(text: str) -> bool:
    """Return whether there is an object a line; in a document nothing that begins with { follows such a line."""
    lines = (line.strip() for line in re.split("[\r\n]+", text[:1_000_000]) if line.strip())
    first, second = next(lines, ""), next(lines, "")
    return first.startswith("{") and first.endswith("}") and second.startswith("{")


def _walk(place: str, node: Any, steps: list[str], passed: dict[str, Any], keys: tuple[str, ...]) -> Iterator[Any]:
    """Yield what the steps lead to, with the plain values passed on the way; `keys` are those that `*` stood for."""
    if not steps:
        named = {f"$key.{out}" if out else "$key": key for out, key in enumerate(reversed(keys))}
        rows = node if isinstance(node, list) and node and all(isinstance(item, dict) for item in node) else [node]
        yield from (_as_row(row, {**passed, **named}) for row in rows)
        return
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(node, dict):
        for key, value in node.items():
            yield from _walk(place, value, rest, passed, (*keys, key))
    elif step == "*" and isinstance(node, list):
        for value in node:
            yield from _walk(place, value, rest, passed, keys)
    elif isinstance(node, dict) and step in node:
        plain = {key: value for key, value in node.items() if not isinstance(value, dict | list)}
        yield from _walk(place, node[step], rest, passed | plain, keys)
    else:
        raise DataError(f"{place}: records: {step!r} leads nowhere; {_there(node, step)}")


def _as_row(node: Any, passed: dict[str, Any]) -> Any:
    """Return what is found as an object with the plain values passed on the way, or as it is where it is no row."""
    if isinstance(node, dict):
        return {**passed, **node}
    if isinstance(node, list) and node:
        return {**passed, **{f"${at}": item for at, item in enumerate(node)}}
    if isinstance(node, str) or ("$key" in passed and not isinstance(node, list)):
        return {**passed, "$value": node}
    return node


def _there(node: Any, step: str) -> str:
    if isinstance(node, dict):
        return f"there is an object with {', '.join(list(node)[:20])}{nearest(step, node)}"
    if isinstance(node, list):
        return f"there is a list of {len(node)}; `*` stands for each of its items"
    return f"there is {json.dumps(node, ensure_ascii=False)[:60]}"
