"""JSON documents and JSON Lines; what is nested gets dotted names."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from data.errors import DataError

Record = Mapping[str, Any]
TOO_DEEP = "objects or lists are nested too deep"


def parse_json(place: str, text: str, records: str | None = None) -> list[Record]:
    """Return the rows of a JSON document; JSON Lines that are named .json are read as such.

    Args:
        place: File, for messages.
        text: What stands in it.
        records: Where the rows are: names separated by dots, `*` for each item of a list or each value of an object,
            whose key is then the column `$key`. Plain values passed on the way become columns, too. None where the
            document is a list of objects.

    Raises:
        DataError: If it is not JSON, `records` leads nowhere, or a row is no object.

    Example:
        >>> parse_json("x.json", '{"name": "capital", "samples": [{"subject": "Mali"}]}', "samples.*")
        [{'name': 'capital', 'subject': 'Mali'}]
    """
    try:
        document = _load(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and records is None and text.lstrip().startswith("{"):
            return parse_jsonl(place, text)
        raise DataError(f"{place}: line {error.lineno} is not JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise DataError(
            f"{place}: cannot be read: {TOO_DEEP if isinstance(error, RecursionError) else error}"
        ) from None
    if records is not None:
        found = list(_walk(place, document, records.split("."), {}))
    elif isinstance(document, list):
        found = document
    else:
        raise DataError(
            f"{place}: expected a list of objects; say with `records:` where in the document they are, such as "
            "`records: samples.*`, and for one object a line set `format: jsonl`"
        )
    # A row that is a list has its items as columns 0, 1, ...
    found = [dict(zip(map(str, range(len(row))), row, strict=True)) if isinstance(row, list) else row for row in found]
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{place}: row {number}: expected an object, got {json.dumps(row)[:60]}")
    return [flatten(row) for row in found]


def parse_jsonl(place: str, text: str) -> list[Record]:
    r"""Return the objects of a file with one a line; empty lines are skipped.

    Args:
        place: File, for messages.
        text: What stands in it.

    Raises:
        DataError: If a line is not JSON, or no object.

    Example:
        >>> parse_jsonl("x.jsonl", '{"text": "a", "about": {"id": 1}}\n')
        [{'text': 'a', 'about.id': 1}]
    """
    records: list[Record] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _load(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{place}: line {number} is not JSON: {error.msg}") from None
        except (RecursionError, ValueError) as error:
            told = TOO_DEEP if isinstance(error, RecursionError) else error
            raise DataError(f"{place}: line {number} cannot be read: {told}") from None
        if not isinstance(row, dict):
            raise DataError(f"{place}: line {number}: expected an object, got {line.strip()[:40]!r}")
        records.append(flatten(row))
    return records


def flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with one level: `{"a": {"b": 1}}` as `a.b`; items of a list of plain values as `a.0`, `a.1`.

    The list itself stays under its name.

    Args:
        row: As JSON or Parquet has it.

    Example:
        >>> flatten({"a": {"b": 1}, "choices": ["x", "y"]})
        {'a.b': 1, 'choices': ['x', 'y'], 'choices.0': 'x', 'choices.1': 'y'}
    """
    return dict(_flat("", row))


def _flat(prefix: str, row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(f"{name}.", value)
            continue
        yield name, value
        if isinstance(value, list) and not any(isinstance(item, Mapping | list) for item in value):
            yield from ((f"{name}.{at}", item) for at, item in enumerate(value))


def _walk(place: str, node: Any, steps: list[str], passed: dict[str, Any]) -> Iterator[Any]:
    """Yield what the steps lead to, objects together with the plain values passed on the way."""
    if not steps and isinstance(node, list):
        steps = ["*"]
    if not steps:
        yield {**passed, **node} if isinstance(node, dict) else node
        return
    step, rest = steps[0], steps[1:]
    if isinstance(node, dict):
        passed = passed | {key: value for key, value in node.items() if not isinstance(value, dict | list)}
    if step == "*" and isinstance(node, dict):
        passed = {key: value for key, value in passed.items() if key not in node}
        for key, value in node.items():
            yield from _walk(place, value, rest, {**passed, "$key": key})
    elif step == "*" and isinstance(node, list):
        for value in node:
            yield from _walk(place, value, rest, passed)
    elif isinstance(node, dict) and step in node:
        yield from _walk(place, node[step], rest, passed)
    else:
        there = f"an object with {', '.join(list(node)[:20])}" if isinstance(node, dict) else type(node).__name__
        raise DataError(f"{place}: records: {step!r} leads nowhere; there is {there}")


def _load(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(key for key in names if names.count(key) > 1)
        raise ValueError(f"an object has the key {twice!r} twice")
    return row
