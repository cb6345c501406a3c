"""The relation of a city to its country: the capital, or another large city of the same country."""

from itertools import product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# The city comes first, so that a model that reads from left to right knows it when it reads the country.
FRAMES = {
    "frames_a": (
        "They spent a week in {city}, {the}{country}, last summer.",
        "She was born in {city}, {the}{country}, one cold night.",
        "The parcel was sent from {city}, {the}{country}, on Monday.",
        "My cousin found a job in {city}, {the}{country}, after school.",
        "We met an old friend in {city}, {the}{country}, by chance.",
    ),
    "frames_b": (
        "When {city} went dark, the rest of {the}{country} hardly noticed.",
        "Nobody in {city} talks like people elsewhere in {the}{country} do.",
        "From {city} you can travel to any part of {the}{country} today.",
        "The streets of {city} are among the cleanest in {the}{country} now.",
        "Although {city} was quiet, most of {the}{country} was celebrating.",
    ),
}
LABELS = {"capital": "capital", "other_city": "other city"}


def rows() -> pd.DataFrame:
    """Return sentences with a city and its country, read at the country for whether the city is its capital.

    Both cities of a country fill the same sentences, so that the word read and the frame say nothing on the label.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'capital': 550, 'other city': 550}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('They spent a week in Cairo, Egypt, last summer.', 'Egypt')
    """
    articles = {row["country"]: row["article"] for row in read_words("countries")}
    frames = [(variant, frame) for variant, many in FRAMES.items() for frame in many]
    countries = [{**row, "the": "the " if articles[row["country"]] else ""} for row in read_words("cities")]
    return as_table(_row(row, *frame, kind) for row, frame, kind in product(countries, frames, LABELS))


def _row(row: Words, variant: str, frame: str, kind: str) -> Row:
    filled = fill(frame, {**row, "city": row[kind]}, read="country")
    return Row(*filled, LABELS[kind], row["country"], frame, variant)
