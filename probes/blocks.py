"""Work through heads in blocks: one at a time on each core, as many as fit on a GPU."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Result = TypeVar("Result")


def map_blocks(work: Callable[[slice], Result], n_heads: int, size: int, device: torch.device) -> list[Result]:
    """Return what `work` makes of every block of heads, in order.

    On the CPU each block is worked on by one thread: small products gain little from being shared out, and a head that
    stays in a core's cache gains much. So blocks there hold one head, and the result does not depend on how many cores
    there are.

    Args:
        work: Takes the block as a slice of the heads.
        n_heads: Heads in all.
        size: Heads in a block on a GPU.
        device: Where the work is done.

    Example:
        >>> map_blocks(lambda block: block.start, 3, 2, torch.device("cpu"))
        [0, 1, 2]
    """
    step = 1 if device.type == "cpu" else size
    blocks = [slice(start, min(start + step, n_heads)) for start in range(0, n_heads, step)]
    if device.type != "cpu":
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
