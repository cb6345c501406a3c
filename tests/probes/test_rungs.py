"""The ladder of evidence: every criterion on its own, p-values within families, transfer to other datasets."""

import math

import numpy as np
import pandas as pd
import pytest

from probes.rungs import EVIDENCE, SELECTIVE, add_transfer, adjust_p_values, decide_rungs

LOWS = {name: 0.1 for name in EVIDENCE if name.endswith("_low")}
ALL = dict.fromkeys(EVIDENCE, 0.2) | LOWS | {"p_general": 0.01, "p_transfer": 0.01}


def row(**changes: float | None) -> pd.DataFrame:
    return pd.DataFrame([{"p_adjusted": 0.01, "accuracy_low": 0.6, "majority": 0.5, **ALL, **changes}])


@pytest.mark.parametrize(
    ("p_value", "low", "rung"),
    [(0.01, 0.6, 1), (0.05, 0.6, 0), (0.0499, 0.6, 1), (0.01, 0.5, 0), (0.01, 0.5001, 1), (0.2, 0.4, 0)],
)
def test_a_head_is_decodable_by_its_p_value_and_its_interval_both(p_value: float, low: float, rung: int) -> None:
    rows = row(p_adjusted=p_value, accuracy_low=low)
    assert decide_rungs(rows.assign(**dict.fromkeys(EVIDENCE, math.nan)), 0.05).tolist() == [rung]
    # Margins lift a decodable head, and no other head.
    assert decide_rungs(rows, 0.05).tolist() == [3 * rung]


@pytest.mark.parametrize("name", SELECTIVE)
@pytest.mark.parametrize("low", [0.0, -0.01, None])
def test_one_margin_that_may_be_nothing_keeps_a_head_from_being_selective(name: str, low: float | None) -> None:
    assert decide_rungs(row(**{f"{name}_low": low}), 0.05).tolist() == [1]
    assert decide_rungs(row(**{f"{name}_low": 0.001}), 0.05).tolist() == [3]


@pytest.mark.parametrize(
    ("variants", "datasets", "rung"),
    [(0.1, 0.1, 3), (0.1, None, 3), (None, 0.1, 3), (0.1, -0.1, 3), (0.0, 0.0, 2), (None, None, 2), (-0.1, None, 2)],
)
def test_a_head_is_general_by_its_variants_or_by_other_datasets(
    variants: float | None, datasets: float | None, rung: int
) -> None:
    rows = row(margin_general_low=variants, margin_transfer_low=datasets)
    assert decide_rungs(rows, 0.05).tolist() == [rung]


@pytest.mark.parametrize(("p_general", "rung"), [(0.04, 3), (0.05, 2), (None, 2)])
def test_probes_of_other_variants_have_to_do_better_than_any_direction(p_general: float | None, rung: int) -> None:
    assert decide_rungs(row(p_general=p_general, margin_transfer_low=None), 0.05).tolist() == [rung]


@pytest.mark.parametrize(("stretch", "rung"), [(1.0, 3), (1.9, 3), (2.1, 1)])
def test_intervals_are_stretched_to_hold_for_all_heads(stretch: float, rung: int) -> None:
    assert decide_rungs(row(stretch=stretch), 0.05).tolist() == [rung]  # 0.2 - stretch (0.2 - 0.1)


def test_what_was_never_measured_is_no_error_and_no_evidence() -> None:
    assert decide_rungs(row().drop(columns=["margin_general_low", "margin_transfer_low"]), 0.05).tolist() == [2]


def cells(**p_values: list[float]) -> pd.DataFrame:
    families = {"a": "semantic", "b": "semantic", "c": "truth"}
    rows = [
        {"dataset": name, "family": families[name], "layer": 0, "head": head, "p_value": value}
        for name, values in p_values.items()
        for head, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_p_values_count_the_datasets_of_their_own_family_alone() -> None:
    rows = cells(a=[0.01, 0.9], b=[0.02, 0.9], c=[0.01, 0.9])
    assert adjust_p_values(rows).round(6).tolist() == [0.02, 1.0, 0.04, 1.0, 0.01, 0.9]
    without = rows[rows["dataset"] != "c"]
    assert adjust_p_values(without).tolist() == adjust_p_values(rows)[without.index].tolist()


def test_the_order_of_rows_does_not_matter() -> None:
    rows = cells(a=[0.01, 0.3, 0.2], b=[0.02, 0.5, 0.001], c=[0.01, 0.9, 0.4])
    mixed = rows.sample(frac=1, random_state=0)
    assert adjust_p_values(mixed)[rows.index].tolist() == adjust_p_values(rows).tolist()


def test_the_dataset_on_which_probes_are_weakest_speaks_for_the_head() -> None:
    heads = pd.DataFrame({"layer": 0, "head": [0, 1, 0], "dataset": ["a", "a", "b"]})
    transfer = pd.DataFrame({
        "layer": 0, "head": [0, 1, 0, 1], "trained_on": "a", "tested_on": ["b", "b", "c", "c"],
        "margin": [0.3, 0.4, 0.2, 0.5], "margin_low": [0.2, 0.1, -0.1, 0.4], "margin_high": [0.4, 0.5, 0.3, 0.6],
        "p_value": [0.01, 0.2, 0.3, 0.01],
    })  # fmt: skip
    found = add_transfer(heads, transfer)
    assert found["transfer_to"].tolist()[:2] == ["c", "b"]
    assert found["margin_transfer"].tolist()[:2] == [0.2, 0.4]
    assert np.isnan(found["margin_transfer_low"].iloc[2])
    assert found["p_transfer"].tolist()[:2] == [0.3, 0.2]  # the largest, whichever dataset it came from


def test_a_probe_that_any_direction_would_have_matched_does_not_transfer() -> None:
    rows = row(margin_general_low=None, p_transfer=0.2)
    assert decide_rungs(rows, 0.05).tolist() == [2]
    assert decide_rungs(rows.assign(p_transfer=0.04), 0.05).tolist() == [3]
