"""Which arrays are kept of a model, and how they lie in one row."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.layout import Shapes, array_shapes, row_width, split_rows, streams_entering, streams_leaving
from pipeline.models import LoadedModel, wrap_model
from tests.pipeline.toy import D_MODEL, Attention, Block, toy_body
from tests.pipeline.zoo import tiny_body

HEADS, STREAM = (4, 8), (32,)
SHAPES = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple), min_size=1, max_size=6)


def test_arrays_stand_in_the_order_of_the_forward_pass(model_of: Callable[[str], LoadedModel]) -> None:
    assert list(array_shapes(model_of("bert")).items()) == [
        *(("residual/L00", STREAM), ("z/L00", HEADS), ("residual/L01", STREAM), ("z/L01", HEADS)),
        *(("residual/final", STREAM), ("embedding", STREAM)),
    ]
    untrained = array_shapes(model_of("bert"), untrained=True)
    assert list(untrained.items()) == [("untrained/L00", HEADS), ("untrained/L01", HEADS)]


def test_of_an_encoder_decoder_every_stream_is_kept_once(model_of: Callable[[str], LoadedModel]) -> None:
    model = model_of("t5")
    assert list(array_shapes(model).items()) == [
        *(("residual/L00", STREAM), ("z/L00", HEADS), ("residual/L01", STREAM), ("z/L01", HEADS)),
        *(("residual/L02", STREAM), ("z/L02", HEADS), ("residual/L03", STREAM), ("z/L03", HEADS)),
        *(("z/L04", HEADS), ("z/L05", HEADS)),  # in the blocks of the decoder
        *(("residual/L01_out", STREAM), ("residual/final", STREAM), ("embedding", STREAM)),
    ]
    entering = ["residual/L00", "residual/L01", "residual/L02", "residual/L03", "residual/L02", "residual/L03"]
    leaving = ["residual/L01", "residual/L01_out", "residual/L03", "residual/final", "residual/L03", "residual/final"]
    assert (streams_entering(model), streams_leaving(model)) == (entering, leaving)


def test_layers_that_share_their_weights_have_arrays_of_their_own(model_of: Callable[[str], LoadedModel]) -> None:
    shapes = array_shapes(model_of("albert"))
    assert list(shapes) == ["residual/L00", "z/L00", "residual/L01", "z/L01", "residual/final", "embedding"]
    assert shapes["embedding"] == (24,)  # narrower than the stream


def test_a_hybrid_keeps_the_streams_around_its_attention() -> None:
    model = wrap_model(tiny_body("qwen3_next"), "qwen3_next")
    assert list(array_shapes(model)) == ["residual/L01", "z/L01", "residual/final", "embedding"]
    blocks = (Block(), Block(Attention(2, 3)), Block(), Block(Attention(6, 2)), Block(Attention()), Block())
    model = wrap_model(toy_body(*blocks), "toy")
    assert list(array_shapes(model).items()) == [
        *(("residual/L01", (D_MODEL,)), ("z/L01", (2, 3)), ("residual/L03", (D_MODEL,)), ("z/L03", (6, 2))),
        *(("residual/L04", (D_MODEL,)), ("z/L04", (3, 4))),
        *(("residual/L01_out", (D_MODEL,)), ("residual/final", (D_MODEL,)), ("embedding", (D_MODEL,))),
    ]
    assert streams_leaving(model) == ["residual/L01_out", "residual/L04", "residual/final"]


@pytest.mark.parametrize(("slug", "width"), [("electra", 24), ("opt_narrow", 24), ("bert", 32)])
def test_the_embedding_has_its_own_width(slug: str, width: int, model_of: Callable[[str], LoadedModel]) -> None:
    assert array_shapes(model_of(slug))["embedding"] == (width,)


@given(SHAPES, st.integers(0, 4))
def test_rows_are_the_arrays_side_by_side(shapes: list[tuple[int, ...]], n_rows: int) -> None:
    named: Shapes = {f"a{number}": shape for number, shape in enumerate(shapes)}
    rows = torch.arange(n_rows * row_width(named)).reshape(n_rows, -1) if n_rows else torch.empty(0, row_width(named))
    arrays = split_rows(rows, named)
    assert {name: tuple(array.shape) for name, array in arrays.items()} == {
        name: (n_rows, *shape) for name, shape in named.items()
    }
    assert row_width(named) == sum(math.prod(shape) for shape in shapes)
    for row in range(n_rows):
        joined = [number for name in named for number in arrays[name][row].flatten().tolist()]
        assert joined == rows[row].tolist()


def test_what_is_written_into_an_array_stands_in_the_row() -> None:
    rows = torch.zeros(2, 7)
    split_rows(rows, {"a": (3,), "b": (2, 2)})["b"][1, 0, 1] = 5
    assert rows.tolist() == [[0] * 7, [0, 0, 0, 0, 5, 0, 0]]


@pytest.mark.parametrize("width", [6, 8])
def test_rows_of_another_width_are_refused(width: int) -> None:
    with pytest.raises(RuntimeError, match="split_with_sizes"):
        split_rows(torch.zeros(2, width), {"a": (3,), "b": (2, 2)})
