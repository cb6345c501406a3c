"""Which word stands directly before the noun read?"""

from collections.abc import Iterator

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

ADJECTIVES = ("big", "small", "old")
SLOTS = ("first", "second", "third")  # of the nouns, in their order in the text
FRAMES = {
    "drew": "{name} drew the {a} {first}, the {b} {second} and the {c} {third}.",
    "found": "beside the {a} {first}, {name} found the {b} {second} near the {c} {third}.",
}


def rows() -> pd.DataFrame:
    """Return sentences with three adjectives, each before one noun, read at each noun.

    Every text is read three times, with the three labels, so the words in it say nothing about the label. Each noun is
    read after each adjective.

    Example:
        >>> table = rows()
        >>> table["label"].value_counts().to_dict()
        {'big': 360, 'small': 360, 'old': 360}
        >>> row = table.iloc[1]
        >>> row["text"], row["text"][row["start"] : row["end"]], row["label"]
        ('Anna drew the big cup, the small plate and the old spoon.', 'plate', 'small')
    """
    names = [row["name"] for row in read_words("structural_words")]
    return as_table(
        row
        for turned, variant in enumerate(FRAMES)
        for number, things in enumerate(read_words("things"))
        for shift in range(len(ADJECTIVES))
        for row in _readings(
            variant, things, _order(shift, (number + turned) % 2 == 1), names[(number + 5 * shift) % 12]
        )
    )


def _order(shift: int, backwards: bool) -> tuple[str, ...]:
    """Return the adjectives in one of their six orders; both directions, else one would tell the next."""
    order = (*ADJECTIVES[shift:], *ADJECTIVES[:shift])
    return order[::-1] if backwards else order


def _readings(variant: str, things: Words, order: tuple[str, ...], name: str) -> Iterator[Row]:
    """Yield one text read at each of its nouns."""
    words = {**things, **dict(zip("abc", order, strict=True)), "name": name}
    group = "/".join(things.values())
    for slot, adjective in zip(SLOTS, order, strict=True):
        yield Row(*fill(FRAMES[variant], words, read=slot), adjective, group, name, variant)
