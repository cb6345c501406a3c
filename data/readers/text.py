"""Bytes of a file to text, by the encoding that is declared; nothing is guessed and nothing replaced."""

import codecs

from data.errors import DataError

MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
         codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip  # the longer ones first: UTF-32 LE begins as UTF-16 LE does
COMMON = ("windows-1252", "iso-8859-1", "utf-16")


def decode(place: str, content: bytes, encoding: str | None) -> str:
    r"""Return the text of a file.

    Args:
        place: File, for messages.
        content: Its bytes.
        encoding: A codec of Python such as `iso-8859-1`; None is UTF-8, with a byte order mark or without.

    Raises:
        DataError: If there is no such encoding, or a byte does not fit it.

    Example:
        >>> decode("x.csv", b"caf\xe9", "iso-8859-1")
        'café'
    """
    codec = "utf-8" if encoding is None else _codec(place, encoding)
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        raise DataError(_told(place, content, encoding or "UTF-8", error)) from None
    except UnicodeError as error:  # some codecs, such as idna, do not say where
        raise DataError(f"{place}: is not {encoding}: {error}; is another encoding meant?") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{place}: line {line} has a NUL character; is it a text file? {_mark(content)}".rstrip())
    return text.removeprefix("\ufeff")


def _codec(place: str, name: str) -> str:
    try:
        info = codecs.lookup(name)
        if not info._is_text_encoding:  # no public name; base64, zip and the like
            raise LookupError
    except (LookupError, ValueError):
        raise DataError(
            f"{place}: encoding: there is no {name!r}; common ones are utf-8, {', '.join(COMMON)}"
        ) from None
    return info.name


def _told(place: str, content: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    byte = f"byte 0x{content[error.start]:02x}" if error.start < len(content) else "its end"
    hint = _mark(content) or "put its encoding into the spec, such as `encoding: windows-1252`, or save it as UTF-8"
    return f"{place}: line {line} is not {encoding} ({byte}: {error.reason}); {hint}"


def _mark(content: bytes) -> str:
    for mark, name in MARKS.items():
        if content.startswith(mark):
            return f"it begins as {name} does: put `encoding: {name}` into the spec"
    return ""
