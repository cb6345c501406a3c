"""The first screen: how many heads of each kind, family, rung and candidate phase."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pipeline.report.results import RUNG_COUNTS, SELECTIVE, ModelResults, passed, rung_names, split_values

FAMILIES = ("structural", "syntactic", "semantic", "factual", "truth", "expression")
PHASES = {
    "Knowledge Recalling": "brings knowledge stored in the weights into the residual stream",
    "In-Context Identification": "picks up structure, syntax and meaning from the text itself",
    "Latent Reasoning": "puts together what was recalled and what was identified",
    "Expression Preparation": "turns the outcome towards what is said next",
}

BASELINES_TO_BEAT = (
    "the control task, a bag of words, the static embedding, the untrained model and a random projection"
)


def sentence(model: ModelResults, n_features: int, alpha: float | None) -> str:
    """Return the result of a model in short: heads that decode, those of them that are selective, and their labels.

    Args:
        model: Results of the model.
        n_features: Number of datasets probed.
        alpha: Family-wise error rate, None if the params have none.
    """
    decodable = len(passed(model)[["layer", "head"]].drop_duplicates())
    any_of = "at least one" if decodable else "any"
    features = "the one feature" if n_features == 1 else f"{any_of} of {n_features} features"
    level = "" if alpha is None else f" (family-wise p < {alpha:g})"
    heads = f"In {decodable:,} of {len(model.heads):,} heads" if decodable else f"In none of {len(model.heads):,} heads"
    start = f"{heads}, a linear probe reads {features} better than chance{level}"
    kinds = _kinds(Counter(model.heads["label"]))
    last = f" Labelled are {_joined(kinds)}." if kinds else ""
    return f"{start}. {_selective(model)}{last}"


def _selective(model: ModelResults) -> str:
    rows = model.assignments[model.assignments["rung"] >= SELECTIVE]
    count = len(rows[["layer", "head"]].drop_duplicates())
    if not count:
        return f"No head is selective for a feature: for that it would also have to beat {BASELINES_TO_BEAT}."
    heads = f"{count:,} head is" if count == 1 else f"{count:,} heads are"
    beats = "it also beats" if count == 1 else "they also beat"
    return f"{heads} selective for a feature: {beats} {BASELINES_TO_BEAT}."


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
    # a rung that was not tested has no heads to count
    rungs = [rung for rung in model.taxonomy["rungs"] if "not tested" not in rung["rule"]]
    names = [(f"{rung['rung']} {rung['name']}", counts[int(rung["rung"])]) for rung in rungs]
    return _bars(names, len(model.heads))


def _bars(counts: list[tuple[str, int]], total: int) -> list[dict[str, Any]]:
    return [
        {"label": label, "count": count, "share": round(100 * count / total, 2) if total else 0}
        for label, count in counts
    ]


def phase_cards(model: ModelResults) -> list[dict[str, Any]]:
    """Return the four phases of the survey in order, each with its number of candidate heads and the survey's heads.

    Args:
        model: Results of the model.
    """
    heads = Counter(phase for phases in model.heads["phase"] for phase in split_values(phases))
    groups = _groups(model)
    return [
        {"name": name, "does": PHASES.get(name, ""), "count": heads[name], "groups": groups.get(name, {})}
        for name in model.taxonomy["phases"]
    ]


def counted_rungs(model: ModelResults) -> dict[int, str]:
    """Return rung -> name of the rungs that the four-phase map counts and the run has.

    Args:
        model: Results of the model.
    """
    return {rung: name for rung, name in rung_names(model).items() if rung in RUNG_COUNTS}


def _groups(model: ModelResults) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return phase -> sub-group -> what the map says of each head that the survey names, all in the survey's order."""
    phases: dict[str, dict[str, list[dict[str, Any]]]] = {}
    reasons = {row["head"]: row.get("reason") for row in model.taxonomy.get("not_identifiable", [])}
    for row in model.phases.to_dict("records"):
        phases.setdefault(row["phase"], {}).setdefault(row["group"], []).append({
            **{key: row[key] for key in ("cell", "does", "status")},
            "reason": reasons.get(row["cell"]) if row["status"] == "not identifiable" else None,
            "methods": ", ".join(split_values(row["methods"])),
            "features": ", ".join(split_values(row["features"])),
            # NaN where no feature probed speaks for the head: nothing was counted
            "counts": [int(row[RUNG_COUNTS[rung]]) for rung in counted_rungs(model)] if row["features"] else [],
        })
    return phases
