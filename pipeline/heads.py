"""Capture the output of every head, and what the baselines need, at the tokens that are read."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pipeline.errors import PipelineError
from pipeline.models import LoadedModel
from pipeline.store import residual_name, z_name


@dataclass
class _Seen:
    """What the hooks of one forward pass have read, by array name."""

    read: Callable[[Tensor], Tensor]
    arrays: dict[str, Tensor] = field(default_factory=dict)


def array_shapes(model: LoadedModel, n_examples: int) -> dict[str, tuple[int, ...]]:
    """Return name and shape of every array that `capture` fills, rows being examples."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, layer in enumerate(model.layers):
        shapes[z_name(number)] = (n_examples, layer.n_heads, layer.d_head)
        shapes[residual_name(number)] = (n_examples, model.d_model)
    shapes[residual_name(None)] = (n_examples, model.d_model)
    embedding = model.body.get_input_embeddings().weight  # narrower than the residual stream in electra and opt-350m
    shapes["embedding"] = (n_examples, embedding.shape[1])
    return shapes


@torch.inference_mode()
def capture(model: LoadedModel, ids: Sequence[Sequence[int]], first: Tensor, last: Tensor) -> dict[str, Tensor]:
    """Return what every head and the residual stream hold at the tokens read.

    The batch is padded on the right, so that positions count from the text's own start in every architecture and a
    causal model never sees the padding; tokens are gathered by explicit index.

    Args:
        model: The model.
        ids: Token ids of each text, unpadded.
        first: First token read of each text, (batch,) int64.
        last: Last token read, (batch,) int64; where it differs from `first` the mean over the range is taken.

    Returns:
        Arrays by store name, float32 on the CPU: z (batch, n_heads, d_head); the residual stream entering each layer
        and leaving the last one, (batch, d_model) each; the static token embedding, (batch, its own width).

    Raises:
        PipelineError: If a value is not finite.
    """
    padded, mask = _pad(ids, model.device)
    seen = _Seen(lambda hidden: _read(hidden, first.to(hidden.device), last.to(hidden.device)))
    with _hooked(model, seen):
        model.body(input_ids=padded, attention_mask=mask)
    seen.arrays["embedding"] = seen.read(model.body.get_input_embeddings()(padded))
    arrays = {name: array.float().cpu() for name, array in seen.arrays.items()}
    for number, layer in enumerate(model.layers):
        arrays[z_name(number)] = arrays[z_name(number)].reshape(-1, layer.n_heads, layer.d_head)
    _check_finite(arrays)
    return arrays


def _pad(ids: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids and mask, (batch, pos) int64 each. Token 0 fills up: masked, and right of everything read."""
    width = max(map(len, ids))
    padded = torch.tensor([[*row, *[0] * (width - len(row))] for row in ids], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids], device=device)
    return padded, mask


def _read(hidden: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Return hidden (batch, pos, width) averaged over first..last of each row, (batch, width); exact for one token."""
    at = torch.arange(hidden.shape[1], device=hidden.device)
    wanted = (at >= first[:, None]) & (at <= last[:, None])
    summed = torch.where(wanted[:, :, None], hidden, torch.zeros((), dtype=hidden.dtype, device=hidden.device)).sum(1)
    return summed / (last - first + 1)[:, None].to(hidden.dtype)


@contextmanager
def _hooked(model: LoadedModel, seen: _Seen) -> Iterator[None]:
    """Read z before each output projection and the residual stream before each block; always unhook."""
    hooks = []
    for number, layer in enumerate(model.layers):
        hooks.append(layer.projection.register_forward_pre_hook(_z_hook(seen, z_name(number))))
        hooks.append(layer.block.register_forward_pre_hook(_block_hook(seen, residual_name(number)), with_kwargs=True))
    hooks.append(model.layers[-1].block.register_forward_hook(_final_hook(seen)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _z_hook(seen: _Seen, name: str) -> Callable[..., None]:
    def hook(_module: object, args: tuple[Tensor, ...]) -> None:
        seen.arrays[name] = seen.read(args[0])

    return hook


def _block_hook(seen: _Seen, name: str) -> Callable[..., None]:
    def hook(_module: object, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        seen.arrays[name] = seen.read(args[0] if args else kwargs["hidden_states"])

    return hook


def _final_hook(seen: _Seen) -> Callable[..., None]:
    def hook(_module: object, _args: object, output: Tensor | tuple[Tensor, ...]) -> None:
        seen.arrays[residual_name(None)] = seen.read(output if isinstance(output, Tensor) else output[0])

    return hook


def _check_finite(arrays: dict[str, Tensor]) -> None:
    for name, array in arrays.items():
        if not torch.isfinite(array).all():
            raise PipelineError(
                f"{name}: not a finite number in the activations; the weights may be damaged or overflow: check the "
                "model's output on the dataset's texts"
            )
