"""Under pure noise the null rejects as often as it says, whatever examples of a group share; and not more.

Each design is tried on 40 cells of 24 heads that know nothing of the label. At the 0.05 level an exact test rejects
Binomial(40, 0.05) of them: more than 6 with a chance of 0.3 %. The same cells with the groups denied are rejected
far more often, so the cells would show a null that ignores them.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from probes.null import Design, max_statistic_null

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Cell = tuple[Floats, Ints, Ints]
N_CELLS, N_HEADS, WIDTH, N_FOLDS = 40, 24, 6, 5
MOST = 6  # of 40


def noise(rng: np.random.Generator, shared: Ints, size: float = 1.0) -> Floats:
    """Return z of all heads: noise of each example, and a part that examples with one number share."""
    common = size * rng.normal(size=(N_HEADS, shared.max() + 1, WIDTH))[:, shared]
    return common + rng.normal(size=(N_HEADS, len(shared), WIDTH))


def independent(rng: np.random.Generator) -> Cell:
    groups = np.arange(120)
    return noise(rng, groups, 0.0), rng.permutation(groups % 2), groups


def constant(rng: np.random.Generator) -> Cell:
    """One label in a group, and every group has a manner of its own."""
    groups = np.repeat(np.arange(40), 4)
    return noise(rng, groups), dealt_by_fold(rng, 40)[groups], groups


def balanced(rng: np.random.Generator) -> Cell:
    """Both labels in a group, and the examples of a group with one label share more still, such as a word form."""
    groups, labels = np.repeat(np.arange(20), 8), np.tile(np.arange(8) % 2, 20)
    return noise(rng, groups) + noise(rng, 2 * groups + labels, 2.0), labels, groups


def mixed(rng: np.random.Generator) -> Cell:
    """Groups that lean to a label, and have a manner of their own."""
    groups = np.repeat(np.arange(20), 8)
    leaning = np.array([0.05, 0.95])[dealt_by_fold(rng, 20)][groups]
    return noise(rng, groups), (rng.random(160) < leaning).astype(np.int64), groups


def sizes_tied_to_labels(rng: np.random.Generator) -> Cell:
    """Half the groups of one class are larger, half of the other smaller than the rest."""
    of_group, odd = np.arange(40) // N_FOLDS % 2, np.arange(40) // N_FOLDS // 2 % 2
    groups = np.repeat(np.arange(40), np.where(odd, 3, np.array([2, 8])[of_group]))
    return noise(rng, groups, 0.5), of_group[groups], groups


def dealt_by_fold(rng: np.random.Generator, n_groups: int) -> Ints:
    """Return a label of each group, as often 0 as 1 in each fold; group g lies in fold g modulo N_FOLDS."""
    labels = np.zeros(n_groups, dtype=np.int64)
    for fold in range(N_FOLDS):
        rows = np.arange(fold, n_groups, N_FOLDS)
        labels[rows] = rng.permutation(np.arange(len(rows)) % 2)
    return labels


def rejected(make: Callable[[np.random.Generator], Cell], deny_groups: bool = False) -> tuple[int, set[Design]]:
    """Return in how many cells some head is found at 0.05, and the designs seen."""
    count, designs = 0, set()
    for seed in range(N_CELLS):
        x, labels, groups = make(np.random.default_rng([seed, 1]))
        units = np.arange(len(groups)) if deny_groups else groups
        result = max_statistic_null([torch.from_numpy(x)], labels, units, groups % N_FOLDS, 0.01, 99, seed)
        count += int(result.p_values.min() <= 0.05)
        designs.add(result.design)
    return count, designs


@pytest.mark.parametrize(
    ("make", "design"),
    [
        (independent, "constant"),
        (constant, "constant"),
        (sizes_tied_to_labels, "constant"),
        (balanced, "balanced"),
        (mixed, "mixed"),
    ],
)
def test_noise_is_rejected_no_more_often_than_stated(
    make: Callable[[np.random.Generator], Cell], design: Design
) -> None:
    count, designs = rejected(make)
    assert designs == {design}
    assert count <= MOST


@pytest.mark.parametrize("make", [constant, balanced, mixed])
def test_the_same_noise_is_rejected_far_too_often_when_groups_are_denied(
    make: Callable[[np.random.Generator], Cell],
) -> None:
    count, _ = rejected(make, deny_groups=True)
    assert count > 2 * MOST


@pytest.mark.parametrize("make", [independent, constant, balanced, mixed, sizes_tied_to_labels])
def test_a_signal_in_such_noise_is_found_in_its_head(make: Callable[[np.random.Generator], Cell]) -> None:
    x, labels, groups = make(np.random.default_rng(5))
    x[7, :, 0] += 8 * labels
    result = max_statistic_null([torch.from_numpy(x)], labels, groups, groups % N_FOLDS, 0.01, 99, 0)
    assert result.p_values[7] == pytest.approx(0.01)
    assert np.sort(result.p_values)[1] > 0.05
