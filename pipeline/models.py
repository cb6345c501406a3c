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


from pipeline.attention import AttentionLayer, find_attention
from pipeline.checkpoint import Checkpoint
from pipeline.device import choose_device
from pipeline.errors import PipelineError

UNLIMITED = 1_000_000  # tokenizers without a limit state an astronomic one
# Positions start at pad_token_id + 1 here, out of the table that max_position_embeddings sizes: so much less fits.
OFFSET_POSITIONS = (
    *("camembert", "data2vec-text", "esm", "longformer", "luke"),
    *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)


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
    body.eval()
    for config in (body.config, body.config.get_text_config()):
        config.use_cache = False  # no text is continued, so keys and values need not be kept
    layers = find_attention(body, source)
    return LoadedModel(body, layers, layers[0].d_model, body.config.model_type)


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
