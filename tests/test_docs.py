"""The README says what is there."""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from data.columns import Columns, Grouping
from data.generated.suite import GENERATORS
from data.places import FORMATS
from data.places import OPTIONS as PLACE_OPTIONS
from data.spec import FAMILIES, OPTIONAL, REQUIRED, load_spec
from pipeline.checkpoint import ModelEntry
from pipeline.params import read_section
from probes.schema import as_json
from tests.docs.pages import GUIDES, blocks, name, read

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
DATASETS = (ROOT / "docs/datasets.md").read_text(encoding="utf-8")
TREE = README.split("```")[-2]


def listed_files() -> set[str]:
    """Return the paths that the file tree names, folders by indentation."""
    found: set[str] = set()
    folder = ""
    for line in TREE.splitlines():
        name = line.strip().split(" ")[0]
        if not name or name == "...":
            continue
        if line.startswith("  "):
            found.add(folder + name)
        else:
            folder = name if name.endswith("/") else ""
            found.add(name)
    return found


def test_the_file_tree_names_every_module_and_nothing_else():
    listed = {name for name in listed_files() if name.endswith(".py")}
    packages = ("pipeline", "data", "probes", "benchmarks", "examples")
    modules = {path.relative_to(ROOT) for package in packages for path in (ROOT / package).rglob("*.py")}
    assert listed == {path.as_posix() for path in modules if path.name != "__init__.py"}


def test_whatever_the_file_tree_names_is_there():
    # `results` and what stages write are there after a run only
    missing = [name for name in listed_files() - {"results/"} if not (ROOT / name).exists()]
    assert missing == []


def test_the_file_tree_names_every_page_and_every_template_of_plots():
    kept = {path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("docs/*.*"), *ROOT.glob(".dvc/plots/*"))}
    assert kept and kept <= listed_files()


def test_the_bundled_datasets_are_those_of_the_default_run():
    own = set(PARAMS["datasets"]) - set(GENERATORS)  # a reader's, who may run the tests, too
    assert list(GENERATORS) == [name for name in PARAMS["datasets"] if name not in own]


def test_the_bundled_features_stand_under_their_family():
    rows = re.findall(r"^\| (\w+) \| [^|]+ \| ([^|]+) \|$", DATASETS.split("## The six families")[1], re.MULTILINE)
    listed = [(family, feature) for family, features in rows for feature in re.findall(r"`(\w+)`", features)]
    specs = [load_spec(ROOT / f"data/specs/{name}.yaml") for name in GENERATORS]
    assert [pair for pair in listed if pair[0] in FAMILIES] == [(spec.family, spec.feature) for spec in specs]


def test_every_bundled_feature_has_its_place_in_the_taxonomy():
    table = yaml.safe_load((ROOT / "data/taxonomy.yaml").read_text(encoding="utf-8"))
    specs = {path.stem: load_spec(path) for path in (ROOT / "data/specs").glob("*.yaml")}
    families = {spec.feature: spec.family for spec in specs.values()}
    mapped = {feature: row["family"] for feature, row in table["features"].items()}
    assert mapped == {feature: families.get(feature) for feature in mapped}
    assert {specs[name].feature for name in GENERATORS} <= set(mapped)


def test_every_key_of_a_spec_is_explained():
    keys = {*REQUIRED, *OPTIONAL, "include", *(field.name for field in dataclasses.fields(Columns)), *PLACE_OPTIONS}
    assert [key for key in sorted(keys) if f"`{key}`" not in DATASETS] == []
    assert [name for name in FORMATS if f"`{name}`" not in DATASETS] == []


def test_every_finding_is_explained():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "data/findings").glob("*.py"))
    about = set(re.findall(r'Finding\([^)]*?"(\w+)", \w+\)', sources)) | set(re.findall(r'Rule\(\s*"(\w+)"', sources))
    explained = set(re.findall(r"`(\w+)`", DATASETS.split("## Findings")[1]))
    assert about and about <= explained


def test_every_public_spec_that_is_named_is_there():
    section = DATASETS.split("## Public sets that are ready")[1].split("## Findings")[0]
    names = [
        name
        for name in re.findall(r"`([\w/]+?)`", section)
        if name.endswith("s_files") or name in ("sst2", "wic", "cola")
    ]
    assert names and [name for name in names if not (ROOT / f"data/specs/{name}.yaml").is_file()] == []


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", DATASETS, flags=re.DOTALL))
def test_every_piece_of_a_spec_in_the_docs_is_accepted(tmp_path, block):
    given = yaml.safe_load(block)
    whole = {
        **{"description": "d", "feature": "f", "family": "truth", "licence": "l", "citation": "c"},
        **{"readout": "last", "too_long": "drop", "source": {"path": "x.csv"}, "columns": {"text": "t", "label": "l"}},
    }
    columns = whole["columns"] | given.get("columns", {})
    read = isinstance(columns["text"], dict) and "read" in columns["text"]
    spec = tmp_path / "piece.yaml"
    if "include" in given:
        spec = ROOT / "data/specs" / f"{given['feature']}.yaml"
        assert spec.read_text(encoding="utf-8") == block
    else:
        spec.write_text(yaml.safe_dump(whole | given | {"columns": columns, "readout": "span" if read else "last"}))
    load_spec(spec)


def test_the_spec_in_the_readme_is_accepted(tmp_path):
    block = next(block for block in blocks(README, "yaml") if block.startswith("description:"))
    spec = tmp_path / "reviews.yaml"
    spec.write_text(block, encoding="utf-8")
    assert load_spec(spec).columns.group == Grouping(("topic",))


@pytest.mark.parametrize("page", GUIDES, ids=name)
def test_the_models_that_pages_give_are_entries_of_params(page):
    pieces = [piece for piece in map(yaml.safe_load, blocks(read(page), "yaml")) if "models" in piece]
    assert pieces or name(page) not in ("README.md", "docs/models.md", "docs/tutorial.md")
    for slug, entry in (pair for piece in pieces for pair in piece["models"].items()):
        found = read_section({"models": {slug: entry}}, f"models.{slug}", ModelEntry)
        assert found.revision is None or len(found.revision) == 40


def test_every_column_of_the_taxonomy_is_explained_as_the_schema_says():
    text = (ROOT / "docs/taxonomy.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    tables = as_json()
    assert [section.split("`")[1] for section in sections] == list(tables)
    for section, table in zip(sections, tables.values(), strict=True):
        rows = [f"| `{name}` | {about['type']} | {about['description']} |" for name, about in table["columns"].items()]
        assert [line for line in section.splitlines() if line.startswith("| `")] == rows
