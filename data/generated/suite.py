"""The bundled datasets: the name of each, and the function that makes its rows."""

from collections.abc import Callable

import pandas as pd

from data.generated import (
    answer_letter,
    capital_relation,
    capital_truth,
    company_industry,
    country_continent,
    country_language,
    element_category,
    element_symbol,
    formality,
    grammatical_role,
    negated_fact,
    number_comparison,
    part_of_speech,
    person_profession,
    previous_word,
    relative_position,
    semantic,
    sentence_language,
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
    "capital_truth": capital_truth.rows,
    "number_comparison": number_comparison.rows,
    "negated_fact": negated_fact.rows,
    "element_symbol": element_symbol.rows,
    "sentence_language": sentence_language.rows,
    "answer_letter": answer_letter.rows,
    "formality": formality.rows,
}
