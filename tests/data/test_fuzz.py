"""No spec and no file, however broken, gives a person a traceback: it is read, or refused with a `DataError`."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.examples import build_examples
from data.places import FORMATS
from data.sources import read_source
from data.spec import load_spec

QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
SPEC: dict[str, Any] = {
    "description": "d", "feature": "f", "family": "truth", "licence": "l", "citation": "c", "readout": "span",
    "too_long": "error", "source": {"path": "x", "format": "csv", "header": ["t", "l"], "quotes": "csv"},
    "where": {"l": ["0", "1"]}, "remove": {"t": "x"}, "melt": {"columns": {"t": "a", "l": "b"}, "split": ";"},
    "columns": {
        "text": {"template": "{t} {l}", "read": "l"}, "label": "$label", "group": {"columns": ["t"], "pattern": "."},
    },
    "labels": {"a": "A", "*": None}, "duplicates": "drop", "contradictions": "drop",
    "cap": {"examples": 9, "per_group": 2, "balance": True},
}  # fmt: skip
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.binary(max_size=4)
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLAIN, inner, max_size=3))
ROWS = pd.DataFrame({"t": ["a", "b"], "l": [[1], [2, 3]]})
FILES: dict[str, str] = {
    "csv": 't,l\n"a ""b""",0\nc,1\n',
    "tsv": "t\tl\na\t0\nb\t1\n",
    "json": '[{"t": "a", "l": 0}, {"t": "b", "l": [1]}]',
    "jsonl": '{"t": "a", "l": {"x": 1}}\n{"t": "b", "l": 1}\n',
    "lines": "a\nb\n",
    "labelled": "0 a\n1 b\n",
    "conllu": "# text = Go!\n1\tGo\tgo\tVERB\tVB\tMood=Imp\t0\troot\t_\tSpaceAfter=No\n"
    "2\t!\t!\tPUNCT\t.\t_\t1\tpunct\t_\t_\n",
}  # fmt: skip


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to each part of a spec."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path] * bool(path) + [way for key in keys for way in _paths(value[key], (*path, key))]


def _changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    spec = copy.deepcopy(SPEC)
    part = spec
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return spec


def _try(spec_file: Path) -> None:
    try:
        spec = load_spec(spec_file)
        build_examples(spec, read_source(spec, Path()).rows, n_folds=3, seed=0)
    except DataError as error:
        assert str(error)


@pytest.fixture
def spec_file(project: Path) -> Path:
    rows = "".join(f'"text {at} a; text {at} b","label {at} c"\n' for at in range(12))
    Path("x").write_text(rows, encoding="utf-8")
    return Path("data/specs/toy.yaml")


def test_the_spec_that_is_broken_here_is_sound(spec_file: Path) -> None:
    spec_file.write_text(yaml.safe_dump({**SPEC, "where": {"t": "text 0 a; text 0 b"}}), encoding="utf-8")
    assert len(read_source(load_spec(spec_file), Path()).rows) == 3


@QUICK
@given(path=st.sampled_from(_paths(SPEC)), value=VALUES)
def test_any_value_anywhere_in_a_spec(spec_file: Path, path: tuple[Any, ...], value: Any) -> None:
    spec = _changed(path, value)
    try:
        text = yaml.safe_dump(spec, allow_unicode=True)
        spec_file.write_text(text, encoding="utf-8")
    except (yaml.YAMLError, UnicodeEncodeError):
        return
    _try(spec_file)


@QUICK
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_as_a_spec(spec_file: Path, content: bytes) -> None:
    spec_file.write_bytes(content)
    _try(spec_file)


@pytest.mark.parametrize("kind", FORMATS)
@QUICK
@given(data=st.data())
def test_any_damage_to_a_file(spec_file: Path, write_spec: Callable[..., Path], kind: str, data: st.DataObject) -> None:
    sound = ROWS.to_parquet() if kind == "parquet" else FILES[kind].encode()
    content = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    Path("x").write_bytes(bytes(content))
    text, label = {"lines": ("$text", "$file"), "labelled": ("$text", "$label"), "conllu": ("text", "upos")}.get(
        kind, ("t", "l")
    )
    _try(write_spec(source={"path": "x", "format": kind}, columns={"text": text, "label": label}, readout="last"))


@QUICK
@given(rows=st.lists(st.dictionaries(st.sampled_from(["t", "l", "g"]), VALUES.filter(lambda x: _is_json(x)))))
def test_any_values_in_rows(spec_file: Path, write_spec: Callable[..., Path], rows: list[dict[str, Any]]) -> None:
    Path("x").write_text(json.dumps(rows), encoding="utf-8")
    columns = {"text": "t", "label": "l", "target": "g", "group": "g"}
    _try(write_spec(source={"path": "x", "format": "json"}, columns=columns))


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
