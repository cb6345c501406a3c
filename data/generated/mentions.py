"""Sentences that mention an entity and say nothing on it: each name in every frame, read at the name."""

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill


class Mention(NamedTuple):
    """A name to be read, and what it is asked for.

    Attributes:
        name: As it stands in the text.
        label: The fact about it.
        group: The entity.
        kind: Which of its names it is, where an entity has several.
    """

    name: str
    label: str
    group: str
    kind: str = "name"


def in_every_frame(mentions: Iterable[Mention], frames: Iterable[Words]) -> pd.DataFrame:
    """Return each name in every frame, read at the name, with the frame and the kind of name as the control key.

    Every name meets every frame, so that no frame, nor how often a name occurs, tells a label.

    Args:
        mentions: Names with their labels.
        frames: Rows with a `frame`, which has the slot `{name}` once, and its `variant`.

    Example:
        >>> frames = [{"variant": "a", "frame": "We talked about {name}."}, {"variant": "b", "frame": "Is {name} old?"}]
        >>> in_every_frame([Mention("Oslo", "Europe", "Norway", "capital")], frames)[["text", "start", "end"]].values
        array([['We talked about Oslo.', 16, 20],
               ['Is Oslo old?', 3, 7]], dtype=object)
    """
    return as_table(_row(mention, frame) for mention, frame in product(mentions, frames))


def _row(mention: Mention, frame: Words) -> Row:
    filled = fill(frame["frame"], {"name": mention.name}, read="name")
    key = f"{mention.kind}: {frame['frame']}"
    return Row(*filled, mention.label, mention.group, key, frame["variant"])
