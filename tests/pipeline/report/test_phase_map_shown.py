"""The four-phase map on the page: every head of the survey by phase and sub-group, with what was counted."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pipeline.report.overview import phase_cards
from pipeline.report.page import render_page
from pipeline.report.provenance import provenance
from pipeline.report.results import PHASE_COLUMNS, Atlas, ModelResults, with_numbers
from pipeline.stages.report import read_atlas

KR, ICI, LR = "Knowledge Recalling", "In-Context Identification", "Latent Reasoning"
ROWS = [
    (
        KR,
        "general tasks",
        "Memory Head",
        "recalls",
        "modeling-free;training-free",
        "candidate",
        "country",
        "7",
        "2",
        "1",
    ),
    (KR, "specific tasks", "Constant Head", "spreads", "modeling-free", "not identifiable", "", "", "", ""),
    (ICI, "overall structure", "Duplicate Head", "finds copies", "modeling-free", "candidate", "", "", "", ""),
    (ICI, "syntactic information", "Mover Head", "moves", "modeling-free", "candidate", "number;tense", "1", "0", "0"),
    (ICI, "syntactic information", "Name Mover Head", "moves", "modeling-free", "alike", "number", "1", "0", "0"),
    (LR, "in-context learning", "Induction Head", "goes on", "training-free", "not identifiable", "", "", "", ""),
]


def made_atlas(rows: Sequence[tuple[str, ...]], rungs: int = 2) -> Atlas:
    """Return the made-up run with a phase map as it is read from its CSV file, and with a number of rungs."""
    atlas = read_atlas(yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")))
    (model,) = atlas.models
    ladder = [{"rung": rung, "name": f"name {rung}", "rule": "a rule"} for rung in range(rungs + 1)]
    table = with_numbers(pd.DataFrame(list(rows), columns=list(PHASE_COLUMNS), dtype=str))
    model = dataclasses.replace(model, phases=table, taxonomy={**model.taxonomy, "rungs": ladder})
    return dataclasses.replace(atlas, models=(model,))


def made_model(rows: Sequence[tuple[str, ...]], rungs: int = 2) -> ModelResults:
    return made_atlas(rows, rungs).models[0]


def rendered(atlas: Atlas) -> str:
    return re.sub(r"\s+", " ", render_page(atlas, provenance(atlas, Path())))


def cells(card: dict[str, Any]) -> list[Any]:
    return [(row["cell"], row["counts"]) for rows in card["groups"].values() for row in rows]


@pytest.mark.usefixtures("run")
def test_cards_keep_the_survey_s_order_of_phases_sub_groups_and_heads() -> None:
    recalling, latent, identification, expression = phase_cards(made_model(ROWS))  # as the taxonomy has them
    assert (recalling["name"], latent["name"], identification["name"]) == (KR, LR, ICI)
    assert list(identification["groups"]) == ["overall structure", "syntactic information"]
    assert cells(identification) == [("Duplicate Head", []), ("Mover Head", [1, 0]), ("Name Mover Head", [1, 0])]
    assert cells(expression) == []


@pytest.mark.usefixtures("run")
def test_only_rungs_that_the_run_has_are_counted() -> None:
    assert cells(phase_cards(made_model(ROWS, rungs=2))[0])[0] == ("Memory Head", [7, 2])
    assert cells(phase_cards(made_model(ROWS, rungs=3))[0])[0] == ("Memory Head", [7, 2, 1])
    assert cells(phase_cards(made_model(ROWS, rungs=4))[0])[0] == ("Memory Head", [7, 2, 1])


@pytest.mark.usefixtures("run")
def test_the_page_tells_what_was_counted_from_what_was_not() -> None:
    html = rendered(made_atlas(ROWS))
    assert html.count("<summary>") - rendered(made_atlas([])).count("<summary>") == len(ROWS)
    assert "The large number counts the <em>candidates</em> for a phase: heads on rung 1 (name 1) or higher" in html
    assert re.search(r"<summary>Memory Head</summary>.*?>7</td><td class=\"num\">2</td>", html)
    assert re.search(r"<summary>Duplicate Head</summary>((?!<tr).)*>not probed</td>", html)
    assert re.search(r"<summary>Constant Head</summary>((?!<tr).)*>not identifiable</td>", html)
    assert re.search(r"<summary>Induction Head</summary>((?!<tr).)*Not identifiable: copies tokens", html)
    assert re.search(r"<summary>Mover Head</summary>((?!<tr).)*Candidate by: number, tense\.", html)
    assert re.search(r"Name Mover Head <span class=\"tag\">alike</span>((?!<tr).)*from a candidate by: number\.", html)


@pytest.mark.usefixtures("run")
def test_what_a_feature_cannot_tell_apart_is_in_the_mapping_table() -> None:
    atlas = made_atlas(ROWS)
    features = {
        "number": {"family": "syntactic", "phases": [ICI], "cells": ["Mover Head"], "alike": ["Name Mover Head"]}
    }
    model = dataclasses.replace(atlas.models[0], taxonomy={**atlas.models[0].taxonomy, "features": features})
    html = rendered(dataclasses.replace(atlas, models=(model,)))
    assert '<th scope="col">cannot be told from</th>' in html
    assert "<td>Mover Head</td><td>Name Mover Head</td></tr>" in html


@pytest.mark.usefixtures("run")
def test_without_a_map_there_is_no_empty_table() -> None:
    html = rendered(made_atlas([]))
    assert '<table class="cells">' not in html
    assert "Below each phase" not in html
    assert '<table class="cells">' in rendered(made_atlas(ROWS))


@pytest.mark.usefixtures("run")
def test_hostile_text_in_the_map_is_escaped() -> None:
    hostile = "<script>alert(1)</script>\"'&{{ 7*7 }}"
    html = rendered(made_atlas([(KR, *[hostile] * 6, "1", "1", "1")]))
    assert hostile not in html
    assert html.count("&lt;script&gt;alert(1)") >= 5
