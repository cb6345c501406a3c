"""Intervals that hold for all heads and margins of a cell at once."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]


def stretch(replicates: Mapping[str, Floats], confidence: float) -> float:
    """Return by how much intervals have to grow so that all of them hold at once, at least 1.

    Of many heads whose margin is nothing, some have an interval above 0 by luck. The studentised maximum over heads and
    margins (Romano and Wolf 2005) says how far the luckiest of all strays, in its own deviations; the ratio of its
    quantile to that of a single estimate stretches every interval. What goes together, such as the margins of heads
    that err on the same examples, strays together, and costs less than Bonferroni's correction.

    Args:
        replicates: Margin to its value in every replicate, (n_replicates, n_heads), all from the same draws.
        confidence: Coverage of the single interval, such as 0.95, and of all together.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> one, alike = rng.normal(size=(500, 1)), np.repeat(rng.normal(size=(500, 1)), 50, axis=1)
        >>> round(stretch({"a": one}, 0.95), 1), round(stretch({"a": alike}, 0.95), 1)
        (1.0, 1.0)
        >>> round(stretch({"a": rng.normal(size=(500, 50)), "b": rng.normal(size=(500, 50))}, 0.95), 1)
        1.8
    """
    values = np.concatenate(list(replicates.values()), axis=1).astype(np.float64)
    deviation = values.std(0)
    moving = deviation > 0  # a margin that no draw changes strays nowhere
    if not moving.any():
        return 1.0
    astray = (values[:, moving] - values[:, moving].mean(0)) / deviation[moving]
    level = (1 + confidence) / 2
    # Studentised by their own few replicates the draws are a little too near each other: the next order statistic.
    reached = np.quantile(astray.max(1), level, method="higher")
    return max(1.0, round(float(reached / ndtri(level)), 9))  # so that the order of heads does not show in last digits
