"""The README says what is there."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
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
    packages = ("pipeline", "data", "probes", "benchmarks")
    modules = {path.relative_to(ROOT) for package in packages for path in (ROOT / package).rglob("*.py")}
    assert listed == {path.as_posix() for path in modules if path.name != "__init__.py"}


def test_whatever_the_file_tree_names_is_there():
    # `results` and what stages write are there after a run only
    missing = [name for name in listed_files() - {"results/"} if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("section", [name for name in PARAMS if name not in ("models", "datasets")])
def test_every_param_is_explained(section):
    assert PARAMS[section]
    assert [key for key in PARAMS[section] if f"`{section}.{key}`" not in README] == []


def test_every_explained_param_is_there():
    explained = re.findall(r"^\| `(\w+)\.(\w+)` \|", README, flags=re.MULTILINE)
    assert explained
    assert [f"{section}.{key}" for section, key in explained if key not in PARAMS[section]] == []


def test_the_bundled_specs_are_the_datasets_of_the_default_run():
    assert {path.stem for path in (ROOT / "data/specs").glob("*.yaml")} == set(PARAMS["datasets"])


def test_the_spec_in_the_readme_is_accepted(tmp_path):
    from data.spec import load_spec

    blocks = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    lines = next(block for block in blocks if "description:" in block).splitlines()
    spec = tmp_path / "reviews.yaml"
    spec.write_text("\n".join(line.removeprefix("   ") for line in lines), encoding="utf-8")
    assert load_spec(spec).columns.group == "topic"
