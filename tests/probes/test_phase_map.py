"""The four-phase map: every head of the survey, and how many of our heads may be one."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from probes.survey import RUNG_COUNTS, STATUS, Survey, parse_survey, phase_map

TOP = Path(__file__).parents[2]
COUNTS = list(RUNG_COUNTS)
PROBED = {"subject_number": "syntactic", "sentiment": "semantic", "of_mine": "syntactic", "capital_truth": "truth"}


@pytest.fixture(scope="module")
def survey() -> Survey:
    return parse_survey(yaml.safe_load((TOP / "data/taxonomy.yaml").read_text(encoding="utf-8")))


def passed(*rows: tuple[int, int, str, int]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["layer", "head", "feature", "rung"])


def slow_count(survey: Survey, assignments: pd.DataFrame, name: str, rung: int) -> int:
    """Count the heads for a cell row by row, from the survey's lines alone."""
    found = set()
    for row in assignments.to_dict("records"):
        line = survey.features.get(row["feature"], survey.families[PROBED[row["feature"]]])
        candidate = any(name in other["cells"] for other in (*survey.features.values(), *survey.families.values()))
        if row["rung"] >= rung and name in line["cells" if candidate else "alike"]:
            found.add((row["layer"], row["head"]))
    return len(found)


ROWS = passed(
    (0, 0, "subject_number", 1),
    (0, 1, "subject_number", 3),
    (0, 1, "of_mine", 2),
    (2, 1, "of_mine", 2),
    (1, 0, "sentiment", 2),
    (1, 0, "sentiment", 1),  # the same head on another dataset of the feature counts once
)


def row_of(table: pd.DataFrame, cell: str) -> dict[str, Any]:
    (row,) = table[table["cell"] == cell].to_dict("records")
    return {str(key): value for key, value in row.items()}


def test_every_head_of_the_survey_has_one_row_in_the_survey_s_order(survey: Survey) -> None:
    table = phase_map(ROWS, survey, PROBED)
    assert list(table) == ["phase", "group", "cell", "does", "methods", "status", "features", *COUNTS]
    assert table["cell"].tolist() == [head["head"] for head in survey.heads]
    assert len(table) == 40
    assert Counter(table["status"]) == dict(zip(STATUS, (17, 7, 16), strict=True))


def test_the_counts_are_those_of_a_slow_count(survey: Survey) -> None:
    table = phase_map(ROWS, survey, PROBED)
    told = table[table["features"] != ""]
    assert len(told) >= 8
    for cell, *counts in told[["cell", *COUNTS]].itertuples(index=False, name=None):
        assert counts == [slow_count(survey, ROWS, cell, rung) for rung in RUNG_COUNTS.values()]
    assert told["n_decodable"].max() == 3


def test_a_candidate_counts_the_features_that_have_it_among_their_cells(survey: Survey) -> None:
    table = phase_map(ROWS, survey, PROBED)
    # `of_mine` has no line of its own: its family's cells hold, which name the Syntactic Head and not the Mover Head.
    assert [row_of(table, "Syntactic Head")[key] for key in ("features", *COUNTS)] == [
        "of_mine;subject_number",
        3,
        2,
        1,
    ]
    assert [row_of(table, "Mover Head")[key] for key in ("features", *COUNTS)] == ["subject_number", 2, 1, 1]


def test_a_head_that_is_alike_counts_what_cannot_tell_it_from_a_candidate(survey: Survey) -> None:
    table = phase_map(ROWS, survey, PROBED)
    summary, mover = row_of(table, "Summary Reader"), row_of(table, "Name Mover Head")
    assert [summary[key] for key in ("status", "features", *COUNTS)] == ["alike", "sentiment", 1, 1, 0]
    assert [mover[key] for key in COUNTS] == [row_of(table, "Mover Head")[key] for key in COUNTS]


def test_a_head_that_no_probe_tells_has_no_count_even_where_a_feature_cannot_tell_it_apart(survey: Survey) -> None:
    assert "Negative Name Mover Head" in survey.features["subject_number"]["alike"]
    row = row_of(phase_map(ROWS, survey, PROBED), "Negative Name Mover Head")
    assert (row["status"], row["features"]) == ("not identifiable", "")
    assert all(pd.isna(row[column]) for column in COUNTS)


def test_a_feature_probed_in_vain_counts_0_and_one_not_probed_is_missing(survey: Survey) -> None:
    table = phase_map(ROWS, survey, PROBED)
    assert [row_of(table, "Truthfulness Head")[key] for key in COUNTS] == [0, 0, 0]
    assert all(pd.isna(row_of(table, "Duplicate Head")[key]) for key in COUNTS)


def test_where_no_head_passes_every_count_is_0(survey: Survey) -> None:
    table = phase_map(passed(), survey, PROBED)
    assert table.loc[table["features"] != "", COUNTS].eq(0).all(axis=None)


def test_the_order_of_rows_and_features_changes_nothing(survey: Survey) -> None:
    other = phase_map(ROWS.iloc[::-1], survey, dict(reversed(PROBED.items())))
    pd.testing.assert_frame_equal(other, phase_map(ROWS, survey, PROBED))


def test_an_inferred_method_says_so_unless_the_kind_is_also_sure(survey: Survey) -> None:
    table = phase_map(ROWS, survey, PROBED)
    assert row_of(table, "Truthfulness Head")["methods"] == "training-required"
    assert row_of(table, "Subject Head")["methods"] == "training-free (inferred)"
    assert row_of(table, "Positional Head")["methods"] == "training-free"
    assert row_of(table, "Relation Head")["methods"] == "training-free (inferred);modeling-free"


def test_it_is_written_and_read_back_without_a_float(survey: Survey, tmp_path: Path) -> None:
    table = phase_map(ROWS, survey, PROBED)
    table.to_csv(tmp_path / "phases.csv", index=False, lineterminator="\n")
    back = pd.read_csv(tmp_path / "phases.csv", dtype=str, keep_default_na=False)
    assert set(back["n_decodable"]) == {"", "0", "1", "2", "3"}
