"""The page fits phones and desktops, reads well in light and dark and on paper, and says all without a script."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit

WIDTHS = (320, 390, 768, 1400)
OPEN_ALL = "document.querySelectorAll('details').forEach((part) => { part.open = true; })"
FAINT_WORDS = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")


def width_needed(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_stands_out_at_the_side(
    visit: Callable[..., Visit], two_models: Path, made_up: Path, width: int
) -> None:
    for root in (made_up, two_models):
        page = visit(root, viewport={"width": width, "height": 800}).page
        page.evaluate(OPEN_ALL)
        assert width_needed(page) <= width
        words = page.locator(".heat:visible caption .small")  # a map of few heads is no narrow column of words
        assert words.evaluate("words => words.getBoundingClientRect().height") < (30 if width > 320 else 50)
        page.locator(".heat:visible td[data-i]").last.click()
        assert width_needed(page) <= width


def test_what_stands_out_at_the_side_is_seen(visit: Callable[..., Visit]) -> None:
    page = visit(viewport={"width": 390, "height": 800}).page
    page.locator("h1").evaluate("heading => { heading.style.width = '400px'; }")
    assert width_needed(page) > 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_lies_under_them(visit: Callable[..., Visit], made_up: Path, scheme: str) -> None:
    page = visit(made_up, color_scheme=scheme).page
    page.evaluate(OPEN_ALL)
    assert page.evaluate(FAINT_WORDS) == []


def test_every_colour_of_the_map_carries_its_numbers(visit: Callable[..., Visit]) -> None:
    page = visit(color_scheme="dark").page
    for quantity in ("margin over the skyline", "p-value (over heads)", "AUROC"):
        page.locator(".quantity").select_option(label=quantity)
        assert page.evaluate(FAINT_WORDS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_faint_words_are_seen(visit: Callable[..., Visit], made_up: Path, scheme: str) -> None:
    page = visit(made_up, color_scheme=scheme).page
    page.evaluate("document.querySelector('h1').style.color = 'rgb(128 128 128 / .5)'")
    page.evaluate("document.querySelector('select').style.color = '#777'")
    found = page.evaluate(FAINT_WORDS)
    assert len(found) == 2
    assert found[0].startswith("H1") and found[1].startswith("SELECT")


def test_the_two_schemes_differ(visit: Callable[..., Visit], made_up: Path) -> None:
    grounds = [
        visit(made_up, color_scheme=scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert grounds[0] != grounds[1]


def test_on_a_phone_the_name_of_the_head_stays_beside_its_row(visit: Callable[..., Visit]) -> None:
    page = visit(viewport={"width": 390, "height": 800}).page
    name, label = (page.locator(f".taxonomy tbody tr:first-child > :nth-child({place})") for place in (1, 2))
    before = name.bounding_box(), label.bounding_box()
    page.locator(".tall").evaluate("box => { box.scrollLeft = 300; }")
    assert name.bounding_box() == before[0]
    assert label.bounding_box() != before[1]


def test_without_a_script_the_tables_and_the_text_are_there(visit: Callable[..., Visit]) -> None:
    page = visit(java_script_enabled=False).page
    expect(page.locator(".heat td[data-i]")).to_have_count(72)
    expect(page.locator(".taxonomy tbody tr")).to_have_count(72)
    for hidden in (".filter", ".download", ".probe", ".quantity", ".detail"):
        expect(page.locator(hidden)).to_be_hidden()
    for section in ("overview", "map", "heads", "datasets", "method", "provenance"):
        expect(page.locator(f"#{section} h2")).to_be_visible()


def test_without_a_script_all_models_are_shown(visit: Callable[..., Visit], two_models: Path) -> None:
    page = visit(two_models, java_script_enabled=False).page
    for slug in ("minilm", "other-model"):
        expect(page.locator(f".taxonomy[data-model='{slug}']")).to_be_visible()


def test_on_paper_the_table_is_whole_and_the_controls_are_gone(visit: Callable[..., Visit]) -> None:
    page = visit().page
    controls = page.locator("nav, .controls")
    expect(controls.first).to_be_visible()
    cut = "box => box.scrollHeight > box.clientHeight + 1"
    assert page.locator(".tall").evaluate(cut)
    page.emulate_media(media="print")
    for control in controls.all():
        expect(control).to_be_hidden()
    assert not page.locator(".tall").evaluate(cut)
    page.set_viewport_size({"width": 718, "height": 1000})  # what A4 has between its margins
    beyond = (
        "tables => tables.filter((table) => table.getBoundingClientRect().right > 718).map((table) => table.className)"
    )
    assert page.locator("table:visible").evaluate_all(beyond) == []
    assert page.evaluate(FAINT_WORDS) == []
    assert page.locator(".heat td").first.evaluate("cell => getComputedStyle(cell).printColorAdjust") == "exact"
    assert page.pdf().startswith(b"%PDF")


def test_moving_follows_the_wish_for_less_motion(visit: Callable[..., Visit]) -> None:
    behaviour: dict[str, Any] = {}
    for wish in ("no-preference", "reduce"):
        page = visit(reduced_motion=wish).page
        behaviour[wish] = page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
    assert behaviour["reduce"] == "auto"


CUT = """(svg) => { const box = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter((word) => { const at = word.getBoundingClientRect();
    return at.top < box.top - 1 || at.bottom > box.bottom + 1 || at.left < box.left - 1 || at.right > box.right + 1;
  }).map((word) => word.textContent); }"""


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_of_a_chart_is_cut(visit: Callable[..., Visit], width: int) -> None:
    page = visit(viewport={"width": width, "height": 800}).page
    charts = page.locator(".chart:visible svg")
    # whatever nobody has scrolled to is drawn, too: it may be printed
    expect(page.locator(".chart:visible:not([data-drawn])")).to_have_count(0)
    assert charts.count() > 1
    assert [charts.nth(place).evaluate(CUT) for place in range(charts.count())] == [[]] * charts.count()
    charts.last.evaluate("svg => { svg.querySelector('text').setAttribute('transform', 'translate(0, -999)'); }")
    assert len(charts.last.evaluate(CUT)) == 1
