"""One example as a line on the terminal: its text with the span, and its tokens with those that are read."""

from typing import Any

from rich.text import Text

from data.reading import Reading, TokensRead

AROUND = 120  # characters shown on either side of a span
TOKENS_AROUND = 12  # tokens shown on either side of those read


def marked_text(example: dict[str, Any]) -> Text:
    """Return one line: label and text with the span between » and «, cropped around it.

    Args:
        example: `label`, `text`, `start` and `end`.

    Example:
        >>> str(marked_text({"label": "animal", "text": "The cat sat", "start": 4, "end": 7}))
        '  animal: The »cat« sat'
    """
    text, start, end = example["text"], example["start"], example["end"]
    line = Text(f"  {clean(example['label'])}: ", style="cyan")
    line.append(clean(("…" if start > AROUND else "") + text[max(0, start - AROUND) : start]), style="default")
    span = (
        text[start:end] if end - start <= 2 * AROUND else f"{text[start : start + AROUND]} … {text[end - AROUND : end]}"
    )
    line.append(f"»{clean(span)}«", style="bold default")
    line.append(clean(text[end : end + AROUND] + ("…" if len(text) > end + AROUND else "")), style="default")
    return line


def marked_tokens(read: TokensRead) -> Text:
    """Return one line: tokens between bars, those read between » and «, cropped around them, and where they lie.

    Args:
        read: Tokens of an example.

    Example:
        >>> str(marked_tokens(TokensRead(("[CLS]", "the", "cat", "##s", "[SEP]"), 3, 3)))
        '    [CLS]│the│cat│»##s«│[SEP]  position 3 of 5'
    """
    n, previous, parts = len(read.tokens), -1, []
    for place in _places_shown(read):
        parts += [Text("…")] * (place > previous + 1) + [_token(read, place)]
        previous = place
    parts += [Text("…")] * (previous < n - 1)
    return Text("    ").append(Text("│").join(parts)).append(f"  {_where(read)} of {n}", style="cyan")


def about_reading(reading: Reading, too_long: str) -> Text:
    r"""Return what has to be known to read those lines, and how many texts do not fit.

    Args:
        reading: What a model would read.
        too_long: What becomes of longer texts, `error` or `drop`.

    Example:
        >>> str(about_reading(Reading(512, 0, (), {}), "error"))
        '\npositions are counted from 0; the model reads at most 512 tokens'
    """
    limit = "any number of" if reading.context is None else f"at most {reading.context}"
    text = Text(f"\npositions are counted from 0; the model reads {limit} tokens")
    if reading.n_too_long and too_long == "drop":
        text.append(f"\n{reading.n_too_long} examples have more; `too_long: drop` leaves them out", style="yellow")
    return text


def clean(text: str) -> str:
    r"""Return text that may be printed: its escape codes must not reach the terminal.

    Rich's markup needs no care, since Rich parses none in a `Text`.

    Args:
        text: From a dataset or a vocabulary.

    Example:
        >>> clean("a\x1b[31m\n")
        'a [31m '
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _places_shown(read: TokensRead) -> list[int]:
    """Return the tokens around the ends of what is read, or the first ones where nothing is."""
    places = range(len(read.tokens))
    if read.first is None or read.last is None:
        return list(places[: 2 * TOKENS_AROUND])
    ends = (read.first, read.last)
    return [place for place in places if min(abs(place - end) for end in ends) <= TOKENS_AROUND]


def _token(read: TokensRead, place: int) -> Text:
    text = clean(read.tokens[place])
    if read.first is None or read.last is None or not read.first <= place <= read.last:
        return Text(text)
    return Text(f"{'»' * (place == read.first)}{text}{'«' * (place == read.last)}", style="bold reverse")


def _where(read: TokensRead) -> str:
    if read.first is None:
        return "no token touches the span, none"
    return f"position {read.last}" if read.first == read.last else f"positions {read.first} to {read.last}"
