"""Held-out scores of many heads at once."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def correctness(log_proba: Floats | NDArray[np.float32], labels: Ints) -> NDArray[np.bool_]:
    """Return whether each head's likeliest class is right, (n_heads, n_examples) bool.

    Args:
        log_proba: (n_heads, n_examples, n_classes).
        labels: (n_examples,).

    Example:
        >>> correctness(np.log([[[0.9, 0.1], [0.8, 0.2]]]), np.array([0, 1])).tolist()
        [[True, False]]
    """
    right: NDArray[np.bool_] = log_proba.argmax(-1) == labels
    return right


def balanced_accuracy(correct: NDArray[np.bool_], labels: Ints) -> Floats:
    """Return the mean over classes of the share of the class that is right, (n_heads,).

    Args:
        correct: (n_heads, n_examples).
        labels: (n_examples,).

    Example:
        >>> balanced_accuracy(np.array([[True, True, True, False]]), np.array([0, 0, 0, 1])).tolist()
        [0.5]
    """
    recalls = [correct[:, labels == label].mean(1) for label in np.unique(labels)]
    mean: Floats = np.mean(recalls, axis=0)
    return mean


def auroc(log_proba: Floats | NDArray[np.float32], labels: Ints) -> Floats:
    """Return the area under the ROC curve, (n_heads,); for more than two classes the mean of one-vs-rest.

    Equals the chance that a positive example scores above a negative one, ties counting half (Mann and Whitney 1947).

    Args:
        log_proba: (n_heads, n_examples, n_classes).
        labels: (n_examples,); every class must occur, and not alone.

    Example:
        >>> auroc(np.log([[[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]]), np.array([0, 0, 1, 1])).tolist()
        [0.75]
    """
    n_classes = log_proba.shape[-1]
    classes = [1] if n_classes == 2 else range(n_classes)
    areas = [_area(log_proba[:, :, label], labels == label) for label in classes]
    mean: Floats = np.mean(areas, axis=0)
    return mean


def _area(scores: Floats | NDArray[np.float32], positive: NDArray[np.bool_]) -> Floats:
    n_positive = int(positive.sum())
    ranks = pd.DataFrame(scores).rank(axis=1).to_numpy()[:, positive].sum(1)  # scipy.stats takes a second to import
    area: Floats = (ranks - n_positive * (n_positive + 1) / 2) / (n_positive * (~positive).sum())
    return area


def log_loss(log_proba: Floats | NDArray[np.float32], labels: Ints) -> Floats:
    """Return the cross-entropy of the labels, in nats an example, (n_heads,).

    Args:
        log_proba: Natural logarithms, (n_heads, n_examples, n_classes).
        labels: (n_examples,).

    Example:
        >>> log_loss(np.log([[[0.5, 0.5], [0.5, 0.5]]]), np.array([0, 1])).round(3).tolist()
        [0.693]
    """
    right = log_proba[:, np.arange(len(labels)), labels].astype(np.float64)
    loss: Floats = -right.mean(1)
    return loss


def information_bits(log_proba: Floats | NDArray[np.float32], labels: Ints) -> Floats:
    """Return label entropy minus held-out cross-entropy in bits, (n_heads,).

    A lower bound on the mutual information between head and label that a linear probe reaches (Xu et al. 2020 call it
    usable information); negative where the probe misleads more than it tells.

    Args:
        log_proba: Natural logarithms, (n_heads, n_examples, n_classes).
        labels: (n_examples,).

    Example:
        >>> information_bits(np.log([[[0.5, 0.5], [0.5, 0.5]]]), np.array([0, 1])).tolist()
        [0.0]
    """
    shares = np.bincount(labels, minlength=log_proba.shape[-1]) / len(labels)
    entropy = -sum(share * math.log(share) for share in shares if share > 0)
    bits: Floats = (entropy - log_loss(log_proba, labels)) / math.log(2)
    return bits


def majority(labels: Ints) -> float:
    """Return the share of the most frequent class.

    Args:
        labels: (n_examples,).

    Example:
        >>> majority(np.array([0, 0, 1]))
        0.6666666666666666
    """
    return float(np.bincount(labels).max() / len(labels))
