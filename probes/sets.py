"""How many heads together hold a feature: greedy sets of heads with joint probes, against random sets.

For every test fold k heads are chosen one after the other, each the one that most lowers the log-loss on fold k + 1 of
a probe trained on all folds but k and k + 1. Fold k takes no part, so that the accuracy on it is free of the luck of
the choice; the heads chosen for different folds may differ. The first head is the best single one, by the exact
log-loss of its own probe; the later ones are screened by `probes.screen`, and the joint probe of those chosen is then
fitted for certain.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.crossval import HeadProbes, probe_vectors
from probes.errors import ProbeError
from probes.evidence import Bootstrap
from probes.intervals import cluster_bootstrap
from probes.jointly import JointProbes, fit_jointly
from probes.logistic import class_log_proba
from probes.screen import Splits, advance, screen

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
SET_COLUMNS = {
    "size": "heads in the set",
    "accuracy": "out-of-fold accuracy of the joint probe of the heads chosen greedily without the test fold",
    "accuracy_low": "lower end of its cluster-bootstrap interval",
    "accuracy_high": "upper end of its cluster-bootstrap interval",
    "random_mean": "mean accuracy of random sets of the same size",
    "random_low": "accuracy of the worst of them",
    "random_high": "accuracy of the best of them",
    "beats": "share of the random sets whose accuracy is lower",
    "margin_single": "accuracy - that of the best single head, chosen likewise; paired by example",
    "margin_single_low": "lower end of its paired cluster-bootstrap interval",
    "margin_single_high": "upper end of its paired cluster-bootstrap interval",
}
CHOSEN_COLUMNS = {
    "fold": "test fold that the choice is for",
    "step": "1 for the first head chosen",
    "layer": "0-based",
    "head": "0-based",
    "loss": "log-loss of the joint probe on the fold that chose, nats an example",
    "c": "inverse penalty C of the joint probe",
}


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


@dataclass(frozen=True)
class Cell:
    """The heads of a cell, their own probes, and the labels.

    Attributes:
        stacks: Head outputs, (n_heads, n_examples, d) each, any floating type; heads of one stack have one width.
        probes: The probes of the heads of each stack for the real labels, from `probes.crossval`.
        places: Layer and head of every head, over all stacks.
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        groups: Group of each example, (n_examples,) int64.
        folds: Test fold of each example, (n_examples,) int64 in [0, n_folds).
        n_classes: At least 2.
    """

    stacks: Sequence[Tensor]
    probes: Sequence[HeadProbes]
    places: Sequence[tuple[int, int]]
    labels: Ints
    groups: Ints
    folds: Ints
    n_classes: int


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
    device = cell.stacks[0].device
    folds = torch.from_numpy(cell.folds).to(device)
    order = torch.argsort(folds, stable=True)
    back = torch.argsort(order).cpu().numpy()
    labels = torch.from_numpy(cell.labels).to(device)
    right, chosen = _greedy([x[:, order] for x in cell.stacks], cell, labels[order], folds[order], sizes, plan)
    rivals = _random(cell, labels, folds, sizes, plan)
    return HeadSets(_sets_table(sizes, right[:, back], rivals, cell.groups, bootstrap), chosen)


def heads_needed(sets: pd.DataFrame) -> int:
    """Return how many heads it takes: the smallest size as accurate as the interval of the largest allows.

    Args:
        sets: Of `HeadSets`.

    Example:
        >>> heads_needed(pd.DataFrame({"size": [1, 2, 4], "accuracy": [0.7, 0.89, 0.9], "accuracy_low": [0.6, 0.8, 0.85]}))
        2
    """
    largest = sets.loc[sets["size"].idxmax()]
    return int(sets.loc[sets["accuracy"] >= largest["accuracy_low"], "size"].min())


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


def _greedy(
    stacks: list[Tensor], cell: Cell, labels: Tensor, folds: Tensor, sizes: list[int], plan: SetPlan
) -> tuple[Bools, pd.DataFrame]:
    """Return whether the best head and the set of each size were right, (1 + n_sizes, n_examples), and what was chosen.

    Examples lie in the order of their folds.
    """
    splits = _splits(labels, folds, cell.n_classes)
    n_folds = len(splits.members)
    loss = torch.cat([probes.chooser_loss for probes in cell.probes])
    strength = torch.cat([probes.strength for probes in cell.probes]).to(folds.device)
    sets = loss.argmin(0).to(folds.device)[:, None]  # (n_folds, size)
    grid = torch.tensor(plan.strengths, dtype=torch.float64, device=folds.device).expand(n_folds, -1)
    own = strength.gather(0, sets.T).T
    joint = fit_jointly(_joined(stacks, sets.tolist()), labels, folds, cell.n_classes, own)
    steps, right = [joint], {1: _right(joint, labels, folds)}
    while sets.shape[1] < sizes[-1]:
        losses = torch.cat([screen(x, splits, joint) for x in stacks], 1)
        new = _next(losses, sets)
        sets = torch.cat([sets, new], 1)
        if sets.shape[1] in sizes:
            joint = fit_jointly(_joined(stacks, sets.tolist()), labels, folds, cell.n_classes, grid)
            right[sets.shape[1]] = _right(joint, labels, folds)
        else:
            joint = advance(_joined(stacks, new.tolist()), splits, joint)
        steps.append(joint)
    return np.stack([right[size] for size in (1, *sizes)]), _chosen_table(sets.cpu().numpy(), steps, cell.places)


def _splits(labels: Tensor, folds: Tensor, n_classes: int) -> Splits:
    """Return labels and folds for the screen: test fold k trains on all folds but k and k + 1."""
    bounds = (0, *torch.bincount(folds).cumsum(0).tolist())
    number = torch.arange(len(bounds) - 1, device=folds.device)
    members = (number[:, None] != number) & ((number[:, None] + 1) % len(number) != number)
    return Splits(labels, n_classes, bounds, members)


def _next(loss: Tensor, sets: Tensor) -> Tensor:
    """Return the head with the lowest loss of those not in the set, (n_folds, 1), the first at a tie."""
    return loss.scatter(1, sets, torch.inf).argmin(1, keepdim=True)


def _joined(stacks: Sequence[Tensor], sets: Sequence[Sequence[int]]) -> Tensor:
    """Return the outputs of the heads of each set side by side, (n_sets, n_examples, widest)."""
    sides = [_side_by_side(stacks, heads) for heads in sets]
    widest = max(side.shape[1] for side in sides)  # a column of zeros gets no weight
    return torch.stack([torch.nn.functional.pad(side, (0, widest - side.shape[1])) for side in sides])


def _side_by_side(stacks: Sequence[Tensor], heads: Sequence[int]) -> Tensor:
    """Return the outputs of some heads, counted over all stacks, side by side, (n_examples, sum of widths)."""
    where = [(stack, head) for stack, x in enumerate(stacks) for head in range(len(x))]
    return torch.cat([stacks[stack][head].float() for stack, head in (where[number] for number in heads)], 1)


def _right(joint: JointProbes, labels: Tensor, folds: Tensor) -> Bools:
    """Return whether the probe of each example's test fold is right on it, (n_examples,)."""
    own = joint.logits[folds, :, torch.arange(len(folds), device=folds.device)]
    return (class_log_proba(own).argmax(-1) == labels).cpu().numpy()


def _random(cell: Cell, labels: Tensor, folds: Tensor, sizes: list[int], plan: SetPlan) -> NDArray[np.float64]:
    """Return the accuracy of random sets, (n_sizes, n_random); each draw grows from size to size."""
    rng = np.random.default_rng(plan.seed)
    draws = np.stack([rng.permutation(len(cell.places)) for _ in range(plan.n_random)])
    strengths = torch.tensor(plan.strengths, dtype=torch.float64, device=labels.device)
    accuracies = []
    for size in sizes:
        if size == 1:
            log_proba = torch.cat([probes.log_proba for probes in cell.probes])[torch.from_numpy(draws[:, 0])]
        else:
            x = _joined(cell.stacks, draws[:, :size].tolist())
            log_proba = probe_vectors(x, labels[None], folds, cell.n_classes, strengths)[0].log_proba
        accuracies.append((log_proba.argmax(-1).cpu().numpy() == cell.labels).mean(1))
    return np.stack(accuracies)


def _sets_table(
    sizes: list[int], right: Bools, rivals: NDArray[np.float64], groups: Ints, bootstrap: Bootstrap
) -> pd.DataFrame:
    single, right = right[0], right[1:]
    margin = right.astype(np.float64) - single
    how = (bootstrap.n_draws, bootstrap.confidence, bootstrap.seed)
    low, high = cluster_bootstrap(right, groups, *how)
    margin_low, margin_high = cluster_bootstrap(margin, groups, *how)
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
        "margin_single_low": margin_low,
        "margin_single_high": margin_high,
    }
    table = pd.DataFrame({name: columns[name] for name in SET_COLUMNS})
    table.loc[table["size"] == 1, ["margin_single_low", "margin_single_high"]] = 0.0  # a head less itself
    return table


def _chosen_table(sets: Ints, steps: list[JointProbes], places: Sequence[tuple[int, int]]) -> pd.DataFrame:
    rows = [
        (fold, step + 1, *places[head], float(steps[step].loss[fold]), float(steps[step].strength[fold]))
        for fold, heads in enumerate(sets)
        for step, head in enumerate(heads)
    ]
    return pd.DataFrame(rows, columns=list(CHOSEN_COLUMNS))
