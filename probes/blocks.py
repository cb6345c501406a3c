"""Work through heads in blocks: a few at a time on each core, as many as fit on a GPU."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

Result = TypeVar("Result")
WIDE = 256  # dimensions from which on a head is enough work alone
TOGETHER = 8  # heads that a core works on together: each operation then outweighs the call of it
CACHED = 12 * 2**20  # bytes of inputs that such heads may have, to stay in a core's reach


def map_blocks(work: Callable[[slice], Result], x: Tensor, size: int) -> list[Result]:
    """Return what `work` makes of every block of heads, in order.

    On the CPU each block is worked on by one thread, since small products gain little from being shared out. What a
    block holds does not depend on how many threads there are, and so neither does the result.

    Args:
        work: Takes the block as a slice of the heads.
        x: Inputs, (n_heads, n_examples, d).
        size: Heads that fit in memory together; on a GPU so many make a block.

    Example:
        >>> map_blocks(lambda block: block.stop - block.start, torch.zeros(11, 5, 2), size=100)
        [8, 3]
    """
    step = size
    if x.device.type == "cpu":
        cached = max(1, CACHED // (4 * x.shape[1] * (x.shape[2] + 1)))
        step = min(size, TOGETHER, cached) if x.shape[2] < WIDE else 1
    blocks = [slice(start, min(start + step, len(x))) for start in range(0, len(x), step)]
    if x.device.type != "cpu":
        return [work(block) for block in blocks]
    with _one_thread_each() as pool:
        return list(pool.map(work, blocks))


@contextmanager
def _one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """Give torch's threads to blocks instead of to operations; their number is a setting of the whole process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)
