"""From characters to tokens: which tokens are read, what texts share, and what is refused."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from transformers import ByT5Tokenizer

from pipeline import align
from pipeline.align import TokenizedTexts, check_context, find_tokens, tokenize, tokens_touching
from pipeline.errors import PipelineError


def test_a_character_of_several_tokens_is_read_at_its_last_one(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("byte_level", specials=True)
    tokens = tokenize(tokenizer, ["e"], ["x😀y"], [(1, 2)], "span")
    assert len(tokens.ids_of(0)) == 8  # [CLS], x, 4 bytes, y, [SEP]
    assert tokens.last[0] == 5


@pytest.mark.parametrize(("kind", "first"), [("byte_level", 2), ("metaspace", 2), ("wordpiece", 2)])
def test_a_token_that_begins_with_a_space_is_read_with_its_word(
    kind: str, first: int, tokenizer_of: Callable[..., Any]
) -> None:
    tokens = tokenize(tokenizer_of(kind, specials=True), ["e"], ["the cat"], [(4, 7)], "mean")
    own = tokenizer_of(kind, specials=True).convert_ids_to_tokens(tokens.ids_of(0))
    assert own[tokens.first[0] : tokens.last[0] + 1] == [own[first]]
    assert own[first].lstrip("Ġ▁") == "cat"


def test_a_span_reads_its_last_token_and_mean_all_of_them(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=True)
    texts, inner = ["the running cats"] * 2, [(4, 11), (12, 15)]  # run ##n ##ing | cat, the ##s left out
    span = tokenize(tokenizer, ["a", "b"], texts, inner, "span")
    mean = tokenize(tokenizer, ["a", "b"], texts, inner, "mean")
    assert (span.first.tolist(), span.last.tolist()) == ([4, 5], [4, 5])
    assert (mean.first.tolist(), mean.last.tolist()) == ([2, 5], [4, 5])
    assert mean.last.dtype == np.int64


@pytest.mark.parametrize(("specials", "token"), [(True, "[CLS]"), (False, "the")])
def test_first_reads_the_opening_special_token_where_there_is_one(
    specials: bool, token: str, tokenizer_of: Callable[..., Any]
) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=specials)
    tokens = tokenize(tokenizer, ["a", "b"], ["the running cats", "the cat"], [(0, 16), (0, 7)], "first")
    assert (tokens.first.tolist(), tokens.last.tolist()) == ([0, 0], [0, 0])
    assert [tokenizer.convert_ids_to_tokens(int(tokens.ids_of(text)[0])) for text in (0, 1)] == [token, token]


def test_first_refuses_a_text_that_the_tokenizer_drops(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=True)
    with pytest.raises(PipelineError, match="1 examples have a span that no token touches, first b"):
        tokenize(tokenizer, ["a", "b"], ["the cat", "  "], [(0, 7), (0, 2)], "first")


def test_truncation_and_padding_that_come_with_a_tokenizer_are_not_applied(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=True, limit=4)
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=12)
    tokens = tokenize(tokenizer, ["a", "b"], ["the cat", "the cat the cat"], [(0, 7), (0, 15)], "last")
    assert tokens.lengths.tolist() == [4, 6]


@dataclass
class Counting:
    """A tokenizer that notes what it is given."""

    tokenizer: Any
    calls: list[list[str]] = field(default_factory=list)
    is_fast: bool = True

    def __call__(self, texts: list[str], **options: Any) -> Any:
        self.calls.append(texts)
        return self.tokenizer(texts, **options)


WORDS = [("a", "the cat", 0, 3), ("b", "cats", 0, 4), ("c", "the cat", 4, 7), ("d", "un", 0, 2), ("e", "the cat", 0, 7)]


def _read(tokenizer: Any, rows: list[tuple[str, str, int, int]], readout: str) -> TokenizedTexts:
    spans = [(start, end) for *_, start, end in rows]
    return tokenize(tokenizer, [row[0] for row in rows], [row[1] for row in rows], spans, readout)


def test_examples_of_one_text_share_its_tokens(tokenizer_of: Callable[..., Any]) -> None:
    counting = Counting(tokenizer_of("wordpiece", specials=True))
    tokens = _read(counting, WORDS, "mean")
    assert counting.calls == [["the cat", "cats", "un"]]
    assert (len(tokens), tokens.lengths.tolist(), tokens.bounds.tolist()) == (5, [4, 4, 3], [0, 4, 8, 11])
    assert tokens.text.tolist() == [0, 1, 0, 2, 0]
    assert (tokens.first.tolist(), tokens.last.tolist()) == ([1, 1, 2, 1, 1], [1, 2, 2, 1, 2])
    assert counting.tokenizer.decode(tokens.ids_of(1)) == "[CLS] cats [SEP]"
    assert tokens.ids.dtype == np.int32
    assert {array.dtype for array in (tokens.bounds, tokens.text, tokens.first, tokens.last)} == {np.dtype(np.int64)}


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_the_size_of_a_chunk_changes_nothing(
    chunk: int, tokenizer_of: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(tokenizer_of("wordpiece", specials=True))
    whole = _read(counting.tokenizer, WORDS, "span")
    monkeypatch.setattr(align, "CHUNK", chunk)
    parts = _read(counting, WORDS, "span")
    assert max(map(len, counting.calls)) == chunk
    for name in ("ids", "bounds", "text", "first", "last"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_keep_leaves_out_the_texts_that_nobody_reads_any_more(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=True)
    rows = [3, 2, 4]
    kept = _read(tokenizer, WORDS, "mean").keep(np.array(rows))
    alone = _read(tokenizer, [WORDS[row] for row in rows], "mean")
    for name in ("ids", "bounds", "text", "first", "last"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(alone, name))
        assert getattr(kept, name).dtype == getattr(alone, name).dtype


def test_no_examples_are_no_tokens(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=True)
    for tokens in (_read(tokenizer, [], "last"), _read(tokenizer, WORDS, "last").keep(np.empty(0, np.int64))):
        assert (len(tokens), tokens.ids.tolist(), tokens.bounds.tolist()) == (0, [], [0])
        assert check_context([], tokens, 4, "error").tolist() == []


def test_a_nul_is_a_character_like_others(tokenizer_of: Callable[..., Any]) -> None:
    for kind in ("wordpiece", "byte_level", "metaspace", "llama", "characters"):
        tokens = _read(tokenizer_of(kind, specials=True), [("e", "cat\0 x", 4, 6)], "span")
        assert tokens.last[0] == tokens.lengths[0] - 2


def test_a_tokenizer_without_offsets_is_refused() -> None:
    with pytest.raises(PipelineError, match=r"ByT5Tokenizer gives no character offsets.*tokenizer\.json"):
        tokenize(ByT5Tokenizer(), ["e"], ["cat"], [(0, 3)], "last")


def test_an_unknown_readout_is_refused(tokenizer_of: Callable[..., Any]) -> None:
    with pytest.raises(PipelineError, match="readout: 'middle' is not one of last, first, span, mean"):
        tokenize(tokenizer_of("wordpiece", specials=True), ["e"], ["cat"], [(0, 3)], "middle")


def test_rows_whose_span_no_token_touches_are_named(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=True)  # it drops blanks
    rows = [f"e{i}" for i in range(8)]
    lost = [(3, 4)] * 6
    tokenize(tokenizer, rows[:2], ["the cat"] * 2, [(0, 3), (4, 7)], "span")
    with pytest.raises(
        PipelineError, match=r"^6 examples have a span .*, first e1, e2, e3, e4, e5; the tokenizer drops"
    ):
        tokenize(tokenizer, rows, ["the cat"] * 8, [(0, 3), *lost, (4, 7)], "span")


@pytest.mark.parametrize(("start", "end"), [(3, 3), (4, 3), (0, 8), (-1, 3), (7, 8)])
def test_spans_that_are_empty_or_leave_their_text_are_named(
    start: int, end: int, tokenizer_of: Callable[..., Any]
) -> None:
    rows = [("e0", "the cat", 0, 7), *((f"e{i}", "the cat", start, end) for i in range(1, 8))]
    with pytest.raises(
        PipelineError,
        match=rf"^7 examples have a span that is empty or leaves its text, first e1 \({start}-{end} of 7\), "
        r"e2 .*, e5 [^,]*; start counts characters from 0",
    ):
        _read(tokenizer_of("wordpiece", specials=True), rows, "span")


@pytest.mark.parametrize("half", ["\ud83d", "\ude00", "\ude00\ud83d"])
def test_texts_that_are_not_unicode_are_named(half: str, tokenizer_of: Callable[..., Any]) -> None:
    rows = [("e0", "x😀", 0, 1), ("e1", f"x{half}", 0, 1), ("e2", half, 0, 1)]
    with pytest.raises(PipelineError, match=r"^2 examples have a text that is not valid Unicode, first e1, e2; it"):
        _read(tokenizer_of("byte_level", specials=True), rows, "span")


def test_find_tokens_marks_the_spans_that_no_token_touches(tokenizer_of: Callable[..., Any]) -> None:
    tokenizer = tokenizer_of("wordpiece", specials=True)  # it drops blanks
    tokens = find_tokens(tokenizer, ["a", "b"], ["the cat"] * 2, [(3, 4), (3, 5)], "mean")
    assert (tokens.first.tolist(), tokens.last.tolist()) == ([-1, 2], [-1, 2])


def test_tokens_that_touch_share_a_character() -> None:
    offsets = np.array([(0, 0), (0, 3), (3, 5), (4, 4), (6, 9), (0, 0)])  # specials at both ends, an empty token at 3
    assert tokens_touching(offsets, 0, 3) == (1, 1)
    assert tokens_touching(offsets, 2, 4) == (1, 2)
    assert tokens_touching(offsets, 3, 5) == (2, 2)
    assert tokens_touching(offsets, 0, 9) == (1, 4)
    assert tokens_touching(offsets, 5, 6) is None
    assert tokens_touching(offsets, 9, 10) is None


def _tokens(lengths: list[int]) -> TokenizedTexts:
    ids = np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])
    ends = np.array(lengths) - 1
    return TokenizedTexts(ids, np.cumsum([0, *lengths]), np.arange(len(lengths)), ends, ends)


def test_texts_longer_than_the_context_are_named_with_their_length() -> None:
    rows = [f"e{i}" for i in range(9)]
    message = (
        r"^7 of 9 texts have more tokens than the model's context of 4, first "
        r"e1 \(5\), e2 \(6\), e3 \(7\), e4 \(8\), e5 \(9\); shorten them, or write `too_long: drop`"
    )
    with pytest.raises(PipelineError, match=message):
        check_context(rows, _tokens([4, 5, 6, 7, 8, 9, 10, 11, 3]), 4, "error")


@pytest.mark.parametrize("too_long", ["error", "drop"])
@pytest.mark.parametrize("context", [7, 8, None])
def test_all_rows_are_kept_where_they_fit(too_long: str, context: int | None) -> None:
    assert check_context(["a", "b"], _tokens([7, 2]), context, too_long).tolist() == [0, 1]


def test_texts_too_long_are_counted_by_examples() -> None:
    tokens = TokenizedTexts(
        np.arange(5, dtype=np.int32), np.array([0, 2, 5]), np.array([1, 0, 1]), *np.zeros((2, 3), int)
    )
    with pytest.raises(PipelineError, match=r"^2 of 3 texts .*, first a \(3\), c \(3\);"):
        check_context(list("abc"), tokens, 2, "error")


def test_drop_keeps_the_rest_and_refuses_to_keep_nothing() -> None:
    tokens = _tokens([5, 4, 6, 1])
    kept = check_context(list("abcd"), tokens, 4, "drop")
    assert kept.tolist() == [1, 3]
    left = tokens.keep(kept)
    assert left.lengths.tolist() == [4, 1]
    assert (left.first.tolist(), left.last.tolist()) == ([3, 0], [3, 0])
    with pytest.raises(PipelineError, match=r"^4 of 4 texts .* context of 0"):
        check_context(list("abcd"), tokens, 0, "drop")


def test_an_unknown_rule_for_long_texts_is_refused() -> None:
    with pytest.raises(PipelineError, match="too_long: 'truncate' is not one of error, drop"):
        check_context(["a"], _tokens([1]), 4, "truncate")
