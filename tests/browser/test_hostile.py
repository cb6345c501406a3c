"""Texts that try to be markup, scripts, links or formulas are shown as the texts they are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Visit, write_page
from tests.browser.test_layout import CUT
from tests.pipeline.report.hostile import MIXTURE, poison
from tests.pipeline.report.made_up import make_run

# What is said anywhere on the page, but not what scripts and styles hold.
WORDS = """() => {
  const copy = document.body.cloneNode(true);
  copy.querySelectorAll("script, style").forEach((each) => each.remove());
  return copy.textContent;
}"""
SHAPE = """() => ({
  active: [...document.querySelectorAll("script, iframe, object, embed, img, form, base, meta[http-equiv=refresh]")]
    .filter((each) => !each.closest(".chart")).length,
  handlers: [...document.querySelectorAll("*")].flatMap((each) => each.getAttributeNames())
    .filter((name) => name.startsWith("on")),
  links: [...document.querySelectorAll("[href], [src], [action], [formaction]")]
    .map((each) => each.getAttribute("href") ?? each.getAttribute("src") ?? "").filter((link) => !link.startsWith("#")),
})"""


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a run with hostile texts in every place, and the texts."""
    root = tmp_path_factory.mktemp("poisoned")
    make_run(root, layers=3, heads=4)
    planted = poison(root, lambda place: f"[{place}] {MIXTURE}")
    return write_page(root), planted


def shape_of(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(SHAPE)
    return found


def test_every_text_is_shown_as_it_is(visit: Callable[..., Visit], poisoned: tuple[Path, list[str]]) -> None:
    root, planted = poisoned
    page = visit(root).page
    words = page.evaluate(WORDS)
    assert len(planted) > 30
    assert [text.split("]")[0] for text in planted if text not in words] == []


def test_texts_add_nothing_that_acts(
    visit: Callable[..., Visit], poisoned: tuple[Path, list[str]], made_up: Path
) -> None:
    innocent, found = shape_of(visit(made_up).page), shape_of(visit(poisoned[0]).page)
    assert found == innocent
    assert found["handlers"] == []
    assert found["links"] == ["data:,"]


def test_what_acts_is_seen(new_context: Callable[..., BrowserContext], made_up: Path) -> None:
    page = new_context().new_page()
    page.goto((made_up / "results/report/index.html").as_uri())
    before = shape_of(page)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<a href=javascript:1 onclick=1></a><object>')")
    after = shape_of(page)
    assert after["active"] == before["active"] + 1
    assert after["handlers"] == ["onclick"]
    assert after["links"] == [*before["links"], "javascript:1"]


def test_the_controls_work_on_hostile_texts(visit: Callable[..., Visit], poisoned: tuple[Path, list[str]]) -> None:
    root, planted = poisoned
    page = visit(root).page
    title = next(text for text in planted if text.startswith("[card feature]"))
    expect(page.locator(".profile-chart svg")).to_have_count(1)
    assert page.locator(".profile-chart svg").evaluate(CUT) == []  # though a long name leaves little room
    page.locator(".probe").select_option(index=2)
    assert page.locator(".heat-title").text_content() == f"{title}: accuracy"
    for cell in page.locator(".heat td[data-i]").all()[:4]:
        cell.click()
        assert title in (page.locator(".detail").text_content() or "")
    page.locator(".filter").fill("<script>alert(1)</script>")
    expect(page.locator(".taxonomy tbody tr:visible")).to_have_count(1)
    for header in page.locator(".taxonomy thead th").get_by_role("button").all():
        header.click()


def test_a_hostile_text_fits_a_phone(visit: Callable[..., Visit], poisoned: tuple[Path, list[str]]) -> None:
    page = visit(poisoned[0], viewport={"width": 390, "height": 800}).page
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_word_of_ten_thousand_letters_fits_too(visit: Callable[..., Visit], tmp_path: Path) -> None:
    make_run(tmp_path, layers=2, heads=3)
    planted = poison(tmp_path, lambda place: place.replace(" ", "") + 10_000 * "x")
    page = visit(write_page(tmp_path), viewport={"width": 390, "height": 800}).page
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    words = page.evaluate(WORDS).lower()
    assert [text[:20] for text in planted if text not in words and not text.startswith("text")] == []  # an excerpt


def test_the_params_are_shown_whole(visit: Callable[..., Visit], poisoned: tuple[Path, list[str]]) -> None:
    page = visit(poisoned[0]).page
    shown = page.locator("#provenance details .citation").last.text_content() or ""
    assert json.loads(shown)["models"]["minilm"]["source"] == f"[params source] {MIXTURE}"


def test_a_text_in_the_download_is_no_formula(visit: Callable[..., Visit], tmp_path: Path) -> None:
    make_run(tmp_path, layers=2, heads=3)
    texts = [f'{start}HYPERLINK("http://example.invalid")' for start in ("=", "+", "-", "@", "\t", "\r")]
    heads = pd.read_csv(tmp_path / "results/taxonomy/minilm/heads.csv").assign(label=texts, specialisation=-0.5)
    heads.to_csv(tmp_path / "results/taxonomy/minilm/heads.csv", index=False)
    page = visit(write_page(tmp_path)).page
    with page.expect_download() as waiting:
        page.locator(".download").click()
    waiting.value.save_as(tmp_path / "heads.csv")
    table = pd.read_csv(tmp_path / "heads.csv")
    assert table["label"].tolist() == [f"'{text}" for text in texts]  # what spreadsheets take for the mark of a text
    assert table["specialisation"].tolist() == [-0.5] * 6  # and numbers stay numbers
