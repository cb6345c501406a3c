"""From results tables to rungs, labels and candidate cells."""

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from probes.errors import ProbeError
from probes.families import FAMILIES
from probes.rungs import EVIDENCE
from probes.survey import Survey
from probes.taxonomy import assign, classify_heads, score_heads, specialisation

PHASES = ["Knowledge Recalling", "In-Context Identification", "Latent Reasoning", "Expression Preparation"]
BEATEN = {name: 0.1 if name.endswith("_low") else 0.2 for name in EVIDENCE}
CELLS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def survey(features: dict[str, Any] | None = None) -> Survey:
    families = {name: {"cells": [f"{name} head"]} for name in FAMILIES}
    phases = {phase: [f"{name} head" for name in FAMILIES[i::4]] for i, phase in enumerate(PHASES)}
    return Survey(note="ours", phases=phases, families=families, features=features or {}, not_identifiable=[])


def results(dataset: str, family: str, passing: dict[tuple[int, int], float], feature: str = "") -> pd.DataFrame:
    """Return a results table of four heads; the passing ones have the accuracy given, the others that of chance."""
    rows = [
        {
            **{"model": "m", "dataset": dataset, "feature": feature or dataset, "family": family},
            **{"layer": layer, "head": head, "accuracy": passing.get((layer, head), 0.5), "majority": 0.5},
            "p_value": 0.01 if (layer, head) in passing else 0.8,
        }
        for layer, head in CELLS
    ]
    table = pd.DataFrame(rows).assign(**dict.fromkeys(EVIDENCE, math.nan))  # no baseline measured
    return table.assign(accuracy_low=table["accuracy"] - 0.05, accuracy_high=table["accuracy"] + 0.05)


def classify(*tables: pd.DataFrame, mapping: Survey | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return heads and assignments where rung 1 is enough for a label."""
    scored = score_heads(pd.concat(tables, ignore_index=True), 0.05)
    assignments = assign(scored, mapping or survey())
    return classify_heads(scored, assignments, 1), assignments


def test_a_head_has_the_rung_of_its_best_feature_and_each_feature_its_own() -> None:
    beaten = BEATEN | {"margin_general_low": -0.1, "margin_transfer_low": math.nan}
    selective = results("sense", "semantic", {(0, 1): 0.8}).assign(**beaten)
    heads, assignments = classify(selective, results("number", "syntactic", {(0, 1): 0.7, (1, 1): 0.9}))
    assert heads["rung"].tolist() == [0, 2, 0, 1]
    assert heads["rung_name"].tolist() == ["not decodable", "selective", "not decodable", "decodable"]
    assert assignments[["feature", "rung"]].values.tolist() == [["number", 1], ["sense", 2], ["number", 1]]
    assert set(EVIDENCE) <= set(assignments)


def test_a_label_asks_for_its_rung_and_the_counts_for_theirs() -> None:
    beaten = BEATEN | {"margin_general_low": -0.1, "margin_transfer_low": math.nan}
    selective = results("sense", "semantic", {(0, 1): 0.8}).assign(**beaten)
    general = results("role", "semantic", {(0, 1): 0.8}).assign(**BEATEN, p_general=0.01)
    every = pd.concat([selective, general, results("number", "syntactic", {(0, 1): 0.7})], ignore_index=True)
    scored = score_heads(every, 0.05)
    assignments = assign(scored, survey())
    rows = [classify_heads(scored, assignments, rung).iloc[1] for rung in (1, 2, 3)]
    assert [row["label"] for row in rows] == ["polyfunctional", "semantic", "semantic"]
    assert [row["features"] for row in rows] == ["number;role;sense", "role;sense", "role"]
    assert [row["rung"] for row in rows] == [3, 3, 3]
    assert rows[0][["n_decodable", "n_selective", "n_general"]].tolist() == [3, 2, 1]
    assert set(assignments["necessary"]) == {"not tested"}


def test_a_planted_head_is_labelled_and_no_other() -> None:
    heads, assignments = classify(results("truth_a", "truth", {(1, 0): 0.8}), results("sense", "semantic", {}))
    assert heads["name"].tolist() == ["L0H0", "L0H1", "L1H0", "L1H1"]
    assert heads["label"].tolist() == ["unassigned", "unassigned", "truth", "unassigned"]
    assert heads["rung"].tolist() == [0, 0, 1, 0]
    assert heads["rung_name"].tolist() == ["not decodable", "not decodable", "decodable", "not decodable"]
    assert heads["phase"].tolist() == ["", "", "Knowledge Recalling", ""]
    assert heads["features"].tolist() == ["", "", "truth_a", ""]
    (row,) = assignments.to_dict("records")
    assert (row["name"], row["feature"], row["dataset"], row["cell"]) == ("L1H0", "truth_a", "truth_a", "truth head")
    assert row["margin"] == pytest.approx(0.3)


def test_without_the_signal_nothing_is_assigned() -> None:
    heads, assignments = classify(results("truth_a", "truth", {}), results("sense", "semantic", {}))
    assert assignments.empty
    assert set(heads["label"]) == {"unassigned"}
    assert set(heads["family"]) == {""}
    assert heads["specialisation"].isna().all()


def test_a_head_of_two_families_is_polyfunctional_and_has_both() -> None:
    heads, assignments = classify(
        results("sense", "semantic", {(0, 1): 0.8}),
        results("number", "syntactic", {(0, 1): 0.7, (1, 1): 0.9}),
    )
    row = heads.set_index("name").loc["L0H1"]
    assert (row["label"], row["family"], row["features"]) == ("polyfunctional", "syntactic;semantic", "number;sense")
    assert row["phase"] == "In-Context Identification;Latent Reasoning"
    assert heads.set_index("name").loc["L1H1", "label"] == "syntactic"
    assert assignments["feature"].tolist() == ["number", "sense", "number"]


def test_two_datasets_of_one_feature_give_two_rows_and_one_feature() -> None:
    heads, assignments = classify(
        results("number_a", "syntactic", {(0, 0): 0.7}, "number"),
        results("number_b", "syntactic", {(0, 0): 0.9}, "number"),
        results("sense", "semantic", {(0, 0): 0.7}),
    )
    assert assignments["dataset"].tolist() == ["number_a", "number_b", "sense"]
    row = heads.iloc[0]
    assert row["features"] == "number;sense"
    # The better dataset stands for the family: margins 0.4 and 0.2 over 1 - 0.5.
    assert row["specialisation"] == pytest.approx(specialisation({"syntactic": 0.8, "semantic": 0.4}, 2))


def test_the_margin_counts_as_a_share_of_what_the_majority_leaves() -> None:
    easy = results("sense", "semantic", {(0, 0): 0.9}).assign(majority=0.8)
    hard = results("number", "syntactic", {(0, 0): 0.75})
    heads, _ = classify(easy, hard)
    assert heads["specialisation"][0] == pytest.approx(0.0, abs=1e-9)  # 0.1 of 0.2 and 0.25 of 0.5 are alike


def test_permuting_heads_permutes_rows() -> None:
    names = {(0, 0): (1, 1), (0, 1): (0, 0), (1, 0): (0, 1), (1, 1): (1, 0)}
    passing = [("sense", "semantic", {(0, 1): 0.8}), ("number", "syntactic", {(0, 1): 0.7, (1, 1): 0.9})]
    before, _ = classify(*(results(*table) for table in passing))
    after, _ = classify(*(results(d, f, {names[place]: value for place, value in p.items()}) for d, f, p in passing))
    told = ["label", "family", "phase", "features", "rung", "specialisation"]
    places = list(zip(before["layer"], before["head"], strict=True))
    moved = after.set_index(["layer", "head"]).loc[[names[place] for place in places], told].reset_index(drop=True)
    pd.testing.assert_frame_equal(moved, before[told])
    assert not after[told].equals(before[told])


def test_the_order_of_the_tables_does_not_matter() -> None:
    tables = [results("sense", "semantic", {(0, 1): 0.8}), results("number", "syntactic", {(0, 1): 0.7})]
    straight, turned = classify(*tables), classify(*(table.iloc[::-1] for table in reversed(tables)))
    for one, other in zip(straight, turned, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_new_dataset_of_one_family_leaves_the_entries_of_the_others_alone() -> None:
    old = [results("sense", "semantic", {(0, 1): 0.8}), results("number", "syntactic", {(0, 0): 0.7})]
    before, listed = classify(*old)
    after, listed_after = classify(*old, results("truth_a", "truth", {(0, 1): 0.9, (1, 1): 0.9}))
    others = listed_after[listed_after["family"] != "truth"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, listed)
    untouched = before["name"].isin(["L0H0", "L1H0"])  # heads that the new dataset says nothing of
    told = ["name", "label", "family", "phase", "features", "rung", "specialisation"]
    pd.testing.assert_frame_equal(after.loc[untouched, told], before.loc[untouched, told])
    assert after.loc[~untouched, "label"].tolist() == ["polyfunctional", "truth"]


def test_a_mapped_feature_has_its_own_cells_and_a_new_one_those_of_its_family() -> None:
    mapped = {"sentiment": {"family": "semantic", "cells": ["factual head", "syntactic head"]}}
    _, assignments = classify(
        results("sentiment", "semantic", {(0, 0): 0.8}),
        results("mine", "semantic", {(0, 0): 0.8}),
        mapping=survey(mapped),
    )
    places = assignments.set_index("feature")[["phase", "cell"]]
    assert places.loc["sentiment"].tolist() == [f"{PHASES[1]};{PHASES[3]}", "factual head;syntactic head"]
    assert places.loc["mine"].tolist() == [PHASES[2], "semantic head"]


def test_a_feature_without_a_phase_adds_none() -> None:
    mapped = {"mine": {"family": "semantic", "cells": []}}
    tables = results("mine", "semantic", {(0, 0): 0.8, (0, 1): 0.8}), results("number", "syntactic", {(0, 1): 0.8})
    heads, _ = classify(*tables, mapping=survey(mapped))
    assert heads["phase"].tolist()[:2] == ["", "In-Context Identification"]


def test_a_family_that_spec_and_mapping_disagree_on_is_refused() -> None:
    mapped = {"sentiment": {"family": "semantic", "cells": []}}
    with pytest.raises(ProbeError, match="sentiment is semantic, its dataset's spec says truth; make them agree"):
        classify(results("sentiment", "truth", {}), mapping=survey(mapped))


def test_two_specs_of_a_feature_that_disagree_on_its_family_are_refused() -> None:
    mapped = {"sentiment": {"family": "semantic", "cells": []}}
    with pytest.raises(ProbeError, match="make them agree"):
        classify(
            results("a", "semantic", {}, "sentiment"), results("b", "truth", {}, "sentiment"), mapping=survey(mapped)
        )


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(FAMILIES), st.floats(0, 1), max_size=6), st.integers(2, 6))
def test_specialisation_lies_between_zero_and_one(margins: dict[str, float], n_families: int) -> None:
    assume(len(margins) <= n_families)
    value = specialisation(margins, n_families)
    if sum(margins.values()) == 0:
        assert value is None
    else:
        assert value is not None
        assert 0 <= value <= 1


@pytest.mark.parametrize("n_families", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("margin", [0.1, 0.3, 1 / 3, 1.0])
def test_equal_margins_in_all_families_are_no_specialisation(margin: float, n_families: int) -> None:
    value = specialisation(dict.fromkeys(FAMILIES[:n_families], margin), n_families)
    assert value is not None
    assert 0 <= value < 1e-12  # rounding never makes it a negative zero in a table
    assert specialisation({"semantic": margin}, n_families) == 1


def test_specialisation_is_one_less_the_share_of_the_entropy() -> None:
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert specialisation({"semantic": 0.6, "truth": 0.2}, 5) == pytest.approx(1 - entropy / math.log(5))


@pytest.mark.parametrize(("margins", "n_families"), [({}, 3), ({"semantic": 0.2}, 1), ({"semantic": 0.0}, 2)])
def test_where_there_is_nothing_to_compare_specialisation_is_missing(
    margins: dict[str, float], n_families: int
) -> None:
    assert specialisation(margins, n_families) is None
