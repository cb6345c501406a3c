"""The report stage, end to end on a small made-up run."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.report.results import SCORE_COLUMNS
from pipeline.stages.report import main

FEATURES = {
    "subject_number": ("syntactic", "In-Context Identification", "Syntactic Head", ("singular", "plural")),
    "part_of_speech": (
        "syntactic",
        "In-Context Identification",
        "Syntactic Head",
        ("noun", "verb", "adjective", "other"),
    ),
    "sentiment": ("semantic", "In-Context Identification;Latent Reasoning", "Sentiment Summarizer", ("neg", "pos")),
    "word_sense": ("semantic", "In-Context Identification", "Semantic Induction Head", ("same", "different")),
    "country_continent": ("factual", "Knowledge Recalling", "Memory Head", ("Africa", "Asia", "Europe", "Americas")),
    "capital_truth": ("truth", "Latent Reasoning", "Truthfulness Head", ("false", "true")),
}
UNMEASURED = ("control_accuracy", "selectivity", "embedding", "untrained", "projection", "skyline")
HOSTILE = """<script>alert(1)</script></script>"'<!-- & {{ 7*7 }}"""


def make_run(root: Path, models: tuple[str, ...] = ("minilm",), layers: int = 6, heads: int = 12) -> None:
    """Write everything the report reads, for six features."""
    params: dict[str, Any] = {
        "examples": {"folds": 5, "seed": 0},
        "extract": {"device": "auto"},
        "probe": {"c_grid": [0.01, 1.0], "permutations": 1000, "bootstrap": 1000, "confidence": 0.95, "seed": 0},
        "taxonomy": {"alpha": 0.05},
        "report": {"top_heads": 3},
        "models": {model: {"source": "somewhere", "revision": "r1"} for model in models},
        "datasets": {dataset: {} for dataset in FEATURES},
    }
    _write(root / "params.yaml", yaml.safe_dump(params, sort_keys=False))
    for number, dataset in enumerate(FEATURES):
        _write_card(root, dataset)
        for model in models:
            _write_cell(root, model, dataset, np.random.default_rng([number, len(model)]), (layers, heads))
    for model in models:
        _write_taxonomy(root, model)


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def _write_card(root: Path, dataset: str) -> None:
    family, _, _, labels = FEATURES[dataset]
    text = "The keys to the old cabinet are on the table, where she had left them the evening before."
    examples = [
        {"example_id": f"e{i}", "text": text, "start": 4, "end": 8, "label": labels[i % len(labels)]} for i in range(5)
    ]
    card = {
        "dataset": dataset, "feature": dataset, "family": family, "description": f"Whether {dataset} can be read off.",
        "licence": "CC-BY-4.0", "citation": f"@misc{{{dataset}2020, title = {{About {dataset}}}}}", "readout": "span",
        "too_long": "drop", "n_examples": 1200, "n_groups": 300, "n_control_keys": 80,
        "classes": {label: 1200 // len(labels) for label in labels}, "majority": 1 / len(labels), "surface": 0.55,
        "folds": [], "source": {"kind": "generated", "module": "data.generated", "sha256": "ab" * 32}, "dropped": {},
        "examples": examples, "warnings": ["labels of 3 groups differ"] if dataset == "word_sense" else [],
    }  # fmt: skip
    _write(root / "data/examples" / dataset / "card.json", card)


def _write_cell(root: Path, model: str, dataset: str, rng: np.random.Generator, shape: tuple[int, int]) -> None:
    family, _, _, labels = FEATURES[dataset]
    layer, head = (axis.ravel() for axis in np.indices(shape))
    chance = 1 / len(labels)
    depth = np.exp(-(((layer / shape[0] - 0.2 - 0.6 * rng.random()) / 0.25) ** 2))
    accuracy = chance + (0.95 - chance) * np.clip(
        depth * rng.beta(1.2, 2.0, layer.size) + rng.normal(0, 0.02, layer.size), -0.03, 1
    )
    numbers = {
        "layer": layer, "head": head, "n_examples": 1200, "n_groups": 300, "n_classes": len(labels),
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.03, "accuracy_high": accuracy + 0.03, "balanced_accuracy": accuracy - 0.01,
        "auroc": np.clip(accuracy + 0.05, 0, 1), "information_bits": accuracy - chance - 0.02, "majority": chance,
        "surface": 0.55, "p_value": np.clip(np.exp(-40 * (accuracy - chance)), 1 / 1001, 1), "c": 1.0,
    }  # fmt: skip
    table = pd.DataFrame(numbers).assign(model=model, dataset=dataset, feature=dataset, family=family)
    table = table.assign(**dict.fromkeys(UNMEASURED))
    folder = root / "results/probes" / model / dataset
    folder.mkdir(parents=True)
    table.to_parquet(folder / "heads.parquet")
    best = table.loc[table["accuracy"].idxmax()]
    summary = {
        "model": model, "dataset": dataset, "feature": dataset, "family": family, "classes": list(labels),
        "n_examples": 1200, "n_groups": 300, "n_dropped": 4 if dataset == "sentiment" else 0, "majority": chance,
        "surface": 0.55, "n_significant": 10, "best": {"layer": int(best["layer"]), "head": int(best["head"])}
        | {key: float(best[key]) for key in ("accuracy", "accuracy_low", "accuracy_high", "p_value")},
        "null": {"permutations": 1000, "design": "constant", "best_expected": chance + 0.04}, "unconverged": [],
        "warnings": [], "extraction": {
            "source": "somewhere", "revision": "r1", "weights_sha256": "cd" * 32, "model_type": "bert",
            "n_layers": shape[0], "n_heads": [shape[1]] * shape[0], "d_head": [32] * shape[0], "d_model": 384,
            "readout": "span" if dataset != "sentiment" else "mean",
        },
    }  # fmt: skip
    _write(folder / "summary.json", summary)


def _write_taxonomy(root: Path, model: str) -> None:
    cells = sorted((root / "results/probes" / model).iterdir())
    scores = pd.concat([pd.read_parquet(cell / "heads.parquet") for cell in cells], ignore_index=True)
    scores["name"] = "L" + scores["layer"].astype(str) + "H" + scores["head"].astype(str)
    won = scores[(scores["p_value"] < 0.05) & (scores["accuracy_low"] > scores["majority"])].assign(rung=1)
    won["phase"] = [FEATURES[feature][1] for feature in won["feature"]]
    won["cell"] = [FEATURES[feature][2] for feature in won["feature"]]
    won["margin"] = won["accuracy"] - won["majority"]
    rows = [_taxonomy_row(model, *key, won) for key, _ in scores.groupby(["layer", "head", "name"])]
    folder = root / "results/taxonomy" / model
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_csv(folder / "heads.csv", index=False)
    won[[
        "model", "layer", "head", "name", "feature", "dataset", "family", "phase", "cell", "rung", "accuracy",
        "accuracy_low", "accuracy_high", "margin", "p_value",
    ]].to_csv(folder / "assignments.csv", index=False)  # fmt: skip
    taxonomy = {
        "model": model, "thresholds": {"alpha": 0.05}, "mapping_note": "The mapping is our hypothesis.",
        "rungs": [{"rung": 0, "name": "not decodable", "rule": "no rung above"},
                  {"rung": 1, "name": "decodable", "rule": "p < alpha, and the interval lies above majority"}],
        "phases": {
            "Knowledge Recalling": ["Memory Head"], "Latent Reasoning": ["Truthfulness Head"],
            "In-Context Identification": sorted({cell for _, _, cell, _ in FEATURES.values()}),
            "Expression Preparation": [],
        },
        "not_identifiable": [{"head": "Induction Head", "phase": "Latent Reasoning", "reason": "copies tokens"}],
        "features": {name: {"family": family, "phases": phases.split(";"), "cells": [cell]}
                     for name, (family, phases, cell, _) in FEATURES.items()},
    }  # fmt: skip
    _write(folder / "taxonomy.json", taxonomy)


def _taxonomy_row(model: str, layer: int, head: int, name: str, won: pd.DataFrame) -> dict[str, Any]:
    mine = won[won["name"] == name]
    families = sorted(set(mine["family"]))
    phases = sorted({phase for cell in mine["phase"] for phase in cell.split(";")})
    return {
        "model": model, "layer": layer, "head": head, "name": name,
        "label": families[0] if len(families) == 1 else "polyfunctional" if families else "unassigned",
        "family": ";".join(families), "phase": ";".join(phases), "features": ";".join(mine["feature"]),
        "rung": int(bool(families)), "rung_name": "decodable" if families else "not decodable",
        "specialisation": round(1 / max(1, len(families)), 6) if families else None, "stability": None,
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_run(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes seconds; only the tests of the figures need it."""
    monkeypatch.setattr("pipeline.stages.report.figures", lambda atlas: {})


def outputs(root: Path) -> dict[str, str]:
    """Return path -> hash of everything the stage wrote."""
    files = [root / "results/metrics.json", *(root / "results/report").rglob("*")]
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()
    }


class Page(HTMLParser):
    """Collects the scripts, the links and the words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        if tag == "script":
            self.scripts.append(dict(attrs))
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass


def page(root: Path) -> Page:
    return Page((root / "results/report/index.html").read_text(encoding="utf-8"))


def test_every_output_is_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    report = run / "results/report"
    assert {path.name for path in report.iterdir()} == {
        "index.html", "figures", "tables", "references.bib", "provenance.json",
    }  # fmt: skip
    assert {path.stem for path in (report / "figures/minilm").iterdir()} == set(FEATURES)
    assert (report / "figures/minilm_overview.png").read_bytes().startswith(b"\x89PNG")
    assert "results/report/index.html" in capsys.readouterr().out
    assert (report / "index.html").stat().st_size < 500_000


def test_two_runs_give_the_same_bytes_and_leave_nothing_of_the_last_one(run: Path) -> None:
    main([])
    first = outputs(run)
    (run / "results/report/figures/old.png").write_bytes(b"")
    main([])
    assert outputs(run) == first
    assert len(first) == 14


@pytest.mark.usefixtures("no_figures")
def test_tables(run: Path) -> None:
    main([])
    tables = run / "results/report/tables"
    best = pd.read_csv(tables / "best_heads.csv")
    assert len(best) == 3 * len(FEATURES)
    assert best.groupby("dataset")["accuracy"].apply(lambda values: values.is_monotonic_decreasing).all()
    assert best["embedding"].isna().all()
    heat = pd.read_csv(tables / "heatmap.csv")
    assert list(heat) == ["model", "feature", "dataset", "layer", "head", "label", "accuracy"]
    assert len(heat) == 72 * len(FEATURES)
    assert max(len(str(value)) for value in heat["accuracy"]) <= 8
    assert list(pd.read_csv(tables / "datasets.csv")["dataset"]) == list(FEATURES)


@pytest.mark.usefixtures("no_figures")
def test_metrics(run: Path) -> None:
    main([])
    metrics = json.loads((run / "results/metrics.json").read_text())["minilm"]
    heads = pd.read_csv(run / "results/taxonomy/minilm/heads.csv")
    won = pd.read_csv(run / "results/taxonomy/minilm/assignments.csv")
    assert metrics["heads"] == 72
    assert metrics["heads_decodable"] == (heads["rung"] == 1).sum() > 0
    assert metrics["heads_specialised"] + metrics["heads_polyfunctional"] == metrics["heads_decodable"]
    cell = metrics["sentiment"]
    assert set(cell) == {"best_accuracy", "best_accuracy_low", "majority", "surface", "heads_decodable"}
    assert cell["heads_decodable"] == (won["dataset"] == "sentiment").sum()
    assert cell["best_accuracy"] == round(cell["best_accuracy"], 4)


@pytest.mark.usefixtures("no_figures")
def test_the_page_needs_no_network(run: Path) -> None:
    main([])
    found = page(run)
    assert [link for link in found.links if not link.startswith("#")] == ["data:,"]
    assert not {"link", "img", "iframe", "object", "embed"} & set(found.tags) - {"link"}
    assert "url(" not in (run / "results/report/index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_figures")
def test_the_page_shows_the_result_without_a_script(run: Path) -> None:
    main([])
    found = page(run)
    words = " ".join(" ".join(found.words).split())
    assert found.tags.count("h1") == 1
    assert found.tags.count("mark") == 5 * len(FEATURES)
    assert found.tags.count("caption") == found.tags.count("table")
    assert re.search(r"In \d+ of 72 heads, a linear probe reads at least one of 6 features better than chance", words)
    for expected in (
        "1,000 permutations",
        "copies tokens",
        "our hypothesis",
        "4 texts were too long",
        "CC-BY-4.0",
    ):
        assert expected in words


@pytest.mark.usefixtures("no_figures")
def test_a_baseline_nobody_measured_is_not_zero(run: Path) -> None:
    main([])
    words = " ".join(" ".join(page(run).words).split())
    assert "Not measured in this run: control task, static embedding, untrained model" in words
    assert "static embedding not measured" in words
    payload = _payload(run)
    assert payload["models"][0]["probes"][0]["baselines"]["embedding"] is None
    assert payload["models"][0]["probes"][0]["baselines"]["majority"] == 0.5


def _payload(root: Path) -> Any:
    html = (root / "results/report/index.html").read_text(encoding="utf-8")
    match = re.search(r'<script type="application/json" id="atlas-data">(.*?)</script>', html, re.DOTALL)
    assert match is not None
    return json.loads(match[1])


@pytest.mark.usefixtures("no_figures")
def test_hostile_text_stays_text(run: Path) -> None:
    main([])
    tags = page(run).tags
    path = run / "data/examples/sentiment/card.json"
    card = json.loads(path.read_text())
    card |= dict.fromkeys(("citation", "description", "licence", "feature"), HOSTILE)
    card |= {"classes": {HOSTILE: 600, "pos": 600}, "warnings": [HOSTILE], "source": {HOSTILE: HOSTILE}}
    card["examples"][0] |= {
        "text": f"{HOSTILE} {HOSTILE} {HOSTILE}",
        "start": len(HOSTILE) + 1,
        "end": 2 * len(HOSTILE) + 1,
    }
    card["examples"][0]["label"] = HOSTILE
    _write(path, card)
    main([])
    found = page(run)
    assert found.scripts == [{"type": "application/json", "id": "atlas-data"}, {}]
    assert found.tags.count("li") == tags.count("li") + 1  # one warning more
    assert sum(HOSTILE in word for word in found.words) >= 8
    assert _payload(run)["models"][0]["probes"][2]["title"] == HOSTILE


@pytest.mark.usefixtures("no_figures")
def test_several_models_get_a_selector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, models=("minilm", "other-model"), layers=2, heads=3)
    monkeypatch.chdir(tmp_path)
    main([])
    html = (tmp_path / "results/report/index.html").read_text(encoding="utf-8")
    assert 'id="model"' in html
    assert len(_payload(tmp_path)["models"]) == 2
    assert set(json.loads((tmp_path / "results/metrics.json").read_text())) == {"minilm", "other-model"}


@pytest.mark.usefixtures("no_figures")
def test_a_run_where_no_head_passes(run: Path) -> None:
    folder = run / "results/taxonomy/minilm"
    pd.read_csv(folder / "assignments.csv").head(0).to_csv(folder / "assignments.csv", index=False)
    heads = pd.read_csv(folder / "heads.csv").assign(label="unassigned", rung=0)
    heads[["family", "phase", "features"]] = ""
    heads.to_csv(folder / "heads.csv", index=False)
    main([])
    assert json.loads((run / "results/metrics.json").read_text())["minilm"]["heads_decodable"] == 0
    assert "In 0 of 72 heads" in " ".join(page(run).words)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/examples/sentiment", r"data/examples: no results for dataset 'sentiment'.*dvc repro"),
        ("results/probes/minilm/sentiment", r"results/probes/minilm: no results for dataset 'sentiment'.*dvc repro"),
        ("results/taxonomy/minilm", r"results/taxonomy: no results for model 'minilm'.*dvc repro"),
    ],
)
def test_a_missing_cell_is_refused(run: Path, path: str, message: str) -> None:
    for file in (run / path).iterdir():
        file.unlink()
    with pytest.raises(PipelineError, match=message):
        main([])


@pytest.mark.parametrize("root", ["data/examples", "results/probes", "results/probes/minilm", "results/taxonomy"])
def test_a_leftover_cell_is_refused(run: Path, root: str) -> None:
    _write(run / root / "removed/summary.json", {})
    with pytest.raises(PipelineError, match=rf"'removed' is on disk.*`rm -r {root}/removed`"):
        main([])


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("data/examples/sentiment/card.json", "{", "not readable"),
        ("data/examples/sentiment/card.json", "{}", "card.json: lacks feature, family"),
        ("results/taxonomy/minilm/heads.csv", "layer,head\n", "heads.csv: lacks name"),
        ("results/taxonomy/minilm/assignments.csv", "", "assignments.csv: not readable"),
        ("results/probes/minilm/sentiment/heads.parquet", "no parquet", "heads.parquet: not readable"),
    ],
)
def test_a_damaged_file_is_refused(run: Path, path: str, content: str, message: str) -> None:
    (run / path).write_text(content)
    with pytest.raises(PipelineError, match=message):
        main([])


def test_params_are_checked(run: Path) -> None:
    params = yaml.safe_load((run / "params.yaml").read_text())
    params["report"]["top_heads"] = 0
    (run / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(PipelineError, match=r"report.top_heads: expected 1 or more, got 0"):
        main([])


def test_the_made_up_run_has_the_columns_of_the_contract(run: Path) -> None:
    table = pd.read_parquet(run / "results/probes/minilm/sentiment/heads.parquet")
    assert set(SCORE_COLUMNS) <= set(table)
