"""The bundled datasets: the name of each, and the function that makes its rows."""

from collections.abc import Callable

import pandas as pd

from data.generated import factual, semantic, subject_number, syntactic

GENERATORS: dict[str, Callable[[], pd.DataFrame]] = {
    "subject_number": subject_number.rows,
    "part_of_speech": syntactic.part_of_speech,
    "sentiment": semantic.sentiment,
    "word_sense": semantic.word_sense,
    "country_continent": factual.country_continent,
    "capital_truth": factual.capital_truth,
}
