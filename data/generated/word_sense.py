"""Homonyms after a cue to the natural or the artificial one of their senses."""

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# The verbs fit a creature, a tool and an institution alike. The cue opens the sentence, or cuts it in two.
FRAMES = (
    ("frames_a", "{cue}, {speaker} asked about the {homonym}."),
    ("frames_b", "{speaker} began, {later_cue}, to speak of the {homonym}."),
    ("frames_a", "{cue}, {speaker} told us about the {homonym}."),
    ("frames_b", "{speaker} remembered, {later_cue}, to mention the {homonym}."),
)
CUES_PER_SENSE = 4
SPEAKERS = ("Anna", "David", "Maria", "Tom", "my sister", "our teacher", "the neighbor", "a friend")


def rows() -> pd.DataFrame:
    """Return sentences with a homonym after a cue to its natural or its artificial sense, read at the homonym.

    Each sense has four cues and stands in every frame with each of them. Frame and speaker go by the number of the
    cue, so that both senses of a homonym share them.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'natural': 640, 'artificial': 640}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('While paddling the canoe, Anna asked about the bank.', 'bank')
    """
    return as_table(
        _mention(cue, place, index // (2 * CUES_PER_SENSE) + 2 * (index % CUES_PER_SENSE) + place)
        for index, cue in enumerate(read_words("sense_cues"))
        for place in range(len(FRAMES))
    )


def _mention(cue: Words, place: int, turn: int) -> Row:
    """Return the frame at that place with a cue and its homonym, and with the speaker whose turn it is."""
    variant, frame = FRAMES[place]
    speaker = SPEAKERS[turn % len(SPEAKERS)]
    later_cue = cue["cue"][0].lower() + cue["cue"][1:]
    filled = fill(frame, {**cue, "later_cue": later_cue, "speaker": speaker}, read="homonym")
    return Row(*filled, cue["label"], cue["homonym"], f"{speaker}, frame {place}", variant)
