"""What `dvc metrics` shows of a run, and what it compares."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.report import main

pytestmark = pytest.mark.usefixtures("no_figures")
SHORT = ["heads", "decodable", "selective", "general", "unstable", "accuracy"]


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_a_model_has_one_short_row(run: Path) -> None:
    path = run / "results/taxonomy/minilm/heads.csv"
    heads = pd.read_csv(path).assign(stability=np.linspace(0.5, 1, 72))
    heads.to_csv(path, index=False)
    main([])
    row = read(run / "results/metrics/minilm.json")
    assert list(row) == SHORT
    assert row["heads"] == len(heads) == 72
    assert [row[name] for name in ("decodable", "selective", "general")] == [
        (heads["rung"] >= n).sum() for n in (1, 2, 3)
    ]
    assert row["decodable"] > row["selective"] > 0
    assert row["unstable"] == (heads["stability"] < 0.8).sum() > 0
    summaries = [read(path) for path in (run / "results/probes/minilm").glob("*/summary.json")]
    assert row["accuracy"] == round(np.mean([summary["selected"]["accuracy"] for summary in summaries]), 4)
    width = len("results/metrics/minilm.json") + sum(4 + max(len(name), len(str(row[name]))) for name in row)
    assert width <= 100  # a terminal


def test_selectivity_is_the_median_of_the_best_heads_that_have_one(run: Path) -> None:
    main([])
    best = []
    for path in (run / "results/probes/minilm").glob("*/heads.parquet"):
        rows = pd.read_parquet(path)
        best.append(rows.loc[rows["accuracy"].idxmax(), "selectivity"])
    assert np.isnan(best).sum() == 1
    assert read(run / "results/metrics.json")["minilm"]["selectivity"] == round(np.nanmedian(best), 4)


def test_without_any_control_task_there_is_no_selectivity(run: Path) -> None:
    for path in (run / "results/probes/minilm").glob("*/heads.parquet"):
        pd.read_parquet(path).assign(selectivity=None).to_parquet(path)
    main([])
    details = read(run / "results/metrics.json")["minilm"]
    assert "selectivity" not in details
    assert all("best_selectivity" not in cell for cell in details["datasets"].values())


def test_details_go_down_to_families_and_datasets(run: Path) -> None:
    main([])
    details = read(run / "results/metrics.json")["minilm"]
    won = pd.read_csv(run / "results/taxonomy/minilm/assignments.csv")
    heads = pd.read_csv(run / "results/taxonomy/minilm/heads.csv")
    assert {name: details[name] for name in SHORT} == read(run / "results/metrics/minilm.json")
    assert sum(details["labels"].values()) == 72
    assert details["labels"]["semantic"] == (heads["label"] == "semantic").sum()
    assert list(details["families"]) == ["factual", "semantic", "syntactic", "truth"]
    syntactic = won[won["family"] == "syntactic"]
    assert details["families"]["syntactic"] == {
        name: len(set(zip(rows["layer"], rows["head"], strict=True)))
        for name, rung in (("decodable", 1), ("selective", 2), ("general", 3))
        for rows in [syntactic[syntactic["rung"] >= rung]]
    }
    assert details["families"]["syntactic"]["decodable"] < len(syntactic)  # a head with two datasets counts once


def test_the_numbers_of_a_dataset(run: Path) -> None:
    main([])
    datasets = read(run / "results/metrics.json")["minilm"]["datasets"]
    won = pd.read_csv(run / "results/taxonomy/minilm/assignments.csv")
    cell = datasets["sentiment"]
    assert list(cell) == [
        *("best_accuracy", "best_accuracy_low", "best_selectivity", "selected_accuracy", "majority", "surface"),
        *("decodable", "selective", "general"),
    ]
    assert cell["selected_accuracy"] == pytest.approx(cell["best_accuracy"] - 0.01)
    assert cell["decodable"] == (won["dataset"] == "sentiment").sum()
    assert cell["selective"] == ((won["dataset"] == "sentiment") & (won["rung"] >= 2)).sum() > 0
    assert datasets["capital_truth"]["selective"] == 0
    assert cell["best_accuracy"] == round(cell["best_accuracy"], 4)


def test_keys_stay_when_no_head_passes(run: Path) -> None:
    folder = run / "results/taxonomy/minilm"
    pd.read_csv(folder / "assignments.csv").head(0).to_csv(folder / "assignments.csv", index=False)
    pd.read_csv(folder / "heads.csv").assign(label="unassigned", rung=0).to_csv(folder / "heads.csv", index=False)
    main([])
    details = read(run / "results/metrics.json")["minilm"]
    assert details["decodable"] == 0
    assert set(details["labels"]) == {"factual", "semantic", "syntactic", "truth", "polyfunctional", "unassigned"}
    assert details["families"]["truth"] == {"decodable": 0, "selective": 0, "general": 0}


def test_a_model_that_is_gone_has_no_row(run: Path) -> None:
    (run / "results/metrics").mkdir()
    (run / "results/metrics/gone.json").write_text("{}", encoding="utf-8")
    main([])
    assert [path.name for path in (run / "results/metrics").iterdir()] == ["minilm.json"]
