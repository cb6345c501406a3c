"""From probe results to a head taxonomy: rungs of evidence, families, labels and candidate survey cells."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from probes.errors import ProbeError
from probes.families import FAMILIES as FAMILIES
from probes.rungs import EVIDENCE, NOT_TESTED, RUNGS, adjust_p_values, decide_rungs
from probes.survey import Survey
from probes.table import head_name

HEAD = ["model", "layer", "head"]
DECIDED = ("rung", "accuracy", "accuracy_low", "accuracy_high", "majority", "margin", "p_value", "p_adjusted")
WHERE = ("stretch", "general_variant", "p_general", "transfer_to", "p_transfer")


def score_heads(heads: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return the results tables with what was concluded from each row: name, p_adjusted, rung, margin and share.

    The share is the margin over majority as a share of what majority leaves, (accuracy - majority) / (1 - majority),
    with the interval of the accuracy: 0 for a guess, 1 for a head that is always right, whatever the classes.

    Args:
        heads: Results tables of all cells of a model, one under the other, with the columns of `add_transfer`.
        alpha: Family-wise error rate over the heads and datasets of a family.

    Example:
        >>> rows = pd.DataFrame({"model": "m", "layer": 0, "head": [0, 1], "feature": "f", "dataset": "d",
        ...                      "family": "semantic", "p_value": [0.01, 0.2], "accuracy": [0.7, 0.5],
        ...                      "accuracy_low": [0.6, 0.4], "accuracy_high": [0.8, 0.6], "majority": 0.5,
        ...                      **dict.fromkeys(EVIDENCE, 0.0)})
        >>> score_heads(rows, 0.05)[["name", "rung", "share"]].round(3).values.tolist()
        [['L0H0', 1, 0.4], ['L0H1', 0, 0.0]]
    """
    left = 1 - heads["majority"]
    columns = {
        "accuracy": "share", "accuracy_low": "share_low", "accuracy_high": "share_high",
    }  # fmt: skip
    shares = {to: (heads[name] - heads["majority"]) / left for name, to in columns.items()}
    margin = heads["accuracy"] - heads["majority"]
    scored = heads.assign(name=_names(heads), p_adjusted=adjust_p_values(heads), margin=margin, **shares)
    scored["rung"] = decide_rungs(scored, alpha)
    return scored.sort_values([*HEAD, "feature", "dataset"], kind="stable", ignore_index=True)


def assign(scored: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Return one row for each head and feature that is decodable, with the candidate cells and the evidence.

    Args:
        scored: What `score_heads` made.
        survey: The mapping.

    Raises:
        ProbeError: If the spec of a feature and the mapping disagree on its family.

    Example:
        >>> families = dict.fromkeys(FAMILIES, {"cells": ["C"]})
        >>> survey = Survey(note="", phases={"P": ["C"]}, families=families, features={}, not_identifiable=[])
        >>> rows = pd.DataFrame({"model": "m", "layer": 0, "head": [0, 1], "feature": "f", "dataset": "d",
        ...                      "family": "semantic", "p_value": [0.01, 0.2], "accuracy": [0.7, 0.5],
        ...                      "accuracy_low": [0.6, 0.4], "accuracy_high": [0.8, 0.6], "majority": 0.5,
        ...                      **dict.fromkeys(EVIDENCE, 0.0)})
        >>> assign(score_heads(rows, 0.05), survey)[["name", "feature", "phase", "cell", "rung"]].values.tolist()
        [['L0H0', 'f', 'P', 'C', 1]]
    """
    pairs = list(scored[["feature", "family"]].drop_duplicates().itertuples(index=False, name=None))
    places = {feature: survey.place(feature, family) for feature, family in pairs}
    for feature, family in pairs:
        if places[feature]["family"] != family:
            raise ProbeError(
                f"data/taxonomy.yaml: {feature} is {places[feature]['family']}, its dataset's spec says {family}; "
                "make them agree"
            )
    passed = scored[scored["rung"] > 0].reset_index(drop=True)
    found = passed[[*HEAD, "name", "feature", "dataset", "family"]].assign(
        phase=[";".join(places[feature]["phases"]) for feature in passed["feature"]],
        cell=[";".join(places[feature]["cells"]) for feature in passed["feature"]],
    )
    evidence = passed.reindex(columns=[*DECIDED, *EVIDENCE, *WHERE])
    return pd.concat([found, evidence], axis=1).assign(necessary=NOT_TESTED)


def classify_heads(scored: pd.DataFrame, assignments: pd.DataFrame, label_rung: int) -> pd.DataFrame:
    """Return one row a head: its label, families, phases, features, rung and specialisation.

    A head with features of one family has that family as its label, with several families `polyfunctional`, with none
    `unassigned`. Only features on the rung that labels ask for count; `rung` is that of the best feature of all.

    Args:
        scored: What `score_heads` made.
        assignments: What `assign` made of it.
        label_rung: Rung a head has to stand on for a feature that counts.

    Example:
        >>> rows = pd.DataFrame({"model": "m", "layer": 0, "head": [0, 1], "family": ["semantic", "semantic"]})
        >>> passed = pd.DataFrame({"model": ["m"], "layer": [0], "head": [0], "feature": ["f"], "family": ["semantic"],
        ...                        "phase": ["P"], "rung": [2], "margin": [0.2], "majority": [0.5]})
        >>> classify_heads(rows, passed, 2)[["name", "label", "features"]].values.tolist()
        [['L0H0', 'semantic', 'f'], ['L0H1', 'unassigned', '']]
    """
    probed = sorted(scored["family"].unique(), key=FAMILIES.index)
    of_head = dict(tuple(assignments.groupby(HEAD, sort=False)))
    places = scored[HEAD].drop_duplicates().sort_values(HEAD)
    none = assignments.iloc[:0]
    rows = [
        _classify(of_head.get(place, none), probed, label_rung) for place in places.itertuples(index=False, name=None)
    ]
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


def _classify(decodable: pd.DataFrame, probed: list[str], label_rung: int) -> dict[str, Any]:
    passed = decodable[decodable["rung"] >= label_rung]
    families = [family for family in probed if family in set(passed["family"])]
    share = passed["margin"] / (1 - passed["majority"])
    margins = {family: float(share[passed["family"] == family].max()) for family in families}
    rung = int(decodable["rung"].max()) if len(decodable) else 0
    phases = sorted({phase for phases in passed["phase"] for phase in phases.split(";") if phase})
    return {
        "label": families[0] if len(families) == 1 else "polyfunctional" if families else "unassigned",
        "family": ";".join(families),
        "phase": ";".join(phases),
        "features": ";".join(sorted(set(passed["feature"]))),
        "rung": rung,
        "rung_name": RUNGS[rung][1],
        **{
            f"n_{name}": int(decodable.loc[decodable["rung"] >= least, "feature"].nunique())
            for least, name, _ in RUNGS[1:4]
        },
        "specialisation": specialisation(margins, len(probed)),
    }


def _names(rows: pd.DataFrame) -> pd.Series:
    names = [head_name(layer, head) for layer, head in zip(rows["layer"], rows["head"], strict=True)]
    return pd.Series(names, index=rows.index, dtype="object")
