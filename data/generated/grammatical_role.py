"""The role of a noun, subject or object, in frames where each role stands early as often as late."""

from collections.abc import Iterator
from itertools import product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Variant -> pairs of a subject-first and an object-first frame. Both have as many words and commas before the first
# noun, and before the second one. What comes before a noun settles its role, so that a model which reads from left to
# right can know it, too.
FRAMES = {
    "frames_a": (
        ("Last week the {subject} {past} the {object} again.", "We {past} the {object} before the {subject} left."),
        ("Why must the {subject} {base} the {object}?", "Please {base} the {object} when the {subject} arrives."),
        ("Maria says the {subject} {past} the {object}.", "Nobody {past} the {object} until the {subject} returned."),
        ("It seems the {subject} will {base} the {object}.", "I {past} the {object} and then the {subject} spoke."),
    ),
    "frames_b": (
        (
            "Here comes the tall {subject}, ready to {base} the {object}.",
            "After {gerund} the tall {object} early this morning, the {subject} smiled.",
        ),
        (
            "Only now could the {subject} {base} the tired {object}.",
            "Only after {gerund} the {object} did the tired {subject} sleep.",
        ),
        ("Not once did the {subject} {base} the {object}.", "Rather than {base} the {object}, the {subject} waited."),
        (
            "Beside us sat the {subject}, {gerund} the {object}.",
            "Having once {past} the {object}, now the {subject} rests.",
        ),
    ),
}


def rows() -> pd.DataFrame:
    """Return sentences with two people, one as the subject and one as the object, each sentence read at both.

    Every text has both labels, every noun is as often a subject as an object, and so is every position.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'subject': 640, 'object': 640}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('Last week the judge thanked the pilot again.', 'judge')
    """
    return as_table(row for index, people in enumerate(read_words("role_people")) for row in _group(index, people))


def _group(index: int, people: Words) -> Iterator[Row]:
    """Yield the sentences of two people, who change roles from one pair of frames to the next."""
    verbs, turn = read_words("role_verbs"), index
    for variant, pairs in FRAMES.items():
        for frames in pairs:
            turn += 1
            subject, other = ("first", "second") if turn % 2 else ("second", "first")
            words = {"subject": people[subject], "object": people[other], **verbs[turn % len(verbs)]}
            for frame, label in product(frames, ("subject", "object")):
                group = f"{people['first']}/{people['second']}"
                yield Row(*fill(frame, words, read=label), label, group, words["base"], variant)
