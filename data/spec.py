"""Read data/specs/<dataset>.yaml into a `DatasetSpec`, every key checked; the rows are not looked at."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data.errors import DataError, nearest

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
FAMILIES = ("structural", "syntactic", "semantic", "factual", "truth", "expression")
READOUTS = ("last", "span", "mean")
FORMATS = ("csv", "tsv", "json", "jsonl", "parquet")
REQUIRED = ("description", "feature", "family", "licence", "citation", "readout", "too_long", "source")
OPTIONAL = ("artefacts", "columns", "labels", "duplicates")


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
    """Rows of a local file.

    Attributes:
        path: As written in the spec: absolute, or relative to the top folder of the project.
        format: One of `FORMATS`.
        sha256: What the file must hash to, or None when it is not pinned.
    """

    path: str
    format: str
    sha256: str | None

    @property
    def place(self) -> str:
        """Where the rows come from, for messages."""
        return self.path


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


@dataclass(frozen=True)
class Columns:
    """Which column of the source holds what; None where it has no such column."""

    text: str
    label: str
    id: str | None = None
    start: str | None = None
    end: str | None = None
    target: str | None = None
    group: str | None = None
    control_key: str | None = None
    variant: str | None = None

    def given(self) -> dict[str, str]:
        """Return field -> column of the source, without the fields left out."""
        return {field: column for field, column in dataclasses.asdict(self).items() if column is not None}


# every generator returns these, so its spec names none
GENERATED = Columns(
    "text", "label", start="start", end="end", group="group", control_key="control_key", variant="variant"
)


@dataclass(frozen=True)
class DatasetSpec:
    """What one dataset is.

    Attributes:
        dataset: Slug, the name of the spec file.
        path: The spec file.
        description: What is asked and how the examples were made.
        artefacts: What gives labels away without the feature, and why that is so; "" where nothing is known.
        feature: Slug of what the label says about the text.
        family: One of `FAMILIES`.
        licence: Of the texts and labels.
        citation: Text or a BibTeX entry.
        readout: Which token is probed, one of `READOUTS`.
        too_long: What extraction does with a text longer than the model's context: `error` or `drop`.
        source: Where the rows come from.
        columns: Which column holds what.
        labels: Raw label -> label, or -> None to drop its rows; None keeps the raw labels.
        duplicates: What to do with rows of equal text, span and label: `error` or `drop`.
    """

    dataset: str
    path: Path
    description: str
    artefacts: str
    feature: str
    family: str
    licence: str
    citation: str
    readout: str
    too_long: str
    source: GeneratorSource | FileSource | HubSource
    columns: Columns
    labels: Mapping[str, str | None] | None
    duplicates: str


def load_spec(path: Path) -> DatasetSpec:
    """Return the spec of one dataset; the file's name is the dataset's slug.

    Args:
        path: A file such as `data/specs/sentiment.yaml`.

    Raises:
        DataError: If the file is missing or not YAML, a key is unknown or missing, or a value is not allowed.

    Example:
        >>> load_spec(Path("data/specs/sentiment.yaml")).source
        GeneratorSource(generator='sentiment')
    """
    place = str(path)
    raw = _mapping(place, _parse(path))
    _check_keys(place, raw, REQUIRED, (*REQUIRED, *OPTIONAL))
    source = _source(f"{place}: source", raw["source"])
    return DatasetSpec(
        dataset=_slug(f"{place}: the file name", path.stem),
        path=path,
        description=_text(place, raw, "description").strip(),
        artefacts=_text(place, raw, "artefacts").strip() if "artefacts" in raw else "",
        feature=_slug(f"{place}: feature", _text(place, raw, "feature")),
        family=_choice(place, raw, "family", FAMILIES),
        licence=_text(place, raw, "licence").strip(),
        citation=_text(place, raw, "citation").strip(),
        readout=_choice(place, raw, "readout", READOUTS),
        too_long=_choice(place, raw, "too_long", ("error", "drop")),
        source=source,
        columns=_columns(place, raw, source),
        labels=_labels(f"{place}: labels", raw["labels"]) if "labels" in raw else None,
        duplicates=_choice(place, {"duplicates": "error", **raw}, "duplicates", ("error", "drop")),
    )


def _parse(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        names = sorted(file.name for file in path.parent.glob("*.yaml"))
        there = f"; {path.parent} has {', '.join(names)}{nearest(path.name, names)}" if names else ""
        raise DataError(f"{path}: no such file{there}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: not valid YAML in UTF-8: {error}") from None


def _source(place: str, value: Any) -> GeneratorSource | FileSource | HubSource:
    raw = _mapping(place, value)
    kinds = [kind for kind in ("generator", "path", "hub") if kind in raw]
    if len(kinds) != 1:
        given = " and ".join(kinds or map(str, raw))
        raise DataError(f"{place}: expected exactly one of generator, path or hub, got {given}")
    if kinds != ["generator"]:
        return _file_source(place, raw) if kinds == ["path"] else _hub_source(place, raw)
    _check_keys(place, raw, kinds, kinds)
    return GeneratorSource(_text(place, raw, "generator"))


def _file_source(place: str, raw: Mapping[str, Any]) -> FileSource:
    _check_keys(place, raw, ("path",), ("path", "format", "sha256"))
    path = _text(place, raw, "path")
    suffix = Path(path).suffix.removeprefix(".").lower()
    if "format" not in raw and suffix not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise DataError(
            f"{place}.path: the suffix of {path!r} does not say the format; add `format:`, one of {allowed}"
        )
    pin = _text(place, raw, "sha256").lower() if "sha256" in raw else None
    if pin is not None and not re.fullmatch("[0-9a-f]{64}", pin):
        raise DataError(
            f"{place}.sha256: expected 64 hexadecimal digits, got {pin!r}; leave the line out and run "
            "`python -m data.check` on this spec, it prints the line to paste"
        )
    return FileSource(path, _choice(place, {"format": suffix, **raw}, "format", FORMATS), pin)


def _hub_source(place: str, raw: Mapping[str, Any]) -> HubSource:
    _check_keys(place, raw, ("hub", "split"), ("hub", "revision", "split", "config"))
    hub = _text(place, raw, "hub")
    revision = raw.get("revision")
    if not isinstance(revision, str) or not re.fullmatch("[0-9a-f]{40}", revision):
        given = "none" if revision is None else repr(revision)
        raise DataError(
            f"{place}.revision: expected the full commit, 40 hexadecimal digits, got {given}; a branch or a tag can "
            f"move. Copy the commit from https://huggingface.co/datasets/{hub}/commits/main into `revision:`"
        )
    config = _text(place, raw, "config") if "config" in raw else None
    return HubSource(hub, revision, _text(place, raw, "split"), config)


def _columns(place: str, raw: Mapping[str, Any], source: object) -> Columns:
    if isinstance(source, GeneratorSource):
        if "columns" in raw:
            raise DataError(f"{place}: columns: a generator has fixed columns; remove the key")
        return GENERATED
    if "columns" not in raw:
        raise DataError(f"{place}: missing columns; say which columns hold the `text` and the `label`")
    place = f"{place}: columns"
    names = [field.name for field in dataclasses.fields(Columns)]
    given = _mapping(place, raw["columns"])
    _check_keys(place, given, ("text", "label"), names)
    columns = Columns(**{name: _text(place, given, name) for name in given})
    _check_span(place, columns, raw["readout"])
    return columns


def _check_span(place: str, columns: Columns, readout: str) -> None:
    if (columns.start is None) != (columns.end is None):
        raise DataError(f"{place}: start and end belong together; give both or none")
    if columns.start is not None and columns.target is not None:
        raise DataError(f"{place}: both start/end and target say where the span is; keep one of them")
    has_span = bool(columns.start or columns.target)
    if readout == "span" and not has_span:
        raise DataError(f"{place}: the readout span needs `start` and `end`, or `target`; or set `readout: last`")
    if readout != "span" and has_span:
        raise DataError(
            f"{place}: readout {readout} takes the whole text; remove start, end, target, or use readout span"
        )


def _labels(place: str, value: Any) -> dict[str, str | None]:
    raw = _mapping(place, value)
    for word in (*raw.keys(), *raw.values()):
        if isinstance(word, bool):
            raise DataError(f"{place}: YAML reads yes, no, true, false, on and off as {word}; put it in quotes")
    for key, label in raw.items():
        if not isinstance(key, str | int | float):
            raise DataError(f"{place}: expected a raw label, got {key!r}; put it in quotes")
        if label is not None and (not isinstance(label, str | int) or not str(label).strip()):
            raise DataError(f"{place}.{key}: expected a label, or null to drop its rows, got {label!r}")
    return {str(key): None if label is None else str(label) for key, label in raw.items()}


def _mapping(place: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping) or not value:
        raise DataError(f"{place}: expected `key: value` lines, got {value!r}")
    return value


def _check_keys(place: str, given: Iterable[Any], required: Iterable[str], allowed: Iterable[str]) -> None:
    for key in given:
        if key not in allowed:
            raise DataError(f"{place}: unknown key {key!r}; allowed: {', '.join(allowed)}{nearest(key, allowed)}")
    missing = [key for key in required if key not in given]
    if missing:
        raise DataError(f"{place}: missing {', '.join(missing)}; needed: {', '.join(required)}")


def _text(place: str, raw: Mapping[Any, Any], key: str) -> str:
    value = raw[key]
    if not isinstance(value, str):
        raise DataError(f"{place}: {key}: expected text, got {value!r}; put it in quotes if it is meant as text")
    if not value.strip():
        raise DataError(f"{place}: {key}: empty; say something or remove the key")
    return value


def _choice(place: str, raw: Mapping[Any, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = _text(place, raw, key)
    if value not in allowed:
        raise DataError(f"{place}: {key}: expected one of {', '.join(allowed)}, got {value!r}{nearest(value, allowed)}")
    return value


def _slug(place: str, value: str) -> str:
    if not SLUG.fullmatch(value):
        raise DataError(f"{place}: {value!r} is not a slug; use a-z, 0-9, _ and -, starting with a letter or a digit")
    return value
