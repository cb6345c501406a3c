"""Whatever a file holds, a reader gives records or says in a DataError what is wrong."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.readers.jsons import flatten, parse_json, parse_jsonl
from data.readers.lines import parse_labelled, parse_lines
from data.readers.parquet import parse_parquet
from data.readers.tables import parse_table
from data.readers.text import decode
from data.readers.treebank import parse_conllu

# Derandomised, so that the suite says the same on every run.
few = settings(max_examples=60, suppress_health_check=list(HealthCheck))

TABLE = 'text,label\n"a, b",1\n"say ""yes""",0\n\nc,1\n'
JSON = '{"name": "x", "samples": [\n{"text": "a", "fact": {"label": 1.5}},\n{"text": null, "list": [1, {"a": []}]}]}'
LINES = '{"text": "a", "fact": {"label": 1}}\n{"text": "b"}\n'
TREE = (
    "# newdoc id = d\n# sent_id = 1\n# text = I can't.\n1\tI\tI\tPRON\t_\tNumber=Sing\t2\tnsubj\t_\t_\n"
    "2-3\tcan't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No\n2\tca\tcan\tAUX\tMD\t_\t0\troot\t_\t_\n"
    "3\tn't\tnot\tPART\tRB\t_\t2\tadvmod\t_\t_\n3.1\tx\tx\tX\t_\t_\t_\t_\t2:dep\t_\n4\t.\t.\tPUNCT\t.\t_\t2\tpunct\t_\t_\n"
)


def _mutated(valid: str) -> st.SearchStrategy[str]:
    """The valid text with a piece cut out and something else put there."""
    pieces = st.one_of(
        st.text(max_size=6),
        st.sampled_from([
            '"',
            '""',
            ",",
            "\t",
            "\n",
            "\r",
            "  ",
            "{",
            "}",
            "[",
            "]",
            ":",
            "NaN",
            "1e999",
            "_",
            "#",
            "-",
        ]),
        st.sampled_from(["9" * 5000, "[" * 3000, '{"a":' * 1500, "\ud800", "1-9", "99", "\u2028", "\x1c"]),
        st.tuples(st.integers(0, len(valid)), st.integers(0, len(valid))).map(lambda cut: valid[min(cut) : max(cut)]),
    )
    places = st.tuples(st.integers(0, len(valid)), st.integers(0, 12))
    return st.builds(lambda at, piece: valid[: at[0]] + piece + valid[at[0] + at[1] :], places, pieces)


def _texts(valid: str) -> st.SearchStrategy[str]:
    return st.one_of(st.text(max_size=40), _mutated(valid))


def _holds(read: Callable[..., Any], *given: Any) -> None:
    try:
        records = read("x", *given)
    except DataError as error:
        assert str(error).startswith("x")
    else:
        assert all(isinstance(name, str) for record in records for name in record)


@few
@given(st.one_of(st.binary(max_size=40), st.text().map(lambda text: text.encode("utf-16"))), st.sampled_from(
    [None, "utf-8", "UTF8", "latin-1", "utf-16", "utf-16-le", "utf-7", "shift_jis", "idna", "punycode", "zip", "hex"]
))  # fmt: skip
def test_decode(content: bytes, encoding: str | None) -> None:
    try:
        text = decode("x", content, encoding)
    except DataError as error:
        assert str(error).startswith("x: ")
    else:
        assert "\0" not in text


@few
@given(st.text(max_size=12))
def test_decode_with_any_name(encoding: str) -> None:
    try:
        decode("x", b"a", encoding)
    except DataError as error:
        assert "encoding" in str(error) or "line" in str(error)


@few
@given(_texts(TABLE), st.sampled_from([",", "\t", "|", "^", "\\", "]", " "]), st.sampled_from([None, "csv", "literal"]),
       st.sampled_from([None, ["a"], ["a", "b"]]))  # fmt: skip
def test_table(text: str, separator: str, quotes: str | None, header: list[str] | None) -> None:
    _holds(parse_table, text, separator, quotes, header)


@few
@given(_texts(JSON), st.sampled_from([None, "", "samples", "samples.*", "*", "*.*", "name", "samples.*.fact"]))
def test_json(text: str, records: str | None) -> None:
    _holds(parse_json, text, records)


@few
@given(_texts(LINES))
def test_jsonl(text: str) -> None:
    _holds(parse_jsonl, text)
    _holds(parse_json, text, None)


@few
@given(_texts(TREE))
def test_conllu(text: str) -> None:
    _holds(parse_conllu, text)


@few
@given(_texts("1 a b\n0 c\n"), st.sampled_from([" ", "\t", "a"]))
def test_lines(text: str, separator: str) -> None:
    _holds(parse_lines, text)
    _holds(parse_labelled, text, separator)


_frame = pd.DataFrame({"text": ["a", "b"], "fact": [{"label": 1}, {"label": None}], "many": [["x"], []]})


@pytest.fixture(scope="module")
def parquet() -> bytes:
    buffer = io.BytesIO()
    _frame.to_parquet(buffer, compression=None)
    return buffer.getvalue()


@few
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=3))
def test_parquet(parquet: bytes, at: int, piece: bytes) -> None:
    at %= len(parquet)
    _holds(parse_parquet, parquet[:at] + piece + parquet[at + len(piece) :])
    _holds(parse_parquet, parquet[:at])
    _holds(parse_parquet, piece)


_cells = st.text(st.sampled_from("ab\", \t'é\u2028;"), max_size=6)


@few
@given(st.lists(st.lists(_cells, min_size=2, max_size=2), min_size=1), st.sampled_from([",", "\t", ";"]))
def test_quoted_tables_are_read_as_the_csv_module_writes_them(rows: list[list[str]], separator: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator).writerows(rows)
    records = parse_table("x", buffer.getvalue(), separator, "csv", header=["a", "b"])
    assert [list(record.values()) for record in records] == rows


@few
@given(_texts(TABLE).filter(lambda text: "\0" not in text))
def test_quoted_tables_are_read_as_the_csv_module_reads_them(text: str) -> None:
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error:
        return
    if rows and {len(row) for row in rows} == {2}:
        assert [list(record.values()) for record in parse_table("x", text, header=["a", "b"])] == rows


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@few
@given(st.lists(st.dictionaries(st.text(), _json, max_size=3)))
def test_json_is_read_as_it_was_written(rows: list[dict[str, Any]]) -> None:
    flat = [flatten(row) for row in rows]
    assert parse_json("x", json.dumps(rows)) == flat
    assert parse_jsonl("x", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)) == flat
