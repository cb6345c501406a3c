"""Intervals where scores do not vary, groups are few, or the input is no input."""

import numpy as np
import pytest
from scipy.stats import binomtest

from probes.errors import ProbeError
from probes.intervals import cluster_bootstrap


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_a_head_that_is_always_right_is_not_certain(size: int, confidence: float) -> None:
    low, high = cluster_bootstrap(np.ones((1, 100 * size)), np.arange(100 * size) // size, 50, confidence, seed=0)
    exact = binomtest(100, 100).proportion_ci(confidence, method="exact")
    assert (low[0], high[0]) == pytest.approx((exact.low, exact.high))


def test_no_error_leaves_less_doubt_than_one() -> None:
    for n_groups in (20, 100, 1000):
        errors = np.arange(n_groups) < np.array([[0], [1], [2], [3]])
        low, high = cluster_bootstrap(~errors, np.arange(n_groups), 2000, 0.95, seed=0)
        assert (np.diff(low) < 0).all()
        assert (high <= 1).all()


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.2, 1.0])
def test_the_interval_of_a_constant_score_reaches_to_both_sides_and_ends_at_one(value: float) -> None:
    low, high = cluster_bootstrap(np.full((1, 50), value), np.arange(50), 50, 0.95, seed=0)
    reach = 1 - 0.025 ** (1 / 50)
    assert (low[0], high[0]) == pytest.approx((max(-1, value - reach), min(1, value + reach)))


def test_a_constant_beyond_one_stays_inside_its_interval() -> None:
    low, high = cluster_bootstrap(np.array([[3.0] * 50, [-3.0] * 50]), np.arange(50), 50, 0.95, seed=0)
    assert (low <= [3, -3]).all()
    assert (high >= [3, -3]).all()


def test_groups_that_all_score_alike_are_not_certain_either() -> None:
    correct = np.tile([True, False], 40)[None]  # pairs, one of each right
    low, high = cluster_bootstrap(correct, np.arange(80) // 2, 50, 0.95, seed=0)
    assert 0.5 - low[0] == pytest.approx(high[0] - 0.5) == pytest.approx(1 - 0.025 ** (1 / 40))


@pytest.mark.parametrize("n_groups", [2, 3, 4, 5])
@pytest.mark.parametrize("confidence", [0.001, 0.95, 0.999999])
def test_few_groups_give_an_interval_within_their_range(n_groups: int, confidence: float) -> None:
    scores = np.arange(n_groups)[None] == 0  # as skewed as can be
    low, high = cluster_bootstrap(scores, np.arange(n_groups), 500, confidence, seed=0)
    assert 0 <= low[0] <= high[0] <= 1
    if confidence > 0.9:
        assert low[0] == 0
        assert high[0] > 1 / n_groups


@pytest.mark.parametrize(
    ("scores", "groups", "draws", "confidence", "message"),
    [
        (
            np.ones((2, 4)),
            np.zeros(4, dtype=np.int64),
            10,
            0.9,
            "number of groups: 1; at least 2 are needed.*finer unit",
        ),
        (np.ones((2, 4)), np.arange(3), 10, 0.9, r"scores of shape \(2, 4\) and groups of shape \(3,\); expected"),
        (np.ones(4), np.arange(4), 10, 0.9, r"scores of shape \(4,\).*expected \(n_rows, n_examples\)"),
        (np.ones((2, 0)), np.arange(0), 10, 0.9, "number of groups: 0; at least 2"),
        (np.array([[0, 1.0], [0, np.nan]]), np.arange(2), 10, 0.9, "row 1, example 1 is not finite"),
        (np.ones((2, 4)), np.arange(4), 10, 95, "confidence 95; expected a share between 0 and 1, such as 0.95"),
        (np.ones((2, 4)), np.arange(4), 10, 0.0, "confidence 0.0; expected"),
        (np.ones((2, 4)), np.arange(4), 10, 1.0, "confidence 1.0; expected"),
        (np.ones((2, 4)), np.arange(4), 0, 0.9, "0 draws; expected at least 1"),
    ],
)
def test_what_is_no_input_is_refused(scores, groups, draws: int, confidence: float, message: str) -> None:
    with pytest.raises(ProbeError, match=message):
        cluster_bootstrap(scores, groups, draws, confidence, seed=0)


def test_no_rows_give_no_ends() -> None:
    low, high = cluster_bootstrap(np.ones((0, 4)), np.arange(4), 10, 0.9, seed=0)
    assert low.shape == high.shape == (0,)
