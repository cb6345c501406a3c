"""How a model is called, and where the residual stream stands in what its blocks are given and give back."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from pipeline.forward import input_device, is_linear, model_inputs, out_width, stream_in, stream_out, trial_ids
from tests.pipeline.toy import Attention, Block, toy_body

IDS, MASK = torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
STREAM, OTHER = torch.zeros(2, 3, 4), torch.ones(1)


def test_a_model_of_one_stack_reads_ids_and_mask() -> None:
    inputs = model_inputs(SimpleNamespace(is_encoder_decoder=False, bos_token_id=1), IDS, MASK)
    assert {name: value.tolist() for name, value in inputs.items()} == {
        "input_ids": IDS.tolist(),
        "attention_mask": MASK.tolist(),
    }


@pytest.mark.parametrize(
    ("tokens", "start"),
    [
        ({"decoder_start_token_id": 3, "bos_token_id": 1, "pad_token_id": 2}, 3),
        ({"decoder_start_token_id": 0, "bos_token_id": 1}, 0),
        ({"decoder_start_token_id": None, "bos_token_id": 1, "pad_token_id": 2}, 1),
        ({"bos_token_id": None, "pad_token_id": 2}, 2),
        ({"bos_token_id": [1, 2]}, 0),
        ({}, 0),
    ],
)
def test_a_decoder_reads_the_text_behind_its_start_token(tokens: dict[str, Any], start: int) -> None:
    inputs = model_inputs(SimpleNamespace(is_encoder_decoder=True, **tokens), IDS, MASK)
    assert (inputs["input_ids"].tolist(), inputs["attention_mask"].tolist()) == (IDS.tolist(), MASK.tolist())
    assert inputs["decoder_input_ids"].tolist() == [[start, 5, 6, 7], [start, 8, 9, 0]]
    assert inputs["decoder_attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


@pytest.mark.parametrize("vocabulary", [3, 50, 1000])
def test_all_rows_of_a_trial_hold_the_same_tokens_of_the_vocabulary(vocabulary: int) -> None:
    ids = trial_ids(toy_body(Block(), vocabulary=vocabulary), 4, 6)
    assert (ids.shape, ids.dtype) == ((4, 6), torch.int64)
    assert (ids == ids[0]).all()
    assert (ids.min() >= 0) and (ids.max() < vocabulary)
    assert len(ids[0].unique()) == min(6, vocabulary)


@pytest.mark.parametrize(("place", "expected"), [("cpu", "cpu"), ("meta", "cpu")])
def test_ids_go_where_the_embeddings_are_or_will_be(place: str, expected: str) -> None:
    assert input_device(toy_body(Block()).to(place)) == torch.device(expected)


@pytest.mark.parametrize(
    ("args", "kwargs", "found"),
    [
        ((STREAM, OTHER), {}, STREAM),
        ((STREAM,), {"hidden_states": OTHER}, STREAM),
        ((), {"hidden_states": STREAM, "mask": OTHER}, STREAM),
        ((), {"x": STREAM}, None),
        (((STREAM, OTHER),), {}, None),
        ((None,), {"hidden_states": STREAM}, None),
    ],
)
def test_the_stream_is_the_first_thing_given(args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> None:
    assert stream_in(args, kwargs) is found


@pytest.mark.parametrize(
    ("output", "found"),
    [
        *((STREAM, STREAM), ((STREAM, OTHER), STREAM), ([STREAM], STREAM), ((STREAM,), STREAM)),
        *(((), None), ([], None), (None, None), ((None, STREAM), None), ({"x": STREAM}, None)),
    ],
)
def test_the_stream_is_the_first_thing_given_back(output: Any, found: Any) -> None:
    assert stream_out(output) is found


@pytest.mark.parametrize(
    ("build", "width"), [(lambda: nn.Linear(3, 5), 5), (lambda: Conv1D(5, 3), 5), (lambda: nn.Linear(5, 3, False), 3)]
)
def test_linear_layers_are_known_with_what_they_write(build: Callable[[], nn.Module], width: int) -> None:
    assert is_linear(build())
    assert out_width(build()) == width


@pytest.mark.parametrize("module", [nn.Bilinear(3, 3, 3), nn.Conv1d(3, 3, 1), nn.Identity(), Attention()])
def test_other_layers_are_not_linear(module: nn.Module) -> None:
    assert not is_linear(module)
