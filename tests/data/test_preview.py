"""One example as a line: what is marked, what is cropped, and what may not reach the terminal."""

import pytest
from rich.text import Text

from data.preview import TOKENS_AROUND, about_reading, marked_text, marked_tokens
from data.reading import Reading, TokensRead


def _numbered(n: int, first: int | None, last: int | None) -> Text:
    return marked_tokens(TokensRead(tuple(map(str, range(n))), first, last))


def _styled(line: Text) -> list[str]:
    return [line.plain[span.start : span.end] for span in line.spans if "reverse" in str(span.style)]


@pytest.mark.parametrize(
    ("n", "first", "last", "shown"),
    [
        (3, 0, 0, "»0«│1│2  position 0 of 3"),
        (3, 2, 2, "0│1│»2«  position 2 of 3"),
        (4, 1, 2, "0│»1│2«│3  positions 1 to 2 of 4"),
        (4, 0, 3, "»0│1│2│3«  positions 0 to 3 of 4"),
        (3, None, None, "0│1│2  no token touches the span, none of 3"),
        (1, 0, 0, "»0«  position 0 of 1"),
    ],
)
def test_the_tokens_read_are_marked(n: int, first: int | None, last: int | None, shown: str) -> None:
    line = _numbered(n, first, last)
    assert line.plain == f"    {shown}"
    inside = range(0) if first is None or last is None else range(first, last + 1)
    assert [text.strip("»«") for text in _styled(line)] == [str(place) for place in inside]


def test_long_texts_are_cropped_around_what_is_read() -> None:
    one = _numbered(1000, 500, 500).plain
    assert one.startswith("    …│488│489│")
    assert "│499│»500«│501│" in one
    assert one.endswith("│511│512│…  position 500 of 1000")
    many = _numbered(1000, 100, 900).plain
    assert many.startswith("    …│88│")
    assert "│99│»100│101│" in many
    assert "│112│…│888│" in many
    assert many.endswith("│900«│901│902│903│904│905│906│907│908│909│910│911│912│…  positions 100 to 900 of 1000")
    lost = _numbered(1000, None, None).plain
    assert lost.startswith("    0│1│")
    assert lost.endswith(f"│{2 * TOKENS_AROUND - 1}│…  no token touches the span, none of 1000")


def test_nothing_of_a_vocabulary_steers_the_terminal() -> None:
    read = TokensRead(("[CLS]", "\x1b[31m", "\n", "[bold]", "\ud800"), 1, 3)
    assert marked_tokens(read).plain == "    [CLS]│» [31m│ │[bold]«│   positions 1 to 3 of 5"
    assert marked_text({"label": "\a", "text": "\x1b[2Jx", "start": 4, "end": 5}).plain == "   :  [2J»x«"


@pytest.mark.parametrize(
    ("context", "n_too_long", "too_long", "shown"),
    [
        (8, 0, "error", "the model reads at most 8 tokens"),
        (None, 0, "drop", "the model reads any number of tokens"),
        (8, 3, "drop", "the model reads at most 8 tokens\n3 examples have more; `too_long: drop` leaves them out"),
        (8, 3, "error", "the model reads at most 8 tokens"),  # the refusal counts them
    ],
)
def test_the_context_is_told(context: int | None, n_too_long: int, too_long: str, shown: str) -> None:
    text = about_reading(Reading(context, n_too_long, (), {}), too_long).plain
    assert text == f"\npositions are counted from 0; {shown}"
