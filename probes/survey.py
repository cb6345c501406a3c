"""The heads that the survey names, and which of them a feature speaks for: feature -> family -> phase -> cells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from probes.errors import ProbeError
from probes.families import FAMILIES
from probes.survey_checks import FILE, check_accounted, check_heads, check_keys, check_line, refuse_unknown

PARTS = ("note", "phases", "heads", "families", "features", "not_identifiable", "references")
STATUS = ("candidate", "alike", "not identifiable")
RUNG_COUNTS = {"n_decodable": 1, "n_selective": 2, "n_general": 3}  # column of the phase map -> rung it counts from


@dataclass(frozen=True)
class Survey:
    """The survey's heads, and the mapping from features to them; a hypothesis, kept as data.

    Attributes:
        note: What the mapping is and is not.
        phases: The survey's phases, in its order, and the cells of each: the heads that a feature may speak for.
        families: Family to {"cells": [...], "alike": [...]}, for features that have no line of their own.
        features: Feature to {"family": ..., "cells": [...], "alike": [...]}; alike are heads of the survey that a probe
            of the feature cannot tell from the cells.
        not_identifiable: {"head", "phase", "reason"} of heads that no output probe can identify.
        heads: {"head", "phase", "group", "does", "methods", "references"} of every head that the survey names.
        references: Key to {"authors", "year", "title"} and, where known, "arxiv", of the works that found them.
    """

    note: str
    phases: dict[str, list[str]]
    families: dict[str, dict[str, Any]]
    features: dict[str, dict[str, Any]]
    not_identifiable: list[dict[str, str]]
    heads: list[dict[str, Any]] = field(default_factory=list)
    references: dict[str, dict[str, Any]] = field(default_factory=dict)

    def place(self, feature: str, family: str) -> dict[str, Any]:
        """Return {"family", "phases", "cells", "alike"} of a feature: its own line, else its family's."""
        line = {"family": family, "alike": [], **self.features.get(feature, self.families[family])}
        phases = [phase for phase, cells in self.phases.items() if set(cells) & set(line["cells"])]
        return {"family": line["family"], "phases": phases, "cells": line["cells"], "alike": line["alike"]}

    def status(self, head: str) -> str:
        """Return which of `STATUS` a head has: candidate of a feature or family, not identifiable, else alike."""
        if any(head in line["cells"] for line in (*self.families.values(), *self.features.values())):
            return "candidate"
        return "not identifiable" if any(row["head"] == head for row in self.not_identifiable) else "alike"


def parse_survey(table: Mapping[str, Any]) -> Survey:
    """Return the checked mapping.

    Args:
        table: The mapping file as read from YAML: `PARTS`, where phases are {phase: [sub-groups]}.

    Raises:
        ProbeError: If a part or key is missing or unknown; a phase, sub-group, method, reference, family, cell or head
            that is alike is not one of those known; or a head of the survey is not accounted for.

    Example:
        >>> head = {"phase": "P", "group": "g", "does": "acts", "references": ["r2024"],
        ...         "methods": [{"method": "training-required", "how": "probing"}]}
        >>> survey = parse_survey({"note": "", "phases": {"P": ["g"]}, "features": {},
        ...     "heads": [{"head": name, **head} for name in "CDE"],
        ...     "families": dict.fromkeys(FAMILIES, {"cells": ["C"], "alike": ["D"]}),
        ...     "not_identifiable": [{"head": "E", "reason": "It is defined by where it attends."}],
        ...     "references": {"r2024": {"authors": "R.", "year": 2024}}})
        >>> survey.place("new_feature", "semantic")
        {'family': 'semantic', 'phases': ['P'], 'cells': ['C'], 'alike': ['D']}
        >>> [survey.status(name) for name in "CDE"]
        ['candidate', 'alike', 'not identifiable']
    """
    check_keys(FILE, table, PARTS)
    for key, work in table["references"].items():
        check_keys(f"{FILE}: references: {key}", work, ("authors", "year"), ("title", "arxiv", "doi"))
    check_heads(table["heads"], table["phases"], table["references"])
    phase_of = {head["head"]: head["phase"] for head in table["heads"]}
    lines = _checked_lines(table, phase_of)
    for row in table["not_identifiable"]:
        check_keys(f"{FILE}: not_identifiable: {row.get('head', row)}", row, ("head", "reason"))
    check_accounted(list(phase_of), lines, [row["head"] for row in table["not_identifiable"]])
    cells = {cell for line in lines for cell in line["cells"]}
    return Survey(
        note=table["note"],
        phases={
            phase: [head for head in phase_of if head in cells and phase_of[head] == phase] for phase in table["phases"]
        },
        families=table["families"],
        features=table["features"],
        not_identifiable=[
            {"head": row["head"], "phase": phase_of[row["head"]], "reason": row["reason"]}
            for row in table["not_identifiable"]
        ],
        heads=table["heads"],
        references=table["references"],
    )


def _checked_lines(table: Mapping[str, Any], heads: Mapping[str, str]) -> list[Mapping[str, Any]]:
    if set(table["families"]) != set(FAMILIES):
        raise ProbeError(f"{FILE}: families are {sorted(table['families'])}, needed: {', '.join(FAMILIES)}")
    for part, needed in {"families": ("cells", "alike"), "features": ("family", "cells", "alike")}.items():
        for name, line in table[part].items():
            check_keys(f"{FILE}: {part}: {name}", line, needed)
            check_line(f"{FILE}: {part}: {name}", line, heads)
            refuse_unknown(f"{FILE}: {part}: {name}: family", [line["family"]] if "family" in line else [], FAMILIES)
    return [*table["families"].values(), *table["features"].values()]


def phase_map(assignments: pd.DataFrame, survey: Survey, probed: Mapping[str, str]) -> pd.DataFrame:
    """Return one row for each head that the survey names, with how many of our heads may be one: the four-phase map.

    Columns: phase, group, cell (the survey's head, as in `cell` of the assignments), does, methods (kinds joined by
    `;`, with "(inferred)" where we only infer it), status (one of `STATUS`), features (of those probed, joined by `;`:
    of a candidate those that have it among their cells, of a head that is alike those that cannot tell it from their
    cells), n_decodable, n_selective and n_general (Int64: our heads on rung 1, 2 and 3 or higher for one of these
    features; missing where no feature probed speaks for the head, which is not the same as 0).

    Args:
        assignments: What `assign` made of the results of a model; layer, head, feature and rung are read.
        survey: The mapping.
        probed: Feature -> family of every feature probed in the run, passed or not.

    Example:
        >>> head = {"group": "g", "does": "acts", "methods": [{"method": "training-free", "inferred": True}]}
        >>> survey = Survey(note="", phases={"P": ["C"]}, families={"truth": {"cells": ["C"]}}, features={},
        ...                 not_identifiable=[], heads=[{"head": "C", "phase": "P", **head}])
        >>> rows = pd.DataFrame({"layer": 0, "head": [0, 0, 1], "feature": ["f", "g", "f"], "rung": [1, 2, 1]})
        >>> phase_map(rows, survey, {"f": "truth", "g": "truth"}).loc[0, ["methods", "status", "features"]].tolist()
        ['training-free (inferred)', 'candidate', 'f;g']
        >>> phase_map(rows, survey, {"f": "truth", "g": "truth"})[list(RUNG_COUNTS)].values.tolist()
        [[2, 1, 0]]
    """
    places = {feature: survey.place(feature, family) for feature, family in sorted(probed.items())}
    rows = [_map_row(head, survey.status(head["head"]), places, assignments) for head in survey.heads]
    return pd.DataFrame(rows).astype(dict.fromkeys(RUNG_COUNTS, "Int64"))


def _map_row(
    head: Mapping[str, Any], status: str, places: Mapping[str, Mapping[str, Any]], assignments: pd.DataFrame
) -> dict[str, Any]:
    part = {"candidate": "cells", "alike": "alike"}.get(status)
    features = [feature for feature, place in places.items() if part and head["head"] in place[part]]
    passed = assignments[assignments["feature"].isin(features)]
    return {
        "phase": head["phase"],
        "group": head["group"],
        "cell": head["head"],
        "does": head["does"],
        "methods": ";".join(_method_kinds(head["methods"])),
        "status": status,
        "features": ";".join(features),
        **{column: _count(passed, rung) if features else None for column, rung in RUNG_COUNTS.items()},
    }


def _count(passed: pd.DataFrame, rung: int) -> int:
    return len(passed.loc[passed["rung"] >= rung, ["layer", "head"]].drop_duplicates())


def _method_kinds(methods: list[Mapping[str, Any]]) -> list[str]:
    known = {method["method"]: False for method in methods}
    known |= {method["method"]: True for method in methods if not method.get("inferred")}
    return [kind if sure else f"{kind} (inferred)" for kind, sure in known.items()]
