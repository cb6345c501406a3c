"""The stage graph as DVC sees it: what runs again after which change.

The real dvc.yaml drives a toy project whose commands are one stub each: it writes outputs that depend on the inputs the
way the stages' do, in a hundredth of the time.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
STUB = """
import hashlib, json, sys
from pathlib import Path
import yaml

def write(path, text):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

def tree(*roots):
    files = sorted(p for root in roots for p in Path(root).rglob("*") if p.is_file())
    return hashlib.sha256(b"".join(p.read_bytes() for p in files)).hexdigest()

stage, *cell = sys.argv[1:]
if stage == "examples":
    spec = yaml.safe_load(Path(f"data/specs/{cell[0]}.yaml").read_text())
    out = f"data/examples/{cell[0]}"
    write(f"{out}/texts.parquet", spec["texts"])
    write(f"{out}/labels.parquet", spec["rule"])
    write(f"{out}/variants.parquet", spec["rule"])
    write(f"{out}/surface.parquet", spec["texts"] + spec["rule"])
    write(f"{out}/card.json", json.dumps({"feature": "f", "family": "g", "surface": 0.5, **spec}))
elif stage == "extract":
    model, dataset = cell
    card = json.loads(Path(f"data/examples/{dataset}/card.json").read_text())
    source = yaml.safe_load(Path("params.yaml").read_text())["models"][model]["source"]
    texts = tree(f"data/examples/{dataset}/texts.parquet")
    write(f"data/activations/{model}/{dataset}/z", card["readout"] + source + texts)
elif stage == "probe":
    model, dataset = cell
    card = json.loads(Path(f"data/examples/{dataset}/card.json").read_text())
    labels = Path(f"data/examples/{dataset}/labels.parquet").read_text()
    found = tree(f"data/activations/{model}/{dataset}", "probes")
    write(f"results/probes/{model}/{dataset}/heads.parquet", labels + str(card["surface"]) + found)
elif stage == "transfer":
    stores = [f"data/activations/{cell[0]}", f"results/probes/{cell[0]}"]
    texts = sorted(str(path) for path in Path("data/examples").rglob("texts.parquet"))
    write(f"results/transfer/{cell[0]}/transfer.parquet", tree(*stores) + "".join(texts))
elif stage == "taxonomy":
    write(f"results/taxonomy/{cell[0]}/heads.csv", tree(f"results/probes/{cell[0]}", f"results/transfer/{cell[0]}"))
else:
    write("results/report/index.html", tree("results/probes", "results/taxonomy", "data/examples"))
    write("results/report/tables/heatmap.csv", "x")
    write("results/report/tables/layers.csv", "x")
    write("results/metrics/m1.json", "{}")
    write("results/metrics.json", "{}")
"""


# What sums up the cells of two models.
SUMMED = ("transfer@m1", "transfer@m2", "taxonomy@m1", "taxonomy@m2", "report")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A toy project with two models and two datasets, all stages run."""
    project = tmp_path_factory.mktemp("toy")
    for package in ("pipeline", "data", "probes"):
        ignored = shutil.ignore_patterns("__pycache__", "specs", "examples", "activations")
        shutil.copytree(ROOT / package, project / package, ignore=ignored)
    # a stub also named `examples` would be ignored above
    shutil.copy(ROOT / "pipeline/stages/examples.py", project / "pipeline/stages/examples.py")
    shutil.copy(ROOT / "data/examples.py", project / "data/examples.py")
    for name in (".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    stub = re.sub(r"python -m pipeline\.stages\.", f"{sys.executable} stub.py ", (ROOT / "dvc.yaml").read_text())
    (project / "dvc.yaml").write_text(stub)
    (project / "stub.py").write_text(STUB)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["models"] = {"m1": {"source": "one"}, "m2": {"source": "two"}}
    params["datasets"] = {"d1": {}, "d2": {}}
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for dataset in ("d1", "d2"):
        write_spec(project, dataset)
    write_spec(project, "shared/base")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    repro(project)
    return project


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """A copy of the finished toy project to change."""
    return Path(shutil.copytree(finished, tmp_path / "toy"))


def write_spec(project: Path, dataset: str, **changes: str) -> None:
    spec = {
        "about": "a",
        "readout": "last",
        "too_long": "error",
        "texts": f"texts of {dataset}",
        "rule": "r",
        **changes,
    }
    path = project / f"data/specs/{dataset}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(spec))


def change_params(project: Path, change) -> None:
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text())
    change(params)
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def repro(project: Path, *options: str) -> list[str]:
    """Run `dvc repro` and return the stages that ran."""
    done = subprocess.run([sys.executable, "-m", "dvc", "repro", *options], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return sorted(re.findall(r"Running stage '([^']+)'", done.stdout))


def test_nothing_changed_runs_nothing(project):
    assert repro(project) == []
    status = subprocess.run([sys.executable, "-m", "dvc", "status"], cwd=project, capture_output=True, text=True)
    assert "up to date" in status.stdout


def test_adding_a_dataset_runs_its_own_cells_taxonomy_and_report(project):
    write_spec(project, "d3")
    change_params(project, lambda params: params["datasets"].update(d3={}))
    own = ["examples@d3", "extract@m1-d3", "extract@m2-d3", "probe@m1-d3", "probe@m2-d3"]
    assert repro(project) == sorted([*own, *SUMMED])


def test_adding_a_model_runs_no_examples_and_no_other_model(project):
    change_params(project, lambda params: params["models"].update(m3={"source": "three"}))
    own = ["extract@m3-d1", "extract@m3-d2", "probe@m3-d1", "probe@m3-d2", "transfer@m3", "taxonomy@m3"]
    assert repro(project) == sorted([*own, "report"])


def test_editing_probes_reruns_no_extract(project):
    with (project / "probes/metrics.py").open("a") as file:
        file.write("\n# edited\n")
    probes = [f"probe@{model}-{dataset}" for model in ("m1", "m2") for dataset in ("d1", "d2")]
    assert repro(project) == sorted([*probes, *SUMMED])


def test_a_new_label_rule_runs_no_extract(project):
    write_spec(project, "d1", rule="other")
    assert repro(project) == sorted(["examples@d1", "probe@m1-d1", "probe@m2-d1", *SUMMED])


def test_a_new_description_trains_no_probe(project):
    write_spec(project, "d1", about="better words")
    # transfer reads the cards, and finds the same
    assert repro(project) == ["examples@d1", "report", "transfer@m1", "transfer@m2"]


def test_another_readout_runs_the_model_again(project):
    write_spec(project, "d1", readout="mean")
    ran = repro(project)
    assert {"extract@m1-d1", "extract@m2-d1"} <= set(ran)
    assert not {"extract@m1-d2", "extract@m2-d2"} & set(ran)


def test_an_edit_that_leaves_z_as_it_was_stops_at_extract(project):
    with (project / "pipeline/align.py").open("a") as file:
        file.write("\n# edited\n")
    assert repro(project) == [f"extract@{model}-{dataset}" for model in ("m1", "m2") for dataset in ("d1", "d2")]


def test_another_revision_of_a_model_runs_that_model_alone(project):
    change_params(project, lambda params: params["models"]["m2"].update(revision="new", source="two, new"))
    ran = repro(project, "--dry")
    assert "extract@m2-d1" in ran
    assert not [stage for stage in ran if "@m1" in stage]


def test_removing_a_dataset_runs_the_taxonomy_again(project):
    change_params(project, lambda params: params["datasets"].pop("d2"))
    assert repro(project) == sorted(SUMMED)


EXTRACTED = [f"extract@{model}-{dataset}" for model in ("m1", "m2") for dataset in ("d1", "d2")]
SETTINGS = {"device": "cuda", "precision": "bf16-true", "batch_tokens": 1, "seed": 9}


@pytest.mark.parametrize(("key", "value"), [*SETTINGS.items(), ("devices", 2), ("num_nodes", 2)])
def test_what_changes_numbers_runs_the_models_again_and_more_processes_do_not(project, key, value):
    change_params(project, lambda params: params["extract"].update({key: value}))
    ran = repro(project, "--dry")
    assert [stage for stage in ran if stage.startswith("extract")] == (EXTRACTED if key in SETTINGS else [])
    assert "report" in ran  # it states every param


def test_work_in_progress_runs_nothing(project):
    (project / "data/unfinished/m1/d1").mkdir(parents=True)
    (project / "data/unfinished/m1/d1/trained-00000.npy").touch()
    assert repro(project) == []
    ignored = subprocess.run(["git", "check-ignore", "-q", "data/unfinished/m1/d1/lock"], cwd=project, check=False)
    assert ignored.returncode == 0


def abreast(project: Path, jobs: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.abreast", "--jobs", str(jobs)]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def test_cells_that_run_abreast_give_what_they_give_one_by_one(project, tmp_path_factory):
    for dataset in ("d1", "d2"):
        write_spec(project, dataset, rule="new", readout="mean")
    other = Path(shutil.copytree(project, tmp_path_factory.mktemp("abreast") / "toy"))
    done = abreast(other, 2)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = sorted(re.findall(r"Running stage '([^']+)'", done.stdout))
    assert ran == repro(project)
    assert yaml.safe_load((other / "dvc.lock").read_text()) == yaml.safe_load((project / "dvc.lock").read_text())
    assert repro(other) == []


def test_a_cell_that_fails_beside_others_is_told_and_the_others_are_kept(project):
    (project / "stub.py").write_text(STUB.replace("stage, *cell =", "assert 'd2' not in sys.argv\nstage, *cell ="))
    for dataset in ("d1", "d2"):
        write_spec(project, dataset, rule="new")
    done = abreast(project, 2)
    assert done.returncode != 0
    assert "failed to reproduce 'examples@d2'" in done.stderr
    (project / "stub.py").write_text(STUB)
    assert repro(project) == sorted(["examples@d2", "probe@m1-d2", "probe@m2-d2", *SUMMED])
