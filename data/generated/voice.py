"""The voice of a verb whose past tense and participle look alike, in texts that hold one active and one passive."""

from collections.abc import Iterator

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Variant -> pairs of a frame with the active verb first and one with the passive verb first. The frames of a pair have
# the same words before the first verb in number, and the same between the verbs; an adverb stands before each verb.
FRAMES = {
    "finite": (
        (
            "The {a} had {how_1} {first} the {which} {b} while the {c} was {how_2} {second} by the {d}.",
            "The {a} was {how_1} {first} by the {b} while the {c} had {how_2} {second} the {which} {d}.",
        ),
        (
            "The {a} must have {how_1} {first} the {which} {b}, and the {c} will be {how_2} {second} by the {d}.",
            "The {a} will be {how_1} {first} by the {b}, and the {c} must have {how_2} {second} the {which} {d}.",
        ),
        (
            "The {a} who was late {how_1} {first} the {which} {b}, but the {c} who waited was {how_2} {second} "
            "by the {d}.",
            "The {a} who waited was {how_1} {first} by the {b}, but the {c} who was late {how_2} {second} the "
            "{which} {d}.",
        ),
        (
            "Has the {a} {how_1} {first} the {which} {b}, or was the {c} {how_2} {second} by the {d}?",
            "Was the {a} {how_1} {first} by the {b}, or has the {c} {how_2} {second} the {which} {d}?",
        ),
    ),
    "nonfinite": (
        (
            "Despite having {how_1} {first} the {which} {b}, the {a} recalls being {how_2} {second} by the {d}.",
            "Despite being {how_1} {first} by the {b}, the {a} recalls having {how_2} {second} the {which} {d}.",
        ),
        (
            "Having {how_1} {first} the {which} {b}, the {a} went home, though {how_2} {second} by the {d}.",
            "Once {how_1} {first} by the {b}, the {a} went home, having {how_2} {second} the {which} {d}.",
        ),
        (
            "This is the {a} who {how_1} {first} the {which} {b} beside a tall {c} {how_2} {second} by the {d}.",
            "This is a tall {a} {how_1} {first} by the {b} beside the {c} who {how_2} {second} the {which} {d}.",
        ),
        (
            "Is it better to have {how_1} {first} the {which} {b} than to be {how_2} {second} by the {d}?",
            "Is it better to be {how_1} {first} by the {b} than to have {how_2} {second} the {which} {d}?",
        ),
    ),
}


def rows() -> pd.DataFrame:
    """Return sentences with an active and a passive verb, each sentence read at both.

    The two sentences of a pair have the same verbs, adverbs and people in the same places, with the voices exchanged.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'active': 640, 'passive': 640}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('The judge had quickly helped the young pilot while the doctor was suddenly praised by the lawyer.', 'helped')
    """
    return as_table(row for index, verbs in enumerate(read_words("voice_verbs")) for row in _group(index, verbs))


def _group(index: int, verbs: Words) -> Iterator[Row]:
    """Yield the sentences of two verbs; either comes first in every other pair of frames."""
    turn = index * 8
    for variant, pairs in FRAMES.items():
        for place, pair in enumerate(pairs):
            one, other = ("first", "second") if (index + place) % 2 == 0 else ("second", "first")
            words = {"first": verbs[one], "second": verbs[other], **_fillers(turn)}
            yield from _pair(pair, words, "/".join(verbs.values()), variant)
            turn += 1


def _fillers(turn: int) -> Words:
    """Return four people, two adverbs and an adjective, other ones at each turn."""
    people, adverbs = read_words("role_people"), [row["adverb"] for row in read_words("voice_adverbs")]
    adjectives = [row["adjective"] for row in read_words("voice_adjectives")]
    one, other = people[turn % len(people)], people[(turn + turn // len(people) + 1) % len(people)]
    first = turn * 3 + turn // 8
    return {
        **{"a": one["first"], "b": one["second"], "c": other["first"], "d": other["second"]},
        "how_1": adverbs[first % len(adverbs)],
        "how_2": adverbs[(first + 1 + turn % 5) % len(adverbs)],
        "which": adjectives[turn % len(adjectives)],
    }


def _pair(frames: tuple[str, str], words: Words, group: str, variant: str) -> Iterator[Row]:
    """Yield both frames of a pair, each read at its active and at its passive verb."""
    for frame, labels in zip(frames, (("active", "passive"), ("passive", "active")), strict=True):
        for number, (verb, label) in enumerate(zip(("first", "second"), labels, strict=True), start=1):
            yield Row(*fill(frame, words, read=verb), label, group, words[f"how_{number}"], variant)
