"""The processes that share one extraction: one alone, or several started by Lightning Fabric, torchrun or SLURM."""

import logging
import os
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch

from pipeline.device import choose_device
from pipeline.errors import PipelineError

T = TypeVar("T")
PATIENCE = timedelta(days=30)  # the first process writes the store while the others wait; half an hour is the default
ENDED = (
    "another one of the processes that share this extraction has ended (its own message says why, unless it was "
    "killed); what is finished stays: run the stage again"
)
LAUNCHER = "HEAD_ATLAS_LAUNCHER"  # in the environment: the id of the process that started the others of its machine


@dataclass(frozen=True)
class Ranks:
    """This process among all that work on one store.

    Attributes:
        number: Of this process, 0-based; number 0 also prepares and finishes the store.
        count: Processes.
        device: Where this process runs its model, as `load_model` takes it.
        wait: Returns when every process has called it; a PipelineError if one of them has ended instead.
    """

    number: int
    count: int
    device: str
    wait: Callable[[], None]

    @property
    def first(self) -> bool:
        """Whether this is the process that prepares and finishes the store."""
        return self.number == 0

    def share(self, work: list[T]) -> list[T]:
        """Return this process's part of the work, every `count`-th piece."""
        return work[self.number :: self.count]


def join_ranks(device: str, devices: int, num_nodes: int) -> Ranks:
    """Return this process among the others; where nobody has started them yet, they are started.

    Args:
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `split`.
        devices: Processes on each node, each with a device of its own.
        num_nodes: Machines.

    Raises:
        PipelineError: If one device is named for several processes, fewer devices are there than asked for, or other
            processes were started.
    """
    if devices == 1 and num_nodes == 1 and not _started_by_torchrun():
        return Ranks(0, 1, device, lambda: None)  # without the import of lightning
    if device == "split" or ":" in device:
        raise PipelineError(
            f"params.yaml: extract.device: {device!r} does not go with {devices} devices on {num_nodes} nodes, each of "
            "which runs the whole model; write auto, cpu or cuda"
        )
    kind = choose_device(device).type
    if kind == "cuda" and torch.cuda.device_count() < devices:
        raise PipelineError(
            f"params.yaml: extract.devices: {devices} asked for, this machine has {torch.cuda.device_count()} CUDA "
            "devices"
        )
    return _launched(kind, devices, num_nodes)


def _started_by_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def _launched(kind: str, devices: int, num_nodes: int) -> Ranks:
    from lightning.fabric import Fabric
    from lightning.fabric.strategies.ddp import DDPStrategy

    for name in ("lightning.fabric", "lightning.pytorch"):  # fabric's remarks go to either
        logging.getLogger(name).setLevel(logging.ERROR)
    _end_with_launcher()
    # All they do together is wait. For that gloo will do on GPUs too, and it tells at once when another one has ended.
    strategy = DDPStrategy(process_group_backend="gloo")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fabric = Fabric(accelerator=kind, devices=devices, num_nodes=num_nodes, strategy=strategy)
            fabric.launch()
    except ValueError as error:  # torchrun or SLURM started another number of processes
        raise PipelineError(f"params.yaml: extract.devices, extract.num_nodes: {error}") from None
    except torch.distributed.DistError:
        raise PipelineError(ENDED) from None
    _wait()  # whoever ends before the others have joined leaves them with an error of the connection
    if kind == "cpu":  # several processes on the cores of one machine
        torch.set_num_threads(max(1, _cores() // devices))
    return Ranks(fabric.global_rank, fabric.world_size, str(fabric.device), _wait)


def _wait() -> None:
    try:
        torch.distributed.barrier(timeout=PATIENCE)
    except RuntimeError:
        raise PipelineError(ENDED) from None


def _end_with_launcher() -> None:
    """End this process as soon as the one that started it has ended: the store is no longer locked for it."""
    launcher = os.getppid()
    if os.environ.get(LAUNCHER) != str(launcher):
        os.environ[LAUNCHER] = str(os.getpid())  # for those that this one starts
        return

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
