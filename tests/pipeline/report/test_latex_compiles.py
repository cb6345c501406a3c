"""pdfLaTeX sets every table that the report writes, whatever the texts hold.

Skipped without pdflatex (on Debian: apt-get install texlive-latex-recommended), unless HEAD_ATLAS_REQUIRE_LATEX is 1.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from data.spec import load_spec
from pipeline.report.booktabs import Page, PaperTable, document, render, text_column
from pipeline.report.latex import escape
from pipeline.report.references import dataset_entries
from pipeline.stages.report import main

ROOT = Path(__file__).parents[3]
HOSTILE = r"""\end{table}\input{x} & % $ # _ { } ~ ^ \ [x] * " ' ` <a|b> -- Ünï Ω 中文 😀 $x$ \\ %""" + "\u202e\u0301"
LETTER = r"\documentclass[twocolumn]{article}\usepackage[letterpaper,margin=1in]{geometry}"
WIDEST = 1.0  # points by which a box may be too wide


@pytest.fixture
def pdflatex() -> str:
    """The program; without it the test is skipped, or fails where it has to run."""
    found = shutil.which("pdflatex")
    if found is None:
        reason = "no pdflatex found; on Debian: apt-get install texlive-latex-recommended"
        (pytest.fail if os.environ.get("HEAD_ATLAS_REQUIRE_LATEX") == "1" else pytest.skip)(reason)
    return found


def complaints(program: str, folder: Path, name: str) -> tuple[int, list[str]]:
    """Set a file without writing a PDF; return its exit status and what is wrong with it, but for citations."""
    command = [program, "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", name]
    for _ in range(2):  # the widths of a long table stand after the first time
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    log = (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    found = re.findall(
        r"^(?:! .*|Missing character.*|LaTeX (?:Font )?Warning: (?!Citation|There were undefined).*)", log, re.MULTILINE
    )
    wide = re.findall(r"^Overfull \\hbox \(([\d.]+)pt too wide\).*", log, re.MULTILINE)
    return done.returncode, found + [f"{points} pt too wide" for points in wide if float(points) > WIDEST]


def on_letter(folder: Path) -> None:
    """Put the document on another paper, in two columns."""
    source = (folder / "all.tex").read_text(encoding="utf-8")
    start = source.index(r"\usepackage{booktabs")
    (folder / "letter.tex").write_text(LETTER + source[start:], encoding="utf-8")


@pytest.mark.usefixtures("no_figures")
def test_the_tables_of_a_run_are_set_on_both_papers(run: Path, pdflatex: str) -> None:
    main([])
    folder = run / "results/report/tables"
    on_letter(folder)
    assert complaints(pdflatex, folder, "all") == (0, [])
    assert complaints(pdflatex, folder, "letter") == (0, [])


@pytest.mark.usefixtures("no_figures")
def test_the_tables_of_several_models_are_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pdflatex: str, make_run: Callable[..., None]
) -> None:
    make_run(tmp_path, models=("minilm", "gpt_2-x"))
    monkeypatch.chdir(tmp_path)
    main([])
    folder = tmp_path / "results/report/tables"
    assert {"models_bands.tex", "gpt_2-x_margins.tex"} <= {path.name for path in folder.iterdir()}
    assert complaints(pdflatex, folder, "all") == (0, [])


@pytest.mark.usefixtures("no_figures")
def test_hostile_text_is_set_as_text(run: Path, pdflatex: str) -> None:
    for path in (run / "data/examples").glob("*/card.json"):
        card = json.loads(path.read_text())
        card |= {"feature": f"{card['feature']} {HOSTILE}", "licence": HOSTILE, "readout": HOSTILE[:30]}
        card["citation"] = "@misc{a%b#c$d&e~f^g\\h, title = {x}}"
        path.write_text(json.dumps(card))
    for path in (run / "results/probes/minilm").glob("*/summary.json"):
        summary = json.loads(path.read_text())
        summary["extraction"] |= {"source": HOSTILE, "revision": HOSTILE[-12:], "weights_sha256": "%$#_{}~^\\&"}
        path.write_text(json.dumps(summary))
    phases = run / "results/taxonomy/minilm/phases.csv"
    table = pd.read_csv(phases, keep_default_na=False)
    features = table["features"].where(table["features"] == "", HOSTILE)
    table.assign(cell=HOSTILE, status=HOSTILE, phase=HOSTILE, features=features).to_csv(phases, index=False)
    main([])
    folder = run / "results/report/tables"
    status, found = complaints(pdflatex, folder, "all")
    assert status == 0 and [line for line in found if "too wide" not in line] == []
    tex = (folder / "datasets.tex").read_text(encoding="utf-8")
    assert tex.isascii() and r"\textbackslash{}end\{table\}" in tex and "[U+1F600]" in tex


def test_the_works_of_all_specs_are_set(tmp_path: Path, pdflatex: str) -> None:
    specs = [load_spec(path) for path in sorted((ROOT / "data/specs").glob("*.yaml"))]
    works = [work for spec in specs for work in dataset_entries(spec.path.stem, spec.citation)]
    keys = [re.findall(r"@\w+\{([^,]+),", work)[0] for work in works]
    entries = dict(zip(keys, works, strict=True))
    (tmp_path / "references.bib").write_text("\n\n".join(entries.values()), encoding="utf-8")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/none.tex").write_text(rf"\cite{{{','.join(entries)}}}")
    (tmp_path / "tables/all.tex").write_text(document(["none"]))
    complaints(pdflatex, tmp_path / "tables", "all")
    bibtex = subprocess.run(["bibtex", "all"], cwd=tmp_path / "tables", capture_output=True, text=True, check=False)
    assert (bibtex.returncode, "Warning" in bibtex.stdout) == (0, False), bibtex.stdout
    status, found = complaints(pdflatex, tmp_path / "tables", "all")
    assert status == 0 and [line for line in found if "too wide" not in line] == []
    assert (tmp_path / "tables/all.bbl").read_text(encoding="utf-8").count(r"\bibitem") == len(entries) > 30


@pytest.mark.parametrize("where", ["longtable", "landscape"])
def test_a_long_table_goes_on_over_pages(tmp_path: Path, pdflatex: str, where: Page) -> None:
    columns = (text_column("Name", ["a row"] * 150), text_column("Text", ["words " * 20] * 150))
    long = PaperTable("long", "A title", "A caption.", "A note.", columns, where, {0: "first", 100: "second"})
    (tmp_path / "long.tex").write_text(render(long))
    (tmp_path / "all.tex").write_text(document(["long"]))
    assert complaints(pdflatex, tmp_path, "all") == (0, [])
    assert len(re.findall(r"\[\d+\s*\]", (tmp_path / "all.log").read_text(encoding="utf-8", errors="replace"))) > 3


@pytest.mark.parametrize("encoding", ["OT1", "T1"])
def test_every_character_is_set_in_any_encoding(tmp_path: Path, pdflatex: str, encoding: str) -> None:
    codes = [*range(0x20, 0x250), *range(0x2000, 0x2070), *range(0x20A0, 0x20C0), 0x391, 0x4E2D, 0x1F600, 0x10FFFF]
    lines = " ".join(f"{escape(chr(code))}\\\\" for code in codes)
    (tmp_path / "all.tex").write_text(
        rf"\documentclass{{article}}\usepackage[{encoding}]{{fontenc}}\begin{{document}}"
        rf"\begin{{tabular}}{{l}}{lines}\end{{tabular}}\end{{document}}"
    )
    assert complaints(pdflatex, tmp_path, "all")[0] == 0
    assert "Missing character" not in (tmp_path / "all.log").read_text(encoding="utf-8", errors="replace")


def test_what_latex_refuses_or_cannot_fit_is_noticed(tmp_path: Path, pdflatex: str) -> None:
    start, end = r"\documentclass{article}\begin{document}", r"\end{document}"
    (tmp_path / "wide.tex").write_text(rf"{start}\noindent\hbox to 2\linewidth{{\hrulefill}}{end}")
    (tmp_path / "bad.tex").write_text(rf"{start} a_b {end}")
    (tmp_path / "lost.tex").write_text(rf"{start}\char200{end}")
    assert complaints(pdflatex, tmp_path, "wide")[1] == ["345.0 pt too wide"]
    assert (
        complaints(pdflatex, tmp_path, "bad")[0] != 0 and "! Missing $" in complaints(pdflatex, tmp_path, "bad")[1][0]
    )
    assert "Missing character" in complaints(pdflatex, tmp_path, "lost")[1][0]
