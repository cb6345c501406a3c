"""How many clauses deep a verb lies: 1 in the main clause, 2 in a clause of it, 3 in a clause of that one."""

from collections.abc import Iterator, Mapping

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

Depths = tuple[int, int, int]

# Variant -> two trios of sentences, by the depths of the three verbs in the order in which they stand. The verbs of a
# trio stand in the same places in each of its sentences, and each place has all three depths.
NESTED = {
    "frames_a": (
        {
            (1, 3, 2): "Last week the {a} {v1} because the {b} who {v2} {place} {v3}.",
            (3, 2, 1): "Because the {b} who {v1} {place} {v2}, the tall {a} {v3}.",
            (2, 1, 3): "The tall {a} who {v1} {place} {v2} because the {b} who {v3} was late.",
        },
        {
            (2, 1, 3): "When the other young {b} {v1}, the tall {a} {v2} because Tom once said the {c} {v3}.",
            (1, 3, 2): "Late last night the {a} {v1} because when the {b} {v2} {place} the {c} {v3}.",
            (3, 2, 1): "As Tom knew the {b} {v1} and as the {c} {v2}, late that night the {a} {v3}.",
        },
    ),
    "frames_b": (
        {
            (2, 3, 1): "In the end the {a} who {v1} while the young {b} {v2} {place} {v3}.",
            (1, 2, 3): "In the end the tall {a} {v1} after the young {b} {v2} beside the {c} who {v3}.",
            (3, 1, 2): "The {b} who thought the {c} {v1} {place} {v2} beside the {a} who {v3}.",
        },
        {
            (1, 2, 3): "That day the {a} {v1} although the other young {b} {v2} beside the {c} who {v3}.",
            (2, 3, 1): "Although the young {b} {v1} right beside the {c} who {v2}, the tall {a} {v3}.",
            (3, 1, 2): "Since the {c} who {v1} was late, the {a} {v2} while the young {b} {v3}.",
        },
    ),
}

# Variant -> depth -> sentences that end in a verb at this depth, all with as many words. Three of them make a text.
LISTED = {
    "frames_a": {
        1: ("Anna said so and the {n} {v}.", "They came here and the {n} {v}.", "Late on that day the {n} {v}."),
        2: ("Anna left but said the {n} {v}.", "Our teacher wrote that the {n} {v}.", "It is true that the {n} {v}."),
        3: ("Anna thinks Tom said the {n} {v}.", "You see he thinks the {n} {v}.", "I fear it seems the {n} {v}."),
    },
    "frames_b": {
        1: ("We think so but the {n} {v}.", "Tom knew this and the {n} {v}.", "Just before the dinner the {n} {v}."),
        2: ("We agree and think the {n} {v}.", "Tom stayed and knew the {n} {v}.", "One can see that the {n} {v}."),
        3: ("We know they think the {n} {v}.", "Tom said Anna knew the {n} {v}.", "I hope he knows the {n} {v}."),
    },
}
ORDERS = ((1, 2, 3), (2, 3, 1), (3, 1, 2))


def rows() -> pd.DataFrame:
    """Return texts with three verbs, one at each depth, each text read at all three.

    A verb, a noun and a place in the text have every depth equally often.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'1': 384, '3': 384, '2': 384}
        >>> row = frame.iloc[0]
        >>> row["text"], row["text"][row["start"] : row["end"]]
        ('Last week the judge smiled because the pilot who laughed in the old park slept.', 'smiled')
    """
    return as_table(row for index, people in enumerate(read_words("depth_people")) for row in _group(index, people))


def _group(index: int, people: Words) -> Iterator[Row]:
    """Yield the texts about three people: in each variant a trio of nested sentences, and three sentences in a row."""
    for number, variant in enumerate(NESTED):
        turn = 4 * index + 2 * number
        nested = NESTED[variant][(index + index // 2) % 2]
        listed = {depths: _listed(LISTED[variant], depths, index + place) for place, depths in enumerate(ORDERS)}
        for place, frames in enumerate((nested, listed)):
            words = _fillers(turn + place, people)
            for depths, frame in frames.items():
                yield from _text(frame, depths, words, "/".join(people.values()), variant)


def _fillers(turn: int, people: Words) -> Words:
    """Return the people, whose slots go round, three verbs and a place."""
    names = list(people.values())
    verbs, places = [row["verb"] for row in read_words("depth_verbs")], read_words("depth_places")
    step = 1 + turn // 8 % 7  # so that a verb meets other ones
    return {
        **{slot: names[(turn + number) % 3] for number, slot in enumerate("abc")},
        **{f"v{number + 1}": verbs[(3 * turn + step * number) % len(verbs)] for number in range(3)},
        **places[turn % len(places)],
    }


def _listed(sentences: Mapping[int, tuple[str, ...]], depths: Depths, turn: int) -> str:
    """Return a frame of three sentences of these depths, with the slots of the first person and verb in the first."""
    frames = [sentences[depth][(turn + number) % len(sentences[depth])] for number, depth in enumerate(depths)]
    slots = (("{a}", "{v1}"), ("{b}", "{v2}"), ("{c}", "{v3}"))
    return " ".join(frame.format(n=n, v=v) for frame, (n, v) in zip(frames, slots, strict=True))


def _text(frame: str, depths: Depths, words: Words, group: str, variant: str) -> Iterator[Row]:
    """Yield one text, read at each of its verbs."""
    for number, depth in enumerate(depths, start=1):
        yield Row(*fill(frame, words, read=f"v{number}"), str(depth), group, words[f"v{number}"], variant)
