"""What a screen reader and a keyboard need: names, headings in order, unique ids, targets that exist."""

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit

OPEN_ALL = "document.querySelectorAll('details').forEach((part) => { part.open = true; })"
HEADINGS = """[...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .filter((each) => each.checkVisibility() && !each.closest("[aria-hidden=true]"))
  .map((each) => [Number(each.tagName[1]), each.textContent.trim()])"""
REFERRING = ("aria-labelledby", "aria-describedby", "aria-controls", "aria-owns", "for", "headers")
REFERENCES = """(names) => [...document.querySelectorAll("*")].flatMap((each) => names.flatMap((name) =>
  (each.getAttribute(name) ?? "").split(" ").filter(Boolean)
    .map((id) => [name, id, Boolean(document.getElementById(id))])))"""


def whole_tree(page: Page) -> list[dict[str, Any]]:
    """Return the nodes that a screen reader is told of, with role, name and properties."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", "").strip(),
            **{entry["name"]: entry["value"].get("value") for entry in node.get("properties", [])},
        }
        for node in nodes
        if not node["ignored"]
    ]


def without_name(page: Page) -> list[dict[str, Any]]:
    nodes = [node for node in whole_tree(page) if node["role"] != "main"]  # where the skip link leads
    return [node for node in nodes if node.get("focusable") and not node["name"]]


@pytest.fixture
def page(visit: Callable[..., Visit], two_models: Path) -> Page:
    """The page of two models, which has every control, with all that folds open."""
    opened = visit(two_models).page
    opened.evaluate(OPEN_ALL)
    return opened


def test_whatever_takes_the_focus_has_a_name(page: Page) -> None:
    tree = whole_tree(page)
    assert sum(bool(node.get("focusable")) for node in tree) > 40
    assert without_name(page) == []


@pytest.mark.parametrize("tag", ["button", "input", "select"])
def test_a_control_without_a_name_is_seen(page: Page, tag: str) -> None:
    before = len(without_name(page))
    page.evaluate("(tag) => document.querySelector('main').append(document.createElement(tag))", tag)
    assert len(without_name(page)) == before + 1


def test_headings_start_at_one_and_skip_no_level(page: Page) -> None:
    headings = page.evaluate(HEADINGS)
    levels = [level for level, _ in headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert [b for a, b in itertools.pairwise(headings) if b[0] > a[0] + 1] == []
    assert all(text for _, text in headings)


def test_ids_are_unique_and_whatever_is_referred_to_is_there(page: Page) -> None:
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids)) > 10
    references = page.evaluate(REFERENCES, REFERRING)
    assert references
    assert [entry for entry in references if not entry[2]] == []
    links = page.locator("a[href^='#']").evaluate_all(
        "links => links.map((link) => link.getAttribute('href').slice(1))"
    )
    assert links
    assert {link for link in links if "=" not in link} <= set(ids)


def test_language_title_and_landmarks(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.title()
    roles = [node["role"] for node in whole_tree(page)]
    assert [roles.count(role) for role in ("main", "navigation", "banner", "contentinfo")] == [1, 1, 1, 1]


def test_every_table_has_a_caption_and_headings_with_a_scope(page: Page) -> None:
    tables = page.locator("table").evaluate_all(
        """tables => tables.map((table) => [table.caption?.textContent.trim() || table.getAttribute("aria-label") || "",
             table.querySelectorAll("th").length, table.querySelectorAll("th:not([scope])").length])"""
    )
    assert len(tables) > 10
    assert [entry for entry in tables if not entry[0] or not entry[1] or entry[2]] == []


def test_the_map_is_a_grid_of_named_cells(page: Page) -> None:
    tree = whole_tree(page)
    cells = [node for node in tree if node["role"] == "gridcell"]
    assert len(cells) == 12  # those of the model that is not shown are none
    assert all(cell["name"].startswith("L") and "accuracy" in cell["name"] for cell in cells)
    assert [node["name"] for node in tree if node["role"] == "grid"]


def test_what_changes_is_announced(page: Page) -> None:
    expect(page.locator(".taxonomy:visible .shown")).to_have_attribute("role", "status")
    said = page.locator(".atlas:visible [role=status]")
    expect(said).to_have_text("")
    page.locator(".heat:visible td[data-i]").last.click()
    expect(said).to_have_text(re.compile(r"^L\d+H\d+, subject number"))


def test_the_focus_is_seen(page: Page) -> None:
    page.keyboard.press("Tab")
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML.slice(0, 80)")


def test_the_first_stop_of_the_tab_key_leads_past_the_navigation(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the results")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_every_chart_says_in_words_what_it_shows(page: Page) -> None:
    charts = page.locator(".chart:visible")
    assert charts.count() > 2
    for chart in charts.all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_have_attribute("data-drawn", "true")
    nodes = [node for node in whole_tree(page) if node["role"] in ("image", "img", "graphics-document")]
    assert len(nodes) >= charts.count()
    assert all(node["name"] for node in nodes)
