"""From characters to tokens: which tokens of a sequence are read."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PipelineError

T = TypeVar("T")
READOUTS = ("last", "first", "span", "mean")
CHUNK = 1024  # texts tokenized in one call: a tokenizer's answer takes 100 times the memory of its ids
HALF_CHARACTER = re.compile("[\ud800-\udfff]")  # half of a surrogate pair, which no Unicode text holds


@dataclass(frozen=True)
class TokenizedTexts:
    """Distinct texts as token ids, and for each example its text and the tokens that are read.

    Examples that share their text, as the words of one sentence do, share its tokens. Distinct texts are numbered in
    order of first appearance.

    Attributes:
        ids: Token ids of all distinct texts, end to end, with the tokenizer's special tokens, unpadded.
        bounds: Text t is ids[bounds[t]:bounds[t + 1]], (n_texts + 1,) int64.
        text: Distinct text of each example, (n_examples,) int64.
        first: Index within its text of the first token read, (n_examples,) int64.
        last: Index of the last token read, (n_examples,) int64; equals `first` except for the readout `mean`.
    """

    ids: NDArray[np.int32]
    bounds: NDArray[np.int64]
    text: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.text)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each distinct text, (n_texts,) int64."""
        return np.diff(self.bounds)

    def ids_of(self, text: int) -> NDArray[np.int32]:
        """Return the token ids of one distinct text, (n_tokens,) int32; a view, not a copy."""
        return self.ids[self.bounds[text] : self.bounds[text + 1]]

    def keep(self, rows: NDArray[np.int64]) -> "TokenizedTexts":
        """Return the examples at `rows`, (n_kept,) int64, alone; texts that nobody reads any more are left out."""
        texts, text = _numbered(self.text[rows].tolist())
        ids, bounds = _joined(self.ids_of(number) for number in texts)
        return TokenizedTexts(ids, bounds, text, self.first[rows], self.last[rows])


def tokenize(
    tokenizer: Any,
    example_ids: Sequence[str],
    texts: Sequence[str],
    spans: Sequence[tuple[int, int]],
    readout: str,
) -> TokenizedTexts:
    """Return token ids and the tokens to read, for every text; each distinct text is tokenized once.

    Args:
        tokenizer: A Hugging Face tokenizer with offsets.
        example_ids: Names of the rows, for messages.
        texts: What the model reads.
        spans: Characters (start, end) of each text, half-open.
        readout: `span` and `last` read the last token that touches the span (for `last` the span is the whole text);
            `mean` reads every token of the text itself, special tokens left out; `first` reads the first token of all,
            the opening special token such as [CLS] where the tokenizer sets one.

    Raises:
        PipelineError: If the tokenizer gives no offsets, the readout is unknown, a span does not lie in its text or no
            token touches it, or a text is not valid Unicode.
    """
    tokens = find_tokens(tokenizer, example_ids, texts, spans, readout)
    check_touched(example_ids, tokens)
    return tokens


def find_tokens(
    tokenizer: Any,
    example_ids: Sequence[str],
    texts: Sequence[str],
    spans: Sequence[tuple[int, int]],
    readout: str,
) -> TokenizedTexts:
    """Return what `tokenize` returns, but first and last -1 where no token touches the span.

    Args:
        tokenizer: As for `tokenize`.
        example_ids: As for `tokenize`.
        texts: As for `tokenize`.
        spans: As for `tokenize`.
        readout: As for `tokenize`.

    Raises:
        PipelineError: If the tokenizer gives no offsets, the readout is unknown, a span does not lie in its text, or a
            text is not valid Unicode.
    """
    _check_reading(tokenizer, readout)
    _check_spans(example_ids, texts, spans)
    _check_unicode(example_ids, texts)
    distinct, text = _numbered(texts)
    pieces: list[NDArray[np.int32]] = []
    touched = np.full((len(texts), 2), -1, np.int64)
    for (ids, offsets), rows in zip(_encode(tokenizer, distinct), _readers(text, len(distinct)), strict=True):
        pieces.append(ids)
        for row in rows.tolist():
            touched[row] = tokens_touching(offsets, *spans[row]) or (-1, -1)
    first, last = touched.T.copy()
    if readout == "first":  # a text that the tokenizer drops is still refused: its opening token would say nothing
        last = np.minimum(last, 0)
    return TokenizedTexts(*_joined(pieces), text, first if readout == "mean" else last, last)


def tokens_touching(offsets: NDArray[np.int64], start: int, end: int) -> tuple[int, int] | None:
    """Return the first and the last index of the tokens that share a character with [start, end), or None.

    Special tokens have an empty character range and never touch anything.

    Args:
        offsets: Characters (start, end) of each token, half-open, (n_tokens, 2) int64.
        start: First character of the span.
        end: One past its last character.
    """
    left, right = offsets.T
    found = np.flatnonzero((left < right) & (left < end) & (right > start))
    return (int(found[0]), int(found[-1])) if len(found) else None


def check_touched(example_ids: Sequence[str], tokens: TokenizedTexts) -> None:
    """Refuse spans without a token.

    Args:
        example_ids: Names of the rows, for messages.
        tokens: What `find_tokens` returned for those rows.

    Raises:
        PipelineError: If no token touches a span.
    """
    lost = [example_ids[row] for row in np.flatnonzero(tokens.last < 0).tolist()]
    if lost:
        raise PipelineError(
            f"{len(lost)} examples have a span that no token touches, first {', '.join(lost[:5])}; the tokenizer drops "
            "those characters: move the span or remove the rows"
        )


def check_context(
    example_ids: Sequence[str], tokens: TokenizedTexts, context: int | None, too_long: str
) -> NDArray[np.int64]:
    """Return the rows that fit into the model's context, (n_kept,) int64.

    Args:
        example_ids: Names of the rows, for messages.
        tokens: The tokenized texts of those rows.
        context: Most tokens that the model reads, or None where it has no limit.
        too_long: `error` refuses longer texts, `drop` leaves them out.

    Raises:
        PipelineError: If a text is too long and `too_long` is `error`, `too_long` is neither, or no text fits.
    """
    if too_long not in ("error", "drop"):
        raise PipelineError(f"too_long: {too_long!r} is not one of error, drop")
    lengths = tokens.lengths[tokens.text]
    fits = lengths <= (context if context is not None else np.inf)
    if not fits.all() and (too_long == "error" or not fits.any()):
        rows = np.flatnonzero(~fits)
        listed = ", ".join(f"{example_ids[row]} ({lengths[row]})" for row in rows[:5])
        raise PipelineError(
            f"{len(rows)} of {len(lengths)} texts have more tokens than the model's context of {context}, first "
            f"{listed}; shorten them, or write `too_long: drop` in the dataset's spec"
        )
    return np.flatnonzero(fits)


def _numbered(values: Iterable[T]) -> tuple[list[T], NDArray[np.int64]]:
    """Return the distinct values in order of first appearance, and the number of each value in that list."""
    numbers: dict[T, int] = {}
    number_of_each = [numbers.setdefault(value, len(numbers)) for value in values]
    return list(numbers), np.array(number_of_each, np.int64)


def _joined(pieces: Iterable[NDArray[np.int32]]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return the ids of texts end to end, and where each text begins and the last one ends."""
    whole = [np.empty(0, np.int32), *pieces]
    return np.concatenate(whole), np.cumsum([len(piece) for piece in whole], dtype=np.int64)


def _encode(tokenizer: Any, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
    """Yield ids (n_tokens,) and offsets (n_tokens, 2) of each text; Python's lists of one chunk are alive at a time."""
    wanted = {"return_offsets_mapping": True, "return_attention_mask": False, "return_token_type_ids": False}
    for begin in range(0, len(texts), CHUNK):
        encoded = tokenizer(list(texts[begin : begin + CHUNK]), **wanted, verbose=False)
        for ids, offsets in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            yield np.array(ids, np.int32), np.array(offsets, np.int64).reshape(-1, 2)


def _readers(text: NDArray[np.int64], n_texts: int) -> list[NDArray[np.intp]]:
    """Return for each distinct text the rows of the examples that read it."""
    rows = np.argsort(text, kind="stable")
    return np.split(rows, np.searchsorted(text[rows], np.arange(n_texts)))[1:]


def _check_reading(tokenizer: Any, readout: str) -> None:
    if readout not in READOUTS:
        raise PipelineError(f"readout: {readout!r} is not one of {', '.join(READOUTS)}")
    if not tokenizer.is_fast:
        raise PipelineError(
            f"{type(tokenizer).__name__} gives no character offsets, so the labelled token cannot be found; use a "
            "model with a fast tokenizer (a folder with tokenizer.json)"
        )


def _check_spans(example_ids: Sequence[str], texts: Sequence[str], spans: Sequence[tuple[int, int]]) -> None:
    pairs = enumerate(zip(texts, spans, strict=True))
    bad = [row for row, (text, (start, end)) in pairs if not 0 <= start < end <= len(text)]
    if bad:
        places = [f"{example_ids[row]} ({spans[row][0]}-{spans[row][1]} of {len(texts[row])})" for row in bad[:5]]
        raise PipelineError(
            f"{len(bad)} examples have a span that is empty or leaves its text, first {', '.join(places)}; start "
            "counts characters from 0, end is one past the last, and 0 <= start < end <= length"
        )


def _check_unicode(example_ids: Sequence[str], texts: Sequence[str]) -> None:
    bad = [example_ids[row] for row, text in enumerate(texts) if HALF_CHARACTER.search(text)]
    if bad:
        raise PipelineError(
            f"{len(bad)} examples have a text that is not valid Unicode, first {', '.join(bad[:5])}; it holds half of "
            "a surrogate pair, which no tokenizer reads: decode its source anew or remove the rows"
        )
