"""What a release refuses: whatever a reader could not trace back to the commit."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import releasable
from pipeline.errors import PipelineError
from pipeline.release import release
from tests.pipeline.report import project as made


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes DVC's word for granted; `test_dvc_is_asked` asks it."""
    monkeypatch.setattr("pipeline.releasable._status", lambda root: {})


def change(path: Path, text: str = "changed") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def stale_report(root: Path, **changes: Any) -> None:
    path = root / "results/report/provenance.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    made.record(root, params := yaml.safe_load((root / "params.yaml").read_text()), made.grid_outputs(params))
    made.commit(root)


def commit_code(root: Path) -> None:
    change(root / "data/specs/other.yaml")
    made.commit(root)


def never_run(root: Path) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["datasets"]["voice"] = {}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    made.commit(root)


def lock_of_other_stages(root: Path) -> None:
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    lock["stages"]["extract@minilm-sentiment"]["outs"][0]["md5"] = "0" * 32 + ".dir"
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))
    made.commit(root)


@pytest.mark.usefixtures("current")
@pytest.mark.parametrize(
    ("do", "message"),
    [
        (
            lambda root: change(root / "params.yaml", (root / "params.yaml").read_text() + "\n"),
            "not committed: params.y",
        ),
        (
            lambda root: change(root / "data/specs/new.yaml"),
            "not committed: data/specs/new.yaml; a release names a comm",
        ),
        (
            lambda root: change(root / "results/taxonomy/minilm/heads.csv"),
            "not committed: results/taxonomy/minilm/heads",
        ),
        (lambda root: change(root / "pyproject.toml"), "not committed: pyproject.toml"),
        (lambda root: shutil.rmtree(root / "results/report"), "no such file, so there is no report.*`make repro`"),
        (lambda root: change(root / "results/report/index.html"), "results/report: not what dvc.lock records"),
        (
            lambda root: (root / "results/probes/minilm/sentiment/heads.parquet").unlink(),
            "results/probes/minilm/sentiment",
        ),
        (lambda root: shutil.rmtree(root / "data/examples"), "data/examples/.*/card.json: no such file|not on this"),
        (lambda root: shutil.rmtree(root / ".git"), "no git commit here"),
        (lambda root: (root / "dvc.lock").unlink(), r"dvc\.lock: no such file"),
        (
            never_run,
            r"dvc\.lock: examples@voice, extract@minilm-voice, probe@minilm-voice not run yet; run `make repro`",
        ),
        (commit_code, "the report names commit .*, the code is at .*`dvc repro --force --single-item report`"),
        (lock_of_other_stages, "stages ran after the report was made"),
        (lambda root: stale_report(root, code_dirty=True), "the report was made with uncommitted changes"),
        (lambda root: stale_report(root, code_dirty="unknown"), "the report was made with uncommitted changes"),
    ],
)
def test_what_could_not_be_traced_back_is_refused(
    project: Path, tmp_path: Path, do: Callable[[Path], None], message: str
) -> None:
    do(project)
    with pytest.raises(PipelineError, match=message):
        release(tmp_path / "out")
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


@pytest.mark.usefixtures("current")
def test_activations_need_not_be_there(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(project / "data/activations")
    assert release(tmp_path / "out")[0].is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([{"changed deps": {"pipeline/x.py": "modified"}}], r"taxonomy@minilm: pipeline/x.py modified"),
        ([{"changed deps": {"params.yaml": {"taxonomy.alpha": "modified"}}}], "params.yaml taxonomy.alpha"),
        ([{"changed outs": {"results/taxonomy/minilm": "modified"}}], "results/taxonomy/minilm modified"),
        ([{"changed deps": {"pipeline/x.py": "deleted"}}], "pipeline/x.py deleted"),
        (["changed command"], "changed command"),
        ([{"changed deps": {"data/activations/minilm": "deleted"}}], ""),
        ([{"changed outs": {"data/activations/minilm/sentiment": "not in cache"}}], ""),
    ],
)  # fmt: skip
def test_what_dvc_would_run_again_is_refused(
    project: Path, tmp_path: Path, changes: list[Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.releasable._status", lambda root: {"taxonomy@minilm": changes})
    if message:
        with pytest.raises(PipelineError, match=f"results are older than code or params.*{message}.*`make repro`"):
            release(tmp_path / "out")
    else:
        assert release(tmp_path / "out")[0].is_file()


@pytest.mark.slow
def test_dvc_is_asked(tmp_path: Path) -> None:
    stage = {"cmd": "cp in.txt out.txt", "deps": ["in.txt"], "outs": [{"out.txt": {"cache": False}}]}
    made.put(tmp_path / "dvc.yaml", yaml.safe_dump({"stages": {"copy": stage}}))
    made.put(tmp_path / "in.txt", "one")
    made.git(tmp_path, "init", "--quiet")
    dvc = [sys.executable, "-m", "dvc"]
    for command in ("init", "repro"):
        subprocess.run([*dvc, "--quiet", command], cwd=tmp_path, check=True, capture_output=True)
    assert releasable._status(tmp_path) == {}
    made.put(tmp_path / "in.txt", "two")
    assert releasable._status(tmp_path) == {"copy": [{"changed deps": {"in.txt": "modified"}}]}
    shutil.rmtree(tmp_path / ".dvc")
    with pytest.raises(PipelineError, match=r"`dvc status` failed: .*DVC repository"):
        releasable._status(tmp_path)
