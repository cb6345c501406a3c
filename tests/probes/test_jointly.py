"""Joint probes of the test folds: the optimum of the ordinary probe, and blind to the fold they are tested on."""

import pytest
import torch
from torch import Tensor

from probes.crossval import probe_heads
from probes.jointly import fit_jointly
from probes.logistic import class_log_proba

FOLDS = torch.arange(120) % 4
GRID = torch.tensor([0.01, 0.1, 1.0], dtype=torch.float64)


def cell(n_classes: int) -> tuple[Tensor, Tensor]:
    """Return inputs, (4, 120, 6), one set for each test fold, and labels."""
    generator = torch.Generator().manual_seed(n_classes)
    labels = torch.randint(n_classes, (120,), generator=generator)
    x = torch.randn(4, 120, 6, generator=generator) * torch.tensor([1, 10, 0.1, 1, 3, 1]) + 5
    x[..., :2] += torch.randn(4, n_classes, 2, generator=generator)[:, labels]
    return x, labels


@pytest.mark.parametrize("n_classes", [2, 3])
def test_each_test_fold_gets_the_ordinary_probe_of_its_own_set(n_classes: int) -> None:
    x, labels = cell(n_classes)
    joint = fit_jointly(x, labels, FOLDS, n_classes, GRID.expand(4, -1))
    every = probe_heads(x, labels, FOLDS, n_classes, GRID)
    for k in range(4):
        own = class_log_proba(joint.logits[k].mT)[k == FOLDS]
        torch.testing.assert_close(own, every.log_proba[k, k == FOLDS], rtol=1e-3, atol=2e-3)
        assert joint.strength[k] == every.strength[k, k]
        torch.testing.assert_close(joint.loss[k], every.chooser_loss[k, k], rtol=1e-4, atol=1e-5)


def test_penalties_may_differ_from_fold_to_fold() -> None:
    x, labels = cell(2)
    grid = torch.tensor([[0.01], [0.1], [1.0], [0.1]], dtype=torch.float64)
    assert fit_jointly(x, labels, FOLDS, 2, grid).strength.tolist() == grid[:, 0].tolist()


@pytest.mark.parametrize("k", range(4))
def test_the_test_fold_has_no_say(k: int) -> None:
    x, labels = cell(2)
    changed, inputs = labels.clone(), x.clone()
    changed[k == FOLDS] = 1 - labels[k == FOLDS]
    inputs[:, k == FOLDS] *= -3
    before, after = (fit_jointly(*data, FOLDS, 2, GRID.expand(4, -1)) for data in ((x, labels), (inputs, changed)))
    assert torch.equal(before.logits[k][:, k != FOLDS], after.logits[k][:, k != FOLDS])
    assert before.strength[k] == after.strength[k]
    assert before.loss[k] == after.loss[k]
    others = [number for number in range(4) if number != k]
    assert (before.loss[others] != after.loss[others]).all()
