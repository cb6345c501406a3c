"""Does the sentence hold a frequent or a rare noun?"""

from collections.abc import Iterator

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# They fit beings, things and places alike. The noun stands one to three words before the end, because the text is
# read at its last token.
FRAMES = (
    "{name} told us about the {noun} again.",
    "{name} had a dream about the {noun} last night.",
    "in the end {name} painted the {noun} twice.",
    "nobody but {name} noticed the {noun} at first.",
    "here is the {noun} that {name} photographed.",
)
NAMES_PER_FRAME = 2
LABELS = ("frequent", "rare")
BEINGS = ("animal", "plant", "person")


def rows() -> pd.DataFrame:
    """Return sentences with a frequent or a rare noun, read at the last token of the text.

    A row of the list holds a frequent and a rare noun of one field and of like length; both fill the same ten
    sentences. The two are one group, for else one of them would be held out while the training folds hold its
    sentences with the opposite label.

    Example:
        >>> table = rows()
        >>> table["label"].value_counts().to_dict()
        {'frequent': 600, 'rare': 600}
        >>> table["text"][:2].tolist()
        ['Anna told us about the fish again.', 'Anna told us about the carp again.']
    """
    names = [row["name"] for row in read_words("structural_words")]
    return as_table(
        row
        for number, pair in enumerate(read_words("rarity_pairs"))
        for place in range(len(FRAMES) * NAMES_PER_FRAME)
        for row in _pair_rows(FRAMES[place % len(FRAMES)], pair, names[(number + place) % len(names)])
    )


def _pair_rows(frame: str, pair: Words, name: str) -> Iterator[Row]:
    """Yield the sentence with the frequent and with the rare noun."""
    group = "/".join(pair[label] for label in LABELS)
    variant = "beings" if pair["field"] in BEINGS else "things"
    for label in LABELS:
        filled = fill(frame, {"name": name, "noun": pair[label]})
        yield Row(*filled, label, group, name, variant)
