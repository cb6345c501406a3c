"""The parts of the report one by one: cells, colours, references, provenance, excerpts."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from dvc_render.vega import VegaRenderer

from pipeline.cells import wanted_cells
from pipeline.errors import PipelineError
from pipeline.report.dataset_cards import excerpt
from pipeline.report.heatmap import head_titles, rounded
from pipeline.report.overview import sentence
from pipeline.report.results import ModelResults, model_identity, probe_titles, with_numbers
from pipeline.report.scale import MAP_NAME, MARGIN_MAP, QUANTITIES, STEPS, domain, palette, step

QUANTITY = {entry.key: entry for entry in QUANTITIES}
ACCURACY, P_VALUE, MARGIN = (QUANTITY[key] for key in ("accuracy", "p_value", "margin_skyline"))


def make_cells(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "file").write_text("")
    return root


def test_cells_come_in_the_order_wanted(tmp_path: Path) -> None:
    root = make_cells(tmp_path, "a", "b")
    assert wanted_cells(root, ["b", "a"], "dataset") == [root / "b", root / "a"]


def test_files_hidden_and_empty_folders_are_no_cells(tmp_path: Path) -> None:
    root = make_cells(tmp_path, "a", ".cache")
    (root / ".gitignore").write_text("")
    (root / "removed").mkdir()
    (root / "removed/.gitignore").write_text("")
    assert wanted_cells(root, ["a"], "dataset") == [root / "a"]
    with pytest.raises(PipelineError, match="no results for dataset 'removed'"):
        wanted_cells(root, ["a", "removed"], "dataset")


def test_a_missing_folder_misses_every_cell(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"no results for model 'a', 'b', 'c', 'd', 'e' and 1 more"):
        wanted_cells(tmp_path / "nothing", "abcdef", "model")


def test_the_command_against_leftovers_is_quoted(tmp_path: Path) -> None:
    root = make_cells(tmp_path / "a b", "old", "new", "older")
    with pytest.raises(PipelineError, match=rf"`rm -r '{root}/old' '{root}/older'`"):
        wanted_cells(root, ["new"], "dataset")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.4, 0), (0.5, 0), (0.5 + 0.5 / STEPS, 1), (0.99, STEPS - 1), (1.0, STEPS - 1), (2.0, STEPS - 1)],
)
def test_steps_split_the_scale_evenly(value: float, expected: int) -> None:
    assert step(value, 0.5, 1.0) == expected


def test_p_values_run_down_a_logarithmic_scale() -> None:
    assert [step(p, 1.0, 0.0001, log=True) for p in (1.0, 0.0099, 0.0001, 0.0)] == [0, 8, 15, 15]


def test_the_scale_starts_at_majority_and_does_not_blow_up_noise() -> None:
    assert domain(ACCURACY, [0.5, 0.52, math.nan], 0.5, 2) == (0.5, pytest.approx(0.6))
    assert domain(ACCURACY, [0.5, 0.9], 0.5, 2) == (0.5, 0.9)
    assert domain(QUANTITY["balanced_accuracy"], [0.9], 0.5, 4) == (0.25, 0.9)
    assert domain(P_VALUE, [1.0, 0.5], 0.5, 2) == (1.0, 0.01)


def test_the_scale_of_a_margin_has_zero_in_its_middle() -> None:
    assert domain(MARGIN, [-0.3, 0.2, math.nan], 0.5, 2) == (-0.3, 0.3)
    assert domain(MARGIN, [math.nan], 0.5, 2) == (-0.1, 0.1)
    assert [step(value, -0.3, 0.3) for value in (-0.3, -0.001, 0.001, 0.3)] == [0, 7, 8, STEPS - 1]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", [MAP_NAME, MARGIN_MAP])
def test_every_colour_carries_readable_ink(name: str) -> None:
    for entry in palette(name):
        dark, bright = sorted(luminance(entry[part]) for part in ("fill", "ink"))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_colours_get_lighter_with_the_score_and_darker_with_the_size_of_a_margin() -> None:
    scores, margins = ([luminance(entry["fill"]) for entry in palette(name)] for name in (MAP_NAME, MARGIN_MAP))
    assert scores == sorted(scores)
    assert margins[: STEPS // 2] == sorted(margins[: STEPS // 2])
    assert margins[STEPS // 2 :] == sorted(margins[STEPS // 2 :], reverse=True)


def model_with(*blocks: dict[str, Any]) -> ModelResults:
    summaries = {f"d{i}": {"extraction": block} for i, block in enumerate(blocks)}
    return ModelResults("m", pd.DataFrame(), summaries, pd.DataFrame(), pd.DataFrame(), {})


def test_a_model_keeps_what_its_datasets_share() -> None:
    shared = {"source": "s", "revision": "r", "weights_sha256": "w"}
    assert model_identity(model_with(shared | {"readout": "span"}, shared | {"readout": "mean"})) == shared
    with pytest.raises(PipelineError, match="weights_sha256 is v and w"):
        model_identity(model_with(shared, shared | {"weights_sha256": "v"}))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("a keys b", 2, 6), ("a ", "keys", " b")),
        (("whole", 0, 5), ("whole", "", "")),
        (("none", None, None), ("none", "", "")),
        (("bad", 2, 9), ("bad", "", "")),
        (("x" * 50 + "SPAN" + "y" * 50, 50, 54, 24), ("…" + "x" * 10, "SPAN", "y" * 10 + "…")),
        (("x" * 50, None, None, 10), ("x" * 10 + "…", "", "")),
    ],
)
def test_excerpts_keep_the_span(arguments: Any, expected: tuple[str, str, str]) -> None:
    assert excerpt(*arguments) == expected


def test_heads_of_two_stacks_are_told_apart_by_their_attention() -> None:
    heads = pd.DataFrame({"layer": [0, 1, 2], "head": 0, "attention": ["encoder", "decoder", "cross"]})
    pairs = [(0, 0), (1, 0), (2, 0)]
    model = ModelResults("m", pd.DataFrame(), {}, heads, pd.DataFrame(), {})
    assert head_titles(model, pairs) == ["L0H0 (encoder)", "L1H0 (decoder)", "L2H0 (cross)"]
    model = ModelResults("m", pd.DataFrame(), {}, heads.assign(attention="self"), pd.DataFrame(), {})
    assert head_titles(model, pairs) == ["L0H0", "L1H0", "L2H0"]


def test_a_feature_may_be_called_null() -> None:
    table = with_numbers(pd.DataFrame({"feature": ["null"], "layer": ["3"], "stability": [""]}))
    assert table["feature"][0] == "null"
    assert table["layer"][0] == 3
    assert math.isnan(table["stability"][0])


def test_two_datasets_of_a_feature_are_told_apart() -> None:
    cards = {"a": {"feature": "word_sense"}, "b": {"feature": "word_sense"}, "c": {"feature": "tense"}}
    assert probe_titles(cards) == {"a": "word sense (a)", "b": "word sense (b)", "c": "tense"}


def test_the_sentence_counts_each_kind_once() -> None:
    heads = pd.DataFrame({"label": ["syntactic", "syntactic", "truth", "polyfunctional", "unassigned"]})
    assignments = pd.DataFrame({"layer": [0, 0, 0, 0, 0], "head": [0, 1, 2, 3, 3], "rung": [1, 1, 2, 1, 1]})
    model = ModelResults("m", pd.DataFrame(), {}, heads, assignments, {})
    assert sentence(model, 6, 0.05) == (
        "In 4 of 5 heads, a linear probe reads at least one of 6 features better than chance (family-wise p < 0.05). "
        "1 head is selective for a feature: it also beats the control task, a bag of words, the static embedding, the "
        "untrained model and a random projection. Labelled are 3 specialised (2 syntactic, 1 truth) and 1 "
        "polyfunctional."
    )


def test_the_sentence_of_a_run_without_a_find_does_not_speak_of_finds() -> None:
    heads = pd.DataFrame({"label": ["unassigned"] * 3})
    assignments = pd.DataFrame({"layer": [], "head": [], "rung": []})
    model = ModelResults("m", pd.DataFrame(), {}, heads, assignments, {})
    assert sentence(model, 6, 0.05) == (
        "In none of 3 heads, a linear probe reads any of 6 features better than chance (family-wise p < 0.05). "
        "No head is selective for a feature: for that it would also have to beat the control task, a bag of words, the "
        "static embedding, the untrained model and a random projection."
    )


@pytest.mark.parametrize("value", [0.0105038, 0.4049999, -0.0005001, 0.8125, 0.12499999, 1 / 3, 1e-9, 0.5])
def test_a_number_is_packed_so_that_it_reads_as_the_whole_number_does(value: float) -> None:
    packed = rounded("accuracy", value)
    assert packed is not None
    assert [f"{packed:.{digits}f}" for digits in (2, 3)] == [f"{value:.{digits}f}" for digits in (2, 3)]
    assert packed == pytest.approx(value, abs=5e-6)


def test_a_number_that_is_not_near_an_edge_is_packed_short() -> None:
    assert rounded("accuracy", 0.123456789) == 0.12346
    assert rounded("p_value", 0.123456789) == 0.123457
    assert rounded("accuracy", math.nan) is None


PLOT = Path(__file__).parents[2] / ".dvc/plots/heatmap.json"


def test_dvc_fills_the_plot_template() -> None:
    row = {"model": "m", "dataset": "d", "feature": "d", "layer": "0", "head": "1", "label": "L0H1", "accuracy": "0.5"}
    filled = VegaRenderer(
        [row | {"rev": "HEAD"}], "heatmap", template=str(PLOT), x="head", y="layer"
    ).get_filled_template()
    assert filled["data"]["values"][0]["label"] == "L0H1"
    assert "DVC_METRIC" not in json.dumps(filled)
    assert "datum['head']" in json.dumps(filled)


def test_the_facets_of_the_plot_are_sorted_by_name() -> None:
    facet = json.loads(PLOT.read_text(encoding="utf-8"))["facet"]
    assert "field" in facet and "sort" not in facet  # `"sort": []`, as in DVC's own, puts maps under wrong names
