"""Known roles in known heads come out of the four stages as they were put in, and nothing else does."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probes.rungs import SELECTIVE
from tests.planted.builder import N_HEADS, N_LAYERS, ROLES, Role, Roles
from tests.planted.project import found, planted, run, start
from tests.planted.texts import FEATURES, KIND, Feature

CELL, HEADS = Path("results/probes/planted"), Path("results/taxonomy/planted/heads.csv")
ASSIGNMENTS = Path("results/taxonomy/planted/assignments.csv")
LABELS = {
    **{"L0H1": "structural", "L0H4": "polyfunctional", "L0H6": "semantic", "L1H0": "syntactic"},
    **{"L1H2": "polyfunctional", "L1H3": "syntactic", "L1H7": "structural"},
}
# What a head has of its own; the baselines `untrained` and `projection` belong to its place.
OWN = ["accuracy", "accuracy_low", "accuracy_high", "control_accuracy", "selectivity"]
FEW = 0.02  # examples that rounding may tip: the residual stream sums what heads write in their order
NAMED = ["label", "family", "phase", "features", "rung", "specialisation"]
MORE = {"case_again": Feature("semantic", "case", 1)}


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False)


def test_the_planted_heads_are_of_three_families_and_two_of_them_of_two() -> None:
    families = {place: {FEATURES[f].family for at, f in planted() if at == place} for place, _ in planted()}
    assert sorted(map(len, families.values())) == [1, 1, 1, 1, 1, 2, 2]
    assert set.union(*families.values()) == {"structural", "syntactic", "semantic"}


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("seed", range(1, 6))
def test_what_was_planted_is_found_and_nothing_else(seed: int) -> None:
    start(seed)
    assert found(run(seed)) == planted()


def test_and_so_it_is_with_the_seed_that_the_other_tests_go_on_from(finished: Path) -> None:
    assert found(read(finished / ASSIGNMENTS)) == planted()
    heads = read(finished / HEADS)
    selective = heads[heads["rung"] >= 2]
    assert dict(zip(selective["name"], selective["label"], strict=True)) == LABELS


@pytest.mark.usefixtures("empty")
def test_permuting_the_heads_of_the_model_permutes_the_rows_of_the_results(finished: Path) -> None:
    rng = np.random.default_rng(1)
    order = [rng.permutation(N_HEADS).tolist() for _ in range(N_LAYERS)]
    rows = [layer * N_HEADS + head for layer in range(N_LAYERS) for head in order[layer]]
    start(0, order=order)
    assert found(run(0)) == {((layer, order[layer].index(head)), feature) for (layer, head), feature in planted()}
    pd.testing.assert_frame_equal(
        read(HEADS)[NAMED], read(finished / HEADS)[NAMED].iloc[rows].reset_index(drop=True), check_exact=True
    )
    for feature in FEATURES:
        before = pd.read_parquet(finished / CELL / feature / "heads.parquet")[OWN].to_numpy()
        after = pd.read_parquet(CELL / feature / "heads.parquet")[OWN].to_numpy()
        np.testing.assert_allclose(after, before[rows], rtol=0, atol=FEW)
        assert np.abs(after - before).max() > 10 * FEW


def test_another_dataset_of_one_family_leaves_the_other_families_to_the_byte(copied: Path) -> None:
    after = run(0, FEATURES | MORE, known=FEATURES)
    assert found(after) == planted(features=FEATURES | MORE)  # and so it changes labels
    for table in ("assignments", "scores", "families", "layers"):
        file = HEADS.with_name(f"{table}.csv")
        for family in ("structural", "syntactic"):
            assert _lines(file, family) and _lines(file, family) == _lines(copied / file, family)
        assert _lines(file, "semantic") != _lines(copied / file, "semantic")
    before, heads = read(copied / HEADS), read(HEADS)
    aside = ~heads["family"].str.contains("semantic") & ~before["family"].str.contains("semantic")
    assert 0 < aside.sum() < len(heads)
    pd.testing.assert_frame_equal(heads.loc[aside, NAMED], before.loc[aside, NAMED], check_exact=True)
    assert heads["label"].ne(before["label"]).any()


@pytest.mark.usefixtures("empty")
def test_what_the_word_itself_tells_or_is_learnt_by_heart_is_decodable_and_not_selective() -> None:
    start(0, ROLES | {(0, 0): Role(0, ("valence",))})
    rows = run(0, {"valence_here": Feature("semantic", "valence", 0), "kind_before": Feature("syntactic", KIND, 1)})
    assert rows[["name", "feature", "rung"]].astype(str).values.tolist() == [
        ["L0H0", "valence_here", "1"],
        ["L0H2", "kind_before", "1"],
    ]
    lows = rows[[f"{margin}_low" for margin in SELECTIVE]].astype(float).to_numpy()
    assert [list(np.array(SELECTIVE)[low <= 0]) for low in lows] == [["margin_embedding"], ["selectivity"]]


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize(("attribute", "rung"), [("valence", 3), ("tense", 2)])
def test_a_head_is_general_where_another_dataset_of_the_feature_asks_for_the_same(attribute: str, rung: int) -> None:
    # Or it asks for something else that the head knows, and calls it the same. Much else has to be loud in the head: a
    # direction taken by chance would do where little but the attributes is there.
    start(0, ROLES | {(1, 2): Role(2, ("valence", "tense"), lemma=2.0)})
    again = Feature("semantic", attribute, 2, says="valence_earlier")
    rows = run(0, {"valence_earlier": FEATURES["valence_earlier"], "valence_later": again})
    assert set(rows.loc[rows["name"] == "L1H2", "rung"].astype(int)) == {rung}
    assert sorted(rows.loc[rows["name"] == "L1H2", "dataset"]) == ["valence_earlier", "valence_later"]


def _lines(path: Path, family: str) -> list[bytes]:
    """Return the lines of one family, as they stand in the file."""
    top, *lines = path.read_bytes().splitlines(keepends=True)
    column = top.split(b",").index(b"family")  # cells hold no comma
    return [line for line in lines if line.split(b",")[column] == family.encode()]


def _planted_heads_become(change: Callable[[Role], Role]) -> Roles:
    places = {place for place, _ in planted()}
    return {place: change(role) if place in places else role for place, role in ROLES.items()}


ABSENT = {
    "values that are zero": _planted_heads_become(lambda role: dataclasses.replace(role, attributes=())),
    "values of the lemma": _planted_heads_become(lambda role: dataclasses.replace(role, attributes=(), lemma=1.0)),
    "another place": _planted_heads_become(lambda role: dataclasses.replace(role, back=3)),
    "weights drawn anew": _planted_heads_become(lambda _: Role(lemma=1.0)),
}


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("change", ABSENT)
def test_without_what_was_planted_nothing_is_found(change: str) -> None:
    start(0, ABSENT[change])
    assert found(run(0)) == set()
