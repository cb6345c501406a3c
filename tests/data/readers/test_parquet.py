import io
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from data.errors import DataError
from data.readers.parquet import parse_parquet


def _bytes(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file)
    return file.getvalue()


def _read(**columns: Any) -> list[Mapping[str, Any]]:
    return parse_parquet("x", _bytes(pa.table(columns)))


def test_nested_columns_are_flattened_as_in_json() -> None:
    assert _read(t=["é", None], about=[{"id": 1, "of": {"k": "v"}}, None], choices=[["a", "b"], []]) == [
        {"t": "é", "about.id": 1, "about.of.k": "v", "choices": ["a", "b"], "choices.0": "a", "choices.1": "b"},
        {"t": None, "about": None, "choices": []},
    ]


def test_maps_are_objects() -> None:
    maps = pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64()))
    assert _read(m=maps) == [{"m.k": 1}, {}]


def test_the_index_of_pandas_has_the_name_that_tables_give_it() -> None:
    table = pd.DataFrame({"t": ["a", "b"]}, index=[7, 3])
    assert parse_parquet("x", table.to_parquet()) == [{"t": "a", "$index": 7}, {"t": "b", "$index": 3}]
    assert parse_parquet("x", pd.DataFrame({"t": ["a"]}).to_parquet()) == [{"t": "a"}]


def test_no_rows_are_no_rows() -> None:
    assert _read(t=pa.array([], pa.string())) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "^x: not a Parquet file: "),
        (b"t,l\na,1\n", "^x: not a Parquet file: .*; is it damaged, or of another `format:`[?]$"),
        (_bytes(pa.table({"t": ["a"]}))[:-1], "^x: not a Parquet file"),
        (_bytes(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])), "^x: has the column 'a' more than"),
        (_bytes(pa.table({"a.b": [1], "a": [{"b": 2}]})), "^x: row 1: there are two columns 'a.b'.*; rename one$"),
        (
            _bytes(pa.table({"m": pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))})),
            "^x: has a value that cannot be read",
        ),
    ],
)
def test_files_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_parquet("x", content)
