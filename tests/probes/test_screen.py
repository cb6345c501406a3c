"""The screen against a slow Newton step in double precision, and what it is for: near the exact refit."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.crossval import probe_heads
from probes.greedy import joined
from probes.jointly import JointProbes, fit_jointly
from probes.screen import Splits, advance, screen

Floats = NDArray[np.float64]
N_FOLDS, FOLD = 4, 40
N = N_FOLDS * FOLD
FOLDS = torch.arange(N) // FOLD
BOUNDS = tuple(range(0, N + 1, FOLD))
NUMBER = torch.arange(N_FOLDS)
MEMBERS = (NUMBER[:, None] != NUMBER) & ((NUMBER[:, None] + 1) % N_FOLDS != NUMBER)


def cell(n_classes: int, n_heads: int = 5) -> tuple[Tensor, Splits, JointProbes]:
    """Return heads on scales of their own that know more and more, and a joint probe of logits that know a little."""
    generator = torch.Generator().manual_seed(n_classes)
    labels = torch.randint(n_classes, (N,), generator=generator)
    x = torch.randn(n_heads, N, 3, generator=generator) * torch.tensor([1, 10, 0.1]) + 20
    x[..., 0] += 0.5 * torch.arange(n_heads)[:, None] * torch.randn(n_heads, n_classes, generator=generator)[:, labels]
    n_logits = 1 if n_classes == 2 else n_classes
    logits = torch.randn(N_FOLDS, n_logits, N, generator=generator)
    strength = torch.tensor([0.01, 0.1, 1.0, 10.0], dtype=torch.float64)
    return x, Splits(labels, n_classes, BOUNDS, MEMBERS), JointProbes(logits, strength, torch.zeros(N_FOLDS))


def softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    proba: Floats = raised / raised.sum(1, keepdims=True)
    return proba


def slow_loss(x: Floats, labels: NDArray[np.int64], logits: Floats, strength: float, k: int) -> float:
    """Return the log-loss on fold k + 1 after one Newton step of one head, row by row of the definition."""
    folds, chooser = FOLDS.numpy(), (k + 1) % N_FOLDS
    train = ~np.isin(folds, [k, chooser])
    n_classes = max(2, logits.shape[1])
    scaled = np.c_[(x - x[train].mean(0)) / x[train].std(0), np.ones(N)]
    proba = 1 / (1 + np.exp(-logits)) if logits.shape[1] == 1 else softmax(logits)
    hot = np.eye(n_classes)[labels][:, -logits.shape[1] :]
    weight = (proba * (1 - proba)).sum(1) / (n_classes - 1)
    curvature = (scaled[train] * weight[train, None]).T @ scaled[train] + np.diag([1 / strength] * 3 + [0])
    step = np.linalg.solve(curvature, scaled[train].T @ (hot - proba)[train])
    after = logits + scaled @ step
    after = np.c_[-after / 2, after / 2] if after.shape[1] == 1 else after
    return float(-np.log(softmax(after)[np.arange(N), labels])[folds == chooser].mean())


@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_loss_is_that_of_a_newton_step_on_the_training_folds(n_classes: int) -> None:
    x, splits, joint = cell(n_classes)
    found = screen(x, splits, joint)
    for k in range(N_FOLDS):
        for head in range(len(x)):
            data = (x[head].double().numpy(), splits.labels.numpy(), joint.logits[k].mT.double().numpy())
            assert float(found[k, head]) == pytest.approx(slow_loss(*data, float(joint.strength[k]), k), rel=1e-4)


def test_heads_do_not_depend_on_their_company() -> None:
    x, splits, joint = cell(2, n_heads=19)  # three blocks
    together = screen(x, splits, joint)
    alone = torch.cat([screen(x[head : head + 1], splits, joint) for head in range(19)], 1)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_to_advance_is_to_take_the_step_that_was_screened(n_classes: int) -> None:
    x, splits, joint = cell(n_classes)
    heads = [4, 0, 3, 3]
    after = advance(x[heads], splits, joint)
    torch.testing.assert_close(after.loss, screen(x, splits, joint)[torch.arange(4), heads], rtol=1e-5, atol=1e-6)
    assert after.logits.shape == joint.logits.shape


def test_the_test_fold_has_no_say() -> None:
    x, splits, joint = cell(2)
    for k in range(N_FOLDS):
        labels, logits = splits.labels.clone(), joint.logits.clone()
        labels[k == FOLDS] = 1 - labels[k == FOLDS]
        logits[k][:, k == FOLDS] += 7
        after = screen(x, Splits(labels, 2, BOUNDS, MEMBERS), JointProbes(logits, joint.strength, joint.loss))
        assert torch.equal(after[k], screen(x, splits, joint)[k])
        assert not torch.equal(after[k - 1], screen(x, splits, joint)[k - 1])  # fold k chooses there


def graded() -> tuple[Tensor, Tensor]:
    """Return twelve heads with parts of a signal of eight dimensions each, and the labels, its noisy sum."""
    generator = torch.Generator().manual_seed(5)
    signal = torch.randn(N, 8, generator=generator)
    labels = (signal.sum(1) + torch.randn(N, generator=generator) > 0).long()
    mix = torch.randn(12, 8, 4, generator=generator) * torch.linspace(0.1, 1, 12)[:, None, None]
    return signal @ mix + 2 * torch.randn(12, N, 4, generator=generator), labels


def test_the_screen_finds_what_an_exact_refit_of_every_candidate_finds() -> None:
    x, labels = graded()
    grid = torch.full((N_FOLDS, 1), 0.1, dtype=torch.float64)
    joint = fit_jointly(joined([x], [[11]] * N_FOLDS), labels, FOLDS, 2, grid)
    screened = screen(x, Splits(labels, 2, BOUNDS, MEMBERS), joint)[:, :11]
    pairs = joined([x], [[11, head] for head in range(11)])
    exact = probe_heads(pairs, labels, FOLDS, 2, grid[0]).chooser_loss.mT
    gained = joint.loss - exact[NUMBER, screened.argmin(1)]
    assert bool((gained > 0.8 * (joint.loss - exact.amin(1))).all())
    assert np.corrcoef(screened.flatten(), exact.flatten())[0, 1] > 0.9


def test_a_copy_of_what_is_known_adds_nothing() -> None:
    """With a weak penalty: a strong one shrinks two copies less than one, which is a gain of its own."""
    x, labels = graded()
    x[10] = x[11]
    grid = torch.full((N_FOLDS, 1), 100.0, dtype=torch.float64)
    joint = fit_jointly(joined([x], [[11]] * N_FOLDS), labels, FOLDS, 2, grid)
    loss = screen(x, Splits(labels, 2, BOUNDS, MEMBERS), joint)
    gain = (joint.loss[:, None] - loss).mean(0)
    assert abs(gain[10]) < 0.2 * gain[:10].max()
