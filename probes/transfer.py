"""Does what a head knows hold on other data: probes of one dataset, tested on another dataset of the same feature."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax

from probes.errors import ProbeError
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
}


def apply_probes(
    x: NDArray[np.floating],
    coef: NDArray[np.floating],
    intercept: NDArray[np.floating],
    mean: NDArray[np.floating],
    scale: NDArray[np.floating],
) -> Floats:
    """Return what the probes of all folds together say, log-probabilities (n_heads, n_examples, n_classes) float64.

    The log-probabilities of the folds' probes are averaged and made to add up to one again. For logistic probes that is
    one probe, the mean of their weights and intercepts in the inputs' own units, so it costs as much as one.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        coef: Weights on standardised inputs, (n_heads, n_folds, n_logits, d); one logit for two classes.
        intercept: (n_heads, n_folds, n_logits).
        mean: What the scaler subtracts, (n_heads, n_folds, d).
        scale: What it then divides by, (n_heads, n_folds, d).

    Raises:
        ProbeError: If the shapes do not fit.

    Example:
        >>> x = np.array([[[3.0], [-1.0]]])
        >>> coef, intercept = np.array([[[[1.0]], [[3.0]]]]), np.zeros((1, 2, 1))  # two folds
        >>> mean, scale = np.ones((1, 2, 1)), np.ones((1, 2, 1))
        >>> np.exp(apply_probes(x, coef, intercept, mean, scale)).round(2).tolist()
        [[[0.02, 0.98], [0.98, 0.02]]]
    """
    _check_shapes(x, coef, intercept, mean, scale)
    weights = coef.astype(np.float64) / scale[:, :, None]
    offset = (intercept - (weights * mean[:, :, None]).sum(-1)).mean(1)
    # A head at a time: in double precision, where a large mean costs no digits, but never a whole layer.
    return np.stack([
        _log_proba(head.astype(np.float64) @ weight.T + start)
        for head, weight, start in zip(x, weights.mean(1), offset, strict=True)
    ])


def _log_proba(logits: Floats) -> Floats:
    """Return log-probabilities, (n_examples, n_classes), of logits, (n_examples, n_logits)."""
    if logits.shape[1] == 1:
        return np.asarray(log_expit(logits * np.array([-1.0, 1.0])))
    return np.asarray(log_softmax(logits, axis=1))


def _check_shapes(
    x: NDArray[np.floating],
    coef: NDArray[np.floating],
    intercept: NDArray[np.floating],
    mean: NDArray[np.floating],
    scale: NDArray[np.floating],
) -> None:
    n_heads, n_folds, n_logits, width = coef.shape
    found = (x.shape[0], x.shape[2], intercept.shape, mean.shape, scale.shape)
    scaler = (n_heads, n_folds, width)
    if found != (n_heads, width, (n_heads, n_folds, n_logits), scaler, scaler):
        raise ProbeError(
            f"transfer: head outputs of shape {x.shape} and probes with weights {coef.shape}, intercepts "
            f"{intercept.shape}, means {mean.shape} and scales {scale.shape}; expected (n_heads, n_examples, d), "
            "(n_heads, n_folds, n_logits, d), (n_heads, n_folds, n_logits) and twice (n_heads, n_folds, d): train the "
            "probes on the model they are tested on"
        )


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
