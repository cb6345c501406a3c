from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Look = Callable[..., Any]


def _rows(split: list[str], column: str = "split") -> pd.DataFrame:
    texts = [f"text number {at}" for at in range(12)]
    return pd.DataFrame({"text": texts, "label": ["x", "y"] * 6, column: (split * 12)[:12]})


@pytest.mark.parametrize("split", [["train", "test"], ["tr", "va", "te"], ["TRAIN", "Validation"]])
def test_a_split_is_noted_as_ignored(found: Look, project: Any, split: list[str]) -> None:
    (finding,) = found("parts", _rows(split, "which"))
    assert finding.severity == "note"
    assert finding.message.startswith("The column which says which rows are for training and testing (")
    assert f"`where: {{which: {split[0]}}}`" in finding.message


@pytest.mark.parametrize("split", [["train"], ["train", "other"], ["train", ""], ["a", "b"]])
def test_other_columns_are_none(found: Look, project: Any, split: list[str]) -> None:
    assert not found("parts", _rows(split))


def test_the_label_is_none(found: Look, project: Any) -> None:
    assert not found("parts", _rows(["train", "test"]), columns={"text": "text", "label": "split"})


def test_one_part_alone_is_none(found: Look, project: Any) -> None:
    table = pd.concat([_rows(["train"]), _rows(["test"]).assign(text="other")])
    assert not found("parts", table, where={"split": "train"})


def test_a_text_in_two_parts_is_warned_about(found: Look, project: Any) -> None:
    table = _rows(["train", "test"])
    table.loc[1, "text"] = "Text number 4."
    table.loc[1, "label"] = "x"
    (finding,) = found("parts", table)
    assert finding.severity == "warning"
    assert finding.message.startswith(
        "1 text is in two parts of the source: 'Text number 4.' is row 2 (test) and row 5 (train)"
    )
    assert "Put `duplicates: drop` into data/specs/toy.yaml" in finding.message
    (finding,) = found("parts", table, duplicates="drop")
    assert (finding.severity, "Here copies are left out" in finding.message) == ("note", True)


def test_files_say_it_by_their_names(found: Look, project: Path) -> None:
    _rows([""]).to_csv("toy.train.csv", index=False)
    _rows([""]).assign(text=lambda table: "more " + table["text"]).to_csv("toy_test.csv", index=False)
    (finding,) = found("parts", source={"path": ["toy.train.csv", "toy_test.csv"]})
    assert finding.message.startswith(
        "The files say which rows are for training and testing (toy.train.csv 12, toy_test.csv 12)"
    )
    Path("toy_test.csv").rename("toy_more.csv")
    assert not found("parts", source={"path": ["toy.train.csv", "toy_more.csv"]})


def test_sentences_in_two_parts(found: Look, published: Callable[[str], str]) -> None:
    paths = [published(f"xprobe_en/past_present/{part}.txt") for part in ("va", "te")]
    source = {"path": paths, "format": "tsv", "header": ["text", "label"], "quotes": "literal"}
    (finding,) = found("parts", source=source, duplicates="drop", contradictions="drop")
    assert finding.message.startswith("24 texts are in two parts of the source: 'It weighs and is long .' is row ")
    assert not found("parts", source={**source, "path": paths[0]}, duplicates="drop", contradictions="drop")
