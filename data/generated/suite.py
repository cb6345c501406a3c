"""The bundled datasets: the name of each, and the function that makes its rows."""

from collections.abc import Callable

import pandas as pd

from data.generated import (
    factual,
    hypernymy,
    sentiment,
    syntactic,
    word_sense,
)

GENERATORS: dict[str, Callable[[], pd.DataFrame]] = {
    "subject_number": syntactic.subject_number,
    "part_of_speech": syntactic.part_of_speech,
    "sentiment": sentiment.rows,
    "word_sense": word_sense.rows,
    "hypernymy": hypernymy.rows,
    "country_continent": factual.country_continent,
    "capital_truth": factual.capital_truth,
}
