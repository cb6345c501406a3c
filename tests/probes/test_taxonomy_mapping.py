"""The survey's heads and the mapping from features to them, the bundled file first of all."""

import copy
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from data.generated.suite import GENERATORS
from probes.errors import ProbeError
from probes.families import FAMILIES
from probes.survey import PARTS, STATUS, parse_survey
from probes.survey_checks import METHODS

TOP = Path(__file__).parents[2]
PHASES = ("Knowledge Recalling", "In-Context Identification", "Latent Reasoning", "Expression Preparation")
# Heads in each sub-group of the survey's final figure: 40 in all.
GROUPS = {
    ("Knowledge Recalling", "general tasks"): 2,
    ("Knowledge Recalling", "specific tasks"): 3,
    ("In-Context Identification", "overall structure"): 6,
    ("In-Context Identification", "syntactic information"): 7,
    ("In-Context Identification", "semantic information"): 6,
    ("Latent Reasoning", "in-context learning"): 3,
    ("Latent Reasoning", "effective reasoning"): 4,
    ("Latent Reasoning", "task-specific reasoning"): 4,
    ("Expression Preparation", "information aggregation"): 1,
    ("Expression Preparation", "signal amplification"): 2,
    ("Expression Preparation", "instruction alignment"): 2,
}
# Heads of the survey that are defined by attention or by effect, so that no probe of their output can tell them.
UNTOLD = (
    *("Induction", "Inhibition", "Negative Name Mover", "Backup Name Mover"),
    *("Function Vector", "Retrieval", "Iteration"),
)
# The only heads that the survey credits to a trained probe.
PROBED = {"Truthfulness Head", "Accuracy Head", "Consistency Head", "Successor Head", "Coherence Head"}


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((TOP / "data/taxonomy.yaml").read_text(encoding="utf-8"))
    return table


@pytest.fixture
def bundled(written: dict[str, Any]) -> dict[str, Any]:
    return copy.deepcopy(written)


def test_the_bundled_file_has_the_40_heads_of_the_survey_by_phase_and_sub_group(bundled: dict[str, Any]) -> None:
    heads = parse_survey(bundled).heads
    assert dict(Counter((head["phase"], head["group"]) for head in heads)) == GROUPS
    assert list(dict.fromkeys((head["phase"], head["group"]) for head in heads)) == list(GROUPS)
    assert Counter(head["phase"] for head in heads) == dict(zip(PHASES, (5, 19, 11, 5), strict=True))


def test_methods_are_the_survey_s_three_and_probing_found_five_heads(bundled: dict[str, Any]) -> None:
    heads = parse_survey(bundled).heads
    assert {method["method"] for head in heads for method in head["methods"]} == set(METHODS)
    assert {head["head"] for head in heads if "probing" in [method["how"] for method in head["methods"]]} == PROBED
    assert any(method.get("inferred") for head in heads for method in head["methods"])


def test_every_reference_is_cited_and_every_arxiv_number_looks_like_one(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    assert {key for head in survey.heads for key in head["references"]} == set(survey.references)
    numbers = [work["arxiv"] for work in survey.references.values() if "arxiv" in work]
    assert all(len(number) == 10 and number[4] == "." and number.replace(".", "").isdigit() for number in numbers)
    assert len(numbers) == len(set(numbers)) >= 20
    assert all(work["title"] for work in survey.references.values())


def test_no_head_is_silently_absent(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    found = Counter(survey.status(head["head"]) for head in survey.heads)
    assert found == dict(zip(STATUS, (17, 7, 16), strict=True))
    assert survey.status("Name Mover Head") == survey.status("Summary Reader") == "alike"


def test_the_bundled_mapping_has_the_four_phases_in_the_survey_s_order(bundled: dict[str, Any]) -> None:
    phases = parse_survey(bundled).phases
    assert tuple(phases) == PHASES
    assert phases["Latent Reasoning"] == ["Truthfulness Head", "Accuracy Head"]  # its candidates, not all its heads


def test_the_bundled_mapping_says_that_it_is_a_hypothesis(bundled: dict[str, Any]) -> None:
    assert "hypothesis" in parse_survey(bundled).note


def test_every_default_dataset_is_mapped_and_to_the_family_of_its_spec(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    for dataset in GENERATORS:
        spec = yaml.safe_load((TOP / "data/specs" / f"{dataset}.yaml").read_text(encoding="utf-8"))
        assert spec["feature"] in survey.features
        line = survey.place(spec["feature"], spec["family"])
        assert line["family"] == spec["family"]
        assert line["phases"]
        assert line["cells"]
    assert len(GENERATORS) >= 6


def test_a_feature_s_own_line_replaces_its_family_s_whole(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    assert survey.place("relative_position", "structural")["alike"] == []
    assert survey.place("of_a_new_dataset", "structural")["alike"] == ["Induction Head"]


def test_every_family_and_every_phase_has_a_place(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    assert set(survey.families) == set(FAMILIES)
    assert {phase for family in FAMILIES for phase in survey.place("another", family)["phases"]} == set(PHASES)
    assert all(family["cells"] for family in survey.families.values())


def test_heads_no_probe_can_identify_are_listed_with_the_reason(bundled: dict[str, Any]) -> None:
    listed = parse_survey(bundled).not_identifiable
    assert {f"{name} Head" for name in UNTOLD} <= {row["head"] for row in listed}
    assert all(row["phase"] in PHASES and row["reason"].endswith(".") for row in listed)


@pytest.mark.parametrize("key", PARTS)
def test_a_missing_part_is_refused_by_name(bundled: dict[str, Any], key: str) -> None:
    del bundled[key]
    with pytest.raises(ProbeError, match=f"data/taxonomy.yaml: missing {key}; needed: note, phases"):
        parse_survey(bundled)


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets the entry at a dotted path; a number is an index."""

    def apply(table: Any) -> None:
        *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in steps:
            table = table[step]
        table[last] = value

    return apply


def copy_head(table: dict[str, Any]) -> None:
    table["heads"].append(table["heads"][0])


def drop_reason(table: dict[str, Any]) -> None:
    table["not_identifiable"] = [row for row in table["not_identifiable"] if row["head"] != "Induction Head"]
    table["features"]["word_repetition"]["alike"] = []
    table["families"]["structural"]["alike"] = []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change("heads.0.phase", "Recalling"), "Associative Memories: phase: unknown 'Recalling'; did you mean 'Know"),
        (change("heads.0.group", "general"), "Memories: group of .*: unknown 'general'; did you mean 'general t"),
        (change("heads.1.methods.0.method", "probing"), "Memory Head: methods: unknown 'probing'; known: modeling-fr"),
        (change("heads.1.methods.0.infered", True), "Memory Head: methods: unknown key 'infered'; known: method, how"),
        (change("heads.1.methods", []), r"Memory Head: methods: expected a list with one entry or more, got \[\]"),
        (change("heads.1.references", ["x2024"]), "Memory Head: references: unknown 'x2024'; .*known: akyurek2024"),
        (change("heads.1.references", "jin2024"), "Memory Head: references: expected a list .*, got 'jin2024'"),
        (change("heads.1.does", None), "Memory Head: missing does; needed: head, phase"),
        (change("heads.1.layer", 3), "Memory Head: unknown key 'layer'; known: head, phase"),
        (change("references.jin2024", {"year": 2024}), "references: jin2024: missing authors; needed: authors, year"),
        (copy_head, "heads: Associative Memories: stands twice"),
        (
            change("families.truth.cells", ["Mystery Head"]),
            "truth: cells: unknown 'Mystery Head'; did you mean 'Memory H",
        ),
        (
            change("features.topic.cells", ["Mystery Head"]),
            "topic: cells: unknown 'Mystery Head'; did you mean 'Memory H",
        ),
        (
            change("features.topic.alike", ["Mystery Head"]),
            "topic: alike: unknown 'Mystery Head'; did you mean 'Memory H",
        ),
        (change("features.topic.alike", ["Context Head"]), "topic: Context Head is in cells and in alike"),
        (change("features.topic.cells", "Context Head"), "topic: cells: expected a list.*, got 'Context Head'"),
        (change("features.topic.cells", None), "features: topic: missing cells; needed: family, cells, alike"),
        (change("families.truth.alike", None), "families: truth: missing alike; needed: cells, alike"),
        (change("features.topic.family", "semantics"), "topic: family: unknown 'semantics'; did you mean 'semantic'"),
        (change("features.topic.family", None), "topic: missing family; needed: family, cells, alike"),
        (change("features.topic.phase", "x"), "topic: unknown key 'phase'; known: family, cells, alike"),
        (change("families.truth.family", "truth"), "families: truth: unknown key 'family'; known: cells, alike"),
        (change("not_identifiable.0.head", "Memory Head"), "Memory Head is also a cell of a feature or family"),
        (
            change("not_identifiable.0.head", "Mystery Head"),
            "not_identifiable: unknown 'Mystery Head'; did you mean 'Memory H",
        ),
        (change("not_identifiable.1.head", "Constant Head"), "not_identifiable: Constant Head stands twice"),
        (change("not_identifiable.0.reason", None), "not_identifiable: Constant Head: missing reason; needed: head"),
        (drop_reason, "nothing is said of Induction Head; name each in cells or alike of a feature"),
    ],
)
def test_what_is_wrong_is_refused_by_name(bundled: dict[str, Any], spoil: Any, message: str) -> None:
    parse_survey(bundled)  # it was right before
    spoil(bundled)
    with pytest.raises(ProbeError, match=f"^data/taxonomy.yaml: .*{message}"):
        parse_survey(bundled)


def test_a_head_that_a_feature_cannot_tell_apart_needs_no_reason(bundled: dict[str, Any]) -> None:
    drop_reason(bundled)
    bundled["features"]["word_repetition"]["alike"] = ["Induction Head"]
    assert parse_survey(bundled).status("Induction Head") == "alike"


def test_a_family_too_few_or_too_many_is_refused(bundled: dict[str, Any]) -> None:
    fewer, more = copy.deepcopy(bundled), copy.deepcopy(bundled)
    del fewer["families"]["truth"]
    more["families"]["numeric"] = more["families"]["truth"]
    for table in (fewer, more):
        with pytest.raises(ProbeError, match=r"families are \[.*\], needed: structural, syntactic"):
            parse_survey(table)


def test_the_counts_in_the_docs_are_those_of_the_file(bundled: dict[str, Any]) -> None:
    survey = parse_survey(bundled)
    statuses = [survey.status(head["head"]) for head in survey.heads]
    counts = [statuses.count(status) for status in ("candidate", "alike", "not identifiable")]
    text = " ".join((TOP / "docs/method.md").read_text(encoding="utf-8").split())
    told = "Of the {}, {} are candidates of some feature, {} are only alike, and {} are not identifiable"
    assert told.format(len(statuses), *counts) in text
