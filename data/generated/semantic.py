"""Semantic datasets built from word lists: the sentiment of a judgement, the sense of a homonym."""

from pathlib import Path
from typing import cast

import pandas as pd

Row = tuple[str, int, int, str, str, str]
Words = dict[str, str]

COLUMNS = ["text", "start", "end", "label", "group", "control_key"]

# The adjective stands one to four words before the end, because the text is read at its last token.
OPINIONS = (
    "The {subject} was {adjective}, she said.",
    "Everyone agreed that the {subject} was {adjective}.",
    "My brother told me that the {subject} was {adjective}.",
    "The {subject} was {adjective}, according to my neighbor.",
    "To be honest, I thought the {subject} was {adjective}.",
)
SUBJECTS_PER_ADJECTIVE = 10

# The verbs fit a creature, a tool and an institution alike.
MENTIONS = (
    "{cue}, {speaker} asked about the {homonym}.",
    "{cue}, {speaker} mentioned the {homonym} again.",
    "{cue}, {speaker} told us about the {homonym}.",
    "{cue}, {speaker} kept thinking about the {homonym}.",
)
CUES_PER_SENSE = 4
SPEAKERS = ("Anna", "David", "Maria", "Tom", "my sister", "our teacher", "the neighbor", "a friend")


def sentiment() -> pd.DataFrame:
    """Return judgements with one positive or negative adjective, read at the last token of the text.

    A row of the adjective list holds two adjectives of like frequency and length; both fill the same ten sentences.
    The two are one group: if one could be held out without the other, the training folds would hold each of its
    sentences with the opposite label more often, and a bag of words would fall below chance.

    Example:
        >>> frame = sentiment()
        >>> frame["label"].value_counts().to_dict()
        {'positive': 600, 'negative': 600}
        >>> frame["text"][0]
        'The film we saw on Monday was good, she said.'
    """
    subjects = _read("review_subjects")
    stride = len(subjects) // SUBJECTS_PER_ADJECTIVE
    rows: list[Row] = []
    for index, adjectives in enumerate(_read("sentiment_adjectives")):
        chosen = subjects[index % stride :: stride]
        for place, subject in enumerate(chosen):
            opinion = OPINIONS[(place + index // stride) % len(OPINIONS)]
            group = "/".join(adjectives.values())
            rows += [_opinion_row(opinion, subject, label, word, group) for label, word in adjectives.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _opinion_row(opinion: str, subject: Words, label: str, adjective: str, group: str) -> Row:
    """Return one judgement."""
    text = opinion.format(subject=f"{subject['noun']} {subject['clause']}", adjective=adjective)
    return text, 0, len(text), label, group, subject["noun"]


def word_sense() -> pd.DataFrame:
    """Return sentences with a homonym after a cue to its natural or its artificial sense, read at the homonym.

    Each sense has four cues and stands in every frame with each of them. Frame and speaker go by the number of the
    cue, so that both senses of a homonym share them.

    Example:
        >>> frame = word_sense()
        >>> frame["label"].value_counts().to_dict()
        {'natural': 640, 'artificial': 640}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('While paddling the canoe, Anna asked about the bank.', 'bank')
    """
    rows: list[Row] = []
    for index, cue in enumerate(_read("sense_cues")):
        homonym, number = index // (2 * CUES_PER_SENSE), index % CUES_PER_SENSE
        for place, mention in enumerate(MENTIONS):
            speaker = SPEAKERS[(homonym + 2 * number + place) % len(SPEAKERS)]
            rows.append(_mention_row(mention, cue, speaker, f"{speaker}, frame {place}"))
    return pd.DataFrame(rows, columns=COLUMNS)


def _mention_row(mention: str, cue: Words, speaker: str, key: str) -> Row:
    """Return one sentence read at its homonym."""
    words = {"cue": cue["cue"], "speaker": speaker, "homonym": cue["homonym"]}
    start = len(mention[: mention.index("{homonym}")].format(**words))
    return mention.format(**words), start, start + len(cue["homonym"]), cue["label"], cue["homonym"], key


def _read(name: str) -> list[Words]:
    """Return the rows of a word list that lies beside this module."""
    path = Path(__file__).parent / "words" / f"{name}.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return cast(list[Words], table.to_dict("records"))
