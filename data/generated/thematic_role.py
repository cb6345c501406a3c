"""The role of a noun in an event, told by the voice of the verb and not by the place of the noun."""

from collections.abc import Iterator
from itertools import product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Variant -> pairs of an active and a passive frame. Both have as many words before the first noun, and before the
# second one. Verb or auxiliary stand before both nouns, so that a model which reads from left to right can know.
FRAMES = {
    "frames_a": (
        ("and whom did the {agent} {base}, the {patient}?", "by whom was the {patient} {participle}, the {agent}?"),
        (
            "the one who {participle} the {patient} was the {agent}.",
            "the one {participle} by the {agent} was the {patient}.",
        ),
    ),
    "frames_b": (
        (
            "soon after having {participle} the {patient}, the {agent} went home.",
            "after being {participle} by the {agent}, the {patient} went home.",
        ),
        (
            "still unwilling to even {base} the {patient}, the {agent} walked away.",
            "unwilling to be {participle} by the {agent}, the {patient} walked away.",
        ),
    ),
}


def rows() -> pd.DataFrame:
    """Return sentences on who did what to whom, active and passive, each read at both nouns.

    Every text has both labels, both nouns of a pair are as often agent as patient, and so is every place.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'agent': 640, 'patient': 640}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('And whom did the guard chase, the thief?', 'guard')
    """
    return as_table(row for index, pair in enumerate(read_words("role_pairs")) for row in _group(index, pair))


def _group(index: int, pair: Words) -> Iterator[Row]:
    """Yield the sentences of two people, each of them as agent and as patient of the same verbs."""
    verbs, turn = read_words("action_verbs"), 4 * index
    for variant, voices in FRAMES.items():
        for frames in voices:
            verb, turn = verbs[turn % len(verbs)], turn + 1
            for agent, frame, label in product(("first", "second"), frames, ("agent", "patient")):
                patient = "second" if agent == "first" else "first"
                filled = fill(frame, {"agent": pair[agent], "patient": pair[patient], **verb}, read=label)
                yield Row(*filled, label, "/".join(pair.values()), verb["base"], variant)
