r"""A table as LaTeX with booktabs: a complete environment to `\input`, whose packages its first line names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from pipeline.report.latex import count, decimal, escape, interval

Page = Literal["table", "longtable", "landscape"]
PACKAGES: dict[Page, tuple[str, ...]] = {
    "table": (),
    "longtable": ("longtable",),
    "landscape": ("longtable", "pdflscape"),
}
# A table that breaks over pages cannot stand in columns: in a paper of two, it takes pages of its own.
ONE_COLUMN = r"\makeatletter\if@twocolumn\onecolumn\let\aftertable\twocolumn\else\let\aftertable\relax\fi\makeatother"
WIDE = 28  # characters from which on a column of text breaks its lines
LONG = 45  # rows from which on a table breaks over pages


@dataclass(frozen=True)
class Column:
    r"""One column of a table.

    Attributes:
        heading: What stands above it, LaTeX.
        cells: One for each row, LaTeX.
        spec: Its type in the preamble of `tabular`.
    """

    heading: str
    cells: tuple[str, ...]
    spec: str = "r"


@dataclass(frozen=True)
class PaperTable:
    r"""A table for a paper.

    Attributes:
        name: Name of the file, and of the label behind `tab:`.
        title: First sentence of the caption, LaTeX.
        caption: The rest of it: what the columns are, LaTeX.
        note: Small print below the table: model and method, LaTeX.
        columns: Its columns, all of one length.
        page: `table` floats, over both columns where a paper has two; `longtable` breaks over pages; `landscape` does
            so on pages on their side.
        groups: Row that starts a group of rows -> heading of the group, text; empty for a little space only.
        size: Command of its font size.
    """

    name: str
    title: str
    caption: str
    note: str
    columns: tuple[Column, ...]
    page: Page = "table"
    groups: Mapping[int, str] = field(default_factory=dict)
    size: str = r"\footnotesize"


def text_column(heading: str, values: Sequence[str], width: float = 0.2) -> Column:
    """Return a column of text, which breaks its lines where a cell is long.

    Args:
        heading: LaTeX.
        values: Text, one for each row.
        width: Of the column where lines break, as a share of the line.
    """
    longest = max((len(value) for value in values), default=0)
    spec = rf">{{\raggedright\arraybackslash}}p{{{width:g}\linewidth}}" if longest > WIDE else "l"
    return Column(heading, tuple(escape(value) for value in values), spec)


def decimals(heading: str, values: pd.Series, digits: int | None = None) -> Column:
    """Return a column of numbers.

    Args:
        heading: LaTeX.
        values: NaN for not measured.
        digits: Decimals; those of all tables by default.
    """
    return Column(heading, tuple(decimal(value) if digits is None else decimal(value, digits) for value in values))


def counts(heading: str, values: pd.Series) -> Column:
    """Return a column of whole numbers.

    Args:
        heading: LaTeX.
        values: Missing for not counted.
    """
    return Column(heading, tuple(count(value) for value in values.astype(float)))


def intervals(heading: str, rows: pd.DataFrame, name: str) -> Column:
    """Return a column of numbers with their intervals.

    Args:
        heading: LaTeX.
        rows: Has the columns `<name>`, `<name>_low` and `<name>_high`.
        name: Of the number.
    """
    ends = zip(rows[name], rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
    return Column(heading, tuple(interval(*values) for values in ends))


def page(rows: pd.DataFrame) -> Page:
    """Return how a table of so many rows stands on the page.

    Args:
        rows: Its rows.
    """
    return "table" if len(rows) < LONG else "longtable"


def starts(values: pd.Series) -> dict[int, str]:
    """Return the rows whose value is not that of the row above, and that value.

    Args:
        values: One for each row.

    Example:
        >>> starts(pd.Series(["truth", "truth", "factual"]))
        {0: 'truth', 2: 'factual'}
    """
    listed = [str(value) for value in values]
    return {row: value for row, value in enumerate(listed) if not row or value != listed[row - 1]}


def render(table: PaperTable) -> str:
    r"""Return the file of a table: the packages it needs, and an environment to `\input`.

    Args:
        table: The table.
    """
    packages = ["booktabs", "array", *PACKAGES[table.page]]
    needs = "".join(rf"\usepackage{{{name}}}" for name in packages)
    body = _float(table) if table.page == "table" else _pages(table)
    return f"% \\input this file; the preamble needs {needs}\n{body}\n"


def _float(table: PaperTable) -> str:
    heading, rows = _lines(table)
    return "\n".join([
        r"\begin{table*}[htbp]", r"\centering", table.size, r"\setlength{\tabcolsep}{4pt}",
        r"\setlength{\abovecaptionskip}{0pt}\setlength{\belowcaptionskip}{6pt}",  # the caption stands above
        rf"\caption[{{{table.title}}}]{{{_caption(table)}}}", rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{_specs(table)}}}", r"\toprule", heading, r"\midrule", *rows, r"\bottomrule",
        r"\end{tabular}", r"\par\medskip", rf"\parbox{{\linewidth}}{{\scriptsize {table.note}}}", r"\end{table*}",
    ])  # fmt: skip


def _pages(table: PaperTable) -> str:
    """Return a table that breaks over pages; the caption stands whole on the first page only."""
    heading, rows = _lines(table)
    columns = len(table.columns)
    lines = [
        r"\begingroup", table.size, r"\setlength{\tabcolsep}{3pt}\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{{_specs(table)}}}",
        rf"\caption[{{{table.title}}}]{{{_caption(table)}}}\label{{tab:{table.name}}}\\",
        r"\toprule", heading, r"\midrule", r"\endfirsthead",
        rf"\multicolumn{{{columns}}}{{l}}{{{table.title} (continued)}}\\", r"\toprule", heading, r"\midrule",
        r"\endhead", r"\bottomrule", r"\endfoot", *rows, r"\end{longtable}",
        rf"\nopagebreak\noindent{{\scriptsize {table.note}\par}}", r"\endgroup",
    ]  # fmt: skip
    if table.page == "landscape":
        lines = [r"\begin{landscape}", *lines, r"\end{landscape}"]
    return "\n".join([ONE_COLUMN, *lines, r"\aftertable\relax"])  # \twocolumn would take a [ behind it for a heading


def _caption(table: PaperTable) -> str:
    return rf"\textbf{{{table.title}.}} {table.caption}"


def _specs(table: PaperTable) -> str:
    return "@{}" + "".join(column.spec for column in table.columns) + "@{}"


def _lines(table: PaperTable) -> tuple[str, list[str]]:
    """Return the line of headings and the rows, with space and a heading before each group."""
    heading = " & ".join(column.heading for column in table.columns) + r" \\"
    rows = []
    for number, cells in enumerate(zip(*(column.cells for column in table.columns), strict=True)):
        if number and number in table.groups:
            rows.append(r"\addlinespace")
        if group := table.groups.get(number):
            rows.append(rf"\multicolumn{{{len(cells)}}}{{@{{}}l}}{{\itshape {escape(group)}}} \\*")
        rows.append(" & ".join(cells) + r" \\")
    return heading, rows


def document(names: Sequence[str]) -> str:
    r"""Return a small document that shows all tables, for `pdflatex all.tex` in their folder.

    Args:
        names: Of the tables.
    """
    inputs = "\n".join(rf"\input{{{name}}}" + "\n" + r"\clearpage" for name in names)
    return (
        "% Shows all tables: pdflatex all, bibtex all, then pdflatex all twice.\n"
        "\\documentclass[a4paper]{article}\n\\usepackage[margin=2.5cm]{geometry}\n"
        "\\usepackage{booktabs,array,longtable,pdflscape}\n\\begin{document}\n"
        f"{inputs}\n\\bibliographystyle{{plain}}\n\\bibliography{{../references}}\n\\end{{document}}\n"
    )
