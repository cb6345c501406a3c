"""The tense of a verb with one form for present and past, told by an irregular verb in the clause before."""

from collections.abc import Iterator
from itertools import cycle

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# The other verb comes first, so that a model which reads from left to right can know the tense, too. Subjects are
# plural: the present then has no ending.
FRAMES = {
    "frames_a": (
        "The {first} {cue} {cue_rest} while the {second} {verb} {verb_rest}.",
        "The {first} {cue} {cue_rest} before the {second} {verb} {verb_rest}.",
        "The {first} {cue} {cue_rest} until the {second} {verb} {verb_rest}.",
        "The {first} {cue} {cue_rest} just as the {second} {verb} {verb_rest}.",
        "The {first} {cue} {cue_rest}, so the {second} {verb} {verb_rest}.",
        "The {first} {cue} {cue_rest}, and then the {second} {verb} {verb_rest}.",
    ),
    "frames_b": (
        "When these {first} {cue} {cue_rest}, those {second} {verb} {verb_rest}.",
        "Whenever some {first} {cue} {cue_rest}, other {second} {verb} {verb_rest}.",
        "As soon as our {first} {cue} {cue_rest}, their {second} {verb} {verb_rest}.",
        "Once all {first} {cue} {cue_rest}, most {second} {verb} {verb_rest}.",
        "Each time my {first} {cue} {cue_rest}, your {second} {verb} {verb_rest}.",
        "After several {first} {cue} {cue_rest}, many {second} {verb} {verb_rest}.",
    ),
}


def rows() -> pd.DataFrame:
    """Return sentences read at a verb such as `cut`, in minimal pairs: the verb of the clause before is sing or sang.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'present': 648, 'past': 648}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('The boys sing an old song while the girls put the bags on the table.', 'put')
    """
    return as_table(_rows())


def _rows() -> Iterator[Row]:
    verbs, people = cycle(read_words("tense_verbs")), cycle(read_words("tense_people"))
    for cue in read_words("tense_cues"):
        for variant, frames in FRAMES.items():
            for frame in frames:
                yield from _pair(frame, cue, next(verbs), next(people), variant)


def _pair(frame: str, cue: Words, verb: Words, people: Words, variant: str) -> Iterator[Row]:
    """Yield one sentence with the first verb in the present and in the past."""
    for tense in ("present", "past"):
        words = {"cue": cue[tense], "cue_rest": cue["rest"], "verb": verb["verb"], "verb_rest": verb["rest"]}
        filled = fill(frame, people | words, read="verb")
        yield Row(*filled, tense, cue["present"], verb["verb"], variant)
