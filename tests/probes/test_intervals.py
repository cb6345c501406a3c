"""Cluster-bootstrap intervals against a slow loop, a normal approximation, and the truth."""

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from probes.intervals import cluster_bootstrap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def slow_bootstrap(correct: NDArray[np.bool_], groups: Ints, n_draws: int, confidence: float) -> tuple[float, float]:
    """Return the interval of one head: lay whole groups end to end, count, and again."""
    rng = np.random.default_rng(12345)
    members = [correct[groups == group] for group in np.unique(groups)]
    accuracies = [
        np.concatenate([members[group] for group in rng.integers(0, len(members), len(members))]).mean()
        for _ in range(n_draws)
    ]
    tail = 50 * (1 - confidence)
    return float(np.percentile(accuracies, tail)), float(np.percentile(accuracies, 100 - tail))


def grouped(n_groups: int = 30, seed: int = 0) -> tuple[NDArray[np.bool_], Ints]:
    """Return three heads whose rights cluster in groups of unequal size."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), rng.integers(1, 8, n_groups))
    chance = np.clip(0.7 + 0.3 * rng.normal(size=(3, n_groups)), 0, 1)[:, groups]
    return rng.random(chance.shape) < chance, groups


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95])
def test_the_interval_is_that_of_groups_laid_end_to_end(confidence: float) -> None:
    correct, groups = grouped()
    low, high = cluster_bootstrap(correct, groups, 4000, confidence, seed=0)
    for head in range(3):
        # Other draws: an end is known to about 0.05 / sqrt(4000 * 0.025 * 0.975 / 0.06^2) = 0.003 at 95 %; four of it.
        slow = slow_bootstrap(correct[head], groups, 4000, confidence)
        assert (low[head], high[head]) == pytest.approx(slow, abs=0.012)
    assert (high - low > 0.03).all()


def test_examples_in_no_group_have_the_binomial_interval() -> None:
    correct = (np.arange(400) < 280)[None]
    low, high = cluster_bootstrap(correct, np.arange(400), 4000, 0.95, seed=0)
    deviation = math.sqrt(0.7 * 0.3 / 400)
    # The grain is 1 / 400 and the normal approximation as good; 0.006 is a quarter of a deviation.
    assert low[0] == pytest.approx(0.7 - 1.96 * deviation, abs=0.006)
    assert high[0] == pytest.approx(0.7 + 1.96 * deviation, abs=0.006)


@pytest.mark.parametrize("size", [4, 9])
def test_copies_of_an_example_widen_nothing_but_what_they_seem(size: int) -> None:
    once = np.random.default_rng(0).random((1, 80)) < 0.7
    copied = np.repeat(once, size, axis=1)
    alone = cluster_bootstrap(once, np.arange(80), 3000, 0.95, seed=0)
    as_groups = cluster_bootstrap(copied, np.repeat(np.arange(80), size), 3000, 0.95, seed=0)
    np.testing.assert_allclose(as_groups, alone)  # the same draws of the same groups
    low, high = cluster_bootstrap(copied, np.arange(80 * size), 3000, 0.95, seed=0)
    ratio = float((high[0] - low[0]) / (alone[1][0] - alone[0][0]))
    assert ratio == pytest.approx(1 / math.sqrt(size), rel=0.15)  # ends of 3000 draws, known to some percent


def test_whole_groups_are_drawn() -> None:
    # One group right, one wrong: a replicate draws two of the two, so it can score 0, 1/2 or 1 and nothing between.
    correct = np.repeat([True, False], 50)[None]
    groups = np.repeat([0, 1], 50)
    assert cluster_bootstrap(correct, groups, 500, 0.9, seed=0) == ([0.0], [1.0])
    low, high = cluster_bootstrap(correct, np.arange(100), 500, 0.9, seed=0)
    assert 0.35 < low[0] < high[0] < 0.65


def test_a_head_that_is_always_right_has_no_width() -> None:
    low, high = cluster_bootstrap(np.ones((1, 20), dtype=bool), np.arange(20) // 2, 100, 0.95, seed=0)
    assert (low[0], high[0]) == (1.0, 1.0)


def test_the_interval_holds_the_accuracy_and_grows_with_the_confidence() -> None:
    correct, groups = grouped()
    ends = [cluster_bootstrap(correct, groups, 1000, confidence, seed=0) for confidence in (0.5, 0.8, 0.95, 0.99)]
    for low, high in ends:
        assert ((low <= correct.mean(1)) & (correct.mean(1) <= high)).all()
    for (low, high), (wider_low, wider_high) in pairwise(ends):
        assert ((wider_low < low) & (high < wider_high)).all()


def test_all_heads_share_their_draws() -> None:
    correct, groups = grouped()
    low, high = cluster_bootstrap(correct[[1, 1, 2]], groups, 300, 0.9, seed=0)
    assert (low[0], high[0]) == (low[1], high[1])
    alone = cluster_bootstrap(correct[2:], groups, 300, 0.9, seed=0)
    assert (low[2], high[2]) == (alone[0][0], alone[1][0])


def test_the_seed_alone_decides() -> None:
    correct, groups = grouped()
    once, again, other = (cluster_bootstrap(correct, groups, 300, 0.9, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)


def test_the_truth_lies_inside_about_as_often_as_stated() -> None:
    inside, denied = 0, 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(40), 10)
        correct = (rng.random(400) < np.clip(0.7 + 0.25 * rng.choice([-1, 1], 40), 0, 1)[groups])[None]
        low, high = cluster_bootstrap(correct, groups, 200, 0.9, seed)
        inside += int(low[0] <= 0.7 <= high[0])
        low, high = cluster_bootstrap(correct, np.arange(400), 200, 0.9, seed)
        denied += int(low[0] <= 0.7 <= high[0])
    # Percentile intervals of 40 groups fall short by a little: 87 %. Binomial(150, 0.87) has a deviation of 4; four.
    assert 114 <= inside <= 147
    assert denied < 114  # groups denied: too narrow by half
