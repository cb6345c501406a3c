"""A made-up run whose every free text tries to be something else than text."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

# Without `;`, which parts the values of a cell in the tables of the taxonomy, and `_`, which titles show as a blank.
ATTACKS = (
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "</script><script>alert(3)</script>"),
    *(
        "]]>",
        "<!--",
        "javascript:alert(4)",
        "'\"`\\",
        "{{7*7}}",
        "${7}",
        "$1$",
        "&lt&amp",
        "</title></style>",
    ),
    *("\u202egnp.exe\u202c", "\x01\x7f", "\u2028", "\U0001f980", "a\tb\nc", "\\u003c", "\\textbf{x}#~^"),
)
MIXTURE = " ".join(ATTACKS)
CARD = ("feature", "description", "artefacts", "licence", "citation")
EXTRACTION = ("source", "revision", "model_type")


def poison(root: Path, text: Callable[[str], str]) -> list[str]:
    """Put `text(place)` into every free text of a run on the dataset `sentiment`; return what the page has to show."""
    planted: list[str] = []

    def plant(place: str) -> str:
        planted.append(text(place))
        return planted[-1]

    _change_json(root / "data/examples/sentiment/card.json", lambda card: _poison_card(card, plant))
    identity = {key: plant(f"model {key}") for key in EXTRACTION}  # that all cells of a model share
    for path in (root / "results/probes").glob("*/*/summary.json"):
        _change_json(path, lambda summary: summary["extraction"].update(identity))
    for path in (root / "results/probes").glob("*/sentiment/summary.json"):
        _change_json(path, lambda summary: _poison_summary(summary, plant))
    for folder in (root / "results/taxonomy").iterdir():
        _change_json(folder / "taxonomy.json", lambda taxonomy: _poison_taxonomy(taxonomy, plant))
        _poison_tables(folder, plant)
        _poison_cell(folder, text("cell"))
    params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    for model in params["models"].values():
        model["source"] = text("params source")  # shown as JSON
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    return planted


def _change_json(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    block = json.loads(path.read_text(encoding="utf-8"))
    change(block)
    path.write_text(json.dumps(block), encoding="utf-8")


def _poison_card(card: dict[str, Any], plant: Callable[[str], str]) -> None:
    card |= {key: plant(f"card {key}") for key in CARD}
    card["variants"] = {plant("variant"): {}}
    card["classes"] = {plant("class"): 600, "pos": 600}
    card["warnings"] = [plant("card warning")]
    card["findings"] = [{"severity": "note", "message": plant("finding")}]
    card["source"] = {plant("source key"): plant("source value")}
    example = card["examples"][0]
    example |= {"text": f"before {plant('text')} after", "label": plant("example label"), "start": 7}
    example["end"] = len(example["text"]) - 6


def _poison_summary(summary: dict[str, Any], plant: Callable[[str], str]) -> None:
    summary["warnings"] = [plant("warning")]
    summary["unconverged"] = [{"head": plant("unconverged"), "problems": 1}]


def _poison_taxonomy(taxonomy: dict[str, Any], plant: Callable[[str], str]) -> None:
    taxonomy["mapping_note"] = plant("mapping note")
    taxonomy["rungs"][1] |= {"rule": plant("rule"), "name": plant("rung")}
    taxonomy["not_identifiable"] = [{key: plant(f"untold {key}") for key in ("head", "phase", "reason")}]
    taxonomy["features"][plant("mapped feature")] = {
        "family": plant("mapped family"),
        **{key: [plant(f"mapped {key}")] for key in ("phases", "cells", "alike")},
    }
    taxonomy["phases"][plant("phase")] = []


def _poison_tables(folder: Path, plant: Callable[[str], str]) -> None:
    heads = pd.read_csv(folder / "heads.csv", dtype=str, keep_default_na=False)
    for column in ("label", "family", "phase", "features"):
        heads.loc[0, column] = plant(f"head {column}")
    heads.to_csv(folder / "heads.csv", index=False)
    phases = pd.read_csv(folder / "phases.csv", dtype=str, keep_default_na=False)
    for column in ("group", "cell", "does", "methods", "features"):
        phases.loc[0, column] = plant(f"map {column}")
    phases.to_csv(folder / "phases.csv", index=False)


def _poison_cell(folder: Path, text: str) -> None:
    """Shown where the head of the first row is chosen."""
    rows = pd.read_csv(folder / "assignments.csv", dtype=str, keep_default_na=False)
    rows.loc[0, "cell"] = text
    rows.to_csv(folder / "assignments.csv", index=False)
