"""Which heads are alike: similarity of score profiles, nearest heads, and a tree of all heads.

Two heads are alike when they are good and bad at the same features, however good they are on the whole. So each feature
is first centred over heads (what every head reads is no likeness), and then heads are correlated. Features are not
scaled: a share of what the largest class leaves means the same for every feature, and scaling would blow up features
that no head holds into noise as large as the signal. How good a head is at everything does not vanish wholly:
correlation takes out what is added to all features, but a head twice as good gains most where there is most to gain.

The tree is average linkage on 1 - similarity. Ward, centroid and median linkage need Euclidean distances, which these
are not; single linkage chains; complete linkage follows the one pair farthest apart, which is the noise of one pair of
heads. The height of a merge of average linkage says something: 1 minus the mean similarity between the two sides.

Everything is computed in an order of heads that their profiles alone decide, so that relabelling or permuting heads
relabels or permutes the result to the last bit, ties included.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from probes.errors import ProbeError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FLAT = 1e-9  # a profile whose length after centring is below this is constant but for rounding
MOST_CLUSTERS = 10


@dataclass(frozen=True)
class Clustering:
    """A tree of heads and the flat clusters that suit it best.

    Attributes:
        linkage: One row a merge, lowest first: left, right (int64: a row of the profiles, or n_heads + the number of an
            earlier merge), distance (float64), size (heads below, int64). Its values are what scipy calls a linkage.
        leaves: Names of the heads from one end of the drawn tree to the other.
        clusters: One row a head, as in the profiles: name, cluster (int64, from 1 along the leaves), silhouette
            (float64 in [-1, 1]: how much nearer a head is to its own cluster than to the next). None with fewer than
            three heads.
        silhouettes: n_clusters, silhouette (mean over heads): what the number of clusters was chosen by. How much of it
            comes by chance depends on the heads and features: see `scrambled_silhouettes`.
    """

    linkage: pd.DataFrame
    leaves: list[str]
    clusters: pd.DataFrame | None
    silhouettes: pd.DataFrame


def profiles(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the share of every head on every feature: rows heads by layer and head, columns features by name, float64.

    Several datasets of a feature count as one: their mean.

    Args:
        scores: One row per head x dataset of one model: layer, head, name, dataset, feature, share.

    Raises:
        ProbeError: If there are no rows, rows of several models, or a head has no finite share on a feature.

    Example:
        >>> scores = pd.DataFrame({"layer": 0, "head": [0, 0, 1, 1], "name": ["L0H0", "L0H0", "L0H1", "L0H1"],
        ...                        "dataset": ["a", "b"] * 2, "feature": "f", "share": [0.5, 0.25, 0.0, 0.5]})
        >>> profiles(scores)["f"].to_dict()
        {'L0H0': 0.375, 'L0H1': 0.25}
    """
    if scores.empty:
        raise ProbeError("profiles: the table of scores has no rows; probe at least one dataset")
    if "model" in scores and scores["model"].nunique() > 1:
        models = ", ".join(sorted(map(str, scores["model"].unique())))
        raise ProbeError(f"profiles: rows of several models ({models}); give the rows of one model")
    ordered = scores.sort_values(["layer", "head", "feature", "dataset"])  # so that means add up in one order
    table = ordered.groupby(["layer", "head", "name", "feature"], sort=True)["share"].mean().unstack("feature")
    table = table.droplevel(["layer", "head"]).astype("float64")
    _check(table)
    return table


def similarity(profiles: pd.DataFrame) -> pd.DataFrame:
    """Return how alike heads are, (n_heads, n_heads) float64 in [-1, 1]: see the module for how.

    A head whose centred profile is constant (or all profiles, if there is one feature) is like no other: 0. With two
    features only -1, 0 and 1 can come out; a dozen or more make the numbers worth reading.

    Args:
        profiles: Heads x features, as `profiles` returns them.

    Raises:
        ProbeError: If a value is missing or two heads have one name.

    Example:
        >>> table = pd.DataFrame({"f": [1.0, 0.8, 0, 0], "g": [0, 0.2, 1, 0.6], "h": [0, 0, 0, 0.4]}, list("abcd"))
        >>> similarity(table).loc["a"].round(2).tolist()
        [1.0, 0.99, -0.94, -0.86]
    """
    _check(profiles)
    order = _own_order(profiles)
    alike = np.empty((len(order), len(order)))
    alike[np.ix_(order, order)] = _correlations(profiles.to_numpy(np.float64)[order])
    return pd.DataFrame(alike, index=profiles.index, columns=profiles.index)


def nearest_heads(profiles: pd.DataFrame, n: int) -> pd.DataFrame:
    """Return the heads most like each head: name, nearest, rank (int64, from 1), similarity (float64).

    Args:
        profiles: Heads x features, as `profiles` returns them.
        n: How many for each head; fewer where the model has no more.

    Raises:
        ProbeError: If `n` is below 1, a value is missing or two heads have one name.

    Example:
        >>> table = pd.DataFrame({"f": [1.0, 0.8, 0, 0], "g": [0, 0.2, 1, 0.6], "h": [0, 0, 0, 0.4]}, list("abcd"))
        >>> nearest_heads(table, 1)[["name", "nearest"]].values.tolist()
        [['a', 'b'], ['b', 'a'], ['c', 'd'], ['d', 'c']]
    """
    if n < 1:
        raise ProbeError(f"nearest_heads: n is {n}; at least 1 head is needed")
    alike = similarity(profiles)
    order = _own_order(profiles)
    values = alike.to_numpy()[:, order]  # ties then fall to the profile that comes first, whatever heads are called
    values[order, np.arange(len(order))] = -np.inf  # a head is not its own neighbour
    columns = np.argsort(-values, axis=1, kind="stable")[:, : min(n, len(order) - 1)]
    names = profiles.index.to_numpy(object)
    return pd.DataFrame({
        "name": np.repeat(names, columns.shape[1]),
        "nearest": names[order[columns]].ravel(),
        "rank": np.tile(np.arange(1, columns.shape[1] + 1), len(order)),
        "similarity": np.take_along_axis(values, columns, axis=1).ravel(),
    })


def cluster_heads(profiles: pd.DataFrame) -> Clustering:
    """Return the tree of heads by average linkage, and the clusters with the largest mean silhouette, 2 to 10 of them.

    Equal silhouettes are decided for fewer clusters.

    Args:
        profiles: Heads x features, as `profiles` returns them.

    Raises:
        ProbeError: If there are fewer than two heads, a value is missing or two heads have one name.

    Example:
        >>> table = pd.DataFrame({"f": [1.0, 0.8, 0, 0], "g": [0, 0.2, 1, 0.6], "h": [0, 0, 0, 0.4]}, list("abcd"))
        >>> tree = cluster_heads(table)
        >>> tree.linkage["size"].tolist(), tree.clusters.groupby("cluster")["name"].agg(list).tolist()
        ([2, 2, 4], [['a', 'b'], ['c', 'd']])
    """
    if len(profiles) < 2:
        raise ProbeError(f"cluster_heads: {len(profiles)} head; a tree needs at least 2")
    _check(profiles)
    order = _own_order(profiles)
    distance = 1 - _correlations(profiles.to_numpy(np.float64)[order])
    merges = _merges(distance)
    leaves = _leaves(merges)
    cuts = {k: _cut(merges, leaves, k) for k in range(2, min(MOST_CLUSTERS, len(order) - 1) + 1)}
    widths = {k: _silhouette(distance, labels) for k, labels in cuts.items()}
    means = pd.DataFrame({"n_clusters": list(cuts), "silhouette": [float(width.mean()) for width in widths.values()]})
    names = profiles.index.to_numpy(object)
    clusters = None
    if len(means):
        best = int(means["n_clusters"].iloc[int(means["silhouette"].round(12).argmax())])
        back = np.argsort(order)
        clusters = pd.DataFrame({"name": names, "cluster": cuts[best][back], "silhouette": widths[best][back]})
    return Clustering(_linkage_table(merges, order), list(names[order[leaves]]), clusters, means)


def scrambled_silhouettes(profiles: pd.DataFrame, n_draws: int, seed: int) -> Floats:
    """Return the best mean silhouette of every draw without structure, (n_draws,) float64.

    A draw deals the shares of each feature out anew among the heads: features keep their values, and what they have to
    do with each other is gone. Clusters whose silhouette is not above nearly all of these are no groups.

    Args:
        profiles: Heads x features, as `profiles` returns them; three heads or more.
        n_draws: How many.
        seed: Of the draws.

    Raises:
        ProbeError: If there are fewer than three heads or no draws.

    Example:
        >>> table = pd.DataFrame(np.kron(np.eye(2), np.ones((6, 4))), [f"L0H{i}" for i in range(12)])
        >>> chance = scrambled_silhouettes(table, 20, seed=0)
        >>> bool(chance.max() < cluster_heads(table).silhouettes["silhouette"].max())
        True
    """
    if len(profiles) < 3 or n_draws < 1:
        raise ProbeError(f"scrambled_silhouettes: {len(profiles)} heads, {n_draws} draws; needs at least 3 and 1")
    values = profiles.to_numpy(np.float64)[_own_order(profiles)]
    rng = np.random.default_rng(seed)
    tables = (pd.DataFrame(rng.permuted(values, axis=0)) for _ in range(n_draws))
    return np.array([float(cluster_heads(table).silhouettes["silhouette"].max()) for table in tables])


def _check(profiles: pd.DataFrame) -> None:
    if profiles.index.has_duplicates:
        name = profiles.index[profiles.index.duplicated()][0]
        raise ProbeError(f"profiles: two heads are called {name}; give the rows of one model, one row a head")
    missing = ~np.isfinite(profiles.to_numpy(np.float64))
    if missing.any():
        head, feature = (int(places[0]) for places in np.nonzero(missing))
        raise ProbeError(
            f"profiles: {profiles.index[head]} has no finite share on {profiles.columns[feature]}; every head needs a "
            "number on every feature: leave the feature out, or probe its datasets for all heads"
        )


def _own_order(profiles: pd.DataFrame) -> Ints:
    """Return the rows ordered by their values, (n_heads,): what names and places do not change."""
    return np.lexsort(profiles.to_numpy(np.float64).T[::-1])


def _correlations(values: Floats) -> Floats:
    """Return the correlation of rows after features are centred, (n_heads, n_heads), exactly symmetric."""
    centred = values - values.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    # not a BLAS product: it may differ in the last bit between a pair and its mirror image
    unit = np.where(length > FLAT, centred / np.maximum(length, FLAT), 0.0)
    products: Floats = np.einsum("if,jf->ij", unit, unit)
    alike = np.clip(products, -1.0, 1.0)
    alike = np.tril(alike) + np.tril(alike, -1).T
    np.fill_diagonal(alike, 1.0)
    return alike


def _merges(distance: Floats) -> Floats:
    """Return scipy's linkage of the heads, (n_heads - 1, 4)."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    # rounded, so that distances equal but for the last bits tie, and ties fall to the order of heads
    merges: Floats = linkage(squareform(distance.round(12), checks=False), method="average")
    return merges


def _leaves(merges: Floats) -> Ints:
    """Return the heads from one end of the tree to the other, (n_heads,)."""
    n = len(merges) + 1
    below: dict[int, list[int]] = {head: [head] for head in range(n)}
    for number, (left, right) in enumerate(merges[:, :2].astype(np.int64)):
        below[n + number] = below.pop(int(left)) + below.pop(int(right))
    return np.array(below[2 * n - 2])


def _cut(merges: Floats, leaves: Ints, n_clusters: int) -> Ints:
    """Return the cluster of each head, (n_heads,), from 1 along the leaves: what stands before the last merges."""
    n = len(leaves)
    label = np.arange(n)
    names = {head: head for head in range(n)}  # tree node -> one of its heads, which stands for its cluster
    for number, (left, right) in enumerate(merges[: n - n_clusters, :2].astype(np.int64)):
        names[n + number] = names[int(left)]
        label[label == label[names[int(right)]]] = label[names[int(left)]]
    _, first, along = np.unique(label[leaves], return_index=True, return_inverse=True)
    clusters = np.empty(n, np.int64)
    clusters[leaves] = np.argsort(np.argsort(first))[along] + 1
    return clusters


def _silhouette(distance: Floats, labels: Ints) -> Floats:
    """Return the silhouette of each head, (n_heads,); 0 for a head alone in its cluster (Rousseeuw 1987)."""
    member = (labels[:, None] == np.unique(labels)).astype(np.float64)
    size, own = member.sum(axis=0), member.astype(bool)
    total = np.einsum("ij,jk->ik", distance, member)
    others = size[labels - 1] - 1  # a head is at distance 0 from itself
    inside = total[own] / np.maximum(others, 1)
    nearest = np.where(own, np.inf, total / size).min(axis=1)
    larger = np.maximum(np.maximum(inside, nearest), np.finfo(np.float64).tiny)
    return np.where(others > 0, (nearest - inside) / larger, 0.0)


def _linkage_table(merges: Floats, order: Ints) -> pd.DataFrame:
    """Return the merges with heads numbered as in the profiles."""
    nodes = merges[:, :2].astype(np.int64)
    rows = np.where(nodes < len(order), order[np.minimum(nodes, len(order) - 1)], nodes)
    return pd.DataFrame({
        "left": rows[:, 0], "right": rows[:, 1], "distance": merges[:, 2], "size": merges[:, 3].astype(np.int64),
    })  # fmt: skip
