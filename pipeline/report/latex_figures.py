r"""All figures of a run as one LaTeX document, to copy from: a caption pasted as it is would stop at its first `%`."""

from collections.abc import Sequence

from pipeline.report.canvas import Drawing
from pipeline.report.latex import escape


def figures_document(shown: Sequence[tuple[Drawing, Sequence[str]]]) -> str:
    r"""Return a document that shows figures over both columns, for `pdflatex all.tex` in their folder.

    Args:
        shown: Each figure with the names of its PDF files, one a page; one without any is left out.
    """
    figures = "\n\\clearpage\n".join(_figure(drawing, pages) for drawing, pages in shown if pages)
    return (
        "% Shows all figures, each as wide as two columns, ready to copy: pdflatex all.\n"
        "% In one column: figure instead of figure*, and _single instead of _double.\n"
        "\\documentclass[a4paper]{article}\n\\usepackage[margin=1cm,includefoot]{geometry}\n\\usepackage{graphicx}\n"
        f"\\begin{{document}}\n{figures}\n\\end{{document}}\n"
    )


def _figure(drawing: Drawing, pages: Sequence[str]) -> str:
    """Return the environments of a figure, one a page; the caption stands below the first."""
    caption = rf"\caption{{{escape(drawing.caption)}}}" + "\n" + rf"\label{{fig:{drawing.name}}}" + "\n"
    return "\n".join(
        f"\\begin{{figure*}}[p]\n\\centering\n\\includegraphics{{{page}}}\n{'' if number else caption}\\end{{figure*}}"
        for number, page in enumerate(pages)
    )
