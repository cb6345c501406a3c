"""What the words alone give away: a bag of uni- and bigrams, under the protocol of the head probes."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

C_GRID = (0.01, 0.1, 1.0, 10.0)
TOKEN = r"\w+|[^\w\s]"  # single letters and punctuation count too: a question mark can give a label away


def surface_predictions(
    texts: Sequence[str], labels: Sequence[str], folds: Sequence[int], c_grid: Sequence[float] = C_GRID
) -> list[str]:
    """Return what a logistic regression on which words and word pairs a text has predicts out of fold, in their order.

    Fold k is tested once; fold k + 1 chooses C by log-loss, the smallest C on a tie; the rest is trained on.

    Args:
        texts: One text for each example, length n_examples.
        labels: Their labels, length n_examples.
        folds: Their folds, 0 to K - 1, every class in every fold, length n_examples.
        c_grid: Inverse L2 strengths to choose from.

    Example:
        >>> texts = ["a good day", "good food", "a bad day", "bad food"] * 3
        >>> surface_predictions(texts, ["+", "+", "-", "-"] * 3, [0] * 4 + [1] * 4 + [2] * 4)[:4]
        ['+', '+', '-', '-']
    """
    truth, fold_of = np.asarray(labels, dtype=object), np.asarray(folds)
    n_folds = int(fold_of.max()) + 1
    predicted = np.empty_like(truth)
    for fold in range(n_folds):
        test, tune = fold_of == fold, fold_of == (fold + 1) % n_folds
        probe, bag = _fit_best(list(texts), truth, ~(test | tune), tune, sorted(c_grid))
        predicted[test] = probe.predict(bag[test])
    return list(predicted)


def surface_accuracy(
    texts: Sequence[str], labels: Sequence[str], folds: Sequence[int], c_grid: Sequence[float] = C_GRID
) -> float:
    """Return the share of examples whose label `surface_predictions` gets right.

    Args:
        texts: One text for each example, length n_examples.
        labels: Their labels, length n_examples.
        folds: Their folds, 0 to K - 1, every class in every fold, length n_examples.
        c_grid: Inverse L2 strengths to choose from.

    Example:
        >>> texts = ["a good day", "good food", "a bad day", "bad food"] * 3
        >>> surface_accuracy(texts, ["+", "+", "-", "-"] * 3, [0] * 4 + [1] * 4 + [2] * 4)
        1.0
    """
    predicted = surface_predictions(texts, labels, folds, c_grid)
    return sum(guess == label for guess, label in zip(predicted, labels, strict=True)) / len(predicted)


def _fit_best(
    texts: list[str], labels: NDArray[np.object_], train: NDArray[np.bool_], tune: NDArray[np.bool_], grid: list[float]
) -> tuple[LogisticRegression, csr_matrix]:
    """Return the probe with the lowest validation log-loss, and the bags of all texts in the training vocabulary."""
    vectorizer = CountVectorizer(ngram_range=(1, 2), lowercase=True, binary=True, token_pattern=TOKEN)
    vectorizer.fit([text for text, used in zip(texts, train, strict=True) if used])
    bag = vectorizer.transform(texts)
    # Few Newton steps are much faster here than many of L-BFGS: bags are wide, sparse and easily separable. Each C
    # starts from the solution of the one before.
    probe = LogisticRegression(solver="newton-cg", max_iter=1000, warm_start=True)
    probes = [deepcopy(probe.set_params(C=c).fit(bag[train], labels[train])) for c in grid]
    losses = [log_loss(labels[tune], each.predict_proba(bag[tune]), labels=each.classes_) for each in probes]
    return probes[int(np.argmin(losses))], bag
