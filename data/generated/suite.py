"""The bundled datasets: the name of each, and the function that makes its rows."""

from collections.abc import Callable

import pandas as pd

from data.generated import (
    agreement_violation,
    animacy,
    clause_depth,
    factual,
    grammatical_role,
    part_of_speech,
    semantic,
    subject_number,
    verb_tense,
    voice,
)

GENERATORS: dict[str, Callable[[], pd.DataFrame]] = {
    "subject_number": subject_number.rows,
    "part_of_speech": part_of_speech.rows,
    "grammatical_role": grammatical_role.rows,
    "verb_tense": verb_tense.rows,
    "voice": voice.rows,
    "clause_depth": clause_depth.rows,
    "agreement_violation": agreement_violation.rows,
    "animacy": animacy.rows,
    "sentiment": semantic.sentiment,
    "word_sense": semantic.word_sense,
    "country_continent": factual.country_continent,
    "capital_truth": factual.capital_truth,
}
