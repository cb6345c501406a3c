"""Data that is odd: few rows, no spread, copies, rare classes, extremes."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from probes.crossval import probe_heads
from probes.errors import ProbeError
from probes.problems import Rows, in_own_units, standardise
from probes.solver import Solutions, solve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STRENGTHS = torch.tensor([1e-4, 1e-2, 1.0, 100.0, 1e4], dtype=torch.float64)
KINDS = (
    *(
        "fewer rows than dimensions",
        "separable",
        "copied rows",
        "copied columns",
        "constant head",
        "one tiny dimension",
    ),
    *("one example of a class a fold", "blocks of one row", "two values", "an outlier in every fold"),
)


def odd(kind: str, n_classes: int, n: int = 60) -> tuple[Tensor, Tensor]:
    """Return inputs of two heads, (2, n, d) float64, and labels; row i lies in fold i * 3 // n."""
    generator = torch.Generator().manual_seed(KINDS.index(kind))
    labels = torch.arange(n) % n_classes
    centres = torch.randn(2, n_classes, 40, generator=generator, dtype=torch.float64)
    x = torch.randn(2, n, 40, generator=generator, dtype=torch.float64) + centres[:, labels]
    if kind == "fewer rows than dimensions":
        return x, labels  # 20 rows train
    x = x[..., :5]
    if kind == "separable":
        x = x + 20 * centres[:, labels, :5]
    if kind == "copied rows":
        x, labels = x[:, : n // 2].repeat_interleave(2, 1), labels[: n // 2].repeat_interleave(2)
    if kind == "copied columns":
        x = torch.cat([x, x, -2 * x[..., :3] + 1], 2)
    if kind == "constant head":
        x = torch.full_like(x, 0.1)
    if kind == "one tiny dimension":
        x = torch.full_like(x, 12345.678)
        x[..., 3] = 1e-6 * (torch.randn(2, n, generator=generator, dtype=torch.float64) + labels)
    if kind == "one example of a class a fold":
        labels = torch.where(torch.arange(n) % 20 == 7, n_classes - 1, torch.arange(n) % max(1, n_classes - 1))
    if kind == "two values":
        x = (x > 0).double()
    if kind == "an outlier in every fold":
        x[:, ::17, 0] = 100.0
    return x, labels


def run(x: Tensor, labels: Tensor, bounds: list[int], strengths: Tensor = STRENGTHS) -> tuple[Rows, Solutions, Tensor]:
    number = torch.arange(len(bounds) - 1)
    members = (number[:, None] != number) & ((number[:, None] + 1) % len(number) != number)
    rows = standardise(x, labels[None], int(labels.max()) + 1, bounds)
    return rows, solve(rows, members, strengths), members


def objective(x: Floats, labels: Ints, strength: float, coef: Floats, intercept: Floats) -> float:
    logits = x @ coef.T + intercept
    logits = np.concatenate([np.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits
    behind = logits - logits[np.arange(len(labels)), labels, None]
    behind[np.arange(len(labels)), labels] = -np.inf
    return float(np.logaddexp(0, np.logaddexp.reduce(behind, axis=1)).sum() + (coef**2).sum() / (2 * strength))


def reference(x: Floats, labels: Ints, strength: float) -> LogisticRegression:
    """Return the better of two solvers: one cannot invert every curvature, the other hardly ends where all is flat."""
    models = []
    for name, tolerance in (("newton-cholesky", 1e-10), ("newton-cg", 1e-7)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the better of the two is told from its objective
            models.append(LogisticRegression(C=strength, solver=name, tol=tolerance, max_iter=10_000).fit(x, labels))
    return min(models, key=lambda model: objective(x, labels, strength, model.coef_, model.intercept_))


def check(x: Tensor, labels: Tensor, bounds: list[int]) -> None:
    """Compare every problem with scikit-learn's."""
    rows, solutions, members = run(x, labels, bounds)
    assert solutions.converged.all()
    weights, intercepts = (each[:, :, :, 0].numpy() for each in in_own_units(rows, solutions.theta))
    block_of = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    for head in range(len(x)):
        for number, used in enumerate(members.numpy()):
            train = used[block_of]
            scaler = StandardScaler().fit(x[head, train].numpy())
            scaled, known = scaler.transform(x[head, train].numpy()), labels[train].numpy()
            for at, strength in enumerate(STRENGTHS.tolist()):
                raw = weights[head, number, at]
                ours = objective(
                    scaled, known, strength, raw * scaler.scale_, intercepts[head, number, at] + raw @ scaler.mean_
                )
                right = reference(scaled, known, strength)
                theirs = objective(scaled, known, strength, right.coef_, right.intercept_)
                # As in tests of ordinary data; the oracle is allowed no more.
                assert theirs * (1 - 1e-6) <= ours <= theirs * (1 + 1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "blocks of one row"])
def test_the_optimum_is_scikit_learns_on_odd_data(kind: str, n_classes: int) -> None:
    x, labels = odd(kind, n_classes)
    check(x, labels, [0, 17, 41, 60])


def test_blocks_may_be_as_small_as_one_row() -> None:
    x, labels = odd("blocks of one row", 2)
    check(x[:, :30], labels[:30], [0, 1, 2, 13, 30])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_head_that_is_constant_predicts_the_class_shares(n_classes: int) -> None:
    x, labels = odd("constant head", n_classes)
    _, solutions, _ = run(x, labels, [0, 17, 41, 60])
    shares = torch.bincount(labels[41:]) / 19  # the probe of fold 0 trains on fold 2
    theta = solutions.theta[:, 0, :, 0]
    proba = torch.sigmoid(theta[..., -1]) if n_classes == 2 else torch.softmax(theta[..., -1], -1)
    # The square root of 2e-8 of the objective over its curvature: 1e-3 of the logits at most.
    torch.testing.assert_close(proba, shares[-proba.shape[-1] :].expand_as(proba), rtol=1e-3, atol=0)
    assert (theta[..., :-1] == 0).all()


def test_copies_of_a_column_share_its_weight() -> None:
    x, labels = odd("copied columns", 2)
    _, solutions, _ = run(x[..., :10], labels, [0, 17, 41, 60])
    weights = solutions.theta[..., :-1]
    torch.testing.assert_close(weights[..., :5], weights[..., 5:], rtol=1e-3, atol=1e-3)
    assert weights.abs().max() > 0.1


def test_the_single_dimension_that_knows_is_used_however_small() -> None:
    x, labels = odd("one tiny dimension", 2)
    _, solutions, _ = run(x, labels, [0, 17, 41, 60])
    weights = solutions.theta[:, :, -1, 0, 0, :-1]
    assert (weights[..., 3] > 0.2).all()  # a deviation apart, of which 20 rows tell at least a fifth
    assert (weights[..., [0, 1, 2, 4]] == 0).all()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize(("head", "example"), [(0, 0), (2, 31), (3, 59)])
def test_what_is_no_number_is_refused_with_its_head_and_example(head: int, example: int, bad: float) -> None:
    x = torch.randn(4, 60, 3, generator=torch.Generator().manual_seed(0))
    args = torch.arange(60) % 2, torch.arange(60) * 7 % 3, 2, STRENGTHS
    assert probe_heads(x, *args).log_proba.isfinite().all()
    x[head, example, 1] = bad
    with pytest.raises(ProbeError, match=rf"^head {head} \(counted over all layers\), example {example}: .*not finite"):
        probe_heads(x, *args)


def test_what_is_too_large_for_single_precision_is_refused_with_its_head() -> None:
    x = torch.randn(3, 60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    args = torch.arange(60) % 2, torch.arange(60) * 7 % 3, 2, STRENGTHS
    large = x.clone()
    large[1] *= 1e15  # squares still fit
    torch.testing.assert_close(
        probe_heads(large, *args).log_proba, probe_heads(x, *args).log_proba, rtol=1e-3, atol=1e-3
    )
    x[1] *= 1e300
    with pytest.raises(ProbeError, match=r"head 1 .*too large for single precision"):
        probe_heads(x, *args)


def test_folds_of_very_unequal_size_are_each_tested_by_their_own_probe() -> None:
    x, labels = odd("separable", 2)
    folds = torch.repeat_interleave(torch.arange(3), torch.tensor([4, 16, 40]))
    probes = probe_heads(x, labels, folds, 2, STRENGTHS)
    assert not probes.n_unsolved.any()
    for head in range(2):
        for k, (start, end) in enumerate(pairwise([0, 4, 20, 60])):
            scaled = (x[head, start:end] - probes.mean[head, k]) / probes.scale[head, k]
            logit = scaled.float() @ probes.coef[head, k, 0] + probes.intercept[head, k, 0]
            torch.testing.assert_close(
                torch.nn.functional.logsigmoid(logit), probes.log_proba[head, start:end, 1], rtol=1e-3, atol=1e-3
            )
