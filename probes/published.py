"""Our map of heads beside a published one: do the same heads stand out, and are they as good?

Each task is compared by itself, over heads. Ranks decide and not levels, since another split, classifier or number of
examples moves all heads together. Where heads tie at the edge of the best k, each counts for its share of the places
left, so that a flat map gets what chance gives and not what the numbering of heads gives.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from probes.errors import ProbeError

Floats = NDArray[np.float64]
KEY = ["layer", "head"]
TOP = (5, 10)
FEWEST = 4  # heads below which a rank correlation says nothing
SHOWN = 10  # names in a message
COLUMNS = (
    *("task", "n_heads", "rho", "rho_low", "rho_high", "overlap_5", "chance_5", "overlap_10", "chance_10"),
    *("published_best", "rank", "in_top_5", "best", "best_published", "difference"),
)


def compare_maps(
    ours: pd.DataFrame, published: pd.DataFrame, n_draws: int = 1000, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Return how far two maps of the same heads agree, a row for each task that both have, columns `COLUMNS`.

    task, n_heads: What is compared. rho, rho_low, rho_high: Spearman correlation over heads and its percentile
    bootstrap interval, heads drawn with replacement; NaN where a map is flat. Heads of one layer are alike, which the
    interval does not know. overlap_k, chance_k: heads among the best k of both, and k * k / n_heads, what two unrelated
    maps share. published_best: the best head there, all of them where several tie. rank: its place in our map, of
    several the best, ties at the mean of their places; in_top_5: whether that is 5 or better. best, best_published,
    difference: the highest accuracies, ours less theirs.

    Args:
        ours: One row for each head: columns layer, head (int64) and one accuracy for each task, in [0, 1], float64.
        published: The same heads in any order, columns as in `ours`.
        n_draws: Bootstrap replicates.
        confidence: Coverage of the interval.
        seed: Of the draws, the same for every task.

    Raises:
        ProbeError: If the maps lack layer or head, have no task in common, name a head twice or differ in their heads,
            have fewer than 4, or an accuracy is no share; or if there are no draws or the confidence is no share.

    Example:
        >>> heads = pd.DataFrame({"layer": np.repeat(range(3), 4), "head": [0, 1, 2, 3] * 3})
        >>> theirs = heads.assign(Tense=np.linspace(0.5, 0.9, 12))
        >>> table = compare_maps(heads.assign(Tense=np.linspace(0.4, 0.8, 12)), theirs)
        >>> table[["task", "rho", "overlap_5", "published_best", "rank"]].to_dict("records")
        [{'task': 'Tense', 'rho': 1.0, 'overlap_5': 5.0, 'published_best': 'L2H3', 'rank': 1.0}]
    """
    tasks = _shared_tasks(ours, published)
    _check_draws(n_draws, confidence)
    sides = [_by_head(name, table, tasks) for name, table in (("ours", ours), ("published", published))]
    _check_same_heads(*sides)
    labels = [f"L{layer}H{head}" for layer, head in sides[0].index]
    drawn = np.random.default_rng(seed).integers(0, len(labels), (n_draws, len(labels)))
    rows = []
    for task in tasks:
        here, there = (side[task].to_numpy(np.float64) for side in sides)
        low, high = _interval(here[drawn], there[drawn], confidence)
        rho = float(spearman(here[None], there[None])[0])
        rows.append({"task": task, "rho": rho, "rho_low": low, "rho_high": high, **_best(here, there, labels)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def spearman(left: Floats, right: Floats) -> Floats:
    """Return the Spearman correlation of each pair of rows, (n_rows,) float64, NaN where a row is flat.

    Args:
        left: One map in each row, (n_rows, n_heads) float64.
        right: Its partners, (n_rows, n_heads) float64.

    Example:
        >>> spearman(np.array([[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]]), np.array([[3.0, 2.0, 1.0]] * 2))
        array([-1., nan])
    """
    a, b = (rankdata(side, axis=1) - (side.shape[1] + 1) / 2 for side in (left, right))
    norm = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    rho: Floats = np.divide((a * b).sum(1), norm, out=np.full(len(a), np.nan), where=norm > 0)
    return rho


def share_of_top(scores: Floats, k: int) -> Floats:
    """Return how much of each head is among the best k, (n_heads,) float64: 1, 0, or a share where heads tie.

    Args:
        scores: Of each head, (n_heads,) float64.
        k: Places at the top; all heads where there are fewer.

    Example:
        >>> share_of_top(np.array([0.9, 0.7, 0.7, 0.5]), 2)
        array([1. , 0.5, 0.5, 0. ])
    """
    edge = np.sort(scores)[::-1][min(k, len(scores)) - 1]
    above, level = scores > edge, scores == edge
    share: Floats = above + level * (min(k, len(scores)) - above.sum()) / level.sum()
    return share


def _best(here: Floats, there: Floats, labels: list[str]) -> dict[str, object]:
    """Return the columns of one task that are about its best heads."""
    n = len(labels)
    overlap = {f"overlap_{k}": float(share_of_top(here, k) @ share_of_top(there, k)) for k in TOP}
    chance = {f"chance_{k}": min(k, n) ** 2 / n for k in TOP}
    found = np.flatnonzero(there == there.max())
    rank = float(rankdata(-here)[found].min())
    best = {"published_best": ", ".join(labels[head] for head in found), "rank": rank, "in_top_5": rank <= 5}
    height = {"best": here.max(), "best_published": there.max(), "difference": here.max() - there.max()}
    return {"n_heads": n, **overlap, **chance, **best, **height}


def _interval(here: Floats, there: Floats, confidence: float) -> tuple[float, float]:
    """Return the ends of the percentile interval of replicates (n_draws, n_heads), NaN where all of them are flat."""
    rho = spearman(here, there)
    rho = rho[np.isfinite(rho)]
    if not len(rho):
        return np.nan, np.nan
    low, high = np.quantile(rho, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _shared_tasks(ours: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    for name, table in (("ours", ours), ("published", published)):
        missing = [column for column in KEY if column not in table]
        if missing:
            raise ProbeError(f"{name}: no column {', '.join(missing)}; has {_listed(table)}; every head needs both")
    tasks = [str(column) for column in published if column not in KEY and column in ours]
    if not tasks:
        raise ProbeError(
            f"no task in common: ours has {_listed(c for c in ours if c not in KEY)}, published has "
            f"{_listed(c for c in published if c not in KEY)}; give a task the same name in both"
        )
    return tasks


def _by_head(name: str, table: pd.DataFrame, tasks: list[str]) -> pd.DataFrame:
    """Return the tasks of a map, one row for each (layer, head), sorted, after checking the numbers."""
    keyed = table.set_index(KEY)[tasks].sort_index()
    twice = keyed.index[keyed.index.duplicated()].unique()
    if len(twice):
        raise ProbeError(f"{name}: more than one row for {_heads(twice)}; keep one")
    if len(keyed) < FEWEST:
        raise ProbeError(f"{name}: {len(keyed)} heads; at least {FEWEST} are needed to compare ranks")
    for task in tasks:
        numbers = pd.to_numeric(keyed[task], errors="coerce").to_numpy(np.float64)
        bad = ~((numbers >= 0) & (numbers <= 1))
        if bad.any():
            first = keyed[task].tolist()[bad.argmax()]
            raise ProbeError(
                f"{name}: {task} of {_heads(keyed.index[bad])}: {first!r} is no accuracy; expected a share from 0 to 1"
            )
    return keyed.astype(np.float64)


def _check_same_heads(ours: pd.DataFrame, published: pd.DataFrame) -> None:
    extra, lacking = ours.index.difference(published.index), published.index.difference(ours.index)
    if len(extra) or len(lacking):
        sides = (("only in ours", extra), ("only in the published map", lacking))
        told = "; ".join(f"{where}: {_heads(heads)}" for where, heads in sides if len(heads))
        raise ProbeError(f"the maps are of different heads: {told}; compare the same model, layers and heads from 0")


def _check_draws(n_draws: int, confidence: float) -> None:
    if n_draws < 1 or not 0 < confidence < 1:
        raise ProbeError(
            f"{n_draws} draws, confidence {confidence}; expected at least 1 draw, better 1000, and a share between 0 "
            "and 1, such as 0.95"
        )


def _heads(index: pd.Index) -> str:
    return _listed(f"L{layer}H{head}" for layer, head in index)


def _listed(names: Iterable[object]) -> str:
    """Return names as they stand in a message, the first few of many."""
    found = [str(name) for name in names]
    rest = len(found) - SHOWN
    return (", ".join(found[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")) or "none"
