"""Labels that the length of a text, or the place of its span, gives away."""

from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from data.findings.finding import Finding
from data.spec import DatasetSpec

GAP = 0.05  # above the largest class, and two standard errors
LEAVES = 8  # of a rule: enough for a few cuts in length, too few to learn examples by heart
SMALLEST = 5  # examples in a leaf
NAMED = 4  # classes whose medians are told


def about_length(spec: DatasetSpec, table: pd.DataFrame) -> list[Finding]:
    """Return what to know where a rule on characters and words of the text gives labels away.

    It is a note only where the spec says under `artefacts:` what gives labels away.

    Args:
        spec: What the dataset is.
        table: What `joined` returned.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> table = pd.DataFrame({"text": ["a cat", "a big black cat"] * 30, "label": ["short", "long"] * 30})
        >>> table["fold"] = table.index // 20
        >>> about_length(load_spec(Path("data/specs/verb_tense.yaml")), table)[0].message[:47]
        'How long a text is gives labels away: a rule on'
    """
    words = table["text"].map(_n_words)
    features = np.column_stack([table["text"].str.len(), words])
    what = "How long a text is gives labels away: a rule on its characters and words"
    harm = "A head that only counts looks like one that knows the feature. Choose texts of like length in each class"
    return _finding(spec, table, "length", features, what, harm, words.rename("words in a text"))


def about_position(spec: DatasetSpec, table: pd.DataFrame) -> list[Finding]:
    """Return what to know where the place of the span gives labels away; the same severities as for the length.

    Args:
        spec: What the dataset is.
        table: What `joined` returned.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> table = pd.DataFrame({"text": ["a cat ran"] * 60, "label": ["noun", "verb"] * 30})
        >>> table = table.assign(start=[2, 6] * 30, end=[5, 9] * 30, fold=table.index // 20)
        >>> about_position(load_spec(Path("data/specs/verb_tense.yaml")), table)[0].message[:43]
        'Where the span stands gives labels away: a '
    """
    if spec.readout != "span":
        return []
    before = [_n_words(text[:start]) for text, start in zip(table["text"], table["start"], strict=True)]
    features = np.column_stack([table["start"], before, table["text"].str.len() - table["end"]])
    what = "Where the span stands gives labels away: a rule on its distance from either end of the text"
    harm = (
        "A head that only knows the position looks like one that knows the feature. Let spans of each class stand in "
    )
    harm += "like places"
    words = pd.Series(before, index=table.index, name="words before the span")
    return _finding(spec, table, "position", features, what, harm, words)


def _finding(
    spec: DatasetSpec,
    table: pd.DataFrame,
    about: str,
    features: NDArray[np.int64],
    what: str,
    harm: str,
    told: pd.Series,
) -> list[Finding]:
    labels, folds = table["label"].to_numpy(dtype=object), table["fold"].to_numpy()
    accuracy = _accuracy(features, labels, folds)
    majority = float(table["label"].value_counts(normalize=True).max())
    if accuracy <= majority + max(GAP, 2 * sqrt(majority * (1 - majority) / len(table))):
        return []
    medians = told.groupby(table["label"]).median()
    shown = ", ".join(f"{median:g} in {label!r}" for label, median in medians.head(NAMED).items())
    more = f" and {len(medians) - NAMED} more classes" if len(medians) > NAMED else ""
    why = "see whether `artefacts:` in the spec says why" if spec.artefacts else "or say why under `artefacts:`"
    message = (
        f"{what} reaches {accuracy:.3f} out of fold, the largest class {majority:.3f}; median of {told.name}: "
        f"{shown}{more}. {harm}; {why}"
    )
    return [Finding("note" if spec.artefacts else "warning", about, message)]


def _accuracy(features: NDArray[np.int64], labels: NDArray[np.object_], folds: NDArray[np.int64]) -> float:
    """Return the out-of-fold accuracy of a small tree."""
    right = 0
    for fold in np.unique(folds):
        test = folds == fold
        tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=SMALLEST, random_state=0)
        tree.fit(features[~test], labels[~test])
        right += int((tree.predict(features[test]) == labels[test]).sum())
    return right / len(labels)


def _n_words(text: str) -> int:
    return len(text.split())
