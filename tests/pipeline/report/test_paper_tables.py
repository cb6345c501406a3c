"""The tables for papers: their numbers are those of the CSV tables, rounded."""

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pipeline.report.booktabs import PaperTable, render
from pipeline.report.comparison_tables import comparison_frames, comparison_tables
from pipeline.report.latex import escape
from pipeline.report.paper_tables import RUNG_HEADINGS, paper_tables
from pipeline.report.references import dataset_entries
from pipeline.report.results import BASELINES, MARGINS, Atlas
from pipeline.report.tables import best_heads, citation_keys, dataset_facts, phase_map, taxonomy_counts
from pipeline.stages.report import main, read_atlas
from probes.across import compare_models

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
REFUSED = "capital_truth"


def rows_of(tex: str) -> Iterator[list[str]]:
    """Yield the cells of each row of a table, without headings of groups."""
    body = re.split(r"\\endfoot|\\midrule", tex)[-1]
    for line in body.splitlines():
        if line.endswith(r"\\") and not line.startswith(r"\multicolumn"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r"\\"))]


def numbers(cell: str) -> list[float]:
    """Return the numbers that stand in a cell, none for a dash."""
    return [float(found.replace(",", "")) for found in NUMBER.findall(cell.replace("$-$", "-"))]


def rounded(*values: Any, digits: int = 3) -> list[float]:
    """Return what a cell has to show: nothing where the first value is missing, no interval where that is."""
    kept = [] if pd.isna(values[0]) else values[:1] if any(pd.isna(value) for value in values) else values
    return [float(f"{float(value):.{digits}f}") for value in kept]


def frames_of(atlas: Atlas) -> dict[str, pd.DataFrame]:
    works = [entry for slug, card in atlas.cards.items() for entry in dataset_entries(slug, card["citation"])]
    keys = citation_keys("\n\n".join(works), atlas.cards)
    return {
        "taxonomy": taxonomy_counts(atlas),
        "best_heads": best_heads(atlas, 3),
        "phases": phase_map(atlas),
        "datasets": dataset_facts(atlas, keys),
    }


def read(run: Path) -> tuple[dict[str, pd.DataFrame], dict[str, PaperTable]]:
    """Return the CSV tables as a reader gets them from disk, and the tables for a paper, by name."""
    atlas = read_atlas(yaml.safe_load((run / "params.yaml").read_text()))
    frames = frames_of(atlas)
    tables = {table.name: table for table in paper_tables(atlas, frames)}
    for name, frame in frames.items():
        frame.to_csv(run / f"{name}.csv", index=False)
    text = {"features": str, "cite": str, "licence": str}
    return {name: pd.read_csv(run / f"{name}.csv", keep_default_na=True, dtype=text) for name in frames}, tables


def change_best(run: Path, dataset: str, **values: float) -> None:
    """Give the best head of a dataset other numbers."""
    path = run / f"results/probes/minilm/{dataset}/heads.parquet"
    table = pd.read_parquet(path)
    table.loc[table["accuracy"].idxmax(), list(values)] = list(values.values())
    table.to_parquet(path)


@pytest.fixture
def odd(run: Path) -> Path:
    """A run with the numbers that are easily shown wrongly."""
    change_best(
        run, "sentiment", accuracy=1.0, accuracy_low=0.99951, accuracy_high=1.0, p_value=1e-9, margin_skyline=0.0
    )
    change_best(run, "word_sense", margin_surface=-0.00049, margin_surface_low=-0.0123456, margin_surface_high=0.000499)
    change_best(run, "word_sense", accuracy_low=math.nan, accuracy_high=math.nan, p_value=1.0, untrained=0.0)
    change_best(run, "part_of_speech", information_bits=-0.25, margin_untrained_low=-1.0, margin_untrained_high=1.0)
    path = run / "data/examples/sentiment/card.json"
    path.write_text(path.read_text().replace('"n_examples": 1200', '"n_examples": 1234567'))
    return run


def test_best_heads_are_those_of_the_csv(odd: Path) -> None:
    frames, tables = read(odd)
    best = frames["best_heads"].query("rank == 1").set_index("feature")
    found = list(rows_of(render(tables["minilm_best_heads"])))
    assert len(found) == len(best) == 6
    for feature, head, n, accuracy, chosen, bits, p, rung in found:
        row = best.loc[feature.replace(" ", "_")]
        assert head == row["label"]
        assert numbers(accuracy) == rounded(*row[["accuracy", "accuracy_low", "accuracy_high"]])
        assert numbers(chosen) == rounded(*row[["selected", "selected_low", "selected_high"]])
        assert numbers(bits) == rounded(row["information_bits"])
        assert (numbers(p) == [0.001] and row["p_value"] < 0.001) if "<" in p else numbers(p) == rounded(row["p_value"])
        assert numbers(n) == [row["n_examples"]] and numbers(rung) == [row["rung"]]
    assert {row[6] for row in found} >= {"$<$ 0.001", "1.000"}
    assert any(row[3] == "1.000 [1.000, 1.000]" for row in found)


@pytest.mark.parametrize("name", ["minilm_baselines", "minilm_margins"])
def test_baselines_and_margins_are_those_of_the_csv(odd: Path, name: str) -> None:
    frames, tables = read(odd)
    best = frames["best_heads"].query("rank == 1").set_index("feature")
    shown = [[base] for base in ("accuracy", *BASELINES)]
    if name == "minilm_margins":
        shown = [[margin, f"{margin}_low", f"{margin}_high"] for margin in MARGINS.values()]
    found = list(rows_of(render(tables[name])))
    assert len(found) == 6
    for feature, _, *cells in found:
        row = best.loc[feature.replace(" ", "_")]
        assert [numbers(cell) for cell in cells] == [rounded(*row[columns]) for columns in shown]
    cells = [cell for row in found for cell in row]
    assert "--" in cells and cells.count("--") == 1  # the control task of one dataset was refused
    if name == "minilm_margins":
        assert "0.000 [$-$0.012, 0.000]" in cells and not any("-0.000" in cell for cell in cells)


def test_rows_stand_by_family_and_say_so(run: Path) -> None:
    _, tables = read(run)
    tex = render(tables["minilm_best_heads"])
    headings = re.findall(r"\\itshape (\w+)", tex)
    assert headings == ["syntactic", "semantic", "factual", "truth"]


def test_the_taxonomy_counts_heads_as_its_tables_do(run: Path) -> None:
    frames, tables = read(run)
    heads = pd.read_csv(run / "results/taxonomy/minilm/heads.csv", keep_default_na=False)
    won = pd.read_csv(run / "results/taxonomy/minilm/assignments.csv", keep_default_na=False)
    found = {name: cells for name, *cells in rows_of(render(tables["minilm_taxonomy"]))}
    assert list(found) == ["syntactic", "semantic", "factual", "truth", "polyfunctional", "unassigned", "all heads"]
    for label in list(found)[:4]:
        mine = won[won["family"] == label]
        reached = [mine[mine["rung"] >= rung]["name"].nunique() for rung in (1, 2, 3)]
        assert [numbers(cell) for cell in found[label][1:4]] == [[count] for count in reached]
    labels = heads["label"].value_counts()
    assert all(numbers(found[label][4]) == [labels.get(label, 0)] for label in list(found)[:6])
    assert numbers(found["all heads"][4]) == [len(heads)] == [72]
    assert numbers(found["all heads"][1]) == [won["name"].nunique()]
    assert found["unassigned"][:4] == ["--"] * 4 and found["truth"][5] == "--"  # no replicates in this run
    assert frames["taxonomy"]["n_unstable"].isna().all()


def test_unstable_labels_are_counted_where_stability_was_measured(run: Path) -> None:
    path = run / "results/taxonomy/minilm/heads.csv"
    heads = pd.read_csv(path, keep_default_na=False)
    heads["stability"] = [0.79, *[0.8] * 71]
    heads.loc[0, "label"] = "truth"
    heads.to_csv(path, index=False)
    _, tables = read(run)
    found = {name: cells[5] for name, *cells in rows_of(render(tables["minilm_taxonomy"]))}
    assert (found["truth"], found["semantic"], found["all heads"]) == ("1", "0", "1")
    assert r"fewer than 80\,\% of the replicates" in tables["minilm_taxonomy"].caption


def test_the_phase_map_is_that_of_the_csv(run: Path) -> None:
    frames, tables = read(run)
    found = list(rows_of(render(tables["minilm_phases"])))
    assert len(found) == len(frames["phases"]) == 7
    for cells, (_, row) in zip(found, frames["phases"].iterrows(), strict=True):
        assert cells[0] == row["cell"] and cells[1] == row["status"]
        assert [numbers(cell) for cell in cells[3:]] == [rounded(row[name], digits=0) for name in RUNG_HEADINGS]
    assert found[-1] == ["Induction Head", "not identifiable", "", "--", "--", "--"]


def test_a_run_that_found_nothing_has_counts_of_zero_and_no_empty_table(run: Path) -> None:
    folder = run / "results/taxonomy/minilm"
    for name in ("assignments", "phases"):
        lines = (folder / f"{name}.csv").read_text().splitlines(keepends=True)
        (folder / f"{name}.csv").write_text(lines[0])
    frames, tables = read(run)
    found = {name: cells for name, *cells in rows_of(render(tables["minilm_taxonomy"]))}
    assert found["all heads"][:4] == ["6", "0", "0", "0"] and found["truth"][:4] == ["1", "0", "0", "0"]
    assert "minilm_phases" not in tables and len(frames["phases"]) == 0
    assert {cells[-1] for cells in rows_of(render(tables["minilm_best_heads"]))} == {"0"}


def test_datasets_are_those_of_the_csv(odd: Path) -> None:
    frames, tables = read(odd)
    facts = frames["datasets"].set_index("feature")
    found = list(rows_of(render(tables["datasets"])))
    assert len(found) == 6
    for feature, n, groups, classes, majority, surface, readout, licence, work in found:
        row = facts.loc[feature.replace(" ", "_")]
        assert [numbers(cell) for cell in (n, groups, classes)] == [
            [row[name]] for name in ("n_examples", "n_groups", "n_classes")
        ]
        assert numbers(majority) == rounded(row["majority"]) and numbers(surface) == rounded(row["surface"])
        assert (readout, licence) == (row["readout"], row["licence"])
        assert work == rf"\cite{{{row['cite']}}}"
    assert "1,234,567" in {row[1] for row in found}


def test_a_work_is_cited_by_the_key_it_has_in_the_bibliography() -> None:
    bib = "@misc{doe_second,\n title = {B}, }\n\n% A comment\n\n@misc{doe,\n title = {A}}\n"
    cards = {
        "first": {"citation": "@misc{doe, title = {A}}"},
        "second": {"citation": "@misc{doe,\n  title =  {B}, }"},
        "both": {"citation": "@misc{doe, title = {A}}\n@misc{doe, title = {B}, }"},
        "none": {"citation": ""},
    }
    found = {"first": ["doe"], "second": ["doe_second"], "both": ["doe", "doe_second"], "none": []}
    assert citation_keys(bib, cards) == found


def test_words_that_are_cited_have_a_key(run: Path) -> None:
    path = run / "data/examples/sentiment/card.json"
    path.write_text(re.sub(r'"citation": ".*?}}"', '"citation": "Doe, 50 % of R&D"', path.read_text()))
    frames, _ = read(run)
    assert frames["datasets"].set_index("dataset").loc["sentiment", "cite"] == "sentiment"
    assert frames["datasets"].set_index("dataset").loc["word_sense", "cite"] == "word_sense2020"


def test_the_small_print_names_model_and_method(run: Path) -> None:
    _, tables = read(run)
    for name in ("best_heads", "baselines", "margins"):
        note = tables[f"minilm_{name}"].note
        for said in ("somewhere", "revision r1", "weights cdcdcdcdcdcd (SHA-256)", "72 heads", "5 grouped folds"):
            assert said in note
        assert r"95\,\%" in note and "1,000 replicates" in note and "1,200 examples" in note
    for name in ("best_heads", "taxonomy", "phases"):
        assert "$p < 0.05$, family-wise over the heads and the datasets of the family" in tables[f"minilm_{name}"].note
    assert "1,000 permutations" in tables["minilm_best_heads"].note
    assert "refused" in tables["minilm_margins"].note and "refused" not in tables["minilm_best_heads"].note


def test_many_heads_are_counted_not_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., None]
) -> None:
    make_run(tmp_path, layers=32, heads=32)
    monkeypatch.chdir(tmp_path)
    frames, tables = read(tmp_path)
    found = {name: cells for name, *cells in rows_of(render(tables["minilm_taxonomy"]))}
    assert found["all heads"][4] == "1,024" and numbers(found["all heads"][4]) == [1024]
    assert numbers(found["all heads"][1]) == [frames["taxonomy"].query("label == 'all'")["n_decodable"].item()]
    assert all(len(list(rows_of(render(table)))) <= 7 for table in tables.values())


def compared(stacks: dict[str, list[str]]) -> dict[str, pd.DataFrame]:
    """Return the comparison of two models with these stacks, one layer in each place."""
    parts = {}
    for number, (model, names) in enumerate(stacks.items()):
        rows = pd.DataFrame({
            "layer": range(len(names)),
            "head": 0,
            "attention": names,
            "rung": [0, 2] * (len(names) // 2),
        })
        rows["name"] = "L" + rows["layer"].astype(str) + "H0"
        rows["share"] = [-0.0004, 0.123456789, 0.5, 1.0][: len(names)] if not number else 0.25
        both = [rows.assign(dataset=f"{feature}_set", feature=feature, family="truth") for feature in ("a_b", "c")]
        parts[model] = pd.concat(both, ignore_index=True).assign(share_low=-0.25, share_high=0.75)
    found = compare_models(parts)
    return comparison_frames(found.bands, found.agreement, found.features)


@pytest.mark.parametrize("stack", ["self", "encoder"])
def test_several_models_are_shown_as_the_csv_has_them(stack: str) -> None:
    frames = compared({"one_x": [stack] * 2 + ["self"] * 2, "two": ["self"] * 4})
    tables = {table.name: render(table) for table in comparison_tables(frames, ["d"])}
    assert set(tables) == set(frames)
    bands = list(rows_of(tables["models_bands"]))
    for cells, (_, row) in zip(bands, frames["models_bands"].iterrows(), strict=True):
        assert cells[0] == escape(row["model"]) and cells[-4] == row["band"]
        assert [numbers(cell) for cell in cells[-3:-1]] == [[row["n_heads"]], [row["n_holding"]]]
        assert numbers(cells[-1]) == rounded(*row[["holding", "holding_low", "holding_high"]])
    for cells, (_, row) in zip(rows_of(tables["models_agreement"]), frames["models_agreement"].iterrows(), strict=True):
        assert numbers(cells[-2]) == [row["n_points"]] and numbers(cells[-1]) == rounded(row["correlation"])
    for cells, (_, row) in zip(rows_of(tables["models_features"]), frames["models_features"].iterrows(), strict=True):
        assert numbers(cells[-2]) == rounded(*row[["share", "share_low", "share_high"]])
        assert cells[-3] == escape(row["dataset"]) and numbers(cells[-1]) == [row["rung"]]
    assert ("Stack" in tables["models_bands"]) == (stack != "self")
    assert "--" in {cells[-1] for cells in rows_of(tables["models_agreement"])}  # the second model is flat


def test_a_table_without_rows_is_left_out() -> None:
    frames = compared({"one": ["self"] * 2, "two": ["self"] * 2})
    assert len(comparison_tables(frames, ["d"])) == 3
    frames["models_agreement"] = frames["models_agreement"][:0]
    assert [table.name for table in comparison_tables(frames, ["d"])] == ["models_bands", "models_features"]


@pytest.mark.usefixtures("no_figures")
def test_every_table_is_written_as_csv_and_latex(run: Path) -> None:
    main([])
    files = {path.name for path in (run / "results/report/tables").iterdir()}
    names = ["taxonomy", "best_heads", "baselines", "margins", "phases"]
    assert {"all.tex", "datasets.tex", *(f"minilm_{name}.tex" for name in names)} == {
        name for name in files if name.endswith(".tex")
    }
    assert {"taxonomy.csv", "best_heads.csv", "phases.csv", "datasets.csv"} <= files
