from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

Look = Callable[..., Any]


def _rows(several: str) -> pd.DataFrame:
    labels = ["joy", "anger", several] * 6
    return pd.DataFrame({"text": [f"text {at}" for at in range(len(labels))], "label": labels})


@pytest.mark.parametrize(
    "several", ["joy,anger", "joy, anger", "anger;joy", "joy|anger", "['joy', 'anger']", '["joy", "anger"]']
)
def test_several_labels_in_one_are_warned_about(found: Look, project: Any, several: str) -> None:
    (finding,) = found("labels", _rows(several))
    assert finding.severity == "warning"
    assert finding.message.startswith(f"6 of 18 rows (33 %) have several labels in one field, such as {several!r}")
    assert "'joy': joy" in finding.message
    assert "'*': null" in finding.message


@pytest.mark.parametrize("label", ["joy,fear", "enjoy", "and/or", ","])
def test_one_label_is_one(found: Look, project: Any, label: str) -> None:
    assert not found("labels", _rows(label))


def test_labels_in_the_spec_have_been_decided_upon(found: Look, project: Any) -> None:
    labels = {"joy": "joy", "anger": "anger", "*": None}
    assert not found("labels", _rows("joy,anger"), labels=labels)


def test_emotions(found: Look, published: Callable[[str], str]) -> None:
    source = {
        "path": published("goemotions/ekman/dev.tsv"),
        "header": ["text", "label", "comment"],
        "quotes": "literal",
    }
    often = ["0", "1", "2", "3", "4", "5", "6", "3,4", "0,4"]
    more = {"where": {"label": often}, "duplicates": "drop", "contradictions": "drop"}
    (finding,) = found("labels", source=source, **more)
    assert "such as '0,4', '3,4'" in finding.message
    assert not found("labels", source=source, **{**more, "where": {"label": often[:7]}})
