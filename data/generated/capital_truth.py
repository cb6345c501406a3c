"""Statements that a city is the capital of a country, true and false."""

import unicodedata
from collections.abc import Iterator
from itertools import product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Variant -> claims and what may follow them. The city is told of the country in one variant, the country of the city
# in the other, and no ending is in both. All end in a full stop, which is what is read.
CLAIMS = {
    "country_first": (
        "the capital of {country} is {capital}",
        "the capital city of {country} is called {capital}",
        "in {country}, the capital is {capital}",
    ),
    "city_first": (
        "{capital} is the capital of {country}",
        "{capital} is the capital city of {country}",
        "{capital} serves as the capital of {country}",
    ),
}
ENDINGS = {"country_first": ("", " at present"), "city_first": (" today", " as of 2025")}
CLAIMS_PER_VARIANT = 2  # that each pair of countries meets
STRIDE = 4  # among the six claims with an ending: from one to another claim with the other ending


def rows() -> pd.DataFrame:
    """Return statements on the capitals of pairs of countries from one region, both countries with both capitals.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'true': 624, 'false': 624}
        >>> frame["text"][:2].tolist()
        ['The capital of Egypt is Cairo.', 'The capital of Egypt is Tripoli.']
    """
    return as_table(row for index, pair in enumerate(_pairs()) for row in _group(index, pair))


def _group(index: int, pair: tuple[Words, Words]) -> Iterator[Row]:
    """Yield the statements on one pair, in claims that rotate from pair to pair."""
    group = "/".join(row["country"] for row in pair)
    for variant, claims in CLAIMS.items():
        frames = [f"{claim}{ending}." for ending, claim in product(ENDINGS[variant], claims)]
        for turn in range(CLAIMS_PER_VARIANT):
            frame = frames[(index + turn * STRIDE) % len(frames)]
            for country, city in product(pair, pair):
                words = {"country": _with_article(country), "capital": city["capital"]}
                yield Row(*fill(frame, words), "true" if country is city else "false", group, frame, variant)


def _pairs() -> Iterator[tuple[Words, Words]]:
    """Yield disjoint pairs of neighbors in the table, of one region each; the odd country of a region is left out."""
    clear = [row for row in read_words("countries") if not row["capital_note"] and not _share_a_stem(row)]
    for region in dict.fromkeys(row["region"] for row in clear):
        there = [row for row in clear if row["region"] == region]
        yield from zip(there[::2], there[1::2], strict=False)


def _share_a_stem(row: Words) -> bool:
    """Return whether the capital can be guessed from the country's spelling, as Algiers from Algeria."""
    stems = [{word[:3] for word in _plain(row[name]).split()} for name in ("country", "capital")]
    return not stems[0].isdisjoint(stems[1])


def _plain(name: str) -> str:
    """Return a name in lower case, without accents and with spaces for hyphens."""
    letters = unicodedata.normalize("NFKD", name.lower().replace("-", " "))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _with_article(row: Words) -> str:
    """Return the name of a country, after `the` where it takes it."""
    return f"{row['article']} {row['country']}".strip()
