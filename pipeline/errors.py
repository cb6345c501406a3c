"""The error a person is meant to read, and how a stage ends on one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class PipelineError(ValueError):
    """Bad params, a bad model or a bad store: says where, what was given, what is allowed and the way out."""


@contextmanager
def exit_on(*kinds: type[Exception]) -> Iterator[None]:
    """End the process with status 1 and the message alone when a person's input is at fault.

    Args:
        *kinds: Exceptions whose message is written for the person; every other one keeps its traceback.

    Yields:
        Nothing.
    """
    try:
        yield
    except kinds as error:
        sys.exit(f"error: {error}")
