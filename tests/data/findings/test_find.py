from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.examples import build_examples
from data.findings.find import find
from data.findings.finding import SEVERITIES, Finding
from data.findings.table import told_apart
from data.sources import read_source
from data.spec import load_spec
from data.surface import surface_accuracy

Look = Callable[..., Any]


def _found(spec_file: Path, surface: float) -> list[Finding]:
    spec = load_spec(spec_file)
    raw = read_source(spec, Path())
    return find(spec, raw, build_examples(spec, raw.rows, n_folds=3, seed=0), surface)


def test_the_most_urgent_comes_first(toy: pd.DataFrame, write_spec: Callable[..., Path]) -> None:
    toy.assign(split=["train", "test"] * 12).to_csv("toy.csv", index=False)
    found = _found(write_spec(artefacts="Words."), 0.7)
    assert [(finding.severity, finding.about) for finding in found] == [
        ("warning", "classes"), ("warning", "pin"), ("note", "parts"), ("note", "surface"),
    ]  # fmt: skip
    assert {finding.severity for finding in found} < set(SEVERITIES)


def test_the_order_of_the_rows_changes_their_numbers_only(toy: pd.DataFrame, write_spec: Callable[..., Path]) -> None:
    columns = {"text": "sentence", "label": "kind", "target": "noun"}
    first = _found(write_spec(columns=columns), 0.5)
    assert first == _found(write_spec(columns=columns), 0.5)
    toy[::-1].to_csv("toy.csv", index=False)
    second = _found(write_spec(columns=columns), 0.5)
    assert "twins" in [finding.about for finding in first]
    assert [finding.about for finding in first] == [finding.about for finding in second]


@pytest.mark.parametrize(("artefacts", "severity"), [("", "warning"), ("Adjectives.", "note")])
def test_artefacts_explain_a_high_surface(toy: pd.DataFrame, write_spec: Any, artefacts: str, severity: str) -> None:
    changes = {"artefacts": artefacts} if artefacts else {}
    high, low = (_found(write_spec(**changes), surface) for surface in (0.7, 0.3))
    assert [finding.severity for finding in high if finding.about == "surface"] == [severity]
    assert [finding.severity for finding in low if finding.about == "surface"] == ["warning"]


@pytest.mark.parametrize(("group", "start"), [(False, "Words alone mislead"), (True, "")])
def test_capitals_without_their_groups_mislead(
    published: Callable[[str], str], write_spec: Any, group: bool, start: str
) -> None:
    columns = {"text": "statement", "label": "label"}
    grouping = {"group": {"columns": "statement", "pattern": "^(.+?) is "}} if group else {}
    source = {"path": published("azaria_mitchell/capitals_true_false.csv")}
    more = {"readout": "last", "duplicates": "drop", "contradictions": "drop"}
    spec = load_spec(write_spec(source=source, columns={**columns, **grouping}, **more))
    raw = read_source(spec, Path())
    examples = build_examples(spec, raw.rows, n_folds=5, seed=0)
    labels = examples.labels
    surface = surface_accuracy(list(examples.texts["text"]), list(labels["label"]), list(labels["fold"]))
    said = [finding.message for finding in find(spec, raw, examples, surface) if finding.about == "surface"]
    assert [message.startswith(start) for message in said] == [True] * (not group)


def test_few_examples_of_a_class(found: Look, published: Callable[[str], str]) -> None:
    top = Path(__file__).parents[3]
    (finding,) = found("classes", spec=top / "data/specs/lre_word_sentiment_files.yaml")
    assert finding.message.startswith("Class 'neutral' has 18 examples, fewer than 20")


def test_long_texts_are_shown_where_they_differ() -> None:
    rows = [
        pd.Series({"row": at, "text": "same " * 100 + word + " more" * 100, "label": "x"})
        for at, word in enumerate("ab")
    ]
    said = told_apart(*rows)
    assert "same a more" in said
    assert "same b more" in said
    assert len(said) < 330
