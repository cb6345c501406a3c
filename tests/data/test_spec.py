from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.cap import Cap
from data.columns import Grouping, Melt, Template
from data.errors import DataError
from data.places import FileSource, GeneratorSource, HubSource
from data.spec import load_spec

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXT = {"text": "sentence", "label": "kind"}


def test_a_file_spec_is_read_whole(write_spec: Callable[..., Path]) -> None:
    spec = load_spec(write_spec(labels={1: "one", "two": None}))
    assert (spec.dataset, spec.feature, spec.family, spec.readout) == ("toy", "noun_class", "semantic", "span")
    assert spec.source == FileSource(("toy.csv",), "csv")
    assert spec.columns.given() == {
        "text": "sentence", "label": "kind", "target": "noun", "group": "frame", "control_key": "noun",
    }  # fmt: skip
    assert spec.labels == {"1": "one", "two": None}
    assert spec.duplicates == "error"


def test_the_format_may_be_named(write_spec: Callable[..., Path]) -> None:
    assert load_spec(write_spec(source={"path": "toy.txt", "format": "tsv"})).source == FileSource(("toy.txt",), "tsv")


def test_a_generator_needs_no_columns(write_spec: Callable[..., Path]) -> None:
    spec = load_spec(write_spec(source={"generator": "sentiment"}, columns=None))
    assert spec.source == GeneratorSource("sentiment")
    assert spec.columns.group == Grouping(("group",))


def test_a_hub_spec_is_read(write_spec: Callable[..., Path]) -> None:
    hub = {"hub": "a/b", "revision": COMMIT, "split": "train", "config": "c"}
    assert load_spec(write_spec(source=hub)).source == HubSource("a/b", COMMIT, "train", "c")


def test_rows_can_be_chosen_melted_templated_and_capped(write_spec: Callable[..., Path]) -> None:
    spec = load_spec(
        write_spec(
            source={"path": ["a.tsv", "/b.tsv"], "header": ["q", "yes", "no"], "quotes": "literal"},
            where={"q": [1, "x"]},
            remove={"q": "-n$"},
            melt={"columns": {"yes": "true", "no": "false"}, "split": ";"},
            columns={
                "text": {"template": "{q}: {$value}", "read": "$value"},
                "label": "$label",
                "group": {"columns": ["q", "yes"], "pattern": "^."},
            },
            cap={"examples": 10, "per_group": 2, "balance": True},
        )
    )
    assert spec.source == FileSource(("a.tsv", "/b.tsv"), "tsv", header=("q", "yes", "no"), quotes="literal")
    assert (spec.where, spec.remove) == ({"q": ("1", "x")}, {"q": "-n$"})
    assert spec.melt == Melt({"yes": "true", "no": "false"}, ";")
    assert spec.columns.text == Template("{q}: {$value}", "$value")
    assert spec.columns.group == Grouping(("q", "yes"), "^.")
    assert spec.cap == Cap(10, 2, True)


def test_one_file_a_class(write_spec: Callable[..., Path]) -> None:
    source = {"classes": {"pos": "p.txt", 0: "n.txt"}, "format": "lines"}
    assert load_spec(write_spec(source=source)).source == FileSource(("p.txt", "n.txt"), "lines", classes=("pos", "0"))


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
        ({"readout": "middle"}, "readout: expected one of last, first, span, mean, got 'middle'"),
        ({"too_long": "truncate"}, "too_long: expected one of error, drop, got 'truncate'"),
        ({"duplicates": "keep"}, "duplicates: expected one of error, drop, got 'keep'"),
        ({"source": {}}, "source: expected `key: value` lines"),
        ({"source": {"file": "x"}}, "expected exactly one of generator, path, classes or hub, got file"),
        ({"source": {"path": "x.csv", "hub": "y"}}, "exactly one of generator, path, classes or hub, got path and hub"),
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
        ({"columns": {**TEXT, "start": "s", "end": "e", "target": "t"}}, "both start and end and target say where"),
        ({"columns": TEXT}, "the readout span needs `start` and `end`, or `target`, or `read`"),
        ({"readout": "last"}, "readout last takes the whole text; remove target, or use"),
        ({"readout": "first"}, "readout first takes the whole text; remove target, or use"),
        ({"labels": {}}, "labels: expected `key: value` lines"),
        ({"labels": {True: "x"}}, "YAML reads yes, no, true, false, on and off as True; put it in quotes"),
        ({"labels": {"x": False}}, "YAML reads yes, no, true, false, on and off as False"),
        ({"labels": {None: "x"}}, "expected a raw label, got None"),
        ({"labels": {"x": "y", "*": "rest"}}, r"'\*' stands for all other labels and can only be null, got 'rest'"),
        ({"source": {"path": "../x.csv"}}, r"'../x.csv' leaves the project with `..`; give the whole path from `/`"),
        ({"source": {"path": ["x.csv", "x.csv"]}}, "'x.csv' is named more than once"),
        ({"source": {"path": []}}, "path: an empty list; name at least one"),
        ({"source": {"path": ["x.csv", 3]}}, r"path\[1\]: expected text, got 3"),
        ({"source": {"path": ["x.csv", "y.csv"], "label_file": "z"}}, "label_file: goes with one path, not 2"),
        ({"source": {"classes": {True: "x.txt"}, "format": "lines"}}, "got the class True; put it in quotes"),
        ({"source": {"path": "x.csv", "separator": ";;"}}, "separator: expected one character in quotes, such as ';'"),
        ({"source": {"path": "x.csv", "quotes": "none"}}, "quotes: expected one of csv, literal, got 'none'"),
        ({"source": {"path": "x.json", "quotes": "csv"}}, "quotes: is for the formats csv, tsv, and this is json"),
        ({"source": {"path": "x.csv", "records": "a"}}, "records: is for the formats json, and this is csv"),
        ({"columns": {**TEXT, "text": {"template": "{a!r}"}}}, "names of columns in braces and nothing else in them"),
        ({"columns": {**TEXT, "text": {"template": "{a"}}}, "a brace that is meant as text is written twice"),
        ({"columns": {**TEXT, "text": {"template": "none"}}}, "names of columns in braces"),
        ({"columns": {**TEXT, "text": {"template": "{a}", "read": "b"}}}, "read: expected one of a, got 'b'"),
        ({"columns": {**TEXT, "text": {"template": "{a} {a}", "read": "a"}}}, r"\{a\} is in the template more"),
        ({"columns": {**TEXT, "target": "n", "group": {"columns": "a", "pattern": "("}}}, "not a regular expression"),
        ({"columns": {**TEXT, "target": "n", "group": {"pattern": "a"}}}, "columns.group: missing columns"),
        ({"where": {"kind": True}}, "where: kind: expected a value or a list of them, got True"),
        ({"remove": {"kind": "["}}, "remove: kind: not a regular expression"),
        ({"melt": {"columns": {"a": 1}}}, "melt.columns: a: expected text, got 1"),
        ({"melt": {"columns": {"a": "x"}, "split": ""}}, "melt: split: expected the text between two values"),
        ({"cap": 0}, "cap: expected a whole number, 1 or more, got 0"),
        ({"cap": True}, "cap: expected a whole number, 1 or more, got True"),
        ({"cap": {"examples": 5, "balance": "yes"}}, "cap: balance: expected true or false, got 'yes'"),
        ({"contradictions": "keep"}, "contradictions: expected one of error, drop, got 'keep'"),
        ({"where": {"a": 1}, "source": {"generator": "sentiment"}, "columns": None}, "where: a generator has fixed"),
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


def test_the_file_name_must_be_a_slug(write_spec: Callable[..., Path]) -> None:
    path = write_spec().rename("data/specs/Toy 1.yaml")
    with pytest.raises(DataError, match="the file name: 'Toy 1' is not a slug"):
        load_spec(path)
