"""Several files, one file a class, parallel files, encodings and pins: the whole way from the spec to the rows."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.errors import DataError
from data.sources import read_source
from data.spec import load_spec

Write = Callable[..., Path]


def _read(write_spec: Write, source: dict[str, Any], **columns: str) -> pd.DataFrame:
    spec = load_spec(write_spec(source=source, columns=columns or {"text": "$text", "label": "$label"}, readout="last"))
    return read_source(spec, Path()).rows


def test_files_are_read_one_after_the_other(write_spec: Write) -> None:
    Path("a.csv").write_text("t,l\nx,1\ny,2\n")
    Path("b.csv").write_text("t,l\nz,3\n")
    rows = _read(write_spec, {"path": ["b.csv", "a.csv"]}, text="t", label="l", group="$file")
    assert rows.to_dict("list") == {"text": ["z", "x", "y"], "label": ["3", "1", "2"], "group": ["b", "a", "a"]}
    assert list(rows.index) == ["b.csv:1", "a.csv:1", "a.csv:2"]


def test_one_file_a_class(write_spec: Write) -> None:
    Path("p.txt").write_text("good\nfine\n")
    Path("n.txt").write_text("bad\n")
    rows = _read(
        write_spec, {"classes": {"pos": "p.txt", "neg": "n.txt"}, "format": "lines"}, text="$text", label="$class"
    )
    assert rows.to_dict("list") == {"text": ["good", "fine", "bad"], "label": ["pos", "pos", "neg"]}


def test_a_parallel_file_has_the_labels(write_spec: Write) -> None:
    Path("t.txt").write_text("a b\n\nc d\n")
    Path("l.txt").write_text("T\nF\n T \n")
    rows = _read(write_spec, {"path": "t.txt", "format": "lines", "label_file": "l.txt"})
    assert rows.to_dict("list") == {"text": ["a b", "", "c d"], "label": ["T", "F", "T"]}


@pytest.mark.parametrize("labels", ["T\nF\n", "T\nF\nT\nF\n"])
def test_a_label_file_of_another_length_is_refused(write_spec: Write, labels: str) -> None:
    Path("t.txt").write_text("a\nb\nc\n")
    Path("l.txt").write_text(labels)
    n = labels.count("\n")
    with pytest.raises(
        DataError, match=f"l.txt: has {n} lines, and t.txt has 3 rows; line n must be the label of row n"
    ):
        _read(write_spec, {"path": "t.txt", "format": "lines", "label_file": "l.txt"})


def test_a_declared_encoding_is_used(write_spec: Write) -> None:
    Path("x.csv").write_bytes("t,l\ncafé,1\n".encode("cp1252"))
    assert _read(write_spec, {"path": "x.csv", "encoding": "cp1252"}, text="t", label="l")["text"][1] == "café"
    with pytest.raises(DataError, match=r"x.csv: line 2 is not UTF-8 \(byte 0xe9.*`encoding: windows-1252`"):
        _read(write_spec, {"path": "x.csv"}, text="t", label="l")
    with pytest.raises(DataError, match=r"x.csv: encoding: there is no 'cp12'; common ones are utf-8"):
        _read(write_spec, {"path": "x.csv", "encoding": "cp12"}, text="t", label="l")


def test_a_wide_encoding_is_recognised_but_not_assumed(write_spec: Write) -> None:
    Path("x.csv").write_bytes("t,l\ncafé,1\n".encode("utf-16"))
    with pytest.raises(DataError, match="it begins as utf-16 does: put `encoding: utf-16` into the spec"):
        _read(write_spec, {"path": "x.csv"}, text="t", label="l")
    assert _read(write_spec, {"path": "x.csv", "encoding": "utf-16"}, text="t", label="l")["text"][1] == "café"


def test_several_files_are_pinned_together(write_spec: Write) -> None:
    Path("a.csv").write_text("t,l\nx,1\n")
    Path("b.csv").write_text("t,l\nz,3\n")
    hashes = [hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in ("a.csv", "b.csv")]
    pin = hashlib.sha256("".join(f"{one}\n" for one in hashes).encode()).hexdigest()
    _read(write_spec, {"path": ["a.csv", "b.csv"], "sha256": pin}, text="t", label="l")
    with pytest.raises(
        DataError, match=rf"b.csv and 1 more: has sha256 .*, but the spec pins {pin}; restore the files"
    ):
        _read(write_spec, {"path": ["b.csv", "a.csv"], "sha256": pin}, text="t", label="l")


def test_an_absolute_path_is_allowed_where_it_exists(write_spec: Write, project: Path) -> None:
    Path("a.csv").write_text("t,l\nx,1\n")
    assert len(_read(write_spec, {"path": str(project / "a.csv")}, text="t", label="l")) == 1
    with pytest.raises(DataError, match=r"b.csv: no such file"):
        _read(write_spec, {"path": str(project / "b.csv")}, text="t", label="l")


@pytest.mark.parametrize(
    ("source", "content", "message"),
    [
        ({"format": "labelled"}, "1 a\nalone\n", "x: line 2: expected a label, ' ' and a text, got 'alone'"),
        ({"format": "lines"}, "", "x: is empty"),
        ({"format": "tsv", "header": ["t", "l"]}, "a\tb\nc\n", "line 2 has 1 fields, `header:` of the spec names 2"),
        ({"format": "json", "records": "a.b"}, '{"a": {"c": []}}', "records: 'b' leads nowhere; there is an obj.* c"),
        ({"format": "json", "records": "a.*"}, '{"a": [1]}', "row 1: expected an object, got 1"),
        ({"format": "json"}, '[{"a": 1, "a": 2}]', "x: the object that ends in line 1 has the key 'a' twice"),
        ({"format": "json"}, "[" * 100_000, "x: line 1: objects or lists are nested more than 100 deep"),
        ({"format": "csv"}, "t,l\na\0,b\n", "x: line 2 has a NUL character; is it a text file"),
        ({"format": "csv", "quotes": "csv"}, 't,l\n"a"b,c\n', "x: line 2: ',' expected after '\"'.*`quotes: literal`"),
        ({"format": "csv"}, "t,\na,b\n", "column 2 of the header has no name"),
        ({"format": "conllu"}, "1\tGo\n", "x: line 1: expected 10 columns with tabs between them, got 2"),
        ({"format": "conllu"}, "1\tGo" + "\t_" * 7 + "\t\n", "x: line 1: a column is empty; what is not there is"),
        ({"format": "conllu"}, "a" + "\t_" * 9 + "\n", "the sentence at line 1 is not CoNLL-U"),
        ({"format": "conllu"}, "# text = Stop!\n1\tGo" + "\t_" * 8 + "\n", "words are not those of its `# text`: 'Go'"),
    ],
)  # fmt: skip
def test_what_is_not_in_its_format_is_refused(
    write_spec: Write, source: dict[str, Any], content: str, message: str
) -> None:
    Path("x").write_text(content)
    with pytest.raises(DataError, match=message):
        _read(write_spec, {"path": "x", **source}, text="t", label="l")
