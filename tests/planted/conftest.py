"""The planted project of seed 0, run once; who wants to go on from it takes a copy."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.planted.project import run, start


@pytest.fixture(scope="session", autouse=True)
def _quick() -> Iterator[None]:
    """Spare the extract stage, which collects garbage after every model, what torch and pandas brought with them."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of seed 0; change nothing in it."""
    folder, before = tmp_path_factory.mktemp("planted"), Path.cwd()
    os.chdir(folder)
    try:
        start(0)
        run(0)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished run as the current directory; the original is returned, to compare with."""
    shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return finished


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
