"""Whether a noun names a living being or a thing, read at a later word that goes with both."""

from collections.abc import Iterator

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Variant -> frames. The word read is an adjective, where the noun is a subject, or a place, where it is an object.
FRAMES = {
    "subjects": (
        "The {noun} was {word} that day.",
        "It seems the {noun} had been {word}.",
        "Was the {noun} really {word}?",
        "We know that the {noun} is still {word}.",
        "By noon the {noun} looked {word} again.",
        "They say the {noun} in the hall is very {word}.",
    ),
    "objects": (
        "You saw that {noun} near the {word}.",
        "Anna found the {noun} behind a {word} on Sunday.",
        "Who left this {noun} at my {word}?",
        "Please bring another {noun} to our {word}.",
        "Nobody would move the {noun} away from this {word}.",
        "He took a picture of the {noun} beside their {word}.",
    ),
}
WORDS = {"subjects": "animacy_states", "objects": "animacy_places"}


def rows() -> pd.DataFrame:
    """Return sentences about a being and the same about a thing, read at a word after the noun.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'animate': 624, 'inanimate': 624}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('The man was wet that day.', 'wet')
    """
    return as_table(row for index, nouns in enumerate(read_words("animacy_nouns")) for row in _group(index, nouns))


def _group(index: int, nouns: Words) -> Iterator[Row]:
    """Yield the sentences of a pair of nouns, which share every other word."""
    group = f"{nouns['animate']}/{nouns['inanimate']}"
    for variant, frames in FRAMES.items():
        words = read_words(WORDS[variant])
        for place, frame in enumerate(frames):
            word = words[(index + 2 * place + index // len(words)) % len(words)]["word"]
            for label in ("animate", "inanimate"):
                yield Row(*fill(frame, {"noun": nouns[label], "word": word}, "word"), label, group, word, variant)
