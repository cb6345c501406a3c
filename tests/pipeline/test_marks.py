"""The marks that tell heads apart: where they are put, and what is read from them."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from pipeline.marks import ROWS, HeadMarks, misplaced_heads, rows_differ, unmarked

SEEDS, HEADS, WIDTHS = st.integers(0, 2**31), st.integers(1, 255), st.integers(1, 4)
DTYPES = st.sampled_from([torch.float32, torch.float16, torch.bfloat16])
quick = settings(max_examples=40)
N_POS = 3


def _factor(row: int, head: int) -> int:
    """What a head's output is multiplied by in a row: its number, counted from 1, stands in the rows in binary."""
    return 2 if row > 0 and f"{head + 1:08b}"[::-1][row - 1] == "1" else 1


def _factors(n_heads: int) -> Tensor:
    return torch.tensor([[_factor(row, head) for head in range(n_heads)] for row in range(ROWS)])


def _random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _marked_z(seed: int, n_heads: int, d_head: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Heads side by side as attention under marks gives them, (ROWS, N_POS, n_heads x d_head)."""
    q, k, v = (part.expand(ROWS, -1, -1, -1) for part in _random(seed, 3, 1, n_heads, N_POS, d_head).to(dtype))
    with HeadMarks():
        return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


def test_all_heads_that_fit_are_marked_in_their_own_way_and_none_in_row_0() -> None:
    factors = _factors(255)
    assert len(torch.unique(factors, dim=1).T) == 255
    assert (factors > 1).any(0).all()
    assert factors[0].tolist() == [1] * 255


@pytest.mark.parametrize(
    "softmax",
    [
        lambda x: functional.softmax(x, dim=-1),
        lambda x: functional.softmax(x, dim=-1, dtype=torch.float64),
        lambda x: torch.softmax(x, -1),
        lambda x: x.softmax(-1),
        lambda x: x.softmax(dim=-1),
    ],
)
@pytest.mark.parametrize("flat", [False, True])
def test_a_softmax_over_keys_is_marked_head_by_head(softmax: Callable[[Tensor], Tensor], flat: bool) -> None:
    scores = _random(0, ROWS, 5, 4, 6)
    with HeadMarks() as marks:
        weights = softmax(scores.flatten(0, 1) if flat else scores).view(scores.shape)
        assert (marks.pending, marks.foreign) == ((5, 6), False)
    torch.testing.assert_close(weights, softmax(scores) * _factors(5)[:, :, None, None])


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_the_whole_attention_function_is_marked_head_by_head(named: bool, shared: bool) -> None:
    q, k, v = _random(0, ROWS, 4, 3, 8), _random(1, ROWS, 2 if shared else 4, 5, 8), _random(2, ROWS, 4, 5, 8)
    v = v[:, ::2] if shared else v
    expected = functional.scaled_dot_product_attention(q, k, v, enable_gqa=shared) * _factors(4)[:, :, None, None]
    with HeadMarks() as marks:
        if named:
            z = functional.scaled_dot_product_attention(query=q, key=k, value=v, enable_gqa=shared)
        else:
            z = functional.scaled_dot_product_attention(q, k, v, enable_gqa=shared)
        assert (marks.pending, marks.foreign) == ((4, 5), False)  # query heads, where keys are shared too
    torch.testing.assert_close(z, expected)


@pytest.mark.parametrize("heads", [255, 256])
@pytest.mark.parametrize("flat", [False, True])
def test_more_heads_than_there_are_marks_for_are_left_alone_and_told(heads: int, flat: bool) -> None:
    scores = _random(0, ROWS, heads, 2, 3)
    scores = scores.flatten(0, 1) if flat else scores
    with HeadMarks() as marks:
        weights = scores.softmax(-1)
    assert (marks.pending, marks.foreign) == (((255, 3), False) if heads == 255 else (None, True))
    assert torch.equal(weights, scores.softmax(-1)) == (heads == 256)


@pytest.mark.parametrize(
    ("shape", "foreign"),
    [
        ((ROWS, 2, 4, 3, 3), True),  # an attention over blocks of keys
        ((ROWS, 4), False),  # a choice between experts
        ((ROWS, 4, 4), False),  # of one row each: no batch of heads
        ((ROWS - 1, 4, 3, 3), True),  # blocks of keys that are taken for rows
        ((2 * ROWS + 1, 3, 3), False),
    ],
)
def test_what_has_no_heads_of_all_rows_is_left_alone(shape: tuple[int, ...], foreign: bool) -> None:
    scores = _random(0, *shape)
    with HeadMarks() as marks:
        weights = scores.softmax(-1)
    assert (marks.pending, marks.foreign) == (None, foreign)
    assert torch.equal(weights, scores.softmax(-1))


def test_only_attention_is_marked_and_only_while_marks_are_active() -> None:
    scores = _random(0, ROWS, 4, 3, 3)
    with HeadMarks() as marks:
        for other in (torch.relu, torch.sigmoid, functional.gelu, lambda x: functional.log_softmax(x, -1)):
            assert not rows_differ(other(scores[:1].expand_as(scores)))
        assert marks.pending is None
        assert rows_differ(scores[:1].expand_as(scores).softmax(-1))
    assert not rows_differ(scores[:1].expand_as(scores).softmax(-1))


def test_an_attention_that_comes_before_the_last_one_was_read_is_told() -> None:
    scores = _random(0, ROWS, 4, 3, 3)
    with HeadMarks() as marks:
        scores.softmax(-1)
        marks.pending = None
        scores.softmax(-1)
        assert not marks.unread
        scores[:, :2].softmax(-1)
        assert (marks.unread, marks.pending) == (True, (2, 3))
        marks.pending = None
        assert marks.unread


@given(SEEDS, HEADS, WIDTHS, DTYPES)
@quick
def test_heads_side_by_side_are_nothing_to_complain_of(seed: int, heads: int, d_head: int, dtype: torch.dtype) -> None:
    z = _marked_z(seed, heads, d_head, dtype)
    gate = torch.sigmoid(_random(seed + 1, N_POS, heads * d_head)).to(dtype)
    assert misplaced_heads(z, heads) is None
    assert misplaced_heads(z * gate, heads) is None
    z[:, :, :d_head] = 0  # a head that gives nothing
    assert misplaced_heads(z, heads) is None


@given(SEEDS, st.integers(2, 255), WIDTHS, DTYPES)
@quick
def test_heads_in_another_order_are_counted(seed: int, heads: int, d_head: int, dtype: torch.dtype) -> None:
    order = torch.randperm(heads, generator=torch.Generator().manual_seed(seed))
    moved = int((order != torch.arange(heads)).sum())
    assume(moved)
    z = _marked_z(seed, heads, d_head, dtype).unflatten(2, (heads, d_head))[:, :, order].flatten(2)
    message = f"{heads * d_head} numbers, {moved * d_head} of which do not belong to one head alone"
    assert misplaced_heads(z, heads) == message


def test_heads_that_are_interleaved_are_counted() -> None:
    z = _marked_z(0, 4, 4).unflatten(2, (4, 4)).transpose(2, 3).flatten(2)
    assert misplaced_heads(z, 4) == "16 numbers, 12 of which do not belong to one head alone"  # four on the diagonal


@given(SEEDS, st.integers(2, 40), st.integers(0, 39), st.integers(1, 39), st.floats(0.25, 0.75))
@quick
def test_a_mixture_of_two_heads_is_told(seed: int, heads: int, one: int, step: int, share: float) -> None:
    one, other = one % heads, (one + step) % heads
    assume(one != other)
    z = _marked_z(seed, heads, 4).unflatten(2, (heads, 4))
    sizes = z[0].square().sum(0).sqrt()  # of a size, so that neither drowns in the other
    z[:, :, one] = share * z[:, :, one] / sizes[one] + (1 - share) * z[:, :, other] / sizes[other]
    told = misplaced_heads(z.flatten(2), heads)
    assert told is not None
    assert told.startswith(f"{4 * heads} numbers, ") and told.endswith(" of which do not belong to one head alone")


def test_a_norm_over_all_heads_is_told() -> None:
    z = _marked_z(0, 4, 8)
    told = misplaced_heads(z / z.square().mean(-1, keepdim=True).sqrt(), 4)
    assert told == "32 numbers, 32 of which do not belong to one head alone"


@given(SEEDS, st.integers(1, 40), WIDTHS, st.integers(1, 3))
@quick
def test_columns_that_come_from_no_head_are_counted(seed: int, heads: int, d_head: int, more: int) -> None:
    z = _marked_z(seed, heads, d_head)
    strange = _random(seed + 1, 1, N_POS, more * heads).expand(ROWS, -1, -1)
    width = (d_head + more) * heads
    for columns in ([z, strange], [strange, z]):
        told = misplaced_heads(torch.cat(columns, dim=2), heads)
        assert told == f"{width} numbers, {more * heads} of which come from no head"


@pytest.mark.parametrize(("width", "told"), [(31, "31 numbers, not a multiple of 4 heads"), (32, None)])
def test_a_width_that_heads_do_not_divide_is_told(width: int, told: str | None) -> None:
    assert misplaced_heads(_marked_z(0, 4, 8)[:, :, :width], 4) == told


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_rows_differ_by_marks_and_not_by_rounding(flat: bool, dtype: torch.dtype) -> None:
    hidden = _random(0, 1, N_POS, 8).expand(ROWS, -1, -1).to(dtype)
    rounded = (hidden.double() * (1 + 1e-2 * _random(1, *hidden.shape))).to(dtype)
    marked = hidden.clone()
    marked[3, :, :4] *= 2
    shape = (ROWS * N_POS, 8) if flat else hidden.shape
    assert [rows_differ(each.reshape(shape)) for each in (hidden, rounded, marked)] == [False, False, True]


def test_rows_of_another_count_or_of_nothing_do_not_differ() -> None:
    assert rows_differ(_random(0, ROWS, 4))
    assert not rows_differ(_random(0, ROWS - 1, 4))
    assert not rows_differ(torch.zeros(ROWS, 4))


@pytest.mark.parametrize("damage", [torch.nan, torch.inf, -torch.inf])
def test_numbers_that_are_not_finite_hide_no_mark_and_make_none(damage: float) -> None:
    hidden = _random(0, 1, N_POS, 8).repeat(ROWS, 1, 1)
    hidden[:, 1, 2] = damage
    assert not rows_differ(hidden)
    hidden[4] *= 2
    assert rows_differ(hidden)
    z = _marked_z(0, 4, 8)
    z[:, 0, 9] = damage
    assert misplaced_heads(z, 4) is None  # damaged weights are told of later, by layer and head


def test_marks_are_taken_off() -> None:
    z = _marked_z(0, 4, 8)
    plain = unmarked(z)
    assert torch.equal(plain, z[:1].repeat(ROWS, 1, 1))
    assert plain.is_contiguous()
