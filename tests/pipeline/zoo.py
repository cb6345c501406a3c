"""A tiny body with random weights for every text model type that transformers lists: nothing is downloaded.

A generic rule shrinks the fields that configs share; `zoo_sizes` holds the sizes, and what is particular to a type.
"""

import contextlib
import copy
import dataclasses
import logging
from collections.abc import Iterator
from typing import Any

import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.utils import logging as transformers_logging

from tests.pipeline.zoo_sizes import COUNTS, HIDDEN_HEAD_DIM, MARKER, OVERRIDES, PATTERNS, SIZES, VOCABULARY


def model_types() -> list[str]:
    """Every model type that transformers lists as a causal, a masked or an encoder-decoder language model."""
    mappings = (
        modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    )
    return sorted({model_type for mapping in mappings for model_type in mapping})


def tiny_config(model_type: str) -> PretrainedConfig:
    """The config of a model type with every size next to nothing, and with biases wherever it has a choice."""
    return AutoConfig.for_model(model_type, **_settings(CONFIG_MAPPING[model_type]))


def tiny_body(model_type: str, noise: float = 0.3) -> Any:
    """A model in eval mode whose every weight is far from its usual start: nothing drops out as 0 or 1.

    Args:
        model_type: One of model_types(). Some have no body that AutoModel can build.
        noise: Standard deviation of what is added to each weight.

    Returns:
        The same weights at each call, whatever the state of the random number generator, which is left as it was.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad(), _quiet():
        torch.manual_seed(0)
        body = AutoModel.from_config(tiny_config(model_type), dtype=torch.float32).eval()  # type: ignore[no-untyped-call]
        for weight in body.parameters():
            if weight.is_floating_point():
                weight.add_(noise * torch.randn_like(weight))
    return body


def _settings(config_class: type[PretrainedConfig]) -> dict[str, Any]:
    """What to give to a config class so that its model is tiny."""
    fields = dataclasses.fields(config_class)
    names = {field.name for field in fields}
    settings = {field.name: MARKER for field in fields if _is_outside(field)}
    settings |= {name: value for name, value in SIZES.items() if name in names}
    settings |= _layers(config_class, names)
    if "kv_lora_rank" in names:  # latent attention has a key for each query
        settings["num_key_value_heads"] = settings["num_attention_heads"]
    if config_class.model_type in HIDDEN_HEAD_DIM:
        settings["head_dim"] = SIZES["head_dim"]
    own = copy.deepcopy(OVERRIDES.get(config_class.model_type, {}))
    return settings | own | _sub_configs(config_class, own)


def _is_outside(field: Any) -> bool:
    """Whether a field holds the id of a special token that the small vocabulary lacks."""
    is_token = field.name.endswith(("_token_id", "_token_index"))
    return is_token and isinstance(field.default, int) and field.default >= VOCABULARY


def _layers(config_class: type[PretrainedConfig], names: set[str]) -> dict[str, Any]:
    """As few layers as hold each kind of layer that the usual config has, but two at least."""
    kinds = {name: pattern for name in PATTERNS if name in names and (pattern := _kinds(config_class, name))}
    if not kinds:
        return {}
    depth = max(2, *(len(pattern) for pattern in kinds.values()))
    counts: dict[str, Any] = {name: depth for name in COUNTS if name in names}
    return counts | {name: (pattern * depth)[:depth] for name, pattern in kinds.items()}


def _kinds(config_class: type[PretrainedConfig], name: str) -> list[str]:
    """The kinds of layer of the usual config, each once, in the order in which they come."""
    with _quiet():
        usual = config_class()
    return list(dict.fromkeys(getattr(usual, name) or ()))


def _sub_configs(config_class: type[PretrainedConfig], own: dict[str, Any]) -> dict[str, PretrainedConfig]:
    """The configs inside a config, each as small as the config itself, but for what is their own."""
    small = {}
    for name, spec in config_class.sub_configs_defaults.items():
        if not spec.optional:
            inner = CONFIG_MAPPING[spec.model_type] if spec.config_class is AutoConfig else spec.config_class
            small[name] = inner(**(spec.init_kwargs | _settings(inner) | own.get(name, {})))
    return small


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No remark of transformers, for instance on special tokens in its own usual configs."""
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
