"""Bytes of a file to text, by the encoding that is declared; nothing is guessed and nothing replaced."""

import codecs
import re
from encodings.aliases import aliases

from data.errors import DataError, nearest

LINE_END = re.compile("\r\n|\n|\r")  # not what splitlines takes, which texts hold, such as U+0085 and the form feed
# The longer marks first: UTF-32 LE begins as UTF-16 LE does.
MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
         codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
COMMON = ("windows-1252", "iso-8859-1", "utf-16")
# Python calls these text encodings, but they are ways to write names and literals, and no file is kept in them.
NO_FILES = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined")
PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip (or xlsx)", b"BZh": "bzip2", b"\xfd7zXZ": "xz",
          b"\x28\xb5\x2f\xfd": "zstandard", b"PAR1": "parquet", b"ARROW1": "Arrow", b"\x89HDF": "HDF5",
          b"SQLite format 3": "SQLite", b"%PDF": "PDF"}  # fmt: skip


def decode(place: str, content: bytes, encoding: str | None) -> str:
    r"""Return the text of a file.

    Args:
        place: File, for messages.
        content: Its bytes.
        encoding: A codec of Python such as `iso-8859-1`; None is UTF-8, with a byte order mark or without.

    Raises:
        DataError: If there is no such encoding, a byte does not fit it, or the file is no text.

    Example:
        >>> decode("x.csv", b"caf\xe9", "iso-8859-1")
        'café'
    """
    codec = "utf-8" if encoding is None else _codec(place, encoding)
    if content.startswith(codecs.BOM_UTF8) and not codec.startswith("utf-8"):
        raise DataError(f"{place}: begins with the mark of UTF-8, but `encoding:` is {encoding!r}; take that key out")
    try:
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        raise DataError(_told(place, content, encoding or "UTF-8", error)) from None
    except UnicodeError as error:  # a UTF-16 file that ends in half a character, for one
        raise DataError(f"{place}: is not {encoding}: {error}; {_way_out(content, 0)}") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(f"{place}: line {line} has a NUL character; is it a text file? {_unmarked(content)}".rstrip())
    return text.removeprefix("\ufeff")


def _codec(place: str, name: str) -> str:
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):  # ValueError: characters that no name has
        close = nearest(name, [*COMMON, *aliases])
        raise DataError(
            f"{place}: encoding: there is no {name!r}; common ones are utf-8, {', '.join(COMMON)}{close}"
        ) from None
    if not info._is_text_encoding or info.name in NO_FILES:  # no public name for it: base64, zip, rot13 and the like
        raise DataError(
            f"{place}: encoding: {name!r} is no encoding of text files; common ones are utf-8, {', '.join(COMMON)}"
        )
    return info.name


def _told(place: str, content: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    line = content.count(b"\n", 0, error.start) + 1
    byte = f"byte 0x{content[error.start]:02x}" if error.start < len(content) else "its end"
    return f"{place}: line {line} is not {encoding} ({byte}: {error.reason}); {_way_out(content, error.start)}"


def _way_out(content: bytes, at: int) -> str:
    known = _marked(content)
    if known:
        return known
    # ISO-8859-1 reads any bytes, so it comes second; the character is shown because only a person can tell.
    one = "windows-1252" if _fits(content, "windows-1252") else "iso-8859-1"
    shown = content[at : at + 1].decode(one)
    return (
        f"{one} would read it as {shown!r}: put `encoding: {one}` into the spec if that is right, or save the file as "
        "UTF-8"
    )


def _fits(content: bytes, codec: str) -> bool:
    try:
        content.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _marked(content: bytes) -> str:
    """Return what the first bytes say about the file, or nothing."""
    for mark, name in MARKS.items():
        if content.startswith(mark):
            return f"it begins as {name} does: put `encoding: {name}` into the spec"
    for mark, name in PACKED.items():
        if content.startswith(mark):
            return f"it begins as a {name} file does: unpack or convert it, or set `format:`"
    return ""


def _unmarked(content: bytes) -> str:
    """Return what marks or the places of the NUL bytes say, or nothing."""
    half = len(content) / 2
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if content[offset::2].count(0) > 0.6 * half:
            return _marked(content) or f"it looks like {name}: put `encoding: {name}` into the spec"
    return _marked(content)
