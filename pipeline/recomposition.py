"""Prove, before any hour is spent, that what will be captured is the output of the heads, whatever runs beside it."""

import torch
from torch import Tensor

from pipeline.attention import AttentionLayer
from pipeline.errors import PipelineError
from pipeline.forward import model_inputs, trial_ids
from pipeline.heads import capture
from pipeline.layout import array_shapes, split_rows
from pipeline.models import LoadedModel
from pipeline.reader import Batch

TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}  # rounding of a product, relative
N_TOKENS = 5


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
        PipelineError: If a projection does not run as often as when it was found, or its output is not the sum over
            heads.
    """
    seen: dict[str, list[tuple[Tensor, Tensor]]] = {layer.name: [] for layer in model.layers}
    hooks = [
        layer.projection.register_forward_hook(
            lambda _module, args, output, name=layer.name: seen[name].append((args[0], output))
        )
        for layer in {layer.name: layer for layer in model.layers}.values()
    ]
    ids = trial_ids(model.body, 2, N_TOKENS)
    try:
        model.body(**model_inputs(model.body.config, ids, torch.ones_like(ids)))
    finally:
        for hook in hooks:
            hook.remove()
    for layer in model.layers:
        _check_layer(f"{source}: layer {layer.layer} ({layer.name})", layer, seen[layer.name])


def _check_layer(place: str, layer: AttentionLayer, seen: list[tuple[Tensor, Tensor]]) -> None:
    if len(seen) <= layer.call:
        raise PipelineError(f"{place}: the output projection ran {len(seen)} times, its call {layer.call} is wanted")
    z, output = seen[layer.call]
    composed = _composed(layer, z.reshape(*z.shape[:-1], layer.n_heads, layer.d_head))
    error = (composed - output.double()).abs().max().item()
    if not error <= TOLERANCE[output.dtype] * max(1.0, output.abs().max().item()):
        raise PipelineError(f"{place}: z does not recompose the attention output, off by {error:.2g}")


def _composed(layer: AttentionLayer, z: Tensor) -> Tensor:
    """Return the sum over heads and the bias, (batch, pos, d_model) float64, of z (batch, pos, n_heads, d_head)."""
    weight, bias = layer.projection.weight, layer.projection.bias
    if isinstance(weight, Tensor) and weight.is_floating_point() and not weight.is_meta:
        composed = torch.einsum("bphd,hdm->bpm", z.double(), weight_by_head(layer).to(z.device).double())
        return composed + bias.to(z.device).double() if isinstance(bias, Tensor) else composed
    alone = z.unsqueeze(2) * torch.eye(layer.n_heads, device=z.device, dtype=z.dtype)[:, :, None]
    without = layer.projection(torch.zeros_like(z).flatten(-2)).double()  # weights that are quantised, or not here now
    total: Tensor = (layer.projection(alone.flatten(-2)).double() - without[:, :, None]).sum(2) + without
    return total


def check_batching(model: LoadedModel, source: str) -> None:
    """Stop if what is captured of a text depends on the texts beside it.

    Args:
        model: The model to check.
        source: Name for messages.

    Raises:
        PipelineError: If a text alone and beside a longer one differ by more than rounding; with layer and array.
    """
    ids = trial_ids(model.body, 1, 2 * N_TOKENS).tolist()[0]
    read = torch.tensor([N_TOKENS - 2, N_TOKENS])
    alone = capture(model, Batch([ids[:N_TOKENS]], torch.tensor([0]), read[:1], read[:1]))
    beside = capture(model, Batch([ids[:N_TOKENS], ids], torch.arange(2), read, read))[:1]
    shapes = array_shapes(model)
    one, other = split_rows(alone, shapes), split_rows(beside, shapes)
    for name, values in one.items():
        error, scale = (values - other[name]).abs().max().item(), values.abs().max().item()
        if not error <= TOLERANCE[model.body.dtype] * 10 * max(scale, 1e-3):
            raise PipelineError(
                f"{source}: {name} of a text changes by {error:.2g} of {scale:.2g} when a longer text runs beside it: "
                f"{model.model_type} mixes texts or reads the padding, so its activations would mean nothing"
            )
