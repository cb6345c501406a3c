"""The family of a country's official language, Romance or Germanic, balanced over the continents."""

import pandas as pd

from data.generated.frames import read_words
from data.generated.mentions import Mention, in_every_frame


def rows() -> pd.DataFrame:
    """Return sentences that mention a country, read at its name for the family of its official language.

    Either family has equally many countries of each continent, and every country meets every frame.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'Romance': 560, 'Germanic': 560}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('My cousin moved to France last year.', 'France')
    """
    mentions = [Mention(row["country"], row["family"], row["country"]) for row in read_words("country_languages")]
    return in_every_frame(mentions, read_words("place_frames"))
