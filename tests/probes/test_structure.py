"""Similarity of heads, their tree and their clusters."""

import numpy as np
import pandas as pd
import pytest
from scipy.cluster.hierarchy import leaves_list
from sklearn.metrics import silhouette_samples

from probes.errors import ProbeError
from probes.structure import cluster_heads, nearest_heads, profiles, scrambled_silhouettes, similarity


def planted(seed: int = 0, n_each: int = 8, n_groups: int = 3, noise: float = 0.05) -> pd.DataFrame:
    """Return heads x features: each third of the heads holds features of its own, all hold the last one."""
    rng = np.random.default_rng(seed)
    centres = np.kron(np.eye(n_groups), np.full((1, 4), 0.6))
    values = np.repeat(np.hstack([centres, np.ones((n_groups, 1))]), n_each, axis=0)
    names = [f"L{i // 4}H{i % 4}" for i in range(len(values))]
    features = [f"f{j:02d}" for j in range(values.shape[1])]
    return pd.DataFrame(values + rng.normal(0, noise, values.shape), index=names, columns=features)


def noise(seed: int, shape: tuple[int, int] = (24, 13)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=shape), index=[f"L0H{i}" for i in range(shape[0])])


def scores_of(table: pd.DataFrame) -> pd.DataFrame:
    places = [tuple(map(int, name[1:].split("H"))) for name in table.index]
    return pd.DataFrame([
        {
            "model": "m",
            "layer": layer,
            "head": head,
            "name": name,
            "dataset": feature,
            "feature": feature,
            "share": share,
        }
        for (layer, head), (name, row) in zip(places, table.iterrows(), strict=True)
        for feature, share in row.items()
    ])


def partition(clusters: pd.DataFrame) -> set[frozenset[str]]:
    return {frozenset(names) for names in clusters.groupby("cluster")["name"].agg(list)}


def test_profiles_hold_every_share_heads_by_layer_then_head():
    table = noise(0)
    table.index = [f"L{i // 12}H{i % 12}" for i in range(24)]  # L0H10 comes after L0H9, not after L0H1
    table.columns = [f"f{j:02d}" for j in range(13)]
    shuffled = scores_of(table).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(profiles(shuffled), table, check_names=False, check_exact=True)


def test_another_dataset_of_a_feature_changes_that_feature_alone():
    table = planted()
    more = scores_of(table[["f00"]]).assign(dataset="other", share=0.0)
    got = profiles(pd.concat([scores_of(table), more]))
    np.testing.assert_allclose(got["f00"], table["f00"] / 2)
    assert got.drop(columns="f00").equals(profiles(scores_of(table)).drop(columns="f00"))


def test_similarity_is_the_correlation_of_what_sets_heads_apart():
    table = planted()
    slow = np.corrcoef(table - table.mean())
    np.testing.assert_allclose(similarity(table), slow, atol=1e-12)
    assert (similarity(table).to_numpy() == similarity(table).to_numpy().T).all()


def test_what_all_heads_hold_makes_none_alike():
    table = planted().assign(f12=50.0)
    np.testing.assert_allclose(similarity(table), np.corrcoef(table - table.mean()), atol=1e-12)
    assert similarity(table).loc["L0H0", "L5H0"] < 0 < np.corrcoef(table)[0, 20]


def test_a_constant_profile_is_like_no_other_and_one_that_varies_is():
    table = planted()
    table.loc["L0H0"] = table.drop(index="L0H0").mean() + 0.1  # every feature equally far above the mean
    assert (similarity(table).loc["L0H0"].drop("L0H0") == 0).all()
    assert (similarity(table).loc["L0H1"].drop(["L0H0", "L0H1"]) != 0).all()
    assert (similarity(table[["f00"]]).to_numpy() == np.eye(24)).all()


def test_the_nearest_heads_are_those_a_full_search_finds():
    table = noise(3)
    alike = similarity(table)
    for name, rows in nearest_heads(table, 3).groupby("name"):
        expected = alike.loc[name].drop(name).sort_values(ascending=False)[:3]
        assert rows["nearest"].tolist() == expected.index.tolist()
        assert rows["similarity"].tolist() == expected.tolist()
        assert rows["rank"].tolist() == [1, 2, 3]
    assert nearest_heads(table, 99).groupby("name").size().eq(23).all()


def test_the_tree_is_average_linkage():
    table = noise(4)
    distance, merges = 1 - similarity(table).to_numpy(), cluster_heads(table).linkage
    members = {head: [head] for head in range(len(table))}
    for number, row in enumerate(merges.itertuples(index=False)):
        left, right = members.pop(int(row.left)), members.pop(int(row.right))
        assert row.distance == pytest.approx(distance[np.ix_(left, right)].mean(), abs=1e-9)
        assert row.size == len(left) + len(right)
        members[len(table) + number] = left + right
    assert (merges["distance"].diff().dropna() > -1e-12).all()


def test_the_leaves_and_silhouettes_are_those_of_scipy_and_scikit_learn():
    table = noise(5)
    tree = cluster_heads(table)
    assert tree.leaves == table.index[leaves_list(tree.linkage.to_numpy(np.float64))].tolist()
    distance = 1 - similarity(table).to_numpy()
    slow = silhouette_samples(distance, tree.clusters["cluster"], metric="precomputed")
    np.testing.assert_allclose(tree.clusters["silhouette"], slow, atol=1e-9)
    best = tree.silhouettes.loc[tree.silhouettes["silhouette"].idxmax()]
    assert best["n_clusters"] == tree.clusters["cluster"].nunique()
    assert best["silhouette"] == pytest.approx(slow.mean(), abs=1e-9)


def test_clusters_are_numbered_along_the_leaves_without_a_gap():
    tree = cluster_heads(noise(6))
    along = tree.clusters.set_index("name").loc[tree.leaves, "cluster"].to_numpy()
    assert along[0] == 1
    assert set(np.diff(along)) <= {0, 1}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_groups", [2, 3, 5])
def test_planted_groups_come_out_with_their_number(seed, n_groups):
    tree = cluster_heads(planted(seed, n_groups=n_groups))
    heads = [f"L{i // 4}H{i % 4}" for i in range(8 * n_groups)]
    assert partition(tree.clusters) == {frozenset(heads[i : i + 8]) for i in range(0, len(heads), 8)}
    assert tree.clusters["silhouette"].mean() > 0.8


def test_heads_without_groups_get_no_clearer_clusters_than_chance_and_planted_ones_do():
    p_values = []
    for seed in range(20):
        table = noise(seed)
        best = cluster_heads(table).silhouettes["silhouette"].max()
        p_values.append(np.mean(scrambled_silhouettes(table, 19, seed=0) >= best))
    assert 0.25 < np.mean(p_values) < 0.75  # uniform on [0, 1] without structure: 0.5 with a deviation of 0.065
    planted_best = cluster_heads(planted()).silhouettes["silhouette"].max()
    assert scrambled_silhouettes(planted(), 99, seed=0).max() < planted_best - 0.2
    again = scrambled_silhouettes(planted().sample(frac=1, random_state=0), 9, seed=0)
    assert (again == scrambled_silhouettes(planted(), 9, seed=0)).all()


@pytest.mark.parametrize("table", [planted(), planted(noise=0.0), noise(7).round(0)], ids=["noisy", "ties", "rounded"])
def test_permuting_heads_permutes_and_relabelling_relabels(table):
    order = np.random.default_rng(0).permutation(len(table))
    moved = table.iloc[order]
    tree, other = cluster_heads(table), cluster_heads(moved)
    assert similarity(moved).equals(similarity(table).iloc[order, order])
    back = tree.clusters.iloc[order].reset_index(drop=True)
    renamed = cluster_heads(table.set_axis([f"x{i}" for i in range(len(table))]))
    assert renamed.linkage.equals(tree.linkage)
    assert renamed.silhouettes.equals(other.silhouettes)
    assert other.linkage["distance"].equals(tree.linkage["distance"])
    twins = table.duplicated(keep=False).to_numpy()  # heads with one and the same profile may trade places
    if not twins.any():
        assert other.leaves == tree.leaves
        assert other.clusters.equals(back)


def test_ties_fall_alike_in_every_order():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(np.unique(rng.integers(0, 2, (40, 5)), axis=0).astype(float))  # no twins, many equal distances
    table.index = [f"L0H{i}" for i in table.index]
    first = cluster_heads(table)
    for _ in range(5):
        other = cluster_heads(table.iloc[rng.permutation(len(table))])
        assert other.leaves == first.leaves
        assert partition(other.clusters) == partition(first.clusters)


def test_fewer_than_three_heads_have_a_tree_and_no_clusters():
    tree = cluster_heads(planted().iloc[[0, 20]])
    assert tree.clusters is None
    assert tree.silhouettes.empty
    assert tree.linkage["distance"].tolist() == [2.0]
    assert cluster_heads(planted().iloc[[0, 1, 20]]).clusters is not None


def test_what_cannot_be_compared_is_refused():
    table = planted()
    with pytest.raises(ProbeError, match="L0H3 has no finite share on f02"):
        similarity(table.mask((table.index.to_numpy() == "L0H3")[:, None] & (table.columns == "f02")))
    with pytest.raises(ProbeError, match="several models"):
        profiles(pd.concat([scores_of(table), scores_of(table).assign(model="n")]))
    with pytest.raises(ProbeError, match="no rows"):
        profiles(scores_of(table).iloc[:0])
    with pytest.raises(ProbeError, match="two heads are called L0H0"):
        cluster_heads(pd.concat([table, table]))
    with pytest.raises(ProbeError, match="at least 2"):
        cluster_heads(table.iloc[:1])
    with pytest.raises(ProbeError, match="2 heads, 9 draws"):
        scrambled_silhouettes(table.iloc[:2], 9, seed=0)
    with pytest.raises(ProbeError, match="at least 1 head"):
        nearest_heads(table, 0)
