"""The mapping from features to the survey, the bundled file first of all."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from probes.errors import ProbeError
from probes.survey import FAMILIES, parse_survey

TOP = Path(__file__).parents[2]
PHASES = ("Knowledge Recalling", "In-Context Identification", "Latent Reasoning", "Expression Preparation")
# Heads of the survey that are defined by attention or by effect, so that no probe of their output can tell them.
UNTOLD = (
    *("Induction", "Inhibition", "Negative Name Mover", "Backup Name Mover"),
    *("Function Vector", "Retrieval", "Iteration"),
)


@pytest.fixture
def bundled() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((TOP / "data/taxonomy.yaml").read_text(encoding="utf-8"))
    return table


def test_the_bundled_mapping_has_the_four_phases_in_the_survey_s_order(bundled: dict[str, Any]) -> None:
    assert tuple(parse_survey(bundled).phases) == PHASES


def test_the_bundled_mapping_says_that_it_is_a_hypothesis(bundled: dict[str, Any]) -> None:
    assert "hypothesis" in parse_survey(bundled).note


def test_every_default_dataset_is_mapped_and_to_the_family_of_its_spec(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    datasets = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))["datasets"]
    for dataset in datasets:
        spec = yaml.safe_load((TOP / "data/specs" / f"{dataset}.yaml").read_text(encoding="utf-8"))
        assert spec["feature"] in survey.features
        line = survey.place(spec["feature"], spec["family"])
        assert line["family"] == spec["family"]
        assert line["phases"]
        assert line["cells"]
    assert len(datasets) >= 6


def test_every_family_and_every_phase_has_a_place(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    assert set(survey.families) == set(FAMILIES)
    assert {phase for family in FAMILIES for phase in survey.place("another", family)["phases"]} == set(PHASES)
    assert all(family["cells"] for family in survey.families.values())


def test_heads_no_probe_can_identify_are_listed_with_the_reason(bundled: dict[str, Any]) -> None:
    listed = parse_survey(bundled).not_identifiable
    assert {f"{name} Head" for name in UNTOLD} <= {row["head"] for row in listed}
    assert all(row["phase"] in PHASES and row["reason"].endswith(".") for row in listed)


def test_no_cell_is_both_a_candidate_and_not_identifiable(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    cells = {cell for line in (*survey.families.values(), *survey.features.values()) for cell in line["cells"]}
    assert cells.isdisjoint(row["head"] for row in survey.not_identifiable)
    assert cells


@pytest.mark.parametrize("key", ["note", "phases", "families", "features", "not_identifiable"])
def test_a_missing_key_is_refused_by_name(bundled: dict[str, Any], key: str) -> None:
    del bundled[key]
    with pytest.raises(ProbeError, match=f"data/taxonomy.yaml: missing {key}; needed: note, phases"):
        parse_survey(bundled)


@pytest.mark.parametrize("part", ["families", "features"])
def test_a_cell_of_no_phase_is_refused_with_the_known_ones(bundled: dict[str, Any], part: str) -> None:
    name = next(iter(bundled[part]))
    bundled[part][name]["cells"] = ["Memory Head", "Mystery Head"]
    with pytest.raises(ProbeError, match=rf"{name}: no phase has the cell 'Mystery Head'; known: Accuracy Head, "):
        parse_survey(bundled)


@pytest.mark.parametrize("family", ["semantics", None])
def test_an_unknown_family_of_a_feature_is_refused(bundled: dict[str, Any], family: str | None) -> None:
    bundled["features"]["sentiment"]["family"] = family
    with pytest.raises(ProbeError, match=rf"sentiment: unknown family {family!r}; known: .*semantic"):
        parse_survey(bundled)


def test_a_feature_without_a_family_is_refused(bundled: dict[str, Any]) -> None:
    del bundled["features"]["sentiment"]["family"]
    with pytest.raises(ProbeError, match="sentiment: unknown family None"):
        parse_survey(bundled)


@pytest.mark.parametrize(("part", "name"), [("families", "truth"), ("features", "sentiment")])
def test_a_line_without_cells_is_refused_by_name(bundled: dict[str, Any], part: str, name: str) -> None:
    del bundled[part][name]["cells"]
    with pytest.raises(ProbeError, match=rf"{name}: missing cells; a list, empty or of: Accuracy Head, "):
        parse_survey(bundled)


def test_a_family_too_few_or_too_many_is_refused(bundled: dict[str, Any]) -> None:
    fewer, more = copy.deepcopy(bundled), copy.deepcopy(bundled)
    del fewer["families"]["truth"]
    more["families"]["numeric"] = more["families"]["truth"]
    for table in (fewer, more):
        with pytest.raises(ProbeError, match=r"families are \[.*\], needed: structural, syntactic"):
            parse_survey(table)
