"""Texts that are the same but for case, blanks and punctuation, with different labels."""

import unicodedata
from collections.abc import Iterable, Mapping

import pandas as pd

from data.findings.finding import Finding
from data.findings.table import told_apart

LEFT_OUT = "PZC"  # Unicode categories: punctuation, blanks and control characters; signs such as + are kept


def about_contradictions(table: pd.DataFrame) -> list[Finding]:
    """Return a warning where one text, but for case, blanks and punctuation, has several labels; spans must agree.

    Texts that are equal to the letter are no matter for it: the examples are not built with them.

    Args:
        table: What `joined` returned.

    Example:
        >>> row = {"start": 0, "end": 5}
        >>> rows = [{**row, "text": "Fine.", "label": "+", "row": 1}, {**row, "text": "fine!", "label": "-", "row": 2}]
        >>> about_contradictions(pd.DataFrame(rows))[0].message[:51]
        '2 examples have the text of another with a differen'
    """
    keys = _keys(table)
    torn = table[table.groupby(keys)["label"].transform("nunique") > 1]
    if torn.empty:
        return []
    same = torn[keys[torn.index] == keys[torn.index[0]]].drop_duplicates("label")
    message = (
        f"{len(torn)} examples have the text of another with a different label, but for case, blanks or punctuation: "
        f"{told_apart(same.iloc[0], same.iloc[1])}. Unless the feature lies in what differs, one label is wrong "
        "and no probe can get both right. Correct the labels, or take out what differs with `remove:`, after which "
        "`contradictions: drop` leaves such rows out"
    )
    return [Finding("warning", "contradictions", message)]


def fold_texts(texts: Iterable[str]) -> list[str]:
    """Return texts without punctuation, with single blanks and without case; one with nothing else is kept as it is.

    Args:
        texts: Of examples.

    Example:
        >>> fold_texts(["Well,  THEN", "?!"])
        ['well then', '?!']
    """
    given = list(texts)
    blanks = _blanks(given)
    return [_fold(text, blanks) or text for text in given]


def _keys(table: pd.DataFrame) -> pd.Series:
    """Return what equal texts with equal spans have in common: text before, in and after the span."""
    blanks = _blanks(table["text"])
    parts = zip(table["text"], table["start"], table["end"], strict=True)
    folded = [tuple(_fold(part, blanks) for part in (text[:a], text[a:b], text[b:])) for text, a, b in parts]
    keys = [key if any(key) else (text,) for key, text in zip(folded, table["text"], strict=True)]
    return pd.Series(pd.factorize(pd.Series(keys, dtype="object"))[0], index=table.index)


def _blanks(texts: Iterable[str]) -> dict[int, str]:
    letters = sorted(set().union(*map(set, texts)))
    return {ord(letter): " " for letter in letters if unicodedata.category(letter)[0] in LEFT_OUT}


def _fold(text: str, blanks: Mapping[int, str]) -> str:
    return " ".join(text.translate(blanks).casefold().split())
