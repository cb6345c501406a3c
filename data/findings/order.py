"""Rows that the source has in the order of their labels."""

import numpy as np
import pandas as pd

from data.findings.finding import Finding, percent
from data.places import GeneratorSource
from data.sources import RawRows
from data.spec import DatasetSpec

FEWEST = 50  # rows; fewer have no order to speak of
PART = 20  # rows at either end, at least; else a tenth of all
DRIFT = 0.2  # share of an end that would need another label to be like all rows, beyond what chance gives


def about_order(spec: DatasetSpec, raw: RawRows) -> list[Finding]:
    """Return a note where rows of the source are sorted by label, in part or in whole.

    Args:
        spec: What the dataset is.
        raw: Rows of its source.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> rows = pd.DataFrame({"label": ["a"] * 50 + ["b"] * 50})
        >>> about_order(load_spec(Path("data/specs/truthfulqa.yaml")), RawRows(rows, ""))[0].message[:42]
        'Rows of the source are in the order of the'
    """
    labels = _kept(spec, raw.rows["label"])
    if isinstance(spec.source, GeneratorSource) or len(labels) < FEWEST:
        return []
    same = float((labels.to_numpy()[1:] == labels.to_numpy()[:-1]).mean())
    chance = float((labels.value_counts(normalize=True) ** 2).sum())
    size = max(PART, len(labels) // 10)
    shares, first, last = (part.value_counts(normalize=True) for part in (labels, labels[:size], labels[-size:]))
    drift = max(float(part.sub(shares, fill_value=0).clip(lower=0).sum()) for part in (first, last))
    if drift < DRIFT + _expected_drift(shares, size):
        return []
    label = str(first.sort_index().idxmax())
    message = (
        f"Rows of the source are in the order of their labels: {percent(same)} of neighbouring rows have equal labels, "
        f"chance gives {percent(chance)}; {label!r} has {percent(float(first[label]))} of the first {size} rows and "
        f"{percent(float(last.get(label, 0.0)))} of the last {size}. It does no harm here: the order is forgotten, and "
        "folds are dealt out by a seed. But the first rows alone, as `head` takes them, are no sample. Make the "
        "dataset smaller with `cap:`"
    )
    return [Finding("note", "order", message)]


def _expected_drift(shares: pd.Series, size: int) -> float:
    """Return the drift of so many rows drawn at random: half the mean absolute deviation of each share, summed."""
    return float(((2 / np.pi * shares * (1 - shares) / size) ** 0.5).sum() / 2)


def _kept(spec: DatasetSpec, labels: pd.Series) -> pd.Series:
    """Return the labels of the spec for those of the source, without rows that it drops."""
    names = spec.labels
    return labels if names is None else labels.map(lambda label: names.get(label)).dropna()
