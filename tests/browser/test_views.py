"""Several models on one page, and ways from one head to another."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
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
        expect(visited.page.locator("#datasets .headline:visible")).to_have_count(6)  # one a card, under its model
        assert visited.page.evaluate("location.hash").startswith(f"#head={slug}/L")


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
    visited.page.locator("#heads").evaluate("heads => heads.scrollIntoView({behavior: 'instant'})")
    visited.page.locator(".taxonomy").get_by_role("link", name="L4H9", exact=True).press("Enter")
    expect(visited.page.locator(".detail")).to_contain_text("L4H9 of minilm")
    expect(visited.page.locator("#map")).to_be_in_viewport()
    visited.page.locator(".heat td[data-i]").first.click()
    expect(visited.page.locator(".detail")).to_contain_text("L0H0 of minilm")
    visited.page.go_back()  # to the table, not to the head that was chosen before
    expect(visited.page.locator(".taxonomy")).to_be_in_viewport()
    assert "L0H0" not in visited.page.evaluate("location.hash")
    visited.page.go_forward()
    expect(visited.page.locator(".detail")).to_contain_text("L0H0 of minilm")


def view(visited: Visit) -> tuple[str, str, str]:
    """Return title of the map, chosen head, title of the panel."""
    page = visited.page
    chosen = page.locator(".heat:visible td.chosen").get_attribute("title") or ""
    panel = page.locator(".detail:visible h3").text_content() or ""
    return page.locator(".heat-title:visible").text_content() or "", chosen.split(":")[0], panel


def test_an_address_opens_the_head_it_names(visit: Callable[..., Visit], two_models: Path) -> None:
    visited = visit(two_models, "#head=other-model/L1H2&feature=sentiment&shown=auroc")
    assert view(visited) == ("sentiment: AUROC", "L1H2", "L1H2 of other-model")
    expect(visited.page.locator("#model")).to_have_value("other-model")
    expect(visited.page.locator("#map")).to_be_in_viewport()
    assert shown_parts(visited) == {"other-model"}


def test_the_address_leads_back_to_what_is_shown(visit: Callable[..., Visit], two_models: Path) -> None:
    first = visit(two_models)
    first.page.locator("#model").select_option("other-model")
    first.page.locator(".probe:visible").select_option(label="word sense")
    first.page.locator(".quantity:visible").select_option(label="rung of evidence")
    first.page.locator(".heat:visible tbody tr").nth(2).locator("td").nth(3).click()
    fragment = first.page.evaluate("location.hash")
    assert (
        view(visit(two_models, fragment))
        == view(first)
        == ("word sense: rung of evidence", "L2H3", "L2H3 of other-model")
    )


def test_a_new_address_is_followed(visit: Callable[..., Visit]) -> None:
    visited = visit()
    visited.page.evaluate("location.hash = '#head=minilm/L5H1&feature=word_sense'")
    expect(visited.page.locator(".detail h3")).to_have_text("L5H1 of minilm")
    assert view(visited) == ("word sense: accuracy", "L5H1", "L5H1 of minilm")


@pytest.mark.parametrize(
    "fragment",
    ["#head=minilm/L99H99", "#head=none/L0H0", "#head=", "#%", "#head=minilm/L1H1%ZZ", "#head=<b>/L0H0", "#map"],
)
def test_an_address_of_nothing_opens_the_page_as_it_is(visit: Callable[..., Visit], fragment: str) -> None:
    title, head, panel = view(visit(fragment=fragment))
    assert title == "subject number: accuracy"
    assert panel == f"{head} of minilm"
    assert head not in ("L0H0", "L1H1")


def test_an_address_may_name_the_head_alone(visit: Callable[..., Visit]) -> None:
    visited = visit(fragment="#head=minilm/L1H1&feature=unknown&shown=unknown")
    assert view(visited) == ("subject number: accuracy", "L1H1", "L1H1 of minilm")


def test_a_like_head_is_one_click_away(visit: Callable[..., Visit]) -> None:
    visited = visit(fragment="#head=minilm/L3H7")
    near = pd.read_csv(visited.root / "results/taxonomy/minilm/nearest.csv")
    expected = near[near["name"] == "L3H7"].sort_values("rank")
    buttons = visited.page.locator(".nearest").get_by_role("button")
    assert buttons.all_text_contents() == expected["nearest"].tolist()
    for text, similarity in zip(
        visited.page.locator(".nearest li").all_inner_texts(), expected["similarity"], strict=True
    ):
        assert float(text.split()[-1]) == pytest.approx(similarity, abs=0.0051)
    buttons.nth(1).press("Enter")
    title = visited.page.locator(".detail h3")
    expect(title).to_have_text(f"{expected['nearest'].iloc[1]} of minilm")
    expect(title).to_be_focused()
    expect(visited.page.locator(".heat td.chosen")).to_have_count(1)
