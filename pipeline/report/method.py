"""The method section, written from the params so that it cannot drift from what was run."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.results import Atlas

NOT_SET = "not set"


def method_facts(atlas: Atlas) -> list[tuple[str, str]]:
    """Return (term, explanation) of each step, with the numbers of this run.

    Args:
        atlas: The run.
    """
    examples, probe, taxonomy = (atlas.params.get(name) or {} for name in ("examples", "probe", "taxonomy"))
    return [
        ("What is probed", _PROBED),
        ("Folds", _folds(examples)),
        ("Probe", _probe(probe)),
        ("Intervals", _intervals(probe)),
        ("Significance", _significance(probe, taxonomy)),
        ("Baselines", _BASELINES),
        ("Information", _INFORMATION),
    ]


_PROBED = (
    "z, the output of one attention head before the output projection W_O, at the token that carries the label "
    "(the readout of each dataset says which token that is)."
)
_BASELINES = (
    "The largest class; a bag of uni- and bigrams of the text without any model (surface); where measured, a control "
    "task with random labels, the static embedding of the token, the same head of the re-initialised model, a random "
    "projection of the residual stream, and the whole residual stream (skyline). A baseline that was not measured is "
    "shown as not measured; it is not zero."
)
_INFORMATION = (
    "Bits: entropy of the held-out labels minus held-out cross-entropy of the probe. Below 0, the probe is worse than "
    "knowing the class shares."
)


def _folds(examples: Mapping[str, Any]) -> str:
    return (
        f"{_value(examples, 'folds')} folds, stratified by label and grouped, so that a group never stands on both "
        f"sides; seed {_value(examples, 'seed')}. Each fold is tested once, and every number is out of fold."
    )


def _probe(probe: Mapping[str, Any]) -> str:
    return (
        f"L2-regularised logistic regression on each head alone. The inverse strength C is one of "
        f"{_value(probe, 'c_grid')}, chosen on another fold than the one tested; the scaler and the probe never see "
        "test rows."
    )


def _intervals(probe: Mapping[str, Any]) -> str:
    confidence = probe.get("confidence")
    share = f"{100 * confidence:g} %" if isinstance(confidence, int | float) else NOT_SET
    return (
        f"{share} intervals from {_value(probe, 'bootstrap')} cluster-bootstrap replicates over groups; "
        f"seed {_value(probe, 'seed')}."
    )


def _significance(probe: Mapping[str, Any], taxonomy: Mapping[str, Any]) -> str:
    grid = probe.get("c_grid") or [NOT_SET]
    return (
        f"{_value(probe, 'permutations')} permutations of the labels inside each fold, exchanged as the groups of the "
        "dataset allow. A one-step probe (the first Newton step of the logistic one, at C "
        f"{grid[len(grid) // 2]}) is fitted anew to every permutation. Each p-value compares "
        "a head with the best of all heads under a permutation, so it "
        f"is family-wise over the heads of one model and dataset; alpha {_value(taxonomy, 'alpha')}."
    )


def _value(section: Mapping[str, Any], key: str) -> str:
    value = section.get(key, NOT_SET)
    if isinstance(value, list):
        return ", ".join(f"{entry:g}" if isinstance(entry, int | float) else str(entry) for entry in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
