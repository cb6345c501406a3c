"""Tiny models built from configs in code, and tokenizers built in code: nothing is downloaded."""

import copy
import functools
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast
from transformers.utils import logging

from pipeline.models import LoadedModel, wrap_model

SPECIAL = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "vocab_size": 320}
SIZES = SPECIAL | {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
SIZES |= {"max_position_embeddings": 32}
GROUPED = SIZES | {"num_key_value_heads": 2}
WIDE = GROUPED | {"head_dim": 12}  # heads wider than hidden_size / n_heads, as in Gemma and Qwen3
GPT = SPECIAL | {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 32, "n_inner": 48}
OPT = SIZES | {"ffn_dim": 48, "word_embed_proj_dim": 32}
LOW_RANK = {"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 6}
RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}

# slug -> model_type, config: one stack of 2 layers of 4 query heads each, and every way to project that is common
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", GPT),
    "gptj": ("gptj", GPT | {"rotary_dim": 4}),
    "gpt_neo": (
        "gpt_neo",
        SIZES | {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 4},
    ),
    "gpt_bigcode": ("gpt_bigcode", GPT),  # one key-value head, and a Linear where GPT-2 has a Conv1D
    "gpt_neox": ("gpt_neox", SIZES),
    "llama": ("llama", WIDE),
    "mistral": ("mistral", WIDE | {"sliding_window": 4}),
    "qwen2": ("qwen2", GROUPED),
    "qwen3": ("qwen3", WIDE),
    "gemma2": ("gemma2", WIDE),
    "gemma3": ("gemma3_text", WIDE),
    "phi": ("phi", SIZES),
    "phi3": ("phi3", GROUPED),
    "olmo2": ("olmo2", GROUPED),
    "cohere": ("cohere", GROUPED),
    "deepseek": ("deepseek_v3", SIZES | LOW_RANK | {"num_key_value_heads": 4, "first_k_dense_replace": 2}),
    "opt": ("opt", OPT),
    "opt_narrow": ("opt", OPT | {"word_embed_proj_dim": 24, "do_layer_norm_before": False}),  # as opt-350m
    "bloom": ("bloom", SPECIAL | {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "falcon": ("falcon", SIZES | {"ffn_hidden_size": 48, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "bert": ("bert", SIZES),
    "roberta": ("roberta", SIZES | {"pad_token_id": 1, "bos_token_id": 0}),
    "electra": ("electra", SIZES | {"embedding_size": 24}),  # as electra-small
    "deberta": ("deberta", SIZES | RELATIVE),
    "deberta_v2": ("deberta-v2", SIZES | RELATIVE | {"position_buckets": 8}),
    "distilbert": (
        "distilbert",
        SPECIAL | {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": 32},
    ),
    "modernbert": ("modernbert", SIZES | {"local_attention": 4, "global_attn_every_n_layers": 2}),
}

T5 = SPECIAL | {"d_model": 32, "num_layers": 2, "num_heads": 4, "d_kv": 8, "d_ff": 48, "decoder_start_token_id": 0}
BART = SPECIAL | {"d_model": 32, "decoder_start_token_id": 2, "max_position_embeddings": 32}
BART |= {f"{stack}_{name}": size for stack in ("encoder", "decoder") for name, size in (("layers", 2), ("ffn_dim", 48))}
BART |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4}

# and models of other shapes: layers that share their weights, an encoder with a decoder
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "albert": ("albert", SIZES | {"embedding_size": 24}),
    "t5": ("t5", T5),
    "bart": ("bart", BART),
}

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ("cat", "the", "##s", "##ing", "run", "un")


@pytest.fixture(scope="session", autouse=True)
def _quiet_and_quick() -> Iterator[None]:
    logging.disable_progress_bar()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are so small that sharing them out costs more than the work
    yield
    torch.set_num_threads(threads)


def build_body(model_type: str, settings: dict[str, Any], noise: float = 0.3, **options: Any) -> Any:
    """A model whose every weight, biases and norms too, is far from its usual start: nothing drops out as 0 or 1."""
    config = AutoConfig.for_model(model_type, **copy.deepcopy(settings))
    torch.manual_seed(0)
    body = AutoModel.from_config(config, **options).eval()
    with torch.no_grad():
        for weight in body.parameters():
            weight.add_(noise * torch.randn_like(weight))
    return body


@pytest.fixture(scope="session")
def body_of() -> Callable[..., Any]:
    """Return a new tiny transformers model by its slug in TINY or OTHERS, or by model type and settings."""

    def build(name: str, settings: dict[str, Any] | None = None, **options: Any) -> Any:
        model_type, own = (name, settings) if settings is not None else (TINY | OTHERS)[name]
        return build_body(model_type, own, **options)

    return build


@pytest.fixture(scope="session")
def model_of(body_of: Callable[..., Any]) -> Callable[[str], LoadedModel]:
    """Return a tiny model by slug; shared by the tests, so change none of it."""
    return functools.cache(lambda name: wrap_model(body_of(name), name))


@pytest.fixture(scope="session", params=TINY)
def tiny(request: pytest.FixtureRequest, model_of: Callable[[str], LoadedModel]) -> tuple[str, LoadedModel]:
    """Slug and model, for each architecture."""
    return request.param, model_of(request.param)


def wordpiece() -> Tokenizer:
    pieces = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def bert() -> Tokenizer:
    """Lower-cases, strips accents (Hangul falls apart into its letters) and takes every Chinese character alone."""
    alone = [*LETTERS, *unicodedata.normalize("NFD", "ß한"), *WORDS[:2]]
    pieces = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *alone, *(f"##{piece}" for piece in alone), "##ing", *"漢字"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def byte_level(*, prefix: bool = False, trim: bool | None = None) -> Tokenizer:
    """With a space put in front or not; a post-processor that trims offsets, or not, or none."""
    symbols = ["[PAD]", "[CLS]", "[SEP]", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("c", "a"), ("ca", "t"), ("Ġ", "cat"), ("Ġ", "Ġ")]
    vocabulary = {symbol: i for i, symbol in enumerate([*symbols, *(left + right for left, right in merges)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.decoder = decoders.ByteLevel()
    if trim is not None:
        tokenizer.post_processor = processors.ByteLevel(add_prefix_space=prefix, trim_offsets=trim)
    return tokenizer


def llama(*, legacy: bool = False) -> Tokenizer:
    """Bytes where a character is not in the vocabulary; legacy puts the word mark in front as a normalizer."""
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("c", "a"), ("ca", "t"), ("▁", "cat"), ("▁", "▁")]
    symbols = ["[PAD]", "[CLS]", "[SEP]", "<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁é", *LETTERS]
    vocabulary = {symbol: i for i, symbol in enumerate([*symbols, *(left + right for left, right in merges)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if legacy:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return tokenizer


def metaspace() -> Tokenizer:
    scores = {"[PAD]": 0.0, "[CLS]": 0.0, "[SEP]": 0.0, "<unk>": 0.0} | dict.fromkeys("▁éß漢字😀" + LETTERS, -9.0)
    scores |= dict.fromkeys(("▁the", "▁cat", "cat", "ing", "▁un"), -3.0)
    tokenizer = Tokenizer(models.Unigram(list(scores.items()), unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def nfkc() -> Tokenizer:
    """As T5 and XLM-R: compatibility characters are taken apart, accents composed, runs of blanks made one."""
    scores = {"[PAD]": 0.0, "[CLS]": 0.0, "[SEP]": 0.0, "<unk>": 0.0} | dict.fromkeys("▁é\u0301漢字12⁄" + LETTERS, -9.0)
    tokenizer = Tokenizer(models.Unigram([*scores.items(), ("▁cat", -3.0), ("cat", -3.0), ("▁the", -3.0)], unk_id=3))
    blanks = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), blanks])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    return tokenizer


def characters() -> Tokenizer:
    symbols = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *" éß漢字😀", *LETTERS]
    tokenizer = Tokenizer(models.WordLevel({symbol: i for i, symbol in enumerate(symbols)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return tokenizer


TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "wordpiece": wordpiece,
    "bert": bert,
    "byte_level": byte_level,
    "byte_level_untrimmed": functools.partial(byte_level, trim=False),
    "byte_level_trimmed": functools.partial(byte_level, trim=True),
    "byte_level_prefix": functools.partial(byte_level, prefix=True),
    "byte_level_prefix_untrimmed": functools.partial(byte_level, prefix=True, trim=False),
    "byte_level_prefix_trimmed": functools.partial(byte_level, prefix=True, trim=True),
    "metaspace": metaspace,
    "nfkc": nfkc,
    "llama": llama,
    "llama_legacy": functools.partial(llama, legacy=True),
    "characters": characters,
}


@pytest.fixture(scope="session")
def tokenizer_of() -> Callable[..., Any]:
    """Return a fast tokenizer by kind, with [CLS] and [SEP] put around the text, or not, or by a template."""

    @functools.cache
    def build(kind: str, *, specials: bool | str, limit: int | None = None) -> Any:
        tokenizer = TOKENIZERS[kind]()
        if specials:
            template = "[CLS] $A [SEP]" if specials is True else specials
            ids = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
            own = [tokenizer.post_processor] if tokenizer.post_processor else []
            around = processors.TemplateProcessing(single=template, special_tokens=ids)
            tokenizer.post_processor = processors.Sequence([*own, around])
        options = {"model_max_length": limit} if limit is not None else {}
        return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", **options)

    return build


@pytest.fixture(scope="session")
def model_folder(
    tmp_path_factory: pytest.TempPathFactory, body_of: Callable[..., Any], tokenizer_of: Callable[..., Any]
) -> Path:
    """A tiny BERT with a WordPiece tokenizer, saved as a folder; copy it before changing it."""
    folder = tmp_path_factory.mktemp("models") / "bert"
    body_of("bert").save_pretrained(folder)
    tokenizer_of("wordpiece", specials=True, limit=20).save_pretrained(folder)
    return folder
