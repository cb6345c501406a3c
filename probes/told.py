"""The line that a person reads when a cell is finished."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from probes.table import head_name


def told(summary: Mapping[str, Any], table: pd.DataFrame, alpha: float) -> str:
    """Return what a cell found as one line: the best head, how many pass, how much there is to know before.

    Args:
        summary: The cell's, as `summarise` returns it, with its model and dataset.
        table: Its results table, one row a head.
        alpha: Level below which a p-value counts.

    Example:
        >>> best = {"layer": 0, "head": 1, "accuracy": 0.9, "accuracy_low": 0.85, "accuracy_high": 0.94}
        >>> summary = {"model": "tiny", "dataset": "toy", "best": best, "majority": 0.5, "warnings": []}
        >>> table = pd.DataFrame({"p_value": [0.4, 0.01], "accuracy_low": [0.4, 0.85], "majority": [0.5, 0.5]})
        >>> line = told(summary | {"selected": {"accuracy": 0.88}}, table, alpha=0.05)
        >>> line[:66]
        'tiny toy: best L0H1 0.900 [0.850, 0.940], chosen on other folds 0.'
        >>> line[66:]
        '880, majority 0.500; 1 of 2 heads pass (p < 0.05, interval above majority)'
    """
    best, n_warnings = summary["best"], len(summary["warnings"])
    passing = (table["p_value"] < alpha) & (table["accuracy_low"] > table["majority"])
    warnings = f"; {n_warnings} warning{'s' if n_warnings > 1 else ''}, see summary.json" if n_warnings else ""
    return (
        f"{summary['model']} {summary['dataset']}: best {head_name(best['layer'], best['head'])} "
        f"{best['accuracy']:.3f} [{best['accuracy_low']:.3f}, {best['accuracy_high']:.3f}], chosen on other folds "
        f"{summary['selected']['accuracy']:.3f}, majority {summary['majority']:.3f}; {passing.sum()} of {len(table)} "
        f"heads pass (p < {alpha:g}, interval above majority){warnings}"
    )
