"""The transfer stage from stores and probes to one row a head and direction."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from pipeline.jsonfile import read_json, write_json
from pipeline.stages.transfer import main
from probes.transfer import COLUMNS

TOP = Path(__file__).parents[3]
BOTH = [("first", "second"), ("second", "first")]


def run(project: Any) -> dict[str, bytes]:
    main(["tiny"])
    return {path.name: path.read_bytes() for path in project.out.iterdir()}


def summary(project: Any) -> dict[str, Any]:
    return read_json(project.out / "summary.json")


def test_it_writes_two_files_and_one_line(project: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(run(project)) == {"transfer.parquet", "summary.json"}
    assert re.fullmatch(
        r"transfer tiny: 2 of 2 directions between datasets of one feature tested, 1 features with one dataset, "
        r"\d+\.\d s\n",
        capsys.readouterr().out,
    )


def test_there_is_one_row_for_each_head_and_direction(project: Any) -> None:
    run(project)
    table = project.transfer()
    assert list(table) == list(COLUMNS)
    assert not table.isna().any(axis=None)
    expected = [(*names, *place) for names in BOTH for place in project.places]
    assert list(table[["trained_on", "tested_on", "layer", "head"]].itertuples(index=False, name=None)) == expected
    shared = table[["model", "feature", "n_examples", "n_left_out", "n_groups", "majority"]].drop_duplicates()
    assert shared.values.tolist() == [["tiny", "mood", 240, 0, 60, 0.5]]


def test_the_head_that_knows_transfers_both_ways_and_the_cue_of_one_dataset_neither(project: Any) -> None:
    run(project)
    table = project.transfer()
    general = table[(table["margin_low"] > 0) & (table["p_value"] < 0.05)]
    assert general[["trained_on", "tested_on", "layer", "head"]].values.tolist() == [[*way, 1, 2] for way in BOTH]
    assert (general["accuracy"] > 0.85).all()
    cue = table[(table["layer"] == 0) & (table["head"] == 1)]
    assert (cue["accuracy"] < 0.65).all()
    at_home = load_accuracy(project, "first", "first", 0, 1)
    assert at_home > 0.85  # the probe has learnt the cue: the partner of the line above


def load_accuracy(project: Any, trained_on: str, tested_on: str, layer: int, head: int) -> float:
    """Return an accuracy from the files alone, example by example and fold by fold."""
    probes = load_file(project.probes(trained_on))
    coef, intercept, mean, scale = (
        probes[f"L{layer:02d}.{part}"][head].astype(np.float64) for part in ("coef", "intercept", "mean", "scale")
    )
    z = np.load(project.store(tested_on) / f"z/L{layer:02d}.npy")
    ids = pd.read_parquet(project.store(tested_on) / "index.parquet")["example_id"]
    labels = pd.read_parquet(project.examples(tested_on) / "labels.parquet").set_index("example_id")["label"]
    right = 0
    for row, name in enumerate(ids):
        logits = [((z[row, head] - mean[k]) / scale[k] * coef[k, 0]).sum() + intercept[k, 0] for k in range(len(mean))]
        log_yes, log_no = (np.mean([-np.log1p(np.exp(sign * logit)) for logit in logits]) for sign in (-1, 1))
        right += ("yes" if log_yes > log_no else "no") == labels[name]
    return right / len(ids)


def test_accuracies_equal_a_slow_loop_over_the_files(project: Any) -> None:
    run(project)
    for row in project.transfer().itertuples():
        slow = load_accuracy(project, row.trained_on, row.tested_on, row.layer, row.head)
        assert row.accuracy == pytest.approx(slow, abs=1e-12)
        assert row.margin == pytest.approx(slow - 0.5, abs=1e-12)


def test_two_runs_give_the_same_bytes(project: Any) -> None:
    first = run(project)
    shutil.rmtree(project.out)
    assert run(project) == first


def test_permuted_heads_permute_the_rows(project: Any) -> None:
    run(project)
    before, order = project.transfer(), [3, 1, 0, 2]
    for dataset in ("first", "second"):
        for path in (project.store(dataset) / "z").iterdir():
            np.save(path, np.load(path)[:, order])
        path = project.probes(dataset)
        with safe_open(path, framework="numpy") as file:
            about = file.metadata()
        tensors = {name: np.ascontiguousarray(array[order]) for name, array in load_file(path).items()}
        save_file(tensors, path, metadata=about)
    run(project)
    keys = ["trained_on", "tested_on", "layer", "head"]
    expected = before.assign(head=before["head"].map(order.index)).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(project.transfer(), expected)


def test_a_dataset_of_another_feature_changes_no_row(project: Any) -> None:
    with_third = run(project)
    shutil.rmtree(project.store("third"))
    shutil.rmtree(project.probes("third").parent)
    project.write_params("second", "first")  # nor does the order in params.yaml
    assert run(project)["transfer.parquet"] == with_third["transfer.parquet"]
    assert summary(project)["one_dataset"] == []


def test_layers_go_by_their_own_numbers(project: Any) -> None:
    """As in a model where two of eight blocks have attention."""
    run(project)
    before, numbers = project.transfer(), {0: 3, 1: 7}
    for dataset in ("first", "second", "third"):
        for old, new in numbers.items():
            shutil.move(project.store(dataset) / f"z/L0{old}.npy", project.store(dataset) / f"z/L0{new}.npy")
        path = project.store(dataset) / "manifest.json"
        write_json(path, read_json(path) | {"layers": [3, 7]})
        tensors = load_file(project.probes(dataset))
        named = {f"L0{numbers[int(name[2])]}{name[3:]}": array for name, array in tensors.items()}
        save_file(named, project.probes(dataset), metadata={"head_atlas": json.dumps({"classes": ["no", "yes"]})})
    run(project)
    pd.testing.assert_frame_equal(project.transfer(), before.assign(layer=before["layer"].map(numbers)))


def test_shared_texts_and_groups_are_left_out(project: Any) -> None:
    number = np.arange(240)
    shared = "first" + pd.Series(number // 4).map(lambda group: f" group {group}")  # as in `first`
    own = "own" + pd.Series(number // 4).map(str)
    project.change("second", "labels", group=shared.where(number < 40, own).to_numpy())  # ten groups
    texts = pd.read_parquet(project.examples("second") / "texts.parquet").sort_values("example_id")
    texts["text"] = [f"Text {i} of first." if 60 <= i < 63 else text for i, text in enumerate(texts["text"])]
    texts.to_parquet(project.examples("second") / "texts.parquet", index=False)
    run(project)
    counts = project.transfer()[["tested_on", "n_examples", "n_left_out", "n_groups"]].drop_duplicates()
    assert counts.values.tolist() == [["second", 197, 43, 50], ["first", 197, 43, 50]]
    # what a head says of those left out does not count: nothing changes when it is spoilt
    kept = project.transfer()
    ids = pd.read_parquet(project.store("second") / "index.parquet")["example_id"].tolist()
    rows = [ids.index(f"second-{i:03d}") for i in (*range(40), *range(60, 63))]
    for path in (project.store("second") / "z").iterdir():
        z = np.load(path)
        z[rows] = -50
        np.save(path, z)
    run(project)
    pd.testing.assert_frame_equal(project.transfer(), kept)


def test_texts_that_were_too_long_to_train_on_are_not_left_out(project: Any) -> None:
    index = pd.read_parquet(project.store("first") / "index.parquet")
    gone = index["example_id"] == "first-000"
    index[~gone].to_parquet(project.store("first") / "index.parquet", index=False)
    for path in (project.store("first") / "z").iterdir():
        np.save(path, np.load(path)[~gone])
    manifest = project.store("first") / "manifest.json"
    write_json(manifest, read_json(manifest) | {"dropped_too_long": ["first-000"]})
    texts = pd.read_parquet(project.examples("second") / "texts.parquet")
    texts["text"] = texts["text"].replace({
        "Text 0 of second.": "Text 0 of first.",
        "Text 1 of second.": "Text 1 of first.",
    })
    texts.to_parquet(project.examples("second") / "texts.parquet", index=False)
    run(project)
    left_out = project.transfer().groupby("tested_on")["n_left_out"].first()
    assert left_out.to_dict() == {"first": 1, "second": 1}


def test_with_no_pair_there_is_a_header_of_the_same_types(project: Any) -> None:
    run(project)
    types = project.transfer().dtypes
    for name in ("first",):
        shutil.rmtree(project.store(name))
        shutil.rmtree(project.probes(name).parent)
    project.write_params("second", "third")
    run(project)
    assert len(project.transfer()) == 0
    pd.testing.assert_series_equal(project.transfer().dtypes, types)
    content = summary(project)
    assert (content["tested"], content["not_comparable"], content["one_dataset"]) == ([], [], ["mood", "number"])
    assert content["columns"] == COLUMNS


def test_torch_is_not_paid_for(project: Any) -> None:
    code = "import sys; from pipeline.stages.transfer import main; main(['tiny']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(TOP)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["False"]), done.stderr


def test_datasets_with_other_class_names_are_recorded_and_not_compared(project: Any) -> None:
    project.add("fourth", "mood", 7, classes=("bad", "good"))
    project.write_params("first", "second", "third", "fourth")
    run(project)
    content = summary(project)
    assert [(pair["trained_on"], pair["tested_on"]) for pair in content["tested"]] == BOTH
    assert len(project.transfer()) == 2 * len(project.places)
    refused = {(pair["trained_on"], pair["tested_on"]): pair["reason"] for pair in content["not_comparable"]}
    assert set(refused) == {("first", "fourth"), ("fourth", "first"), ("fourth", "second"), ("second", "fourth")}
    assert refused["first", "fourth"] == "classes differ: no, yes against bad, good"


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        (lambda i: f"first group {i // 4}", "0 groups are left, as the training dataset has"),
        (lambda i: f"first group {i // 4}" if i >= 4 else "own", "1 groups are left, as"),
        (lambda i: f"first group {i // 4}" if i % 2 else f"own {i // 4}", "one class is left, as"),
    ],
)
def test_where_too_little_is_left_the_reason_is_recorded(project: Any, group: Any, reason: str) -> None:
    project.change("second", "labels", group=[group(i) for i in range(240)])
    run(project)
    content = summary(project)
    (refused,) = [pair for pair in content["not_comparable"] if pair["tested_on"] == "second"]
    assert refused["reason"].startswith(reason)
    assert refused["n_examples"] + refused["n_left_out"] == 240
    assert "second" not in project.transfer()["tested_on"].tolist()
