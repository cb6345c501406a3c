"""The criteria of the rungs as the page shows them, held against the rules that decide the rungs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.report.evidence import CRITERIA, DECODABLE, ELSEWHERE, SELECTIVE, evidence
from pipeline.report.results import MEASURES, ModelResults
from pipeline.stages.report import main
from probes.rungs import SELECTIVE as ASKED
from probes.rungs import decide_rungs

ALPHA = 0.05


def made(n: int = 400, **fixed: Any) -> pd.DataFrame:
    """Return heads around the edges of every criterion, with what the taxonomy would say of them."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"layer": np.arange(n) // 20, "head": np.arange(n) % 20, "dataset": "d", "majority": 0.5})
    table = table.assign(**{name: np.nan for name in MEASURES if name not in table})
    for name in ("p_adjusted", "p_general", "p_transfer"):
        table[name] = rng.choice([0.01, 0.2], n, p=[0.8, 0.2])
    for name in (*ASKED, "margin_general", "margin_transfer"):
        table[name] = rng.uniform(0.05, 0.3, n)
        table[f"{name}_low"] = table[name] - rng.uniform(0.01, 0.1, n)
    table["accuracy_low"] = rng.uniform(0.45, 0.9, n)
    table = table.assign(general_variant="w", transfer_to="e", stretch=1.8).assign(**fixed)
    return table.assign(rung=decide_rungs(table, ALPHA))


def rungs_of(met: pd.Series) -> list[int]:
    """Return the rung that the criteria add up to."""
    asked = [[CRITERIA.index(entry) for entry in part] for part in (DECODABLE, SELECTIVE, ELSEWHERE)]
    first, second, third = ([[bool(bits >> i & 1) for i in part] for bits in met] for part in asked)
    return [
        0 if not all(a) else 1 if not all(b) else 2 if not any(c) else 3
        for a, b, c in zip(first, second, third, strict=True)
    ]


def found_for(table: pd.DataFrame) -> pd.DataFrame:
    taxonomy = {"thresholds": {"alpha": ALPHA}}
    model = ModelResults("m", table, {}, pd.DataFrame(), table[table["rung"] >= 1], taxonomy, profile=table)
    scores = table.set_index(["layer", "head"])[list(MEASURES)].astype(float)
    return evidence(model, "d", scores)


def test_the_criteria_add_up_to_the_rung_of_every_head() -> None:
    table = made()
    assert set(table["rung"]) == {0, 1, 2, 3}
    assert rungs_of(found_for(table)["met"]) == table["rung"].tolist()


@pytest.mark.parametrize("name", ["selectivity", "margin_projection"])
def test_a_margin_that_was_not_measured_meets_nothing(name: str) -> None:
    table = made(**{name: np.nan, f"{name}_low": np.nan})
    bit = next(i for i, entry in enumerate(CRITERIA) if entry.key == name)
    met = found_for(table)["met"]
    assert not any(bits >> bit & 1 for bits in met)
    assert any(bits >> 0 & 1 for bits in met)
    assert table["rung"].max() == 1


def test_the_page_asks_what_the_taxonomy_asks() -> None:
    assert [entry.key for entry in SELECTIVE] == list(ASKED)


def test_heads_on_no_rung_have_p_values_and_no_word_on_variants() -> None:
    table = made()
    found = found_for(table)
    none = found[(table["rung"] == 0).to_numpy()]
    assert none["p_adjusted"].notna().all() and none["margin_general"].isna().all()
    assert set(none["general_variant"]) == {""} and set(found["general_variant"]) == {"", "w"}


@pytest.mark.usefixtures("no_figures")
def test_the_script_gets_the_evidence(run: Path, payload: Callable[[Path], Any]) -> None:
    path = run / "results/taxonomy/minilm/assignments.csv"
    table = pd.read_csv(path)
    table.assign(
        stretch=1.5, general_variant="=<b>", margin_general=0.2, margin_general_low=0.1, p_general=0.01
    ).to_csv(path, index=False)
    main([])
    data = payload(run)
    probe = data["models"][0]["probes"][0]
    assert [entry["key"] for entry in data["criteria"]] == [entry.key for entry in CRITERIA]
    assert data["models"][0]["alpha"] == 0.05
    assert probe["stretch"] == 1.5
    rungs = probe["rungs"]
    assert [bool(bits & 3 == 3) for bits in probe["met"]] == [rung >= 1 for rung in rungs]
    assert {where for where, rung in zip(probe["where"]["general_variant"], rungs, strict=True) if rung} == {"=<b>"}
    assert "=<b>" not in json.dumps(probe["where"]["transfer_to"])
