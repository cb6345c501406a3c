"""Where tensors live."""

import re

import torch

from pipeline.errors import PipelineError

DTYPES = {"32-true": torch.float32, "bf16-true": torch.bfloat16, "16-true": torch.float16}


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


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the float format that a model runs in.

    Args:
        precision: As Lightning names it: `32-true`, `bf16-true`, `16-true`; or `auto`, which halves on a GPU.
        device: Where it runs.

    Raises:
        PipelineError: If the precision is none of these.
    """
    if precision == "auto" and device.type == "cuda":
        precision = "bf16-true" if torch.cuda.is_bf16_supported() else "16-true"
    elif precision == "auto":
        precision = "32-true"
    if precision not in DTYPES:
        raise PipelineError(f"precision: {precision!r} is not one of auto, {', '.join(DTYPES)}")
    return DTYPES[precision]
