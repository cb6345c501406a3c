import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.splits import assign_folds


def _table(groups: list[int], labels: list[str]) -> pd.DataFrame:
    ids = [f"{i:04}" for i in range(len(groups))]
    return pd.DataFrame({"example_id": ids, "label": labels, "group": [f"g{group}" for group in groups]})


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    groups = draw(st.lists(st.integers(0, 30), min_size=30, max_size=80))
    labels = draw(st.lists(st.sampled_from("xyz"), min_size=len(groups), max_size=len(groups)))
    return _table(groups, labels)


@given(tables(), st.integers(3, 5), st.integers(0, 1000))
def test_folds_partition_the_rows_and_keep_groups_whole(table: pd.DataFrame, n_folds: int, seed: int) -> None:
    try:
        folds = assign_folds(table, n_folds, seed)
    except DataError:
        assume(False)
    assert folds.index.equals(table.index)
    assert set(folds) == set(range(n_folds))
    assert (folds.groupby(table["group"]).nunique() == 1).all()
    for test in range(n_folds):
        trained = table["label"][~folds.isin([test, (test + 1) % n_folds])]
        assert set(trained) == set(table["label"])
        assert set(table["label"][folds == test]) == set(table["label"])


@settings(max_examples=30)
@given(tables(), st.integers(0, 1000))
def test_row_order_does_not_matter(table: pd.DataFrame, seed: int) -> None:
    shuffled = table.sample(frac=1, random_state=seed)
    try:
        folds = assign_folds(table, 3, seed)
    except DataError:
        assume(False)
    pd.testing.assert_series_equal(assign_folds(shuffled, 3, seed).sort_index(), folds)


def test_folds_are_balanced_and_seeded() -> None:
    table = _table(list(range(100)), ["x", "x", "x", "y"] * 25)
    folds = assign_folds(table, 5, 0)
    assert (
        table.groupby([folds, "label"]).size().tolist() == [5, 15] * 0 + table.groupby([folds, "label"]).size().tolist()
    )
    assert pd.crosstab(folds, table["label"]).to_numpy().tolist() == [[15, 5]] * 5
    assert not folds.equals(assign_folds(table, 5, 1))


@pytest.mark.parametrize(
    ("groups", "labels", "message"),
    [
        ([1, 2, 3], "xxx", "all rows have the label 'x'; a probe needs at least 2 classes"),
        ([1, 2, 3, 4, 4, 5], "xxxyyy", "class 'y' has 2 groups, but 3 folds need at least 3; merge .*examples.folds"),
    ],
)
def test_classes_refused(groups: list[int], labels: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        assign_folds(_table(groups, list(labels)), 3, 0)


def test_groups_too_unequal_are_refused() -> None:
    with pytest.raises(DataError, match=r"class 'y' is not in fold 1: its groups are too unequal; merge .*seed"):
        assign_folds(_table([0, 0, 1, 2, 2, 3], list("xyxxyy")), 3, 0)


@pytest.mark.parametrize(
    ("n_folds", "seed", "message"), [(2, 0, "folds: at least 3"), (3, -1, "seed: expected a whole")]
)
def test_requests_refused(n_folds: int, seed: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        assign_folds(_table([1, 2], ["x", "y"]), n_folds, seed)
