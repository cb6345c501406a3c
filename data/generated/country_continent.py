"""The region of the world in which a country lies, with its capital: facts that no sentence tells."""

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
    frames = pd.DataFrame(read_words("place_frames")).groupby("variant").head(FRAMES_PER_VARIANT)
    return in_every_frame(mentions, frames.to_dict("records"))
