"""Which sequences run together."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def plan_batches(lengths: Sequence[int], budget: int) -> list[NDArray[np.int64]]:
    """Return the rows of each batch: neighbours in length, so that little is padding, the longest first.

    The longest first means that a batch too large for the memory fails in the first second, not in the last.

    Args:
        lengths: Tokens in each sequence.
        budget: Tokens in one padded batch; a sequence longer than this runs alone.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches: list[NDArray[np.int64]] = []
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        batches.append(order[start : start + size])
        start += size
    return batches
