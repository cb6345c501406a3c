"""The category of a chemical element: transition metal, main-group metal or nonmetal."""

import pandas as pd

from data.generated.frames import read_words
from data.generated.mentions import Mention, in_every_frame


def rows() -> pd.DataFrame:
    """Return sentences that mention a chemical element, read at its name for its category.

    Every category has equally many elements, and every element meets every frame.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'transition metal': 360, 'main-group metal': 360, 'nonmetal': 360}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('The teacher wrote a question about titanium on the board.', 'titanium')
    """
    mentions = [Mention(row["name"], row["category"], row["name"]) for row in read_words("element_categories")]
    return in_every_frame(mentions, read_words("element_frames"))
