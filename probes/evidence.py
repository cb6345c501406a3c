"""The evidence on every head of a cell, as columns of the results table."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probes.baselines import margin_columns
from probes.intervals import cluster_bootstrap
from probes.metrics import auroc, balanced_accuracy, correctness, information_bits, log_loss

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    Attributes:
        n_draws: Replicates.
        confidence: Coverage, such as 0.95.
        seed: Of the draws.
    """

    n_draws: int
    confidence: float
    seed: int


def score_columns(
    log_proba: NDArray[np.float32], labels: Ints, groups: Ints, bootstrap: Bootstrap
) -> dict[str, Floats]:
    """Return accuracy with its interval, balanced accuracy, AUROC, log-loss and information of every head.

    Args:
        log_proba: Out-of-fold log-probabilities, (n_heads, n_examples, n_classes).
        labels: (n_examples,) int64 from 0.
        groups: (n_examples,) int64 from 0.
        bootstrap: How intervals are made.

    Example:
        >>> proba = np.array([[[0.9, 0.1], [0.2, 0.8]]], dtype=np.float32)
        >>> columns = score_columns(np.log(proba), np.array([0, 1]), np.array([0, 1]), Bootstrap(10, 0.95, 0))
        >>> columns["accuracy"].tolist(), columns["auroc"].tolist()
        ([1.0], [1.0])
    """
    correct = correctness(log_proba, labels)
    low, high = cluster_bootstrap(correct, groups, bootstrap.n_draws, bootstrap.confidence, bootstrap.seed)
    return {
        "accuracy": correct.mean(1),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": balanced_accuracy(correct, labels),
        "auroc": auroc(log_proba, labels),
        "log_loss": log_loss(log_proba, labels),
        "information_bits": information_bits(log_proba, labels),
    }


def comparison_columns(
    correct: NDArray[np.bool_], baselines: Mapping[str, Floats], groups: Ints, bootstrap: Bootstrap
) -> dict[str, Floats]:
    """Return what each baseline reaches and the margin of every head over it, with its paired interval.

    Args:
        correct: Whether a head was right, (n_heads, n_examples).
        baselines: Name to how right a baseline was, in [0, 1], (n_heads or 1, n_examples); `control` is the control
            task, whose margin is called selectivity.
        groups: (n_examples,) int64 from 0.
        bootstrap: How intervals are made.

    Example:
        >>> correct = np.array([[True, True], [True, False]])
        >>> control = np.array([[1.0, 0.0]])
        >>> columns = comparison_columns(correct, {"control": control}, np.arange(2), Bootstrap(9, 0.95, 0))
        >>> columns["selectivity"].tolist(), columns["control_accuracy"].tolist()
        ([0.5, 0.0], [0.5, 0.5])
    """
    columns: dict[str, Floats] = {}
    for name, right in baselines.items():
        reached, margin = ("control_accuracy", "selectivity") if name == "control" else (name, f"margin_{name}")
        columns[reached] = np.broadcast_to(right.mean(1), (len(correct),))
        columns |= margin_columns(
            correct, right, groups, margin, bootstrap.n_draws, bootstrap.confidence, bootstrap.seed
        )
    return columns
