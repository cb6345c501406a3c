"""A project folder with one small spec and its CSV file, both easy to change."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

SPEC: dict[str, Any] = {
    "description": "Is the noun about an animal or a tool?",
    "feature": "noun_class",
    "family": "semantic",
    "licence": "CC0-1.0",
    "citation": "Nobody (2026)",
    "readout": "span",
    "too_long": "error",
    "source": {"path": "toy.csv"},
    "columns": {"text": "sentence", "label": "kind", "target": "noun", "group": "frame", "control_key": "noun"},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data/specs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def toy(project: Path) -> pd.DataFrame:
    """Six frames by four nouns; also written to toy.csv."""
    kinds = {"cat": "animal", "dog": "animal", "saw": "tool", "axe": "tool"}
    frames = [
        "The {} is old.",
        'I see a {}, "there".',
        "Give the {} away",
        "My {} is é.",
        "No {} fits;\tno.",
        "A {}\nhere",
    ]
    table = pd.DataFrame(
        [(frame.format(noun), kinds[noun], noun, f"f{i}") for i, frame in enumerate(frames) for noun in kinds],
        columns=["sentence", "kind", "noun", "frame"],
    )
    table.to_csv(project / "toy.csv", index=False)
    return table


@pytest.fixture
def write_spec(project: Path) -> Callable[..., Path]:
    """Write data/specs/toy.yaml: the spec above with top-level keys changed, or left out where None is given."""

    def write(**changes: Any) -> Path:
        spec = {key: value for key, value in {**copy.deepcopy(SPEC), **changes}.items() if value is not None}
        path = Path("data/specs/toy.yaml")
        path.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        return path

    return write
