import pytest

from data.errors import DataError
from data.readers.lines import parse_labelled, parse_lines


def _texts(text: str) -> list[str]:
    return [record["$text"] for record in parse_lines("x", text)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_files_end_them(end: str) -> None:
    assert _texts(end.join(["a", " b ", "", "c", "", ""])) == ["a", " b ", "", "c"]


def test_characters_that_only_look_like_line_ends_stay() -> None:
    assert _texts("a\x85b\x0c\u2028c\n") == ["a\x85b\x0c\u2028c"]


def test_a_label_is_what_stands_before_the_first_separator() -> None:
    assert parse_labelled("x", "1 a  b \n__label__2 c\n\n") == [
        {"$label": "1", "$text": "a  b "},
        {"$label": "__label__2", "$text": "c"},
    ]
    assert parse_labelled("x", "DESC:manner\tHow ?", "\t") == [{"$label": "DESC:manner", "$text": "How ?"}]
    assert parse_labelled("x", "pos ||| fine", " ||| ") == [{"$label": "pos", "$text": "fine"}]


@pytest.mark.parametrize(
    ("text", "separator", "message"),
    [
        (
            "1 a\nalone\n",
            " ",
            "^x: line 2: expected a label, ' ' and a text, got 'alone'; the separator is `separator:`",
        ),
        ("1 a\n\n2 b\n", " ", "^x: line 2: expected a label, ' ' and a text, got ''"),
        ("1 \n", " ", "line 1: expected a label"),
        (" a\n", " ", "line 1: expected a label"),
        ("\n\n", " ", "^x: is empty$"),
        ("1 a\n", "", "^x: separator: expected a character such as ' ', got ''$"),
    ],
)
def test_labelled_lines_refused(text: str, separator: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_labelled("x", text, separator)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(DataError, match=r"^x: is empty$"):
        parse_lines("x", "\r\n\n")
