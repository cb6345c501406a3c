"""Judgements with one positive or negative adjective."""

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# The adjective stands one to five words before the end, because the text is read at its last token.
FRAMES = (
    ("frames_a", "the {subject} was {adjective}, she said."),
    ("frames_b", "my parents found the {subject} {adjective}."),
    ("frames_a", "everyone agreed that the {subject} was {adjective}."),
    ("frames_b", "how {adjective} the {noun} seemed to all of us!"),
    ("frames_a", "my brother told me that the {subject} was {adjective}."),
    ("frames_b", "she called the {subject} {adjective} in her last letter."),
    ("frames_a", "the {subject} was {adjective}, according to my neighbor."),
    ("frames_b", "the {subject} struck him as {adjective}."),
    ("frames_a", "to be honest, I thought the {subject} was {adjective}."),
    ("frames_b", "our guests considered the {subject} {adjective}, too."),
)


def rows() -> pd.DataFrame:
    """Return judgements with one positive or negative adjective, read at the last token of the text.

    A row of the adjective list holds two adjectives of like frequency and length; both fill the same ten sentences.
    The two are one group: if one could be held out without the other, the training folds would hold each of its
    sentences with the opposite label more often, and a bag of words would fall below chance.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'positive': 600, 'negative': 600}
        >>> frame["text"][0]
        'The film we saw on Monday was good, she said.'
    """
    subjects = read_words("review_subjects")
    stride = len(subjects) // len(FRAMES)
    return as_table(
        _judgement(FRAMES[(place + index // stride) % len(FRAMES)], subject, adjectives, label)
        for index, adjectives in enumerate(read_words("sentiment_adjectives"))
        for place, subject in enumerate(subjects[index % stride :: stride])
        for label in adjectives
    )


def _judgement(form: tuple[str, str], subject: Words, adjectives: Words, label: str) -> Row:
    """Return a form, which is a variant and a frame, with its slots filled."""
    variant, frame = form
    noun, adjective = subject["noun"], adjectives[label]
    filled = fill(frame, {"noun": noun, "subject": f"{noun} {subject['clause']}", "adjective": adjective})
    return Row(*filled, label, "/".join(adjectives.values()), noun, variant)
