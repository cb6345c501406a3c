"""A tiny body with random weights for every text model type that transformers lists: nothing is downloaded.

A generic rule shrinks the fields that configs share; OVERRIDES holds what is particular to a model type.
"""

import contextlib
import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging

WIDTH = ("hidden_size", "d_model", "n_embd", "dim", "emb_dim")
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers")
LAYERS += ("num_encoder_layers", "num_decoder_layers")
HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads", "decoder_attention_heads")
HEADS += ("num_encoder_attention_heads", "num_decoder_attention_heads", "attention_heads")
INNER = ("intermediate_size", "ffn_dim", "d_ff", "d_inner", "encoder_ffn_dim", "decoder_ffn_dim", "n_inner", "dff")
INNER += ("ffn_hidden_size", "hidden_dim", "dim_ff", "dense_intermediate_size", "intermediate_size_mlp")
EXPERT_INNER = ("moe_intermediate_size", "shared_expert_intermediate_size", "shared_intermediate_size")
EXPERT_INNER += ("shared_experts_intermediate_size", "expert_ffn_hidden_size", "moe_shared_expert_intermediate_size")
POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "original_max_position_embeddings")
POSITIONS += ("max_encoder_position_embeddings", "max_decoder_position_embeddings", "context_length")
HEAD_WIDTH = ("head_dim", "d_kv", "d_head", "swa_head_dim", "global_head_dim", "attention_head_size", "kv_channels")
EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts")
SHARED = ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts")
SINGLE = ("n_group", "topk_group", "num_expert_group", "first_k_dense_replace", "depth", "num_nextn_predict_layers")
BIASES = (
    "attention_bias",
    "mlp_bias",
    "use_bias",
    "bias",
    "qkv_bias",
    "use_qkv_bias",
    "attention_out_bias",
    "conv_bias",
)
BIASES += ("projectors_bias", "mamba_proj_bias", "mamba_conv_bias", "use_conv_bias", "add_bias_linear", "norm_bias")
BIASES += ("classifier_bias", "decoder_bias", "enable_bias", "layer_norm_elementwise_affine")

# what a field of this name becomes in any config
SIZES: dict[str, Any] = {
    **dict.fromkeys(WIDTH, 32),
    **dict.fromkeys(LAYERS, 2),
    **dict.fromkeys(HEADS, 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "swa_num_key_value_heads"), 2),
    **dict.fromkeys(INNER, 48),
    **dict.fromkeys(EXPERT_INNER, 16),
    **dict.fromkeys(POSITIONS, 64),
    **dict.fromkeys(HEAD_WIDTH, 12),  # wider than hidden_size / n_heads
    **dict.fromkeys(EXPERTS, 4),
    **dict.fromkeys(CHOSEN, 2),
    **dict.fromkeys(SHARED, 1),
    **dict.fromkeys(SINGLE, 1),
    **dict.fromkeys(BIASES, True),
    "vocab_size": 320,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "decoder_start_token_id": 2,
    "embedding_size": 24,
    "sliding_window": 3,
    **{"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 6},
    **{"index_head_dim": 8, "index_n_heads": 2, "index_topk": 2},
    **{"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 6},
    **{"mamba_d_state": 8, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_expand": 2, "mamba_chunk_size": 4},
    **{"hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 320, "hidden_size_global": 32},
    **{"out_hidden_size": 32, "output_dim": 32, "mlp_dim": 48, "num_position_embeddings": 16},
    **{"feed_forward_size": 48, "local_attention": 4, "encoder_hidden_size": 32, "num_centroids": 4},
    **{"image_size": 28, "patch_size": 14, "num_mel_bins": 8, "max_source_positions": 8},
}
MARKER = 319  # the id of every other special token, such as an image's

PATTERNS = ("layer_types", "layers_block_type", "block_types")  # the field that says what each layer is
MLP_PATTERN = "mlp_layer_types"
ROPE = {"rope_type": "default", "rope_theta": 10000.0}
PLAIN_ROPE = {"rope_parameters": ROPE}  # where the usual one is stretched to more positions than there are here
RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}
GLOBAL_HEADS = {"global_head_dim": 16}  # wider than the heads of the sliding layers
SLIDING_HEADS = {"swa_num_attention_heads": 4, "rel_extent": 8, "d_rel": 4, "sliding_window_size": 3}
SPEECH = {
    **dict.fromkeys(("speech_encoder_layers", "t2u_encoder_layers", "t2u_decoder_layers", "num_adapter_layers"), 1),
    **dict.fromkeys(
        ("speech_encoder_attention_heads", "t2u_encoder_attention_heads", "t2u_decoder_attention_heads"), 4
    ),
    **dict.fromkeys(("speech_encoder_intermediate_size", "t2u_encoder_ffn_dim", "t2u_decoder_ffn_dim"), 48),
    **dict.fromkeys(("t2u_vocab_size", "char_vocab_size", "unit_hifi_gan_vocab_size"), 320),
    **dict.fromkeys(("unit_embed_dim", "lang_embed_dim", "spkr_embed_dim", "feature_projection_input_dim"), 8),
    **dict.fromkeys(("t2u_variance_predictor_embed_dim", "t2u_variance_predictor_hidden_dim"), 32),
    **{"t2u_max_position_embeddings": 64, "vocoder_num_langs": 2, "vocoder_num_spkrs": 2},
    **{"upsample_initial_channel": 32, "num_conv_pos_embedding_groups": 4},
}

# fields for which the generic rule does not fit, by the model type of the config or of a config inside it
OVERRIDES: dict[str, dict[str, Any]] = {
    "apertus": PLAIN_ROPE,
    "bamba": {"attn_layer_indices": [1]},
    "blt": {"use_cache": False, "local_attention_window_len": 3, "encoder_hash_byte_group_vocab": 16},
    "codegen": {"rotary_dim": 4},
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": {**ROPE, "mrope_section": [2, 1, 1]}},
    },
    "cpmant": {"dim_head": 12, "prompt_types": 4, "segment_types": 4, "prompt_length": 4},
    "cwm": PLAIN_ROPE,
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 16, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deberta": RELATIVE,
    "deberta-v2": RELATIVE | {"position_buckets": 8},
    "deepseek_v4": {"num_key_value_heads": 1, "o_groups": 2, "o_lora_rank": 8, "hc_mult": 2},
    "dots3_note_text": {
        "head_dim": 8,
        **{"swa_num_attention_heads": 2, "swa_num_key_value_heads": 2, "swa_q_lora_rank": 8, "swa_kv_lora_rank": 8},
        **{"swa_head_dim": 12, "swa_qk_nope_head_dim": 8, "swa_v_head_dim": 6},
    },
    "dots3_note_audio_encoder": {"downsample_hidden_size": 4, "adapter_input_size": 32, "adapter_out_dim": 32},
    "dots3_note_vision_encoder": {"adapter_in_dim": 32, "adapter_out_dim": 32, "mlp_bias": False},
    "emu3": {"vocabulary_map": {"<image>": MARKER}},
    "emu3_vqgan": {"codebook_size": 16, "base_channels": 32, "channel_multiplier": [1], "num_res_blocks": 1},
    "esmc": {"num_key_value_heads": 4, "head_dim": 8},
    "falcon": {"new_decoder_architecture": True},
    "falcon_h1": {"mamba_d_ssm": 64},
    "fsmt": {"src_vocab_size": 320, "tgt_vocab_size": 320},
    "funnel": {"architectures": ["FunnelModel"], "block_sizes": [1, 1]},
    "gemma3n_text": {
        **{"num_hidden_layers": 4, "num_kv_shared_layers": 2, "laurel_rank": 4, "altup_num_inputs": 2},
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    },
    "gemma4_assistant": {"text_config": {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0}},
    "gemma4_text": GLOBAL_HEADS,
    "gemma4_unified_text": GLOBAL_HEADS,
    "got_ocr2_vision": {"output_channels": 4, "global_attn_indexes": [1], "window_size": 2},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "window_size": 3},
    "gpt_oss": PLAIN_ROPE,
    "gptj": {"rotary_dim": 4},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"]},
    "helium": {"head_dim": 8},  # its projection only fits heads that make up the width
    "inkling2_text": SLIDING_HEADS | {"unpadded_vocab_size": 320},
    "inkling_text": SLIDING_HEADS,
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "num_experts": 2},
    "kimi_linear": {"linear_head_dim": 8, "linear_num_heads": 4},
    "laguna": {
        "num_attention_heads_per_layer": [4, 2],
        "layer_types": ["full_attention", "sliding_attention"],
    },
    "layoutlm": {"max_2d_position_embeddings": 64},
    "led": {"attention_window": 4},
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1},
    "llama4_text": {"attention_chunk_size": 3},
    "llama4_vision_model": {"vision_output_dim": 32, "projector_input_dim": 32, "projector_output_dim": 32},
    "longcat_flash": {"head_dim": 4, "zero_expert_num": 1},
    "longformer": {"attention_window": 4},
    "luke": {"entity_vocab_size": 8, "entity_emb_size": 8},
    "mamba2": {"head_dim": 16, "n_groups": 1, "state_size": 8, "chunk_size": 4},
    "ministral3": {
        "rope_parameters": {
            **{"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16},
            **{"llama_4_scaling_beta": 0.1},
        },
    },
    "mllama_text_model": {"num_hidden_layers": 3, "cross_attention_layers": [1]},
    "mllama_vision_model": {"vision_output_dim": 96, "intermediate_layers_indices": [0, 1], "num_global_layers": 1},
    "mobilebert": {"intra_bottleneck_size": 16},
    "nemotron_h": {
        **{"ssm_state_size": 8, "mamba_num_heads": 4, "mamba_head_dim": 16, "n_groups": 1, "chunk_size": 4},
    },
    "nemo_speechlm": {"text_config": {"hybrid_override_pattern": "ME*-"}},
    "nemotron3_diarization": {"head_config": {"audio_hidden_size": 32}},
    "neomme": {"head_dim": 16, "embedding_rank": 16},
    "perceiver": {"num_latents": 4, "d_latents": 32},
    "phi4_multimodal_audio": {
        **{"num_blocks": 1, "ext_pw_out_channel": 32, "depthwise_separable_out_channel": 32, "nemo_conv_channels": 8},
    },
    "qwen3_asr_encoder": {"downsample_hidden_size": 4},
    "qwen4_exp_text": {
        **{"indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 12, "indexer_budget": 2},
        **{"indexer_compress_ratio": 1, "hc_lowrank": 8, "hc_count": 2},
    },
    "recurrent_gemma": {"attention_window_size": 3},
    "reformer": {
        **{"attn_layers": ["local", "lsh"], "axial_pos_shape": [8, 8], "axial_pos_embds_dim": [8, 24]},
        **{"local_attn_chunk_length": 2, "lsh_attn_chunk_length": 2, "num_buckets": 2, "hash_seed": 0},
    },
    "rembert": {"input_embedding_size": 24},
    "roc_bert": {
        **{"pronunciation_vocab_size": 320, "pronunciation_embed_dim": 8},
        **{"shape_vocab_size": 320, "shape_embed_dim": 8},
    },
    "seamless_m4t": SPEECH,
    "seamless_m4t_v2": SPEECH,
    "smollm3": {"no_rope_layers": [1, 0]},
    "squeezebert": {"embedding_size": 32},
    "vibevoice_acoustic_tokenizer_encoder": {"num_filters": 2, "depths": [1, 1], "downsampling_ratios": [2]},
    "xlnet": {"d_head": 8},  # as its check demands
    "xlstm": {"hidden_size": 64, "qk_dim_factor": 1.0},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"num_hidden_layers": 3, "layers_block_type": ["linear_attention", "hybrid", "hybrid"]},
    "zamba2": {"num_hidden_layers": 3, "layers_block_type": ["linear_attention", "hybrid", "hybrid"]},
    "zaya": {"num_experts_per_tok": 1, "router_hidden_size": 16},
}


def model_types() -> list[str]:
    """Every model type that transformers lists as a causal, a masked or an encoder-decoder language model."""
    mappings = (
        modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    )
    return sorted({model_type for mapping in mappings for model_type in mapping})


def _outside(token: Any) -> bool:
    """Whether the usual id of a special token is beyond the small vocabulary."""
    return isinstance(token, int) and token >= SIZES["vocab_size"]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No remark of transformers on its own usual configs while they are made."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _sub_configs(config_class: type[PretrainedConfig], own: dict[str, Any]) -> dict[str, PretrainedConfig]:
    """The configs inside a config, each as small as the config itself."""
    small = {}
    for name, spec in config_class.sub_configs_defaults.items():
        if not spec.optional:
            sub_class = spec.get_config_class(spec.model_type) if spec.config_class is AutoConfig else spec.config_class
            small[name] = sub_class(**(spec.init_kwargs | _settings(sub_class) | own.get(name, {})))
    return small


def _pattern(config: PretrainedConfig, name: str) -> list[str]:
    """The kinds of layer that a config of the usual size has, each once."""
    return list(dict.fromkeys(getattr(config, name, None) or ()))


def _layers(config_class: type[PretrainedConfig], names: set[str]) -> dict[str, Any]:
    """As few layers as hold each kind of layer that the usual config has, but two at least."""
    patterns = [name for name in (*PATTERNS, MLP_PATTERN) if name in names]
    with _quiet():
        config = config_class() if patterns else None
    kinds = {name: _pattern(config, name) for name in patterns}
    kinds = {name: pattern for name, pattern in kinds.items() if pattern}
    depth = max([2, *(len(pattern) for pattern in kinds.values())])
    counts = dict.fromkeys(names & set(LAYERS), depth) if kinds else {}
    return counts | {name: (pattern * depth)[:depth] for name, pattern in kinds.items()}


def _settings(config_class: type[PretrainedConfig]) -> dict[str, Any]:
    """What to give to a config class so that its model is tiny."""
    settings: dict[str, Any] = {}
    fields = dataclasses.fields(config_class)
    for field in fields:
        if field.name in SIZES:
            settings[field.name] = SIZES[field.name]
        elif field.name.endswith(("_token_id", "_token_index")) and _outside(field.default):
            settings[field.name] = MARKER
    settings |= _layers(config_class, {field.name for field in fields})
    if "kv_lora_rank" in settings:  # latent attention has a key for each query
        settings["num_key_value_heads"] = settings["num_attention_heads"]
    own = copy.deepcopy(OVERRIDES.get(config_class.model_type, {}))
    return settings | own | _sub_configs(config_class, own)


def tiny_config(model_type: str) -> PretrainedConfig:
    """The config of a model type with every size next to nothing and biases wherever it has a choice."""
    return AutoConfig.for_model(model_type, **_settings(CONFIG_MAPPING[model_type]))


def tiny_body(model_type: str, noise: float = 0.3) -> Any:
    """A model in eval mode whose every weight is far from its usual start: nothing drops out as 0 or 1.

    Args:
        model_type: One of model_types().
        noise: Standard deviation of what is added to each weight.

    Returns:
        The same weights at each call, whatever the state of the random number generator, which is left as it was.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad(), _quiet():
        torch.manual_seed(0)
        body = AutoModel.from_config(tiny_config(model_type), dtype=torch.float32).eval()
        for weight in body.parameters():
            if weight.is_floating_point():
                weight.add_(noise * torch.randn_like(weight))
    return body
