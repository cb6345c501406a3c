"""The card of a dataset: what it is, what is in it, and what a reader should know before believing a probe on it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from data.examples import Examples
from data.findings.find import find
from data.places import FileSource, GeneratorSource
from data.sources import RawRows
from data.spec import DatasetSpec

SHOWN = 5  # examples on a card, more only where there are more classes


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
    findings = find(spec, raw, examples, surface)
    about = ("dataset", "feature", "family", "description", "artefacts", "licence", "citation", "readout", "too_long")
    return {
        **{key: getattr(spec, key) for key in about},
        "n_read": raw.n_read,
        "n_examples": len(labels),
        "n_groups": int(labels["group"].nunique()),
        "n_control_keys": int(labels["control_key"].nunique()),
        "classes": classes,
        "majority": max(classes.values()) / len(labels),
        "surface": surface,
        "folds": _folds(labels),
        "variants": _variants(labels, examples.variants),
        "source": _source(spec, raw),
        "dropped": {**raw.dropped, **examples.dropped},
        "examples": _shown(examples),
        "findings": [dataclasses.asdict(finding) for finding in findings],
        "warnings": [finding.message for finding in findings if finding.severity == "warning"],
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
