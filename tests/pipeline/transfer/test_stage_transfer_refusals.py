"""What the transfer stage refuses: missing and foreign cells, damaged probes, stores of two models, params."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from pipeline.errors import PipelineError
from pipeline.jsonfile import read_json, write_json
from pipeline.stages.transfer import main
from probes.errors import ProbeError

TOP = Path(__file__).parents[3]


def refused(project: Any, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        main(["tiny"])
    assert not project.out.exists()


def test_a_dataset_without_probes_is_named(project: Any) -> None:
    shutil.rmtree(project.probes("second").parent)
    refused(project, r"results/probes/tiny: no results for dataset 'second', .*make them with `dvc repro`")


def test_a_dataset_without_activations_is_named(project: Any) -> None:
    shutil.rmtree(project.store("second"))
    refused(project, r"data/activations/tiny: no results for dataset 'second', .*make them with `dvc repro`")


def test_a_dataset_that_params_do_not_name_is_refused_with_the_command_to_delete_it(project: Any) -> None:
    project.write_params("second", "third")
    refused(
        project,
        r"results/probes/tiny: dataset 'first' is on disk but not in params\.yaml .*`rm -r "
        r"data/activations/tiny/first data/examples/first results/probes/tiny/first`",
    )


def test_a_missing_probe_file_is_named(project: Any) -> None:
    project.probes("first").unlink()
    (project.probes("first").parent / "heads.parquet").touch()
    refused(project, r"tiny/first/probes\.safetensors: no such file; make it with `dvc repro`")


def test_a_damaged_probe_file_is_named(project: Any) -> None:
    project.probes("first").write_bytes(project.probes("first").read_bytes()[:100])
    refused(project, r"tiny/first/probes\.safetensors: not readable \(.*\); run its probe stage again")


def test_probes_that_lack_a_layer_are_refused(project: Any) -> None:
    path, about = project.probes("first"), {"head_atlas": json.dumps({"classes": ["no", "yes"]})}
    tensors = {name: array for name, array in load_file(path).items() if name != "L01.coef"}
    save_file(tensors, path, metadata=about)
    refused(project, r"tiny/first/probes\.safetensors: no L01\.coef; run its probe stage again")


@pytest.mark.parametrize("about", [None, {"head_atlas": "{}"}])
def test_probes_without_class_names_are_refused(project: Any, about: dict[str, str] | None) -> None:
    save_file(load_file(project.probes("first")), project.probes("first"), metadata=about)
    refused(project, r"tiny/first/probes\.safetensors: its metadata names no classes; run its probe stage again")


def test_probes_of_heads_of_another_width_are_refused(project: Any) -> None:
    path, about = project.probes("first"), {"head_atlas": json.dumps({"classes": ["no", "yes"]})}
    cut = {
        name: array[..., :4].copy() if name[4:] in ("coef", "mean", "scale") else array
        for name, array in load_file(path).items()
    }
    save_file(cut, path, metadata=about)
    with pytest.raises(ProbeError, match=r"head outputs of shape \(4, 240, 6\).* train the probes on the model"):
        main(["tiny"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights_sha256": "11"}, "weights_sha256 is 00, but 11 in the store of first; both must come from one"),
        ({"n_heads": [4, 3]}, r"n_heads is \[4, 4\], but \[4, 3\] in the store of first; .*run `dvc repro`"),
    ],
)
def test_stores_of_two_versions_of_the_model_are_refused(project: Any, change: dict[str, Any], message: str) -> None:
    path = project.store("first") / "manifest.json"
    write_json(path, read_json(path) | change)
    refused(project, f"data/activations/tiny/second: {message}")


def test_an_example_without_a_text_is_refused(project: Any) -> None:
    path = project.examples("second") / "texts.parquet"
    texts = pd.read_parquet(path)
    texts[texts["example_id"] != "second-007"].to_parquet(path, index=False)
    refused(project, r"second/texts\.parquet: no text for 1 examples of .*tiny/second, first second-007; the store is")


def test_an_unfinished_store_is_refused(project: Any) -> None:
    (project.store("first") / "manifest.json").unlink()
    refused(project, "tiny/first: no manifest.json, so the extraction did not finish; run its extract stage again")


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"bootstrap": 9, "permutations": 9, "seed": 0}, r"params\.yaml: probe: missing confidence; needed"),
        ({"bootstrap": "many", "permutations": 9, "seed": 0, "confidence": 0.9}, r"probe\.bootstrap: expected int"),
        (
            {"bootstrap": 9, "permutations": 0, "seed": 0, "confidence": 0.9},
            r"probe\.permutations: expected at least 1",
        ),
        ([], r"params\.yaml: probe: expected `key: value` lines"),
    ],
)
def test_bad_params_are_refused(project: Any, probe: Any, message: str) -> None:
    project.write_params("first", "second", "third", probe=probe)
    refused(project, message)


def test_the_command_line_says_so_in_one_line(project: Any) -> None:
    shutil.rmtree(project.probes("second").parent)
    command = [sys.executable, "-m", "pipeline.stages.transfer", "tiny"]
    done = subprocess.run(command, env={"PYTHONPATH": str(TOP)}, capture_output=True, text=True)
    assert done.returncode != 0
    assert "no results for dataset 'second'" in done.stderr and "Traceback" not in done.stderr
