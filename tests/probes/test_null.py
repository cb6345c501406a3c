"""The max-statistic null: its statistic against a slow reference, its p-values, and what it finds."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from probes import null
from probes.errors import ProbeError
from probes.null import MaxNull, max_statistic_null, refitted_accuracies

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def slow_accuracies(x: Floats, draws: Ints, folds: Ints, strength: float) -> Floats:
    """Return (n_heads, n_draws), one ridge regression at a time, on the one-hot labels of every class."""
    n_classes = draws.max() + 1
    weight = (n_classes - 1) / n_classes**2  # of the softmax's curvature at equal probabilities
    accuracies = np.zeros((len(x), len(draws)))
    for head, inputs in enumerate(x):
        for number, labels in enumerate(draws):
            right = 0
            for fold in np.unique(folds):
                train, test = folds != fold, folds == fold
                mean, scale = inputs[train].mean(0), inputs[train].std(0)
                scale[scale == 0] = 1
                known, asked = (inputs[train] - mean) / scale, (inputs[test] - mean) / scale
                hot = np.eye(n_classes)[labels[train]]
                prior = hot.mean(0)
                ridge = weight * known.T @ known + np.eye(known.shape[1]) / strength
                weights = np.linalg.inv(ridge) @ (weight * known.T @ (hot - prior))
                right += ((asked @ weights + prior).argmax(1) == labels[test]).sum()
            accuracies[head, number] = right / len(labels)
    return accuracies


def cell(n_classes: int = 2, n: int = 60, n_heads: int = 4) -> tuple[Floats, Ints, Ints]:
    """Return inputs in which the last head knows the label, labels, folds of unequal size."""
    rng = np.random.default_rng([n_classes, n])
    labels = np.arange(n) % n_classes
    folds = rng.permutation(np.arange(n) * 3 // (n + 5))
    x = rng.normal(size=(n_heads, n, 5)) * [1, 2, 5, 0.1, 1] + 3
    x[-1] += rng.normal(size=(n_classes, 5))[labels]
    return x, labels, folds


@pytest.mark.parametrize("strength", [1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_the_statistic_is_ridge_regression_on_the_labels(n_classes: int, strength: float) -> None:
    x, labels, folds = cell(n_classes)
    x[1, :, 2] = 0.5  # a constant dimension
    rng = np.random.default_rng(0)
    draws = np.stack([labels, *(rng.permutation(labels) for _ in range(12)), np.sort(labels)])
    ours = refitted_accuracies(torch.from_numpy(x), torch.from_numpy(draws), torch.from_numpy(folds), strength)
    slow = slow_accuracies(x, draws, folds, strength)
    np.testing.assert_array_equal(np.round(ours * len(labels)), np.round(slow * len(labels)))
    assert len(np.unique(ours)) > 3  # the draws differ, so there was something to get wrong


def test_the_block_size_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, labels, folds = (torch.from_numpy(values) for values in cell(3))
    draws = torch.from_numpy(np.random.default_rng(0).permuted(np.tile(labels, (60, 1)), axis=1))
    whole = refitted_accuracies(x, draws, folds, 1.0)
    for block in (1, 700, 5000):  # one head and draw at a time, several draws, several heads
        monkeypatch.setattr(null, "BLOCK", block)
        np.testing.assert_array_equal(refitted_accuracies(x, draws, folds, 1.0), whole)
    assert len(np.unique(whole)) > 5


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_head_that_says_nothing_scores_one_class(n_classes: int) -> None:
    labels, folds = np.arange(60) % n_classes, np.arange(60) // 12  # every class equally often in every fold
    draws = np.stack([labels, np.roll(labels, 1)])
    silent = refitted_accuracies(torch.full((1, 60, 4), 0.1), torch.from_numpy(draws), torch.from_numpy(folds), 1.0)
    np.testing.assert_array_equal(silent, [[1 / n_classes] * 2])


def test_groups_in_two_folds_are_an_error() -> None:
    x, labels, folds = cell()
    with pytest.raises(ProbeError, match="groups lie in several folds"):
        run(x, labels, np.arange(60) // 2, np.arange(60) % 3)
    with pytest.raises(ProbeError, match="at least 2 folds"):
        run(x, labels, np.arange(60), np.zeros_like(folds))


def test_permuting_heads_permutes_accuracies() -> None:
    x, labels, folds = (torch.from_numpy(values) for values in cell())
    draws, order = torch.stack([labels, labels.flip(0)]), torch.tensor([2, 3, 0, 1])
    straight, permuted = (refitted_accuracies(each, draws, folds, 1.0) for each in (x, x[order]))
    np.testing.assert_array_equal(permuted, straight[order])
    assert not np.array_equal(permuted, straight)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_inputs_of_any_floating_type_will_do(dtype: torch.dtype) -> None:
    x, labels, folds = (torch.from_numpy(values) for values in cell())
    narrow = refitted_accuracies(x.to(dtype), labels[None], folds, 1.0)
    wide = refitted_accuracies(x, labels[None], folds, 1.0)
    np.testing.assert_allclose(narrow, wide, atol=0.04)  # rounding to 3 digits moves 2 of 60 examples at most
    assert wide[-1, 0] > 0.75


def planted(n: int = 600, n_heads: int = 24, where: int = 17, agree: float = 0.6) -> tuple[Floats, Ints, Ints, Ints]:
    """Return noise in which one dimension of one head is the label, right for a share of the examples."""
    rng = np.random.default_rng(n)
    labels, folds = np.arange(n) % 2, np.arange(n) // 2 % 5
    x = rng.normal(size=(n_heads, n, 6))
    told = np.where(rng.permutation(n) < agree * n, labels, 1 - labels)
    x[where, :, 0] = 2 * told - 1
    return x, labels, np.arange(n), folds


def run(x: Floats, labels: Ints, groups: Ints, folds: Ints, n_draws: int = 99, seed: int = 0) -> MaxNull:
    return max_statistic_null([torch.from_numpy(x)], labels, groups, folds, 0.1, n_draws, seed)


def test_a_weak_signal_is_found_in_its_head_and_only_there() -> None:
    result = run(*planted(), n_draws=199)
    assert np.flatnonzero(result.p_values < 0.05).tolist() == [17]
    assert result.observed[17] == pytest.approx(0.6, abs=0.03)


def test_without_the_signal_nothing_is_found() -> None:
    result = run(*planted(agree=0.5), n_draws=199)
    assert result.p_values.min() > 0.05
    # The best of 24 noise heads looks like something: why one head's own p-value will not do.
    assert result.best.mean() > 0.53


def test_p_values_count_the_draws_whose_best_head_reaches_the_observed() -> None:
    result = run(*planted(n=120))
    by_hand = [(1 + sum(best >= observed for best in result.best)) / 100 for observed in result.observed]
    assert result.p_values.tolist() == by_hand
    assert len(result.best) == 99
    assert ((result.p_values > 0) & (result.p_values <= 1)).all()


def test_the_worst_head_of_each_draw_is_kept_too() -> None:
    x, *rest = planted(n=120, n_heads=6, where=4)
    together = run(x, *rest)
    alone = [run(x[head : head + 1], *rest) for head in range(6)]
    np.testing.assert_array_equal(together.worst, np.min([one.worst for one in alone], axis=0))
    np.testing.assert_array_equal(together.best, np.max([one.worst for one in alone], axis=0))
    assert together.worst.shape == (99,)
    assert together.worst.dtype == np.float64


def test_copies_in_other_folds_with_the_other_label_make_heads_worse_than_chance() -> None:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(8, 60, 20)), 2, axis=1)
    pairs, labels = np.repeat(np.arange(60), 2), np.tile([0, 1], 60)
    folds = (pairs + np.tile([0, 1], 60)) % 5  # split by row
    assert run(x, labels, np.arange(120), folds).observed.max() < 0.4


def test_a_better_head_never_has_a_larger_p_value() -> None:
    result = run(*planted(n=120))
    ranked = result.p_values[np.argsort(result.observed)]
    assert (np.diff(ranked) <= 0).all()
    assert ranked[0] > ranked[-1]


@pytest.mark.parametrize("n_draws", [9, 19, 99])
def test_the_smallest_p_value_is_one_over_the_draws_and_one(n_draws: int) -> None:
    result = run(*planted(agree=1.0), n_draws=n_draws)
    assert result.p_values[17] == pytest.approx(1 / (1 + n_draws))
    assert result.p_values.min() == result.p_values[17]


def test_more_heads_of_noise_make_the_null_harder() -> None:
    x, *rest = planted(n=120)
    few, many = run(x[:2], *rest), run(x, *rest)
    assert (many.best >= few.best).all()
    assert many.best.mean() > few.best.mean() + 0.02
    assert (many.p_values[:2] >= few.p_values).all()


def test_layers_are_heads_in_a_row() -> None:
    x, *rest = planted(n=120, n_heads=6, where=4)
    together = run(x, *rest)
    apart = max_statistic_null((torch.from_numpy(x[i : i + 2]) for i in (0, 2, 4)), *rest, 0.1, 99, 0)
    for name in ("best", "worst", "observed", "p_values"):
        np.testing.assert_array_equal(getattr(apart, name), getattr(together, name))


def test_the_seed_alone_decides_the_draws() -> None:
    once, again, other = (run(*planted(n=120), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once.best, again.best)
    assert not np.array_equal(once.best, other.best)
    np.testing.assert_array_equal(once.observed, other.observed)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_draws_stay_in_their_fold_and_the_first_is_the_observed(
    n_classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Ints] = []

    def watch(x: torch.Tensor, draws: torch.Tensor, folds: torch.Tensor, strength: float) -> Floats:
        seen.append(draws.numpy())
        return np.zeros((len(x), len(draws)))

    monkeypatch.setattr(null, "refitted_accuracies", watch)
    labels = np.random.default_rng(0).integers(0, n_classes, 80)
    folds = np.arange(80) % 4
    max_statistic_null([torch.zeros(1, 80, 2)], labels, np.arange(80), folds, 0.1, 50, 0)
    (draws,) = seen
    assert draws.shape == (51, 80)
    np.testing.assert_array_equal(draws[0], labels)
    for fold in range(4):
        kept = np.sort(draws[:, folds == fold], axis=1)
        assert (kept == np.sort(labels[folds == fold])).all()
    assert len(np.unique(draws, axis=0)) == 51  # 20 labels a fold: a repetition would mean that nothing moved
