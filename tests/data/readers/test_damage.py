"""Whatever is in a file, a reader gives rows with columns of text, or a `DataError` that begins with the place."""

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.readers.jsons import parse_json, parse_jsonl
from data.readers.lines import parse_labelled, parse_lines
from data.readers.parquet import parse_parquet
from data.readers.tables import parse_table
from data.readers.text import decode
from data.readers.treebank import parse_conllu

Read = Callable[[bytes], Any]
QUICK = settings(max_examples=150)
# What the formats are made of, so that what is put in is often nearly right.
PIECES = [*'\t\n\r,"\\{}[]:-._=#10', "\\ud800", "NaN", "# text = ", "a", " ", "\0", "1-2", "1.1"]
ALPHABET = st.one_of(st.sampled_from(PIECES), st.characters())
TEXTS = st.lists(ALPHABET, max_size=40).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))
CODECS = [None, "utf-8", "utf-16", "utf-32", "utf-7", "windows-1252", "shift-jis", "gb18030", "hz", "zip", "idna", "x"]
TREE = """\
# newdoc id = d
# text = Don't!
1-2 Don't _ _ _ _ _ _ _ SpaceAfter=No
1 Do do AUX VB Mood=Imp 0 root _ _
2 n't not PART RB Polarity=Neg 1 advmod _ _
2.1 e _ _ _ _ _ _ _ _
3 ! ! PUNCT . _ 1 punct _ _

"""


def _parquet() -> bytes:
    file = io.BytesIO()
    pairs = pa.array([[("k", "v")], []], pa.map_(pa.string(), pa.string()))
    columns = {"t": ["a", "b"], "s": [{"x": 1}, None], "l": [[1], [2, 3]], "m": pairs}
    pyarrow.parquet.write_table(pa.table(columns), file)
    return file.getvalue()


def _tree() -> bytes:
    rows = [line if line.startswith("#") else line.replace(" ", "\t") for line in TREE.split("\n")]
    return "\n".join(rows).encode()


def _reader(parse: Callable[[str, str], Any]) -> Read:
    return lambda content: parse("x", decode("x", content, None))


# Name -> reader, and a file that it reads.
READERS: dict[str, tuple[Read, bytes]] = {
    "csv": (_reader(parse_table), b't,l\n"a ""b"",\nc",0\nd,1\n'),
    "tsv": (_reader(lambda place, text: parse_table(place, text, "\t")), b't\tl\n"a ""b""\tc"\t0\nd\t1\n'),
    "literal": (_reader(lambda place, text: parse_table(place, text, ";", "literal", ["t", "l"])), b'a"b;0\nc;1\n'),
    "json": (_reader(parse_json), b'[{"t": "a\\u00e9", "l": {"x": [1, NaN]}},\n ["a", 1e3], "b"]'),
    "records": (_reader(lambda place, text: parse_json(place, text, "*.b")), b'{"k": {"c": 1, "b": [{"t": 1}]}}'),
    "jsonl": (_reader(parse_jsonl), b'{"t": "a", "l": {"x": 1}}\n\n{"t": "b", "l": [1]}\n'),
    "lines": (_reader(parse_lines), b"a\n\nb\n"),
    "labelled": (_reader(parse_labelled), b"0 a\n1 b\n"),
    "conllu": (_reader(parse_conllu), _tree()),
    "parquet": (lambda content: parse_parquet("x", content), _parquet()),
}  # fmt: skip
each_reader = pytest.mark.parametrize("name", READERS)


def _try(read: Read, content: bytes) -> None:
    try:
        rows = read(content)
    except DataError as error:
        assert str(error).startswith("x: ")
        return
    assert all(isinstance(name, str) for row in rows for name in row)


@each_reader
def test_the_sound_file_is_read(name: str) -> None:
    read, sound = READERS[name]
    assert len(read(sound)) >= 1


@each_reader
@QUICK
@given(content=st.one_of(TEXTS, st.binary(max_size=40)))
def test_anything(name: str, content: bytes) -> None:
    _try(READERS[name][0], content)


@each_reader
@QUICK
@given(data=st.data())
def test_damage(name: str, data: st.DataObject) -> None:
    read, sound = READERS[name]
    content = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.one_of(TEXTS, st.binary(max_size=3)))
    _try(read, bytes(content))


@QUICK
@given(content=st.one_of(TEXTS, st.binary(max_size=40)), codec=st.one_of(st.sampled_from(CODECS), st.text(max_size=8)))
def test_any_bytes_in_any_encoding(content: bytes, codec: str | None) -> None:
    _try(lambda given: [{"text": decode("x", given, codec)}], content)


@QUICK
@given(
    TEXTS,
    st.text(max_size=2),
    st.sampled_from([None, "csv", "literal", "x"]),
    st.lists(st.text(max_size=2), max_size=2),
)
def test_any_options_of_tables(content: bytes, separator: str, quotes: str | None, header: list[str]) -> None:
    _try(_reader(lambda place, text: parse_table(place, text, separator, quotes, header)), content)


@QUICK
@given(st.lists(st.sampled_from(["*", "a", "b", "", "0", "c"]), max_size=5).map(".".join))
def test_any_path_of_records(path: str) -> None:
    _try(
        _reader(lambda place, text: parse_json(place, text, path)),
        b'{"a": [{"b": {"c": "d"}, "0": [1]}], "c": {}, "": [[]]}',
    )
