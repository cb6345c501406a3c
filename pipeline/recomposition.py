"""Prove, before any hour is spent, that what will be captured is the output of the heads."""

import torch
from torch import Tensor

from pipeline.errors import PipelineError
from pipeline.models import AttentionLayer, LoadedModel


def weight_by_head(layer: AttentionLayer) -> Tensor:
    """Return W_O split by head, (n_heads, d_head, d_model): head h adds `z_h @ W[h]` to the residual stream."""
    weight = layer.projection.weight
    assert isinstance(weight, Tensor)
    stacked = weight if type(layer.projection).__name__ == "Conv1D" else weight.T
    return stacked.reshape(layer.n_heads, layer.d_head, -1)


@torch.inference_mode()
def check_recomposition(model: LoadedModel, source: str) -> None:
    """Stop unless sum_h z_h W_O,h + bias is what every output projection gives on a short batch.

    Args:
        model: The model to check.
        source: Name for messages.

    Raises:
        PipelineError: If a projection does not run once, sees another shape than (batch, pos, n_heads x d_head), or
            its output is not the sum over heads.
    """
    seen: dict[int, list[tuple[Tensor, Tensor]]] = {number: [] for number in range(len(model.layers))}
    hooks = [
        layer.projection.register_forward_hook(
            lambda _module, args, output, number=number: seen[number].append((args[0], output))
        )
        for number, layer in enumerate(model.layers)
    ]
    ids = torch.arange(8, device=model.device).reshape(2, 4) % model.body.config.vocab_size
    try:
        model.body(input_ids=ids, attention_mask=torch.ones_like(ids))
    finally:
        for hook in hooks:
            hook.remove()
    for number, layer in enumerate(model.layers):
        _check_layer(f"{source}: layer {number} ({layer.name})", layer, seen[number], ids.shape)


def _check_layer(place: str, layer: AttentionLayer, seen: list[tuple[Tensor, Tensor]], shape: torch.Size) -> None:
    if len(seen) != 1:
        raise PipelineError(f"{place}: the output projection ran {len(seen)} times in one forward pass, expected once")
    z, output = seen[0]
    if z.shape != (*shape, layer.n_heads * layer.d_head):
        raise PipelineError(f"{place}: the output projection reads {tuple(z.shape)}, not (batch, pos, heads x d_head)")
    by_head = z.reshape(*shape, layer.n_heads, layer.d_head)
    composed = torch.einsum("bphd,hdm->bpm", by_head.double(), weight_by_head(layer).double())
    bias = layer.projection.bias
    if isinstance(bias, Tensor):
        composed = composed + bias.double()
    error = (composed - output.double()).abs().max().item()
    if not error <= 1e-4 * max(1.0, output.abs().max().item()):
        raise PipelineError(f"{place}: z does not recompose the attention output, off by {error:.2g}")
