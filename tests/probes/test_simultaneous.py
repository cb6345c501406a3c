"""Simultaneous intervals: how often any of many margins that are nothing lies above 0, and that real ones still do."""

import numpy as np
import pytest

from probes.intervals import cluster_bootstrap, resampled_means
from probes.simultaneous import stretch

N, HEADS, RUNS = 300, 40, 150


def lows(scores: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower ends of single intervals and of stretched ones, (n_heads,) each."""
    groups = np.arange(N)
    low, _ = cluster_bootstrap(scores, groups, 400, 0.95, seed)
    mean = scores.mean(1)
    factor = stretch({"a": resampled_means(scores, groups, 200, seed)}, 0.95)
    return low, mean - factor * (mean - low)


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_of_many_margins_that_are_nothing_few_cells_have_one_above_zero(shared: float) -> None:
    rng = np.random.default_rng(0)
    single, stretched = [], []
    for run in range(RUNS):
        scores = np.sqrt(shared) * rng.normal(size=(1, N)) + np.sqrt(1 - shared) * rng.normal(size=(HEADS, N))
        scores[0] += 0.6  # one head knows
        one, all_ = lows(scores, run)
        single.append((one[1:] > 0).any())
        stretched.append((all_[1:] > 0).any())
        assert all_[0] > 0
    assert np.mean(stretched) < 0.05
    assert np.mean(single) > (0.2 if shared == 0 else 0.05)


def test_permuting_heads_changes_nothing_and_more_margins_never_shorten() -> None:
    values = np.random.default_rng(0).normal(size=(200, 30))
    order = np.random.default_rng(1).permutation(30)
    assert stretch({"a": values}, 0.95) == stretch({"a": values[:, order]}, 0.95)
    assert stretch({"a": values}, 0.95) >= stretch({"a": values[:, :5]}, 0.95) >= 1
    assert stretch({"a": values[:, :15], "b": values[:, 15:]}, 0.95) == stretch({"a": values}, 0.95)


def test_units_do_not_matter_and_margins_that_never_move_are_left_out() -> None:
    values = np.random.default_rng(0).normal(size=(200, 4))
    scaled = values * np.array([1.0, 10.0, 0.1, 3.0]) + np.array([0.0, 5.0, -2.0, 1.0])
    assert stretch({"a": scaled}, 0.95) == pytest.approx(stretch({"a": values}, 0.95))
    assert stretch({"a": values, "b": np.ones((200, 2))}, 0.95) == stretch({"a": values}, 0.95)
    assert stretch({"a": np.zeros((200, 3))}, 0.95) == 1.0
