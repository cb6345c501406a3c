"""What the probe stage refuses: params, stores of another version of the data, damaged stores, folds."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.jsonfile import write_json
from pipeline.stages.probe import main
from pipeline.store import finish_store
from probes.errors import ProbeError

TOP = Path(__file__).parents[3]
IDS = ["e0", "e1", "e2"]
PROBE = {
    **{
        "c_grid": [0.1, 1.0],
        "controls": 1,
        "permutations": 9,
        "null_probe": "full",
        "bootstrap": 9,
        "confidence": 0.9,
        "replicates": 9,
        "deals": 0,
        "sets": [1, 2],
        "random_sets": 2,
        "codelength": False,
    },
    **{"seed": 0, "device": "cpu"},
}


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Labels of three examples, and an index and a manifest of these, with one array of many."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/examples/toy"
    folder.mkdir(parents=True)
    labels = {"example_id": IDS, "label": ["a", "b", "a"], "group": IDS, "control_key": IDS, "fold": [0, 1, 2]}
    pd.DataFrame(labels).to_parquet(folder / "labels.parquet", index=False)
    surface = pd.DataFrame({"example_id": IDS, "predicted": "a"})
    surface.to_parquet(folder / "surface.parquet", index=False)
    pd.DataFrame({"example_id": IDS, "variant": None}).to_parquet(folder / "variants.parquet", index=False)
    write_json(folder / "card.json", {"feature": "mood", "family": "semantic", "surface": 0.5})
    write_store(IDS)
    path = tmp_path / "data/activations/tiny/toy/residual/final.npy"
    path.parent.mkdir()
    np.save(path, np.zeros((len(IDS), 8), np.float32))  # whose width says in how many steps the residual is probed
    write_params()
    return tmp_path


def write_store(ids: list[str], dropped: tuple[str, ...] = ()) -> None:
    folder = Path("data/activations/tiny/toy")
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"model": "tiny", "dataset": "toy", "n_layers": 1, "n_heads": [2], "d_head": [4], "layers": [0]}
    manifest |= {"attention": ["self"], "entering": ["residual/L00"], "leaving": ["residual/final"]}
    manifest["dropped_too_long"] = list(dropped)
    finish_store(folder, pd.DataFrame({"example_id": ids, "position": 0, "n_tokens": 1}), manifest)


def write_params(**probe: Any) -> None:
    params = {name: {} for name in ("examples", "extract", "taxonomy", "report")} | {
        "probe": PROBE | probe,
        "models": {"tiny": {}},
        "datasets": {"toy": {}},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def refused(message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        main(["tiny", "toy"])
    assert not Path("results").exists()


def test_an_unfinished_store_is_refused(bare: Path) -> None:
    Path("data/activations/tiny/toy/manifest.json").unlink()
    refused("tiny/toy: no manifest.json, so the extraction did not finish; run its extract stage again")


@pytest.mark.parametrize(
    ("ids", "dropped", "message"),
    [
        (
            ["x0", "x1", "x2"],
            (),
            "6 example ids stand in the store or in labels.parquet alone, first e0, e1, e2, x0, x1;",
        ),
        (["e0", "e1"], (), "1 example ids .* first e2; the store is of another version"),
        (["e0", "e1", "e2", "e3"], (), "1 example ids .* first e3;"),
        (["e0", "e1", "e2"], ("e9",), "1 example ids .* first e9;"),
    ],
)
def test_a_store_of_other_examples_is_refused(
    bare: Path, ids: list[str], dropped: tuple[str, ...], message: str
) -> None:
    write_store(ids, dropped)
    refused(message)


@pytest.mark.parametrize(("ids", "dropped"), [(["e2", "e0", "e1"], ()), (["e0", "e1"], ("e2",))])
def test_a_store_of_these_examples_is_not_refused_for_them(
    bare: Path, ids: list[str], dropped: tuple[str, ...]
) -> None:
    write_store(ids, dropped)
    refused(r"z/L00.npy: .*No such file")  # past the ids: now the arrays are what is missing


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"c_grid": [1.0, 0.1]}, r"probe.c_grid: expected ascending numbers above 0, got \[1.0, 0.1\]"),
        ({"c_grid": [0.1, 0.1]}, "probe.c_grid: expected ascending"),
        ({"c_grid": [0, 1]}, "probe.c_grid: expected ascending"),
        ({"c_grid": []}, "probe.c_grid: expected a list with at least one entry"),
        ({"confidence": 1.0}, "probe.confidence: expected a share between 0 and 1, got 1.0"),
        ({"confidence": 95}, "probe.confidence: expected a share between 0 and 1, got 95.0"),
        ({"permutations": 0}, "permutations, bootstrap and controls must be at least 1"),
        ({"bootstrap": 0}, "permutations, bootstrap and controls must be at least 1"),
        ({"controls": 0}, "permutations, bootstrap and controls must be at least 1"),
        ({"codelength": "yes"}, "probe.codelength: expected bool, got 'yes'"),
        ({"null_probe": "slow"}, "probe.null_probe: 'slow' is not one of one_step, full"),
        ({"seed": -1}, "probe.seed: expected 0 or more, got -1"),
        ({"permutations": 9.5}, "probe.permutations: expected int, got 9.5"),
        ({"permutation": 99}, r"unknown key 'permutation'.*did you mean 'permutations'\?"),
        ({"device": "tpu"}, "device: 'tpu' is not one of auto, cpu, cuda, cuda:N"),
    ],
)
def test_params_refused(bare: Path, changes: dict[str, Any], message: str) -> None:
    write_params(**changes)
    refused(message)


def test_a_missing_key_is_refused_by_name(bare: Path) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    del params["probe"]["seed"]
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    refused("params.yaml: probe: missing seed")


def test_surface_predictions_of_other_examples_are_refused(bare: Path) -> None:
    path = Path("data/examples/toy/surface.parquet")
    pd.read_parquet(path).iloc[:2].to_parquet(path, index=False)
    refused("1 example ids stand in the store or in surface.parquet alone, first e2;")


def test_two_folds_are_refused(project: Any) -> None:
    project.change_labels(fold=np.arange(240) // 4 % 2)
    with pytest.raises(ProbeError, match="2 folds; at least 3 are needed"):
        project.run()


def test_a_class_that_a_training_set_lacks_is_refused(project: Any) -> None:
    number = np.arange(240)
    project.change_labels(label=np.where((number // 4 % 5 == 1) & (number % 2 == 1), "maybe", "no"))
    with pytest.raises(ProbeError, match=r"test fold 0: classes \[0\] do not occur in its training folds"):
        project.run()


@pytest.mark.parametrize("name", ["z/L01", "untrained/L00", "residual/final", "residual/L00", "embedding"])
def test_an_array_cut_short_or_missing_is_refused(project: Any, name: str) -> None:
    path = project.store / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PipelineError, match=rf"{name}.npy: .*; run its extract stage again"):
        project.run()
    path.unlink()
    with pytest.raises(PipelineError, match=rf"{name}.npy: .*No such file"):
        project.run()
    assert not project.out.exists()


@pytest.mark.parametrize(
    ("name", "at", "place"),
    [
        ("z/L01", (3, 2, 0), "z/L01.npy: layer 1, head 2, example"),
        ("untrained/L00", (3, 1, 5), "untrained/L00.npy: layer 0, head 1, example"),
        ("residual/final", (3, 0), "residual/final.npy, example"),
        ("embedding", (3, 4), "embedding.npy, example"),
    ],
)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_activation_that_is_no_number_is_refused_by_layer_head_and_example(
    project: Any, name: str, at: tuple[int, ...], place: str, value: float
) -> None:
    array = np.load(project.store / f"{name}.npy")
    array[at] = value
    np.save(project.store / f"{name}.npy", array)
    with pytest.raises(PipelineError, match=rf"{place} {project.stored_ids()[3]}: not a finite number"):
        project.run()
    assert not project.out.exists()


@pytest.mark.slow
def test_the_process_ends_with_one_line(bare: Path) -> None:
    write_params(c_grid=[1.0, 0.1])
    command = [sys.executable, "-m", "pipeline.stages.probe", "tiny", "toy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(TOP)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: params.yaml: probe.c_grid: expected ascending numbers above 0, got [1.0, 0.1]\n"
