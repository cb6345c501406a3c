"""Raw rows of a dataset: made by a bundled generator, read from a file, or loaded from the Hugging Face hub."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from data.errors import DataError, first_rows, nearest
from data.generated.suite import GENERATORS
from data.spec import Columns, DatasetSpec, FileSource, GeneratorSource, HubSource

Record = Mapping[str, Any]


@dataclass(frozen=True)
class RawRows:
    """Rows as the source has them.

    Attributes:
        rows: One column of text for each column the spec names, called by the spec's field (`text`, `label`, ...);
            what is missing is "". The index counts the rows from 1, without a header line.
        sha256: Of the file, or of `rows` as CSV where there is no file.
    """

    rows: pd.DataFrame
    sha256: str


def read_source(spec: DatasetSpec, root: Path) -> RawRows:
    """Return the rows the spec points to.

    Args:
        spec: What to read.
        root: Folder that a relative path starts from, the top folder of the project.

    Raises:
        DataError: If the source is missing, unreadable, not the one pinned, empty, or lacks a column the spec names.

    Example:
        >>> from data.spec import load_spec
        >>> raw = read_source(load_spec(Path("data/specs/sentiment.yaml")), Path("."))
        >>> list(raw.rows.columns)
        ['text', 'label', 'start', 'end', 'group', 'control_key']
    """
    if isinstance(spec.source, FileSource):
        content = _read_bytes(spec.source, root)
        rows = _select(spec.source.place, _parse_file(spec.source, content), spec.columns)
        return RawRows(rows, hashlib.sha256(content).hexdigest())
    records = _load_hub(spec.source, spec.columns) if isinstance(spec.source, HubSource) else _generate(spec.source)
    rows = _select(spec.source.place, records, spec.columns)
    table = rows.to_csv(index=False, lineterminator="\n").encode()
    return RawRows(rows, hashlib.sha256(table).hexdigest())


def _generate(source: GeneratorSource) -> list[Record]:
    if source.generator not in GENERATORS:
        names = ", ".join(GENERATORS)
        close = nearest(source.generator, GENERATORS)
        raise DataError(f"source.generator: there is no {source.generator!r}; there are {names}{close}")
    return _records(GENERATORS[source.generator]())


def _records(table: pd.DataFrame) -> list[Record]:
    return [{str(key): value for key, value in record.items()} for record in table.to_dict("records")]


def _load_hub(source: HubSource, columns: Columns) -> list[Record]:
    import datasets  # takes a second, and only these datasets need it

    if Path(source.hub).exists():  # load_dataset would take the folder, and the revision would say nothing
        raise DataError(f"source.hub: {source.hub!r} is a folder here; read its file with `path:` instead")
    try:
        table = datasets.load_dataset(source.hub, name=source.config, split=source.split, revision=source.revision)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"{source.place}: could not be loaded at revision {source.revision}: {error}; check the id, the config, "
            "the split, the revision and the network"
        ) from error
    _check_columns(source.place, table.column_names, columns)
    records: list[Record] = table.select_columns(sorted(set(columns.given().values()))).to_list()
    return records


def _read_bytes(source: FileSource, root: Path) -> bytes:
    path = root / source.path
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        names = [file.name for file in path.parent.glob("*")]
        raise DataError(
            f"{source.path}: no such file; a relative path starts from the top folder of the project"
            f"{nearest(path.name, names)}"
        ) from None
    except OSError as error:
        raise DataError(f"{source.path}: cannot be read: {error}; `path:` must name one readable file") from None
    found = hashlib.sha256(content).hexdigest()
    if source.sha256 not in (None, found):
        raise DataError(
            f"{source.path}: has sha256 {found}, but the spec pins {source.sha256}; restore the file, or if the "
            f"change is wanted put `sha256: {found}` into the spec"
        )
    return content


def _parse_file(source: FileSource, content: bytes) -> list[Record]:
    if source.format == "parquet":
        return _parse_parquet(source.place, content)
    text = _decode(source.place, content)
    if source.format == "json":
        return _parse_json(source.place, text)
    if source.format == "jsonl":
        return list(_parse_jsonl(source.place, text))
    return list(_parse_table(source.place, text, tabs=source.format == "tsv"))


def _decode(place: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{place}: line {line} is not UTF-8 ({error.reason}); save the file as UTF-8") from None


def _parse_table(place: str, text: str, tabs: bool) -> Iterator[Record]:
    # The csv module and not pandas: it counts the fields of every line, while pandas fills short lines in silence.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if tabs and not _tabs_are_quoted(text) else csv.QUOTE_MINIMAL
    separator = "\t" if tabs else ","
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=True)
    header: list[str] | None = None
    try:
        for fields in lines:
            if header is None:
                header = _checked_header(place, fields)
            elif len(fields) == len(header):
                yield dict(zip(header, fields, strict=True))
            elif fields:
                counts = f"has {len(fields)} fields, the header has {len(header)}"
                raise DataError(f"{place}: line {lines.line_num} {counts}; is a separator or a quote missing?")
    except csv.Error as error:
        raise DataError(f'{place}: line {lines.line_num}: {error}; quote fields as "say ""yes"""') from None


def _tabs_are_quoted(text: str) -> bool:
    """Return whether every field that opens with a quote is a whole quoted field.

    Spreadsheets and pandas quote tab-separated fields; most published files do not, and have stray quotes.
    """
    fields = (field for line in text.splitlines() for field in line.split("\t"))
    return all(re.fullmatch('"(?:[^"]|"")*"', field) for field in fields if field.startswith('"'))


def _checked_header(place: str, names: Sequence[str]) -> list[str]:
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"{place}: the header has the column {twice[0]!r} more than once; rename one")
    return list(names)


def _parse_json(place: str, text: str) -> list[Record]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: line {error.lineno} is not JSON: {error.msg}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{place}: expected a list of objects; for one object a line set `format: jsonl`")
    return rows


def _parse_jsonl(place: str, text: str) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{place}: line {number} is not JSON: {error.msg}") from None
        if not isinstance(row, dict):
            raise DataError(f"{place}: line {number}: expected an object, got {line.strip()[:40]!r}")
        yield row


def _parse_parquet(place: str, content: bytes) -> list[Record]:
    import pyarrow
    import pyarrow.parquet

    try:
        records: list[Record] = pyarrow.parquet.read_table(pyarrow.BufferReader(content)).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{place}: not a Parquet file: {error}") from None
    return records


def _select(place: str, records: Sequence[Record], columns: Columns) -> pd.DataFrame:
    if not records:
        raise DataError(f"{place}: has no rows")
    _check_columns(place, dict.fromkeys(name for record in records for name in record), columns)
    cells = {
        field: _as_text(place, name, [record.get(name) for record in records])
        for field, name in columns.given().items()
    }
    return pd.DataFrame(cells, index=range(1, len(records) + 1), dtype="str")


def _check_columns(place: str, there: Iterable[str], columns: Columns) -> None:
    there = list(there)
    for field, name in columns.given().items():
        if name not in there:
            listed = ", ".join(there)
            raise DataError(f"{place}: columns.{field}: no column {name!r}; it has {listed}{nearest(name, there)}")


def _as_text(place: str, name: str, values: Sequence[Any]) -> list[str]:
    bad = [row for row, value in enumerate(values, start=1) if not _is_plain(value)]
    if bad:
        found = values[bad[0] - 1]
        raise DataError(
            f"{place}: column {name!r}: {first_rows(bad)}: expected Unicode text or a number, got {found!r}"
        )
    return ["" if value is None or value != value else str(value) for value in values]


def _is_plain(value: Any) -> bool:
    # Half of a surrogate pair is legal in JSON, but it is no character, and Parquet cannot hold it.
    return isinstance(value, int | float | None) or (isinstance(value, str) and not re.search("[\ud800-\udfff]", value))
