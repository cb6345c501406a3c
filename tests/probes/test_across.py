"""Several models side by side."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from probes import structure_columns
from probes.across import compare_models
from probes.errors import ProbeError
from probes.profiles import BANDS, family_shares, layer_band
from probes.structure import cluster_heads, nearest_heads, profiles

FAMILY = {"a": "truth", "b": "truth", "c": "syntactic", "d": "syntactic"}


def scores(n_layers: int, n_heads: int = 4, seed: int = 0, attention: str = "self") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame([
        {
            **{"layer": layer, "head": head, "name": f"L{layer}H{head}", "attention": attention},
            **{"dataset": feature, "feature": feature, "family": family, "rung": int(rng.integers(0, 3))},
            "share": float(rng.random()),
        }
        for layer in range(n_layers)
        for head in range(n_heads)
        for feature, family in FAMILY.items()
    ])
    return table.assign(share_low=table["share"] - 0.1, share_high=table["share"] + 0.1)


def rising(n_layers: int, slope: float) -> pd.DataFrame:
    table = scores(n_layers)
    return table.assign(share=0.5 + slope * table["layer"] / (n_layers - 1) + 0.01 * table["share"])


def test_layers_that_rise_together_agree_and_those_that_fall_disagree():
    both = compare_models({"up": rising(4, 0.4), "more": rising(9, 0.2), "down": rising(6, -0.3)})
    got = both.agreement.set_index(["family", "model", "other"])["correlation"]
    assert got.loc["truth"].to_dict() == {("up", "more"): 1, ("up", "down"): -1, ("more", "down"): -1}
    assert (both.agreement["n_points"] == [4, 4, 6] * 2).all()
    assert both.agreement["family"].tolist() == ["syntactic"] * 3 + ["truth"] * 3


def test_agreement_is_spearman_s_correlation_and_does_not_mind_which_model_comes_first():
    models = {"a": scores(7, seed=1), "b": scores(7, seed=2), "c": scores(12, seed=3)}
    both, back = compare_models(models), compare_models(dict(reversed(models.items())))
    lines = both.profiles.set_index(["model", "family"])
    row = both.agreement.set_index(["family", "model", "other"])["correlation"]
    slow = spearmanr(lines.loc[("a", "truth"), "share"], lines.loc[("b", "truth"), "share"]).statistic
    assert row["truth", "a", "b"] == pytest.approx(slow)
    other = np.interp(np.linspace(0, 1, 7), np.linspace(0, 1, 12), lines.loc[("c", "truth"), "share"])
    slow = spearmanr(lines.loc[("a", "truth"), "share"], other).statistic
    assert row["truth", "a", "c"] == pytest.approx(slow)
    assert (
        back.agreement.set_index(["family", "other", "model"])["correlation"]["truth", "a", "c"]
        == row["truth", "a", "c"]
    )


def test_two_layers_and_flat_profiles_tell_nothing_and_three_do():
    flat = scores(5).assign(share=0.5)
    got = compare_models({"two": scores(2), "three": scores(3), "flat": flat, "many": scores(8)}).agreement
    told = got.set_index(["model", "other"])["correlation"].notna().groupby(level=[0, 1]).all()
    assert told.to_dict() == {
        ("two", "three"): False, ("two", "flat"): False, ("two", "many"): False, ("three", "flat"): False,
        ("three", "many"): True, ("flat", "many"): False,
    }  # fmt: skip


def test_bands_count_the_heads_that_hold_a_feature():
    models = {"a": scores(7, seed=1), "b": scores(2, seed=2)}
    got = compare_models(models).bands
    for row in got.itertuples():
        table = models[row.model]
        n_layers = table["layer"].nunique()
        rows = table[[layer_band(layer, n_layers) == row.band for layer in table["layer"]]]
        holding = rows[(rows["family"] == row.family) & (rows["rung"] >= 2)]
        assert (row.n_heads, row.n_holding) == (rows["name"].nunique(), holding["name"].nunique())
        assert row.holding_low <= row.holding == row.n_holding / row.n_heads <= row.holding_high
    assert got[got["model"] == "a"]["band"].tolist() == [*BANDS] * 2
    assert got[got["model"] == "b"]["band"].tolist() == ["shallow", "deep"] * 2  # two layers have no middle


def test_the_best_head_of_each_feature_is_the_one_a_search_finds():
    models = {"b": scores(7, seed=1), "a": scores(3, seed=2)}
    got = compare_models(models).features
    for row in got.itertuples():
        rows = models[row.model][models[row.model]["feature"] == row.feature]
        best = rows.loc[rows["share"].idxmax()]
        assert (row.name, row.share, row.share_low, row.rung) == tuple(best[["name", "share", "share_low", "rung"]])
        assert row.depth == best["layer"] / rows["layer"].max()
    assert got["model"].tolist() == ["b", "a"] * 4  # as given
    assert got["feature"].tolist() == ["c", "c", "d", "d", "a", "a", "b", "b"]  # by family
    ties = compare_models({model: rows.assign(share=0.5) for model, rows in models.items()}).features
    assert (ties["name"] == "L0H0").all()


def test_only_what_all_models_were_probed_on_counts():
    one, other = scores(5, seed=1), scores(5, seed=2)
    less = other[other["dataset"] != "d"]
    got = compare_models({"one": one, "other": less})
    assert (got.datasets, got.left_out) == (("a", "b", "c"), ("d",))
    same = compare_models({"one": one[one["dataset"] != "d"], "other": less})
    assert got.bands.equals(same.bands)
    assert got.agreement.equals(same.agreement)
    assert not compare_models({"one": one, "other": other}).bands.equals(got.bands)


def test_stacks_are_compared_each_with_each():
    cross = scores(6).assign(attention=lambda table: np.where(table["layer"] < 3, "encoder", "decoder"))
    got = compare_models({"t5": cross, "plain": scores(6, seed=1)})
    assert set(zip(got.agreement["attention"], got.agreement["other_attention"], strict=True)) == {
        ("encoder", "self"),
        ("decoder", "self"),
    }
    assert got.bands[got.bands["model"] == "t5"].groupby(["family", "attention"]).size().eq(3).all()


def test_the_order_of_rows_does_not_matter():
    models = {"a": scores(7, seed=1), "b": scores(4, seed=2)}
    got = compare_models(models)
    other = compare_models({model: rows.sample(frac=1, random_state=0) for model, rows in models.items()})
    for key in ("bands", "agreement", "features", "profiles"):
        assert getattr(got, key).equals(getattr(other, key))


def test_every_column_is_documented():
    models = {"a": scores(7, seed=1), "b": scores(4, seed=2)}
    got, table = compare_models(models), profiles(models["a"])
    tree = cluster_heads(table)
    for columns, rows in (
        (structure_columns.BANDS, got.bands),
        (structure_columns.AGREEMENT, got.agreement),
        (structure_columns.BEST, got.features),
        (structure_columns.LAYERS, got.profiles.drop(columns="model")),
        (structure_columns.FAMILY_SHARES, family_shares(models["a"])),
        (structure_columns.NEAREST, nearest_heads(table, 2)),
        (structure_columns.CLUSTERS, tree.clusters),
        (structure_columns.SILHOUETTES, tree.silhouettes),
        (structure_columns.LINKAGE, tree.linkage),
    ):
        assert list(columns) == list(rows)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ProbeError, match=r"1 model \(a\); a comparison needs at least 2"):
        compare_models({"a": scores(3)})
    with pytest.raises(ProbeError, match="0 model"):
        compare_models({})
    with pytest.raises(ProbeError, match="no dataset was probed on all of a, b"):
        compare_models({"a": scores(3), "b": scores(3).assign(dataset="other")})
