"""The shape of the project: three islands and a bridge, and a stage graph that names every module it reaches."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipeline", "data", "probes")
STAGES = ("examples", "extract", "probe", "transfer", "taxonomy", "report")
FOLDERS = ("data/findings", "data/generated", "data/readers")
BESIDE = [f"pipeline/{name}.py" for name in ("cite", "columns", "published", "reference", "reportcolumns")]
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py")


def imported(module: Path, root: Path = ROOT) -> set[Path]:
    """Return the project's modules that a module imports, wherever in its code."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        paths = [root / f"{name.replace('.', '/')}.py" for name in names if name.split(".")[0] in PACKAGES]
        found |= {path for path in paths if path.is_file()}
    return found


def closure(module: Path, root: Path = ROOT) -> set[Path]:
    """Return a module and everything of the project that it reaches."""
    reached: set[Path] = set()
    todo = {module}
    while todo:
        reached |= todo
        todo = {target for path in todo for target in imported(path, root)} - reached
    return reached


def island(module: Path) -> str:
    """Return which part of the project a module belongs to."""
    parts = module.relative_to(ROOT).parts
    if module.relative_to(ROOT).as_posix() in BESIDE:  # what no stage reaches joins islands as a stage does
        return "beside"
    return "stages" if parts[:2] == ("pipeline", "stages") else parts[0]


def graph() -> dict[str, dict[str, object]]:
    """Return the stages of dvc.yaml, templates unresolved."""
    stages: dict[str, dict[str, object]] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return stages


def test_the_graph_has_the_stages_of_the_contract():
    assert tuple(graph()) == STAGES
    assert sorted(path.stem for path in (ROOT / "pipeline/stages").glob("[a-z]*.py")) == sorted(STAGES)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_islands_import_only_themselves(module):
    reached = {island(path) for path in imported(module)}
    whole = {"stages": set(PACKAGES), "beside": {*PACKAGES, "beside"}}
    assert reached <= whole.get(island(module), {island(module)})


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_exactly_the_modules_it_reaches(stage):
    deps = [str(dep) for dep in graph()[stage]["deps"]]
    listed = {dep for dep in deps if dep.endswith(".py")}
    # a folder stands for all its modules
    within = [path for dep in deps if dep in FOLDERS for path in (ROOT / dep).rglob("*.py")]
    listed |= {path.relative_to(ROOT).as_posix() for path in within if path.name != "__init__.py"}
    reached = {path.relative_to(ROOT).as_posix() for path in closure(ROOT / f"pipeline/stages/{stage}.py")}
    assert listed == reached


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_the_params_it_reads(stage):
    source = (ROOT / f"pipeline/stages/{stage}.py").read_text(encoding="utf-8")
    read = set(re.findall(r'read_section\(params, f?"(\w+)', source))
    read |= set(re.findall(r'read_section\(load_params\(Path\("params.yaml"\)\), "(\w+)"', source))
    declared = {str(name).split(".")[0] for name in graph()[stage]["params"] if isinstance(name, str)}
    assert read and read <= declared


def test_a_hidden_import_is_found(tmp_path):
    (tmp_path / "probes").mkdir()
    (tmp_path / "probes/a.py").write_text("def f():\n    from probes import b\n    return b\n")
    (tmp_path / "probes/b.py").write_text("import probes.c\n")
    (tmp_path / "probes/c.py").write_text("")
    assert {path.name for path in closure(tmp_path / "probes/a.py", tmp_path)} == {"a.py", "b.py", "c.py"}


def test_packages_do_nothing_on_import():
    inits = [path for package in PACKAGES for path in (ROOT / package).rglob("__init__.py")]
    assert inits and all(path.read_text() == "" for path in inits)


@pytest.mark.parametrize(
    ("stage", "unwanted"),
    [
        ("examples", {"torch", "transformers", "datasets", "lightning", "matplotlib"}),
        ("extract", {"sklearn", "datasets", "lightning", "matplotlib"}),
        ("probe", {"transformers", "sklearn", "datasets", "lightning", "matplotlib"}),
        ("transfer", {"torch", "transformers", "sklearn", "datasets", "lightning", "matplotlib"}),
        ("taxonomy", {"torch", "transformers", "sklearn", "datasets", "lightning", "matplotlib"}),
        ("report", {"torch", "transformers", "sklearn", "datasets", "lightning"}),
    ],
)
def test_a_stage_pays_only_for_the_imports_it_needs(stage, unwanted):
    code = f"import sys, pipeline.stages.{stage}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pandas" in loaded
    assert not unwanted & loaded
