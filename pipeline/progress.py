"""What a person at a terminal sees while a stage works: one bar, gone when the work is done; elsewhere nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

COUNTED = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {unit}s, {elapsed}<{remaining}"
NAMED = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"


@contextmanager
def counted(
    title: str, total: int, unit: str, done: int = 0, *, quiet: bool = False
) -> Iterator[Callable[[int], object]]:
    """Show how much of a known amount is done, on stderr where that is a terminal.

    Args:
        title: What works, such as `extract minilm voice`.
        total: All there is to do.
        unit: What is counted, in the singular.
        done: What was done before.
        quiet: Show nothing at a terminal either.

    Yields:
        What to call with every further amount that is done.
    """
    off = True if quiet else None  # None: off where stderr is no terminal
    with tqdm(total=total, initial=done, desc=title, unit=unit, bar_format=COUNTED, leave=False, disable=off) as bar:
        yield bar.update


@contextmanager
def named(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show which of several unlike steps runs, on stderr where that is a terminal.

    Args:
        title: What works, such as `probe minilm voice`.
        total: Steps.

    Yields:
        What to call with the name of each step as it begins, which ends the one before it.
    """
    with tqdm(total=total, desc=title, bar_format=NAMED, leave=False, disable=None) as bar:
        begun = 0

        def step(name: str) -> None:
            nonlocal begun
            begun += 1
            bar.n = begun - 1
            bar.set_postfix_str(name)

        yield step
        bar.n = begun
        bar.refresh()


def tell(message: str) -> None:
    """Print a line to stderr, above the bar where there is one.

    Args:
        message: The line.
    """
    tqdm.write(message, file=sys.stderr)
