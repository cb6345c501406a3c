"""Which texts run together, and which batches make up a shard: the unit of work that is lost when a run is killed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
SHARD_BATCHES = 4


@dataclass(frozen=True)
class Shard:
    """Batches whose results are kept together.

    Attributes:
        number: 0-based.
        batches: Texts of each batch, (n_texts,) int64 each.
        examples: Examples that read those texts, in the order of the texts, (n_examples,) int64.
    """

    number: int
    batches: tuple[Ints, ...]
    examples: Ints


def plan_shards(lengths: Ints, text: Ints, budget: int, max_rows: int) -> list[Shard]:
    """Return all shards; they depend on nothing but the arguments, so that a run can be taken up by another one.

    Args:
        lengths: Tokens of each distinct text, (n_texts,) int64.
        text: Text that each example reads, (n_examples,) int64; every text is read.
        budget: Tokens in one padded batch; a text longer than this runs alone.
        max_rows: Examples in one shard, as far as a text is not split: what memory holds.
    """
    readers = np.bincount(text, minlength=len(lengths))
    rank = np.empty(len(lengths), np.int64)
    batches = list(plan_batches(lengths, readers, budget, max_rows))
    rank[np.concatenate(batches)] = np.arange(len(lengths))
    examples = np.argsort(rank[text], kind="stable")
    shards, start = [], 0
    for number, own in enumerate(_bundled(batches, readers, max_rows)):
        stop = start + int(sum(readers[texts].sum() for texts in own))
        shards.append(Shard(number, tuple(own), examples[start:stop]))
        start = stop
    return shards


def plan_batches(lengths: Ints, readers: Ints, budget: int, max_rows: int) -> Iterator[Ints]:
    """Yield the texts of each batch: neighbours in length, so that little is padding, the longest first.

    The longest first means that a batch too large for the memory fails in the first second, not in the last.

    Args:
        lengths: Tokens of each text, (n_texts,) int64.
        readers: Examples that read each text, (n_texts,) int64.
        budget: Tokens in one padded batch.
        max_rows: Examples in one batch.
    """
    order = np.argsort(-lengths, kind="stable")
    rows = np.cumsum(readers[order])
    start = 0
    while start < len(order):
        fit = budget // max(1, int(lengths[order[start]]))
        read = rows[start - 1] if start else 0
        fit = min(fit, int(np.searchsorted(rows, read + max_rows, side="right")) - start)
        yield order[start : start + max(1, fit)]
        start += max(1, fit)


def _bundled(batches: list[Ints], readers: Ints, max_rows: int) -> Iterator[list[Ints]]:
    """Yield neighbouring batches, as many as make up one shard."""
    bundle: list[Ints] = []
    rows = 0
    for texts in batches:
        own = int(readers[texts].sum())
        if bundle and (len(bundle) == SHARD_BATCHES or rows + own > max_rows):
            yield bundle
            bundle, rows = [], 0
        bundle.append(texts)
        rows += own
    if bundle:
        yield bundle
