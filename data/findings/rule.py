"""Labels that a few counts give away, such as how long a text is, found by a small decision tree."""

from math import sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from data.findings.finding import GAP, Finding
from data.spec import DatasetSpec

LEAVES = 8  # of a rule: enough for a few cuts, too few to learn examples by heart
SMALLEST = 5  # examples in a leaf
NAMED = 4  # classes whose medians are told


class Rule(NamedTuple):
    """Counts that should not tell the label, and what to say where they do.

    Attributes:
        about: Slug of the finding.
        what: Begins the message.
        counts: A column for each, on the index of the examples; the median of the first is told for each class.
        way_out: How to choose texts.
    """

    about: str
    what: str
    counts: pd.DataFrame
    way_out: str


def about_rule(spec: DatasetSpec, table: pd.DataFrame, rule: Rule) -> list[Finding]:
    """Return what to know where a rule does better than the largest class.

    It is a note only where the spec says under `artefacts:` what gives labels away.

    Args:
        spec: What the dataset is.
        table: What `joined` returned.
        rule: The counts.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> table = pd.DataFrame({"label": ["short", "long"] * 30, "fold": [0, 0, 1, 1, 2, 2] * 10})
        >>> rule = Rule("length", "Length tells", pd.DataFrame({"words": [2, 3] * 30}), "Choose others")
        >>> about_rule(load_spec(Path("data/specs/verb_tense.yaml")), table, rule)[0].message[:53]
        'Length tells: a rule on words reaches 1.000 out of fo'
    """
    accuracy = rule_accuracy(rule.counts, table)
    majority = float(table["label"].value_counts(normalize=True).max())
    if accuracy <= majority + max(GAP, 2 * sqrt(majority * (1 - majority) / len(table))):
        return []
    counts = rule.counts
    medians = counts.iloc[:, 0].groupby(table["label"]).median()
    shown = ", ".join(f"{median:g} in {label!r}" for label, median in medians.head(NAMED).items())
    more = f" and {len(medians) - NAMED} more classes" if len(medians) > NAMED else ""
    why = "see whether `artefacts:` in the spec says why" if spec.artefacts else "or say why under `artefacts:`"
    message = (
        f"{rule.what}: a rule on {', '.join(counts.columns)} reaches {accuracy:.3f} out of fold, the largest class "
        f"{majority:.3f}; median of {counts.columns[0]}: {shown}{more}. A head that only counts looks like one that "
        f"knows the feature. {rule.way_out}; {why}"
    )
    return [Finding("note" if spec.artefacts else "warning", rule.about, message)]


def rule_accuracy(counts: pd.DataFrame, table: pd.DataFrame) -> float:
    """Return the out-of-fold accuracy of a small tree on counts.

    Args:
        counts: A column for each.
        table: What `joined` returned.

    Example:
        >>> table = pd.DataFrame({"label": ["x", "y"] * 30, "fold": [0, 0, 1, 1, 2, 2] * 10})
        >>> rule_accuracy(pd.DataFrame({"words": [2, 3] * 30}), table)
        1.0
    """
    features, labels = counts.to_numpy(), table["label"].to_numpy(dtype=object)
    folds: NDArray[np.int64] = table["fold"].to_numpy()
    right = 0
    for fold in np.unique(folds):
        test = folds == fold
        tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=SMALLEST, random_state=0)
        tree.fit(features[~test], labels[~test])
        right += int((tree.predict(features[test]) == labels[test]).sum())
    return right / len(labels)
