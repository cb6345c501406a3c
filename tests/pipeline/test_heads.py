"""What is captured: z against attention recomputed from the weights, and what it must not depend on."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.heads import NotFiniteError, capture
from pipeline.layout import array_shapes, row_width, split_rows
from pipeline.models import LoadedModel, wrap_model
from pipeline.reader import Batch

Tiny = tuple[str, LoadedModel]
TEXTS = [[3, 14, 15, 9, 2], [6, 5, 3], [5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6]]
# float32 keeps 7 digits; a few layers of 32-wide sums of numbers of size 10 leave 5 to 6 of them.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
# Where the body ends in a norm, it is not part of the residual stream; the name it goes by.
FINAL_NORM = {
    **dict.fromkeys(("gpt2", "gptj", "gpt_neo", "gpt_bigcode", "bloom", "falcon"), "ln_f"),
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "olmo2", "cohere"), "norm"),
    **{"deepseek": "norm", "gpt_neox": "final_layer_norm", "phi": "final_layernorm", "modernbert": "final_norm"},
    **{"opt": "decoder.final_layer_norm", "opt_narrow": "decoder.project_out"},
}


def _batch(ids: Sequence[Sequence[int]], first: list[int], last: list[int]) -> Batch:
    """Texts that one example each reads."""
    return Batch(ids, torch.arange(len(ids)), torch.tensor(first), torch.tensor(last))


def _at(model: LoadedModel, ids: Sequence[Sequence[int]], first: list[int], last: list[int]) -> dict[str, Tensor]:
    return split_rows(capture(model, _batch(ids, first, last)), array_shapes(model))


def _ends(ids: Sequence[Sequence[int]]) -> list[int]:
    return [len(row) - 1 for row in ids]


def _hook_count(model: LoadedModel) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.body.modules())


def _linear(x: Tensor, module: Any) -> Tensor:
    weight = module.weight.double()
    y = x @ (weight if type(module).__name__ == "Conv1D" else weight.T)
    return y if module.bias is None else y + module.bias.double()


def _qkv_bert(model: LoadedModel, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    own = model.body.encoder.layer[layer].attention.self
    return _linear(x, own.query), _linear(x, own.key), _linear(x, own.value)


def _qkv_gpt2(model: LoadedModel, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    block = model.body.h[layer]
    centred = x - x.mean(-1, keepdim=True)
    normed = centred / torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + block.ln_1.eps)
    q, k, v = _linear(normed * block.ln_1.weight.double() + block.ln_1.bias.double(), block.attn.c_attn).split(32, -1)
    return q, k, v


def _qkv_llama(model: LoadedModel, layer: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    block, d_head = model.body.layers[layer], model.layers[layer].d_head
    normed = x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + model.body.config.rms_norm_eps)
    normed = normed * block.input_layernorm.weight.double()
    q, k, v = (
        _linear(normed, module) for module in (block.self_attn.q_proj, block.self_attn.k_proj, block.self_attn.v_proj)
    )
    return _rotated(q, d_head), _rotated(k, d_head), v


def _rotated(x: Tensor, d_head: int) -> Tensor:
    """Rotary positions, number by number: within a head, i and i + d_head/2 turn by position * 10000^(-2i/d_head)."""
    turned = x.clone()
    for position in range(x.shape[0]):
        for start in range(0, x.shape[1], d_head):
            for i in range(d_head // 2):
                angle = position * 10000.0 ** (-2 * i / d_head)
                a, b = x[position, start + i], x[position, start + i + d_head // 2]
                turned[position, start + i] = a * math.cos(angle) - b * math.sin(angle)
                turned[position, start + i + d_head // 2] = b * math.cos(angle) + a * math.sin(angle)
    return turned


def _attend(q: Tensor, k: Tensor, v: Tensor, position: int, d_head: int, *, causal: bool) -> Tensor:
    """One query after the other head by head, (n_heads, d_head); query heads share key and value heads in order."""
    n_heads, n_shared = q.shape[1] // d_head, k.shape[1] // d_head
    seen = slice(0, position + 1) if causal else slice(None)
    heads = []
    for head in range(n_heads):
        mine = slice(head * d_head, (head + 1) * d_head)
        shared = head // (n_heads // n_shared)
        theirs = slice(shared * d_head, (shared + 1) * d_head)
        weights = torch.softmax(k[seen, theirs] @ q[position, mine] / math.sqrt(d_head), 0)
        heads.append(weights @ v[seen, theirs])
    return torch.stack(heads)


@pytest.mark.parametrize(
    ("slug", "project", "causal"),
    [("bert", _qkv_bert, False), ("gpt2", _qkv_gpt2, True), ("llama", _qkv_llama, True)],
)
def test_z_is_attention_recomputed_from_the_weights(
    slug: str, project: Callable[..., Any], causal: bool, model_of: Callable[[str], LoadedModel]
) -> None:
    model = model_of(slug)
    read = [2, 1, 7]
    arrays = _at(model, TEXTS, read, read)
    for row, ids in enumerate(TEXTS):
        with torch.inference_mode():
            hidden = model.body(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
            for number, layer in enumerate(model.layers):
                q, k, v = project(model, number, hidden[number][0].double())
                expected = _attend(q, k, v, read[row], layer.d_head, causal=causal)
                torch.testing.assert_close(arrays[f"z/L{number:02d}"][row].double(), expected, **CLOSE)


def test_shapes_are_as_announced_and_float32(tiny: Tiny) -> None:
    _, model = tiny
    shapes = array_shapes(model)
    rows = capture(model, _batch(TEXTS, _ends(TEXTS), _ends(TEXTS)))
    assert (rows.dtype, rows.device.type, tuple(rows.shape)) == (torch.float32, "cpu", (3, row_width(shapes)))
    names = ["residual/L00", "z/L00", "residual/L01", "z/L01", "residual/final", "embedding"]
    assert list(shapes) == names  # in the order of the forward pass
    arrays = split_rows(rows, shapes)
    assert {name: tuple(array.shape) for name, array in arrays.items()} == {
        name: (3, *shape) for name, shape in shapes.items()
    }


def test_nothing_depends_on_the_batch(tiny: Tiny) -> None:
    _, model = tiny
    together = _at(model, TEXTS, [0, 1, 5], _ends(TEXTS))
    backwards = _at(model, TEXTS[::-1], [5, 1, 0], _ends(TEXTS[::-1]))
    for row, ids in enumerate(TEXTS):
        alone = _at(model, [ids], [[0, 1, 5][row]], [len(ids) - 1])
        for name, values in alone.items():
            torch.testing.assert_close(together[name][row], values[0], **CLOSE)
            torch.testing.assert_close(backwards[name][-1 - row], values[0], **CLOSE)


def test_z_does_depend_on_the_text_and_on_the_place(tiny: Tiny) -> None:
    _, model = tiny
    arrays = _at(model, [[3, 14, 15], [4, 14, 15], [14, 15, 15]], [2, 2, 1], [2, 2, 1])
    for number in range(2):
        z = arrays[f"z/L{number:02d}"]
        assert all((z[0] - z[other]).abs().max() > 1e-2 for other in (1, 2))


def test_the_residual_stream_is_what_the_model_says_it_is(tiny: Tiny) -> None:
    name, model = tiny
    ids, read = TEXTS[2], 6
    arrays = _at(model, [ids], [read], [read])
    with torch.inference_mode():
        output = model.body(input_ids=torch.tensor([ids]), output_hidden_states=True)
        norm = model.body.get_submodule(FINAL_NORM[name]) if name in FINAL_NORM else torch.nn.Identity()
        final = norm(arrays["residual/final"])
    for number in range(2):
        entering = arrays[f"residual/L{number:02d}"]
        torch.testing.assert_close(entering, output.hidden_states[number][:, read], **CLOSE)
    torch.testing.assert_close(final, output.last_hidden_state[:, read], **CLOSE)


def test_the_embedding_is_the_row_of_the_token_read(model_of: Callable[[str], LoadedModel]) -> None:
    for slug in ("bert", "gpt2", "llama", "electra"):
        model = model_of(slug)
        table = model.body.get_input_embeddings().weight
        read = [1, 0, 10]
        arrays = _at(model, TEXTS, read, read)
        expected = torch.stack([table[ids[at]] for ids, at in zip(TEXTS, read, strict=True)])
        assert torch.equal(arrays["embedding"], expected)


def test_one_token_is_read_exactly(model_of: Callable[[str], LoadedModel]) -> None:
    """Bit for bit what the projection was given: the mean over one token is no arithmetic."""
    model = model_of("gpt2")
    given: list[Tensor] = []
    hook = model.layers[1].projection.register_forward_pre_hook(lambda _module, args: given.append(args[0]))
    arrays = _at(model, TEXTS, [4, 0, 3], [4, 0, 3])
    hook.remove()
    expected = torch.stack([given[0][row, at] for row, at in enumerate([4, 0, 3])])
    assert torch.equal(arrays["z/L01"].flatten(1), expected)


def test_the_mean_is_over_the_tokens_from_first_to_last(model_of: Callable[[str], LoadedModel]) -> None:
    model = model_of("bert")
    first, last = [1, 0, 2], [3, 1, 9]
    means = _at(model, TEXTS, first, last)
    for row, ids in enumerate(TEXTS):
        tokens = list(range(first[row], last[row] + 1))
        single = _at(model, [ids] * len(tokens), tokens, tokens)
        for name, values in single.items():
            torch.testing.assert_close(means[name][row], values.mean(0), **CLOSE)


def test_hooks_are_gone_afterwards(tiny: Tiny) -> None:
    _, model = tiny
    before = _hook_count(model)
    during: list[int] = []
    own = model.layers[0].projection.register_forward_pre_hook(lambda *_: during.append(_hook_count(model)))
    _at(model, TEXTS, _ends(TEXTS), _ends(TEXTS))
    own.remove()
    assert during == [before + 1 + 5]  # two for each of the two layers, one for the end
    assert _hook_count(model) == before


def test_hooks_are_gone_after_an_error(model_of: Callable[[str], LoadedModel]) -> None:
    model = model_of("gpt2")
    before = _hook_count(model)
    with pytest.raises(IndexError):
        _at(model, [[100_000]], [0], [0])  # no such token
    assert _hook_count(model) == before


def test_of_an_untrained_twin_z_alone_is_kept_under_other_names(tiny: Tiny) -> None:
    _, model = tiny
    batch, shapes = _batch(TEXTS, _ends(TEXTS), _ends(TEXTS)), array_shapes(model, untrained=True)
    whole = split_rows(capture(model, batch), array_shapes(model))
    rows = capture(model, batch, untrained=True)
    assert tuple(rows.shape) == (3, row_width(shapes))
    arrays = split_rows(rows, shapes)
    assert list(arrays) == ["untrained/L00", "untrained/L01"]
    heads = [(layer.n_heads, layer.d_head) for layer in model.layers]
    assert [tuple(array.shape[1:]) for array in arrays.values()] == heads
    assert all(torch.equal(arrays[f"untrained/L0{layer}"], whole[f"z/L0{layer}"]) for layer in range(2))
    assert not {name for name in whole if name.startswith("untrained")}


NOT_FINITE = "not a finite number in the activations; the weights may be damaged"


@pytest.mark.parametrize("damage", [math.nan, math.inf])
@pytest.mark.parametrize(("row", "head"), [(0, 0), (12, 2)])  # two heads read what 12 rows give; the first is named
def test_activations_that_are_not_finite_are_refused_by_layer_and_head(
    damage: float, row: int, head: int, body_of: Callable[..., Any]
) -> None:
    body, place = body_of("llama"), f"layer 1, head {head}"
    with torch.no_grad():
        body.layers[1].self_attn.v_proj.weight[row] = damage
    model = wrap_model(body, "mine")
    with pytest.raises(NotFiniteError, match=f"^{place}, row 0 of the batch: {NOT_FINITE}"):
        _at(model, TEXTS, _ends(TEXTS), _ends(TEXTS))
    with pytest.raises(NotFiniteError, match=f"^untrained twin, {place}, row 0 of the batch: .*another `extract.seed`"):
        capture(model, _batch(TEXTS, [0] * 3, [0] * 3), untrained=True)


@pytest.mark.parametrize(
    ("read", "place"),
    [(1, "residual stream entering layer 0"), (2, "layer 0, head 0")],  # at the damaged token, and after it
)
def test_the_first_text_with_a_number_that_is_not_finite_is_named(
    read: int, place: str, body_of: Callable[..., Any]
) -> None:
    body = body_of("gpt2")
    with torch.no_grad():
        body.wte.weight[14] = math.nan  # the second token of the first text, and in no other
    model = wrap_model(body, "mine")
    assert all(array.isfinite().all() for array in _at(model, TEXTS[1:], [read, read], [read, read]).values())
    with pytest.raises(NotFiniteError, match=f"^{place}, row 2 of the batch: {NOT_FINITE}") as caught:
        _at(model, TEXTS[::-1], [read] * 3, [read] * 3)
    assert caught.value.row == 2
    assert str(caught.value.of_example("e7")).startswith(f"{place}, example e7: {NOT_FINITE}")
