"""True and false statements on what is a kind of what."""

from collections.abc import Iterator
from itertools import groupby

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

FRAMES = (
    "{thing} is a kind of {hypernym}.",
    "as everybody knows, {thing} is a type of {hypernym}.",
    "my teacher told me that {thing} is one sort of {hypernym}.",
)


def rows() -> pd.DataFrame:
    """Return statements that a thing is a kind of something, read at the name of the kind.

    Four kinds that are near to each other, such as those of one meal, share groups of four things, one of each.
    Inside a group each kind is as often true as false: the other three kinds take turns in the three frames.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'true': 576, 'false': 576}
        >>> frame["text"][:2].tolist()
        ['A robin is a kind of bird.', 'A robin is a kind of fish.']
    """
    return as_table(row for group in _groups() for index in range(len(group)) for row in _statements(group, index))


def _groups() -> Iterator[list[Words]]:
    """Yield the things whose kinds stand for each other: the first of each kind, the second of each, and so on."""
    for _, lines in groupby(read_words("hypernyms"), key=lambda line: line["kind"]):
        kinds = [list(things) for _, things in groupby(lines, key=lambda line: line["hypernym"])]
        yield from map(list, zip(*kinds, strict=True))


def _statements(group: list[Words], index: int) -> Iterator[Row]:
    """Yield what is said of one thing of a group."""
    thing = group[index]
    name = " ".join(filter(None, [thing["article"], thing["hyponym"]]))
    for shift, frame in enumerate(FRAMES, start=1):
        other = group[(index + shift) % len(group)]
        for label, hypernym in (("true", thing["hypernym"]), ("false", other["hypernym"])):
            filled = fill(frame, {"thing": name, "hypernym": hypernym}, read="hypernym")
            slug = "/".join(each["hyponym"] for each in group)
            yield Row(*filled, label, slug, hypernym, thing["variant"])
