"""What `dvc plots` draws: the templates, filled by DVC's own code with the tables of the report, drawn by Vega-Lite."""

import csv
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import vl_convert
import yaml
from dvc_render.vega import VegaRenderer

from pipeline.params import load_params
from pipeline.report.plots import heat_map, layer_table
from pipeline.report.results import LAYER_COLUMNS
from pipeline.stages.report import read_atlas

ROOT = Path(__file__).parents[3]
TABLES = ("results/report/tables/heatmap.csv", "results/report/tables/layers.csv")
OLDEST = "5.8"  # of the Vega-Lite versions at hand the nearest to 5.2, which DVC's page loads


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., None]) -> Callable[..., Path]:
    """Return the folder of a run with both tables."""

    def write(*models: str) -> Path:
        make_run(tmp_path, models=models, layers=3, heads=4)
        monkeypatch.chdir(tmp_path)
        Path(TABLES[0]).parent.mkdir(parents=True)
        heat_map(read_atlas(load_params(Path("params.yaml")))).to_csv(TABLES[0], index=False)
        layers = {model: pd.read_csv(f"results/taxonomy/{model}/layers.csv") for model in models}
        layer_table(layers).to_csv(TABLES[1], index=False)
        return tmp_path

    return write


def filled(table: Path, name: str, revisions: tuple[str, ...] = ("workspace",)) -> dict[str, Any]:
    """Return the chart that DVC makes of a table, every value text as it reads CSV."""
    (shown,) = [plot[name] for plot in yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"] if name in plot]
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    points = [row | {"rev": revision} for revision in revisions for row in rows]
    chart: dict[str, Any] = VegaRenderer(
        points, name, **shown, template_dir=str(ROOT / ".dvc/plots")
    ).get_filled_template()
    return chart


def words(chart: dict[str, Any]) -> list[str]:
    """Return all texts of the drawn chart."""
    drawn = vl_convert.vegalite_to_svg(chart, vl_version=OLDEST)
    return [html.unescape(text) for text in re.findall(r"<(?:text|tspan)\b[^>]*>([^<]+)<", drawn)]


def n_marks(chart: dict[str, Any], kind: str) -> int:
    drawn = vl_convert.vegalite_to_svg(chart, vl_version=OLDEST)
    return len(re.findall(rf'aria-roledescription="{kind}"', drawn))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("models", [("minilm",), ("minilm", "other-model")])
def test_a_template_is_filled_whole_and_drawn_without_a_warning(
    name: str, models: tuple[str, ...], tables: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    chart = filled(tables(*models) / name, name)
    capfd.readouterr()
    assert "<DVC" not in json.dumps(chart)
    texts = words(chart)
    assert chart["title"]["text"] in texts
    assert not {"undefined", "NaN", "null"} & set(texts)
    for model in models:
        assert any(model in text for text in texts)
    assert capfd.readouterr() == ("", "")


def test_the_heat_map_has_a_cell_for_every_head_and_a_head_line_for_every_dataset(
    tables: Callable[..., Path], features: list[str]
) -> None:
    folder = tables("minilm", "other-model")
    chart = filled(folder / TABLES[0], TABLES[0])
    assert n_marks(chart, "rect mark") == 2 * 6 * 12
    assert set(features) <= set(words(chart))
    assert {"minilm · workspace", "other-model · workspace"} <= set(words(chart))


def test_two_revisions_of_a_heat_map_are_side_by_side(tables: Callable[..., Path]) -> None:
    texts = words(filled(tables("minilm") / TABLES[0], TABLES[0], ("HEAD", "workspace")))
    panels = [text for text in texts if text.startswith("minilm · ")]
    assert panels == ["minilm · HEAD", "minilm · workspace"] * 6


def test_layers_have_a_line_with_its_interval_for_every_family(tables: Callable[..., Path]) -> None:
    chart = filled(tables("minilm", "other-model") / TABLES[1], TABLES[1])
    assert n_marks(chart, "line mark") == n_marks(chart, "area mark") == 2 * 4
    texts = words(chart)
    order = [text for text in texts if text in ("syntactic", "semantic", "factual", "truth")]
    assert order == ["syntactic", "semantic", "factual", "truth"]
    assert "workspace" in texts


def test_two_revisions_of_the_layers_share_their_panels(tables: Callable[..., Path]) -> None:
    chart = filled(tables("minilm") / TABLES[1], TABLES[1], ("HEAD", "workspace"))
    assert n_marks(chart, "line mark") == 2 * 4
    assert {"HEAD", "workspace"} <= set(words(chart))


def test_the_stacks_of_an_encoder_decoder_have_a_row_each(tmp_path: Path) -> None:
    numbers = dict.fromkeys(LAYER_COLUMNS, 0.5) | {"family": "semantic"}
    stacks = ("encoder", "decoder", "cross")
    rows = pd.DataFrame([numbers | {"attention": stack, "layer": layer} for stack in stacks for layer in (0, 1)])
    layer_table({"t5": rows}).to_csv(tmp_path / "layers.csv", index=False)
    chart = filled(tmp_path / "layers.csv", TABLES[1])
    assert {f"t5 · {stack}" for stack in stacks} <= set(words(chart))
    assert n_marks(chart, "line mark") == 3


def test_a_layer_without_an_interval_breaks_no_chart(tmp_path: Path) -> None:
    """A family with one feature has no spread over features."""
    numbers = dict.fromkeys(LAYER_COLUMNS, 0.5) | {"family": "truth", "attention": "self"}
    empty = {"share_low": None, "share_high": None}
    rows = pd.DataFrame([numbers | empty | {"layer": layer} for layer in (0, 1)])
    layer_table({"m": rows}).to_csv(tmp_path / "layers.csv", index=False)
    chart = filled(tmp_path / "layers.csv", TABLES[1])
    assert n_marks(chart, "line mark") == 1
    assert "NaN" not in vl_convert.vegalite_to_svg(chart, vl_version=OLDEST)
