"""Extraction in progress: finished shards on disk, where a killed run leaves them and the next one finds them.

job.json                 what is being extracted; the shards of another job are of no use
lock                     held by the process that writes
trained-00000.npy ...    rows of one shard, (n_examples, row_width) float32, and of the twin: untrained-00000.npy ...

It lies outside of the store, since DVC deletes a stage's outputs before it runs the stage.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.jsonfile import read_json, write_json

Rows = NDArray[np.float32]
JOB = "job.json"


@contextmanager
def lock_work(folder: Path) -> Iterator[None]:
    """Keep every other process from working on the same store meanwhile; a killed process keeps nobody out.

    Args:
        folder: The work in progress; made where it is missing.

    Yields:
        Nothing.

    Raises:
        PipelineError: If another process works on it.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = (folder / "lock").open("w")
        except FileNotFoundError:  # its owner has just finished and deleted it
            continue
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PipelineError(
                    f"{folder}: another process is extracting into this store; wait for it, or stop it: a run that was "
                    "stopped is taken up where it ended"
                ) from None
            if os.fstat(file.fileno()).st_nlink:  # else its owner finished and deleted it in between
                yield
                return


def prepare_work(folder: Path, job: Mapping[str, Any]) -> list[str]:
    """Make a folder ready for a job: what an earlier run of the same job finished stays, anything else is deleted.

    Args:
        folder: The work in progress, locked.
        job: All that the numbers depend on, by name.

    Returns:
        What differs in the job that was found there, by name; empty where it is the same, or where there was none.
    """
    shutil.rmtree(_done(folder), ignore_errors=True)
    path = folder / JOB
    differing: list[str] = []
    if path.is_file():
        try:
            before = read_json(path)
        except PipelineError:
            before = {}
        differing = [name for name in job if before.get(name) != job[name]]
    if differing or not path.is_file():
        for file in folder.glob("*trained-*"):
            file.unlink()
        write_json(path, job)
    return differing


def discard_work(folder: Path) -> None:
    """Delete the work in progress of a complete store; whenever this is killed, all of it is there or nothing."""
    done = _done(folder)
    shutil.rmtree(done, ignore_errors=True)
    folder.replace(done)
    shutil.rmtree(done)
    with suppress(OSError):  # other datasets of the model are in progress
        folder.parent.rmdir()


def _done(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.done")


def shard_path(folder: Path, kind: str, number: int) -> Path:
    """Return the file of one shard; `kind` is `trained` or `untrained`."""
    return folder / f"{kind}-{number:05d}.npy"


def write_shard(path: Path, rows: Rows) -> None:
    """Write one shard so that it is there whole or not at all, whenever the process ends.

    Args:
        path: From `shard_path`.
        rows: (n_examples, row_width) float32.

    Raises:
        OSError: If the disk is full; see `full_disk_told`.
    """
    part, rows = path.with_suffix(".part"), np.ascontiguousarray(rows)
    try:
        with part.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(rows))
            file.write(rows.data)  # np.save would hide why it could not: its error on a full disk has no number
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def has_shard(path: Path, shape: tuple[int, int]) -> bool:
    """Return whether a shard is finished.

    Args:
        path: From `shard_path`.
        shape: (n_examples, row_width) that it should have.

    Raises:
        PipelineError: If the file is cut short or holds something else.
    """
    return path.is_file() and _load(path, shape, "r") is not None


def read_shard(path: Path, shape: tuple[int, int]) -> Rows:
    """Return a finished shard, (n_examples, row_width) float32.

    Args:
        path: From `shard_path`.
        shape: That it should have.

    Raises:
        PipelineError: If the file is missing, cut short, or holds something else.
    """
    return _load(path, shape, None)


def _load(path: Path, shape: tuple[int, int], mode: Literal["r"] | None) -> Rows:
    try:
        rows: Rows = np.load(path, mmap_mode=mode, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise PipelineError(f"{path}: damaged ({error})") from None
    if rows.shape != shape or rows.dtype != np.float32:
        raise PipelineError(f"{path}: damaged (it holds {rows.dtype} {rows.shape}, not float32 {shape})")
    return rows


@contextmanager
def full_disk_told(folder: Path) -> Iterator[None]:
    """Turn the error of a full disk into one that a person can act on; every other passes through.

    Args:
        folder: Where is being written.

    Yields:
        Nothing.

    Raises:
        PipelineError: If the disk is full.
        OSError: Every other one, as it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        free = shutil.disk_usage(folder).free / 2**30
        raise PipelineError(
            f"{folder}: the disk is full ({error.strerror}; {free:.1f} GiB free); make room and run the stage again, "
            "which goes on behind the shards that are finished"
        ) from None
