"""Does what a head knows hold on other data: probes of one dataset, tested on another dataset of the same feature."""

import numpy as np
from numpy.typing import NDArray

from probes.intervals import cluster_bootstrap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COLUMNS = {
    "model": "slug of the model",
    "layer": "0-based",
    "head": "0-based, query heads",
    "feature": "what the labels of both datasets say",
    "trained_on": "slug of the dataset whose probes are tested",
    "tested_on": "slug of the dataset they are tested on",
    "n_examples": "examples of the tested dataset that count",
    "n_left_out": "examples of the tested dataset whose text or group the training dataset has, too",
    "n_groups": "groups of the examples that count",
    "accuracy": "share of these examples that the probes of all folds together get right",
    "accuracy_low": "lower end of its cluster-bootstrap interval over groups of the tested dataset",
    "accuracy_high": "upper end of its cluster-bootstrap interval over groups of the tested dataset",
    "majority": "share of the most frequent class of these examples",
    "margin": "accuracy - majority, paired by example",
    "margin_low": "lower end of its paired cluster-bootstrap interval",
    "margin_high": "upper end of its paired cluster-bootstrap interval",
    "turned_high": "accuracy that one in twenty randomly turned copies of the probe exceeds",
    "p_turned": "share of randomly turned copies at least as accurate, of this head by itself",
    "p_value": "the same, family-wise over all heads of the model, max-statistic over the turns",
}


def strangers(
    texts: NDArray[np.object_], groups: NDArray[np.object_], seen_texts: set[str], seen_groups: set[str]
) -> Bools:
    """Return which examples the training dataset does not know, neither by text nor by group, (n_examples,) bool.

    A shared text was trained on as it stands; a shared group (the same noun, the same country) lets a probe remember
    the unit and not the feature. Both are compared to the letter.

    Args:
        texts: Text of each example of the tested dataset, (n_examples,) str.
        groups: Name of the group of each, (n_examples,) str.
        seen_texts: Texts of the training dataset.
        seen_groups: Names of its groups.

    Example:
        >>> texts, groups = np.array(["a b", "c", "d"], dtype=object), np.array(["g", "h", "i"], dtype=object)
        >>> strangers(texts, groups, {"a b"}, {"h"}).tolist()
        [False, False, True]
    """
    return np.array(
        [text not in seen_texts and group not in seen_groups for text, group in zip(texts, groups, strict=True)],
        dtype=np.bool_,
    )


def transfer_scores(
    correct: Bools, labels: Ints, groups: Ints, n_draws: int, confidence: float, seed: int
) -> dict[str, Floats]:
    """Return accuracy, majority and margin of every head on the tested dataset, intervals with them, (n_heads,) each.

    The margin is over the most frequent class of the tested dataset, example by example, and whole groups of the tested
    dataset are drawn again. The probes stay as they are: the intervals say what other examples would have changed, not
    other training data. They are wider than that needs by `intervals.SHARED_TRAINING`.

    Args:
        correct: Whether a head was right, (n_heads, n_examples).
        labels: Class of each example, (n_examples,) int64 from 0.
        groups: Group of each example, (n_examples,) int64.
        n_draws: Bootstrap replicates.
        confidence: Coverage, such as 0.95.
        seed: Of the draws.

    Example:
        >>> labels = np.arange(40) % 2
        >>> scores = transfer_scores(np.stack([labels == labels, labels == 0]), labels, np.arange(40), 200, 0.95, 0)
        >>> scores["margin"].tolist(), (scores["margin_low"] > 0).tolist()
        ([0.5, 0.0], [True, False])
    """
    majority = labels == np.bincount(labels).argmax()
    difference = correct.astype(np.float64) - majority
    low, high = cluster_bootstrap(correct, groups, n_draws, confidence, seed)
    margin_low, margin_high = cluster_bootstrap(difference, groups, n_draws, confidence, seed)
    return {
        "accuracy": correct.mean(1),
        "accuracy_low": low,
        "accuracy_high": high,
        "majority": np.full(len(correct), majority.mean()),
        "margin": difference.mean(1),
        "margin_low": margin_low,
        "margin_high": margin_high,
    }
