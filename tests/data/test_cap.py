"""Making a dataset smaller."""

import pandas as pd
import pytest

from data.cap import Cap, choose_rows
from data.errors import DataError


def _table(n_groups: int, rows_of: str) -> pd.DataFrame:
    """Return groups that each have one row for every letter, its label."""
    rows = [(f"e{group}_{at}", label, f"g{group}") for group in range(n_groups) for at, label in enumerate(rows_of)]
    return pd.DataFrame(rows, columns=["example_id", "label", "group"])


def test_groups_stay_whole_and_shares_stay() -> None:
    table = _table(100, "xxy")
    kept = table[choose_rows(Cap(60), table)]
    assert len(kept) == 60
    assert set(kept["group"].value_counts()) == {3}
    assert kept["label"].value_counts().to_dict() == {"x": 40, "y": 20}


def test_what_is_small_enough_is_left_alone() -> None:
    table = _table(7, "xxy")
    assert choose_rows(Cap(21), table).all()
    assert not choose_rows(Cap(20), table).all()


def test_the_order_of_the_rows_does_not_matter() -> None:
    table = _table(50, "xy")
    chosen = set(table["example_id"][choose_rows(Cap(30), table)])
    mixed = table.sample(frac=1, random_state=0)
    assert set(mixed["example_id"][choose_rows(Cap(30), mixed)]) == chosen
    assert chosen != set(table["example_id"][:30])


def test_classes_can_be_made_equal() -> None:
    table = pd.concat([_table(90, "x"), _table(30, "y").assign(group=lambda rows: "y" + rows["group"])])
    table = table.assign(example_id=[f"e{at}" for at in range(len(table))]).reset_index(drop=True)
    kept = table[choose_rows(Cap(40, balance=True), table)]
    assert kept["label"].value_counts().to_dict() == {"x": 20, "y": 20}
    kept = table[choose_rows(Cap(1000, balance=True), table)]
    assert kept["label"].value_counts().to_dict() == {"x": 30, "y": 30}


def test_a_large_group_can_be_thinned() -> None:
    table = pd.concat([_table(1, "x" * 50 + "y" * 50), _table(40, "xy").assign(group=lambda rows: rows["group"] + "s")])
    table = table.assign(example_id=[f"e{at}" for at in range(len(table))]).reset_index(drop=True)
    kept = table[choose_rows(Cap(60, per_group=3), table)]
    assert kept["label"].value_counts().to_dict() == {"x": 30, "y": 30}
    assert kept.groupby(["group", "label"]).size().max() <= 3
    assert len(set(kept["group"])) > 25


def test_a_class_that_would_be_lost_is_refused() -> None:
    table = pd.concat([_table(1, "x" * 50), _table(30, "y").assign(group=lambda rows: "y" + rows["group"])])
    table = table.assign(example_id=[f"e{at}" for at in range(len(table))]).reset_index(drop=True)
    with pytest.raises(
        DataError, match="cap: nothing is left of class 'x': no group of it fits into 20 examples; raise"
    ):
        choose_rows(Cap(20), table)
