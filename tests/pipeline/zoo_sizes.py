"""What makes a config tiny: sizes of the fields that configs share, and what is particular to a model type."""

from typing import Any

VOCABULARY = 320
MARKER = VOCABULARY - 1  # the id of every special token, such as an image's, that lies beyond the small vocabulary

# what a field of one of these names becomes in any config
FIELDS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    # the widths of the model and of what joins its parts
    (32, ("hidden_size", "d_model", "n_embd", "dim", "emb_dim", "d_latents", "encoder_hidden_size")),
    (32, ("hidden_size_global", "out_hidden_size", "output_dim", "adapter_in_dim", "adapter_out_dim")),
    (32, ("adapter_input_size", "projector_input_dim", "projector_output_dim", "audio_hidden_size")),
    (24, ("embedding_size", "input_embedding_size")),
    # layers
    (2, ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers")),
    (2, ("num_encoder_layers", "num_decoder_layers")),
    (1, ("depth", "num_blocks", "num_global_layers", "num_nextn_predict_layers", "num_adapter_layers")),
    (1, ("speech_encoder_layers", "t2u_encoder_layers", "t2u_decoder_layers")),
    # heads
    (4, ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads", "swa_num_attention_heads")),
    (4, ("encoder_attention_heads", "decoder_attention_heads", "num_encoder_attention_heads")),
    (4, ("num_decoder_attention_heads", "speech_encoder_attention_heads")),
    (4, ("t2u_encoder_attention_heads", "t2u_decoder_attention_heads")),
    (2, ("num_key_value_heads", "num_kv_heads", "swa_num_key_value_heads")),
    # head widths: the first are wider than hidden_size / n_heads, and values narrower than keys
    (12, ("head_dim", "d_kv", "d_head", "dim_head", "swa_head_dim", "attention_head_size", "kv_channels")),
    (8, ("q_lora_rank", "kv_lora_rank", "o_lora_rank", "hc_lowrank", "embedding_rank")),
    (4, ("qk_rope_head_dim", "qk_nope_head_dim", "rotary_dim", "d_rel")),
    (6, ("v_head_dim",)),
    # the choice of a few keys
    (8, ("index_head_dim", "rel_extent")),
    (2, ("index_n_heads", "index_topk", "index_block_size")),
    (1, ("index_topk_blocks", "local_radius")),
    (3, ("sliding_window", "sliding_window_size", "attention_window_size", "attention_chunk_size", "window_size")),
    (3, ("local_attention_window_len",)),
    (4, ("attention_window", "local_attention")),
    # feed-forward parts and experts
    (48, ("intermediate_size", "ffn_dim", "d_ff", "d_inner", "n_inner", "dff", "dim_ff", "hidden_dim", "mlp_dim")),
    (48, ("encoder_ffn_dim", "decoder_ffn_dim", "ffn_hidden_size", "feed_forward_size", "dense_intermediate_size")),
    (48, ("intermediate_size_mlp", "speech_encoder_intermediate_size", "t2u_encoder_ffn_dim", "t2u_decoder_ffn_dim")),
    (16, ("moe_intermediate_size", "shared_expert_intermediate_size", "shared_intermediate_size")),
    (16, ("shared_experts_intermediate_size", "expert_ffn_hidden_size", "moe_shared_expert_intermediate_size")),
    (16, ("router_hidden_size",)),
    (4, ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts", "num_centroids")),
    (2, ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts")),
    (1, ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "n_group", "topk_group")),
    (1, ("num_expert_group", "first_k_dense_replace", "num_dense_layers")),
    # layers that are no attention
    (8, ("mamba_d_state", "ssm_state_size", "state_size", "linear_key_head_dim", "linear_head_dim")),
    (6, ("linear_value_head_dim",)),
    (4, ("mamba_n_heads", "mamba_num_heads", "linear_num_value_heads", "linear_num_heads", "mamba_chunk_size")),
    (2, ("linear_num_key_heads", "mamba_expand")),
    (16, ("mamba_d_head", "mamba_head_dim")),
    (64, ("mamba_d_ssm",)),
    (1, ("n_groups",)),
    # tokens and positions
    (VOCABULARY, ("vocab_size", "src_vocab_size", "tgt_vocab_size", "t2u_vocab_size", "char_vocab_size")),
    (VOCABULARY, ("vocab_size_per_layer_input", "unpadded_vocab_size", "unit_hifi_gan_vocab_size")),
    (VOCABULARY, ("pronunciation_vocab_size", "shape_vocab_size")),
    (8, ("hidden_size_per_layer_input", "pronunciation_embed_dim", "shape_embed_dim")),
    (8, ("entity_vocab_size", "entity_emb_size")),
    (16, ("encoder_hash_byte_group_vocab",)),
    (64, ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx", "original_max_position_embeddings")),
    (64, ("max_encoder_position_embeddings", "max_decoder_position_embeddings", "context_length")),
    (64, ("max_2d_position_embeddings", "t2u_max_position_embeddings")),
    (4, ("prompt_types", "segment_types", "prompt_length", "num_latents")),
    (0, ("pad_token_id",)),
    (1, ("bos_token_id",)),
    (2, ("eos_token_id", "decoder_start_token_id")),
    # images and sound
    (28, ("image_size",)),
    (14, ("patch_size",)),
    (16, ("num_position_embeddings",)),
    (8, ("num_mel_bins", "max_source_positions", "nemo_conv_channels", "feature_projection_input_dim")),
    (8, ("unit_embed_dim", "lang_embed_dim", "spkr_embed_dim")),
    (4, ("downsample_hidden_size", "output_channels", "num_conv_pos_embedding_groups")),
    (32, ("ext_pw_out_channel", "depthwise_separable_out_channel", "base_channels", "upsample_initial_channel")),
    (32, ("t2u_variance_predictor_embed_dim", "t2u_variance_predictor_hidden_dim")),
    (2, ("num_filters", "vocoder_num_langs", "vocoder_num_spkrs")),
    (1, ("num_res_blocks",)),
    # every bias there is
    (True, ("attention_bias", "attention_out_bias", "qkv_bias", "use_qkv_bias", "mlp_bias", "use_bias", "bias")),
    (True, ("conv_bias", "use_conv_bias", "mamba_conv_bias", "mamba_proj_bias", "projectors_bias")),
    (True, ("add_bias_linear", "norm_bias", "enable_bias", "classifier_bias", "decoder_bias")),
)
SIZES: dict[str, Any] = {name: value for value, names in FIELDS for name in names}

PATTERNS = ("layer_types", "layers_block_type", "block_types", "mlp_layer_types")  # the fields with a kind per layer
COUNTS = ("num_hidden_layers", "num_layers")

# the attention of these reads a head_dim that their configs do not declare
HIDDEN_HEAD_DIM = (
    *("apertus", "bamba", "cohere", "cohere2", "doge", "dots1", "ernie4_5_moe", "exaone4", "exaone_moe", "falcon_h1"),
    *("flex_olmo", "glm4_moe", "granite", "granite_swa", "granitemoe", "granitemoe_swa", "granitemoehybrid"),
    *("granitemoeshared", "gte", "jamba", "jina_embeddings_v3", "lfm2", "lfm2_moe", "nanochat", "olmo", "olmo2"),
    *("olmo3", "olmo_hybrid", "phi", "phi3", "phimoe", "qwen2", "qwen2_moe", "qwen3_moe", "smollm3", "starcoder2"),
)

ROPE = {"rope_type": "default", "rope_theta": 10000.0}
PLAIN_ROPE = {"rope_parameters": ROPE}  # the usual one is stretched to more positions than there are here
RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8}
WIDE_GLOBAL = {"global_head_dim": 16}  # the heads of the full layers are wider than those of the sliding ones
SHARED_HYBRID = {"num_hidden_layers": 3, "layers_block_type": ["linear_attention", "hybrid", "hybrid"]}
CONV_AND_FULL = {"layer_types": ["conv", "full_attention"]}

# fields for which the generic rule does not fit, by the model type of the config or of a config inside it
OVERRIDES: dict[str, dict[str, Any]] = {
    "apertus": PLAIN_ROPE,
    "bamba": {"attn_layer_indices": [1]},
    "blt": {"use_cache": False},  # its cache asks the outer config for a number of layers that only the inner ones have
    "cohere_compass_text": {"rope_parameters": {"full_attention": ROPE | {"mrope_section": [2, 1, 1]}}},
    "cwm": PLAIN_ROPE,
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 16, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deberta": RELATIVE,
    "deberta-v2": RELATIVE,
    "deepseek_v4": {"num_key_value_heads": 1, "o_groups": 2, "hc_mult": 2},
    "dots3_note_text": {  # fewer and wider heads in the sliding layers
        "head_dim": 8,
        "swa_num_attention_heads": 2,
        "swa_num_key_value_heads": 2,
        "swa_q_lora_rank": 8,
        "swa_kv_lora_rank": 8,
        "swa_head_dim": 12,
        "swa_qk_nope_head_dim": 8,
        "swa_v_head_dim": 6,
    },
    "dots3_note_vision_encoder": {"mlp_bias": False},
    "emu3": {"vocabulary_map": {"<image>": MARKER}},
    "emu3_vqgan": {"codebook_size": 16, "channel_multiplier": [1]},
    "esmc": {"num_key_value_heads": 4, "head_dim": 8},
    "falcon": {"new_decoder_architecture": True},
    "funnel": {"architectures": ["FunnelModel"], "block_sizes": [1, 1]},  # AutoModel chooses between two by the name
    "gemma3n_text": {
        "num_hidden_layers": 4,
        "num_kv_shared_layers": 2,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
        "laurel_rank": 4,
        "altup_num_inputs": 2,
    },
    "gemma4_assistant": {"text_config": {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0}},
    "gemma4_text": WIDE_GLOBAL,
    "gemma4_unified_text": WIDE_GLOBAL,
    "got_ocr2_vision": {"global_attn_indexes": [1]},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "gpt_oss": PLAIN_ROPE,
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"]},
    "helium": {"head_dim": 8},  # its output projection takes the width of the model
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "laguna": {"layer_types": ["full_attention", "sliding_attention"], "num_attention_heads_per_layer": [4, 2]},
    "lfm2": CONV_AND_FULL,
    "lfm2_moe": CONV_AND_FULL,
    "llama4_vision_model": {"vision_output_dim": 32},
    "longcat_flash": {"head_dim": 4, "zero_expert_num": 1},
    "mamba2": {"head_dim": 16, "chunk_size": 4},
    "minimax_m3_vl_text": {"layer_types": ["full_attention", "minimax_m3_sparse"]},
    "ministral3": {
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 16,
            "llama_4_scaling_beta": 0.1,
        },
    },
    "mllama_text_model": {"num_hidden_layers": 3, "cross_attention_layers": [1]},
    "mllama_vision_model": {"vision_output_dim": 96, "intermediate_layers_indices": [0, 1]},
    "mobilebert": {"intra_bottleneck_size": 16},
    "nemo_speechlm": {"text_config": {"hybrid_override_pattern": "ME*-"}},
    "nemotron3_diarization": {"head_config": {"audio_hidden_size": 32}},
    "nemotron_h": {"chunk_size": 4},
    "neomme": {"head_dim": 16},  # a quarter of it is turned, in two axes of pairs
    "pegasus_x": {"block_size": 2, "num_global_tokens": 2},
    "qwen4_exp_text": {
        "indexer_n_heads": 2,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 12,
        "indexer_budget": 2,
        "indexer_compress_ratio": 1,
        "hc_count": 2,
    },
    "reformer": {
        "attn_layers": ["local", "lsh"],
        "axial_pos_shape": [8, 8],
        "axial_pos_embds_dim": [8, 24],
        "local_attn_chunk_length": 2,
        "lsh_attn_chunk_length": 2,
        "num_buckets": 2,
        "hash_seed": 0,  # otherwise each call hashes, and so attends, in its own way
    },
    "smollm3": {"no_rope_layers": [1, 0]},
    "squeezebert": {"embedding_size": 32},
    "vibevoice_acoustic_tokenizer_encoder": {"depths": [1, 1], "downsampling_ratios": [2]},
    "xlnet": {"d_head": 8},
    "xlstm": {"hidden_size": 64, "qk_dim_factor": 1.0},
    "xmod": {"default_language": "en_XX"},
    "zamba": SHARED_HYBRID,
    "zamba2": SHARED_HYBRID | {"chunk_size": 4, "adapter_rank": 4},
    "zaya": {"num_experts_per_tok": 1},
}
