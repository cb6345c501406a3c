"""Where tensors live."""

import re

import torch

from pipeline.errors import PipelineError


def choose_device(device: str) -> torch.device:
    """Return the torch device; `auto` takes a GPU where there is one.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        PipelineError: If the device is malformed or not on this machine.
    """
    name = device if device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch("cpu|cuda(:[0-9]+)?", name):
        raise PipelineError(f"device: {device!r} is not one of auto, cpu, cuda, cuda:N")
    kind, _, number = name.partition(":")
    if kind == "cuda" and torch.cuda.device_count() <= int(number or 0):
        raise PipelineError(f"device: {device!r} asked for, this machine has {torch.cuda.device_count()} CUDA devices")
    return torch.device(name)
