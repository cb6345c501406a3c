r"""Every link of the documentation leads somewhere.

Nothing here uses a network. To try the links to the web by hand:

    python -c "from tests.docs.test_links import WEB; print(*WEB)" | xargs -n1 curl -sILo /dev/null -w '%{http_code}\n'
"""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs import pages

WEB = {
    "https://arxiv.org/abs/2409.03752",
    "https://dvc.org",
    "https://github.com/heartcored98/transformer_anatomy",
    "https://keepachangelog.com",
    "https://semver.org",
    "https://www.researchobject.org/ro-crate/",
}
EACH = pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)


def broken(page: Path, text: str) -> list[str]:
    """Return the links of a page into the project that lead to no file or no heading."""
    return [link for link in pages.links(text) if not link.startswith("https:") and not _leads(page, text, link)]


def _leads(page: Path, text: str, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_relative_to(pages.ROOT) or not target.exists():
        return False
    return not anchor or anchor in pages.anchors(pages.read(target) if path else text)


@EACH
def test_every_link_into_the_project_leads_to_a_file_and_a_heading(page):
    assert broken(page, pages.read(page)) == []


@pytest.mark.parametrize(
    "link", ["no_such.md", "README.md#no-such-heading", "#no-such-heading", "../outside.md", "http://x.org"]
)
def test_a_link_that_leads_nowhere_is_found(link):
    assert broken(pages.ROOT / "README.md", f"# Top\n\n[a](README.md) [b](#top) [c]({link})\n") == [link]


@EACH
def test_every_link_to_the_web_is_a_well_formed_one_that_is_known(page):
    found = [link for link in pages.links(pages.read(page)) if "://" in link]
    assert [link for link in found if link not in WEB] == []
    assert [link for link in found if urlsplit(link).scheme != "https" or not urlsplit(link).hostname] == []


def test_no_known_link_is_left_over():
    assert {link for page in pages.PAGES for link in pages.links(pages.read(page)) if "://" in link} == WEB


def test_the_table_of_contents_of_a_page_lists_its_sections_in_their_order():
    for name in ("method", "faq"):
        text = pages.read(pages.ROOT / f"docs/{name}.md")
        listed = re.findall(r"^- \[(.+?)]\(#(.+?)\)$", text, re.MULTILINE)
        assert [anchor for _, anchor in listed] == pages.anchors(text)[1:]
        assert [title for title, _ in listed] == re.findall(r"^## (.+)$", text, re.MULTILINE)


def test_every_page_is_listed_where_the_documentation_begins():
    listed = {link.partition("#")[0] for link in pages.links(pages.read(pages.ROOT / "docs/README.md"))}
    there = {page.name for page in (pages.ROOT / "docs").glob("*.md")} - {"README.md"}
    assert there <= listed
    reachable = {link.partition("#")[0] for link in pages.links(pages.read(pages.ROOT / "README.md"))}
    assert {f"docs/{page}" for page in there} <= reachable


def test_pictures_have_a_text_for_who_cannot_see_them():
    for page in pages.PAGES:
        assert [alt for alt in re.findall(r"!\[(.*?)]\(", pages.read(page)) if len(alt.split()) < 3] == []


DATA = tuple(f"data/{made}/" for made in ("examples", "activations", "unfinished", "raw", "public"))
MADE = (".dvc/cache", "results/", *DATA)
TOPS = ("pipeline/", "probes/", "data/", "docs/", "examples/", "tests/", "benchmarks/", "published/", ".dvc/", ".ci/")


@EACH
def test_every_file_of_the_project_that_is_named_is_there(page):
    codes = [
        code for code in pages.inline_code(pages.read(page)) if code.startswith(TOPS) and not code.startswith(MADE)
    ]
    paths = [code for code in codes if re.fullmatch(r"[\w./-]+", code) and "NAME" not in code]
    asked = {"data/specs/reviews.yaml", "data/specs/senteval_past_present_pad.yaml"}  # which a reader writes
    assert [path for path in paths if path not in asked and not (pages.ROOT / path).exists()] == []
