"""The bundled datasets: the name of each, and the function that makes its rows."""

from collections.abc import Callable

import pandas as pd

from data.generated import (
    answer_letter,
    capital_truth,
    element_symbol,
    factual,
    formality,
    negated_fact,
    number_comparison,
    semantic,
    sentence_language,
    syntactic,
)

GENERATORS: dict[str, Callable[[], pd.DataFrame]] = {
    "subject_number": syntactic.subject_number,
    "part_of_speech": syntactic.part_of_speech,
    "sentiment": semantic.sentiment,
    "word_sense": semantic.word_sense,
    "country_continent": factual.country_continent,
    "capital_truth": capital_truth.rows,
    "number_comparison": number_comparison.rows,
    "negated_fact": negated_fact.rows,
    "element_symbol": element_symbol.rows,
    "sentence_language": sentence_language.rows,
    "answer_letter": answer_letter.rows,
    "formality": formality.rows,
}
