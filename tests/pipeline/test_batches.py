"""Which sequences run together."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.batches import plan_batches

LENGTHS = st.lists(st.integers(1, 40), max_size=60)


@given(LENGTHS, st.integers(1, 200))
@settings(derandomize=True, deadline=None)
def test_every_row_runs_once_and_no_batch_is_over_the_budget(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


@given(LENGTHS, st.integers(1, 200))
@settings(derandomize=True, deadline=None)
def test_lengths_only_fall_and_no_batch_could_take_one_more(lengths: list[int], budget: int) -> None:
    batches = plan_batches(lengths, budget)
    order = [lengths[row] for batch in batches for row in batch]
    assert order == sorted(lengths, reverse=True)
    for batch in batches[:-1]:  # the last one takes what is left
        assert (len(batch) + 1) * lengths[batch[0]] > budget


def test_rows_of_one_length_stay_in_their_order() -> None:
    lengths = [3, 5] * 20  # enough of them for a sort that is not stable to show
    batches = [batch.tolist() for batch in plan_batches(lengths, 100)]
    assert batches == [[*range(1, 40, 2)], [*range(0, 40, 2)]]


def test_a_sequence_longer_than_the_budget_runs_alone_and_first() -> None:
    assert [batch.tolist() for batch in plan_batches([2, 50, 2], 8)] == [[1], [0, 2]]


def test_rows_index_arrays() -> None:
    (batch,) = plan_batches([1, 2], 8)
    assert batch.dtype == np.int64
