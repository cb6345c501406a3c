"""Parquet files."""

from collections.abc import Mapping
from typing import Any

from data.errors import DataError
from data.readers.jsons import flatten

Record = Mapping[str, Any]
PANDAS_INDEX = "__index_level_0__"  # what pandas calls an index that has no name


def parse_parquet(place: str, content: bytes) -> list[Record]:
    """Return the rows of a Parquet file, nested columns under dotted names as in JSON, the index of pandas as `$index`.

    Args:
        place: File, for messages.
        content: Its bytes.

    Raises:
        DataError: If it is not a Parquet file, or damaged, or two of its columns have one name.

    Example:
        >>> parse_parquet("x.parquet", b"PAR")
        Traceback (most recent call last):
        data.errors.DataError: x.parquet: not a Parquet file: ...
    """
    import pyarrow
    import pyarrow.parquet

    # Damaged files raise all of these; a key that a map has twice raises the last.
    faults = (pyarrow.ArrowException, OSError, ValueError, OverflowError, KeyError)
    try:
        table = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(content)).read(use_threads=False)
    except faults as error:
        raise DataError(f"{place}: not a Parquet file: {error}; is it damaged, or of another `format:`?") from None
    names = ["$index" if name == PANDAS_INDEX else name for name in table.column_names]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{place}: has the column {twice[0]!r} more than once; rename one")
    try:
        rows = table.rename_columns(names).to_pylist(maps_as_pydicts="strict")
    except faults as error:
        raise DataError(f"{place}: has a value that cannot be read: {error}; leave its column out") from None
    return [_flattened(place, number, row) for number, row in enumerate(rows, start=1)]


def _flattened(place: str, number: int, row: Record) -> Record:
    try:
        return flatten(row)
    except DataError as error:
        raise DataError(f"{place}: row {number}: {error}; rename one") from None
