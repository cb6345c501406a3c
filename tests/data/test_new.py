"""The starter spec: what it guesses, and that it can be checked at once where nothing is left to settle."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from data import check, new
from data.columns import Template
from data.errors import DataError
from data.spec import DatasetSpec, load_spec


def _start(path: str, content: str, *options: str) -> DatasetSpec:
    Path(path).write_text(content, encoding="utf-8")
    new.main(["mine", "--from", path, *options])
    return load_spec(Path("data/specs/mine.yaml"))


def test_a_starter_can_be_checked_at_once(project: Path, toy: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    new.main(["mine", "--from", "toy.csv"])
    assert "data/specs/mine.yaml: written" in capsys.readouterr().out
    spec = load_spec(Path("data/specs/mine.yaml"))
    assert spec.columns.given() == {"text": "sentence", "label": "kind", "target": "noun"}
    assert spec.labels == {"animal": "animal", "tool": "tool"}
    assert spec.source.sha256 is not None  # type: ignore[union-attr]
    check.main(["data/specs/mine.yaml", "--folds", "3"])
    assert "24 read, 24 kept" in capsys.readouterr().out


def test_columns_without_a_header_get_names(project: Path) -> None:
    rows = "".join(f"{'tr' if at % 2 else 'te'}\t{at % 3}\tThe {at}th sentence has words .\n" for at in range(30))
    spec = _start("x.txt", rows)
    assert spec.source.header == ("column_1", "column_2", "column_3")  # type: ignore[union-attr]
    assert spec.columns.text == "column_3"


def test_minimal_pairs_are_melted(project: Path) -> None:
    rows = [{"good": f"The {at} cats are asleep here.", "bad": f"The {at} cats is asleep here."} for at in range(30)]
    spec = _start("x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert spec.melt is not None and dict(spec.melt.columns) == {"good": "good", "bad": "bad"}
    assert spec.columns.given() == {"text": "$value", "label": "$label", "group": "$row"}
    assert not isinstance(spec.columns.text, Template)


def test_a_label_beside_two_texts_is_about_both(project: Path) -> None:
    rows = [
        {"one": f"The {at} cats are asleep here.", "two": f"The {at} cats are awake here.", "gold_label": "ny"[at % 2]}
        for at in range(30)
    ]
    spec = _start("x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert spec.melt is None
    assert spec.columns.text == Template("{one} {two}")
    assert (spec.columns.label, spec.readout) == ("gold_label", "last")


def test_label_text_lines_and_words_that_yaml_reads_otherwise(project: Path) -> None:
    rows = "".join(f"{('yes', 'no', '1e3', 'on:')[at % 4]} a text of number {at}\n" for at in range(20))
    assert _start("y.txt", rows).labels == {"yes": "yes", "no": "no", "1e3": "1e3", "on:": "on:"}


def test_an_empty_label_is_dropped(project: Path) -> None:
    rows = "text,label\n" + "".join(f"a rather long text {at},{('', 'x', 'y')[at % 3]}\n" for at in range(30))
    assert _start("x.csv", rows).labels == {"": None, "x": "x", "y": "y"}


def test_without_a_label_it_says_so(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "text,number\n" + "".join(f"a rather long text {at},{at}\n" for at in range(30))
    _start("x.csv", rows)
    assert "FILL_IN  # fill in: no column has few values" in Path("data/specs/mine.yaml").read_text()
    with pytest.raises(DataError, match=r"columns.label: no column 'FILL_IN'; it has text, number"):
        check.main(["data/specs/mine.yaml"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["toy", "--from", "toy.csv"], "data/specs/toy.yaml: is there already; choose another name, or del"),
        (["Toy", "--from", "toy.csv"], "NAME: 'Toy' is not a slug"),
        (["mine", "--from", "tow.csv"], r"tow.csv: no such file; .*did you mean 'toy.csv'\?"),
        (["mine", "--from", "tow.dat"], "tow.dat: cannot be read: No such file or directory"),
        (["mine", "--from", "../toy.csv"], r"'../toy.csv' leaves the project"),
        (["mine", "--from", "one.csv"], "one.csv: has 1 lines; a starter spec needs a few rows"),
        (["mine", "--from", "data"], "data: cannot be read"),
    ],
)  # fmt: skip
def test_refusals(toy: pd.DataFrame, write_spec: Callable[..., Path], argv: list[str], message: str) -> None:
    write_spec()
    Path("one.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=message):
        new.main(argv)
    assert not Path("data/specs/mine.yaml").exists()
