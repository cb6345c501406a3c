"""Nominal 95 % intervals hold the truth in 92 to 98 % of simulations, whatever the size of the groups.

The simulations are those of `benchmarks.intervals`: real probes under the K-fold rotation, and as the truth what these
probes score on new groups. The binomial deviation of 1000 cells is 0.7 %.
"""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.intervals import both, simulate
from probes.intervals import cluster_bootstrap

Floats = NDArray[np.float64]
N_CELLS, N_EXAMPLES = 1000, 400
# Distance of the classes from their middle at which the probe reaches about .55, .75 and .95 of 400 examples
SIGNALS = {1: (0.24, 0.79, 1.77), 2: (0.24, 0.80, 1.79), 20: (0.35, 0.98, 1.98)}


@cache
def cells(size: int, signal: float) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return the scores of accuracy and margin, (N_CELLS, N_EXAMPLES) each, and their truths, (N_CELLS,) each."""
    parts = [simulate(size, N_EXAMPLES, signal, 100, seed) for seed in range(0, N_CELLS, 100)]
    return both(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))


def coverage(scores: Floats, truth: Floats, size: int) -> float:
    """Return the share of cells whose interval holds the truth; every 50 of them share their draws."""
    held = 0
    for start in range(0, N_CELLS, 50):
        rows = slice(start, start + 50)
        low, high = cluster_bootstrap(scores[rows], np.arange(N_EXAMPLES) // size, 1000, 0.95, seed=start)
        held += int(((low <= truth[rows]) & (truth[rows] <= high)).sum())
    return held / N_CELLS


@pytest.mark.parametrize("what", ["accuracy", "margin"])
@pytest.mark.parametrize(("size", "signal"), [(size, signal) for size in SIGNALS for signal in SIGNALS[size]])
def test_the_truth_lies_inside_as_often_as_stated(size: int, signal: float, what: str) -> None:
    scores, truths = cells(size, signal)
    which = ["accuracy", "margin"].index(what)
    assert 0.92 <= coverage(scores[which], truths[which], size) <= 0.98


def test_the_simulated_accuracies_are_those_meant() -> None:
    for size, signals in SIGNALS.items():
        truth = [simulate(size, N_EXAMPLES, signal, 20, seed=0)[1][0].mean() for signal in signals]
        assert truth == pytest.approx([0.55, 0.75, 0.95], abs=0.015)


def test_with_the_groups_denied_the_truth_lies_outside_too_often() -> None:
    scores, truths = cells(20, SIGNALS[20][1])
    assert coverage(scores[0], truths[0], size=1) < 0.85


def test_the_closed_form_truth_is_what_the_probes_score_on_new_data() -> None:
    # Correctness out of fold is an unbiased guess of it, over 200 cells of 400 examples known to about 0.2 %.
    correct, truth = simulate(1, N_EXAMPLES, SIGNALS[1][1], 200, seed=0)
    assert correct.mean((1, 2)) == pytest.approx(truth.mean(1), abs=0.008)
