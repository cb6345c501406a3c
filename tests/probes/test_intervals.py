"""Cluster-bootstrap intervals against a slow loop, the normal approximation, and their own rows."""

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm, t

from probes.intervals import SHARED_TRAINING, cluster_bootstrap

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def slow_bootstrap(scores: Floats, groups: Ints, n_draws: int, confidence: float) -> tuple[float, float]:
    """Return the interval of one row: lay whole groups end to end, average, and again; levels by the textbook."""
    rng = np.random.default_rng(12345)
    members = [scores[groups == group] for group in np.unique(groups)]
    n_groups = len(members)
    means = [
        np.concatenate([members[group] for group in rng.integers(0, n_groups, n_groups)]).mean() for _ in range(n_draws)
    ]
    left_out = np.array([np.concatenate(members[:i] + members[i + 1 :]).mean() for i in range(n_groups)])
    pull = left_out.mean() - left_out
    bend = (pull**3).sum() / (6 * (pull**2).sum() ** 1.5)  # the jackknife's acceleration
    reach = SHARED_TRAINING * t.ppf((1 + confidence) / 2, n_groups - 1) * math.sqrt(n_groups / (n_groups - 1))
    low, high = (norm.cdf(bend + (bend + z) / (1 - bend * (bend + z))) for z in (-reach, reach))
    return float(np.quantile(means, low)), float(np.quantile(means, high))


def grouped(n_groups: int = 30, seed: int = 0) -> tuple[NDArray[np.bool_], Ints]:
    """Return three heads whose rights cluster in groups of unequal size."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), rng.integers(1, 8, n_groups))
    chance = np.clip(0.7 + 0.3 * rng.normal(size=(3, n_groups)), 0, 1)[:, groups]
    return rng.random(chance.shape) < chance, groups


def differences(n_groups: int = 30) -> tuple[Floats, Ints]:
    """Return margins over the mean of four control draws, in [-1, 1]."""
    correct, groups = grouped(n_groups)
    return correct - np.random.default_rng(1).integers(0, 5, correct.shape) / 4, groups


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("make", [grouped, differences])
def test_the_interval_is_that_of_groups_laid_end_to_end(make, confidence: float) -> None:
    scores, groups = make()
    low, high = cluster_bootstrap(scores, groups, 4000, confidence, seed=0)
    for head in range(3):
        # Other draws, and an acceleration that agrees to first order only. A mean deviates by up to 0.06 and an end at
        # 2 % of 4000 draws is known to sqrt(0.02 * 0.98 / 4000) / 0.05 of that, 0.003; four of it and some more.
        slow = slow_bootstrap(scores[head].astype(float), groups, 4000, confidence)
        assert (low[head], high[head]) == pytest.approx(slow, abs=0.015)
    assert (high - low > 0.03).all()


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_examples_in_no_group_have_the_widened_binomial_interval(share: float) -> None:
    correct = (np.arange(1000) < 1000 * share)[None]
    low, high = cluster_bootstrap(correct, np.arange(1000), 20000, 0.95, seed=0)
    deviation = math.sqrt(share * (1 - share) / 1000)
    # The grain is 1 / 1000, and BCa leaves the symmetric normal interval by the skewness, some percent of a deviation.
    assert (high[0] - low[0]) / 2 == pytest.approx(SHARED_TRAINING * 1.96 * deviation, abs=0.0015)
    assert (high[0] + low[0]) / 2 == pytest.approx(share, abs=0.003)


def test_differences_in_no_group_have_the_widened_normal_interval() -> None:
    scores = np.random.default_rng(0).choice([-1.0, 0.0, 0.5, 1.0], (4, 2000))
    low, high = cluster_bootstrap(scores, np.arange(2000), 20000, 0.9, seed=0)
    reach = SHARED_TRAINING * 1.645 * scores.std(1) / math.sqrt(2000)
    np.testing.assert_allclose((low, high), (scores.mean(1) - reach, scores.mean(1) + reach), atol=0.0015)


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


def test_groups_that_do_not_matter_widen_nothing() -> None:
    correct = np.random.default_rng(0).random((1, 2000)) < 0.7
    low, high = cluster_bootstrap(correct, np.arange(2000), 4000, 0.95, seed=0)
    grouped_low, grouped_high = cluster_bootstrap(correct, np.arange(2000) // 4, 4000, 0.95, seed=0)
    assert (grouped_high - grouped_low) / (high - low) == pytest.approx(1, abs=0.1)


def test_whole_groups_are_drawn() -> None:
    # One group right, one wrong: a replicate draws two of the two, so it can score 0, 1/2 or 1 and nothing between.
    correct = np.repeat([True, False], 50)[None]
    groups = np.repeat([0, 1], 50)
    assert cluster_bootstrap(correct, groups, 500, 0.9, seed=0) == ([0.0], [1.0])
    low, high = cluster_bootstrap(correct, np.arange(100), 500, 0.9, seed=0)
    assert 0.35 < low[0] < high[0] < 0.65


def test_the_names_and_the_order_of_groups_do_not_matter() -> None:
    scores, groups = differences()
    order = np.random.default_rng(3).permutation(len(groups))
    expected = cluster_bootstrap(scores, groups, 300, 0.9, seed=0)
    np.testing.assert_allclose(cluster_bootstrap(scores[:, order], groups[order], 300, 0.9, seed=0), expected)
    np.testing.assert_array_equal(cluster_bootstrap(scores, 7 * groups - 3, 300, 0.9, seed=0), expected)


def test_the_interval_holds_the_mean_and_grows_with_the_confidence() -> None:
    scores, groups = differences()
    ends = [cluster_bootstrap(scores, groups, 1000, confidence, seed=0) for confidence in (0.5, 0.8, 0.95, 0.99)]
    for low, high in ends:
        assert ((low <= scores.mean(1)) & (scores.mean(1) <= high)).all()
    for (low, high), (wider_low, wider_high) in pairwise(ends):
        assert ((wider_low < low) & (high < wider_high)).all()


def test_the_interval_of_a_good_head_leans_to_the_side_where_there_is_room() -> None:
    correct = (np.arange(200) < 196)[None]
    low, high = cluster_bootstrap(correct, np.arange(200), 4000, 0.95, seed=0)
    assert 0.98 - low[0] > 1.5 * (high[0] - 0.98)
    assert high[0] <= 1


def test_all_rows_share_their_draws() -> None:
    scores, groups = differences()
    low, high = cluster_bootstrap(scores[[1, 1, 2]], groups, 300, 0.9, seed=0)
    assert (low[0], high[0]) == (low[1], high[1])
    alone = cluster_bootstrap(scores[2:], groups, 300, 0.9, seed=0)
    assert (low[2], high[2]) == pytest.approx((alone[0][0], alone[1][0]), abs=1e-12)


def test_a_row_does_not_depend_on_the_others() -> None:
    correct, groups = grouped()
    among = np.stack([np.ones_like(correct[0]), correct[0], np.zeros_like(correct[0])])  # the flat ones are special
    expected = cluster_bootstrap(correct[:1], groups, 300, 0.9, seed=0)
    low, high = cluster_bootstrap(among, groups, 300, 0.9, seed=0)
    assert (low[1], high[1]) == (expected[0][0], expected[1][0])


def test_truth_values_are_the_numbers_0_and_1() -> None:
    correct, groups = grouped()
    expected = cluster_bootstrap(correct, groups, 300, 0.9, seed=0)
    np.testing.assert_array_equal(cluster_bootstrap(correct.astype(np.float64), groups, 300, 0.9, seed=0), expected)
    np.testing.assert_allclose(cluster_bootstrap(correct - 1.0, groups, 300, 0.9, seed=0), np.array(expected) - 1)


def test_draws_in_blocks_are_all_there(monkeypatch: pytest.MonkeyPatch) -> None:
    correct, groups = grouped()
    expected = cluster_bootstrap(correct, groups, 301, 0.9, seed=0)
    monkeypatch.setattr("probes.intervals.BLOCK", 7 * 30)  # seven draws at a time of 30 groups, a multiple of 43
    np.testing.assert_array_equal(cluster_bootstrap(correct, groups, 301, 0.9, seed=0), expected)


def test_the_seed_alone_decides() -> None:
    scores, groups = differences()
    kept = scores.copy()
    once, again, other = (cluster_bootstrap(scores, groups, 300, 0.9, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)
    np.testing.assert_array_equal(scores, kept)
