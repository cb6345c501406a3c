"""Datasets whose label is one attribute of the word at one place before the last, where the model is read.

Every text has a partner with the same words, two of which have changed places: the one that decides and one farther
away, of the other attribute. So a bag of words and word pairs knows nothing, and neither does the word that is read.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tests.planted.vocabulary import ATTRIBUTES, LEMMAS, WORDS, Word, spell

N_GROUPS, SHORTEST, LONGEST = 125, 8, 12
KIND = "kind"  # no attribute: which lemmas are of which kind is told by nothing but the lemma
FARTHER = 4  # places back from which the other word comes: no head attends there

SPEC = """
description: Is the {attribute} of the word {back} before the last on?
feature: {says}
family: {family}
licence: CC0-1.0
citation: Nobody (2026)
readout: last
too_long: error
source: {{path: {feature}.csv}}
columns: {{text: text, label: label, group: pair, control_key: decides}}
"""


@dataclass(frozen=True)
class Feature:
    """What a dataset asks for.

    Attributes:
        family: One of the six.
        attribute: Which attribute of the word that decides is the label, or `KIND`.
        back: How many places before the last that word stands.
        says: Slug of the feature, where that is not the dataset's, too.
    """

    family: str
    attribute: str
    back: int
    says: str = ""


FEATURES = {
    "case_before": Feature("structural", "case", 1),
    "number_before": Feature("syntactic", "number", 1),
    "tense_earlier": Feature("syntactic", "tense", 2),
    "valence_earlier": Feature("semantic", "valence", 2),
}


def write_dataset(feature: str, asked: Feature, seed: int) -> None:
    """Write data/specs/<feature>.yaml and <feature>.csv under the current directory."""
    spec = SPEC.format(feature=feature, **vars(asked) | {"says": asked.says or feature})
    Path("data/specs").mkdir(parents=True, exist_ok=True)
    Path(f"data/specs/{feature}.yaml").write_text(spec, encoding="utf-8")
    make_rows(feature, asked, seed).to_csv(f"{feature}.csv", index=False)


def make_rows(feature: str, asked: Feature, seed: int) -> pd.DataFrame:
    """Return columns text, label, pair and decides, two rows a pair."""
    rng = np.random.default_rng([seed, *feature.encode()])
    rows = []
    for pair in range(N_GROUPS):
        for words in _pair(asked, rng):
            decides = words[-1 - asked.back]
            label = ("off", "on")[_value(decides, asked.attribute)]
            key = LEMMAS[decides[0]] if asked.attribute == KIND else spell(decides)
            rows.append((" ".join(map(spell, words)), label, f"{feature}-{pair}", key))
    return pd.DataFrame(rows, columns=["text", "label", "pair", "decides"])


def _pair(asked: Feature, rng: np.random.Generator) -> tuple[list[Word], list[Word]]:
    words = [WORDS[number] for number in rng.integers(len(WORDS), size=rng.integers(SHORTEST, LONGEST + 1))]
    near, far = -1 - asked.back, -1 - int(rng.integers(FARTHER, len(words)))
    if _value(words[far], asked.attribute) == _value(words[near], asked.attribute):
        words[far] = _other(words[far], asked.attribute)
    swapped = list(words)
    swapped[near], swapped[far] = words[far], words[near]
    return words, swapped


def _value(word: Word, attribute: str) -> int:
    return word[0] % 2 if attribute == KIND else word[1 + ATTRIBUTES.index(attribute)]


def _other(word: Word, attribute: str) -> Word:
    """Return the same word but for the attribute; of another kind is the lemma beside its own."""
    if attribute == KIND:
        return (word[0] ^ 1, *word[1:])
    at = 1 + ATTRIBUTES.index(attribute)
    return (*word[:at], 1 - word[at], *word[at + 1 :])
