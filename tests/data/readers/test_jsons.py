import json
import math
from typing import Any

import pytest

from data.errors import DataError
from data.readers.jsons import flatten, parse_json, parse_jsonl

FACT = {"case": 1, "requested_rewrite": {"subject": "Mali", "target": {"str": "Bamako"}}, "choices": ["a", "b"]}
SUITE = {
    "meta": {"name": "npz"},
    "version": 2,
    "items": [{"item": 1, "conditions": [{"name": "a"}, {"name": "b"}]}, {"item": 2, "conditions": [{"name": "a"}]}],
}


def test_nested_objects_get_dotted_names_and_lists_stay() -> None:
    assert parse_json("x", json.dumps([FACT])) == [
        {"case": 1, "requested_rewrite.subject": "Mali", "requested_rewrite.target.str": "Bamako",
         "choices": ["a", "b"], "choices.0": "a", "choices.1": "b"}
    ]  # fmt: skip
    assert flatten({"a": {}, "b": [{"c": 1}], "d": []}) == {"b": [{"c": 1}], "d": []}


@pytest.mark.parametrize(
    ("document", "records", "expected"),
    [
        (SUITE, "items.*", [{"version": 2, "item": 1}, {"version": 2, "item": 2}]),
        (SUITE, "items", [{"version": 2, "item": 1}, {"version": 2, "item": 2}]),
        (SUITE, "items.*.conditions.*", [{"version": 2, "item": 1, "name": "a"}, {"version": 2, "item": 1, "name": "b"},
                                         {"version": 2, "item": 2, "name": "a"}]),
        (SUITE, "meta", [{"version": 2, "name": "npz"}]),
        ({"name": "outer", "rows": [{"name": "inner"}]}, "rows.*", [{"name": "inner"}]),
        ({"k1": {"t": "a"}, "k2": {"t": "b"}}, "*", [{"$key": "k1", "t": "a"}, {"$key": "k2", "t": "b"}]),
        ({"en": {"k": {"t": "a"}}}, "*.*", [{"$key": "k", "$key.1": "en", "t": "a"}]),
        ({"v": 1, "rows": {"k": {"t": "a"}}}, "rows.*", [{"v": 1, "$key": "k", "t": "a"}]),
        ({"a text": "a label", "b": 1, "c": None}, "*", [{"$key": "a text", "$value": "a label"},
                                                         {"$key": "b", "$value": 1}, {"$key": "c", "$value": None}]),
        ({"name": "n", "rows": ["a", "b"]}, "rows.*", [{"name": "n", "$value": "a"}, {"name": "n", "$value": "b"}]),
        ({"n": 1, "rows": [["p", "q"]]}, "rows.*", [{"n": 1, "$0": "p", "$1": "q"}]),
        ([{"rows": [{"t": "a"}]}, {"rows": [{"t": "b"}]}], "*.rows.*", [{"t": "a"}, {"t": "b"}]),
        ([["prompt", " Red"]], None, [{"$0": "prompt", "$1": " Red"}]),
        (["a", "b"], None, [{"$value": "a"}, {"$value": "b"}]),
        ([], None, []),
        ({"rows": []}, "rows.*", []),
    ],
)  # fmt: skip
def test_rows_are_where_the_path_leads(document: Any, records: str | None, expected: list[dict[str, Any]]) -> None:
    found = parse_json("x", json.dumps(document, indent=1), records)
    assert [{key: value for key, value in row.items() if "conditions" not in key} for row in found] == expected


def test_json_lines_with_another_name_are_recognised() -> None:
    text = '\n{"a": 1, "b": {"c": 2}} \r\n\r\n{"a": 2}\n'
    assert parse_json("x.json", text) == parse_jsonl("x.json", text) == [{"a": 1, "b.c": 2}, {"a": 2}]
    with pytest.raises(DataError, match="x: has one object a line; set `format: jsonl`, and take `records:` out"):
        parse_json("x", text, "a")
    with pytest.raises(DataError, match="x: line 3 is not JSON: Expecting value at '}'"):
        parse_json("x", '{"a": 1}\n{"a": 2}\n{"a": }\n')


def test_rows_of_lines_may_be_lists_and_texts() -> None:
    assert parse_jsonl("x", '["a", 1]\n\n"b"\n') == [{"$0": "a", "$1": 1}, {"$value": "b"}]
    assert parse_jsonl("x", "\n \n") == []


def test_line_separators_of_unicode_are_no_line_ends() -> None:
    assert parse_jsonl("x", '{"a": "b\u2028c\x85d"}\n') == [{"a": "b\u2028c\x85d"}]


def test_numbers_that_json_does_not_have() -> None:
    row = parse_jsonl("x", '{"a": NaN, "b": -Infinity, "c": 1e999, "d": -12, "e": ' + "7" * 5000 + "}")[0]
    assert row == {"a": None, "b": "-Infinity", "c": math.inf, "d": -12, "e": "7" * 5000}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "^x: line 1 is not JSON: Expecting value at its end$"),
        ('[\n{"a": 1},\n{"a" 2}]', "^x: line 3 is not JSON: Expecting ':' delimiter at '2}]'$"),
        ("[{'a': 1}]", "^x: line 1 is not JSON: Expecting property name enclosed in double quotes at \"'a': 1}]\"$"),
        ('[{"a": "b\nc"}]', "^x: line 1 is not JSON: Invalid control character at"),
        ("[1]\n[2]", "^x: line 2 is not JSON: Extra data at '.2.'$"),
        ('{"a": [{"b": 1}]}', "^x: expected a list of objects; say with `records:` .* set `format: jsonl`$"),
        ("3", "^x: expected a list of objects"),
        ('[{"a": 1}, null]', "^x: row 2: expected an object, got null$"),
        ('[{"a": 1}, []]', "^x: row 2: expected an object, got ..$"),
        (
            '[{"b": "}"},\n {"c": {"a": "{",\n "a": 2}\n}]',
            "^x: the object that ends in line 3 has the key 'a' twice; take",
        ),
        ('[{}, {"a": {"b": 1}, "a.b": 2}]', "^x: row 2: there are two columns 'a.b', one with a dot .*; rename one$"),
        ('[\n{"[": ' + "[" * 200 + "]" * 200 + "}]", "^x: line 2: objects or lists are nested more than 100 deep; "),
        ("\n" + '{"a": ' * 5000 + "1" + "}" * 5000, "^x: line 2: objects or lists are nested more than 100 deep; "),
    ],
)
def test_documents_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_json("x", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n\n{"a": 1', "^x: line 3 is not JSON: Expecting ',' delimiter at its end$"),
        ('{"a": 1} {"a": 2}\n', "^x: line 1 is not JSON: Extra data at"),
        ('{"a": 1}\n{"b": {"a": 1, "a": 2}}\n', "^x: the object that ends in line 2 has the key 'a' twice"),
        ('{"a": 1}\n7\n', "^x: line 2: expected an object, got 7$"),
        ("\n" + "[" * 101 + "]" * 101, "^x: line 2: objects or lists are nested more than 100 deep"),
        ('{"a": {"b": 1}, "a.b": 2}', "^x: line 1: there are two columns 'a.b'"),
    ],
)
def test_lines_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_jsonl("x", text)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (
            "item",
            "^x: records: 'item' leads nowhere; there is an object with meta, version, items; did you mean 'items'",
        ),
        ("items.item", "^x: records: 'item' leads nowhere; there is a list of 2; `[*]` stands for each of its items$"),
        ("version.*", "^x: records: '[*]' leads nowhere; there is 2$"),
        ("", "^x: records: '' leads nowhere; there is an object with meta, version, items$"),
        ("version", "^x: row 1: expected an object, got 2$"),
        ("items.*.item", "^x: row 1: expected an object, got 1$"),
    ],
)
def test_paths_refused(records: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_json("x", json.dumps(SUITE), records)


def test_a_hundred_levels_are_read() -> None:
    assert len(parse_jsonl("x", "[" * 100 + "]" * 100)) == 1
