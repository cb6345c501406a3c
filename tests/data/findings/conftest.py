"""Findings of a spec that lies in the project folder, and published files that have flaws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.examples import build_examples
from data.findings.find import find
from data.findings.finding import Finding
from data.sources import read_source
from data.spec import load_spec

FOLDER = Path(__file__).parents[3].parent / "shared" / "datasets"
WHOLE = {"readout": "last", "columns": {"text": "text", "label": "label"}}  # no span and no group


@pytest.fixture
def found(write_spec: Callable[..., Path]) -> Callable[..., list[Finding]]:
    """Return what is found about one thing: of a table, of the file that the spec names, or of a spec of ours."""

    def look(about: str, table: Any = None, spec: Path | None = None, surface: float = 0.5, **changes: Any) -> Any:
        if table is not None:
            table.to_csv("toy.csv", index=False)
        read = load_spec(spec or write_spec(**{**WHOLE, **changes}))
        raw = read_source(read, Path())
        examples = build_examples(read, raw.rows, n_folds=3, seed=0)
        return [finding for finding in find(read, raw, examples, surface) if finding.about == about]

    return look


@pytest.fixture
def published(project: Path) -> Callable[[str], str]:
    """Return where a published file lies; skip the test where there is none."""
    if not FOLDER.is_dir():
        pytest.skip(f"no published files in {FOLDER}")
    (project / "data/public").symlink_to(FOLDER)
    return lambda name: str(FOLDER / name)
