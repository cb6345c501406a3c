"""From records to the fields of a spec."""

import re

import pytest

from data.columns import Columns, Grouping, Melt, Template
from data.errors import DataError
from data.rows import Named, all_columns, choose, clean, melt_rows, select_fields

PAIRS: list[Named] = [
    (1, {"good": "a b", "bad": "a c", "n": 1}),
    (2, {"good": "d e", "bad": "d f", "n": 2}),
]


def test_rows_are_chosen_by_value() -> None:
    kept, dropped = choose("x", PAIRS, {"n": ("2", "3")})
    assert kept == [PAIRS[1]]
    assert dropped == {"n is not 2 or 3": 1}
    assert choose("x", PAIRS, {}) == (PAIRS, {})


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"m": ("1",)}, r"x: where: m: no column 'm'; it has good, bad, n"),
        ({"n": ("one",)}, r"x: where: n: no row has 'one'; there are '1', '2'"),
    ],
)
def test_a_choice_that_leaves_nothing_is_refused(where: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        choose("x", PAIRS, where)


def test_patterns_are_taken_out() -> None:
    assert clean("x", PAIRS, {"good": "^. "})[0][1]["good"] == "b"
    with pytest.raises(DataError, match="remove: goood: no column 'goood'"):
        clean("x", PAIRS, {"goood": "a"})


def test_a_minimal_pair_gives_two_rows_of_one_group() -> None:
    rows = melt_rows("x", PAIRS, Melt({"good": "yes", "bad": "no"}))
    table = select_fields("x", rows, Columns("$value", "$label", group=Grouping(("n",))))
    assert list(table.index) == ["1 good", "1 bad", "2 good", "2 bad"]
    assert list(table["text"]) == ["a b", "a c", "d e", "d f"]
    assert list(table["label"]) == ["yes", "no"] * 2
    assert list(table["group"]) == ["1", "1", "2", "2"]


def test_answers_are_split_and_lists_are_taken_apart() -> None:
    rows: list[Named] = [(1, {"q": "Q", "right": "a; b ;", "wrong": ["c", "d"]})]
    melted = melt_rows("x", rows, Melt({"right": "true", "wrong": "false"}, ";"))
    assert [name for name, _ in melted] == ["1 right[0]", "1 right[1]", "1 wrong[0]", "1 wrong[1]"]
    assert [(row["$value"], row["$label"]) for _, row in melted] == [
        ("a", "true"), ("b", "true"), ("c", "false"), ("d", "false"),
    ]  # fmt: skip


def test_a_template_says_where_its_parts_are() -> None:
    columns = Columns(Template("{{{a}}} {b}: {a}", "b"), "n")
    rows: list[Named] = [(1, {"a": "x", "b": "yy", "n": 1}), (2, {"a": "xxx", "b": "y", "n": 2})]
    table = select_fields("x", rows, columns)
    assert list(table["text"]) == ["{x} yy: x", "{xxx} y: xxx"]
    cut = [text[int(a) : int(b)] for text, a, b in zip(table["text"], table["start"], table["end"], strict=True)]
    assert cut == ["yy", "y"]


def test_a_gap_in_a_template_is_refused() -> None:
    rows: list[Named] = [(1, {"a": "x", "n": 1}), (2, {"a": " ", "n": 2})]
    with pytest.raises(DataError, match="x: column 'a': missing value in row 2; the text needs it"):
        select_fields("x", rows, Columns(Template("{a}!"), "n"))


def test_groups_of_several_columns_do_not_run_together() -> None:
    rows: list[Named] = [(1, {"a": "x y", "b": "z"}), (2, {"a": "x", "b": "y z"}), (3, {"a": "x", "b": "y z"})]
    groups = list(select_fields("x", rows, Columns("a", "b", group=Grouping(("a", "b"))))["group"])
    assert len(set(groups)) == 2
    assert groups[1] == groups[2]


@pytest.mark.parametrize(("pattern", "found"), [("^[a-z]+", "doc"), ("^[a-z]+-([0-9]+)", "12"), ("(?:c-)(12)", "12")])
def test_a_group_by_regular_expression(pattern: str, found: str) -> None:
    rows: list[Named] = [(1, {"a": "t", "b": "l", "id": "doc-12-3"})]
    assert list(select_fields("x", rows, Columns("a", "b", group=Grouping(("id",), pattern)))["group"]) == [found]


def test_a_pattern_that_finds_nothing_is_refused() -> None:
    rows: list[Named] = [(1, {"a": "t", "b": "l"}), (2, {"a": "7", "b": "l"})]
    message = "x: columns.group.pattern: '[a-z]' finds nothing in column 'a' of row 2, such as '7'; every row needs a"
    with pytest.raises(DataError, match=re.escape(message)):
        select_fields("x", rows, Columns("a", "b", group=Grouping(("a",), "[a-z]")))


def test_the_text_can_be_the_group() -> None:
    rows: list[Named] = [(1, {"a": "t", "b": "l"})]
    assert list(select_fields("x", rows, Columns(Template("<{a}>"), "b", group=Grouping(("$text",))))["group"]) == [
        "<t>"
    ]


def test_every_plain_column_is_kept_for_the_findings() -> None:
    table = all_columns([(1, {"a": 1, "b": [2], "c": None}), (2, {"a": "x", "d": 0.5})])
    assert table.to_dict("list") == {"a": ["1", "x"], "c": ["", ""], "d": ["", "0.5"]}
