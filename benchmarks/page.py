"""How the page bears many heads: `python -m benchmarks.page [--layers 32] [--heads 32] [--features 25]`.

Two made-up runs, one as large as the default run (6 layers of 12 heads, 32 features) and one as asked, are written as
pages and opened in headless Chromium. Printed for each: the size of the file, and how long the browser takes, until
all is laid out, to open the page, to paint another quantity, to choose a head, to sort and to filter the table.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from playwright.sync_api import Page, sync_playwright

from pipeline.report.page import render_page
from pipeline.report.results import MARGINS, MEASURES, Atlas, ModelResults
from probes.families import FAMILIES
from probes.profiles import layer_profiles
from probes.structure import nearest_heads, profiles

CHROMIUM = "/usr/bin/chromium"
DEFAULT = (6, 12, 32)  # layers, heads in each, features
ACTS = {
    "paint": "change('.quantity', 3 + turn % 4)",
    "choose": "document.querySelectorAll('td[data-i]')[5 + turn].click()",
    "sort": "document.querySelectorAll('.taxonomy thead button')[turn % 2 ? 1 : 6].click()",
    "filter": "change('.by-rung', 1 + turn % 2)",
}
TIMER = """async (turn) => {
  const change = (name, place) => {
    const select = document.querySelector(name);
    select.selectedIndex = place;
    select.dispatchEvent(new Event("change"));
  };
  const begun = performance.now();
  ACT;
  document.body.offsetHeight;  // lays out
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - begun;
}"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    for name, number in (("--layers", 32), ("--heads", 32), ("--features", 25), ("--repeats", 5)):
        parser.add_argument(name, type=int, default=number)
    given = parser.parse_args()
    wanted = (given.layers, given.heads, given.features)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        table = {}
        for shape in (DEFAULT, wanted):
            path = Path(folder) / f"{'x'.join(map(str, shape))}.html"
            path.write_text(render_page(made_atlas(*shape), provenance()), encoding="utf-8")
            table[path.stem] = {"MB": path.stat().st_size / 1e6} | times(browser.new_page(), path, given.repeats)
        browser.close()
    first, second = table
    print(f"{'':8}{first:>12}{second:>12}   ratio")
    for name, small in table[first].items():
        large = table[second][name]
        print(f"{name:8}{small:12.3f}{large:12.3f}{large / small:7.1f} x")


def times(page: Page, path: Path, repeats: int) -> dict[str, float]:
    """Return seconds of each act, the median of the repeats; the first of each is not counted."""
    opened = [seconds_to_open(page, path) for _ in range(repeats)]
    found = {"open": float(np.median(opened))}
    for name, act in ACTS.items():
        spent = [page.evaluate(TIMER.replace("ACT", act), turn) / 1000 for turn in range(repeats + 1)]
        found[name] = float(np.median(spent[1:]))
    return found


def seconds_to_open(page: Page, path: Path) -> float:
    """Return seconds from the start of the navigation until the head's chart is drawn."""
    page.goto("about:blank")
    page.goto(path.as_uri())
    page.evaluate("document.querySelector('.profile-chart').scrollIntoView({behavior: 'instant'})")
    page.wait_for_selector(".profile-chart[data-drawn]")
    return float(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")) / 1000


def made_atlas(layers: int, heads: int, features: int) -> Atlas:
    """Return a made-up run of one model in which every family and rung occurs."""
    names = {f"feature_{i}": FAMILIES[i % len(FAMILIES)] for i in range(features)}
    cards = {name: made_card(name, family) for name, family in names.items()}
    scores = pd.concat(
        [made_scores(name, family, (layers, heads), seed) for seed, (name, family) in enumerate(names.items())],
        ignore_index=True,
    )
    won = scores[scores["rung"] >= 1]
    shares = profiles(scores)
    model = ModelResults(
        slug="made-up",
        scores=scores,
        summaries={name: made_summary(scores[scores["dataset"] == name]) for name in names},
        heads=made_heads(scores),
        assignments=won,
        taxonomy=made_taxonomy(names),
        profile=scores,
        layers=layer_profiles(scores),
        nearest=nearest_heads(shares, 5),
    )
    return Atlas({"taxonomy": {"alpha": 0.05}}, cards, (model,))


def made_scores(name: str, family: str, shape: tuple[int, int], seed: int) -> pd.DataFrame:
    """Return one row for each head: all that heads.parquet and the taxonomy's tables say of a dataset."""
    rng = np.random.default_rng(seed)
    layer, head = (axis.ravel() for axis in np.indices(shape))
    rows = pd.DataFrame({"layer": layer, "head": head, "accuracy": 0.5 + 0.45 * rng.beta(1, 2, layer.size)})
    rows = rows.assign(dataset=name, feature=name, family=family, attention="self", phase="A phase", cell="A Head")
    rows["name"] = "L" + rows["layer"].astype(str) + "H" + rows["head"].astype(str)
    rows = rows.assign(**{measure: rng.uniform(0, 1, layer.size) for measure in MEASURES if measure not in rows})
    rows = rows.assign(majority=0.5, surface=0.55, embedding=0.6)
    rows["accuracy_low"], rows["accuracy_high"] = rows["accuracy"] - 0.05, rows["accuracy"] + 0.05
    for margin in MARGINS.values():
        rows[f"{margin}_low"], rows[f"{margin}_high"] = rows[margin] - 0.1, rows[margin] + 0.1
    rows["p_adjusted"], rows["stretch"] = rows["p_value"], 1.7
    rows["rung"] = (rows["accuracy"] > 0.6).astype(int) + (rows["accuracy"] > 0.75) + (rows["accuracy"] > 0.85)
    shares = {"share": "accuracy", "share_low": "accuracy_low", "share_high": "accuracy_high"}
    return rows.assign(**{share: 2 * (rows[of] - 0.5) for share, of in shares.items()})


def joined(cells: pd.Series) -> str:
    """Return what occurs in a column, as the tables join it."""
    return ";".join(sorted(set(cells)))


def made_heads(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each head as heads.csv has it."""
    held = scores[scores["rung"] >= 2].groupby(["layer", "head"])
    rows = scores.groupby(["layer", "head", "name", "attention"], as_index=False)["rung"].max()
    lists = held.agg(family=("family", joined), features=("feature", joined), phase=("phase", joined))
    rows = rows.join(lists, on=["layer", "head"]).fillna("")
    rows["label"] = [
        cell if cell and ";" not in cell else "polyfunctional" if cell else "unassigned" for cell in rows["family"]
    ]
    return rows.assign(rung_name="some", specialisation=0.5, stability=0.9, stable="True")


def made_summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the summary of a cell."""
    best = rows.loc[rows["accuracy"].idxmax()]
    accuracy = {key: float(best[key]) for key in ("accuracy", "accuracy_low", "accuracy_high", "p_value")}
    return {
        "feature": best["feature"], "family": best["family"], "classes": ["no", "yes"], "n_examples": 1000,
        **{key: float(best[key]) for key in ("majority", "surface", "embedding")},
        "best": {"layer": int(best["layer"]), "head": int(best["head"])} | accuracy,
        "selected": {"heads": [best["name"]] * 5} | accuracy,
        "null": {"best_expected": 0.55, "design": "mixed", "exchange": "names"}, "control": {"refused": None},
        "unconverged": [], "unconverged_baselines": {}, "warnings": [], "extraction": {},
    }  # fmt: skip


def made_card(name: str, family: str) -> dict[str, Any]:
    """Return the card of a dataset."""
    example = {"text": "The keys to the old cabinet are on the table.", "start": 4, "end": 8, "label": "yes"}
    return {
        "feature": name, "family": family, "n_examples": 1000, "n_groups": 200, "classes": {"no": 500, "yes": 500},
        "majority": 0.5, "surface": 0.55, "readout": "span", "licence": "CC0-1.0", "examples": [example] * 5,
    }  # fmt: skip


def made_taxonomy(names: dict[str, str]) -> dict[str, Any]:
    """Return taxonomy.json."""
    rungs = enumerate(("not decodable", "decodable", "selective", "general"))
    mapped = {"phases": ["A phase"], "cells": ["A Head"]}
    return {
        "thresholds": {"alpha": 0.05},
        "rungs": [{"rung": rung, "name": name, "rule": "a rule"} for rung, name in rungs],
        "phases": {"A phase": ["A Head"]},
        "features": {name: {"family": family, **mapped} for name, family in names.items()},
    }


def provenance() -> dict[str, Any]:
    """Return the provenance of nothing."""
    parts: dict[str, Any] = {"models": {}, "libraries": {}, "datasets": {}}
    return {"code_commit": "", "code_dirty": False, "dvc_lock_sha256": "", **parts}


if __name__ == "__main__":
    main()
