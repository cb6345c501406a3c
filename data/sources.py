"""Raw rows of a dataset: made by a bundled generator, read from files, or loaded from the Hugging Face hub."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from data.errors import DataError, nearest
from data.files import read_files
from data.generated.suite import GENERATORS
from data.hub import load_hub
from data.places import FileSource, GeneratorSource, HubSource
from data.rows import Named, all_columns, choose, clean, melt_rows, select_fields
from data.spec import DatasetSpec

Record = Mapping[str, Any]


@dataclass(frozen=True)
class RawRows:
    """Rows as the source has them.

    Attributes:
        rows: One column of text for each field of the spec (`text`, `label`, ...); what is missing is "". The index
            counts the rows of a file from 1 without a header line, and names the file where there are several and
            the column where rows were melted.
        sha256: Of the files, or of `rows` as CSV where there is no file.
        source: Every other plain column there is, as text, on the same index; empty for a generator.
        n_read: Rows of the source, before any were left out or melted.
        dropped: Reason -> rows of the source left out by `where:`.
    """

    rows: pd.DataFrame
    sha256: str
    source: pd.DataFrame = field(default_factory=pd.DataFrame)
    n_read: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)


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
        ['text', 'label', 'start', 'end', 'group', 'control_key', 'variant']
    """
    if isinstance(spec.source, FileSource):
        found = read_files(spec.source, root)
        return _raw(spec, list(zip(found.names, found.records, strict=True)), found.sha256)
    records = load_hub(spec.source, _wanted(spec)) if isinstance(spec.source, HubSource) else _generate(spec.source)
    return _raw(spec, list(enumerate(records, start=1)), None)


def _generate(source: GeneratorSource) -> list[Record]:
    if source.generator not in GENERATORS:
        names = ", ".join(GENERATORS)
        close = nearest(source.generator, GENERATORS)
        raise DataError(f"source.generator: there is no {source.generator!r}; there are {names}{close}")
    table = GENERATORS[source.generator]()
    return [{str(key): value for key, value in record.items()} for record in table.to_dict("records")]


def _wanted(spec: DatasetSpec) -> list[str]:
    """Return the columns of the source that the spec names."""
    named = [part for parts in spec.columns.needed().values() for part in parts]
    return [*named, *spec.where, *spec.remove, *(spec.melt.columns if spec.melt else ())]


def _raw(spec: DatasetSpec, rows: list[Named], digest: str | None) -> RawRows:
    place = spec.source.place
    kept, dropped = choose(place, rows, spec.where)
    if spec.remove:
        kept = clean(place, kept, spec.remove)
    if spec.melt:
        kept = melt_rows(place, kept, spec.melt)
    table = select_fields(place, kept, spec.columns)
    source = pd.DataFrame() if isinstance(spec.source, GeneratorSource) else all_columns(kept)
    content = table.to_csv(index=False, lineterminator="\n").encode()
    return RawRows(table, digest or hashlib.sha256(content).hexdigest(), source, len(rows), dropped)
