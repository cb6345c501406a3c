from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from data.spec import FileSource, GeneratorSource, HubSource, load_spec

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXT = {"text": "sentence", "label": "kind"}


def test_a_file_spec_is_read_whole(write_spec: Callable[..., Path]) -> None:
    spec = load_spec(write_spec(labels={1: "one", "two": None}))
    assert (spec.dataset, spec.feature, spec.family, spec.readout) == ("toy", "noun_class", "semantic", "span")
    assert spec.source == FileSource("toy.csv", "csv", None)
    assert spec.columns.given() == {
        "text": "sentence", "label": "kind", "target": "noun", "group": "frame", "control_key": "noun",
    }  # fmt: skip
    assert spec.labels == {"1": "one", "two": None}
    assert spec.duplicates == "error"


def test_the_format_may_be_named(write_spec: Callable[..., Path]) -> None:
    assert load_spec(write_spec(source={"path": "toy.txt", "format": "tsv"})).source == FileSource(
        "toy.txt", "tsv", None
    )


def test_a_generator_needs_no_columns(write_spec: Callable[..., Path]) -> None:
    spec = load_spec(write_spec(source={"generator": "sentiment"}, columns=None))
    assert spec.source == GeneratorSource("sentiment")
    assert spec.columns.group == "group"


def test_a_hub_spec_is_read(write_spec: Callable[..., Path]) -> None:
    hub = {"hub": "a/b", "revision": COMMIT, "split": "train", "config": "c"}
    assert load_spec(write_spec(source=hub)).source == HubSource("a/b", COMMIT, "train", "c")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licens": "x", "licence": None}, r"unknown key 'licens'.*did you mean 'licence'\?"),
        ({"description": None}, "missing description; needed: description, feature"),
        ({"columns": None}, "missing columns; say which columns hold the `text`"),
        ({"description": 5}, "description: expected text, got 5; put it in quotes"),
        ({"citation": " "}, "citation: empty"),
        ({"feature": "Noun Class"}, "feature: 'Noun Class' is not a slug"),
        ({"family": "semantics"}, r"family: expected one of structural.*did you mean 'semantic'\?"),
        ({"readout": "first"}, "readout: expected one of last, span, mean, got 'first'"),
        ({"too_long": "truncate"}, "too_long: expected one of error, drop, got 'truncate'"),
        ({"duplicates": "keep"}, "duplicates: expected one of error, drop, got 'keep'"),
        ({"source": {}}, "source: expected `key: value` lines"),
        ({"source": {"file": "x"}}, "expected exactly one of generator, path or hub, got file"),
        ({"source": {"path": "x.csv", "hub": "y"}}, "exactly one of generator, path or hub, got path and hub"),
        ({"source": {"generator": "sentiment"}}, "a generator has fixed columns; remove the key"),
        ({"source": {"generator": "sentiment", "seed": 1}}, "unknown key 'seed'; allowed: generator"),
        ({"source": {"path": "x.csv", "sha": "1"}}, r"unknown key 'sha'.*did you mean 'sha256'\?"),
        ({"source": {"path": "x.txt"}}, "the suffix of 'x.txt' does not say the format; add `format:`"),
        ({"source": {"path": "x.csv", "format": "excel"}}, "format: expected one of csv, tsv, json, jsonl, parquet"),
        ({"source": {"path": "x.csv", "sha256": "abc"}}, "sha256: expected 64 hexadecimal digits, got 'abc'"),
        ({"source": {"hub": "a/b", "split": "train"}}, "full commit, 40 .*, got none.*/datasets/a/b/commits"),
        ({"source": {"hub": "a/b", "split": "train", "revision": "main"}}, "got 'main'; a branch or a tag can move"),
        ({"source": {"hub": "a/b", "revision": COMMIT}}, "source: missing split"),
        ({"source": {"hub": "a/b", "split": "s", "revison": COMMIT}}, r"did you mean 'revision'\?"),
        ({"columns": {"text": "sentence"}}, "columns: missing label"),
        ({"columns": {**TEXT, "targets": "noun"}}, r"unknown key 'targets'.*did you mean 'target'\?"),
        ({"columns": {**TEXT, "target": 3}}, "columns: target: expected text, got 3"),
        ({"columns": {**TEXT, "start": "s"}}, "start and end belong together"),
        ({"columns": {**TEXT, "start": "s", "end": "e", "target": "t"}}, "both start/end and target say where"),
        ({"columns": TEXT}, "the readout span needs `start` and `end`, or `target`"),
        ({"readout": "last"}, "readout last takes the whole text; remove start, end, target"),
        ({"labels": {}}, "labels: expected `key: value` lines"),
        ({"labels": {True: "x"}}, "YAML reads yes, no, true, false, on and off as True; put it in quotes"),
        ({"labels": {"x": False}}, "YAML reads yes, no, true, false, on and off as False"),
        ({"labels": {None: "x"}}, "expected a raw label, got None"),
        ({"labels": {"x": ["y"]}}, r"labels.x: expected a label, or null to drop its rows, got \['y'\]"),
    ],
)  # fmt: skip
def test_refusals(write_spec: Callable[..., Path], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"^data/specs/toy.yaml: (?s:.*){message}"):
        load_spec(write_spec(**changes))


def test_a_missing_spec_names_the_nearest(write_spec: Callable[..., Path]) -> None:
    write_spec()
    with pytest.raises(DataError, match=r"toys.yaml: no such file; data/specs has toy.yaml; did you mean 'toy.yaml'\?"):
        load_spec(Path("data/specs/toys.yaml"))


def test_a_spec_must_be_yaml(project: Path) -> None:
    path = project / "x.yaml"
    path.write_text("a: [1", encoding="utf-8")
    with pytest.raises(DataError, match=r"x.yaml: not valid YAML"):
        load_spec(path)
    path.write_bytes(b"a: \xff")
    with pytest.raises(DataError, match=r"x.yaml: not valid YAML in UTF-8"):
        load_spec(path)


def test_the_file_name_must_be_a_slug(write_spec: Callable[..., Path]) -> None:
    path = write_spec().rename("data/specs/Toy 1.yaml")
    with pytest.raises(DataError, match="the file name: 'Toy 1' is not a slug"):
        load_spec(path)
