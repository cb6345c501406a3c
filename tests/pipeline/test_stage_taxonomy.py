"""The taxonomy stage from results tables to one row a head, and the cells it refuses."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.stages.taxonomy import main
from probes.errors import ProbeError
from probes.table import heads_table
from probes.taxonomy import EVIDENCE

TOP = Path(__file__).parents[2]
CELLS, OUT = Path("results/probes/tiny"), Path("results/taxonomy/tiny")
FILES = ("assignments.csv", "heads.csv", "taxonomy.json")
FAMILY = {"number": "syntactic", "sentiment": "semantic", "truth": "truth"}
PLACES = [(0, 0), (0, 1), (1, 0), (1, 1)]
PASSING = {"number": {(0, 1): 0.7}, "sentiment": {(0, 1): 0.9, (1, 1): 0.8}, "truth": {}}
HEAD_COLUMNS = """
    model layer head name label family phase features rung rung_name specialisation stability attention
"""
ASSIGNMENT_COLUMNS = """
    model layer head name feature dataset family phase cell rung accuracy accuracy_low accuracy_high majority margin
    p_value selectivity selectivity_low selectivity_high margin_surface margin_surface_low margin_surface_high
    margin_embedding margin_embedding_low margin_embedding_high margin_untrained margin_untrained_low
    margin_untrained_high margin_projection margin_projection_low margin_projection_high
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three cells of four heads: number in L0H1, sentiment in L0H1 and L1H1, truth in none."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    shutil.copy(TOP / "data/taxonomy.yaml", "data/taxonomy.yaml")
    for dataset in PASSING:
        write_cell(dataset)
    write_params(*PASSING)
    return tmp_path


def write_cell(dataset: str, family: str = "") -> None:
    accuracy = np.array([PASSING[dataset].get(place, 0.5) for place in PLACES])
    shared = {"model": "tiny", "dataset": dataset, "feature": dataset, "family": family or FAMILY[dataset]}
    scores = {"accuracy": accuracy, "accuracy_low": accuracy - 0.05, "accuracy_high": accuracy + 0.05}
    scores["attention"] = np.array(["encoder", "encoder", "cross", "cross"])
    scores["p_value"] = np.where(accuracy > 0.5, 0.01, 0.7)
    scores |= dict.fromkeys(EVIDENCE, np.where(accuracy > 0.85, 0.1, -0.1))  # sentiment in L0H1 stands out
    (CELLS / dataset).mkdir(parents=True, exist_ok=True)
    heads_table({**shared, "majority": 0.5}, PLACES, scores).to_parquet(CELLS / dataset / "heads.parquet", index=False)


def write_params(*datasets: str, alpha: Any = 0.05, **more: Any) -> None:
    params = {name: {} for name in ("examples", "extract", "probe", "report")} | {
        "taxonomy": {"alpha": alpha, **more},
        "models": {"tiny": {"source": "somewhere/tiny"}},
        "datasets": {dataset: {} for dataset in datasets},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def run() -> dict[str, bytes]:
    main(["tiny"])
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(OUT / name, keep_default_na=False)


def test_it_writes_three_files_and_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(run()) == set(FILES)
    assert capsys.readouterr().out == (
        "taxonomy tiny: 2 of 4 heads decodable, 1 selective, {'polyfunctional': 1, 'semantic': 1, 'unassigned': 2}\n"
    )


def test_heads_has_one_row_a_head(project: Path) -> None:
    run()
    heads = read("heads.csv")
    assert list(heads) == HEAD_COLUMNS.split()
    assert heads["name"].tolist() == ["L0H0", "L0H1", "L1H0", "L1H1"]
    assert heads["label"].tolist() == ["unassigned", "polyfunctional", "unassigned", "semantic"]
    assert heads["family"].tolist() == ["", "syntactic;semantic", "", "semantic"]
    assert heads["features"].tolist() == ["", "number;sentiment", "", "sentiment"]
    assert heads["rung"].tolist() == [0, 2, 0, 1]
    # Margins 0.4 and 0.8 of what the majority leaves, of three families probed.
    mixture = 1 + (np.log(1 / 3) / 3 + np.log(2 / 3) * 2 / 3) / np.log(3)
    assert heads["specialisation"].tolist() == ["", f"{mixture:.6f}", "", "1.000000"]
    assert set(heads["stability"]) == {""}  # not measured
    assert heads["attention"].tolist() == ["encoder", "encoder", "cross", "cross"]


def test_assignments_has_one_row_a_head_and_dataset_that_passed(project: Path) -> None:
    run()
    rows = read("assignments.csv")
    assert list(rows) == ASSIGNMENT_COLUMNS.split()
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
    assert (content["model"], content["thresholds"], content["datasets"]) == ("tiny", {"alpha": 0.05}, sorted(PASSING))
    assert [rung["rung"] for rung in content["rungs"]] == [0, 1, 2]
    assert list(content["features"]) == ["number", "sentiment", "truth"]
    assert content["features"]["sentiment"]["cells"] == ["Sentiment Summarizer"]
    assert "hypothesis" in content["mapping_note"]
    assert len(content["phases"]) == 4
    assert "Induction Head" in [row["head"] for row in content["not_identifiable"]]


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


def test_a_missing_cell_is_refused(project: Path) -> None:
    shutil.rmtree(CELLS / "truth")
    with pytest.raises(PipelineError, match=r"results/probes/tiny: no results for dataset 'truth', which params.yaml"):
        run()
    assert not OUT.exists()


def test_a_model_without_any_cell_is_refused(project: Path) -> None:
    with pytest.raises(PipelineError, match=r"results/probes/other: no results for dataset 'number', 'sentiment'"):
        main(["other"])


def test_a_leftover_of_a_removed_dataset_is_refused_with_the_way_out(project: Path) -> None:
    write_params("number", "truth")
    with pytest.raises(PipelineError, match=r"'sentiment' is on disk but not .* `rm -r results/probes/tiny/sentiment`"):
        run()
    assert not OUT.exists()


def test_after_the_way_out_nothing_of_the_removed_dataset_is_left(project: Path) -> None:
    assert any(b"sentiment" in content for content in run().values())
    write_params("number", "truth")
    with pytest.raises(PipelineError) as refused:
        run()
    command = str(refused.value).rsplit("`", 2)[1]
    subprocess.run(command, shell=True, check=True)
    assert not any(b"sentiment" in content.lower() for content in run().values())
    assert read("heads.csv")["label"].tolist() == ["unassigned", "syntactic", "unassigned", "unassigned"]


def test_a_feature_in_another_family_than_the_mapping_says_is_refused(project: Path) -> None:
    write_cell("sentiment", family="truth")
    with pytest.raises(ProbeError, match="sentiment is semantic, its dataset's spec says truth; make them agree"):
        run()


def test_an_unknown_cell_in_the_mapping_is_refused(project: Path) -> None:
    table = yaml.safe_load(Path("data/taxonomy.yaml").read_text(encoding="utf-8"))
    table["features"]["sentiment"]["cells"] = ["Mystery Head"]
    Path("data/taxonomy.yaml").write_text(yaml.safe_dump(table), encoding="utf-8")
    with pytest.raises(ProbeError, match=r"sentiment: cells: unknown 'Mystery Head'; .*known: Accuracy Head"):
        run()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"alpha": 0.0}, "taxonomy.alpha: expected a share between 0 and 1, got 0.0"),
        ({"alpha": 5}, "taxonomy.alpha: expected a share between 0 and 1, got 5.0"),
        ({"alpha": "small"}, "taxonomy.alpha: expected float, got 'small'"),
        ({"aplha": 0.1}, r"taxonomy: unknown key 'aplha'.*did you mean 'alpha'\?"),
    ],
)
def test_params_refused(project: Path, changes: dict[str, Any], message: str) -> None:
    write_params(*PASSING, **changes)
    with pytest.raises(PipelineError, match=message):
        run()


@pytest.mark.slow
def test_the_process_ends_with_one_line(project: Path) -> None:
    write_params("number", "truth")
    command = [sys.executable, "-m", "pipeline.stages.taxonomy", "tiny"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(TOP)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: results/probes/tiny: dataset 'sentiment' is on disk")
