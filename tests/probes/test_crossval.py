"""Out-of-fold probes of all heads against scikit-learn, one head, fold and penalty at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from probes import crossval
from probes.crossval import HeadProbes, probe_heads
from probes.logistic import class_log_proba

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
FIELDS = tuple(HeadProbes.__dataclass_fields__)
# The solver stops within 1e-7 of the objective, which leaves about 1e-4 of weights of order 1.
CLOSE = {"rtol": 1e-3, "atol": 1e-3}


def cell(n_classes: int = 2, n_folds: int = 4, n_heads: int = 4) -> tuple[Floats, Ints, Ints]:
    """Return inputs from noise to separable and on scales of their own, labels, and folds of unequal size."""
    rng = np.random.default_rng([n_classes, n_folds])
    n = 120
    labels = np.arange(n) % n_classes
    folds = rng.permutation(np.arange(n) * n_folds // (n + 6))
    x = rng.normal(size=(n_heads, n, 5))
    x += np.arange(n_heads)[:, None, None] * rng.normal(size=(n_heads, n_classes, 5))[:, labels]
    return x * [1, 10, 0.1, 1, 3] + [0, 5, 0, -100, 0], labels, folds


def run(x: Floats, labels: Ints, folds: Ints, strengths: tuple[float, ...] = STRENGTHS) -> HeadProbes:
    every = torch.tensor(strengths, dtype=torch.float64)
    return probe_heads(torch.from_numpy(x), torch.from_numpy(labels), torch.from_numpy(folds), labels.max() + 1, every)


@dataclass(frozen=True)
class Slow:
    """What scikit-learn makes of one head and one fold."""

    strength: float
    coef: Floats
    mean: Floats
    scale: Floats
    log_proba: Floats


def slow_fold(x: Floats, labels: Ints, folds: Ints, k: int) -> Slow:
    """Train on all folds but k and the next one, choose C on the next one, predict k."""
    chooser = (k + 1) % (folds.max() + 1)
    train = ~np.isin(folds, [k, chooser])
    scaler = StandardScaler().fit(x[train])
    scaled = scaler.transform(x)
    models = [
        LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-10).fit(scaled[train], labels[train])
        for strength in STRENGTHS
    ]
    asked, known = scaled[folds == chooser], labels[folds == chooser]
    best = int(np.argmin([log_loss(known, model.predict_proba(asked), labels=model.classes_) for model in models]))
    log_proba = models[best].predict_log_proba(scaled[folds == k])
    return Slow(STRENGTHS[best], models[best].coef_, scaler.mean_, scaler.scale_, log_proba)


@pytest.mark.parametrize(("n_classes", "n_folds"), [(2, 3), (2, 4), (2, 5), (3, 4), (5, 3)])
def test_every_fold_of_every_head_is_scikit_learns(n_classes: int, n_folds: int) -> None:
    x, labels, folds = cell(n_classes, n_folds)
    probes = run(x, labels, folds)
    assert not probes.n_unsolved.any()
    for head in range(len(x)):
        for k in range(n_folds):
            slow = slow_fold(x[head], labels, folds, k)
            assert float(probes.strength[head, k]) == slow.strength
            np.testing.assert_allclose(probes.coef[head, k], slow.coef, **CLOSE)
            assert (np.abs(probes.mean[head, k].numpy() - slow.mean) < 1e-6 * slow.scale).all()  # rounding alone
            np.testing.assert_allclose(probes.scale[head, k], slow.scale, rtol=1e-6)
            np.testing.assert_allclose(probes.log_proba[head, folds == k], slow.log_proba, rtol=3e-3, atol=3e-3)
    assert len(probes.strength.unique()) > 2  # the choice was a real one


def test_shapes_and_types_are_those_promised() -> None:
    x, labels, folds = cell(3, 4)
    probes = run(x, labels, folds)
    shapes = {name: tuple(getattr(probes, name).shape) for name in FIELDS}
    assert shapes == {
        **{"log_proba": (4, 120, 3), "strength": (4, 4), "coef": (4, 4, 3, 5), "intercept": (4, 4, 3)},
        **{"mean": (4, 4, 5), "scale": (4, 4, 5), "n_unsolved": (4,), "chooser_loss": (4, 4)},
    }
    kinds = {name: getattr(probes, name).dtype for name in FIELDS}
    assert kinds.pop("n_unsolved") == torch.int64
    assert {name for name, kind in kinds.items() if kind == torch.float64} == {"strength", "mean", "scale"}
    assert set(kinds.values()) == {torch.float32, torch.float64}


@pytest.mark.parametrize("n_classes", [2, 4])
def test_predictions_follow_from_the_stored_probe(n_classes: int) -> None:
    x, labels, folds = cell(n_classes, 4)
    probes = run(x, labels, folds)
    scaled = (torch.from_numpy(x) - probes.mean[:, folds]) / probes.scale[:, folds]
    logits = torch.einsum("hnd,hnkd->hnk", scaled.float(), probes.coef[:, folds]) + probes.intercept[:, folds]
    torch.testing.assert_close(probes.log_proba, class_log_proba(logits), rtol=1e-4, atol=1e-5)
    assert probes.log_proba.double().exp().sum(-1).sub(1).abs().max() < 1e-6


def with_test_fold_moved(x: Floats, rows: NDArray[np.bool_]) -> Floats:
    moved = x.copy()
    moved[:, rows] = 7 - 3 * moved[:, rows]
    return moved


# Every fold starts from the solution for all rows, so that its last digits, below the tolerance, have seen them all.
@pytest.mark.parametrize("k", [0, 1, 3])
def test_tested_inputs_reach_neither_scaler_nor_probe_nor_choice(k: int) -> None:
    x, labels, folds = cell()
    before, after = run(x, labels, folds), run(with_test_fold_moved(x, folds == k), labels, folds)
    for name in ("strength", "coef", "intercept", "mean", "scale"):
        torch.testing.assert_close(getattr(after, name)[:, k], getattr(before, name)[:, k], **CLOSE)
    assert not torch.allclose(after.log_proba[:, folds == k], before.log_proba[:, folds == k], **CLOSE)


@pytest.mark.parametrize("k", [0, 1, 3])
def test_tested_labels_reach_nothing_of_their_fold(k: int) -> None:
    x, labels, folds = cell()
    before, after = run(x, labels, folds), run(x, np.where(folds == k, 1 - labels, labels), folds)
    for name in ("strength", "coef", "intercept", "mean", "scale"):
        torch.testing.assert_close(getattr(after, name)[:, k], getattr(before, name)[:, k], **CLOSE)
    torch.testing.assert_close(after.log_proba[:, folds == k], before.log_proba[:, folds == k], rtol=3e-3, atol=3e-3)
    assert not torch.allclose(after.log_proba[:, folds != k], before.log_proba[:, folds != k], rtol=3e-3, atol=3e-3)


def test_training_inputs_do_reach_scaler_and_probe() -> None:
    x, labels, folds = cell()
    before, after = run(x, labels, folds), run(with_test_fold_moved(x, folds == 2), labels, folds)
    for name in ("coef", "intercept", "mean", "scale"):
        assert not torch.allclose(getattr(after, name)[:, 0], getattr(before, name)[:, 0])  # 0 trains on 2 and 3


def test_the_choosing_fold_never_trains() -> None:
    x, labels, folds = cell()
    one = (0.1,)  # nothing to choose
    before, after = run(x, labels, folds, one), run(with_test_fold_moved(x, folds == 1), labels, folds, one)
    for name in FIELDS:
        if name not in ("log_proba", "n_unsolved", "chooser_loss"):
            torch.testing.assert_close(getattr(after, name)[:, 0], getattr(before, name)[:, 0], **CLOSE)
    assert not torch.allclose(after.chooser_loss[:, 0], before.chooser_loss[:, 0], **CLOSE)


def test_the_choosing_fold_does_choose() -> None:
    x, labels, folds = cell()
    before, after = run(x, labels, folds), run(x, np.where(folds == 1, 1 - labels, labels), folds)
    # Where the fold says the opposite of what was learnt, the strongest penalty does the least harm.
    assert float(after.strength[-1, 0]) == STRENGTHS[0]
    assert float(before.strength[-1, 0]) > STRENGTHS[0]
    torch.testing.assert_close(after.mean[:, 0], before.mean[:, 0])


def test_permuting_heads_permutes_probes() -> None:
    x, labels, folds = cell()
    order = [2, 0, 3, 1]
    straight, permuted = run(x, labels, folds), run(x[order], labels, folds)
    for name in FIELDS:
        torch.testing.assert_close(getattr(permuted, name), getattr(straight, name)[order], **CLOSE)
    assert not torch.allclose(permuted.coef, straight.coef, **CLOSE)


@pytest.mark.parametrize("size", [2, 3, 4])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_block_size_does_not_matter(monkeypatch: pytest.MonkeyPatch, n_classes: int, size: int) -> None:
    x, labels, folds = cell(n_classes)
    sizes: list[int] = []

    def of(step: int) -> Callable[..., list[object]]:
        def mapped(work: Callable[[slice], object], x: torch.Tensor, *_: object) -> list[object]:
            sizes.append(step)
            return [work(slice(start, start + step)) for start in range(0, len(x), step)]

        return mapped

    monkeypatch.setattr(crossval, "map_blocks", of(1))
    single = run(x, labels, folds)
    monkeypatch.setattr(crossval, "map_blocks", of(size))
    joint = run(x, labels, folds)
    assert sizes == [1, size]
    for name in FIELDS:
        torch.testing.assert_close(getattr(joint, name), getattr(single, name), **CLOSE)


def test_half_precision_loses_nothing_more() -> None:
    x, labels, folds = cell()
    narrow = torch.from_numpy(x).half()
    args = torch.from_numpy(labels), torch.from_numpy(folds), 2, torch.tensor([0.1]).double()
    torch.testing.assert_close(
        probe_heads(narrow, *args).log_proba, probe_heads(narrow.double(), *args).log_proba, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("value", [0.0, 0.1, 12345.678])
def test_a_constant_dimension_says_nothing_whatever_its_value(value: float) -> None:
    x, labels, folds = cell()
    without = run(np.delete(x, 2, axis=2), labels, folds)
    x[:, :, 2] = value
    probes = run(x, labels, folds)
    torch.testing.assert_close(probes.log_proba, without.log_proba, **CLOSE)
    assert (probes.scale[:, :, 2] == 1).all()
    assert (probes.coef[..., 2] == 0).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_head_that_says_nothing_predicts_the_class_shares_of_its_training_rows(n_classes: int) -> None:
    x, labels, folds = cell(n_classes)
    x[1] = 0.3
    probes = run(x, labels, folds)
    assert not probes.n_unsolved.any()
    train = ~np.isin(folds, [0, 1])
    shares = np.bincount(labels[train]) / train.sum()
    # The optimum of the intercept is the shares themselves; the solver stops near it.
    for proba in probes.log_proba[1, folds == 0].exp():
        np.testing.assert_allclose(proba, shares, rtol=1e-3)
