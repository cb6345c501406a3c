"""Under pure noise the null rejects as often as it says, whatever examples of a group share; and not more.

Each design is tried on 200 cells of 144 heads that know nothing of the label. At the 0.05 level an exact test rejects
Binomial(200, 0.05) of them, seldom more than the upper end of its 99 % interval. The same cells with the groups denied
are rejected far more often, so the cells would show a null that ignores them.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import binom

from probes import permute
from probes.null import max_statistic_null
from probes.permute import Design, Exchange

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Cell = tuple[Floats, Ints, Ints]
Make = Callable[[np.random.Generator], Cell]
N_CELLS, N_HEADS, WIDTH, N_FOLDS, N_DRAWS, LEVEL = 200, 144, 4, 5, 99, 0.05
MOST = int(binom.interval(0.99, N_CELLS, LEVEL)[1])


def noise(rng: np.random.Generator, shared: Ints, size: float = 1.0, width: int = WIDTH) -> Floats:
    """Return z of all heads: noise of each example, and a part that examples with one number share."""
    of_each = rng.standard_normal((N_HEADS, len(shared), width), dtype=np.float32)
    if not size:
        return of_each
    of_many = rng.standard_normal((N_HEADS, shared.max() + 1, width), dtype=np.float32)
    return of_each + np.float32(size) * of_many[:, shared]


def dealt(rng: np.random.Generator, n_groups: int, values: list[int]) -> Ints:
    """Return a value of each group, dealt out alike in every fold; group g lies in fold g modulo N_FOLDS."""
    result = np.zeros(n_groups, dtype=np.int64)
    for fold in range(N_FOLDS):
        rows = np.arange(fold, n_groups, N_FOLDS)
        result[rows] = rng.permutation(np.resize(values, len(rows)))
    return result


def independent(rng: np.random.Generator) -> Cell:
    groups = np.arange(120)
    return noise(rng, groups, 0.0), dealt(rng, 120, [0, 1]), groups


def rare(rng: np.random.Generator) -> Cell:
    """Nine groups of one class to one of the other, very much alike inside: else no head would say the other class."""
    groups = np.repeat(np.arange(50), 3)
    return noise(rng, groups, 3.0, 12), dealt(rng, 50, [0] * 9 + [1])[groups], groups


def constant(rng: np.random.Generator) -> Cell:
    """One label in a group, and every group has a manner of its own."""
    groups = np.repeat(np.arange(40), 3)
    return noise(rng, groups), dealt(rng, 40, [0, 1])[groups], groups


def six_classes(rng: np.random.Generator) -> Cell:
    groups = np.repeat(np.arange(60), 2)
    return noise(rng, groups), dealt(rng, 60, [0, 1, 2, 3, 4, 5])[groups], groups


def heads_alike(rng: np.random.Generator) -> Cell:
    """Heads that mostly read the same; the largest of many is then no larger than the largest of few."""
    groups = np.repeat(np.arange(40), 3)
    x = 0.3 * noise(rng, groups) + noise(rng, groups)[:1]
    return x, dealt(rng, 40, [0, 1])[groups], groups


def sizes_tied_to_labels(rng: np.random.Generator) -> Cell:
    """Half the groups of one class are larger, half of the other smaller than the rest."""
    of_group, odd = np.arange(40) // N_FOLDS % 2, np.arange(40) // N_FOLDS // 2 % 2
    groups = np.repeat(np.arange(40), np.where(odd, 3, np.array([2, 5])[of_group]))
    return noise(rng, groups, 0.5), of_group[groups], groups


def balanced(rng: np.random.Generator) -> Cell:
    groups, labels = np.repeat(np.arange(20), 6), np.tile(np.arange(6) % 2, 20)
    return noise(rng, groups), labels, groups


def balanced_forms(rng: np.random.Generator) -> Cell:
    """The examples of a group with one label share more still, such as a word form."""
    x, labels, groups = balanced(rng)
    return x + noise(rng, 2 * groups + labels, 2.0), labels, groups


def leaning(rng: np.random.Generator, ones: list[int]) -> tuple[Ints, Ints]:
    """Return labels and groups of six, of which so many examples have label 1."""
    groups = np.repeat(np.arange(20), 6)
    return (np.tile(np.arange(6), 20) < dealt(rng, 20, ones)[groups]).astype(np.int64), groups


def mixed(rng: np.random.Generator) -> Cell:
    """Groups that lean to a label, and have a manner of their own; all have one shape."""
    labels, groups = leaning(rng, [1, 5])
    return noise(rng, groups), labels, groups


def mixed_forms(rng: np.random.Generator) -> Cell:
    x, labels, groups = mixed(rng)
    return x + noise(rng, 2 * groups + labels, 2.0), labels, groups


def mixed_shapes(rng: np.random.Generator) -> Cell:
    """Only two groups of a fold share their shape: trading names can hardly move anything."""
    labels, groups = leaning(rng, [0, 1, 4, 6])
    return noise(rng, groups), labels, groups


DESIGNS: list[tuple[Make, Design, Exchange]] = [
    (independent, "constant", "names"),
    (rare, "constant", "names"),
    (constant, "constant", "names"),
    (six_classes, "constant", "names"),
    (heads_alike, "constant", "names"),
    (sizes_tied_to_labels, "constant", "names"),
    (balanced, "balanced", "names"),
    (balanced_forms, "balanced", "names"),
    (mixed, "mixed", "names"),
    (mixed_forms, "mixed", "names"),
    (mixed_shapes, "mixed", "examples"),
]


def rejected(make: Make, deny_groups: bool = False) -> tuple[int, set[tuple[Design, Exchange]]]:
    """Return in how many cells some head is found at the level, and the designs and exchanges seen."""
    count, seen = 0, set()
    for seed in range(N_CELLS):
        x, labels, groups = make(np.random.default_rng([seed, 1]))
        units = np.arange(len(groups)) if deny_groups else groups
        result = max_statistic_null([torch.from_numpy(x)], labels, units, groups % N_FOLDS, 0.1, N_DRAWS, seed)
        count += int(result.p_values.min() <= LEVEL)
        seen.add((result.design, result.exchange))
        assert len(set(result.best)) > 1  # heads that always say the largest class would be calibrated in vain
    return count, seen


@pytest.mark.parametrize(("make", "design", "exchange"), DESIGNS)
def test_noise_is_rejected_no_more_often_than_stated(make: Make, design: Design, exchange: Exchange) -> None:
    count, seen = rejected(make)
    assert seen == {(design, exchange)}
    assert count <= MOST


@pytest.mark.parametrize("make", [constant, balanced_forms, mixed, mixed_forms, mixed_shapes])
def test_the_same_noise_is_rejected_far_too_often_when_groups_are_denied(make: Make) -> None:
    count, _ = rejected(make, deny_groups=True)
    assert count > 2 * MOST


def test_trading_examples_would_call_word_forms_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permute, "LABELLINGS", math.inf)
    count, seen = rejected(mixed_forms)
    assert seen == {("mixed", "examples")}
    assert count > 2 * MOST


@pytest.mark.parametrize("make", [make for make, *_ in DESIGNS])
def test_a_signal_in_such_noise_is_found_in_its_head(make: Make) -> None:
    rng = np.random.default_rng(6)
    x, labels, groups = make(rng)
    x[7] += 8 * rng.standard_normal((labels.max() + 1, x.shape[2]), dtype=np.float32)[labels]
    result = max_statistic_null([torch.from_numpy(x)], labels, groups, groups % N_FOLDS, 0.1, 99, 0)
    assert result.p_values[7] == pytest.approx(0.01)
    assert np.sort(result.p_values)[1] > 0.05
