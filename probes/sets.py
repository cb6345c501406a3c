"""How many heads together hold a feature: greedy sets of heads with joint probes, against random sets.

For every test fold k heads are chosen one after the other, each the one that most lowers the log-loss on fold k + 1 of
a probe trained on all folds but k and k + 1 (`probes.greedy`). Fold k takes no part, so that the accuracy on it owes
nothing to the luck of the choice; the heads chosen for different folds may differ. Random sets are the same for every
fold, with the same joint probe.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from probes.crossval import probe_heads
from probes.errors import ProbeError
from probes.evidence import Bootstrap
from probes.greedy import Cell, Chain, grow, joined
from probes.intervals import cluster_bootstrap
from probes.structure_columns import CHOSEN_COLUMNS, SET_COLUMNS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SetPlan:
    """What sets to look at.

    Attributes:
        sizes: Numbers of heads, ascending; those above the number of heads are left out.
        n_random: Random sets of each size.
        strengths: Inverse penalties C for the joint probes of two heads or more to choose from, ascending.
        seed: Of the random sets.
    """

    sizes: tuple[int, ...]
    n_random: int
    strengths: tuple[float, ...]
    seed: int


@dataclass(frozen=True)
class HeadSets:
    """What sets of heads know.

    Attributes:
        sets: One row for each size, columns as in `SET_COLUMNS`.
        chosen: One row for each test fold and step, columns as in `CHOSEN_COLUMNS`.
    """

    sets: pd.DataFrame
    chosen: pd.DataFrame


def sets_of_heads(cell: Cell, plan: SetPlan, bootstrap: Bootstrap) -> HeadSets:
    """Return what greedy sets of heads know, out-of-fold, against random sets of the same sizes.

    Args:
        cell: Heads and labels.
        plan: Sizes, random sets and penalties.
        bootstrap: How intervals are made.

    Raises:
        ProbeError: If the plan asks for no set, or the parts of the cell do not fit together.

    Example:
        >>> from probes.crossval import probe_heads
        >>> labels, folds = torch.arange(90) % 2, torch.arange(90) // 30
        >>> x = torch.randn(3, 90, 2, generator=torch.Generator().manual_seed(0))
        >>> x[1, :, 0] += 4 * labels  # head 1 knows the label
        >>> probes = probe_heads(x, labels, folds, 2, torch.tensor([1.0]).double())
        >>> groups, places = np.arange(90), [(0, 0), (0, 1), (0, 2)]
        >>> cell = Cell([x], [probes], places, labels.numpy(), groups, folds.numpy(), 2)
        >>> found = sets_of_heads(cell, SetPlan((1, 2), 5, (1.0,), 0), Bootstrap(100, 0.95, 0))
        >>> found.chosen.query("step == 1")["head"].tolist(), found.sets["size"].tolist()
        ([1, 1, 1], [1, 2])
        >>> heads_needed(found.sets)
        1
    """
    sizes = _sizes(cell, plan)
    chain = grow(cell, sizes, plan.strengths)
    rivals = _random(cell, sizes, plan)
    return HeadSets(_sets_table(sizes, chain, rivals, cell.groups, bootstrap), _chosen_table(chain, cell.places))


def heads_needed(sets: pd.DataFrame, majority: float = 0.0) -> int:
    """Return how many heads it takes: the smallest size as accurate as the interval of the largest allows.

    Args:
        sets: Of `HeadSets`.
        majority: Share of the most frequent class. Where the interval of the largest set does not lie above it, the
            heads do not hold the feature, and the answer is 0.

    Example:
        >>> sets = pd.DataFrame({"size": [1, 2, 4], "accuracy": [0.7, 0.89, 0.9], "accuracy_low": [0.6, 0.8, 0.85]})
        >>> heads_needed(sets), heads_needed(sets, majority=0.86)
        (2, 0)
    """
    sizes, accuracy, low = (sets[name].to_numpy() for name in ("size", "accuracy", "accuracy_low"))
    bar = low[sizes.argmax()]
    return int(sizes[accuracy >= bar].min()) if bar > majority else 0


def _sizes(cell: Cell, plan: SetPlan) -> list[int]:
    n_heads = sum(len(x) for x in cell.stacks)
    if n_heads != len(cell.places) or n_heads != sum(len(probes.log_proba) for probes in cell.probes):
        raise ProbeError(f"sets of heads: outputs of {n_heads} heads, but {len(cell.places)} places; give one for each")
    sizes = [size for size in plan.sizes if size <= n_heads]
    if not sizes or list(plan.sizes) != sorted(set(plan.sizes)) or sizes[0] < 1 or plan.n_random < 1:
        raise ProbeError(
            f"sets of heads: sizes {list(plan.sizes)} and {plan.n_random} random sets of {n_heads} heads; sizes must "
            f"ascend from 1 to {n_heads} at most, with one random set or more"
        )
    return sizes


def _random(cell: Cell, sizes: list[int], plan: SetPlan) -> Floats:
    """Return the accuracy of random sets, (n_sizes, n_random); each draw grows from size to size."""
    rng = np.random.default_rng(plan.seed)
    draws = np.stack([rng.permutation(len(cell.places)) for _ in range(plan.n_random)])
    accuracies = [_accuracy(cell, draws[:, :size], plan.strengths) for size in sizes]
    return np.stack(accuracies)


def _accuracy(cell: Cell, sets: Ints, strengths: Sequence[float]) -> Floats:
    """Return the out-of-fold accuracy of sets of heads, (n_sets,); single heads are probed already."""
    if sets.shape[1] == 1:
        log_proba = torch.cat([part.log_proba for part in cell.probes])[torch.from_numpy(sets[:, 0])]
    else:
        device = cell.stacks[0].device
        labels, folds = (torch.from_numpy(part).to(device) for part in (cell.labels, cell.folds))
        grid = torch.tensor(strengths, dtype=torch.float64, device=device)
        log_proba = probe_heads(joined(cell.stacks, sets.tolist()), labels, folds, cell.n_classes, grid).log_proba
    accuracy: Floats = (log_proba.argmax(-1).cpu().numpy() == cell.labels).mean(1)
    return accuracy


def _sets_table(sizes: list[int], chain: Chain, rivals: Floats, groups: Ints, bootstrap: Bootstrap) -> pd.DataFrame:
    right = np.stack([chain.right[size] for size in sizes])
    margin = right.astype(np.float64) - chain.right[1]
    how = (bootstrap.n_draws, bootstrap.confidence, bootstrap.seed)
    low, high = cluster_bootstrap(right, groups, *how)
    margin_low, margin_high = cluster_bootstrap(margin, groups, *how)
    alone = np.array(sizes) == 1  # a head less itself is 0 for certain
    columns = {
        "size": sizes,
        "accuracy": right.mean(1),
        "accuracy_low": low,
        "accuracy_high": high,
        "random_mean": rivals.mean(1),
        "random_low": rivals.min(1),
        "random_high": rivals.max(1),
        "beats": (right.mean(1)[:, None] > rivals).mean(1),
        "margin_single": margin.mean(1),
        "margin_single_low": np.where(alone, 0.0, margin_low),
        "margin_single_high": np.where(alone, 0.0, margin_high),
    }
    return pd.DataFrame({name: columns[name] for name in SET_COLUMNS})


def _chosen_table(chain: Chain, places: Sequence[tuple[int, int]]) -> pd.DataFrame:
    n_folds, n_steps = chain.heads.shape
    layers, heads = np.array(places)[chain.heads.ravel()].T
    columns = {
        "fold": np.repeat(np.arange(n_folds), n_steps),
        "step": np.tile(np.arange(n_steps) + 1, n_folds),
        "layer": layers,
        "head": heads,
        "loss": chain.loss.ravel(),
        "c": chain.strength.ravel(),
    }
    return pd.DataFrame({name: columns[name] for name in CHOSEN_COLUMNS})
