"""What all figures share: the look, the widths of a printed page, and bytes that depend on nothing but the figure.

Every figure is drawn at its printed size, once for a single column (3.5 in, 89 mm) and once for both (7.2 in, 183 mm),
with type of 6 to 8 points in both, and is written as PDF, SVG and PNG: `<name>_single.pdf`, `<name>_double.svg` and so
on, with `<name>.txt`, the caption, beside them. What does not fit on one page goes on in `<name>_single_2.pdf`.

Text stays text. PDF files embed their font as TrueType (Type 42), so that it can be searched and edited. SVG files name
their font and do not hold it: where DejaVu Sans is not installed, the next of `FALLBACKS` stands in, the first of which
is as wide.
"""

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import text_to_path

WIDTHS = {"single": 3.5, "double": 7.2}  # inches: a column, and both with the gap between
TALLEST = 9.5  # inches: a page without its margins
DPI = 300
TITLE, TEXT, SMALL = 8.0, 7.0, 6.0  # points
LINE = 1.25 / 72  # inches that a line takes for each point of its type
INK = "#22252b"
FAINT = "#9aa0a8"  # lines
MUTED = "#6b7078"  # words
EMPTY = "#e6e7ea"
# Okabe and Ito's colours less yellow, which is too light for lines: told apart with every kind of colour blindness.
HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")  # a second way to tell them apart
FONT = "DejaVu Sans"  # comes with matplotlib, so every machine has it
FALLBACKS = ("Verdana", "Arial", "Helvetica", "sans-serif")
STYLE: dict[Any, Any] = {
    "font.family": FONT,
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "figure.titlesize": TITLE,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "axes.labelpad": 2,
    "text.parse_math": False,  # a $ in a name is a $
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "head-atlas",  # or every file would name its parts at random
}
# What would differ between two runs or two versions of matplotlib is left out of the files.
METADATA: dict[str, dict[str, None]] = {
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
    "png": {"Software": None},
}


@dataclass(frozen=True)
class Drawing:
    """A figure that can be drawn at any width.

    Attributes:
        name: Of its files, without the width; may have folders.
        caption: What stands beside it, one paragraph.
        draw: From a width in inches to the figure, in as many parts as it takes pages.
    """

    name: str
    caption: str
    draw: Callable[[float], Sequence[Figure]]


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the report's look, whatever a person's own matplotlibrc says: it must not change the bytes.

    Yields:
        Nothing.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def files(drawing: Drawing) -> Iterator[tuple[str, bytes]]:
    """Yield (file name, content) of a figure in every width and format, and of its caption.

    Args:
        drawing: The figure.

    Yields:
        Names below the folder of the figures, with `/` between folders.
    """
    yield f"{drawing.name}.txt", f"{drawing.caption}\n".encode()
    for width, inches in WIDTHS.items():
        with styled():
            for page, figure in enumerate(drawing.draw(inches), start=1):
                name = f"{drawing.name}_{width}" if page == 1 else f"{drawing.name}_{width}_{page}"
                yield from ((f"{name}.{kind}", content) for kind, content in _saved(figure).items())


def _saved(figure: Figure) -> dict[str, bytes]:
    """Return format -> content; the layout is found once and kept, since finding it takes longest."""
    if figure.get_layout_engine() is not None:
        figure.set_dpi(DPI)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return {kind: _content(figure, kind) for kind in METADATA}


def _content(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=METADATA[kind])
    if kind != "svg":
        return buffer.getvalue()
    # Only in a style is this text found: in a label its quotes would stand in a text node, not behind `font-family: `.
    fonts = ", ".join((f"'{FONT}'", *FALLBACKS))
    return buffer.getvalue().replace(f"font-family: '{FONT}'".encode(), f"font-family: {fonts}".encode())


def width_of(text: str, size: float, weight: str = "normal") -> float:
    """Return how wide a line of text is, in inches.

    Args:
        text: The line.
        size: Of the type, in points.
        weight: `normal` or `bold`.
    """
    font = FontProperties(family=FONT, size=size, weight=weight)
    width: float = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return width / 72


def fitted(text: str, inches: float, size: float, weight: str = "normal") -> str:
    """Return a text on one line that is no wider than `inches`, cut with an ellipsis where it has to be.

    Args:
        text: Any text; what the font lacks becomes a question mark.
        inches: Room for it.
        size: Of the type, in points.
        weight: `normal` or `bold`.
    """
    known = get_font(findfont(FontProperties(family=FONT, weight=weight))).get_charmap()
    text = "".join(letter if ord(letter) in known else "?" for letter in " ".join(text.split()))
    if width_of(text, size, weight) <= inches:
        return text
    cut = bisect_right(range(1, len(text)), inches, key=lambda end: width_of(f"{text[:end]}…", size, weight))
    return f"{text[:cut].rstrip()}…"


def wrapped(text: str, inches: float, size: float, weight: str = "normal", most: int = 2) -> list[str]:
    """Return a text on lines no wider than `inches`, broken between words; the last line is cut where it has to be.

    Args:
        text: Any text.
        inches: Room for a line.
        size: Of the type, in points.
        weight: `normal` or `bold`.
        most: Lines at most.
    """
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and (width_of(longer, size, weight) <= inches or len(lines) == most):
            lines[-1] = longer
        else:
            lines.append(word)
    return [fitted(line, inches, size, weight) for line in lines]


def heading(figure: Figure, title: str) -> float:
    """Write the title at the top left of a figure and return the inches it takes, with the gap below.

    Args:
        figure: The figure, its size in inches set.
        title: On one line where it fits, else on two.
    """
    width, height = figure.get_size_inches()
    lines = title_lines(title, width)
    figure.text(
        0.06 / width, 1 - 0.05 / height, "\n".join(lines), va="top", fontsize=TITLE, fontweight="bold", linespacing=1.1
    )
    return title_height(title, width)


def title_lines(title: str, inches: float) -> list[str]:
    """Return the lines of a title of a figure.

    Args:
        title: The title.
        inches: Width of the figure.
    """
    return wrapped(title, inches - 0.12, TITLE, "bold")


def title_height(title: str, inches: float) -> float:
    """Return the inches that a title takes, with the gap below.

    Args:
        title: The title.
        inches: Width of the figure.
    """
    return 0.1 + LINE * TITLE * len(title_lines(title, inches))


def placed(figure: Figure, left: float, above: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches from the top left of a figure.

    Args:
        figure: The figure, its size set.
        left: Of its left edge.
        above: Of its top edge, downwards.
        width: Its own.
        height: Its own.
    """
    all_width, all_height = figure.get_size_inches()
    bottom = all_height - above - height
    return figure.add_axes((left / all_width, bottom / all_height, width / all_width, height / all_height))


def keep_sharp(scale: Colorbar) -> None:
    """Draw a scale of colours as shapes, not as an image, and without the gaps that viewers show between them.

    Args:
        scale: The scale.
    """
    if scale.solids is not None:
        scale.solids.set(rasterized=False, edgecolor="face")


def pages(n: int, most: int) -> list[slice]:
    """Return the parts that rows are shown in, all but the last equally long.

    Args:
        n: Rows.
        most: Rows that fit on a page.

    Example:
        >>> pages(7, 5)
        [slice(0, 4, None), slice(4, 7, None)]
    """
    n_pages = -(-n // max(1, most))
    step = -(-n // max(1, n_pages))
    return [slice(start, min(n, start + step)) for start in range(0, n, max(1, step))]
