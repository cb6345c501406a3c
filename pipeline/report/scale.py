"""From a score to a colour: where each quantity's scale starts and ends, and the steps in between."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
import matplotlib.colors
import numpy as np

STEPS = 16
NARROWEST = 0.1  # of a scale from a chance level up: below that, noise would look like signal
TOP_RUNG = 3  # that a probe alone can reach
EVEN = 0.179  # luminance on which black and white read equally well, at a contrast of 4.6
MAP_NAME = "viridis"  # even steps in lightness, readable with every kind of colour blindness and in grey
MARGIN_MAP = "PuOr"  # orange below 0, purple above: told apart with every kind of colour blindness


@dataclass(frozen=True)
class Quantity:
    """One score a heat map can show.

    Attributes:
        key: Column of `heads.parquet`.
        label: What people read.
        note: What the ends of the scale mean.
        log: Whether the scale runs over the logarithm.
        diverging: Whether the scale has 0 in its middle, as that of a margin has.
        whole: Whether values are rungs, which have names.
    """

    key: str
    label: str
    note: str
    log: bool = False
    diverging: bool = False
    whole: bool = False


LOG_NOTE = "is logarithmic, from 1 down to the smallest found"


def _margin(key: str, label: str) -> Quantity:
    note = "has 0 in its middle: orange heads score below the baseline, purple ones above"
    return Quantity(key, label, note, diverging=True)


QUANTITIES = (
    Quantity("accuracy", "accuracy", "starts at the share of the largest class"),
    _margin("selectivity", "selectivity (margin over the control task)"),
    _margin("margin_majority", "margin over the largest class"),
    _margin("margin_surface", "margin over surface (bag of n-grams)"),
    _margin("margin_embedding", "margin over the static embedding"),
    _margin("margin_untrained", "margin over the untrained model"),
    _margin("margin_projection", "margin over the random projection"),
    _margin("margin_skyline", "margin over the skyline"),
    Quantity("balanced_accuracy", "balanced accuracy", "starts at chance, one over the classes"),
    Quantity("auroc", "AUROC", "starts at chance, 0.5"),
    Quantity("information_bits", "information (bits)", "starts at 0, nothing known about the label"),
    Quantity("p_value", "p-value (over heads)", LOG_NOTE, log=True),
    Quantity("p_adjusted", "p-value (over heads and datasets)", LOG_NOTE, log=True),
    Quantity("rung", "rung of evidence", "has a colour for each rung, the lightest for the highest", whole=True),
)


def domain(quantity: Quantity, values: Sequence[float], majority: float, n_classes: int) -> tuple[float, float]:
    """Return the values at the first and the last colour of the scale.

    Args:
        quantity: What is shown.
        values: The scores, NaN for not measured.
        majority: Share of the largest class.
        n_classes: Number of classes.
    """
    measured = [value for value in values if not math.isnan(value)]
    if quantity.whole:
        return 0.0, float(TOP_RUNG)
    if quantity.log:
        return 1.0, min([0.01, *(value for value in measured if value > 0)])
    if quantity.diverging:
        reach = max([NARROWEST, *map(abs, measured)])
        return -reach, reach
    chance = {"accuracy": majority, "balanced_accuracy": 1 / n_classes, "auroc": 0.5}
    low = chance.get(quantity.key, 0.0)
    return low, max([low + NARROWEST, *measured])


def step(value: float, low: float, high: float, log: bool = False) -> int:
    """Return which of the `STEPS` colours a value gets; what lies outside the scale gets its end.

    Args:
        value: The score.
        low: Value at the first colour.
        high: Value at the last colour; below `low` for a scale that runs down.
        log: Whether the scale runs over the logarithm.
    """
    if log:
        value, low, high = (math.log10(max(number, 1e-12)) for number in (value, low, high))
    share = (value - low) / (high - low)
    return min(STEPS - 1, max(0, math.floor(share * STEPS)))


def palette(name: str = MAP_NAME) -> list[Mapping[str, str]]:
    """Return the `STEPS` colours, low to high, each with the ink that reads best on it.

    Args:
        name: Of the colour map.
    """
    colours = matplotlib.colormaps[name](np.linspace(0, 1, STEPS))
    return [
        {"fill": matplotlib.colors.to_hex(colour), "ink": "#ffffff" if _luminance(colour) < EVEN else "#000000"}
        for colour in colours
    ]


def _luminance(colour: Sequence[float]) -> float:
    """Return the relative luminance of an RGBA colour as WCAG defines it, 0 to 1."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
