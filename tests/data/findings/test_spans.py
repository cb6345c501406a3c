from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Look = Callable[..., Any]
TOP = Path(__file__).parents[3]
COLUMNS = {"text": "text", "label": "label", "start": "start", "end": "end"}


def _rows(text: str, start: int, end: int) -> pd.DataFrame:
    rows = [(f"A cat {at}", label, 2, 5) for at, label in enumerate("xyxyxyxy")]
    return pd.DataFrame([*rows, (text, "x", start, end)], columns=["text", "label", "start", "end"])


@pytest.mark.parametrize(("start", "end", "span"), [(1, 5, "' cat'"), (2, 6, "'cat '")])
def test_a_span_with_a_blank_at_an_end_is_warned_about(
    found: Look, project: Any, start: int, end: int, span: str
) -> None:
    (finding,) = found("spans", _rows("A cat sat", start, end), readout="span", columns=COLUMNS)
    assert finding.severity == "warning"
    assert finding.message.startswith(f"1 span begins or ends in a blank (row 9), such as {span} in 'A cat sat'")
    assert "`start` and `end`" in finding.message


def test_a_span_that_ends_within_a_word_is_warned_about(found: Look, project: Any) -> None:
    (finding,) = found("spans", _rows("A cat sat", 2, 4), readout="span", columns=COLUMNS)
    assert finding.message.startswith("1 span ends in the middle of a word (row 9), such as 'ca' in 'A cat sat'")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("A cat sat", 2, 5), ("A cat.", 2, 5), ("A cat's", 2, 5), ("A cat", 2, 5), ("我爱北京", 0, 2)],
)
def test_whole_words_are_fine(found: Look, project: Any, text: str, start: int, end: int) -> None:
    assert not found("spans", _rows(text, start, end), readout="span", columns=COLUMNS)


def test_without_a_span_there_is_none(found: Look, project: Any) -> None:
    assert not found("spans", _rows("A cat ", 0, 1))


def test_words_of_a_treebank_that_are_written_as_one(found: Look, published: Callable[[str], str]) -> None:
    (finding,) = found("spans", spec=TOP / "data/specs/ud_ewt_number_files.yaml")
    assert "'mind' in 'what a mindblowing servicing'" in finding.message
    assert not found("spans", spec=TOP / "data/specs/ud_ewt_deprel_files.yaml")


def test_texts_that_end_in_a_blank(found: Look, published: Callable[[str], str]) -> None:
    source = {"path": published("sent_conv/subj.all"), "format": "labelled", "encoding": "latin-1"}
    columns = {"text": "$text", "label": "$label"}
    (finding,) = found("ends", source=source, columns=columns)
    assert finding.message.startswith("9853 texts end in white space")
    assert not found("ends", source=source, columns=columns, remove={"$text": r"\s+$"}, duplicates="drop")
