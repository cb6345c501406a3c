"""The number of a subject, read at a verb that does not show it, across nouns that compete with the subject."""

from collections.abc import Iterator
from itertools import cycle, islice

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Number of the first and, where there is one, of the second noun between the subject and its verb. The six patterns
# hold as many singular as plural nouns, and every head noun meets each of them in both numbers.
PATTERNS = (
    ("singular",),
    ("plural",),
    ("singular", "second_singular"),
    ("singular", "second_plural"),
    ("plural", "second_singular"),
    ("plural", "second_plural"),
)

# Variant -> what stands between subject and verb, by the number of nouns there. In a clause the first of them is
# itself the subject of a verb.
MIDDLES = {
    "prepositions": ("{preposition} the {first}", "{preposition} the {first} {linker} the {second}"),
    "clauses": ("that the {first} had {participle}", "that the {first} had {participle} {preposition} the {second}"),
}
OPENINGS = {
    "prepositions": (
        "The",
        "In the story, the",
        "It seems that the",
        "We heard that the",
        "She wrote that the",
        "Nobody knew why the",
        "According to my aunt, the",
    ),
    "clauses": (
        "Perhaps the",
        "In this film, the",
        "They told me that the",
        "He remembered that the",
        "You asked how the",
        "I was surprised when the",
        "In another book, the",
    ),
}
ENDINGS = {
    "prepositions": ("", " on Friday", " that night", " in the end", " after that"),
    "clauses": (" again", " at noon", " last week", " after dark", " later"),
}


def rows() -> pd.DataFrame:
    """Return sentences whose main verb is read for the number of its subject, 12 minimal pairs for each head noun.

    Both sentences of a pair differ in the head noun alone, and the verb form is the same in both numbers, so neither
    the verb nor the nouns that stand between it and the subject tell the label.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'singular': 648, 'plural': 648}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('The child near the window vanished.', 'vanished')
    """
    return as_table(row for variant in MIDDLES for row in _variant(variant))


def _variant(variant: str) -> Iterator[Row]:
    attractors = _attractors(variant)
    openings, endings = cycle(OPENINGS[variant]), cycle(ENDINGS[variant])
    verbs = {kind: _verbs(kind, variant) for kind in ("animate", "thing")}
    for noun in read_words("subject_nouns"):
        for pattern in PATTERNS:
            rest = {"verb": next(verbs[noun["kind"]]), "opening": next(openings), "ending": next(endings)}
            words = rest | next(attractors)
            words |= {slot: words[form] for slot, form in zip(("first", "second"), pattern, strict=False)}
            frame = f"{{opening}} {{noun}} {MIDDLES[variant][len(pattern) - 1]} {{verb}}{{ending}}."
            yield from _pair(frame, noun, words, variant)


def _attractors(variant: str) -> Iterator[Words]:
    """Yield what fills the middles without end: the people of a clause take the place of the first noun."""
    for place, person, verb in zip(*map(_endless, ("attractors", "attractor_people", "attractor_verbs")), strict=True):
        yield place | person | verb if variant == "clauses" else place


def _endless(name: str) -> Iterator[Words]:
    return cycle(read_words(name))


def _verbs(kind: str, variant: str) -> Iterator[str]:
    """Yield the past tenses that suit subjects of one kind without end; a noun meets other ones in each variant."""
    verbs = [row["verb"] for row in read_words("past_verbs") if row["subjects"] in ("any", kind)]
    return islice(cycle(verbs), len(verbs) // 2 if variant == "clauses" else 0, None)


def _pair(frame: str, noun: Words, words: Words, variant: str) -> Iterator[Row]:
    """Yield one sentence with the noun in the singular and in the plural."""
    for number in ("singular", "plural"):
        filled = fill(frame, words | {"noun": noun[number]}, read="verb")
        yield Row(*filled, number, noun["singular"], words["verb"], variant)
