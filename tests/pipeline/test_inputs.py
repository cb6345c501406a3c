"""Which layers are read together; the rest is tested with the probe stage (tests/pipeline/probe)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import inputs
from pipeline.errors import PipelineError
from pipeline.inputs import Inputs
from pipeline.store import leaving_name, residual_name, z_name

STORE = Path("store")


def cell(d_head: list[int], n_heads: list[int], layers: list[int] | None = None, folder: Path = STORE) -> Inputs:
    numbers = layers or list(range(len(d_head)))
    manifest = {"n_layers": len(d_head), "layers": numbers, "d_head": d_head, "n_heads": n_heads, "d_model": 48}
    manifest |= {"entering": [residual_name(number) for number in numbers]}
    manifest |= {"leaving": [leaving_name(number, numbers[-1]) for number in numbers]}
    ids = ["e0", "e1", "e2"]
    rows = pd.DataFrame({"example_id": ids, "label": ["b", "a", "b"], "group": ["y", "x", "y"], "fold": [0, 1, 0]})
    return Inputs(folder, manifest, {}, rows, ["a", "b"])


def write(folder: Path, name: str, *shape: int, dtype: type = np.float16, start: float = 0.0) -> np.ndarray:
    path = folder / f"{name}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    array = (np.arange(3 * np.prod(shape)).reshape(3, *shape) + start).astype(dtype)
    np.save(path, array)
    return array


def test_small_layers_of_one_width_are_read_together_and_others_apart() -> None:
    assert cell([8, 8, 4, 4, 8], [2, 3, 2, 2, 2]).head_stacks() == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("limit", "stacks"),
    [(1, [[0], [1], [2]]), (4 * 3 * 24 * 2, [[0, 1], [2]]), (4 * 3 * 24 * 2 - 1, [[0], [1], [2]])],
)
def test_a_stack_holds_as_many_layers_as_fit(
    monkeypatch: pytest.MonkeyPatch, limit: int, stacks: list[list[int]]
) -> None:
    monkeypatch.setattr(inputs, "STACK_BYTES", limit)
    assert cell([8, 8, 8], [2, 3, 1]).head_stacks() == stacks  # three rows; the largest layer holds 24 numbers a row


def test_residual_streams_are_stacked_by_their_own_width(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "STACK_BYTES", 4 * 3 * 48 * 2)
    toy = cell([8, 4, 8, 8], [2, 2, 2, 2], folder=tmp_path)
    for name, width in zip(toy.manifest["leaving"], (48, 48, 48, 32), strict=True):
        write(tmp_path, name, width)
    assert toy.residual_stacks() == [[0, 1], [2], [3]]  # the width of the arrays, whatever the widths of the heads


def test_heads_are_stacked_in_float32_from_the_arrays_of_their_layers(tmp_path: Path) -> None:
    """Layers 2 and 5 alone have attention; their arrays go by these numbers, one halved on disk and one not."""
    toy = cell([4, 4], [2, 1], [2, 5], tmp_path)
    first, second = write(tmp_path, "z/L02", 2, 4), write(tmp_path, "z/L05", 1, 4, dtype=np.float32, start=0.1)
    stacked = toy.heads([0, 1], z_name)
    assert (stacked.shape, stacked.dtype) == ((3, 3, 4), np.float32)
    for head, expected in enumerate([first[:, 0], first[:, 1], second[:, 0]]):
        np.testing.assert_array_equal(stacked[head], expected.astype(np.float32))
    assert toy.heads([1], z_name).tolist() == stacked[2:].tolist()
    assert toy.heads([0], z_name).dtype == np.float32
    assert toy.places == [(2, 0), (2, 1), (5, 0)]


def test_the_streams_of_a_layer_are_those_that_the_manifest_names(tmp_path: Path) -> None:
    toy = cell([4, 4], [2, 1], [2, 5], tmp_path)
    assert (toy.manifest["entering"], toy.manifest["leaving"]) == (
        ["residual/L02", "residual/L05"],
        ["residual/L02_out", "residual/final"],
    )
    entering = [write(tmp_path, name, 6, start=100 * i) for i, name in enumerate(toy.manifest["entering"])]
    leaving = [write(tmp_path, name, 6, start=1000 + 100 * i) for i, name in enumerate(toy.manifest["leaving"])]
    embedding = write(tmp_path, "embedding", 5)
    for place in range(2):
        np.testing.assert_array_equal(toy.entering(place), entering[place].astype(np.float32))
    np.testing.assert_array_equal(toy.leaving([0, 1]), np.stack(leaving).astype(np.float32))
    np.testing.assert_array_equal(toy.embedding(), embedding[None].astype(np.float32))
    assert {toy.entering(0).dtype, toy.leaving([1]).dtype, toy.embedding().dtype} == {np.dtype(np.float32)}


def test_a_number_that_is_not_finite_is_named_by_the_layers_own_number(tmp_path: Path) -> None:
    toy = cell([4, 4], [2, 3], [2, 5], tmp_path)
    write(tmp_path, "z/L02", 2, 4)
    array = write(tmp_path, "z/L05", 3, 4)
    assert toy.heads([0, 1], z_name).shape == (5, 3, 4)
    array[1, 2, 3] = np.inf
    np.save(tmp_path / "z/L05.npy", array)
    with pytest.raises(PipelineError, match=r"/z/L05\.npy: layer 5, head 2, example e1: not a finite number; the"):
        toy.heads([0, 1], z_name)


def test_labels_groups_and_places_are_numbered() -> None:
    toy = cell([8, 8], [2, 1])
    assert toy.labels.tolist() == [1, 0, 1]
    assert toy.groups.tolist() == [1, 0, 1]
    assert toy.folds.tolist() == [0, 1, 0]
    assert toy.places == [(0, 0), (0, 1), (1, 0)]
