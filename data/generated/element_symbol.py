"""Statements that a symbol is that of a chemical element, true and false."""

from collections.abc import Iterator
from itertools import product

import pandas as pd

from data.generated.frames import Row, Words, as_table, fill, read_words

# Variant -> frames; the element comes first in one variant, the symbol in the other. All end in a full stop, which is
# what is read.
FRAMES = {
    "element_first": (
        "The chemical symbol of {name} is {symbol}.",
        "In the periodic table, {name} has the symbol {symbol}.",
        "Chemists write {name} as {symbol}.",
        "The symbol for the element {name} is {symbol}.",
        "The element {name} is abbreviated as {symbol}.",
    ),
    "symbol_first": (
        "{symbol} is the chemical symbol of {name}.",
        "{symbol} stands for {name} in chemistry.",
        "The letters {symbol} mean {name} to a chemist.",
        "When chemists write {symbol}, they mean {name}.",
        "As a symbol, {symbol} denotes the element {name}.",
    ),
}
FRAMES_PER_VARIANT = 4  # that each pair of elements meets


def rows() -> pd.DataFrame:
    """Return statements on the symbols of pairs of elements, both elements with both symbols.

    Example:
        >>> frame = rows()
        >>> frame["label"].value_counts().to_dict()
        {'true': 640, 'false': 640}
        >>> frame["text"][:2].tolist()
        ['The chemical symbol of hydrogen is H.', 'The chemical symbol of hydrogen is He.']
    """
    elements = read_words("element_symbols")
    pairs = zip(elements[::2], elements[1::2], strict=True)
    return as_table(row for index, pair in enumerate(pairs) for row in _group(index, pair))


def _group(index: int, pair: tuple[Words, Words]) -> Iterator[Row]:
    """Yield the statements on one pair, in frames that rotate from pair to pair."""
    group = "/".join(element["name"] for element in pair)
    for variant, frames in FRAMES.items():
        for turn in range(FRAMES_PER_VARIANT):
            frame = frames[(index + turn) % len(frames)]
            for element, other in product(pair, pair):
                filled = fill(frame, {"name": element["name"], "symbol": other["symbol"]})
                yield Row(*filled, "true" if element is other else "false", group, frame, variant)
