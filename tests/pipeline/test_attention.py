"""Which attentions are found in a model, how they are numbered and connected, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.models import LoadedModel, wrap_model

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


def test_models_with_shared_weights_or_two_stacks_have_all_their_heads(model_of: Callable[[str], LoadedModel]) -> None:
    for slug, count in (("albert", 2), ("t5", 6), ("bart", 6)):
        heads = [(layer.layer, layer.n_heads, layer.d_head) for layer in model_of(slug).layers]
        assert heads == [(number, 4, 8) for number in range(count)]


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
