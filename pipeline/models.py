"""Load a model and find its attention heads: the only file that knows architectures.

z, the output of one head, is a slice of the input of the attention block's output projection. Everything else that is
read here follows from where that projection sits.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.checkpoint import Checkpoint
from pipeline.device import choose_device
from pipeline.errors import PipelineError

# The output projection's path inside its block, for the architectures known to apply it to the concatenated heads.
OUTPUT_PROJECTIONS = (
    "self_attn.o_proj",  # llama, mistral, qwen, gemma, phi3, olmo, granite, cohere ...
    "self_attn.out_proj",  # opt
    "self_attn.dense",  # phi
    "self_attention.dense",  # bloom, falcon
    "attention.dense",  # gpt_neox
    "attention.output.dense",  # bert, roberta, electra, deberta
    "attention.out_lin",  # distilbert
    "attn.c_proj",  # gpt2
    "attn.out_proj",  # gptj
    "attn.attention.out_proj",  # gpt_neo
    "attn.Wo",  # modernbert
)
HEAD_COUNTS = ("num_heads", "num_attention_heads", "n_heads", "n_head")
UNLIMITED = 1_000_000  # tokenizers without a limit state an astronomic one
# Positions start at pad_token_id + 1 here, out of the table that max_position_embeddings sizes: so much less fits.
OFFSET_POSITIONS = (
    *("camembert", "data2vec-text", "esm", "longformer", "luke"),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)


@dataclass(frozen=True)
class AttentionLayer:
    """One layer's attention, as far as its heads are concerned.

    Attributes:
        name: Path of the output projection in the model.
        projection: W_O; its input is z of all heads side by side.
        block: The residual block around the attention; its input is the residual stream.
        n_heads: Query heads.
        d_head: Width of one head: the projection's input width / n_heads.
    """

    name: str
    projection: nn.Module
    block: nn.Module
    n_heads: int
    d_head: int


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode with its attention layers found and checked.

    Attributes:
        body: The model without a language-model head.
        layers: Attention of layer 0, 1, ...
        d_model: Width of the residual stream.
        model_type: The architecture's name in transformers.
    """

    body: Any  # a transformers model; its classes carry no usable types
    layers: tuple[AttentionLayer, ...]
    d_model: int
    model_type: str

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        device: torch.device = self.body.device
        return device


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
        PipelineError: If transformers does not know the architecture, or it needs code from the checkpoint.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(checkpoint.folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, StrictDataclassError) as error:
        raise PipelineError(
            f"{checkpoint.source}: config.json does not name an architecture of the installed transformers (code that "
            f"comes with a checkpoint is never run): {error}"
        ) from None


def context_length(config: Any, tokenizer: Any) -> int | None:
    """Return the most tokens the model reads at once, or None where neither config nor tokenizer states a limit."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions and config.model_type in OFFSET_POSITIONS:
        positions -= config.pad_token_id + 1
    limits = (positions, getattr(tokenizer, "model_max_length", None))
    return min((int(limit) for limit in limits if limit and limit < UNLIMITED), default=None)


def load_model(checkpoint: Checkpoint, device: str) -> LoadedModel:
    """Return the model with its weights in float32, every attention layer found.

    Args:
        checkpoint: Files to load; safetensors only.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        PipelineError: If the weights do not fill the model, or the architecture is not supported.
    """
    from safetensors import SafetensorError
    from transformers import AutoModel
    from transformers.utils import logging

    where = choose_device(device)
    with _quiet(logging):
        try:
            body, report = AutoModel.from_pretrained(
                checkpoint.folder,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,  # so that the report names them; _check_filled refuses them
                output_loading_info=True,
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise PipelineError(f"{checkpoint.source}: the model does not load: {error}") from None
    _check_filled(checkpoint.source, report)
    return wrap_model(body.to(where), checkpoint.source)


def build_twin(config: Any, source: str, seed: int, device: str) -> LoadedModel:
    """Return the untrained twin of a model: the same class with freshly initialised weights, embeddings included.

    The weights are what the class itself starts its training from. They are drawn on the CPU and then moved, so that
    they depend on config and seed alone; the global random state is left as it was.

    Args:
        config: The checkpoint's configuration, from `load_config`; not changed.
        source: Name for messages.
        seed: Of the weights, 0 to 2**64 - 1.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        PipelineError: If the architecture is not supported, or the device is not on this machine.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    where = choose_device(device)
    with _quiet(logging), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed every GPU as well
        own = copy.deepcopy(config)  # from_config writes its dtype into it
        options = {"dtype": torch.float32, "trust_remote_code": False}
        body = AutoModel.from_config(own, **options)  # type: ignore[no-untyped-call]
    return wrap_model(body.to(where), source)


def wrap_model(body: Any, source: str) -> LoadedModel:
    """Return the model with the attention of every layer found, in evaluation mode.

    Args:
        body: A transformers model without language-model head.
        source: Name for messages.

    Raises:
        PipelineError: If the heads cannot be found for certain.
    """
    config = body.config
    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False):
        raise PipelineError(f"{source}: {kind} is an encoder-decoder; only models with one stack are supported so far")
    layers = tuple(_find_layers(body, source))
    expected = getattr(config, "num_hidden_layers", None)
    if len(layers) != expected:
        raise PipelineError(
            f"{source}: found {len(layers)} attention output projections in {kind}, the config names {expected}; "
            "this architecture is not supported (shared or missing attention layers, or an unknown module name)"
        )
    return LoadedModel(body.eval(), layers, _widths(layers[0].projection, source)[1], kind)


def _find_layers(body: Any, source: str) -> Iterator[AttentionLayer]:
    endings = tuple(f".{suffix}" for suffix in OUTPUT_PROJECTIONS)
    modules = dict(body.named_modules())
    for name, module in modules.items():
        if not f".{name}".endswith(endings):
            continue
        width, _ = _widths(module, f"{source}: {name}")
        n_heads = _head_count(modules, name, body.config)
        if n_heads != getattr(body.config, "num_attention_heads", n_heads):  # convbert joins convolutions to its heads
            raise PipelineError(
                f"{source}: {name} belongs to {n_heads} heads, the config names {body.config.num_attention_heads}; "
                "this architecture is not supported"
            )
        if width % n_heads:
            raise PipelineError(f"{source}: {name} reads {width} numbers, not a multiple of {n_heads} heads")
        yield AttentionLayer(name, module, modules[_block_name(modules, name)], n_heads, width // n_heads)


def _widths(projection: nn.Module, place: str) -> tuple[int, int]:
    """Return how many numbers a projection reads and how many it writes."""
    if isinstance(projection, nn.Linear):
        return projection.in_features, projection.out_features
    if type(projection).__name__ == "Conv1D":  # GPT-2's linear layer, its weight stored transposed
        weight = projection.weight
        assert isinstance(weight, Tensor)
        return weight.shape[0], weight.shape[1]
    raise PipelineError(f"{place} is a {type(projection).__name__}; only Linear and Conv1D projections are supported")


def _head_count(modules: dict[str, nn.Module], name: str, config: Any) -> int:
    """Return the query heads of the attention that owns a projection: its own count, else the config's."""
    parts = name.split(".")
    owners = [modules[".".join(parts[:end])] for end in range(len(parts) - 1, max(0, len(parts) - 3), -1)]
    siblings = [child for owner in owners for child in owner.children()]  # bert keeps the count beside `output`
    for module in (*owners, *siblings):
        for attribute in HEAD_COUNTS:
            count = getattr(module, attribute, None)
            if isinstance(count, int):
                return count
    return int(config.num_attention_heads)


def _block_name(modules: dict[str, nn.Module], name: str) -> str:
    """Return the entry of the innermost module list that a projection lies in: its residual block."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 1, -1):
        if isinstance(modules[".".join(parts[: end - 1])], nn.ModuleList):
            return ".".join(parts[:end])
    return ".".join(parts[:-1])


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
