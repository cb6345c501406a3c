"""Load a model, its tokenizer and its untrained twin; refuse what cannot be read for certain."""

import copy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from pipeline.attention import AttentionLayer, find_attention
from pipeline.checkpoint import Checkpoint
from pipeline.device import choose_device, choose_dtype
from pipeline.errors import PipelineError
from pipeline.forward import check_embeddings, input_device

SPLIT = "split"  # as a device: the layers shared out over all GPUs, and over the CPU's memory and the disk as needed
UNLIMITED = 1_000_000  # tokenizers without a limit state an astronomic one
# Positions start at pad_token_id + 1 here, out of the table that max_position_embeddings sizes: so much less fits.
OFFSET_POSITIONS = (
    *("camembert", "data2vec-text", "esm", "longformer", "luke"),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)


# What transformers raises while it builds a model from a config.json and files that do not fit together
BAD_CHECKPOINT = (OSError, ValueError, KeyError, RuntimeError, ImportError, AttributeError, TypeError, AssertionError)


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode with its attention layers found and checked.

    Attributes:
        body: The model without a language-model head.
        layers: Every attention, by layer.
        d_model: Width of the residual stream.
        model_type: The architecture's name in transformers.
    """

    body: Any  # a transformers model; its classes carry no usable types
    layers: tuple[AttentionLayer, ...]
    d_model: int
    model_type: str

    @property
    def device(self) -> torch.device:
        """Where the token ids go in."""
        return input_device(self.body)


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """Return the checkpoint's tokenizer.

    Raises:
        PipelineError: If transformers cannot load it.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(checkpoint.folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise PipelineError(f"{checkpoint.source}: the tokenizer does not load: {error}") from None


def load_config(checkpoint: Checkpoint) -> Any:
    """Return the checkpoint's configuration.

    Raises:
        PipelineError: If transformers does not know the architecture, it needs code from the checkpoint, or its
            weights are quantised in a way that nothing installed can read.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, StrictDataclassError) as error:
        raise PipelineError(
            f"{checkpoint.source}: config.json does not name an architecture of the installed transformers (code that "
            f"comes with a checkpoint is never run): {error}"
        ) from None
    _check_quantised(checkpoint.source, getattr(config, "quantization_config", None))
    return config


def context_length(config: Any, tokenizer: Any) -> int | None:
    """Return the most tokens the model reads at once, or None where neither config nor tokenizer states a limit."""
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if positions and config.model_type in OFFSET_POSITIONS:
        positions -= config.pad_token_id + 1
    if positions and config.is_encoder_decoder:
        positions -= 1  # the decoder's start token
    limits = (positions, getattr(tokenizer, "model_max_length", None))
    return min((int(limit) for limit in limits if limit and limit < UNLIMITED), default=None)


def load_model(checkpoint: Checkpoint, device: str, precision: str = "32-true") -> LoadedModel:
    """Return the model with every attention layer found.

    Args:
        checkpoint: Files to load; safetensors only.
        device: `auto`, `cpu`, `cuda`, `cuda:N`, or `split` for a model larger than one device.
        precision: `auto`, `32-true`, `bf16-true` or `16-true`.

    Raises:
        PipelineError: If the weights do not fill the model, or the architecture is not supported.
    """
    from safetensors import SafetensorError
    from transformers.utils import logging

    where = _first_device(device)
    dtype = choose_dtype(precision, where)
    options = {"device_map": "auto"} if device == SPLIT else {}
    with _quiet(logging):
        try:
            body, report = _auto_class(load_config(checkpoint)).from_pretrained(
                checkpoint.folder,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # so that the report names them; _check_filled refuses them
                output_loading_info=True,
                **options,
            )
            body = body if device == SPLIT else body.to(where)
        except (*BAD_CHECKPOINT, SafetensorError) as error:
            raise PipelineError(f"{checkpoint.source}: the model does not load: {error}") from None
        _check_filled(checkpoint.source, report)
        return wrap_model(body, checkpoint.source)


def build_twin(config: Any, source: str, seed: int, device: str, precision: str = "32-true") -> LoadedModel:
    """Return the untrained twin of a model: the same class with freshly initialised weights, embeddings included.

    The weights are what the class itself starts its training from. They are drawn on the CPU and then moved, so that
    they depend on config, precision and seed alone; the global random state is left as it was.

    Args:
        config: The checkpoint's configuration, from `load_config`; not changed.
        source: Name for messages.
        seed: Of the weights, 0 to 2**64 - 1.
        device: As for `load_model`.
        precision: As for `load_model`.

    Raises:
        PipelineError: If the architecture is not supported, or the device is not on this machine.
    """
    from transformers.utils import logging

    where = _first_device(device)
    with _quiet(logging), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed every GPU as well
        own = copy.deepcopy(config)  # from_config writes its dtype into it
        options = {"dtype": choose_dtype(precision, where), "trust_remote_code": False}
        body = _auto_class(own).from_config(own, **options)
        return wrap_model(_split(body) if device == SPLIT else body.to(where), source)


def _auto_class(config: Any) -> Any:
    """Return the class that loads a model: of an encoder alone where a checkpoint holds no more, as sentence-t5."""
    from transformers import AutoModel, AutoModelForTextEncoding

    alone = any(name.endswith("EncoderModel") for name in config.architectures or ())
    return AutoModelForTextEncoding if alone else AutoModel


def _first_device(device: str) -> torch.device:
    return choose_device("auto" if device == SPLIT else device)


def _split(body: Any) -> Any:
    """Return a model that was built in memory with its layers shared out over the GPUs; there it stays otherwise."""
    from accelerate import dispatch_model, infer_auto_device_map
    from accelerate.utils import get_max_memory

    blocks = list(body._no_split_modules or [])
    memory = get_max_memory() | {"cpu": sys.maxsize}  # no further to the disk, whatever memory is free beside it
    devices = infer_auto_device_map(body, memory, no_split_module_classes=blocks)
    return dispatch_model(body, devices) if len(set(devices.values())) > 1 else body.to(next(iter(devices.values())))


def wrap_model(body: Any, source: str) -> LoadedModel:
    """Return the model with the attention of every layer found, in evaluation mode.

    Args:
        body: A transformers model without language-model head.
        source: Name for messages.

    Raises:
        PipelineError: If the heads cannot be found for certain.
    """
    body.eval()
    for config in (body.config, body.config.get_text_config()):
        config.use_cache = False  # no text is continued, so keys and values need not be kept
    check_embeddings(body, source)
    layers = find_attention(body, source)
    return LoadedModel(body, layers, layers[0].d_model, body.config.model_type)


def _check_quantised(source: str, settings: Any) -> None:
    """Refuse quantised weights that nothing installed can read, before they are loaded."""
    if settings is None:
        return
    from transformers.quantizers.auto import AutoHfQuantizer

    try:
        AutoHfQuantizer.from_config(settings, pre_quantized=True).validate_environment(device_map=None)
    except (ImportError, ValueError, RuntimeError) as error:
        method = settings.get("quant_method") if isinstance(settings, dict) else settings.quant_method
        raise PipelineError(
            f"{source}: its weights are quantised ({getattr(method, 'value', method)}), which cannot be read here "
            f"({error}); install what that needs, or use the checkpoint that is not quantised"
        ) from None


def _check_filled(source: str, report: dict[str, Any]) -> None:
    """Refuse a model with weights left at random values; BERT's pooler comes after every head and may be absent."""
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    wrong = sorted(str(key) for key in report["mismatched_keys"])
    if missing or wrong:
        raise PipelineError(
            f"{source}: {len(missing)} weights are missing and {len(wrong)} have another shape than the config says, "
            f"first {', '.join([*missing, *wrong][:5])}; the checkpoint does not belong to its config.json"
        )


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Keep the loader's own progress bar and advice off the terminal: what matters is checked and said here."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
