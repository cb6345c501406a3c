from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.findings.frames import MANY, shared_frames

Look = Callable[..., Any]
ITEMS = (
    "old man sings in town",
    "young cook reads at home",
    "tall girl waits near school",
    "best friend drives to work",
)
ITEMS += (
    "new guard stands by doors",
    "kind aunt walks with dogs",
    "last guest sleeps on sofas",
    "poor clerk writes to kings",
)


def _pairs(**more: Any) -> pd.DataFrame:
    rows = [(f"The {item}.", "yes", at) for at, item in enumerate(ITEMS)]
    rows += [(f"No {item}.", "no", at) for at, item in enumerate(ITEMS)]
    return pd.DataFrame(rows, columns=["text", "label", "item"]).assign(**more)


def test_twins_without_a_group_are_warned_about(found: Look, project: Any) -> None:
    (finding,) = found("twins", _pairs())
    assert finding.severity == "warning"
    assert finding.message.startswith("16 examples (100 %) have a twin in another group")
    assert "sings in town.' (yes)" in finding.message or "(no)" in finding.message
    assert "Put `group: item` under `columns:`: 100 % of twins have the same item" in finding.message


@pytest.mark.parametrize("column", ["label", "text"])
def test_neither_label_nor_text_is_named(found: Look, project: Any, column: str) -> None:
    (finding,) = found("twins", _pairs().drop(columns="item"))
    assert "No column of the source ties them." in finding.message
    assert f"`group: {column}`" not in finding.message


def test_a_column_of_few_values_is_not_named(found: Look, project: Any) -> None:
    (finding,) = found("twins", _pairs(item="one"))
    assert "No column" in finding.message


def test_groups_keep_twins_together(found: Look, project: Any) -> None:
    assert not found("twins", _pairs(), columns={"text": "text", "label": "label", "group": "item"})
    # each text its own group is no group
    assert found("twins", _pairs(), columns={"text": "text", "label": "label", "group": "text"})


def test_different_texts_are_no_twins(found: Look, project: Any) -> None:
    table = _pairs()
    table.loc[8:, "text"] = [
        f"{' '.join(reversed(item.split()[1:]))} or not, so much {at}." for at, item in enumerate(ITEMS)
    ]
    assert not found("twins", table)


def test_cities_are_tied_by_city(found: Look, published: Callable[[str], str]) -> None:
    source, columns = {"path": published("geometry_of_truth/cities.csv")}, {"text": "statement", "label": "label"}
    (finding,) = found("twins", source=source, columns=columns)
    assert finding.message.startswith("1427 examples (95 %)")
    assert "row 403 'The city of Iztapalapa is in Mexico.' (1) and row 404" in finding.message
    assert "Put `group: city` under `columns:`: 95 % of twins" in finding.message
    assert not found("twins", source=source, columns={**columns, "group": "city"})


def test_minimal_pairs_are_tied_by_their_number(found: Look, published: Callable[[str], str]) -> None:
    source = {"path": published("blimp/anaphor_gender_agreement.jsonl")}
    melt = {"columns": {"sentence_good": "good", "sentence_bad": "bad"}}
    columns = {"text": "$value", "label": "$label"}
    (finding,) = found("twins", source=source, melt=melt, columns=columns, duplicates="drop")
    assert "Put `group: pairID`" in finding.message


def test_swapped_sentences_are_twins_that_no_column_ties(found: Look, published: Callable[[str], str]) -> None:
    source = {"path": published("monli/pmonli.jsonl")}
    columns = {"text": {"template": "{sentence1} {sentence2}"}, "label": "gold_label"}
    (finding,) = found("twins", source=source, columns=columns, duplicates="drop", contradictions="drop")
    assert "(100 %) have a twin" in finding.message
    assert "No column of the source ties them." in finding.message


def test_sentences_of_films_are_no_twins(found: Look, published: Callable[[str], str]) -> None:
    source = {"path": published("sent_conv/stsa.binary.dev"), "format": "labelled"}
    assert not found("twins", source=source, columns={"text": "$text", "label": "$label"}, duplicates="drop")


def _differ(one: list[str], other: list[str]) -> bool:
    """Say it as plainly as possible: leave out every one or two words of each, and compare."""

    def holes(words: list[str]) -> set[tuple[str, ...]]:
        n = len(words)
        found = {(*words[:at], "_", *words[at + hole :]) for hole in (0, 1, 2) for at in range(n - hole + 1)}
        left = {key: len(key) - 1 for key in found}
        return {key for key, kept in left.items() if kept >= max(2, 2 * (n - kept))}

    def gaps(words: list[str]) -> set[tuple[str, ...]]:
        n = len(words)
        pairs = [(i, j) for i in range(n) for j in range(i + 3, n)] if n - 2 >= 4 else []
        return {tuple("_" if at in pair else word for at, word in enumerate(words)) for pair in pairs}

    return bool(holes(one) & holes(other) or gaps(one) & gaps(other) or sorted(one) == sorted(other))


@given(
    st.lists(
        st.lists(st.sampled_from("abcd"), min_size=2, max_size=7).map(" ".join), min_size=2, max_size=MANY, unique=True
    )
)
def test_frames_are_those_of_a_plain_comparison(texts: list[str]) -> None:
    shared = shared_frames(texts).groupby("frame")["text"].agg(list)
    met = {(a, b) for owners in shared for a in owners for b in owners if a < b}
    words = [text.split() for text in texts]
    expected = {(a, b) for a in range(len(texts)) for b in range(a + 1, len(texts)) if _differ(words[a], words[b])}
    assert met == expected


def test_no_words_have_no_frames() -> None:
    assert shared_frames(["?!", "...", "one"]).empty
