"""Out-of-fold predictions on disk: one row an example, one column a head."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


def write_predictions(
    path: Path,
    example_ids: Sequence[str],
    labels: Sequence[str],
    folds: NDArray[np.int64],
    names: Sequence[str],
    log_proba: NDArray[np.floating],
) -> None:
    """Write example_id, label, fold and, for each head, the log-probability of every class as a fixed-size list.

    Args:
        path: Parquet file.
        example_ids: One for each row.
        labels: True class of each row.
        folds: Fold in which the row was tested.
        names: Labels of the heads, such as L3H7.
        log_proba: Natural logarithms, (n_heads, n_examples, n_classes); stored as float32.
    """
    columns: dict[str, pa.Array] = {
        "example_id": pa.array(list(example_ids)),
        "label": pa.array(list(labels)),
        "fold": pa.array(folds),
    }
    for name, values in zip(names, log_proba.astype(np.float32, copy=False), strict=True):
        columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    pq.write_table(pa.table(columns), path)


def read_predictions(path: Path, name: str) -> NDArray[np.float32]:
    """Return the log-probabilities of one head, (n_examples, n_classes) float32, in the file's row order.

    Args:
        path: Parquet file that `write_predictions` wrote.
        name: Label of the head, such as L3H7.
    """
    column = pq.read_table(path, columns=[name])[name].combine_chunks()
    values: NDArray[np.float32] = column.flatten().to_numpy().reshape(len(column), -1)
    return values
