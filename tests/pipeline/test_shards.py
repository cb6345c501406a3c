"""Shards on disk: whole or not there at all, and a full disk is told."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.work import full_disk_told, has_shard, read_shard, shard_path, write_shard

TOP = Path(__file__).parents[2]
ROWS = np.arange(12, dtype=np.float32).reshape(3, 4)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_shards_have_names_in_their_order() -> None:
    names = [shard_path(Path("f"), "trained", number).name for number in (0, 7, 99_999)]
    assert names == ["trained-00000.npy", "trained-00007.npy", "trained-99999.npy"]


def test_a_shard_is_a_file_as_numpy_writes_it(tmp_path: Path) -> None:
    write_shard(tmp_path / "own.npy", ROWS)
    np.save(tmp_path / "numpy.npy", ROWS)
    assert (tmp_path / "own.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def test_a_shard_that_is_written_comes_back(tmp_path: Path) -> None:
    path = shard_path(tmp_path, "trained", 3)
    assert not has_shard(path, (3, 4))
    write_shard(path, ROWS)
    assert has_shard(path, (3, 4))
    rows = read_shard(path, (3, 4))
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, ROWS)
    assert _names(tmp_path) == ["trained-00003.npy"]


@pytest.mark.parametrize("kept", [-1, 128, 60, 4, 0])
def test_a_shard_cut_short_is_told(tmp_path: Path, kept: int) -> None:
    path = shard_path(tmp_path, "trained", 0)
    write_shard(path, ROWS)
    path.write_bytes(path.read_bytes()[:kept])
    for look in (has_shard, read_shard):
        with pytest.raises(PipelineError, match=r"/trained-00000\.npy: damaged \("):
            look(path, (3, 4))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (ROWS.astype(np.float64), r"it holds float64 \(3, 4\), not float32 \(3, 4\)"),
        (ROWS[:2], r"it holds float32 \(2, 4\), not float32 \(3, 4\)"),
        (ROWS.T, r"it holds float32 \(4, 3\), not float32 \(3, 4\)"),
        (np.array([{}], dtype=object), "Object arrays cannot be loaded|cannot be memory-mapped|Python objects"),
    ],
)
def test_a_file_that_holds_something_else_is_told(tmp_path: Path, rows: np.ndarray, told: str) -> None:
    path = shard_path(tmp_path, "trained", 0)
    np.save(path, rows, allow_pickle=True)
    for look in (has_shard, read_shard):
        with pytest.raises(PipelineError, match=rf"/trained-00000\.npy: damaged \(.*({told})"):
            look(path, (3, 4))


def test_a_shard_that_is_missing_when_it_is_needed_is_told(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"/trained-00000\.npy: damaged \(.*No such file"):
        read_shard(shard_path(tmp_path, "trained", 0), (3, 4))


@pytest.mark.parametrize(
    ("error", "left"), [(OSError(errno.ENOSPC, "full"), []), (KeyboardInterrupt(), ["trained-00000.part"])]
)
@pytest.mark.parametrize("before", [False, True])
def test_a_shard_whose_writing_fails_is_not_there(
    tmp_path: Path, error: BaseException, left: list[str], before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shard_path(tmp_path, "trained", 0)
    if before:
        write_shard(path, ROWS)

    def fails(_file: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(type(error)):
        write_shard(path, ROWS + 1)
    assert _names(tmp_path) == [*(["trained-00000.npy"] if before else []), *left]
    assert has_shard(path, (3, 4)) == before
    if before:
        np.testing.assert_array_equal(read_shard(path, (3, 4)), ROWS)


TOO_LARGE = """
import resource, sys
from pathlib import Path
import numpy as np
from pipeline.work import full_disk_told, shard_path, write_shard
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
with full_disk_told(Path("data")):
    write_shard(shard_path(Path(sys.argv[1]), "trained", 0), np.zeros((3, 4), np.float32))
    write_shard(shard_path(Path(sys.argv[1]), "trained", 1), np.zeros((99, 99), np.float32))
"""


def test_a_disk_that_is_truly_full_leaves_whole_shards_alone_and_is_told(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TOO_LARGE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TOP)
    assert done.returncode == 1
    assert "PipelineError: data: the disk is full (File too large; " in done.stderr
    assert _names(tmp_path) == ["trained-00000.npy"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_with_the_way_out(tmp_path: Path, number: int) -> None:
    message = (
        rf"^{tmp_path}: the disk is full \({os.strerror(number)}; \d+\.\d GiB free\); make room and run the stage "
        "again, which goes on behind the shards that are finished$"
    )
    with pytest.raises(PipelineError, match=message), full_disk_told(tmp_path):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), OSError("odd"), ValueError("x"), PipelineError("x")])
def test_every_other_error_passes_through(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, full_disk_told(tmp_path):
        raise error
    assert caught.value is error
