"""Statements that one number is larger or smaller than another, true and false."""

from collections.abc import Iterator
from itertools import permutations

import pandas as pd

from data.generated.frames import Row, as_table, fill, read_words

# Variant, which is also the column of the word list -> frames with the word that makes the statement true where
# the first number is the larger one, and the one where it is the smaller one. No number stands beside that word,
# or word pairs would mislead a bag of words. All end in a full stop, which is what is read.
FRAMES = {
    "digits": (
        ("{first} is {relation} than {second}.", "larger", "smaller"),
        ("The number {first} is {relation} than {second}.", "greater", "less"),
        ("The value {first} lies {relation} the value {second}.", "above", "below"),
    ),
    "words": (
        ("Of {first} and {second}, the {relation} number is {first}.", "higher", "lower"),
        ("On the number line, {first} comes {relation} the number {second}.", "after", "before"),
        ("A person of {first} is {relation} than a person of {second}.", "older", "younger"),
    ),
}
FRAMES_PER_VARIANT = 2  # that each pair of numbers meets

# With multiples of three that follow the remainder of the smaller number, no two pairs have the same larger number: all
# but the ends of the range are the larger number of one pair and the smaller number of another.
SMALLEST, LARGEST = 10, 99
DISTANCES = (6, 15, 24)


def rows() -> pd.DataFrame:
    """Return comparisons of two numbers: both orders, each with both relations.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'true': 528, 'false': 528}
        >>> frame["text"][:2].tolist()
        ['16 is larger than 10.', '16 is smaller than 10.']
    """
    smaller = range(SMALLEST, LARGEST - max(DISTANCES) + 1)
    pairs = [(low + DISTANCES[index % len(DISTANCES)], low) for index, low in enumerate(smaller)]
    return as_table(row for index, pair in enumerate(pairs) for row in _group(index, pair))


def _group(index: int, pair: tuple[int, int]) -> Iterator[Row]:
    """Yield the comparisons of one pair, in frames that rotate from pair to pair."""
    names = {int(row["digits"]): row for row in read_words("number_words")}
    for variant, frames in FRAMES.items():
        for turn in range(FRAMES_PER_VARIANT):
            frame, *relations = frames[(index + turn) % len(frames)]
            for first, second in permutations(pair):
                for relation, is_true in zip(relations, (first > second, first < second), strict=True):
                    words = {"first": names[first][variant], "second": names[second][variant], "relation": relation}
                    label = "true" if is_true else "false"
                    yield Row(*fill(frame, words), label, f"{pair[0]}/{pair[1]}", f"{frame} {relation}", variant)
