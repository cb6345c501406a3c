"""A model of 1,024 heads on 25 features: the page still opens, paints, chooses, sorts and filters."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, write_page
from tests.pipeline.report import made_up as made_up_run

FEATURES = 25
LAYERS, HEADS = 32, 32


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("large")
    kinds = list(made_up_run.FEATURES.values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made_up_run, "FEATURES", {f"feature_{i}": kinds[i % len(kinds)] for i in range(FEATURES)})
        made_up_run.make_run(root, layers=LAYERS, heads=HEADS)
        yield write_page(root)


@pytest.mark.slow
def test_a_large_model_is_shown_and_answers(visit: Callable[..., Visit], large: Path) -> None:
    assert (large / "results/report/index.html").stat().st_size < 20_000_000
    page = visit(large).page
    expect(page.locator(".heat td[data-i]")).to_have_count(LAYERS * HEADS)
    expect(page.locator(".probe option")).to_have_count(FEATURES)
    page.locator(".probe").select_option(label="feature 24")
    expect(page.locator(".heat-title")).to_have_text("feature 24: accuracy")
    table = pd.read_parquet(large / "results/probes/minilm/feature_24/heads.parquet").set_index(["layer", "head"])
    cell = page.locator(".heat tbody tr").nth(31).locator("td").nth(30)
    assert f"accuracy {table.loc[(31, 30), 'accuracy']:.3f}" in (cell.get_attribute("title") or "")
    cell.click()
    expect(page.locator(".detail")).to_contain_text("L31H30 of minilm")
    page.locator(".filter").fill("L31H30")
    expect(page.locator(".taxonomy tbody tr:visible")).to_have_count(1)
    page.locator(".filter").fill("")
    header = page.locator(".taxonomy thead th").first.get_by_role("button")
    header.click()
    header.click()
    expect(page.locator(".taxonomy tbody tr th").first).to_have_text("L31H31")
