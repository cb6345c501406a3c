"""Known roles in known heads come out of the four stages as they were put in, and nothing else does."""

from pathlib import Path

import pytest

from tests.planted.project import found, planted, run, start

SEEDS = range(10)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_planted_is_found_and_nothing_else(seed: int) -> None:
    start(seed)
    assert found(run(seed)) == planted()
