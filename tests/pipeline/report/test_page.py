"""The page as a file: its scripts, what they may do, what they read, and what is there without them."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import vl_convert

from pipeline.report.charts import layer_chart, layer_views, library, profile_chart
from pipeline.report.page import SCRIPTS, STYLES, WEB, page_script
from pipeline.stages.report import main

Words, Payload = Callable[[Path], str], Callable[[Path], Any]


def html(root: Path) -> str:
    return (root / "results/report/index.html").read_text(encoding="utf-8")


def test_every_file_of_the_page_is_used() -> None:
    files = {path.name for path in WEB.iterdir()}
    templates = {name for name in files if name.endswith(".j2")}
    assert files == {*SCRIPTS, *STYLES, *templates}
    text = "".join((WEB / name).read_text(encoding="utf-8") for name in templates)
    parts = [name.removesuffix(".html.j2") for name in templates - {"template.html.j2"}]
    assert [part for part in parts if f"'{part}'" not in text and f"'{part}.html.j2'" not in text] == []


@pytest.mark.parametrize("script", [library(), page_script()], ids=["library", "page"])
def test_scripts_cannot_end_early_or_change_on_the_way(script: str) -> None:
    assert "</script" not in script.lower() and "<!--" not in script
    assert "\r" not in script and "\0" not in script  # a browser would replace these, and the hash would not fit


def test_the_page_makes_no_markup_out_of_text() -> None:
    unsafe = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(")
    assert [name for name in unsafe if name in page_script()] == []
    assert "textContent" in page_script()


@pytest.mark.usefixtures("no_figures")
def test_the_policy_names_each_script_by_its_hash_and_allows_no_other(run: Path) -> None:
    main([])
    page = html(run)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in unescape(policy[1]).split("; "))
    allowed = re.findall(r"'sha256-([^']*)'", rules["script-src"])
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert allowed == [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert len(allowed) == 2
    assert "unsafe" not in rules["script-src"]
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"


def test_the_charts_are_valid_and_draw_what_they_are_given() -> None:
    rows = [{"layer": layer, "attention": "self", "share": 0.2 * layer, "share_low": 0.1, "share_high": 0.5,
             "usual_low": 0.1, "usual_high": 0.3, "stack": "0", "said": "", "said_shift": "", "holds": "1 of 2"}
            for layer in range(4)]  # fmt: skip
    drawn = vl_convert.vegalite_to_svg({**layer_chart(), "width": 300, "datasets": {"rows": rows}})
    assert drawn.count('aria-roledescription="point"') == 4
    assert ">mean share<" in drawn and ">self<" not in drawn
    stacks = [{**row, "attention": stack} for row in rows for stack in ("encoder", "decoder")]
    spec = {**layer_chart(("decoder", "encoder")), "width": 300, "datasets": {"rows": stacks}}
    drawn = vl_convert.vegalite_to_svg(spec)
    assert ">encoder<" in drawn and ">decoder<" in drawn  # what the dashes mean
    names, score = ["largest class", "surface"], {"accuracy": 0.7, "low": 0.6, "high": 0.8}
    rows = [
        {"order": i, "title": f"feature {i}", "family": "truth", "rung": i, "chosen": i == 0, **score} for i in range(3)
    ]
    data = {"rows": rows, "marks": [{**rows[0], "baseline": name, "value": 0.5} for name in names]}
    spec = json.loads(json.dumps(profile_chart(names, 3)).replace('"@columns"', "2"))  # as the page's script does
    drawn = vl_convert.vegalite_to_svg({**spec, "width": 300, "datasets": data})
    assert all(name in drawn for name in (*names, "feature 0", "feature 2"))
    assert drawn.count('aria-roledescription="point"') == 3 + 2


@pytest.mark.usefixtures("no_figures")
def test_layer_profiles_are_a_table_without_a_script(run: Path, words: Words, payload: Payload) -> None:
    main([])
    table = pd.read_csv(run / "results/taxonomy/minilm/layers.csv")
    row = table[(table["family"] == "semantic") & (table["layer"] == 2)].iloc[0]
    share, low, high = row["share"], row["share_low"], row["share_high"]
    said = f"semantic layer 2 {share:.2f} ({low:.2f} to {high:.2f})".replace("-", "−")
    assert said in words(run)
    drawn = payload(run)["models"][0]["layers"]
    assert len(drawn) == len(table)
    assert {entry["family"] for entry in drawn} == set(table["family"])
    assert html(run).count('class="chart layer-chart"') == table["family"].nunique()


def test_the_layers_of_two_stacks_are_told_apart() -> None:
    numbers = dict.fromkeys(("share_low", "share_high", "shift", "shift_low", "shift_high"), 0.1)
    table = pd.DataFrame([
        {"family": "truth", "attention": stack, "layer": layer, "share": share, "holding": 0.5, **numbers}
        for stack, layer, share in (("encoder", 0, 0.2), ("decoder", 1, 0.9), ("cross", 2, 0.4))
    ])  # fmt: skip
    (view,) = layer_views(table)
    assert view["said"] == "highest in layer 1 (decoder) (0.90), lowest in layer 0 (encoder) (0.20)"
    assert [row["holds"] for row in view["rows"]] == ["50%"] * 3


@pytest.mark.usefixtures("no_figures")
def test_the_script_gets_the_table_of_heads_as_it_is_in_the_file(run: Path, payload: Payload) -> None:
    main([])
    table = payload(run)["models"][0]["table"]
    heads = pd.read_csv(run / "results/taxonomy/minilm/heads.csv", keep_default_na=False, dtype=str)
    assert table["columns"] == list(heads)
    assert len(table["rows"]) == len(heads) == 72
    first = dict(zip(table["columns"], table["rows"][5], strict=True))
    assert (first["name"], first["layer"], first["label"]) == ("L0H5", 0, heads["label"][5])
    assert first["specialisation"] == (float(heads["specialisation"][5]) if heads["specialisation"][5] else None)
    assert table["index"] == list(range(72))


@pytest.mark.usefixtures("no_figures")
def test_the_script_gets_the_nearest_heads_in_order(run: Path, payload: Payload) -> None:
    main([])
    model = payload(run)["models"][0]
    told = pd.read_csv(run / "results/taxonomy/minilm/nearest.csv").query("name == 'L3H4'").sort_values("rank")
    found = model["nearest"][model["names"].index("L3H4")]
    assert [model["names"][index] for index, _ in found] == told["nearest"].tolist()
    assert [similarity for _, similarity in found] == pytest.approx(told["similarity"].tolist(), abs=1e-5)


@pytest.mark.usefixtures("no_figures")
def test_what_is_not_identifiable_has_a_section_of_its_own(run: Path, words: Words) -> None:
    main([])
    section = re.search(r'<section id="unseen".*?</section>', html(run), flags=re.DOTALL)
    assert section is not None
    assert "Induction Head" in section[0] and "copies tokens" in section[0]
    assert '<a href="#unseen">' in html(run)
    path = run / "results/taxonomy/minilm/taxonomy.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"not_identifiable": []}))
    main([])
    assert "The mapping of this run lists none." in words(run)
