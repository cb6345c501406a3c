"""The bundled datasets: the name of each, and the function that makes its rows."""

from collections.abc import Callable

import pandas as pd

from data.generated import (
    factual,
    hypernymy,
    negation_scope,
    sentiment,
    syntactic,
    thematic_role,
    topic,
    word_sense,
)

GENERATORS: dict[str, Callable[[], pd.DataFrame]] = {
    "subject_number": syntactic.subject_number,
    "part_of_speech": syntactic.part_of_speech,
    "sentiment": sentiment.rows,
    "word_sense": word_sense.rows,
    "negation_scope": negation_scope.rows,
    "hypernymy": hypernymy.rows,
    "thematic_role": thematic_role.rows,
    "topic": topic.rows,
    "country_continent": factual.country_continent,
    "capital_truth": factual.capital_truth,
}
