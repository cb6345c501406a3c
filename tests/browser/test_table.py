"""The taxonomy table: sorted, filtered and downloaded."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.reading import cells_of

COLUMNS = (
    "Head", "Label", "Features held", "Families", "Candidate phases", "Rung", "Specialisation", "Stability",
)  # fmt: skip
EMPTY = ("", "–")


def rows_of(visited: Visit) -> list[list[str]]:
    return cells_of(visited.page.locator(".taxonomy:visible table"))[1:]


def column_of(visited: Visit, name: str) -> list[str]:
    return [row[COLUMNS.index(name)] for row in rows_of(visited)]


def heads(root: Path) -> pd.DataFrame:
    return read(root / "results/taxonomy/minilm/heads.csv")


def read(path: Path) -> pd.DataFrame:
    """Return a table whose words may be missing, but are then empty."""
    table = pd.read_csv(path)
    return table.assign(**{name: table[name].fillna("") for name in ("family", "phase", "features")})


def in_order(text: str) -> Any:
    """Heads by layer and number, numbers by size, words by letters."""
    if head := re.fullmatch(r"L(\d+)H(\d+)", text):
        return int(head[1]), int(head[2])
    return float(text) if re.fullmatch(r"[\d.]+", text) else text.lower()


def test_the_table_has_the_rows_of_the_taxonomy(visit: Callable[..., Visit]) -> None:
    visited = visit()
    expected = heads(visited.root)
    assert column_of(visited, "Head") == expected["name"].tolist()
    assert column_of(visited, "Label") == expected["label"].tolist()
    assert [text.split(", ") for text in column_of(visited, "Features held")] == [
        features.split(";") for features in expected["features"]
    ]
    assert [int(text.split()[0]) for text in column_of(visited, "Rung")] == expected["rung"].tolist()
    shares = [f"{value:.2f}" if value > 0 else "–" for value in expected["specialisation"]]
    assert column_of(visited, "Specialisation") == shares
    assert {"–", "1.00"} < set(shares)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_sorts_up_and_down_with_its_empty_cells_last(visit: Callable[..., Visit], name: str) -> None:
    visited = visit()
    header = visited.page.locator(".taxonomy thead th").nth(COLUMNS.index(name))
    before = column_of(visited, name)
    for direction in ("ascending", "descending"):
        header.get_by_role("button").click()
        expect(header).to_have_attribute("aria-sort", direction)
        expect(visited.page.locator(".taxonomy th[aria-sort]")).to_have_count(1)
        found = column_of(visited, name)
        full = [text for text in found if text not in EMPTY]
        assert full == sorted(full, key=in_order, reverse=direction == "descending")
        assert all(text in EMPTY for text in found[len(full) :])
        assert sorted(found) == sorted(before)


def test_numbers_sort_by_size_and_not_by_letters(visit: Callable[..., Visit]) -> None:
    visited = visit()
    header = visited.page.locator(".taxonomy thead th").first.get_by_role("button")
    header.press("Enter")
    names = column_of(visited, "Head")
    assert names[:3] == ["L0H0", "L0H1", "L0H2"]
    assert names.index("L0H2") < names.index("L0H10") < names.index("L1H0")
    header.press("Space")
    assert column_of(visited, "Head") == names[::-1]


def test_rows_stay_whole_when_sorted(visit: Callable[..., Visit]) -> None:
    visited = visit()
    before = {tuple(row) for row in rows_of(visited)}
    visited.page.locator(".taxonomy thead th").nth(1).get_by_role("button").click()
    assert {tuple(row) for row in rows_of(visited)} == before


def narrow(visited: Visit, words: str, left: int) -> None:
    """Fill in the filter, and wait until it says how many rows are left."""
    visited.page.locator(".filter").fill(words)
    expect(visited.page.locator(".taxonomy .shown")).to_have_text(f"{left} of 72 heads")


def test_the_filter_narrows_the_rows_and_says_how_many_are_left(visit: Callable[..., Visit]) -> None:
    visited = visit()
    expect(visited.page.locator(".taxonomy .shown")).to_have_text("72 of 72 heads")
    table = heads(visited.root)
    for words in ("sentiment", "SENTIMENT", "L3 sentiment", "  sentiment   L3H "):
        wanted = table["features"].str.contains("sentiment")
        if "L3" in words:
            wanted &= table["layer"] == 3
        assert 0 < wanted.sum() < 72
        narrow(visited, words, wanted.sum())
        assert column_of(visited, "Head") == table.loc[wanted, "name"].tolist()
    narrow(visited, "no head says this", 0)
    assert rows_of(visited) == []
    narrow(visited, "", 72)
    assert len(rows_of(visited)) == 72


def test_label_family_and_rung_narrow_the_rows_together(visit: Callable[..., Visit]) -> None:
    visited = visit()
    table, count = heads(visited.root), visited.page.locator(".taxonomy .shown")
    wanted = pd.Series(True, index=table.index)
    for control, choice, also in [
        ("by-family", "semantic", table["family"].str.split(";").map(lambda families: "semantic" in families)),
        ("by-rung", "2 selective or higher", table["rung"] >= 2),
        ("by-label", "polyfunctional", table["label"] == "polyfunctional"),
    ]:
        visited.page.locator(f".{control}").select_option(label=choice)
        wanted &= also
        assert 0 < wanted.sum() < 72
        expect(count).to_have_text(f"{wanted.sum()} of 72 heads")
        assert column_of(visited, "Head") == table.loc[wanted, "name"].tolist()
    for control in ("by-family", "by-rung", "by-label"):
        visited.page.locator(f".{control}").select_option(label="any")
    expect(count).to_have_text("72 of 72 heads")


@pytest.mark.parametrize("words", ["[", "(", "\\", ".*", "<b>", '"', "'"])
def test_a_filter_is_no_pattern(visit: Callable[..., Visit], words: str) -> None:
    visited = visit()
    narrow(visited, words, 0)
    assert rows_of(visited) == []


def download(visited: Visit, to: Path) -> pd.DataFrame:
    with visited.page.expect_download() as waiting:
        visited.page.locator(".taxonomy:visible .download").click()
    waiting.value.save_as(to)
    assert waiting.value.suggested_filename == "minilm_heads.csv"
    return read(to)


def test_the_download_has_the_rows_of_the_taxonomy(visit: Callable[..., Visit], tmp_path: Path) -> None:
    visited = visit()
    got, expected = download(visited, tmp_path / "all.csv"), heads(visited.root)
    assert len(got) == 72
    pd.testing.assert_frame_equal(got, expected, check_dtype=False)


def test_the_download_has_the_rows_that_are_shown_in_their_order(visit: Callable[..., Visit], tmp_path: Path) -> None:
    visited = visit()
    narrow(visited, "sentiment", heads(visited.root)["features"].str.contains("sentiment").sum())
    visited.page.locator(".taxonomy thead th").first.get_by_role("button").click()
    visited.page.locator(".taxonomy thead th").first.get_by_role("button").click()
    shown = column_of(visited, "Head")
    assert 0 < len(shown) < 72
    assert shown == sorted(shown, key=in_order, reverse=True)
    got = download(visited, tmp_path / "some.csv")
    assert got["name"].tolist() == shown
