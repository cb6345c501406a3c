"""What all figures share: the look, and bytes that depend on nothing but the figure."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.figure import Figure

DPI = 150
INK = "#22252b"
FAINT = "#9aa0a8"
EMPTY = "#e6e7ea"
# Okabe and Ito's colours less yellow, which is too light for lines: told apart with every kind of colour blindness.
HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")  # a second way to tell them apart
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so every machine has it
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,  # a $ in a name is a $
}


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


def png(figure: Figure) -> bytes:
    """Return the figure as PNG; draw it inside `styled`.

    Args:
        figure: The figure.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})  # a version would change the bytes
    return buffer.getvalue()
