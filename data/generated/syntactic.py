"""Syntactic datasets built from word lists: the part of speech of an ambiguous word."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pandas as pd

Row = tuple[str, int, int, str, str, str]
Words = dict[str, str]

COLUMNS = ["text", "start", "end", "label", "group", "control_key"]

# Each index holds a noun-first and a verb-first frame with the same number of words before the first slot and before
# the second one. Only so does the position of the word read say nothing about its part of speech.
FRAMES = {
    "action": (
        ("The {noun} made them {verb} in the end.", "They {verb} before the {noun} on Mondays."),
        ("After another {noun}, the visitors must {verb} again.", "We will {verb} when the next {noun} comes."),
        ("It was her {noun} that made everyone {verb}.", "She decided to {verb} right after the {noun}."),
        ("Because of the long {noun}, we could not {verb}.", "The two friends often {verb} after a long {noun}."),
    ),
    "object": (
        ("The {noun} helped the team {verb} it in time.", "They {verb} it after each {noun}."),
        ("Without another {noun}, nobody here will {verb} them.", "We must {verb} it before her {noun}."),
        ("Thanks to this {noun}, the company can {verb} it.", "She wanted to {verb} them despite the {noun}."),
        (
            "Because of the recent {noun}, we decided not to {verb} it.",
            "The two engineers often {verb} it after a new {noun}.",
        ),
    ),
}


def part_of_speech() -> pd.DataFrame:
    """Return sentences with two ambiguous words, one as a noun and one as a verb, each sentence read at both words.

    Every text has both labels, every word is as often a noun as a verb, and so is every position in the sentence.

    Example:
        >>> frame = part_of_speech()
        >>> frame["label"].value_counts().to_dict()
        {'noun': 640, 'verb': 640}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('The walk made them laugh in the end.', 'walk')
    """
    rows: list[Row] = []
    for pair in _read("ambiguous_pairs"):
        words = pair["first"], pair["second"]
        for place, frames in enumerate(FRAMES[pair["kind"]]):
            for first, frame in zip(("noun", "verb"), frames, strict=True):
                key = f"{pair['kind']} {place} {first} first"
                for noun, verb in (words, words[::-1]):
                    rows += _slot_rows(frame, {"noun": noun, "verb": verb}, "/".join(words), key)
    return pd.DataFrame(rows, columns=COLUMNS)


def _slot_rows(frame: str, words: Words, group: str, key: str) -> Iterator[Row]:
    """Yield the filled frame twice, with the span on its noun and on its verb."""
    text = frame.format(**words)
    for label, word in words.items():
        start = len(frame[: frame.index(f"{{{label}}}")].format(**words))
        yield text, start, start + len(word), label, group, f"{key}, {label}"


def _read(name: str) -> list[Words]:
    """Return the rows of a word list that lies beside this module."""
    path = Path(__file__).parent / "words" / f"{name}.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return cast(list[Words], table.to_dict("records"))
