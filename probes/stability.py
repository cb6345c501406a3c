"""What would have been found with other examples and other folds: scores of every head, resampled."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.crossval import probe_heads
from probes.errors import ProbeError
from probes.intervals import resampled_means
from probes.metrics import correctness

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ATTEMPTS = 20
COMPARED = ("control", "surface", "embedding", "untrained", "projection")


def redeal(labels: Ints, groups: Ints, n_folds: int, seed: int) -> Ints:
    """Return another fold for each example, (n_examples,) int64; groups stay whole, classes stay spread.

    Groups are shuffled, put in order of their most frequent class and their size, and dealt to the folds in turn.

    Args:
        labels: (n_examples,) int64 from 0.
        groups: Group of each example, (n_examples,) int64 from 0, without gaps.
        n_folds: K.
        seed: Of the shuffle.

    Raises:
        ProbeError: If no deal of several has every class in every fold.

    Example:
        >>> folds = redeal(np.arange(12) % 2, np.arange(12) // 2, n_folds=3, seed=0)
        >>> np.bincount(folds).tolist(), bool((folds[::2] == folds[1::2]).all())
        ([4, 4, 4], True)
    """
    rng = np.random.default_rng(seed)
    n_classes, n_groups = int(labels.max()) + 1, int(groups.max()) + 1
    counts = np.zeros((n_groups, n_classes), dtype=np.int64)
    np.add.at(counts, (groups, labels), 1)
    for _ in range(ATTEMPTS):
        order = np.lexsort((rng.random(n_groups), -counts.sum(1), counts.argmax(1)))
        dealt = np.empty(n_groups, dtype=np.int64)
        dealt[order] = (np.arange(n_groups) + rng.integers(n_folds)) % n_folds
        there = np.zeros((n_folds, n_classes), dtype=np.int64)
        np.add.at(there, dealt, counts)
        if (there > 0).all():
            return dealt[groups]
    raise ProbeError(f"no other deal of the groups has every class in each of {n_folds} folds; add groups")


def other_deals(labels: Ints, groups: Ints, n_folds: int, n_deals: int, seed: int) -> tuple[list[Ints], str]:
    """Return other folds for the examples, one (n_examples,) a deal, or none and the reason.

    Args:
        labels: (n_examples,) int64 from 0.
        groups: (n_examples,) int64 from 0, without gaps.
        n_folds: K.
        n_deals: How many.
        seed: Of the first deal, less one.

    Example:
        >>> deals, reason = other_deals(np.arange(12) % 2, np.arange(12) // 2, 3, n_deals=2, seed=0)
        >>> len(deals), reason
        (2, '')
    """
    try:
        return [redeal(labels, groups, n_folds, seed + number + 1) for number in range(n_deals)], ""
    except ProbeError as error:
        return [], str(error)


def usual_strengths(chosen: Floats, n: int) -> list[float]:
    """Return the inverse penalties C that were chosen most often, ascending.

    Args:
        chosen: Of any shape.
        n: How many at most.

    Example:
        >>> usual_strengths(np.array([[0.1, 1.0], [1.0, 10.0]]), 1)
        [1.0]
    """
    values, counts = np.unique(chosen, return_counts=True)
    return sorted(values[np.argsort(-counts, kind="stable")[:n]].tolist())


def refit(
    stacks: Iterable[tuple[str, Tensor]], labels: Ints, folds: Ints, n_classes: int, strength: float
) -> dict[str, Floats]:
    """Return how right the heads and what they are compared with are under other folds, (n_heads or 1, n_examples).

    Args:
        stacks: Name and inputs, (n_heads, n_examples, d), a stack of layers at a time.
        labels: (n_examples,) int64 from 0.
        folds: Test fold of each example, (n_examples,) int64.
        n_classes: At least 2.
        strength: The inverse penalty C of every probe. It is not chosen anew, which would take several times as long.

    Example:
        >>> labels = np.arange(60) % 2
        >>> noise = torch.randn(1, 60, 2, generator=torch.Generator().manual_seed(0))
        >>> x = noise + 9 * torch.from_numpy(labels)[:, None]
        >>> float(refit([("z", x)], labels, np.arange(60) // 20, 2, 1.0)["z"].mean())
        1.0
    """
    parts: dict[str, list[Floats]] = {}
    for name, x in stacks:
        target, fold_of = torch.from_numpy(labels).to(x.device), torch.from_numpy(folds).to(x.device)
        probes = probe_heads(x, target, fold_of, n_classes, torch.tensor([strength], dtype=torch.float64).to(x.device))
        right = correctness(probes.log_proba.cpu().numpy(), labels)
        parts.setdefault(name, []).append(right.astype(np.float64))
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}


def differences(correct: Floats | NDArray[np.bool_], right: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return accuracy and the margins that rung 2 asks for, example by example, (n_heads, n_examples) each.

    Args:
        correct: How right the heads are, (n_heads, n_examples).
        right: Baseline to how right it is, (n_heads or 1, n_examples); `control` may be missing.

    Example:
        >>> list(differences(np.ones((1, 2)), {"control": np.zeros((1, 2)), "surface": np.zeros((1, 2))}))
        ['accuracy', 'selectivity', 'margin_surface']
    """
    scores = {"accuracy": np.asarray(correct, dtype=np.float64)}
    for name in COMPARED:
        if name in right:
            scores["selectivity" if name == "control" else f"margin_{name}"] = scores["accuracy"] - right[name]
    return scores


def replicate(deals: Sequence[Mapping[str, Floats]], groups: Ints, n_draws: int, seed: int) -> dict[str, Floats]:
    """Return the mean of every score in every replicate, (n_draws, n_heads) float64 each.

    A replicate takes the scores of one deal of folds, the deals in turn, and draws whole groups with replacement, the
    same for all scores and heads.

    Args:
        deals: For each deal of folds, name to score of each example, in [-1, 1], (n_heads, n_examples).
        groups: (n_examples,) int64 from 0.
        n_draws: Replicates.
        seed: Of the draws.

    Example:
        >>> deals = [{"accuracy": np.ones((1, 6))}, {"accuracy": np.zeros((1, 6))}]
        >>> replicate(deals, np.arange(6), 4, seed=0)["accuracy"].ravel().tolist()
        [1.0, 0.0, 1.0, 0.0]
    """
    names = deals[0].keys()
    shape = (n_draws, len(next(iter(deals[0].values()))))
    found = {name: np.empty(shape) for name in names}
    for number, scores in enumerate(deals):
        mine = slice(number, n_draws, len(deals))
        n_mine = len(range(n_draws)[mine])
        for name in names if n_mine else ():
            found[name][mine] = resampled_means(scores[name], groups, n_mine, seed + number)
    return found
