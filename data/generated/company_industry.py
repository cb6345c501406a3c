"""The industry of a well-known company: cars, banking, food and drink, or electronics."""

import pandas as pd

from data.generated.frames import read_words
from data.generated.mentions import Mention, in_every_frame


def rows() -> pd.DataFrame:
    """Return sentences that mention a company, read at its name for its industry.

    Every industry has equally many companies, and every company meets every frame.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'cars': 280, 'banking': 280, 'food and drink': 280, 'electronics': 280}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('My uncle has worked for Toyota since spring.', 'Toyota')
    """
    mentions = [Mention(row["name"], row["industry"], row["name"]) for row in read_words("companies")]
    return in_every_frame(mentions, read_words("company_frames"))
