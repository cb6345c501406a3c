"""Sentences on three nouns of one topic, with an ending that all topics share."""

from collections.abc import Iterator
from itertools import product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Nouns of any number fit each slot, since no verb in the present stands by them.
FRAMES = (
    ("frames_a", "we talked about {a}, {b} and {c} {ending}."),
    ("frames_a", "her article on {a}, {b} and {c} came out {ending}."),
    ("frames_a", "a friend asked me about {a}, {b} and {c} {ending}."),
    ("frames_b", "though {a} did not interest him, {b} and {c} did, he wrote {ending}."),
    ("frames_b", "instead of {a} she chose {b}, and later {c}, as her subject {ending}."),
    ("frames_b", "without {a}, without {b} and without {c} the list seemed too short {ending}."),
)
# All groups have the same sentences but for the nouns: were the endings to differ, a bag of words trained without a
# group would know which ones it lacks, and fall below chance on it.
ENDINGS = (
    *("last week", "last year", "last night", "this morning", "this week", "this year"),
    *("on Monday", "on Tuesday", "on Friday", "in April", "in October", "at noon"),
)


def rows() -> pd.DataFrame:
    """Return sentences on three nouns of one topic, read at the last token.

    The three nouns of a group occur in no other, and take turns in the slots of every frame.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'sports': 270, 'music': 270, 'food': 270, 'science': 270}
        >>> frame["text"][0]
        'We talked about football, goals and referees last week.'
    """
    return as_table(row for group in read_words("topic_words") for row in _group(group))


def _group(group: Words) -> Iterator[Row]:
    """Yield the sentences on the nouns of a group."""
    nouns = [group["first"], group["second"], group["third"]]
    for turn, ((variant, frame), shift) in enumerate(product(FRAMES, range(3))):
        ending = ENDINGS[5 * turn % len(ENDINGS)]
        a, b, c = nouns[shift:] + nouns[:shift]
        filled = fill(frame, {"a": a, "b": b, "c": c, "ending": ending})
        yield Row(*filled, group["topic"], "/".join(nouns), ending, variant)
