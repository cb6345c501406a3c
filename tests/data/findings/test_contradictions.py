from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

Look = Callable[..., Any]


def _pets(last: str, label: str) -> pd.DataFrame:
    rows = [(f"The {word} is here.", kind) for word in "abcdef" for kind in ("x",)]
    rows += [(f"Is the {word} here?", "y") for word in "abcdef"]
    return pd.DataFrame([*rows, (last, label)], columns=["text", "label"])


@pytest.mark.parametrize("text", ["the A is here", "The a  is here!", "The a is here . ", "THE A… IS HERE"])
def test_case_blanks_and_punctuation_do_not_hide_a_contradiction(found: Look, project: Any, text: str) -> None:
    (finding,) = found("contradictions", _pets(text, "y"))
    assert finding.severity == "warning"
    assert finding.message.startswith("2 examples have the text of another with a different label")
    for part in (f"row 13 {text!r} (y)", "row 1 'The a is here.' (x)", "`remove:`", "`contradictions: drop`"):
        assert part in finding.message


@pytest.mark.parametrize(("text", "label"), [("the A is here", "x"), ("The a was here", "y"), ("The a + is here", "y")])
def test_other_texts_and_equal_labels_are_none(found: Look, project: Any, text: str, label: str) -> None:
    assert not found("contradictions", _pets(text, label))


@pytest.mark.parametrize(("span", "n"), [((2, 5), 1), ((8, 11), 0)])
def test_the_span_counts(found: Look, project: Any, span: tuple[int, int], n: int) -> None:
    columns = {"text": "text", "label": "label", "start": "start", "end": "end", "group": "group"}
    rows = [("A cat, a cat.", "x", 2, 5), ("a cat  a cat", "y", *span)]
    rows += [(text, label, 0, 1) for text, label in zip("pqrstu", "xyxyxy", strict=True)]
    table = pd.DataFrame(rows, columns=["text", "label", "start", "end"]).assign(group=range(8))
    assert len(found("contradictions", table, readout="span", columns=columns)) == n


def test_marks_alone_are_texts(found: Look, project: Any) -> None:
    table = _pets("?!", "x")
    table.loc[len(table)] = ["...", "y"]
    assert not found("contradictions", table)


def test_company_statements(found: Look, published: Callable[[str], str]) -> None:
    source = {"path": published("geometry_of_truth/companies_true_false.csv")}
    (finding,) = found("contradictions", source=source, columns={"text": "statement", "label": "label"})
    assert finding.message.startswith("28 examples have")
    assert "row 73 'Walmart operates in the industry of retailing.' (1)" in finding.message
    source = {"path": published("geometry_of_truth/cities.csv")}
    assert not found("contradictions", source=source, columns={"text": "statement", "label": "label"})
