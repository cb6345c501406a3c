"""The pages of the documentation, and what is in them: headings, links, blocks of code, commands."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CHANGELOG.md"]
GUIDES = [page for page in PAGES if page.name != "CHANGELOG.md"]  # a changelog tells of commands as they were
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
GROUPS = ("dvc metrics", "dvc plots", "dvc exp")  # names of several commands, and none themselves
STARTS = ("python", "dvc", "make", "torchrun", "srun", "pip", "git", "cp", "source", "cd")


def name(page: Path) -> str:
    """Return the path of a page from the top folder, for the ids of tests."""
    return page.relative_to(ROOT).as_posix()


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, without the indentation of the list they stand in."""
    found = [(len(indent), body) for indent, named, body in FENCE.findall(text) if named == language]
    return ["".join(line[indent:] or "\n" for line in body.splitlines(keepends=True)) for indent, body in found]


def prose(text: str) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", text)


def anchors(text: str) -> list[str]:
    """Return the anchors that GitHub gives to the headings of a page, in their order."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return found


def links(text: str) -> list[str]:
    """Return the targets of links and pictures; what is in code is none."""
    return re.findall(r"\]\(([^()\s]+(?:\([^()\s]*\))?)\)", re.sub(r"`[^`\n]*`", "", prose(text)))


def inline_code(text: str) -> list[str]:
    """Return what stands between single backticks, line ends as blanks."""
    return [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(text))]


def commands(text: str) -> list[str]:
    """Return the commands of a page, one a line of its `sh` blocks or as inline code, without comments."""
    shell = "".join(blocks(text, "sh")).replace("\\\n", " ").splitlines()
    found = [" ".join(shlex.split(line, comments=True, posix=False)) for line in shell]
    inline = [code for code in inline_code(text) if " " in code and code not in GROUPS and _is_command(code)]
    return sorted({command for command in [*found, *inline] if command})


def _is_command(code: str) -> bool:
    words = code.split()
    while words and re.fullmatch(r"[A-Z_]+=\S+", words[0]):
        words = words[1:]
    return bool(words) and words[0] in STARTS
