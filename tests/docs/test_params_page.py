"""docs/params.md names every param, with its default, its type and the stages that read it, and no other."""

import dataclasses
import re
from typing import Any, get_origin, get_type_hints

import pytest
import yaml

from pipeline.checkpoint import ModelEntry
from pipeline.probeparams import ProbeParams
from pipeline.stages.examples import ExamplesParams
from pipeline.stages.extract import ExtractParams
from pipeline.stages.report import ReportParams
from pipeline.stages.taxonomy import TaxonomyParams
from tests.docs import pages

PAGE = pages.read(pages.ROOT / "docs/params.md")
PARAMS = yaml.safe_load((pages.ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = yaml.safe_load((pages.ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
SECTIONS = {
    "examples": ExamplesParams,
    "extract": ExtractParams,
    "probe": ProbeParams,
    "taxonomy": TaxonomyParams,
    "report": ReportParams,
}
TYPES = {
    str: "text",
    int: "whole number|[0-9, or]+",
    float: "number",
    bool: "true or false",
    tuple[int, ...]: "list of whole numbers",
    tuple[float, ...]: "list of numbers",
}
ROWS = [[cell.strip() for cell in row.split("|")[1:-1]] for row in PAGE.splitlines() if re.match(r"\| `\w+\.", row)]
KEYS = [row[0].strip("`") for row in ROWS]
EACH = pytest.mark.parametrize("row", ROWS, ids=KEYS)


def readers(key: str) -> list[str]:
    """Return the stages that DVC runs again when a param changes, in the order of dvc.yaml."""
    return [stage for stage, about in STAGES.items() if any(_covers(read, key) for read in about["params"])]


def _covers(read: Any, key: str) -> bool:
    wide = re.sub(r"\$\{item\.\w+}", "<slug>", read) if isinstance(read, str) else ""
    return bool(wide) and (key == wide or key.startswith(f"{wide}."))


def test_every_param_is_there_once_in_the_order_of_the_file():
    entries = [f"models.<slug>.{field.name}" for field in dataclasses.fields(ModelEntry)] + ["datasets.<slug>"]
    assert [f"{section}.{key}" for section in SECTIONS for key in PARAMS[section]] + entries == KEYS


def test_the_sections_are_those_of_the_file():
    assert [*SECTIONS, "models", "datasets"] == list(PARAMS)


@EACH
def test_the_default_is_that_of_the_file(row):
    section, key = row[0].strip("`").split(".", 1)
    if section in SECTIONS:
        assert yaml.safe_load(row[2].strip("`")) == PARAMS[section][key]


@EACH
def test_the_type_is_that_of_the_code(row):
    section, key = row[0].strip("`").split(".", 1)
    if section in SECTIONS:
        hint = get_type_hints(SECTIONS[section])[key]
        assert re.match(TYPES[hint], row[1])
        assert ("list" in row[1]) == (get_origin(hint) is tuple)


@EACH
def test_the_stages_are_those_that_dvc_runs_again(row):
    assert [name.strip(" `") for name in row[-1].split(",")] == readers(row[0].strip("`"))


def test_a_needed_key_of_a_model_is_marked_so():
    needed = {row[0].strip("`").rpartition(".")[2]: row[2] for row in ROWS if row[0].startswith("`models.")}
    required = [field.name for field in dataclasses.fields(ModelEntry) if field.default is dataclasses.MISSING]
    assert [key for key, told in needed.items() if told == "yes"] == required


def test_the_order_of_the_stages_is_that_of_the_graph():
    line = re.search(r"(`examples` → .*`report`)", PAGE)
    assert line is not None and [name.strip(" `") for name in line[1].split("→")] == list(STAGES)
