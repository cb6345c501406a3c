"""The letter of the right answer to a question with three options, in prompts that end before the answer."""

from collections.abc import Iterator
from itertools import permutations

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

LETTERS = ("A", "B", "C")

# In one variant the question comes before the options and letters before words; in the other it is the other way round.
FRAMES = {
    "question_first": (
        "Question: Which of these is {kind}? A) {A} B) {B} C) {C} Answer:",
        "Find the word for {kind}. A: {A}, B: {B}, C: {C}. The correct letter is",
    ),
    "options_first": (
        "My list has {A} as A, {B} as B and {C} as C, and the one that names {kind} is",
        "The cards say {A} (A), {B} (B) and {C} (C). To show {kind}, choose card",
    ),
}
ORDERS = tuple(permutations(range(3)))
TURNS = {"question_first": 0, "options_first": 1}  # a variant gets three orders, in which each option has each letter
STRIDES = (1, 5, 7, 11)  # that visit all twelve kinds, so that every kind meets many others


def rows() -> pd.DataFrame:
    """Return prompts with three options of three kinds: each kind is asked for in every order of the options.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'A': 384, 'B': 384, 'C': 384}
        >>> frame["text"][0]
        'Question: Which of these is an animal? A) dog B) apple C) hammer Answer:'
    """
    return as_table(row for index, options in enumerate(_option_sets()) for row in _group(index, options))


def _option_sets() -> Iterator[list[Words]]:
    """Yield three words of three kinds at a time, until every word has been used once."""
    table = read_words("answer_options")
    kinds = [[row for row in table if row["kind"] == kind] for kind in dict.fromkeys(row["kind"] for row in table)]
    for turn in range(len(kinds[0])):
        order = [(turn + place * STRIDES[turn % len(STRIDES)]) % len(kinds) for place in range(len(kinds))]
        for place in range(0, len(kinds), 3):
            yield [kinds[number][turn] for number in order[place : place + 3]]


def _group(index: int, options: list[Words]) -> Iterator[Row]:
    """Yield the prompts of one set of options, half of the orders in each variant."""
    group = "/".join(option["word"] for option in options)
    for variant, frames in FRAMES.items():
        for order in (order for order in ORDERS if _is_odd(order) == (TURNS[variant] + index) % 2):
            lettered = {letter: options[place]["word"] for letter, place in zip(LETTERS, order, strict=True)}
            for asked in range(3):
                kind = options[asked]["kind"]
                filled = fill(frames[index // 2 % 2], {**lettered, "kind": kind})
                yield Row(*filled, LETTERS[order.index(asked)], group, kind, variant)


def _is_odd(order: tuple[int, ...]) -> bool:
    """Return whether an order of three is a swap of two, and not a rotation."""
    return sum(place == number for place, number in enumerate(order)) == 1
