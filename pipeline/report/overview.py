"""The first screen: how many heads of each kind, family, rung and candidate phase."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.report.results import ModelResults, passed, split_values

FAMILIES = ("structural", "syntactic", "semantic", "factual", "truth", "expression")
PHASES = {
    "Knowledge Recalling": "brings knowledge stored in the weights into the residual stream",
    "In-Context Identification": "picks up structure, syntax and meaning from the text itself",
    "Latent Reasoning": "puts together what was recalled and what was identified",
    "Expression Preparation": "turns the outcome towards what is said next",
}
PHASE_CODES = {"kr": "Knowledge Recalling", "ici": "In-Context Identification"} | {
    "lr": "Latent Reasoning",
    "ep": "Expression Preparation",
}


def sentence(model: ModelResults, n_features: int, alpha: float | None) -> str:
    """Return the result of a model in one sentence.

    Args:
        model: Results of the model.
        n_features: Number of datasets probed.
        alpha: Family-wise error rate, None if the params have none.
    """
    decodable = len(passed(model)[["layer", "head"]].drop_duplicates())
    features = "the one feature" if n_features == 1 else f"at least one of {n_features} features"
    level = "" if alpha is None else f" (family-wise p < {alpha:g})"
    start = f"In {decodable:,} of {len(model.heads):,} heads, a linear probe reads {features} better than chance{level}"
    kinds = _kinds(Counter(model.heads["label"]))
    return f"{start}: {_joined(kinds)}." if kinds else f"{start}."


def _kinds(labels: Counter[str]) -> list[str]:
    families = [(family, labels[family]) for family in ordered_families(labels) if labels[family]]
    kinds = []
    if families:
        listed = ", ".join(f"{count:,} {family}" for family, count in families)
        kinds.append(f"{sum(count for _, count in families):,} specialised ({listed})")
    if labels["polyfunctional"]:
        kinds.append(f"{labels['polyfunctional']:,} polyfunctional")
    return kinds


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def ordered_families(found: Iterable[str]) -> list[str]:
    """Return families in the fixed order, then unknown ones by name; `polyfunctional` and `unassigned` are none.

    Args:
        found: Families or labels.
    """
    others = set(found) - set(FAMILIES) - {"polyfunctional", "unassigned", ""}
    return [*FAMILIES, *sorted(others)]


def label_bars(model: ModelResults) -> list[dict[str, Any]]:
    """Return one bar for each label a head can have.

    Args:
        model: Results of the model.
    """
    counts = Counter(model.heads["label"])
    families = [family for family in ordered_families(counts) if counts[family]]
    return _bars([(label, counts[label]) for label in (*families, "polyfunctional", "unassigned")], len(model.heads))


def family_bars(model: ModelResults, probed: Iterable[str]) -> list[dict[str, Any]]:
    """Return one bar for each family probed: the heads that decode at least one of its features.

    Args:
        model: Results of the model.
        probed: Families of the datasets.
    """
    counts = Counter(family for cell in model.heads["family"] for family in set(split_values(cell)))
    wanted = set(probed) | set(counts)
    return _bars([(name, counts[name]) for name in ordered_families(wanted) if name in wanted], len(model.heads))


def rung_bars(model: ModelResults) -> list[dict[str, Any]]:
    """Return one bar for each rung of the evidence ladder: the heads whose highest rung it is.

    Args:
        model: Results of the model.
    """
    counts = Counter(model.heads["rung"].astype(int))
    names = [(f"{rung['rung']} {rung['name']}", counts[int(rung["rung"])]) for rung in model.taxonomy["rungs"]]
    return _bars(names, len(model.heads))


def _bars(counts: list[tuple[str, int]], total: int) -> list[dict[str, Any]]:
    return [
        {"label": label, "count": count, "share": round(100 * count / total, 2) if total else 0}
        for label, count in counts
    ]


def phase_cards(model: ModelResults) -> list[dict[str, Any]]:
    """Return the four phases of the survey in order, each with its number of candidate heads and candidate cells.

    Args:
        model: Results of the model.
    """
    heads = Counter(
        phase for cell in model.heads["phase"] for phase in {phase_name(part) for part in split_values(cell)}
    )
    cells = _cells_by_phase(model)
    return [
        {"name": name, "does": does, "count": heads[name], "cells": cells.get(name, [])}
        for name, does in PHASES.items()
    ]


def _cells_by_phase(model: ModelResults) -> Mapping[str, list[tuple[str, int]]]:
    """Return phase -> (candidate cell, heads), for assignments of one phase: else a cell's phase is not known."""
    pairs = set()
    for row in passed(model).itertuples():
        phases = split_values(str(row.phase))
        if len(phases) == 1:
            pairs |= {(phase_name(phases[0]), cell, row.layer, row.head) for cell in split_values(str(row.cell))}
    counts = Counter((phase, cell) for phase, cell, _, _ in pairs)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    names = {phase for phase, _ in counts}
    return {name: [(cell, n) for (phase, cell), n in ordered if phase == name] for name in names}


def phase_name(phase: str) -> str:
    """Return the survey's name of a phase, given its name in any spelling or its initials.

    Args:
        phase: Such as `knowledge_recalling` or `KR`; an unknown one comes back as it is.
    """
    plain = phase.lower().replace("_", " ").replace("-", " ").strip()
    known = {name.lower().replace("-", " "): name for name in PHASES} | PHASE_CODES
    return known.get(plain, phase)
