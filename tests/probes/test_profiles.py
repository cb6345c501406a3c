"""Layer profiles of the families, and the intervals of means over heads and features."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from probes.errors import ProbeError
from probes.profiles import crossed_interval, family_shares, layer_band, layer_profiles, stack_depths, wilson

FAMILY = {"a": "truth", "b": "truth", "c": "truth", "d": "syntactic"}


def scores(layers: dict[int, str], n_heads: int = 3, seed: int = 0, model: str = "m") -> pd.DataFrame:
    """Return scores of a model whose layers stand in the stacks given, four features in two families."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame([
        {
            **{"model": model, "layer": layer, "head": head, "name": f"L{layer}H{head}", "attention": stack},
            **{"dataset": feature, "feature": feature, "family": family},
            **{"rung": int(rng.integers(0, 4)), "share": float(rng.random())},
        }
        for layer, stack in layers.items()
        for head in range(n_heads)
        for feature, family in FAMILY.items()
    ])


def test_bands_are_thirds_and_both_ends_alike():
    for n_layers in range(1, 40):
        bands = [layer_band(layer, n_layers) for layer in range(n_layers)]
        order = {"shallow": "deep", "middle": "middle", "deep": "shallow"}
        assert bands == [order[band] for band in reversed(bands)]
        sizes = [bands.count(band) for band in order]
        assert max(sizes) - min(sizes) <= 1
        assert bands == sorted(bands, key=list(order).index)
    with pytest.raises(ProbeError, match="count from 0 to 5"):
        layer_band(6, 6)


def test_stacks_and_layers_without_attention_do_not_count_for_depth():
    depths = stack_depths(scores({0: "encoder", 1: "encoder", 2: "decoder", 3: "decoder", 4: "decoder", 7: "cross"}))
    by_layer = depths.set_index("layer")["depth"]
    assert by_layer.to_dict() == {0: 0, 1: 1, 2: 0, 3: 0.5, 4: 1, 7: 0}
    assert depths.set_index("layer")["band"].to_dict()[7] == "middle"


def test_a_layer_profile_is_the_mean_of_its_heads_and_the_family_s_features():
    table = scores({0: "encoder", 1: "encoder", 2: "cross"})
    got = layer_profiles(table)
    for row in got.itertuples():
        cell = table[(table["layer"] == row.layer) & (table["family"] == row.family)]
        assert row.share == pytest.approx(cell["share"].mean())
        assert row.n_holding == cell.loc[cell["rung"] >= 2, "name"].nunique()
        assert row.holding == row.n_holding / 3
        assert (row.n_heads, row.n_features) == (3, cell["feature"].nunique())
        assert row.holding_low <= row.holding <= row.holding_high
        assert row.attention == {0: "encoder", 1: "encoder", 2: "cross"}[row.layer]
    assert got["family"].unique().tolist() == ["syntactic", "truth"]
    assert got["share_low"].isna().tolist() == (got["n_features"] == 1).tolist()
    assert (layer_profiles(table, rung=3)["n_holding"] <= got["n_holding"]).all()


def test_a_shift_tells_layers_apart_where_features_differ_widely():
    table = scores({layer: "self" for layer in range(6)}, n_heads=8)
    level = table["feature"].map({"a": 0.0, "b": 0.5, "c": 1.0, "d": 0.0})
    rise = np.where(table["layer"] == 4, 0.2, 0.0)
    got = layer_profiles(table.assign(share=level + rise + 0.02 * table["share"]))
    truth = got[got["family"] == "truth"].set_index("layer")
    np.testing.assert_allclose(truth["shift"], truth["share"] - truth["share"].mean(), atol=1e-12)
    assert (truth["share_low"] < 0.1).all()  # three such features say next to nothing about the next
    assert truth.loc[4, "shift_low"] > 0.15 > 0 > truth.loc[0, "shift_high"]
    stacks = layer_profiles(scores({0: "encoder", 1: "cross", 2: "cross"}))
    assert stacks.groupby(["family", "attention"])["shift"].sum().abs().max() < 1e-12


def test_the_order_of_rows_and_heads_does_not_matter_and_other_families_stay():
    table = scores({0: "self", 1: "self"})
    assert layer_profiles(table.sample(frac=1, random_state=0)).equals(layer_profiles(table))
    alone = layer_profiles(table[table["family"] == "truth"])
    both = layer_profiles(table)
    assert both[both["family"] == "truth"].reset_index(drop=True).equals(alone)


def test_a_head_holds_a_family_by_one_of_its_features():
    table = scores({0: "self"}).assign(rung=0)
    table.loc[(table["name"] == "L0H1") & (table["feature"] == "b"), "rung"] = 2
    got = family_shares(table).set_index(["name", "family"])
    assert got["holds"][got["holds"]].index.tolist() == [("L0H1", "truth")]
    one = table[(table["name"] == "L0H2") & (table["family"] == "truth")]
    assert got.loc[("L0H2", "truth"), "share"] == pytest.approx(one["share"].mean())


@pytest.mark.parametrize(("count", "n"), [(0, 1), (1, 1), (0, 12), (3, 12), (12, 12), (70, 144)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilson_is_scipy_s(count, n, confidence):
    slow = binomtest(count, n).proportion_ci(confidence, method="wilson")
    assert wilson(count, n, confidence) == pytest.approx((slow.low, slow.high), abs=1e-12)


def test_the_crossed_interval_is_the_t_interval_where_only_one_factor_varies():
    features = np.array([0.1, 0.25, 0.3, 0.6])
    reach = 3.182446305284263 * features.std(ddof=1) / 2  # t at 3 degrees of freedom
    expected = pytest.approx((features.mean() - reach, features.mean() + reach))
    assert crossed_interval(np.tile(features, (5, 1)), 0.95) == expected
    assert crossed_interval(np.tile(features[:, None], (1, 5)), 0.95) == expected
    assert crossed_interval(features[None], 0.95) == expected  # one head


def test_nothing_shows_how_one_feature_would_vary_and_equal_scores_do_not():
    assert all(map(math.isnan, crossed_interval(np.random.default_rng(0).random((9, 1)), 0.95)))
    assert crossed_interval(np.full((3, 4), 0.25), 0.95) == (0.25, 0.25)


@pytest.mark.parametrize("spread", [(1.0, 0.2, 0.3), (0.2, 1.0, 0.3), (0.5, 0.5, 0.5), (0.0, 0.0, 1.0)])
@pytest.mark.parametrize("shape", [(4, 3), (12, 6)])
def test_crossed_intervals_cover_what_they_claim(spread, shape):
    rng = np.random.default_rng(0)
    of_feature, of_head, of_both = spread
    covered = []
    for _ in range(600):
        effects = of_feature * rng.normal(size=(1, shape[1])) + of_head * rng.normal(size=(shape[0], 1))
        low, high = crossed_interval(effects + of_both * rng.normal(size=shape), 0.95)
        covered.append(low <= 0 <= high)
    assert np.mean(covered) > 0.92
