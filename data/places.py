"""The section `source` of a spec: a bundled generator, files of this machine, or a dataset on the Hugging Face hub."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from data.errors import DataError
from data.keys import check_choice, check_keys, check_mapping, check_text, check_texts

FORMATS = ("csv", "tsv", "json", "jsonl", "parquet", "conllu", "lines", "labelled")
# option -> the formats whose files it is about
OPTIONS = {
    "header": ("csv", "tsv"),
    "quotes": ("csv", "tsv"),
    "separator": ("csv", "labelled"),
    "records": ("json",),
    "encoding": tuple(name for name in FORMATS if name != "parquet"),
}
PIN = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class GeneratorSource:
    """Rows made by the bundled function called `generator`."""

    generator: str

    @property
    def place(self) -> str:
        """Where the rows come from, for messages."""
        return f"generator {self.generator}"


@dataclass(frozen=True)
class FileSource:
    """Rows of files, one after the other.

    Attributes:
        paths: As written in the spec: absolute, or relative to the top folder of the project.
        format: One of `FORMATS`.
        classes: What stands in the column `$class` for each of `paths`, or None where the path does not say the class.
        label_file: File with one label a line for the rows of the one path, the column `$label`; or None.
        header: Names of the columns where the file has none, or None to take its first line.
        quotes: `csv` or `literal`; None decides by what is in the file.
        separator: Between the columns, or between label and text; None for that of the format.
        records: Where in a JSON document the rows are, such as `samples.*`; None for the document itself.
        encoding: Of the characters; None is UTF-8, with a byte order mark or without.
        sha256: What the files must hash to, or None when they are not pinned.
    """

    paths: tuple[str, ...]
    format: str
    classes: tuple[str, ...] | None = None
    label_file: str | None = None
    header: tuple[str, ...] | None = None
    quotes: str | None = None
    separator: str | None = None
    records: str | None = None
    encoding: str | None = None
    sha256: str | None = None

    @property
    def place(self) -> str:
        """Where the rows come from, for messages."""
        more = len(self.paths) - 1
        return f"{self.paths[0]} and {more} more" if more else self.paths[0]


@dataclass(frozen=True)
class HubSource:
    """Rows of one split of a dataset on the Hugging Face hub.

    Attributes:
        hub: Dataset id, such as `nyu-mll/glue`.
        revision: Full commit, 40 hexadecimal digits.
        split: Such as `train`.
        config: Name of the configuration, or None where the dataset has only one.
    """

    hub: str
    revision: str
    split: str
    config: str | None

    @property
    def place(self) -> str:
        """Where the rows come from, for messages."""
        return f"hub dataset {self.hub}, split {self.split}"


Source = GeneratorSource | FileSource | HubSource


def read_place(place: str, value: Any) -> Source:
    """Return the section `source` of a spec, every key checked.

    Args:
        place: File and field, for messages.
        value: What stands there.

    Raises:
        DataError: If a key is unknown, missing or does not go with the others, or a value is not allowed.

    Example:
        >>> read_place("x.yaml: source", {"path": "data/mine/pairs.csv"}).format
        'csv'
    """
    raw = check_mapping(place, value)
    kinds = [kind for kind in ("generator", "path", "classes", "hub") if kind in raw]
    if len(kinds) != 1:
        given = " and ".join(kinds or map(str, raw))
        raise DataError(f"{place}: expected exactly one of generator, path, classes or hub, got {given}")
    if kinds == ["generator"]:
        check_keys(place, raw, kinds, kinds)
        return GeneratorSource(check_text(place, raw, "generator"))
    return _hub_source(place, raw) if kinds == ["hub"] else _file_source(place, raw, kinds[0])


def _file_source(place: str, raw: Mapping[str, Any], kind: str) -> FileSource:
    more = ("label_file",) if kind == "path" else ()
    check_keys(place, raw, (kind,), (kind, *more, "format", *OPTIONS, "sha256"))
    classes = _classes(f"{place}.classes", raw["classes"]) if kind == "classes" else {}
    paths = tuple(classes.values()) or check_texts(place, raw, "path")
    label_file = check_text(place, raw, "label_file") if "label_file" in raw else None
    if label_file and len(paths) > 1:
        raise DataError(f"{place}: label_file: goes with one path, not {len(paths)}")
    named = (*paths, *([label_file] if label_file else []))
    for path in named:
        _check_inside(place, path)
        if named.count(path) > 1:
            raise DataError(f"{place}: {path!r} is named more than once; its rows would count twice")
    kept = _format(place, raw, paths)
    return FileSource(
        paths, kept, tuple(classes) or None, label_file, **_options(place, raw, kept), sha256=_pin(place, raw)
    )


def _classes(place: str, value: Any) -> dict[str, str]:
    raw = check_mapping(place, value)
    for name in raw:
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise DataError(f"{place}: expected `class: path` lines, got the class {name!r}; put it in quotes")
    return {str(name): check_text(place, raw, name) for name in raw}


def _check_inside(place: str, path: str) -> None:
    """Refuse a relative path that leaves the project; whether the file is there is asked when it is read."""
    if ".." in PurePosixPath(path).parts:
        raise DataError(
            f"{place}: {path!r} leaves the project with `..`; give the whole path from `/`, or put the file into the "
            "project"
        )


def _format(place: str, raw: Mapping[str, Any], paths: tuple[str, ...]) -> str:
    suffix = Path(paths[0]).suffix.removeprefix(".").lower()
    if "format" not in raw and suffix not in FORMATS:
        raise DataError(
            f"{place}.path: the suffix of {paths[0]!r} does not say the format; add `format:`, one of "
            f"{', '.join(FORMATS)}"
        )
    return check_choice(place, {"format": suffix, **raw}, "format", FORMATS)


def _options(place: str, raw: Mapping[str, Any], kept: str) -> dict[str, Any]:
    for name, formats in OPTIONS.items():
        if name in raw and kept not in formats:
            raise DataError(f"{place}: {name}: is for the formats {', '.join(formats)}, and this is {kept}")
    found: dict[str, Any] = {name: check_text(place, raw, name) for name in ("records", "encoding") if name in raw}
    if "header" in raw:
        found["header"] = check_texts(place, raw, "header")
    if "quotes" in raw:
        found["quotes"] = check_choice(place, raw, "quotes", ("csv", "literal"))
    if "separator" in raw:
        found["separator"] = _separator(place, raw["separator"])
    return found


def _separator(place: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n\0':
        raise DataError(f"{place}: separator: expected one character in quotes, such as ';', got {value!r}")
    return value


def _pin(place: str, raw: Mapping[str, Any]) -> str | None:
    if "sha256" not in raw:
        return None
    pin = check_text(place, raw, "sha256").lower()
    if not PIN.fullmatch(pin):
        raise DataError(
            f"{place}.sha256: expected 64 hexadecimal digits, got {pin!r}; leave the line out and run "
            "`python -m data.check` on this spec, it prints the line to paste"
        )
    return pin


def _hub_source(place: str, raw: Mapping[str, Any]) -> HubSource:
    check_keys(place, raw, ("hub", "split"), ("hub", "revision", "split", "config"))
    hub = check_text(place, raw, "hub")
    revision = raw.get("revision")
    if not isinstance(revision, str) or not re.fullmatch("[0-9a-f]{40}", revision):
        given = "none" if revision is None else repr(revision)
        raise DataError(
            f"{place}.revision: expected the full commit, 40 hexadecimal digits, got {given}; a branch or a tag can "
            f"move. Copy the commit from https://huggingface.co/datasets/{hub}/commits/main into `revision:`"
        )
    config = check_text(place, raw, "config") if "config" in raw else None
    return HubSource(hub, revision, check_text(place, raw, "split"), config)
