"""Read the files that a spec names: check their pin, parse each by its format, and say of each row where it stood."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import DataError, nearest
from data.places import FileSource
from data.readers.jsons import parse_json, parse_jsonl
from data.readers.lines import parse_labelled, parse_lines
from data.readers.parquet import parse_parquet
from data.readers.tables import parse_table
from data.readers.text import decode

Record = Mapping[str, Any]


@dataclass(frozen=True)
class FileRows:
    """What stands in the files of a source.

    Attributes:
        records: One mapping a row, with the columns `$file` (name without suffix) and `$row` (number in its file), and
            where the spec says so `$class` and `$label`.
        names: What a row is called in messages: its number, after the path where there are several.
        sha256: Of the file; of several, of the lines of their hashes in the order of the spec.
    """

    records: list[Record]
    names: list[int | str]
    sha256: str


def read_files(source: FileSource, root: Path) -> FileRows:
    """Return the rows of the files, one file after the other.

    Args:
        source: What to read, and how.
        root: Folder that a relative path starts from, the top folder of the project.

    Raises:
        DataError: If a file is missing, unreadable, not the one pinned, or not in its format; or if a label file has
            more or fewer lines than there are rows.

    Example:
        >>> source = FileSource(("data/generated/words/attractors.csv",), "csv")
        >>> read_files(source, Path(".")).records[0]["$row"]
        1
    """
    paths = [*source.paths, *([source.label_file] if source.label_file else [])]
    contents = [read_bytes(path, root) for path in paths]
    digest = _check_pin(source, contents)
    records: list[Record] = []
    names: list[int | str] = []
    for at, path in enumerate(source.paths):
        extra = {"$file": Path(path).stem} | ({"$class": source.classes[at]} if source.classes else {})
        rows = _parse(source, path, contents[at])
        records += [{**row, **extra, "$row": number} for number, row in enumerate(rows, start=1)]
        numbers = range(1, len(rows) + 1)
        names += numbers if len(source.paths) == 1 else [f"{path}:{number}" for number in numbers]
    if source.label_file:
        records = _with_labels(source, records, contents[-1])
    return FileRows(records, names, digest)


def read_bytes(name: str, root: Path) -> bytes:
    """Return the bytes of a file.

    Args:
        name: Path as written in the spec.
        root: Folder that a relative path starts from.

    Raises:
        DataError: If there is no such file, or it cannot be read.

    Example:
        >>> read_bytes("data/generated/words/attractors.csv", Path("."))[:11]
        b'preposition'
    """
    path = root / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        names = [file.name for file in path.parent.glob("*")]
        raise DataError(
            f"{name}: no such file; a relative path starts from the top folder of the project"
            f"{nearest(path.name, names)}"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise DataError(f"{name}: cannot be read: {error}; `path:` must name one readable file") from None


def _check_pin(source: FileSource, contents: Sequence[bytes]) -> str:
    hashes = [hashlib.sha256(content).hexdigest() for content in contents]
    found = (
        hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()
    )
    if source.sha256 not in (None, found):
        what = "restore the files" if len(hashes) > 1 else "restore the file"
        raise DataError(
            f"{source.place}: has sha256 {found}, but the spec pins {source.sha256}; {what}, or if the "
            f"change is wanted put `sha256: {found}` into the spec"
        )
    return found


def _parse(source: FileSource, path: str, content: bytes) -> list[Record]:
    if source.format == "parquet":
        return parse_parquet(path, content)
    text = decode(path, content, source.encoding)
    match source.format:
        case "csv" | "tsv":
            separator = source.separator or {"csv": ",", "tsv": "\t"}[source.format]
            return parse_table(path, text, separator=separator, quotes=source.quotes, header=source.header)
        case "json":
            return parse_json(path, text, source.records)
        case "jsonl":
            return parse_jsonl(path, text)
        case "lines":
            return parse_lines(path, text)
        case "labelled":
            return parse_labelled(path, text, separator=source.separator or " ")
        case _:
            from data.readers.treebank import parse_conllu  # its library is needed for treebanks alone

            return parse_conllu(path, text)


def _with_labels(source: FileSource, records: list[Record], content: bytes) -> list[Record]:
    """Return the rows with the lines of the label file as `$label`."""
    name = str(source.label_file)
    labels = parse_lines(name, decode(name, content, source.encoding))
    if len(labels) != len(records):
        raise DataError(
            f"{name}: has {len(labels)} lines, and {source.paths[0]} has {len(records)} rows; line n must be the label "
            "of row n. Is one of the files cut short?"
        )
    return [{**row, "$label": label["$text"].strip()} for row, label in zip(records, labels, strict=True)]
