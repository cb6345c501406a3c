"""Make a dataset smaller and keep what matters: whole groups, the shares of the classes, and no say for the order."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd

from data.errors import DataError
from data.keys import check_count, check_keys, check_mapping


@dataclass(frozen=True)
class Cap:
    """The section `cap` of a spec.

    Attributes:
        examples: At most so many are kept.
        per_group: Of one group at most so many of each label, so that no group outweighs the rest; None keeps all.
        balance: Whether the classes are to be equally many, and not as many in proportion as they were.
    """

    examples: int
    per_group: int | None = None
    balance: bool = False


def read_cap(place: str, raw: dict[str, Any]) -> Cap:
    """Return the section `cap` of a spec: a number, or keys of which each is checked.

    Args:
        place: File, for messages.
        raw: The spec, which has the key `cap`.

    Raises:
        DataError: If a key is unknown or missing, or a value is not allowed.

    Example:
        >>> read_cap("x.yaml", {"cap": 2000})
        Cap(examples=2000, per_group=None, balance=False)
    """
    if isinstance(raw["cap"], int):
        return Cap(check_count(place, raw, "cap"))
    inner, place = check_mapping(f"{place}: cap", raw["cap"]), f"{place}: cap"
    check_keys(place, inner, ("examples",), ("examples", "per_group", "balance"))
    balance = inner.get("balance", False)
    if not isinstance(balance, bool):
        raise DataError(f"{place}: balance: expected true or false, got {balance!r}")
    per_group = check_count(place, inner, "per_group") if "per_group" in inner else None
    return Cap(check_count(place, inner, "examples"), per_group, balance)


def choose_rows(cap: Cap, table: pd.DataFrame) -> pd.Series:
    """Return which rows are kept, True or False on the index of `table`.

    Groups are asked one after the other, in the order of a hash of their names, so that the choice depends on the rows
    and not on their order. One is kept whole where it fits into what is still wanted of each class; with `per_group`,
    which says that its rows are no twins, what fits of it is kept.

    Args:
        cap: How many of what.
        table: With the columns example_id, label and group.

    Raises:
        DataError: If nothing is left of a class.

    Example:
        >>> table = pd.DataFrame({"example_id": list("abcdef"), "label": list("xyxyxy"), "group": list("112233")})
        >>> int(choose_rows(Cap(4), table).sum())
        4
    """
    whole = cap.per_group is None
    kept = table["group"].isin(_chosen_groups(cap, table)) if whole else _chosen_rows(cap, table)
    lost = set(table["label"]) - set(table.loc[kept, "label"])
    if lost:
        raise DataError(
            f"cap: nothing is left of class {sorted(lost)[0]!r}: no group of it fits into {cap.examples} examples; "
            "raise `examples`, set `per_group`, or drop the class with `labels:`"
        )
    return kept


def _chosen_groups(cap: Cap, table: pd.DataFrame) -> list[str]:
    room = _quotas(cap, table["label"])
    chosen = []
    counts = {str(name): Counter(labels) for name, labels in table.groupby("group")["label"]}
    for name in sorted(counts, key=_digest):
        if all(times <= room[label] for label, times in counts[name].items()):
            room.subtract(counts[name])
            chosen.append(name)
    return chosen


def _chosen_rows(cap: Cap, table: pd.DataFrame) -> pd.Series:
    """Return which rows are kept where groups may be thinned: of each class the first, in the order of the groups."""
    order = table.assign(turn=table["group"].map(_digest), row=table["example_id"].map(_digest))
    order = order.sort_values(["turn", "row"])
    assert cap.per_group is not None
    order = order[order.groupby(["group", "label"]).cumcount() < cap.per_group]
    room = _quotas(cap, order["label"])
    chosen = order.index[order.groupby("label").cumcount() < order["label"].map(room)]
    return pd.Series(table.index.isin(chosen), index=table.index)


def _quotas(cap: Cap, labels: pd.Series) -> Counter[str]:
    """Return how many of each class are wanted: shares that are rounded down, but never to none."""
    sizes = labels.value_counts()
    if cap.balance:
        each = min(cap.examples // len(sizes), int(sizes.min()))
        return Counter({str(label): each for label in sizes.index})
    total = max(len(labels), cap.examples)
    return Counter({str(label): max(1, cap.examples * int(n) // total) for label, n in sizes.items()})


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
