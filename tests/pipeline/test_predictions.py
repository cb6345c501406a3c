"""Out-of-fold predictions on disk."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.predictions import read_predictions, write_predictions

IDS, LABELS, FOLDS = ["b", "a", "c"], ["yes", "no", "yes"], np.array([0, 1, 0])
NAMES = ["L0H0", "L0H1", "L1H0"]
LOG_PROBA = np.log(np.random.default_rng(0).dirichlet([1.0, 1.0], size=(3, 3)))


def _write(path: Path) -> Path:
    write_predictions(path, IDS, LABELS, FOLDS, NAMES, LOG_PROBA)
    return path


@pytest.mark.parametrize("head", [0, 1, 2])
def test_what_is_written_comes_back_in_float32(tmp_path: Path, head: int) -> None:
    values = read_predictions(_write(tmp_path / "p.parquet"), NAMES[head])
    assert (values.shape, values.dtype) == ((3, 2), np.float32)
    assert np.array_equal(values, LOG_PROBA[head].astype(np.float32))


def test_rows_keep_their_order_and_name_example_label_and_fold(tmp_path: Path) -> None:
    table = pq.read_table(_write(tmp_path / "p.parquet"))
    assert table.column_names == ["example_id", "label", "fold", *NAMES]
    assert table["example_id"].to_pylist() == IDS
    assert table["label"].to_pylist() == LABELS
    assert table["fold"].to_pylist() == [0, 1, 0]


def test_the_same_predictions_give_the_same_bytes(tmp_path: Path) -> None:
    assert _write(tmp_path / "a.parquet").read_bytes() == _write(tmp_path / "b.parquet").read_bytes()


def test_names_and_heads_must_be_as_many(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        write_predictions(tmp_path / "p.parquet", IDS, LABELS, FOLDS, NAMES[:2], LOG_PROBA)
