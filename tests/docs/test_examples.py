"""Python in the documentation runs, on a small results folder."""

import runpy
import shutil
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from tests.docs import pages
from tests.pipeline.taxonomy.conftest import project as project  # three cells of four heads
from tests.pipeline.taxonomy.project import OUT, run

SCRIPT = pages.ROOT / "examples/read_results.py"
MINILM = Path("results/taxonomy/minilm")
ELSEWHERE = "tutorial.md"  # its first block makes a table, see test_tutorial.py
BLOCKS = [
    pytest.param(block, id=f"{pages.name(page)}-{number}")
    for page in pages.PAGES
    for number, block in enumerate(pages.blocks(pages.read(page), "python"))
    if (page.name, number) != (ELSEWHERE, 0)
]


@pytest.fixture
def results(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished taxonomy, under the name of the default model, in the current folder."""
    monkeypatch.setattr(mpl, "rcParams", mpl.rcParams.copy())
    mpl.use("Agg")
    run()
    shutil.copytree(OUT, MINILM)
    return project


@pytest.mark.usefixtures("results")
@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_of_python_runs(block):
    Path("block.py").write_text(block, encoding="utf-8")
    runpy.run_path("block.py")


def test_there_are_such_blocks():
    assert len(BLOCKS) >= 4


@pytest.mark.usefixtures("results")
def test_the_readme_selects_the_heads_that_it_says():
    (block,) = pages.blocks(pages.read(pages.ROOT / "README.md"), "python")
    lines = block.splitlines()
    lines[3] = f"selected = {lines[3]}"
    Path("block.py").write_text("\n".join(lines), encoding="utf-8")
    found = runpy.run_path("block.py")
    assert set(found["selected"]["label"]) <= {"syntactic"}
    assert lines[3].endswith('["label"] == "syntactic"]')


@pytest.fixture
def script(results: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that runs the example with arguments and returns its names."""

    def example(*arguments: str) -> dict[str, object]:
        monkeypatch.setattr(sys, "argv", ["read_results", *arguments])
        try:
            return runpy.run_path(SCRIPT.as_posix())
        finally:
            plt.close("all")

    return example


def test_the_example_makes_a_table_of_the_best_heads(script, capsys):
    table = script()["table"]
    heads = dict(zip(table["feature"], table["head"], strict=True))
    scores = pd.read_csv(MINILM / "scores.csv")
    best = scores.loc[scores.groupby("feature")["share"].idxmax()]
    assert heads["sentiment"] == "L0H1"
    assert heads == dict(zip(best["feature"], best["name"], strict=True))
    out = capsys.readouterr().out
    assert "4 heads, 3 features" in out and "sentiment L0H1    0.900" in out


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_the_example_draws_a_figure(script, suffix):
    script("results/taxonomy/minilm", "--out", f"mine.{suffix}")
    assert Path(f"mine.{suffix}").stat().st_size > 1000


def test_the_example_takes_names_as_they_are(script):
    for table in MINILM.glob("*.csv"):
        table.write_text(table.read_text(encoding="utf-8").replace("sentiment", "cost_$1$_<b>"), encoding="utf-8")
    drawn = script()["axis"].get_yticklabels()
    assert r"cost_\$1\$_<b>  L0H1" in [label.get_text() for label in drawn]


def test_the_example_says_what_it_takes(script, capsys):
    with pytest.raises(SystemExit):
        script("--colour", "red")
    assert "usage: python -m examples.read_results" in capsys.readouterr().err


def test_in_a_notebook_the_arguments_are_not_ours(script, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert script("-f", "kernel.json")["options"].out == "my_figure.png"


def test_the_example_begins_a_cell_with_each_step():
    assert SCRIPT.read_text(encoding="utf-8").count("\n# %% ") >= 5
