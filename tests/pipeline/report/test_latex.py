"""Text and numbers as LaTeX."""

import math
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylatexenc.latex2text import LatexNodes2Text

from pipeline.report.booktabs import Column, PaperTable, counts, document, intervals, page, render, text_column
from pipeline.report.latex import breakable, count, decimal, escape, interval, p_value

SPECIALS = r"& % $ # _ { } ~ ^ \ < > | - -- --- a--b"


UNKNOWN = {r"\char34{}": '"', r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|"}  # to the reader


def read(tex: str) -> str:
    """Return what LaTeX sets, as an independent reader sees it."""
    for command, character in UNKNOWN.items():
        tex = tex.replace(command, character)
    return str(LatexNodes2Text(keep_comments=True).latex_to_text(tex)).replace("ˆ", "^")


@pytest.mark.parametrize(
    "text",
    [
        SPECIALS,
        "Gödel, Čapek, Erdős, Ångström, naïve, Ñandú, şık, ǧ",
        "straße, æther, Œuvre, søster, Łódź",
        "“quoted”, it’s – and — …",
        'say "no"',
    ],
)
def test_escaped_text_reads_as_it_was(text: str) -> None:
    assert " ".join(read(escape(text)).split()) == text


def test_what_latex_takes_for_markup_is_not_left() -> None:
    bare = re.sub(r"\\[&%$#_{}]|\\[a-z]+\{\}|\\[`'^~=.\"a-z]\{\\?[a-zA-Z]\}", "", escape(SPECIALS))
    assert set(bare) <= set(" -{}ab")
    assert set("&%$#_~^\\") <= set(SPECIALS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ω", r"\texttt{[U+03A9]}"),
        ("😀", r"\texttt{[U+1F600]}"),
        ("中文", r"\texttt{[U+4E2D]}\texttt{[U+6587]}"),
        ("a\u202eb", r"a\texttt{[U+202E]}b"),
        ("a\x00b", r"a\texttt{[U+0000]}b"),
        ("e\u0301", r"\'{e}"),
        ("a\n b\t c", "a b c"),
        ("\u2212" + "1", "$-$1"),
        ("[x]", "{}[x]"),
        ("*", "{}*"),
        ("", ""),
    ],
)
def test_a_character_without_a_glyph_stays_visible(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text())
def test_whatever_is_escaped_is_plain_ascii_with_matching_braces(text: str) -> None:
    tex = escape(text)
    assert tex.isascii() and tex.isprintable()
    bare = tex.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")


def test_a_long_id_may_break_and_reads_the_same() -> None:
    tex = breakable("package:gt_all/model-x")
    assert tex.count(r"\allowbreak{}") == 4
    assert tex.replace(r"\allowbreak{}", "") == escape("package:gt_all/model-x")
    assert breakable("") == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0.000"),
        (1, "1.000"),
        (-0.0004, "0.000"),
        (-0.0006, "$-$0.001"),
        (0.99951, "1.000"),
        (-1234.5, "$-$1,234.500"),
    ],
)
def test_decimals(value: float, shown: str) -> None:
    assert decimal(value) == shown


def test_numbers_that_are_not_there_are_dashes() -> None:
    nan = math.nan
    assert decimal(nan) == count(nan) == p_value(nan) == interval(nan, nan, nan) == "--"
    assert interval(0.5, nan, nan) == "0.500"
    assert interval(-0.5, -0.75, 0.25) == "$-$0.500 [$-$0.750, 0.250]"
    assert count(1024) == "1,024"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1 / 1001, "$<$ 0.001"), (1e-9, "$<$ 0.001"), (0.005, "0.005"), (0.001, "0.001"), (1.0, "1.000")],
)
def test_a_small_p_is_only_called_small(value: float, shown: str) -> None:
    assert p_value(value) == shown


def table(where: str, rows: int = 2, **more: object) -> PaperTable:
    columns = (text_column("Name", [f"row {row}" for row in range(rows)]), Column("$x$", ("1",) * rows))
    return PaperTable("m_some", "A title", "A caption.", "A note.", columns, where, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("where", "packages", "environment"),
    [
        ("table", {"booktabs", "array"}, "table*"),
        ("longtable", {"booktabs", "array", "longtable"}, "longtable"),
        ("landscape", {"booktabs", "array", "longtable", "pdflscape"}, "landscape"),
    ],
)
def test_a_file_names_its_packages_and_holds_a_whole_environment(
    where: str, packages: set[str], environment: str
) -> None:
    tex = render(table(where))
    first, _, body = tex.partition("\n")
    assert first.startswith("%") and set(re.findall(r"\\usepackage\{(\w+)\}", first)) == packages
    assert rf"\begin{{{environment}}}" in body and rf"\end{{{environment}}}" in body
    assert re.findall(r"\\begin\{(\S+?)\}", body) == re.findall(r"\\end\{(\S+?)\}", body)[::-1]
    assert body.count(r"\label{tab:m_some}") == 1 and body.count("A caption.") == 1 and body.count("A note.") == 1


def test_groups_have_space_and_a_heading() -> None:
    lines = render(table("table", groups={0: "x_1", 1: ""})).splitlines()
    start = lines.index(r"\midrule")
    assert lines[start + 1 : start + 5] == [
        r"\multicolumn{2}{@{}l}{\itshape x\_1} \\*", r"row 0 & 1 \\", r"\addlinespace", r"row 1 & 1 \\",
    ]  # fmt: skip


def test_a_table_that_fills_a_page_breaks_over_pages() -> None:
    assert (page(pd.DataFrame(index=range(44))), page(pd.DataFrame(index=range(45)))) == ("table", "longtable")


def test_only_long_text_breaks_its_lines() -> None:
    assert text_column("x", ["short"]).spec == "l"
    assert r"p{0.2\linewidth}" in text_column("x", ["short", "a text that is far too long for one line"]).spec
    assert text_column("x", []).cells == ()


def test_the_document_shows_all_tables() -> None:
    tex = document(["a_x", "b_y"])
    assert re.findall(r"\\input\{(\w+)\}", tex) == ["a_x", "b_y"]


def test_columns_of_a_table_show_what_is_missing() -> None:
    rows = pd.DataFrame({"x": [0.5, None], "x_low": [0.4, None], "x_high": [0.6, None]}, dtype=float)
    assert counts("n", pd.Series([1, None], dtype="Int64")).cells == ("1", "--")
    assert intervals("x", rows, "x").cells == ("0.500 [0.400, 0.600]", "--")
