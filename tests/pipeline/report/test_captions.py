"""Every figure has a caption, and its numbers are those of the results and the params."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml

from pipeline.report import canvas, captions, gallery
from pipeline.report.caption_facts import data_words, joined
from pipeline.stages.report import main

HOSTILE = 'CC "BY" 4.0\n\n\\end{caption}\x07 <b>& $x_1$'


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[str, str]]:
    """Runs the stage without drawing anything, and reads the captions."""
    monkeypatch.setattr(canvas, "WIDTHS", {})

    def read(root: Path) -> dict[str, str]:
        main([])
        folder = root / "results/report/figures"
        return {str(path.relative_to(folder))[:-4]: path.read_text(encoding="utf-8") for path in folder.rglob("*.txt")}

    return read


@pytest.fixture
def change() -> Callable[[Path, Callable[[Any], None]], None]:
    """Changes a JSON or YAML file in place."""

    def edit(path: Path, how: Callable[[Any], None]) -> None:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        how(content)
        path.write_text(json.dumps(content), encoding="utf-8")

    return edit


def test_every_caption_is_one_plain_line_that_names_n_model_revision_data_licence_and_method(run, written, features):
    for name, caption in written(run).items():
        assert caption.count("\n") == 1, name
        assert caption.isascii(), name
        assert '"' not in caption, name
        for words in (
            "72 ",
            "minilm (somewhere, revision r1, weights SHA-256 cdcdcdcdcdcd)", "licence CC-BY-4.0", "1,200 examples",
            "300 groups", "5 folds", "C of 0.01, 1 chosen", "1,000 permutations", "95 % intervals",
            "1,000 bootstrap replicates",
        ):  # fmt: skip
            assert words in caption, (name, words)
        shown = [name.removeprefix("minilm/accuracy/")] if "accuracy/" in name else features
        assert all(feature in caption for feature in shown), name


def test_the_numbers_of_the_method_are_those_of_the_params(run, written, change):
    def other(params: Any) -> None:
        params["probe"] |= {"permutations": 77, "bootstrap": 12345, "confidence": 0.9, "c_grid": [0.5]}
        params["examples"]["folds"] = 9
        params["taxonomy"] |= {"alpha": 0.01, "label_rung": 2}

    change(run / "params.yaml", other)
    found = written(run)
    for caption in found.values():
        assert "9 folds" in caption
        assert "C of 0.5 chosen" in caption
        assert "77 permutations, family-wise" in caption
        assert "90 % intervals from 12,345 bootstrap replicates" in caption
    assert "p < 0.01 over the heads" in found["minilm/overview"]
    assert "rung 2 or higher for at least one feature" in found["minilm/layers"]
    assert "(rung 2 or higher)" in found["minilm/tree"]


def test_the_heat_map_states_the_numbers_of_its_cell(run, written, change):
    def other(summary: Any) -> None:
        summary["best"] |= {"layer": 4, "head": 9, "accuracy": 0.8765, "accuracy_low": 0.8611, "accuracy_high": 0.8888}
        summary["selected"] |= {"accuracy": 0.7123, "accuracy_low": 0.7011, "accuracy_high": 0.7222}
        summary["null"] |= {"permutations": 4321, "best_expected": 0.5432}
        summary |= {"majority": 0.4567, "n_examples": 1777}

    def card(content: Any) -> None:
        content |= {"n_groups": 44, "licence": "MIT", "readout": "mean", "classes": {"a": 1, "b": 1, "c": 1}}

    change(run / "results/probes/minilm/sentiment/summary.json", other)
    change(run / "data/examples/sentiment/card.json", card)
    caption = written(run)["minilm/accuracy/sentiment"]
    won = pd.read_csv(run / "results/taxonomy/minilm/assignments.csv")
    framed = int((won["dataset"] == "sentiment").sum())
    for words in (
        f"the {framed} of 72 heads on rung 1 or higher", "largest class, 0.457", "4,321 permutations",
        "L4H9, accuracy 0.876 (0.861 to 0.889)", "would reach 0.543", "tested on: 0.712 (0.701 to 0.722)",
        "sentiment (licence MIT), 1,777 examples in 44 groups, 3 classes, family semantic, readout mean",
    ):  # fmt: skip
        assert words in caption


def test_counts_of_heads_are_those_of_the_taxonomy(run, written):
    found = written(run)
    rungs = pd.read_csv(run / "results/taxonomy/minilm/heads.csv")["rung"]
    counts = ", ".join(f"{(rungs == rung).sum()} on rung {rung}" for rung in (0, 1, 2))
    assert f"Over all families: {counts}." in found["minilm/families"]
    assert "syntactic 2, semantic 2, factual 1, truth 1." in found["minilm/families"]
    phases = pd.read_csv(run / "results/taxonomy/minilm/phases.csv")
    assert f"the {len(phases)} heads named in the survey" in found["minilm/phases"]
    assert "The 1 marked not identifiable" in found["minilm/phases"]
    assert "6 layers, 72 heads" in found["minilm/layers"]
    best = [
        won[(won["layer"] == at["layer"]) & (won["head"] == at["head"])]["rung"].max()
        for dataset, won in pd.read_csv(run / "results/taxonomy/minilm/assignments.csv").groupby("dataset")
        for at in [json.loads((run / f"results/probes/minilm/{dataset}/summary.json").read_text())["best"]]
    ]
    assert f"the {sum(rung >= 2 for rung in best)} that stand on rung 2" in found["minilm/best"]


def test_sizes_and_licences_of_several_datasets_are_told_apart(run, written, change):
    def other(card: Any) -> None:
        card |= {"licence": "ODbL-1.0", "n_groups": 12}

    change(run / "data/examples/word_sense/card.json", other)
    change(run / "results/probes/minilm/sentiment/summary.json", lambda summary: summary.update(n_examples=800))
    caption = written(run)["minilm/overview"]
    assert "800 to 1,200 examples in 12 to 300 groups each" in caption
    assert re.search(r"capital_truth \(licence CC-BY-4\.0\); word_sense \(licence ODbL-1\.0\)", caption)


def test_models_together_are_both_named_with_their_heads(tmp_path, monkeypatch, make_run, written):
    make_run(tmp_path, models=("minilm", "other-model"), layers=3, heads=4)
    monkeypatch.chdir(tmp_path)
    found = written(tmp_path)
    assert {"models_layers", "models_best", "other-model/tree"} <= set(found)
    for name in ("models_layers", "models_best"):
        assert "Models: minilm (somewhere" in found[name]
        assert "; other-model (somewhere" in found[name]
    assert "minilm 12, other-model 12" in found["models_best"]
    assert "on the 6 datasets that all were probed on" in found["models_layers"]


def test_what_people_wrote_stays_on_the_line(run, written, change):
    change(run / "data/examples/sentiment/card.json", lambda card: card.update(licence=HOSTILE))
    for name in ("minilm/accuracy/sentiment", "minilm/overview"):
        caption = written(run)[name]
        assert caption.count("\n") == 1
        assert 'CC "BY" 4.0 \\end{caption} <b>& $x_1$' in caption


def test_many_datasets_of_a_licence_are_counted_not_listed():
    cards = {f"set_{n}": {"licence": "MIT", "n_groups": 9} for n in range(9)} | {
        "own": {"licence": "CC", "n_groups": 9}
    }
    model = SimpleNamespace(summaries={name: {"n_examples": 50} for name in cards})
    said = data_words(SimpleNamespace(cards=cards), model, cards)
    assert said == "Data, 50 examples in 9 groups each: 9 datasets (licence MIT); own (licence CC)."
    fewer = [name for name in cards if name != "set_0"]
    assert "set_1, set_2, set_3, set_4, set_5, set_6, set_7, set_8 (licence MIT)" in data_words(
        SimpleNamespace(cards=cards), model, fewer
    )


def test_a_document_shows_every_figure_with_its_caption_as_latex(monkeypatch):
    drawn = [canvas.Drawing("a_b/best", "95 % of a_b, p < 0.05.", lambda width: [])]
    pages = (
        "a_b/best.txt",
        "a_b/best_single.pdf",
        "a_b/best_double.svg",
        "a_b/best_double.pdf",
        "a_b/best_double_2.pdf",
    )
    monkeypatch.setattr(gallery, "drawings", lambda atlas, structure: drawn)
    monkeypatch.setattr(gallery, "files", lambda drawing: ((name, b"") for name in pages))
    *files, (name, content) = gallery.figure_files(None, None)
    assert [file for file, _ in files] == list(pages) and name == "all.tex"
    tex = content.decode()
    assert re.findall(r"\\includegraphics\{(.*)\}", tex) == ["a_b/best_double.pdf", "a_b/best_double_2.pdf"]
    assert tex.count(r"\caption{95 \% of a\_b, p \textless{} 0.05.}" + "\n" + r"\label{fig:a_b/best}") == 1
    assert tex.count(r"\begin{figure*}") == tex.count(r"\end{figure*}") == 2


def test_sentences_are_joined_without_control_characters():
    assert joined("One.", "", "T\x1bw\u2028o.") == "One. T w o."


def test_a_run_without_a_number_says_so(run, written, change):
    change(run / "params.yaml", lambda params: params["probe"].pop("bootstrap"))
    assert "from not set bootstrap replicates" in written(run)["minilm/best"]


def test_only_a_tree_without_names_says_where_they_are(tmp_path, monkeypatch, make_run, written):
    names = "The heads are too many to be named here; results/taxonomy/minilm/tree.csv names them."
    for heads in (4, 40):
        root = tmp_path / str(heads)
        make_run(root, layers=3, heads=heads)
        monkeypatch.chdir(root)
        assert (names in written(root)["minilm/tree"]) == (heads == 40)
    assert captions.LAYER_CONFIDENCE == "95 %"
