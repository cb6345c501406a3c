"""Labels under resampling: rungs of replicates, agreement with the label, and datasets left out."""

import numpy as np
import pandas as pd
import pytest

from probes.labels import label_numbers, leave_one_out, replicate_rungs, stability
from probes.rungs import SELECTIVE, adjust_p_values, decide_rungs

DRAWS = 50
NULL = np.linspace(0.5, 0.6, 999)


def rows(dataset: str, family: str, accuracy: list[float], margin: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({
        "dataset": dataset, "feature": dataset, "family": family, "layer": 0, "head": range(len(accuracy)),
        "name": [f"L0H{head}" for head in range(len(accuracy))], "accuracy": accuracy, "majority": 0.5,
        "accuracy_low": np.array(accuracy) - 0.05, "null_accuracy": accuracy,
        "p_value": [(1 + (value <= NULL).sum()) / 1000 for value in accuracy],
        **{name: margin for name in SELECTIVE}, **{f"{name}_low": np.array(margin) - 0.05 for name in SELECTIVE},
    })  # fmt: skip
    return table


def scored(*tables: pd.DataFrame) -> pd.DataFrame:
    every = pd.concat(tables, ignore_index=True)
    every = every.assign(p_adjusted=adjust_p_values(every))
    return every.assign(rung=decide_rungs(every, 0.05))


def replicates(table: pd.DataFrame, spread: float, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return {
        str(name): {
            **{key: part[key].to_numpy() + spread * rng.normal(size=(DRAWS, len(part)))
               for key in ("accuracy", *SELECTIVE)},
            "null": NULL,
        }
        for name, part in table.groupby("dataset")
    }  # fmt: skip


def test_a_head_has_the_label_of_its_one_family_of_several_or_of_none() -> None:
    holds = np.array([[[True, False, False], [False, False, True], [True, True, False], [False, False, False]]])
    assert label_numbers(holds).tolist() == [[0, 2, 3, -1]]


def test_replicates_that_do_not_differ_give_the_rungs_of_the_table() -> None:
    table = scored(
        rows("a", "truth", [0.9, 0.7, 0.52], [0.3, 0.02, 0.3]), rows("b", "truth", [0.9, 0.61, 0.5], [0.01, 0.2, 0.0])
    )
    found = replicate_rungs(table, replicates(table, 0.0), 0.05)
    for name in ("a", "b"):
        assert (found[name] == table.loc[table["dataset"] == name, "rung"].to_numpy()).all()
    assert sorted(table["rung"]) == [0, 0, 1, 1, 2, 2]


def test_a_clear_label_is_stable_and_one_by_a_hair_is_not() -> None:
    table = scored(rows("a", "truth", [0.9, 0.9, 0.5], [0.3, 0.051, 0.0]), rows("b", "semantic", [0.5] * 3, [0.0] * 3))
    heads, families = stability(table, replicates(table, 0.02), 0.05, 2)
    assert heads["stability"][0] == 1.0
    assert heads["stability"][1] < 0.5  # five margins, each passing half of the time
    assert heads["stability"][2] == 1.0  # nothing there, nothing found
    assert families["family"].tolist() == ["semantic", "truth"] * 3
    assert families.loc[families["holds"], "head"].tolist() == [0, 1]


def test_a_second_family_in_half_of_the_replicates_halves_the_agreement() -> None:
    table = scored(rows("a", "truth", [0.9], [0.3]), rows("b", "semantic", [0.9], [0.04]))
    drawn = replicates(table, 0.0)
    for name in SELECTIVE:
        drawn["b"][name] = np.where(np.arange(DRAWS) % 2 == 0, 0.3, -0.3)[:, None]
    heads, families = stability(table, drawn, 0.05, 2)
    assert heads["stability"].tolist() == [0.5]
    assert families.set_index("family")["share"].to_dict() == {"semantic": 0.5, "truth": 1.0}


def test_stretched_intervals_ask_more_of_replicates_too() -> None:
    table = scored(rows("a", "truth", [0.9], [0.08]))
    drawn = replicates(table, 0.0)
    assert set(replicate_rungs(table, drawn, 0.05)["a"].ravel()) == {2}
    assert set(replicate_rungs(table.assign(stretch=2.0), drawn, 0.05)["a"].ravel()) == {1}


def test_where_the_control_task_was_refused_no_replicate_is_selective() -> None:
    table = scored(rows("a", "truth", [0.9], [0.3]).assign(selectivity=np.nan, selectivity_low=np.nan))
    drawn = replicates(table, 0.01)
    del drawn["a"]["selectivity"]
    assert set(replicate_rungs(table, drawn, 0.05)["a"].ravel()) == {1}


def test_heads_are_matched_by_place_in_whatever_order_rows_stand() -> None:
    table = scored(rows("a", "truth", [0.9, 0.5, 0.7], [0.3, 0.0, 0.051]))
    mixed = table.sample(frac=1, random_state=1)
    one, other = (stability(each, replicates(table, 0.02), 0.05, 2) for each in (table, mixed))
    for straight, turned in zip(one, other, strict=True):
        pd.testing.assert_frame_equal(straight, turned)


def test_leaving_out_a_dataset_changes_the_labels_that_hang_on_it_and_the_correction_of_its_family() -> None:
    p_value = 0.04  # alone below 0.05, with a second dataset of the family above
    table = scored(
        rows("a", "truth", [0.9, 0.5], [0.3, 0.0]).assign(p_value=[p_value, 0.9]),
        rows("b", "truth", [0.5, 0.5], [0.0, 0.0]).assign(p_value=[0.9, 0.9]),
        rows("c", "semantic", [0.5, 0.9], [0.0, 0.3]),
    )
    found = leave_one_out(table, 0.05, 2).set_index("dataset")
    assert found["changed"].to_dict() == {"a": "", "b": "L0H0", "c": "L0H1"}
    assert found["n_changed"].to_dict() == {"a": 0, "b": 1, "c": 1}


def test_without_any_other_dataset_every_label_hangs_on_it() -> None:
    found = leave_one_out(scored(rows("a", "truth", [0.9, 0.5], [0.3, 0.0])), 0.05, 2)
    assert found["changed"].tolist() == ["L0H0"]


@pytest.mark.parametrize("rung", [1, 2])
def test_the_rung_of_labels_decides_what_counts(rung: int) -> None:
    table = scored(rows("a", "truth", [0.9], [0.0]))
    assert stability(table, replicates(table, 0.0), 0.05, rung)[1]["holds"].tolist() == [rung == 1]
