"""Many features are asked of many heads: p-values over all cells of a family, from p-values over the heads of each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from probes.errors import ProbeError

Floats = NDArray[np.float64]


def holm_over_cells(p_values: Floats | Sequence[Floats]) -> Floats:
    """Return p-values that are family-wise over heads and cells, (..., n_cells, n_heads) float64.

    Holm's step-down procedure (1979) with cells in place of hypotheses. The p-values of a cell are already family-wise
    over its heads, so the chance that any true null of the cell falls below t is at most t, and a threshold of
    alpha / m serves m cells that hold a true null. Only once every head of a cell is rejected can that cell hold none;
    the next threshold is then alpha / (m - 1), and so on. With one head a cell this is Holm's procedure itself. The
    cells may depend on each other in any way.

    Args:
        p_values: Family-wise over the heads of a cell, (..., n_cells, n_heads), in [0, 1].

    Raises:
        ProbeError: If a p-value is missing or not in [0, 1].

    Example:
        >>> holm_over_cells(np.array([[0.01], [0.04], [0.03]])).ravel().round(6).tolist()
        [0.03, 0.06, 0.06]
        >>> holm_over_cells(np.array([[0.01, 0.9], [0.02, 0.2]])).round(6).tolist()
        [[0.02, 0.9], [0.04, 0.4]]
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ProbeError("p-values have to be numbers from 0 to 1; a cell of the probe stage is damaged: run it again")
    n_cells = values.shape[-2]
    done = np.sort(values.max(-1), axis=-1)  # the level at which a cell has no head left, cells in that order
    remaining = np.arange(n_cells, 0, -1)
    # level at which the first j cells are out, j = 0 to n_cells - 1
    reached = np.maximum.accumulate(remaining * done, axis=-1)
    before = np.concatenate([np.zeros_like(reached[..., :1]), reached[..., :-1]], axis=-1)
    levels = np.maximum(values[..., None] * remaining, before[..., None, None, :])
    adjusted: Floats = np.minimum(1.0, levels.min(-1))
    return adjusted
