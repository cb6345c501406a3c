"""Which attentions are found in a model, how they are numbered and connected, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import AutoModel

from pipeline.errors import PipelineError
from pipeline.models import LoadedModel, wrap_model
from tests.pipeline.zoo import tiny_body, tiny_config

Tiny = tuple[str, LoadedModel]
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48, "vocab_size": 64}
# Where the output projection is known to stand in a block; nothing but these tests goes by names.
PROJECTIONS = {
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "olmo2"), "self_attn.o_proj"),
    **dict.fromkeys(("cohere", "deepseek"), "self_attn.o_proj"),
    **dict.fromkeys(("bert", "roberta", "electra", "deberta", "deberta_v2"), "attention.output.dense"),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), "attn.c_proj"),
    **dict.fromkeys(("opt", "opt_narrow"), "self_attn.out_proj"),
    **dict.fromkeys(("bloom", "falcon"), "self_attention.dense"),
    **{"phi": "self_attn.dense", "gpt_neox": "attention.dense", "distilbert": "attention.out_lin"},
    **{"gptj": "attn.out_proj", "gpt_neo": "attn.attention.out_proj", "modernbert": "attn.Wo"},
}
FLOAT32_ALONE = {"deberta"}  # in transformers itself


def test_the_projection_found_is_the_one_that_the_architecture_is_known_to_have(tiny: Tiny) -> None:
    name, model = tiny
    assert all(f".{layer.name}".endswith(f".{PROJECTIONS[name]}") for layer in model.layers)


class _Scaled(torch.nn.Module):
    """Reads what a projection reads, and is no linear layer."""

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden * 2


@pytest.mark.parametrize(
    ("model_type", "settings", "message"),
    [
        ("mamba", {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 64}, "mamba shows no attention over "),
        # Half of what its projection reads are convolutions: the sum over "heads" would still come out right.
        (
            "convbert",
            SMALL,
            r"convbert: encoder\.layer\.0\.attention\.output\.dense reads 32 numbers, \d+ of which do not belong to",
        ),
    ],
)
def test_a_model_whose_heads_cannot_be_told_is_refused(
    body_of: Callable[..., Any], model_type: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(PipelineError, match=f"^mine: {message}"):
        wrap_model(body_of(model_type, settings), "mine")


@pytest.mark.parametrize(
    ("model_type", "message"),
    [
        (
            "bitnet",
            r"bitnet: layers\.0\.self_attn\.o_proj reads 32 numbers, 32 of which do not belong to one head",  # a norm
        ),
        ("xlm", r"xlm: attentions\.0 gives back its attention alone, so the residual stream around it is not known"),
        ("xlnet", "xlnet: no linear layer reads what an attention gives, so its heads cannot be told apart"),
        ("prophetnet", r"prophetnet: decoder\.layers\.0\.self_attn\.out_proj reads \(9, 1, 5, 32\), not \(batch, pos,"),
        ("rwkv", r"rwkv shows no attention over \(batch, heads, queries, keys\), so there is nothing to probe"),
    ],
)
def test_an_architecture_that_does_otherwise_is_refused_with_the_reason(model_type: str, message: str) -> None:
    with pytest.raises(PipelineError, match=f"^mine: {message}"):
        wrap_model(tiny_body(model_type), "mine")


def _told(model: LoadedModel) -> list[dict[str, Any]]:
    """What is known of the layers, apart from the modules themselves."""
    unshared = ("projection", "block")
    return [{name: value for name, value in vars(layer).items() if name not in unshared} for layer in model.layers]


@pytest.mark.parametrize("options", [{"attn_implementation": "eager"}, {"noise": 0.0}])
def test_the_heads_are_found_whatever_computes_them_and_whatever_the_weights(
    options: dict[str, Any], tiny: Tiny, body_of: Callable[..., Any]
) -> None:
    name, model = tiny
    assert _told(wrap_model(body_of(name, **options), name)) == _told(model)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("slug", sorted({*PROJECTIONS, "albert", "t5", "bart"} - FLOAT32_ALONE))
def test_the_heads_are_found_in_half_precision(
    slug: str, dtype: torch.dtype, model_of: Callable[[str], LoadedModel], body_of: Callable[..., Any]
) -> None:
    assert _told(wrap_model(body_of(slug, dtype=dtype), slug)) == _told(model_of(slug))


def test_layers_that_share_their_weights_are_told_apart_by_their_calls(model_of: Callable[[str], LoadedModel]) -> None:
    layers = model_of("albert").layers
    assert [(layer.layer, layer.call, layer.block_call, layer.leaving) for layer in layers] == [
        *((0, 0, 0, 1), (1, 1, 1, None)),
    ]
    assert {(layer.n_heads, layer.d_head, layer.attention) for layer in layers} == {(4, 8, "self")}
    assert layers[0].projection is layers[1].projection


@pytest.mark.parametrize(
    ("slug", "blocks"),
    [("t5", ("encoder.block", "decoder.block")), ("bart", ("encoder.layers", "decoder.layers"))],
)
def test_an_encoder_decoder_has_three_kinds_of_attention(
    slug: str, blocks: tuple[str, str], model_of: Callable[[str], LoadedModel]
) -> None:
    model = model_of(slug)
    assert [(layer.layer, layer.attention, layer.entering, layer.leaving) for layer in model.layers] == [
        (0, "encoder", 0, 1),
        (1, "encoder", 1, None),  # what leaves it enters no block of the decoder
        (2, "decoder", 2, 3),
        (3, "decoder", 3, None),
        (4, "cross", 2, 3),  # in the block of the decoder's self-attention
        (5, "cross", 3, None),
    ]
    assert {(layer.n_heads, layer.d_head, layer.d_model) for layer in model.layers} == {(4, 8, 32)}
    encoder, decoder = (list(model.body.get_submodule(name)) for name in blocks)
    assert [layer.block for layer in model.layers] == [*encoder, *decoder, *decoder]


def test_an_encoder_whose_attention_goes_unseen_is_not_left_out() -> None:
    """Its heads stand behind its positions, of which it makes 512; those of its decoder are as usual."""
    sizes = {"max_encoder_position_embeddings": 512, "max_decoder_position_embeddings": 512}
    with pytest.raises(PipelineError, match=r"^mine: led attends in more dimensions than heads \(up to 255\)"):
        _changed("led", attention_window=[512, 512], **sizes)


def _changed(model_type: str, **changes: Any) -> LoadedModel:
    """A tiny model whose config says something else in a few places."""
    config = tiny_config(model_type)
    for name, value in changes.items():
        setattr(config, name, value)
    return wrap_model(AutoModel.from_config(config), "mine")


def test_stacks_of_other_depths_and_heads_are_numbered_one_after_the_other() -> None:
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 8}
    model = _changed("bart", num_hidden_layers=3, encoder_layers=3, decoder_layers=1, **heads)
    assert [(layer.layer, layer.attention, layer.n_heads) for layer in model.layers] == [
        *((0, "encoder", 2), (1, "encoder", 2), (2, "encoder", 2), (3, "decoder", 8), (4, "cross", 8)),
    ]


@pytest.mark.parametrize("model_type", ["jamba", "qwen3_next", "lfm2"])
def test_a_hybrid_has_the_layers_of_the_blocks_that_attend(model_type: str) -> None:
    (layer,) = wrap_model(tiny_body(model_type), model_type).layers  # the other block mixes tokens in another way
    assert (layer.layer, layer.n_heads, layer.attention) == (1, 4, "self")
    assert layer.name.startswith("layers.1.self_attn.")


def test_a_deeper_hybrid_keeps_the_numbers_of_its_blocks() -> None:
    kinds = ["linear_attention", "full_attention"] + 2 * ["linear_attention"] + 2 * ["full_attention"]
    model = _changed("qwen3_next", num_hidden_layers=6, layer_types=kinds)
    assert [(layer.layer, layer.entering, layer.leaving) for layer in model.layers] == [
        *((1, 1, None), (4, 4, 5), (5, 5, None)),
    ]


def test_a_projection_of_an_unknown_kind_is_refused(body_of: Callable[..., Any]) -> None:
    body = body_of("bert")
    body.encoder.layer[1].attention.output.dense = _Scaled()
    message = (
        r"^mine: bert: encoder\.layer\.1\.intermediate\.dense reads 32 numbers, 32 of which do not belong to one head"
    )
    with pytest.raises(PipelineError, match=message):  # the next one that reads the heads, mixed up by a norm
        wrap_model(body, "mine")
    body.encoder.layer[1].intermediate.dense = _Scaled()
    body.encoder.layer[1].output.dense = body.pooler = None
    body.encoder.layer[1].output.forward = lambda hidden, _: hidden
    with pytest.raises(PipelineError, match=r"^mine: bert: no linear layer reads what an attention gives, so"):
        wrap_model(body, "mine")


def test_a_width_that_the_projection_does_not_read_is_refused(body_of: Callable[..., Any]) -> None:
    body = body_of("gpt2")
    body.h[0].attn.c_proj.weight = torch.nn.Parameter(torch.zeros(30, 32))
    with pytest.raises(PipelineError, match=r"^mine: gpt2 does not run on token ids alone \(RuntimeError: mat1"):
        wrap_model(body, "mine")
