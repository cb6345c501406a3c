"""What the small print of a paper's tables says: the words used, the method, and which model it was."""

import pandas as pd

from pipeline.report.latex import breakable, escape
from pipeline.report.results import Atlas, ModelResults, model_identity

HASH = 12  # characters of a commit or a hash that a note names
WHAT_BASELINES = (
    "Majority: share of the largest class; surface: bag of words, no model; control: the head on random labels of the "
    "control keys; embed.: static embedding of the token read; untr.: same head of the re-initialised model; proj.: "
    "random projection of the residual stream entering the layer; skyline: whole residual stream leaving it."
)


def rungs(atlas: Atlas) -> str:
    """Return what the rungs ask for, LaTeX.

    Args:
        atlas: The run.
    """
    alpha = (atlas.params.get("taxonomy") or {}).get("alpha")
    level = f"{alpha:g}" if isinstance(alpha, int | float) else r"\alpha"
    return (
        f"Rungs: 1 decodable ($p < {level}$, family-wise over the heads and the datasets of the family, and an "
        "interval above the largest class), 2 selective (margins over control task, surface, embedding, untrained "
        "model and projection above 0), 3 general (other variants or datasets)."
    )


def absent(rows: pd.DataFrame) -> str:
    """Return what a dash means, where there is one; ends with a space.

    Args:
        rows: What the table shows.
    """
    return "-- means not measured, or refused for the dataset. " if rows.isna().any(axis=None) else ""


def origin(atlas: Atlas, model: ModelResults) -> str:
    """Return which model it was and on how much, as exactly as the run knows.

    Args:
        atlas: The run.
        model: Results of the model.

    Raises:
        PipelineError: If its cells come from different weights.
    """
    identity = model_identity(model)
    parts = [f"Model: {breakable(str(identity.get('source', model.slug)))}"]
    if revision := identity.get("revision"):
        parts.append(f"revision {escape(str(revision)[:HASH])}")
    if weights := identity.get("weights_sha256"):
        parts.append(f"weights {escape(str(weights)[:HASH])} (SHA-256)")
    sizes = {int(summary["n_examples"]) for summary in model.summaries.values()}
    examples = f"{min(sizes):,}" if len(sizes) == 1 else f"{min(sizes):,} to {max(sizes):,}"
    return f"{', '.join(parts)}; {len(model.heads):,} heads; {len(atlas.cards)} datasets of {examples} examples."


def method(atlas: Atlas) -> str:
    """Return what was fitted and where the intervals come from, with the params of the run.

    Args:
        atlas: The run.
    """
    folds = escape(str((atlas.params.get("examples") or {}).get("folds", "some")))
    return (
        f"Probes: L2-regularised logistic regression under {folds} grouped folds; intervals: {confidence(atlas)}, "
        f"cluster bootstrap over groups with {probe_param(atlas, 'bootstrap')} replicates."
    )


def confidence(atlas: Atlas) -> str:
    """Return the coverage of the intervals, LaTeX.

    Args:
        atlas: The run.
    """
    share = (atlas.params.get("probe") or {}).get("confidence")
    return rf"{100 * share:g}\,\%" if isinstance(share, int | float) else "interval"


def probe_param(atlas: Atlas, name: str) -> str:
    """Return a number of section `probe` of the params, LaTeX.

    Args:
        atlas: The run.
        name: Its key.
    """
    value = (atlas.params.get("probe") or {}).get(name)
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
