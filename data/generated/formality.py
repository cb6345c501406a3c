"""The register of a sentence, formal or informal, read at a full stop after words that both registers share."""

from collections.abc import Iterator
from itertools import cycle, islice

import pandas as pd

from data.generated.frames import Row, as_table, fill, read_words

# What a sentence with one formal or informal word is: kind of the word -> frames.
FRAMES = {
    "people": ("the {cue} arrived {ending}.", "we met the {cue} {ending}."),
    "things": ("they talked about the {cue} {ending}.", "I thought of the {cue} {ending}."),
    "qualities": ("her cousin seemed {cue} {ending}.", "our driver looked {cue} {ending}."),
}
ENDINGS = (
    "on Monday",
    "last week",
    "after lunch",
    "before the meeting",
    "in the morning",
    "near the station",
    "at the office",
    "during the trip",
    "on the way home",
    "at the end of the day",
    "in the afternoon",
    "outside the museum",
)
ENDINGS_PER_WORD = 6

# What a sentence that begins with a formal or informal phrase ends in; all phrases take all of them.
REQUESTS = (
    "send the report",
    "open the window",
    "bring the map",
    "move the table",
    "sign the letter",
    "check the price",
    "carry the box",
    "close the gate",
    "read the message",
    "clean the room",
    "change the date",
    "call the hotel",
)


def rows() -> pd.DataFrame:
    """Return pairs of sentences that say the same in two registers, of equally many words.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'formal': 636, 'informal': 636}
        >>> frame["text"][:2].tolist()
        ['The children arrived on Monday.', 'The kids arrived on Monday.']
    """
    return as_table([*_word_rows(), *_phrase_rows()])


def _word_rows() -> Iterator[Row]:
    endings = cycle(ENDINGS)
    for index, pair in enumerate(read_words("register_words")):
        for place, ending in enumerate(islice(endings, ENDINGS_PER_WORD)):
            frame = FRAMES[pair["kind"]][(index // 2 + place) % 2]
            for label in ("formal", "informal"):
                filled = fill(frame, {"cue": pair[label], "ending": ending})
                yield Row(*filled, label, f"{pair['formal']}/{pair['informal']}", ending, "words")


def _phrase_rows() -> Iterator[Row]:
    for pair in read_words("register_phrases"):
        for request in REQUESTS:
            for label in ("formal", "informal"):
                filled = fill("{cue} {request}.", {"cue": pair[label], "request": request})
                yield Row(*filled, label, f"{pair['formal']}/{pair['informal']}", request, "phrases")
