"""What one probe cell reads: the activations store with the labels of its examples, joined by id."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import PipelineError
from pipeline.jsonfile import read_json
from pipeline.store import EMBEDDING, read_array, read_index, read_manifest

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
STACK_BYTES = 256 * 2**20  # activations held in memory at once


@dataclass(frozen=True)
class Inputs:
    """One cell; rows are examples in the order of the store.

    Attributes:
        folder: The activations store.
        manifest: The store's manifest.
        card: The dataset's card.
        rows: example_id, label, group, control_key, fold, surface (what a bag of words predicts) and variant of every
            example.
        classes: Names of the classes, sorted; class i of every array is `classes[i]`.
    """

    folder: Path
    manifest: dict[str, Any]
    card: dict[str, Any]
    rows: pd.DataFrame
    classes: list[str]

    @cached_property
    def labels(self) -> Ints:
        """Class of each example, (n_examples,)."""
        return np.searchsorted(np.array(self.classes, dtype=object), self.rows["label"].to_numpy(dtype=object))

    @cached_property
    def groups(self) -> Ints:
        """Number of each example's group, (n_examples,)."""
        return np.unique(self.rows["group"], return_inverse=True)[1].astype(np.int64)

    @cached_property
    def folds(self) -> Ints:
        """Test fold of each example, (n_examples,)."""
        return np.array(self.rows["fold"], dtype=np.int64)

    @cached_property
    def control_keys(self) -> list[str | None]:
        """Control key of each example; None where the dataset has none."""
        return [None if pd.isna(key) else str(key) for key in self.rows["control_key"]]

    @cached_property
    def surface_right(self) -> NDArray[np.bool_]:
        """Whether the bag of words was right, (1, n_examples)."""
        return np.array(self.rows["surface"] == self.rows["label"], dtype=np.bool_)[None]

    @cached_property
    def variant_names(self) -> list[str]:
        """Names of the variants that occur, sorted."""
        return sorted(set(self.rows["variant"].dropna()))

    @cached_property
    def variants(self) -> Ints:
        """Number of each example's variant in `variant_names`, (n_examples,); -1 for none."""
        number = {name: at for at, name in enumerate(self.variant_names)}
        return np.array([number.get(name, -1) for name in self.rows["variant"]], dtype=np.int64)

    @property
    def places(self) -> list[tuple[int, int]]:
        """Layer and head of every head."""
        counts = zip(self.manifest["layers"], self.manifest["n_heads"], strict=True)
        return [(layer, head) for layer, count in counts for head in range(count)]

    def head_stacks(self) -> list[list[int]]:
        """Return the layers that are probed together: neighbours with heads of one width, as many as fit in memory.

        Many heads at once keep all cores busy. Layers are given by their place in the manifest's lists.
        """
        widths, counts = self.manifest["d_head"], self.manifest["n_heads"]
        return _stacks(widths, [width * count for width, count in zip(widths, counts, strict=True)], len(self.rows))

    def residual_stacks(self) -> list[list[int]]:
        """Return the layers whose residual streams fit in memory together."""
        widths = [read_array(self.folder, name).shape[1] for name in self.manifest["leaving"]]
        return _stacks(widths, widths, len(self.rows))

    def heads(self, layers: Sequence[int], name: Callable[[int], str]) -> Floats:
        """Return the outputs of all heads of some layers, (n_heads, n_examples, d_head) float32.

        Args:
            layers: Places in the manifest's lists, their heads of one width.
            name: From a layer to the array, `z_name` or `untrained_name`.

        Raises:
            PipelineError: If a value is not finite; with layer, head and example.
        """
        numbers = [self.manifest["layers"][layer] for layer in layers]
        arrays = [read_array(self.folder, name(number)) for number in numbers]
        for number, array in zip(numbers, arrays, strict=True):
            self._check_finite(f"{name(number)}.npy: layer {number}", array)
        return np.concatenate(arrays, axis=1, dtype=np.float32).transpose(1, 0, 2)

    def entering(self, layer: int) -> Floats:
        """Return the residual stream entering a layer, (n_examples, d_model) float32.

        Args:
            layer: Place in the manifest's lists.
        """
        return self._finite(self.manifest["entering"][layer])

    def leaving(self, layers: Sequence[int]) -> Floats:
        """Return the residual streams leaving some layers, (n_layers, n_examples, d_model) float32.

        Args:
            layers: Places in the manifest's lists, their streams of one width.
        """
        return np.stack([self._finite(self.manifest["leaving"][layer]) for layer in layers])

    def embedding(self) -> Floats:
        """Return the static embedding of the token read, (1, n_examples, its width) float32."""
        return self._finite(EMBEDDING)[None]

    def _finite(self, name: str) -> Floats:
        array = np.array(read_array(self.folder, name), dtype=np.float32)
        self._check_finite(f"{name}.npy", array)
        return array

    def _check_finite(self, place: str, array: NDArray[Any]) -> None:
        finite = np.isfinite(array)
        if finite.all():
            return
        row, *where = np.argwhere(~finite)[0].tolist()
        head = f", head {where[0]}" if len(where) > 1 else ""
        raise PipelineError(
            f"{self.folder}/{place}{head}, example {self.rows['example_id'][row]}: not a finite number; the store is "
            "damaged, or the model overflows on this text: run the extract stage again, or drop the text"
        )


def read_inputs(data: Path, model: str, dataset: str) -> Inputs:
    """Return one cell, labels, surface predictions and variants joined to the store by example_id, never by position.

    Args:
        data: The folder `data` of the project.
        model: Slug of the model.
        dataset: Slug of the dataset.

    Raises:
        PipelineError: If the store is not complete, or holds other examples than the labels.
    """
    folder, examples = data / "activations" / model / dataset, data / "examples" / dataset
    manifest = read_manifest(folder)
    labels = pd.read_parquet(examples / "labels.parquet").set_index("example_id")
    surface = pd.read_parquet(examples / "surface.parquet").set_index("example_id")["predicted"]
    variants = pd.read_parquet(examples / "variants.parquet").set_index("example_id")["variant"]
    stored = read_index(folder)["example_id"]
    known = set(stored) | set(manifest["dropped_too_long"])
    indices = {"labels": labels.index, "surface": surface.index, "variants": variants.index}
    for name, ids in indices.items():
        if odd := sorted(known ^ set(ids)):
            raise PipelineError(
                f"{folder}: {len(odd)} example ids stand in the store or in {name}.parquet alone, first "
                f"{', '.join(odd[:5])}; the store is of another version of the dataset: run `dvc repro`"
            )
    rows = labels.assign(surface=surface, variant=variants).loc[stored].reset_index()
    return Inputs(folder, manifest, read_json(examples / "card.json"), rows, sorted(set(rows["label"])))


def _stacks(widths: Sequence[int], floats_a_row: Sequence[int], n_rows: int) -> list[list[int]]:
    """Return neighbouring layers of one width, as many together as fit."""
    stacks: list[list[int]] = []
    for _, same in itertools.groupby(range(len(widths)), key=widths.__getitem__):
        layers = list(same)
        size = max(1, STACK_BYTES // (4 * n_rows * max(floats_a_row[layer] for layer in layers)))
        stacks += [layers[start : start + size] for start in range(0, len(layers), size)]
    return stacks
