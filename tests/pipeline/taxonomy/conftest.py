"""What every test of the taxonomy stage starts from."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.taxonomy.project import PASSING, TOP, TRANSFER, write_cell, write_params


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three cells of four heads: number in L0H1, sentiment in L0H1 and L1H1, truth in none."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    shutil.copy(TOP / "data/taxonomy.yaml", "data/taxonomy.yaml")
    for dataset in PASSING:
        write_cell(dataset)
    Path("results/transfer/tiny").mkdir(parents=True)
    pd.DataFrame({name: [] for name in TRANSFER}).to_parquet("results/transfer/tiny/transfer.parquet", index=False)
    write_params(*PASSING)
    return tmp_path
