"""Which texts run together, and which batches make up a shard."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batches import SHARD_BATCHES, Shard, plan_batches, plan_shards
from pipeline.ranks import Ranks

Texts = list[tuple[int, int]]  # of each text, its length and how many examples read it
TEXTS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 5)), max_size=60)
SOME = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 5)), min_size=1, max_size=60)
BUDGET, MAX_ROWS = st.integers(1, 200), st.integers(1, 60)
UNLIMITED = 10**9


def _batches(texts: Texts, budget: int, max_rows: int = UNLIMITED) -> list[list[int]]:
    lengths, readers = np.array(texts, np.int64).reshape(-1, 2).T
    return [batch.tolist() for batch in plan_batches(lengths, readers, budget, max_rows)]


def _shards(texts: Texts, budget: int, max_rows: int, seed: int = 0) -> tuple[list[Shard], np.ndarray]:
    """Shards, and the text of each example; the examples of a text stand anywhere."""
    lengths, readers = np.array(texts, np.int64).T
    text = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(texts)), readers))
    return plan_shards(lengths, text, budget, max_rows), text


def _same(one: list[Shard], other: list[Shard]) -> bool:
    return [_plain(shard) for shard in one] == [_plain(shard) for shard in other]


def _plain(shard: Shard) -> tuple[int, list[list[int]], list[int]]:
    return shard.number, [batch.tolist() for batch in shard.batches], shard.examples.tolist()


@given(TEXTS, BUDGET, MAX_ROWS)
def test_every_text_runs_once_and_no_batch_is_over_the_budget(texts: Texts, budget: int, max_rows: int) -> None:
    batches = _batches(texts, budget, max_rows)
    assert sorted(text for batch in batches for text in batch) == list(range(len(texts)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(texts[text][0] for text in batch) <= budget
        assert len(batch) == 1 or sum(texts[text][1] for text in batch) <= max_rows


@given(TEXTS, BUDGET, MAX_ROWS)
def test_lengths_only_fall_and_no_batch_could_take_one_more(texts: Texts, budget: int, max_rows: int) -> None:
    batches = _batches(texts, budget, max_rows)
    order = [texts[text][0] for batch in batches for text in batch]
    assert order == sorted((length for length, _ in texts), reverse=True)
    for batch, after in pairwise(batches):  # the last one takes what is left
        rows = sum(texts[text][1] for text in [*batch, after[0]])
        assert (len(batch) + 1) * texts[batch[0]][0] > budget or rows > max_rows


def test_texts_of_one_length_stay_in_their_order() -> None:
    texts = [(3, 1), (5, 1)] * 20  # enough of them for a sort that is not stable to show
    assert _batches(texts, 100) == [[*range(1, 40, 2)], [*range(0, 40, 2)]]


def test_a_text_longer_than_the_budget_runs_alone_and_first() -> None:
    assert _batches([(2, 1), (50, 1), (2, 1)], 8) == [[1], [0, 2]]


def test_a_text_with_more_readers_than_rows_runs_alone() -> None:
    assert _batches([(2, 1), (2, 9), (2, 1), (2, 1)], 100, 2) == [[0], [1], [2, 3]]
    assert _batches([(2, 1), (2, 9), (2, 1), (2, 1)], 100, 12) == [[0, 1, 2, 3]]


def test_texts_index_arrays() -> None:
    (batch,) = plan_batches(np.array([1, 2]), np.array([1, 1]), 8, 2)
    assert batch.dtype == np.int64


@given(SOME, BUDGET, MAX_ROWS)
def test_every_text_and_every_example_is_in_one_shard(texts: Texts, budget: int, max_rows: int) -> None:
    shards, text = _shards(texts, budget, max_rows)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert sorted(number for shard in shards for batch in shard.batches for number in batch) == list(range(len(texts)))
    assert sorted(example for shard in shards for example in shard.examples) == list(range(len(text)))


@given(SOME, BUDGET, MAX_ROWS)
def test_the_examples_of_a_shard_stand_in_the_order_of_its_texts(texts: Texts, budget: int, max_rows: int) -> None:
    shards, text = _shards(texts, budget, max_rows)
    for shard in shards:
        order = [number for batch in shard.batches for number in batch]
        by_text = [np.flatnonzero(text == number).tolist() for number in order]  # readers of one text in their order
        assert shard.examples.tolist() == [example for readers in by_text for example in readers]


@given(SOME, BUDGET, MAX_ROWS)
def test_shards_hold_whole_batches_as_many_as_fit(texts: Texts, budget: int, max_rows: int) -> None:
    shards, _ = _shards(texts, budget, max_rows)
    batches = [batch.tolist() for shard in shards for batch in shard.batches]
    assert batches == _batches(texts, budget, max_rows)
    for shard, after in zip(shards, [*shards[1:], None], strict=True):
        n_texts = sum(len(batch) for batch in shard.batches)
        assert len(shard.batches) <= SHARD_BATCHES
        assert len(shard.examples) <= max_rows or n_texts == 1
        if after is not None:
            more = sum(texts[text][1] for text in after.batches[0])
            assert len(shard.batches) == SHARD_BATCHES or len(shard.examples) + more > max_rows


@given(SOME, BUDGET, MAX_ROWS)
def test_shards_depend_on_nothing_but_the_texts(texts: Texts, budget: int, max_rows: int) -> None:
    assert _same(_shards(texts, budget, max_rows)[0], _shards(texts, budget, max_rows)[0])
    others = _shards([*texts, (41, 1)], budget, max_rows)[0]
    assert not _same(others, _shards(texts, budget, max_rows)[0])


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_processes_share_all_shards_without_one_twice(count: int) -> None:
    shards, _ = _shards([(length, 2) for length in range(1, 40)], 50, 20)
    shares = [Ranks(number, count, "cpu", lambda: None).share(shards) for number in range(count)]
    assert len(shards) == 7  # more than most have processes, and fewer than nine
    assert sorted(shard.number for share in shares for shard in share) == list(range(len(shards)))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
