"""Where the text to read ends in the wrong place: in a blank, or in the middle of a word."""

import re
from collections.abc import Sequence

import pandas as pd

from data.errors import first_rows
from data.findings.finding import Finding, quoted
from data.spec import DatasetSpec

# Scripts that put no blanks between words: Thai, Lao, Burmese, Khmer, Japanese and Chinese
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
AROUND = 20  # characters shown before a span


def about_spans(spec: DatasetSpec, table: pd.DataFrame) -> list[Finding]:
    """Return a warning about spans that begin or end in a blank, and one about those that end in the middle of a word.

    Args:
        spec: What the dataset is.
        table: What `joined` returned.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> spec = load_spec(Path("data/specs/verb_tense.yaml"))
        >>> table = pd.DataFrame({"text": ["A cat sat"], "start": [2], "end": [4], "row": [1]})
        >>> about_spans(spec, table)[0].message[:32]
        '1 span ends in the middle of a w'
    """
    if spec.readout != "span":
        return []
    cuts = list(zip(table["text"], table["start"], table["end"], strict=True))
    blank = [text[start:end].strip() != text[start:end] for text, start, end in cuts]
    within = [_within_word(text, end) for text, _, end in cuts]
    harm = "The token read may be that of the blank"
    found = _warning(table, blank, "begin or end in a blank", "begins or ends in a blank", harm)
    harm = "The token read then knows half a word, or tokens differ from those of the whole word"
    return found + _warning(table, within, "end in the middle of a word", "ends in the middle of a word", harm)


def about_ends(spec: DatasetSpec, table: pd.DataFrame) -> list[Finding]:
    """Return a warning about texts whose last character is white space, where the last token is read.

    Args:
        spec: What the dataset is.
        table: What `joined` returned.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> about_ends(load_spec(Path("data/specs/sentiment.yaml")), pd.DataFrame({"text": ["A cat "]}))[0].about
        'ends'
    """
    n = int((table["text"].str.rstrip() != table["text"]).sum())
    if spec.readout != "last" or not n:
        return []
    message = (
        f"{n} text{'s end' if n > 1 else ' ends'} in white space, and the readout last may take its token; strip it if "
        "that is not meant, such as with `remove:`"
    )
    return [Finding("warning", "ends", message)]


def _within_word(text: str, end: int) -> bool:
    pair = text[end - 1 : end + 1]
    return len(pair) == 2 and all(map(str.isalnum, pair)) and not UNSPACED.search(pair)


def _warning(table: pd.DataFrame, bad: Sequence[bool], many: str, one: str, harm: str) -> list[Finding]:
    rows = table[list(bad)].sort_values("row", key=lambda names: names.map(_in_order))
    if rows.empty:
        return []
    first = rows.iloc[0]
    shown = first["text"][max(0, first["start"] - AROUND) : first["end"] + AROUND]
    span = first["text"][first["start"] : first["end"]]
    message = (
        f"{len(rows)} span{f's {many}' if len(rows) > 1 else f' {one}'} ({first_rows(list(rows['row']))}), such as "
        f"{quoted(span)} in {quoted(shown)}. {harm}. Correct `start` and `end` or the `target` under `columns:`; "
        "characters are counted from 0, and end is one past the last"
    )
    return [Finding("warning", "spans", message)]


def _in_order(name: int | str) -> tuple[int, str]:
    return (name, "") if isinstance(name, int) else (0, name)
