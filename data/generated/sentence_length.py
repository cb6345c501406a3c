"""How long is the sentence that ends at the token read: short, medium or long?"""

from collections.abc import Iterator

import pandas as pd

from data.generated.frames import Row, as_table, read_words

SIZES = (6, 7)  # items of a text, in both of its sentences
LENGTHS = {"short": 1, "medium": 3, "long": 5}  # items of its last sentence
# The beginnings of the first and the last sentence of a list; an order has none, each item is a clause.
VERBS = (("We sell", "We buy"), ("We lost", "We found"), ("They want", "They have"), ("She packed", "She left"))
TURNS = 2  # of the words before the last noun, for each number of items


def rows() -> pd.DataFrame:
    """Return texts of two sentences, the last one short, medium or long, read at their last token.

    Three texts have the same items in the same order; only the place of the full stop between them differs. So the
    whole text is as long, and its last words are the same.

    Example:
        >>> table = rows()
        >>> table["label"].value_counts().to_dict()
        {'short': 384, 'medium': 384, 'long': 384}
        >>> table["text"][2]
        'Bring cups and find plates and take lamps. Carry chairs and sell boxes and order forks.'
    """
    goods = read_words("goods")
    nouns = [row["noun"] for row in goods if row["place"] == "end"]
    fillers = [row["noun"] for row in goods if row["place"] == "before"]
    verbs = [row["handle"] for row in read_words("structural_words")]
    return as_table(
        row
        for number, noun in enumerate(nouns)
        for size in SIZES
        for turn in range(TURNS)
        for row in _both(noun, size, TURNS * number + turn, fillers, verbs)
    )


def _both(noun: str, size: int, turn: int, fillers: list[str], verbs: list[str]) -> Iterator[Row]:
    """Yield the triple of orders and the triple of lists with the same nouns."""
    nouns = [*(fillers[(turn + place) % len(fillers)] for place in range(size - 1)), noun]
    chosen = [verbs[(5 * turn + 7 * place) % len(verbs)] for place in range(size)]
    orders = [" ".join(pair) for pair in zip(chosen, nouns, strict=True)]
    first, last = VERBS[turn // TURNS % len(VERBS)]
    for label, length in LENGTHS.items():
        yield _row((_joined(orders[:-length]), _joined(orders[-length:])), label, noun, chosen[-1], "orders")
        lists = f"{first} {_joined(nouns[:-length])}", f"{last} {_joined(nouns[-length:])}"
        yield _row(lists, label, noun, nouns[-2], "lists")


def _joined(items: list[str]) -> str:
    return " and ".join(items)


def _row(sentences: tuple[str, str], label: str, noun: str, key: str, variant: str) -> Row:
    """Return one text."""
    text = " ".join(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in sentences)
    return Row(text, 0, len(text), label, noun, key, variant)
