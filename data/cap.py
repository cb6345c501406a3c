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

    Groups are asked one after the other, in the order of a hash of their names; one is kept whole where it fits into
    what is still wanted of each class. So the choice depends on the rows and not on their order.

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
    kept = _thinned(table, cap.per_group)
    there = table[kept]
    if len(there) > cap.examples or cap.balance:
        kept &= table["group"].isin(_chosen_groups(cap, there))
    lost = set(table["label"]) - set(table.loc[kept, "label"])
    if lost:
        raise DataError(
            f"cap: nothing is left of class {sorted(lost)[0]!r}: no group of it fits into {cap.examples} examples; "
            "raise `examples`, set `per_group`, or drop the class with `labels:`"
        )
    return kept


def _thinned(table: pd.DataFrame, per_group: int | None) -> pd.Series:
    if per_group is None:
        return pd.Series(True, index=table.index)
    order = table.assign(turn=table["example_id"].map(_digest)).sort_values("turn")
    return (order.groupby(["group", "label"]).cumcount() < per_group).reindex(table.index)


def _chosen_groups(cap: Cap, table: pd.DataFrame) -> list[str]:
    room = _quotas(cap, table["label"].value_counts())
    chosen = []
    counts = {name: Counter(labels) for name, labels in table.groupby("group")["label"]}
    for name in sorted(counts, key=_digest):
        if all(times <= room[label] for label, times in counts[name].items()):
            room.subtract(counts[name])
            chosen.append(name)
    return chosen


def _quotas(cap: Cap, sizes: pd.Series) -> Counter[str]:
    """Return how many of each class are wanted: shares that are rounded down, but never to none."""
    if cap.balance:
        each = min(cap.examples // len(sizes), int(sizes.min()))
        return Counter({str(label): each for label in sizes.index})
    total = int(sizes.sum())
    return Counter({str(label): max(1, cap.examples * int(n) // total) for label, n in sizes.items()})


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
