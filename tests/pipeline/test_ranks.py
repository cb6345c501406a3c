"""Processes that share the work: who does what, what is refused, and how they end together."""

import os
import signal
import sys
import time
import warnings
from typing import NoReturn

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline import ranks
from pipeline.errors import PipelineError
from pipeline.ranks import Ranks, join_ranks


@given(st.integers(1, 9), st.integers(0, 40))
def test_every_piece_of_work_is_done_by_one_process_and_all_have_as_much(count: int, n_pieces: int) -> None:
    shares = [Ranks(number, count, "cpu", lambda: None).share(list(range(n_pieces))) for number in range(count)]
    assert sorted(piece for share in shares for piece in share) == list(range(n_pieces))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_the_first_process_alone_prepares_and_finishes() -> None:
    assert [Ranks(number, 3, "cpu", lambda: None).first for number in range(3)] == [True, False, False]


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda:1", "split"])
def test_one_process_takes_any_device_and_needs_no_lightning(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning.fabric", None)  # an import of it fails
    alone = join_ranks(device, 1, 1)
    assert (alone.number, alone.count, alone.device, alone.first) == (0, 1, device, True)
    alone.wait()
    with pytest.raises(ImportError, match=r"lightning\.fabric"):
        join_ranks("cpu", 2, 1)


@pytest.mark.parametrize(("devices", "num_nodes"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("device", ["split", "cuda:0"])
def test_a_device_for_one_process_is_refused_to_several(device: str, devices: int, num_nodes: int) -> None:
    message = (
        rf"^params\.yaml: extract\.device: '{device}' does not go with {devices} devices on {num_nodes} nodes, .*cuda$"
    )
    with pytest.raises(PipelineError, match=message):
        join_ranks(device, devices, num_nodes)


@pytest.mark.parametrize(("device", "gpus", "kind"), [("cpu", 0, "cpu"), ("auto", 0, "cpu"), ("auto", 4, "cuda")])
def test_a_device_for_each_process_is_taken(device: str, gpus: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(ranks, "_launched", lambda *args: args)
    assert join_ranks(device, 4, 2) == (kind, 4, 2)


def test_more_gpus_than_there_are_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    message = r"^params\.yaml: extract\.devices: 5 asked for, this machine has 4 CUDA devices$"
    with pytest.raises(PipelineError, match=message):
        join_ranks("cuda", 5, 1)


def test_waiting_ends_with_a_message_when_another_process_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(**_: object) -> None:
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(torch.distributed, "barrier", breaks)
    with pytest.raises(
        PipelineError, match=r"^another one of the processes .* has ended \(.*\); .*: run the stage again$"
    ):
        ranks._wait()


def test_waiting_is_not_given_up_after_half_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[dict[str, object]] = []
    monkeypatch.setattr(torch.distributed, "barrier", lambda **given: options.append(given))
    ranks._wait()
    assert options == [{"timeout": ranks.PATIENCE}]
    assert ranks.PATIENCE.days >= 7


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: other threads are not copied
        return os.fork()


def _launches(pipe: int, *, is_launcher: bool) -> NoReturn:
    """Start a process that writes dots for two seconds and then `end`; be there until it is killed."""
    os.environ.pop(ranks.LAUNCHER, None)
    if is_launcher:
        ranks._end_with_launcher()
    if not os.fork():
        ranks._end_with_launcher()
        for _ in range(20):
            os.write(pipe, b".")
            time.sleep(0.1)
        os.write(pipe, b"end")
        os._exit(0)
    time.sleep(60)
    os._exit(0)


@pytest.mark.parametrize("is_launcher", [True, False])
def test_a_process_ends_with_the_one_that_launched_it_and_with_no_other(is_launcher: bool) -> None:
    reading, writing = os.pipe()
    if not (launcher := _fork()):
        os.close(reading)
        _launches(writing, is_launcher=is_launcher)
    os.close(writing)
    assert os.read(reading, 1) == b"."
    os.kill(launcher, signal.SIGKILL)
    os.waitpid(launcher, 0)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()  # until the process that writes has ended
    assert told.startswith(b".") or is_launcher
    assert told.endswith(b"end") != is_launcher
