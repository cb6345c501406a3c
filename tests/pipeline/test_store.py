"""The activations store: what is written comes back, and a store that is not whole is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.store import (
    create_arrays,
    finish_store,
    read_array,
    read_index,
    read_manifest,
    residual_name,
    untrained_name,
    z_name,
)

INDEX = pd.DataFrame({"example_id": ["b", "a", "é"], "position": [2, 0, 1], "n_tokens": [4, 3, 9]})
MANIFEST = {"model": "tiny", "n_heads": [4, 4], "dropped_too_long": [], "revision": None}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "new" / "store"
    arrays = create_arrays(folder, {"z/L00": (3, 4, 2), "residual/final": (3, 8), "embedding": (3, 8)})
    for number, array in enumerate(arrays.values()):
        array[:] = np.arange(array.size).reshape(array.shape) + 100 * number
    del arrays, array  # as the stage does: the last reference gone, the bytes are on disk
    finish_store(folder, INDEX, MANIFEST)
    return folder


def test_what_is_written_comes_back(store: Path) -> None:
    z = read_array(store, "z/L00")
    assert (z.shape, z.dtype) == ((3, 4, 2), np.float32)
    assert z[1, 2].tolist() == [12, 13]
    assert read_array(store, "embedding")[2, 7] == 223
    pd.testing.assert_frame_equal(read_index(store), INDEX)
    assert read_manifest(store) == MANIFEST


def test_the_files_are_those_that_the_module_lists(store: Path) -> None:
    found = {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}
    assert found == {"z/L00.npy", "residual/final.npy", "embedding.npy", "index.parquet", "manifest.json"}


def test_rows_may_be_filled_in_any_order(tmp_path: Path) -> None:
    array = create_arrays(tmp_path, {"embedding": (4, 2)})["embedding"]
    array[np.array([3, 0])] = [[3, 3], [1, 1]]
    del array
    assert read_array(tmp_path, "embedding")[:, 0].tolist() == [1, 0, 0, 3]


def test_an_array_is_mapped_and_cannot_be_changed(store: Path) -> None:
    array = read_array(store, "z/L00")
    assert isinstance(array, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_array_names() -> None:
    assert [z_name(0), z_name(11), residual_name(0), residual_name(105)] == [
        *("z/L00", "z/L11", "residual/L00", "residual/L105"),
    ]
    assert residual_name(None) == "residual/final"
    assert [untrained_name(0), untrained_name(105)] == ["untrained/L00", "untrained/L105"]


def test_a_store_without_manifest_is_not_finished(store: Path) -> None:
    (store / "manifest.json").unlink()
    with pytest.raises(PipelineError, match=r"store: no manifest\.json, so the extraction did not finish; run its"):
        read_manifest(store)


def test_a_missing_array_is_refused(store: Path) -> None:
    with pytest.raises(PipelineError, match=r"store/z/L07\.npy: .*No such file.*; run its extract stage again"):
        read_array(store, "z/L07")


@pytest.mark.parametrize("kept", [-1, 128, 60, 4, 0])
def test_an_array_cut_short_is_refused(store: Path, kept: int) -> None:
    path = store / "z/L00.npy"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(PipelineError, match=r"store/z/L00\.npy: .*; run its extract stage again"):
        read_array(store, "z/L00")


def test_a_pickled_array_is_not_opened(store: Path) -> None:
    np.save(store / "embedding.npy", np.array([{}, None], dtype=object), allow_pickle=True)
    with pytest.raises(PipelineError, match=r"embedding\.npy: .*run its extract stage again"):
        read_array(store, "embedding")
