import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from data.check import main
from data.errors import DataError

Write = Callable[..., Path]
TOP = Path(__file__).parents[2]


def test_it_previews(toy: pd.DataFrame, write_spec: Write, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(write_spec(labels={"animal": "[bold]animal", "tool": "tool"})), "--folds", "3"])
    shown = capsys.readouterr().out
    parts = (
        "toy: noun_class, semantic, readout span",
        "24 read, 24 kept",
        "6; control keys: 4",
        "fold 2",
        "[bold]animal: ",
        "»cat«",
        "0.500",
        "warning: toy.csv is not pinned",
        "  sha256: ",
    )
    for part in parts:
        assert part in shown
    assert "fold 3" not in shown


def test_it_counts_what_is_dropped(toy: pd.DataFrame, write_spec: Write, capsys: pytest.CaptureFixture[str]) -> None:
    pd.concat([toy, toy[:1]]).to_csv("toy.csv", index=False)
    main([str(write_spec(duplicates="drop")), "--folds", "3"])
    shown = capsys.readouterr().out
    assert "25 read, 24 kept" in shown
    assert re.search(r"dropped: copy of another row\W+1\b", shown)


def test_escape_codes_stay_out_of_the_terminal(
    toy: pd.DataFrame, write_spec: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.assign(sentence="\x1b[31m" + toy["sentence"]).to_csv("toy.csv", index=False)
    main([str(write_spec()), "--folds", "3"])
    assert "\x1b" not in capsys.readouterr().out


def test_long_texts_are_cropped(toy: pd.DataFrame, write_spec: Write, capsys: pytest.CaptureFixture[str]) -> None:
    toy.assign(sentence="word " * 500 + toy["sentence"] + " word" * 500).to_csv("toy.csv", index=False)
    main([str(write_spec()), "--folds", "3"])
    shown = capsys.readouterr().out
    assert "»cat«" in shown
    assert shown.count("word") < 5 * 100


def test_defaults_come_from_params(toy: pd.DataFrame, write_spec: Write, capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_text("examples: {folds: 4, seed: 1}\n", encoding="utf-8")
    main([str(write_spec())])
    shown = capsys.readouterr().out
    assert "fold 3" in shown
    assert "fold 4" not in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("examples: {folds: many}", "examples.folds: expected a whole number, got 'many'"),
        ("a: [", "params.yaml: not valid"),
    ],
)
def test_bad_params_are_refused(toy: pd.DataFrame, write_spec: Write, text: str, message: str) -> None:
    Path("params.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        main([str(write_spec())])


@pytest.mark.slow
def test_a_bad_spec_ends_with_one_line(toy: pd.DataFrame, write_spec: Write) -> None:
    path = write_spec(columns={"text": "sentenc", "label": "kind"}, readout="last").absolute()
    command = [sys.executable, "-m", "data.check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TOP)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: toy.csv: no such file")
    assert done.stderr.count("\n") == 1


def test_json_is_the_card(toy: pd.DataFrame, write_spec: Write, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(write_spec()), "--folds", "3", "--json"])
    card = json.loads(capsys.readouterr().out)
    assert (card["n_examples"], card["n_groups"], card["classes"]) == (24, 6, {"animal": 12, "tool": 12})
    assert {"severity", "about", "message"} == set(card["findings"][0])
    assert [finding["message"] for finding in card["findings"] if finding["severity"] == "warning"] == card["warnings"]


def test_a_refusal_as_json_is_an_error_among_the_findings(project: Path, toy: pd.DataFrame, write_spec: Write) -> None:
    spec = write_spec(columns={"text": "sentense", "label": "kind"}, readout="last")
    command = [sys.executable, "-m", "data.check", str(spec), "--json"]
    done = subprocess.run(command, env={"PYTHONPATH": str(TOP)}, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["findings"]
    assert (done.returncode, found[0]["severity"], len(found)) == (1, "error", 1)
    assert "no column 'sentense'" in found[0]["message"] and found[0]["message"] in done.stderr


def test_findings_are_shown_with_their_severity(
    toy: pd.DataFrame, write_spec: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.assign(split=["train", "test"] * 12).to_csv("toy.csv", index=False)
    main([str(write_spec()), "--folds", "3"])
    shown = capsys.readouterr().out
    assert "\nwarning: Class 'animal' has 12 examples" in shown
    assert "\nnote: The column split says which rows are for training and testing (test 12, train 12)" in shown
    assert shown.index("warning: ") < shown.index("note: ")
