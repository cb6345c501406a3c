"""The files of a cell that hold arrays: the probes of every head and fold, and the replicates of every criterion."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipeline.errors import PipelineError

PARTS = ("coef", "intercept", "mean", "scale", "strength")


def write_probes(
    path: Path, layers: Mapping[int, Mapping[str, NDArray[np.floating]]], classes: Sequence[str], model: str
) -> None:
    """Write the probes of every layer.

    Args:
        path: The file.
        layers: Number of a layer to its `PARTS`, (n_heads, n_folds, ...) each; stored as float32.
        classes: Names of the classes.
        model: Slug of the model.
    """
    tensors = {
        _name(number, part): np.ascontiguousarray(layer[part], dtype=np.float32)
        for number, layer in layers.items()
        for part in PARTS
    }
    _save(path, tensors, {"classes": list(classes), "axes": "(n_heads, n_folds, ...)", "model": model})


def write_replicates(path: Path, replicates: Mapping[str, NDArray[np.float64]], null: NDArray[np.float64]) -> None:
    """Write every criterion in every replicate, and the null.

    Args:
        path: The file.
        replicates: Criterion to its values, (n_replicates, n_heads); stored as float32.
        null: Best accuracy of all heads in every permutation, (n_draws,).
    """
    tensors = {name: values.astype(np.float32) for name, values in replicates.items()} | {"null": null}
    _save(path, tensors, {"axes": "(n_replicates, n_heads); null: best accuracy of all heads in every permutation"})


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
        names = {part: _name(layer, part) for part in PARTS}
        if missing := sorted(set(names.values()) - set(file.keys())):
            raise PipelineError(f"{path}: no {', '.join(missing)}; run its probe stage again")
        return {part: file.get_tensor(name) for part, name in names.items()}


def _name(layer: int, part: str) -> str:
    return f"L{layer:02d}.{part}"


def _save(path: Path, tensors: Mapping[str, NDArray[np.floating]], about: Mapping[str, Any]) -> None:
    # One metadata key: with more, their order in the file would change from run to run.
    save_file(dict(tensors), path, metadata={"head_atlas": json.dumps(about)})


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise PipelineError(f"{path}: no such file; make it with `dvc repro`")
    try:
        return safe_open(path, framework="numpy")
    except SafetensorError as error:
        raise PipelineError(f"{path}: not readable ({error}); run its probe stage again") from None
