"""Deal examples out over folds: groups stay whole, classes stay balanced, the order of the rows does not matter."""

import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from data.errors import DataError

MIN_FOLDS = 3  # one is tested, one chooses the regularisation, at least one is left to train on
WAY_OUT = "merge the class with another or drop it with `labels:` in the spec, or lower `examples.folds` in params.yaml"


def assign_folds(labels: pd.DataFrame, n_folds: int, seed: int) -> pd.Series:
    """Return the fold of each row, int64 from 0 to n_folds - 1, on the index of `labels`.

    Every class is in every fold, so every choice of a test and a validation fold leaves a training set with all
    classes.

    Args:
        labels: With the columns example_id, label and group, no nulls.
        n_folds: K, at least 3.
        seed: Decides in which order groups are dealt out.

    Raises:
        DataError: If there are fewer than 3 folds or 2 classes, the seed is not one, or a class has too few groups.

    Example:
        >>> table = pd.DataFrame({"example_id": list("abcdefgh"), "label": list("xyxyxyxy"), "group": list("11223344")})
        >>> assign_folds(table, n_folds=4, seed=0).groupby(table["group"]).nunique().tolist()
        [1, 1, 1, 1]
    """
    _check_request(n_folds, seed)
    ordered = labels.sort_values("example_id")
    _check_classes(ordered, n_folds)
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    folds = pd.Series(-1, index=ordered.index, dtype="int64")
    for fold, (_, rows) in enumerate(splitter.split(ordered, ordered["label"], ordered["group"])):
        folds.iloc[rows] = fold
    _check_spread(ordered["label"], folds, n_folds)
    return folds.reindex(labels.index)


def _check_request(n_folds: int, seed: int) -> None:
    if n_folds < MIN_FOLDS:
        raise DataError(f"folds: at least {MIN_FOLDS} are needed (test, validation, training), got {n_folds}")
    if not 0 <= seed < 2**32:
        raise DataError(f"seed: expected a whole number from 0 to 2**32 - 1, got {seed}")


def _check_classes(labels: pd.DataFrame, n_folds: int) -> None:
    groups = labels.groupby("label")["group"].nunique()
    if len(groups) < 2:
        raise DataError(f"all rows have the label {groups.index[0]!r}; a probe needs at least 2 classes")
    for label, n_groups in groups.items():
        if n_groups < n_folds:
            raise DataError(
                f"class {label!r} has {n_groups} group{'s' if n_groups > 1 else ''}, but {n_folds} folds need at least "
                f"{n_folds}; {WAY_OUT}"
            )


def _check_spread(labels: pd.Series, folds: pd.Series, n_folds: int) -> None:
    for label, there in folds.groupby(labels):
        lacking = sorted(set(range(n_folds)) - set(there))
        if lacking:
            where = f"class {label!r} is not in fold {lacking[0]}: its groups are too unequal"
            raise DataError(f"{where}; {WAY_OUT}, or change `examples.seed`")
