"""Parquet files."""

from collections.abc import Mapping
from typing import Any

from data.errors import DataError
from data.readers.jsons import flatten

Record = Mapping[str, Any]


def parse_parquet(place: str, content: bytes) -> list[Record]:
    """Return the rows of a Parquet file, nested columns under dotted names.

    Args:
        place: File, for messages.
        content: Its bytes.

    Raises:
        DataError: If it is not a Parquet file, or damaged.

    Example:
        >>> parse_parquet("x.parquet", b"PAR")
        Traceback (most recent call last):
        data.errors.DataError: x.parquet: not a Parquet file: ...
    """
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(pyarrow.BufferReader(content)).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:  # damaged ones raise all of these
        raise DataError(f"{place}: not a Parquet file: {error}") from None
    return [flatten(row) for row in rows]
