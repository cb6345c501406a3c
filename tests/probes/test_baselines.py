"""Projections, margins, and the head that is chosen on other folds."""

import numpy as np
import pytest
import torch

from probes.baselines import majority_correct, margin_columns, project, select_by_fold
from probes.intervals import cluster_bootstrap


def stream(n: int = 200, d_model: int = 24) -> torch.Tensor:
    return torch.randn(n, d_model, generator=torch.Generator().manual_seed(3))


def test_a_projection_is_linear_in_the_standardised_stream() -> None:
    residual = stream()
    scaled = (residual - residual.mean(0)) / residual.std(0, correction=0)
    projected = project(residual, 3, 5, seed=0)
    for head in projected:
        found = torch.linalg.lstsq(scaled, head).solution
        torch.testing.assert_close(scaled @ found, head, atol=1e-4, rtol=1e-4)
        assert torch.linalg.matrix_rank(head) == 5


def test_each_head_has_directions_of_its_own_and_the_seed_decides_them() -> None:
    first, again, other = (project(stream(), 3, 5, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1])


def test_the_size_of_a_dimension_does_not_matter_and_a_constant_one_drops_out() -> None:
    residual = stream()
    sizes = torch.logspace(-3, 3, residual.shape[1])
    torch.testing.assert_close(project(residual * sizes + 7, 2, 4, 0), project(residual, 2, 4, 0), atol=1e-3, rtol=1e-3)
    constant = residual.clone()
    constant[:, 5] = 0.1
    assert torch.isfinite(project(constant, 2, 4, 0)).all()
    moved = constant.clone()
    moved[:, 5] = 12.0
    torch.testing.assert_close(project(moved, 2, 4, 0), project(constant, 2, 4, 0))


@pytest.mark.parametrize(("labels", "share"), [([0, 1, 1, 1], 0.75), ([1, 0, 2, 0, 1], 0.4), ([2, 2, 1, 0], 0.5)])
def test_the_majority_is_right_for_its_share(labels: list[int], share: float) -> None:
    assert majority_correct(np.array(labels)).shape == (1, len(labels))
    assert majority_correct(np.array(labels)).mean() == share


def test_a_margin_is_the_bootstrap_of_the_differences() -> None:
    rng = np.random.default_rng(0)
    correct, baseline, groups = rng.random((3, 100)) < 0.8, rng.random((3, 100)), np.arange(100) // 2
    columns = margin_columns(correct, baseline, groups, "selectivity", 300, 0.9, seed=4)
    low, high = cluster_bootstrap(correct - baseline, groups, 300, 0.9, 4)
    np.testing.assert_array_equal(columns["selectivity"], (correct - baseline).mean(1))
    np.testing.assert_array_equal(columns["selectivity_low"], low)
    np.testing.assert_array_equal(columns["selectivity_high"], high)


def test_one_row_of_a_baseline_serves_every_head() -> None:
    correct = np.random.default_rng(0).random((4, 60)) < 0.7
    baseline = np.full((1, 60), 0.5)
    one = margin_columns(correct, baseline, np.arange(60), "m", 100, 0.95, 0)
    each = margin_columns(correct, np.repeat(baseline, 4, axis=0), np.arange(60), "m", 100, 0.95, 0)
    assert all((one[name] == each[name]).all() for name in one)


def test_the_head_of_a_fold_is_chosen_by_its_loss_on_the_fold_that_chose() -> None:
    rng = np.random.default_rng(1)
    correct, loss, folds = rng.random((5, 40)) < 0.6, rng.random((5, 4)), np.arange(40) % 4
    right, heads = select_by_fold(correct, loss, folds)
    for fold in range(4):
        best = min(range(5), key=lambda head: loss[head, fold])
        assert heads[fold] == best
        assert (right[folds == fold] == correct[best, folds == fold]).all()


def test_chosen_on_other_folds_luck_is_not_counted() -> None:
    """Of many heads that know nothing the best looks good; the one chosen without the tested fold does not."""
    rng = np.random.default_rng(2)
    best, selected = [], []
    for _ in range(50):
        correct, loss, folds = rng.random((144, 200)) < 0.5, rng.random((144, 5)), np.arange(200) % 5
        best.append(correct.mean(1).max())
        selected.append(select_by_fold(correct, loss, folds)[0].mean())
    assert np.mean(best) > 0.57
    assert abs(np.mean(selected) - 0.5) < 0.015  # three deviations: 0.5 / sqrt(200 * 50) each


def test_a_head_that_does_know_is_chosen_and_keeps_its_accuracy() -> None:
    rng = np.random.default_rng(2)
    correct, loss, folds = rng.random((144, 200)) < 0.5, rng.random((144, 5)), np.arange(200) % 5
    correct[7], loss[7] = rng.random(200) < 0.9, -1.0
    right, heads = select_by_fold(correct, loss, folds)
    assert heads.tolist() == [7] * 5
    assert right.mean() == correct[7].mean()
