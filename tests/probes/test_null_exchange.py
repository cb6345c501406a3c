"""What the null says of its own permutations: what traded, how much could move, how small a p-value can be."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from probes.null import MaxNull, max_statistic_null

Ints = NDArray[np.int64]


def known(labels: Ints, groups: Ints, folds: Ints, n_draws: int = 499) -> MaxNull:
    """Return the null of three heads, of which the first tells the classes apart without error."""
    x = np.random.default_rng(0).normal(size=(3, len(labels), 4))
    x[0] += 50 * np.random.default_rng(1).normal(size=(labels.max() + 1, 4))[labels]
    return max_statistic_null([torch.from_numpy(x)], labels, groups, folds, 10.0, n_draws, 0)


def cell(sets: list[list[int]], n_folds: int) -> tuple[Ints, Ints, Ints]:
    """Return labels, groups and folds; every fold holds groups with these labels."""
    every = sets * n_folds
    groups = np.repeat(np.arange(len(every)), [len(one) for one in every])
    return np.concatenate([np.array(one) for one in every]), groups, groups // len(sets)


def test_many_groups_allow_the_smallest_p_value_of_the_draws() -> None:
    null = known(*cell([[0, 0], [1, 1]] * 6, 5))
    assert (null.exchange, null.movable) == ("names", 1.0)
    assert null.smallest == null.p_values.min() == pytest.approx(1 / 500)


def test_few_groups_a_fold_bound_the_p_value() -> None:
    null = known(*cell([[0, 0], [1, 1]], 3))
    # Each fold swaps or does not: 8 labellings, and all swapped says the same with the names of the classes exchanged.
    assert null.smallest == pytest.approx(2 / 8, abs=0.06)
    assert null.p_values.min() >= null.smallest


def test_renamed_classes_are_told_from_other_labellings() -> None:
    null = known(*cell([[0, 0], [1, 1], [2, 2]], 3))
    assert null.smallest == pytest.approx(6 / 6**3, abs=0.025)
    assert null.p_values[0] == pytest.approx(null.smallest)


def test_groups_without_a_partner_do_not_move() -> None:
    null = known(*cell([[0, 0], [1, 1], [0, 0, 0]], 5))
    assert null.movable == pytest.approx(4 / 7)


def test_mixed_groups_trade_names_if_enough_have_a_partner() -> None:
    null = known(*cell([[0, 0, 1], [1, 1, 0], [0, 0, 0, 1, 1]], 7))
    assert (null.design, null.exchange, null.movable) == ("mixed", "names", pytest.approx(6 / 11))


def test_mixed_groups_without_partners_trade_examples() -> None:
    null = known(*cell([[0, 0, 1], [1, 1, 0, 1], [0, 0, 0, 1, 1]], 7))
    assert (null.design, null.exchange, null.movable) == ("mixed", "examples", 1.0)
    assert null.p_values[0] == pytest.approx(1 / 500)
