"""Does a head's knowledge hold where the wording is another? Probes of some variants, tested on the one left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probes.crossval import probe_heads
from probes.errors import ProbeError
from probes.evidence import Bootstrap
from probes.intervals import cluster_bootstrap
from probes.joined import join_folds
from probes.logistic import class_log_proba
from probes.turned import turned_accuracies, turned_columns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NONE = -1  # number of an example that belongs to no variant


@dataclass(frozen=True)
class Elsewhere:
    """What the probes of the other variants say.

    Attributes:
        log_proba: Of each example, (n_heads, n_examples, n_classes) float32; NaN where it belongs to no variant.
        turned: Accuracy on each variant of the same probes turned at random, (n_variants, n_heads, n_turns) float64.
    """

    log_proba: NDArray[np.float32]
    turned: Floats


def check_variants(labels: Ints, folds: Ints, variants: Ints) -> None:
    """Refuse variants that cannot be held out one at a time.

    Args:
        labels: (n_examples,) from 0.
        folds: Test fold of each example, (n_examples,) from 0.
        variants: Number of each example's variant, (n_examples,) from 0, or -1 for none.

    Raises:
        ProbeError: If there are fewer than two variants, or the others lack a class in a fold, or one has one class.

    Example:
        >>> check_variants(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), np.array([0, 0, -1, -1]))
        Traceback (most recent call last):
        ...
        probes.errors.ProbeError: 1 variant; at least 2 are needed: one is tested, the others train
    """
    numbers = np.unique(variants[variants != NONE])
    if len(numbers) < 2:
        count = f"{len(numbers)} variant{'' if len(numbers) == 1 else 's'}"
        raise ProbeError(f"{count}; at least 2 are needed: one is tested, the others train")
    for number in numbers:
        if len(np.unique(labels[variants == number])) < 2:
            raise ProbeError("a variant has examples of one class only; whoever guesses that class is always right")
        others = (variants != number) & (variants != NONE)
        cells = np.unique(np.stack([labels[others], folds[others]]), axis=1).shape[1]
        if cells < len(np.unique(labels)) * len(np.unique(folds)):
            raise ProbeError("without one of the variants a class is missing from a fold; add examples of it to all")


def probe_other_variants(
    x: Tensor,
    labels: Tensor,
    folds: Tensor,
    variants: Tensor,
    n_classes: int,
    strengths: Tensor,
    n_turns: int,
    seed: int,
) -> Elsewhere:
    """Return what each example's class looks like to probes that saw neither its fold nor its variant.

    Scaler, probe and penalty of fold k come from the other variants alone, as in `probes.crossval`: they train on all
    folds but k and k + 1 and choose on k + 1. Groups lie in one fold, so no group stands on both sides either.

    Where a head separates the classes of a variant well, any direction may tell them better than chance. So the probes
    of all folds, joined, are turned at random as well (`probes.turned`); a turned probe owes nothing to what it was
    trained on, and so may be tested on all examples of the variant.

    Args:
        x: Head outputs, (n_heads, n_examples, d), any floating type.
        labels: Class of each example, (n_examples,) int64 in [0, n_classes).
        folds: Test fold of each example, (n_examples,) int64 in [0, K), K at least 3.
        variants: Number of each example's variant, (n_examples,) int64, -1 for none.
        n_classes: At least 2.
        strengths: Inverse penalties C to choose from, (n_penalties,) float64, ascending.
        n_turns: Random turns.
        seed: Of the turns.

    Raises:
        ProbeError: As `probes.crossval.probe_heads`.

    Example:
        >>> labels, variants = torch.arange(120) % 2, torch.arange(120) // 2 % 2
        >>> x = torch.randn(2, 120, 3, generator=torch.Generator().manual_seed(0))
        >>> x[0, :, 0] += 5 * labels                      # head 0 knows the label
        >>> x[1, :, 0] += 5 * (labels ^ variants)         # head 1 knows it the other way round in the other variant
        >>> strengths = torch.tensor([0.1]).double()
        >>> found = probe_other_variants(x, labels, torch.arange(120) // 24, variants, 2, strengths, 99, seed=0)
        >>> accuracy = (found.log_proba.argmax(-1) == labels.numpy()).mean(1)
        >>> bool(accuracy[0] > 0.9), bool(accuracy[1] < 0.1)
        (True, True)
    """
    log_proba = torch.full((len(x), len(labels), n_classes), torch.nan)
    turned = []
    for number in torch.unique(variants[variants != NONE]).tolist():
        others = (variants != number) & (variants != NONE)
        probes = probe_heads(x[:, others], labels[others], folds[others], n_classes, strengths)
        for fold in torch.unique(folds[variants == number]).tolist():
            rows = (variants == number) & (folds == fold)
            inputs = ((x[:, rows].double() - probes.mean[:, None, fold]) / probes.scale[:, None, fold]).float()
            logits = inputs @ probes.coef[:, fold].mT + probes.intercept[:, None, fold]
            log_proba[:, rows.cpu()] = class_log_proba(logits).float().cpu()
        names = ("coef", "intercept", "mean", "scale", "strength")
        joined = join_folds(*(getattr(probes, name).cpu().numpy() for name in names))
        n_folds = probes.mean.shape[1]
        n_trained = float(others.sum()) * (n_folds - 2) / n_folds
        there = variants == number
        tested = (x[:, there].cpu().numpy(), labels[there].cpu().numpy())
        turned.append(turned_accuracies(*tested, joined, n_trained, n_turns, seed))
    return Elsewhere(log_proba.numpy(), np.stack(turned))


def general_columns(
    correct: NDArray[np.bool_],
    turned: Floats,
    labels: Ints,
    groups: Ints,
    variants: Ints,
    names: Sequence[str],
    bootstrap: Bootstrap,
) -> dict[str, NDArray[np.generic]]:
    """Return how each head does on the variant that it does worst on, as columns of the results table.

    A head has to do well on every variant, so the one with the lowest interval speaks for it. The margin is over that
    variant's own largest class, paired by example. `p_general` is the largest of the variants' p-values against turned
    probes, family-wise over the heads.

    Args:
        correct: Whether the probes of the other variants were right, (n_heads, n_examples).
        turned: Accuracy of turned probes on each variant, (n_variants, n_heads, n_turns).
        labels: (n_examples,) from 0.
        groups: (n_examples,) from 0.
        variants: (n_examples,) from 0, -1 for none.
        names: Name of each variant, by number.
        bootstrap: How intervals are made.

    Example:
        >>> correct, variants = np.array([[True] * 30 + [True, False] * 15]), np.arange(60) // 30
        >>> turned = np.random.default_rng(0).uniform(0.4, 0.6, size=(2, 1, 99))
        >>> columns = general_columns(correct, turned, np.arange(60) % 2, np.arange(60), variants, "ab",
        ...                           Bootstrap(99, 0.9, 0))
        >>> columns["general_variant"].tolist(), columns["margin_general"].tolist(), bool(columns["p_general"][0] > 0.3)
        (['b'], [0.0], True)
    """
    found, chances = [], []
    for number, chance in zip(np.unique(variants[variants != NONE]), turned, strict=True):
        rows = variants == number
        majority = labels[rows] == np.bincount(labels[rows]).argmax()
        margin = correct[:, rows] - majority.astype(np.float64)
        ends = cluster_bootstrap(margin, groups[rows], bootstrap.n_draws, bootstrap.confidence, bootstrap.seed)
        found.append((correct[:, rows].mean(1), margin.mean(1), *ends, np.full(len(correct), number)))
        chances.append(turned_columns(correct[:, rows].mean(1), chance, int(rows.sum()))["p_value"])
    accuracy, margin, low, high, variant = (np.stack(part) for part in zip(*found, strict=True))
    worst = low.argmin(0)[None]
    columns = {"general_accuracy": accuracy, "margin_general": margin, "margin_general_low": low}
    columns |= {"margin_general_high": high}
    chosen = {name: np.take_along_axis(values, worst, 0)[0] for name, values in columns.items()}
    weakest = np.take_along_axis(variant, worst, 0)[0]
    chosen["p_general"] = np.max(chances, axis=0)
    return {**chosen, "general_variant": np.array([names[int(number)] for number in weakest], dtype=object)}
