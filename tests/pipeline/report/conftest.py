"""What the tests of the report share: a made-up run, its page, and a finished project around it."""

import html
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.report.canvas import styled
from pipeline.report.results import Atlas
from pipeline.stages.report import read_atlas
from tests.pipeline.report import project as made
from tests.pipeline.report.made_up import FEATURES
from tests.pipeline.report.made_up import make_run as write_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes seconds; only the tests of the figures need it."""
    monkeypatch.setattr("pipeline.stages.report.figure_files", lambda atlas, structure: ())


@pytest.fixture
def nothing_drawn(no_figures: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is found what figures would show of structure."""
    monkeypatch.setattr("pipeline.stages.report._structure", lambda atlas: None)


@pytest.fixture
def atlas(run: Path) -> Atlas:
    return read_atlas(yaml.safe_load((run / "params.yaml").read_text()))


@pytest.fixture
def style() -> Iterator[None]:
    """The look that figures are measured in."""
    with styled():
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `project` keeps what it made once, since the report takes seconds."""
    return tmp_path_factory.mktemp("finished")


@pytest.fixture
def project(finished: Path, nothing_drawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished project."""
    if not (finished / "project").exists():
        write_run(finished / "project")
        monkeypatch.chdir(finished / "project")
        made.finish(finished / "project")
    shutil.copytree(finished / "project", tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def make_run() -> Callable[..., None]:
    """Writes a run of other models or another shape into a folder."""
    return write_run


@pytest.fixture
def words() -> Callable[[Path], str]:
    """Reads what the page of a run says without a script."""

    def read(root: Path) -> str:
        page = (root / "results/report/index.html").read_text(encoding="utf-8")
        bare = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
        return " ".join(html.unescape(bare).split())

    return read


@pytest.fixture
def payload() -> Callable[[Path], Any]:
    """Reads the data that the script of the page of a run works with."""

    def read(root: Path) -> Any:
        page = (root / "results/report/index.html").read_text(encoding="utf-8")
        match = re.search(r'<script type="application/json" id="atlas-data">(.*?)</script>', page, re.DOTALL)
        assert match is not None
        return json.loads(match[1])

    return read


@pytest.fixture
def features() -> list[str]:
    """The features of the run, in its order."""
    return list(FEATURES)
