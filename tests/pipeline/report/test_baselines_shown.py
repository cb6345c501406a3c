"""What the page shows of baselines, margins and warnings, and what it says where there is no number."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pipeline.report.results import BASELINES, MARGINS
from pipeline.stages.report import main

Words, Payload = Callable[[Path], str], Callable[[Path], Any]
REFUSED = "refused: no control key recurs between training and test: no control label can be learnt"

pytestmark = pytest.mark.usefixtures("no_figures")


def scores(root: Path, dataset: str) -> pd.DataFrame:
    return pd.read_parquet(root / "results/probes/minilm" / dataset / "heads.parquet")


def change_scores(root: Path, dataset: str, **columns: Any) -> None:
    path = root / "results/probes/minilm" / dataset / "heads.parquet"
    pd.read_parquet(path).assign(**columns).to_parquet(path)


def change_summary(root: Path, dataset: str, **values: Any) -> None:
    path = root / "results/probes/minilm" / dataset / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def test_the_headline_shows_the_choice_free_of_luck_and_what_to_expect(run: Path, words: Words) -> None:
    main([])
    best = scores(run, "subject_number").sort_values("accuracy").iloc[-1]
    accuracy, low, high = ends = best[["accuracy", "accuracy_low", "accuracy_high"]]
    chosen = "{:.3f} {:.3f} to {:.3f}".format(*(ends - 0.01))
    said = words(run)
    for expected in (
        f"best head {accuracy:.3f} {low:.3f} to {high:.3f} L{best['layer']}H{best['head']}",
        f"head chosen on other folds {chosen} L2H3 in 4 folds, L0H1 in 1 fold",
        "best head expected under the null 0.540 largest class 0.500 surface 0.550 static embedding 0.580",
        "best skyline 0.950 layer 5",
    ):
        assert expected in said


def test_a_head_that_every_fold_chose_is_named_once(run: Path, words: Words) -> None:
    chosen = {"accuracy": 0.5, "accuracy_low": 0.4, "accuracy_high": 0.6, "heads": ["L1H1"] * 5}
    change_summary(run, "sentiment", selected=chosen)
    main([])
    assert "0.500 0.400 to 0.600 L1H1 in every fold" in words(run)


def test_the_best_head_stands_beside_every_baseline_with_its_margin(run: Path, words: Words) -> None:
    main([])
    best = scores(run, "sentiment").sort_values("accuracy").iloc[-1]
    said = words(run)
    for name in BASELINES:
        margin, low, high = (signed(best[f"{MARGINS[name]}{end}"]) for end in ("", "_low", "_high"))
        assert f"{best[name]:.3f} {margin} ({low} to {high})" in said


def test_a_refused_control_task_gives_its_reason_and_no_number(run: Path, words: Words, payload: Payload) -> None:
    main([])
    assert words(run).count(f"control task {REFUSED}") == 1
    *measured, probe = payload(run)["models"][0]["probes"]
    assert probe["baselines"]["control_accuracy"] is None
    assert [probe["values"][f"selectivity{end}"] for end in ("", "_low", "_high")] == [None] * 3
    assert probe["missing"] == {"control_accuracy": REFUSED}
    assert all(other["missing"] == {} for other in measured)


def test_a_baseline_nobody_measured_is_not_zero(run: Path, words: Words, payload: Payload, features: list[str]) -> None:
    gone = dict.fromkeys(("embedding", "margin_embedding", "margin_embedding_low", "margin_embedding_high"))
    for dataset in features:
        change_scores(run, dataset, **gone)
        change_summary(run, dataset, embedding=None)
    main([])
    said = words(run)
    assert "Not measured in this run: static embedding." in said
    assert said.count("static embedding not measured") == 2 * len(features)  # in the headline and beside the best head
    probe = payload(run)["models"][0]["probes"][0]
    assert probe["baselines"]["embedding"] is probe["values"]["margin_embedding"] is None
    assert probe["baselines"]["majority"] == 0.5


def test_the_script_gets_every_margin_with_its_interval(run: Path, payload: Payload) -> None:
    main([])
    found = payload(run)
    table = scores(run, "sentiment")
    probe = found["models"][0]["probes"][2]
    for name, margin in MARGINS.items():
        assert {"key": name, "margin": margin}.items() <= found["baselines"][list(MARGINS).index(name)].items()
        for column in (margin, f"{margin}_low", f"{margin}_high"):
            assert probe["values"][column] == pytest.approx(table[column].tolist(), abs=6e-5)
    offered = {quantity["key"]: quantity["diverging"] for quantity in found["quantities"]}
    assert {key for key, diverging in offered.items() if diverging} == set(MARGINS.values())
    assert {"accuracy", "information_bits", "p_value"} <= set(offered)
    low, high = probe["domain"]["margin_skyline"]
    assert low == -high == pytest.approx(-table["margin_skyline"].abs().max(), abs=6e-5)


def test_the_map_tells_selective_heads_from_those_that_only_decode(run: Path, payload: Payload) -> None:
    main([])
    won = pd.read_csv(run / "results/taxonomy/minilm/assignments.csv").query("dataset == 'subject_number'")
    rungs = payload(run)["models"][0]["probes"][0]["rungs"]
    assert [rungs.count(rung) for rung in (1, 2)] == [(won["rung"] == rung).sum() for rung in (1, 2)]
    page = (run / "results/report/index.html").read_text(encoding="utf-8")
    assert page.count(' pass selective"') == rungs.count(2) > 0
    assert payload(run)["models"][0]["rungs"] == ["not decodable", "decodable", "selective"]


def test_warnings_of_the_probes_are_shown(run: Path, words: Words, payload: Payload) -> None:
    change_summary(run, "sentiment", warnings=["so few groups trade labels"])
    main([])
    said = words(run)
    for expected in (
        "so few groups trade labels",
        "no selectivity: no control key recurs",
        "fits left out of the choice of C because they did not converge: 14, of L0H0, L0H1,",
        "L0H3, L0H4 and 2 more",
        "fits of baselines left out of the choice of C because they did not converge: skyline 1",
    ):
        assert expected in said
    assert payload(run)["models"][0]["probes"][2]["warnings"] == ["so few groups trade labels"]


def test_findings_about_a_dataset_are_shown_with_their_severity(run: Path, words: Words) -> None:
    path = run / "data/examples/sentiment/card.json"
    card = json.loads(path.read_text())
    found = [("warning", "words give labels away"), ("note", "rows are <b>sorted</b>")]
    card["findings"] = [{"severity": kind, "about": "x", "message": message} for kind, message in found]
    card["warnings"] = ["words give labels away"]
    path.write_text(json.dumps(card))
    main([])
    said = words(run)
    assert "warning: words give labels away" in said
    assert "note: rows are <b>sorted</b>" in said
    assert "rows are &lt;b&gt;sorted" in (run / "results/report/index.html").read_text(encoding="utf-8")


def test_the_codelength_is_shown_where_it_was_measured(run: Path, words: Words, payload: Payload) -> None:
    main([])
    assert "odelength" not in words(run).replace('codelength": false', "")
    assert "voita2020information" not in (run / "results/report/references.bib").read_text()
    assert payload(run)["models"][0]["probes"][0]["values"]["codelength"] is None
    params = yaml.safe_load((run / "params.yaml").read_text())
    params["probe"]["codelength"] = True
    (run / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    change_scores(run, "subject_number", codelength=600.0)
    main([])
    assert "bits, compression 2.00." in words(run)
    assert "Online codelength (Voita and Titov 2020)" in words(run)
    assert "voita2020information" in (run / "results/report/references.bib").read_text()
    assert payload(run)["models"][0]["probes"][0]["values"]["codelength"] == 600
