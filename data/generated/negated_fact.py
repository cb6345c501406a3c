"""Facts and falsehoods about what kind of thing something is, affirmed and negated."""

from collections.abc import Iterator
from itertools import product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# The word that negates is the same in all frames: in one variant it belongs to the sentence about the thing, in the
# other to a sentence around it. All end in a full stop, which is what is read.
FRAMES = {
    "simple": (
        "{thing} is {negation}{kind}.",
        "In fact, {thing} is {negation}{kind}.",
        "{thing} is {negation}classed as {kind}.",
        "{thing} should {negation}be called {kind}.",
    ),
    "embedded": (
        "It is {negation}true that {thing} is {kind}.",
        "It would {negation}be correct to say that {thing} is {kind}.",
        "Experts would {negation}agree that {thing} is {kind}.",
        "A teacher would {negation}say that {thing} is {kind}.",
    ),
}
FRAMES_PER_VARIANT = 2  # that each pair of things meets


def rows() -> pd.DataFrame:
    """Return statements on pairs of things: both things with both kinds, each affirmed and negated.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'true': 640, 'false': 640}
        >>> frame["text"][:2].tolist()
        ['A trout is a fish.', 'A trout is not a fish.']
    """
    return as_table(row for index, pair in enumerate(read_words("kinds_of_things")) for row in _group(index, pair))


def _group(index: int, pair: Words) -> Iterator[Row]:
    """Yield the statements on one pair, in frames that rotate from pair to pair."""
    group = f"{pair['first']}/{pair['second']}"
    for variant, frames in FRAMES.items():
        for turn in range(FRAMES_PER_VARIANT):
            frame = frames[(index + turn) % len(frames)]
            for thing, kind, negation in product(("first", "second"), ("first", "second"), ("", "not ")):
                words = {"thing": pair[thing], "kind": pair[f"{kind}_kind"], "negation": negation}
                is_true = (thing == kind) != bool(negation)
                key = frame.replace("{negation}", negation)
                yield Row(*fill(frame, words), "true" if is_true else "false", group, key, variant)
