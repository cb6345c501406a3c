"""Working through heads in blocks."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from probes import blocks as module
from probes.blocks import map_blocks

CPU, ELSEWHERE = "cpu", "meta"  # a device that holds no numbers stands for a GPU


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def heads(block: slice) -> list[int]:
    return list(range(100))[block]


def inputs(n_heads: int, n: int = 5, d: int = 3, device: str = CPU) -> Tensor:
    return torch.empty(n_heads, n, d, device=device)


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two heads make a block on the CPU."""
    monkeypatch.setattr(module, "TOGETHER", 2)


@pytest.mark.parametrize(("n_heads", "blocks"), [(0, []), (1, [[0]]), (2, [[0, 1]]), (5, [[0, 1], [2, 3], [4]])])
def test_on_the_cpu_a_few_heads_make_a_block(pairs: None, n_heads: int, blocks: list[list[int]]) -> None:
    assert map_blocks(heads, inputs(n_heads), 3) == blocks


def test_heads_that_are_large_or_wide_come_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def sizes(x: Tensor, size: int = 100) -> list[int]:
        return map_blocks(lambda block: block.stop - block.start, x, size)

    assert sizes(inputs(16)) == [module.TOGETHER] * 2
    assert sizes(inputs(4), size=2) == [2, 2]  # no more than fit
    assert sizes(inputs(2, d=module.WIDE - 1)) == [2]
    assert sizes(inputs(2, d=module.WIDE)) == [1, 1]
    monkeypatch.setattr(module, "CACHED", 4 * 5 * 4 * 3)  # three heads of five examples and three dimensions and a one
    assert sizes(inputs(7)) == [3, 3, 1]
    monkeypatch.setattr(module, "CACHED", 1)
    assert sizes(inputs(3)) == [1, 1, 1]


def test_blocks_do_not_depend_on_the_threads(pairs: None) -> None:
    two = map_blocks(heads, inputs(5), 3)
    torch.set_num_threads(1)
    assert map_blocks(heads, inputs(5), 3) == two


@pytest.mark.parametrize(
    ("n_heads", "blocks"), [(0, []), (2, [[0, 1]]), (3, [[0, 1, 2]]), (7, [[0, 1, 2], [3, 4, 5], [6]])]
)
def test_elsewhere_blocks_have_the_size_asked_for(n_heads: int, blocks: list[list[int]]) -> None:
    assert map_blocks(heads, inputs(n_heads, device=ELSEWHERE), 3) == blocks


def test_results_come_in_order_though_blocks_end_out_of_order(pairs: None) -> None:
    ended: list[int] = []

    def work(block: slice) -> int:
        time.sleep(0.2 if block.start == 0 else 0.0)
        ended.append(block.start)
        return block.start

    assert map_blocks(work, inputs(8), 9) == [0, 2, 4, 6]
    assert ended[-1] == 0


def test_blocks_share_out_the_threads_and_each_has_one(pairs: None) -> None:
    together = threading.Barrier(2, timeout=10)  # breaks unless two blocks are worked on at once
    inside = map_blocks(lambda _: (together.wait(), torch.get_num_threads())[1], inputs(4), 9)
    assert inside == [1, 1]


def test_one_thread_works_alone(pairs: None) -> None:
    torch.set_num_threads(1)
    assert len(set(map_blocks(lambda _: threading.get_ident(), inputs(5), 1))) == 1


@pytest.mark.parametrize("device", [CPU, ELSEWHERE])
@pytest.mark.parametrize("bad", [0, 2])
def test_an_error_in_a_block_is_raised_and_the_threads_are_given_back(pairs: None, bad: int, device: str) -> None:
    def work(block: slice) -> int:
        if block.start == bad:
            raise ValueError(f"head {block.start}")
        return block.start

    with pytest.raises(ValueError, match=f"head {bad}"):
        map_blocks(work, inputs(4, device=device), 2)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("device", [CPU, ELSEWHERE])
def test_the_threads_are_given_back(device: str) -> None:
    map_blocks(heads, inputs(4, device=device), 2)
    assert torch.get_num_threads() == 2
