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
from safetensors.numpy import save_file

from pipeline.access import load_taxonomy
from pipeline.errors import PipelineError
from pipeline.jsonfile import write_json
from pipeline.stages.taxonomy import main
from probes.errors import ProbeError
from probes.rungs import EVIDENCE, SELECTIVE
from probes.schema import TABLES
from probes.structure_columns import SET_COLUMNS
from probes.table import heads_table

TOP = Path(__file__).parents[2]
CELLS, OUT = Path("results/probes/tiny"), Path("results/taxonomy/tiny")
FILES = {*(f"{name}.csv" for name in TABLES), "taxonomy.json", "schema.json"}
TRANSFER = (
    "model",
    "layer",
    "head",
    "feature",
    "trained_on",
    "tested_on",
    "margin",
    "margin_low",
    "margin_high",
    "p_value",
)
FAMILY = {"number": "syntactic", "sentiment": "semantic", "truth": "truth"}
THRESHOLDS = {"alpha": 0.05, "label_rung": 1, "stable": 0.8}
REPLICATES = "replicates.safetensors"
PLACES = [(0, 0), (0, 1), (1, 0), (1, 1)]
PASSING = {"number": {(0, 1): 0.7}, "sentiment": {(0, 1): 0.9, (1, 1): 0.8}, "truth": {}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three cells of four heads: number in L0H1, sentiment in L0H1 and L1H1, truth in none."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    shutil.copy(TOP / "data/taxonomy.yaml", "data/taxonomy.yaml")
    for dataset in PASSING:
        write_cell(dataset)
    Path("results/transfer/tiny").mkdir(parents=True)
    pd.DataFrame({name: [] for name in TRANSFER}).to_parquet("results/transfer/tiny/transfer.parquet", index=False)
    write_params(*PASSING)
    return tmp_path


def write_cell(dataset: str, family: str = "") -> None:
    accuracy = np.array([PASSING[dataset].get(place, 0.5) for place in PLACES])
    shared = {"model": "tiny", "dataset": dataset, "feature": dataset, "family": family or FAMILY[dataset]}
    scores = {"accuracy": accuracy, "accuracy_low": accuracy - 0.05, "accuracy_high": accuracy + 0.05}
    scores["attention"] = np.array(["encoder", "encoder", "cross", "cross"])
    scores["p_value"] = np.where(accuracy > 0.5, 0.01, 0.7)
    scores |= dict.fromkeys(EVIDENCE, np.where(accuracy > 0.85, 0.1, -0.1))  # sentiment in L0H1 stands out
    scores |= {"null_accuracy": accuracy, "margin_general_low": np.full(4, -0.1)}
    (CELLS / dataset).mkdir(parents=True, exist_ok=True)
    heads_table({**shared, "majority": 0.5}, PLACES, scores).to_parquet(CELLS / dataset / "heads.parquet", index=False)
    sets = dict.fromkeys(SET_COLUMNS, 0.5) | {"size": [1, 2]}
    pd.DataFrame(sets).to_parquet(CELLS / dataset / "sets.parquet", index=False)
    write_json(
        CELLS / dataset / "summary.json",
        {name: shared[name] for name in ("feature", "family")}
        | {"heads_needed": 1, "replicates": {"confidence": 0.95}},
    )
    margins = {name: np.stack([scores[name], scores[name] - 0.05]) for name in SELECTIVE}
    replicates = {"accuracy": np.stack([accuracy, accuracy]), **margins, "null": np.full(99, 0.55)}
    save_file({name: values.astype(np.float32) for name, values in replicates.items()}, CELLS / dataset / REPLICATES)


def write_params(*datasets: str, alpha: Any = 0.05, **more: Any) -> None:
    params = {name: {} for name in ("examples", "extract", "probe", "report")} | {
        "taxonomy": {"alpha": alpha, "label_rung": 1, "stable": 0.8} | more,
        "models": {"tiny": {"source": "somewhere/tiny"}},
        "datasets": {dataset: {} for dataset in datasets},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def run() -> dict[str, bytes]:
    main(["tiny"])
    return {path.name: path.read_bytes() for path in OUT.iterdir()}


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(OUT / name, keep_default_na=False)


def test_it_writes_every_table_and_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(run()) == FILES
    assert capsys.readouterr().out == (
        "taxonomy tiny: of 4 heads 2 decodable, 1 selective, 0 general; labels {'polyfunctional': 1, 'semantic': 1, "
        "'unassigned': 2}, 0 unstable\n"
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


def test_python_reads_what_the_stage_wrote_typed_as_the_schema_says(project: Path) -> None:
    run()
    taxonomy = load_taxonomy(OUT)
    assert taxonomy.heads["label"].tolist() == ["unassigned", "polyfunctional", "unassigned", "semantic"]
    assert taxonomy.heads["rung"].sum() == 3 and taxonomy.heads["stable"].all()
    assert len(taxonomy.scores) == 12 and taxonomy.scores["share"].max() == pytest.approx(0.8)
    assert len(taxonomy.phases) == 40
    for name, columns in TABLES.items():
        assert list(getattr(taxonomy, name)) == list(columns)
        assert list(taxonomy.schema[name]["columns"]) == list(columns)
    assert all(about["description"] for table in taxonomy.schema.values() for about in table["columns"].values())


def test_python_refuses_tables_that_are_not_those_of_the_schema(project: Path) -> None:
    with pytest.raises(PipelineError, match=r"schema.json"):
        load_taxonomy(OUT)
    run()
    heads = OUT / "heads.csv"
    heads.write_text(heads.read_text(encoding="utf-8").replace("label", "lable"), encoding="utf-8")
    with pytest.raises(
        PipelineError, match=r"heads.csv: columns model, .*lable.*; its schema.json says model, .*label"
    ):
        load_taxonomy(OUT)
    heads.unlink()
    with pytest.raises(PipelineError, match=r"heads.csv: no such file; make it again"):
        load_taxonomy(OUT)


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


def test_a_missing_cell_is_refused(project: Path) -> None:
    shutil.rmtree(CELLS / "truth")
    with pytest.raises(PipelineError, match=r"results/probes/tiny: no results for dataset 'truth', which params.yaml"):
        run()
    assert not OUT.exists()


def test_a_model_without_any_cell_is_refused(project: Path) -> None:
    with pytest.raises(PipelineError, match=r"results/probes/other: no results for dataset 'number', 'sentiment'"):
        main(["other"])


@pytest.mark.parametrize(
    "path",
    [*(CELLS / "truth" / name for name in ("heads.parquet", "sets.parquet", REPLICATES)),
     Path("results/transfer/tiny/transfer.parquet")],
)  # fmt: skip
def test_a_missing_file_is_refused_by_name(project: Path, path: Path) -> None:
    path.unlink()
    with pytest.raises(PipelineError, match=rf"{path}: no such file; .* make it again: `dvc repro`"):
        run()
    assert not OUT.exists()


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
    told = {name: content for name, content in run().items() if name not in ("phases.csv", "taxonomy.json")}
    assert not any(b"sentiment" in content.lower() for content in told.values())  # but the survey's own words
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
        ({"label_rung": 4}, "taxonomy.label_rung: expected 1, 2 or 3, got 4"),
        ({"stable": 1.5}, "taxonomy.stable: expected a share from 0 to 1, got 1.5"),
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
