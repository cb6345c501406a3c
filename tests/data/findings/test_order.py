from collections.abc import Callable
from typing import Any

import pandas as pd

Look = Callable[..., Any]


def _rows(labels: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"text": [f"text {at}" for at in range(len(labels))], "label": labels})


def test_sorted_rows_are_noted(found: Look, project: Any) -> None:
    (finding,) = found("order", _rows(["x"] * 50 + ["y"] * 50))
    assert finding.severity == "note"
    for part in ("99 % of neighbouring rows have equal labels", "chance gives 50 %", "100 % of the first 20", "`cap:`"):
        assert part in finding.message


def test_rows_that_are_sorted_in_part_are_noted(found: Look, project: Any) -> None:
    assert found("order", _rows(["x", "y"] * 40 + ["y"] * 40))


def test_mixed_alternating_and_few_rows_are_fine(found: Look, project: Any) -> None:
    assert not found("order", _rows(["x", "y"] * 50))
    mixed = pd.Series(["x"] * 60 + ["y"] * 60).sample(frac=1, random_state=1)
    assert not found("order", _rows(list(mixed)))
    assert not found("order", _rows(["x"] * 20 + ["y"] * 20))


def test_labels_count_as_the_spec_has_them(found: Look, project: Any) -> None:
    table = _rows(["x", "y"] * 50 + ["z"] * 50)
    assert found("order", table)
    assert not found("order", table, labels={"x": "x", "y": "y", "z": None})


def test_past_and_present_are_in_order_and_shifted_words_are_not(found: Look, published: Callable[[str], str]) -> None:
    source = {"format": "tsv", "header": ["text", "label"], "quotes": "literal"}
    more = {"duplicates": "drop", "contradictions": "drop"}
    path = published("xprobe_en/past_present/te.txt")
    (finding,) = found("order", source={"path": path, **source}, **more)
    assert "78 % of neighbouring rows" in finding.message
    assert "'Past' has 73 % of the first 1000 rows and 0 % of the last 1000" in finding.message
    path = published("xprobe_en/bigram_shift/te.txt")
    assert not found("order", source={"path": path, **source}, **more)
