"""The extract stage as DVC runs it: DVC deletes the outputs of a stage before it runs the stage."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[3]
STORE, WORK = Path("data/activations/tiny/toy"), Path("data/unfinished/tiny/toy")
DVC = [sys.executable, "-m", "dvc"]


def _under_dvc() -> None:
    """Make a repository of the current folder, with the stage as the project's own dvc.yaml has it."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", "pipeline", ignore=ignored)
    Path(".dvc").mkdir()
    for name in (".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"):
        shutil.copy(ROOT / name, name)
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["extract"]
    stage["cmd"] = stage["cmd"].replace("python", sys.executable)
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"extract": stage}}, sort_keys=False))
    subprocess.run(["git", "init", "-q"], check=True)


def _repro(*options: str) -> str:
    done = subprocess.run([*DVC, "repro", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _repro_until_killed(shards: int) -> None:
    """Kill the stage, and then DVC, as soon as there are so many shards."""
    with subprocess.Popen([*DVC, "repro"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as dvc:
        while dvc.poll() is None and len(list(WORK.glob("*.npy"))) < shards:
            time.sleep(0.002)
        started = psutil.Process(dvc.pid).children(recursive=True)
        (stage,) = [process for process in started if "pipeline.stages.extract" in process.cmdline()[1:4]]
        stage.kill()
        dvc.kill()
    assert dvc.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_repro_is_taken_up_by_the_next_and_has_the_same_hash(project: Any) -> None:
    project.texts(200)
    project.run()
    undisturbed = project.store()
    shutil.move("data/activations", "undisturbed")
    _under_dvc()

    _repro_until_killed(shards=5)
    finished = len(project.shards())
    assert 5 <= finished < 100
    assert not STORE.exists()
    said = _repro()
    there = re.search(r"^extract tiny toy: (\d+) of 267 examples are there from an earlier run$", said, re.MULTILINE)
    assert there and int(there[1]) >= 4 * finished
    assert project.store() == undisturbed

    shutil.rmtree("data/activations")
    shutil.move("undisturbed", "data/activations")  # of another hash, it would be made again
    project.params(devices=2)
    assert "up to date" in _repro()
    project.params(seed=4)
    assert "Running stage 'extract@tiny-toy'" in _repro("--dry")
