"""From probe results to a head taxonomy: rungs of evidence, families, labels and candidate survey cells."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from probes.errors import ProbeError
from probes.survey import FAMILIES as FAMILIES
from probes.survey import Survey
from probes.table import head_name

RUNGS = (
    (0, "not decodable", "no rung above"),
    (1, "decodable", "family-wise p < alpha against the null, and the interval lies above majority"),
    (
        2,
        "selective",
        "rung 1, and the paired intervals of the margins over control, surface, embedding, untrained and projection "
        "all lie above 0; not where the control task was refused",
    ),
)
# What rung 2 asks for; a margin that was not measured does not lie above 0.
SELECTIVE = ("selectivity", "margin_surface", "margin_embedding", "margin_untrained", "margin_projection")
EVIDENCE = tuple(f"{name}{end}" for name in SELECTIVE for end in ("", "_low", "_high"))
HEAD = ["model", "layer", "head"]


def decide_rungs(heads: pd.DataFrame, alpha: float) -> pd.Series:
    """Return the rung of every row of the results tables, int.

    Args:
        heads: Rows with p_value, accuracy_low, majority and the lower end of every margin in `SELECTIVE`.
        alpha: Family-wise error rate.

    Example:
        >>> rows = pd.DataFrame({"p_value": [0.01, 0.01, 0.2], "accuracy_low": [0.6, 0.6, 0.6], "majority": [0.5] * 3})
        >>> lows = {f"{name}_low": [0.1, 0.1, 0.1] for name in SELECTIVE} | {"selectivity_low": [0.1, None, 0.1]}
        >>> decide_rungs(rows.assign(**lows), 0.05).tolist()
        [2, 1, 0]
    """
    decodable = (heads["p_value"] < alpha) & (heads["accuracy_low"] > heads["majority"])
    lows = heads[[f"{name}_low" for name in SELECTIVE]].astype("float64")
    return decodable.astype("int64") + (decodable & (lows > 0).all(axis=1))


def assign(heads: pd.DataFrame, survey: Survey, alpha: float) -> pd.DataFrame:
    """Return one row for each head and feature that passed, with the candidate cells and the evidence.

    Args:
        heads: Results tables of all cells of a model, one under the other.
        survey: The mapping.
        alpha: Family-wise error rate over the heads of a cell.

    Raises:
        ProbeError: If the spec of a feature and the mapping disagree on its family.

    Example:
        >>> families = dict.fromkeys(FAMILIES, {"cells": ["C"]})
        >>> survey = Survey(note="", phases={"P": ["C"]}, families=families, features={}, not_identifiable=[])
        >>> rows = pd.DataFrame({"model": "m", "layer": 0, "head": [0, 1], "feature": "f", "dataset": "d",
        ...                      "family": "semantic", "p_value": [0.01, 0.2], "accuracy": [0.7, 0.5],
        ...                      "accuracy_low": [0.6, 0.4], "accuracy_high": [0.8, 0.6], "majority": 0.5,
        ...                      **dict.fromkeys(EVIDENCE, 0.0)})
        >>> assign(rows, survey, 0.05)[["name", "feature", "phase", "cell", "rung"]].values.tolist()
        [['L0H0', 'f', 'P', 'C', 1]]
    """
    pairs = list(heads[["feature", "family"]].drop_duplicates().itertuples(index=False, name=None))
    places = {feature: survey.place(feature, family) for feature, family in pairs}
    for feature, family in pairs:
        if places[feature]["family"] != family:
            raise ProbeError(
                f"data/taxonomy.yaml: {feature} is {places[feature]['family']}, its dataset's spec says {family}; "
                "make them agree"
            )
    passed = heads.assign(rung=decide_rungs(heads, alpha))
    passed = passed[passed["rung"] > 0].sort_values([*HEAD, "feature", "dataset"], kind="stable")
    return pd.DataFrame({
        **{name: passed[name] for name in HEAD},
        "name": _names(passed),
        **{name: passed[name] for name in ("feature", "dataset", "family")},
        "phase": [";".join(places[feature]["phases"]) for feature in passed["feature"]],
        "cell": [";".join(places[feature]["cells"]) for feature in passed["feature"]],
        "rung": passed["rung"],
        **{name: passed[name] for name in ("accuracy", "accuracy_low", "accuracy_high", "majority")},
        "margin": passed["accuracy"] - passed["majority"],
        "p_value": passed["p_value"],
        **{name: passed[name] for name in EVIDENCE},
    }).reset_index(drop=True)


def classify_heads(heads: pd.DataFrame, assignments: pd.DataFrame) -> pd.DataFrame:
    """Return one row a head: its label, families, phases, features, rung and specialisation.

    A head with features of one family has that family as its label, with several families `polyfunctional`, with none
    `unassigned`. Stability is not measured yet and stays empty.

    Args:
        heads: Results tables of all cells of a model, one under the other.
        assignments: What `assign` made of them.

    Example:
        >>> rows = pd.DataFrame({"model": "m", "layer": 0, "head": [0, 1], "family": ["semantic", "semantic"]})
        >>> passed = pd.DataFrame({"model": ["m"], "layer": [0], "head": [0], "feature": ["f"], "family": ["semantic"],
        ...                        "phase": ["P"], "rung": [1], "margin": [0.2], "majority": [0.5]})
        >>> classify_heads(rows, passed)[["name", "label", "features"]].values.tolist()
        [['L0H0', 'semantic', 'f'], ['L0H1', 'unassigned', '']]
    """
    probed = sorted(heads["family"].unique(), key=FAMILIES.index)
    of_head = dict(tuple(assignments.groupby(HEAD, sort=False)))
    places = heads[HEAD].drop_duplicates().sort_values(HEAD)
    none = assignments.iloc[:0]
    rows = [_classify(of_head.get(place, none), probed) for place in places.itertuples(index=False, name=None)]
    return pd.concat(
        [places.reset_index(drop=True), pd.DataFrame({"name": _names(places).to_list()}), pd.DataFrame(rows)], axis=1
    )


def specialisation(margins: Mapping[str, float], n_families: int) -> float | None:
    """Return how far a head keeps to one family, in [0, 1]: 1 - H(m / sum m) / log(n_families).

    H is the entropy of the family margins m; 1 means one family alone, 0 all families alike. With fewer than two
    families probed, or nothing passed, there is nothing to tell and the index is missing.

    Args:
        margins: Family to its best margin above majority, as a share of what majority leaves; only families passed.
        n_families: Families probed in the run.

    Example:
        >>> specialisation({"semantic": 0.2}, 3), specialisation({"semantic": 0.2, "factual": 0.2}, 2)
        (1.0, 0.0)
    """
    total = sum(margins.values())
    if n_families < 2 or total <= 0:
        return None
    shares = [share for share in (margin / total for margin in margins.values()) if share > 0]
    entropy = -sum(share * math.log(share) for share in shares)
    return max(0.0, 1 - entropy / math.log(n_families))  # rounding may fall below 0


def _classify(passed: pd.DataFrame, probed: list[str]) -> dict[str, Any]:
    families = [family for family in probed if family in set(passed["family"])]
    share = passed["margin"] / (1 - passed["majority"])
    margins = {family: float(share[passed["family"] == family].max()) for family in families}
    rung = int(passed["rung"].max()) if len(passed) else 0
    phases = sorted({phase for phases in passed["phase"] for phase in phases.split(";") if phase})
    return {
        "label": families[0] if len(families) == 1 else "polyfunctional" if families else "unassigned",
        "family": ";".join(families),
        "phase": ";".join(phases),
        "features": ";".join(sorted(set(passed["feature"]))),
        "rung": rung,
        "rung_name": RUNGS[rung][1],
        "specialisation": specialisation(margins, len(probed)),
        "stability": None,
    }


def _names(rows: pd.DataFrame) -> pd.Series:
    names = [head_name(layer, head) for layer, head in zip(rows["layer"], rows["head"], strict=True)]
    return pd.Series(names, index=rows.index, dtype="object")
