"""The report stage end to end on a made-up run."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.report import canvas
from pipeline.report.results import SCORE_COLUMNS
from pipeline.stages.report import main

HOSTILE = """<script>alert(1)</script></script>"'<!-- & {{ 7*7 }}"""


def outputs(root: Path) -> dict[str, str]:
    """Return path -> hash of everything the stage wrote."""
    files = [
        root / "results/metrics.json",
        *(root / "results/metrics").iterdir(),
        *(root / "results/report").rglob("*"),
    ]
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


@pytest.fixture
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure, but in one width and format: drawing them all takes long, and test_canvas.py does it for one."""
    monkeypatch.setattr(canvas, "WIDTHS", {"single": 3.5})
    monkeypatch.setattr(canvas, "METADATA", {"svg": canvas.METADATA["svg"]})


@pytest.mark.usefixtures("few_files")
def test_every_output_is_written(run: Path, features: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    report = run / "results/report"
    assert {path.name for path in report.iterdir()} == {
        "index.html", "figures", "tables", "references.bib", "provenance.json",
    }  # fmt: skip
    figures = {"best", "families", "layers", "overview", "phases", "tree", *(f"accuracy/{name}" for name in features)}
    drawn = {path.relative_to(report / "figures/minilm") for path in (report / "figures/minilm").rglob("*.*")}
    assert drawn == {Path(f"{name}{end}") for name in figures for end in (".txt", "_single.svg")}
    assert "results/report/index.html" in capsys.readouterr().out
    assert (report / "index.html").stat().st_size < 1_500_000


@pytest.mark.usefixtures("few_files")
def test_two_runs_give_the_same_bytes_and_leave_nothing_of_the_last_one(run: Path) -> None:
    main([])
    first = outputs(run)
    (run / "results/report/figures/old.png").write_bytes(b"")
    main([])
    assert outputs(run) == first
    assert {Path(name).suffix for name in first} >= {".json", ".html", ".bib", ".csv", ".tex", ".svg"}
    assert sum("figures" in path for path in first) == 25


@pytest.mark.slow
@pytest.mark.usefixtures("few_files")
def test_another_process_writes_the_same_bytes(run: Path) -> None:
    main([])
    first = outputs(run)
    script = (
        "from pipeline.report import canvas; from pipeline.stages.report import main;"
        "canvas.WIDTHS = {'single': 3.5}; canvas.METADATA = {'svg': canvas.METADATA['svg']};"
        "main([])"
    )
    changed = {
        "PYTHONHASHSEED": "17", "SOURCE_DATE_EPOCH": "1000000000", "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }  # fmt: skip
    (run / "matplotlibrc").write_text("font.size: 20\nsavefig.bbox: tight\nsvg.fonttype: path\n")  # of this folder
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | changed, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert outputs(run) == first


@pytest.mark.usefixtures("no_figures")
def test_tables(run: Path, features: list[str]) -> None:
    main([])
    tables = run / "results/report/tables"
    best = pd.read_csv(tables / "best_heads.csv")
    assert len(best) == 3 * len(features)
    assert best.groupby("dataset")["accuracy"].apply(lambda values: values.is_monotonic_decreasing).all()
    assert list(best["rung"] >= 1) == list(best["passes"])
    refused = best["dataset"] == "capital_truth"
    assert best.loc[refused, ["control_accuracy", "selectivity", "selectivity_low"]].isna().all(axis=None)
    assert best.loc[~refused, "selectivity_high"].notna().all()
    np.testing.assert_allclose(best["margin_skyline"], best["accuracy"] - best["skyline"], atol=2e-6)
    assert (best["margin_untrained_low"] < best["margin_untrained"]).all()
    heat = pd.read_csv(tables / "heatmap.csv")
    assert list(heat) == ["model", "feature", "dataset", "layer", "head", "label", "accuracy"]
    assert len(heat) == 72 * len(features)
    assert max(len(str(value)) for value in heat["accuracy"]) <= 8
    layers = pd.read_csv(tables / "layers.csv")
    assert layers.drop(columns="model").equals(
        pd.read_csv(run / "results/taxonomy/minilm/layers.csv")[list(layers)[1:]].round(6)
    )
    assert set(layers["model"]) == {"minilm"}
    assert list(pd.read_csv(tables / "datasets.csv")["dataset"]) == features


@pytest.mark.usefixtures("no_figures")
def test_the_page_needs_no_network(run: Path) -> None:
    main([])
    found = page(run)
    assert [link for link in found.links if not link.startswith("#")] == ["data:,"]
    assert not {"link", "img", "iframe", "object", "embed"} & set(found.tags) - {"link"}
    html = (run / "results/report/index.html").read_text(encoding="utf-8")
    styles = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    assert len(styles) == 1 and "--paper" in styles[0]
    assert "url(" not in styles[0] and "@import" not in styles[0]


@pytest.mark.usefixtures("no_figures")
def test_the_page_shows_the_result_without_a_script(run: Path, features: list[str]) -> None:
    main([])
    found = page(run)
    words = " ".join(" ".join(found.words).split())
    assert found.tags.count("h1") == 1
    assert found.tags.count("mark") == 5 * len(features)
    assert found.tags.count("caption") == found.tags.count("table")
    assert re.search(r"In \d+ of 72 heads, a linear probe reads at least one of 6 features better than chance", words)
    for expected in (
        "1,000 permutations",
        "copies tokens",
        "our hypothesis",
        "4 texts were too long",
        "CC-BY-4.0",
        "A head holds a feature if it stands on rung 1 (decodable) or higher",
        "n_heads 12 (6 times)",
        "class share examples singular 600",  # as a screen reader hears it
        "@misc{subject_number2020, title = {About subject_number}}",
        (run / "results/report/references.bib").read_text().split("\n")[0],
    ):
        assert expected in words


@pytest.mark.usefixtures("no_figures")
def test_hostile_text_stays_text(run: Path, payload: Callable[[Path], Any]) -> None:
    main([])
    tags = page(run).tags
    path = run / "data/examples/sentiment/card.json"
    card = json.loads(path.read_text())
    card |= dict.fromkeys(("citation", "description", "artefacts", "licence", "feature"), HOSTILE)
    card |= {
        "variants": {HOSTILE: {}},
        "classes": {HOSTILE: 600, "pos": 600},
        "warnings": [HOSTILE],
        "source": {HOSTILE: HOSTILE},
    }
    card["examples"][0] |= {
        "text": f"{HOSTILE} {HOSTILE} {HOSTILE}",
        "start": len(HOSTILE) + 1,
        "end": 2 * len(HOSTILE) + 1,
    }
    card["examples"][0]["label"] = HOSTILE
    path.write_text(json.dumps(card), encoding="utf-8")
    path = run / "results/probes/minilm/capital_truth/summary.json"
    summary = json.loads(path.read_text())
    summary |= {"warnings": [HOSTILE], "unconverged": [{"head": HOSTILE, "problems": 1}]}
    summary["control"]["refused"] = HOSTILE
    path.write_text(json.dumps(summary), encoding="utf-8")
    main([])
    found = page(run)
    assert found.scripts == [{"type": "application/json", "id": "atlas-data"}, {}, {}]
    assert found.tags.count("li") == tags.count("li") + 2  # two warnings more
    assert sum(HOSTILE in word for word in found.words) >= 11
    probes = payload(run)["models"][0]["probes"]
    assert probes[2]["title"] == HOSTILE
    assert probes[5]["missing"]["control_accuracy"] == f"refused: {HOSTILE}"


@pytest.mark.usefixtures("no_figures")
def test_several_models_get_a_selector(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_run: Callable[..., None],
    payload: Callable[[Path], Any],
) -> None:
    make_run(tmp_path, models=("minilm", "other-model"), layers=2, heads=3)
    monkeypatch.chdir(tmp_path)
    main([])
    html = (tmp_path / "results/report/index.html").read_text(encoding="utf-8")
    assert 'id="model"' in html
    assert len(payload(tmp_path)["models"]) == 2
    assert set(json.loads((tmp_path / "results/metrics.json").read_text())) == {"minilm", "other-model"}
    best = pd.read_csv(tmp_path / "results/report/tables/models_features.csv")
    assert best.groupby("feature")["model"].nunique().tolist() == [2] * 6
    assert (tmp_path / "results/report/tables/models_agreement.csv").exists()


@pytest.mark.usefixtures("no_figures")
def test_one_line_tells_what_was_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    files = {path: path.stat().st_size for path in (run / "results/report").rglob("*") if path.is_file()}
    page_size = files[run / "results/report/index.html"] / 2**20
    assert re.fullmatch(
        rf"report: results/report/index\.html \({page_size:.1f} MiB\) and {len(files) - 1} more files "
        rf"\({sum(files.values()) / 2**20:.1f} MiB in all\) on 6 datasets and minilm, \d+\.\d s\n",
        capsys.readouterr().out,
    )


@pytest.mark.usefixtures("no_figures")
def test_one_model_is_compared_with_none(run: Path) -> None:
    main([])
    assert not [path for path in (run / "results/report").rglob("models_*")]


@pytest.mark.usefixtures("no_figures")
def test_a_run_where_no_head_passes(run: Path, features: list[str]) -> None:
    folder = run / "results/taxonomy/minilm"
    pd.read_csv(folder / "assignments.csv").head(0).to_csv(folder / "assignments.csv", index=False)
    heads = pd.read_csv(folder / "heads.csv").assign(label="unassigned", rung=0)
    heads[["family", "phase", "features"]] = ""
    heads.to_csv(folder / "heads.csv", index=False)
    main([])
    assert json.loads((run / "results/metrics.json").read_text())["minilm"]["decodable"] == 0
    assert "In none of 72 heads" in " ".join(page(run).words)


def test_the_made_up_run_has_the_columns_of_the_contract(run: Path) -> None:
    table = pd.read_parquet(run / "results/probes/minilm/sentiment/heads.parquet")
    assert set(SCORE_COLUMNS) <= set(table)
