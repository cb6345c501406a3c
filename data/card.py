"""The card of a dataset: what it is, what is in it, and what a reader should know before believing a probe on it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from data.examples import Examples
from data.places import FileSource, GeneratorSource
from data.sources import RawRows
from data.spec import DatasetSpec

SHOWN = 5  # examples on a card, more only where there are more classes
RARE = 20  # examples; fewer and a fold holds a handful, so that one example moves the accuracy by many points
GAP = 0.05  # between surface and majority; smaller ones are within what chance does on a few hundred examples


def build_card(spec: DatasetSpec, raw: RawRows, examples: Examples, surface: float) -> dict[str, Any]:
    """Return the card of a dataset, ready for JSON, keys in reading order.

    Args:
        spec: What the dataset is.
        raw: Its source's rows, for their hash.
        examples: Its examples.
        surface: Accuracy of a bag of words on them.

    Example:
        >>> from pathlib import Path
        >>> from data.examples import build_examples
        >>> from data.sources import read_source
        >>> from data.spec import load_spec
        >>> spec = load_spec(Path("data/specs/sentiment.yaml"))
        >>> raw = read_source(spec, Path("."))
        >>> build_card(spec, raw, build_examples(spec, raw.rows, 5, 0), surface=0.5)["source"]["generator"]
        'sentiment'
    """
    labels = examples.labels
    classes = _counts(labels["label"])
    majority = max(classes.values()) / len(labels)
    about = ("dataset", "feature", "family", "description", "artefacts", "licence", "citation", "readout", "too_long")
    return {
        **{key: getattr(spec, key) for key in about},
        "n_read": raw.n_read,
        "n_examples": len(labels),
        "n_groups": int(labels["group"].nunique()),
        "n_control_keys": int(labels["control_key"].nunique()),
        "classes": classes,
        "majority": majority,
        "surface": surface,
        "folds": _folds(labels),
        "variants": _variants(labels, examples.variants),
        "source": _source(spec, raw),
        "dropped": {**raw.dropped, **examples.dropped},
        "examples": _shown(examples),
        "warnings": _warnings(spec, raw, examples, surface, majority),
    }


def card_json(card: Mapping[str, Any]) -> str:
    r"""Return a card as text for its file; equal cards give equal bytes.

    Args:
        card: What `build_card` returned.

    Example:
        >>> card_json({"dataset": "sentiment"})
        '{\n  "dataset": "sentiment"\n}\n'
    """
    return json.dumps(card, indent=2, ensure_ascii=False) + "\n"


def pin_line(raw: RawRows) -> str:
    """Return the line that pins a file in its spec.

    Args:
        raw: Rows of the file.

    Example:
        >>> pin_line(RawRows(pd.DataFrame(), "0f" * 32))[:16]
        'sha256: 0f0f0f0f'
    """
    return f"sha256: {raw.sha256}"


def _counts(labels: pd.Series) -> dict[str, int]:
    return {str(label): int(n) for label, n in labels.value_counts().sort_index().items()}


def _folds(labels: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {
            "fold": int(str(fold)),
            "n_examples": len(there),
            "n_groups": int(there["group"].nunique()),
            "classes": _counts(there["label"]),
        }
        for fold, there in labels.groupby("fold")
    ]


def _variants(labels: pd.DataFrame, variants: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Return the examples of each class in each variant; empty where the dataset has no variants."""
    named = labels.assign(variant=variants["variant"]).dropna(subset="variant")
    return {str(variant): _counts(there["label"]) for variant, there in named.groupby("variant")}


def _source(spec: DatasetSpec, raw: RawRows) -> dict[str, Any]:
    """Return where the rows are from, without the options that are not set."""
    kinds = {GeneratorSource: "generator", FileSource: "path"}
    fields = dataclasses.asdict(spec.source)
    if isinstance(spec.source, FileSource):
        paths = fields.pop("paths")
        fields = {"path": paths[0] if len(paths) == 1 else list(paths), **fields}
    given = {key: value for key, value in fields.items() if value is not None}
    return {"kind": kinds.get(type(spec.source), "hub"), **given, "sha256": raw.sha256}


def _shown(examples: Examples) -> list[dict[str, Any]]:
    """Return the first example of each class, then the second of each, and so on, as many as a card shows."""
    table = examples.texts.assign(label=examples.labels["label"])
    table["turn"] = table.groupby("label").cumcount()
    first = table.sort_values(["turn", "label"]).head(max(SHOWN, table["label"].nunique()))
    return [{str(key): value for key, value in row.items()} for row in first.drop(columns="turn").to_dict("records")]


def _warnings(spec: DatasetSpec, raw: RawRows, examples: Examples, surface: float, majority: float) -> list[str]:
    labels = examples.labels
    found = [_about_source(spec, raw), _about_groups(spec), _about_surface(surface, majority)]
    found += [_about_classes(_counts(labels["label"])), _about_control(labels), _about_ends(spec, examples.texts)]
    return [text for text in found if text]


def _about_source(spec: DatasetSpec, raw: RawRows) -> str:
    if not isinstance(spec.source, FileSource) or spec.source.sha256:
        return ""
    return (
        f"{spec.source.place} is not pinned: DVC watches the spec and not this file, so a change in it goes unnoticed. "
        f"Put this line under `source:` in {spec.path}: {pin_line(raw)}"
    )


def _about_groups(spec: DatasetSpec) -> str:
    if spec.columns.group:
        return ""
    return (
        "No group column: each text is its own group. If texts share a template, a pair or a subject, the probe can "
        "meet near copies of a test text in training; name what they share under `columns: {group: ...}`"
    )


def _about_surface(surface: float, majority: float) -> str:
    numbers = f"a bag of words reaches {surface:.3f}, the largest class {majority:.3f}"
    if surface > majority + GAP:
        return (
            f"Words alone give labels away: {numbers}. That may be in the nature of the feature; if not, balance the "
            "words over the classes. Heads are compared with this number"
        )
    if surface < majority - GAP:
        return (
            f"Words alone mislead: {numbers}. So low a score is the mark of twins, texts that differ only in what "
            "decides the label, split over folds; give twins the same `group`"
        )
    return ""


def _about_classes(classes: Mapping[str, int]) -> str:
    rarest = min(classes, key=lambda label: classes[label])
    if classes[rarest] >= RARE:
        return ""
    return (
        f"Class {rarest!r} has {classes[rarest]} examples, fewer than {RARE}: its accuracy is hardly known. "
        "Add examples, or merge or drop the class with `labels:`"
    )


def _about_control(labels: pd.DataFrame) -> str:
    if (labels.groupby("control_key")["group"].nunique() > 1).any():
        return ""
    return (
        "No control_key occurs in two groups: control labels cannot be learnt, so selectivity cannot be computed. Name "
        "a column whose values recur over groups, such as the word read, under `columns: {control_key: ...}`"
    )


def _about_ends(spec: DatasetSpec, texts: pd.DataFrame) -> str:
    n = int((texts["text"].str.rstrip() != texts["text"]).sum())
    if spec.readout != "last" or not n:
        return ""
    return f"{n} texts end in white space, and the readout last may take its token; strip it if that is not meant"
