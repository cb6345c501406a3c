"""Which permutations of the labels the groups of a dataset allow."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from probes.permute import (
    Design,
    Exchange,
    choose_trades,
    find_trades,
    group_design,
    log_labellings,
    movable_share,
    permute_labels,
)

Ints = NDArray[np.int64]


def draw(labels: Ints, groups: Ints, exchange: Exchange = "names", n_draws: int = 200, seed: int = 0) -> Ints:
    """Return draws of labels that all lie in one fold."""
    trades = find_trades(labels, groups, np.zeros_like(groups), exchange)
    return permute_labels(labels, trades, n_draws, np.random.default_rng(seed))


def grouped(sizes: list[int], seed: int = 0) -> Ints:
    """Return groups of these sizes, shuffled, named by numbers with gaps as they are inside one fold."""
    return np.random.default_rng(seed).permutation(np.repeat(3 * np.arange(len(sizes)) + 2, sizes))


def filled(sets: list[list[int]], seed: int = 0) -> tuple[Ints, Ints]:
    """Return labels and groups, the examples in any order."""
    labels = np.concatenate([np.array(one) for one in sets])
    groups = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    order = np.random.default_rng(seed).permutation(len(labels))
    return labels[order], groups[order]


def clusters(labels: Ints, groups: Ints) -> list[Ints]:
    """Return the examples of each group that share a label."""
    pairs = np.stack([groups, labels], axis=1)
    return [np.flatnonzero((pairs == pair).all(1)) for pair in np.unique(pairs, axis=0)]


@pytest.mark.parametrize(
    ("labels", "groups", "design"),
    [
        ([0, 1, 1, 0], [0, 1, 2, 3], "constant"),  # every example its own group
        ([0, 0, 1, 1], [0, 0, 1, 1], "constant"),
        ([0, 1, 0, 1], [0, 0, 1, 1], "balanced"),
        ([0, 1, 2, 2, 1, 0], [0, 0, 0, 1, 1, 1], "balanced"),
        ([0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 1, 1], "balanced"),  # groups may differ in size
        ([0, 1, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1], "mixed"),
        ([0, 0, 1, 1], [0, 0, 0, 1], "mixed"),
        ([0, 1, 0, 2], [0, 0, 1, 1], "mixed"),  # every group lacks a class
    ],
)
def test_the_design_is_how_labels_lie_in_groups(labels: list[int], groups: list[int], design: Design) -> None:
    assert group_design(np.array(labels), np.array(groups)) == design


SETS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=5), min_size=1, max_size=8)


@settings(max_examples=60)
@given(SETS, st.integers(0, 5), st.sampled_from(["names", "examples"]))
def test_labels_are_dealt_anew_inside_their_fold_and_never_made_up(
    sets: list[list[int]], seed: int, exchange: Exchange
) -> None:
    labels, groups = filled(sets, seed)
    folds = groups % 2
    trades = find_trades(labels, groups, folds, exchange)
    draws = permute_labels(labels, trades, 20, np.random.default_rng(seed))
    for fold in np.unique(folds):
        assert (np.sort(draws[:, folds == fold], axis=1) == np.sort(labels[folds == fold])).all()
    assert sorted(np.concatenate([trade.rows.ravel() for trade in trades]).tolist()) == list(range(len(labels)))


@settings(max_examples=60)
@given(SETS, st.integers(0, 5))
def test_trading_names_keeps_every_cluster_whole_and_apart(sets: list[list[int]], seed: int) -> None:
    labels, groups = filled(sets, seed)
    before = clusters(labels, groups)
    for one in draw(labels, groups, n_draws=20, seed=seed):
        assert {tuple(rows) for rows in clusters(one, groups)} == {tuple(rows) for rows in before}


@settings(max_examples=60)
@given(SETS, st.integers(0, 5))
def test_what_can_be_reached_is_counted_right(sets: list[list[int]], seed: int) -> None:
    labels, groups = filled(sets[:4], seed)
    trades = find_trades(labels, groups, np.zeros_like(groups), "names")
    reachable = math.exp(log_labellings(trades))
    assert reachable == pytest.approx(round(reachable))
    if reachable <= 24:
        draws = draw(labels, groups, n_draws=600)
        assert len(np.unique(draws, axis=0)) == round(reachable)
        assert movable_share(trades) == pytest.approx((draws != labels).any(0).mean())


def test_the_choice_is_the_same_whatever_was_drawn() -> None:
    for sets in ([[0, 0, 1]] * 5 + [[1, 1, 0]] * 5, [[0, 0, 1], [0, 1, 1], [0] * 5, [0, 0, 0, 1], [1, 0, 1, 1, 1]]):
        labels, groups = filled(sets)
        exchange, trades = choose_trades(labels, groups, np.zeros_like(groups))
        for one in permute_labels(labels, trades, 10, np.random.default_rng(0)):
            assert choose_trades(one, groups, np.zeros_like(groups))[0] == exchange


@pytest.mark.parametrize(
    ("sets", "exchange"),
    [
        ([[0, 0, 1]] * 5 + [[1, 1, 0]] * 5, "names"),  # 252 labellings
        ([[0, 0, 1]] * 4 + [[1, 1, 0]] * 4, "examples"),  # 70
        ([[0, 0, 1]] * 50, "examples"),  # always the same way round
        ([[0, 0, 1]] * 5 + [[1, 1, 0]] * 5 + [[0, 0, 0, 1]] * 5, "names"),  # the last five stay: 60 % move
        ([[0, 0, 1]] * 5 + [[1, 1, 0]] * 5 + [[0, 0, 0, 1]] * 9, "examples"),
        ([[0, 0, 1, 1]] * 7, "names"),  # balanced: 128
        ([[0], [1]], "names"),  # one label a group: there is nothing else to trade
        ([[0] * 3, [1] * 2], "names"),
    ],
)
def test_names_trade_where_they_can(sets: list[list[int]], exchange: Exchange) -> None:
    labels, groups = filled(sets)
    assert choose_trades(labels, groups, np.zeros_like(groups))[0] == exchange


def test_constant_groups_trade_with_groups_of_their_size_only() -> None:
    groups = grouped([2, 2, 2, 3, 3, 3, 1])
    labels = np.array([0, 1, 2, 0, 1, 1, 2])[(groups - 2) // 3]
    draws = draw(labels, groups)
    of_group = np.stack([draws[:, np.flatnonzero(groups == group)[0]] for group in np.unique(groups)], axis=1)
    assert (np.sort(of_group[:, :3], axis=1) == [0, 1, 2]).all()
    assert (np.sort(of_group[:, 3:6], axis=1) == [0, 1, 1]).all()
    assert (of_group[:, 6] == 2).all()  # none of its size to trade with
    assert len(np.unique(draws, axis=0)) == 18


def even(draws: Ints, n_labellings: int) -> bool:
    """Return whether so many labellings were drawn, none off its expected number by five deviations."""
    counts = Counter(map(tuple, draws.tolist()))
    share = 1 / n_labellings
    deviation = math.sqrt(len(draws) * share * (1 - share))
    return len(counts) == n_labellings and all(
        abs(count - len(draws) * share) < 5 * deviation for count in counts.values()
    )


@pytest.mark.parametrize(
    ("sets", "n_labellings"),
    [
        ([[0], [0], [1], [1]], 6),
        ([[0, 0], [1, 1], [2, 2]], 6),
        ([[0, 1], [0, 1]], 4),  # coin flips
        ([[0, 1, 2]], 6),
        ([[0, 1], [2, 3]], 8),  # which group holds which pair, and which way round
        ([[0, 0, 1], [1, 1, 0], [0, 0, 1]], 3),  # never two of a group alike
        ([[0, 0, 1, 2], [1, 1, 0, 2]], 8),
    ],
)
def test_every_trade_of_names_is_equally_likely(sets: list[list[int]], n_labellings: int) -> None:
    assert even(draw(*filled(sets), n_draws=6000), n_labellings)


def test_balanced_groups_of_one_size_or_many_rename_alone() -> None:
    labels, groups = filled([[0, 0, 1, 1], [0, 1], [0, 1]])
    assert even(draw(labels, groups, n_draws=4000), 8)


def test_examples_trade_whole_sets_of_labels_with_groups_of_their_size() -> None:
    groups = grouped([3, 3, 3, 2, 2])
    sets = {2: [0, 0, 1], 5: [1, 1, 1], 8: [0, 1, 1], 11: [0, 1], 14: [0, 0]}
    labels = np.zeros_like(groups)
    for group, inside in sets.items():
        labels[groups == group] = inside
    draws = draw(labels, groups, "examples")
    for size, names in ((3, (2, 5, 8)), (2, (11, 14))):
        dealt = np.stack([np.sort(draws[:, groups == name], axis=1) for name in names], axis=1)
        kept = sorted(sets[name] for name in names)
        assert dealt.shape[1:] == (len(names), size)
        assert all(sorted(one.tolist()) == kept for one in dealt)
    swapped = {tuple(np.sort(one[groups == 2])) for one in draws}
    assert swapped == {(0, 0, 1), (1, 1, 1), (0, 1, 1)}


def test_examples_also_trade_inside_their_group() -> None:
    assert even(draw(np.array([0, 0, 1]), np.zeros(3, dtype=np.int64), "examples", 3000), 3)


def test_the_labels_given_are_left_alone() -> None:
    labels, groups = filled([[0, 1], [0, 1], [0, 0, 1], [1, 1, 0]])
    before = labels.copy()
    for exchange in ("names", "examples"):
        draw(labels, groups, exchange)
    np.testing.assert_array_equal(labels, before)
