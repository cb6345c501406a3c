"""Nouns inside and outside the scope of a negation that stands in the one clause or in the other."""

from collections.abc import Iterator
from itertools import product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Variant -> frames of two clauses, each with the form of its verbs and with a word for the clause that is not negated.
# One more "not" or two, whose scope is a phrase of its own, stand before both nouns: that there is a "not" says
# nothing. In half of the frames one even stands between auxiliary and verb of the first clause, nearest to its noun.
FRAMES = {
    "frames_a": (
        (
            "believe it or not, the {one} has {x} {verb} the {first} and the {other} has {y} {next_verb} the {second}.",
            ("participle", "just"),
        ),
        (
            "the {one} has {x}, surprisingly or not, {verb} the {first}; the {other} has {y} {next_verb} the {second}.",
            ("participle", "now"),
        ),
        (
            "not long ago and not far from here, the {one} had {x} {verb} the {first}, but the {other} had {y} "
            "{next_verb} the {second}.",
            ("participle", "already"),
        ),
    ),
    "frames_b": (
        (
            "whether or not it rains, the {one} who will {x} {verb} the {first} will {y} {next_verb} the {second}.",
            ("base", "surely"),
        ),
        (
            "although the {one} did {x}, rightly or not, {verb} the {first}, the {other} did {y} {next_verb} "
            "the {second}.",
            ("base", "indeed"),
        ),
        (
            "since, ready or not, the {one} must {x}, like it or not, {verb} the {first}, the {other} must {y} "
            "{next_verb} the {second}.",
            ("base", "finally"),
        ),
    ),
}


def rows() -> pd.DataFrame:
    """Return sentences of two clauses, one of them negated, each read at the object of both clauses.

    Every text has both labels, and so has every noun in every frame: "not" and the word of the clause that is not
    negated change places, and nothing else changes.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'inside': 540, 'outside': 540}
        >>> row = frame.iloc[0]
        >>> row["text"]
        'Believe it or not, the guard has not sold the chair and the thief has just bought the lamp.'
        >>> row["text"][row["start"] : row["end"]], row["label"]
        ('chair', 'inside')
    """
    return as_table(row for index, pair in enumerate(read_words("object_pairs")) for row in _group(index, pair))


def _group(index: int, pair: Words) -> Iterator[Row]:
    """Yield the sentences on two things, which change places from one frame to the next."""
    people, turn = read_words("role_pairs"), 6 * index
    for variant, frames in FRAMES.items():
        for frame, form in frames:
            first, second = pair.values() if (turn + index) % 2 == 0 else reversed(pair.values())
            one, other = people[turn % len(people)].values()
            words = {"one": one, "other": other, "first": first, "second": second}
            yield from _readings(frame, form, words, turn, ("/".join(pair.values()), variant))
            turn += 1


def _readings(frame: str, form: tuple[str, str], words: Words, turn: int, kind: tuple[str, str]) -> Iterator[Row]:
    """Yield a frame with either clause negated, read at both nouns."""
    verbs, (tense, positive), (group, variant) = read_words("handling_verbs"), form, kind
    verb, next_verb = verbs[turn % len(verbs)], verbs[(turn + 1) % len(verbs)]
    words = {**words, "verb": verb[tense], "next_verb": next_verb[tense]}
    for negated, read in product(("first", "second"), ("first", "second")):
        x, y = ("not", positive) if negated == "first" else (positive, "not")
        key = (verb if read == "first" else next_verb)["base"]
        filled = fill(frame, {**words, "x": x, "y": y}, read=read)
        yield Row(*filled, "inside" if read == negated else "outside", group, key, variant)
