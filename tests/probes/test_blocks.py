"""Working through heads in blocks."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from probes.blocks import map_blocks

CPU, GPU = torch.device("cpu"), torch.device("cuda")  # the second is only a name here: nothing is put on it


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def heads(block: slice) -> list[int]:
    return list(range(100))[block]


@pytest.mark.parametrize("n_heads", [0, 1, 2, 7])
def test_on_the_cpu_every_block_is_one_head(n_heads: int) -> None:
    assert map_blocks(heads, n_heads, 3, CPU) == [[head] for head in range(n_heads)]


@pytest.mark.parametrize(
    ("n_heads", "blocks"), [(0, []), (2, [[0, 1]]), (3, [[0, 1, 2]]), (7, [[0, 1, 2], [3, 4, 5], [6]])]
)
def test_elsewhere_blocks_have_the_size_asked_for(n_heads: int, blocks: list[list[int]]) -> None:
    assert map_blocks(heads, n_heads, 3, GPU) == blocks


def test_results_come_in_order_though_blocks_end_out_of_order() -> None:
    ended: list[int] = []

    def work(block: slice) -> int:
        time.sleep(0.2 if block.start == 0 else 0.0)
        ended.append(block.start)
        return block.start

    assert map_blocks(work, 4, 1, CPU) == [0, 1, 2, 3]
    assert ended[-1] == 0


def test_blocks_share_out_the_threads_and_each_has_one() -> None:
    together = threading.Barrier(2, timeout=10)  # breaks unless two blocks are worked on at once
    inside = map_blocks(lambda _: (together.wait(), torch.get_num_threads())[1], 2, 1, CPU)
    assert inside == [1, 1]


def test_one_thread_works_alone() -> None:
    torch.set_num_threads(1)
    assert len(set(map_blocks(lambda _: threading.get_ident(), 5, 1, CPU))) == 1


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
@pytest.mark.parametrize("bad", [0, 3])
def test_an_error_in_a_block_is_raised_and_the_threads_are_given_back(bad: int, device: torch.device) -> None:
    def work(block: slice) -> int:
        if block.start == bad:
            raise ValueError(f"head {block.start}")
        return block.start

    with pytest.raises(ValueError, match=f"head {bad}"):
        map_blocks(work, 4, 1, device)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
def test_the_threads_are_given_back(device: torch.device) -> None:
    map_blocks(heads, 4, 2, device)
    assert torch.get_num_threads() == 2
