"""Where in the text does the word read stand: in its first, middle or last third?"""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

N_READ = 66  # people who are read, each a group
# Number of items in a list -> which of them is read in each third. The second of three items stands in the middle, the
# second of six in the first third; so the number of words before an item says less than the label asks.
PLACES = {
    3: {"first": 0, "middle": 1, "last": 2},
    6: {"first": 1, "middle": 2, "last": 4},
    9: {"first": 2, "middle": 4, "last": 6},
}
FRAME = "{opening}, {before}{modifier} {person}, {after}{closing}."
Item = tuple[str, str]  # a person, after the word before


class Listing(NamedTuple):
    """How a variant makes its lists.

    Attributes:
        column: Of `structural_words`, the word before each person.
        openings: One word before the list.
        closings: Two words after it.
    """

    column: str
    openings: tuple[str, ...]
    closings: tuple[str, ...]


VARIANTS = {
    "subjects": Listing(
        "adjective",
        ("yesterday", "outside", "later", "downstairs"),
        ("everyone danced", "everybody waited", "everyone laughed"),
    ),
    "orders": Listing("order", ("today", "first", "tomorrow", "please"), ("then rest", "then leave", "then relax")),
}


def rows() -> pd.DataFrame:
    """Return lists of people of which one is read, in the first, the middle or the last third of the text.

    The person and the word before move through a list that is else the same, so the three texts have the same words
    and the same pairs of words.

    Example:
        >>> table = rows()
        >>> table["label"].value_counts().to_dict()
        {'first': 396, 'middle': 396, 'last': 396}
        >>> table["text"][0]
        'Yesterday, old bakers, young students, kind waiters, everyone danced.'
    """
    people = [row["plural"] for row in read_words("people")]
    return as_table(
        row
        for variant in VARIANTS
        for number in range(N_READ)
        for size in PLACES
        for row in _triple(variant, people, number, size)
    )


def _triple(variant: str, people: list[str], number: int, size: int) -> Iterator[Row]:
    """Yield the three texts in which one person stands in a list of `size` people."""
    about = VARIANTS[variant]
    turn = len(PLACES) * number + size // 3 - 1
    modifiers = [row[about.column] for row in read_words("structural_words")]
    first = turn % len(modifiers)
    others = _others(modifiers[first + 1 :] + modifiers[:first], people, number, size - 1)
    words = {
        "opening": about.openings[turn % len(about.openings)],
        "closing": about.closings[number % len(about.closings)],
    }
    for label, place in PLACES[size].items():
        yield _row((modifiers[first], people[number]), others, place, words, label, variant)


def _others(modifiers: list[str], people: list[str], number: int, size: int) -> list[Item]:
    """Return items around a person; the shift keeps their modifiers from telling how many of them come before."""
    return [
        (modifiers[(number // 4 + place) % len(modifiers)], people[(number + 7 * (place + 1)) % len(people)])
        for place in range(size)
    ]


def _row(read: Item, others: list[Item], place: int, words: Words, label: str, variant: str) -> Row:
    """Return the text in which the item read stands at a place in the list of the others."""
    modifier, person = read
    listed = [f"{before} {noun}, " for before, noun in others]
    moved = {"before": "".join(listed[:place]), "after": "".join(listed[place:])}
    filled = fill(FRAME, {**words, **moved, "modifier": modifier, "person": person}, read="person")
    return Row(*filled, label, person, f"{variant}: {modifier}", variant)
