"""CITATION.cff against what the Citation File Format 1.2.0 requires of the keys it uses."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
REQUIRED = {"cff-version", "message", "title", "authors"}
TEXTS = {"message", "title", "abstract", "version", "license"}
KEYS = REQUIRED | TEXTS | {"type", "date-released", "keywords", "references"}
PERSON = {"family-names", "given-names", "name-particle", "name-suffix", "orcid", "affiliation", "email", "alias"}
ENTITY = {"name", "date-start", "date-end", "email", "website", "orcid", "location", "alias"}
REFERENCE = {"type", "title", "authors", "year", "url", "doi", "journal"}


def problems(content: Any) -> list[str]:
    """Return what is wrong with a citation file."""
    found = [f"lacks {key}" for key in sorted(REQUIRED - set(content))]
    found += [f"unknown key {key}" for key in sorted(set(content) - KEYS)]
    found += [f"{key} is no text" for key in sorted(TEXTS & set(content)) if not filled(content[key])]
    found += [f"cff-version {content.get('cff-version')}"] if content.get("cff-version") != "1.2.0" else []
    found += [f"type {content['type']}"] if content.get("type", "software") not in ("software", "dataset") else []
    found += [f"author {author}" for author in content.get("authors") or ["none"] if not is_author(author)]
    released = str(content.get("date-released", "2000-01-01"))
    found += [] if re.fullmatch(r"\d{4}-\d\d-\d\d", released) else [f"date-released {released}"]
    words = content.get("keywords", ["x"])
    found += [] if words and all(map(filled, words)) and len(set(words)) == len(words) else [f"keywords {words}"]
    return found + [f"reference {entry}" for entry in content.get("references", []) if not is_reference(entry)]


def filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_author(author: Any) -> bool:
    """Return whether an author is an entity, which has a name, or a person, who has parts of one."""
    if not isinstance(author, dict) or not all(map(filled, author.values())):
        return False
    return (set(author) <= ENTITY and "name" in author) or (bool(author) and set(author) <= PERSON)


def is_reference(entry: Any) -> bool:
    return (
        {"type", "title", "authors"} <= set(entry) <= REFERENCE
        and all(map(is_author, entry["authors"]))
        and isinstance(entry.get("year", 0), int)
        and str(entry.get("url", "https://x")).startswith("https://")
    )


def citation() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return content


def test_the_citation_file_is_valid() -> None:
    assert problems(citation()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"message": None}, "message is no text"),
        ({"cff-version": "1.0"}, "cff-version 1.0"),
        ({"type": "code"}, "type code"),
        ({"authors": []}, "author none"),
        ({"authors": [{"given": "X"}]}, "author {'given': 'X'}"),
        ({"date-released": "today"}, "date-released today"),
        ({"keywords": ["a", "a"]}, "keywords ['a', 'a']"),
        ({"licence": "MIT"}, "unknown key licence"),
        ({"references": [{"type": "article", "title": "T"}]}, "reference {'type': 'article', 'title': 'T'}"),
    ],
)
def test_a_wrong_one_is_told(change: dict[str, Any], problem: str) -> None:
    assert problems(citation() | change) == [problem]


def test_it_agrees_with_the_package() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (citation()["version"], citation()["license"]) == (package["version"], package["license"])
