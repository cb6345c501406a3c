"""Control tasks (Hewitt and Liang 2019): labels that say nothing, to see what a probe learns by heart."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from probes.errors import ProbeError

Ints = NDArray[np.int64]


def control_labels(labels: Ints, keys: Sequence[str], n_draws: int, seed: int) -> Ints:
    """Return labels drawn at random for each control key, (n_draws, n_examples) int64.

    A key has one label wherever it occurs. Keys are shuffled and laid end to end, each as long as it has examples, and
    the classes divide that length in their shares: so classes are as frequent as they were, up to half a key at each
    border. The order of the rows does not matter.

    Args:
        labels: Real labels, (n_examples,) int64 from 0.
        keys: Control key of each example.
        n_draws: Control tasks.
        seed: Of the draws.

    Example:
        >>> control_labels(np.array([0, 1, 0, 1]), ["see", "see", "hear", "hear"], n_draws=1, seed=0).tolist()
        [[1, 1, 0, 0]]
    """
    _, key_of, sizes = np.unique(np.asarray(keys), return_inverse=True, return_counts=True)
    shares = np.bincount(labels) / len(labels)
    rng = np.random.default_rng(seed)
    draws = np.empty((n_draws, len(labels)), dtype=np.int64)
    for draw in draws:
        order, classes = rng.permutation(len(sizes)), rng.permutation(len(shares))
        middles = (np.cumsum(sizes[order]) - sizes[order] / 2) / len(labels)
        of_key = np.empty(len(sizes), dtype=np.int64)
        borders = np.cumsum(shares[classes])[:-1]
        of_key[order] = classes[np.searchsorted(borders, middles, side="right")]
        draw[:] = of_key[key_of]
    return draws


def recurring(keys: Sequence[str], folds: Ints) -> NDArray[np.bool_]:
    """Return which examples have a control key that their probe also trained on, (n_examples,) bool.

    Args:
        keys: Control key of each example.
        folds: Test fold of each example, (n_examples,) int64; fold k is tested by a probe trained on all but k and
            k + 1.

    Example:
        >>> recurring(["a", "b", "a"], np.array([0, 1, 2])).tolist()
        [True, False, False]
    """
    _, key_of = np.unique(np.asarray(keys), return_inverse=True)
    n_folds = int(folds.max()) + 1
    seen = np.zeros((key_of.max() + 1, n_folds), dtype=np.bool_)
    seen[key_of, folds] = True
    trained: NDArray[np.int64] = seen.sum(1)[key_of] - seen[key_of, folds] - seen[key_of, (folds + 1) % n_folds]
    return trained > 0


def check_control(labels: Ints, keys: Sequence[str | None], folds: Ints, draws: Ints) -> None:
    """Refuse control tasks that cannot be learnt, and so measure nothing.

    Args:
        labels: Real labels, (n_examples,) int64 from 0.
        keys: Control key of each example, or None.
        folds: Test fold of each example, (n_examples,) int64.
        draws: Control labels, (n_draws, n_examples) int64; may be empty where a key is None.

    Raises:
        ProbeError: If a key is missing, no key recurs between training and test, or a control class is missing from a
            training set.

    Example:
        >>> check_control(np.array([0, 1, 0]), ["a", "b", "c"], np.array([0, 1, 2]), np.array([[0, 1, 0]]))
        Traceback (most recent call last):
        probes.errors.ProbeError: no control key recurs between training and test: no control label can be learnt
    """
    if any(key is None for key in keys):
        raise ProbeError("the dataset has no control key")
    if not recurring([str(key) for key in keys], folds).any():
        raise ProbeError("no control key recurs between training and test: no control label can be learnt")
    n_classes, n_folds = int(labels.max()) + 1, int(folds.max()) + 1
    for k in range(n_folds):
        train = (folds != k) & (folds != (k + 1) % n_folds)
        if any(len(np.unique(draw[train])) < n_classes for draw in draws):
            raise ProbeError(f"{len(set(keys))} control keys are too few to give every training set all classes")
