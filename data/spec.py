"""Read data/specs/<dataset>.yaml into a `DatasetSpec`, every key checked; the rows are not looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.cap import Cap, read_cap
from data.columns import GENERATED, Columns, Melt, check_pattern, read_columns, read_melt
from data.errors import DataError
from data.keys import check_choice, check_keys, check_mapping, check_slug, check_text, shown
from data.places import GeneratorSource, Source, read_place
from data.yamlfile import read_yaml

FAMILIES = ("structural", "syntactic", "semantic", "factual", "truth", "expression")
READOUTS = ("last", "first", "span", "mean")
REQUIRED = ("description", "feature", "family", "licence", "citation", "readout", "too_long", "source")
SHAPE = ("where", "remove", "melt")  # what a generator has no need of
OPTIONAL = ("artefacts", "columns", "labels", "duplicates", "contradictions", "cap", *SHAPE)
REST = "*"  # under `labels:`, every label that has no line of its own


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
        where: Column -> the values it may have, for rows of the source to be taken at all.
        remove: Column -> regular expression; what it matches is taken out.
        melt: How several columns of a row become rows of their own, or None where a row is an example.
        columns: Which column holds what.
        labels: Raw label -> label, or -> None to drop its rows, `REST` -> None for all others; None keeps them.
        duplicates: What to do with rows of equal text, span and label: `error` or `drop`.
        contradictions: What to do with rows of equal text and span whose labels differ: `error` or `drop` them all.
        cap: What is kept of it where it is larger than wanted, or None for all.
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
    source: Source
    where: Mapping[str, tuple[str, ...]]
    remove: Mapping[str, str]
    melt: Melt | None
    columns: Columns
    labels: Mapping[str, str | None] | None
    duplicates: str
    contradictions: str = "error"
    cap: Cap | None = None


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
    place, raw = str(path), read_yaml(path)
    check_keys(place, raw, REQUIRED, (*REQUIRED, *OPTIONAL))
    source = read_place(f"{place}: source", raw["source"])
    readout = check_choice(place, raw, "readout", READOUTS)
    return DatasetSpec(
        dataset=check_slug(f"{place}: the file name", path.stem),
        path=path,
        description=check_text(place, raw, "description").strip(),
        artefacts=check_text(place, raw, "artefacts").strip() if "artefacts" in raw else "",
        feature=check_slug(f"{place}: feature", check_text(place, raw, "feature")),
        family=check_choice(place, raw, "family", FAMILIES),
        licence=check_text(place, raw, "licence").strip(),
        citation=check_text(place, raw, "citation").strip(),
        readout=readout,
        too_long=check_choice(place, raw, "too_long", ("error", "drop")),
        source=source,
        where=_where(f"{place}: where", raw["where"]) if "where" in raw else {},
        remove=_remove(f"{place}: remove", raw["remove"]) if "remove" in raw else {},
        melt=read_melt(f"{place}: melt", raw["melt"]) if "melt" in raw else None,
        columns=_columns(place, raw, source, readout),
        labels=_labels(f"{place}: labels", raw["labels"]) if "labels" in raw else None,
        duplicates=check_choice(place, {"duplicates": "error", **raw}, "duplicates", ("error", "drop")),
        contradictions=check_choice(place, {"contradictions": "error", **raw}, "contradictions", ("error", "drop")),
        cap=read_cap(place, raw) if "cap" in raw else None,
    )


def _columns(place: str, raw: Mapping[str, Any], source: Source, readout: str) -> Columns:
    if isinstance(source, GeneratorSource):
        given = [key for key in ("columns", *SHAPE) if key in raw]
        if given:
            raise DataError(f"{place}: {given[0]}: a generator has fixed columns; remove the key")
        return GENERATED
    if "columns" not in raw:
        raise DataError(f"{place}: missing columns; say which columns hold the `text` and the `label`")
    return read_columns(f"{place}: columns", raw["columns"], readout)


def _where(place: str, value: Any) -> dict[str, tuple[str, ...]]:
    raw = check_mapping(place, value)
    wanted = {str(name): one if isinstance(one, list) and one else [one] for name, one in raw.items()}
    for name, values in wanted.items():
        odd = [one for one in values if isinstance(one, bool) or not isinstance(one, str | int | float)]
        if odd:
            raise DataError(f"{place}: {name}: expected a value or a list of them, got {shown(odd[0])}; in quotes?")
    return {name: tuple(map(str, values)) for name, values in wanted.items()}


def _remove(place: str, value: Any) -> dict[str, str]:
    raw = check_mapping(place, value)
    return {str(name): check_pattern(f"{place}: {name}", check_text(place, raw, name)) for name in raw}


def _labels(place: str, value: Any) -> dict[str, str | None]:
    raw = check_mapping(place, value)
    for word in (*raw.keys(), *raw.values()):
        if isinstance(word, bool):
            raise DataError(f"{place}: YAML reads yes, no, true, false, on and off as {word}; put it in quotes")
    for key, label in raw.items():
        if not isinstance(key, str | int | float):
            raise DataError(f"{place}: expected a raw label, got {key!r}; put it in quotes")
        if label is not None and (not isinstance(label, str | int) or not str(label).strip()):
            raise DataError(f"{place}.{key}: expected a label, or null to drop its rows, got {label!r}")
    if raw.get(REST) is not None:
        raise DataError(f"{place}: '{REST}' stands for all other labels and can only be null, got {raw[REST]!r}")
    return {str(key): None if label is None else str(label) for key, label in raw.items()}
