"""The taxonomy stage from results tables to one row a head."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from probes.rungs import SELECTIVE
from probes.schema import TABLES
from tests.pipeline.taxonomy.project import (
    CELLS,
    FILES,
    OUT,
    PASSING,
    THRESHOLDS,
    read,
    run,
    write_params,
)


def test_it_writes_every_table_and_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(run()) == FILES
    assert re.fullmatch(
        "taxonomy tiny: of 4 heads 2 decodable, 1 selective, 0 general; labels: 1 polyfunctional, 1 semantic, "
        r"2 unassigned; 0 unstable, \d+\.\d s\n",
        capsys.readouterr().out,
    )


def test_heads_has_one_row_a_head(project: Path) -> None:
    run()
    heads = read("heads.csv")
    assert list(heads) == list(TABLES["heads"])
    assert heads["name"].tolist() == ["L0H0", "L0H1", "L1H0", "L1H1"]
    assert heads["label"].tolist() == ["unassigned", "polyfunctional", "unassigned", "semantic"]
    assert heads["family"].tolist() == ["", "syntactic;semantic", "", "semantic"]
    assert heads["features"].tolist() == ["", "number;sentiment", "", "sentiment"]
    assert heads["rung"].tolist() == [0, 2, 0, 1]
    # Margins 0.4 and 0.8 of what the majority leaves, of three families probed.
    mixture = 1 + (np.log(1 / 3) / 3 + np.log(2 / 3) * 2 / 3) / np.log(3)
    assert heads["specialisation"].tolist() == ["", f"{mixture:.6f}", "", "1.000000"]
    assert set(heads["stability"].astype(float)) == {1.0}
    assert heads["band"].tolist() == ["middle"] * 4  # the one layer of each stack
    assert heads["attention"].tolist() == ["encoder", "encoder", "cross", "cross"]


def test_assignments_has_one_row_a_head_and_dataset_that_passed(project: Path) -> None:
    run()
    rows = read("assignments.csv")
    assert list(rows) == list(TABLES["assignments"])
    assert rows[["name", "feature"]].values.tolist() == [
        ["L0H1", "number"],
        ["L0H1", "sentiment"],
        ["L1H1", "sentiment"],
    ]
    assert rows["rung"].astype(int).tolist() == [1, 2, 1]
    # `sentiment` has a line of its own in the mapping, `number` takes its family's.
    assert rows["cell"].tolist() == ["Syntactic Head", "Sentiment Summarizer", "Sentiment Summarizer"]
    assert set(rows["phase"]) == {"In-Context Identification"}
    evidence = rows[["accuracy", "accuracy_low", "accuracy_high", "majority", "margin", "p_value"]]
    np.testing.assert_allclose(evidence.iloc[1].astype(float), [0.9, 0.85, 0.95, 0.5, 0.4, 0.01])


def test_the_summary_holds_thresholds_counts_and_the_mapping(project: Path) -> None:
    content = json.loads(run()["taxonomy.json"])
    assert content["counts"] == {
        "heads": 4,
        "labels": {"polyfunctional": 1, "semantic": 1, "unassigned": 2},
        "rungs": {"0": 2, "1": 1, "2": 1},
        "families": {"semantic": 2, "syntactic": 1},
    }
    assert (content["model"], content["thresholds"], content["datasets"]) == ("tiny", THRESHOLDS, sorted(PASSING))
    assert [rung["rung"] for rung in content["rungs"]] == [0, 1, 2, 3, 4]
    assert list(content["features"]) == ["number", "sentiment", "truth"]
    assert content["features"]["sentiment"]["cells"] == ["Sentiment Summarizer"]
    assert "hypothesis" in content["mapping_note"]
    assert len(content["phases"]) == 4
    assert "Induction Head" in [row["head"] for row in content["not_identifiable"]]


def test_a_label_that_half_of_the_replicates_deny_is_marked_unstable(project: Path) -> None:
    write_params(*PASSING, label_rung=2)  # the second replicate's margins fall to where the interval touches 0
    for name in ("number", "sentiment", "truth"):
        table = pd.read_parquet(CELLS / name / "heads.parquet")
        lows = {f"{margin}_low": table[margin] - 0.06 for margin in SELECTIVE}
        table.assign(**lows).to_parquet(CELLS / name / "heads.parquet", index=False)
    run()
    heads = read("heads.csv").set_index("name")
    assert heads.loc["L0H1", ["label", "stability", "stable"]].tolist() == ["semantic", 0.5, False]
    assert heads.loc["L1H1", ["label", "stability", "stable"]].tolist() == ["unassigned", 1.0, True]
    families = read("families.csv")
    held = families[(families["layer"] == 0) & (families["head"] == 1) & families["holds"]]
    assert held[["family", "share"]].values.tolist() == [["semantic", 0.5]]


def test_leaving_out_a_dataset_tells_which_labels_hang_on_it(project: Path) -> None:
    run()
    rows = read("leave_one_out.csv").set_index("dataset")
    assert rows["n_changed"].to_dict() == {"number": 1, "sentiment": 2, "truth": 0}
    assert rows["changed"].to_dict() == {"number": "L0H1", "sentiment": "L0H1;L1H1", "truth": ""}


def test_another_dataset_of_the_feature_lifts_a_selective_head_to_general(project: Path) -> None:
    run()
    assert read("heads.csv")["rung"].tolist() == [0, 2, 0, 1]
    row = {"model": "tiny", "layer": 0, "head": [1, 1], "feature": "sentiment", "trained_on": "sentiment"}
    row |= {
        "tested_on": ["other", "more"],
        "margin": [0.3, 0.2],
        "margin_low": [0.1, 0.05],
        "margin_high": 0.4,
        "p_value": 0.01,
    }
    pd.DataFrame(row).to_parquet("results/transfer/tiny/transfer.parquet", index=False)
    run()
    assert read("heads.csv")["rung"].tolist() == [0, 3, 0, 1]
    assert read("assignments.csv")["transfer_to"].tolist() == ["", "more", ""]


def test_too_few_permutations_for_the_datasets_of_a_family_are_told(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(*PASSING, alpha=0.005)
    run()
    told = capsys.readouterr().out
    assert "no semantic head can be decodable: with 1 datasets of the family and 99 permutations no p-value" in told
    assert "raise probe.permutations to 200 or more" in told


def test_two_runs_give_the_same_bytes(project: Path) -> None:
    first = run()
    shutil.rmtree(OUT)
    assert run() == first


def test_the_order_of_the_datasets_in_params_changes_nothing(project: Path) -> None:
    first = run()
    write_params(*reversed(PASSING))
    assert run() == first


def test_a_stricter_alpha_passes_fewer_heads(project: Path) -> None:
    run()
    assert len(read("assignments.csv")) == 3
    write_params(*PASSING, alpha=0.005)
    run()
    assert read("assignments.csv").empty
    assert set(read("heads.csv")["label"]) == {"unassigned"}
