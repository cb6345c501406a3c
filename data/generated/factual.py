"""A factual dataset built from a table of countries: the region of a place."""

from itertools import product
from pathlib import Path
from typing import cast

import pandas as pd

Row = tuple[str, int, int, str, str, str]
Country = dict[str, str]

COLUMNS = ["text", "start", "end", "label", "group", "control_key"]

# Each fits a country and a city, and none says where on Earth it lies.
MENTIONS = (
    "My cousin moved to {place} last year.",
    "We watched a short film about {place}.",
    "The parcel was sent from {place} in March.",
    "She has never been to {place} before.",
    "He read a long article about {place} on the train.",
    "The next meeting will be held in {place}.",
    "They bought this book in {place}.",
    "Our teacher showed us photographs of {place}.",
    "The company has opened an office in {place}.",
    "I sent a postcard to my friends in {place}.",
)
COUNTRIES_PER_REGION = 14  # all of the smallest region, Oceania


def country_continent() -> pd.DataFrame:
    """Return sentences that mention a country or its capital, read at the name for its UN M49 region.

    Every region has equally many countries and every country meets every template: were the countries of one region
    to stand in more sentences than those of another, their number of sentences would tell the region.

    Example:
        >>> frame = country_continent()
        >>> frame["label"].value_counts().to_dict()
        {'Africa': 280, 'Americas': 280, 'Asia': 280, 'Europe': 280, 'Oceania': 280}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('My cousin moved to Algeria last year.', 'Algeria')
    """
    slots = list(product(range(len(MENTIONS)), ("country", "capital")))
    rows: list[Row] = []
    for countries in _regions([row for row in _countries() if _has_neutral_name(row)]):
        # evenly spaced in a table sorted by subregion, so that each subregion keeps its share
        chosen = [countries[i * len(countries) // COUNTRIES_PER_REGION] for i in range(COUNTRIES_PER_REGION)]
        rows += [_mention_row(row, number, slot) for row, (number, slot) in product(chosen, slots)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _has_neutral_name(row: Country) -> bool:
    """Return whether the country's name leaves its region open and differs from its capital's."""
    return row["region"].removesuffix("s") not in row["country"] and row["country"] != row["capital"]


def _mention_row(row: Country, number: int, slot: str) -> Row:
    """Return one sentence read at the name of the country or of its capital."""
    before, after = MENTIONS[number].split("{place}")
    before += _article(row) if slot == "country" else ""
    start, end = len(before), len(before) + len(row[slot])
    return before + row[slot] + after, start, end, row["region"], row["country"], f"{slot}, frame {number}"


def _article(row: Country) -> str:
    """Return `the ` for the names that take it and nothing for the others."""
    return f"{row['article']} " if row["article"] else ""


def _regions(countries: list[Country]) -> list[list[Country]]:
    """Return the countries of each region, in the order of the table."""
    names = dict.fromkeys(row["region"] for row in countries)
    return [[row for row in countries if row["region"] == name] for name in names]


def _countries() -> list[Country]:
    """Return the members of the United Nations, sorted by region and subregion."""
    path = Path(__file__).parent / "words" / "countries.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return cast(list[Country], table.to_dict("records"))
