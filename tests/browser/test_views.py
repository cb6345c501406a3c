"""Several models on one page, and ways from one head to another."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from playwright.sync_api import expect

from tests.browser.conftest import Visit


def shown_parts(visited: Visit) -> set[str]:
    found: list[str] = visited.page.locator("[data-model]").evaluate_all(
        "parts => parts.filter((part) => part.checkVisibility()).map((part) => part.dataset.model)"
    )
    return set(found)


def test_one_model_needs_no_choice(visit: Callable[..., Visit]) -> None:
    visited = visit()
    expect(visited.page.locator("#model")).to_have_count(0)
    assert shown_parts(visited) == {"minilm"}


def test_the_model_is_switched_everywhere(visit: Callable[..., Visit], two_models: Path) -> None:
    visited = visit(two_models)
    for slug in ("minilm", "other-model", "minilm"):
        visited.page.locator("#model").select_option(slug)
        assert shown_parts(visited) == {slug}
        expect(visited.page.locator(".detail:visible")).to_contain_text(f"of {slug}")
        expect(visited.page.locator(".taxonomy:visible tbody tr:visible")).to_have_count(12)


def test_each_model_shows_its_own_numbers(visit: Callable[..., Visit], two_models: Path) -> None:
    visited = visit(two_models)
    titles = []
    for slug in ("minilm", "other-model"):
        visited.page.locator("#model").select_option(slug)
        table = pd.read_parquet(two_models / f"results/probes/{slug}/subject_number/heads.parquet")
        row = table.set_index(["layer", "head"]).loc[(1, 2)]
        cell = visited.page.locator(".heat:visible tbody tr").nth(1).locator("td").nth(2)
        titles.append(cell.get_attribute("title") or "")
        assert f"accuracy {row['accuracy']:.3f}" in titles[-1]
    assert titles[0] != titles[1]


def test_a_row_of_the_table_opens_its_head(visit: Callable[..., Visit]) -> None:
    visited = visit()
    visited.page.locator(".taxonomy").get_by_text("L4H9", exact=True).click()
    expect(visited.page.locator(".detail")).to_contain_text("L4H9 of minilm")
    expect(visited.page.locator("#map")).to_be_in_viewport()
