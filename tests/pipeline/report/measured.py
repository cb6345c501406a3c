"""How figures are measured in tests."""

import pytest
from matplotlib.figure import Figure

from pipeline.report.canvas import WIDTHS

both = pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)


def sticks_out(figure: Figure) -> bool:
    """Return whether anything drawn lies outside of a figure."""
    drawn = figure.get_tightbbox().extents  # inches
    width, height = figure.get_size_inches()
    return bool(min(drawn[:2]) < -0.01 or drawn[2] > width + 0.01 or drawn[3] > height + 0.01)
