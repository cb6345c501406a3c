"""The bundled datasets: the name of each, and the function that makes its rows."""

from collections.abc import Callable

import pandas as pd

from data.generated import (
    factual,
    previous_word,
    relative_position,
    semantic,
    sentence_length,
    syntactic,
    word_rarity,
    word_repetition,
)

GENERATORS: dict[str, Callable[[], pd.DataFrame]] = {
    "subject_number": syntactic.subject_number,
    "part_of_speech": syntactic.part_of_speech,
    "sentiment": semantic.sentiment,
    "word_sense": semantic.word_sense,
    "country_continent": factual.country_continent,
    "capital_truth": factual.capital_truth,
    "relative_position": relative_position.rows,
    "previous_word": previous_word.rows,
    "word_repetition": word_repetition.rows,
    "word_rarity": word_rarity.rows,
    "sentence_length": sentence_length.rows,
}
