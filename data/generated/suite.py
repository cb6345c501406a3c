"""The bundled datasets: the name of each, and the function that makes its rows."""

from collections.abc import Callable

import pandas as pd

from data.generated import (
    capital_relation,
    company_industry,
    country_continent,
    country_language,
    element_category,
    grammatical_role,
    part_of_speech,
    person_profession,
    previous_word,
    relative_position,
    semantic,
    sentence_length,
    subject_number,
    verb_tense,
    word_rarity,
    word_repetition,
)

GENERATORS: dict[str, Callable[[], pd.DataFrame]] = {
    "relative_position": relative_position.rows,
    "previous_word": previous_word.rows,
    "word_repetition": word_repetition.rows,
    "word_rarity": word_rarity.rows,
    "sentence_length": sentence_length.rows,
    "subject_number": subject_number.rows,
    "part_of_speech": part_of_speech.rows,
    "grammatical_role": grammatical_role.rows,
    "verb_tense": verb_tense.rows,
    "sentiment": semantic.sentiment,
    "word_sense": semantic.word_sense,
    "country_continent": country_continent.rows,
    "country_language": country_language.rows,
    "element_category": element_category.rows,
    "person_profession": person_profession.rows,
    "company_industry": company_industry.rows,
    "capital_relation": capital_relation.rows,
}
