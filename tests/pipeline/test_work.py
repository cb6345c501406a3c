"""Work in progress: locked by one process, resumed by the next, and deleted when it is of no use."""

import fcntl
import itertools
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import work
from pipeline.errors import PipelineError
from pipeline.jsonfile import read_json
from pipeline.work import discard_work, lock_work, prepare_work, shard_path, write_shard

TOP = Path(__file__).parents[2]
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)
JOB = {"texts": "t", "model": "m", "settings": "{'seed': 0}"}
BUSY = r"unfinished/m/d: another process is extracting into this store; wait for it, or stop it: a run that was stopped"
HOLD = """
import sys
from pathlib import Path
from pipeline.work import lock_work
with lock_work(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "unfinished" / "m" / "d"


def _process(code: str, *args: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TOP
    )


@pytest.fixture
def holder(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the lock."""
    process = _process(HOLD, folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.communicate()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_second_process_is_kept_out_until_the_first_one_is_done(
    folder: Path, holder: "subprocess.Popen[str]"
) -> None:
    with pytest.raises(PipelineError, match=BUSY), lock_work(folder):
        pytest.fail("both of them work")
    holder.communicate("")  # it goes on and ends
    assert holder.returncode == 0
    with lock_work(folder):
        assert _names(folder) == ["lock"]


def test_a_killed_process_keeps_nobody_out(folder: Path, holder: "subprocess.Popen[str]") -> None:
    holder.kill()
    holder.wait()
    assert (folder / "lock").exists()
    with lock_work(folder):
        pass


def test_other_stores_are_not_locked(folder: Path, holder: "subprocess.Popen[str]") -> None:
    with lock_work(folder.with_name("other")):
        assert holder.poll() is None


def test_an_error_unlocks(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock_work(folder):
        with pytest.raises(PipelineError, match=BUSY), lock_work(folder):
            pytest.fail("both of them work")
        raise ZeroDivisionError
    with lock_work(folder):
        pass


def test_a_lock_whose_owner_finished_meanwhile_is_taken_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening the file and locking it, its owner deleted the folder: the lock of a deleted file is none."""
    lock, calls = fcntl.flock, itertools.count()

    def late(file: Any, how: int) -> None:
        if next(calls) == 0:
            shutil.rmtree(folder)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with lock_work(folder):
        assert (folder / "lock").exists()
        with pytest.raises(PipelineError, match=BUSY), lock_work(folder):
            pytest.fail("both of them work")
    assert next(calls) == 3


@pytest.fixture
def started(folder: Path) -> Path:
    """Work with shards of both passes, one of them half written."""
    folder.mkdir(parents=True)
    assert prepare_work(folder, JOB) == []
    write_shard(shard_path(folder, "trained", 0), ROWS)
    write_shard(shard_path(folder, "untrained", 12345), ROWS)
    (folder / "trained-00001.part").write_bytes(b"half")
    return folder


SHARDS = ["trained-00000.npy", "trained-00001.part", "untrained-12345.npy"]


def test_shards_of_the_same_job_stay(started: Path) -> None:
    assert _names(started) == ["job.json", *SHARDS]
    assert prepare_work(started, dict(JOB)) == []
    assert _names(started) == ["job.json", *SHARDS]


@pytest.mark.parametrize(
    ("changes", "differing"),
    [({"model": "x"}, ["model"]), ({"settings": "{}", "texts": "x"}, ["texts", "settings"]), ({"code": "c"}, ["code"])],
)
def test_shards_of_another_job_are_deleted(started: Path, changes: dict[str, str], differing: list[str]) -> None:
    (started / "lock").touch()
    assert prepare_work(started, JOB | changes) == differing
    assert _names(started) == ["job.json", "lock"]
    assert read_json(started / "job.json") == JOB | changes


@pytest.mark.parametrize("content", ["", "{", None])
def test_shards_of_an_unknown_job_are_deleted(started: Path, content: str | None) -> None:
    if content is None:
        (started / "job.json").unlink()
    else:
        (started / "job.json").write_text(content)
    assert prepare_work(started, JOB) == ([] if content is None else list(JOB))
    assert _names(started) == ["job.json"]


def test_finished_work_is_deleted_with_the_folders_that_are_empty_then(started: Path) -> None:
    other = started.with_name("other")
    other.mkdir()
    discard_work(started)
    assert _names(started.parent) == ["other"]
    discard_work(other)
    assert not started.parent.exists()
    assert started.parents[1].exists()


def test_work_whose_deletion_was_cut_short_is_deleted_by_the_next(
    started: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(work.shutil, "rmtree", _killed_at_the_second_call())
        with pytest.raises(KeyboardInterrupt):
            discard_work(started)
    assert _names(started.parent) == ["d.done"]  # all of it is gone from its place at once
    started.mkdir()
    assert prepare_work(started, JOB) == []
    assert _names(started.parent) == ["d"]
    assert _names(started) == ["job.json"]


def _killed_at_the_second_call() -> Callable[..., None]:
    calls = itertools.count(1)

    def rmtree(_path: Path, ignore_errors: bool = False) -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt

    return rmtree
