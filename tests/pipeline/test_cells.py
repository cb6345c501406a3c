"""The cells a stage reads: all that are wanted and no others."""

import shlex
from pathlib import Path

import pytest

from pipeline.cells import wanted_cells
from pipeline.errors import PipelineError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for cell in ("b", "a", "c"):
        (tmp_path / cell).mkdir()
        (tmp_path / cell / "heads.parquet").touch()
    return tmp_path


def test_folders_come_in_the_order_wanted(root: Path) -> None:
    assert wanted_cells(root, ["c", "a", "b"], "dataset") == [root / "c", root / "a", root / "b"]


def test_a_file_deep_in_a_cell_counts(root: Path) -> None:
    (root / "d" / "z").mkdir(parents=True)
    (root / "d" / "z" / "L00.npy").touch()
    assert wanted_cells(root, "abcd", "dataset")[-1] == root / "d"


def test_a_missing_cell_is_named_with_the_way_out(root: Path) -> None:
    with pytest.raises(PipelineError, match=r"no results for dataset 'd', 'e', .*make them with `dvc repro`") as caught:
        wanted_cells(root, ["a", "d", "b", "e", "c"], "dataset")
    assert "'a'" not in str(caught.value)


def test_a_folder_that_holds_no_file_is_missing(root: Path) -> None:
    (root / "d" / "z").mkdir(parents=True)
    (root / "d" / ".gitignore").touch()
    with pytest.raises(PipelineError, match="no results for dataset 'd'"):
        wanted_cells(root, "abcd", "dataset")


def test_all_are_missing_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no results for model 'a', 'b', 'c', 'd', 'e' and 2 more, which"):
        wanted_cells(tmp_path / "none", "abcdefg", "model")


def test_a_cell_that_params_do_not_name_is_refused_with_the_command_to_delete_it(root: Path) -> None:
    (root / "old one").mkdir()
    (root / "old one" / "heads.parquet").touch()
    with pytest.raises(PipelineError, match=r"dataset 'c', 'old one' is on disk but not in params\.yaml") as caught:
        wanted_cells(root, ["a", "b"], "dataset")
    command = str(caught.value).split("`")[1]
    assert shlex.split(command) == ["rm", "-r", str(root / "c"), str(root / "old one")]


def test_plain_files_hidden_folders_and_empty_folders_are_no_cells(root: Path) -> None:
    (root / ".gitignore").touch()
    (root / ".cache").mkdir()
    (root / ".cache" / "x").touch()
    (root / "empty").mkdir()
    assert wanted_cells(root, "abc", "dataset") == [root / "a", root / "b", root / "c"]


def test_one_command_deletes_all_that_a_removed_dataset_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("data/examples/old", "data/activations/m1/old", "results/probes/m1/old", "results/probes/m2/old"):
        Path(folder).mkdir(parents=True)
        (Path(folder) / "file").touch()
    everything = "data/activations/m1/old data/examples/old results/probes/m1/old results/probes/m2/old"
    with pytest.raises(PipelineError, match=f"`rm -r {everything}`"):
        wanted_cells(Path("results/probes/m1"), [], "dataset")
    with pytest.raises(PipelineError, match="`rm -r data/activations/m1 results/probes/m1 results/probes/m2`"):
        wanted_cells(Path("results/probes"), [], "model")
