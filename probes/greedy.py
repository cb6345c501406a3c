"""Greedy forward selection of heads, for each test fold on its own, with joint probes.

The first head is the best single one, by the exact log-loss of its own probe on the fold that chooses; each later one
is the best by `probes.screen`. At the sizes asked for the joint probe is fitted for certain; between them the screened
step stands for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.crossval import HeadProbes, training_sets
from probes.jointly import JointProbes, fit_jointly
from probes.logistic import class_log_proba
from probes.screen import Splits, advance, screen

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """The heads of a cell, their own probes, and the labels.

    Attributes:
        stacks: Head outputs, (n_heads, n_examples, d) each, any floating type; heads of one stack have one width.
        probes: The probes of the heads for the real labels, from `probes.crossval`, in the order of the heads.
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


@dataclass(frozen=True)
class Chain:
    """Heads chosen one after the other, for each test fold.

    Attributes:
        heads: Counted over all stacks, (n_folds, n_steps) int64.
        loss: Log-loss on the choosing fold after each step, nats an example, (n_folds, n_steps) float64.
        strength: Inverse penalty C of the joint probe, (n_folds, n_steps) float64.
        right: Size to whether its joint probe was right on each example, tested out-of-fold, (n_examples,) bool.
    """

    heads: Ints
    loss: Floats
    strength: Floats
    right: dict[int, Bools]


def grow(cell: Cell, sizes: Sequence[int], strengths: Sequence[float]) -> Chain:
    """Return the greedy chain of heads of every test fold; fold k takes no part in its own chain.

    Args:
        cell: Heads and labels.
        sizes: Sizes at which the joint probe is fitted, ascending; size 1 always is.
        strengths: Inverse penalties C for joint probes of two heads or more to choose from, ascending; one head keeps
            what it chose by itself.

    Example:
        >>> from probes.crossval import probe_heads
        >>> labels, folds = torch.arange(90) % 2, torch.arange(90) // 30
        >>> x = torch.randn(3, 90, 2, generator=torch.Generator().manual_seed(0))
        >>> x[1, :, 0] += 4 * labels  # head 1 knows the label
        >>> probes = probe_heads(x, labels, folds, 2, torch.tensor([1.0]).double())
        >>> places, groups = [(0, 0), (0, 1), (0, 2)], np.arange(90)
        >>> cell = Cell([x], [probes], places, labels.numpy(), groups, folds.numpy(), 2)
        >>> grow(cell, [1], [1.0]).heads.tolist()
        [[1], [1], [1]]
    """
    device = cell.stacks[0].device
    order = torch.argsort(torch.from_numpy(cell.folds), stable=True)
    stacks = [x[:, order.to(device)] for x in cell.stacks]
    labels, folds = (torch.from_numpy(part)[order].to(device) for part in (cell.labels, cell.folds))
    splits = _splits(labels, folds, cell.n_classes)
    heads, grid = _best_single(cell, device)
    steps: list[JointProbes] = []
    right: dict[int, Bools] = {}
    for size in range(1, max(sizes) + 1):
        new = heads[:, -1:]
        if size > 1:
            losses = torch.cat([screen(x, splits, steps[-1]) for x in stacks], 1)
            new = _next(losses, heads)
            heads = torch.cat([heads, new], 1)
            grid = torch.tensor(strengths, dtype=torch.float64, device=device).expand(len(heads), -1)
        if size == 1 or size in sizes:
            steps.append(fit_jointly(joined(stacks, heads.tolist()), labels, folds, cell.n_classes, grid))
            right[size] = _right(steps[-1], labels, folds)[torch.argsort(order).numpy()]
        else:
            steps.append(advance(joined(stacks, new.tolist()), splits, steps[-1]))
    loss, strength = (torch.stack([getattr(step, name) for step in steps], 1) for name in ("loss", "strength"))
    return Chain(heads.cpu().numpy(), loss.double().cpu().numpy(), strength.cpu().numpy(), right)


def joined(stacks: Sequence[Tensor], sets: Sequence[Sequence[int]]) -> Tensor:
    """Return the outputs of the heads of each set side by side, (n_sets, n_examples, widest).

    Where heads differ in width, so may sets: columns of zeros, which get no weight, fill up the narrower ones.

    Args:
        stacks: Head outputs, (n_heads, n_examples, d) each.
        sets: Heads of each set, counted over all stacks.

    Example:
        >>> joined([torch.tensor([[[1.0]], [[2.0]]]), torch.tensor([[[3.0]]])], [[0, 2], [1, 0]]).tolist()
        [[[1.0, 3.0]], [[2.0, 1.0]]]
    """
    heads = [x[head] for x in stacks for head in range(len(x))]
    sides = [torch.cat([heads[number].float() for number in numbers], 1) for numbers in sets]
    widest = max(side.shape[1] for side in sides)
    return torch.stack([torch.nn.functional.pad(side, (0, widest - side.shape[1])) for side in sides])


def _best_single(cell: Cell, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the head that the choosing fold of each test fold prefers, and the penalty it chose, (n_folds, 1) each."""
    loss, strength = (torch.cat([getattr(part, name) for part in cell.probes]) for name in ("chooser_loss", "strength"))
    best = loss.argmin(0, keepdim=True)
    return best.T.to(device), strength.gather(0, best).T.to(device)


def _splits(labels: Tensor, folds: Tensor, n_classes: int) -> Splits:
    """Return labels and folds for the screen: test fold k trains on all folds but k and k + 1."""
    bounds = (0, *torch.bincount(folds).cumsum(0).tolist())
    return Splits(labels, n_classes, bounds, training_sets(len(bounds) - 1).to(folds.device))


def _next(loss: Tensor, sets: Tensor) -> Tensor:
    """Return the head with the lowest loss of those not in the set, (n_folds, 1), the first at a tie."""
    return loss.scatter(1, sets, torch.inf).argmin(1, keepdim=True)


def _right(joint: JointProbes, labels: Tensor, folds: Tensor) -> Bools:
    """Return whether the probe of each example's test fold is right on it, (n_examples,)."""
    own = joint.logits[folds, :, torch.arange(len(folds), device=folds.device)]
    return (class_log_proba(own).argmax(-1) == labels).cpu().numpy()
