"""The words that model and texts share: a lemma in every form that four attributes give it."""

import itertools

ATTRIBUTES = ("case", "number", "valence", "tense")
LEMMAS = ("bado", "gelu", "kira", "mopa", "nute", "pila", "ruko", "soma", "tefi", "vuga", "zilo", "hape")
Word = tuple[int, ...]  # number of the lemma, then 0 or 1 for each of ATTRIBUTES
WORDS: tuple[Word, ...] = tuple(
    (lemma, *bits) for lemma in range(len(LEMMAS)) for bits in itertools.product((0, 1), repeat=len(ATTRIBUTES))
)


def spell(word: Word) -> str:
    """Return how a word is written; no two words are written alike."""
    lemma, case, number, valence, tense = word
    written = f"{'mis' * valence}{LEMMAS[lemma]}{'ed' * tense}{'s' * number}"
    return written.upper() if case else written
