"""The messages in docs/troubleshooting.md are those of the code."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs import pages

PAGE = pages.read(pages.ROOT / "docs/troubleshooting.md")
OTHERS = ("DVC", "Set-up")  # what DVC, the shell and make say
GAP = "\0"


def told() -> list[str]:
    """Return the messages of the page: the first cell of each row, if it is code."""
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    ours = [section for section in sections if section.splitlines()[0] not in OTHERS]
    return [message for section in ours for message in re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)]


def texts(path: Path) -> list[str]:
    """Return every string of a module, a gap where a value is put in."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else GAP for part in node.values]
            found.append("".join(map(str, parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


TEXTS = [
    " ".join(text.split()).replace("`", "'")
    for package in ("pipeline", "data", "probes")
    for path in (pages.ROOT / package).rglob("*.py")
    for text in texts(path)
]


def is_said(message: str) -> bool:
    """Return whether some string of the code is the message, or has it in it."""
    pattern = ".{0,200}?".join(re.escape(part.strip()) for part in message.split("…"))
    return any(re.search(pattern, text) for text in TEXTS)


@pytest.mark.parametrize("message", told())
def test_a_message_is_one_of_the_code(message):
    assert is_said(message)


def test_one_that_is_not_is_found_out():
    assert not is_said("the moon is … full")
    assert len(told()) > 30


def test_what_make_says_is_in_the_makefile():
    assert "Head Atlas needs Python 3.11 or newer, this is" in (pages.ROOT / "Makefile").read_text(encoding="utf-8")
