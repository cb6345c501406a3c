"""From shards to the arrays of the store: every row at its place, in float16 where that keeps what a probe reads."""

import itertools
import math
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.assemble import BLOCK, ROUNDING, Ranges, assemble
from pipeline.layout import Shapes, column_slices
from pipeline.store import read_array

Floats = NDArray[np.float32]
SHAPES: Shapes = {"z/L00": (2, 3), "residual/L00": (4,), "embedding": (1,)}
WIDTH, N = 11, 300


def _cut(rows: Floats, sizes: list[int], seed: int) -> list[tuple[NDArray[np.int64], Floats]]:
    """Rows in any order, in shards of these sizes and a last one of what is left."""
    order = np.random.default_rng(seed).permutation(len(rows))
    parts = np.split(order, np.cumsum(sizes)[np.cumsum(sizes) < len(rows)])
    return [(part, rows[part]) for part in parts]


def _assembled(folder: Path, rows: Floats, sizes: list[int] | None = None) -> list[str]:
    shards = _cut(rows, sizes or [7], 0)
    return assemble(folder, SHAPES, lambda: iter(shards), len(rows))


def _normal(n_rows: int = N, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(n_rows, WIDTH)).astype(np.float32)


@given(st.integers(1, 40), st.lists(st.integers(1, 9), max_size=9), st.integers(0, 2**31))
@settings(max_examples=50)
def test_every_row_comes_to_its_place(
    tmp_path_factory: pytest.TempPathFactory, n_rows: int, sizes: list[int], seed: int
) -> None:
    folder, rows = tmp_path_factory.mktemp("store"), _normal(n_rows, seed)
    rows[:, 6] *= 1e6  # of one array: too large for float16
    shards = _cut(rows, sizes, seed)
    wide = assemble(folder, SHAPES, lambda: iter(shards), n_rows)
    assert "residual/L00" in wide
    for (name, shape), columns in zip(SHAPES.items(), ([0, 6], [6, 10], [10, 11]), strict=True):
        expected = rows[:, slice(*columns)].reshape(n_rows, *shape).astype(np.float32 if name in wide else np.float16)
        array = read_array(folder, name)
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_rows_in_the_order_of_the_examples_are_written_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, view, at: counts.append(len(view)) or write(file, view, at))
    rows = _normal(6)
    shards = [(np.arange(6)[part], rows[part]) for part in ([2, 3, 4], [0, 1, 5])]
    assemble(tmp_path, {"all": (WIDTH,)}, lambda: iter(shards), 6)
    assert counts == [2 * WIDTH * run for run in (3, 2, 1)]


def test_what_is_written_in_pieces_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, view, at: write(file, view[:5], at))  # as on a full pipe
    rows = _normal()
    assert _assembled(tmp_path, rows) == []
    np.testing.assert_array_equal(read_array(tmp_path, "residual/L00"), rows[:, 6:10].astype(np.float16))


def test_a_disk_that_is_full_in_the_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing more can be written there, the shards are still needed."""
    files: list[int] = []

    def full(file: int) -> None:
        files.append(file)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        _assembled(tmp_path, _normal())
    assert len(files) == len(SHAPES)
    for file in files:  # and none is left open
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(file)


@pytest.mark.parametrize(("factor", "width"), [(1, 2), (1e6, 4)])
def test_a_file_takes_its_header_and_its_numbers_and_nothing_more(tmp_path: Path, factor: float, width: int) -> None:
    _assembled(tmp_path, (_normal() * factor).astype(np.float32))
    for name, shape in SHAPES.items():
        path = tmp_path / f"{name}.npy"
        with path.open("rb") as file:
            assert np.lib.format.read_magic(file) == (1, 0)
            np.lib.format.read_array_header_1_0(file)
            header = file.tell()
        assert path.stat().st_size == header + N * math.prod(shape) * width


def test_files_are_those_that_numpy_writes(tmp_path: Path) -> None:
    rows = _normal()
    _assembled(tmp_path, rows)
    np.save(tmp_path / "numpy.npy", rows[:, :6].reshape(N, 2, 3).astype(np.float16))
    assert (tmp_path / "z/L00.npy").read_bytes() == (tmp_path / "numpy.npy").read_bytes()


def _at(value: float) -> Floats:
    """Numbers of spread 1, and one in the column of the embedding that is this."""
    rows = _normal()
    rows[17, 10] = value
    return rows


@pytest.mark.parametrize(
    ("value", "wide"),
    [
        *((65504.0, []), (-65504.0, [])),  # the largest number of float16
        *((65504.5, ["embedding"]), (70000.0, ["embedding"]), (-70000.0, ["embedding"]), (3e38, ["embedding"])),
    ],
)
def test_numbers_out_of_range_are_kept_in_float32(tmp_path: Path, value: float, wide: list[str]) -> None:
    """A single one of them; the other arrays stay halved."""
    assert _assembled(tmp_path, _at(value)) == wide
    assert read_array(tmp_path, "embedding")[17, 0] == np.float32(value)
    assert read_array(tmp_path, "z/L00").dtype == np.float16


@pytest.mark.parametrize(("spread", "wide"), [(1000.0, []), (100.0, []), (5.0, ["embedding"]), (0.1, ["embedding"])])
def test_a_small_spread_around_a_large_mean_is_kept(tmp_path: Path, spread: float, wide: list[str]) -> None:
    """Near 1000 float16 knows halves only: it blurs a movement of 5, and leaves one of 100 alone."""
    rows = _normal()
    rows[:, 10] = 1000 + spread * rows[:, 10]
    assert _assembled(tmp_path, rows) == wide
    stored = read_array(tmp_path, "embedding")[:, 0].astype(np.float64)
    error = np.sqrt(np.mean(np.square(stored - rows[:, 10])))
    assert error <= ROUNDING * rows[:, 10].std()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_ordinary_numbers_are_halved_without_loss_for_a_probe(tmp_path: Path, scale: float) -> None:
    rows = np.float32(scale) * (_normal() + np.linspace(-3, 3, WIDTH, dtype=np.float32))
    assert _assembled(tmp_path, rows) == []
    stored = np.concatenate([read_array(tmp_path, name).reshape(N, -1) for name in SHAPES], axis=1).astype(np.float64)
    assert (np.sqrt(np.mean(np.square(stored - rows), axis=0)) <= ROUNDING * rows.std(axis=0)).all()


@pytest.mark.parametrize("value", [0.0, 0.5, 1000.0, 0.1, 1234.567])  # the last two are no numbers of float16
def test_a_column_that_never_changes_is_halved_since_nothing_reads_it(tmp_path: Path, value: float) -> None:
    rows = _normal()
    rows[:, 10] = value
    assert _assembled(tmp_path, rows) == []
    assert set(read_array(tmp_path, "embedding")[:, 0].tolist()) == {np.float16(value).item()}


def test_a_column_that_changes_in_one_example_alone_keeps_its_change(tmp_path: Path) -> None:
    rows = _normal()
    rows[:, 10] = 1234.567
    rows[3, 10] = 1234.667  # float16 holds both as 1235
    assert _assembled(tmp_path, rows) == ["embedding"]


def test_numbers_that_float16_knows_are_halved_whatever_their_spread(tmp_path: Path) -> None:
    rows = _normal()
    rows[:, 10] = 32768 + 32 * (np.arange(N) % 2)
    assert _assembled(tmp_path, rows) == []
    assert read_array(tmp_path, "embedding")[:, 0].tolist() == rows[:, 10].tolist()
    rows[5, 10] += 1  # between two of its numbers: a rounding of 1 against a spread of 16 over 300 rows
    assert _assembled(tmp_path, rows) == []
    rows[:, 10] += np.arange(N) % 7
    assert _assembled(tmp_path, rows) == ["embedding"]


def test_small_numbers_that_float16_holds_badly_are_kept(tmp_path: Path) -> None:
    """Below 6e-8 it holds nothing, and a probe scales what it reads."""
    rows = _normal()
    rows[:, 10] *= np.float32(1e-8)
    assert _assembled(tmp_path, rows) == ["embedding"]
    assert read_array(tmp_path, "embedding")[:, 0].tolist() == rows[:, 10].tolist()


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, BLOCK + 1, N])
def test_the_format_does_not_depend_on_the_shards(size: int) -> None:
    rows = np.concatenate([_at(0.0), 1000 + _normal(), 70000 * _normal()], axis=1)
    ranges, whole = Ranges(3 * WIDTH), Ranges(3 * WIDTH)
    for _, part in _cut(rows, [size] * (N // size), 1):
        ranges.add(part)
    whole.add(rows)
    columns = [slice(column, column + 1) for column in range(3 * WIDTH)]
    assert [ranges.fits_half(column) for column in columns] == [whole.fits_half(column) for column in columns]
    assert [whole.fits_half(column) for column in columns] == [True] * WIDTH + [False] * 2 * WIDTH
    for one, other in zip(vars(ranges).values(), vars(whole).values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_an_array_is_halved_only_if_all_of_its_columns_can_be() -> None:
    ranges = Ranges(4)
    ranges.add(np.stack([np.arange(4.0), np.full(4, 1e5), np.arange(4.0), np.arange(4.0)], axis=1).astype(np.float32))
    assert [ranges.fits_half(part) for part in (slice(0, 1), slice(1, 2), slice(0, 2), slice(2, 4), slice(0, 4))] == [
        *(True, False, False, True, False),
    ]


def test_columns_lie_side_by_side() -> None:
    assert column_slices(SHAPES) == {"z/L00": slice(0, 6), "residual/L00": slice(6, 10), "embedding": slice(10, 11)}
    assert column_slices({}) == {}


def test_shards_are_read_twice_and_one_at_a_time(tmp_path: Path) -> None:
    """Memory holds a few of 40 shards, however many there are."""
    passes = itertools.count()
    rows = _normal(500)

    def shards() -> Iterator[tuple[NDArray[np.int64], Floats]]:
        next(passes)
        for number in range(40):
            yield 500 * number + np.arange(500), rows.copy()

    tracemalloc.start()
    assemble(tmp_path, SHAPES, shards, 40 * 500)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert next(passes) == 2
    assert peak < 12 * rows.nbytes
    assert read_array(tmp_path, "embedding").shape == (20_000, 1)
