"""The token that is read spells the last character of the span, whatever the tokenizer does to text and offsets.

Where that token lies is told from how the tokens spell the text, counted in symbols, and never from offsets.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from pipeline.align import tokenize
from pipeline.checkpoint import Checkpoint
from pipeline.errors import PipelineError
from pipeline.models import load_tokenizer

TEMPLATES = ("$A", "[CLS] $A", "$A [SEP]", "[CLS] $A [SEP]")
SIDES = ("left", "right")
READOUTS = ("last", "span", "mean")


@dataclass(frozen=True)
class Spelling:
    """How the tokens of one kind of tokenizer spell a text.

    Attributes:
        parts: What texts are made of: letters, pieces that merge, characters of several bytes, blanks.
        symbols: What is left of the beginning of a text, symbol by symbol.
        size: Symbols of one token.
        mark: Whether a word mark is put in front of a text.
        trims: Whether blanks belong to no token.
    """

    parts: tuple[str, ...]
    symbols: Callable[[str], str | bytes]
    size: Callable[[str], int] = len
    mark: Callable[[str], bool] = lambda _text: False
    trims: bool = False


def _without_blanks(text: str) -> str:
    return text.replace(" ", "")


def _bert_symbols(text: str) -> str:
    plain = "".join(letter for letter in unicodedata.normalize("NFD", text) if unicodedata.category(letter) != "Mn")
    return re.sub(r"[\s\0]", "", plain).lower()


def _nfkc_symbols(text: str) -> str:
    return re.sub(" {2,}", " ", unicodedata.normalize("NFKC", text))


def _wordpiece_size(token: str) -> int:
    return len(token.removeprefix("##"))


def _llama_size(token: str) -> int:
    return 1 if token.startswith("<0x") else len(token.replace("▁", " ").encode())


def _no_blank_in_front(text: str) -> bool:
    return not text.startswith(" ")


def _always(_text: str) -> bool:
    return True


BYTES = ("cat", " cat", "the", " the", "é", "ß", "漢字", "😀", "x\u0301", "\u3000", "x", "\n", "\0", " ", "  ")
LLAMA = ("cat", " cat", "the", " the", "é", "ß", "漢字", "😀", "e\u0301", "x", "\n", "\0", " ", "  ")
ACCENTS = ("cat", "Cät", "e\u0301\u0302", "ÉTÉ", "İ", "ß", "漢字", "한", "\u0301", "x", "\0", " ", "\t", "\u3000")
WIDTHS = ("cat", " cat", "ｃａｔ", "é", "e\u0301", "x\u0301", "ﬁ", "½", "²", "漢字", "x", " ", "  ")
SPELLINGS = {
    "wordpiece": Spelling(("cat", "cats", "the", "running", "un", "x", " ", "  "), _without_blanks, _wordpiece_size),
    "bert": Spelling(ACCENTS, _bert_symbols, _wordpiece_size),
    "byte_level": Spelling(BYTES, str.encode),
    "byte_level_untrimmed": Spelling(BYTES, str.encode),
    "byte_level_trimmed": Spelling(BYTES, str.encode, trims=True),
    "byte_level_prefix": Spelling(BYTES, str.encode, mark=_no_blank_in_front),
    "byte_level_prefix_untrimmed": Spelling(BYTES, str.encode, mark=_no_blank_in_front),
    "byte_level_prefix_trimmed": Spelling(BYTES, str.encode, mark=_no_blank_in_front, trims=True),
    "metaspace": Spelling(
        ("cat", " cat", " the", "é", "ß", "漢字", "😀", "ing", "x", " ", "  "), str, mark=_no_blank_in_front
    ),
    "nfkc": Spelling(WIDTHS, _nfkc_symbols, mark=_no_blank_in_front),
    "llama": Spelling(LLAMA, str.encode, _llama_size, _no_blank_in_front),
    "llama_legacy": Spelling(LLAMA, str.encode, _llama_size, _always),
    "characters": Spelling(("cat", "é", "ß", "漢字", "😀", "?", " ", "  "), str, lambda _token: 1),
}
Question = tuple[str, tuple[int, int], str]  # text, span, readout
Read = tuple[list[int], int, int]  # ids, first and last token read
Reader = Callable[[Any, str, tuple[int, int], str], Read | None]


def by_align(tokenizer: Any, text: str, span: tuple[int, int], readout: str) -> Read | None:
    """What the pipeline reads, or None where it refuses the span."""
    try:
        tokens = tokenize(tokenizer, ["e"], [text], [span], readout)
    except PipelineError as error:
        assert str(error).startswith("1 examples have a span that no token touches, first e; ")
        return None
    return tokens.ids_of(0).tolist(), int(tokens.first[0]), int(tokens.last[0])


def expected(kind: str, own: list[str], text: str, span: tuple[int, int]) -> tuple[int, int] | None:
    """First and last of the text's own tokens that spell the span, or None where nothing of it is spelled."""
    spelling, (start, end) = SPELLINGS[kind], span
    if spelling.trims:
        start, end = end - len(text[start:end].lstrip(" ")), start + len(text[start:end].rstrip(" "))
    before, reached = (len(spelling.symbols(text[:place])) for place in (start, end))
    if start >= end or before == reached:
        return None
    mark = spelling.mark(text)
    first = 1 if start == 0 and not spelling.trims else mark + before + 1  # the mark belongs to what it is put before
    ends = list(accumulate(spelling.size(token) for token in own))
    return next(i for i, n in enumerate(ends) if n >= first), next(i for i, n in enumerate(ends) if n >= mark + reached)


def check(kind: str, template: str, strings: list[str], question: Question, found: tuple[int, int] | None) -> None:
    """Compare the first and last token read with those that spell the span."""
    text, span, readout = question
    spelling = SPELLINGS[kind]
    front, back = ["[CLS]"] * template.startswith("[CLS]"), ["[SEP]"] * template.endswith("[SEP]")
    own = strings[len(front) : len(strings) - len(back)]
    assert strings == [*front, *own, *back]
    assert sum(map(spelling.size, own)) == spelling.mark(text) + len(spelling.symbols(text))  # nothing cut or filled up
    answer = expected(kind, own, text, span)
    if answer is None:
        assert found is None
    else:
        first, last = (len(front) + place for place in answer)
        assert found == {"mean": (first, last), "first": (0, 0)}.get(readout, (last, last))


@st.composite
def questions(draw: st.DrawFn, kind: str) -> Question:
    """A text, a span in it, and a readout."""
    text = "".join(draw(st.lists(st.sampled_from(SPELLINGS[kind].parts), min_size=1, max_size=8)))
    readout = draw(st.sampled_from(READOUTS))
    start, end = 0, len(text)
    if readout != "last":
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
    if kind == "nfkc":  # which blank of a run is kept is the tokenizer's choice
        start, end = end - len(text[start:end].lstrip()), start + len(text[start:end].rstrip())
        assume(start < end)
    return text, (start, end), readout


def carry(tokenizer: Any, side: str) -> None:
    """Give a tokenizer what a tokenizer.json may come with: it cuts and fills up by itself, on one side."""
    tokenizer.padding_side = tokenizer.truncation_side = side
    tokenizer.backend_tokenizer.enable_truncation(3, direction=side)
    tokenizer.backend_tokenizer.enable_padding(length=12, direction=side)


def ask(read: Reader, kind: str, tokenizer_of: Callable[..., Any], data: st.DataObject) -> None:
    """Draw a tokenizer's dress, a text, a span and a readout, and check what is read."""
    template = data.draw(st.sampled_from(TEMPLATES))
    tokenizer = tokenizer_of(kind, specials=template)
    question = data.draw(questions(kind))
    carry(tokenizer, data.draw(st.sampled_from(SIDES)))
    found = read(tokenizer, *question)
    ids = found[0] if found else tokenizer(question[0])["input_ids"]
    check(kind, template, tokenizer.convert_ids_to_tokens(ids), question, found[1:] if found else None)


@pytest.mark.parametrize("kind", SPELLINGS)
@given(data=st.data())
@settings(max_examples=150)
def test_the_token_read_spells_the_end_of_the_span(
    kind: str, tokenizer_of: Callable[..., Any], data: st.DataObject
) -> None:
    ask(by_align, kind, tokenizer_of, data)


def by_the_last_id(tokenizer: Any, text: str, span: tuple[int, int], readout: str) -> Read:
    """Wrong: reads what was put behind the text."""
    ids = tokenizer(text)["input_ids"]
    return ids, len(ids) - 1, len(ids) - 1


def by_the_text_alone(tokenizer: Any, text: str, span: tuple[int, int], readout: str) -> Read | None:
    """Wrong: forgets what was put in front of the text."""
    found = by_align(tokenizer, text, span, readout)
    alone = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]
    touching = [i for i, (left, right) in enumerate(alone) if left < span[1] and right > span[0]]
    return found and (found[0], touching[0] if readout == "mean" else touching[-1], touching[-1])


def by_character(tokenizer: Any, text: str, span: tuple[int, int], readout: str) -> Read | None:
    """Wrong: reads the first token of a character of several."""
    found, encoded = by_align(tokenizer, text, span, readout), tokenizer(text)
    last = encoded.char_to_token(span[1] - 1)
    return found and (found[0], encoded.char_to_token(span[0]) if readout == "mean" else last, last)


def by_the_next_character(tokenizer: Any, text: str, span: tuple[int, int], readout: str) -> Read | None:
    """Wrong: takes the end of the span for a part of it."""
    return by_align(tokenizer, text, (span[0], min(span[1] + 1, len(text))), readout)


def by_everything(tokenizer: Any, text: str, span: tuple[int, int], readout: str) -> Read | None:
    """Wrong: begins the mean with what was put in front of the text."""
    found = by_align(tokenizer, text, span, readout)
    return found and (found[0], 0 if readout == "mean" and span[0] == 0 else found[1], found[2])


def by_cut_texts(tokenizer: Any, text: str, span: tuple[int, int], readout: str) -> Read | None:
    """Wrong: cuts texts where the tokenizer's own settings say so."""
    found, cut = by_align(tokenizer, text, span, readout), tokenizer(text, truncation=True, max_length=3)["input_ids"]
    return found and (cut, found[1], found[2])


@pytest.mark.parametrize(
    "wrong", [by_the_last_id, by_the_text_alone, by_character, by_the_next_character, by_everything, by_cut_texts]
)
def test_a_wrong_reading_is_caught(wrong: Reader, tokenizer_of: Callable[..., Any]) -> None:
    @given(data=st.data())
    @settings(max_examples=150, phases=[Phase.generate])
    def compare(data: st.DataObject) -> None:
        ask(wrong, "byte_level", tokenizer_of, data)

    with pytest.raises(AssertionError):
        compare()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kind", ["bert", "byte_level_prefix_trimmed", "nfkc", "llama"])
def test_settings_saved_with_a_tokenizer_change_nothing(
    kind: str, side: str, tokenizer_of: Callable[..., Any], tmp_path: Path
) -> None:
    tokenizer = tokenizer_of(kind, specials=True)
    carry(tokenizer, side)
    tokenizer.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert (saved["truncation"]["max_length"], saved["padding"]["strategy"]) == (3, {"Fixed": 12})
    loaded = load_tokenizer(Checkpoint(tmp_path, "saved", None, ""))
    texts, spans = ["the cat the cat xx", "cat"], [(8, 15), (0, 3)]
    tokens = tokenize(loaded, ["a", "b"], texts, spans, "span")
    for row, (text, span) in enumerate(zip(texts, spans, strict=True)):
        strings = loaded.convert_ids_to_tokens(tokens.ids_of(row))
        check(kind, TEMPLATES[-1], strings, (text, span, "span"), (tokens.first[row], tokens.last[row]))
