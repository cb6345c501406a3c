import codecs
import re

import pytest

from data.errors import DataError
from data.readers.text import decode


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("é\n".encode(), None),
        ("é\n".encode("utf-8-sig"), None),
        ("é\n".encode("utf-8-sig"), "utf-8"),
        ("é\n".encode("utf-8-sig"), "UTF-8-SIG"),
        ("é\n".encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + "é\n".encode("utf-16-be"), "utf-16"),
        (codecs.BOM_UTF16_LE + "é\n".encode("utf-16-le"), "utf-16-le"),
        ("é\n".encode("utf-32"), "utf_32"),
        ("é\n".encode("cp1252"), "windows-1252"),
        ("é\n".encode("mac-roman"), "mac-roman"),
    ],
)
def test_marks_are_taken_off_and_codecs_used(content: bytes, encoding: str | None) -> None:
    assert decode("x", content, encoding) == "é\n"


def test_nothing_is_changed_but_the_mark() -> None:
    text = "a\r\nb\rc\x85d\u2028e\ufefff "
    assert decode("x", text.encode(), None) == text
    assert decode("x", b"", None) == ""
    assert decode("x", b"a\x85b", "iso-8859-1") == "a\x85b"


@pytest.mark.parametrize("name", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_a_wide_mark_is_named_where_nothing_is_declared(name: str, order: str) -> None:
    content = {"le": "\ufeffé", "be": "\ufeffé"}[order].encode(f"{name}-{order}")
    with pytest.raises(DataError, match=f"x: line 1 .*it begins as {name} does: put `encoding: {name}` into the spec"):
        decode("x", content, None)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"a\nb\xe9c", None, r"^x: line 2 is not UTF-8 \(byte 0xe9: invalid continuation byte\); windows-1252 would "
         "read it as 'é': put `encoding: windows-1252` into the spec if that is right, or save the file as UTF-8$"),
        (b"a\n\x81", None, "line 2 is not UTF-8 .byte 0x81.*; iso-8859-1 would read it as '.x81': put"),
        (b"a\xff", "ascii", "x: line 1 is not ascii .byte 0xff"),
        (b"abc", "utf-16", "x: line 1 is not utf-16 .byte 0x63: truncated data"),
        (b"a\xc3", None, "line 1 is not UTF-8 .byte 0xc3: unexpected end of data"),
        (b"a\nb\0c", None, "^x: line 2 has a NUL character; is it a text file[?]$"),
        ("ab\n".encode("utf-16-le"), None, "NUL character; .* it looks like utf-16-le: put `encoding: utf-16-le`"),
        ("ab\n".encode("utf-16-be"), None, "NUL character; .* it looks like utf-16-be: put `encoding: utf-16-be`"),
        (b"\x1f\x8b\x08\0", None, "x: line 1 is not UTF-8 .*it begins as a gzip file does: unpack or convert it"),
        (b"PK\x03\x04\0", None, "x: line 1 has a NUL .*it begins as a zip .or xlsx. file does"),
        (b"\xef\xbb\xbfa", "latin-1", "x: begins with the mark of UTF-8, but `encoding:` is 'latin-1'; take that key"),
        (b"a", "latn-1", "x: encoding: there is no 'latn-1'; common ones are utf-8, .*; did you mean 'latin"),
        (b"a", "no\0thing", "x: encoding: there is no"),
        (b"a", "", "x: encoding: there is no ''"),
    ],
)  # fmt: skip
def test_what_cannot_be_decoded_is_refused(content: bytes, encoding: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decode("x", content, encoding)


@pytest.mark.parametrize(
    "name", ["zip", "rot13", "base64", "hex", "bz2", "idna", "punycode", "unicode_escape", "undefined"]
)
def test_codecs_that_are_no_encodings_of_files_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"x: encoding: {name!r} is no encoding of text files; common ones")):
        decode("x", b"a", name)
