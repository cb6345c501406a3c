"""What the mapping file has to say, checked part by part; messages name the entry, what it has and what it may have."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from probes.errors import ProbeError

FILE = "data/taxonomy.yaml"
METHODS = ("modeling-free", "training-free", "training-required")


def check_keys(place: str, entry: Mapping[str, Any], needed: Sequence[str], optional: Sequence[str] = ()) -> None:
    """Refuse an entry that lacks a key, has an empty one, or has one that nothing reads.

    Args:
        place: Of the entry in the file, for the message.
        entry: The entry.
        needed: Keys it must have, each with a value.
        optional: Keys it may have.

    Raises:
        ProbeError: If a key is missing or unknown.

    Example:
        >>> check_keys("data/taxonomy.yaml", {"note": "ours"}, ("note",))
    """
    if missing := [key for key in needed if entry.get(key) is None]:
        raise ProbeError(f"{place}: missing {', '.join(missing)}; needed: {', '.join(needed)}")
    if unknown := [key for key in entry if key not in needed and key not in optional]:
        raise ProbeError(f"{place}: unknown key {unknown[0]!r}; known: {', '.join((*needed, *optional))}")


def refuse_unknown(place: str, names: Iterable[Any], known: Collection[str]) -> None:
    """Refuse a name that is not one of those known.

    Args:
        place: Where the names stand, for the message.
        names: The names.
        known: What they may be.

    Raises:
        ProbeError: At the first that is unknown.

    Example:
        >>> refuse_unknown("data/taxonomy.yaml: features: f: family", ["truth"], ("truth", "factual"))
    """
    if unknown := [name for name in names if name not in known]:
        near = get_close_matches(str(unknown[0]), [str(name) for name in known], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ProbeError(f"{place}: unknown {unknown[0]!r}; {hint}known: {', '.join(known)}")


def check_heads(
    heads: Iterable[Mapping[str, Any]], groups: Mapping[str, Sequence[str]], references: Collection[str]
) -> None:
    """Refuse a head of the survey that stands twice, in no known place, by no known method or without a source.

    Args:
        heads: {"head", "phase", "group", "does", "methods", "references"} of each.
        groups: Phase -> its sub-groups.
        references: Keys that are defined.

    Raises:
        ProbeError: If an entry is wrong.

    Example:
        >>> head = {"head": "C", "phase": "P", "group": "g", "does": "acts", "references": ["r2024"],
        ...         "methods": [{"method": "training-required", "how": "probing"}]}
        >>> check_heads([head], {"P": ["g"]}, {"r2024"})
    """
    seen: set[str] = set()
    for number, head in enumerate(heads):
        place = f"{FILE}: heads: {head.get('head', f'number {number + 1}')}"
        check_keys(place, head, ("head", "phase", "group", "does", "methods", "references"))
        if head["head"] in seen:
            raise ProbeError(f"{place}: stands twice; a head has one entry")
        seen.add(head["head"])
        refuse_unknown(f"{place}: phase", [head["phase"]], groups)
        refuse_unknown(f"{place}: group of {head['phase']}", [head["group"]], groups[head["phase"]])
        refuse_unknown(f"{place}: references", _some(f"{place}: references", head["references"]), references)
        for method in _some(f"{place}: methods", head["methods"]):
            check_keys(f"{place}: methods", method, ("method", "how"), ("inferred",))
            refuse_unknown(f"{place}: methods", [method["method"]], METHODS)


def check_line(place: str, line: Mapping[str, Any], heads: Collection[str]) -> None:
    """Refuse a line on a feature, or a family, that names a head which the survey does not have, or one in both lists.

    Args:
        place: Of the line in the file, for the message.
        line: {"cells", "alike"} and what else it has.
        heads: Names of the survey's heads.

    Raises:
        ProbeError: If the line is wrong.

    Example:
        >>> check_line("data/taxonomy.yaml: features: f", {"cells": ["C"], "alike": []}, {"C"})
    """
    for key in ("cells", "alike"):
        if not isinstance(line[key], list):
            raise ProbeError(f"{place}: {key}: expected a list, which may be empty, got {line[key]!r}")
        refuse_unknown(f"{place}: {key}", line[key], sorted(heads))
    if both := [head for head in line["alike"] if head in line["cells"]]:
        raise ProbeError(f"{place}: {both[0]} is in cells and in alike; leave a candidate in cells alone")


def check_accounted(heads: Sequence[str], lines: Iterable[Mapping[str, Any]], untold: Sequence[str]) -> None:
    """Refuse a mapping that is silent on a head of the survey, or says both that a probe can tell it and that none can.

    Args:
        heads: Names of the survey's heads.
        lines: {"cells", "alike"} of every family and feature.
        untold: Names of the heads that are not identifiable.

    Raises:
        ProbeError: If a head is in no line and not in `untold`, or is a candidate cell and in `untold`.

    Example:
        >>> check_accounted(["C", "D", "E"], [{"cells": ["C"], "alike": ["D"]}], ["E"])
    """
    place = f"{FILE}: not_identifiable"
    refuse_unknown(place, untold, sorted(heads))
    if twice := [head for head in untold if untold.count(head) > 1]:
        raise ProbeError(f"{place}: {twice[0]} stands twice; a head has one reason")
    every = list(lines)
    cells = {cell for line in every for cell in line["cells"]}
    if both := [head for head in untold if head in cells]:
        raise ProbeError(f"{place}: {both[0]} is also a cell of a feature or family; it is one or the other")
    told = cells.union(untold, *(line["alike"] for line in every))
    if silent := [head for head in heads if head not in told]:
        raise ProbeError(
            f"{place}: nothing is said of {', '.join(silent)}; name each in cells or alike of a feature, "
            "or here with the reason"
        )


def _some(place: str, values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise ProbeError(f"{place}: expected a list with one entry or more, got {values!r}")
    return values
