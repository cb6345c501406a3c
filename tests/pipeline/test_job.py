"""What an extraction depends on: whatever changes a number has a name, and nothing else has."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import job
from pipeline.align import TokenizedTexts
from pipeline.checkpoint import Checkpoint
from pipeline.job import describe_job
from pipeline.work import prepare_work

SETTINGS = {"precision": "auto", "batch_tokens": 64, "seed": 0, "device": "cpu"}
TOKENS = TokenizedTexts(
    ids=np.array([5, 6, 7, 8], np.int32),
    bounds=np.array([0, 1, 4]),
    text=np.array([1, 0, 1]),
    first=np.array([0, 0, 2]),
    last=np.array([1, 0, 2]),
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    return Checkpoint(tmp_path, "tiny", None, "00ff")


def _job(checkpoint: Checkpoint, ids: tuple[str, ...] = ("a", "b", "c"), **changes: Any) -> dict[str, str]:
    tokens = replace(TOKENS, **{name: np.array(value, getattr(TOKENS, name).dtype) for name, value in changes.items()})
    return describe_job(checkpoint, list(ids), tokens, SETTINGS)


def _differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    assert one.keys() == other.keys()
    return [name for name in one if one[name] != other[name]]


def test_the_same_extraction_is_the_same_job_after_a_restart(checkpoint: Checkpoint, tmp_path: Path) -> None:
    assert _job(checkpoint) == _job(checkpoint)
    work = tmp_path / "work"
    work.mkdir()
    assert prepare_work(work, _job(checkpoint)) == []
    assert prepare_work(work, _job(checkpoint)) == []  # through a file
    assert prepare_work(work, _job(checkpoint, ids=("a", "b", "d"))) == ["texts"]


@pytest.mark.parametrize(
    "changes",
    [
        *({"ids": ("a", "b", "d")}, {"ids": ("b", "a", "c")}, {"ids": ("ab", "", "c")}),
        *({"bounds": [0, 2, 4]}, {"text": [0, 1, 1]}, {"first": [1, 0, 2]}, {"last": [2, 0, 2]}),
    ],
)
def test_other_texts_are_another_job(changes: dict[str, Any], checkpoint: Checkpoint) -> None:
    assert _differing(_job(checkpoint), _job(checkpoint, **changes)) == ["texts"]


def test_other_tokens_are_another_job(checkpoint: Checkpoint) -> None:
    other = describe_job(checkpoint, ["a", "b", "c"], replace(TOKENS, ids=TOKENS.ids + np.int32(1)), SETTINGS)
    assert _differing(_job(checkpoint), other) == ["texts"]


def test_other_weights_and_another_config_are_another_job(checkpoint: Checkpoint) -> None:
    before = _job(checkpoint)
    assert _differing(before, _job(replace(checkpoint, sha256="11"))) == ["model"]
    assert _differing(before, _job(replace(checkpoint, source="elsewhere", revision="r"))) == []
    (checkpoint.folder / "config.json").write_text('{"model_type": "gpt2"}')
    assert _differing(before, _job(checkpoint)) == ["config"]


@pytest.mark.parametrize("name", SETTINGS)
def test_other_settings_are_another_job(name: str, checkpoint: Checkpoint) -> None:
    other = describe_job(checkpoint, ["a", "b", "c"], TOKENS, SETTINGS | {name: "other"})
    assert _differing(_job(checkpoint), other) == [f"extract.{name}"]


@pytest.mark.parametrize("library", ["torch", "transformers"])
def test_other_libraries_are_another_job(library: str, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _job(checkpoint)
    monkeypatch.setattr(getattr(job, library), "__version__", "0.0.1")
    assert _differing(before, _job(checkpoint)) == ["libraries"]


def test_other_code_is_another_job(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("job.py", "heads.py"):
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "notes.txt").write_text("no code")
    monkeypatch.setattr(job, "__file__", str(tmp_path / "job.py"))
    before = _job(checkpoint)
    (tmp_path / "notes.txt").write_text("changed")
    assert _differing(before, _job(checkpoint)) == []
    (tmp_path / "heads.py").write_text("x = 2\n")
    assert _differing(before, _job(checkpoint)) == ["code"]


def test_the_code_is_that_of_the_package(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or read_bytes(path))
    _job(checkpoint)
    assert {"heads.py", "attention.py", "marks.py", "reader.py", "models.py", "forward.py", "align.py"} <= set(read)
