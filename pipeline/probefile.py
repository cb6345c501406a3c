"""Read `probes.safetensors`, the probes of every head and fold of one cell, a layer at a time."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from pipeline.errors import PipelineError

PARTS = ("coef", "intercept", "mean", "scale", "strength")


def read_probe_classes(path: Path) -> list[str]:
    """Return the names of the classes the probes tell apart; class i of the weights is `classes[i]`.

    Args:
        path: The file `probes.safetensors` of a cell.

    Raises:
        PipelineError: If the file is missing, not readable, or does not name its classes.
    """
    with _opened(path) as file:
        about = json.loads((file.metadata() or {}).get("head_atlas", "{}"))
    if "classes" not in about:
        raise PipelineError(f"{path}: its metadata names no classes; run its probe stage again")
    return [str(name) for name in about["classes"]]


def read_layer_probes(path: Path, layer: int) -> dict[str, NDArray[np.float32]]:
    """Return coef, intercept, mean, scale and strength of one layer's probes, (n_heads, n_folds, ...) float32 each.

    Args:
        path: The file `probes.safetensors` of a cell.
        layer: The layer's number.

    Raises:
        PipelineError: If the file is missing, not readable, or lacks the layer.
    """
    with _opened(path) as file:
        names = {part: f"L{layer:02d}.{part}" for part in PARTS}
        if missing := sorted(set(names.values()) - set(file.keys())):
            raise PipelineError(f"{path}: no {', '.join(missing)}; run its probe stage again")
        return {part: file.get_tensor(name) for part, name in names.items()}


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; make it with `dvc repro`")
    try:
        return safe_open(path, framework="numpy")
    except SafetensorError as error:
        raise PipelineError(f"{path}: not readable ({error}); run its probe stage again") from None
