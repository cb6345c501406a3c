"""The profession of a well-known person: scientist, writer, composer or painter."""

import pandas as pd

from data.generated.frames import read_words
from data.generated.mentions import Mention, in_every_frame


def rows() -> pd.DataFrame:
    """Return sentences that mention a person, read at the surname for the profession.

    Every profession has equally many people of each origin, and every person meets every frame.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'scientist': 300, 'writer': 300, 'composer': 300, 'painter': 300}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('We watched a documentary about Albert Einstein last night.', 'Albert Einstein')
    """
    mentions = [Mention(row["name"], row["profession"], row["name"]) for row in read_words("persons")]
    return in_every_frame(mentions, read_words("person_frames"))
