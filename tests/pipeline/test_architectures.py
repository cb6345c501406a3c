"""Every text model type of the installed transformers: its heads are found and proved, or it is refused by name."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.heads import capture, narrows
from pipeline.layout import array_shapes, split_rows
from pipeline.models import LoadedModel, wrap_model
from pipeline.reader import Batch
from pipeline.recomposition import check_batching, check_recomposition, weight_by_head
from tests.pipeline import zoo

TOP = Path(__file__).parents[2]
NOT_BUILT = {  # transformers itself builds no body of these from their config
    "encoder-decoder": "Unrecognized configuration class",
    "trocr": "Unrecognized configuration class",
    "gemma4_assistant": "Unrecognized configuration class",
    "gemma4_unified_assistant": "Unrecognized configuration class",
    "musicgen": "'MusicgenConfig' object has no attribute 'dropout'",
    "musicgen_melody": "'MusicgenMelodyConfig' object has no attribute 'dropout'",
    "gemma3n": "timm",
}
NO_ATTENTION = "shows no attention over (batch, heads, queries, keys), so there is nothing to probe"
UNREAD = "no linear layer reads what an attention gives, so its heads cannot be told apart"
MIXED = "do not belong to one head alone, so its heads cannot be told apart"
NO_STREAM = "so the residual stream around it is not known"
POSITIONS = "so the one of a token is not known"
NOT_TEXT = "does not run on token ids alone"
SHAPE = "not (batch, pos, heads x d_head), so its heads cannot be told apart"
REFUSED = {
    **dict.fromkeys(("mamba", "mamba2", "falcon_mamba", "rwkv", "xlstm", "fnet"), NO_ATTENTION),
    **dict.fromkeys(("mra", "reformer", "yoso"), NO_ATTENTION),  # attention of another kind than softmax over keys
    **dict.fromkeys(("diffllama", "inkling2_text", "xlnet"), UNREAD),
    # A norm over all heads, a convolution joined to them, or local windows before the projection
    **dict.fromkeys(("bitnet", "convbert", "fsmt", "led", "longformer", "nystromformer"), MIXED),
    **dict.fromkeys(("gemma3n_text", "hy_v4", "mobilebert", "qwen4_exp", "qwen4_exp_text"), NO_STREAM),
    **dict.fromkeys(("flaubert", "xlm"), f"gives back its attention alone, {NO_STREAM}"),
    **dict.fromkeys(("blt", "cpmant", "funnel", "pegasus_x"), POSITIONS),
    **dict.fromkeys(("deepseek_v4", "ibert", "jetmoe", "prophetnet", "squeezebert"), SHAPE),
    **dict.fromkeys(("voxtral_realtime", "whisper"), NOT_TEXT),
    "axk2": "axk2 mixes texts or reads the padding",
    "longt5": "attends in more dimensions than heads (up to 255), queries and keys",
    "perceiver": "perceiver has no table of token embeddings",
}
AT_LEAST = {
    *("gpt2", "gpt_neo", "gpt_neox", "gptj", "opt", "bloom", "falcon", "phi", "phi3", "llama", "mistral", "mixtral"),
    *("qwen2", "qwen3", "qwen2_moe", "qwen3_moe", "gemma", "gemma2", "gemma3", "olmo", "olmo2", "granite", "cohere"),
    *("stablelm", "starcoder2", "mpt", "deepseek_v3", "gpt_oss", "smollm3", "bert", "roberta", "distilbert", "albert"),
    *("electra", "deberta-v2", "xlm-roberta", "modernbert", "t5", "bart", "qwen3_next", "jamba"),
}
TEXTS = [[13, 14, 15, 9, 12], [16, 15, 13], [15, 18, 19, 17, 19, 13, 12, 13, 18, 14, 16]]
READ = torch.tensor([2, 1, 7])


TYPES = zoo.model_types()
SUPPORTED = sorted(set(TYPES) - set(REFUSED) - set(NOT_BUILT))


def _proved(body: Any, source: str) -> LoadedModel:
    model = wrap_model(body, source)
    check_recomposition(model, source)
    check_batching(model, source)
    return model


@pytest.mark.parametrize("model_type", SUPPORTED)
def test_a_supported_model_is_read_right(model_type: str) -> None:
    model = _proved(zoo.tiny_body(model_type), model_type)
    rows = capture(model, Batch(TEXTS, torch.arange(3), READ, READ))
    arrays = split_rows(rows, array_shapes(model))
    for layer in model.layers:
        z = arrays[f"z/L{layer.layer:02d}"]
        assert weight_by_head(layer).shape == (layer.n_heads, layer.d_head, layer.d_model)
        assert z.shape == (3, layer.n_heads, layer.d_head)
        assert (z.flatten(2).abs().amax(-1) > 0).all()  # no head is silent
    if narrows(model):
        narrow = capture(model, Batch(TEXTS, torch.arange(3), READ, READ), narrow=True)
        torch.testing.assert_close(narrow, rows, rtol=1e-3, atol=1e-4 * rows.abs().max().item())


@pytest.mark.parametrize("model_type", sorted(REFUSED))
def test_any_other_model_is_refused_with_the_reason(model_type: str) -> None:
    body = zoo.tiny_body(model_type)
    with pytest.raises(PipelineError, match=f"^mine: .*{re.escape(REFUSED[model_type])}"):
        _proved(body, "mine")


@pytest.mark.parametrize("model_type", sorted(NOT_BUILT))
def test_what_transformers_does_not_build_is_no_gap_of_ours(model_type: str) -> None:
    with pytest.raises((ValueError, AttributeError, ImportError), match=re.escape(NOT_BUILT[model_type])):
        zoo.tiny_body(model_type)


def test_what_researchers_use_is_supported() -> None:
    assert set(SUPPORTED) >= AT_LEAST
    assert len(SUPPORTED) >= 60


def test_the_docs_list_the_supported_models() -> None:
    page = (TOP / "docs/models.md").read_text(encoding="utf-8")
    listed = re.search(r"<!-- supported -->\n(.*?)\n<!-- end -->", page, re.DOTALL)
    assert listed is not None
    expected = ", ".join(f"`{name}`" for name in SUPPORTED)
    assert " ".join(listed.group(1).split()) == expected, "write between the two comments: " + expected


def test_the_readme_says_how_many_there_are() -> None:
    told = re.search(r"^(\d+) model types of transformers work", (TOP / "README.md").read_text("utf-8"), re.MULTILINE)
    assert told is not None and int(told[1]) == len(SUPPORTED)
