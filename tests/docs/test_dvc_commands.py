"""The commands of DVC that the documentation gives, run in a finished toy project with the real graph."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.docs import pages
from tests.docs.test_commands import PROOF, TOY, starting
from tests.test_graph import STUB, write_spec  # stages in a hundredth of the time


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished project of one model and one dataset with the real dvc.yaml, committed, as the current folder."""
    for package in ("pipeline", "data", "probes"):
        ignored = shutil.ignore_patterns("__pycache__", "specs", "examples", "activations", "raw", "public")
        shutil.copytree(pages.ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy(pages.ROOT / "pipeline/stages/examples.py", tmp_path / "pipeline/stages/examples.py")  # ignored above
    shutil.copy(pages.ROOT / "data/examples.py", tmp_path / "data/examples.py")
    shutil.copytree(pages.ROOT / ".dvc", tmp_path / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "*.local"))
    for name in (".dvcignore", ".gitignore"):
        shutil.copy(pages.ROOT / name, tmp_path / name)
    graph = (pages.ROOT / "dvc.yaml").read_text(encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(graph.replace("python -m pipeline.stages.", f"{sys.executable} stub.py "))
    (tmp_path / "stub.py").write_text(STUB)
    params = yaml.safe_load((pages.ROOT / "params.yaml").read_text(encoding="utf-8"))
    params |= {"models": {"minilm": {"source": "one"}}, "datasets": {"reviews": {}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    write_spec(tmp_path, "reviews")
    write_spec(tmp_path, "shared/base")
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    dvc("repro", "--quiet")
    for command in (("config", "user.name", "x"), ("config", "user.email", "x@example.org"), ("add", "-A")):
        subprocess.run(["git", *command], check=True, capture_output=True)
    subprocess.run(["git", "commit", "-qm", "finished"], check=True)
    return tmp_path


def dvc(*words: str) -> str:
    """Run DVC and return what it says."""
    done = subprocess.run([sys.executable, "-m", "dvc", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"dvc {shlex.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_the_commands_of_dvc_run_in_a_project():
    back = ("git checkout .", "dvc checkout")  # from what experiments left
    said = {}
    for command in (command for command, proof in PROOF.items() if proof == TOY and command not in back):
        here = command.replace("llama-sentiment", "minilm-reviews").replace("@sentiment", "@reviews")
        said[command] = dvc(*shlex.split(here)[1:])
    assert "mine:" in Path("params.yaml").read_text()
    table = said["dvc exp show --only-changed --drop '.*/'"]
    assert "taxonomy.alpha" in table and "probe.seed" not in table and "results/" not in table
    for command in back:
        subprocess.run([*([sys.executable, "-m"] if command in starting("dvc") else []), *command.split()], check=True)
    assert "mine:" not in Path("params.yaml").read_text()
    shutil.rmtree("results/taxonomy/mine")  # which neither git nor DVC takes away: the message of the next run does
    assert "up to date" in dvc("status")


def test_dvc_says_so_where_it_does_not(monkeypatch):
    monkeypatch.chdir(pages.ROOT)
    with pytest.raises(AssertionError, match="dvc repro no_such_stage"):
        dvc("repro", "no_such_stage")
