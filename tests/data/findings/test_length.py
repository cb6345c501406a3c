from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Look = Callable[..., Any]
TOP = Path(__file__).parents[3]
SPAN = {"text": "text", "label": "label", "start": "start", "end": "end", "group": "row"}


def _texts(longer: int) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    labels = ["x", "y"] * 60
    words = [int(draw.integers(3, 9)) + longer * (label == "y") for label in labels]
    return pd.DataFrame({"text": [f"{at} " + "ab " * n + "." for at, n in enumerate(words)], "label": labels})


def test_longer_texts_of_one_class_are_warned_about(found: Look, project: Any) -> None:
    (finding,) = found("length", _texts(longer=4))
    assert finding.severity == "warning"
    assert finding.message.startswith(
        "How long a text is gives labels away: a rule on words, words with punctuation marks, characters"
    )
    assert "in 'x', " in finding.message
    assert finding.message.endswith("or say why under `artefacts:`")


def test_with_artefacts_it_is_a_note(found: Look, project: Any) -> None:
    (finding,) = found("length", _texts(longer=4), artefacts="One class is longer.")
    assert (finding.severity, finding.message.endswith("see whether `artefacts:` in the spec says why")) == (
        "note",
        True,
    )


def test_texts_of_like_length_are_fine(found: Look, project: Any) -> None:
    assert not found("length", _texts(longer=0))


def _spans(later: int) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    labels = ["x", "y"] * 60
    before = [int(draw.integers(0, 5)) + later * (label == "y") for label in labels]
    rows = [
        ("a " * n + "cat" + " a" * (12 - n), label, 2 * n, 2 * n + 3) for n, label in zip(before, labels, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["text", "label", "start", "end"])
    return table.assign(text=table["text"] + [f" {at:03}" for at in table.index], row=table.index)


def test_spans_of_one_class_that_stand_later_are_warned_about(found: Look, project: Any) -> None:
    (finding,) = found("position", _spans(later=4), readout="span", columns=SPAN)
    assert finding.severity == "warning"
    assert finding.message.startswith("Where the span stands gives labels away")
    assert "median of words before the span: 2 in 'x', 6 in 'y'" in finding.message
    assert "Without the words after it, the rule reaches 0." in finding.message
    assert not found("length", _spans(later=4), readout="span", columns=SPAN)


def test_spans_in_like_places_are_fine(found: Look, project: Any) -> None:
    assert not found("position", _spans(later=0), readout="span", columns=SPAN)


def test_bins_of_length_and_shifted_words(found: Look, published: Callable[[str], str]) -> None:
    source = {"format": "tsv", "header": ["text", "label"], "quotes": "literal"}
    more = {"duplicates": "drop", "contradictions": "drop"}
    (finding,) = found("length", source={"path": published("xprobe_en/sentence_length/te.txt"), **source}, **more)
    assert "reaches 1.000 out of fold" in finding.message
    assert not found("length", source={"path": published("xprobe_en/bigram_shift/te.txt"), **source}, **more)


def test_subjects_stand_before_objects(found: Look, published: Callable[[str], str]) -> None:
    (finding,) = found("position", spec=TOP / "data/specs/ud_ewt_deprel_files.yaml")
    assert "3 in 'subject'" in finding.message
    assert not found("position", spec=TOP / "data/specs/ud_ewt_number_files.yaml")
