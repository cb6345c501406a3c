"""Several processes that share one extraction: the same bytes, and one end for all of them."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed import distributed_c10d

from pipeline import extraction
from pipeline.work import lock_work, write_shard

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightning.fabric  # noqa: F401  (here once, so that no forked process takes seconds to do it)

ROOT = Path(__file__).parents[3]
WORK = Path("data/unfinished/tiny/toy")
SHARDS = [f"{kind}-{number:05d}" for kind in ("trained", "untrained") for number in range(6)]
ENDED = (
    "error: another one of the processes that share this extraction has ended (its own message says why, unless it was "
    "killed); what is finished stays: run the stage again\n"
)
# Notes which process puts a shard in its place; Python imports a module of this name when it starts.
RECORDER = """
import os, sys
def note(event, args):
    if event == "os.rename" and "trained-" in str(args[1]):
        with open(f"wrote-{os.environ.get('RANK') or os.environ['LOCAL_RANK']}", "a") as file:
            print(os.path.basename(args[1]).removesuffix('.npy'), file=file)
sys.addaudithook(note)
"""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _together(
    project: Any, world: int = 2, before: Callable[[int], object] = lambda rank: None
) -> list[tuple[int, str]]:
    """Run the stage in two processes that find each other as torchrun's do; return status and words of each."""
    port = _free_port()

    def joins(rank: int) -> Callable[[], None]:
        def join() -> None:
            own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1"}
            own |= {"MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "x", "GROUP_RANK": 0}
            os.environ |= {name: str(value) for name, value in own.items()}
            extraction.write_shard = _noted(rank)  # type: ignore[assignment]
            before(rank)

        return join

    children = [project.start(joins(rank)) for rank in range(2)]
    return [(child.wait(), child.told) for child in children]


def _noted(rank: int) -> Callable[..., None]:
    def writes(path: Path, rows: Any) -> None:
        write_shard(path, rows)
        with Path(f"wrote-{rank}").open("a") as file:
            print(path.stem, file=file)

    return writes


def _wrote(rank: int) -> list[str]:
    path = Path(f"wrote-{rank}")
    return path.read_text().split() if path.exists() else []


def test_two_processes_write_every_other_shard_and_one_the_same_store(
    project: Any, undisturbed: dict[str, bytes]
) -> None:
    project.params(devices=2)
    (first, said), (second, nothing) = _together(project)
    assert (first, second, nothing) == (0, 0, "")
    assert said.startswith("extract tiny toy: 30 examples, 0 dropped as too long; ")
    assert (_wrote(0), _wrote(1)) == (SHARDS[::2], SHARDS[1::2])
    assert project.store() == undisturbed
    assert list(Path("data/unfinished").iterdir()) == []


def test_two_processes_go_on_where_one_was_broken_off(project: Any, undisturbed: dict[str, bytes]) -> None:
    project.break_off(10)
    project.params(devices=2, device="auto")
    (first, said), (second, nothing) = _together(project)
    assert (first, second, nothing) == (0, 0, "")
    assert said.startswith("extract tiny toy: 5 of 16 examples are there from an earlier run\n")
    assert (_wrote(0), _wrote(1)) == (SHARDS[2::2], SHARDS[3::2])
    assert project.store() == undisturbed


# The word of a text alone, by the process whose first shard holds that text
@pytest.mark.parametrize(("failing", "piece", "example"), [(0, "e", "e4"), (1, "i", "e8")])
def test_a_process_that_fails_says_why_and_ends_the_other(project: Any, failing: int, piece: str, example: str) -> None:
    project.params(devices=2)
    project.spoil(piece)
    ends = _together(project)
    status, said = ends[failing]
    assert status == 1
    assert re.fullmatch(
        rf"error: layer 0, head 0, example {example}: not a finite number in the activations; .*\n", said
    )
    assert ends[1 - failing] == (1, ENDED)
    assert _wrote(failing) == []
    assert _wrote(1 - failing)[:3] == [f"trained-{number:05d}" for number in (1 - failing, 3 - failing, 5 - failing)]


def _dies_at_its_second_shard(rank: int) -> None:
    if rank == 1:
        notes = _noted(1)
        extraction.write_shard = lambda path, rows: (  # type: ignore[assignment]
            os.kill(os.getpid(), signal.SIGKILL) if path.stem == "trained-00003" else notes(path, rows)
        )


def test_after_the_death_of_a_process_the_rest_is_computed_by_whoever_runs_next(
    project: Any, undisturbed: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    project.params(devices=2)
    assert _together(project, before=_dies_at_its_second_shard) == [(1, ENDED), (-signal.SIGKILL, "")]
    assert (_wrote(0), _wrote(1)) == (SHARDS[::2], ["trained-00001"])
    project.params()
    project.run()
    assert capsys.readouterr().err.splitlines() == [
        "extract tiny toy: 22 of 30 examples are there from an earlier run",
        "extract tiny toy, untrained twin: 16 of 30 examples are there from an earlier run",
    ]
    assert project.store() == undisturbed


def test_when_the_first_is_locked_out_the_second_ends_too(project: Any) -> None:
    project.params(devices=2)
    with lock_work(WORK):
        (first, said), second = _together(project)
    assert first == 1
    assert said.startswith(f"error: {WORK}: another process is extracting into this store; wait for it, or stop it")
    assert second == (1, ENDED)


def _joins_late(rank: int) -> None:
    if rank == 1:
        joins = distributed_c10d.init_process_group

        def late(*args: Any, **kwargs: Any) -> None:
            joins(*args, **kwargs)
            time.sleep(0.5)
            # What the first process keeps is gone when it ends.
            distributed_c10d._get_default_store().add("here", 1)

        torch.distributed.init_process_group = late  # type: ignore[assignment]


def test_the_first_does_not_end_before_the_second_has_joined(project: Any) -> None:
    project.params(devices=2)
    with lock_work(WORK):
        first, second = _together(project, before=_joins_late)
    assert first[1].startswith(f"error: {WORK}: another process is extracting into this store")
    assert second == (1, ENDED)


def _dies_joining(rank: int) -> None:
    if rank == 0:
        distributed_c10d.ProcessGroupGloo = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[misc]


def test_the_death_of_the_first_before_all_have_joined_is_told(project: Any) -> None:
    project.params(devices=2)
    first, (status, said) = _together(project, before=_dies_joining)
    assert first == (-signal.SIGKILL, "")
    assert status == 1
    assert said.endswith(ENDED)  # after remarks of torch's own
    assert "Traceback" not in said


@pytest.mark.parametrize(("devices", "world"), [(2, 3), (1, 2)])
def test_another_number_of_processes_than_asked_for_is_refused(project: Any, devices: int, world: int) -> None:
    project.params(devices=devices)
    for status, said in _together(project, world):
        assert status == 1
        assert re.match(r"error: params\.yaml: extract\.devices, extract\.num_nodes: You set `devices=", said)
        assert said.endswith(f"({devices} * 1) does not match the world size ({world}).\n")


def _started(folder: Path, *launcher: str) -> subprocess.Popen[str]:
    """Start the stage's own command in a folder."""
    command = [sys.executable, *launcher, "-m", "pipeline.stages.extract", "tiny", "toy"]
    (folder / "recorder").mkdir()
    (folder / "recorder/sitecustomize.py").write_text(RECORDER)
    env = os.environ | {"PYTHONPATH": f"recorder:{ROOT}"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env=env, text=True, start_new_session=True, **pipes)


@pytest.mark.slow
def test_the_stage_starts_its_processes_itself_or_is_started_by_torchrun(
    project: Any, undisturbed: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.params(devices=2)
    folders = [tmp_path / "project", shutil.copytree(tmp_path / "project", tmp_path / "torchrun")]
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(_free_port()))
    runs = [_started(folders[0]), _started(folders[1], *torchrun)]
    try:
        ends = [(*run.communicate(timeout=120), run.returncode) for run in runs]
    finally:
        for run in runs:
            with suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
    for folder, (said, remarks, status) in zip(folders, ends, strict=True):
        assert (status, remarks) == (0, "")
        assert re.fullmatch(
            r"extract tiny toy: 30 examples, 0 dropped as too long; .* tokens/s in each of several processes, "
            r"\d+\.\d s\nmodels\.tiny is not pinned; .*\n",
            said,
        )
        monkeypatch.chdir(folder)
        assert (_wrote(0), _wrote(1)) == (SHARDS[::2], SHARDS[1::2])
        assert project.store() == undisturbed
