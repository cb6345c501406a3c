"""The activations store: one array a layer, a Parquet index, and a manifest whose existence means complete.

z/L00.npy ...          head outputs, (n_examples, n_heads, d_head)
untrained/L00.npy ...  head outputs of the untrained twin, shaped as z
residual/L00.npy ...   residual stream entering the layer's block, (n_examples, d_model)
residual/L05_out.npy   residual stream leaving a block behind which no block with attention follows at once
residual/final.npy     residual stream leaving the last block with attention, (n_examples, d_model)
embedding.npy          static embedding of the token read, (n_examples, d_model); its own width in a few models
index.parquet          example_id, position (token read last), n_tokens; row i belongs to row i of every array
manifest.json          the model, its layers and shapes, and what was left out; written last

Arrays are float16, except those whose values it cannot hold; the manifest lists these, and they are float32.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.jsonfile import read_json, write_json

MANIFEST = "manifest.json"
INDEX = "index.parquet"
INDEX_COLUMNS = ("example_id", "position", "n_tokens")
EMBEDDING = "embedding"


def z_name(layer: int) -> str:
    """Return the name of the array that holds z of one layer."""
    return f"z/L{layer:02d}"


def untrained_name(layer: int) -> str:
    """Return the name of the array that holds z of one layer of the untrained twin."""
    return f"untrained/L{layer:02d}"


def residual_name(layer: int) -> str:
    """Return the name of the residual stream entering a layer."""
    return f"residual/L{layer:02d}"


def leaving_name(layer: int, last: int) -> str:
    """Return the name of the residual stream leaving a layer that is not what enters another; `last` is the last."""
    return "residual/final" if layer == last else f"residual/L{layer:02d}_out"


def finish_store(folder: Path, index: pd.DataFrame, manifest: Mapping[str, Any]) -> None:
    """Write the index and then the manifest, which marks the store as complete."""
    index.to_parquet(folder / INDEX, index=False)
    write_json(folder / MANIFEST, manifest)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a complete store.

    Raises:
        PipelineError: If the store is missing or was never finished.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise PipelineError(f"{folder}: no {MANIFEST}, so the extraction did not finish; run its extract stage again")
    return read_json(path)


def read_index(folder: Path) -> pd.DataFrame:
    """Return the index: example_id, position and n_tokens, in the row order of every array.

    Raises:
        PipelineError: If the index is missing, not readable, or lacks a column.
    """
    path = folder / INDEX
    try:
        index = pd.read_parquet(path)
    except FileNotFoundError:
        raise PipelineError(f"{path}: not readable (no such file); run its extract stage again") from None
    except (OSError, ValueError) as error:
        raise PipelineError(f"{path}: not readable ({error}); run its extract stage again") from None
    if missing := [name for name in INDEX_COLUMNS if name not in index]:
        raise PipelineError(
            f"{path}: no column {', '.join(missing)}; an index has {', '.join(INDEX_COLUMNS)}: run its extract stage "
            "again"
        )
    return index


def read_array(folder: Path, name: str) -> NDArray[Any]:
    """Return one array of the store, mapped and not loaded: only the rows and heads used are read from disk.

    Args:
        folder: The store.
        name: From `z_name`, `untrained_name`, `residual_name` or `leaving_name`, or `EMBEDDING`.

    Returns:
        (n_examples, ...) float16 or float32.

    Raises:
        PipelineError: If the array is missing or cut short.
    """
    try:
        array: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    except (FileNotFoundError, ValueError, EOFError) as error:
        raise PipelineError(f"{folder}/{name}.npy: {error}; run its extract stage again") from None
    return array
