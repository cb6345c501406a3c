"""JSON as results are written."""

import math
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.jsonfile import read_json, write_json


def test_what_is_written_comes_back_in_its_order(tmp_path: Path) -> None:
    content = {"z": [1, 2.5, None, True], "a": {"é": "漢字"}}
    write_json(tmp_path / "x.json", content)
    assert read_json(tmp_path / "x.json") == content
    assert list(read_json(tmp_path / "x.json")) == ["z", "a"]


def test_the_file_is_readable_text_that_ends_in_a_newline(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": "é", "a": [0.1]})
    assert (tmp_path / "x.json").read_bytes() == '{\n  "b": "é",\n  "a": [\n    0.1\n  ]\n}\n'.encode()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_has_not_is_refused_and_nothing_is_written(tmp_path: Path, number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"a": number})
    assert not (tmp_path / "x.json").exists()


def test_a_missing_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"x\.json: no such file; make it with `dvc repro`"):
        read_json(tmp_path / "x.json")


@pytest.mark.parametrize("content", ["", '{"a": 1'])
def test_a_file_cut_short_is_refused_with_the_way_out(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(PipelineError, match=r"x\.json: not readable: .*; make it again: delete it and run `dvc repro`"):
        read_json(tmp_path / "x.json")
