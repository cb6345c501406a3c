"""What the solver falls back on where its shared descent does not serve, and that it seldom does."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from probes import solver
from probes.descent import Descent, descend
from probes.logistic import LogisticFits, fit_logistic
from probes.problems import Rows, standardise
from probes.solver import Solutions, solve

STRENGTHS = torch.tensor([1e-3, 1e-1, 1.0, 10.0], dtype=torch.float64)
BOUNDS = (0, 50, 100, 150, 200)
NUMBER = torch.arange(4)
MEMBERS = (NUMBER[:, None] != NUMBER) & ((NUMBER[:, None] + 1) % 4 != NUMBER)
# Within 1e-8 of an objective of 100 or so, whose curvature is n / 8 or so: sqrt(2 * 1e-6 / 25) = 3e-4 in weights of
# order 1.
CLOSE = {"rtol": 1e-3, "atol": 1e-3}

Count = dict[str, int]


def rows_of(n_classes: int = 2, d: int = 6, n_vectors: int = 1, dtype: torch.dtype = torch.float32) -> Rows:
    """Return heads that know nothing, something and most."""
    generator = torch.Generator().manual_seed(n_classes)
    labels = torch.randperm(200, generator=generator) % n_classes
    x = torch.randn(3, 200, d, generator=generator)
    x += torch.tensor([0, 0.5, 1])[:, None, None] * torch.randn(3, n_classes, d, generator=generator)[:, labels]
    vectors = [labels, *(labels[torch.randperm(200, generator=generator)] for _ in range(n_vectors - 1))]
    return standardise(x.to(dtype), torch.stack(vectors), n_classes, BOUNDS)


def run(rows: Rows) -> Solutions:
    return solve(rows, MEMBERS, STRENGTHS)


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Count how often a training set was solved alone, and how many problems in double precision."""
    calls = {"alone": 0, "double": 0}
    alone = solver._solve_alone

    def counted_alone(*args: Any) -> None:
        calls["alone"] += 1
        alone(*args)

    def counted_double(x: Tensor, labels: Tensor, n_classes: int, strengths: Tensor) -> LogisticFits:
        calls["double"] += len(strengths)
        return fit_logistic(x, labels, n_classes, strengths)

    monkeypatch.setattr(solver, "_solve_alone", counted_alone)
    monkeypatch.setattr(solver, "fit_logistic", counted_double)
    return calls


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(("n_classes", "d"), [(2, 1), (2, 6), (2, 32), (3, 6), (5, 6), (5, 16)])
def test_ordinary_heads_need_no_fallback(count: Count, n_classes: int, d: int, dtype: torch.dtype) -> None:
    assert run(rows_of(n_classes, d, 2, dtype)).converged.all()
    assert count == {"alone": 0, "double": 0}


def first_step_only(*args: Any) -> Descent:
    return descend(*args[:4], 1)


def nothing_converges(*args: Any) -> Descent:
    return dataclasses.replace(descent := descend(*args), away=torch.full_like(descent.away, torch.inf))


def no_number(*args: Any) -> Descent:
    descent = descend(*args)
    return Descent(torch.full_like(descent.theta, torch.nan), torch.full_like(descent.away, torch.nan), descent.n_steps)


def only_some(*args: Any) -> Descent:
    """Leave the second penalty of the first training set of head 1 unsolved where all are solved together."""
    descent = descend(*args)
    if descent.away.shape[1] == 4:
        descent.away[1, 0, 1] = torch.inf
    return descent


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("broken", "alone", "double"),
    [
        (first_step_only, 12, 48),  # heads x training sets, and each of four penalties in double precision
        (nothing_converges, 12, 48),
        (no_number, 12, 48),
        (only_some, 1, 0),
    ],
)
def test_whatever_the_descent_leaves_unsolved_is_solved_by_other_means(
    monkeypatch: pytest.MonkeyPatch,
    count: Count,
    broken: Callable[..., Descent],
    alone: int,
    double: int,
    n_classes: int,
) -> None:
    rows = rows_of(n_classes)
    right = run(rows)
    assert count == {"alone": 0, "double": 0}
    monkeypatch.setattr(solver, "descend", broken)
    other = run(rows)
    assert other.converged.all()
    torch.testing.assert_close(other.theta, right.theta, **CLOSE)
    assert count == {"alone": alone, "double": double}


@pytest.mark.parametrize("n_vectors", [2, 10])
def test_only_the_label_vectors_left_are_solved_in_double_precision(
    monkeypatch: pytest.MonkeyPatch, count: Count, n_vectors: int
) -> None:
    rows = rows_of(2, 6, n_vectors)
    right = run(rows)
    count.update(alone=0, double=0)

    def second_fails(*args: Any) -> Descent:
        descent = descend(*args)
        descent.away[:, :, 2:, 1] = torch.inf
        return descent

    monkeypatch.setattr(solver, "descend", second_fails)
    other = run(rows)
    assert other.converged.all()
    torch.testing.assert_close(other.theta, right.theta, **CLOSE)
    assert count["alone"] == 12
    # Two penalties of one vector; and of the head that knows most where a curvature for ten vectors serves none.
    assert count["double"] == 24 if n_vectors == 2 else 24 <= count["double"] <= 36


def test_too_few_steps_send_a_training_set_on_alone(monkeypatch: pytest.MonkeyPatch, count: Count) -> None:
    rows = rows_of()
    right = run(rows)
    monkeypatch.setattr(solver, "MAX_STEPS", 1)
    other = run(rows)
    assert count["alone"] == 12 and count["double"] > 0
    assert other.converged.all()
    torch.testing.assert_close(other.theta, right.theta, **CLOSE)


def test_what_nothing_solves_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(3, 6, 2)

    def half_solved(x: Tensor, labels: Tensor, n_classes: int, strengths: Tensor) -> LogisticFits:
        fits = fit_logistic(x, labels, n_classes, strengths)
        fits.converged[:, 0] = False
        return fits

    assert run(rows).converged.all()
    monkeypatch.setattr(solver, "descend", nothing_converges)
    monkeypatch.setattr(solver, "fit_logistic", half_solved)
    converged = run(rows).converged
    assert converged.shape == (3, 4, 4, 2)
    assert not converged[:, :, 0].any()
    assert converged[:, :, 1:].all()


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("size", [30.0, 1e4])
def test_an_outlier_in_a_fold_leaves_the_probes_of_the_others_right(count: Count, n_classes: int, size: float) -> None:
    generator = torch.Generator().manual_seed(4)
    labels = torch.randperm(200, generator=generator) % n_classes
    x = torch.randn(2, 200, 5, generator=generator) + torch.randn(2, n_classes, 5, generator=generator)[:, labels]
    x[0, 10, 2] = size  # block 0 trains for the tests of folds 1 and 2; folds 0 and 3 have never seen it
    rows = standardise(x, labels[None], n_classes, BOUNDS)
    solutions = run(rows)
    assert solutions.converged.all()
    assert count["alone"] == 2  # of head 0 alone, and of the sets without the outlier
    clean = x.clone()
    clean[0, 10, 2] = 0.0
    without = standardise(clean, labels[None], n_classes, BOUNDS)
    expected, found = (
        [
            torch.einsum("pkd,nd->pkn", each.theta[0, number, :, 0].double(), data.x[0, 100:150].double())
            for number in (0, 3)
        ]
        for each, data in ((run(without), without), (solutions, rows))
    )
    torch.testing.assert_close(found, expected, rtol=3e-3, atol=3e-3 * max(1.0, size / 1e4))


def test_a_dimension_that_moves_in_the_test_fold_alone_gets_no_weight(count: Count) -> None:
    generator = torch.Generator().manual_seed(5)
    labels = torch.arange(200) % 2
    x = torch.randn(1, 200, 4, generator=generator)
    x[0, :, 1] = 0.1
    x[0, :50, 1] += torch.randn(50, generator=generator)
    solutions = run(standardise(x, labels[None], 2, BOUNDS))
    assert solutions.scaler.constant[0, :, 1].tolist() == [True, False, False, True]
    assert (solutions.theta[0, [0, 3], ..., 1] == 0).all()
    assert (solutions.theta[0, [1, 2], ..., 1] != 0).all()
    assert count["alone"] == 2
    assert solutions.converged.all()
