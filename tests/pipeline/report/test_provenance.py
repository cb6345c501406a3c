"""Where the results come from: commit, dirt, lock and libraries."""

import json
import os
import subprocess
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pipeline.errors import PipelineError
from pipeline.report.provenance import code_commit, code_date, code_dirty, library_versions, lock_hash


def test_the_lock_hash_ignores_the_report_and_the_order() -> None:
    stages = {"probe@a": {"outs": [{"md5": "1"}]}, "taxonomy@a": {"cmd": "x"}}
    alone = lock_hash(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    report = {"report": {"outs": [{"md5": "2"}]}}
    assert lock_hash(json.dumps({"stages": report | dict(reversed(stages.items()))})) == alone
    assert lock_hash(json.dumps({"stages": stages | {"probe@a": {}}})) != alone
    assert lock_hash("schema: '2.0'") == lock_hash("")


def test_a_damaged_lock_is_refused() -> None:
    for text in ("{", "- list"):
        with pytest.raises(PipelineError, match=r"dvc\.lock: not a lock file"):
            lock_hash(text)


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    when = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-02-28T23:30:00-0500")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, env=os.environ | when)


def test_only_commits_to_the_code_count(tmp_path: Path) -> None:
    assert (code_commit(tmp_path), code_dirty(tmp_path)) == ("unknown", "unknown")
    git(tmp_path, "init")
    (tmp_path / "params.yaml").write_text("a: 1\n")
    assert (code_commit(tmp_path), code_dirty(tmp_path)) == ("unknown", True)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "code")
    first = code_commit(tmp_path)
    assert len(first) == 40
    assert code_date(tmp_path) == "2026-02-28"
    assert code_dirty(tmp_path) is False
    (tmp_path / "dvc.lock").write_text("stages: {}\n")
    assert code_dirty(tmp_path) is False
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "lock")
    assert code_commit(tmp_path) == first
    (tmp_path / "params.yaml").write_text("a: 2\n")
    assert code_dirty(tmp_path) is True


def test_without_git_the_code_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert (code_commit(tmp_path), code_dirty(tmp_path)) == ("unknown", "unknown")


def test_versions_come_without_imports() -> None:
    versions = library_versions()
    assert {"python", "torch", "dvc"} <= set(versions)
    assert versions["pandas"] == pd.__version__
