"""From characters to tokens: which tokens of a sequence are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PipelineError

READOUTS = ("last", "span", "mean")


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts as token ids, with the tokens that are read.

    Attributes:
        ids: Token ids of each text, with the tokenizer's special tokens, unpadded.
        first: Index of the first token read, (n_examples,) int64.
        last: Index of the last token read, (n_examples,) int64; equals `first` except for the readout `mean`.
    """

    ids: list[list[int]]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def keep(self, rows: NDArray[np.int64]) -> "TokenizedTexts":
        """Return the texts at `rows`, (n_kept,) int64, alone."""
        return TokenizedTexts([self.ids[row] for row in rows], self.first[rows], self.last[rows])


def tokenize(
    tokenizer: Any,
    example_ids: Sequence[str],
    texts: Sequence[str],
    spans: Sequence[tuple[int, int]],
    readout: str,
) -> TokenizedTexts:
    """Return token ids and the tokens to read, for every text.

    Args:
        tokenizer: A Hugging Face tokenizer with offsets.
        example_ids: Names of the rows, for messages.
        texts: What the model reads.
        spans: Characters (start, end) of each text, half-open.
        readout: `span` and `last` read the last token that touches the span (for `last` the span is the whole text);
            `mean` reads every token of the text itself, special tokens left out.

    Raises:
        PipelineError: If the tokenizer gives no offsets, the readout is unknown, or no token touches a span.
    """
    if readout not in READOUTS:
        raise PipelineError(f"readout: {readout!r} is not one of {', '.join(READOUTS)}")
    if not tokenizer.is_fast:
        raise PipelineError(
            f"{type(tokenizer).__name__} gives no character offsets, so the labelled token cannot be found; use a "
            "model with a fast tokenizer (a folder with tokenizer.json)"
        )
    encoded = tokenizer(list(texts), return_offsets_mapping=True, return_attention_mask=False, verbose=False)
    lost: list[str] = []
    first, last = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.int64)
    for row, (offsets, (start, end)) in enumerate(zip(encoded["offset_mapping"], spans, strict=True)):
        touching = tokens_touching(offsets, start, end)
        if touching is None:
            lost.append(example_ids[row])
        else:
            first[row], last[row] = touching if readout == "mean" else (touching[1], touching[1])
    if lost:
        raise PipelineError(
            f"{len(lost)} examples have a span that no token touches, first {', '.join(lost[:5])}; the tokenizer drops "
            "those characters: move the span or remove the rows"
        )
    return TokenizedTexts(encoded["input_ids"], first, last)


def tokens_touching(offsets: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int] | None:
    """Return the first and the last index of the tokens that share a character with [start, end), or None.

    Special tokens have an empty character range and never touch anything.

    Args:
        offsets: Characters (start, end) of each token, half-open.
        start: First character of the span.
        end: One past its last character.
    """
    found = [i for i, (left, right) in enumerate(offsets) if left < right and left < end and right > start]
    return (found[0], found[-1]) if found else None


def check_context(
    example_ids: Sequence[str], tokens: TokenizedTexts, context: int | None, too_long: str
) -> NDArray[np.int64]:
    """Return the rows that fit into the model's context, (n_kept,) int64.

    Args:
        example_ids: Names of the rows, for messages.
        tokens: The tokenized texts.
        context: Most tokens that the model reads, or None where it has no limit.
        too_long: `error` refuses longer texts, `drop` leaves them out.

    Raises:
        PipelineError: If a text is too long and `too_long` is `error`, `too_long` is neither, or no text fits.
    """
    if too_long not in ("error", "drop"):
        raise PipelineError(f"too_long: {too_long!r} is not one of error, drop")
    lengths = np.array([len(ids) for ids in tokens.ids])
    fits = lengths <= (context if context is not None else np.inf)
    if not fits.all() and (too_long == "error" or not fits.any()):
        rows = np.flatnonzero(~fits)
        listed = ", ".join(f"{example_ids[row]} ({lengths[row]})" for row in rows[:5])
        raise PipelineError(
            f"{len(rows)} of {len(lengths)} texts have more tokens than the model's context of {context}, first "
            f"{listed}; shorten them, or write `too_long: drop` in the dataset's spec"
        )
    return np.flatnonzero(fits)
