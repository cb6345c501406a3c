"""One process at a time works on a store, and a killed one keeps nobody out."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline import extraction
from pipeline.work import write_shard

WORK = Path("data/unfinished/tiny/toy")
SHARDS = [f"{kind}-{number:05d}" for kind in ("trained", "untrained") for number in range(6)]


def _writes_on_command() -> None:
    """Wait before each shard for a file of its number, so that the test decides how far the process gets."""

    def waits(path: Path, rows: Any) -> None:
        while not Path(f"go-{path.stem}").exists():
            time.sleep(0.002)
        write_shard(path, rows)

    extraction.write_shard = waits  # type: ignore[assignment]


def _until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_second_process_is_refused_while_the_first_goes_on(project: Any, undisturbed: dict[str, bytes]) -> None:
    Path("go-trained-00000").touch()
    first = project.start(_writes_on_command)
    _until(lambda: len(project.shards()) == 1)
    second = project.start()
    assert second.wait() == 1
    assert second.told == (
        f"error: {WORK}: another process is extracting into this store; wait for it, or stop it: a run that was "
        "stopped is taken up where it ended\n"
    )
    for name in SHARDS:
        Path(f"go-{name}").touch()
    assert first.wait() == 0
    assert project.store() == undisturbed


def test_a_killed_process_locks_nobody_out(project: Any, undisturbed: dict[str, bytes]) -> None:
    Path("go-trained-00000").touch()
    first = project.start(_writes_on_command)
    _until(lambda: len(project.shards()) == 1)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    second = project.start()
    assert second.wait() == 0
    assert second.told.startswith("extract tiny toy: 5 of 30 examples are there from an earlier run\n")
    assert project.store() == undisturbed
