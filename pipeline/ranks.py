"""The processes that share one extraction: one alone, or several started by Lightning Fabric, torchrun or SLURM."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from pipeline.device import choose_device
from pipeline.errors import PipelineError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process among all that work on one store.

    Attributes:
        number: Of this process, 0-based; number 0 also prepares and finishes the store.
        count: Processes.
        device: Where this process runs its model, as `load_model` takes it.
        wait: Returns when every process has called it.
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
        PipelineError: If one device is named for several processes, or fewer are there than asked for.
    """
    if devices == 1 and num_nodes == 1:
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


def _launched(kind: str, devices: int, num_nodes: int) -> Ranks:
    from lightning.fabric import Fabric

    fabric = Fabric(accelerator=kind, devices=devices, num_nodes=num_nodes, strategy="ddp")
    fabric.launch()
    if kind == "cpu":  # several processes on the cores of one machine
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // devices))
    return Ranks(fabric.global_rank, fabric.world_size, str(fabric.device), fabric.barrier)
