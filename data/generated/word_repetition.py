"""Did the word read occur before in the text?"""

from collections.abc import Iterator

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# The old noun comes before the two that are read, the new one again after them: both stand twice in every text.
FRAMES = {
    "two_sentences": (
        "the {old} met the {other}. Later the {one} {verb} the {two}, and the {new} smiled.",
        "the {other} sat beside the {old}. Then the {one} {verb} the {two} before the {new} left.",
    ),
    "one_sentence": (
        "while the {other} spoke to the {old}, the {one} {verb} the {two}, which surprised the {new}.",
        "because nobody knew the {old} or the {other}, the {one} {verb} the {two} until the {new} complained.",
    ),
}


def rows() -> pd.DataFrame:
    """Return texts in which one noun is repeated and one is new where they are read.

    Each text is read at both nouns, with both labels, and the two nouns change places and roles, so neither the words
    nor the place nor the noun read says anything about the label.

    Example:
        >>> table = rows()
        >>> table["label"].value_counts().to_dict()
        {'repeated': 640, 'new': 640}
        >>> row = table.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('The baker met the friend. Later the baker helped the tailor, and the tailor smiled.', 'baker')
    """
    people = [row["singular"] for row in read_words("people")]
    pairs = list(zip(people[::2], people[1::2], strict=True))
    fillers = read_words("structural_words")
    return as_table(
        row
        for variant, frames in FRAMES.items()
        for place, frame in enumerate(frames)
        for number, pair in enumerate(pairs)
        for row in _readings(frame, pair, _chosen(fillers, number, place), variant)
    )


def _chosen(fillers: list[Words], number: int, place: int) -> Words:
    """Return the verb and the third person of a pair's texts in one frame; a verb meets different persons."""
    verb, other = fillers[(number + 6 * place) % len(fillers)], fillers[(number * 5 + place) % len(fillers)]
    return {"verb": verb["past"], "other": other["other"]}


def _readings(frame: str, pair: tuple[str, str], chosen: Words, variant: str) -> Iterator[Row]:
    """Yield the four texts of a pair in a frame, each read at its two nouns."""
    for old, new in (pair, pair[::-1]):
        for one, two in (pair, pair[::-1]):
            words = {"old": old, "new": new, "one": one, "two": two, **chosen}
            for slot in ("one", "two"):
                label = "repeated" if words[slot] == old else "new"
                yield Row(*fill(frame, words, read=slot), label, "/".join(pair), words["verb"], variant)
