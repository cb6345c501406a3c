"""Which permutations of the labels the groups of a dataset allow.

The examples of a group that share a label form a cluster. How examples lie in clusters stays as it is; which name a
cluster bears is what moves. Groups of one fold and one shape, that is with clusters of the same sizes, trade their
names as a block: the name of the largest cluster goes to the largest cluster, and so on. Equally large clusters of a
group also trade among themselves.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from math import lgamma, log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Design = Literal["constant", "balanced", "mixed"]
Exchange = Literal["names", "examples"]
MOVED_BY_NAMES = 0.5  # share of the examples that trading names has to be able to move
LABELLINGS = 100  # how many labellings it has to reach; p-values cannot lie far below one in that many


@dataclass(frozen=True)
class Trade:
    """Groups of one fold that may trade the names of their clusters.

    Attributes:
        rows: Examples of each group, the largest cluster first, (n_groups, n_examples_a_group) int64.
        names: Label of each cluster, (n_groups, n_clusters) int64.
        sizes: Examples in each cluster, descending, (n_clusters,) int64.
    """

    rows: Ints
    names: Ints
    sizes: Ints

    def ties(self) -> list[slice]:
        """Return the runs of equally large clusters."""
        starts = [0, *(np.flatnonzero(np.diff(self.sizes)) + 1).tolist(), len(self.sizes)]
        return [slice(start, stop) for start, stop in pairwise(starts)]


def group_design(labels: Ints, groups: Ints) -> Design:
    """Return how labels lie in groups.

    `constant`: one label in each group. `balanced`: every class equally often in each group. Else `mixed`.

    Args:
        labels: (n_examples,) from 0.
        groups: (n_examples,) from 0.

    Example:
        >>> group_design(np.array([0, 0, 1]), np.array([0, 0, 1]))
        'constant'
        >>> group_design(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))
        'balanced'
    """
    table = np.zeros((groups.max() + 1, labels.max() + 1), dtype=np.int64)
    np.add.at(table, (groups, labels), 1)
    if ((table > 0).sum(1) == 1).all():
        return "constant"
    return "balanced" if (table == table[:, :1]).all() else "mixed"


def choose_trades(labels: Ints, groups: Ints, folds: Ints) -> tuple[Exchange, list[Trade]]:
    """Return what may trade places, and the trades.

    `names` wherever possible: it assumes nothing about how alike the examples of a group are. Where most groups share
    their shape with no other, or all bear their names the same way round, it can hardly move anything and would find
    nothing. Groups with several labels then trade `examples`, which assumes more. The choice looks only at what
    neither kind of trade changes, so the labels are not used twice.

    Args:
        labels: (n_examples,) from 0.
        groups: (n_examples,).
        folds: (n_examples,).

    Example:
        >>> labels, groups = np.array([0, 0, 1, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
        >>> choose_trades(labels, groups, np.zeros(6))[0]  # shape (2, 1) twice: two labellings are too few
        'examples'
    """
    trades = find_trades(labels, groups, folds, "names")
    shut = all(len(trade.sizes) == 1 for trade in trades)  # one label in every group: both kinds are the same
    if shut or (movable_share(trades) >= MOVED_BY_NAMES and log_labellings(trades) >= log(LABELLINGS)):
        return "names", trades
    return "examples", find_trades(labels, groups, folds, "examples")


def find_trades(labels: Ints, groups: Ints, folds: Ints, exchange: Exchange) -> list[Trade]:
    """Return which groups may trade, every example in exactly one trade.

    Args:
        labels: (n_examples,) from 0.
        groups: (n_examples,).
        folds: (n_examples,); a group lies in one of them.
        exchange: `names`: clusters are the examples of a group that share a label. `examples`: each example is its own
            cluster, so that groups of one size trade their labels, and the examples of a group trade places.

    Example:
        >>> trades = find_trades(np.array([0, 0, 1, 2]), np.array([3, 3, 5, 6]), np.array([0, 0, 0, 0]), "names")
        >>> [(trade.rows.tolist(), trade.names.tolist()) for trade in trades]
        [([[0, 1]], [[0]]), ([[2], [3]], [[1], [2]])]
    """
    _, cluster, counts = np.unique(np.stack([groups, labels]), axis=1, return_inverse=True, return_counts=True)
    size = counts[cluster] if exchange == "names" else np.ones_like(labels)
    order = np.lexsort((labels, -size, groups))
    pools = defaultdict(list)
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        # A cluster of s examples is counted by each of them: every s-th is one cluster.
        heads = _first_of_each(size[rows])
        pools[folds[rows[0]], tuple(size[rows[heads]].tolist())].append((rows, labels[rows[heads]]))
    return [
        Trade(np.stack([rows for rows, _ in pool]), np.stack([names for _, names in pool]), np.array(sizes))
        for (_, sizes), pool in pools.items()
    ]


def _first_of_each(sizes: Ints) -> list[int]:
    """Return where each cluster begins, given the size of the cluster of each example, cluster after cluster."""
    starts = [0]
    while (following := starts[-1] + int(sizes[starts[-1]])) < len(sizes):
        starts.append(following)
    return starts


def permute_labels(labels: Ints, trades: list[Trade], n_draws: int, rng: np.random.Generator) -> Ints:
    """Return permuted labels, (n_draws, n_examples) int64; each fold keeps how often it has each class.

    Args:
        labels: (n_examples,) from 0.
        trades: From `find_trades`.
        n_draws: Permutations.
        rng: Source of randomness; moved on.

    Example:
        >>> labels, groups = np.array([0, 0, 1, 1]), np.array([5, 5, 5, 5])
        >>> trades = find_trades(labels, groups, np.zeros(4), "names")
        >>> permute_labels(labels, trades, 3, np.random.default_rng(1)).tolist()
        [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]]
    """
    draws = np.tile(labels, (n_draws, 1))
    for trade in trades:
        order = rng.permuted(np.tile(np.arange(len(trade.names)), (n_draws, 1)), axis=1)
        names = trade.names[order]
        for run in trade.ties():
            if run.stop - run.start > 1:
                names[:, :, run] = rng.permuted(names[:, :, run], axis=2)
        draws[:, trade.rows] = np.repeat(names, trade.sizes, axis=2)
    return draws


def movable_share(trades: list[Trade]) -> float:
    """Return the share of the examples whose label differs in some permutation.

    Args:
        trades: From `find_trades`.

    Example:
        >>> movable_share(find_trades(np.array([0, 0, 1, 2]), np.array([3, 3, 5, 6]), np.zeros(4), "names"))
        0.5
    """
    moved = sum(
        len(trade.names) * int(trade.sizes[run].sum())
        for trade in trades
        for run in trade.ties()
        if len(np.unique(trade.names[:, run])) > 1
    )
    return moved / sum(trade.rows.size for trade in trades)


def log_labellings(trades: list[Trade]) -> float:
    """Return the natural logarithm of how many different labellings trading `names` can reach.

    Args:
        trades: From `find_trades`, of names.

    Example:
        >>> trades = find_trades(np.array([0, 0, 1]), np.arange(3), np.zeros(3), "names")
        >>> round(np.exp(log_labellings(trades)))
        3
    """
    total = 0.0
    for trade in trades:
        names = trade.names.copy()
        for run in trade.ties():
            names[:, run] = np.sort(names[:, run], axis=1)
            total += len(names) * lgamma(1 + run.stop - run.start)
        _, counts = np.unique(names, axis=0, return_counts=True)
        total += lgamma(1 + len(names)) - sum(lgamma(1 + count) for count in counts.tolist())
    return total
