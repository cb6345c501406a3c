"""The activations store: what is written comes back, and a store that is not whole is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import PipelineError
from pipeline.store import (
    EMBEDDING,
    finish_store,
    leaving_name,
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
    shapes = {"z/L00": (3, 4, 2), "residual/final": (3, 8), "embedding": (3, 8)}
    dtypes = (np.float16, np.float16, np.float32)
    for number, ((name, shape), dtype) in enumerate(zip(shapes.items(), dtypes, strict=True)):
        path = folder / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.arange(np.prod(shape), dtype=dtype).reshape(shape) + dtype(100 * number))
    finish_store(folder, INDEX, MANIFEST)
    return folder


def test_what_is_written_comes_back(store: Path) -> None:
    z = read_array(store, "z/L00")
    assert (z.shape, z.dtype) == ((3, 4, 2), np.float16)
    assert z[1, 2].tolist() == [12, 13]
    embedding = read_array(store, EMBEDDING)
    assert (embedding[2, 7], embedding.dtype) == (223, np.float32)
    pd.testing.assert_frame_equal(read_index(store), INDEX)
    assert read_manifest(store) == MANIFEST


def test_the_files_are_those_that_the_module_lists(store: Path) -> None:
    found = {path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()}
    assert found == {"z/L00.npy", "residual/final.npy", "embedding.npy", "index.parquet", "manifest.json"}


def test_an_array_is_mapped_and_cannot_be_changed(store: Path) -> None:
    array = read_array(store, "z/L00")
    assert isinstance(array, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_array_names() -> None:
    assert [z_name(0), z_name(11), residual_name(0), residual_name(105)] == [
        *("z/L00", "z/L11", "residual/L00", "residual/L105"),
    ]
    assert [leaving_name(5, 7), leaving_name(7, 7), leaving_name(105, 7)] == [
        *("residual/L05_out", "residual/final", "residual/L105_out"),
    ]
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


@pytest.mark.parametrize("kept", [-1, 8, 0, None])
def test_an_index_that_cannot_be_read_is_refused(store: Path, kept: int | None) -> None:
    path = store / "index.parquet"
    assert len(read_index(store)) == 3
    if kept is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(PipelineError, match=r"store/index\.parquet: not readable \(.*\); run its extract stage again"):
        read_index(store)


@pytest.mark.parametrize("missing", [["example_id"], ["position", "n_tokens"]])
def test_an_index_without_a_column_is_refused(store: Path, missing: list[str]) -> None:
    INDEX.drop(columns=missing).to_parquet(store / "index.parquet", index=False)
    with pytest.raises(
        PipelineError, match=rf"store/index\.parquet: no column {', '.join(missing)}; an index has exam"
    ):
        read_index(store)
