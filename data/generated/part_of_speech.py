"""The part of speech of words that are nouns and verbs, in frames where neither word nor place tells."""

from collections.abc import Iterator

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Each index holds a noun-first and a verb-first frame with the same number of words before the first slot and before
# the second one, and no comma. Only so does the position of the word read say nothing about its part of speech.
FRAMES = {
    "action": (
        ("The {noun} made them {verb} in the end.", "They {verb} before the {noun} on Mondays."),
        ("After another {noun} the visitors must {verb} again.", "We will {verb} when the next {noun} comes."),
        ("It was her {noun} that made everyone {verb}.", "She decided to {verb} right after that {noun}."),
        ("Because of the long {noun} we could not {verb}.", "The two friends often {verb} after a short {noun}."),
    ),
    "object": (
        ("The {noun} helped the team {verb} it in time.", "They {verb} it after each {noun}."),
        ("Without another {noun} nobody here will {verb} them.", "We must {verb} it before another {noun}."),
        ("Thanks to this {noun} the company can {verb} it.", "She wanted to {verb} them despite that {noun}."),
        (
            "Because of the recent {noun} we decided not to {verb} it.",
            "The two engineers often {verb} it after a new {noun}.",
        ),
    ),
}
VARIANTS = ("frames_a", "frames_a", "frames_b", "frames_b")  # of the four indices; no word before a slot is in both


def rows() -> pd.DataFrame:
    """Return sentences with two ambiguous words, one as a noun and one as a verb, each sentence read at both words.

    Every text has both labels, every word is as often a noun as a verb, and so is every position in the sentence.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'noun': 640, 'verb': 640}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('The walk made them laugh in the end.', 'walk')
    """
    return as_table(
        row
        for pair in read_words("ambiguous_pairs")
        for place, frames in enumerate(FRAMES[pair["kind"]])
        for order, frame in zip((("noun", "verb"), ("verb", "noun")), frames, strict=True)
        for row in _texts(frame, order, pair, place)
    )


def _texts(frame: str, order: tuple[str, str], pair: Words, place: int) -> Iterator[Row]:
    """Yield the frame filled in both ways, each read at its two slots, which `order` has from left to right."""
    group = f"{pair['first']}/{pair['second']}"
    for noun, verb in ((pair["first"], pair["second"]), (pair["second"], pair["first"])):
        for turn, label in zip(("first", "second"), order, strict=True):
            filled = fill(frame, {"noun": noun, "verb": verb}, read=label)
            yield Row(*filled, label, group, f"{pair['kind']} {place} {turn}", VARIANTS[place])
