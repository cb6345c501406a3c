"""What the taxonomy stage refuses."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.stages.taxonomy import main
from probes.errors import ProbeError
from tests.pipeline.taxonomy.project import (
    CELLS,
    OUT,
    PASSING,
    REPLICATES,
    TOP,
    read,
    run,
    write_cell,
    write_params,
)


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
