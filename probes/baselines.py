"""What a head is compared with, and by how much it is better."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.intervals import cluster_bootstrap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def project(residual: Tensor, n_heads: int, width: int, seed: int) -> Tensor:
    """Return random projections of the residual stream, one for each head, (n_heads, n_examples, width) float32.

    Gaussian directions, after each dimension was divided by its deviation over the examples: a few dimensions of a
    trained model are so much larger than the rest that a projection of the raw stream would hold little else.

    Args:
        residual: (n_examples, d_model), any floating type.
        n_heads: Projections.
        width: Dimensions of each, the head's own.
        seed: Of the directions.

    Example:
        >>> project(torch.randn(10, 16), n_heads=3, width=4, seed=0).shape
        torch.Size([3, 10, 4])
    """
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(n_heads, residual.shape[1], width, generator=generator).to(residual.device)
    centred = residual.float() - residual.float().mean(0)
    deviation = centred.std(0, correction=0)
    scaled = centred / torch.where(deviation > 0, deviation, 1.0)
    projected: Tensor = scaled @ (directions / residual.shape[1] ** 0.5)
    return projected


def majority_correct(labels: Ints) -> NDArray[np.bool_]:
    """Return where the most frequent class, the first of several, is right, (1, n_examples).

    Args:
        labels: (n_examples,) from 0.

    Example:
        >>> majority_correct(np.array([1, 0, 1])).tolist()
        [[True, False, True]]
    """
    right: NDArray[np.bool_] = labels[None] == np.bincount(labels).argmax()
    return right


def margin_columns(
    correct: NDArray[np.bool_], baseline: Floats, groups: Ints, name: str, n_draws: int, confidence: float, seed: int
) -> dict[str, Floats]:
    """Return the margin of every head over a baseline with its paired interval, as columns `name`, `_low`, `_high`.

    Head and baseline are compared example by example, and whole groups are drawn again: what both find hard cancels.

    Args:
        correct: Whether a head was right, (n_heads, n_examples).
        baseline: How right the baseline was, in [0, 1], (n_heads or 1, n_examples).
        groups: Group of each example, (n_examples,) int64 from 0.
        name: First part of the columns' names.
        n_draws: Bootstrap replicates.
        confidence: Coverage, such as 0.95.
        seed: Of the draws.

    Example:
        >>> correct = np.array([[True] * 30 + [False] * 10])
        >>> columns = margin_columns(correct, np.full((1, 40), 0.5), np.arange(40), "margin_x", 500, 0.95, seed=0)
        >>> sorted(columns), columns["margin_x"].tolist(), bool(columns["margin_x_low"][0] > 0)
        (['margin_x', 'margin_x_high', 'margin_x_low'], [0.25], True)
    """
    difference = correct - baseline
    low, high = cluster_bootstrap(difference, groups, n_draws, confidence, seed)
    return {name: difference.mean(1), f"{name}_low": low, f"{name}_high": high}


def select_by_fold(correct: NDArray[np.bool_], chooser_loss: Floats, folds: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """Return what is right of the head that was chosen without the fold it is tested on, (n_examples,), and the heads.

    The best of many heads on the examples that rank them is flattered by luck. Here the head of fold k is the one with
    the lowest log-loss on fold k + 1, which chose its penalty, too; neither the probe nor the choice has seen fold k.

    Args:
        correct: Whether a head was right, (n_heads, n_examples).
        chooser_loss: Log-loss on the fold that chose, (n_heads, n_folds).
        folds: Test fold of each example, (n_examples,) int64.

    Example:
        >>> correct = np.array([[True, True, False], [False, True, True]])
        >>> right, heads = select_by_fold(correct, np.array([[0.1, 0.5, 0.5], [0.2, 0.1, 0.1]]), np.array([0, 1, 2]))
        >>> right.tolist(), heads.tolist()
        ([True, True, True], [0, 1, 1])
    """
    heads: Ints = chooser_loss.argmin(0).astype(np.int64)
    right: NDArray[np.bool_] = correct[heads[folds], np.arange(len(folds))]
    return right, heads
