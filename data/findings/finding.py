"""What a finding is, and the words that several findings share."""

from dataclasses import dataclass

SEVERITIES = ("error", "warning", "note")  # the most urgent first
GAP = 0.05  # from the largest class; smaller ones are within what chance does on a few hundred examples
SHOWN = 120  # characters of a text in a message


@dataclass(frozen=True)
class Finding:
    """Something about a dataset that a reader should know before believing a probe on it.

    Attributes:
        severity: One of `SEVERITIES`; what is an error is refused by a `DataError` before there is a dataset.
        about: Slug of what was looked at, such as `twins`.
        message: What was seen, why it harms a probe, and the way out.
    """

    severity: str
    about: str
    message: str


def quoted(text: str) -> str:
    """Return a text in quotes for a message, cut where it is long.

    Args:
        text: Of an example.

    Example:
        >>> quoted("The cat sat.")
        "'The cat sat.'"
    """
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def percent(part: float, whole: float = 1.0) -> str:
    """Return a share as a percentage without decimals, but never as 0 or 100 % where it is neither.

    Args:
        part: Numerator.
        whole: Denominator.

    Example:
        >>> percent(3, 4), percent(1, 10_000)
        ('75 %', 'under 1 %')
    """
    if 0 < part < 0.01 * whole:
        return "under 1 %"
    return "over 99 %" if 0.99 * whole < part < whole else f"{100 * part / whole:.0f} %"
