"""Our map beside a published one: planted correlations, slow references, ties, and what is refused."""

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from probes.errors import ProbeError
from probes.published import COLUMNS, FEWEST, compare_maps, share_of_top, spearman

Floats = NDArray[np.float64]
N_LAYERS, N_HEADS = 12, 12


def heads(**tasks: Floats) -> pd.DataFrame:
    """Return a map of 12 x 12 heads."""
    layer, head = np.divmod(np.arange(N_LAYERS * N_HEADS), N_HEADS)
    return pd.DataFrame({"layer": layer, "head": head, **tasks})


def planted(rho: float, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two maps of one task whose normal scores correlate with r in the population; Spearman is then known."""
    rng = np.random.default_rng(seed)
    r = 2 * np.sin(np.pi * rho / 6)  # the Pearson correlation that gives this Spearman correlation
    left, noise = rng.normal(size=(2, N_LAYERS * N_HEADS))
    right = r * left + np.sqrt(1 - r**2) * noise
    return heads(Tense=0.7 + 0.05 * left), heads(Tense=0.6 + 0.05 * right)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9, 0.97, -0.6])
def test_a_planted_correlation_comes_out_inside_its_interval(rho: float) -> None:
    rows = [compare_maps(*planted(rho, seed), n_draws=300).iloc[0] for seed in range(40)]
    assert np.mean([row["rho"] for row in rows]) == pytest.approx(rho, abs=0.05)
    held = sum(row["rho_low"] <= rho <= row["rho_high"] for row in rows)
    assert held >= 34  # of 40; binomial(40, 0.95) lies below 34 once in 700
    assert all(row["rho_low"] < row["rho"] < row["rho_high"] for row in rows)


def test_permuted_heads_agree_no_more_than_by_chance() -> None:
    ours, theirs = planted(0.97)
    rng = np.random.default_rng(1)
    shuffled = [compare_maps(ours.assign(Tense=rng.permutation(ours["Tense"])), theirs, n_draws=1) for _ in range(200)]
    table = pd.concat(shuffled)
    assert abs(table["rho"].mean()) < 4 / np.sqrt(200 * 143)
    for k in (5, 10):
        chance = table[f"chance_{k}"].iloc[0]
        assert chance == k * k / 144
        assert table[f"overlap_{k}"].mean() == pytest.approx(chance, abs=4 * np.sqrt(chance / 200))
    assert table["in_top_5"].mean() < 0.12  # 5 of 144 by chance
    (matched,) = compare_maps(ours, theirs, n_draws=1).to_dict("records")
    assert matched["rho"] > 0.9
    assert matched["overlap_10"] > 3


def test_the_order_of_rows_and_a_common_relabelling_of_heads_change_nothing() -> None:
    ours, theirs = planted(0.8)
    expected = compare_maps(ours, theirs)
    pd.testing.assert_frame_equal(compare_maps(ours.sample(frac=1, random_state=0), theirs.iloc[::-1]), expected)
    flipped = compare_maps(ours.assign(layer=11 - ours["layer"]), theirs.assign(layer=11 - theirs["layer"]))
    same = ["rho", "overlap_5", "overlap_10", "rank", "best", "difference"]
    np.testing.assert_allclose(flipped[same].to_numpy(float), expected[same].to_numpy(float), rtol=0, atol=1e-12)


def test_a_rising_change_of_scale_changes_only_the_heights() -> None:
    ours, theirs = planted(0.8)
    pinched = compare_maps(ours.assign(Tense=ours["Tense"] ** 3), theirs).iloc[0]
    expected = compare_maps(ours, theirs).iloc[0]
    assert pinched.drop(["best", "difference"]).equals(expected.drop(["best", "difference"]))
    assert pinched["best"] == pytest.approx(expected["best"] ** 3)


def test_spearman_is_that_of_scipy_with_ties_and_without() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(2, 6, 50))
    left[3:] = left[3:].round()
    right[4:] = right[4:].round(1)
    expected = [spearmanr(a, b).statistic for a, b in zip(left, right, strict=True)]
    np.testing.assert_allclose(spearman(left, right), expected, rtol=0, atol=1e-12)


def slow_overlap(ours: list[int], theirs: list[int], k: int) -> Fraction:
    """Return the overlap of the best k averaged over every order in which ties may be broken, on either side."""
    places = range(len(ours))

    def tops(scores: list[int]) -> list[frozenset[int]]:
        orders = [order for order in permutations(places) if [scores[i] for i in order] == sorted(scores, reverse=True)]
        return [frozenset(order[:k]) for order in orders]

    sides = [(a, b) for a in tops(ours) for b in tops(theirs)]
    return Fraction(sum(len(a & b) for a, b in sides), len(sides))


@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("ours", [[5, 4, 3, 2, 1], [3, 3, 2, 2, 1], [1, 1, 1, 1, 1], [1, 2, 2, 2, 3]])
@pytest.mark.parametrize("theirs", [[5, 4, 3, 2, 1], [2, 1, 2, 1, 2]])
def test_ties_at_the_edge_count_as_over_all_ways_to_break_them(ours: list[int], theirs: list[int], k: int) -> None:
    shares = [share_of_top(np.array(side, float), k) for side in (ours, theirs)]
    assert shares[0].sum() == pytest.approx(k)
    assert shares[0] @ shares[1] == pytest.approx(float(slow_overlap(ours, theirs, k)))


def test_a_flat_map_has_no_correlation_and_the_overlap_of_chance() -> None:
    ours, _ = planted(0.9)
    with np.errstate(all="raise"):
        row = compare_maps(ours, heads(Tense=np.full(144, 0.5))).iloc[0]
    assert np.isnan(row[["rho", "rho_low", "rho_high"]].to_numpy(float)).all()
    assert (row["overlap_5"], row["overlap_10"]) == pytest.approx((row["chance_5"], row["chance_10"]))
    flat = compare_maps(heads(Tense=np.full(144, 0.5)), ours).iloc[0]
    assert (flat["rank"], flat["in_top_5"]) == (72.5, False)  # not the first merely because nothing beats it


def test_their_best_heads_are_all_named_where_they_tie() -> None:
    there = np.linspace(0.5, 0.8, 144)
    there[[7, 20]] = 0.9
    here = there.copy()
    here[7] = 0.5
    row = compare_maps(heads(Tense=here), heads(Tense=there)).iloc[0]
    assert (row["published_best"], row["rank"], row["in_top_5"]) == ("L0H7, L1H8", 1, True)
    assert (row["best"], row["best_published"], row["difference"]) == (0.9, 0.9, 0)


@pytest.mark.parametrize(("rank", "inside"), [(5, True), (6, False)])
def test_the_top_five_ends_after_five(rank: int, inside: bool) -> None:
    here, there = np.linspace(0.8, 0.5, 144), np.full(144, 0.5)
    there[rank - 1] = 0.6
    row = compare_maps(heads(Tense=here), heads(Tense=there)).iloc[0]
    assert (row["rank"], row["in_top_5"]) == (rank, inside)


def test_tasks_are_compared_by_themselves_in_the_order_of_the_published_map() -> None:
    ours, theirs = planted(0.7)
    both = compare_maps(ours.assign(Depth=0.3, Extra=0.1), theirs.assign(Depth=theirs["Tense"], Other=0.2)[::-1])
    assert (list(both), both["task"].tolist()) == (list(COLUMNS), ["Tense", "Depth"])
    pd.testing.assert_frame_equal(both[:1], compare_maps(ours, theirs))


def test_few_heads_count_as_far_as_they_go() -> None:
    few = heads(Tense=np.linspace(0, 1, 144))[:6]
    row = compare_maps(few, few).iloc[0]
    assert (row["overlap_5"], row["chance_5"]) == (5, 25 / 6)
    assert (row["overlap_10"], row["chance_10"]) == (6, 6)


def test_the_same_inputs_give_the_same_and_another_seed_another_interval() -> None:
    maps = planted(0.7)
    pd.testing.assert_frame_equal(compare_maps(*maps), compare_maps(*maps))
    wide, narrow = compare_maps(*maps, confidence=0.99).iloc[0], compare_maps(*maps, confidence=0.5).iloc[0]
    assert wide["rho_low"] < narrow["rho_low"] < narrow["rho_high"] < wide["rho_high"]
    assert compare_maps(*maps, seed=1)["rho_low"].item() != compare_maps(*maps)["rho_low"].item()


Change = Callable[[pd.DataFrame], pd.DataFrame]
REFUSALS: list[tuple[Change, str]] = [
    (lambda ours: ours.drop(columns="head"), r"^ours: no column head; has layer, Tense"),
    (lambda ours: ours.rename(columns={"Tense": "tense"}), "no task in common: ours has tense, published has Tense"),
    (lambda ours: ours[["layer", "head"]], "no task in common: ours has none"),
    (lambda ours: ours[2:], r"different heads: only in the published map: L0H0, L0H1; compare"),
    (lambda ours: ours.assign(head=ours["head"] + 1), "only in ours: L0H12, .* and 2 more; only in the published map"),
    (lambda ours: pd.concat([ours, ours[5:7]]), "^ours: more than one row for L0H5, L0H6; keep one"),
    (lambda ours: ours.assign(Tense=ours["Tense"] * 100), r"^ours: Tense of L0H0, .*: .* no accuracy; expected a"),
    (lambda ours: ours.assign(Tense=ours["Tense"].where(ours["layer"] != 3)), "^ours: Tense of L3H0, .* nan is no acc"),
    (lambda ours: ours.assign(Tense="high"), "^ours: Tense of L0H0, .*: 'high' is no accuracy"),
    (lambda ours: ours[: FEWEST - 1], "^ours: 3 heads; at least 4 are needed"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), REFUSALS)
def test_maps_that_cannot_be_compared_are_refused(change: Change, message: str) -> None:
    ours, theirs = planted(0.9)
    with pytest.raises(ProbeError, match=message):
        compare_maps(change(ours), theirs)


@pytest.mark.parametrize(("n_draws", "confidence"), [(0, 0.95), (10, 0.0), (10, 1.0), (10, 95.0)])
def test_draws_and_confidence_are_checked(n_draws: int, confidence: float) -> None:
    with pytest.raises(ProbeError, match="expected at least 1 draw"):
        compare_maps(*planted(0.9), n_draws=n_draws, confidence=confidence)
