"""Hostile texts in what the report stage writes beside the page."""

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import bibtexparser
import pandas as pd
import pytest

from pipeline.params import load_params
from pipeline.report.provenance import provenance
from pipeline.report.references import bibliography
from pipeline.stages.report import main, read_atlas
from tests.pipeline.report.hostile import ATTACKS, MIXTURE, poison
from tests.pipeline.report.made_up import make_run


def change_card(root: Path, **entries: str) -> None:
    path = root / "data/examples/sentiment/card.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | entries), encoding="utf-8")


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with hostile texts in every place, and its report."""
    root = tmp_path_factory.mktemp("poisoned")
    make_run(root, layers=2, heads=3)
    poison(root, lambda place: f"[{place}] {MIXTURE}")
    change_card(root, feature="sentiment")  # a slug, which stands above the figures
    with chdir(root):
        main([])
    return root


def test_the_attacks_are_different_and_reach_every_kind_of_output(run: Path) -> None:
    planted = poison(run, lambda place: f"[{place}] {MIXTURE}")
    assert len(planted) == len(set(planted)) > 30
    assert all(attack in MIXTURE for attack in ATTACKS)
    assert json.loads((run / "data/examples/sentiment/card.json").read_text())["licence"] in planted


def test_tables_and_json_hold_the_texts_as_they_are(poisoned: Path) -> None:
    report = poisoned / "results/report"
    facts = pd.read_csv(report / "tables/datasets.csv", keep_default_na=False).set_index("dataset")
    assert facts.loc["sentiment", "licence"] == f"[card licence] {MIXTURE}"
    assert facts.loc["sentiment", "classes"] == f"[class] {MIXTURE}=600;pos=600"
    origin = json.loads((report / "provenance.json").read_text(encoding="utf-8"))
    assert origin["datasets"]["sentiment"] == {
        "source": {f"[source key] {MIXTURE}": f"[source value] {MIXTURE}"},
        "licence": f"[card licence] {MIXTURE}",
        "citation": f"[card citation] {MIXTURE}",
        "redistributable": False,
    }
    assert origin["models"]["minilm"]["source"] == f"[model source] {MIXTURE}"


def entries(text: str) -> dict[str, Any]:
    library = bibtexparser.parse_string(text)
    assert library.failed_blocks == []
    return library.entries_dict


def test_the_bibliography_keeps_all_its_entries(poisoned: Path) -> None:
    found = entries((poisoned / "results/report/references.bib").read_text(encoding="utf-8"))
    note = found["sentiment"]["note"]
    assert note.startswith("[card citation] <script>alert(1)</script>")
    assert note.endswith(r"textbf\textbraceleft{}x\textbraceright{}\#\textasciitilde{}\textasciicircum{}")
    assert {"subject_number2020", "part_of_speech2020", "capital_truth2020"} < set(found)


@pytest.mark.parametrize("citation", ["@misc{a, title = {open", "}", "@", "@misc{", "{{", "@comment{x}", "% no", '"'])
def test_a_broken_citation_spoils_no_other(run: Path, citation: str) -> None:
    change_card(run, citation=citation)
    atlas = read_atlas(load_params(Path("params.yaml")))
    found = entries(bibliography(atlas, provenance(atlas, run)))
    assert {"subject_number2020", "capital_truth2020", "head_atlas", "zheng2024attention"} < set(found)
