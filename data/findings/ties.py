"""The column of the source that ties texts together, and so could be the group."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from data.spec import DatasetSpec

SHARE = 0.7  # of the pairs that a column has to tie; some pairs are alike by chance, so not all
CHANCE = 0.125  # two rows may agree in it so often; with more, it has too few values for folds of like size
NEARLY = 0.1  # of the share that the best column has; of such columns the one that ties the least else is named
MADE = "$"  # begins the name of a column that the reader made, such as $row


class Tie(NamedTuple):
    """A column, the share of pairs that it ties, and the share of all pairs of rows that it would."""

    column: str
    share: float
    chance: float


def tying_column(spec: DatasetSpec, source: pd.DataFrame, pairs: Sequence[tuple[int | str, int | str]]) -> Tie | None:
    """Return the column in which the two rows of most pairs agree and rows at large do not, or None.

    Args:
        spec: What the dataset is, for the columns that can be no group.
        source: All columns of the source, as text.
        pairs: Rows that belong together.

    Example:
        >>> from pathlib import Path
        >>> from data.spec import load_spec
        >>> source = pd.DataFrame({"pair": [n // 2 for n in range(16)]}, index=range(1, 17), dtype="str")
        >>> tying_column(load_spec(Path("data/specs/wic.yaml")), source, [(1, 2), (3, 4)])
        Tie(column='pair', share=1.0, chance=0.125)
    """
    if source.empty or not pairs:
        return None
    one, other = (source.loc[list(rows)] for rows in zip(*pairs, strict=True))
    ties = []
    for column in source.columns:
        if column in (*spec.columns.needed()["label"], "$label", "$value"):
            continue
        values = one[column].to_numpy()
        share = float(((values == other[column].to_numpy()) & (values != "")).mean())
        chance = float((source[column].value_counts(normalize=True) ** 2).sum())
        if share >= SHARE and chance <= CHANCE:
            ties.append(Tie(str(column), share, chance))
    most = max((tie.share for tie in ties), default=0.0)
    return min((tie for tie in ties if tie.share >= most - NEARLY), key=lambda tie: _rank(source, tie), default=None)


def _rank(source: pd.DataFrame, tie: Tie) -> tuple[bool, float, float]:
    """Order columns: the source's own first, then those that tie little else, then those with short values."""
    return tie.column.startswith(MADE), round(tie.chance, 3), float(source[tie.column].str.len().mean())
