"""What the bundled generators share: sentence frames with slots, word lists, and the table they return."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

import pandas as pd

Words = dict[str, str]


class Row(NamedTuple):
    """One example of a bundled dataset.

    Attributes:
        text: What the model reads.
        start: First character of the span that is read.
        end: One past its last character.
        label: What the probe is asked for.
        group: Item or entity that never crosses a fold, so that test folds hold unseen ones.
        control_key: What gets one random label in the control task; recurs over groups.
        variant: Part of the dataset that shares no frame, or none of the words that matter, with the other parts.
    """

    text: str
    start: int
    end: int
    label: str
    group: str
    control_key: str
    variant: str


class Filled(NamedTuple):
    """A frame with its slots filled, and the span to read in it, half-open."""

    text: str
    start: int
    end: int


def fill(frame: str, words: Mapping[str, str], read: str | None = None) -> Filled:
    """Return a frame with its slots filled and its first letter in upper case.

    Args:
        frame: A text with slots such as `{noun}`.
        words: Slot -> what stands there; others than the frame's may be among them.
        read: The slot that is the span, which occurs once; None takes the whole text.

    Example:
        >>> fill("the {noun} {verb}.", {"noun": "cat", "verb": "slept"}, read="verb")
        Filled(text='The cat slept.', start=8, end=13)
    """
    text = _capital(frame.format(**words))
    if read is None:
        return Filled(text, 0, len(text))
    before, _ = frame.split(f"{{{read}}}")
    start = len(before.format(**words))
    return Filled(text, start, start + len(words[read]))


def as_table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as the table that a generator returns, one column for each field of `Row`.

    Args:
        rows: Examples.

    Example:
        >>> as_table([Row("Cats sleep.", 0, 4, "plural", "cat", "sleep", "a")]).columns.tolist()
        ['text', 'start', 'end', 'label', 'group', 'control_key', 'variant']
    """
    return pd.DataFrame(list(rows), columns=Row._fields)


def read_words(name: str) -> list[Words]:
    """Return the rows of a word list, `words/<name>.csv`, in its order.

    Args:
        name: Of the file, without its suffix.

    Example:
        >>> read_words("sentiment_adjectives")[0]
        {'positive': 'good', 'negative': 'bad'}
    """
    return [dict(row) for row in _word_list(name)]


@cache  # generators ask for a list again with every group; the rows given out are copies
def _word_list(name: str) -> list[Words]:
    path = Path(__file__).parent / "words" / f"{name}.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return cast(list[Words], table.to_dict("records"))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
