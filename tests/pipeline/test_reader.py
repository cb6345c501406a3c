"""At which place of which tensor is read, for examples that share a text and for decoders, and what need not run."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.heads import capture, narrows
from pipeline.layout import array_shapes, split_rows
from pipeline.models import LoadedModel, wrap_model
from pipeline.reader import Batch
from tests.pipeline.zoo import tiny_body

Tiny = tuple[str, LoadedModel]
TEXTS = [[3, 14, 15, 9, 2], [6, 5, 3], [5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6]]
CLOSE = {"rtol": 1e-4, "atol": 1e-4}  # as in test_heads.py
OTHERS = ["albert", "t5", "bart"]
READ = [3, 0, 6]


@pytest.fixture(scope="module")
def hybrid() -> LoadedModel:
    return wrap_model(tiny_body("qwen3_next"), "qwen3_next")


def _batch(text: list[int], first: list[int], last: list[int], ids: Sequence[Sequence[int]] = TEXTS) -> Batch:
    return Batch(ids, torch.tensor(text), torch.tensor(first), torch.tensor(last))


def _arrays(model: LoadedModel, batch: Batch, **options: bool) -> dict[str, Tensor]:
    return split_rows(capture(model, batch, **options), array_shapes(model, untrained=options.get("untrained", False)))


def _alone(model: LoadedModel, ids: Sequence[int], first: int, last: int) -> dict[str, Tensor]:
    return _arrays(model, _batch([0], [first], [last], [ids]))


@pytest.mark.parametrize("slug", ["bert", "gpt2", *OTHERS])
@pytest.mark.parametrize("mean", [False, True])
def test_examples_of_one_text_read_what_each_reads_alone(
    slug: str, mean: bool, model_of: Callable[[str], LoadedModel]
) -> None:
    model = model_of(slug)
    text, last = [2, 0, 0, 1, 2, 2], [10, 0, 3, 2, 10, 4]
    first = [2, 0, 3, 1, 9, 0] if mean else last
    arrays = _arrays(model, _batch(text, first, last))
    assert {len(array) for array in arrays.values()} == {6}
    for row, number in enumerate(text):
        for name, values in _alone(model, TEXTS[number], first[row], last[row]).items():
            torch.testing.assert_close(arrays[name][row], values[0], **CLOSE)


@pytest.mark.parametrize("slug", OTHERS)
def test_nothing_depends_on_the_texts_beside(slug: str, model_of: Callable[[str], LoadedModel]) -> None:
    _independent(model_of(slug))


def test_nothing_depends_on_the_texts_beside_in_a_hybrid(hybrid: LoadedModel) -> None:
    _independent(hybrid)


def _independent(model: LoadedModel) -> None:
    together = _arrays(model, _batch([0, 1, 2], READ, READ))
    for row, ids in enumerate(TEXTS):
        for name, values in _alone(model, ids, READ[row], READ[row]).items():
            torch.testing.assert_close(together[name][row], values[0], **CLOSE)
            assert (together[name][row] - together[name][row - 1]).abs().max() > 1e-2  # and yet on the text


@pytest.mark.parametrize(("slug", "norm"), [("t5", "final_layer_norm"), ("bart", "")])
def test_both_streams_of_an_encoder_decoder_are_what_the_model_says(
    slug: str, norm: str, model_of: Callable[[str], LoadedModel]
) -> None:
    model, read = model_of(slug), 6
    arrays = _alone(model, TEXTS[2], read, read)
    ids = torch.tensor([TEXTS[2]])
    start = torch.tensor([[model.body.config.decoder_start_token_id]])
    with torch.inference_mode():
        told = model.body(ids, decoder_input_ids=torch.cat([start, ids], 1), output_hidden_states=True)
        for stack, shift, first, end in (("encoder", 0, 0, "L01_out"), ("decoder", 1, 2, "final")):
            hidden = [stream[:, read + shift] for stream in told[f"{stack}_hidden_states"]]
            torch.testing.assert_close(arrays[f"residual/L{first:02d}"], hidden[0], **CLOSE)
            torch.testing.assert_close(arrays[f"residual/L{first + 1:02d}"], hidden[1], **CLOSE)
            leave = model.body.get_submodule(f"{stack}.{norm}") if norm else nn.Identity()
            torch.testing.assert_close(leave(arrays[f"residual/{end}"]), hidden[2], **CLOSE)


@pytest.mark.parametrize("read", [0, 4])
def test_a_decoder_reads_the_token_itself_and_not_the_one_before(
    read: int, model_of: Callable[[str], LoadedModel]
) -> None:
    t5 = _alone(model_of("t5"), TEXTS[0], read, read)
    own = model_of("t5").body.shared.weight[TEXTS[0][read]]
    for name in ("embedding", "residual/L00", "residual/L02"):  # what enters either stack is the embedding alone
        assert torch.equal(t5[name][0], own)
    body = model_of("bart").body
    bart, decoder = _alone(model_of("bart"), TEXTS[0], read, read), body.decoder
    place = decoder.embed_positions.weight[read + 1 + 2]  # behind the start token; the table begins at its third row
    expected = decoder.layernorm_embedding(body.shared.weight[TEXTS[0][read]] + place)
    torch.testing.assert_close(bart["residual/L02"][0], expected, **CLOSE)


def test_z_of_all_three_kinds_of_attention_is_recomputed(model_of: Callable[[str], LoadedModel]) -> None:
    """From queries, keys and values as the model's own projections give them, head by head."""
    model, read = model_of("bart"), 6
    given: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _module, _args, output, name=name: given.update({name: output[0].double()}))
        for name, module in model.body.named_modules()
        if name.endswith(("q_proj", "k_proj", "v_proj"))
    ]
    arrays = _alone(model, TEXTS[2], read, read)
    for hook in hooks:
        hook.remove()
    for layer in model.layers:
        q, k, v = (given[layer.name.replace("out_proj", f"{part}_proj")] for part in "qkv")
        at = read if layer.attention == "encoder" else read + 1
        seen = slice(0, at + 1) if layer.attention == "decoder" else slice(None)  # what comes later is hidden
        for head in range(layer.n_heads):
            mine = slice(head * layer.d_head, (head + 1) * layer.d_head)
            weights = torch.softmax(k[seen, mine] @ q[at, mine] / layer.d_head**0.5, 0)
            z = arrays[f"z/L{layer.layer:02d}"][0, head].double()
            torch.testing.assert_close(z, weights @ v[seen, mine], **CLOSE)


def test_streams_between_calls_of_shared_layers_are_what_the_model_says(model_of: Callable[[str], LoadedModel]) -> None:
    model = model_of("albert")
    arrays = _alone(model, TEXTS[2], 6, 6)
    hidden = model.body(torch.tensor([TEXTS[2]]), output_hidden_states=True).hidden_states
    for name, expected in zip(("residual/L00", "residual/L01", "residual/final"), hidden, strict=True):
        torch.testing.assert_close(arrays[name], expected[:, 6], **CLOSE)


def test_of_a_hybrid_the_stream_around_the_attention_is_read(hybrid: LoadedModel) -> None:
    arrays = _alone(hybrid, TEXTS[2], 6, 6)
    told = hybrid.body(torch.tensor([TEXTS[2]]), output_hidden_states=True)
    torch.testing.assert_close(arrays["residual/L01"], told.hidden_states[1][:, 6], **CLOSE)
    final = hybrid.body.norm(arrays["residual/final"])
    torch.testing.assert_close(final, told.last_hidden_state[:, 6], **CLOSE)


def test_half_precision_is_read_as_float32(body_of: Callable[..., Any], model_of: Callable[[str], LoadedModel]) -> None:
    rows = capture(wrap_model(body_of("gpt2", dtype=torch.bfloat16), "half"), _batch([0, 1, 2], READ, READ))
    whole = capture(model_of("gpt2"), _batch([0, 1, 2], READ, READ))
    assert rows.dtype == torch.float32
    assert torch.equal(rows, rows.bfloat16().float())
    assert (rows - whole).norm() < 0.05 * whole.norm()  # three digits, in a few sums one after the other


def _check_narrow(model: LoadedModel) -> None:
    assert narrows(model)
    batch = _batch([0, 1, 2], READ, READ)
    narrow, whole = _arrays(model, batch, narrow=True), _arrays(model, batch)
    for name, values in whole.items():
        torch.testing.assert_close(narrow[name], values, **CLOSE)
        if name != "residual/final":
            assert torch.equal(narrow[name], values)


def test_leaving_out_the_tokens_that_are_not_read_changes_nothing(tiny: Tiny) -> None:
    _check_narrow(tiny[1])


@pytest.mark.parametrize("slug", OTHERS)
def test_leaving_out_tokens_changes_nothing_in_two_stacks_and_shared_layers(
    slug: str, model_of: Callable[[str], LoadedModel]
) -> None:
    _check_narrow(model_of(slug))


def test_leaving_out_tokens_changes_nothing_in_a_hybrid(hybrid: LoadedModel) -> None:
    _check_narrow(hybrid)
