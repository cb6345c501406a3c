"""Several models side by side: where their heads hold each family, whether layers agree, and the best of each feature.

Models differ in layers and heads, so layers are compared by relative depth and heads by their share. Only datasets that
every model was probed on count: a head of a model with more features would hold one more often.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from probes.errors import ProbeError
from probes.families import FAMILIES
from probes.profiles import BANDS, STACK, layer_profiles, stack_depths, wilson

FEWEST_POINTS = 3  # two points always agree or disagree wholly


@dataclass(frozen=True)
class Comparison:
    """What several models have in common and what not.

    Attributes:
        bands: One row a family x model x stack x third of the depth that has layers: family, model, attention, band,
            n_heads, n_holding (heads on the rung for at least one feature of the family), holding (their share),
            holding_low, holding_high (Wilson, over heads).
        agreement: One row a family x two stacks of two models: family, model, attention, other, other_attention,
            n_points, correlation. See `compare_models` for how.
        features: One row a feature x model: feature, family, model, attention, name, depth, dataset, share, share_low,
            share_high, rung of the head with the largest share. It is the best of many and its interval is that of one
            head, so it is too high by what luck gave the winner, and more so in a model of many heads.
        profiles: `layer_profiles` of every model on the shared datasets, with a column model.
        datasets: Those that all models share, sorted.
        left_out: Those that some model lacks, sorted.
    """

    bands: pd.DataFrame
    agreement: pd.DataFrame
    features: pd.DataFrame
    profiles: pd.DataFrame
    datasets: tuple[str, ...]
    left_out: tuple[str, ...]


def compare_models(scores_by_model: Mapping[str, pd.DataFrame], rung: int = 2, confidence: float = 0.95) -> Comparison:
    """Return several models side by side.

    Agreement is Spearman's correlation of two layer profiles (mean share over heads and features) along relative depth.
    The common grid is the depths of the stack with fewer layers, to which the other's profile is interpolated linearly:
    so there are no more points than layers were measured. Missing with fewer than three points, or where a profile is
    constant. It is a description and comes without a p-value: neighbouring layers are not independent, and of five
    independent points only a correlation of 1 or -1 would be significant at 5 % (two-sided).

    Args:
        scores_by_model: Model to its scores, one row per head x dataset: layer, head, name, attention, dataset,
            feature, family, rung, share, share_low, share_high.
        rung: The rung a head has to stand on to hold a feature.
        confidence: Of the intervals.

    Raises:
        ProbeError: If there are fewer than two models, or no dataset that all were probed on.

    Example:
        >>> small = pd.DataFrame({"layer": [0, 1], "head": 0, "name": ["L0H0", "L1H0"], "attention": "self",
        ...     "dataset": "d", "feature": "f", "family": "truth", "rung": [0, 2], "share": [0.1, 0.4],
        ...     "share_low": 0.0, "share_high": 0.5})
        >>> both = compare_models({"a": small, "b": small.assign(rung=0, share=0.2)})
        >>> both.bands[["model", "band", "holding"]].values.tolist()
        [['a', 'shallow', 0.0], ['a', 'deep', 1.0], ['b', 'shallow', 0.0], ['b', 'deep', 0.0]]
        >>> both.features[["model", "name", "share"]].values.tolist()
        [['a', 'L1H0', 0.4], ['b', 'L0H0', 0.2]]
    """
    shared, left_out = _shared_datasets(scores_by_model)
    scores = {model: rows[rows["dataset"].isin(shared)] for model, rows in scores_by_model.items()}
    layers = pd.concat(
        [layer_profiles(rows, rung, confidence).assign(model=model) for model, rows in scores.items()],
        ignore_index=True,
    )
    return Comparison(_bands(layers, confidence), _agreement(layers), _best(scores), layers, shared, left_out)


def _shared_datasets(scores_by_model: Mapping[str, pd.DataFrame]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the datasets that all models share, and the others."""
    if len(scores_by_model) < 2:
        names = ", ".join(scores_by_model) or "none"
        raise ProbeError(
            f"compare_models: {len(scores_by_model)} model ({names}); a comparison needs at least 2: add one under "
            "models in params.yaml"
        )
    probed = {model: set(rows["dataset"]) for model, rows in scores_by_model.items()}
    shared = set.intersection(*probed.values())
    if not shared:
        raise ProbeError(
            f"compare_models: no dataset was probed on all of {', '.join(probed)}; probe one dataset on all of them"
        )
    return tuple(sorted(shared)), tuple(sorted(set.union(*probed.values()) - shared))


def _bands(layers: pd.DataFrame, confidence: float) -> pd.DataFrame:
    models = list(layers["model"].unique())
    place = {"family": FAMILIES, "model": models, STACK: sorted(layers[STACK].unique()), "band": BANDS}
    ordered = layers.assign(**{key: pd.Categorical(layers[key], list(values)) for key, values in place.items()})
    counts = ordered.groupby(list(place), observed=True)[["n_heads", "n_holding"]].sum().reset_index()
    counts = counts.astype(dict.fromkeys(place, "object"))
    pairs = list(zip(counts["n_holding"], counts["n_heads"], strict=True))
    ends = [wilson(int(count), int(n), confidence) for count, n in pairs]
    return counts.assign(
        holding=counts["n_holding"] / counts["n_heads"],
        holding_low=[low for low, _ in ends],
        holding_high=[high for _, high in ends],
    )


def _agreement(layers: pd.DataFrame) -> pd.DataFrame:
    columns = ["family", "model", STACK, "other", f"other_{STACK}", "n_points", "correlation"]
    stacks = list(layers[["model", STACK]].drop_duplicates().itertuples(index=False, name=None))
    pairs = [pair for pair in combinations(stacks, 2) if pair[0][0] != pair[1][0]]
    lines = {key: rows for key, rows in layers.groupby(["family", "model", STACK])}
    rows = [
        (family, *one, *other, *_correlate(lines[family, *one], lines[family, *other]))
        for family in FAMILIES
        for one, other in pairs
        if (family, *one) in lines and (family, *other) in lines
    ]
    return pd.DataFrame(rows, columns=columns)


def _correlate(one: pd.DataFrame, other: pd.DataFrame) -> tuple[int, float]:
    """Return the number of points of the common grid and Spearman's correlation on it."""
    grid = min(one, other, key=len)["depth"].to_numpy()
    # rounded, so that layers equal but for the last bits tie
    values = pd.DataFrame([np.interp(grid, rows["depth"], rows["share"]).round(12) for rows in (one, other)])
    if len(grid) < FEWEST_POINTS or (values.nunique(axis=1) < 2).any():
        return len(grid), float("nan")
    return len(grid), float(np.corrcoef(values.rank(axis=1))[0, 1])


def _best(scores: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the head with the largest share on each feature of each model, the first by layer and head of equals."""
    columns = ["feature", "family", "model", STACK, "name", "depth", "dataset", "share", "share_low", "share_high"]
    tables = []
    for model, rows in scores.items():
        placed = rows.assign(model=model).merge(stack_depths(rows)[["layer", "depth"]], on="layer")
        ordered = placed.sort_values(["layer", "head", "dataset"]).sort_values("share", ascending=False, kind="stable")
        tables.append(ordered.drop_duplicates("feature")[[*columns, "rung"]])
    order = {"family": FAMILIES, "model": list(scores)}
    best = pd.concat(tables, ignore_index=True)
    ranks = best.assign(**{key: best[key].map(values.index) for key, values in order.items()})
    return best.loc[ranks.sort_values(["family", "feature", "model"]).index].reset_index(drop=True)
