"""The maps of heads: drawn true to the scores, on one page, whatever the shape of the model."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure

from pipeline.report import figures
from pipeline.report.canvas import SMALL, TALLEST
from pipeline.report.figures import heat_map, layer_stacks, overview
from pipeline.report.results import MEASURES, Atlas, ModelResults
from pipeline.stages.report import read_atlas
from tests.pipeline.report.measured import both, sticks_out

pytestmark = pytest.mark.usefixtures("style")


def shaped(atlas: Atlas, layers: int, heads: int) -> Atlas:
    """Return a run of two datasets on a model of any shape."""
    layer, head = (axis.ravel() for axis in np.indices((layers, heads)))
    places = pd.DataFrame({"layer": layer, "head": head, "attention": "self"})
    names = ("sentiment", "subject_number")
    rows = places.assign(**dict.fromkeys(MEASURES, 0.6)).assign(accuracy=np.linspace(0.5, 0.9, len(places)))
    won = places.iloc[:: max(1, len(places) // 50)].assign(rung=2)
    model = replace(
        atlas.models[0],
        scores=pd.concat([rows.assign(dataset=name) for name in names]),
        summaries={name: atlas.models[0].summaries[name] for name in names},
        heads=places,
        assignments=pd.concat([won.assign(dataset=name) for name in names]),
    )
    return Atlas(atlas.params, {name: atlas.cards[name] for name in names}, (model,))


def words(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def with_stacks(model: ModelResults) -> ModelResults:
    kinds = np.select([model.heads["layer"] < 2, model.heads["layer"] < 4], ["encoder", "decoder"], "cross")
    return replace(model, heads=model.heads.assign(attention=kinds))


@both
def test_a_heat_map_shows_every_accuracy_and_frames_what_passes(atlas, width):
    model = atlas.models[0]
    figure = heat_map(model, "sentiment", "a $title$", width)
    axes = figure.axes[0]
    rows = model.scores[model.scores["dataset"] == "sentiment"].sort_values(["layer", "head"])
    np.testing.assert_array_equal(np.asarray(axes.collections[0].get_array()).ravel(), rows["accuracy"])
    assert axes.collections[0].get_clim() == (0.5, rows["accuracy"].max())
    assert words(figure) == [f"{value:.2f}".removeprefix("0") for value in rows["accuracy"]]
    frames = [found for found in axes.collections if isinstance(found, PatchCollection)]
    passing = model.assignments[model.assignments["dataset"] == "sentiment"]
    middles = {tuple((path.vertices.min(0) + path.vertices.max(0)) / 2) for path in frames[0].get_paths()}
    assert {(round(y), round(x)) for x, y in middles} == set(zip(passing["layer"], passing["head"], strict=True))
    assert axes.yaxis_inverted()  # layer 0 on top


@both
@pytest.mark.parametrize("shape", [(1, 1), (30, 12), (3, 128), (80, 32)])
def test_maps_of_any_shape_keep_to_the_page(atlas, shape, width):
    atlas = shaped(atlas, *shape)
    model = atlas.models[0]
    drawn = [
        heat_map(model, "sentiment", "sentiment in minilm", width), *overview(atlas, model, "What heads encode", width)
    ]  # fmt: skip
    for figure in drawn:
        assert figure.get_figwidth() == width
        assert figure.get_figheight() <= TALLEST + 1e-9
        assert not sticks_out(figure)
    cells = [axes.get_window_extent() for axes in drawn[0].axes[:1]]
    assert cells[0].width / shape[1] == pytest.approx(cells[0].height / shape[0])  # heads are squares


def test_a_head_too_small_for_a_number_has_none(atlas):
    assert words(heat_map(shaped(atlas, 32, 32).models[0], "sentiment", "", 7.2)) == []


@both
def test_a_long_title_breaks_and_is_cut_inside_the_figure(atlas, width):
    figure = heat_map(atlas.models[0], "sentiment", "a very long title of a figure " * 20, width)
    title = figure.texts[0].get_text()
    assert title.count("\n") == 1
    assert title.endswith("…")
    assert not sticks_out(figure)


def test_layers_with_fewer_heads_and_without_heads_stay_empty(atlas):
    model = atlas.models[0]
    kept = model.scores[~((model.scores["layer"] == 1) & (model.scores["head"] > 3)) & (model.scores["layer"] != 2)]
    figure = heat_map(replace(model, scores=kept), "sentiment", "", 3.5)
    values = np.ma.filled(figure.axes[0].collections[0].get_array(), np.nan)
    assert np.isnan(values[1, 4:]).all()
    assert np.isnan(values[2]).all()
    assert np.isfinite(np.delete(values, [1, 2], axis=0)).all()
    assert len(words(figure)) == 4 * 12 + 4


def test_the_stacks_of_an_encoder_decoder_are_parted_and_named(atlas):
    model = with_stacks(atlas.models[0])
    assert layer_stacks(model, 6) == [("encoder", 0, 1), ("decoder", 2, 3), ("cross", 4, 5)]
    figure = heat_map(model, "sentiment", "", 3.5)
    assert {"encoder", "decoder", "cross"} <= set(words(figure))
    assert [line.get_ydata()[0] for line in figure.axes[0].lines] == [1.5, 3.5]
    assert not sticks_out(figure)
    assert layer_stacks(atlas.models[0], 6) == [("self", 0, 5)]
    assert not heat_map(atlas.models[0], "sentiment", "", 3.5).axes[0].lines


@both
def test_the_overview_has_a_panel_for_each_dataset_on_one_scale(atlas, width, features):
    model = atlas.models[0]
    pages = overview(atlas, model, "all", width)
    assert len(pages) == 1
    panels = pages[0].axes[: len(features)]
    titles = [axes.texts[0].get_text().replace("\n", " ") for axes in panels]
    assert titles == [name.replace("_", " ") for name in features]
    assert len({axes.collections[0].get_clim() for axes in panels}) == 1
    for axes, dataset in zip(panels, features, strict=True):
        summary = model.summaries[dataset]
        rows = model.scores[model.scores["dataset"] == dataset].sort_values(["layer", "head"])
        shares = (rows["accuracy"] - summary["majority"]) / (1 - summary["majority"])
        np.testing.assert_allclose(np.asarray(axes.collections[0].get_array()).ravel(), shares)
        best = summary["best"]
        assert f"L{best['layer']}H{best['head']} {best['accuracy']:.2f}" in axes.texts[1].get_text()
        assert axes.texts[0].get_fontsize() >= SMALL


def test_more_datasets_than_a_page_holds_go_on_on_another(atlas, monkeypatch, features):
    monkeypatch.setattr(figures, "TALLEST", 1.9)
    many = overview(atlas, atlas.models[0], "many", 3.5)
    assert len(many) > 1
    shown = [axes.texts[0].get_text().replace("\n", " ") for figure in many for axes in figure.axes if axes.texts]
    assert len(shown) == len(features)
    assert shown[:2] == ["subject number", "part of speech"]
    assert all(figure.get_figheight() <= 1.9 for figure in many)


@both
def test_one_dataset_alone_fills_no_page(run, atlas, width):
    one = Atlas(atlas.params, {"sentiment": atlas.cards["sentiment"]}, atlas.models)
    figure = overview(one, atlas.models[0], "What each head of minilm linearly encodes", width)[0]
    assert figure.get_figheight() < 3
    assert not sticks_out(figure)


def test_a_feature_of_several_datasets_names_each(run):
    path = run / "data/examples/word_sense/card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"feature": "sentiment"}))
    atlas = read_atlas(yaml.safe_load((run / "params.yaml").read_text()))
    figure = overview(atlas, atlas.models[0], "", 7.2)[0]
    titles = [axes.texts[0].get_text().replace("\n", " ") for axes in figure.axes if axes.texts]
    assert "sentiment (word_sense)" in titles
    assert any(title.startswith("sentiment (sen") for title in titles)
