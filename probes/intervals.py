"""Cluster-bootstrap intervals: what would change if other groups had been drawn."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def cluster_bootstrap(
    correct: NDArray[np.bool_], groups: NDArray[np.int64], n_draws: int, confidence: float, seed: int
) -> tuple[Floats, Floats]:
    """Return the ends of the percentile interval of each head's accuracy, (n_heads,) each.

    Whole groups are drawn with replacement, since examples of a group are not independent (Field and Welsh 2007). The
    same draws serve every head, so that heads stay comparable.

    Args:
        correct: (n_heads, n_examples).
        groups: Group of each example, (n_examples,) int64 from 0.
        n_draws: Bootstrap replicates.
        confidence: Coverage, such as 0.95.
        seed: Of the draws.

    Example:
        >>> correct = np.array([[True] * 30 + [False] * 10])
        >>> low, high = cluster_bootstrap(correct, np.arange(40), 500, 0.95, seed=0)
        >>> bool(0.55 < low[0] < 0.75 < high[0] < 0.9)
        True
    """
    n_groups = int(groups.max()) + 1
    sizes = np.bincount(groups, minlength=n_groups).astype(np.float64)
    hits = np.stack([np.bincount(groups, weights=row, minlength=n_groups) for row in correct], axis=1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_draws).astype(np.float64)
    accuracy = (drawn @ hits) / (drawn @ sizes)[:, None]
    tail = (1 - confidence) / 2
    low, high = np.quantile(accuracy, [tail, 1 - tail], axis=0)
    return low, high
