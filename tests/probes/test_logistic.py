"""The batched solver against scikit-learn, one problem at a time."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from probes.logistic import LogisticFits, class_log_proba, fit_logistic

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STRENGTHS = (1e-4, 1e-2, 1.0, 10.0, 1e3)
KINDS = (
    *("noise", "signal", "separable", "correlated", "duplicate rows", "constant dimension", "constant everything"),
    *("fewer examples than dimensions", "imbalanced", "one example of a class", "scales far apart"),
)


def problem(kind: str, n_classes: int) -> tuple[Floats, Ints]:
    """Return centred inputs, (n_examples, d), and labels."""
    rng = np.random.default_rng([KINDS.index(kind), n_classes])
    if kind == "fewer examples than dimensions":
        x, labels = rng.normal(size=(24, 40)), np.arange(24) % n_classes
    else:
        x, labels = tall_problem(kind, n_classes, rng)
    return x - x.mean(0), labels


def tall_problem(kind: str, n_classes: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
    labels = np.arange(90) % n_classes
    if kind == "imbalanced":
        labels = np.concatenate([np.arange(n_classes), (n_classes * rng.random(90 - n_classes) ** 4).astype(np.int64)])
    if kind == "one example of a class":
        labels = np.where(np.arange(90) == 5, n_classes - 1, np.arange(90) % max(1, n_classes - 1))
    x = rng.normal(size=(90, 7))
    centres = rng.normal(size=(n_classes, 7))
    if kind in ("signal", "constant dimension"):
        x += centres[labels]
    if kind == "separable":
        x = 0.3 * x + 5 * centres[labels]
    if kind == "correlated":
        x = 1e-3 * x + rng.normal(size=(90, 2)) @ rng.normal(size=(2, 7)) + 0.2 * centres[labels]
    if kind == "duplicate rows":
        x, labels = np.repeat(x[:45] + centres[labels[:45]], 2, axis=0), np.repeat(labels[:45], 2)
    if kind == "constant dimension":
        x[:, 3] = 0
    if kind == "constant everything":
        x = np.zeros_like(x)
    if kind == "scales far apart":
        x = (x + centres[labels]) * 10.0 ** np.linspace(-1.5, 1.5, 7)
    return x, labels


def objective(x: Floats, labels: Ints, strength: float, coef: Floats, intercept: Floats) -> float:
    """Return sum of log-losses + |coef|^2 / (2 C), written down as scikit-learn documents it."""
    logits = x @ coef.T + intercept
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    right = logits[np.arange(len(labels)), labels]
    return float((np.logaddexp.reduce(logits, axis=1) - right).sum() + (coef**2).sum() / (2 * strength))


def reference(x: Floats, labels: Ints, strength: float) -> tuple[Floats, Floats]:
    """Return scikit-learn's coef and intercept; several classes fix the intercepts up to a shared constant: sum 0."""
    try:
        model = LogisticRegression(C=strength, solver="newton-cholesky", tol=1e-10, max_iter=500).fit(x, labels)
    except ConvergenceWarning:  # it gives up where there is nothing to descend
        model = LogisticRegression(C=strength, solver="newton-cg", tol=1e-8, max_iter=2000).fit(x, labels)
    shift = model.intercept_.mean() if len(model.intercept_) > 1 else 0.0
    return model.coef_, model.intercept_ - shift


def fit(x: Floats, labels: Ints, n_classes: int, strengths: tuple[float, ...] = STRENGTHS) -> LogisticFits:
    heads = torch.from_numpy(x if x.ndim == 3 else x[None])
    return fit_logistic(heads, torch.from_numpy(labels), n_classes, torch.tensor(strengths, dtype=torch.float64))


def each(fits: LogisticFits, strengths: tuple[float, ...] = STRENGTHS) -> Iterator[tuple[float, Floats, Floats]]:
    for number, strength in enumerate(strengths):
        yield strength, fits.coef[0, number].numpy(), fits.intercept[0, number].numpy()


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_the_optimum_is_scikit_learns(kind: str, n_classes: int) -> None:
    x, labels = problem(kind, n_classes)
    fits = fit(x, labels, n_classes)
    assert fits.converged.all()
    for strength, coef, intercept in each(fits):
        right = reference(x, labels, strength)
        ours, theirs = objective(x, labels, strength, coef, intercept), objective(x, labels, strength, *right)
        # The solver stops at a decrement of 1e-10 of the objective; the decrement is itself approximate, and worst, by
        # some hundred times, for separable classes at C = 1000. It lies above by that much at most.
        assert ours <= theirs * (1 + 1e-7)
        assert ours >= theirs * (1 - 1e-6)  # and the oracle itself is no further off than its own tolerance
        # At a flat optimum the objective fixes the arguments to about its square root: 1e-5 of their size.
        assert np.abs(coef - right[0]).max() <= 1e-4 * np.abs(right[0]).max() + 1e-9
        assert np.abs(intercept - right[1]).max() <= 1e-4 * (1 + np.abs(right[1]).max())


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_vanishes_at_the_optimum(kind: str, n_classes: int) -> None:
    x, labels = problem(kind, n_classes)
    fits = fit(x, labels, n_classes)
    for strength, coef, intercept in each(fits):
        start = gradient(x, labels, strength, np.zeros_like(coef), np.zeros_like(intercept))
        end = gradient(x, labels, strength, coef, intercept)
        # Of the gradient at zero, or of the weights' own pull where zero is all but the optimum.
        assert end <= 1e-4 * max(start, 1.0)


def gradient(x: Floats, labels: Ints, strength: float, coef: Floats, intercept: Floats) -> float:
    """Return the largest slope of the objective, intercept included."""
    log_proba = class_log_proba(torch.from_numpy(x @ coef.T + intercept)).numpy()
    surplus = np.exp(log_proba) - np.eye(log_proba.shape[1])[labels]
    if len(coef) == 1:
        surplus = surplus[:, 1:]
    return float(max(np.abs(surplus.T @ x + coef / strength).max(), np.abs(surplus.sum(0)).max()))


def test_the_gradient_is_large_away_from_the_optimum() -> None:
    x, labels = problem("signal", 3)
    fits = fit(x, labels, 3)
    for strength, coef, intercept in each(fits):
        coef[0, 0] += 1
        assert gradient(x, labels, strength, coef, intercept) > 0.1


def test_the_objective_here_is_the_textbooks_on_one_example_a_class() -> None:
    x, labels = np.array([[-1.0], [1.0]]), np.array([0, 1])
    fits = fit(x, labels, 2, (1.0,))
    (_, coef, intercept), *_ = each(fits, (1.0,))
    # d/dw of 2 log(1 + exp(-w)) + w^2 / 2 is 0 where w (1 + exp(w)) = 2, that is w = 0.6748...
    assert coef[0, 0] * (1 + np.exp(coef[0, 0])) == pytest.approx(2, rel=1e-6)
    assert intercept[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n_classes", [3, 6])
def test_weights_of_several_classes_sum_to_zero(n_classes: int) -> None:
    x, labels = problem("signal", n_classes)
    fits = fit(x, labels, n_classes)
    # The penalty picks the one solution without a shared part; the sum is rounding.
    assert fits.coef.sum(2).abs().max() < 1e-9
    assert fits.intercept.sum(2).abs().max() < 1e-9
    assert fits.coef.abs().max() > 0.1


def test_without_information_the_probabilities_are_the_class_shares() -> None:
    x, labels = problem("constant everything", 3)
    labels = np.where(np.arange(len(labels)) < 60, 0, labels)
    fits = fit(x, labels, 3)
    shares = torch.from_numpy(np.bincount(labels) / len(labels))
    for proba in class_log_proba(fits.intercept[0]).exp():
        torch.testing.assert_close(proba, shares, rtol=1e-4, atol=0)
    assert not fits.coef.any()


def test_a_weaker_penalty_never_fits_worse() -> None:
    x, labels = problem("signal", 3)
    losses = [objective(x, labels, np.inf, coef, intercept) for _, coef, intercept in each(fit(x, labels, 3))]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.9 * losses[0]
