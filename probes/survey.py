"""The heads that the survey names, and which of them a feature speaks for: feature -> family -> phase -> cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from probes.errors import ProbeError

FAMILIES = ("structural", "syntactic", "semantic", "factual", "truth", "expression")


@dataclass(frozen=True)
class Survey:
    """The mapping from features to the survey's phases and cells; a hypothesis, kept as data.

    Attributes:
        note: What the mapping is and is not.
        phases: The survey's phases, in its order, and the cells of each that a feature may speak for.
        families: Family to {"cells": [...]}, what its features speak for unless they have a line of their own.
        features: Feature to {"family": ..., "cells": [...]}, where it differs from its family's.
        not_identifiable: {"head", "phase", "reason"} of heads that no output probe can identify.
    """

    note: str
    phases: dict[str, list[str]]
    families: dict[str, dict[str, Any]]
    features: dict[str, dict[str, Any]]
    not_identifiable: list[dict[str, str]]

    def place(self, feature: str, family: str) -> dict[str, Any]:
        """Return {"family", "phases", "cells"} of a feature: its own line, else its family's; phases are its cells'."""
        line = {"family": family, **self.families[family], **self.features.get(feature, {})}
        phases = [phase for phase, cells in self.phases.items() if set(cells) & set(line["cells"])]
        return {"family": line["family"], "phases": phases, "cells": line["cells"]}


def parse_survey(table: Mapping[str, Any]) -> Survey:
    """Return the checked mapping.

    Args:
        table: The mapping file as read from YAML.

    Raises:
        ProbeError: If a key is missing, or a cell or family is not one of those known.

    Example:
        >>> families = dict.fromkeys(FAMILIES, {"cells": ["C"]})
        >>> survey = parse_survey({"note": "", "phases": {"P": ["C"], "Q": ["D"]}, "families": families,
        ...                        "features": {}, "not_identifiable": []})
        >>> survey.place("new_feature", "semantic")
        {'family': 'semantic', 'phases': ['P'], 'cells': ['C']}
    """
    needed = ("note", "phases", "families", "features", "not_identifiable")
    if missing := [key for key in needed if key not in table]:
        raise ProbeError(f"data/taxonomy.yaml: missing {', '.join(missing)}; needed: {', '.join(needed)}")
    if set(table["families"]) != set(FAMILIES):
        raise ProbeError(f"data/taxonomy.yaml: families are {sorted(table['families'])}, needed: {', '.join(FAMILIES)}")
    known = {cell for cells in table["phases"].values() for cell in cells}
    for name, line in {**table["families"], **table["features"]}.items():
        _check_line(
            f"data/taxonomy.yaml: {name}", {"family": None if name in table["features"] else name, **line}, known
        )
    return Survey(**{key: table[key] for key in needed})


def _check_line(place: str, line: Mapping[str, Any], known: set[str]) -> None:
    if "cells" not in line:
        raise ProbeError(f"{place}: missing cells; a list, empty or of: {', '.join(sorted(known))}")
    if unknown := [cell for cell in line["cells"] if cell not in known]:
        raise ProbeError(f"{place}: no phase has the cell {unknown[0]!r}; known: {', '.join(sorted(known))}")
    if line["family"] not in FAMILIES:
        raise ProbeError(f"{place}: unknown family {line['family']!r}; known: {', '.join(FAMILIES)}")
