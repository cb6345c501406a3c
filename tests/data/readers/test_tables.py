import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.readers.tables import parse_table, read_fields

WHOLE = settings(max_examples=300)


def test_a_table_with_a_header() -> None:
    assert parse_table("x", 'a,b\n"x, ""y""",1\n ,\n') == [{"a": 'x, "y"', "b": "1"}, {"a": " ", "b": ""}]


def test_a_table_without_a_header() -> None:
    assert parse_table("x", "1;a\n2;b", separator=";", header=["n", "t"])[1] == {"n": "2", "t": "b"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_empty_lines(end: str) -> None:
    lines = ["", "a,b", "", '"x\x85\x0c\u2028",1', '"",2', ""]
    expected = [{"a": "x\x85\x0c\u2028", "b": "1"}, {"a": "", "b": "2"}]
    assert parse_table("x", end.join(lines)) == expected
    assert [line for line, _ in read_fields("x", end.join(lines), ",", "literal")] == [2, 4, 5]
    assert [line for line, _ in read_fields("x", end.join(lines), ",", "csv")] == [2, 4, 5]


def test_a_table_of_nothing_has_no_rows() -> None:
    assert parse_table("x", "") == parse_table("x", "\n\r\n") == parse_table("x", "a,b\n") == []


def test_line_ends_within_quotes_stay_and_are_counted() -> None:
    text = 'a,b\n"1\r\n2\n3",4\n5,6\n'
    assert list(read_fields("x", text, ",")) == [(1, ["a", "b"]), (2, ["1\r\n2\n3", "4"]), (5, ["5", "6"])]


def test_the_index_of_pandas_has_a_name() -> None:
    assert parse_table("x", ",t\n0,a\n") == [{"$index": "0", "t": "a"}]


@WHOLE
@given(st.text(alphabet='a",; \n\r\t', max_size=20), st.sampled_from(",;\t "))
def test_quotes_are_read_as_the_strict_csv_module_reads_them(text: str, separator: str) -> None:
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if row]
    except csv.Error:
        with pytest.raises(DataError):
            list(read_fields("x", text, separator, "csv"))
    else:
        assert [fields for _, fields in read_fields("x", text, separator, "csv")] == expected


@WHOLE
@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=5))
def test_what_the_csv_module_writes_comes_back(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    assert [fields for _, fields in read_fields("x", file.getvalue(), ",")] == rows


def test_a_field_may_be_longer_than_the_limit_of_the_csv_module() -> None:
    limit = csv.field_size_limit()
    long = "word " * limit
    assert parse_table("x", f't,l\n"{long}",1\n{long},2\n') == [{"t": long, "l": "1"}, {"t": long, "l": "2"}]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Hello" he said\t0\n"Bye\t1\n', [['"Hello" he said', "0"], ['"Bye', "1"]]),
        ('"a"\t0\n"b\t1\n', [['"a"', "0"], ['"b', "1"]]),
        ('"say ""a"""\t0\nb\t1\n', [['say "a"', "0"], ["b", "1"]]),
        ('a "b"\t0\n', [['a "b"', "0"]]),
        ('"a\tb"\t0\nc\t1\n', [["a\tb", "0"], ["c", "1"]]),
        ('"a\nb"\t0\nc\t1\n', [["a\nb", "0"], ["c", "1"]]),
        ('"a\x85b"\t0\n', [["a\x85b", "0"]]),
        ('"a\tb"\t0\nc\n', [['"a', 'b"', "0"], ["c"]]),
    ],
    ids=["stray", "one of two", "spreadsheet", "inside", "tab within", "line end within", "next line", "uneven anyway"],
)
def test_tabs_decide_by_what_is_in_the_table(text: str, expected: list[list[str]]) -> None:
    assert [fields for _, fields in read_fields("x", text, "\t")] == expected


def test_quotes_can_be_said() -> None:
    text = '"a"\t"b"\n'
    assert parse_table("x", text, "\t", "literal", ["t", "l"]) == [{"t": '"a"', "l": '"b"'}]
    assert parse_table("x", text, "\t", "csv", ["t", "l"]) == [{"t": "a", "l": "b"}]
    assert parse_table("x", '"a,b\n', ",", "literal", ["t", "l"]) == [{"t": '"a', "l": "b"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n\n1\n", "^x: line 3 has 1 fields, the header has 2; is a separator or a quote missing[?]$"),
        ("a,b\n1,2,3\n", "^x: line 2 has 3 fields, the header has 2; "),
        ('a,b\n"1\n2",3\n4\n', "^x: line 4 has 1 fields"),
        ("a,b\n1;2\n", "is the separator ';'[?] Say so with `separator:`"),
        ("a\tb\n1,5\t2\n", "line 2 has 2 fields, the header has 1; is the separator '.t'[?] .*`format: tsv` for tabs"),
        ("a,b,a\n", "^x: the header has the column 'a' more than once; rename one$"),
        ("a,,c\n", "^x: column 2 of the header has no name; give it one, or all with `header:`$"),
        ('a,b\n1,2\n"3,4\n5,6\n', "^x: line 3: the quote that opens at '\"3,4' is never closed; quote .*literal"),
        ('a,b\n"1\n2"3,4\n', "^x: line 3: ',' expected after '\"'; quote fields as"),
        (',$index\n1,2\n', "the column '[$]index' more than once"),
    ],
)  # fmt: skip
def test_tables_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_table("x", text)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["t", "l"], "^x: line 1 is the header that `header:` repeats; take that key out$"),
        (["t"], "^x: line 1 has 2 fields, `header:` of the spec names 1"),
        (["t", "t"], "^x: `header:` of the spec has the column 't' more than once"),
        (["t", " "], "^x: column 2 of `header:` of the spec has no name"),
    ],
)
def test_headers_refused(header: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_table("x", "t,l\na,1\n", header=header)


@pytest.mark.parametrize("separator", ["", ", ", '"', "\n", "\r"])
def test_separators_refused(separator: str) -> None:
    with pytest.raises(DataError, match="x: separator: expected one character, no quote and no line end, got"):
        parse_table("x", "a,b\n", separator=separator)


def test_a_word_for_quotes_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match="x: quotes: expected csv or literal, got 'litteral'; did you mean 'literal'"):
        parse_table("x", "a,b\n", quotes="litteral")
