"""Would a head bear the same label had other examples, other folds or fewer datasets been there?"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probes.families import FAMILIES
from probes.multiplicity import holm_over_cells
from probes.rungs import SELECTIVE, adjust_p_values, decide_rungs, holds_elsewhere, reach

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
PLACE = ["layer", "head"]


def label_numbers(holds: Bools) -> NDArray[np.int64]:
    """Return the label of each head as a number: that of its one family, n_families for several, -1 for none.

    Args:
        holds: Whether a head holds a family, (..., n_heads, n_families).

    Example:
        >>> label_numbers(np.array([[True, False], [True, True], [False, False]])).tolist()
        [0, 2, -1]
    """
    count = holds.sum(-1)
    number: NDArray[np.int64] = np.where(count == 1, holds.argmax(-1), np.where(count > 1, holds.shape[-1], -1))
    return number


def replicate_rungs(
    rows: pd.DataFrame, replicates: Mapping[str, Mapping[str, Floats]], alpha: float
) -> dict[str, NDArray[np.int64]]:
    """Return the rung of every head in every replicate of each dataset of one family, (n_replicates, n_heads) each.

    A replicate gives every criterion a new estimate. Its interval keeps the length below the estimate that it has in
    the results table, and its null the same permutations, so that a criterion met by a hair is met in half of the
    replicates. What rung 3 asks for is not resampled.

    Args:
        rows: The rows of one family of what `score_heads` made.
        replicates: Dataset to criterion to its value, (n_replicates, n_heads), and `null`, the best accuracy of all
            heads in every permutation, (n_draws,); heads in the order of layer and head.
        alpha: Family-wise error rate.

    Example:
        >>> rows = pd.DataFrame({"dataset": "d", "layer": 0, "head": [0], "accuracy": 0.8, "accuracy_low": 0.7,
        ...                      "majority": 0.5, "null_accuracy": 0.8, **dict.fromkeys(SELECTIVE, 0.3),
        ...                      **{f"{name}_low": 0.2 for name in SELECTIVE}})
        >>> values = {name: np.array([[0.3], [0.05]]) for name in SELECTIVE} | {"accuracy": np.array([[0.8], [0.9]])}
        >>> replicate_rungs(rows, {"d": values | {"null": np.full(99, 0.6)}}, 0.05)["d"].ravel().tolist()
        [2, 1]
    """
    datasets = sorted(rows["dataset"].unique())
    of_dataset = {name: rows[rows["dataset"] == name].sort_values(PLACE) for name in datasets}
    chances = [_chances(of_dataset[name], replicates[name]) for name in datasets]
    adjusted = holm_over_cells(np.stack(chances, axis=1))
    return {
        name: _rungs(of_dataset[name], replicates[name], adjusted[:, number] < alpha, alpha)
        for number, name in enumerate(datasets)
    }


def _chances(rows: pd.DataFrame, values: Mapping[str, Floats]) -> Floats:
    """Return the p-value over heads in every replicate, (n_replicates, n_heads)."""
    null = np.sort(values["null"])
    moved = rows["null_accuracy"].to_numpy() + values["accuracy"] - rows["accuracy"].to_numpy()
    p_values: Floats = (1 + len(null) - np.searchsorted(null, moved)) / (1 + len(null))
    return p_values


def _rungs(rows: pd.DataFrame, values: Mapping[str, Floats], significant: Bools, alpha: float) -> NDArray[np.int64]:
    below = (rows["accuracy"] - rows["accuracy_low"]).to_numpy(dtype=np.float64)
    decodable = significant & (values["accuracy"] - below > rows["majority"].to_numpy())
    selective = decodable
    for name in SELECTIVE:
        beats = values[name] > reach(rows, name).to_numpy() if name in values else False
        selective = selective & beats
    general = selective & holds_elsewhere(rows, alpha).to_numpy()
    rungs: NDArray[np.int64] = decodable.astype(np.int64) + selective + general
    return rungs


def stability(
    scored: pd.DataFrame, replicates: Mapping[str, Mapping[str, Floats]], alpha: float, label_rung: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how often replicates agree with the label of each head, and with each of its families.

    Args:
        scored: What `score_heads` made of one model.
        replicates: As for `replicate_rungs`, every dataset with the same number of them.
        alpha: Family-wise error rate.
        label_rung: Rung a head has to stand on for a feature that counts.

    Returns:
        One row a head: layer, head, stability (share of replicates with the same label); and one row a head and
        family: layer, head, family, holds (bool), share (of replicates in which it holds the family).

    Example:
        >>> rows = pd.DataFrame({"dataset": "d", "layer": 0, "head": [0], "accuracy": 0.8, "accuracy_low": 0.7,
        ...                      "family": "truth", "rung": 2, "majority": 0.5, "null_accuracy": 0.8,
        ...                      **dict.fromkeys(SELECTIVE, 0.3), **{f"{name}_low": 0.2 for name in SELECTIVE}})
        >>> values = {name: np.array([[0.3], [0.05]]) for name in SELECTIVE} | {"accuracy": np.array([[0.8], [0.9]])}
        >>> stability(rows, {"d": values | {"null": np.full(99, 0.6)}}, 0.05, 2)[0].values.tolist()
        [[0.0, 0.0, 0.5]]
    """
    probed = [family for family in FAMILIES if family in set(scored["family"])]
    places = scored[PLACE].drop_duplicates().sort_values(PLACE, ignore_index=True)
    now = _holds(scored, places, probed, label_rung)
    each = []
    for family in probed:
        rungs = replicate_rungs(scored[scored["family"] == family], replicates, alpha)
        each.append(np.any([rung >= label_rung for rung in rungs.values()], axis=0))
    then = np.stack(each, axis=-1)
    agree = (label_numbers(then) == label_numbers(now)).mean(0)
    families = pd.concat([
        places.assign(family=family, holds=now[:, number], share=then[..., number].mean(0))
        for number, family in enumerate(probed)
    ])
    return places.assign(stability=agree), families.sort_values([*PLACE], kind="stable", ignore_index=True)


def leave_one_out(scored: pd.DataFrame, alpha: float, label_rung: int) -> pd.DataFrame:
    """Return how many labels change when a dataset is taken away: dataset, feature, family, n_changed, changed.

    Args:
        scored: What `score_heads` made of one model, several datasets.
        alpha: Family-wise error rate.
        label_rung: Rung a head has to stand on for a feature that counts.

    Example:
        >>> rows = pd.DataFrame({"dataset": ["a", "b"], "feature": ["a", "b"], "family": ["truth", "semantic"],
        ...                      "layer": 0, "head": 0, "name": "L0H0", "rung": [2, 1], "p_value": 0.01,
        ...                      "accuracy_low": 0.7, "majority": 0.5, **dict.fromkeys(SELECTIVE, 0.3),
        ...                      **{f"{name}_low": [0.2, -0.1] for name in SELECTIVE}})
        >>> leave_one_out(rows, 0.05, 2)[["dataset", "n_changed", "changed"]].values.tolist()
        [['a', 1, 'L0H0'], ['b', 0, '']]
    """
    probed = [family for family in FAMILIES if family in set(scored["family"])]
    places = scored[[*PLACE, "name"]].drop_duplicates().sort_values(PLACE, ignore_index=True)
    before = label_numbers(_holds(scored, places, probed, label_rung))
    rows = []
    for dataset, group in scored.groupby("dataset", sort=True):
        left = scored[scored["dataset"] != dataset]
        left = left.assign(p_adjusted=adjust_p_values(left)) if len(left) else left
        left = left.assign(rung=decide_rungs(left, alpha)) if len(left) else left
        after = label_numbers(_holds(left, places, probed, label_rung))
        changed = places["name"][before != after].tolist()
        first = group.iloc[0]
        rows.append({
            "dataset": dataset, "feature": first["feature"], "family": first["family"],
            "n_changed": len(changed), "changed": ";".join(changed),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _holds(scored: pd.DataFrame, places: pd.DataFrame, probed: list[str], label_rung: int) -> Bools:
    """Return whether each head holds each family, (n_heads, n_families)."""
    counted = scored[scored["rung"] >= label_rung]
    held = set(zip(counted["layer"], counted["head"], counted["family"], strict=True))
    pairs = list(zip(places["layer"], places["head"], strict=True))
    return np.array([[(*pair, family) in held for family in probed] for pair in pairs], dtype=np.bool_)
