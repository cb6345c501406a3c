"""A run that is killed, at whatever moment, is taken up by the next one: nothing is lost, mixed up or done twice."""

import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from pipeline import engine, extraction, job
from pipeline.heads import capture

ROOT = Path(__file__).parents[3]
STORE, WORK = Path("data/activations/tiny/toy"), Path("data/unfinished/tiny/toy")
TOUCHES = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir")
BATCHES = 44  # forward passes of an undisturbed run
LOST = 8  # those of two shards: one that is being written, one that is being computed


def _at_every_touch(act: Callable[..., object]) -> None:
    """Call act with 0, 1, 2 ... whenever this process is about to open, make, rename or delete a file below data/.

    And whenever it has written one, not yet for certain, with its number among the open files too.
    """
    count, sync = itertools.count(), os.fsync

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in TOUCHES and (event != "open" or str(args[0]).startswith("data/")):
            act(next(count))

    sys.addaudithook(hook)
    os.fsync = lambda file: (act(next(count), file), sync(file))[1]  # type: ignore[assignment]


def _tallied(name: str) -> Callable[..., int]:
    """Return what lengthens a file by one byte: it stays, whatever becomes of the process."""
    file = os.open(name, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    return lambda *_: os.write(file, b".")


def _counting(name: str) -> Callable[..., Any]:
    count = _tallied(name)
    return lambda *args, **options: (count(), capture(*args, **options))[1]


def _dies_at(moment: int) -> None:
    extraction.capture = _counting("batches")  # type: ignore[assignment]

    def dies(number: int, file: int | None = None) -> None:
        if number == moment:
            if file is not None:  # in the middle of writing
                os.ftruncate(file, os.fstat(file).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    _at_every_touch(dies)


def _moments(n_touches: int, count: int) -> list[int]:
    """Return moments at random, one in each of as many stretches of the run."""
    draw = random.Random(0)
    return [draw.randrange(n_touches * k // count, n_touches * (k + 1) // count) for k in range(count)]


def _there(kind: str = "trained") -> int:
    """Return the examples in the finished shards of a pass."""
    return sum(len(np.load(path, mmap_mode="r")) for path in WORK.glob(f"{kind}-*.npy"))


def _stage(project: Any) -> str:
    """Return how far a run came that was killed."""
    if (STORE / "manifest.json").exists():
        return "finished"
    if STORE.exists():
        return "store"
    return "twin" if _there("untrained") else "model" if _there() else "start"


def test_a_run_killed_at_any_moment_is_taken_up(
    project: Any, undisturbed: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.start(lambda: _at_every_touch(_tallied("touches"))).wait() == 0
    killed_in = set()
    for moment in _moments(Path("touches").stat().st_size, 16):
        shutil.rmtree("data/activations", ignore_errors=True)
        shutil.rmtree("data/unfinished", ignore_errors=True)
        Path("batches").unlink(missing_ok=True)
        assert project.start(lambda moment=moment: _dies_at(moment)).wait() == -signal.SIGKILL
        stage, before, there = _stage(project), project.shards(), _there()
        killed_in.add(stage)
        assert stage != "finished" or project.store() == undisturbed
        with monkeypatch.context() as patch:
            patch.setattr(extraction, "capture", _counting("batches"))
            patch.setattr(engine, "discard_work", lambda _: None)  # so that the shards can be looked at
            project.run()
        assert project.store() == undisturbed
        assert before.items() <= project.shards().items()  # none was written again
        assert list(WORK.parent.iterdir()) == [WORK]
        assert stage == "finished" or BATCHES <= Path("batches").stat().st_size <= BATCHES + LOST
        told = f"extract tiny toy: {there} of 30 examples are there from an earlier run\n" if there else ""
        assert capsys.readouterr().err.startswith(told)
    assert killed_in == {"start", "model", "twin", "store", "finished"}


def _killed_with(shards: int, kind: str) -> int:
    """Run the stage as its command does and kill it as soon as a pass has this many shards; return its exit status."""
    command = [sys.executable, "-m", "pipeline.stages.extract", "tiny", "toy"]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE) as process:
        while process.poll() is None and len(list(WORK.glob(f"{kind}-*.npy"))) < shards:
            time.sleep(0.002)
        process.kill()
    return process.returncode


@pytest.mark.slow
def test_the_command_goes_on_after_each_kill(project: Any, capsys: pytest.CaptureFixture[str]) -> None:
    project.texts(200)
    project.run()
    undisturbed = project.store()
    shutil.rmtree("data/activations")
    seen: dict[str, tuple[int, int]] = {}
    for shards, kind in [(5, "trained"), (10, "untrained")]:
        assert _killed_with(shards, kind) == -signal.SIGKILL
        assert seen.items() <= project.shards().items()
        seen = project.shards()
        assert not STORE.exists()
    assert len(seen) < 100
    capsys.readouterr()
    project.run()
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "extract tiny toy: 267 of 267 examples are there from an earlier run"
    assert told[1].startswith("extract tiny toy, untrained twin: ") and len(told) == 2
    assert project.store() == undisturbed


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES: list[tuple[Callable[[Path], Any], str]] = [
    (_cut, r"\(mmap length is greater than file size\)"),
    (lambda path: path.write_bytes(b""), r"\(.*\)"),
    (lambda path: path.write_bytes(b"no numbers at all" * 99), r"\(.*\)"),
    (
        lambda path: np.save(path, np.zeros((4, 9), np.float32)),
        r"\(it holds float32 \(4, 9\), not float32 \(6, 192\)\)",
    ),
    (lambda path: np.save(path, np.zeros((6, 192))), r"\(it holds float64 \(6, 192\), not float32 \(6, 192\)\)"),
    (lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True), r"\(.*\)"),
]


@pytest.mark.parametrize(("damage", "reason"), DAMAGES)
def test_a_damaged_shard_is_told_of_once_and_computed_again_alone(
    project: Any,
    undisturbed: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[Path], Any],
    reason: str,
) -> None:
    project.break_off(30)  # of 2 x 22 texts: two shards of the twin are there as well
    before = project.shards()
    damage(WORK / "trained-00001.npy")
    (WORK / "trained-00004.part").write_bytes(b"of a run that was killed while it wrote")
    monkeypatch.setattr(engine, "discard_work", lambda _: None)
    project.run()
    damaged, *told = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"{WORK}/trained-00001\.npy: damaged {reason}: computed again", damaged)
    assert told == [
        "extract tiny toy: 24 of 30 examples are there from an earlier run",
        "extract tiny toy, untrained twin: 11 of 30 examples are there from an earlier run",
    ]
    assert {name for name, what in before.items() if project.shards()[name] != what} == {"trained-00001"}
    assert project.store() == undisturbed


def _edit_config(**changes: Any) -> None:
    path = Path("model/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _grow_weights() -> None:
    weights = {name: weight * 1.1 for name, weight in load_file("model/model.safetensors").items()}
    save_file(weights, "model/model.safetensors", metadata={"format": "pt"})


SETTINGS = ("extract.precision", "extract.batch_tokens", "extract.seed", "extract.device")
CARD = "data/examples/toy/card.json"
ALL = ", ".join(("texts", "model", "config", *SETTINGS, "libraries", "code"))
CHANGES: list[tuple[Callable[[Any, pytest.MonkeyPatch], Any], str]] = [
    (lambda project, _: project.texts(21), "texts"),
    (lambda *_: Path(CARD).write_text('{"readout": "mean", "too_long": "error"}'), "texts"),
    (lambda *_: _grow_weights(), "model"),
    (lambda *_: _edit_config(hidden_act="relu"), "config"),
    (lambda project, _: project.params(batch_tokens=40), "extract.batch_tokens"),
    (lambda project, _: project.params(seed=4), "extract.seed"),
    (lambda project, _: project.params(precision="bf16-true"), "extract.precision"),
    (lambda project, _: (project.texts(23), project.params(seed=4)), "texts, extract.seed"),
    (lambda _, patch: patch.setattr("pipeline.job.transformers.__version__", "5.99"), "libraries"),
    (lambda _, patch: patch.setattr(job, "_code_sha256", lambda: "edited"), "code"),
    (lambda *_: (WORK / "job.json").write_text("{"), ALL),
]


@pytest.mark.parametrize(("change", "name"), CHANGES)
def test_half_finished_work_on_anything_else_is_named_and_given_up(
    project: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Any, pytest.MonkeyPatch], Any],
    name: str,
) -> None:
    project.break_off(30)
    assert len(project.shards()) == 8
    change(project, monkeypatch)
    project.run()
    told = f"{WORK}: half-finished work with other {name} is deleted; starting over\n"
    assert capsys.readouterr().err == told
    after = project.store()
    project.run()
    assert capsys.readouterr().err == ""  # nothing was half finished
    assert project.store() == after


SAME: list[Callable[[Any], Any]] = [
    lambda _: None,
    lambda project: project.params(device="auto"),  # which is the CPU here
    lambda _: Path(CARD).write_text('{"readout": "span", "too_long": "drop"}'),
    lambda _: os.utime("model/model.safetensors"),
]


@pytest.mark.parametrize("change", SAME)
def test_what_changes_no_number_gives_up_nothing(
    project: Any, undisturbed: dict[str, bytes], capsys: pytest.CaptureFixture[str], change: Callable[[Any], Any]
) -> None:
    project.break_off(10)
    change(project)
    project.run()
    assert capsys.readouterr().err == "extract tiny toy: 11 of 30 examples are there from an earlier run\n"
    assert project.store() == undisturbed
