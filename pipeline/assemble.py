"""From shards, whose rows stand in the order they were computed in, to the arrays of the store."""

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.layout import Shapes, column_slices, row_width

Rows = NDArray[np.float32]
Ints = NDArray[np.int64]
LARGEST = float(np.finfo(np.float16).max)
BLOCK = 2**20  # numbers in double precision at once
ROUNDING = 0.01  # of a number's spread over the examples, by which float16 may round it off


class Ranges:
    """What the numbers of every column range over, summed up shard by shard: enough to choose their format."""

    def __init__(self, width: int) -> None:
        self.count, self.largest = 0, np.zeros(width)
        self.total, self.squares, self.rounding = np.zeros(width), np.zeros(width), np.zeros(width)

    def add(self, rows: Rows) -> None:
        """Count in the rows of one shard, (n_examples, width) float32."""
        block = max(1, BLOCK // rows.shape[1])
        for start in range(0, len(rows), block):
            self._add(rows[start : start + block])

    def _add(self, rows: Rows) -> None:
        exact = rows.astype(np.float64)
        with np.errstate(over="ignore"):  # what float16 cannot hold is told by `largest`
            rounded = rows.astype(np.float16).astype(np.float64)
        self.count += len(rows)
        self.largest = np.maximum(self.largest, np.abs(exact).max(axis=0, initial=0.0))
        self.total += exact.sum(axis=0)
        self.squares += np.square(exact).sum(axis=0)
        self.rounding += np.square(np.nan_to_num(rounded - exact, posinf=0.0, neginf=0.0)).sum(axis=0)

    def fits_half(self, columns: slice) -> bool:
        """Return whether float16 holds all of these columns: no overflow, and what differs between examples is kept.

        A number near 1,000 that moves by 1 between examples is within range, and yet float16 would round its movement
        away: it is the spread that a probe reads.
        """
        spread = self.squares[columns] - np.square(self.total[columns]) / max(1, self.count)
        within = self.largest[columns] <= LARGEST
        constant = spread <= 1e-12 * self.squares[columns]  # rounded alike in every example, so nothing is lost
        kept = self.rounding[columns] <= ROUNDING**2 * np.maximum(spread, 0.0)
        return bool((within & (kept | constant)).all())


def assemble(
    folder: Path, shapes: Shapes, shards: Callable[[], Iterable[tuple[Ints, Rows]]], n_examples: int
) -> list[str]:
    """Write the arrays of one pass; memory holds one shard.

    Args:
        folder: The store; made where it is missing.
        shapes: Array name to the shape of one example, in the order of the columns.
        shards: Gives, each time anew, examples (n_rows,) int64 and rows (n_rows, width) float32 of every shard.
        n_examples: Rows of every array.

    Returns:
        The arrays that float16 cannot hold and that were written as float32.
    """
    slices = column_slices(shapes)
    ranges = Ranges(row_width(shapes))
    for _, rows in shards():
        ranges.add(rows)
    wide = [name for name, part in slices.items() if not ranges.fits_half(part)]
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(_Array(folder / f"{name}.npy", name in wide, (n_examples, *shape)))
            for name, shape in shapes.items()
        }
        for examples, rows in shards():
            for name, file in files.items():
                file.write(examples, rows[:, slices[name]])
    return wide


class _Array:
    """A .npy file that is written row by row: unlike mapped memory, what was written does not count as in use."""

    def __init__(self, path: Path, wide: bool, shape: tuple[int, ...]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._dtype = np.dtype(np.float32 if wide else np.float16)
        self._file = path.open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._file.flush()
        self._start = self._file.tell()
        self._row_bytes = self._dtype.itemsize * math.prod(shape[1:])

    def __enter__(self) -> "_Array":
        return self

    def __exit__(self, *_: object) -> None:
        with self._file:
            os.fsync(self._file.fileno())  # a disk found full only now is found before the shards are deleted

    def write(self, examples: Ints, rows: Rows) -> None:
        """Put rows, (n_rows, width), at the places of their examples, (n_rows,)."""
        content = np.ascontiguousarray(rows, dtype=self._dtype)
        for start, stop in _runs(examples):
            view = memoryview(content[start:stop].data).cast("B")
            at = self._start + int(examples[start]) * self._row_bytes
            while view:
                written = os.pwrite(self._file.fileno(), view, at)
                view, at = view[written:], at + written


def _runs(examples: Ints) -> Iterator[tuple[int, int]]:
    """Yield where runs of neighbouring examples start and stop, so that each is written at once."""
    breaks = np.flatnonzero(np.diff(examples) != 1) + 1
    bounds = [0, *breaks.tolist(), len(examples)]
    yield from itertools.pairwise(bounds)
