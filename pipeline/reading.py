"""Which tokens of a text a model would read: `python -m pipeline.reading <model>`, JSON in and out, no weights."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.align import TokenizedTexts, check_context, check_touched, find_tokens
from pipeline.checkpoint import ModelEntry, find_tokenizer
from pipeline.errors import PipelineError, exit_on
from pipeline.params import load_params, read_section

REQUEST = (
    '{"readout": ..., "too_long": ..., "examples": [{"example_id": ..., "text": ..., "start": ..., "end": ...}, ...]}, '
    'and optionally "shown": [example_id, ...]'
)


@dataclass(frozen=True)
class Request:
    """What is asked about.

    Attributes:
        readout: As in the dataset's spec.
        too_long: As in the dataset's spec.
        example_ids: Name of each example.
        texts: What the model reads.
        spans: Characters (start, end) of each text, half-open.
        shown: Names of the examples whose tokens are wanted.
    """

    readout: str
    too_long: str
    example_ids: list[str]
    texts: list[str]
    spans: list[tuple[int, int]]
    shown: frozenset[str]


def main(argv: Sequence[str] | None = None) -> None:
    """Read a request from standard input and print what the stage extract would make of it.

    The answer is a JSON object: `context`, the model's limit or null; `n_too_long`, examples with more tokens;
    `refusals`, the messages that the stage would stop with; and `examples`, of those shown `example_id`, `tokens` as
    text, `n_tokens`, and `first` and `last` of the tokens read, null where no token touches the span.

    Args:
        argv: Model; the command line's when None.

    Raises:
        PipelineError: If params, request or tokenizer are not fit to be read.
    """
    parser = argparse.ArgumentParser(prog="python -m pipeline.reading", description=__doc__)
    parser.add_argument("model")
    slug = parser.parse_args(argv).model
    entry = read_section(load_params(Path("params.yaml")), f"models.{slug}", ModelEntry)
    request = parse_request(sys.stdin.read())
    tokenizer, context = _load(slug, entry)
    print(json.dumps(describe(tokenizer, context, request)))


def parse_request(text: str) -> Request:
    """Return the request that a JSON text holds.

    Args:
        text: See `REQUEST`; without `shown`, all examples are shown.

    Raises:
        PipelineError: If it is not such an object.
    """
    try:
        given = json.loads(text)
        rows = given["examples"]
        ids = [str(row["example_id"]) for row in rows]
        spans = [(int(row["start"]), int(row["end"])) for row in rows]
        texts, shown = [str(row["text"]) for row in rows], frozenset(given.get("shown", ids))
        return Request(given["readout"], given["too_long"], ids, texts, spans, shown)
    except (ValueError, KeyError, TypeError) as error:
        raise PipelineError(f"standard input: expected {REQUEST}; {type(error).__name__}: {error}") from None


def describe(tokenizer: Any, context: int | None, request: Request) -> dict[str, Any]:
    """Return the answer to a request, ready for JSON; see `main`.

    Args:
        tokenizer: The model's.
        context: Most tokens that the model reads, or None where it has no limit.
        request: What is asked about.

    Raises:
        PipelineError: If the examples cannot be tokenized at all, see `find_tokens`.
    """
    ids = request.example_ids
    tokens = find_tokens(tokenizer, ids, request.texts, request.spans, request.readout)
    checks = (lambda: check_touched(ids, tokens), lambda: check_context(ids, tokens, context, request.too_long))
    n_too_long = int((tokens.lengths[tokens.text] > (np.inf if context is None else context)).sum())
    return {
        "context": context,
        "n_too_long": n_too_long,
        "refusals": [message for check in checks for message in _refusal(check)],
        "examples": [
            {"example_id": name, **_example(tokenizer, tokens, row)}
            for row, name in enumerate(ids)
            if name in request.shown
        ],
    }


def shown_tokens(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Return the tokens as a person reads them: from the vocabulary, so that a wrong position cannot look right.

    Byte-level vocabularies spell é as Ã©; there the text that a token stands for is shown, if it is whole characters
    that can be seen.

    Args:
        tokenizer: A fast Hugging Face tokenizer.
        ids: Of the tokens.
    """
    from tokenizers import decoders

    tokens: list[str] = tokenizer.convert_ids_to_tokens(ids)
    if not isinstance(tokenizer.backend_tokenizer.decoder, decoders.ByteLevel):
        return tokens
    texts = [tokenizer.convert_tokens_to_string([token]) for token in tokens]
    seen = [text.isprintable() and "\ufffd" not in text for text in texts]
    return [text if ok else token for token, text, ok in zip(tokens, texts, seen, strict=True)]


def _load(slug: str, entry: ModelEntry) -> tuple[Any, int | None]:
    """Return a model's tokenizer and context."""
    checkpoint = find_tokenizer(slug, entry)
    from pipeline.models import (
        context_length,
        load_config,
        load_tokenizer,
    )  # torch: a mistyped name need not wait for it

    config, tokenizer = load_config(checkpoint), load_tokenizer(checkpoint)
    return tokenizer, context_length(config, tokenizer)


def _refusal(check: Callable[[], object]) -> Iterator[str]:
    """Yield the message that a check stops with, if it does."""
    try:
        check()
    except PipelineError as error:
        yield str(error)


def _example(tokenizer: Any, tokens: TokenizedTexts, row: int) -> dict[str, Any]:
    ids = tokens.ids_of(int(tokens.text[row])).tolist()
    first, last = (int(place) if place >= 0 else None for place in (tokens.first[row], tokens.last[row]))
    return {"tokens": shown_tokens(tokenizer, ids), "n_tokens": len(ids), "first": first, "last": last}


if __name__ == "__main__":
    with exit_on(PipelineError):
        main()
