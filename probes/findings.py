"""What a cell found, in short, and what a reader should know before believing it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probes.baselines import select_by_fold
from probes.evidence import Bootstrap
from probes.intervals import cluster_bootstrap
from probes.null import MaxNull
from probes.table import head_name

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEVEL = 0.05
MOVABLE = 0.9  # share of labels that the null has to be able to move
COVERED = 0.9  # share of examples whose control key has to recur
BELOW = 0.05  # below the largest class: more than chance does to a bag of words on a few hundred examples
FEW_GROUPS = 20  # fewer, and the coverage of the intervals has not been measured


@dataclass(frozen=True)
class Findings:
    """What a summary is made from.

    Attributes:
        table: Results table of the cell, one row a head.
        correct: Whether a head was right, (n_heads, n_examples).
        chooser_loss: Log-loss on the fold that chose, (n_heads, n_folds).
        groups: Group of each example, (n_examples,).
        folds: Test fold of each example, (n_examples,).
        null: The max-statistic null.
        unsolved: Problems of each head that did not converge, (n_heads,).
        baselines_unsolved: The same for each baseline, all its heads together.
        bootstrap: How intervals are made.
        control_recurs: Where a control key recurs between training and test, (n_examples,); None where refused.
        control_refused: Why there is no control task, or nothing.
    """

    table: pd.DataFrame
    correct: NDArray[np.bool_]
    chooser_loss: Floats
    groups: Ints
    folds: Ints
    null: MaxNull
    unsolved: Ints
    baselines_unsolved: Mapping[str, int]
    bootstrap: Bootstrap
    control_recurs: NDArray[np.bool_] | None
    control_refused: str


def summarise(found: Findings) -> dict[str, Any]:
    """Return the summary of a cell, ready for JSON.

    Args:
        found: What it is made from.

    Example:
        >>> import torch
        >>> from probes.null import max_statistic_null
        >>> rng = np.random.default_rng(0)
        >>> labels, groups, folds = np.arange(60) % 2, np.arange(60), np.arange(60) // 12
        >>> x = torch.from_numpy(rng.normal(size=(2, 60, 3)))
        >>> null = max_statistic_null([x], labels, groups, folds, 0.1, n_draws=99, seed=0)
        >>> correct = np.stack([rng.random(60) < 0.5, np.arange(60) > 3])
        >>> table = pd.DataFrame({"layer": 0, "head": [0, 1], "n_examples": 60, "n_groups": 60, "majority": 0.5,
        ...     "surface": 0.5, "embedding": 0.5, "accuracy": correct.mean(1), "accuracy_low": correct.mean(1) - 0.1,
        ...     "accuracy_high": correct.mean(1) + 0.1, "p_value": null.p_values})
        >>> loss = np.array([[0.7] * 5, [0.3] * 5])
        >>> found = Findings(table, correct, loss, groups, folds, null, np.zeros(2, np.int64), {},
        ...     Bootstrap(200, 0.95, 0), None, "the dataset has no control key")
        >>> summary = summarise(found)
        >>> summary["selected"]["heads"], summary["best"]["head"], summary["control"]["refused"]
        (['L0H1', 'L0H1', 'L0H1', 'L0H1', 'L0H1'], 1, 'the dataset has no control key')
    """
    table, best = found.table, found.table.iloc[int(found.table["accuracy"].argmax())]
    names = [head_name(layer, head) for layer, head in zip(table["layer"], table["head"], strict=True)]
    return {
        **{name: int(best[name]) for name in ("n_examples", "n_groups")},
        **{name: float(best[name]) for name in ("majority", "surface", "embedding")},
        "best": {
            **{name: int(best[name]) for name in ("layer", "head")},
            **{name: float(best[name]) for name in ("accuracy", "accuracy_low", "accuracy_high", "p_value")},
        },
        "selected": _selected(found, names),
        "n_significant": int((table["p_value"] < LEVEL).sum()),
        "null": {
            "permutations": len(found.null.best),
            **{name: getattr(found.null, name) for name in ("design", "exchange", "movable", "smallest")},
            "best_expected": float(found.null.best.mean()),
            "best_observed": float(found.null.observed.max()),
        },
        "control": {
            "refused": found.control_refused or None,
            "recurring": None if found.control_recurs is None else float(found.control_recurs.mean()),
        },
        "unconverged": [
            {"head": name, "problems": int(count)} for name, count in zip(names, found.unsolved, strict=True) if count
        ],
        "unconverged_baselines": {name: count for name, count in found.baselines_unsolved.items() if count},
        "warnings": _warnings(found),
    }


def _selected(found: Findings, names: list[str]) -> dict[str, Any]:
    """Return what the head scores that was chosen without the fold it is tested on."""
    right, heads = select_by_fold(found.correct, found.chooser_loss, found.folds)
    how = found.bootstrap
    low, high = cluster_bootstrap(right[None], found.groups, how.n_draws, how.confidence, how.seed)
    return {
        "accuracy": float(right.mean()),
        "accuracy_low": float(low[0]),
        "accuracy_high": float(high[0]),
        "heads": [names[head] for head in heads],
    }


def _warnings(found: Findings) -> list[str]:
    texts = (_about_leak(found), _about_movable(found.null), _about_exchange(found.null), _about_smallest(found.null))
    return [text for text in (*texts, _about_control(found), _about_groups(found)) if text]


def _about_leak(found: Findings) -> str:
    """Twins that differ in what decides the label, split over folds, make probes err: they answer as for the twin."""
    row = found.table.iloc[0]
    worst = found.null.observed.min()
    heads = (1 + (found.null.worst <= worst).sum()) / (1 + len(found.null.worst)) < LEVEL
    low = [f"a bag of words ({row['surface']:.3f})"] if row["surface"] < row["majority"] - BELOW else []
    low += [f"the worst head ({worst:.3f})"] if heads and worst < row["majority"] - BELOW else []
    if not low:
        return ""
    return (
        f"{' and '.join(low)} scored far below the largest class ({row['majority']:.3f}), the mark of twins, texts "
        "that differ only in what decides the label, split over folds: every number of this cell is suspect; give "
        "twins the same `group`"
    )


def _about_movable(null: MaxNull) -> str:
    if null.movable >= MOVABLE:
        return ""
    return (
        f"the permutation null can move the labels of {null.movable:.0%} of the examples only, since groups trade "
        "with groups of their shape: its p-values are too large; make the groups equally large"
    )


def _about_exchange(null: MaxNull) -> str:
    if null.exchange == "names":
        return ""
    return (
        "groups hold classes in different shares: the p-values assume that the examples of a group are alike but "
        "for their label; a group with one label, or with every class equally often, needs no such assumption"
    )


def _about_smallest(null: MaxNull) -> str:
    if null.smallest < LEVEL:
        return ""
    return f"so few groups trade labels that no p-value can fall below {null.smallest:.3f}; add groups"


def _about_control(found: Findings) -> str:
    if found.control_recurs is None:
        return f"no selectivity: {found.control_refused}; so no head can be called selective"
    share = float(found.control_recurs.mean())
    if share >= COVERED:
        return ""
    return (
        f"the control key of {share:.0%} of the examples recurs between training and test; the others' control labels "
        "cannot be learnt, which makes selectivity look larger than it is"
    )


def _about_groups(found: Findings) -> str:
    n_groups = len(np.unique(found.groups))
    if n_groups >= FEW_GROUPS:
        return ""
    return f"{n_groups} groups: the intervals' coverage was measured for {FEW_GROUPS} and more; they may be too short"
