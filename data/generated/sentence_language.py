"""The language of a sentence, read at a name that is spelt alike in English, French, German and Spanish."""

from collections.abc import Iterator
from itertools import cycle, islice

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

LANGUAGES = ("english", "french", "german", "spanish")

# None begins with a vowel or an h, before which French would shorten a word, and none takes an accent in any of them.
NAMES = (
    "Laura",
    "Daniel",
    "Clara",
    "David",
    "Julia",
    "Gabriel",
    "Paula",
    "Samuel",
    "Carla",
    "Robert",
    "Marta",
    "Bruno",
)
NAMES_PER_SENTENCE = 5


def rows() -> pd.DataFrame:
    """Return parallel sentences in four languages that end in the same name, read at the name.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'english': 280, 'french': 280, 'german': 280, 'spanish': 280}
        >>> row = frame.iloc[1]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('Le chien dort à côté de Laura.', 'Laura')
    """
    return as_table(_rows())


def _rows() -> Iterator[Row]:
    names = cycle(NAMES)
    for sentence in read_words("parallel_sentences"):
        for name in islice(names, NAMES_PER_SENTENCE):
            yield from _parallel(sentence, name)


def _parallel(sentence: Words, name: str) -> Iterator[Row]:
    """Yield one sentence with one name in every language."""
    for language in LANGUAGES:
        filled = fill(f"{sentence[language]} {{name}}.", {"name": name}, read="name")
        yield Row(*filled, language, sentence["concept"], name, sentence["variant"])
