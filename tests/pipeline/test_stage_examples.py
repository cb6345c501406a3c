"""The examples stage from its command line to its five files, and its failing runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from data.errors import DataError
from pipeline.errors import PipelineError
from pipeline.stages.examples import main

PARAMS: dict[str, Any] = {
    "examples": {"folds": 3, "seed": 0},
    "extract": {},
    "probe": {},
    "taxonomy": {},
    "report": {},
    "models": {"tiny": {}},
    "datasets": {"toy": {}, "other": None},
}
SPEC = """
description: Is it about an animal?
feature: noun_class
family: semantic
licence: CC0-1.0
citation: Nobody (2026)
readout: span
too_long: error
source: {path: toy.csv}
columns: {text: text, label: kind, target: noun, group: frame, control_key: noun}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    kinds = {"cat": "animal", "dog": "animal", "saw": "tool", "axe": "tool"}
    rows = [(f"The {noun} is {i}", kind, noun, f"f{i}") for i in range(6) for noun, kind in kinds.items()]
    pd.DataFrame(rows, columns=["text", "kind", "noun", "frame"]).to_csv(tmp_path / "toy.csv", index=False)
    (tmp_path / "data/specs").mkdir(parents=True)
    (tmp_path / "data/specs/toy.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_writes_five_files_and_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["toy"])
    out = project / "data/examples/toy"
    assert set(_files(out)) == {"texts.parquet", "labels.parquet", "variants.parquet", "surface.parquet", "card.json"}
    assert [path.name for path in out.parent.iterdir()] == ["toy"]
    texts, labels = pd.read_parquet(out / "texts.parquet"), pd.read_parquet(out / "labels.parquet")
    assert list(texts) == ["example_id", "text", "start", "end"]
    assert list(labels) == ["example_id", "label", "group", "control_key", "fold"]
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert (card["dataset"], card["n_examples"], card["surface"]) == ("toy", 24, 1.0)
    line = capsys.readouterr().out
    assert line == (
        "examples@toy: 24 examples, 6 groups, 2 classes; majority 0.500, surface 1.000; 3 warnings, see card.json\n"
    )


def test_variants_stand_in_a_file_of_their_own_so_that_labels_keep_their_columns(project: Path) -> None:
    main(["toy"])
    out = project / "data/examples/toy"
    before = (out / "labels.parquet").read_bytes()
    assert pd.read_parquet(out / "variants.parquet")["variant"].isna().all()
    (project / "data/specs/toy.yaml").write_text(SPEC.replace("noun}\n", "noun, variant: noun}\n"), encoding="utf-8")
    main(["toy"])
    variants, texts = pd.read_parquet(out / "variants.parquet"), pd.read_parquet(out / "texts.parquet")
    assert list(variants) == ["example_id", "variant"]
    nouns = [text.split()[1] for text in texts["text"]]
    assert list(variants["example_id"]) == list(texts["example_id"]) and list(variants["variant"]) == nouns
    assert (out / "labels.parquet").read_bytes() == before
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert card["variants"]["cat"] == {"animal": 6}


def test_surface_predictions_are_in_the_order_of_the_labels_and_give_the_accuracy_on_the_card(project: Path) -> None:
    rows = pd.read_csv("toy.csv")
    rows.loc[rows["frame"] == "f0", "kind"] = ["tool", "tool", "animal", "animal"]  # no longer what the noun says
    rows.to_csv("toy.csv", index=False)
    main(["toy"])
    out = project / "data/examples/toy"
    surface, labels = pd.read_parquet(out / "surface.parquet"), pd.read_parquet(out / "labels.parquet")
    assert list(surface) == ["example_id", "predicted"]
    assert list(surface["example_id"]) == list(labels["example_id"])
    right = surface["predicted"] == labels["label"]
    assert 0.5 < right.mean() < 1
    assert json.loads((out / "card.json").read_text(encoding="utf-8"))["surface"] == right.mean()


def test_twice_gives_the_same_bytes(project: Path) -> None:
    main(["toy"])
    first = _files(project / "data/examples/toy")
    main(["toy"])
    assert _files(project / "data/examples/toy") == first


def test_row_order_changes_the_hash_on_the_card_only(project: Path) -> None:
    main(["toy"])
    first = _files(project / "data/examples/toy")
    pd.read_csv("toy.csv").sample(frac=1, random_state=3).to_csv("toy.csv", index=False)
    main(["toy"])
    second = _files(project / "data/examples/toy")
    assert [first[name] == second[name] for name in first if name != "card.json"] == [True] * 4
    old, new = (json.loads(files["card.json"]) for files in (first, second))
    # the warning quotes the hash
    assert {key for key in old if old[key] != new[key]} == {"source", "findings", "warnings"}


def test_another_seed_changes_the_folds_only(project: Path) -> None:
    main(["toy"])
    first = pd.read_parquet("data/examples/toy/labels.parquet")
    texts = Path("data/examples/toy/texts.parquet").read_bytes()
    (project / "params.yaml").write_text(
        yaml.safe_dump({**PARAMS, "examples": {"folds": 3, "seed": 7}}), encoding="utf-8"
    )
    main(["toy"])
    second = pd.read_parquet("data/examples/toy/labels.parquet")
    assert Path("data/examples/toy/texts.parquet").read_bytes() == texts
    pd.testing.assert_frame_equal(first.drop(columns="fold"), second.drop(columns="fold"))
    assert not first["fold"].equals(second["fold"])


@pytest.mark.parametrize(
    ("dataset", "changes", "message"),
    [
        ("toi", {}, r"datasets has no 'toi'; it has toy, other; did you mean 'toy'\?"),
        ("toy", {"datasets": {"toy": {"folds": 3}}}, "datasets.toy: unknown key 'folds'; an entry is empty"),
        ("toy", {"datasets": {"toy": "x"}}, "datasets.toy: unknown key 'x'"),
        ("toy", {"examples": {"folds": 2, "seed": 0}}, "examples.folds: expected 3 or more .* got 2"),
        ("toy", {"examples": {"folds": 3}}, "examples: missing seed"),
        ("toy", {"examples": {"folds": 3, "sead": 0, "seed": 0}}, r"unknown key 'sead'.*did you mean 'seed'\?"),
    ],
)
def test_params_refused(project: Path, dataset: str, changes: dict[str, Any], message: str) -> None:
    (project / "params.yaml").write_text(yaml.safe_dump({**PARAMS, **changes}, sort_keys=False), encoding="utf-8")
    with pytest.raises(PipelineError, match=message):
        main([dataset])


def test_a_listed_dataset_without_a_spec_is_refused(project: Path) -> None:
    with pytest.raises(DataError, match=r"data/specs/other.yaml: no such file; data/specs has toy.yaml"):
        main(["other"])


def test_a_failing_run_leaves_nothing(project: Path) -> None:
    Path("toy.csv").write_text("text,kind\na,b\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"toy.csv: columns.target: no column 'noun'; it has text, kind"):
        main(["toy"])
    assert not (project / "data/examples").exists()


def test_a_run_stopped_while_writing_leaves_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.stages.examples.card_json", lambda card: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["toy"])
    assert list((project / "data/examples").iterdir()) == []


@pytest.mark.slow
def test_the_process_ends_with_one_line(project: Path) -> None:
    top = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "pipeline.stages.examples", "toi"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": top})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: params.yaml: datasets has no 'toi'")
