"""The map of heads: choosing by mouse and by keys, other features and quantities, and numbers as in the tables."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, expect

from pipeline.report.page import WEB
from tests.browser.conftest import Visit
from tests.browser.reading import cells_of, row_of

MINUS = "−"
TOOLS, LAYERS, EVIDENCE = (
    (WEB / name).read_text(encoding="utf-8") for name in ("tools.js", "layers.js", "evidence.js")
)
QUANTITIES = {
    "balanced accuracy": "balanced_accuracy",
    "AUROC": "auroc",
    "information (bits)": "information_bits",
    "selectivity (margin over the control task)": "selectivity",
    "margin over the largest class": "margin_majority",
    "margin over surface (bag of n-grams)": "margin_surface",
    "margin over the static embedding": "margin_embedding",
    "margin over the untrained model": "margin_untrained",
    "margin over the random projection": "margin_projection",
    "margin over the skyline": "margin_skyline",
}


def scores(root: Path, dataset: str) -> pd.DataFrame:
    table = pd.read_parquet(root / f"results/probes/minilm/{dataset}/heads.parquet")
    return table.set_index(["layer", "head"]).sort_index()


def rungs(root: Path, dataset: str) -> dict[tuple[int, int], int]:
    table = pd.read_csv(root / "results/taxonomy/minilm/assignments.csv")
    rows = table[table["dataset"] == dataset]
    return dict(zip(zip(rows["layer"], rows["head"], strict=True), rows["rung"], strict=True))


def head(visited: Visit, layer: int, number: int) -> Locator:
    return visited.page.locator(".heat tbody tr").nth(layer).locator("td").nth(number)


def shown_numbers(visited: Visit) -> list[list[str]]:
    return [row[1:] for row in cells_of(visited.page.locator(".heat"))[1:]]


def choose(visited: Visit, kind: str, label: str) -> None:
    visited.page.locator(f".{kind}").select_option(label=label)


def test_a_click_opens_the_profile_of_the_head(visit: Callable[..., Visit]) -> None:
    visited = visit()
    for layer, number in [(3, 7), (0, 0), (5, 11)]:
        head(visited, layer, number).click()
        expect(visited.page.locator(".detail")).to_contain_text(f"L{layer}H{number} of minilm")
        expect(visited.page.locator(".heat td.chosen")).to_have_count(1)
        expect(head(visited, layer, number)).to_have_class(re.compile(r"\bchosen\b"))


def test_the_arrow_keys_move_and_enter_chooses(visit: Callable[..., Visit]) -> None:
    visited = visit()
    head(visited, 2, 4).click()
    head(visited, 2, 4).focus()
    detail, keys = visited.page.locator(".detail"), visited.page.keyboard
    for key, place in [
        *[("ArrowRight", (2, 5)), ("ArrowDown", (3, 5)), ("ArrowLeft", (3, 4)), ("ArrowUp", (2, 4))],
        *[("End", (2, 11)), ("ArrowRight", (2, 11)), ("Home", (2, 0)), ("ArrowLeft", (2, 0))],
    ]:
        keys.press(key)
        expect(head(visited, *place)).to_be_focused()
        expect(detail).to_contain_text("L2H4 of minilm")  # moving alone chooses nothing
    keys.press("Enter")
    expect(detail).to_contain_text("L2H0 of minilm")
    keys.press("ArrowDown")
    keys.press("Space")
    expect(detail).to_contain_text("L3H0 of minilm")
    expect(visited.page.locator(".heat td[tabindex='0']")).to_have_count(1)


def test_the_map_is_reached_and_left_with_the_tab_key(visit: Callable[..., Visit]) -> None:
    visited = visit()
    visited.page.locator(".quantity").focus()
    for _ in range(5):
        visited.page.keyboard.press("Tab")
        if visited.page.evaluate("document.activeElement.closest('.heat') !== null"):
            break
    expect(visited.page.locator(".heat td.chosen")).to_be_focused()
    visited.page.keyboard.press("Tab")
    assert visited.page.evaluate("document.activeElement.closest('.heat') === null")


@pytest.mark.parametrize("dataset", ["subject_number", "capital_truth"])
def test_the_map_shows_the_accuracies_of_the_table(visit: Callable[..., Visit], dataset: str) -> None:
    visited = visit()
    table = scores(visited.root, dataset)
    choose(visited, "probe", dataset.replace("_", " "))
    expected = table["accuracy"].unstack("head").to_numpy()
    assert [[float(text) for text in row] for row in shown_numbers(visited)] == [
        [pytest.approx(value, abs=0.0051) for value in row] for row in expected
    ]
    reached = rungs(visited.root, dataset)
    assert reached
    for name, least in (("pass", 1), ("selective", 2)):
        expect(visited.page.locator(f".heat td.{name}")).to_have_count(sum(rung >= least for rung in reached.values()))


def test_hovering_tells_the_score_its_interval_and_the_rung(visit: Callable[..., Visit]) -> None:
    visited = visit()
    choose(visited, "probe", "sentiment")
    table, reached = scores(visited.root, "sentiment"), rungs(visited.root, "sentiment")
    names = ("", "decodable", "selective")
    for place in [(0, 0), max(reached, key=reached.__getitem__)]:
        row, rung = table.loc[place], reached.get(place, 0)
        told = f"accuracy {row['accuracy']:.3f} ({row['accuracy_low']:.3f}\xa0to\xa0{row['accuracy_high']:.3f})"
        title = head(visited, *place).get_attribute("title") or ""
        assert told in title
        assert title.startswith(f"L{place[0]}H{place[1]}")
        assert [name for name in names[1:] if name in title] == ([names[rung]] if rung else [])
        expect(head(visited, *place)).to_have_attribute("aria-label", title)


def test_another_feature_changes_numbers_colours_and_title(visit: Callable[..., Visit]) -> None:
    visited = visit()
    title, before = visited.page.locator(".heat-title"), shown_numbers(visited)
    expect(title).to_have_text("subject number: accuracy")
    colours = look(visited)
    choose(visited, "probe", "country continent")
    expect(title).to_have_text("country continent: accuracy")
    assert shown_numbers(visited) != before
    assert look(visited) != colours
    choose(visited, "probe", "subject number")
    assert (shown_numbers(visited), look(visited)) == (before, colours)


def look(visited: Visit) -> list[str]:
    return visited.page.locator(".heat td[data-i]").evaluate_all(
        "cells => cells.map((cell) => getComputedStyle(cell).backgroundColor)"
    )


def test_another_quantity_shows_its_column(visit: Callable[..., Visit]) -> None:
    visited = visit()
    before, colours = shown_numbers(visited), look(visited)
    table = scores(visited.root, "subject_number")
    for label, column in QUANTITIES.items():
        choose(visited, "quantity", label)
        expect(visited.page.locator(".heat-title")).to_have_text(f"subject number: {label}")
        found = [[float(text.replace(MINUS, "-")) for text in row] for row in shown_numbers(visited)]
        assert found == [
            [pytest.approx(value, abs=0.0051) for value in row] for row in table[column].unstack("head").to_numpy()
        ]
        assert shown_numbers(visited) != before
        assert look(visited) != colours


def test_every_measure_can_be_shown(visit: Callable[..., Visit]) -> None:
    page = visit().page
    groups = page.locator(".probe optgroup").evaluate_all(
        "groups => groups.map((group) => [group.label, group.children.length])"
    )
    assert [family for family, _ in groups] == ["syntactic", "semantic", "factual", "truth"]
    assert [count for _, count in groups] == [2, 2, 1, 1]
    options = page.locator(".quantity option").all_text_contents()
    assert {"accuracy", "p-value (over heads)", "rung of evidence", *QUANTITIES} <= set(options)


def test_the_script_rounds_as_the_tables_do(visit: Callable[..., Visit]) -> None:
    numbers = np.random.default_rng(0).normal(0, 1, 500)
    values = [*(k / 1280 for k in range(1281)), 0.125, -0.0625, 2.5, *numbers.tolist()]
    page = visit().page
    for digits in (2, 3):
        script = f"(values) => {{ {TOOLS}; return values.map((value) => fixed(value, {digits})); }}"
        assert page.evaluate(script, values) == [f"{value:.{digits}f}".replace("-", MINUS) for value in values]
    row = {"layer": 1, "attention": "self", "share": 0.625, "shift": 0.129, "shift_low": -0.129, "shift_high": 0.2}
    said = page.evaluate(f"(row) => {{ {TOOLS}; {LAYERS}; return layerRow(row); }}", row)
    assert said["said_shift"] == "+0.13 (−0.13\u00a0to\u00a0+0.20)"
    beside = f"(values) => {{ {TOOLS}; {EVIDENCE}; return values.map((value) => besides(value, 0.05)); }}"
    assert page.evaluate(beside, [0.00412, 0.04995, 0.0503, 0.05]) == ["0.0041", "0.04995", "0.05", "0.05"]


def test_rungs_can_be_shown(visit: Callable[..., Visit]) -> None:
    visited = visit()
    ticks = visited.page.locator(".ticks span")
    assert ticks.count() == 3
    choose(visited, "quantity", "rung of evidence")
    assert ticks.all_text_contents() == ["0 not decodable", "1 decodable", "2 selective"]
    ramp = visited.page.locator(".ramp i").evaluate_all("parts => parts.map((part) => part.className)")
    cells = visited.page.locator(".heat td[data-i]").evaluate_all("cells => cells.map((cell) => cell.classList[0])")
    assert set(cells) == set(ramp)  # no colour is explained that no rung has
    choose(visited, "quantity", "margin over the skyline")
    low, middle, high = ticks.all_text_contents()
    assert (low, middle) == (f"{MINUS}{high}", "0.00")
    choose(visited, "quantity", "rung of evidence")
    reached = rungs(visited.root, "subject_number")
    assert set(reached.values()) == {1, 2}
    assert shown_numbers(visited) == [[str(reached.get((layer, n), 0)) for n in range(12)] for layer in range(6)]
    place = next(place for place, rung in reached.items() if rung == 2)
    expect(head(visited, *place)).to_have_attribute("title", re.compile("rung 2, selective"))


def test_p_values_are_shown_and_the_least_ones_as_such(visit: Callable[..., Visit]) -> None:
    visited = visit()
    choose(visited, "quantity", "p-value (over heads)")
    expected = scores(visited.root, "subject_number")["p_value"].unstack("head").to_numpy().ravel()
    texts = [text for row in shown_numbers(visited) for text in row]
    assert {text == "<.01" for text in texts} == {True, False}
    for text, value in zip(texts, expected, strict=True):
        assert value < 0.005 if text == "<.01" else float(text) == pytest.approx(value, abs=0.0051)
    told = head(visited, 0, 0).get_attribute("title") or ""
    assert float(told.rsplit(" ", 1)[-1]) == pytest.approx(expected[0], rel=0.05)


def test_what_was_refused_says_so_instead_of_a_number(visit: Callable[..., Visit]) -> None:
    visited = visit()
    choose(visited, "probe", "capital truth")
    expect(visited.page.locator(".heat td.none")).to_have_count(0)
    choose(visited, "quantity", "selectivity (margin over the control task)")
    expect(visited.page.locator(".heat td.none")).to_have_count(72)
    expect(visited.page.locator(".scale-note")).to_contain_text("No head has a number: refused: no control key recurs")
    assert "refused" in (head(visited, 0, 0).get_attribute("title") or "")


def test_the_profile_has_the_numbers_of_the_tables(visit: Callable[..., Visit]) -> None:
    visited = visit()
    choose(visited, "probe", "sentiment")
    head(visited, 3, 7).click()
    detail = visited.page.locator(".detail")
    detail.get_by_text("The same as a table").click()
    for dataset in ("sentiment", "part_of_speech", "country_continent"):
        score = scores(visited.root, dataset).loc[(3, 7)]
        row = row_of(detail, dataset.replace("_", " "), "accuracy (interval)")
        interval = f"{score['accuracy']:.3f} ({score['accuracy_low']:.3f} to {score['accuracy_high']:.3f})"
        assert row["accuracy (interval)"] == interval
        assert float(row["p over heads"]) == pytest.approx(score["p_value"], rel=0.05)
        rung = rungs(visited.root, dataset).get((3, 7), 0)
        assert row["rung"] == ("not decodable", "decodable", "selective")[rung]
    score = scores(visited.root, "sentiment").loc[(3, 7)]
    for label, baseline, margin in [
        ("largest class", "majority", "margin_majority"),
        ("surface (bag of n-grams)", "surface", "margin_surface"),
        ("control task", "control_accuracy", "selectivity"),
        ("static embedding", "embedding", "margin_embedding"),
        ("untrained model", "untrained", "margin_untrained"),
        ("random projection", "projection", "margin_projection"),
        ("skyline (whole residual)", "skyline", "margin_skyline"),
    ]:
        row = row_of(detail, label, "margin (interval)")
        assert float(row["accuracy"]) == pytest.approx(score[baseline], abs=0.00051)
        ends = [float(text) for text in re.findall(r"[+-][\d.]+", row["margin (interval)"].replace(MINUS, "-"))]
        assert ends == [pytest.approx(score[f"{margin}{end}"], abs=0.00051) for end in ("", "_low", "_high")]


def test_the_features_of_the_profile_are_a_second_way_to_choose(visit: Callable[..., Visit]) -> None:
    visited = visit()
    head(visited, 1, 1).click()
    visited.page.locator(".detail").get_by_text("The same as a table").click()
    visited.page.locator(".detail").get_by_role("button", name="word sense").click()
    expect(visited.page.locator(".heat-title")).to_have_text("word sense: accuracy")
    expect(visited.page.locator(".detail")).to_contain_text("L1H1 of minilm")
    expect(visited.page.locator(".detail [aria-current=true]")).to_be_focused()
    expect(visited.page.locator(".cell-warnings")).to_be_hidden()
    visited.page.locator(".detail").get_by_role("button", name="capital truth").press("Enter")
    expect(visited.page.locator(".cell-warnings")).to_contain_text("no head can be called selective")
