"""The region of the world in which a country lies, with its capital: facts that no sentence tells."""

from itertools import chain

import pandas as pd

from data.generated.frames import read_words
from data.generated.mentions import Mention, in_every_frame

FRAMES_PER_VARIANT = 5


def rows() -> pd.DataFrame:
    """Return sentences that mention a country or its capital, read at the name for its UN M49 region.

    Every region has equally many countries, every country meets every frame, and every name is one word.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'Africa': 300, 'Americas': 300, 'Asia': 300, 'Europe': 300}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('My cousin moved to Algeria last year.', 'Algeria')
    """
    table = {row["country"]: row for row in read_words("countries")}
    countries = [table[row["country"]] for row in read_words("continent_countries")]
    kinds = ("country", "capital")
    mentions = [Mention(row[kind], row["region"], row["country"], kind) for row in countries for kind in kinds]
    frames = read_words("place_frames")
    variants = dict.fromkeys(frame["variant"] for frame in frames)
    few = [[frame for frame in frames if frame["variant"] == name][:FRAMES_PER_VARIANT] for name in variants]
    return in_every_frame(mentions, chain.from_iterable(few))
