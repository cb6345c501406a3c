"""Which permutations of the labels the groups of a dataset allow."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from probes.null import Design, group_design, permute_labels

Ints = NDArray[np.int64]


def draw(labels: Ints, groups: Ints, design: Design, n_draws: int = 200, seed: int = 0) -> Ints:
    return permute_labels(labels, groups, design, n_draws, np.random.default_rng(seed))


def grouped(sizes: list[int], seed: int = 0) -> Ints:
    """Return groups of these sizes, shuffled, named by numbers with gaps as they are inside one fold."""
    return np.random.default_rng(seed).permutation(np.repeat(3 * np.arange(len(sizes)) + 2, sizes))


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


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=8),
    st.integers(0, 5),
    st.sampled_from(["constant", "mixed"]),
)
def test_labels_are_dealt_anew_and_never_made_up(plan: list[tuple[int, int]], seed: int, design: Design) -> None:
    groups = grouped([size for _, size in plan], seed)
    labels = np.array([plan[(group - 2) // 3][0] for group in groups])
    draws = draw(labels, groups, design, 20, seed)
    assert (np.sort(draws, axis=1) == np.sort(labels)).all()


def test_constant_groups_keep_one_label_each() -> None:
    groups = grouped([2, 2, 2, 3, 3, 3, 1])
    labels = np.array([0, 1, 2, 0, 1, 1, 2])[(groups - 2) // 3]
    draws = draw(labels, groups, "constant")
    for group in np.unique(groups):
        inside = draws[:, groups == group]
        assert (inside == inside[:, :1]).all()
    assert (draws != labels).any()


def test_constant_groups_trade_with_groups_of_their_size_only() -> None:
    groups = grouped([2, 2, 2, 3, 3, 3, 1])
    labels = np.array([0, 1, 2, 0, 1, 1, 2])[(groups - 2) // 3]
    draws = draw(labels, groups, "constant")
    of_group = np.stack([draws[:, np.flatnonzero(groups == group)[0]] for group in np.unique(groups)], axis=1)
    assert (np.sort(of_group[:, :3], axis=1) == [0, 1, 2]).all()
    assert (np.sort(of_group[:, 3:6], axis=1) == [0, 1, 1]).all()
    assert (of_group[:, 6] == 2).all()  # none of its size to trade with


def test_every_trade_of_constant_groups_is_equally_likely() -> None:
    groups = np.array([0, 0, 1, 1, 2, 2])
    counts = Counter(map(tuple, draw(groups.copy(), groups, "constant", 6000).tolist()))
    assert len(counts) == 6
    # Binomial(6000, 1/6) has a deviation of 29; five of them.
    assert all(abs(count - 1000) < 145 for count in counts.values())


def test_examples_that_are_their_own_groups_trade_freely() -> None:
    draws = draw(np.array([0, 0, 1, 1]), np.arange(4), "constant")
    assert len(np.unique(draws, axis=0)) == 6


def balanced() -> tuple[Ints, Ints]:
    groups = grouped([6, 6, 3, 9])
    labels = np.zeros_like(groups)
    for group in np.unique(groups):
        labels[groups == group] = np.arange((groups == group).sum()) % 3
    return labels, groups


def test_balanced_groups_keep_together_what_shares_a_label() -> None:
    labels, groups = balanced()
    draws = draw(labels, groups, "balanced")
    for group in np.unique(groups):
        for label in range(3):
            together = draws[:, (groups == group) & (labels == label)]
            assert (together == together[:, :1]).all()


def test_balanced_groups_keep_their_class_counts() -> None:
    labels, groups = balanced()
    draws = draw(labels, groups, "balanced")
    for group in np.unique(groups):
        assert (np.sort(draws[:, groups == group], axis=1) == np.sort(labels[groups == group])).all()
    assert (draws != labels).any()


def test_balanced_groups_rename_independently_and_evenly() -> None:
    groups, labels = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    counts = Counter(map(tuple, draw(labels, groups, "balanced", 4000).tolist()))
    assert set(counts) == {(0, 1, 0, 1), (1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 0)}
    # Binomial(4000, 1/4) has a deviation of 27; five of them.
    assert all(abs(count - 1000) < 137 for count in counts.values())


def test_mixed_groups_trade_whole_sets_of_labels_with_groups_of_their_size() -> None:
    groups = grouped([3, 3, 3, 2, 2])
    sets = {2: [0, 0, 1], 5: [1, 1, 1], 8: [0, 1, 1], 11: [0, 1], 14: [0, 0]}
    labels = np.zeros_like(groups)
    for group, inside in sets.items():
        labels[groups == group] = inside
    draws = draw(labels, groups, "mixed")
    for size, names in ((3, (2, 5, 8)), (2, (11, 14))):
        dealt = np.stack([np.sort(draws[:, groups == name], axis=1) for name in names], axis=1)
        kept = sorted(sets[name] for name in names)
        assert dealt.shape[1:] == (len(names), size)
        assert all(sorted(one.tolist()) == kept for one in dealt)
    swapped = {tuple(np.sort(one[groups == 2])) for one in draws}
    assert swapped == {(0, 0, 1), (1, 1, 1), (0, 1, 1)}


def test_mixed_groups_also_trade_inside() -> None:
    draws = draw(np.array([0, 0, 1]), np.zeros(3, dtype=np.int64), "mixed", 3000)
    counts = Counter(map(tuple, draws.tolist()))
    assert set(counts) == {(0, 0, 1), (0, 1, 0), (1, 0, 0)}
    # Binomial(3000, 1/3) has a deviation of 26; five of them.
    assert all(abs(count - 1000) < 130 for count in counts.values())


def test_the_labels_given_are_left_alone() -> None:
    labels, groups = balanced()
    before = labels.copy()
    for design in ("balanced", "mixed"):
        draw(labels, groups, design)
    np.testing.assert_array_equal(labels, before)
