"""The panel of a head: what it is, why it stands on its rung, what it is a candidate for."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.reading import cells_of, row_of

NAMES = ("not decodable", "decodable", "selective")


def rows_of(root: Path, head: str) -> pd.DataFrame:
    table = pd.read_csv(root / "results/taxonomy/minilm/assignments.csv")
    return table[table["name"] == head]


def score_of(root: Path, dataset: str, head: str) -> Any:
    layer, number = map(int, re.findall(r"\d+", head))
    table = pd.read_parquet(root / f"results/probes/minilm/{dataset}/heads.parquet")
    return table.set_index(["layer", "head"]).loc[(layer, number)]


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[+-]?\d*\.\d+(?:e-?\d+)?", text.replace("−", "-"))]


def selective_head(root: Path) -> tuple[str, str]:
    """A head on rung 2, and the dataset it stands there for."""
    table = pd.read_csv(root / "results/taxonomy/minilm/assignments.csv")
    row = table[table["rung"] == 2].iloc[0]
    return row["name"], row["dataset"]


def test_the_facts_of_the_head_are_those_of_the_taxonomy(visit: Callable[..., Visit], made_up: Path) -> None:
    head, dataset = selective_head(made_up)
    visited = visit(fragment=f"#head=minilm/{head}&feature={dataset}")
    table = pd.read_csv(visited.root / "results/taxonomy/minilm/heads.csv").set_index("name").loc[head]
    facts = visited.page.locator(".detail .facts div")
    found = {text.split("\n")[0]: text.split("\n")[1] for text in facts.all_inner_texts()}
    assert found["label"] == table["label"]
    assert found["families"] == table["family"].replace(";", ", ")
    assert found["highest rung"] == f"{table['rung']} {table['rung_name']}"
    assert float(found["specialisation"]) == pytest.approx(table["specialisation"], abs=0.0051)


def test_the_evidence_has_the_numbers_that_decide_the_rung(visit: Callable[..., Visit], made_up: Path) -> None:
    head, dataset = selective_head(made_up)
    visited = visit(fragment=f"#head=minilm/{head}&feature={dataset}")
    evidence, score = visited.page.locator(".evidence"), score_of(visited.root, dataset, head)
    expect(evidence).to_contain_text("Stands on rung 2, selective")
    accuracy = row_of(evidence, "accuracy against the largest class", "found")
    assert numbers(accuracy["found"]) == [
        pytest.approx(score[f"accuracy{end}"], abs=0.00051) for end in ("", "_low", "_high")
    ]
    assert numbers(accuracy["what a rung asks"]) == [pytest.approx(score["majority"], abs=0.00051)]
    for label, column in {
        "margin over the control task": "selectivity",
        "margin over surface": "margin_surface",
        "margin over the static embedding": "margin_embedding",
        "margin over the untrained model": "margin_untrained",
        "margin over the random projection": "margin_projection",
    }.items():
        row = row_of(evidence, label, "found")
        found = numbers(row["found"])[:3]
        assert found == [pytest.approx(score[f"{column}{end}"], abs=0.00051) for end in ("", "_low", "_high")]
        assert "met" in row["verdict"] and "not" not in row["verdict"]


def test_what_a_head_misses_is_marked_as_not_met(visit: Callable[..., Visit], made_up: Path) -> None:
    root = made_up
    table = pd.read_csv(root / "results/taxonomy/minilm/assignments.csv")
    reached = set(zip(table["name"], table["dataset"], strict=True))
    head = next(f"L{layer}H0" for layer in range(6) if (f"L{layer}H0", "sentiment") not in reached)
    visited = visit(fragment=f"#head=minilm/{head}&feature=sentiment")
    expect(visited.page.locator(".evidence")).to_contain_text("Stands on rung 0, not decodable")
    score = score_of(root, "sentiment", head)
    met = {
        "p-value over heads and datasets of the family": score["p_value"] < 0.05,
        "accuracy against the largest class": score["accuracy_low"] > score["majority"],
    }
    assert not all(met.values())
    for label, expected in met.items():
        verdict = row_of(visited.page.locator(".evidence"), label, "found")["verdict"]
        assert ("not met" not in verdict) == expected


def test_candidate_cells_name_the_features_that_speak_for_them(visit: Callable[..., Visit], made_up: Path) -> None:
    head, _ = selective_head(made_up)
    visited = visit(fragment=f"#head=minilm/{head}")
    expected = rows_of(visited.root, head)
    rows = cells_of(visited.page.locator(".candidates table"))[1:]
    found = {row[0].split("\n")[0]: row for row in rows}
    assert set(found) == set(expected["cell"])
    for cell, group in expected.groupby("cell"):
        rung = group["rung"].max()
        assert found[cell][1] == f"{rung} {NAMES[rung]}"
        assert all(feature.replace("_", " ") in found[cell][2] for feature in group["feature"])
    levels = [int(row[1][0]) for row in rows]
    assert levels == sorted(levels, reverse=True)


def test_a_head_without_a_feature_is_a_candidate_for_nothing(visit: Callable[..., Visit], made_up: Path) -> None:
    root = made_up
    table = pd.read_csv(root / "results/taxonomy/minilm/heads.csv")
    head = table.loc[table["rung"] == 0, "name"].iloc[0]
    visited = visit(fragment=f"#head=minilm/{head}")
    expect(visited.page.locator(".candidates table")).to_have_count(0)
    expect(visited.page.locator(".candidates")).to_contain_text("None")


def test_the_chart_of_the_head_is_drawn_and_follows_it(visit: Callable[..., Visit]) -> None:
    page = visit(fragment="#head=minilm/L3H7").page
    chart = page.locator(".profile-chart")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", "true")
    expect(chart).to_have_attribute("aria-label", re.compile("^L3H7"))
    marks = "chart => [...chart.querySelectorAll('.mark-symbol path')].map((path) => path.getAttribute('transform'))"
    before = chart.evaluate(marks)
    assert len(before) >= 6
    page.locator(".nearest button").first.press("Enter")
    expect(chart).not_to_have_attribute("aria-label", re.compile("^L3H7"))
    page.wait_for_timeout(200)
    assert chart.evaluate(marks) != before


def test_a_point_of_the_chart_chooses_its_feature(visit: Callable[..., Visit]) -> None:
    page = visit(fragment="#head=minilm/L3H7").page
    chart = page.locator(".profile-chart")
    chart.scroll_into_view_if_needed()
    expect(chart).to_have_attribute("data-drawn", "true")
    before = page.locator(".heat-title").text_content()
    points = chart.locator(".mark-symbol.role-mark path")
    points.last.click(force=True)
    expect(page.locator(".heat-title")).not_to_have_text(before or "")
