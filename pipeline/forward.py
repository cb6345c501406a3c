"""How a model is called, and where the residual stream stands in what its blocks are given and give back."""

from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import PipelineError

STARTS = ("decoder_start_token_id", "bos_token_id", "pad_token_id")  # what a decoder reads first, by preference


def model_inputs(config: Any, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Return the arguments of a forward pass; a decoder beside an encoder reads the same text behind its start token.

    Args:
        config: The model's configuration.
        ids: Token ids, (batch, pos) int64.
        mask: 1 at tokens and 0 at padding, (batch, pos) int64.
    """
    inputs = {"input_ids": ids, "attention_mask": mask}
    if not config.is_encoder_decoder:
        return inputs
    start = torch.full_like(ids[:, :1], _start_token(config))
    inputs["decoder_input_ids"] = torch.cat([start, ids], dim=1)
    inputs["decoder_attention_mask"] = torch.cat([torch.ones_like(start), mask], dim=1)
    return inputs


def trial_ids(body: Any, rows: int, n_tokens: int) -> Tensor:
    """Return a few token ids, the same in every row, (rows, n_tokens) int64, where the model's embeddings are."""
    vocabulary = int(body.get_input_embeddings().weight.shape[0])
    ids = (torch.arange(n_tokens, device=input_device(body)) * 7 + 11) % vocabulary
    return ids.repeat(rows, 1)


def check_embeddings(body: Any, source: str) -> None:
    """Stop unless a model looks its tokens up in a table.

    Args:
        body: The model.
        source: Name for messages.

    Raises:
        PipelineError: If it has none.
    """
    try:
        table = getattr(body.get_input_embeddings(), "weight", None)
    except (NotImplementedError, AttributeError):
        table = None
    if not isinstance(table, Tensor) or table.ndim != 2:
        raise PipelineError(f"{source}: {body.config.model_type} has no table of token embeddings, so it reads no text")


def input_device(body: Any) -> torch.device:
    """Return where a model takes its token ids: with its embeddings, or anywhere if these are loaded when needed."""
    device: torch.device = body.get_input_embeddings().weight.device
    return torch.device("cpu") if device.type == "meta" else device


def stream_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Return the residual stream that a block is called with, or None where it is called with something else."""
    stream = args[0] if args else kwargs.get("hidden_states")
    return stream if isinstance(stream, Tensor) else None


def stream_out(output: Any) -> Tensor | None:
    """Return the residual stream that a block gives back, alone or as the first of several, or None."""
    stream = output[0] if isinstance(output, (tuple, list)) and output else output
    return stream if isinstance(stream, Tensor) else None


def is_linear(module: object) -> bool:
    """Return whether a module is a linear layer: torch's, or GPT-2's Conv1D, whose weight is stored transposed."""
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def out_width(projection: nn.Module) -> int:
    """Return how many numbers a linear layer writes."""
    if isinstance(projection, nn.Linear):
        return projection.out_features
    weight = projection.weight
    assert isinstance(weight, Tensor)
    return weight.shape[1]


def run_checked(body: Any, inputs: dict[str, Tensor], source: str) -> None:
    """Run a model that was never run before.

    Args:
        body: The model.
        inputs: From `model_inputs`.
        source: Name for messages.

    Raises:
        PipelineError: If the model does not run on token ids; errors of that kind from within pass through.
    """
    try:
        body(**inputs)
    except PipelineError:
        raise
    except Exception as error:  # whatever a model raises that wants other inputs
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        half = "" if body.dtype == torch.float32 else f" in {body.dtype}; try `extract.precision: 32-true`"
        name = body.config.model_type
        raise PipelineError(f"{source}: {name} does not run on token ids alone ({reason}){half}") from None


def _start_token(config: Any) -> int:
    tokens = (getattr(config, name, None) for name in STARTS)
    return next((token for token in tokens if isinstance(token, int)), 0)
