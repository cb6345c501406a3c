"""The optimum of every head, training set, penalty and label vector against scikit-learn."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from probes.problems import Rows, in_own_units, standardise
from probes.solver import Solutions, solve

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STRENGTHS = (1e-4, 1e-2, 1.0, 1e2, 1e4)
KINDS = ("noise", "signal", "separable", "imbalanced", "imbalanced separable", "correlated", "scales and offsets")
# An error in the gradient enters the objective squared: single precision leaves 1e-9 of it. The solver ends where it
# estimates 1e-8 to be left, and that estimate may be off by some ten times.
EXACT = 1e-6


def cell(kind: str, n_classes: int, d: int, n: int = 120, n_folds: int = 4) -> tuple[Floats, Ints, Ints]:
    """Return inputs of two heads, two label vectors, and sorted folds of unequal size."""
    rng = np.random.default_rng([KINDS.index(kind), n_classes, d, n])
    labels = rng.permutation(np.arange(n) % n_classes)
    if "imbalanced" in kind:  # 9 : 1, the rare classes equally often
        labels = np.where(np.arange(n) % 10, 0, 1 + np.arange(n) // 10 % (n_classes - 1))
    x = rng.normal(size=(2, n, d))
    apart = {"noise": 0.0, "separable": 8.0, "imbalanced separable": 8.0}.get(kind, 1.0)
    x += apart * rng.normal(size=(2, n_classes, d))[:, labels]
    if kind == "correlated":
        x = 1e-3 * x + rng.normal(size=(2, n, 1 + d // 4)) @ rng.normal(size=(2, 1 + d // 4, d))
    if kind == "scales and offsets":
        x = (x + 1e3 * rng.choice([-1, 1], size=(2, 1, d))) * 10.0 ** rng.uniform(-4, 4, size=(2, 1, d))
    folds = np.sort(np.arange(n) * n_folds // (n + 7))
    return x, np.stack([labels, np.roll(labels, 1)]), folds


def training_sets(folds: Ints) -> list[Ints]:
    """Return the rows of every training set: all folds but k and k + 1."""
    n_folds = int(folds.max()) + 1
    return [np.flatnonzero((folds != k) & (folds != (k + 1) % n_folds)) for k in range(n_folds)]


def run(x: Floats, labels: Ints, folds: Ints, strengths: tuple[float, ...] = STRENGTHS) -> tuple[Rows, Solutions]:
    n_folds, n_classes = int(folds.max()) + 1, int(labels.max()) + 1
    number = torch.arange(n_folds)
    members = (number[:, None] != number) & ((number[:, None] + 1) % n_folds != number)
    bounds = [0, *np.bincount(folds).cumsum().tolist()]
    rows = standardise(torch.from_numpy(x), torch.from_numpy(labels), n_classes, bounds)
    return rows, solve(rows, members, torch.tensor(strengths, dtype=torch.float64))


def objective(x: Floats, labels: Ints, strength: float, coef: Floats, intercept: Floats) -> float:
    """Return sum of log-losses + |coef|^2 / (2 C); each log-loss from the other classes, so that none loses digits."""
    logits = x @ coef.T + intercept
    logits = np.concatenate([np.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits
    behind = logits - np.take_along_axis(logits, labels[:, None], 1)
    np.put_along_axis(behind, labels[:, None], -np.inf, 1)
    return float(np.logaddexp(0, np.logaddexp.reduce(behind, axis=1)).sum() + (coef**2).sum() / (2 * strength))


@dataclass(frozen=True)
class Fit:
    """One problem: what it was solved on, and the weights for standardised inputs found for it."""

    scaler: StandardScaler
    train: Floats
    test: Floats
    labels: Ints
    strength: float
    coef: Floats
    intercept: Floats

    def objective(self) -> float:
        return objective(self.train, self.labels, self.strength, self.coef, self.intercept)


def each(x: Floats, labels: Ints, folds: Ints, strengths: tuple[float, ...] = STRENGTHS) -> Iterator[Fit]:
    """Return every problem, all of which must have been solved."""
    rows, solutions = run(x, labels, folds, strengths)
    assert solutions.converged.all()
    weights, intercepts = (each.numpy() for each in in_own_units(rows, solutions.theta))
    for head in range(len(x)):
        for number, train in enumerate(training_sets(folds)):
            scaler = StandardScaler().fit(x[head, train])
            scaled = scaler.transform(x[head])
            for at, strength in enumerate(strengths):
                for vector in range(len(labels)):
                    raw = weights[head, number, at, vector]
                    intercept = intercepts[head, number, at, vector] + raw @ scaler.mean_
                    known = labels[vector, train]
                    test = scaled[folds == number]
                    yield Fit(scaler, scaled[train], test, known, strength, raw * scaler.scale_, intercept)


def reference(fit: Fit) -> LogisticRegression:
    try:
        return LogisticRegression(C=fit.strength, solver="newton-cholesky", tol=1e-10, max_iter=500).fit(
            fit.train, fit.labels
        )
    except ConvergenceWarning:  # it gives up where there is nothing to descend
        model = LogisticRegression(C=fit.strength, solver="newton-cg", tol=1e-9, max_iter=5000)
        return model.fit(fit.train, fit.labels)


CASES = [
    *[(kind, n_classes, 5) for kind in KINDS for n_classes in (2, 3, 5)],
    *[(kind, 2, d) for kind in KINDS for d in (1, 2, 32)],
    *[("signal", 12, d) for d in (1, 2, 5)],
    *[("separable", 3, 1), ("signal", 5, 2), ("noise", 3, 32)],
]


@pytest.mark.parametrize(("kind", "n_classes", "d"), CASES)
def test_every_problem_has_scikit_learns_optimum_and_its_predictions(kind: str, n_classes: int, d: int) -> None:
    same = []
    for fit in each(*cell(kind, n_classes, d)):
        right = reference(fit)
        theirs = objective(fit.train, fit.labels, fit.strength, right.coef_, right.intercept_)
        assert fit.objective() <= theirs * (1 + EXACT)
        assert fit.objective() >= theirs * (1 - EXACT)  # the oracle, too, is one
        logits = fit.test @ fit.coef.T + fit.intercept
        ours = logits.argmax(1) if n_classes > 2 else logits[:, 0] > 0
        same.append(ours == right.predict(fit.test))
    agree = np.concatenate(same)
    # Two classes may tie to within the square root of the objective's error, 1e-3 of the weights at worst.
    assert agree.mean() >= 0.999
    assert len(agree) > 500


def decrement(fit: Fit) -> float:
    """Return half of g^T H^-1 g, what a Newton step from here would gain, in double precision."""
    x = np.concatenate([fit.train, np.ones((len(fit.train), 1))], 1)
    logits = fit.train @ fit.coef.T + fit.intercept
    full = np.concatenate([np.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits
    proba = np.exp(full - np.logaddexp.reduce(full, axis=1)[:, None])
    residual = proba - np.eye(full.shape[1])[fit.labels]
    spread = proba[:, :, None] * np.eye(full.shape[1]) - proba[:, :, None] * proba[:, None]
    if logits.shape[1] == 1:
        residual, spread = residual[:, 1:], spread[:, 1:, 1:]
    theta = np.concatenate([fit.coef, np.zeros((len(fit.coef), 1))], 1)
    gradient = (residual.T @ x + theta / fit.strength).ravel()
    hessian = np.einsum("nd,nkl,ne->kdle", x, spread, x, optimize=True).reshape(len(gradient), -1)
    shrink = np.tile(np.append(np.full(x.shape[1] - 1, 1 / fit.strength), 0.0), len(theta))
    # The least norm: moving the intercepts of all classes alike changes nothing.
    step = np.linalg.lstsq(hessian + np.diag(shrink), gradient, rcond=1e-12)[0]
    return float(0.5 * gradient @ step)


@pytest.mark.parametrize("n_folds", [3, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_a_newton_step_in_double_precision_would_gain_nothing(kind: str, n_folds: int) -> None:
    sizes = [(2, 3), (2, 16), (3, 3), (3, 16), (5, 4), *([] if "imbalanced" in kind else [(12, 2)])]
    for n_classes, d in sizes:
        for fit in each(*cell(kind, n_classes, d, 240, n_folds)):
            assert decrement(fit) <= EXACT * fit.objective()


def test_it_would_gain_much_elsewhere() -> None:
    for fit in each(*cell("signal", 3, 5)):
        shifted = replace(fit, intercept=fit.intercept + np.array([0.2, 0, 0]))
        assert decrement(shifted) > 100 * EXACT * shifted.objective()
        assert shifted.objective() > fit.objective() * (1 + 100 * EXACT)


def test_a_planted_signal_is_found_and_noise_stays_near_chance() -> None:
    rng = np.random.default_rng(0)
    n = 1000
    labels, folds = np.arange(n) % 2, np.arange(n) * 5 // n
    x = rng.normal(size=(2, n, 8))
    x[1, :, 3] += 3 * labels
    rows, solutions = run(x, labels[None], folds, (0.1,))
    weights, intercepts = (each.numpy() for each in in_own_units(rows, solutions.theta[:, :, 0, 0, 0]))
    hit = np.empty((2, n), dtype=bool)
    for k in range(5):
        here = folds == k
        hit[:, here] = (np.einsum("hnd,hd->hn", x[:, here], weights[:, k]) + intercepts[:, k, None] > 0) == labels[here]
    # Deviations of a share of 1000: noise 1.6 %; two normal classes three deviations apart overlap in 6.7 %.
    assert 0.45 < hit[0].mean() < 0.55
    assert 0.91 < hit[1].mean() < 0.96
    assert (np.abs(weights[1]).argmax(-1) == 3).all()
