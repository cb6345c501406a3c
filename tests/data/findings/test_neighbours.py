from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

Look = Callable[..., Any]
LONG = "word {0} then comes {0}{0} and after that another {0}x with more to say about {0}y in a long and {0}z line"


def _texts(copies: int, n: int = 60) -> pd.DataFrame:
    table = pd.DataFrame({"text": [LONG.format(f"w{at}") for at in range(n)], "label": ["x", "y"] * (n // 2)})
    for at in range(copies):
        table.loc[len(table)] = [f"{table['text'][at].capitalize()} !", table["label"][at]]
    return table.assign(group=table.index)


def test_near_copies_in_other_folds_are_warned_about(found: Look, project: Any) -> None:
    (finding,) = found("neighbours", _texts(copies=12))
    assert finding.severity == "warning"
    assert int(finding.message.split()[0]) in range(6, 25, 2)
    assert "have a near copy in another fold: row " in finding.message
    assert "one `group` under `columns:`" in finding.message


def test_a_group_that_does_not_hold_them_is_told(found: Look, project: Any) -> None:
    columns = {"text": "text", "label": "label", "group": "group"}
    (finding,) = found("neighbours", _texts(copies=12), columns=columns)
    assert finding.message.endswith("that of the spec does not keep them together")


def test_copies_in_one_group_are_none(found: Look, project: Any) -> None:
    columns = {"text": "text", "label": "label", "group": "group"}
    table = _texts(copies=12)
    table.loc[60:, "group"] = range(12)
    assert not found("neighbours", table, columns=columns)
    assert not found("neighbours", _texts(copies=0))


def test_a_few_are_a_note(found: Look, project: Any) -> None:
    (finding,) = found("neighbours", _texts(copies=6, n=1000))
    assert finding.severity == "note"
    assert "(under 1 %)" in finding.message


@pytest.mark.parametrize("changes", [{}, {"columns": {"text": "text", "label": "label", "group": "group"}}])
def test_texts_of_one_template_are_no_copies(found: Look, project: Any, changes: dict[str, Any]) -> None:
    words = [f"{one}{other}" for one in "abcdefgh" for other in "klmnopqr"]
    table = pd.DataFrame({
        "text": [f"The {word} is on the table in the room." for word in words],
        "label": ["x", "y"] * 32,
    })
    assert not found("neighbours", table.assign(group=table.index), **changes)


def test_claims_with_evidence(found: Look, published: Callable[[str], str]) -> None:
    source = {"path": published("fever_symmetric/fever_symmetric_dev.jsonl")}
    columns = {"text": {"template": "{evidence} {claim}"}, "label": "label"}
    (finding,) = found("neighbours", source=source, columns=columns)
    assert finding.severity == "warning"
    source = {"path": published("geometry_of_truth/larger_than.csv")}
    assert not found("neighbours", source=source, columns={"text": "statement", "label": "label"})
