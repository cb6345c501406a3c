"""The max-statistic permutation null: how good the best of all heads looks when no head knows anything."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ints = NDArray[np.int64]
Design = Literal["constant", "balanced", "mixed"]
BLOCK_BYTES = 256 * 2**20  # working memory for the heads refitted together


@dataclass(frozen=True)
class MaxNull:
    """The null of a cell.

    Attributes:
        best: Accuracy of the best head under each permutation, (n_draws,) float64.
        observed: Accuracy of each head under the labels as they are, by the same probe, (n_heads,) float64.
        p_values: Family-wise p-value of each head, (n_heads,) float64.
        design: How labels lie in groups, see `group_design`.
        movable: Share of the examples whose label differs in some permutation. Where group sizes go with classes, few
            labels can move, and the null says little.
    """

    best: NDArray[np.float64]
    observed: NDArray[np.float64]
    p_values: NDArray[np.float64]
    design: Design
    movable: float


def max_statistic_null(
    layers: Iterable[Tensor], labels: Ints, groups: Ints, folds: Ints, strength: float, n_draws: int, seed: int
) -> MaxNull:
    """Return family-wise p-values: how often the best of all heads reaches a head's accuracy by chance.

    The max-statistic of Westfall and Young (1993). Under the null, the labels of a fold are exchangeable in the way
    that the groups allow (see `permute_labels`), and stay in their fold, since the folds were stratified by them.

    The probe is refitted to every permutation. Permuting held-out labels against fixed predictions would be cheaper and
    is wrong here: fold-wise predictions share their training labels, and at 72 heads with ten correlated examples a
    group a nominal 5 % becomes 33 %. What makes refitting affordable is the statistic, the out-of-fold accuracy of the
    first Newton step of the logistic probe from zero (ridge regression on the labels). A permutation test is exact for
    any statistic.

    Args:
        layers: Head outputs of each layer, (n_heads, n_examples, d) each, any floating type; taken one at a time.
        labels: (n_examples,) from 0.
        groups: (n_examples,) from 0; no group lies in two folds.
        folds: (n_examples,) from 0.
        strength: Inverse penalty C of that step; fixed, since choosing it by the labels would favour the observed ones.
        n_draws: Permutations.
        seed: Of the permutations.

    Example:
        >>> labels = np.arange(40) % 2
        >>> x = torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(0))
        >>> x[1, :, 0] += 5 * torch.from_numpy(labels)  # head 1 knows
        >>> null = max_statistic_null([x], labels, np.arange(40), np.arange(40) // 10, 0.1, n_draws=199, seed=0)
        >>> null.design, float(null.p_values[1]), bool(null.p_values[0] > 0.05)
        ('constant', 0.005, True)
    """
    design = group_design(labels, groups)
    rng = np.random.default_rng(seed)
    draws = np.empty((1 + n_draws, len(labels)), dtype=np.int64)
    draws[0] = labels
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        draws[1:, rows] = permute_labels(labels[rows], groups[rows], design, n_draws, rng)
    every, fold_of = torch.from_numpy(draws), torch.from_numpy(folds)
    accuracies = np.concatenate([refitted_accuracies(x, every, fold_of, strength) for x in layers])
    observed, best = accuracies[:, 0], accuracies[:, 1:].max(0)
    reached = (best >= observed[:, None]).sum(1)
    movable = float((draws[1:] != labels).any(0).mean())
    return MaxNull(best, observed, (1 + reached) / (1 + n_draws), design, movable)


def refitted_accuracies(x: Tensor, draws: Tensor, folds: Tensor, strength: float) -> NDArray[np.float64]:
    """Return the out-of-fold accuracy of a one-step probe fitted anew to every draw of labels, (n_heads, n_draws).

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        draws: Labels from 0, (n_draws, n_examples) int64.
        folds: Test fold of each example, (n_examples,) int64.
        strength: Inverse penalty C.

    Example:
        >>> x = torch.tensor([[[0.0], [1.0], [0.1], [0.9], [0.0], [1.0]]])
        >>> draws = torch.tensor([[0, 1, 0, 1, 0, 1], [1, 1, 0, 0, 1, 0]])
        >>> refitted_accuracies(x, draws, torch.tensor([0, 0, 1, 1, 2, 2]), 1.0)[:, 0].tolist()
        [1.0]
    """
    n_classes = int(draws.max()) + 1
    draws, folds = draws.to(x.device), folds.to(x.device)
    n_logits = 1 if n_classes == 2 else n_classes
    block = max(1, BLOCK_BYTES // (4 * len(draws) * n_logits * (x.shape[1] // int(folds.max() + 1) + x.shape[2])))
    hits = torch.zeros(len(x), len(draws), dtype=torch.int64, device=x.device)
    for fold in range(int(folds.max()) + 1):
        train, test = folds != fold, folds == fold
        fitted = _centred_targets(draws[:, train], n_classes)
        for start in range(0, len(x), block):
            part = x[start : start + block].double()
            hits[start : start + block] += _hits(part[:, train], part[:, test], fitted, draws[:, test], strength)
    return (hits.double() / x.shape[1]).cpu().numpy()


def _centred_targets(labels: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Return one-hot targets less their mean, (n_train, n_draws * n_logits), and the mean, (n_draws, n_logits)."""
    hot = torch.nn.functional.one_hot(labels, n_classes).to(torch.float32)
    targets = hot[:, :, 1:] if n_classes == 2 else hot
    mean = targets.mean(1)
    return (targets - mean[:, None]).transpose(0, 1).reshape(labels.shape[1], -1), mean


def _hits(train: Tensor, test: Tensor, fitted: tuple[Tensor, Tensor], labels: Tensor, strength: float) -> Tensor:
    """Return how many test examples each head gets right under each draw, (n_heads, n_draws)."""
    targets, prior = fitted
    centre = train.mean(1, keepdim=True)
    spread = train.std(1, correction=0, keepdim=True)
    scale = torch.where(spread > 1e-12, spread, torch.ones_like(spread))
    train, test = (train - centre) / scale, (test - centre) / scale
    classes = max(2, prior.shape[1])
    curvature = (classes - 1) / classes**2 * train.transpose(1, 2) @ train
    curvature.diagonal(dim1=1, dim2=2).add_(1 / strength)
    reader = torch.linalg.solve(curvature, train.transpose(1, 2)).float()  # (n_heads, d, n_train)
    # Scale-free: argmax and the comparison with one half read the least-squares scores at curvature weight 1.
    weights = (classes - 1) / classes**2 * (reader.flatten(0, 1) @ targets).reshape(len(train), train.shape[2], -1)
    scores = (test.float() @ weights).reshape(len(test), test.shape[1], *prior.shape) + prior
    predicted = (scores[..., 0] > 0.5).long() if prior.shape[1] == 1 else scores.argmax(-1)
    hits: Tensor = (predicted == labels.T).sum(1)
    return hits


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


def permute_labels(labels: Ints, groups: Ints, design: Design, n_draws: int, rng: np.random.Generator) -> Ints:
    """Return permuted labels of one fold, (n_draws, n_examples).

    `constant`: groups of one size trade their labels; were sizes mixed, a class of large groups would become more or
    less frequent, and its share is what a head without knowledge scores. `balanced`: each group renames its classes at
    random, for two classes a coin flip that swaps them; examples of a group that share a label move together, because
    they often share more, such as a word form, and trading them one by one would call that a finding. `mixed`: groups
    of one size trade their labels as a block, then examples trade inside their group, which assumes that they are
    alike but for the label.

    Args:
        labels: (n_examples,).
        groups: (n_examples,).
        design: From `group_design`, over all folds.
        n_draws: Permutations.
        rng: Source of randomness; moved on.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> permute_labels(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 5]), "balanced", 3, rng).tolist()
        [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0]]
    """
    _, inverse = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(inverse == group) for group in range(inverse.max() + 1)]
    draws = np.tile(labels, (n_draws, 1))
    if design == "balanced":
        for rows in members:
            names = rng.permuted(np.tile(np.arange(labels.max() + 1), (n_draws, 1)), axis=1)
            draws[:, rows] = names[:, labels[rows]]
        return draws
    _trade_blocks(draws, members, rng)
    if design == "mixed":
        for rows in members:
            draws[:, rows] = rng.permuted(draws[:, rows], axis=1)
    return draws


def _trade_blocks(draws: Ints, members: list[NDArray[np.intp]], rng: np.random.Generator) -> None:
    """Let groups of one size trade their labels as a block, in place."""
    sizes = np.array([len(rows) for rows in members])
    for size in np.unique(sizes):
        rows = np.stack([members[group] for group in np.flatnonzero(sizes == size)])
        order = rng.permuted(np.tile(np.arange(len(rows)), (len(draws), 1)), axis=1)
        blocks = draws[:, rows]
        draws[:, rows] = np.take_along_axis(blocks, order[:, :, None], axis=1)
