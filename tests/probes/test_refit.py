"""The whole probe refitted to every draw, against scikit-learn and against the null's one step."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from probes import refit
from probes.null import max_statistic_null, refitted_accuracies
from probes.refit import full_accuracies


def cell(n_classes: int, n_draws: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_classes)
    labels, folds = np.arange(90) % n_classes, rng.permutation(np.arange(90) % 5)
    x = rng.normal(size=(2, 90, 4))
    x[1, :, 0] += 2 * (labels == 0)
    draws = np.stack([labels, *(rng.permutation(labels) for _ in range(n_draws - 1))])
    return x, draws, folds


@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_is_scikit_learns_accuracy(n_classes: int) -> None:
    x, draws, folds = cell(n_classes)
    found = full_accuracies(torch.from_numpy(x), torch.from_numpy(draws), torch.from_numpy(folds), 0.5)
    for head in range(2):
        for number, labels in enumerate(draws):
            right = 0
            for fold in range(5):
                model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, tol=1e-8, max_iter=1000))
                model.fit(x[head, folds != fold], labels[folds != fold])
                right += (model.predict(x[head, folds == fold]) == labels[folds == fold]).sum()
            assert found[head, number] == right / 90


def test_draws_solved_together_and_apart_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    x, draws, folds = (torch.from_numpy(part) for part in cell(2, 30))
    together = full_accuracies(x, draws, folds, 0.5)
    monkeypatch.setattr(refit, "DRAWS", 4)
    np.testing.assert_array_equal(full_accuracies(x, draws, folds, 0.5), together)


def test_the_one_step_null_agrees_with_it_on_what_is_found() -> None:
    x, draws, folds = cell(2)
    labels, groups = draws[0], np.arange(90)
    args = ([torch.from_numpy(x)], labels, groups, folds, 0.1, 199, 0)
    quick, full = (max_statistic_null(*args, fit) for fit in (refitted_accuracies, full_accuracies))
    assert max_statistic_null(*args).p_values.tolist() == quick.p_values.tolist()
    assert quick.p_values[1] == full.p_values[1] == pytest.approx(0.005)
    assert min(quick.p_values[0], full.p_values[0]) > 0.05
    assert np.corrcoef(quick.best, full.best)[0, 1] > 0.8
