"""The method section: true to the params and to what the null of each dataset traded."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipeline.probeparams import NULL_PROBES
from pipeline.report.method import method_facts
from pipeline.report.results import Atlas, ModelResults

OTHER = {"c_grid": [7.5], "null_probe": "full", "sets": [3], "codelength": True}


def test_the_method_says_when_a_param_is_not_set() -> None:
    facts = dict(method_facts(Atlas({"probe": {"permutations": 2000}}, {}, ())))
    assert facts["Significance"].startswith("2,000 permutations")
    assert facts["Folds"].startswith("not set folds")
    assert "the mean of not set draws" in facts["Control task"]


def method_of(**probe: Any) -> dict[str, str]:
    params = {
        "extract": {"seed": 7},
        "probe": {"c_grid": [0.01, 1.0], "controls": 3, "seed": 5, "bootstrap": 1000} | probe,
    }
    nulls = {
        "a": ("constant", "names"),
        "b": ("balanced", "names"),
        "c": ("mixed", "examples"),
        "d": ("constant", "names"),
    }
    summaries: dict[str, Any] = {
        name: {"null": dict(zip(("design", "exchange"), null, strict=True)), "extraction": {"precision": "bfloat16"}}
        for name, null in nulls.items()
    }
    model = ModelResults("m", pd.DataFrame(), summaries, pd.DataFrame(), pd.DataFrame(), {})
    return dict(method_facts(Atlas(params, {}, (model,))))


def test_the_method_states_the_numbers_of_the_run() -> None:
    facts = method_of(confidence=0.9)
    assert "Models ran in bfloat16." in facts["What is probed"]
    assert "the mean of 3 draws, seed 5" in facts["Control task"]
    assert "weights from seed 7" in facts["Untrained model"]
    assert "one of 0.01, 1, chosen by log-loss" in facts["Probe"]
    assert facts["Intervals"].startswith("90 % intervals from 1,000 cluster-bootstrap replicates")
    assert facts["What trades labels"].endswith(
        "In this run: balanced: b; constant: a, d; mixed, trading single examples: c."
    )
    assert "one draw" in method_of(controls=1)["Control task"]


def test_the_method_speaks_of_the_codelength_only_if_it_is_on() -> None:
    assert "Codelength" not in method_of(codelength=False)
    assert "Voita and Titov 2020" in method_of(codelength=True)["Codelength"]


def test_the_method_says_what_the_null_fits() -> None:
    one_step, full = (method_of(null_probe=name, c_grid=[0.1, 1.0, 10.0])["Significance"] for name in NULL_PROBES)
    assert "A one-step probe (the first Newton step of the logistic one, at C 1.0) is fitted anew" in one_step
    assert "The logistic probe at C 1.0 is fitted anew" in full


def test_every_param_of_the_measurement_is_stated() -> None:
    params = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8"))
    for section in ("examples", "extract", "probe", "taxonomy"):
        for key, value in params[section].items():
            changed = {**params, section: {**params[section], key: OTHER.get(key, 987_654)}}
            facts = [dict(method_facts(Atlas(given, {}, ()))) for given in (params, changed)]
            assert facts[0] != facts[1], f"{section}.{key}: {value} is not in the method"
