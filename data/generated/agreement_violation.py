"""Whether a verb agrees with its subject, read at the verb, with a noun of either number in between."""

from collections.abc import Iterator
from itertools import cycle, product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

NUMBERS = ("singular", "plural")
QUADS = 4  # of sentences for each noun and variant, half of them with a singular and half with a plural in between

# Variant -> the openings, and what stands between the subject and its verb. In a clause the noun there is itself the
# subject of a verb.
OPENINGS = {
    "prepositions": ("The", "Today the", "In fact the", "She said the"),
    "clauses": ("Perhaps the", "I think the", "By then the", "They say the"),
}
MIDDLES = {
    "prepositions": "{preposition} the {between}",
    "clauses": "that the {between} had {participle}",
}
LISTS = {"prepositions": ("attractors",), "clauses": ("attractor_people", "attractor_verbs")}


def rows() -> pd.DataFrame:
    """Return sentences in fours: the subject in either number, with the verb in either number.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'agrees': 640, 'violates': 640}
        >>> row = frame.iloc[1]
        >>> row["label"], row["text"], row["text"][row["start"] : row["end"]]
        ('violates', 'The child near the window are old.', 'are')
    """
    return as_table(row for variant in MIDDLES for row in _variant(variant))


def _variant(variant: str) -> Iterator[Row]:
    openings, between = cycle(OPENINGS[variant]), _between(variant)
    verbs = read_words("violation_verbs")
    for index, noun in enumerate(read_words("violation_nouns")):
        for place in range(QUADS):
            # Each noun meets every fourth verb, others in the other variant; the next noun meets the next ones.
            verb = verbs[(index + QUADS * place + 2 * (variant == "clauses")) % len(verbs)]
            words = next(between)
            words |= {"opening": next(openings), "between": words[NUMBERS[(index + place) % 2]]}
            yield from _quad(noun, verb, words, variant)


def _between(variant: str) -> Iterator[Words]:
    """Yield what fills the middles, without end."""
    for parts in zip(*(cycle(read_words(name)) for name in LISTS[variant]), strict=True):
        yield {key: word for part in parts for key, word in part.items()}


def _quad(noun: Words, verb: Words, words: Words, variant: str) -> Iterator[Row]:
    """Yield one sentence with both numbers of the subject and of the verb."""
    frame = f"{{opening}} {{noun}} {MIDDLES[variant]} {{verb}} {{ending}}."
    for subject, number in product(NUMBERS, NUMBERS):
        slots = {"noun": noun[subject], "verb": verb[number], "ending": verb["ending"]}
        label = "agrees" if subject == number else "violates"
        yield Row(*fill(frame, words | slots, read="verb"), label, noun["singular"], verb[number], variant)
